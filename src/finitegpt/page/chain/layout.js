// Where states and arrows go: pure functions, the same for the same numbers. As finitegpt/picture/layout.py.

/** @typedef {[number, number]} Point */
/** @typedef {{start: Point, control1: Point, control2: Point, end: Point}} Curve */

/** All ids, each a successor of the one before: windows of the least de Bruijn sequence. @param {number} V @param {number} L */
function ringOrder(V, L) {
  /** @type {number[]} */
  const sequence = [];
  const word = new Array(L + 1).fill(0);
  const extend = (/** @type {number} */ t, /** @type {number} */ p) => {
    if (t > L) {
      if (L % p === 0) sequence.push(...word.slice(1, p + 1));
      return;
    }
    word[t] = word[t - p];
    extend(t + 1, p);
    for (let token = word[t - p] + 1; token < V; token++) {
      word[t] = token;
      extend(t + 1, t);
    }
  };
  extend(1, 1);
  const n = sequence.length;
  return sequence.map((_, k) => {
    let id = 0;
    for (let j = 0; j < L; j++) id = id * V + sequence[(k + j) % n];
    return id;
  });
}

/** @param {number} V @param {number} L @param {number} labelWidth */
export function ring(V, L, labelWidth) {
  const order = ringOrder(V, L);
  const n = order.length;
  const node = Math.max(17, labelWidth / 2 + 7);
  const inside = n * (V - 1) - V;
  const radius = Math.max(120, (n * (2 * node + 46)) / (2 * Math.PI), 52 * Math.sqrt(Math.max(inside, 0)));
  /** @type {Point[]} */
  const positions = new Array(n);
  const neighbour = new Array(n);
  order.forEach((id, k) => {
    const angle = (2 * Math.PI * (k + 0.5)) / n - Math.PI / 2;
    positions[id] = [radius * Math.cos(angle), radius * Math.sin(angle)];
    neighbour[id] = order[(k + 1) % n];
  });
  return { order, node, radius, positions, neighbour, inward: false };
}

/**
 * The same ring for more states than names fit into: small nodes, their names outside along the radius, loops inside.
 * @param {number} V @param {number} L
 */
export function wheel(V, L) {
  const { order, positions, neighbour, radius: before } = ring(V, L, 0);
  const radius = Math.max(210, (13.5 * order.length) / (2 * Math.PI));
  return { order, neighbour, node: 5, radius, positions: positions.map(([x, y]) => scaled(x, y, radius / before)), inward: true };
}

/** @param {number} x @param {number} y @param {number} by @returns {Point} */
function scaled(x, y, by) {
  return [x * by, y * by];
}

/** @param {ReturnType<typeof ring>} place @param {number} source @param {number} target @returns {Curve} */
export function arrow(place, source, target) {
  const a = place.positions[source];
  const b = place.positions[target];
  if (source === target) return loop(a, place.node, place.inward);
  const rim = place.neighbour[source] === target && place.positions.length > 2;
  const [control1, control2] = rim ? alongRim(a, b, place.radius) : throughInside(a, b, place.radius);
  return {
    start: towards(a, control1, place.node),
    control1,
    control2,
    end: towards(b, control2, place.node + 3),
  };
}

/**
 * Where the label of each arrow goes: outside for loops and the rim; else on its arrow, where it hides least of states,
 * of other labels and of other arrows.
 * @param {ReturnType<typeof ring>} place @param {{source: number, target: number, curve: Curve}[]} arrows
 * @param {number} wide @param {number} high @returns {Point[]}
 */
export function labels(place, arrows, wide, high) {
  const lines = arrows.map(({ curve }) => Array.from({ length: 25 }, (_, k) => at(curve, k / 24)));
  /** @type {[number, number, number, number][]} */
  const taken = place.positions.map(([x, y]) => [x, y, 2 * place.node + 4, 2 * place.node + 4]);
  /** @type {Point[]} */
  const found = new Array(arrows.length);
  const outer = (/** @type {{source: number, target: number}} */ { source, target }) => source === target || place.neighbour[source] === target;
  const order = [...arrows.keys()].sort((a, b) => Number(outer(arrows[b])) - Number(outer(arrows[a])) || a - b);
  for (const k of order) {
    const { curve } = arrows[k];
    let best = Infinity;
    for (const [rank, [x, y]] of (outer(arrows[k]) ? beyond(curve, wide, high) : along(curve)).entries()) {
      let cost = rank / 8;
      for (const [ox, oy, w, h] of taken) {
        const over = Math.max(0, (w + wide) / 2 - Math.abs(x - ox)) * Math.max(0, (h + high) / 2 - Math.abs(y - oy));
        cost += 1000 * over;
      }
      lines.forEach((line, j) => {
        if (j !== k) for (const [px, py] of line) if (Math.abs(px - x) < wide / 2 && Math.abs(py - y) < high / 2) cost += 1;
      });
      if (cost < best) {
        best = cost;
        found[k] = [x, y];
      }
    }
    taken.push([...found[k], wide, high]);
  }
  return found;
}

