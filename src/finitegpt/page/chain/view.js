// What one frame shows: the chain after the step chosen, with parts switched off or weights moved, decoded. Pure.

import { askedOf } from "./asked.js";
import { counted, crossEntropy, decode, probabilities } from "./chain.js";
import { isOld } from "../engine/concluder.js";
import { names } from "./experiment.js";
import { howOf } from "./parts.js";
import { redStates } from "./patterns.js";
import { overwritten, typedRows } from "./typed.js";
import { chainAfter, shownStep } from "../engine/training.js";

/**
 * @typedef {{values: import("../link/fields.js").Values, trained: import("../engine/training.js").Trained, vocab: string[], V: number,
 *   L: number, n: number, shape: import("../engine/weights.js").Shape, counts: Int32Array, entropy: number, step: number,
 *   rows: Float32Array, p: Float64Array, gpt: Float64Array, before: Float64Array | null, was: Float64Array | null,
 *   ghost: Float64Array | null, whole: boolean, asked: import("./asked.js").Asked | null, red: Uint8Array, bad: string[], chosen: number, off: Set<string>, looked: any, loss: number}} View
 *   `rows` are the log-probabilities shown, decoded, and `p` their probabilities, for drawing and walking, with the rows that
 *   were typed over; `gpt` are those without; `before` are those of the step that is pinned, `was`, where parts are off, those
 *   of the chain as it was trained, with the rows that were typed over, and `ghost` those of the data itself;
 *   where the chain is not whole, all of these are empty and `asked` answers for each state (see asked.js);
 *   `loss` is that of the chain on the data, before decoding, NaN where it is another that training lowers.
 */

/** Whether the chain differs from the one that training made. @param {import("../link/fields.js").Values} values */
export function isChanged(values) {
  return names(values.off).length > 0 || values.delta !== 0 || values.along !== 0;
}

/**
 * @param {import("../link/fields.js").Values} values @param {import("../engine/training.js").Trained} trained
 * @param {any} looked the worker's last answer about this training
 * @param {import("./asked.js").Predict | null} predict what chains are asked with that are not whole @returns {View}
 */
export function viewOf(values, trained, looked, predict = null) {
  const { experiment } = trained;
  if (!experiment.whole) return largeView(values, trained, looked, /** @type {import("./asked.js").Predict} */ (predict));
  const { vocab, V, L, n, shape, counts, arrows, entropy } = experiment;
  const step = shownStep(trained, values.step);
  const how = howOf(values);
  const shown = (/** @type {Float32Array} */ one) => probabilities(decode(one, V, how), V);
  const raw = isChanged(values) && looked?.rows ? looked.rows : chainAfter(trained, step);
  const decoded = decode(raw, V, how);
  const typed = typedRows(values.rows, V, n);
  const rows = overwritten(decoded, V, typed);
  const p = probabilities(rows, V);
  const { red, bad } = redStates(values.red, vocab, L);
  return {
    values, trained, vocab, V, L, n, shape, counts, entropy, step, rows, p, gpt: typed.size ? probabilities(decoded, V) : p,
    before: values.pin >= 0 ? shown(chainAfter(trained, shownStep(trained, values.pin))) : null,
    was: names(values.off).length > 0 ? probabilities(overwritten(decode(chainAfter(trained, step), V, how), V, typed), V) : null,
    ghost: values.ghost ? counted(arrows, V) : null,
    whole: true, asked: null, red, bad, chosen: values.state < n ? values.state : -1, off: new Set(names(values.off)), looked,
    loss: experiment.plan.everyPosition || experiment.plan.lengths ? (trained.losses[step] ?? NaN) : crossEntropy(raw, arrows),
  };
}

/** @param {import("../link/fields.js").Values} values @param {import("../engine/training.js").Trained} trained @param {any} looked
 * @param {import("./asked.js").Predict} predict @returns {View} */
function largeView(values, trained, looked, predict) {
  const { vocab, V, L, n, shape, counts, entropy, plan } = trained.experiment;
  const step = shownStep(trained, values.step);
  const asked = askedOf(values, trained, predict);
  const none = new Float64Array(0);
  return {
    values, trained, vocab, V, L, n, shape, counts, entropy, step, rows: new Float32Array(0), p: none, gpt: none,
    before: values.pin >= 0 ? none : null, was: asked.was ? none : null, ghost: null, whole: false, asked, red: new Uint8Array(0), bad: asked.bad,
    chosen: values.state < n ? values.state : -1, off: new Set(names(values.off)), looked,
    loss: plan.batch || isChanged(values) ? NaN : (trained.losses[step] ?? NaN),
  };
}

/** The states that are never left, where they are worth a mark. Until they are known, those of the chain before.
 * @param {View} view @param {import("../engine/concluder.js").Found} found @param {Uint8Array | null} before */
export function marked({ n, values }, found, before) {
  if (!found.classes || isOld(found, "classes")) return before?.length === n ? before : null;
  return values.greedy || found.classes.ends > 1 ? found.classes.inEnds : null;
}
