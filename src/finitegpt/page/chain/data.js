// Text -> tokens -> windows and counts; and states by number. Pure functions.

/** The distinct characters of a text, in the order of their code points. @param {string} text */
export function vocabulary(text) {
  return [...new Set(text)].sort((a, b) => /** @type {number} */ (a.codePointAt(0)) - /** @type {number} */ (b.codePointAt(0)));
}

/**
 * Tokens of a text; characters outside the vocabulary are left out and counted.
 * @param {string} text @param {string[]} vocab
 */
export function tokenize(text, vocab) {
  const places = new Map(vocab.map((symbol, token) => [symbol, token]));
  const tokens = [];
  let strange = 0;
  for (const symbol of text) {
    const token = places.get(symbol);
    if (token === undefined) strange += 1;
    else tokens.push(token);
  }
  return { tokens, strange };
}

/** The context that a state is, oldest token first. @param {number} id @param {number} V @param {number} L */
export function context(id, V, L) {
  const tokens = new Array(L);
  for (let k = L - 1; k >= 0; k--) {
    tokens[k] = id % V;
    id = Math.floor(id / V);
  }
  return tokens;
}

/** @param {number} id @param {string[]} vocab @param {number} L */
export function label(id, vocab, L) {
  return context(id, vocab.length, L).map((token) => vocab[token]).join("");
}

/** The state after a token. @param {number} id @param {number} token @param {number} V @param {number} n */
export function successor(id, token, V, n) {
  return (id * V + token) % n;
}

/**
 * Every distinct window of L tokens and the next, in lexicographic order, as training sees them: where each first
 * begins and its share; and how often each state is a context.
 * @param {number[]} tokens @param {number} V @param {number} L
 */
export function windows(tokens, V, L) {
  const n = V ** L;
  const counts = new Int32Array(n);
  /** @type {Map<number, {start: number, count: number}>} */
  const found = new Map();
  let id = 0;
  for (let end = 0; end < tokens.length; end++) {
    if (end >= L) {
      counts[id] += 1;
      const key = id * V + tokens[end];
      const known = found.get(key);
      if (known) known.count += 1;
      else found.set(key, { start: end - L, count: 1 });
    }
    id = (id * V + tokens[end]) % n;
  }
  const order = [...found.keys()].sort((a, b) => a - b).map((key) => /** @type {{start: number, count: number}} */ (found.get(key)));
  const total = order.reduce((sum, { count }) => sum + count, 0);
  return {
    counts,
    total,
    starts: order.map(({ start }) => start),
    shares: Float32Array.from(order, ({ count }) => count / total),
    /** How often each arrow is taken in the data (n V). */
    arrows: arrowCounts(found, n * V),
  };
}

/** @param {Map<number, {count: number}>} found @param {number} size */
function arrowCounts(found, size) {
  const counts = new Int32Array(size);
  for (const [key, { count }] of found) counts[key] = count;
  return counts;
}

/** Entropy in nats of the next token given L tokens, in the data itself. @param {Int32Array | Float64Array} arrows @param {number} V */
export function dataEntropy(arrows, V) {
  let sum = 0;
  let total = 0;
  for (let row = 0; row < arrows.length; row += V) {
    let n = 0;
    for (let y = 0; y < V; y++) n += arrows[row + y];
    for (let y = 0; y < V; y++) if (arrows[row + y]) sum -= arrows[row + y] * Math.log(arrows[row + y] / n);
    total += n;
  }
  return total ? sum / total : 0;
}

/** Every arrow as (state, next, probability), by state and token. @param {string[]} vocab @param {number} V
 * @param {number} L @param {Float64Array} p @returns {[string, string, number][]} */
export function chainTable(vocab, V, L, p) {
  return Array.from(p, (probability, k) => [label(Math.floor(k / V), vocab, L), vocab[k % V], probability]);
}
