// What views ask of a chain, state by state. All rows of a chain that is whole are there; those of a larger one are computed
// when they are asked for.

import { decode, probabilities } from "./chain.js";
import { context, label } from "./data.js";
import { names, switches } from "./experiment.js";
import { howOf } from "./parts.js";
import { redTest } from "./patterns.js";
import { typedRows } from "./typed.js";
import { chainAfter, shownStep } from "../engine/training.js";
import { nudged } from "../engine/weights.js";
import { visible } from "../ground/strings.js";

const MOST_KEPT = 20_000; // rows that are remembered, of each kind

/**
 * @typedef {import("./view.js").View} View
 * @typedef {(shape: import("../engine/weights.js").Shape, weights: Float32Array, switches: Float32Array | null,
 *   contexts: number[][]) => Float32Array} Predict the engine: log-probabilities of some contexts
 * @typedef {{row: Rows, before: Rows | null, was: Rows | null, isRed: (id: number) => boolean, bad: string[]}} Asked
 * @typedef {{of: (id: number) => Float64Array, ahead: (ids: number[]) => void}} Rows rows by state; `ahead`: many are computed at once
 */

/** @param {View} view @param {number} id @returns {Float64Array} */
export function rowOf({ asked, p, V }, id) {
  return asked ? asked.row.of(id) : p.subarray(id * V, (id + 1) * V);
}

/** The row after the step that is pinned. @param {View} view @param {number} id */
export function beforeOf({ asked, before, V }, id) {
  return asked ? (asked.before?.of(id) ?? null) : (before?.subarray(id * V, (id + 1) * V) ?? null);
}

/** The row as it was trained, where parts are off. @param {View} view @param {number} id */
export function wasOf({ asked, was, V }, id) {
  return asked ? (asked.was?.of(id) ?? null) : (was?.subarray(id * V, (id + 1) * V) ?? null);
}

/** How often the data shows a state. @param {View} view @param {number} id */
export function countOf({ trained }, id) {
  return trained.experiment.seen.get(id) ?? 0;
}

/** @param {View} view @param {number} id */
export function isRed({ asked, red }, id) {
  return asked ? asked.isRed(id) : red[id] === 1;
}

/** @param {View} view @param {number} id */
export function nameOf({ vocab, L }, id) {
  return visible(label(id, vocab, L));
}

/** The state that the data has most often. @param {View} view */
export function commonest({ trained }) {
  let [best, most] = [0, 0];
  for (const [id, count] of trained.experiment.seen) if (count > most || (count === most && id < best)) [best, most] = [id, count];
  return best;
}

/**
 * What can be asked of a chain that is not whole.
 * @param {import("../link/fields.js").Values} values @param {import("../engine/training.js").Trained} trained
 * @param {Predict} predict @returns {Asked}
 */
export function askedOf(values, trained, predict) {
  const { vocab, V, L, n, shape } = trained.experiment;
  const typed = typedRows(values.rows, V, n);
  const weights = chainAfter(trained, shownStep(trained, values.step));
  const off = names(values.off).length ? switches(values.off, shape) : null;
  const rows = (/** @type {Float32Array} */ of, /** @type {Float32Array | null} */ on, own = typed) =>
    rowsOf((contexts) => probabilities(decode(predict(shape, of, on, contexts), V, howOf(values)), V), own, V, L);
  const { isRed: matches, bad } = redTest(values.red, vocab, L);
  return {
    row: rows(nudged(weights, /** @type {any} */ (values)), off),
    before: values.pin >= 0 ? rows(chainAfter(trained, shownStep(trained, values.pin)), null, new Map()) : null,
    was: off && rows(weights, null),
    isRed: (id) => matches(context(id, V, L)), bad,
  };
}

/** @param {(contexts: number[][]) => Float64Array} compute @param {Map<number, number[]>} own rows that were typed
 * @param {number} V @param {number} L @returns {Rows} */
function rowsOf(compute, own, V, L) {
  /** @type {Map<number, Float64Array>} */
  const known = new Map([...own].map(([id, row]) => [id, Float64Array.from(row)]));
  const ahead = (/** @type {number[]} */ ids) => {
    if (known.size > MOST_KEPT) for (const id of known.keys()) if (!own.has(id)) known.delete(id);
    const missing = ids.filter((id) => !known.has(id));
    if (!missing.length) return;
    const all = compute(missing.map((id) => context(id, V, L)));
    missing.forEach((id, k) => known.set(id, all.slice(k * V, (k + 1) * V)));
  };
  return {
    ahead,
    of(id) {
      ahead([id]);
      return /** @type {Float64Array} */ (known.get(id));
    },
  };
}
