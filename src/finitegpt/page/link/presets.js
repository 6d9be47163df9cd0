// Experiments with a reason each, as changes of the start. Their words are `preset.NAME` and `why.NAME`. None is chaotic:
// where rounding is another, the same comes out.

import { hashed } from "../ground/random.js";
import { defaults, sameTraining } from "./fields.js";

const PASSAGE =
  "A chain remembers only where it stands. What it says next depends on the last few signs and on nothing else. " +
  "Markov took a novel in verse, counted its vowels and consonants by hand, twenty thousand of them, and found that " +
  "the past is felt for a moment and then forgotten. Put a text of your own here and see how much of it is left when " +
  "every letter is one of two.";

const RHYME =
  "Row, row, row your boat, gently down the stream. Merrily, merrily, merrily, merrily, life is but a dream.";

const POEM = "床前明月光，疑是地上霜。举头望明月，低头思故乡。";

/** @type {Record<string, Record<string, any>>} */
export const PRESETS = {
  notebook: {},
  converged: { steps: 1500 },
  golden: { data: sequence(golden, 120), context: 4, layers: 2, steps: 300, lr: 0.003 },
  even: { data: sequence((s) => (/(^|0)1(11)*$/.test(s) ? "1" : coin(s) ? "1" : "0"), 160), context: 4, layers: 1, steps: 300, lr: 0.002 },
  three: { data: "011".repeat(10), context: 3, layers: 2, steps: 150, lr: 0.003 },
  thue: { data: thue(128), context: 4, layers: 2, steps: 200 },
  vowels: { data: PASSAGE, transform: "vowels", context: 4, layers: 2, steps: 300, lr: 0.003 },
  abc: { data: "abcabcaabbccabcacbabc", context: 2, layers: 2, steps: 150, lr: 0.003 },
  rhyme: { data: RHYME, transform: "words", context: 2, layers: 1, steps: 200, lr: 0.003 },
  poem: { data: POEM, context: 2, layers: 2, steps: 200, lr: 0.003 },
  bigger: { data: sequence(golden, 400), context: 10, layers: 1, steps: 200 },
};

/** The preset that the values are trained as, or null. @param {import("./fields.js").Values} values */
export function presetOf(values) {
  return Object.keys(PRESETS).find((name) => sameTraining({ ...defaults(), ...PRESETS[name] }, values)) ?? null;
}

/** A coin that is the same for the same past. @param {string} past */
function coin(past) {
  let hash = hashed(past.slice(-24));
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0x5bd1e995);
  return ((hash ^ (hash >>> 15)) & 1) === 1;
}

/** After a 1 always a 0. @param {string} past */
function golden(past) {
  return past.endsWith("1") ? "0" : coin(past) ? "1" : "0";
}

/** @param {(past: string) => string} next @param {number} n */
function sequence(next, n) {
  let past = "0";
  while (past.length < n) past += next(past);
  return past;
}

/** @param {number} n */
function thue(n) {
  let word = "0";
  while (word.length < n) word += [...word].map((sign) => (sign === "0" ? "1" : "0")).join("");
  return word.slice(0, n);
}
