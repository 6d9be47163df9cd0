// Nudge a weight, or all of them along a random direction: smooth changes in, smooth changes out.

import { button, html, setText } from "./dom.js";
import { explained } from "./glossary.js";
import { say } from "../ground/strings.js";
import { countWeights, tensors } from "../engine/weights.js";

/** @param {(changes: Record<string, number>) => void} set */
export function nudgeCard(set) {
  const slide = (/** @type {string} */ key, /** @type {number} */ most, /** @type {string} */ words) =>
    html("input", { type: "range", min: -most, max: most, step: most / 100, value: 0, "aria-label": words,
      oninput: (/** @type {any} */ event) => set({ [key]: Number(event.target.value) }) });
  const along = slide("along", 1, say("nudge.along"));
  const delta = slide("delta", 3, say("nudge.delta"));
  const [alongText, deltaText] = [html("output", {}), html("output", {})];
  const tensor = html("select", { "aria-label": say("nudge.tensor"), onchange: () => pick(Number(tensor.value), 0) });
  const place = html("input", { type: "number", min: 0, value: 0, "aria-label": say("nudge.place"), oninput: () => pick(Number(tensor.value), Number(place.value)) });
  const moved = html("p", { class: "soft" });
  const another = button(say("nudge.another"), () => set({ direction: (last?.values.direction ?? 0) + 1 }), { class: "small" });
  const back = button(say("nudge.back"), () => set({ along: 0, delta: 0 }), { class: "small" });
  const element = html(
    "section", { class: "card", "data-part": "nudge" }, html("h2", {}, ...explained("nudge")), html("p", { class: "soft" }, ...explained("nudge.text")),
    html("label", { class: "row slide" }, html("span", {}, say("nudge.along")), along, alongText), html("p", {}, another),
    html("label", { class: "row slide" }, html("span", {}, say("nudge.delta")), delta, deltaText),
    html("div", { class: "pick" }, tensor, place), moved, back,
  );
  /** @type {import("../chain/view.js").View | null} */
  let last = null;
  /** @type {import("../engine/weights.js").Tensor[]} */
  let all = [];
  let shown = "";

  /** @param {number} which @param {number} offset */
  function pick(which, offset) {
    const one = all[which];
    if (one && Number.isInteger(offset) && offset >= 0 && offset < one.size) set({ param: one.start + offset });
  }

  return {
    element,
    /** @param {import("../chain/view.js").View} view */
    update(view) {
      last = view;
      const { values, shape, looked } = view;
      const key = JSON.stringify(shape);
      if (key !== shown) {
        shown = key;
        all = tensors(shape);
        tensor.replaceChildren(...all.map(({ name, shape: size }, k) =>
          html("option", { value: k }, `${name.replace("transformer.", "")} (${size.join("×")})`)));
      }
      const param = Math.min(values.param, countWeights(shape) - 1);
      const which = all.findIndex(({ start, size }) => param >= start && param < start + size);
      tensor.value = String(which);
      place.max = String(all[which].size - 1);
      if (document.activeElement !== place) place.value = String(param - all[which].start);
      along.value = String(values.along);
      delta.value = String(values.delta);
      setText(alongText, `${(100 * values.along).toFixed(0)}%`);
      setText(deltaText, values.delta.toFixed(2));
      const changed = values.along !== 0 || values.delta !== 0;
      back.disabled = !changed;
      const [was, is] = looked?.moved ?? [];
      setText(moved, changed && Number.isFinite(was) ? say("nudge.moved", { was: was.toFixed(4), is: is.toFixed(4) }) : "\u00a0");
    },
  };
}
