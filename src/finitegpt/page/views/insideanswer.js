// The last steps inside a GPT: logits, and the probabilities that softmax and decoding make of them.

import { html, setText } from "./dom.js";
import { explained, setExplained } from "./glossary.js";
import { aroundZero, strips } from "./insidestrips.js";
import { inBrackets } from "./insidevectors.js";
import { colourOf } from "../ground/colours.js";
import { percent, say } from "../ground/strings.js";
import { howOf, rowFrom } from "../chain/parts.js";
import { typedRows } from "../chain/typed.js";
import { decimalsOf, decimalsOfProduct, decimalsOfSum, softmax, written } from "../chain/softmax.js";

const MOST = 8; // tokens that are shown
const SHORT = 4; // tokens up to which a sum is written out in every line
const LARGEST = 1e6; // powers that are written out

/** @typedef {import("./insidevectors.js").Now} Now */

/** The tokens that are shown: all, or the most probable, in their order. @param {Now} now */
function some({ inside, names }) {
  const order = [...names.keys()].sort((a, b) => inside.logits[b] - inside.logits[a] || a - b);
  return order.slice(0, MOST).sort((a, b) => a - b);
}

/** Logits, and who has brought the difference of the two largest.
 * @param {import("../engine/weights.js").Shape} shape @returns {import("./insidevectors.js").Step} */
export function logitsStep({ nLayer, nHead, nEmbd: C, vocabSize: V, tied = true, finalNorm = true }) {
  const [scored, from] = [html("span", {}), html("span", {})];
  const [text, product, lead] = [html("p", {}, scored, say("inside.gap"), from), html("p", { class: "inside-sum" }), html("p", {})];
  const table = strips(C);
  const vector = table.add();
  const against = Array.from({ length: Math.min(V, MOST) }, () => table.add("", () => 3, 1));
  /** @type {Now | null} */
  let last = null;
  /** The numbers that are read, of the vector and of the most probable token. */
  table.then(() => {
    if (!last) return;
    const { inside: { first, normed, output, logits: all }, names } = last;
    const [a, b] = [normed[table.at()], output[first * C + table.at()]];
    const decimals = decimalsOfProduct(a, b);
    const words = `${written(a, decimals)} \u00d7 ${inBrackets(b, decimals)} = ${written(a * b)}`;
    setText(product, say("inside.6.product", { k: table.at() + 1, token: names[first], product: words, C, logit: written(all[first]) }));
  });
  const [logits, shares] = [html("div", { class: "inside-logits" }), html("div", { class: "inside-shares" })];
  return {
    nodes: [text, table.control, product, vector.element, ...against.map(({ element }) => element), logits, lead, shares],
    update(now) {
      last = now;
      const { inside, names, tokens } = now;
      const { first, second, shares: of } = inside;
      setExplained(scored, finalNorm ? "inside.6.text" : "inside.6.text.plain", { last: tokens[tokens.length - 1] });
      setExplained(from, tied ? "inside.6.tied" : "inside.6.untied");
      vector.set(say("inside.6.vector"), inside.normed);
      some(now).forEach((y, k) => against[k].set(say("inside.6.row", { token: names[y] }), inside.output.subarray(y * C, (y + 1) * C)));
      table.draw();
      const rows = some(now).map((y) => ({ name: say("inside.6.logit", { token: names[y] }), value: inside.logits[y], colour: colourOf(y, V), text: written(inside.logits[y]) }));
      logits.replaceChildren(...aroundZero(rows), ...(V > MOST ? [html("p", { class: "soft" }, say("inside.more", { n: V - MOST }))] : []));
      const [a, b] = [inside.logits[first], inside.logits[second]];
      const decimals = decimalsOfSum(a, -b);
      setText(lead, say("inside.6.lead", { first: names[first], second: names[second], sum: `${written(a, decimals)} \u2212 ${inBrackets(b, decimals)} = ${written(a - b, decimals)}` }));
      const parts = [{ name: say("depth.start"), value: of.embedding }];
      for (let layer = 0; layer < nLayer; layer++) {
        const heads = of.heads.subarray(layer * nHead, (layer + 1) * nHead);
        parts.push({ name: say("depth.attention", { layer: layer + 1 }), value: heads.reduce((/** @type {number} */ sum, /** @type {number} */ x) => sum + x, 0) });
        parts.push({ name: say("depth.mlp", { layer: layer + 1 }), value: of.mlps[layer] });
      }
      if (Math.abs(of.rest) >= 0.0005) parts.push({ name: say("inside.6.rest"), value: of.rest });
      shares.replaceChildren(...aroundZero(parts));
    },
  };
}

