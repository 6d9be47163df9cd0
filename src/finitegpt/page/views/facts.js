// What the chain comes to in the long run, as the worker tells it: every number with what is proved of it.

import { HORIZON, isOld } from "../engine/concluder.js";
import { label } from "../chain/data.js";
import { bar, html, setText } from "./dom.js";
import { explained, setExplained } from "./glossary.js";
import { colourOf } from "../ground/colours.js";
import { bounded, boundedShare, boundedTokens } from "../ground/numbers.js";
import { MOST_STATES } from "../ground/limits.js";
import { counted, say, tokenShare, visible } from "../ground/strings.js";

const TOP = 5;
const WAITING = "…";
const SUMMED = 1e-13; // relative error of a sum of a few thousand logarithms

/** @typedef {import("../engine/concluder.js").Found} Found */

export function factsCard() {
  const computing = html("span", { class: "soft computing" });
  const large = html("p", { class: "soft" });
  const end = html("p", {});
  const top5 = html("h3", {}, say("chain.top"));
  const proved = html("p", { class: "soft proved" }, ...explained("chain.proved"));
  const list = html("dl", {});
  const bars = Array.from({ length: TOP }, () => bar("var(--soft)"));
  const scale = html("p", { class: "soft scale" });
  const names = ["chain.entropy", "chain.data", "chain.bits", "chain.mixing"];
  const values = names.map(() => html("dd", {}));
  const shares = html("div", { class: "bars shares" }, ...bars.map((one) => one.element));
  list.append(...names.flatMap((name, k) => [html("dt", {}, ...explained(name)), values[k]]));
  const element = html(
    "section", { class: "card", "data-part": "chain" },
    html("div", { class: "cardhead" }, html("h2", {}, say("chain")), computing), large, end, list, top5, scale, shares, proved,
  );
  return {
    element,
    /** @param {import("../chain/view.js").View} view @param {Found} found */
    update({ vocab, V, L, n, whole, entropy: ofData }, found) {
      const { classes, law, mixing } = found;
      setExplained(large, whole ? "" : "chain.large", { n: counted(n), most: MOST_STATES });
      for (const part of [end, top5, scale, shares, proved]) part.hidden = !whole;
      for (const k of [0, 3]) for (const part of [values[k], values[k].previousElementSibling]) /** @type {any} */ (part).hidden = !whole;
      setText(computing, found.slow ? say("chain.computing") : "");
      if (classes) setExplained(end, ...endsIn(classes, visible(label(classes.first, vocab, L))));
      else end.replaceChildren(WAITING);
      setText(values[0], law ? say("nats", { x: bounded(...law.entropy) }) : WAITING);
      setText(values[1], say("nats", { x: bounded(ofData, ofData * (1 - SUMMED), ofData * (1 + SUMMED)) }));
      setText(values[2], say("bits", { x: Number((L * Math.log2(V)).toFixed(2)) }));
      setText(values[3], mixing ? boundedTokens(...mixing) : WAITING);
      end.classList.toggle("old", isOld(found, "classes"));
      for (const one of [values[0], shares]) one.classList.toggle("old", isOld(found, "law"));
      values[3].classList.toggle("old", isOld(found, "mixing"));
      const top = law ? largestOf(law.pi, TOP) : [];
      setText(scale, law ? barScale(law.pi[top[0]]) : "");
      bars.forEach((one, k) => {
        one.element.style.display = k < top.length ? "" : "none";
        if (!law || k >= top.length) return;
        const { pi, low, high } = law;
        one.set(visible(label(top[k], vocab, L)), pi[top[k]] / barLength(pi[top[0]]), boundedShare(pi[top[k]], low[top[k]], high[top[k]]));
      });
    },
  };
}

/** Where a chain ends, as a key and what to fill in; `state` is the first of the class that the numbers are of.
 * @param {import("../engine/analysis.js").Classes} classes @param {string} state @returns {[string, Record<string, string | number>]} */
