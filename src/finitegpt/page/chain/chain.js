// The chain: pure functions of next-token probabilities, rows of V numbers in the order of state ids.

/** Probabilities of rows of log-probabilities. @param {Float32Array} logProbs @param {number} V */
export function probabilities(logProbs, V) {
  const p = new Float64Array(logProbs.length);
  for (let row = 0; row < p.length; row += V) {
    let sum = 0;
    for (let y = row; y < row + V; y++) sum += p[y] = Math.exp(logProbs[y]);
    for (let y = row; y < row + V; y++) p[y] /= sum;
  }
  return p;
}

/**
 * Decoding as Python does it: temperature, then top-k, then top-p, then greedy. Values of null leave a step out.
 * @param {Float32Array} logProbs @param {number} V
 * @param {{temperature: number, topK: number | null, topP: number, greedy: boolean}} how
 */
export function decode(logProbs, V, { temperature, topK, topP, greedy }) {
  if (temperature === 1 && (topK === null || topK >= V) && topP >= 1 && !greedy) return logProbs;
  const out = new Float32Array(logProbs.length);
  const row = new Float64Array(V);
  const order = Array.from({ length: V }, (_, k) => k);
  for (let at = 0; at < out.length; at += V) {
    let top = -Infinity;
    for (let y = 0; y < V; y++) top = Math.max(top, logProbs[at + y]);
    for (let y = 0; y < V; y++) row[y] = (logProbs[at + y] - top) / temperature;
    normalise(row);
    order.sort((a, b) => row[b] - row[a] || a - b);
    let keep = greedy ? 1 : topK === null ? V : Math.min(topK, V);
    if (topP < 1 && !greedy) {
      let total = 0;
      for (let k = 0; k < keep; k++) total += Math.exp(row[order[k]]);
      let before = 0;
      let most = 0;
      while (most < keep && before < topP * total) before += Math.exp(row[order[most++]]);
      keep = most;
    }
    for (let k = keep; k < V; k++) row[order[k]] = -Infinity;
    normalise(row);
    out.set(row, at);
  }
  return out;
}

/** @param {Float64Array} row */
function normalise(row) {
  let top = -Infinity;
  for (const x of row) top = Math.max(top, x);
  let sum = 0;
  for (const x of row) sum += Math.exp(x - top);
  for (let y = 0; y < row.length; y++) row[y] -= top + Math.log(sum);
}

/** Mean of -log p over the arrows that the data takes, in nats. @param {Float32Array} logProbs @param {Int32Array | Float64Array} arrows */
export function crossEntropy(logProbs, arrows) {
  let sum = 0;
  let total = 0;
  for (let k = 0; k < arrows.length; k++)
    if (arrows[k]) {
      sum -= arrows[k] * logProbs[k];
      total += arrows[k];
    }
  return total ? sum / total : NaN;
}

/** How far a distribution is from another. @param {Float64Array} a @param {Float64Array} b */
export function totalVariation(a, b) {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += Math.abs(a[k] - b[k]);
  return sum / 2;
}

/** The n-gram chain of counted arrows; rows never counted are even. @param {Int32Array | Float64Array} arrows @param {number} V */
export function counted(arrows, V) {
  const p = new Float64Array(arrows.length);
  for (let row = 0; row < p.length; row += V) {
    let n = 0;
    for (let y = row; y < row + V; y++) n += arrows[y];
    for (let y = row; y < row + V; y++) p[y] = n ? arrows[y] / n : 0;
  }
  return p;
}
