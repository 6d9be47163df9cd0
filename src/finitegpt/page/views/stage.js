// The picture of the chain: a graph, dots or a sketch of it, whichever its size allows; what it means; and, where it is
// large, the neighbours of the chosen state and a matrix.

import { html } from "./dom.js";
import { setExplained } from "./glossary.js";
import { MOST_DOTS, dots } from "./dots.js";
import { LARGEST, stateGraph } from "./graph.js";
import { matrixOf } from "./matrix.js";
import { neighbourhood } from "./neighbours.js";
import { sketchGraph } from "./sketchgraph.js";
import { COLOURS } from "../ground/colours.js";
import { counted, say } from "../ground/strings.js";

/** @param {(id: number) => void} choose */
export function stageOf(choose) {
  const box = html("div", { class: "stage", "data-part": "stage" });
  const legend = html("p", { class: "soft legend" });
  const more = html("p", { class: "soft legend" }); // of two numbers on an arrow, and of rows that are not the GPT's
  const grey = html("p", { class: "soft legend" });
  const near = html("div", {});
  const matrix = matrixOf(choose);
  let key = "";
  /** @type {any} */
  let shown = null;
  /** @type {[import("../chain/view.js").View, Uint8Array | null] | null} */
  let last = null;

  /** @param {import("../chain/view.js").View} view @returns {[(vocab: string[], L: number, choose: (id: number) => void) => any, string]} */
  function kind({ n, V, counts }) {
    if (n <= LARGEST && V <= COLOURS.length) return [stateGraph, counts.includes(0) ? "legend" : "legend.seen"];
    if (n <= MOST_DOTS && V <= COLOURS.length) return [dots, "graph.dots"];
    return [sketchGraph, "sketch.legend"];
  }

  return {
    elements: [box, legend, grey, more, matrix.element, near],
    picture: () => shown.picture,
    /** Whether not all of the chain is drawn. */
    partly: () => Boolean(shown?.others),
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
      const all = words === "sketch.legend" && shown.others() === 0;
      setExplained(legend, view.before ? "legend.pinned" : all ? "sketch.all" : words, { n: counted(view.n), step: view.values.pin });
      setExplained(grey, make === sketchGraph && view.V > COLOURS.length && !view.before ? "sketch.grey" : "");
      matrix.element.hidden = make !== sketchGraph;
      if (make === sketchGraph) matrix.update(view);
      const compared = view.was && !view.before && make === stateGraph;
      setExplained(more, compared ? "inside.legend" : view.gpt === view.p ? "" : "legend.typed");
      more.hidden = !more.firstChild;
      const within = near.contains(document.activeElement);
      near.replaceChildren(...(view.n > LARGEST && view.chosen >= 0 ? [neighbourhood(view, choose)] : []));
      if (within) /** @type {HTMLElement | null} */ (near.querySelector(".chosen"))?.focus();
    },
  };
}