/** Just outside the middle of a curve. @param {Curve} curve @param {number} wide @param {number} high @returns {Point[]} */
function beyond(curve, wide, high) {
  const [x, y] = at(curve, 0.5);
  const far = Math.hypot(x, y) || 1;
  const reach = (Math.abs(x / far) * wide + Math.abs(y / far) * high) / 2;
  return [3, 7, 11, 16, 22, 28].map((more) => [x + (x / far) * (reach + more), y + (y / far) * (reach + more)]);
}

/** @param {Curve} curve @returns {Point[]} */
function along(curve) {
  /** @type {Point[]} */
  const points = [];
  for (const offset of [0, 7, -7, 14, -14])
    for (const t of [0.3, 0.26, 0.34, 0.22, 0.38, 0.42, 0.18, 0.46, 0.5, 0.55, 0.6, 0.65]) {
      const [x0, y0] = at(curve, t - 0.02);
      const [x, y] = at(curve, t);
      const [x1, y1] = at(curve, t + 0.02);
      const length = Math.hypot(x1 - x0, y1 - y0) || 1;
      points.push([x - ((y1 - y0) / length) * offset, y + ((x1 - x0) / length) * offset]);
    }
  return points;
}

/** @param {Curve} curve @param {number} t @returns {Point} */
export function at(curve, t) {
  const s = 1 - t;
  const w = [s ** 3, 3 * t * s * s, 3 * t * t * s, t ** 3];
  const p = [curve.start, curve.control1, curve.control2, curve.end];
  const mean = (/** @type {0 | 1} */ k) => w.reduce((sum, x, j) => sum + x * p[j][k], 0);
  return [mean(0), mean(1)];
}

/** @param {Point} a @param {Point} b @param {number} distance @returns {Point} */
function towards(a, b, distance) {
  const length = Math.hypot(b[0] - a[0], b[1] - a[1]) || 1;
  return [a[0] + ((b[0] - a[0]) * distance) / length, a[1] + ((b[1] - a[1]) * distance) / length];
}

/** @param {Point} a @param {number} node @param {boolean} inward @returns {Curve} */
function loop(a, node, inward) {
  const out = Math.atan2(a[1], a[0]) + (inward ? Math.PI : 0);
  /** @type {(angle: number, distance: number) => Point} */
  const polar = (angle, distance) => [
    a[0] + distance * Math.cos(out + angle),
    a[1] + distance * Math.sin(out + angle),
  ];
  return { start: polar(-0.55, node), control1: polar(-0.75, 3.1 * node), control2: polar(0.75, 3.1 * node), end: polar(0.5, node + 3) };
}

/** @param {Point} a @param {Point} b @param {number} radius @returns {[Point, Point]} */
function alongRim(a, b, radius) {
  /** @type {Point} */
  const middle = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
  const depth = Math.hypot(...middle) || 1;
  const push = 1 + (radius - depth) / depth;
  /** @type {Point} */
  const out = [middle[0] * push, middle[1] * push];
  return [mix(a, out, 0.7), mix(b, out, 0.7)];
}

/** @param {Point} a @param {Point} b @param {number} radius @returns {[Point, Point]} */
function throughInside(a, b, radius) {
  const middle = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
  const length = Math.hypot(b[0] - a[0], b[1] - a[1]) || 1;
  const right = [(b[1] - a[1]) / length, -(b[0] - a[0]) / length];
  const inward = 0.45 * (Math.hypot(middle[0], middle[1]) / radius) ** 2;
  /** @type {Point} */
  const bent = [
    middle[0] * (1 - inward) + right[0] * 0.14 * length,
    middle[1] * (1 - inward) + right[1] * 0.14 * length,
  ];
  return [mix(a, bent, 0.7), mix(b, bent, 0.7)];
}

/**
 * The least box around curves, nodes and labels, with a little air: x, y, width, height.
 * @param {{positions: Point[], node: number}} place @param {Curve[]} curves @param {[number, number, number, number][]} boxes
 *   of labels: centre, width and height
 */
export function bounds({ positions, node }, curves, boxes) {
  const air = 6;
  const corners = [
    ...positions.flatMap(([x, y]) => [[x - node, y - node], [x + node, y + node]]),
    ...curves.flatMap((curve) => Array.from({ length: 9 }, (_, k) => at(curve, k / 8))),
    ...boxes.flatMap(([x, y, wide, high]) => [[x - wide / 2, y - high / 2], [x + wide / 2, y + high / 2]]),
  ];
  const [xs, ys] = [0, 1].map((k) => corners.map((corner) => corner[k]));
  const least = (/** @type {number[]} */ all) => all.reduce((a, b) => Math.min(a, b)) - air;
  const most = (/** @type {number[]} */ all) => all.reduce((a, b) => Math.max(a, b)) + air;
  return [least(xs), least(ys), most(xs) - least(xs), most(ys) - least(ys)];
}

/** @param {Point} a @param {Point} b @param {number} t @returns {Point} */
function mix(a, b, t) {
  return [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t];
}
