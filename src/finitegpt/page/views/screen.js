// The whole screen: which views there are, where they stand, and what each is told when something changes.

import { names } from "../chain/experiment.js";
import { say, visible } from "../ground/strings.js";
import { PRESETS, presetOf } from "../link/presets.js";
import { awaySection } from "./away.js";
import { controls } from "./controls.js";
import { button, html, setText } from "./dom.js";
import { factsCard, redCard, startupCard } from "./facts.js";
import { inspector } from "./inspector.js";
import { openingOf } from "./opening/opening.js";
import { nudgeCard } from "./nudge.js";
import { stageOf } from "./stage.js";
import { timeline } from "./timeline.js";
import { tour } from "./tour.js";
import { walker } from "./walk.js";

/**
 * @typedef {import("../store/store.js").Message} Message
 * @typedef {{set: (changes: Record<string, any>) => void, preset: (changes: Record<string, any>) => void, teach: (lesson: number) => void,
 *   introduce: (scene: number) => void,
 *   reset: () => void, choose: (id: number) => void, toggle: (part: string) => void, redden: (id: number) => void,
 *   pin: () => void, tell: (message: Message | null) => void, open: (files: File[]) => void, theme: () => void,
 *   view: () => import("../chain/view.js").View | null, address: (hide?: string) => string,
 *   weights: () => Promise<Float32Array>, site: import("./away.js").Site}} Acts what a reader can do, and what views may ask for
 * @param {HTMLElement} root @param {Acts} acts
 */
export function screenOf(root, acts) {
  const other = document.documentElement.lang === "zh" ? "en" : "zh";
  const notice = html("p", { class: "notice", role: "status", "aria-live": "polite" });
  const why = html("p", { class: "soft why" });
  const presets = html("select", { "aria-label": say("preset"), "data-part": "presets", onchange: () => {
    if (presets.value) acts.preset(PRESETS[presets.value]);
  } }, html("option", { value: "" }, say("preset")), ...Object.keys(PRESETS).map((name) => html("option", { value: name }, say(`preset.${name}`))));
  const panel = controls(acts.set, acts.tell);
  const stage = stageOf(acts.choose);
  const time = timeline({ go: (step) => acts.set({ step }), follow: () => acts.set({ step: -1 }), pin: acts.pin });
  const walk = walker(stage.walk);
  const opening = openingOf(acts);
  const lesson = tour(acts.teach);
  const state = inspector(acts);
  const red = redCard();
  const facts = factsCard();
  const startup = startupCard();
  const nudge = nudgeCard(acts.set);
  const away = awaySection({ ...acts, picture: stage.picture, redraw: stage.redraw });
  const unhide = button(say("unhide"), () => acts.set({ hide: "" }), { class: "small unhide" });
  time.element.dataset.part = "time";
  root.replaceChildren(
    html("header", {},
      html("h1", {}, "FiniteGPT"), html("p", { class: "soft intro" }, say("intro")),
      html("div", { class: "tools" }, presets,
        button(say("opening"), () => acts.introduce(1), { "data-part": "lessons" }),
        button(say("lessons"), () => acts.teach(1), { "data-part": "lessons" }),
        button(say("language"), () => acts.set({ lang: other }), { class: "language always", lang: other }),
        button("◐", acts.theme, { class: "always", "aria-label": say("theme"), title: say("theme") }),
        button(say("reset"), acts.reset))),
    notice, opening.element,
    html("main", { class: "screen" }, panel.element,
      html("div", { class: "middle" }, why, ...stage.elements, time.element, walk.element),
      html("aside", { class: "side", "aria-label": say("side") }, lesson.element,
        ...[state, red, facts, startup, nudge].map((card) => card.element))),
    html("footer", {}, away.element, unhide),
  );

  /** Parts that are hidden, once they are all there. @param {string} list */
  function hide(list) {
    const hidden = names(list);
    for (const part of root.querySelectorAll("[data-part]")) part.classList.toggle("gone", hidden.includes(/** @type {HTMLElement} */ (part).dataset.part ?? ""));
    unhide.hidden = hidden.length === 0;
  }

  return {
    time, walk,
    /** @param {Message | null} message */
    tell(message) {
      setText(notice, message ? wordsOf(message) : "");
    },
    /** What the controls show, also where nothing can be trained. @param {import("../link/fields.js").Values} values */
    controls(values) {
      panel.update(values);
      opening.open(values.opening);
      root.classList.toggle("opened", values.opening > 0);
      hide(values.hide);
    },
    /** Another chain, or another look at it. @param {import("../chain/view.js").View} now */
    update(now) {
      time.update(now);
      opening.update(now);
      for (const part of [state, startup, nudge, away]) part.update(now);
      const preset = presetOf(now.values);
      presets.value = preset ?? "";
      setText(why, preset ? say(`why.${preset}`) : "");
      lesson.update(now.values.lesson, root, names(now.values.hide));
    },
    /** The picture; `ends` are states that are never left, to be marked. @param {import("../chain/view.js").View} now
     * @param {Uint8Array | null} ends */
    draw: (now, ends) => stage.update(now, ends),
    /** What the worker has found of the chain. @param {import("../chain/view.js").View} now
     * @param {import("../engine/concluder.js").Found} found */
    conclude(now, found) {
      for (const part of [facts, red, walk]) part.update(now, found);
    },
  };
}

/** @param {Message} message */
function wordsOf({ key, filled = {}, said = {} }) {
  const shown = Object.entries(filled).map(([name, value]) =>
    [name, typeof value === "number" ? value : [value].flat().map(visible).join(", ")]);
  const spoken = Object.entries(said).map(([name, words]) => [name, say(words)]);
  return say(key, Object.fromEntries([...shown, ...spoken]));
}
