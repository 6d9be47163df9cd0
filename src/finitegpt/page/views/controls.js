// The controls at the left: data, model, training, decoding, look. What is typed is checked before it is taken.

import { widthOf } from "../chain/experiment.js";
import { html } from "./dom.js";
import { explained } from "./glossary.js";
import { field, read } from "../link/fields.js";
import { say } from "../ground/strings.js";

/** @type {[string, string[], string[]][]} a group, what it always shows, and what it shows on request */
const GROUPS = [
  ["data", ["data", "transform"], ["edge"]],
  ["model", ["context", "layers", "heads", "width"], ["tied", "activation", "norm", "embnorm", "finalnorm", "bias"]],
  ["training", ["steps", "lr", "decay", "seed"], ["loss", "batch", "batchseed", "warmup", "schedule", "minlr", "clip", "beta1", "beta2", "matrices"]],
  ["decoding", ["temperature", "topk", "topp", "greedy"], []],
  ["look", ["ghost", "startup", "red"], []],
];
/** Sliders, with what they go to. @type {Record<string, number>} */
const SLIDERS = { context: 8, layers: 8, heads: 8, width: 64, steps: 500, temperature: 3 };

/** The groups of controls, and the other parts of the page that can be hidden. */
export const PARTS = [...GROUPS.map(([group]) => group), "presets", "lessons", "time", "state", "chain", "nudge", "walk", "away"];

/** @param {(changes: Record<string, any>) => void} set @param {(message: import("../store/store.js").Message | null) => void} tell */
export function controls(set, tell) {
  /** @type {((values: import("../link/fields.js").Values) => void)[]} */
  const shows = [];
  let fresh = true;
  /** @type {import("../link/fields.js").Values | null} */
  let last = null;
  const element = html("form", { class: "panel", onsubmit: (/** @type {Event} */ event) => event.preventDefault() },
    ...GROUPS.map(([group, keys, more]) =>
      html("fieldset", { "data-part": group }, html("legend", {}, ...explained(group, {}, -1)), ...keys.map(control),
        ...(more.length ? [folded(more)] : []))));

  /** What is shown on request, and at once where it is not as usual. @param {string[]} keys */
  function folded(keys) {
    const details = html("details", {}, html("summary", {}, say("more")), ...keys.map(control));
    shows.push((values) => {
      if (fresh) details.open = keys.some((key) => values[key] !== field(key).start);
    });
    return details;
  }

  /** @param {string} key */
  function control(key) {
    const one = field(key);
    const words = key === "data" ? "data.text" : key;
    const name = say(words);
    if (one.type === "flag") return flag(key);
    if (one.type === "choice") return choice(key, name, one.choices ?? []);
    const long = one.type === "text" && one.longest !== 1;
    const typed = html(long ? "textarea" : "input", {
      ...(long ? { rows: 4, spellcheck: "false" } : { type: "text", size: 7, inputmode: one.longest ? "text" : "decimal" }),
      "aria-label": name, autocomplete: "off", oninput: () => take(typed.value), onblur: () => last && show(last),
    });
    const slider = key in SLIDERS && html("input", {
      type: "range", min: one.type === "int" ? one.min : 0.1, max: SLIDERS[key], step: one.type === "int" ? 1 : 0.05, "aria-label": name,
      oninput: () => take((typed.value = slider.value)),
    });
    const take = (/** @type {string} */ text) => {
      const value = read(one, text);
      typed.setAttribute("aria-invalid", String(value === undefined));
      if (value !== undefined) set({ [key]: value });
      else if (one.longest) tell({ key: "notice.long", said: { name: words }, filled: { most: one.longest }, at: key });
      else tell({ key: "notice.value", said: { name: words }, filled: { low: one.min ?? 0, high: one.max ?? "" }, at: key });
    };
    const show = (/** @type {import("../link/fields.js").Values} */ values) => {
      // What is being typed is left alone: "0." must not become "0", nor a width another that fits the heads.
      const typing = document.activeElement === typed && (typed.getAttribute("aria-invalid") === "true" || read(one, typed.value) === values[key]);
      const used = key === "width" ? widthOf(values) : values[key];
      if (!typing && typed.value !== String(used)) {
        typed.value = String(used);
        typed.setAttribute("aria-invalid", "false");
      }
      if (slider) slider.value = String(used);
    };
    shows.push(show);
    if (one.longest && one.longest > 1) return html("label", { "data-key": key }, html("span", {}, ...explained(words, {}, -1)), typed);
    return html("label", { class: slider ? "row slide" : "row", "data-key": key }, html("span", {}, ...explained(words, {}, -1)), ...(slider ? [slider] : []), typed);
  }

  /** @param {string} key */
  function flag(key) {
    const box = html("input", { type: "checkbox", onchange: () => set({ [key]: box.checked }) });
    shows.push((values) => (box.checked = values[key]));
    return html("label", { class: "check", "data-key": key }, box, html("span", {}, ...explained(key, {}, -1)));
  }

  /** @param {string} key @param {string} name @param {string[]} choices */
  function choice(key, name, choices) {
    const list = html("select", { "aria-label": name, onchange: () => set({ [key]: list.value }) },
      ...choices.map((value) => html("option", { value }, say(`${key}.${value}`))));
    shows.push((values) => (list.value = values[key]));
    return html("label", { "data-key": key }, html("span", {}, ...explained(key, {}, -1)), list);
  }

  return {
    element,
    /** @param {import("../link/fields.js").Values} values */
    update(values) {
      last = values;
      for (const show of shows) show(values);
      fresh = false;
    },
  };
}
