// What the opening counts and scores: pure functions.

/** The windows of a text and what follows each, one after the other. @param {number[]} tokens @param {number} V @param {number} L */
export function slides(tokens, V, L) {
  const n = V ** L;
  const all = [];
  for (let start = 0; start + L < tokens.length; start++) {
    const source = tokens.slice(start, start + L).reduce((id, token) => id * V + token, 0);
    const token = tokens[start + L];
    all.push({ start, source, token, target: (source * V + token) % n, arrow: source * V + token });
  }
  return all;
}

/** How often each arrow is taken by the first slides. @param {{arrow: number}[]} done @param {number} size how many arrows there are */
export function counted(done, size) {
  const counts = new Array(size).fill(0);
  for (const { arrow } of done) counts[arrow] += 1;
  return counts;
}

/**
 * What a guess costs: how many more yes-or-no questions it takes to guess 100 signs, of which a share `p` is of one kind
 * and the rest of the other, by somebody who believes the share is `guess`. That is the KL divergence in bits, times 100.
 * @param {number} p @param {number} guess
 */
export function costOf(p, guess) {
  const g = Math.min(1 - 1e-3, Math.max(1e-3, guess)); // nobody who drags a bar to its end means "never"
  const part = (/** @type {number} */ a, /** @type {number} */ b) => (a > 0 ? a * Math.log2(a / b) : 0);
  return Math.max(0, 100 * (part(p, g) + part(1 - p, 1 - g)));
}

/** How many digits V ** L has. @param {number} V @param {number} L */
export function digitsOf(V, L) {
  return String(BigInt(V) ** BigInt(L)).length;
}
