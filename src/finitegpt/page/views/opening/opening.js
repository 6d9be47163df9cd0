// The opening: the first that a newcomer sees. It teaches, in nine scenes, why a GPT is a Markov chain. The reader acts first.

import { say } from "../../ground/strings.js";
import { SCENES } from "../../link/opening.js";
import { button, html, setText } from "../dom.js";
import { setExplained } from "../glossary.js";
import { scenesOf } from "./scenes.js";

/**
 * @param {{introduce: (scene: number) => void, teach: (lesson: number) => void}} acts 0 ends the opening
 */
export function openingOf({ introduce, teach }) {
  const count = html("p", { class: "soft count" });
  const title = html("h2", { tabindex: -1 });
  const words = html("div", { class: "words" });
  const told = html("p", { class: "told", role: "status", "aria-live": "polite" });
  const asks = html("div", { class: "asks" });
  const back = button(say("lesson.back"), () => introduce(now - 1), { disabled: true }); // until there is a scene
  const on = button("", () => (now === SCENES.length ? introduce(0) : introduce(now + 1)), { disabled: true });
  const skip = button(say("opening.skip"), () => introduce(0), { class: "small skip" });
  const bar = html("progress", { max: SCENES.length, "aria-label": say("opening.progress") });
  const show = html("div", { class: "scene" });
  const element = html("section", { class: "opening", role: "main", "aria-label": say("opening.name"), hidden: true, onkeydown: keyed },
    show,
    html("div", { class: "card lines" }, html("div", { class: "progress" }, bar, count), title, words, asks, told,
      html("div", { class: "transport foot" }, back, skip, on)));
  let now = 0;
  /** @type {ReturnType<typeof scenesOf> | null} */
  let scenes = null;
  /** The training that the scenes are made of. */
  let id = -1;

  /** @param {KeyboardEvent} event */
  function keyed(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.key === "Escape") introduce(0);
    else if (target.closest("input, select, [role=button]")) return;
    else if (event.key === "ArrowRight" && now && now < SCENES.length) introduce(now + 1);
    else if (event.key === "ArrowLeft" && now > 1) introduce(now - 1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** The reader has done what a scene asks for: on it goes. */
  function ready() {
    on.classList.add("main");
  }

  /** @param {import("../../chain/view.js").View} view */
  function enter(view) {
    setText(count, say("opening.count", { k: now, of: SCENES.length }));
    bar.value = now;
    setExplained(title, `opening.${now}.title`);
    setText(told, "");
    on.classList.remove("main");
    setText(on, say(now === SCENES.length ? "opening.lab" : "lesson.on"));
    back.disabled = now === 1;
    on.disabled = false;
    skip.hidden = now === SCENES.length;
    scenes ??= scenesOf(view, { words, asks, told, show, ready, teach });
    scenes.enter(SCENES[now - 1]);
    element.lastElementChild?.scrollTo(0, 0);
    scrollTo(0, 0);
    if (element.contains(document.activeElement) || document.activeElement === document.body) title.focus({ preventScroll: true });
  }

  return {
    element,
    /** Whether it is shown at all, before anything is trained. @param {number} scene */
    open(scene) {
      element.hidden = scene === 0;
      if (!scene) {
        scenes?.leave();
        now = 0;
        back.disabled = on.disabled = true;
      }
    },
    /** @param {import("../../chain/view.js").View} view */
    update(view) {
      const { opening } = view.values;
      if (!opening || !view.trained.finished) return;
      if (id !== view.trained.id) {
        scenes?.leave();
        scenes = null;
        id = view.trained.id;
        now = 0;
      }
      if (opening === now) return;
      now = opening;
      enter(view);
    },
  };
}
