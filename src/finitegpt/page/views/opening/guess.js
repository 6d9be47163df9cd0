// Guesses before the answer: a bar to drag, or words to press. Told kindly; nothing is graded.

import { costOf } from "../../chain/slides.js";
import { percent, say } from "../../ground/strings.js";
import { button, html, setText } from "../dom.js";

/**
 * A bar to drag to a percentage, and a button to see the answer.
 * @param {string} question @param {(guess: number) => void} done
 */
export function barGuess(question, done) {
  const told = html("output", { class: "guessed" });
  const slider = html("input", { type: "range", min: 0, max: 100, step: 1, value: 50, "aria-label": question, class: "guess",
    oninput: () => show() });
  const answer = button(say("opening.see"), () => {
    slider.disabled = true;
    answer.remove();
    done(Number(slider.value) / 100);
  }, { class: "main" });
  const show = () => {
    setText(told, percent(Number(slider.value) / 100));
    slider.setAttribute("aria-valuetext", percent(Number(slider.value) / 100));
  };
  show();
  return html("div", { class: "ask" }, html("p", { class: "question" }, question),
    html("div", { class: "act" },
      html("div", { class: "drag" }, html("span", { class: "end t0" }, "0"), slider, html("span", { class: "end t1" }, "1"), told), answer));
}

/** What a guess was worth, in plain words. @param {number} guess @param {number} p what was asked for */
export function worth(guess, p) {
  const cost = costOf(p, guess);
  const words = cost < 0.5 ? "opening.cost.none" : cost < 3 ? "opening.cost.little" : "opening.cost.some";
  return say(words, { guess: percent(guess), n: cost < 10 ? Number(cost.toFixed(1)) : Math.round(cost) });
}

/**
 * Words to press, of which one is right; `done` gets which was pressed.
 * @param {string} question @param {string[]} answers @param {number} right @param {(k: number) => void} done
 */
export function choiceGuess(question, answers, right, done) {
  const buttons = answers.map((words, k) => button(words, () => {
    buttons.forEach((one, j) => {
      one.disabled = true;
      one.classList.toggle("right", j === right);
      one.classList.toggle("other", j === k && k !== right);
    });
    done(k);
  }));
  return html("div", { class: "ask" }, html("p", { class: "question" }, question), html("div", { class: "choices" }, ...buttons));
}
