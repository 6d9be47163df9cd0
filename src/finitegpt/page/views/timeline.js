// Time: the loss curve, which is also where one is in training, and the buttons that move along it.

import { button, html, setText, svg } from "./dom.js";
import { say } from "../ground/strings.js";

const WIDE = 800;
const HIGH = 120;
const MOST_TICKS = { loss: 4, step: 6 };
const SPEEDS = [0.25, 1, 4, 16];
const SECONDS = 5; // that a whole training takes at speed 1, where it has a step for each frame of them
const LONGEST_FRAME = 100; // milliseconds: after a pause in the background nothing is made up for

/**
 * @param {{go: (step: number) => void, follow: () => void, pin: () => void}} act `follow`: to the newest step there is
 */
export function timeline({ go, follow, pin }) {
  const line = svg("polyline", { fill: "none", class: "loss" });
  const marks = svg("g", {});
  const pinned = svg("line", { y1: 0, y2: HIGH, class: "pinned", visibility: "hidden" });
  const now = svg("line", { y1: 0, y2: HIGH, class: "now" });
  const picture = svg(
    "svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: "none", "aria-hidden": "true", class: "curve" },
    marks, line, pinned, now,
  );
  const [lossAxis, stepAxis] = [html("div", { class: "losses" }), html("div", { class: "steps" })];
  const plot = html("div", { class: "plot" }, html("span", { class: "unit" }, say("screen.axis.loss")), lossAxis, picture, stepAxis);
  let axes = "";
  const key = html("p", { class: "soft key" });
  const slider = html("input", { type: "range", min: 0, max: 0, value: 0, step: 1, id: "timeline", "aria-label": say("timeline") });
  slider.addEventListener("input", () => stopped(Number(slider.value)));
  const drag = (/** @type {PointerEvent} */ event) => {
    if (event.type === "pointermove" && !(event.buttons & 1)) return;
    const box = picture.getBoundingClientRect();
    stopped(Math.max(0, Math.min(state.steps, Math.round(((event.clientX - box.left) / box.width) * state.steps))));
  };
  picture.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
    picture.setPointerCapture(event.pointerId);
    drag(event);
  });
  picture.addEventListener("pointermove", drag);

  const small = (/** @type {string} */ sign, /** @type {string} */ words, /** @type {() => void} */ act) =>
    button(sign, act, { class: "small", "aria-label": words, title: words });
  const playButton = button("", () => toggle(), { class: "play" });
  const speed = html("select", { class: "speed", "aria-label": say("speed"), title: say("speed") },
    ...SPEEDS.map((times) => html("option", { value: times, selected: times === 1 }, `${times}×`)));
  const pinButton = button(say("pin"), pin, { class: "pin" });
  const told = html("output", { class: "soft step", for: "timeline", "aria-live": "off" });
  const element = html(
    "section", { class: "time", "aria-label": say("timeline") },
    html("div", { class: "transport" },
      small("«", say("first"), () => stopped(0)), small("‹", say("back"), () => step(-1)), playButton,
      small("›", say("forward"), () => step(1)), small("»", say("last"), () => { play(false); follow(); }),
      speed, pinButton, told),
    plot, slider, key,
  );

  const state = { steps: 0, done: 0, step: 0, stride: 1, finished: true, following: false };
  let playing = false;
  let frame = 0;
  let carry = 0;
  let before = 0;
  showPlaying();

  function showPlaying() {
    const moving = playing || state.following;
    setText(playButton, say(moving ? "pause" : "play"));
    playButton.setAttribute("aria-pressed", String(moving));
  }

  /** A training that is still under way and followed is paused by staying where it is now. */
  function toggle() {
    if (state.following) go(state.step);
    else play(!playing);
  }

  /** @param {boolean} on */
  function play(on) {
    if (on === playing) return;
    playing = on;
    showPlaying();
    cancelAnimationFrame(frame);
    if (!on) return go(state.step);
    if (state.step >= state.steps) go(0);
    carry = 0;
    before = performance.now();
    frame = requestAnimationFrame(tick);
  }

  /** @param {number} at */
  function tick(at) {
    if (!playing) return;
    const passed = Math.max(0, Math.min(LONGEST_FRAME, at - before));
    before = at;
    const rate = Math.max(10, state.steps / SECONDS) * Number(speed.value);
    carry += (rate * passed) / 1000;
    const by = Math.floor(carry / state.stride) * state.stride;
    carry -= by;
    const next = Math.min(state.done, state.step + by);
    if (next !== state.step) go(next);
    if (next >= state.steps || (state.finished && next >= state.done)) {
      play(false);
      follow();
    } else frame = requestAnimationFrame(tick);
  }

  /** @param {number} at */
  function stopped(at) {
    if (playing) play(false);
    go(at);
  }

  /** @param {number} by */
  function step(by) {
    stopped(Math.max(0, Math.min(state.steps, state.step + by * state.stride)));
  }

  /** The numbers at both axes, where they are others. @param {number} low @param {number} high
   * @param {(value: number) => string} y @param {(k: number) => string} x @param {number} last */
  function drawAxes(low, high, y, x, last) {
    const wanted = `${low} ${high} ${last}`;
    if (wanted === axes) return;
    axes = wanted;
    const at = ticks(low, high, MOST_TICKS.loss);
    const digits = Math.max(0, -Math.floor(Math.log10((at[1] ?? 1) - (at[0] ?? 0)) + 1e-9));
    lossAxis.replaceChildren(...at.map((value) => html("span", { style: `top:${(100 * Number(y(value))) / HIGH}%` }, value < 1e4 ? value.toFixed(digits) : value.toExponential())));
    stepAxis.replaceChildren(...ticks(0, last, MOST_TICKS.step).filter(Number.isInteger).map((k) =>
      html("span", { style: `left:${(100 * Number(x(k))) / WIDE}%` }, k ? String(k) : say("screen.axis.step", { k }))));
  }

  return {
    element,
    toggle,
    step,
    stop: () => play(false),
    /** @param {import("../chain/view.js").View} view */
    update({ values, trained, step: at, entropy, V, loss }) {
      const { losses, done, experiment, finished, keepEvery, fixed } = trained;
      const { steps } = experiment.plan;
      const following = values.step < 0 && !finished && !trained.carried;
      Object.assign(state, { steps, done, step: at, stride: keepEvery, finished, following });
      showPlaying();
      const levels = [["uniform", Math.log(V)], ...(experiment.plan.everyPosition ? [] : [["best", entropy]])];
      const known = [...losses].filter(Number.isFinite);
      const all = [...known, ...levels.map(([, value]) => Number(value))];
      const low = all.reduce((a, b) => Math.min(a, b));
      const high = all.reduce((a, b) => Math.max(a, b));
      const x = (/** @type {number} */ k) => ((WIDE * k) / Math.max(1, steps)).toFixed(1);
      const y = (/** @type {number} */ value) => (HIGH - 8 - ((HIGH - 16) * (value - low)) / (high - low || 1)).toFixed(1);
      drawAxes(low, high, y, x, steps);
      const thin = Math.max(1, Math.floor(losses.length / WIDE));
      const points = [];
      for (let k = 0; k < losses.length; k += thin) if (Number.isFinite(losses[k])) points.push(`${x(k)},${y(losses[k])}`);
      const drawn = points.join(" ");
      if (line.getAttribute("points") !== drawn) {
        line.setAttribute("points", drawn);
        marks.replaceChildren(...ticks(low, high, MOST_TICKS.loss).map((value) =>
          svg("line", { x1: 0, x2: WIDE, y1: y(value), y2: y(value), class: "grid" })), ...levels.map(([name, value]) =>
          svg("line", { x1: 0, x2: WIDE, y1: y(Number(value)), y2: y(Number(value)), class: `level ${name}` })));
        setText(key, levels.map(([name, value]) => `${name === "uniform" ? "╌" : "┈"} ${say(String(name))} ${Number(value).toFixed(4)}`).join("   "));
      }
      for (const [mark, k] of [[now, at], [pinned, values.pin]]) {
        mark.setAttribute("x1", x(k));
        mark.setAttribute("x2", x(k));
      }
      pinned.setAttribute("visibility", values.pin >= 0 ? "visible" : "hidden");
      setText(pinButton, say(values.pin >= 0 ? "unpin" : "pin"));
      pinButton.setAttribute("aria-pressed", String(values.pin >= 0));
      slider.max = String(steps);
      slider.value = String(at);
      slider.step = String(steps % keepEvery === 0 ? keepEvery : 1);
      slider.disabled = fixed;
      playButton.disabled = fixed;
      slider.setAttribute("aria-valuetext", say("step", { done: at, steps }));
      setText(told, fixed ? say(known.length ? "step.run" : "step.fixed") : Number.isFinite(loss) ? say("step.loss", { done: at, steps, loss: loss.toFixed(4) }) : say("step", { done: at, steps }));
    },
  };
}

/** Round numbers from low to high, a few. @param {number} low @param {number} high @param {number} most */
export function ticks(low, high, most) {
  if (!(high > low)) return [low];
  const power = 10 ** Math.floor(Math.log10((high - low) / most));
  const by = power * ([1, 2, 5, 10].find((digit) => Math.floor(high / (digit * power) + 1e-9) - Math.ceil(low / (digit * power) - 1e-9) < most) ?? 10);
  const first = Math.ceil(low / by - 1e-9);
  return Array.from({ length: Math.floor(high / by + 1e-9) - first + 1 }, (_, k) => Number(((first + k) * by).toPrecision(12)));
}
