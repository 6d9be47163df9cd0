// Logits, probabilities and percents as they are written: what is written down gives what it says it gives.

const MOST_DECIMALS = 6;

/** @param {ArrayLike<number>} logits @param {number} temperature @returns {number[]} */
export function softmax(logits, temperature = 1) {
  const top = Array.from(logits).reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = Array.from(logits, (x) => Math.exp((x - top) / temperature));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((x) => x / sum);
}

/**
 * How many decimals logits need, two or more, for whoever computes with what is written to come to the same percents, and
 * to the same powers of e to two decimals for `shown` of them.
 * @param {ArrayLike<number>} logits @param {number} temperature @param {number[]} shown
 */
export function decimalsOf(logits, temperature = 1, shown = []) {
  const told = (/** @type {ArrayLike<number>} */ of) =>
    [...softmax(of, temperature).map((p) => Math.round(100 * p)), ...shown.map((y) => Math.exp(of[y] / temperature).toFixed(2))].join();
  const meant = told(logits);
  for (let decimals = 2; decimals < MOST_DECIMALS; decimals++)
    if (told(Array.from(logits, (x) => Number(x.toFixed(decimals)))) === meant) return decimals;
  return MOST_DECIMALS;
}

/** How many decimals two numbers need, three or more, for their sum to be the sum of what is written.
 * @param {number} a @param {number} b */
export function decimalsOfSum(a, b) {
  for (let decimals = 3; decimals < MOST_DECIMALS; decimals++) {
    const [x, y, sum] = [a, b, a + b].map((one) => Math.round(Number(one.toFixed(decimals)) * 10 ** decimals));
    if (x + y === sum) return decimals;
  }
  return MOST_DECIMALS;
}

/** How many decimals two numbers need, three or more, for their product, written with three, to be that of what is written.
 * @param {number} a @param {number} b */
export function decimalsOfProduct(a, b) {
  for (let decimals = 3; decimals < MOST_DECIMALS; decimals++) {
    const [x, y] = [a, b].map((one) => Number(one.toFixed(decimals)));
    if ((x * y).toFixed(3) === (a * b).toFixed(3)) return decimals;
  }
  return MOST_DECIMALS;
}

/** Shares of 1 in whole percents that add up to 100: those that lose most by rounding down are rounded up.
 * @param {ArrayLike<number>} shares @returns {number[]} */
export function percents(shares) {
  const exact = Array.from(shares, (x) => 100 * x);
  const out = exact.map(Math.floor);
  const left = 100 - out.reduce((a, b) => a + b, 0);
  const order = [...exact.keys()].sort((a, b) => exact[b] - out[b] - (exact[a] - out[a]) || a - b);
  for (let k = 0; k < left && k < order.length; k++) out[order[k]] += 1;
  return out;
}

/** A number with so many decimals, as it is printed. @param {number} x @param {number} decimals */
export function written(x, decimals = 3) {
  const text = Math.abs(x).toFixed(decimals);
  return x < 0 && Number(text) !== 0 ? `\u2212${text}` : text;
}

/** The same with its sign always. @param {number} x @param {number} decimals */
export function change(x, decimals = 3) {
  const text = written(x, decimals);
  return x < 0 || Number(text) === 0 ? text : `+${text}`;
}
