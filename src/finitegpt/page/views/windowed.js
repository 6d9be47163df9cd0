// The end of a text as a tape that moves to the left under a window: what the window shows is the state.

import { label } from "../chain/data.js";
import { COLOURS, colourOf } from "../ground/colours.js";
import { say, visible } from "../ground/strings.js";
import { html, setText } from "./dom.js";

const PAST = 26; // tokens left of the window
const LONGEST = 8; // signs of a token that is shown whole

/** @param {{vocab: string[], V: number, L: number}} chain */
export function windowedText({ vocab, V, L }) {
  const names = vocab.map(visible);
  const cells = Array.from({ length: L + PAST }, (_, k) => html("span", { class: k < PAST ? "wt-cell" : "wt-cell wt-in" }));
  const belt = html("div", { class: "wt-belt" }, ...cells);
  const tape = html("div", { class: "wt-tape", role: "img" }, belt, html("div", { class: "wt-frame" }));
  const caption = html("p", { class: "wt-caption", "aria-hidden": "true" });
  const longest = Math.min(LONGEST, names.reduce((most, name) => Math.max(most, name.length), 0));
  const element = html("div", { class: "wt", style: `--window:${L};--longest:${longest}` }, tape, caption);
  return {
    element,
    /** @param {number[]} tokens at least L @param {number} at the state */
    show(tokens, at) {
      const words = say("walking.window", { state: visible(label(at, vocab, L)) });
      const first = tokens.length - cells.length;
      cells.forEach((cell, k) => {
        const token = tokens[first + k];
        setText(cell, token === undefined ? "" : names[token].length > LONGEST ? `${names[token].slice(0, LONGEST - 1)}…` : names[token]);
        cell.style.color = token === undefined || V > COLOURS.length ? "" : colourOf(token, V);
      });
      setText(caption, words);
      tape.setAttribute("aria-label", words);
    },
    /** The newest token comes in from the right. @param {number} lasts milliseconds */
    slide(lasts) {
      for (const one of belt.getAnimations()) one.cancel();
      belt.animate([{ transform: "translateX(var(--cell))" }, { transform: "none" }], { duration: lasts, easing: "ease-out" });
    },
  };
}
