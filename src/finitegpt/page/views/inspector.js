// A state opened: what follows it, how often the data shows it, what every head looks at, and what the residual stream
// holds at every depth.

import { context, label, stateOf } from "../chain/data.js";
import { bar, button, html, setText } from "./dom.js";
import { explained, setExplained } from "./glossary.js";
import { answered, insideDialog } from "./insidedialog.js";
import { partsList } from "./insideparts.js";
import { strip } from "./insidestrips.js";
import { depthName } from "./insidevectors.js";
import { colourOf } from "../ground/colours.js";
import { countOf, isRed, rowOf, wasOf } from "../chain/asked.js";
import { howOf } from "../chain/parts.js";
import { listed, percent, say, visible } from "../ground/strings.js";

const MOST_BARS = 8;
const NAMED = 5; // up to so many tokens of the context, attention names them

/**
 * @param {{set: (changes: Record<string, any>) => void, choose: (id: number) => void, toggle: (part: string) => void, redden: (id: number) => void, tell: (message: import("../store/store.js").Message | null) => void}} act
 */
export function inspector({ set, choose, toggle, redden, tell }) {
  const title = html("h2", {});
  const typed = html("input", { type: "text", class: "go", size: 8, "aria-label": say("state.go"), title: say("state.go"), placeholder: say("state.go.short"), autocomplete: "off" });
  const seen = html("p", { class: "soft" });
  const redButton = button("", () => redden(/** @type {any} */ (last).chosen), { class: "small" });
  const bars = html("div", { class: "bars" });
  const inside = html("div", {});
  const how = button("", () => set({ inside: 1 }), { class: "inside-open" });
  const dialog = insideDialog({ set, toggle });
  const opened = html("div", { hidden: true }, seen, html("h3", {}, say("state.next")), bars, html("p", { class: "transport" }, how, redButton), inside);
  const element = html("section", { class: "card", "data-part": "state" }, html("div", { class: "cardhead" }, title, typed), opened, dialog.element);
  /** @type {import("../chain/view.js").View | null} */
  let last = null;
  let shape = "";
  /** @type {ReturnType<typeof bar>[]} */
  let rows = [];
  /** @type {ReturnType<typeof insideView> | null} */
  let depths = null;
  /** @type {ReturnType<typeof partsList> | null} */
  let parts = null;

  typed.addEventListener("change", () => {
    if (!last || !typed.value) return;
    const { vocab, L } = last;
    const id = stateOf(typed.value.replace(/·/g, " "), vocab, L);
    if (id < 0) return tell({ key: "notice.state", filled: { L, vocab: listed(vocab) }, at: "state" });
    typed.value = "";
    choose(id);
  });

  return {
    element,
    /** @param {import("../chain/view.js").View} view */
    update(view) {
      last = view;
      const { chosen, vocab, V, L, looked, shape: model, off, values } = view;
      dialog.update(view);
      opened.hidden = chosen < 0;
      setText(title, chosen < 0 ? say("state.none") : say("state", { label: visible(label(chosen, vocab, L)) }));
      title.classList.toggle("plain", chosen < 0);
      if (chosen < 0) return;
      const key = [V, L, model.nLayer, model.nHead, model.nEmbd].join(" ");
      if (key !== shape) {
        shape = key;
        rows = Array.from({ length: Math.min(V, MOST_BARS) }, () => bar(""));
        bars.replaceChildren(...rows.map((row) => row.element));
        depths = insideView(model, V, L, toggle);
        parts = partsList(model, toggle);
        inside.replaceChildren(parts.element, depths.element);
      }
      const [row, was] = [rowOf(view, chosen), wasOf(view, chosen)];
      const count = countOf(view, chosen);
      setExplained(seen, count === 0 ? "state.never" : count === 1 ? "state.once" : "state.seen", { n: count });
      const order = [...vocab.keys()].map((y) => ({ y, p: row[y] }));
      if (V > MOST_BARS) order.sort((a, b) => b.p - a.p);
      rows.forEach((line, k) => {
        const { y, p: now } = order[k];
        const before = was?.[y];
        const words = before === undefined ? percent(now) : say("inside.was", { was: percent(before), is: percent(now) });
        line.set(visible(vocab[y]), now, words, before ?? null);
        line.colour(colourOf(y, V));
      });
      bars.classList.toggle("compared", was !== null);
      const answer = answered(view);
      how.hidden = !looked?.inside;
      if (answer) setText(how, say("inside.open", { p: percent(answer.p) }));
      setText(redButton, say(isRed(view, chosen) ? "state.unred" : "state.redden"));
      const fresh = looked?.inside && looked.question === chosen;
      inside.hidden = !looked?.inside;
      if (fresh) parts?.update(off, looked.without, howOf(values));
      if (fresh && depths) depths.update(looked.inside, context(chosen, V, L).map((token) => visible(vocab[token])), off, vocab);
    },
  };
}

