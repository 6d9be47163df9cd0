// The weights as one flat array: what is where in it, and small changes of it. As finitegpt/weights.py.

import { gaussians } from "../ground/random.js";

/**
 * The shape of a model.
 * @typedef {{vocabSize: number, contextLength: number, nLayer: number, nHead: number, nEmbd: number, bias: boolean,
 *   tied?: boolean, activation?: number, norm?: number, embeddingNorm?: boolean, finalNorm?: boolean}} Shape
 *   `activation` and `norm` as engine.h numbers them; what is left out is as in the notebook.
 * @typedef {{name: string, shape: number[], start: number, size: number}} Tensor
 */

/** Every tensor by nanoGPT's name, in the order of the flat array. @param {Shape} shape @returns {Tensor[]} */
export function tensors({ vocabSize, contextLength, nLayer, nEmbd: C, bias, tied = true, norm = 0, finalNorm = true }) {
  /** @type {Tensor[]} */
  const all = [];
  let start = 0;
  const add = (/** @type {string} */ name, /** @type {number[]} */ ...shape) => {
    const size = shape.reduce((product, k) => product * k, 1);
    all.push({ name, shape, start, size });
    start += size;
  };
  const layer = (/** @type {string} */ name, /** @type {boolean} */ biased, /** @type {number[]} */ ...shape) => {
    add(`${name}.weight`, ...shape);
    if (biased) add(`${name}.bias`, shape[0]);
  };
  const addNorm = (/** @type {string} */ name) => {
    if (norm < 2) layer(name, norm === 0, C);
  };
  add("transformer.wte.weight", vocabSize, C);
  add("transformer.wpe.weight", contextLength, C);
  for (let k = 0; k < nLayer; k++) {
    addNorm(`transformer.h.${k}.ln_1`);
    layer(`transformer.h.${k}.attn.c_attn`, bias, 3 * C, C);
    layer(`transformer.h.${k}.attn.c_proj`, bias, C, C);
    addNorm(`transformer.h.${k}.ln_2`);
    layer(`transformer.h.${k}.mlp.c_fc`, bias, 4 * C, C);
    layer(`transformer.h.${k}.mlp.c_proj`, bias, C, 4 * C);
  }
  if (finalNorm) addNorm("transformer.ln_f");
  if (!tied) add("lm_head.weight", vocabSize, C);
  return all;
}

/** In the order in which engine.h numbers them; the last norm is RMSNorm without a weight. */
export const ACTIVATIONS = ["gelu", "gelu_tanh", "relu"];
export const NORMS = ["layernorm", "rmsnorm", "rmsnorm_plain"];

/** How many numbers there are. @param {Shape} shape */
export function countWeights(shape) {
  const last = tensors(shape).slice(-1)[0];
  return last.start + last.size;
}

/**
 * The weights with one of them moved by `delta`, and all of them along a random direction as long as they are
 * themselves, by `along` of that length.
 * @param {Float32Array} weights
 * @param {{param: number, delta: number, along: number, direction: number}} nudge
 */
export function nudged(weights, { param, delta, along, direction }) {
  if (!delta && !along) return weights;
  const moved = weights.slice();
  if (along) {
    const way = gaussians(weights.length, direction);
    const far = (along * length(weights)) / length(way);
    for (let k = 0; k < moved.length; k++) moved[k] += far * way[k];
  }
  if (param < moved.length) moved[param] += delta;
  return moved;
}

/** @param {Float32Array} values */
function length(values) {
  return Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));
}

/**
 * How the output layer reads a vector of the residual stream: normed first, where there is a final norm, and then
 * multiplied with a row for each token.
 * @param {Shape} shape @param {Float32Array} weights
 */
export function outputOf(shape, weights) {
  const { nEmbd: C, norm = 0, finalNorm = true } = shape;
  const all = tensors(shape);
  const at = (/** @type {string} */ name) => all.find((one) => one.name === name)?.start;
  const [head, gain, shift] = [at("lm_head.weight") ?? 0, at("transformer.ln_f.weight"), at("transformer.ln_f.bias")];
  /** A vector without its mean, where the norm takes that away. @param {ArrayLike<number>} x */
  const centred = (x) => {
    const mean = finalNorm && norm === 0 ? Array.from(x).reduce((sum, value) => sum + value, 0) / C : 0;
    return Array.from(x, (value) => value - mean);
  };
  /** What the norm divides a vector by. @param {ArrayLike<number>} x */
  const spread = (x) => (finalNorm ? Math.sqrt(centred(x).reduce((sum, value) => sum + value * value, 0) / C + 1e-5) : 1);
  const gains = Array.from({ length: C }, (_, k) => (gain === undefined ? 1 : weights[gain + k]));
  const shifts = Array.from({ length: C }, (_, k) => (shift === undefined ? 0 : weights[shift + k]));
  return {
    centred, spread, gains, shifts,
    /** The row of a token. @param {number} y */
    row: (y) => weights.subarray(head + y * C, head + (y + 1) * C),
    /** @param {ArrayLike<number>} x */
    normed: (x) => {
      const by = spread(x);
      return centred(x).map((value, k) => (value / by) * gains[k] + shifts[k]);
    },
  };
}

/** @param {ArrayLike<number>} a @param {ArrayLike<number>} b */
export function dot(a, b) {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k] * b[k];
  return sum;
}

/**
 * What the residual stream of the last token would say if it were read at every depth as the last one is: by the final
 * norm, where there is one, and the output layer. Probabilities, one row of V for each depth (the logit lens).
 * @param {Shape} shape @param {Float32Array} weights @param {Float32Array} residual (depths, tokens, C)
 */
export function lens(shape, weights, residual) {
  const { vocabSize: V, nEmbd: C, nLayer } = shape;
  const depths = 2 * nLayer + 1;
  const tokens = residual.length / depths / C;
  const output = outputOf(shape, weights);
  const out = new Float32Array(depths * V);
  for (let depth = 0; depth < depths; depth++) {
    const read = output.normed(residual.subarray(((depth + 1) * tokens - 1) * C, (depth + 1) * tokens * C));
    const logits = Array.from({ length: V }, (_, y) => dot(read, output.row(y)));
    const top = Math.max(...logits);
    const sum = logits.reduce((total, logit) => total + Math.exp(logit - top), 0);
    logits.forEach((logit, y) => (out[depth * V + y] = Math.exp(logit - top) / sum));
  }
  return out;
}
