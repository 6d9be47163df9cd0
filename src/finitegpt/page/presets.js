// Experiments with a reason each, as changes of the start.

/** @type {Record<string, Record<string, any>>} */
export const PRESETS = {
  notebook: {},
  converged: { steps: 1500 },
  golden: { data: sequence((s) => (s.endsWith("1") ? "0" : coin(s) ? "1" : "0"), 120), context: 4, layers: 2, steps: 300, lr: 0.003 },
  even: { data: even(160), context: 5, layers: 2, steps: 400, lr: 0.003 },
  three: { data: "011".repeat(10), context: 3, layers: 2, steps: 150, lr: 0.003 },
  thue: { data: thue(128), context: 5, layers: 2, steps: 300, lr: 0.003 },
  abc: { data: "abcabcaabbccabcacbabc", context: 2, layers: 2, steps: 150, lr: 0.003 },
};

/** A coin that is the same for the same past. @param {string} past */
function coin(past) {
  let hash = 2166136261;
  for (let k = Math.max(0, past.length - 24); k < past.length; k++) hash = Math.imul(hash ^ past.charCodeAt(k), 16777619);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0x5bd1e995);
  return ((hash ^ (hash >>> 15)) & 1) === 1;
}

/** @param {(past: string) => string} next @param {number} n */
function sequence(next, n) {
  let past = "0";
  while (past.length < n) past += next(past);
  return past;
}

/** @param {number} n */
function even(n) {
  return sequence((past) => (/(^|0)1(11)*$/.test(past) ? "1" : coin(past) ? "1" : "0"), n);
}

/** @param {number} n */
function thue(n) {
  let word = "0";
  while (word.length < n) word += [...word].map((sign) => (sign === "0" ? "1" : "0")).join("");
  return word.slice(0, n);
}