/** Softmax with the numbers of this context, and what decoding makes of it. @returns {import("./insidevectors.js").Step} */
export function softmaxStep() {
  const text = html("p", {});
  const lines = html("div", { class: "inside-lines" });
  const end = html("p", {});
  return {
    nodes: [text, lines, end],
    update(now) {
      const { inside, names, view } = now;
      const { temperature, topk, topp, greedy } = view.values;
      const V = names.length;
      const own = softmax(inside.logits);
      setExplained(text, "inside.7.text");
      const shown = [...formula(now, 1)];
      if (temperature !== 1) shown.push(html("p", {}, ...explained("inside.7.temperature", { t: temperature })), ...formula(now, temperature));
      const final = rowFrom(inside.logits, howOf(view.values));
      const cut = greedy || (topk > 0 && topk < V) || topp < 1;
      if (cut) shown.push(html("p", {}, ...explained("inside.7.cut", { list: some(now).map((y) => `${names[y]} (${percent(final[y])})`).join(say("inside.comma")) })));
      lines.replaceChildren(...shown);
      const token = now.answer;
      const typed = typedRows(view.values.rows, V, view.n).has(view.chosen); // then the number on its arrow is not the GPT's
      const words = [say(typed ? "inside.7.end.typed" : "inside.7.end", { token: names[token], p: percent(final[token]) })];
      if (view.was && !typed) words.push(say("inside.7.was", { p: percent(view.was[view.chosen * V + token]) }));
      if (cut || temperature !== 1) words.push(say("inside.7.own", { token: names[token], p: percent(own[token]) }));
      setText(end, words.join(say("inside.gap")));
    },
  };
}

/** A line for each token: its power, divided by the sum of all. @param {Now} now @param {number} temperature */
function formula(now, temperature) {
  const { inside, names } = now;
  const logits = /** @type {Float32Array} */ (inside.logits);
  const shown = some(now);
  const p = softmax(logits, temperature);
  const power = (/** @type {number} */ y) => {
    const z = written(logits[y], decimals);
    return ["e", html("sup", {}, temperature === 1 ? z : `${z}/${temperature}`)];
  };
  const value = (/** @type {number} */ y) => Math.exp(logits[y] / temperature);
  const total = [...logits.keys()].reduce((sum, y) => sum + value(y), 0);
  const small = total < LARGEST && shown.every((y) => value(y) >= 0.01);
  const decimals = decimalsOf(logits, temperature, small ? shown : []);
  const short = names.length <= SHORT;
  const all = () => [...shown.flatMap((y, k) => [...(k ? [" + "] : []), ...power(y)]), ...(names.length > MOST ? [" + …"] : [])];
  const lines = short ? [] : [line("S", ["= ", ...all(), ...(small ? [` = ${written(total, 2)}`] : [])])];
  for (const y of shown) {
    const over = short ? ["(", ...all(), ")"] : ["S"];
    const middle = small ? [` = ${written(value(y), 2)} / ${written(total, 2)}`] : [];
    lines.push(line(names[y], [...power(y), " / ", ...over, ...middle, " = ", html("b", {}, percent(p[y]))]));
  }
  return lines;
}

/** @param {string} name @param {(Node | string)[]} parts */
function line(name, parts) {
  return html("div", { class: "inside-line" }, html("span", { class: "symbol" }, name), html("span", {}, ...parts));
}
