// The tour of nine ideas: the words of each, and what it points at on the page. The words, what they point at and the
// graph are brought into the window together, and kept there while the page grows, until the reader scrolls.

import { LESSONS } from "../link/lessons.js";
import { say } from "../ground/strings.js";
import { button, html, setText } from "./dom.js";
import { setExplained } from "./glossary.js";
import { questionsOf } from "./questions.js";

const AIR = 12; // pixels around what is pointed at: its ring is drawn there
const LEAST = 100; // pixels that the graph has at least

/** @param {(lesson: number) => void} go 0 ends the tour @param {(changes: Record<string, any>) => void} set */
export function tour(go, set) {
  const count = html("p", { class: "soft" });
  const title = html("h2", { tabindex: -1 });
  const text = html("p", {});
  let now = 0;
  /** @type {string[]} */
  let hidden = [];
  /** @type {HTMLElement | null} */
  let page = null;
  /** @type {Element | null} */
  let target = null;
  let free = false; // the reader has scrolled: the window is the reader's
  const watcher = new ResizeObserver(() => requestAnimationFrame(place)); // in the next frame: it changes sizes itself
  const back = button(say("lesson.back"), () => go(next(-1)));
  const on = button("", () => go(next(1)), { class: "main" });
  const end = button(say("lesson.end"), () => go(0));
  const asked = questionsOf();
  const box = html("div", {}); // a control that the words ask for
  const element = html("section", { class: "lesson", "aria-label": say("lessons"), hidden: true },
    html("div", { class: "words", "aria-live": "polite" }, count, title, text), box, html("div", { class: "transport" }, back, on, end, asked.opener), asked.dialog);
  // The window stays when the page is built anew in another language: what listens to it must go.
  const ended = new AbortController();
  for (const kind of ["wheel", "touchmove"]) addEventListener(kind, () => (free = true), { passive: true, signal: ended.signal });
  addEventListener("resize", () => { free = false; place(); }, { signal: ended.signal });

  /** The lesson before or after whose part of the page is there, or 0. @param {number} by */
  function next(by) {
    let k = now + by;
    while (k > 0 && k <= LESSONS.length && hidden.includes(LESSONS[k - 1].part)) k += by;
    return k > LESSONS.length ? 0 : k;
  }

  /** The graph gets the room that the words and what they point at leave; then all is brought into the window. */
  function place() {
    const stage = page?.querySelector(".stage");
    if (!page?.isConnected || !now || free || !stage || !target?.getClientRects().length || !element.isConnected) return;
    const where = (/** @type {Element} */ one) => one.getBoundingClientRect();
    const words = where(element);
    const atFoot = getComputedStyle(element).position === "fixed" && words.left <= 0;
    const low = (atFoot ? words.top : innerHeight) - AIR;
    const below = where(target).top >= where(stage).bottom - 1 && where(target).left < where(stage).right;
    const room = low - AIR - (below ? where(target).bottom - where(stage).bottom : 0);
    page.style.setProperty("--graph", `${Math.max(LEAST, Math.floor(room))}px`);
    const [graph, aim] = [where(stage), where(target)];
    const top = below || target.contains(stage) ? graph.top : Math.min(graph.top, aim.top);
    const bottom = Math.max(aim.bottom, graph.bottom);
    if (top >= 0 && bottom <= low && aim.top >= AIR && where(element).top >= 0 && where(element).bottom <= innerHeight) return;
    const fits = aim.bottom - top <= low - AIR;
    scrollBy({ top: fits ? top - AIR : Math.min(aim.top - AIR, aim.bottom - low), behavior: "instant" });
  }

  return {
    element,
    stop: () => ended.abort(),
    /** @param {import("../link/fields.js").Values} values @param {HTMLElement} root @param {string[]} without parts of the page
     * that are hidden */
    update(values, root, without) {
      const { lesson } = values;
      hidden = without;
      page = root;
      const { part, at, flag } = LESSONS[lesson - 1] ?? {};
      const whole = lesson ? page.querySelector(`[data-part=${part}]`) : null;
      const aim = (at && whole?.querySelector(at)) || whole;
      for (const one of box.querySelectorAll("input")) one.checked = values[flag ?? ""];
      if (lesson === now && aim === target) return;
      target?.classList.remove("pointed");
      page.querySelector(".here")?.classList.remove("here");
      aim?.classList.add("pointed");
      aim?.closest(".middle > *, .side > *")?.classList.add("here");
      page.classList.toggle("touring", lesson > 0);
      target = aim;
      element.hidden = !lesson;
      const opening = lesson !== now;
      const first = !now;
      now = lesson;
      watcher.disconnect();
      if (!lesson) return void page.style.removeProperty("--graph");
      if (opening) {
        free = false;
        setText(count, say("lesson.count", { k: lesson, of: LESSONS.length }));
        setExplained(title, `lesson.${lesson}.title`);
        setExplained(text, `lesson.${lesson}.text`);
        back.disabled = next(-1) === 0;
        box.replaceChildren(...(flag ? [html("label", { class: "check" }, html("input", { type: "checkbox", checked: values[flag], onchange: (/** @type {any} */ event) => set({ [flag]: event.target.checked }) }), say(flag))] : []));
        asked.show(`lesson.${lesson}`);
        setText(on, say(next(1) === 0 ? "lesson.done" : "lesson.on"));
        element.firstElementChild.scrollTop = 0;
        if (first) title.focus({ preventScroll: true });
      }
      // What is pointed at may only come once the engine has answered: then it is watched as it appears.
      for (const one of [element, target, page.querySelector(".stage")]) if (one) watcher.observe(one);
      place();
    },
  };
}
