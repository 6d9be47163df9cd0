// What the chain comes to in the long run.

import { classes, mixingTime, period, reach, reachWithin, rowEntropy, stationary } from "./chain.js";
import { label } from "./data.js";
import { bar, html, setText } from "./dom.js";
import { COLOURS } from "./graph.js";
import { percent, say, visible } from "./strings.js";

const TOP = 5;
const HORIZON = 100;

/**
 * @typedef {ReturnType<typeof longRun>} LongRun
 * @param {Float64Array} p @param {number} V
 */
export function longRun(p, V) {
  const n = p.length / V;
  const { ends } = classes(p, V);
  const largest = ends.reduce((a, b) => (b.length > a.length ? b : a));
  const pi = stationary(p, V, largest);
  const entropy = rowEntropy(p, V).reduce((sum, h, id) => sum + pi[id] * h, 0);
  const d = ends.length === 1 ? period(p, V, largest) : 1;
  const starts = n <= 64 ? [...Array(n).keys()] : [0, n - 1, pi.indexOf(pi.reduce((a, b) => Math.max(a, b)))];
  const mixing = ends.length === 1 && d === 1 ? mixingTime(p, V, pi, starts) : undefined;
  const inEnds = new Uint8Array(n);
  for (const members of ends) for (const id of members) inEnds[id] = 1;
  return { ends, largest, pi, entropy, period: d, mixing, inEnds };
}

export function factsCard() {
  const end = html("p", {});
  const list = html("dl", {});
  const bars = Array.from({ length: TOP }, () => bar("var(--soft)"));
  const names = ["chain.entropy", "chain.data", "chain.bits", "chain.mixing"];
  const values = names.map(() => html("dd", {}));
  list.append(...names.flatMap((name, k) => [html("dt", {}, say(name)), values[k]]));
  const element = html(
    "section", { class: "card", "data-part": "chain" }, html("h2", {}, say("chain")), end, list,
    html("h3", {}, say("chain.top")), html("div", { class: "bars" }, ...bars.map((one) => one.element)),
  );
  return {
    element,
    /** @param {import("./view.js").View} view @param {LongRun} found */
    update({ vocab, V, L, entropy: ofData }, found) {
      const { ends, largest, pi, period: d, mixing } = found;
      setText(end, ends.length > 1
        ? say("chain.ends", { k: ends.length })
        : largest.length === 1
          ? say("chain.stays")
          : say(d === largest.length ? "chain.cycle" : "chain.end", { n: largest.length }));
      setText(values[0], say("nats", { x: found.entropy.toFixed(4) }));
      setText(values[1], say("nats", { x: ofData.toFixed(4) }));
      setText(values[2], say("bits", { x: Number((L * Math.log2(V)).toFixed(2)) }));
      setText(values[3], d > 1 || ends.length > 1 ? say("chain.never") : mixing === null ? say("chain.long") : say(mixing === 1 ? "chain.token" : "chain.tokens", { n: mixing ?? "" }));
      const top = largestOf(pi, TOP);
      bars.forEach((one, k) => {
        one.element.style.display = k < top.length ? "" : "none";
        if (k < top.length) one.set(visible(label(top[k], vocab, L)), pi[top[k]] * barScale(pi[top[0]]), percent(pi[top[k]]));
      });
    },
  };
}

/** What bars are multiplied with, so that the largest can be seen. @param {number} largest */
export function barScale(largest) {
  return largest < 0.5 ? 0.7 / Math.max(largest, 1e-9) : 1;
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
    "section", { class: "card", "data-part": "red" }, html("h2", {}, say("red.title")), text, list,
  );
  return {
    element,
    /** @param {import("./view.js").View} view */
    update({ p, V, n, red, counts }) {
      const many = red.reduce((sum, yes) => sum + yes, 0);
      element.hidden = many === 0;
      if (!many) return;
      setText(text, say(many < n ? "red.start" : "red.all"));
      list.hidden = many === n;
      if (many === n) return;
      const first = counts.map((count, id) => (red[id] ? 0 : count));
      const total = first.reduce((sum, count) => sum + count, 0);
      const mean = (/** @type {Float64Array} */ x) =>
        x.reduce((sum, value, id) => sum + (red[id] ? 0 : value * (total ? first[id] / total : 1 / (n - many))), 0);
      const found = [mean(reach(p, V, red)), mean(reachWithin(p, V, red, HORIZON))];
      found.forEach((value, k) => setText(values[k], value.toPrecision(4)));
    },
  };
}

/** What follows contexts that are shorter than the context length. */
export function startupCard() {
  const body = html("div", { class: "short" });
  const element = html("section", { class: "card", "data-part": "startup" }, html("h2", {}, say("startup.title")), html("p", { class: "soft" }), body);
  return {
    element,
    /** @param {import("./view.js").View} view */
    update({ values, looked, vocab, V, n, L }) {
      element.hidden = !values.startup || !looked?.startup || L < 2;
      if (element.hidden) return;
      const shown = looked.startup.map((/** @type {Float32Array} */ rows) => rows.length / V).reduce((/** @type {number} */ a, /** @type {number} */ b) => a + b, 0);
      setText(element.children[1], say("startup.text", { short: shown, n, all: shown + n }));
      /** @type {HTMLElement[]} */
      const rows = [];
      looked.startup.forEach((/** @type {Float32Array} */ table, /** @type {number} */ k) => {
        for (let id = 0; id < table.length / V && rows.length < 30; id++)
          rows.push(html("div", { class: "bar" },
            html("span", { class: "symbol" }, visible(label(id, vocab, k + 1))),
            html("span", { class: "lens" }, ...vocab.slice(0, 8).map((_, y) =>
              html("span", { style: `background:${COLOURS[y % 8]};width:${(100 * Math.exp(table[id * V + y])).toFixed(1)}%` }))),
            html("span", { class: "number" }, `${visible(vocab[V - 1])} ${percent(Math.exp(table[id * V + V - 1]))}`)));
      });
      body.replaceChildren(...rows);
    },
  };
}
