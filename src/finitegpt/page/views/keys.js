// Keys that work wherever no field or button has them, and the list of them.

import { button, html } from "./dom.js";
import { say } from "../ground/strings.js";

const KEYS = [["?", "screen.keys.help"], ["Esc", "screen.keys.close"], ["Space", "screen.keys.play"], ["← →", "screen.keys.step"], ["↑ ↓", "screen.keys.around"], ["Enter", "screen.keys.open"]];
const TYPED = "textarea, select, input:not([type=range], [type=checkbox], [type=file])";

/** @param {{element: HTMLElement, toggle: () => void, step: (by: number) => void}} time @param {() => void} close */
export function keysOf(time, close) {
  const list = html(
    "dialog", { class: "keys", "aria-labelledby": "keys" },
    html("h2", { id: "keys" }, say("screen.keys")),
    html("dl", {}, ...KEYS.flatMap(([key, words]) => [html("dt", {}, html("kbd", {}, key === "Space" ? say("screen.keys.space") : key)), html("dd", {}, say(words))])),
    button(say("screen.close"), () => list.close(), { class: "main" }),
  );
  list.addEventListener("click", (/** @type {MouseEvent} */ event) => event.target === list && list.close());
  const opener = button("?", () => list.showModal(), { "aria-label": say("screen.keys"), title: say("screen.keys") });
  return {
    list, opener,
    /** @param {KeyboardEvent} event */
    pressed(event) {
      const target = /** @type {HTMLElement} */ (event.target);
      if (document.querySelector("dialog[open]") || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      const has = (/** @type {string} */ fields) => target.closest?.(fields);
      if (event.key === "Escape") return close();
      if (has(TYPED)) return;
      if (event.key === "?") list.showModal();
      else if (!time.element.getClientRects().length) return; // there is no time in sight to travel
      else if (event.key === " " && !has("button, summary, input, a")) time.toggle();
      else if (event.key === "ArrowRight" && !has("input")) time.step(1);
      else if (event.key === "ArrowLeft" && !has("input")) time.step(-1);
      else return;
      event.preventDefault();
    },
  };
}
