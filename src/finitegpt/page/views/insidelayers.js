// Steps inside a GPT that are about its layers: what heads look at and add, and what MLPs add.

import { button, html, setText } from "./dom.js";
import { setExplained } from "./glossary.js";
import { strip } from "./insidestrips.js";
import { say } from "../ground/strings.js";
import { dot } from "../engine/weights.js";
import { change, percents, written } from "../chain/softmax.js";

const NAMED = 3; // tokens that a sentence names

/**
 * The steps of attention and of MLPs, which show the same layer.
 * @param {import("../engine/weights.js").Shape} shape @param {number} L @param {(part: string) => void} toggle
 * @returns {[import("./insidevectors.js").Step, import("./insidevectors.js").Step]}
 */
export function layerSteps({ nLayer, nHead, nEmbd: C }, L, toggle) {
  let layer = 0;
  /** @type {import("./insidevectors.js").Now | null} */
  let last = null;
  const pickers = [0, 1].map(() => Array.from({ length: nLayer }, (_, k) => button(say("inside.layer", { layer: k + 1 }), () => pick(k), { class: "small" })));
  const texts = Array.from({ length: 3 }, () => html("p", {}));
  texts[2].className = "soft";
  const heads = Array.from({ length: nHead }, (_, head) => {
    const part = partOf(C, () => toggle(`${layer}.${head}`));
    const columns = Array.from({ length: L }, () => {
      const [fill, token, share] = [html("span", { class: "inside-column" }), html("b", {}), html("span", {})];
      return { fill, token, share, element: html("span", { class: "inside-look" }, html("span", { class: "inside-well" }, fill), token, share) };
    });
    part.looks.append(...columns.map(({ element }) => element));
    return { ...part, columns };
  });
  const mlp = partOf(C, () => toggle(`${layer}.mlp`));
  for (const nothing of [mlp.looks, mlp.looking]) nothing.remove();

  /** @param {number} k */
  function pick(k) {
    layer = k;
    if (last) update(last);
  }

  /** @param {import("./insidevectors.js").Now} now */
  function update(now) {
    last = now;
    const { inside, tokens, names, view } = now;
    const pair = { first: names[inside.first], second: names[inside.second] };
    for (const buttons of pickers) buttons.forEach((one, k) => one.setAttribute("aria-pressed", String(k === layer)));
    setExplained(texts[0], L === 1 ? "inside.3.text.one" : "inside.3.text", { last: tokens[L - 1], L });
    setExplained(texts[1], "inside.4.text", { layer: layer + 1, n: 4 * C, last: tokens[L - 1] });
    setExplained(texts[2], "inside.3.lead", pair);
    const vectors = heads.map((_, head) => inside.heads.subarray((layer * nHead + head) * C, (layer * nHead + head + 1) * C));
    const added = inside.mlps.subarray(layer * C, (layer + 1) * C);
    const largest = Math.max(...vectors.map(sizeOf));
    heads.forEach((head, k) => {
      const from = ((layer * nHead + k) * L + L - 1) * L;
      const weights = inside.attention.subarray(from, from + L);
      const shares = percents(weights);
      head.columns.forEach(({ fill, token, share }, j) => {
        fill.style.height = `${100 * weights[j]}%`;
        setText(token, tokens[j]);
        setText(share, `${shares[j]}%`);
      });
      const told = (/** @type {number[]} */ which) => which.map((j) => say("inside.3.look", { token: tokens[j], place: j + 1, p: `${shares[j]}%` })).join(say("inside.comma"));
      head.looks.setAttribute("aria-label", told([...shares.keys()]));
      const order = [...shares.keys()].sort((a, b) => weights[b] - weights[a] || a - b);
      const list = told(order.slice(0, NAMED));
      const name = say("state.head", { layer: layer + 1, head: k + 1 });
      const out = view.off.has(`${layer}.${k}`);
      head.set(name, out, say(L > NAMED ? "inside.3.most" : "inside.3.all", { list }), adding(vectors[k], inside.shares.heads[layer * nHead + k]), vectors[k], largest);
    });
    mlp.set(say("state.mlp", { layer: layer + 1 }), view.off.has(`${layer}.mlp`), "", adding(added, inside.shares.mlps[layer]), added, sizeOf(added));

    /** @param {Float32Array} vector @param {number} share */
    function adding(vector, share) {
      return say("inside.adds", { ...pair, norm: written(Math.sqrt(dot(vector, vector))), share: change(share) });
    }
  }

  const tabs = (/** @type {number} */ k) => html("div", { class: "inside-tabs", role: "group", "aria-label": say("inside.layers") }, ...pickers[k]);
  return [
    { nodes: [texts[0], texts[2], tabs(0), html("div", { class: "inside-groups" }, ...heads.map(({ element }) => element))], update },
    { nodes: [texts[1], tabs(1), html("div", { class: "inside-groups" }, mlp.element)], update: () => {} },
  ];
}

/** A head or an MLP: what it looks at, what it adds, and a button that switches it off.
 * @param {number} C @param {() => void} toggle */
function partOf(C, toggle) {
  const title = html("h4", {});
  const press = button("", toggle, { class: "small" });
  const looks = html("div", { class: "inside-looks", role: "img" });
  const [first, second] = [html("p", {}), html("p", {})];
  const { canvas, draw } = strip(C);
  return {
    looks, looking: first,
    element: html("div", { class: "inside-group" }, html("div", { class: "cardhead" }, title, press), looks, first, second, canvas),
    /** @param {string} name @param {boolean} out @param {string} looking @param {string} adding
     * @param {Float32Array} vector @param {number} largest */
    set(name, out, looking, adding, vector, largest) {
      setText(title, name);
      setText(press, say(out ? "inside.on" : "inside.off"));
      press.setAttribute("aria-label", `${say(out ? "inside.on" : "inside.off")}: ${name}`);
      setText(first, looking);
      setText(second, out ? say("inside.nothing") : adding);
      canvas.setAttribute("aria-label", say("inside.added", { name }));
      draw(vector, largest);
    },
  };
}

/** The largest size of a number. @param {Float32Array} vector */
function sizeOf(vector) {
  return vector.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
}
