// The picture of the chain: a graph, dots or a matrix, whichever its size allows; what it means; and, where it is large,
// the neighbours of the chosen state.

import { html } from "./dom.js";
import { setExplained } from "./glossary.js";
import { MOST_DOTS, dots } from "./dots.js";
import { LARGEST, stateGraph } from "./graph.js";
import { matrix } from "./matrix.js";
import { neighbourhood } from "./neighbours.js";
import { say } from "../ground/strings.js";

const MOST_COLOURS = 8; // tokens that have a colour of their own

/** @param {(id: number) => void} choose */
export function stageOf(choose) {
  const box = html("div", { class: "stage", "data-part": "stage" });
  const legend = html("p", { class: "soft legend" });
  const more = html("p", { class: "soft legend" }); // of two numbers on an arrow, and of rows that are not the GPT's
  const near = html("div", {});
  let key = "";
  /** @type {any} */
  let shown = null;
  /** @type {[import("../chain/view.js").View, Uint8Array | null] | null} */
  let last = null;

  /** @param {import("../chain/view.js").View} view @returns {[(vocab: string[], L: number, choose: (id: number) => void) => any, string]} */
  function kind({ n, V, counts }) {
    if (n <= LARGEST && V <= MOST_COLOURS) return [stateGraph, counts.includes(0) ? "legend" : "legend.seen"];
    return n <= MOST_DOTS && V <= MOST_COLOURS ? [dots, "graph.dots"] : [matrix, "graph.large"];
  }

  return {
    elements: [box, legend, more, near],
    picture: () => shown.picture,
    /** Draws the same at once, where colours are others now. */
    redraw: () => last && shown.update(...last),
    /** @type {import("./walk.js").Mark} */
    walk: (id, arrow, t, outside) => shown?.walk(id, arrow, t, outside),
    /** @param {import("../chain/view.js").View} view @param {Uint8Array | null} ends states that are never left, to be marked */
    update(view, ends) {
      const [make, words] = kind(view);
      const wanted = `${view.vocab.join("")} ${view.L}`;
      if (key !== wanted) {
        key = wanted;
        shown = make(view.vocab, view.L, choose);
        box.replaceChildren(shown.picture);
      }
      last = [view, ends];
      shown.update(view, ends);
      const pinned = words === "graph.large" ? "graph.large.pinned" : "legend.pinned";
      setExplained(legend, view.before ? pinned : words, { n: view.n, step: view.values.pin });
      const compared = view.was && !view.before && make === stateGraph;
      setExplained(more, compared ? "inside.legend" : view.gpt === view.p ? "" : "legend.typed");
      more.hidden = !more.firstChild;
      const within = near.contains(document.activeElement);
      near.replaceChildren(...(view.n > LARGEST && view.chosen >= 0 ? [neighbourhood(view, choose)] : []));
      if (within) /** @type {HTMLElement | null} */ (near.querySelector(".chosen"))?.focus();
    },
  };
}
