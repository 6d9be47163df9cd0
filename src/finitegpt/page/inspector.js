// A state opened: what follows it, how often the data shows it, and what every head looks at.

import { context, label } from "./data.js";
import { html } from "./dom.js";
import { COLOURS } from "./graph.js";
import { percent, say, visible } from "./strings.js";

/**
 * @param {{id: number, vocab: string[], L: number, p: Float64Array, count: number, layers: number, heads: number,
 *   attention: Float32Array | null, off: Set<string>}} what
 * @param {(head: string) => void} toggle
 */
export function stateCard({ id, vocab, L, p, count, layers, heads, attention, off }, toggle) {
  const V = vocab.length;
  const seen = count === 0 ? say("state.never") : count === 1 ? say("state.once") : say("state.seen", { n: count });
  const bars = vocab.map((symbol, y) => ({ symbol, y, p: p[id * V + y] })).sort((a, b) => b.p - a.p).slice(0, 12);
  const parts = [
    html("h2", {}, say("state", { label: visible(label(id, vocab, L)) })),
    html("p", { class: "soft" }, seen),
    html("h3", {}, say("state.next")),
    html(
      "div", { class: "bars" },
      ...bars.map((bar) =>
        html(
          "div", { class: "bar" },
          html("span", { class: "symbol", style: `color:${COLOURS[bar.y % 8]}` }, visible(bar.symbol)),
          html("span", { class: "track" },
            html("span", { class: "fill", style: `width:${(100 * bar.p).toFixed(2)}%;background:${COLOURS[bar.y % 8]}` })),
          html("span", { class: "number" }, percent(bar.p)),
        ),
      ),
    ),
  ];
  if (attention) {
    parts.push(html("h3", {}, say("state.attention")));
    const tokens = context(id, V, L);
    const rows = [];
    for (let layer = 0; layer < layers; layer++)
      for (let head = 0; head < heads; head++) {
        const name = `${layer}.${head}`;
        const first = ((layer * heads + head) * L + L - 1) * L;
        rows.push(
          html(
            "button",
            {
              type: "button", class: `head${off.has(name) ? " off" : ""}`, "aria-pressed": String(!off.has(name)),
              "aria-label": say("state.head", { layer: layer + 1, head: head + 1 }),
              title: say("state.head", { layer: layer + 1, head: head + 1 }), onclick: () => toggle(name),
            },
            ...tokens.map((token, k) =>
              html("span", { class: "look", style: `--a:${(off.has(name) ? 0 : attention[first + k]).toFixed(3)}` }, visible(vocab[token])),
            ),
          ),
        );
      }
    parts.push(html("div", { class: "heads", style: `--heads:${heads}` }, ...rows));
    if (off.size) {
      const list = [...off].map((name) => name.split(".").map((k) => Number(k) + 1).join("·")).join(", ");
      parts.push(html("p", { class: "soft" }, say("state.off", { list })));
    }
  }
  return html("section", { class: "card" }, ...parts);
}
