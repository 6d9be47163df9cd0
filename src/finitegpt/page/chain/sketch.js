// A graph for chains of any size: the states that the data shows most often, the most probable arrows of each, and all else
// as one. Pure.

import { beforeOf, rowOf } from "./asked.js";
import { successor } from "./data.js";

const LEAST = 0.02; // arrows below are not drawn

/**
 * @typedef {import("./view.js").View} View
 * @typedef {{source: number, target: number, token: number, p: number, change: number}} Arrow a target of -1 is all else;
 *   `change` is that since the step that is pinned
 * @typedef {{source: number, p: number, tokens: number, change: number}} Rest what a state goes on with that is not drawn: the
 *   probability of it, and of how many tokens it is
 */

/**
 * The states that are shown, in the order in which they appear in the data: where there is room for all, all of them.
 * @param {View} view @param {number} most
 */
export function shownStates({ n, trained, chosen }, most) {
  const { seen } = trained.experiment;
  const appeared = [...seen.keys()];
  if (n <= most) return [...appeared, ...Array.from({ length: n }, (_, id) => id).filter((id) => !seen.has(id))];
  const counts = [...seen.values()];
  const often = [...appeared.keys()].sort((a, b) => counts[b] - counts[a] || a - b).slice(0, most).sort((a, b) => a - b);
  const ids = often.map((k) => appeared[k]);
  if (chosen >= 0 && !ids.includes(chosen)) ids.splice(most - 1, 1, chosen);
  return ids;
}

/**
 * The arrows of some states: of each its most probable tokens, where they lead, and what is left of the probability.
 * @param {View} view @param {number[]} ids @param {number} most arrows of a state
 */
export function sketched(view, ids, most) {
  const { V, n } = view;
  const shown = new Set(ids);
  view.asked?.row.ahead(ids);
  view.asked?.before?.ahead(ids);
  /** @type {Arrow[]} */
  const arrows = [];
  /** @type {Rest[]} */
  const rests = [];
  for (const source of ids) {
    const row = rowOf(view, source);
    const then = beforeOf(view, source);
    const change = (/** @type {number} */ token) => (then ? row[token] - then[token] : 0);
    const tokens = largest(row, most).filter((token) => row[token] >= LEAST);
    for (const token of tokens) {
      const target = successor(source, token, V, n);
      arrows.push({ source, target: shown.has(target) ? target : -1, token, p: row[token], change: change(token) });
    }
    const drawn = tokens.reduce((sum, token) => sum + row[token], 0);
    const rest = { source, p: Math.max(0, 1 - drawn), tokens: V - tokens.length, change: -tokens.reduce((sum, token) => sum + change(token), 0) };
    if (rest.tokens) rests.push(rest);
  }
  return { arrows, rests, others: n - ids.length };
}

/** Places of the largest values, the largest first. @param {Float64Array} row @param {number} most */
export function largest(row, most) {
  /** @type {number[]} */
  const best = [];
  for (let y = 0; y < row.length; y++) {
    if (best.length === most && row[y] <= row[best[most - 1]]) continue;
    let k = best.length;
    while (k > 0 && row[best[k - 1]] < row[y]) k--;
    best.splice(k, 0, y);
    if (best.length > most) best.pop();
  }
  return best;
}
