// The loss curve, which is also where one is in time.

import { html, svg } from "./dom.js";
import { say } from "./strings.js";

const WIDE = 800;
const HIGH = 96;

/** @param {(step: number) => void} go */
export function timeline(go) {
  const line = svg("polyline", { fill: "none", class: "loss" });
  const marks = svg("g", {});
  const now = svg("line", { y1: 0, y2: HIGH, class: "now" });
  const picture = svg(
    "svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: "none", "aria-hidden": "true", class: "curve" },
    marks, line, now,
  );
  const slider = html("input", { type: "range", min: 0, max: 0, value: 0, step: 1, id: "timeline" });
  slider.addEventListener("input", () => go(Number(slider.value)));
  const element = html("div", { class: "timeline" }, picture, slider);
  return {
    element,
    /** @param {Float64Array} losses @param {number} steps @param {number} step @param {[string, number][]} levels */
    update(losses, steps, step, levels) {
      const values = [...losses, ...levels.map(([, value]) => value)].filter(Number.isFinite);
      const low = Math.min(...values, Infinity);
      const high = Math.max(...values, -Infinity);
      const x = (/** @type {number} */ k) => (WIDE * k) / Math.max(1, steps);
      const y = (/** @type {number} */ value) => HIGH - 8 - ((HIGH - 16) * (value - low)) / (high - low || 1);
      const thin = Math.max(1, Math.floor(losses.length / 800));
      const points = [];
      for (let k = 0; k < losses.length; k += thin) points.push(`${x(k).toFixed(1)},${y(losses[k]).toFixed(1)}`);
      line.setAttribute("points", points.join(" "));
      marks.replaceChildren(
        ...levels.map(([, value]) => svg("line", { x1: 0, x2: WIDE, y1: y(value), y2: y(value), class: "level" })),
      );
      now.setAttribute("x1", String(x(step)));
      now.setAttribute("x2", String(x(step)));
      slider.max = String(steps);
      slider.value = String(step);
      slider.setAttribute("aria-label", say("timeline"));
      slider.setAttribute("aria-valuetext", say("step", { done: step, steps }));
    },
  };
}
