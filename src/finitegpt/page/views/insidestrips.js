// Rows of numbers as strips of colour, one number of which can be read in all of them at once; and bars around 0.

import { html, setText } from "./dom.js";
import { say } from "../ground/strings.js";
import { change, written } from "../chain/softmax.js";

const [BLUE, ORANGE] = [[0, 114, 178], [213, 94, 0]];
const TOLD = 4; // numbers of a strip that a screen reader is told

/** A strip of C colours: blue above 0, orange below. @param {number} C @param {Record<string, any>} more */
export function strip(C, more = {}) {
  const canvas = html("canvas", { width: C, height: 1, class: "strip", role: "img", ...more });
  return {
    canvas,
    /** @param {ArrayLike<number>} values @param {number} largest what has the full colour */
    draw(values, largest) {
      const pen = canvas.getContext("2d");
      const image = pen.createImageData(C, 1);
      for (let k = 0; k < C; k++) {
        const x = values[k] / (largest || 1);
        image.data.set([...(x > 0 ? BLUE : ORANGE), 255 * Math.min(1, Math.abs(x))], 4 * k);
      }
      pen.putImageData(image, 0, 0);
    },
  };
}

/** Strips with the same number of each written beside it: chosen by a slider, or by pointing at any of them.
 * @param {number} C */
export function strips(C) {
  let at = 0;
  /** @type {{values: Float32Array, measure: number, draw: (values: ArrayLike<number>, largest: number) => void, show: () => void}[]} */
  const all = [];
  const words = html("span", {});
  const slider = html("input", { type: "range", min: 1, max: C, value: 1, oninput: () => choose(Number(slider.value) - 1) });
  /** @type {(() => void)[]} */
  const after = [];

  /** @param {number} k */
  function choose(k) {
    at = k;
    slider.value = String(k + 1);
    setText(words, say("inside.number", { k: k + 1, of: C }));
    for (const one of all) one.show();
    for (const tell of after) tell();
  }

  return {
    control: html("label", { class: "inside-number" }, words, slider),
    /** Which number is read, from 0 on. */
    at: () => at,
    /** @param {() => void} tell called when another number is read */
    then: (tell) => after.push(tell),
    /** A new strip. @param {string} sign what stands before its number @param {() => number} decimals
     * @param {number} measure strips of the same measure have the same colours for the same numbers */
    add(sign = "", decimals = () => 3, measure = 0) {
      const name = html("span", { class: "inside-name" });
      const { canvas, draw } = strip(C);
      const mark = html("span", { class: "inside-mark" });
      const number = html("span", { class: "number" });
      const box = html("span", { class: "inside-strip" }, canvas, mark);
      const point = (/** @type {PointerEvent} */ event) => {
        const { left, width } = box.getBoundingClientRect();
        choose(Math.max(0, Math.min(C - 1, Math.floor((C * (event.clientX - left)) / width))));
      };
      box.addEventListener("pointermove", point);
      box.addEventListener("pointerdown", point);
      const one = {
        values: new Float32Array(C), measure, draw,
        show() {
          mark.style.left = `${(100 * at) / C}%`;
          mark.style.width = `${100 / C}%`;
          setText(number, sign + written(one.values[at], decimals()));
        },
      };
      all.push(one);
      return {
        element: html("div", { class: "inside-row" }, name, box, number),
        /** @param {string} named @param {Float32Array} values */
        set(named, values) {
          one.values = values;
          setText(name, named);
          canvas.setAttribute("aria-label", `${named}: ${[...values.subarray(0, TOLD)].map((x) => written(x)).join(", ")}${C > TOLD ? ", …" : ""}`);
        },
      };
    },
    /** Draws what is set, and returns the largest size of a number. */
    draw() {
      /** @type {number[]} */
      const largest = [];
      for (const { values, measure } of all) largest[measure] = values.reduce((a, x) => Math.max(a, Math.abs(x)), largest[measure] ?? 0);
      for (const one of all) one.draw(one.values, largest[one.measure]);
      choose(at);
      return largest[0];
    },
  };
}

/**
 * Bars to the left and to the right of 0, by one measure.
 * @param {{name: string, value: number, colour?: string, text?: string}[]} rows
 */
export function aroundZero(rows) {
  const largest = rows.reduce((most, { value }) => Math.max(most, Math.abs(value)), 0) || 1;
  return rows.map(({ name, value, colour = "var(--accent)", text = change(value) }) => {
    const wide = (50 * Math.abs(value)) / largest;
    const fill = html("span", { class: "inside-fill", style: `left:${value < 0 ? 50 - wide : 50}%;width:${wide}%;background:${colour}` });
    return html("div", { class: "inside-row" }, html("span", { class: "inside-name" }, name), html("span", { class: "inside-zero" }, fill), html("span", { class: "number" }, text));
  });
}
