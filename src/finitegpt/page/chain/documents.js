// Documents, one a line, each begun and ended by a sign: windows that never cross from one into the next, so that those at
// a beginning are shorter than L, as `Data.from_sequences` has them. Pure functions.

import { transform } from "./transforms.js";

/** The documents of a text: its lines that are not empty. @param {string} text */
export function linesOf(text) {
  return text.split("\n").filter(Boolean);
}

/** The symbols of each, without the sign. @param {string} text @param {string} how @returns {string[][]} */
export function documentsOf(text, how) {
  return linesOf(text).map((line) => [...transform(line, how)]);
}

/** Where each document begins in the tokens of all, and where the last ends, both of its signs included.
 * @param {string[][]} documents */
export function bordersOf(documents) {
  const firsts = [0];
  for (const one of documents) firsts.push(firsts[firsts.length - 1] + one.length + 2);
  return firsts;
}

/**
 * Every window that training sees: its start and its length, which is that of its context.
 * @param {number[]} firsts @param {number} L @param {boolean} everyPosition @returns {[number, number][]}
 */
export function listed(firsts, L, everyPosition) {
  /** @type {[number, number][]} */
  const found = [];
  for (let k = 1; k < firsts.length; k++) {
    const [from, size] = [firsts[k - 1], firsts[k] - firsts[k - 1]];
    if (!everyPosition) for (let at = 1; at < size; at++) found.push([from + Math.max(0, at - L), Math.min(at, L)]);
    else if (size <= L + 1) found.push([from, size - 1]);
    else for (let at = 0; at < size - L; at++) found.push([from + at, L]);
  }
  return found;
}

/**
 * The distinct ones of these windows in lexicographic order, and how often each is there.
 * @param {number[]} tokens @param {[number, number][]} list @returns {{start: number, length: number, count: number}[]}
 */
export function merged(tokens, list) {
  /** @type {Map<string, {start: number, length: number, count: number}>} */
  const found = new Map();
  for (const [start, length] of list) {
    const key = tokens.slice(start, start + length + 1).join(" ");
    const known = found.get(key);
    if (known) known.count += 1;
    else found.set(key, { start, length, count: 1 });
  }
  return [...found.values()].sort((a, b) => {
    for (let k = 0; k <= Math.min(a.length, b.length); k++) {
      const by = tokens[a.start + k] - tokens[b.start + k];
      if (by) return by;
    }
    return a.length - b.length;
  });
}

/**
 * How often each state is a context and each arrow is taken, where there are L tokens before; and the entropy in nats of the
 * next token given those before it, up to L.
 * @param {number[]} tokens @param {number[]} firsts @param {number} V @param {number} L @param {boolean} whole
 */
export function seenIn(tokens, firsts, V, L, whole) {
  const n = V ** L;
  const [counts, arrows] = [new Int32Array(whole ? n : 0), new Int32Array(whole ? n * V : 0)];
  const [seen, taken] = [/** @type {Map<number, number>} */ (new Map()), /** @type {Map<number, number>} */ (new Map())];
  /** @type {Map<string, number>} */
  const contexts = new Map();
  const windows = merged(tokens, listed(firsts, L, false));
  const contextOf = (/** @type {{start: number, length: number}} */ { start, length }) => tokens.slice(start, start + length).join(" ");
  for (const one of windows) contexts.set(contextOf(one), (contexts.get(contextOf(one)) ?? 0) + one.count);
  let [sum, total] = [0, 0];
  for (const one of windows) {
    sum -= one.count * Math.log(one.count / /** @type {number} */ (contexts.get(contextOf(one))));
    total += one.count;
    if (one.length < L) continue;
    const id = tokens.slice(one.start, one.start + L).reduce((all, token) => all * V + token, 0);
    const arrow = id * V + tokens[one.start + L];
    seen.set(id, (seen.get(id) ?? 0) + one.count);
    taken.set(arrow, one.count);
    if (!whole) continue;
    counts[id] += one.count;
    arrows[arrow] = one.count;
  }
  return { counts, arrows, seen, taken, entropy: sum / total };
}
