// The marker of a walk on the graph, and the arrow that it took last, lit.

import { at } from "../chain/layout.js";
import { svg } from "./dom.js";

const WIDE = 6.5; // of the lit arrow
const CROSSING = 0.15; // of the way: from where the marker stands across the state to where the arrow begins

/**
 * @typedef {import("../chain/layout.js").Curve} Curve
 * @param {ReturnType<typeof import("../chain/layout.js").ring>} place
 * @param {{source: number, target: number, curve: Curve, path: Element, text: Element | null}[]} lines by state and token
 * @param {number} weight of arrows @param {(curve: Curve, size: number) => string} head the corners of an arrow's tip
 */
export function markerOf(place, lines, weight, head) {
  const dot = svg("circle", { r: 7, class: "walker", visibility: "hidden" });
  const path = svg("path", { fill: "none", "stroke-linecap": "round", "stroke-width": (weight * WIDE).toFixed(2) });
  const tip = svg("polygon", {});
  const trail = svg("g", { class: "taken", visibility: "hidden" }, path, tip);
  let lit = -1;
  /** The way so far. */
  let gone = 1;
  /** Where the marker stood before. @type {import("../chain/layout.js").Point} */
  let from = [0, 0];

  /** Where it stands that has come by no arrow. @param {number} id @returns {import("../chain/layout.js").Point} */
  function above(id) {
    const [x, y] = place.positions[id];
    return [x, y - place.node - 3];
  }

  /** @param {number} k */
  function light(k) {
    if (k === lit) return;
    lines[lit]?.text?.classList.remove("taken");
    lit = k;
    trail.setAttribute("visibility", k < 0 ? "hidden" : "visible");
    if (k < 0) return;
    const { curve, path: arrow, text } = lines[k];
    text?.classList.add("taken");
    path.setAttribute("d", arrow.getAttribute("d"));
    path.setAttribute("stroke", arrow.getAttribute("stroke"));
    tip.setAttribute("fill", arrow.getAttribute("stroke"));
    tip.setAttribute("points", head(curve, weight * (5.5 + 1.6 * WIDE)));
  }

  return {
    /** To be put above the arrows and below their labels. */
    trail,
    dot,
    /** The marker on its way along an arrow to a state: only this moves.
     * @param {number | null} id @param {number} k the arrow, or -1 for none @param {number} t how far, from 0 to 1
     * @param {boolean} outside whether it is not the chain that sends it there */
    walk(id, k = -1, t = 1, outside = false) {
      dot.setAttribute("visibility", id === null ? "hidden" : "visible");
      const known = id !== null && k in lines ? k : -1;
      if (t < gone && known >= 0) from = lines[lit]?.curve.end ?? above(lines[known].source);
      gone = t;
      light(known);
      trail.classList.toggle("outside", outside);
      if (id === null) return;
      const [x, y] = known < 0 ? above(id) : onTheWay(lines[known].curve, t);
      dot.setAttribute("cx", x.toFixed(1));
      dot.setAttribute("cy", y.toFixed(1));
    },
    /** What is lit, where the label was written anew. */
    relight: () => lines[lit]?.text?.classList.add("taken"),
  };

  /** @param {Curve} curve @param {number} t @returns {import("../chain/layout.js").Point} */
  function onTheWay(curve, t) {
    if (t >= CROSSING) return at(curve, (t - CROSSING) / (1 - CROSSING));
    const s = t / CROSSING;
    return [from[0] + s * (curve.start[0] - from[0]), from[1] + s * (curve.start[1] - from[1])];
  }
}