function endsIn({ ends, size, period }, state) {
  if (ends > 1) return [size === 1 ? "chain.ends.one" : "chain.ends", { k: ends, state, n: size }];
  if (size === 1) return ["chain.stays", {}];
  return [period === size ? "chain.cycle" : "chain.end", { n: size }];
}

/** The share that a bar over its whole track stands for, so that the largest can be seen: a round one. @param {number} largest */
export function barLength(largest) {
  if (largest > 0.5 || !(largest > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(largest) + 1e-9);
  return [1, 2, 5, 10].map((digit) => digit * power).find((round) => round >= largest * (1 - 1e-9)) ?? 1;
}

/** The words for that share, where it is not all there is. @param {number} largest */
export function barScale(largest) {
  const whole = barLength(largest);
  return whole === 1 ? "" : say("screen.bars", { share: `${Number((100 * whole).toPrecision(1))}%` });
}

/** The places of the largest values above zero, the largest first. @param {Float64Array} values @param {number} many */
export function largestOf(values, many) {
  return [...values.keys()].sort((a, b) => values[b] - values[a] || a - b).slice(0, many).filter((k) => values[k] > 0);
}

/** Whether a chain that starts as the data does, but not in a red state, ever gets into one. */
export function redCard() {
  const names = [say("red.ever"), say("red.within", { n: HORIZON })];
  const values = names.map(() => html("dd", {}));
  const text = html("p", { class: "soft" });
  const list = html("dl", {}, ...names.flatMap((name, k) => [html("dt", {}, name), values[k]]));
  const element = html(
    "section", { class: "card", "data-part": "red" }, html("h2", {}, ...explained("red.title")), text, list,
  );
  return {
    element,
    /** @param {import("../chain/view.js").View} view @param {Found} found */
    update({ red, values: { red: patterns }, whole, n }, found) {
      element.hidden = whole ? !red.includes(1) : !patterns;
      list.hidden = !whole;
      if (!whole) return setText(text, say("red.large", { n: counted(n), most: MOST_STATES }));
      list.hidden = !red.includes(0);
      setExplained(text, list.hidden ? "red.all" : "red.start");
      const reached = found.red;
      const numbers = reached ? [reached.ever, reached.within] : [];
      values.forEach((one, k) => setText(one, reached ? bounded(...numbers[k]) : WAITING));
      list.classList.toggle("old", isOld(found, "red"));
    },
  };
}

/** What follows contexts that are shorter than the context length. */
export function startupCard() {
  const body = html("div", { class: "short" });
  const element = html("section", { class: "card", "data-part": "startup" }, html("h2", {}, ...explained("startup.title")), html("p", { class: "soft" }), body);
  return {
    element,
    /** @param {import("../chain/view.js").View} view */
    update({ values, looked, vocab, V, n, L, whole }) {
      element.hidden = !values.startup || L < 2 || (whole && !looked?.startup);
      if (!whole) {
        setText(element.children[1], say("startup.large", { n: counted(n), most: MOST_STATES }));
        return body.replaceChildren();
      }
      if (element.hidden) return;
      const shown = looked.startup.map((/** @type {Float32Array} */ rows) => rows.length / V).reduce((/** @type {number} */ a, /** @type {number} */ b) => a + b, 0);
      setExplained(element.children[1], "startup.text", { short: shown, n, all: shown + n });
      /** @type {HTMLElement[]} */
      const rows = [];
      looked.startup.forEach((/** @type {Float32Array} */ table, /** @type {number} */ k) => {
        for (let id = 0; id < table.length / V && rows.length < 30; id++)
          rows.push(html("div", { class: "bar" },
            html("span", { class: "symbol" }, visible(label(id, vocab, k + 1))),
            html("span", { class: "lens" }, ...vocab.slice(0, 8).map((_, y) =>
              html("span", { style: `background:${colourOf(y, V)};width:${(100 * Math.exp(table[id * V + y])).toFixed(1)}%` }))),
            html("span", { class: "number" }, tokenShare(vocab[V - 1], Math.exp(table[id * V + V - 1])))));
      });
      body.replaceChildren(...rows);
    },
  };
}
