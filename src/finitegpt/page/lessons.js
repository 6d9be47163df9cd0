// A tour of nine ideas: each sets the page and points at one thing. Its words are `lesson.N.title` and `lesson.N.text`.

import { button, html, setText } from "./dom.js";
import { defaults } from "./state.js";
import { say } from "./strings.js";

/** What each idea sets, as changes of the start, and what it points at. @type {{set: Record<string, any>, at: string}[]} */
export const LESSONS = [
  { set: {}, at: ".walked .transport" },
  { set: { step: 0 }, at: ".time" },
  { set: { state: 0 }, at: "[data-part=state]" },
  { set: { along: 0.1 }, at: "[data-part=nudge]" },
  { set: { startup: true }, at: "[data-part=startup]" },
  { set: {}, at: "[data-part=chain]" },
  { set: { greedy: true }, at: ".stage" },
  { set: { red: "000" }, at: "[data-part=red]" },
  { set: {}, at: ".outside" },
];

/** What a lesson makes of the page. @param {number} k from 1 on */
export function lessonValues(k) {
  return { ...defaults(), ...LESSONS[k - 1].set, lesson: k };
}

/** @param {(lesson: number) => void} go 0 ends the tour */
export function tour(go) {
  const count = html("p", { class: "soft" });
  const title = html("h2", {});
  const text = html("p", {});
  let now = 0;
  const back = button(say("lesson.back"), () => go(now - 1));
  const on = button("", () => go(now === LESSONS.length ? 0 : now + 1), { class: "main" });
  const end = button(say("lesson.end"), () => go(0));
  const element = html("section", { class: "lesson", "aria-label": say("lessons"), "aria-live": "polite", hidden: true },
    count, title, text, html("div", { class: "transport" }, back, on, end));
  return {
    element,
    /** @param {number} lesson @param {HTMLElement} page */
    update(lesson, page) {
      const target = lesson ? page.querySelector(LESSONS[lesson - 1].at) : null;
      for (const old of page.querySelectorAll(".pointed")) if (old !== target) old.classList.remove("pointed");
      target?.classList.add("pointed");
      element.hidden = !lesson;
      if (lesson === now) return;
      now = lesson;
      if (!lesson) return;
      setText(count, say("lesson.count", { k: lesson, of: LESSONS.length }));
      setText(title, say(`lesson.${lesson}.title`));
      setText(text, say(`lesson.${lesson}.text`));
      back.disabled = lesson === 1;
      setText(on, say(lesson === LESSONS.length ? "lesson.done" : "lesson.on"));
      const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
      target?.scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
    },
  };
}
