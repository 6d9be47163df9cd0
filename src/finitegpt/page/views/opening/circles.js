// The circles of the opening and their arrows: every window of three tokens, as the laboratory places them, too.

import { label } from "../../chain/data.js";
import { arrow, at, bounds, labels, ring } from "../../chain/layout.js";
import { COLOURS } from "../../ground/colours.js";
import { svg } from "../dom.js";
import { bezier, head } from "../graph.js";

const WIDE = 58; // room for the words of an arrow
const SECONDS = 0.7; // on the way along an arrow

/**
 * @typedef {{sizes: ArrayLike<number>, words: string[], seen: (id: number) => boolean, lit?: number, taken?: number,
 *   asked?: boolean}} Look how wide each arrow is, in [0, 1], and its words; which circles are drawn whole; the circle and
 *   the arrow that are lit; and whether the circles are to be pressed
 * @param {string[]} vocab @param {number} L @param {string} words what a screen reader calls it
 * @param {(id: number) => void} press
 */
export function circlesOf(vocab, L, words, press) {
  const V = vocab.length;
  const n = V ** L;
  const place = ring(V, L, 8.2 * L);
  const lines = Array.from({ length: n * V }, (_, k) => {
    const [source, target] = [Math.floor(k / V), k % n];
    const curve = arrow(place, source, target);
    const colour = COLOURS[k % V];
    return {
      source, target, curve,
      path: svg("path", { fill: "none", stroke: colour, "stroke-linecap": "round", d: bezier(curve) }),
      tip: svg("polygon", { fill: colour }),
      text: svg("text", { class: `arrow-label t${k % V}` }),
      patch: svg("rect", { width: WIDE, height: 16, rx: 3, class: "patch" }),
    };
  });
  const spots = labels(place, lines, WIDE, 17);
  spots.forEach(([x, y], k) => {
    const { text, patch } = lines[k];
    for (const [part, px, py] of [[text, x, y], [patch, x - WIDE / 2, y - 8]]) {
      part.setAttribute("x", px);
      part.setAttribute("y", py);
    }
  });
  const circles = place.positions.map(([x, y], id) => svg("g", { class: "state", "data-id": id, onclick: () => asked && press(id),
    onkeydown: (/** @type {KeyboardEvent} */ event) => {
      if (!asked || (event.key !== "Enter" && event.key !== " ")) return;
      event.preventDefault();
      press(id);
    } },
  svg("circle", { cx: x, cy: y, r: place.node }), svg("text", { x, y }, label(id, vocab, L))));
  const marker = svg("circle", { r: 8, class: "walker", visibility: "hidden" });
  const box = bounds(place, lines.map(({ curve }) => curve), spots.map(([x, y]) => [x, y, WIDE, 17]));
  const picture = svg("svg", { class: "graph circles", role: "group", "aria-label": words, viewBox: box.map((value) => value.toFixed(1)).join(" ") },
    svg("g", { class: "arrows" }, ...lines.flatMap(({ path, tip }) => [path, tip])),
    svg("g", { class: "arrow-labels" }, ...lines.flatMap(({ patch, text }) => [patch, text])),
    svg("g", { class: "nodes" }, ...circles), marker);
  let asked = false;
  let frame = 0;

  /** @param {number} x @param {number} y */
  function put(x, y) {
    marker.setAttribute("visibility", "visible");
    marker.setAttribute("cx", x.toFixed(1));
    marker.setAttribute("cy", y.toFixed(1));
  }

  return {
    picture,
    /** @param {Look} look */
    show({ sizes, words: all, seen, lit = -1, taken = -1, asked: now = false }) {
      asked = now;
      picture.classList.toggle("asked", asked);
      lines.forEach(({ path, tip, text, patch, curve }, k) => {
        const size = sizes[k];
        const visible = size > 0.0005 ? "visible" : "hidden";
        for (const part of [path, tip, text, patch]) part.setAttribute("visibility", visible);
        if (visible === "hidden") return;
        const wide = 0.8 + 4.2 * size + (k === taken ? 2.5 : 0);
        path.setAttribute("stroke-width", wide.toFixed(2));
        tip.setAttribute("points", head(curve, 5.5 + 1.6 * wide));
        for (const part of [path, tip]) part.setAttribute("opacity", (k === taken ? 1 : 0.35 + 0.65 * size).toFixed(3));
        text.classList.toggle("lit", k === taken);
        if (text.textContent !== all[k]) text.textContent = all[k];
      });
      circles.forEach((circle, id) => {
        circle.classList.toggle("unseen", !seen(id));
        circle.classList.toggle("chosen", id === lit);
        for (const [name, value] of [["role", "button"], ["tabindex", "0"], ["aria-label", label(id, vocab, L)]])
          if (asked) circle.setAttribute(name, value);
          else circle.removeAttribute(name);
      });
    },
    /** Moves the marker along an arrow, at once where nothing is to move; then calls back.
     * @param {number} k @param {boolean} still @param {() => void} then */
    move(k, still, then) {
      cancelAnimationFrame(frame);
      const { curve, target } = lines[k];
      const arrived = () => {
        const [x, y] = place.positions[target];
        put(x, y - place.node - 4);
        then();
      };
      if (still) return arrived();
      const begun = performance.now();
      const tick = (/** @type {number} */ now) => {
        const t = Math.min(1, (now - begun) / (1000 * SECONDS));
        const [x, y] = at(curve, Math.max(0, t * t * (3 - 2 * t)));
        put(x, y);
        if (t < 1) frame = requestAnimationFrame(tick);
        else arrived();
      };
      frame = requestAnimationFrame(tick);
    },
    /** Ends what moves, and takes the marker away. */
    clear() {
      cancelAnimationFrame(frame);
      marker.setAttribute("visibility", "hidden");
    },
  };
}
