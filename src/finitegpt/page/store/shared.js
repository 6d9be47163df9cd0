// What a page shares with the notebook that it stands in: values by the library's names, as finitegpt/widget.py has them.

import { label, stateOf } from "../chain/data.js";
import { experimentOf, names } from "../chain/experiment.js";
import { isPattern, listOf, patternsOf } from "../chain/patterns.js";
import { fromHash, toHash } from "../link/fields.js";

/**
 * @typedef {import("../link/fields.js").Values} Values
 * @typedef {import("../chain/experiment.js").Experiment} Experiment
 */

const SAME = ["temperature", "greedy", "ghost", "theme", "lang"]; // these have one name and one form in both
const KEYS = [...SAME, "topk", "topp", "step", "pin", "state", "red", "hide"];

/**
 * What the notebook is told; all of it makes sense for the experiment shown. `_shown` is what it needs to read and check
 * the others, and a link for all that has no name there, so that a frame that is made again is as it was.
 * @param {Values} values @param {Experiment} experiment @param {Values} first what the page opened with
 */
export function shared(values, { vocab, L, n, plan }, first) {
  const step = (/** @type {number} */ one) => (one >= 0 && one <= plan.steps ? one : null);
  return {
    _shown: { link: toHash({ ...values, ...picked(first, KEYS) }, first), vocab, context: L, steps: plan.steps },
    ...picked(values, SAME),
    top_k: values.topk || null,
    top_p: values.topp,
    step: step(values.step),
    pin: step(values.pin),
    state: values.state >= 0 && values.state < n ? label(values.state, vocab, L) : null,
    red: patternsOf(values.red).filter((pattern) => isPattern(pattern, vocab, L)),
    hide: names(values.hide),
  };
}

/**
 * The changes that the notebook asks for, in turn: another experiment first, and then what is said of it.
 * @param {Record<string, any>} given some of what `shared` tells @param {Values} values @param {Experiment} experiment @param {Values} first
 * @returns {Record<string, any>[]}
 */
export function taken(given, values, experiment, first) {
  /** @type {Record<string, any>} */
  const others = given._shown ? fromHash(given._shown.link, first).values : {};
  for (const key of KEYS) delete others[key];
  const { vocab, L } = (given._shown && experimentOf({ ...values, ...others }).experiment) || experiment;
  /** @type {Record<string, (value: any) => any>} */
  const read = {
    ...Object.fromEntries(SAME.map((key) => [key, (value) => value])),
    top_k: (value) => value ?? 0,
    top_p: (value) => value,
    step: (value) => value ?? -1,
    pin: (value) => value ?? -1,
    state: (value) => (value === null ? -1 : stateOf(value, vocab, L)),
    red: listOf,
    hide: (value) => value.join(","),
  };
  const named = Object.fromEntries(Object.entries(given).filter(([name]) => name in read).map(([name, value]) => [name.replace("_", ""), read[name](value)]));
  const before = differing(others, values);
  return [before, Object.keys(before).length ? named : differing(named, values)].filter((changes) => Object.keys(changes).length);
}

/** @param {Record<string, any>} wanted @param {Values} values */
function differing(wanted, values) {
  return Object.fromEntries(Object.entries(wanted).filter(([key, value]) => value !== values[key]));
}

/** @param {Values} values @param {string[]} keys */
function picked(values, keys) {
  return Object.fromEntries(keys.map((key) => [key, values[key]]));
}
