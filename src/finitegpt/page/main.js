// Wires the page: the link -> the store -> the engine's workers -> frames -> the screen.

import { experimentOf } from "./chain/experiment.js";
import { reddened } from "./chain/patterns.js";
import { Concluder } from "./engine/concluder.js";
import { Engine } from "./engine/engine.js";
import { Trainer, begunWorker } from "./engine/training.js";
import { takeDrops } from "./files/drops.js";
import { opened } from "./files/open.js";
import { say, setLanguage, setStrings } from "./ground/strings.js";
import { addressOf } from "./link/address.js";
import { defaults, sameTraining, toHash } from "./link/fields.js";
import { hosted } from "./link/host.js";
import { shared, taken } from "./store/shared.js";
import { accepted, begun, changed, drawn, filled, followed, found, introduced, otherTheme, preset, refused, replaced, restarted, shownMessage, taught, toggled, told } from "./store/store.js";
import { html } from "./views/dom.js";
import { framesOf } from "./views/frames.js";
import { screenOf } from "./views/screen.js";

/**
 * @param {{wasm: Uint8Array, worker: () => Worker, strings: Record<string, Record<string, string>>,
 *   glossary: Record<string, any>,
 *   run: import("./files/carried.js").CarriedRun | null, port: Promise<MessagePort> | null,
 *   site: import("./views/away.js").Site}} given
 *   `run` is the run that the page carries and opens with, instead of the notebook's experiment; `port` is a notebook's;
 *   `site`: where the page is.
 */
export function start({ wasm, worker, strings, glossary, run, port, site }) {
  setStrings(strings, glossary);
  const root = /** @type {HTMLElement} */ (document.getElementById("page"));
  const address = addressOf({ ...defaults(), ...run?.values }, run ? 0 : 1);
  let store = begun({ ...defaults(), ...run?.values }, address.read());
  speak();
  const helper = begunWorker(worker);
  if (!helper || !WebAssembly.validate(/** @type {BufferSource} */ (wasm))) {
    return root.replaceChildren(html("h1", {}, "FiniteGPT"), html("p", { class: "notice", role: "alert" }, say(helper ? "error.simd" : "error.engine")));
  }
  const frames = framesOf({
    values: () => store.values, drawn: () => drawn(store), screen: () => screen, found: (message) => said(found(store, message)), trainer: () => trainer, concluder: () => concluder, engine: () => Engine.from(/** @type {BufferSource} */ (wasm)),
  });
  const failed = (/** @type {string} */ key, /** @type {any} */ values) => tell({ key, filled: values });
  const trainer = new Trainer(helper, wasm, { trained: frames.trained, looked: frames.looked, failed });
  const concluder = new Concluder(worker, wasm, { concluded: frames.concluded, failed });
  const acts = {
    tell, open, site, view: frames.view, weights: frames.weights,
    set: (/** @type {Record<string, any>} */ changes) => go(changed(store, changes), "writeSoon"),
    preset: (/** @type {Record<string, any>} */ changes) => go(replaced(store, preset(changes)), "push"),
    introduce: (/** @type {number} */ scene) => go(introduced(store, scene), "push"),
    teach: (/** @type {number} */ lesson) => go(taught(store, lesson), "push"),
    reset: () => go(replaced(store, store.first), "push"),
    choose: (/** @type {number} */ id) => acts.set({ state: id === store.values.state ? -1 : id }),
    theme: () => acts.set({ theme: otherTheme(store.values, matchMedia("(prefers-color-scheme: dark)").matches) }),
    toggle: (/** @type {string} */ part) => acts.set({ off: toggled(store.values.off, part) }),
    redden: (/** @type {number} */ id) => acts.set({ red: reddened(/** @type {any} */ (frames.view()), store.values.red, id) }),
    pin: () => acts.set({ pin: store.values.pin < 0 ? (frames.view()?.step ?? -1) : -1 }),
    address: (hide = store.values.hide) => address.whole({ ...drawn(store), hide }),
  };
  const now = () => /** @type {Parameters<typeof shared>} */ ([drawn(store), trainer.waiting?.experiment, store.first]);
  const host = hosted(port, (given) => taken(given, ...now()).forEach(acts.set), () => shared(...now()));
  let screen = screenOf(root, acts);
  show();
  if (!retrain()) {
    const { message } = store;
    store = restarted(store);
    retrain();
    address.write(store.values);
    tell(message);
  }
  addEventListener("hashchange", () => {
    const read = address.read();
    if (toHash(read.values) !== toHash(store.values)) go(followed(store, read), null);
  });
  addEventListener("keydown", (event) => screen.key(event));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", frames.later);
  takeDrops(open, () => tell({ key: "notice.file", filled: { name: "?" }, at: "away" }));

  /** The store becomes another; the link is written, or a new place of the browser's history is made.
   * @param {import("./store/store.js").Store} next @param {"writeSoon" | "push" | null} how */
  function go(next, how) {
    const before = store.values;
    if (how === "push") {
      address.write(before);
      screen.time.stop();
    }
    store = next;
    if (how) address[how](store.values);
    host.later();
    if (store.values.lang !== before.lang) rebuild();
    show();
    if (sameTraining(before, store.values)) frames.refresh();
    else retrain();
  }

  /** What can be shown at once. */
  function show() {
    document.title = `FiniteGPT: ${say("title")}`;
    document.documentElement.dataset.theme = store.values.theme;
    screen.controls(store.values);
    screen.tell(shownMessage(store));
  }

  function rebuild() {
    const held = document.activeElement?.classList.contains("language");
    screen.stop();
    speak();
    screen = screenOf(root, acts);
    if (held) /** @type {HTMLElement} */ (root.querySelector(".language")).focus();
  }

  /** The language of now. */
  function speak() {
    document.documentElement.lang = setLanguage(store.values.lang, navigator.languages ?? [navigator.language]);
  }

  /** @param {import("./store/store.js").Message | null} message */
  function tell(message) {
    said(told(store, message));
  }

  /** What there is to say has become another. @param {import("./store/store.js").Store} next */
  function said(next) {
    store = next;
    screen.tell(shownMessage(store));
  }

  /** Asks for the training that the values are; where there is none, says why and keeps what there is. */
  function retrain() {
    const { experiment, problem } = experimentOf(store.values);
    if (!experiment) {
      said(refused(store, problem));
      return false;
    }
    said(accepted(store, experiment));
    const own = run && !store.opened && sameTraining(store.first, store.values) ? run : null;
    if (own?.fixed) tell({ key: "notice.fixed", said: { why: own.fixed } });
    trainer.train(experiment, store.opened ? { weights: store.opened.weights, losses: [], retrain: false } : own && { ...own, retrain: !own.fixed });
    return true;
  }

  /** @param {File[]} files */
  async function open(files) {
    if (!files.length) return;
    const { changes, weights = null, message } = /** @type {any} */ (await opened(files, store.values));
    if (changes) go(filled(store, changes, weights), "push");
    if (weights) retrain();
    tell(message);
  }
}
