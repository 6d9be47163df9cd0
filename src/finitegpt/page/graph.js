// The state graph as SVG, kept from frame to frame: only what changes is set. A matrix of pixels where it is too large.

import { label } from "./data.js";
import { svg } from "./dom.js";
import { arrow, at, labels, ring } from "./layout.js";
import { percent, visible } from "./strings.js";

export const LARGEST = 128;
const LABELLED = 64;
export const COLOURS = ["var(--t0)", "var(--t1)", "var(--t2)", "var(--t3)", "var(--t4)", "var(--t5)", "var(--t6)", "var(--t7)"];

/**
 * A graph for one shape of chain.
 * @param {string[]} vocab @param {number} L @param {(id: number) => void} choose
 */
export function stateGraph(vocab, L, choose) {
  const V = vocab.length;
  const n = V ** L;
  const place = ring(V, L, 8.2 * L);
  const margin = 3.2 * place.node + 26;
  const size = 2 * (place.radius + margin);
  const ghosts = svg("g", {});
  const arrows = svg("g", {});
  const texts = svg("g", { class: "arrow-labels" });
  const nodes = svg("g", {});
  const walker = svg("circle", { r: 7, class: "walker", visibility: "hidden" });
  const picture = svg(
    "svg",
    { viewBox: `${-size / 2} ${-size / 2} ${size} ${size}`, role: "group", class: "graph" },
    ghosts, arrows, texts, nodes, walker,
  );
  const lines = [];
  for (let id = 0; id < n; id++)
    for (let y = 0; y < V; y++) {
      const curve = arrow(place, id, (id % (n / V)) * V + y);
      const path = svg("path", { fill: "none", stroke: COLOURS[y % 8], "stroke-linecap": "round", d: bezier(curve) });
      const tip = svg("polygon", { fill: COLOURS[y % 8] });
      const halo = svg("path", { fill: "none", class: "halo", "stroke-width": 0, d: bezier(curve) });
      ghosts.append(halo);
      arrows.append(path, tip);
      lines.push({ source: id, target: (id % (n / V)) * V + y, curve, path, tip, halo, text: /** @type {any} */ (null), patch: /** @type {any} */ (null) });
    }
  if (n * V <= LABELLED) {
    const longest = Math.max(...vocab.map((symbol) => visible(symbol).length));
    labels(place, lines, 8 * (longest + 4), 17).forEach(([x, y], k) => {
      const wide = 8 * (longest + 4);
      lines[k].text = svg("text", { x, y, class: `arrow-label t${k % V}` });
      lines[k].patch = svg("rect", { x: x - wide / 2, y: y - 8, width: wide, height: 16, rx: 3, class: "patch" });
      texts.append(lines[k].patch, lines[k].text);
    });
  }
  const circles = [];
  for (let id = 0; id < n; id++) {
    const [x, y] = place.positions[id];
    const name = visible(label(id, vocab, L));
    const circle = svg("circle", { cx: x, cy: y, r: place.node });
    const group = svg(
      "g",
      {
        class: "state", tabindex: 0, role: "button", "aria-label": name, "data-id": id,
        onclick: () => choose(id),
        onkeydown: (/** @type {KeyboardEvent} */ event) => {
          if (event.key === "Enter" || event.key === " ") {
            event.preventDefault();
            event.stopPropagation();
            choose(id);
          }
        },
      },
      circle, svg("text", { x, y }, name),
    );
    nodes.append(group);
    circles.push(group);
  }
  return {
    picture,
    /**
     * @param {{p: Float64Array, counts: Int32Array, chosen: number, red: Uint8Array, ends: Uint8Array | null,
     *   ghost: Float64Array | null}} shown `ghost` is what the data itself says, drawn behind
     */
    update({ p, counts, chosen, red, ends, ghost }) {
      lines.forEach(({ curve, path, tip, text, patch, halo }, k) => {
        halo.setAttribute("stroke-width", ghost && ghost[k] > 0 ? (4 + 14 * ghost[k]).toFixed(1) : "0");
        const shown = p[k] > 0.0005;
        path.setAttribute("visibility", shown ? "visible" : "hidden");
        tip.setAttribute("visibility", shown ? "visible" : "hidden");
        patch?.setAttribute("visibility", shown ? "visible" : "hidden");
        if (text) text.textContent = shown ? `${visible(vocab[k % V])} ${percent(p[k])}` : "";
        if (!shown) return;
        const wide = 0.8 + 4.2 * p[k];
        path.setAttribute("stroke-width", wide.toFixed(2));
        path.setAttribute("stroke-opacity", (0.35 + 0.65 * p[k]).toFixed(3));
        tip.setAttribute("points", head(curve, 5.5 + 1.6 * wide));
        tip.setAttribute("fill-opacity", (0.35 + 0.65 * p[k]).toFixed(3));
      });
      circles.forEach((group, id) => {
        group.classList.toggle("unseen", counts[id] === 0);
        group.classList.toggle("chosen", id === chosen);
        group.classList.toggle("red", red[id] === 1);
        group.classList.toggle("end", ends !== null && ends[id] === 1);
        group.setAttribute("aria-pressed", String(id === chosen));
      });
    },
    /** @param {number | null} id */
    walk(id) {
      walker.setAttribute("visibility", id === null ? "hidden" : "visible");
      if (id !== null) {
        walker.setAttribute("cx", String(place.positions[id][0]));
        walker.setAttribute("cy", String(place.positions[id][1] - place.node - 3));
      }
    },
  };
}

/** @param {import("./layout.js").Curve} curve */
function bezier({ start, control1, control2, end }) {
  return `M${fixed(start)} C${fixed(control1)} ${fixed(control2)} ${fixed(end)}`;
}

/** @param {readonly number[]} point */
function fixed(point) {
  return `${point[0].toFixed(1)} ${point[1].toFixed(1)}`;
}

/** @param {import("./layout.js").Curve} curve @param {number} size */
function head(curve, size) {
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
