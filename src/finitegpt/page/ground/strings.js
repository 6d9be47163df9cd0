// The words of the page, in the reader's language.

/** @type {Record<string, Record<string, string>>} */
let all = {};
let language = "en";

/** @param {Record<string, Record<string, string>>} strings */
export function setStrings(strings) {
  all = strings;
}

/** @param {string} wanted "auto" for what the browser prefers. @param {readonly string[]} preferred */
export function setLanguage(wanted, preferred) {
  const first = wanted === "auto" ? (preferred.map((tag) => tag.slice(0, 2)).find((tag) => tag in all) ?? "en") : wanted;
  language = first in all ? first : "en";
  return language;
}

/** The words for a key; `{name}` is filled in. @param {string} key @param {Record<string, string | number>} values */
export function say(key, values = {}) {
  const text = all[language]?.[key] ?? all.en?.[key] ?? key;
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
