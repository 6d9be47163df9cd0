// One state of a large chain among those before and after it: each of them can be gone to.

import { countOf, isRed, nameOf, rowOf } from "../chain/asked.js";
import { successor } from "../chain/data.js";
import { svg } from "./dom.js";
import { colourOf, toneOf } from "../ground/colours.js";
import { say, tokenShare } from "../ground/strings.js";

const MOST = 6;
const WIDE = 720;
const ROW = 46;
const LONGEST = 18; // signs of a name

/** @param {import("../chain/view.js").View} view @param {(id: number) => void} choose */
export function neighbourhood(view, choose) {
  const { vocab, V, L, n, chosen } = view;
  const suffixes = n / V;
  const best = (/** @type {{id: number, p: number, token: number}[]} */ all) =>
    all.sort((a, b) => b.p - a.p).slice(0, MOST).sort((a, b) => a.id - b.id);
  const last = chosen % V;
  view.asked?.row.ahead(vocab.map((_, a) => a * suffixes + Math.floor(chosen / V)));
  const before = best(vocab.map((_, a) => {
    const id = a * suffixes + Math.floor(chosen / V);
    return { id, token: last, p: rowOf(view, id)[last] };
  }));
  const after = best(vocab.map((_, token) => ({ id: successor(chosen, token, V, n), token, p: rowOf(view, chosen)[token] })));
  const high = ROW * Math.max(before.length, after.length, 2);
  const longest = Math.max(...[...before, ...after, { id: chosen }].map(({ id }) => shortened(nameOf(view, id)).length));
  const box = Math.max(64, 9.5 * longest + 22);
  const y = (/** @type {number} */ k, /** @type {number} */ of) => (high * (k + 0.5)) / of;
  const parts = [];
  const node = (/** @type {number} */ id, /** @type {number} */ cx, /** @type {number} */ cy, more = "") => {
    const go = () => id !== chosen && choose(id);
    return svg("g", {
      class: `state${countOf(view, id) ? "" : " unseen"}${isRed(view, id) ? " red" : ""}${more}`, tabindex: 0, role: "button",
      "aria-label": nameOf(view, id), onclick: go,
      onkeydown: (/** @type {KeyboardEvent} */ event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        event.stopPropagation();
        go();
      },
    },
    svg("rect", { x: cx - box / 2, y: cy - 15, width: box, height: 30, rx: 15 }),
    svg("text", { x: cx, y: cy }, shortened(nameOf(view, id))), svg("title", {}, nameOf(view, id)));
  };
  const link = (/** @type {number[]} */ [x0, y0, x1, y1], /** @type {{p: number, token: number}} */ one, /** @type {number} */ where) => {
    const half = (x0 + x1) / 2;
    const colour = colourOf(one.token, V);
    const [tx, ty] = [x0 + (x1 - x0) * where, y0 + (y1 - y0) * where];
    return [
      svg("path", {
        d: `M${x0} ${y0} C${half} ${y0} ${half} ${y1} ${x1} ${y1}`, fill: "none", stroke: colour,
        "stroke-width": (0.8 + 4.2 * one.p).toFixed(2), "stroke-opacity": (0.3 + 0.7 * one.p).toFixed(2),
      }),
      svg("rect", { x: tx - 33, y: ty - 9, width: 66, height: 18, rx: 3, class: "patch" }),
      svg("text", { x: tx, y: ty, class: `arrow-label ${toneOf(one.token, V)}` }, tokenShare(vocab[one.token], one.p)),
    ];
  };
  const [left, middle, right] = [box / 2 + 6, WIDE / 2, WIDE - box / 2 - 6];
  before.forEach((one, k) => parts.push(...link([left + box / 2, y(k, before.length), middle - box / 2, high / 2], one, 0.3)));
  after.forEach((one, k) => parts.push(...link([middle + box / 2, high / 2, right - box / 2, y(k, after.length)], one, 0.7)));
  before.forEach((one, k) => parts.push(node(one.id, left, y(k, before.length))));
  after.forEach((one, k) => parts.push(node(one.id, right, y(k, after.length))));
  parts.push(node(chosen, middle, high / 2, " chosen"));
  return svg("svg", { viewBox: `0 0 ${WIDE} ${high}`, class: "graph neighbours", role: "group", "aria-label": say("neighbours") }, ...parts);
}

/** The end of a long name is what the next states share. @param {string} name */
function shortened(name) {
  return name.length > LONGEST ? `…${name.slice(1 - LONGEST)}` : name;
}