/**
 * Attention of every head, the MLPs, and the residual stream.
 * @param {import("../engine/weights.js").Shape} shape @param {number} V @param {number} L @param {(part: string) => void} toggle
 */
function insideView({ nLayer, nHead, nEmbd }, V, L, toggle) {
  /** @type {{name: string, element: HTMLElement, looks: HTMLElement[]}[]} */
  const heads = [];
  /** @type {{name: string, element: HTMLElement}[]} */
  const mlps = [];
  const layers = [];
  for (let layer = 0; layer < nLayer; layer++) {
    const row = html("div", { class: "heads" });
    for (let head = 0; head < nHead; head++) {
      const words = say("state.head", { layer: layer + 1, head: head + 1 });
      const looks = Array.from({ length: L }, () => html("span", { class: "look" }));
      const element = html("button", { type: "button", class: "head", "aria-label": words, title: words, onclick: () => toggle(`${layer}.${head}`) }, ...looks);
      heads.push({ name: `${layer}.${head}`, element, looks });
      row.append(element);
    }
    const words = say("state.mlp", { layer: layer + 1 });
    const mlp = button("MLP", () => toggle(`${layer}.mlp`), { class: "head mlp", "aria-label": words, title: words });
    mlps.push({ name: `${layer}.mlp`, element: mlp });
    layers.push(html("div", { class: "layer" }, row, mlp));
  }
  const strips = Array.from({ length: 2 * nLayer + 1 }, (_, depth) => {
    const name = depthName(depth);
    const { canvas, draw } = strip(nEmbd, { "aria-label": name });
    const lens = html("span", { class: "lens" }, ...Array.from({ length: Math.min(V, MOST_BARS) }, () => html("span", {})));
    return { draw, lens, element: html("div", { class: "depth" }, html("span", {}, name), canvas, lens) };
  });
  const element = html(
    "div", {},
    html("h3", {}, ...explained("state.attention")), ...layers,
    html("h3", {}, ...explained("state.residual")), ...strips.map((strip) => strip.element),
  );
  return {
    element,
    /** @param {{attention: Float32Array, residual: Float32Array, lens: Float32Array}} inside @param {string[]} tokens
     * @param {Set<string>} off @param {string[]} vocab */
    update({ attention, residual, lens }, tokens, off, vocab) {
      heads.forEach(({ name, element: one, looks }, k) => {
        const out = off.has(name);
        one.classList.toggle("off", out);
        one.setAttribute("aria-pressed", String(!out));
        looks.forEach((look, j) => {
          setText(look, L <= NAMED ? tokens[j] : "");
          look.style.setProperty("--a", (out ? 0 : attention[(k * L + L - 1) * L + j]).toFixed(3));
        });
      });
      for (const { name, element: one } of mlps) {
        one.classList.toggle("off", off.has(name));
        one.setAttribute("aria-pressed", String(!off.has(name)));
      }
      const top = [...vocab.keys()].sort((a, b) => lens[2 * nLayer * V + b] - lens[2 * nLayer * V + a]).slice(0, MOST_BARS).sort((a, b) => a - b);
      const largest = residual.reduce((a, x) => Math.max(a, Math.abs(x)), 1e-9);
      strips.forEach(({ draw, lens: read, element: row }, depth) => {
        draw(residual.subarray(((depth + 1) * L - 1) * nEmbd, (depth + 1) * L * nEmbd), largest);
        [...read.children].forEach((part, k) => {
          part.style.width = `${100 * lens[depth * V + top[k]]}%`;
          part.style.background = colourOf(top[k], V);
        });
        row.title = top.map((y) => `${visible(vocab[y])} ${percent(lens[depth * V + y])}`).join("  ");
      });
    },
  };
}
