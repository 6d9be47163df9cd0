// Three questions with their answers, folded, at the end of a lesson and of the opening.

import { say } from "../ground/strings.js";
import { button, html } from "./dom.js";
import { explained } from "./glossary.js";

const MANY = 3;

/** The questions of `opening` or `lesson.N`, each with its answer. @param {string} key */
export function questions(key) {
  return Array.from({ length: MANY }, (_, k) => html("details", { class: "qa" },
    html("summary", {}, say(`${key}.q${k + 1}`)), html("p", {}, ...explained(`${key}.a${k + 1}`))));
}

/** The same in a dialog, since beside a lesson's words there is no room for them. */
export function questionsOf() {
  const list = html("div", {});
  const dialog = html("dialog", { class: "questions", "aria-label": say("questions"), onclick: (/** @type {Event} */ event) => event.target === dialog && dialog.close() },
    html("div", { class: "cardhead" }, html("h2", {}, say("questions")), button("✕", () => dialog.close(), { class: "small", "aria-label": say("questions.close") })), list);
  return {
    dialog,
    opener: button(say("questions.open"), () => dialog.showModal()),
    /** @param {string} key */
    show: (key) => list.replaceChildren(...questions(key)),
  };
}
