// Wires the page: the link -> controls -> the engine's worker -> view -> pictures. Only the newest frame is drawn.

import { addressOf } from "./address.js";
import { awaySection } from "./away.js";
import { Concluder, isOld } from "./concluder.js";
import { controls } from "./controls.js";
import { context, dataEntropy, label, vocabulary } from "./data.js";
import { button, html, setText } from "./dom.js";
import { experimentOf, names, switches } from "./experiment.js";
import { factsCard, redCard, startupCard } from "./facts.js";
import { MOST_BYTES, filesOf, openFiles } from "./imports.js";
import { inspector } from "./inspector.js";
import { lessonValues, tour } from "./lessons.js";
import { nudgeCard } from "./nudge.js";
import { patternOf, patternsOf } from "./patterns.js";
import { PRESETS, presetOf } from "./presets.js";
import { stageOf } from "./stage.js";
import { defaults, sameTraining, toHash, trainedAs } from "./state.js";
import { say, setLanguage, setStrings, visible } from "./strings.js";
import { timeline } from "./timeline.js";
import { Trainer, shownStep } from "./training.js";
import { isChanged, viewOf } from "./view.js";
import { walker } from "./walk.js";

/**
 * @typedef {{values: Record<string, any>, weights: Float32Array, losses: number[], fixed: string | null,
 *   arrows?: number[][], counts: number[]}} CarriedRun
 *   `fixed`: why it cannot be trained again here, as a key; of data that are not one text, `arrows` (which, and how much
 *   each counts) and `counts` of states.
 * @param {{wasm: Uint8Array, worker: () => Worker, strings: Record<string, Record<string, string>>, run: CarriedRun | null}} given
 *   `run` is the run that the page carries and opens with, instead of the notebook's experiment.
 */
