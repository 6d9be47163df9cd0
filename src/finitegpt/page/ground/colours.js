// The colours of tokens, as style.css names them.

/** One for each token, as long as there are enough: where there are more tokens, colour tells none of them. */
export const COLOURS = ["var(--t0)", "var(--t1)", "var(--t2)", "var(--t3)", "var(--t4)", "var(--t5)", "var(--t6)", "var(--t7)"];
