// The whole screen: which views there are, where they stand, and what each is told when something changes.

import { names } from "../chain/experiment.js";
import { say } from "../ground/strings.js";
import { PRESETS, presetOf } from "../link/presets.js";
import { announced } from "./announced.js";
import { awaySection } from "./away.js";
import { controls } from "./controls.js";
import { button, html, setText } from "./dom.js";
import { factsCard, redCard, startupCard } from "./facts.js";
import { inspector } from "./inspector.js";
import { openingOf } from "./opening/opening.js";
import { keysOf } from "./keys.js";
import { noticeOf } from "./notice.js";
import { nudgeCard } from "./nudge.js";
import { pinnedKey } from "./pinned.js";
import { sheetOf } from "./sheet.js";
import { stageOf } from "./stage.js";
import { tableOf } from "./table.js";
import { explained, glossaryOf, setExplained } from "./glossary.js";
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
  const notice = noticeOf(root, () => acts.tell(null));
  const intro = html("p", { class: "soft intro" }, ...explained("intro"));
  const why = html("p", { class: "soft why" });
  const presets = html("select", { "aria-label": say("preset"), "data-part": "presets", onchange: () => {
    if (presets.value) acts.preset(PRESETS[presets.value]);
  } }, html("option", { value: "" }, say("preset")), ...Object.keys(PRESETS).map((name) => html("option", { value: name }, say(`preset.${name}`))));
  const panel = controls(acts.set, acts.tell);
  const stage = stageOf(acts.choose);
  const table = tableOf(acts.set, acts.tell, acts.choose);
  const time = timeline({ go: (step) => acts.set({ step }), follow: () => acts.set({ step: -1 }), pin: acts.pin });
  const walk = walker(stage.walk);
  const opening = openingOf(acts);
  const glossary = glossaryOf();
  const lesson = tour(acts.teach, acts.set);
  const state = inspector(acts);
  const red = redCard();
  const facts = factsCard();
  const startup = startupCard();
  const nudge = nudgeCard(acts.set);
  const away = awaySection({ ...acts, picture: stage.picture, redraw: stage.redraw });
  const spoken = announced();
  const pinned = pinnedKey();
  const sheet = sheetOf(state.element, root, () => acts.set({ state: -1 }));
  const keys = keysOf(time, close);
  const skip = button(say("screen.skip"), () => /** @type {HTMLElement} */ (root.querySelector(".stage [tabindex='0']") ?? stage.elements[0]).focus(), { class: "skiplink" });
  const unhide = button(say("unhide"), () => acts.set({ hide: "" }), { class: "small unhide" });
  time.element.dataset.part = "time";
  stage.elements[0].tabIndex = -1;
  root.replaceChildren(
    skip,
    html("header", {},
      html("h1", {}, "FiniteGPT"), intro,
      html("div", { class: "tools" }, presets,
        glossary.open,
        button(say("opening"), () => acts.introduce(1), { "data-part": "lessons" }),
        button(say("lessons"), () => acts.teach(1), { "data-part": "lessons" }),
        button(say("language"), () => acts.set({ lang: other }), { class: "language always", lang: other }),
        button("◐", acts.theme, { class: "always", "aria-label": say("theme"), title: say("theme") }),
        button(say("reset"), acts.reset), keys.opener)),
    ...notice.elements, spoken.element, keys.list, opening.element,
    // The graph comes first for those who go by keyboard; the panel stands at its left all the same.
    html("main", { class: "screen" },
      html("div", { class: "middle" }, why, ...stage.elements, html("p", { class: "soft hint" }, say("screen.hint")), pinned.element, ...table.elements, time.element),
      panel.element,
      html("aside", { class: "side", "aria-label": say("side") }, lesson.element,
        ...[state, red, facts, startup, nudge].map((card) => card.element))),
    html("footer", {}, away.element, unhide), glossary.dialog,
  );
  placeWalk();
  new ResizeObserver(() => requestAnimationFrame(placeWalk)).observe(/** @type {Element} */ (root.querySelector("header")));

  /** The walk stands beside the graph, or right below it where there is no room beside it. */
  function placeWalk() {
    const before = matchMedia("(max-width: 68rem)").matches ? stage.elements[stage.elements.length - 1] : lesson.element;
    if (before.nextElementSibling === walk.element) return;
    const held = walk.element.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement) : null;
    before.after(walk.element);
    held?.focus();
  }

  /** @type {string | null} */
  let hiddenNow = null;
  /** Parts that are hidden, once they are all there. @param {string} list */
  function hide(list) {
    if (list === hiddenNow) return;
    hiddenNow = list;
    const hidden = names(list);
    for (const part of root.querySelectorAll("[data-part]")) part.classList.toggle("gone", hidden.includes(/** @type {HTMLElement} */ (part).dataset.part ?? ""));
    unhide.hidden = hidden.length === 0;
  }

  /** What Escape closes: a message at the top, the opening, the tour or the chosen state. */
  function close() {
    const view = acts.view();
    if (notice.tellsAbove()) acts.tell(null);
    else if (!opening.element.hidden) acts.introduce(0);
    else if (view?.values.lesson) acts.teach(0);
    else if (view && view.chosen >= 0) acts.set({ state: -1 });
  }

  return {
    time, key: keys.pressed, tell: notice.tell,
    /** Nothing of it goes on: another screen takes its place. */
    stop: () => [time, walk, lesson].forEach((part) => part.stop()),
    /** What the controls show, also where nothing can be trained. @param {import("../link/fields.js").Values} values */
    controls(values) {
      panel.update(values);
      opening.open(values.opening);
      root.classList.toggle("introducing", values.opening > 0);
      hide(values.hide);
    },
    /** Another chain, or another look at it. @param {import("../chain/view.js").View} now */
    update(now) {
      time.update(now);
      opening.update(now);
      for (const part of [table, state, startup, nudge, away, spoken, pinned]) part.update(now);
      sheet.update(now.chosen >= 0);
      const preset = presetOf(now.values);
      presets.value = preset ?? "";
      setExplained(why, preset ? `why.${preset}` : "");
      lesson.update(now.values, root, names(now.values.hide));
    },
    /** The picture; `ends` are states that are never left, to be marked. @param {import("../chain/view.js").View} now
     * @param {Uint8Array | null} ends */
    draw(now, ends) {
      stage.update(now, ends);
      setExplained(intro, stage.partly() ? "intro.large" : "intro");
    },
    /** What the worker has found of the chain. @param {import("../chain/view.js").View} now
     * @param {import("../engine/concluder.js").Found} found */
    conclude(now, found) {
      for (const part of [facts, red, walk]) part.update(now, found);
    },
  };
}
