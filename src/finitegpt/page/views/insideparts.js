// The parts of a GPT in a state's card: those that matter most there first, each with a switch.

import { byEffect, effects, partNames } from "../chain/parts.js";
import { say } from "../ground/strings.js";
import { html, setText } from "./dom.js";
import { explained } from "./glossary.js";

const FIRST = 4; // parts that are seen at once

/** What switching off each part alone does to the state that is open, the most first.
 * @param {import("../engine/weights.js").Shape} shape @param {(part: string) => void} toggle */
export function partsList(shape, toggle) {
  const rows = partNames(shape).map((name) => {
    const [layer, part] = name.split(".");
    const words = part === "mlp" ? say("state.mlp", { layer: Number(layer) + 1 }) : say("state.head", { layer: Number(layer) + 1, head: Number(part) + 1 });
    const box = html("input", { type: "checkbox", checked: true, onchange: () => toggle(name) });
    const fill = html("span", { class: "fill" });
    const number = html("span", { class: "number" });
    const element = html("label", { class: "inside-part", "data-of": name }, box, html("span", {}, words), html("span", { class: "track" }, fill), number);
    return { name, box, fill, number, element };
  });
  const first = html("div", {});
  const others = html("div", {});
  const more = html("details", {}, html("summary", {}, say("inside.parts.all", { n: rows.length })), others);
  let order = "";
  const list = html("div", {}, first, more);
  return {
    element: html("div", { class: "inside-parts" }, html("h3", {}, say("inside.parts")), html("p", { class: "soft" }, ...explained("inside.parts.text")), list),
    /** @param {Set<string>} off @param {Float32Array[] | null} logits with all parts on, and without each; null while unknown
     * @param {import("../chain/parts.js").How} how */
    update(off, logits, how) {
      for (const { name, box, element } of rows) {
        box.checked = !off.has(name);
        element.classList.toggle("out", off.has(name));
      }
      list.classList.toggle("old", !logits);
      if (!logits) return;
      const sizes = effects(logits, how);
      const largest = Math.max(...sizes, 1e-9);
      rows.forEach(({ fill, number }, k) => {
        fill.style.width = `${(100 * sizes[k]) / largest}%`;
        setText(number, (100 * sizes[k]).toFixed(largest < 0.01 ? 2 : 1));
      });
      const best = byEffect(sizes);
      if (order === best.join()) return;
      order = best.join();
      const held = /** @type {HTMLElement | null} */ (document.activeElement);
      const elements = best.map((k) => rows[k].element);
      first.replaceChildren(...elements.slice(0, FIRST));
      others.replaceChildren(...elements.slice(FIRST));
      more.hidden = elements.length <= FIRST;
      if (held && rows.some(({ box }) => box === held)) held.focus();
    },
  };
}
