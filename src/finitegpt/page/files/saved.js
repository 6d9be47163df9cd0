// The chain and the weights as files. Pure.

import { chainTable } from "../chain/data.js";
import { visible } from "../ground/strings.js";
import { toHash } from "../link/fields.js";
import { configOf } from "./safetensors.js";

/** @typedef {import("../chain/view.js").View} View */

// A spreadsheet would run a cell that begins with one of these: an apostrophe before it makes it text, and one more where
// apostrophes stand there already, so that it can be taken away again.
const RUN = /^'*[=+\-@\t\r]/;

/** A row an arrow. @param {Pick<View, "vocab" | "V" | "L" | "p">} view */
export function csvOf({ vocab, V, L, p }) {
  const cell = (/** @type {string} */ text) => `"${(RUN.test(text) ? `'${text}` : text).replace(/"/g, '""')}"`;
  const lines = chainTable(vocab, V, L, p).map(([state, next, probability]) => [cell(state), cell(next), probability].join(","));
  return ["state,next,probability", ...lines, ""].join("\n");
}

/** @param {View} view */
export function jsonOf({ values, vocab, V, L, n, p, counts, step, loss }) {
  const rows = Array.from({ length: n }, (_, id) => [...p.subarray(id * V, (id + 1) * V)]);
  return JSON.stringify({
    format: "finitegpt page 1", link: toHash(values), vocab, context_length: L, step,
    loss: Number.isFinite(loss) ? loss : null, counts: [...counts], probs: rows,
  });
}

/** What the library writes beside the weights, and the link. @param {View} view @returns {Record<string, string>} */
export function metadataOf({ shape, vocab, values }) {
  const own = { ...values, width: shape.nEmbd, delta: 0, along: 0, step: -1, pin: -1 }; // nudges are in the weights already
  const facts = { ...configOf(shape), vocab, link: toHash(own) };
  return Object.fromEntries(Object.entries(facts).map(([key, value]) => [key, JSON.stringify(value)]));
}

/** What there is to say of a chain in one line: keys of words, and what to fill in.
 * @param {View} view @returns {[string, Record<string, string | number>][]} */
export function titleOf({ values, vocab, V, L, step, trained, loss }) {
  /** @type {[string, Record<string, string | number>][]} */
  const parts = [["title.context", { L }], ["title.tokens", { V, list: V > 8 ? "…" : vocab.map(visible).join(" ") }]];
  parts.push(trained.fixed ? [trained.losses.length ? "step.run" : "step.fixed", {}] : ["step", { done: step, steps: trained.experiment.plan.steps }]);
  if (Number.isFinite(loss)) parts.push(["title.loss", { loss: loss.toFixed(4) }]);
  if (values.greedy) parts.push(["title.greedy", {}]);
  else {
    if (values.temperature !== 1) parts.push(["title.temperature", { t: String(values.temperature) }]);
    if (values.topk) parts.push(["title.topk", { k: values.topk }]);
    if (values.topp !== 1) parts.push(["title.topp", { p: String(values.topp) }]);
  }
  if (values.off || values.delta || values.along) parts.push(["title.changed", {}]);
  return parts;
}
