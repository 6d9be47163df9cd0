// How more and less look while a step is pinned: each look with its word.

import { html } from "./dom.js";
import { say } from "../ground/strings.js";

export function pinnedKey() {
  const sample = (/** @type {string} */ change) => html("span", {}, html("span", { class: `sample ${change}` }), say(`screen.pinned.${change}`));
  const element = html("p", { class: "soft pinkey", hidden: true }, sample("up"), " ", sample("down"));
  return {
    element,
    /** @param {import("../chain/view.js").View} view */
    update(view) {
      element.hidden = !view.before;
    },
  };
}
