// The state graph as SVG, kept from frame to frame: only what changes is set.

import { label } from "../chain/data.js";
import { colourOf, toneOf } from "../ground/colours.js";
import { svg } from "./dom.js";
import { markerOf } from "./marker.js";
import { arrow, at, bounds, labels, ring, wheel } from "../chain/layout.js";
import { percent, say, signed, tokenShare, visible } from "../ground/strings.js";

export const LARGEST = 128;
const LABELLED = 64; // arrows
const NAMED_INSIDE = 24; // states
const LABEL = 12.5; // font size of the arrows' labels, as style.css has it
const LEGIBLE = 10.2; // pixels on the screen
const LEAST = 0.0005; // arrows and differences below are not drawn

/**
 * @typedef {{source: number, target: number, curve: import("../chain/layout.js").Curve, path: any, tip: any, halo: any, hit: any,
 *   title: any, text: any, patch: any, drawn: string}} Line the elements of one arrow, and what they show
 */

/**
 * A graph for one shape of chain.
 * @param {string[]} vocab @param {number} L @param {(id: number) => void} choose
 */
export function stateGraph(vocab, L, choose) {
  const V = vocab.length;
  const n = V ** L;
  const inside = n <= NAMED_INSIDE;
  const weight = inside ? 1 : 0.6; // of arrows, which are more the more states there are
  const place = inside ? ring(V, L, 8.2 * L) : wheel(V, L);
  const layers = ["halos", "arrows", "hits", "nodes", "arrow-labels"].map((name) => svg("g", { class: name }));
  const [ghosts, arrows, hits, nodes, texts] = layers;
  const picture = svg(
    "svg",
    { role: "group", class: "graph", "aria-label": say("graph", { n }) },
    ...layers,
  );
  /** @type {Line[]} */
  const lines = [];
  for (let id = 0; id < n; id++)
    for (let y = 0; y < V; y++) {
      const curve = arrow(place, id, (id % (n / V)) * V + y);
      const d = bezier(curve);
      const path = svg("path", { fill: "none", stroke: colourOf(y, V), "stroke-linecap": "round", d });
      const tip = svg("polygon", { fill: colourOf(y, V) });
      const halo = svg("path", { fill: "none", class: "halo", "stroke-width": 0, d });
      const title = svg("title");
      const hit = svg("path", { fill: "none", class: "hit", d, onclick: () => choose(id) }, title);
      ghosts.append(halo);
      arrows.append(path, tip);
      hits.append(hit);
      lines.push({
        source: id, target: (id % (n / V)) * V + y, curve, path, tip, halo, hit, title,
        text: null, patch: null, drawn: "",
      });
    }
  /** @type {[number, number, number, number][]} */
  const boxes = [];
  /** How wide labels are, of what is and of what was and is; none where there are none. @type {number[]} */
  let wides = [];
  if (inside && n * V <= LABELLED) {
    const longest = Math.max(...vocab.map((symbol) => visible(symbol).length));
    const wide = 8 * longest + 46;
    for (const line of lines) {
      line.text = svg("text");
      line.patch = svg("rect", { height: 16, rx: 3, class: "patch" });
      texts.append(line.patch, line.text);
    }
    wides = [wide, wide + 30];
  }
  /** @type {SVGElement[]} */
  const circles = [];
  for (let id = 0; id < n; id++) {
    const [x, y] = place.positions[id];
    const name = nodeName(id, x, y);
    const group = svg(
      "g",
      {
        class: "state", tabindex: -1, role: "button", "data-id": id,
        onclick: () => choose(id),
        onpointerenter: () => light(id),
        onpointerleave: () => light(null),
        onfocus: () => hold(id),
        onkeydown: (/** @type {KeyboardEvent} */ event) => {
          if (event.key === "Enter" || event.key === " ") choose(id);
          else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
            const by = event.key === "ArrowDown" ? 1 : n - 1;
            circles[place.order[(place.order.indexOf(id) + by) % n]].focus();
          } else return;
          event.preventDefault();
          event.stopPropagation();
        },
      },
      svg("circle", { cx: x, cy: y, r: place.node }), name,
    );
    nodes.append(group);
    circles.push(group);
  }

  const marker = markerOf(place, lines, weight, head);
  arrows.after(marker.trail);
  picture.append(marker.dot);

  let held = 0;
  /** @type {number | null} */
  let lit = null;
  let chosenNow = -1;
  hold(place.order[0]);

  /** Of all states, the tab key stops at one only: the arrow keys go round the others. @param {number} id */
  function hold(id) {
    circles[held].setAttribute("tabindex", "-1");
    circles[id].setAttribute("tabindex", "0");
    held = id;
  }

  let placed = -1;
  let box = [0, 0, 1, 1];
  write(0);
  // What is written never falls below LEGIBLE pixels: names and labels are enlarged, and of labels only some are shown.
  new ResizeObserver(([{ contentRect: { width, height } }]) => {
    const scale = Math.min(width / box[2], height / box[3]);
    picture.classList.toggle("cramped", scale * LABEL < LEGIBLE);
    picture.style.setProperty("--legible", `${(LEGIBLE / scale).toFixed(2)}px`);
    picture.style.setProperty("--grow", Math.max(1, LEGIBLE / scale / LABEL).toFixed(3));
  }).observe(picture);

  /** Labels go where there is room for them. @param {number} which of their two widths */
  function write(which) {
    if (which === placed) return;
    placed = which;
    const wide = wides[which];
    const spots = wides.length ? labels(place, lines, wide, 17) : [];
    spots.forEach(([x, y], k) => {
      for (const [key, value] of Object.entries({ x, y })) lines[k].text.setAttribute(key, value);
      for (const [key, value] of Object.entries({ x: x - wide / 2, y: y - 8, width: wide })) lines[k].patch.setAttribute(key, value);
    });
    const taken = spots.map(([x, y]) => /** @type {[number, number, number, number]} */ ([x, y, wide, 17]));
    box = bounds(place, lines.map(({ curve }) => curve), [...boxes, ...taken]);
    picture.setAttribute("viewBox", box.map((value) => value.toFixed(1)).join(" "));
  }

  /** The name of a state in its circle, or outside along the radius. @param {number} id @param {number} x @param {number} y */
  function nodeName(id, x, y) {
    if (inside) return svg("text", { x, y }, circleName(id));
    const angle = (Math.atan2(y, x) * 180) / Math.PI;
    const left = Math.abs(angle) > 90;
    const long = 7.4 * L + 8;
    const far = place.radius + place.node + 5;
    boxes.push([(x / place.radius) * (far + long), (y / place.radius) * (far + long), 8, 8]);
    return svg("text", {
      class: "spoke", x: left ? -far : far, y: 0, style: `text-anchor: ${left ? "end" : "start"}`,
      transform: `rotate(${(left ? angle + 180 : angle).toFixed(2)})`,
    }, circleName(id));
  }

  /** The arrows of one state stand out. @param {number | null} id */
  function light(id) {
    picture.classList.toggle("dimmed", id !== null);
    lines.forEach(({ source, path, tip, text }) => {
      for (const part of [path, tip, text]) part?.classList.toggle("lit", source === id);
    });
    lit = id;
    nameArrows();
  }

  /** Where there is no room for all labels, those of one state are shown. */
  function nameArrows() {
    for (const { source, text, patch } of lines)
      for (const part of [text, patch]) part?.classList.toggle("named", source === (lit ?? chosenNow));
  }

  /** @param {Line} line @param {number} k @param {number} size how much is drawn, in [0, 1] @param {string} words
   * @param {"" | "up" | "down"} change */
  function drawArrow(line, k, size, words, change) {
    const key = `${size.toFixed(4)} ${words} ${change}`;
    if (key === line.drawn) return;
    line.drawn = key;
    const visibility = size > LEAST ? "visible" : "hidden";
    for (const part of [line.path, line.tip, line.patch]) part?.setAttribute("visibility", visibility);
    if (line.text) line.text.textContent = size > LEAST ? words : "";
    line.path.setAttribute("class", change);
    line.tip.setAttribute("class", change);
    line.text?.setAttribute("class", `arrow-label ${toneOf(k % V, V)} ${change}${line.source === lit ? " lit" : ""}${line.source === (lit ?? chosenNow) ? " named" : ""}`);
    if (size <= LEAST) return;
    const wide = weight * (0.8 + 4.2 * size);
    const opacity = (0.35 + 0.65 * size).toFixed(3);
    line.path.setAttribute("stroke-width", wide.toFixed(2));
    line.path.setAttribute("stroke-opacity", opacity);
    line.tip.setAttribute("points", head(line.curve, weight * 5.5 + 1.6 * wide));
    line.tip.setAttribute("fill-opacity", opacity);
  }

  return {
    picture,
    /** @param {import("../chain/view.js").View} view @param {Uint8Array | null} ends states that are never left, to be marked */
    update({ p, before, was, counts, chosen, red, ghost }, ends) {
      write(was && !before ? 1 : 0);
      lines.forEach((line, k) => {
        line.halo.setAttribute("stroke-width", ghost && ghost[k] > 0 ? (weight * (4 + 14 * ghost[k])).toFixed(1) : "0");
        const change = before ? p[k] - before[k] : 0;
        const symbol = visible(vocab[k % V]);
        const size = before ? Math.min(1, 2 * Math.abs(change)) : p[k];
        const [then, now] = [was ? percent(was[k]) : percent(p[k]), percent(p[k])];
        const words = before ? `${symbol} ${signed(change)}` : then === now ? tokenShare(vocab[k % V], p[k]) : `${symbol} (${then.replace("%", "")}→${now})`;
        drawArrow(line, k, before && Math.abs(change) < 0.005 ? 0 : size, words, before ? (change > 0 ? "up" : "down") : "");
        const told = `${circleName(line.source)} → ${circleName(line.target)}: ${was ? `${symbol} ${say("inside.was", { was: then, is: now })}` : tokenShare(vocab[k % V], p[k])}`;
        if (line.title.textContent !== told) line.title.textContent = told;
        line.hit.setAttribute("visibility", p[k] > LEAST ? "visible" : "hidden");
      });
      marker.relight();
      if (chosen !== chosenNow) {
        chosenNow = chosen;
        nameArrows();
      }
      circles.forEach((group, id) => {
        group.classList.toggle("unseen", counts[id] === 0);
        group.classList.toggle("chosen", id === chosen);
        group.classList.toggle("red", red[id] === 1);
        group.classList.toggle("end", ends !== null && ends[id] === 1);
        group.setAttribute("aria-pressed", String(id === chosen));
        group.setAttribute("aria-label", nodeWords(id, counts, red));
      });
    },
    walk: marker.walk,
  };

  /** @param {number} id */
  function circleName(id) {
    return visible(label(id, vocab, L));
  }

  /** What a screen reader says of a state. @param {number} id @param {Int32Array} counts @param {Uint8Array} red */
  function nodeWords(id, counts, red) {
    const words = [circleName(id)];
    if (!counts[id]) words.push(say("state.unseen"));
    if (red[id]) words.push(say("state.red"));
    return words.join(", ");
  }
}

/** @param {import("../chain/layout.js").Curve} curve */
export function bezier({ start, control1, control2, end }) {
  return `M${fixed(start)} C${fixed(control1)} ${fixed(control2)} ${fixed(end)}`;
}

/** @param {readonly number[]} point */
function fixed(point) {
  return `${point[0].toFixed(1)} ${point[1].toFixed(1)}`;
}

/** @param {import("../chain/layout.js").Curve} curve @param {number} size */
export function head(curve, size) {
  const [x, y] = curve.end;
  const [fx, fy] = at(curve, 0.9);
  const angle = Math.atan2(y - fy, x - fx);
  const corner = (/** @type {number} */ side) =>
    fixed([
      x - size * Math.cos(angle) + side * 0.42 * size * Math.sin(angle),
      y - size * Math.sin(angle) - side * 0.42 * size * Math.cos(angle),
    ]);
  return `${fixed([x, y])} ${corner(1)} ${corner(-1)}`;
}
