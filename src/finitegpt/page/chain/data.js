// Text -> tokens -> windows and counts; and states by number. Pure functions.

/** The distinct symbols of a text, its characters or words, in the order of their code points. @param {Iterable<string>} symbols */
export function vocabulary(symbols) {
  return [...new Set(symbols)].sort(byCodePoints);
}

/** As Python sorts texts: units of UTF-16 have another order. @param {string} a @param {string} b */
function byCodePoints(a, b) {
  const [x, y] = [[...a], [...b]];
  const k = x.findIndex((sign, at) => sign !== y[at]);
  if (k < 0) return x.length - y.length;
  return k >= y.length ? 1 : /** @type {number} */ (x[k].codePointAt(0)) - /** @type {number} */ (y[k].codePointAt(0));
}

/** @type {WeakMap<string[], boolean>} */
const SPACED = new WeakMap();

/** Whether tokens are set apart by spaces: where any of them is longer than a character. @param {string[]} vocab */
export function isSpaced(vocab) {
  if (!SPACED.has(vocab)) SPACED.set(vocab, vocab.some((symbol) => [...symbol].length > 1));
  return /** @type {boolean} */ (SPACED.get(vocab));
}

/** The symbols that a text is written with. @param {string} text @param {string[]} vocab */
export function symbolsOf(text, vocab) {
  return isSpaced(vocab) ? text.split(/\s+/).filter(Boolean) : [...text];
}

/** The state that a text names; -1 where it is none. @param {string} text @param {string[]} vocab @param {number} L */
export function stateOf(text, vocab, L) {
  const tokens = symbolsOf(text, vocab).map((symbol) => vocab.indexOf(symbol));
  return tokens.length === L && !tokens.includes(-1) ? tokens.reduce((id, token) => id * vocab.length + token, 0) : -1;
}

/**
 * Tokens of a text; symbols outside the vocabulary are left out and counted.
 * @param {Iterable<string>} text @param {string[]} vocab
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
  return context(id, vocab.length, L).map((token) => vocab[token]).join(isSpaced(vocab) ? " " : "");
}

/** The state after a token. @param {number} id @param {number} token @param {number} V @param {number} n */
export function successor(id, token, V, n) {
  return (id % (n / V)) * V + token; // below n all the way: larger numbers would not be exact
}

/**
 * Every distinct window of L tokens and the next, in lexicographic order, as training sees them: where each first
 * begins and its share; and how often each state is a context and each arrow is taken.
 * @param {number[]} tokens @param {number} V @param {number} L @param {boolean} whole whether the chain has a place for every state
 */
export function windows(tokens, V, L, whole = true) {
  const n = V ** L;
  const counts = new Int32Array(whole ? n : 0);
  /** @type {Map<number, number>} */
  const seen = new Map();
  /** @type {Map<number, {start: number, count: number}>} */
  const found = new Map();
  let id = 0;
  for (let end = 0; end < tokens.length; end++) {
    if (end >= L) {
      if (whole) counts[id] += 1;
      seen.set(id, (seen.get(id) ?? 0) + 1);
      const key = id * V + tokens[end];
      const known = found.get(key);
      if (known) known.count += 1;
      else found.set(key, { start: end - L, count: 1 });
    }
    id = successor(id, tokens[end], V, n);
  }
  const keys = [...found.keys()].sort((a, b) => a - b);
  const order = keys.map((key) => /** @type {{start: number, count: number}} */ (found.get(key)));
  const total = order.reduce((sum, { count }) => sum + count, 0);
  return {
    counts, seen, total,
    /** How often each arrow of the data is taken. */
    taken: new Map(order.map((_, k) => [keys[k], order[k].count])),
    starts: order.map(({ start }) => start),
    shares: Float32Array.from(order, ({ count }) => count / total),
    /** The same for all arrows (n V), where the chain is whole. */
    arrows: arrowCounts(found, whole ? n * V : 0),
  };
}

/** @param {Map<number, {count: number}>} found @param {number} size */
function arrowCounts(found, size) {
  const counts = new Int32Array(size);
  if (size) for (const [key, { count }] of found) counts[key] = count;
  return counts;
}

/** Entropy in nats of the next token given L tokens, in the data itself. @param {Map<number, number>} seen how often each state
 * is a context @param {Map<number, number>} taken how often each arrow is taken @param {number} V */
export function dataEntropy(seen, taken, V) {
  let [sum, total] = [0, 0];
  for (const [key, count] of taken) {
    sum -= count * Math.log(count / /** @type {number} */ (seen.get(Math.floor(key / V))));
    total += count;
  }
  return total ? sum / total : 0;
}

