// The tour of nine ideas: the words of each, and what it points at on the page.

import { LESSONS } from "../link/lessons.js";
import { say } from "../ground/strings.js";
import { button, html, setText } from "./dom.js";

/** @param {(lesson: number) => void} go 0 ends the tour */
export function tour(go) {
  const count = html("p", { class: "soft" });
  const title = html("h2", {});
  const text = html("p", {});
  let now = 0;
  /** @type {string[]} */
  let hidden = [];
  const back = button(say("lesson.back"), () => go(next(-1)));
  const on = button("", () => go(next(1)), { class: "main" });
  const end = button(say("lesson.end"), () => go(0));
  const element = html("section", { class: "lesson", "aria-label": say("lessons"), "aria-live": "polite", hidden: true },
    count, title, text, html("div", { class: "transport" }, back, on, end));

  /** The lesson before or after whose part of the page is there, or 0. @param {number} by */
  function next(by) {
    let k = now + by;
    while (k > 0 && k <= LESSONS.length && hidden.includes(LESSONS[k - 1].part)) k += by;
    return k > LESSONS.length ? 0 : k;
  }

  return {
    element,
    /** @param {number} lesson @param {HTMLElement} page @param {string[]} without parts of the page that are hidden */
    update(lesson, page, without) {
      hidden = without;
      const { part, at } = LESSONS[lesson - 1] ?? {};
      const target = lesson ? page.querySelector(`[data-part=${part}]${at ? ` ${at}` : ""}`) : null;
      for (const old of page.querySelectorAll(".pointed")) if (old !== target) old.classList.remove("pointed");
      target?.classList.add("pointed");
      page.classList.toggle("touring", lesson > 0);
      element.hidden = !lesson;
      if (lesson === now) return;
      now = lesson;
      if (!lesson) return;
      setText(count, say("lesson.count", { k: lesson, of: LESSONS.length }));
      setText(title, say(`lesson.${lesson}.title`));
      setText(text, say(`lesson.${lesson}.text`));
      back.disabled = next(-1) === 0;
      setText(on, say(next(1) === 0 ? "lesson.done" : "lesson.on"));
      // On a narrow page the graph is brought up, and what is pointed at stands right below it.
      const narrow = matchMedia("(max-width: 68rem)").matches;
      const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
      if (narrow) page.querySelector(".stage")?.scrollIntoView({ block: "start", behavior });
      else target?.scrollIntoView({ block: "nearest", behavior });
    },
  };
}
