// Frames: what is asked of the workers about what is shown, and drawn when they have answered. Only the newest is drawn.

import { context } from "../chain/data.js";
import { switches } from "../chain/experiment.js";
import { rowOf, commonest } from "../chain/asked.js";
import { isChanged, marked, viewOf } from "../chain/view.js";
import { shownStep } from "../engine/training.js";

/**
 * @typedef {import("../chain/view.js").View} View
 * @param {{values: () => import("../link/fields.js").Values, drawn: () => import("../link/fields.js").Values,
 *   screen: () => ReturnType<typeof import("./screen.js").screenOf>, found: (message: import("../store/store.js").Message | null) => void,
 *   trainer: () => import("../engine/training.js").Trainer, concluder: () => import("../engine/concluder.js").Concluder,
 *   engine: () => Promise<import("../engine/engine.js").Engine>}} page `engine`: one of the page's own, for chains that are not whole
 */
export function framesOf(page) {
  /** What the worker last told of a step. @type {any} */
  let looked = null;
  /** @type {View | null} */
  let view = null;
  /** @type {import("../engine/engine.js").Engine | null} */
  let engine = null;
  let begun = false;
  /** The states that are marked as never left. @type {Uint8Array | null} */
  let marks = null;
  /** @type {((weights: Float32Array) => void)[]} */
  const wantWeights = [];
  let [frame, telling] = [0, 0];

  function ask() {
    const { trained } = page.trainer();
    if (!trained) return;
    const values = page.values();
    const { V, L, n, shape, whole } = trained.experiment;
    const state = values.state < n ? values.state : -1;
    page.trainer().look({
      step: shownStep(trained, values.step), question: state, rows: whole && isChanged(values), startup: whole && values.startup,
      nudge: { param: values.param, delta: values.delta, along: values.along, direction: values.direction },
      switches: switches(values.off, shape), weights: wantWeights.length > 0,
      context: state < 0 ? null : context(state, V, L),
    });
  }

  function draw() {
    frame = 0;
    const { trained } = page.trainer();
    if (!trained) return;
    const { whole } = trained.experiment;
    if (whole ? isChanged(page.values()) && !looked?.rows : !ready()) return;
    const next = viewOf(page.drawn(), trained, looked, engine && engine.predict.bind(engine));
    const broken = (whole ? next.p : rowOf(next, commonest(next))).some(Number.isNaN);
    if (trained.diverged || broken) page.found({ key: "notice.diverged", at: "lr" });
    else page.found(next.bad.length ? { key: "notice.red", filled: { list: next.bad }, at: "red" } : null);
    if (broken) return;
    view = next;
    if (whole) page.concluder().ask(next);
    else page.concluder().rest();
    conclude(next, true);
    page.screen().update(next);
    page.screen().controls(page.values());
  }

  /** Whether the page has an engine of its own; otherwise it is asked for, and what was to be drawn is drawn then. */
  function ready() {
    if (!begun) page.engine().then((made) => {
      engine = made;
      frames.later();
    });
    begun = true;
    return engine !== null;
  }

  /** What is known of the chain as it is now; and the picture, where it or its marks are others.
   * @param {View} now @param {boolean} afresh */
  function conclude(now, afresh) {
    const { found } = page.concluder();
    const before = marks;
    marks = marked(now, found, before);
    if (afresh || marks !== before) page.screen().draw(now, marks);
    page.screen().conclude(now, found);
  }

  const frames = {
    /** What was drawn last. */
    view: () => view,
    /** Draws all, in the next frame. */
    later() {
      if (!frame) frame = requestAnimationFrame(draw);
    },
    /** Something that is shown has changed: asks the engine what must be asked, and draws. */
    refresh() {
      if (!page.trainer().trained) return;
      const values = page.values();
      if (isChanged(values) || values.state >= 0 || values.startup || wantWeights.length) ask();
      else looked = null;
      frames.later();
    },
    /** The worker has trained, or gone on. */
    trained() {
      const { id } = /** @type {import("../engine/training.js").Trained} */ (page.trainer().trained);
      if (looked?.id !== id) looked = null;
      frames.refresh();
    },
    /** The worker has looked into a step. @param {any} answer */
    looked(answer) {
      looked = answer;
      if (answer.weights) for (const resolve of wantWeights.splice(0)) resolve(answer.weights);
      frames.later();
    },
    /** The worker has found something of the chain: it is told in the next frame. */
    concluded() {
      if (!frame && !telling) telling = requestAnimationFrame(() => {
        telling = 0;
        if (!frame && view) conclude(view, false);
      });
    },
    /** The weights of the chain that is shown. @returns {Promise<Float32Array>} */
    weights: () => new Promise((resolve) => {
      wantWeights.push(resolve);
      ask();
    }),
  };
  return frames;
}
