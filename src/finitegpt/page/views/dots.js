// Chains of some hundreds of states, on a canvas: states as dots on a ring, arrows as thin curves.

import { label } from "../chain/data.js";
import { html } from "./dom.js";
import { COLOURS } from "../ground/colours.js";
import { arrow, ring } from "../chain/layout.js";
import { say, visible } from "../ground/strings.js";

export const MOST_DOTS = 1024;
const SIDE = 900; // pixels of the canvas
const SHADES = 4; // arrows are drawn in so many steps of opacity, all of one at once

/** @param {string[]} vocab @param {number} L @param {(id: number) => void} choose */
export function dots(vocab, L, choose) {
  const V = vocab.length;
  const n = V ** L;
  const place = ring(V, L, 0);
  const scale = (SIDE / 2 - 60) / place.radius;
  const radius = Math.max(1.6, Math.min(6, (1.1 * SIDE) / n));
  const node = radius / scale;
  const positions = place.positions.map(([x, y]) => [SIDE / 2 + scale * x, SIDE / 2 + scale * y]);
  const curves = Array.from({ length: n * V }, (_, k) => {
    const id = Math.floor(k / V);
    const { start, control1, control2, end } = arrow({ ...place, node }, id, (id % (n / V)) * V + (k % V));
    const path = new Path2D();
    const [a, b, c, d] = [start, control1, control2, end].map(([x, y]) => [SIDE / 2 + scale * x, SIDE / 2 + scale * y]);
    path.moveTo(a[0], a[1]);
    path.bezierCurveTo(b[0], b[1], c[0], c[1], d[0], d[1]);
    return path;
  });
  const canvas = html("canvas", { width: SIDE, height: SIDE, class: "dots", role: "img", "aria-label": say("graph", { n }) });
  const nearest = (/** @type {MouseEvent} */ event) => {
    const box = canvas.getBoundingClientRect();
    const [x, y] = [((event.clientX - box.left) / box.width) * SIDE, ((event.clientY - box.top) / box.height) * SIDE];
    const far = positions.map(([px, py]) => (px - x) ** 2 + (py - y) ** 2);
    const id = far.indexOf(Math.min(...far));
    return far[id] < 30 ** 2 ? id : -1;
  };
  canvas.addEventListener("click", (/** @type {MouseEvent} */ event) => nearest(event) >= 0 && choose(nearest(event)));
  canvas.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
    const id = nearest(event);
    canvas.title = id < 0 ? "" : visible(label(id, vocab, L));
    canvas.style.cursor = id < 0 ? "" : "pointer";
  });
  let walker = -1;
  /** @type {[import("../chain/view.js").View, Uint8Array | null] | null} */
  let last = null;

  /** @param {import("../chain/view.js").View} view @param {Uint8Array | null} ends */
  function paint({ p, before, counts, chosen, red, ghost }, ends) {
    const pen = canvas.getContext("2d");
    const look = getComputedStyle(canvas);
    const colour = (/** @type {string} */ name) => look.getPropertyValue(name.replace(/^var\(|\)$/g, "")).trim();
    const paints = COLOURS.slice(0, V).map(colour);
    pen.clearRect(0, 0, SIDE, SIDE);
    if (ghost) stroke(pen, curves.filter((_, k) => ghost[k] > 0), colour("--soft"), 5, 0.25);
    for (let y = 0; y < V; y++)
      for (let shade = 1; shade <= SHADES; shade++) {
        /** @type {Path2D[][]} */
        const groups = [[], []];
        for (let k = y; k < p.length; k += V) {
          const change = before ? p[k] - before[k] : 0;
          const size = before ? Math.min(1, 2 * Math.abs(change)) : p[k];
          if (size >= 0.005 && Math.ceil(size * SHADES) === shade) groups[change < 0 ? 1 : 0].push(curves[k]);
        }
        const opacity = (0.15 + 0.85 * (shade / SHADES)) * (n > 256 ? 0.6 : 0.9);
        const wide = 0.4 + (n > 256 ? 1 : 2) * (shade / SHADES);
        groups.forEach((group, fallen) =>
          stroke(pen, group, before ? colour(fallen ? "--down" : "--up") : paints[y], wide, opacity, fallen ? [5, 4] : []));
      }
    positions.forEach(([x, y], id) => {
      pen.beginPath();
      pen.arc(x, y, id === chosen || id === walker ? 8 : ends?.[id] ? radius + 2 : radius, 0, 2 * Math.PI);
      pen.fillStyle = red[id] ? "#e03131" : id === walker || ends?.[id] ? colour("--t1") : id === chosen ? colour("--accent") : colour(counts[id] ? "--ink" : "--faint");
      pen.fill();
    });
    if (chosen >= 0) {
      const [x, y] = positions[chosen];
      pen.font = "600 20px sans-serif";
      pen.fillStyle = colour("--ink");
      pen.textAlign = x < SIDE / 2 ? "left" : "right";
      pen.textBaseline = "middle";
      const [dx, dy] = [(x - SIDE / 2) / (SIDE / 2), (y - SIDE / 2) / (SIDE / 2)];
      pen.strokeStyle = colour("--paper");
      pen.lineWidth = 7;
      for (const write of ["strokeText", "fillText"]) pen[write](visible(label(chosen, vocab, L)), x - 22 * dx + (x < SIDE / 2 ? -4 : 4), y - 30 * dy);
    }
  }

  return {
    picture: canvas,
    /** @param {import("../chain/view.js").View} view @param {Uint8Array | null} ends */
    update(view, ends) {
      last = [view, ends];
      paint(view, ends);
    },
    /** @param {number | null} id */
    walk(id) {
      if (walker === (id ?? -1)) return;
      walker = id ?? -1;
      if (last) paint(...last);
    },
  };
}

/** @param {CanvasRenderingContext2D} pen @param {Path2D[]} paths @param {string} colour @param {number} wide
 * @param {number} opacity @param {number[]} dash */
function stroke(pen, paths, colour, wide, opacity, dash = []) {
  pen.strokeStyle = colour;
  pen.lineWidth = wide;
  pen.globalAlpha = opacity;
  pen.setLineDash(dash);
  for (const path of paths) pen.stroke(path);
  pen.globalAlpha = 1;
  pen.setLineDash([]);
}
