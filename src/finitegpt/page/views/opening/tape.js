// A text as a tape, and the window over its tokens.

import { html } from "../dom.js";

/** @param {string} text @param {number} L how many tokens the window shows @param {string[]} vocab */
export function tapeOf(text, L, vocab) {
  const cells = [...text].map((symbol) => html("span", { class: `cell c${vocab.indexOf(symbol)}` }, symbol));
  const frame = html("span", { class: "window" });
  const belt = html("span", { class: "belt" }, frame, ...cells);
  const element = html("p", { class: "tape", "aria-label": text, role: "img" }, belt);
  const show = (/** @type {number} */ start, ahead = 0) => {
    const inside = start >= 0;
    frame.style.visibility = inside ? "visible" : "hidden";
    belt.style.setProperty("--at", String(Math.max(0, start)));
    cells.forEach((cell, k) => {
      cell.classList.toggle("in", inside && k >= start && k < start + L);
      cell.classList.toggle("next", inside && k === start + L && ahead > 0);
    });
    element.setAttribute("aria-label", inside ? `${text} [${text.slice(start, start + L)}]` : text);
  };
  frame.style.visibility = "hidden";
  belt.style.setProperty("--long", String(cells.length));
  belt.style.setProperty("--wide", String(L));
  return {
    element,
    /** The window begins at a token, or is not there for -1. @param {number} start @param {boolean} ahead whether the next token is marked */
    show: (start, ahead = false) => show(start, ahead ? 1 : 0),
  };
}

/** A tape that grows, with the window over its last tokens. @param {string[]} vocab @param {number} L @param {number} most */
export function growingTape(vocab, L, most) {
  const element = html("p", { class: "tape growing", role: "log", "aria-live": "off" });
  return {
    element,
    /** @param {number[]} tokens */
    show(tokens) {
      const shown = tokens.slice(-most);
      const cell = (/** @type {number} */ token) => html("span", { class: `cell c${token} in` }, vocab[token]);
      element.replaceChildren(
        ...shown.slice(0, -L).map((token) => html("span", { class: `cell c${token}` }, vocab[token])),
        html("span", { class: "window standing" }, ...shown.slice(-L).map(cell)));
    },
  };
}
