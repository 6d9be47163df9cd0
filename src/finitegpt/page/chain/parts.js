// Parts of a model, its heads and MLPs, and what each means for the next token of one context.

import { decode, probabilities, totalVariation } from "./chain.js";

/** @typedef {{temperature: number, topK: number | null, topP: number, greedy: boolean}} How */

/** Names of all parts, in the order of their switches: a layer's heads, then its MLP.
 * @param {{nLayer: number, nHead: number}} shape */
export function partNames({ nLayer, nHead }) {
  return Array.from({ length: nLayer * (nHead + 1) }, (_, k) => {
    const part = k % (nHead + 1);
    return `${Math.floor(k / (nHead + 1))}.${part === nHead ? "mlp" : part}`;
  });
}

/**
 * How far the next-token probabilities of a context move when a part alone is switched off: the total variation, for
 * each part.
 * @param {Float32Array[]} logits with all parts on, and without each @param {How} how @returns {number[]}
 */
export function effects(logits, how) {
  const rows = logits.map((row) => rowFrom(row, how));
  return rows.slice(1).map((row) => totalVariation(row, rows[0]));
}

/** What follows by logits, decoded. @param {Float32Array} logits @param {How} how */
export function rowFrom(logits, how) {
  return probabilities(decode(lowered(logits), logits.length, how), logits.length);
}

/** How the chain is decoded. @param {import("../link/fields.js").Values} values @returns {How} */
export function howOf({ temperature, topk, topp, greedy }) {
  return { temperature, topK: topk || null, topP: topp, greedy };
}

/** Places of the largest effects first; what is the same stays in order. @param {number[]} sizes */
export function byEffect(sizes) {
  return [...sizes.keys()].sort((a, b) => sizes[b] - sizes[a] || a - b);
}

/** Logits that are 0 at most: their exponentials are numbers. @param {Float32Array} logits */
function lowered(logits) {
  const top = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  return logits.map((x) => x - top);
}
