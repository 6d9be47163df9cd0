// The words of the page, in the reader's language.

import { pieces, plain } from "./terms.js";

/** @type {Record<string, Record<string, string>>} */
let all = {};
/** @type {Record<string, any>} */
let terms = {};
let language = "en";

/** @param {Record<string, Record<string, string>>} strings @param {Record<string, any>} glossary by term: its name and one line
 *   in each language, and perhaps a link */
export function setStrings(strings, glossary = {}) {
  all = strings;
  terms = glossary;
}

/** What the glossary says of a term. @param {string} term @returns {{name: string, line: string, link: string | undefined}} */
export function explain(term) {
  const { [language]: [name, line] = [term, ""], link } = terms[term] ?? {};
  return { name, line, link };
}

/** All terms, in the order of their names. */
export function glossaryTerms() {
  return Object.keys(terms).sort((a, b) => explain(a).name.localeCompare(explain(b).name, language));
}

/** @param {string} wanted "auto" for what the browser prefers. @param {readonly string[]} preferred */
export function setLanguage(wanted, preferred) {
  const first = wanted === "auto" ? (preferred.map((tag) => tag.slice(0, 2)).find((tag) => tag in all) ?? "en") : wanted;
  language = first in all ? first : "en";
  return language;
}

/** The words for a key; `{name}` is filled in. @param {string} key @param {Record<string, string | number>} values */
export function say(key, values = {}) {
  return filled(plain(words(key)), values);
}

/** The same in its parts: texts, and the terms among them that the glossary explains. What is filled in has no terms.
 * @param {string} key @param {Record<string, string | number>} values */
export function marked(key, values = {}) {
  return pieces(words(key)).map((part) =>
    typeof part === "string" ? filled(part, values) : { ...part, words: filled(part.words, values) });
}

/** @param {string} key */
function words(key) {
  return all[language]?.[key] ?? all.en?.[key] ?? key;
}

/** @param {string} text @param {Record<string, string | number>} values */
function filled(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name] ?? "";
    return Number.isInteger(value) ? value.toLocaleString("en") : String(value);
  });
}

/** A probability in whole percent; what is neither 0 nor 1 is never rounded to it. @param {number} p */
export function percent(p) {
  if (p > 0 && p < 0.005) return "<1%";
  if (p >= 0.995 && p < 1 - 1e-12) return ">99%";
  return `${Math.round(100 * p)}%`;
}

/** A token and its probability, "1 (79%)". @param {string} symbol @param {number} p */
export function tokenShare(symbol, p) {
  return `${visible(symbol)} (${percent(p)})`;
}

/** A difference of two probabilities in whole percentage points, with its sign: percent would be of one of them. @param {number} d */
export function signed(d) {
  const whole = Math.round(100 * d);
  return `${whole > 0 ? "+" : whole < 0 ? "\u2212" : "±"}${Math.abs(whole)}`;
}

/** Signs without a shape get one. @param {string} text */
export function visible(text) {
  return text.replace(/ /g, "·").replace(/\n/g, "¶").replace(/\t/g, "»");
}

/** A number that may be very large. @param {number} n */
export function counted(n) {
  return n < 1e15 ? n.toLocaleString("en") : short(n);
}

/** In few signs. @param {number} n */
export function short(n) {
  if (n < 1e6) return n.toLocaleString("en");
  const power = Math.floor(Math.log10(n));
  return `${(n / 10 ** power).toFixed(1)}·10${[...String(power)].map((digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(digit)]).join("")}`;
}

/** Tokens in a sentence: all of a few, the first of many. @param {string[]} vocab */
export function listed(vocab) {
  const spaced = vocab.some((symbol) => [...symbol].length > 1);
  const [most, between] = spaced ? [12, " "] : [64, ""];
  return vocab.slice(0, most).map(visible).join(between) + (vocab.length > most ? "…" : "");
}
