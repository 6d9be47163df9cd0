// One state of a large chain among those before and after it: each of them can be gone to.

import { label, successor } from "../chain/data.js";
import { svg } from "./dom.js";
import { COLOURS } from "../ground/colours.js";
import { say, tokenShare, visible } from "../ground/strings.js";

const MOST = 6;
const WIDE = 720;
const ROW = 46;

/** @param {import("../chain/view.js").View} view @param {(id: number) => void} choose */
export function neighbourhood({ vocab, V, L, n, p, counts, red, chosen }, choose) {
  const suffixes = n / V;
  const best = (/** @type {{id: number, p: number, token: number}[]} */ all) =>
    all.sort((a, b) => b.p - a.p).slice(0, MOST).sort((a, b) => a.id - b.id);
  const last = chosen % V;
  const before = best(vocab.map((_, a) => {
    const id = a * suffixes + Math.floor(chosen / V);
    return { id, token: last, p: p[id * V + last] };
  }));
  const after = best(vocab.map((_, token) => ({ id: successor(chosen, token, V, n), token, p: p[chosen * V + token] })));
  const high = ROW * Math.max(before.length, after.length, 2);
  const box = Math.max(64, 9.5 * L + 22);
  const y = (/** @type {number} */ k, /** @type {number} */ of) => (high * (k + 0.5)) / of;
  const parts = [];
  const node = (/** @type {number} */ id, /** @type {number} */ cx, /** @type {number} */ cy, more = "") => {
    const go = () => id !== chosen && choose(id);
    return svg("g", {
      class: `state${counts[id] ? "" : " unseen"}${red[id] ? " red" : ""}${more}`, tabindex: 0, role: "button",
      "aria-label": visible(label(id, vocab, L)), onclick: go,
      onkeydown: (/** @type {KeyboardEvent} */ event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        event.stopPropagation();
        go();
      },
    },
    svg("rect", { x: cx - box / 2, y: cy - 15, width: box, height: 30, rx: 15 }),
    svg("text", { x: cx, y: cy }, visible(label(id, vocab, L))));
  };
  const link = (/** @type {number[]} */ [x0, y0, x1, y1], /** @type {{p: number, token: number}} */ one, /** @type {number} */ where) => {
    const half = (x0 + x1) / 2;
    const colour = COLOURS[one.token % 8];
    const [tx, ty] = [x0 + (x1 - x0) * where, y0 + (y1 - y0) * where];
    return [
      svg("path", {
        d: `M${x0} ${y0} C${half} ${y0} ${half} ${y1} ${x1} ${y1}`, fill: "none", stroke: colour,
        "stroke-width": (0.8 + 4.2 * one.p).toFixed(2), "stroke-opacity": (0.3 + 0.7 * one.p).toFixed(2),
      }),
      svg("rect", { x: tx - 33, y: ty - 9, width: 66, height: 18, rx: 3, class: "patch" }),
      svg("text", { x: tx, y: ty, class: `arrow-label t${one.token % 8}` }, tokenShare(vocab[one.token], one.p)),
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
