// Sets of states by pattern, as finitegpt/analysis/patterns.py: ? is one token, * any number of them, \ takes a sign as it
// is; several patterns are set apart by commas.

import { isSpaced, label, symbolsOf } from "./data.js";

/**
 * The states that any of the patterns describes, and the patterns that are none.
 * @param {string} text @param {string[]} vocab @param {number} L
 */
export function redStates(text, vocab, L) {
  const red = new Uint8Array(vocab.length ** L);
  const bad = [];
  for (const pattern of patternsOf(text)) {
    const found = match(pattern, vocab, L);
    if (!found || !found.includes(1)) bad.push(pattern);
    else found.forEach((yes, id) => (red[id] |= yes));
  }
  return { red, bad };
}

/**
 * The same for chains of any size: whether a state is red is asked of each, by its tokens.
 * @param {string} text @param {string[]} vocab @param {number} L
 */
export function redTest(text, vocab, L) {
  const all = patternsOf(text).map((pattern) => ({ pattern, parts: parse(pattern, vocab) }));
  const bad = all.filter(({ parts }) => !parts || !fits(parts, L)).map(({ pattern }) => pattern);
  const known = all.flatMap(({ parts }) => (parts ? [parts] : []));
  return { isRed: (/** @type {number[]} */ tokens) => known.some((parts) => describes(parts, tokens)), bad };
}

/** Whether a pattern describes any state. @param {string} pattern @param {string[]} vocab @param {number} L */
export function isPattern(pattern, vocab, L) {
  const parts = parse(pattern, vocab);
  return parts !== null && fits(parts, L);
}

/** @param {(number | "one" | "any")[]} parts @param {number} L */
function fits(parts, L) {
  const least = parts.filter((part) => part !== "any").length;
  return least === L || (least < L && least < parts.length);
}

/** @param {(number | "one" | "any")[]} parts @param {number[]} tokens */
function describes(parts, tokens) {
  let places = skip(new Set([0]), parts);
  for (const token of tokens) places = moved(places, parts, token);
  return places.has(parts.length);
}

/** The places of a pattern after one more token. @param {Set<number>} reached @param {(number | "one" | "any")[]} parts
 * @param {number} token */
function moved(reached, parts, token) {
  const next = new Set();
  for (const k of reached) {
    if (parts[k] === "any") next.add(k);
    else if (parts[k] === "one" || parts[k] === token) next.add(k + 1);
  }
  return skip(next, parts);
}

/** The patterns in a list: commas and the space around them part them, unless a \\ comes before. @param {string} text */
export function patternsOf(text) {
  const parts = text.match(/(?:\\[^]|[^,\\]|\\$)+/g) ?? [];
  return parts.map((part) => part.replace(/^\s+/, "").replace(/(?<!\\)\s+$/, "")).filter(Boolean);
}

/** Patterns as a list that `patternsOf` reads. @param {string[]} patterns */
export function listOf(patterns) {
  const bare = /\\[^]|,|^\s+|\s+$/g; // what would part them; and, to step over it, what has a \ already
  return patterns.map((pattern) => pattern.replace(bare, (sign) => (sign[0] === "\\" ? sign : sign.replace(/[^]/g, "\\$&")))).join(", ");
}

/** A state as a pattern of itself. @param {string} name @param {boolean} spaced whether spaces part its tokens */
export function patternOf(name, spaced = false) {
  return name.replace(spaced ? /[\\?*,]/g : /[\\?*,\s]/g, "\\$&");
}

/**
 * The list of patterns after a state has become red, or is so no more.
 * @param {import("./view.js").View} view @param {string} list @param {number} id
 */
export function reddened({ vocab, L, red, whole, asked }, list, id) {
  const name = (/** @type {number} */ one) => patternOf(label(one, vocab, L), isSpaced(vocab));
  if (!whole && asked?.isRed(id)) return patternsOf(list).filter((pattern) => pattern !== name(id)).join(", ");
  const others = [...red.keys()].filter((one) => red[one] && one !== id);
  return (red[id] ? others.map(name) : [...patternsOf(list), name(id)]).join(", ");
}

/** @param {string} pattern @param {string[]} vocab @param {number} L @returns {Uint8Array | null} */
export function match(pattern, vocab, L) {
  const parts = parse(pattern, vocab);
  if (!parts) return null;
  // Which places of the pattern a context can have got to, for contexts of 0, 1, ... L tokens in turn.
  let places = [skip(new Set([0]), parts)];
  for (let length = 0; length < L; length++)
    places = places.flatMap((reached) => vocab.map((_, token) => moved(reached, parts, token)));
  return Uint8Array.from(places, (reached) => (reached.has(parts.length) ? 1 : 0));
}

/** @param {string} pattern @param {string[]} vocab @returns {(number | "one" | "any")[] | null} */
function parse(pattern, vocab) {
  /** @type {(number | "one" | "any")[]} */
  const parts = [];
  const spaced = isSpaced(vocab);
  const signs = symbolsOf(pattern, vocab);
  for (let k = 0; k < signs.length; k++) {
    if (signs[k] === "?") parts.push("one");
    else if (signs[k] === "*") parts.push("any");
    else {
      if (!spaced && signs[k] === "\\" && k + 1 < signs.length) k++;
      const token = vocab.indexOf(spaced ? signs[k].replace(/^\\/, "") : signs[k]);
      if (token < 0) return null;
      parts.push(token);
    }
  }
  return parts.length && parts.length <= 62 ? parts : null;
}

/** A star may stand for nothing. @param {Set<number>} places @param {(number | "one" | "any")[]} parts */
function skip(places, parts) {
  for (let k = 0; k < parts.length; k++) if (parts[k] === "any" && places.has(k)) places.add(k + 1);
  return places;
}
