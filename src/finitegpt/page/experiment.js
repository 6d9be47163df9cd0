// From the page's values to what is trained: data, model and plan. Pure functions.

import { dataEntropy, tokenize, vocabulary, windows } from "./data.js";
import { transform } from "./transforms.js";

const MOST_STATES = 4096;
const MOST_TOKENS = 64;

/**
 * @typedef {{vocab: string[], V: number, L: number, n: number, shape: import("./weights.js").Shape, counts: Int32Array,
 *   arrows: Int32Array, entropy: number, plan: Plan, madeWidth: boolean}} Experiment
 * @typedef {{tokens: Int32Array, starts: number[], shares: Float32Array, everyPosition: boolean, lr: number,
 *   weightDecay: number, steps: number, seed: number, batch: number, windows: number}} Plan
 * @typedef {{key: string, values: Record<string, string | number>}} Problem what is wrong: words and what to fill in
 */

/**
 * What the values ask for, or why it cannot be. Where the width is no multiple of the heads, the nearest one is taken.
 * @param {import("./state.js").Values} values
 * @returns {{experiment: Experiment, problem: null} | {experiment: null, problem: Problem}}
 */
export function experimentOf(values) {
  const refused = (/** @type {string} */ key, /** @type {Record<string, string | number>} */ filled = {}) =>
    ({ experiment: null, problem: { key, values: filled } });
  const text = transform(values.data, values.transform);
  const vocab = values.vocab ? [...new Set(values.vocab)] : vocabulary(text);
  const V = vocab.length;
  const L = values.context;
  if (V < 2) return refused("notice.vocab");
  const { tokens, strange } = tokenize(text, vocab);
  if (strange) return refused("notice.strange", { n: strange, vocab: vocab.join("") });
  if (tokens.length <= L) return refused("notice.short");
  const most = Math.min(MOST_TOKENS, Math.floor(MOST_STATES ** (1 / L) + 1e-9));
  if (V > most) return refused("notice.tokens", { most, n: V });
  const whole = values.width % values.heads === 0;
  const width = whole ? values.width : values.heads * Math.max(1, Math.round(values.width / values.heads));
  const found = windows(tokens, V, L);
  return {
    problem: null,
    experiment: {
      vocab, V, L, n: V ** L,
      shape: { vocabSize: V, contextLength: L, nLayer: values.layers, nHead: values.heads, nEmbd: width, bias: values.bias },
      counts: found.counts, arrows: found.arrows, entropy: dataEntropy(found.arrows, V),
      plan: {
        tokens: Int32Array.from(tokens), starts: found.starts, shares: found.shares, everyPosition: values.loss === "all",
        lr: values.lr, weightDecay: values.decay, steps: values.steps, seed: values.seed, batch: values.batch,
        windows: tokens.length - L,
      },
      madeWidth: !whole,
    },
  };
}

/** Which heads and MLPs are on: a layer's heads, then its MLP. @param {string} off @param {import("./weights.js").Shape} shape */
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