export function start({ wasm, worker, strings, run }) {
  setStrings(strings);
  const first = { ...defaults(), ...run?.values };
  const address = addressOf(first);
  let { values, problems } = address.read();
  /** What was last found to be trainable. */
  let good = values;
  /** Weights from a file, and the values they belong to. @type {{values: import("./state.js").Values, weights: Float32Array} | null} */
  let opened = null;
  /** What there was before the tour. @type {import("./state.js").Values | null} */
  let home = null;
  /** @type {any} */
  let looked = null;
  /** @type {import("./view.js").View | null} */
  let view = null;
  /** The states that are marked as never left. @type {Uint8Array | null} */
  let marks = null;
  /** @type {((weights: Float32Array) => void)[]} */
  let wantWeights = [];
  let [frame, telling] = [0, 0];
  let notice = "";
  const root = /** @type {HTMLElement} */ (document.getElementById("page"));
  /** @type {ReturnType<typeof build>} */
  let ui;

  const helper = helperOf(worker);
  if (!helper || !WebAssembly.validate(/** @type {BufferSource} */ (wasm))) {
    document.documentElement.lang = setLanguage(values.lang, navigator.languages);
    root.replaceChildren(html("h1", {}, "FiniteGPT"), html("p", { class: "notice", role: "alert" }, say(helper ? "error.simd" : "error.engine")));
    return;
  }
  const trainer = new Trainer(helper, wasm, { trained, looked: answered, failed: (key, filled) => tell(say(key, filled)) });
  const concluder = new Concluder(worker, wasm, { concluded, failed: (key, filled) => tell(say(key, filled)) });
  ui = build();
  hide();
  if (problems.length) tell(say("notice.link", { list: problems.map(visible).join(", ") }));
  if (!retrain()) {
    const refused = notice;
    values = { ...first, lang: values.lang, theme: values.theme };
    retrain();
    address.write(values);
    tell(refused);
  }
  addEventListener("hashchange", () => {
    const next = address.read();
    if (toHash(next.values) === toHash(values)) return;
    tell("");
    adopt(next.values);
    if (next.problems.length) tell(say("notice.link", { list: next.problems.map(visible).join(", ") }));
  });
  addEventListener("keydown", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.ctrlKey || event.metaKey || event.altKey || target.closest("input, textarea, select, button, summary")) return;
    if (event.key === " ") ui.time.toggle();
    else if (event.key === "ArrowRight") ui.time.step(1);
    else if (event.key === "ArrowLeft") ui.time.step(-1);
    else return;
    event.preventDefault();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", later);
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    const entries = [...(event.dataTransfer?.items ?? [])].map((item) => item.webkitGetAsEntry?.());
    filesOf(entries, [...(event.dataTransfer?.files ?? [])]).then(open, () => tell(say("notice.file", { name: "?" })));
  });

  /** The whole page, in the language of now. */
  function build() {
    document.documentElement.lang = setLanguage(values.lang, navigator.languages ?? [navigator.language]);
    document.title = `FiniteGPT: ${say("title")}`;
    const told = html("p", { class: "notice", role: "status", "aria-live": "polite" }, notice);
    const why = html("p", { class: "soft why" });
    const presets = html("select", { "aria-label": say("preset"), "data-part": "presets", onchange: () => {
      if (presets.value) become({ ...defaults(), ...PRESETS[presets.value] });
    } }, html("option", { value: "" }, say("preset")), ...Object.keys(PRESETS).map((name) => html("option", { value: name }, say(`preset.${name}`))));
    const panel = controls(set, tell);
    const stage = stageOf(choose);
    const time = timeline({ go: (step) => set({ step }), follow: () => set({ step: -1 }), pin: () => set({ pin: values.pin < 0 && view ? view.step : -1 }) });
    const walk = walker(stage.walk);
    const lesson = tour(teach);
    const cards = { state: inspector({ choose, toggle, redden, tell }), red: redCard(), facts: factsCard(), startup: startupCard(), nudge: nudgeCard(set) };
    const away = awaySection({
      view: () => view, picture: stage.picture, tell, open,
      address: (hide = values.hide) => address.whole({ ...trainedAs(values, good), hide }),
      weights: () => new Promise((resolve) => {
        wantWeights.push(resolve);
        ask();
      }),
    });
    const unhide = button(say("unhide"), () => set({ hide: "" }), { class: "small unhide" });
    time.element.dataset.part = "time";
    root.replaceChildren(
      html("header", {},
        html("h1", {}, "FiniteGPT"), html("p", { class: "soft intro" }, say("intro")),
        html("div", { class: "tools" }, presets,
          button(say("lessons"), () => teach(1), { "data-part": "lessons" }),
          button(say("language"), () => set({ lang: document.documentElement.lang === "zh" ? "en" : "zh" }), { class: "language", lang: document.documentElement.lang === "zh" ? "en" : "zh" }),
          button("◐", theme, { "aria-label": say("theme"), title: say("theme") }),
          button(say("reset"), () => become(first)))),
      told,
      html("main", { class: "screen" }, panel.element,
        html("div", { class: "middle" }, why, ...stage.elements, time.element, walk.element),
        html("aside", { class: "side", "aria-label": say("side") }, lesson.element, ...Object.values(cards).map((card) => card.element))),
      html("footer", {}, away.element, unhide),
    );
    document.documentElement.dataset.theme = values.theme;
    return { told, why, presets, panel, stage, time, walk, lesson, cards, away, unhide };
  }

  /** @param {string} text */
  function tell(text) {
    notice = text;
    setText(ui.told, text);
  }

  /** Takes changes of the values, and does what they ask for. @param {Record<string, any>} changes */
  function set(changes) {
    const next = { ...values, ...changes };
    if (!sameTraining(next, values)) next.step = -1;
    if (Object.keys(changes).some((key) => key !== "step" && key !== "state")) tell("");
    adopt(next);
    address.writeSoon(values);
  }

  /** Another experiment altogether, which the Back button leaves again. @param {import("./state.js").Values} wanted */
  function become(wanted) {
    address.write(values);
    const next = { ...wanted, lang: values.lang, theme: values.theme, hide: values.hide };
    address.push(next);
    ui.time.stop();
    tell("");
    adopt(next);
  }

  /** Goes to a lesson, or with 0 back to what there was before the first. @param {number} k */
  function teach(k) {
    if (k && !values.lesson) home = values;
    if (k) become(lessonValues(k));
    else if (home) become({ ...home, lesson: 0 });
    else set({ lesson: 0 });
    if (!k) home = null;
  }

  /** @param {import("./state.js").Values} next */
  function adopt(next) {
    const before = values;
    values = next;
    if (opened && !sameTraining(opened.values, values)) opened = null;
    if (values.lang !== before.lang) rebuild();
    document.documentElement.dataset.theme = values.theme;
    if (sameTraining(before, values)) refresh();
    else retrain();
  }

  function rebuild() {
    const held = document.activeElement?.classList.contains("language");
    ui.time.stop();
    ui.walk.stop();
    ui = build();
    hide();
    if (held) /** @type {HTMLElement} */ (root.querySelector(".language")).focus();
  }

  function theme() {
    const dark = values.theme === "dark" || (values.theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
    set({ theme: dark ? "light" : "dark" });
  }

  /** Asks for the training that the values are; where there is none, says why and keeps what there is. */
  function retrain() {
    const { experiment, problem } = experimentOf(values);
    ui.panel.update(values);
    if (!experiment) {
      tell(say(problem.key, problem.values));
      return false;
    }
    good = values;
    if (experiment.madeWidth) tell(say("notice.heads", { width: values.width, made: experiment.shape.nEmbd }));
    const own = run && !opened && sameTraining(first, values) ? run : null;
    if (own?.fixed) tell(say("notice.fixed", { why: say(own.fixed) }));
    if (own?.arrows) {
      const arrows = new Float64Array(experiment.arrows.length);
      const [which, shares] = own.arrows;
      which.forEach((arrow, k) => (arrows[arrow] = shares[k]));
      Object.assign(experiment, { arrows, counts: Int32Array.from(own.counts), entropy: dataEntropy(arrows, experiment.V) });
    }
    trainer.train(experiment, opened ? { weights: opened.weights, losses: [], retrain: false } : own && { ...own, retrain: !own.fixed });
    return true;
  }

  function trained() {
    const { id, diverged } = /** @type {import("./training.js").Trained} */ (trainer.trained);
    if (looked?.id !== id) looked = null;
    if (diverged) tell(say("notice.diverged"));
    refresh();
  }

  /** Something that is shown has changed: asks the engine what must be asked, and draws. */
  function refresh() {
    if (!trainer.trained) return;
    if (isChanged(values) || values.state >= 0 || values.startup || wantWeights.length) ask();
    else looked = null;
    later();
  }

  function ask() {
    const now = trainer.trained;
    if (!now) return;
    const { V, L, n, shape } = now.experiment;
    const state = values.state < n ? values.state : -1;
    trainer.look({
      step: shownStep(now, values.step), question: state, rows: isChanged(values), startup: values.startup,
      nudge: { param: values.param, delta: values.delta, along: values.along, direction: values.direction },
      switches: switches(values.off, shape), weights: wantWeights.length > 0,
      context: state < 0 ? null : context(state, V, L),
    });
  }

  /** @param {any} answer */
  function answered(answer) {
    looked = answer;
    if (answer.weights) for (const resolve of wantWeights.splice(0)) resolve(answer.weights);
    later();
  }

  function later() {
    if (!frame) frame = requestAnimationFrame(drawAll);
  }

  function drawAll() {
    frame = 0;
    const now = trainer.trained;
    if (!now || (isChanged(values) && !looked?.rows)) return;
    const next = viewOf(trainedAs(values, good), now, looked);
    if (next.p.some(Number.isNaN)) return tell(say("notice.diverged"));
    view = next;
    if (next.bad.length) tell(say("notice.red", { list: next.bad.map(visible).join(", ") }));
    concluder.ask(next);
    draw(next);
    conclude(next);
    ui.time.update(next);
    ui.panel.update(values);
    ui.cards.state.update(next);
    ui.cards.startup.update(next);
    ui.cards.nudge.update(next);
    ui.away.update(next);
    const preset = presetOf(next.values);
    ui.presets.value = preset ?? "";
    setText(ui.why, preset ? say(`why.${preset}`) : "");
    ui.lesson.update(values.lesson, root, names(values.hide));
    hide();
  }

  /** The worker has found something of the chain: it is told in the next frame. */
  function concluded() {
    if (!frame && !telling) telling = requestAnimationFrame(() => {
      telling = 0;
      if (!frame && view) conclude(view);
    });
  }

  /** What is known of the chain as it is now. @param {import("./view.js").View} now */
  function conclude(now) {
    if (marks !== marked(now)) draw(now);
    ui.cards.facts.update(now, concluder.found);
    ui.cards.red.update(now, concluder.found);
    ui.walk.update(now, concluder.found);
  }

  /** @param {import("./view.js").View} now */
  function draw(now) {
    marks = marked(now);
    ui.stage.update(now, marks);
  }

  /** The states that are never left, where they are worth a mark. Until they are known, those of the chain before.
   * @param {import("./view.js").View} now */
  function marked({ n }) {
    const { classes } = concluder.found;
    if (!classes || isOld(concluder.found, "classes")) return marks?.length === n ? marks : null;
    return values.greedy || classes.ends > 1 ? classes.inEnds : null;
  }

  function hide() {
    const hidden = names(values.hide);
    for (const part of root.querySelectorAll("[data-part]")) part.classList.toggle("gone", hidden.includes(/** @type {HTMLElement} */ (part).dataset.part ?? ""));
    ui.unhide.hidden = hidden.length === 0;
  }

  /** @param {number} id */
  function choose(id) {
    set({ state: id === values.state ? -1 : id });
  }

  /** @param {string} part a head or an MLP */
  function toggle(part) {
    const off = new Set(names(values.off));
    if (!off.delete(part)) off.add(part);
    set({ off: [...off].sort().join(",") });
  }

  /** A state becomes red, or is so no more. @param {number} id */
  function redden(id) {
    if (!view) return;
    const { vocab, L, red } = view;
    const name = (/** @type {number} */ one) => patternOf(label(one, vocab, L));
    const others = [...red.keys()].filter((one) => red[one] && one !== id);
    set({ red: (red[id] ? others.map(name) : [...patternsOf(values.red), name(id)]).join(", ") });
  }

  /** @param {File[]} files */
  async function open(files) {
    if (!files.length) return;
    if (files.some(({ size }) => size > MOST_BYTES)) return tell(say("notice.file.large", { name: visible(files[0].name) }));
    let read;
    try {
      read = await Promise.all(files.map(async (file) => ({ name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) })));
    } catch {
      return tell(say("notice.file", { name: visible(files[0].name) })); // it has gone, or may not be read
    }
    const result = openFiles(read);
    if (!result.opened) return tell(say(result.problem.key, result.problem.values));
    const { changes, weights, unknown } = result.opened;
    /** @type {import("./state.js").Values} */
    const next = { ...values, step: -1, pin: -1, state: -1, off: "", delta: 0, along: 0, lesson: 0, ...changes };
    if (next.vocab === vocabulary(next.data).join("")) next.vocab = "";
    const { experiment, problem } = experimentOf(next);
    if (!experiment) return tell(say(problem.key, problem.values));
    if (weights && (weights.shape.vocabSize !== experiment.V || experiment.madeWidth))
      return tell(say("notice.file.vocab", { V: weights.shape.vocabSize, n: experiment.V }));
    become(next);
    if (weights) {
      opened = { values, weights: weights.weights };
      retrain();
    }
    const parts = [say("notice.opened", { name: files.map(({ name }) => visible([...name].slice(0, 40).join(""))).join(", ") })];
    if (unknown.length) parts.push(say("notice.fixed", { why: say("fixed.unknown", { list: visible(unknown.join(", ")) }) }));
    tell(parts.join(" "));
  }
}

/** The worker, or null where the browser allows none. @param {() => Worker} worker */
function helperOf(worker) {
  try {
    return worker();
  } catch {
    return null;
  }
}

/** The run that a page carries, from its text in the page; null where it carries none. @param {string} text */
export function carriedRun(text) {
  if (!text.trim()) return null;
  const run = JSON.parse(text);
  const bytes = Uint8Array.from(atob(run.weights), (sign) => sign.charCodeAt(0));
  return { ...run, weights: new Float32Array(bytes.buffer) };
}
