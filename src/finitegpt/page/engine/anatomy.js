// One context taken apart: what every part of a model adds to the vector of the last token, and what comes of it.

import { dot, outputOf, tensors } from "./weights.js";

/**
 * @typedef {{tokens: Float32Array, positions: Float32Array, heads: Float32Array, mlps: Float32Array, normed: Float32Array,
 *   output: Float32Array, first: number, second: number, shares: Shares}} Anatomy
 *   `tokens` and `positions` (L, C): rows of the embedding; `heads` (layers, heads, C) and `mlps` (layers, C): what each
 *   adds to the vector of the last token; `normed` (C): that vector as the output layer reads it, `output` (V, C): the
 *   row of each token there; `first` and `second`: the tokens with the largest logits.
 * @typedef {{embedding: number, heads: Float32Array, mlps: Float32Array, rest: number}} Shares
 *   Direct shares in the logit of `first` less that of `second`: what each vector that is added comes to through the
 *   output layer, when the final norm divides by what it divides by. They add up; `rest` is of biases.
 */

/**
 * @param {import("./weights.js").Shape} shape @param {Float32Array} weights @param {number[]} context
 * @param {{heads: Float32Array, residual: Float32Array, logits: Float32Array}} inside as `Engine.inspect` tells it
 * @returns {Anatomy}
 */
export function anatomy(shape, weights, context, { heads: read, residual, logits }) {
  const { vocabSize: V, nLayer, nHead, nEmbd: C } = shape;
  const L = context.length;
  const places = new Map(tensors(shape).map(({ name, start }) => [name, start]));
  const wide = C / nHead;
  const last = (/** @type {number} */ depth) => residual.subarray(((depth + 1) * L - 1) * C, (depth + 1) * L * C);
  const rows = (/** @type {string} */ name, /** @type {number[]} */ which) => {
    const out = new Float32Array(which.length * C);
    const start = places.get(name) ?? 0;
    which.forEach((row, k) => out.set(weights.subarray(start + row * C, start + (row + 1) * C), k * C));
    return out;
  };
  const output = outputOf(shape, weights);
  const normed = output.normed(last(2 * nLayer));
  const [first, second] = [...logits.keys()].sort((a, b) => logits[b] - logits[a] || a - b);
  const apart = Array.from({ length: C }, (_, k) => output.row(first)[k] - output.row(second)[k]);
  const by = output.spread(last(2 * nLayer));
  const share = (/** @type {ArrayLike<number>} */ vector) => dot(output.centred(vector).map((x, k) => (x / by) * output.gains[k]), apart);

  const heads = new Float32Array(nLayer * nHead * C);
  const mlps = new Float32Array(nLayer * C);
  const shares = { embedding: share(last(0)), heads: new Float32Array(nLayer * nHead), mlps: new Float32Array(nLayer), rest: dot(output.shifts, apart) };
  for (let layer = 0; layer < nLayer; layer++) {
    const name = `transformer.h.${layer}.attn.c_proj`;
    const [matrix, bias] = [places.get(`${name}.weight`) ?? 0, places.get(`${name}.bias`)];
    const here = read.subarray(((layer + 1) * L - 1) * C, (layer + 1) * L * C);
    for (let head = 0; head < nHead; head++) {
      const [from, to] = [head * wide, (head + 1) * wide];
      const added = heads.subarray((layer * nHead + head) * C, (layer * nHead + head + 1) * C);
      for (let k = 0; k < C; k++) added[k] = dot(here.subarray(from, to), weights.subarray(matrix + k * C + from, matrix + k * C + to));
      shares.heads[layer * nHead + head] = share(added);
    }
    if (bias !== undefined) shares.rest += share(weights.subarray(bias, bias + C));
    const added = mlps.subarray(layer * C, (layer + 1) * C);
    last(2 * layer + 2).forEach((x, k) => (added[k] = x - last(2 * layer + 1)[k]));
    shares.mlps[layer] = share(added);
  }
  return {
    tokens: rows("transformer.wte.weight", context), positions: rows("transformer.wpe.weight", [...context.keys()]),
    heads, mlps, normed: Float32Array.from(normed), first, second, shares,
    output: Float32Array.from({ length: V * C }, (_, k) => output.row(Math.floor(k / C))[k % C]),
  };
}
