// The chain and the weights as files. Pure.

import { countOf, rowOf } from "../chain/asked.js";
import { label } from "../chain/data.js";
import { visible } from "../ground/strings.js";
import { toHash } from "../link/fields.js";
import { configOf } from "./safetensors.js";

/** @typedef {import("../chain/view.js").View} View */

// A spreadsheet would run a cell that begins with one of these: an apostrophe before it makes it text, and one more where
// apostrophes stand there already, so that it can be taken away again.
const RUN = /^'*[=+\-@\t\r]/;

/** The states that are saved: all, or of a chain that is not whole those that the data shows. @param {View} view */
function savedStates({ n, whole, trained }) {
  return whole ? Array.from({ length: n }, (_, id) => id) : [...trained.experiment.seen.keys()].sort((a, b) => a - b);
}

/** A row an arrow. @param {View} view */
export function csvOf(view) {
  const { vocab, L } = view;
  const ids = savedStates(view);
  view.asked?.row.ahead(ids);
  const cell = (/** @type {string} */ text) => `"${(RUN.test(text) ? `'${text}` : text).replace(/"/g, '""')}"`;
  const lines = ids.flatMap((id) => Array.from(rowOf(view, id), (probability, y) => [cell(label(id, vocab, L)), cell(vocab[y]), probability].join(",")));
  return ["state,next,probability", ...lines, ""].join("\n");
}

/** @param {View} view */
export function jsonOf(view) {
  const { values, vocab, L, whole, step, loss } = view;
  const ids = savedStates(view);
  view.asked?.row.ahead(ids);
  return JSON.stringify({
    format: "finitegpt page 1", link: toHash(values), vocab, context_length: L, step,
    loss: Number.isFinite(loss) ? loss : null, ...(whole ? {} : { states: ids.map((id) => label(id, vocab, L)) }),
    counts: ids.map((id) => countOf(view, id)), probs: ids.map((id) => [...rowOf(view, id)]),
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
