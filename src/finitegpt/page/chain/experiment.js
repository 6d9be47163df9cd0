// From the page's values to what is trained: data, model and plan. Pure functions.

import { dataEntropy, tokenize, vocabulary, windows } from "./data.js";
import { bordersOf, documentsOf, listed, merged, seenIn } from "./documents.js";
import { transform } from "./transforms.js";
import { FULL_BATCH, MINI_BATCH, MOST_ARROWS, MOST_STATES, MOST_TOKENS, MOST_WHOLE } from "../ground/limits.js";
import { ACTIVATIONS, NORMS, countWeights } from "../engine/weights.js";

/**
 * @typedef {{vocab: string[], V: number, L: number, n: number, whole: boolean, size: number,
 *   shape: import("../engine/weights.js").Shape, counts: Int32Array, arrows: Int32Array | Float64Array,
 *   seen: Map<number, number>, taken: Map<number, number>, entropy: number, plan: Plan, madeWidth: boolean}} Experiment
 *   `whole`: the chain is small enough for all of its rows to be there, and `counts` and `arrows`, too; of others there are only
 *   the states and arrows of the data, `seen` and `taken`; `size`: how many numbers are kept of a step, those of the chain or,
 *   where it is not whole, the weights
 * @typedef {{tokens: Int32Array, starts: number[], lengths: number[] | null, listed: [number, number][] | null,
 *   shares: Float32Array, everyPosition: boolean,
 *   rates: Float64Array, weightDecay: number, steps: number, seed: number, batch: number, batchSeed: number,
 *   windows: number, clip: number, beta1: number, beta2: number, matrices: boolean}} Plan
 *   of documents, `lengths` are those of the distinct windows, and `listed` are the start and the length of every window, to
 *   draw batches from; otherwise each has L, and every start is one; `batchSeed` is -1 where the generator that has drawn the model goes on; `clip` is 0 for any gradient
 * @typedef {{key: string, values: Record<string, string | number | string[]>, at: string}} Problem what is wrong: words, what to
 *   fill in, and the value that it is about
 */

/**
 * What the values ask for, or why it cannot be. Where the width is no multiple of the heads, the nearest one is taken.
 * @param {import("../link/fields.js").Values} values
 * @returns {{experiment: Experiment, problem: null} | {experiment: null, problem: Problem}}
 */
export function experimentOf(values) {
  const refused = (/** @type {string} */ key, /** @type {Record<string, string | number>} */ filled = {}, at = "data") =>
    ({ experiment: null, problem: { key, values: filled, at } });
  if (/\s/.test(values.edge)) return refused("notice.edge", {}, "edge");
  const documents = values.edge ? documentsOf(values.data, values.transform) : null;
  if (documents?.some((one) => !one.length)) return refused("notice.line"); // the library refuses it, too
  const text = documents ? documents.flat() : transform(values.data, values.transform);
  if (values.vocab && values.transform === "words") return refused("notice.vocab.words", {}, "vocab");
  const vocab = values.vocab ? [...new Set(/** @type {string} */ (values.vocab))] : vocabulary(text);
  if (documents && !vocab.includes(values.edge)) vocab.push(values.edge);
  const V = vocab.length;
  const L = values.context;
  if (V < 2) return refused("notice.vocab");
  if (values.schedule !== "constant" && values.minlr > values.lr) return refused("notice.minlr", { low: values.minlr, high: values.lr }, "minlr");
  const { tokens, strange } = tokenize(documents ? documents.flatMap((one) => [values.edge, ...one, values.edge]) : text, vocab);
  if (strange) return refused("notice.strange", { n: strange, vocab: vocab.join("") });
  if (documents ? !tokens.length : tokens.length <= L) return refused("notice.short");
  const most = Math.min(MOST_TOKENS, Math.floor(MOST_ARROWS ** (1 / (L + 1)) - 1e-9));
  if (V > most) return refused("notice.tokens", { most, n: V });
  const width = widthOf(values);
  const n = V ** L;
  const whole = isWhole(V, L);
  const { starts, lengths, list, shares, counts, arrows, seen, taken, entropy } = documents
    ? windowsOf(tokens, bordersOf(documents), V, L, whole, values.loss === "all") : plainWindows(tokens, V, L, whole);
  const shape = {
    vocabSize: V, contextLength: L, nLayer: values.layers, nHead: values.heads, nEmbd: width, bias: values.bias,
    tied: values.tied, activation: ACTIVATIONS.indexOf(values.activation), norm: NORMS.indexOf(values.norm), embeddingNorm: values.embnorm,
    finalNorm: values.finalnorm,
  };
  return {
    problem: null,
    experiment: {
      vocab, V, L, n, whole, size: whole ? n * V : countWeights(shape), shape, counts, arrows, seen, taken,
      entropy,
      plan: {
        tokens: Int32Array.from(tokens), starts, lengths, listed: list, shares, everyPosition: values.loss === "all",
        rates: ratesOf(values), weightDecay: values.decay, steps: values.steps, seed: values.seed,
        batch: values.batch || (starts.length > FULL_BATCH ? MINI_BATCH : 0),
        batchSeed: values.batchseed, windows: list?.length ?? tokens.length - L, clip: values.clip, beta1: values.beta1,
        beta2: values.beta2, matrices: values.matrices,
      },
      madeWidth: width !== values.width,
    },
  };
}

