// The colours of tokens, as style.css names them.

/** One for each token, as long as there are enough. */
export const COLOURS = ["var(--t0)", "var(--t1)", "var(--t2)", "var(--t3)", "var(--t4)", "var(--t5)", "var(--t6)", "var(--t7)"];

/** The colour of a token: its own, or where there are more tokens than colours the one that tells none of them.
 * @param {number} token @param {number} V @returns {string} */
export function colourOf(token, V) {
  return V <= COLOURS.length ? COLOURS[token] : "var(--many)";
}

/** The class of words in that colour. @param {number} token @param {number} V */
export function toneOf(token, V) {
  return V <= COLOURS.length ? `t${token}` : "many";
}
