// What the chain comes to in the long run.

import { classes, mixingTime, period, reach, reachWithin, rowEntropy, stationary } from "./chain.js";
import { label } from "./data.js";
import { html } from "./dom.js";
import { percent, say, visible } from "./strings.js";

const MOST_MIXED = 4096;

/** @param {Float64Array} p @param {number} V */
export function longRun(p, V) {
  const n = p.length / V;
  const { ends } = classes(p, V);
  const largest = ends.reduce((a, b) => (b.length > a.length ? b : a));
  const pi = stationary(p, V, largest);
  const entropy = rowEntropy(p, V).reduce((sum, h, id) => sum + pi[id] * h, 0);
  const d = ends.length === 1 ? period(p, V, largest) : 1;
  const starts = n <= 64 ? [...Array(n).keys()] : [0, n - 1, pi.indexOf(Math.max(...pi))];
  const mixing = ends.length === 1 && d === 1 && n <= MOST_MIXED ? mixingTime(p, V, pi, starts) : undefined;
  const inEnds = new Uint8Array(n);
  for (const members of ends) for (const id of members) inEnds[id] = 1;
  return { ends, largest, pi, entropy, period: d, mixing, inEnds };
}

/** @param {ReturnType<typeof longRun>} found @param {string[]} vocab @param {number} L @param {number} dataEntropy */
export function factsCard(found, vocab, L, dataEntropy) {
  const { ends, largest, pi, entropy, period: d } = found;
  const end =
    ends.length > 1
      ? say("chain.ends", { k: ends.length })
      : largest.length === 1
        ? say("chain.stays")
        : say(d === largest.length ? "chain.cycle" : "chain.end", { n: largest.length });
  const top = [...pi.keys()].sort((a, b) => pi[b] - pi[a]).slice(0, 5).filter((id) => pi[id] > 0);
  const rows = [
    [say("chain.entropy"), say("nats", { x: entropy.toFixed(4) })],
    [say("chain.data"), say("nats", { x: dataEntropy.toFixed(4) })],
  ];
  if (d > 1) rows.push([say("chain.mixing"), say("chain.never")]);
  else if (found.mixing !== undefined)
    rows.push([say("chain.mixing"), found.mixing === null ? say("chain.long") : say("chain.tokens", { n: found.mixing })]);
  return html(
    "section", { class: "card" },
    html("h2", {}, say("chain")),
    html("p", {}, end),
    html("dl", {}, ...rows.flatMap(([name, value]) => [html("dt", {}, name), html("dd", {}, value)])),
    html("h3", {}, say("chain.top")),
    html(
      "div", { class: "bars" },
      ...top.map((id) =>
        html(
          "div", { class: "bar" },
          html("span", { class: "symbol" }, visible(label(id, vocab, L))),
          html("span", { class: "track" }, html("span", { class: "fill plain", style: `width:${(100 * pi[id]).toFixed(2)}%` })),
          html("span", { class: "number" }, percent(pi[id])),
        ),
      ),
    ),
  );
}

const HORIZON = 100;

/**
 * Whether a chain that starts as the data does, but not in a red state, ever gets into one.
 * @param {Float64Array} p @param {number} V @param {Uint8Array} red @param {Int32Array} first
 */
export function redCard(p, V, red, first) {
  const total = first.reduce((sum, count) => sum + count, 0);
  const free = red.reduce((sum, yes) => sum + 1 - yes, 0);
  const mean = (/** @type {Float64Array} */ x) =>
    x.reduce((sum, value, id) => sum + (red[id] ? 0 : value * (total ? first[id] / total : 1 / free)), 0);
  const rows = free
    ? [[say("red.ever"), reach(p, V, red)], [say("red.within", { n: HORIZON }), reachWithin(p, V, red, HORIZON)]]
    : [];
  return html(
    "section", { class: "card" },
    html("h2", {}, say("red.title")),
    html("p", { class: "soft" }, say("red.start")),
    html("dl", {}, ...rows.flatMap(([name, x]) => [
      html("dt", {}, /** @type {string} */ (name)),
      html("dd", {}, mean(/** @type {Float64Array} */ (x)).toPrecision(4)),
    ])),
  );
}