/** Of one text. @param {number[]} tokens @param {number} V @param {number} L @param {boolean} whole */
function plainWindows(tokens, V, L, whole) {
  const found = windows(tokens, V, L, whole);
  return { ...found, lengths: null, list: null, entropy: dataEntropy(found.seen, found.taken, V) };
}

/** Of documents. @param {number[]} tokens @param {number[]} firsts @param {number} V @param {number} L @param {boolean} whole
 * @param {boolean} everyPosition */
function windowsOf(tokens, firsts, V, L, whole, everyPosition) {
  const list = listed(firsts, L, everyPosition);
  const distinct = merged(tokens, list);
  return {
    ...seenIn(tokens, firsts, V, L, whole), list,
    starts: distinct.map(({ start }) => start), lengths: distinct.map(({ length }) => length),
    shares: Float32Array.from(distinct, ({ count }) => count / list.length),
  };
}

/** Whether a chain is small enough for all of its rows to be there. @param {number} V @param {number} L */
export function isWhole(V, L) {
  return V ** L <= MOST_STATES && V ** (L + 1) <= MOST_WHOLE;
}

/** The width that is used: a multiple of the heads. @param {import("../link/fields.js").Values} values @returns {number} */
export function widthOf({ width, heads }) {
  return heads * Math.max(1, Math.round(width / heads));
}

/** The learning rate of each step, as TrainConfig.rates has them. @param {import("../link/fields.js").Values} values */
function ratesOf({ lr, minlr, warmup, schedule, steps }) {
  return Float64Array.from({ length: steps }, (_, k) => {
    if (k < warmup) return (lr * (k + 1)) / (warmup + 1);
    const done = Math.min(1, (k - warmup) / Math.max(1, steps - warmup));
    const left = schedule === "linear" ? 1 - done : (1 + Math.cos(Math.PI * done)) / 2;
    return schedule === "constant" ? lr : minlr + (lr - minlr) * left;
  });
}

/** Which heads and MLPs are on: a layer's heads, then its MLP. @param {string} off @param {import("../engine/weights.js").Shape} shape */
export function switches(off, { nLayer, nHead }) {
  const on = new Float32Array(nLayer * (nHead + 1)).fill(1);
  for (const name of names(off)) {
    const [, layer, part] = /^(\d+)\.(\d+|mlp)$/.exec(name) ?? [];
    if (Number(layer) < nLayer && (part === "mlp" || Number(part) < nHead))
      on[Number(layer) * (nHead + 1) + (part === "mlp" ? nHead : Number(part))] = 0;
  }
  return on;
}

/** The parts of a list. @param {string} list */
export function names(list) {
  return list.split(",").map((part) => part.trim()).filter(Boolean);
}
