// Steps inside a GPT that are about vectors: the tokens, their embedding, and the residual stream.

import { html, setText } from "./dom.js";
import { setExplained } from "./glossary.js";
import { strips } from "./insidestrips.js";
import { colourOf } from "../ground/colours.js";
import { percent, say } from "../ground/strings.js";
import { decimalsOfSum, written } from "../chain/softmax.js";

/**
 * @typedef {{inside: any, tokens: string[], context: number[], names: string[], answer: number,
 *   view: import("../chain/view.js").View}} Now
 *   `inside` is what the worker has found, `tokens` the context as it is read, `names` all tokens,
 *   `answer` the most probable one as the chain is shown
 * @typedef {{nodes: HTMLElement[], update: (now: Now) => void}} Step
 */

/** The tokens, with their numbers and positions. @param {number} L @returns {Step} */
export function tokensStep(L) {
  const text = html("p", {});
  const rows = ["token", "id", "place"].map((key) => {
    const cells = Array.from({ length: L }, () => html("td", {}));
    return { key, cells, element: html("tr", {}, html("th", { scope: "row" }, say(`inside.${key}`)), ...cells) };
  });
  return {
    nodes: [text, html("div", { class: "inside-wide" }, html("table", { class: "inside-tokens" }, ...rows.map(({ element }) => element)))],
    update({ tokens, context }) {
      setExplained(text, L === 1 ? "inside.1.text.one" : "inside.1.text", { label: tokens.join(""), L, last: tokens[L - 1] });
      for (const { key, cells } of rows)
        cells.forEach((cell, k) => setText(cell, key === "token" ? tokens[k] : String(key === "id" ? context[k] : k + 1)));
    },
  };
}

/** Rows of the embedding and their sums. @param {import("../engine/weights.js").Shape} shape @param {number} L @returns {Step} */
export function embeddingStep({ nEmbd: C, embeddingNorm }, L) {
  const text = html("p", {});
  const key = html("p", { class: "soft" });
  const sum = html("p", { class: "inside-sum" });
  const table = strips(C);
  const groups = Array.from({ length: L }, (_, k) => {
    const decimals = () => decimalsOfSum(...summands(k));
    const rows = ["", "+ ", "= ", ...(embeddingNorm ? [""] : [])].map((sign) => table.add(sign, decimals));
    return { rows, element: html("div", { class: "inside-group" }, ...rows.map(({ element }) => element)) };
  });
  /** @type {Now | null} */
  let last = null;
  /** The numbers that are read of a token and of its position. @param {number} k @returns {[number, number]} */
  function summands(k) {
    const { tokens, positions } = last?.inside ?? { tokens: [0], positions: [0] };
    return [tokens[k * C + table.at()], positions[k * C + table.at()]];
  }

  /** Their sum, at the last position. */
  function tell() {
    if (!last) return;
    const [a, b] = summands(L - 1);
    const decimals = decimalsOfSum(a, b);
    const words = `${written(a, decimals)} + ${inBrackets(b, decimals)} = ${written(a + b, decimals)}`;
    setText(sum, say("inside.2.sum", { k: table.at() + 1, token: last.tokens[L - 1], place: L, sum: words }));
  }
  table.then(tell);
  return {
    nodes: [text, table.control, sum, key, html("div", { class: "inside-groups" }, ...groups.map(({ element }) => element))],
    update(now) {
      last = now;
      const { inside, tokens } = now;
      groups.forEach(({ rows }, k) => {
        const [a, b] = [inside.tokens, inside.positions].map((all) => all.subarray(k * C, (k + 1) * C));
        const vectors = [a, b, a.map((/** @type {number} */ x, /** @type {number} */ j) => x + b[j]), inside.residual.subarray(k * C, (k + 1) * C)];
        const named = [say("inside.2.token", { token: tokens[k] }), say("inside.2.place", { k: k + 1 }), say("inside.2.both"), say("inside.2.normed")];
        rows.forEach((row, j) => row.set(named[j], vectors[j]));
      });
      const largest = table.draw();
      setExplained(text, embeddingNorm ? "inside.2.text.normed" : "inside.2.text", { C, token: tokens[L - 1], L });
      setText(key, say("inside.strips", { C, x: written(largest) }));
      tell();
    },
  };
}

/** The residual stream of the last token after every part, and what it would say there.
 * @param {import("../engine/weights.js").Shape} shape @param {number} L @returns {Step} */
export function streamStep({ nEmbd: C, nLayer, vocabSize: V }, L) {
  const text = html("p", {});
  const said = html("p", { class: "soft" });
  const table = strips(C);
  const rows = Array.from({ length: 2 * nLayer + 1 }, () => {
    const row = table.add();
    const lens = html("span", { class: "lens" }, html("span", {}));
    const read = html("span", { class: "number" });
    return { row, fill: lens.firstChild, read, element: html("div", { class: "inside-depth" }, row.element, lens, read) };
  });
  return {
    nodes: [text, table.control, said, ...rows.map(({ element }) => element)],
    update({ inside, tokens, names }) {
      const { first, lens, residual } = inside;
      rows.forEach(({ row, fill, read }, depth) => {
        const p = lens[depth * V + first];
        row.set(depthName(depth), residual.subarray(((depth + 1) * L - 1) * C, (depth + 1) * L * C));
        fill.style.width = `${100 * p}%`;
        fill.style.background = colourOf(first, V);
        setText(read, `${names[first]} ${percent(p)}`);
      });
      table.draw();
      setExplained(text, "inside.5.text", { last: tokens[L - 1] });
      setExplained(said, "inside.5.said", { token: names[first], from: percent(lens[first]), to: percent(lens[2 * nLayer * V + first]) });
    },
  };
}

/** @param {number} depth */
export function depthName(depth) {
  return depth === 0 ? say("depth.start") : say(depth % 2 ? "depth.attention" : "depth.mlp", { layer: Math.ceil(depth / 2) });
}

/** @param {number} x @param {number} decimals */
export function inBrackets(x, decimals = 3) {
  const text = written(x, decimals);
  return x < 0 && text !== written(0, decimals) ? `(${text})` : text;
}
