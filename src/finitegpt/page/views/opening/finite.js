// How many circles there are: tokens and a window to choose, up to those of GPT-2.

import { digitsOf } from "../../chain/slides.js";
import { say } from "../../ground/strings.js";
import { html, setText } from "../dom.js";
import { paragraphs } from "../glossary.js";
import { choiceGuess } from "./guess.js";

const TOKENS = [2, 3, 4, 8, 26, 100, 1000, 50257];
const WINDOWS = [1, 2, 3, 4, 5, 8, 16, 64, 256, 1024];
const GPT2 = [50257, 1024];
const MOST_DRAWN = 6000;
const WRITTEN = 12; // up to so many digits a number is written out

/** @param {import("./scenes.js").Stage} stage */
export function finiteScene(stage) {
  const { places } = stage;
  const sum = html("p", { class: "sum", role: "status" });
  const bits = html("p", { class: "soft bits" });
  const slide = (/** @type {string} */ key, /** @type {number[]} */ steps, /** @type {number} */ at) => {
    const told = html("output", {});
    const input = html("input", { type: "range", min: 0, max: steps.length - 1, step: 1, value: at, "aria-label": say(key), oninput: () => show() });
    return { element: html("label", { class: "row slide" }, html("span", {}, say(key)), input, told), input, told, value: () => steps[Number(input.value)] };
  };
  const tokens = slide("opening.8.tokens", TOKENS, 0);
  const windows = slide("opening.8.window", WINDOWS, 2);
  const show = () => {
    const [V, L] = [tokens.value(), windows.value()];
    const digits = digitsOf(V, L);
    for (const [one, value] of /** @type {[typeof tokens, number][]} */ ([[tokens, V], [windows, L]])) {
      setText(one.told, value.toLocaleString("en"));
      one.input.setAttribute("aria-valuetext", value.toLocaleString("en"));
    }
    const written = digits <= WRITTEN ? (BigInt(V) ** BigInt(L)).toLocaleString("en") : say("opening.8.digits", { n: digits });
    setText(sum, say("opening.8.sum", { V, L, written }));
    drawCircles(canvas, digits <= WRITTEN ? V ** L : Infinity);
    setText(bits, say("opening.8.bits", { n: Math.ceil(L * Math.log2(V) - 1e-9) }));
  };
  const canvas = html("canvas", { "aria-hidden": "true" });
  places.show.replaceChildren(html("div", { class: "counting" },
    html("p", { class: "formula" }, say("opening.8.formula")), tokens.element, windows.element, sum, canvas, bits));
  places.words.replaceChildren(...paragraphs("opening.8.text"));
  show();
  const answers = [6, 154, digitsOf(GPT2[0], GPT2[1])];
  places.asks.replaceChildren(choiceGuess(say("opening.8.ask"), answers.map((n) => say("opening.8.answer", { n })), 2, () => {
    tokens.input.value = String(TOKENS.length - 1);
    windows.input.value = String(WINDOWS.length - 1);
    show();
    stage.say(8, { n: answers[2] });
  }));
}

/** As many circles as fit; more than that fill the room. @param {HTMLCanvasElement} canvas @param {number} many */
function drawCircles(canvas, many) {
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const look = getComputedStyle(canvas);
  const [width, height] = [canvas.width, canvas.height] = [canvas.clientWidth * devicePixelRatio, canvas.clientHeight * devicePixelRatio];
  pen.clearRect(0, 0, width, height);
  pen.strokeStyle = look.getPropertyValue("--ink").trim();
  pen.fillStyle = look.getPropertyValue("--soft").trim();
  if (many > MOST_DRAWN) return pen.fillRect(0, 0, width, height);
  const side = Math.min(64, Math.sqrt((width * height) / many));
  const columns = Math.max(1, Math.min(many, Math.floor(width / side)));
  const rows = Math.ceil(many / columns);
  const cell = Math.min(side, height / rows);
  const left = (width - columns * cell) / 2;
  for (let k = 0; k < many; k++) {
    pen.beginPath();
    pen.arc(left + cell * ((k % columns) + 0.5), cell * (Math.floor(k / columns) + 0.5), 0.36 * cell, 0, 2 * Math.PI);
    if (cell > 10) pen.stroke();
    else pen.fill();
  }
}
