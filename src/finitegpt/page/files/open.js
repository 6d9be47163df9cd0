// Files from the reader's disk: read, told what they are, and whether they can be trained.

import { vocabulary } from "../chain/data.js";
import { experimentOf } from "../chain/experiment.js";
import { MOST_BYTES, openFiles } from "./imports.js";

/**
 * @typedef {import("../store/store.js").Message} Message
 * @param {File[]} files @param {import("../link/fields.js").Values} values what is shown until then
 * @returns {Promise<{changes: Record<string, any>, weights: Float32Array | null, message: Message} | {changes: null, message: Message}>}
 */
export async function opened(files, values) {
  const refused = (/** @type {string} */ key, /** @type {Message["filled"]} */ filled) => ({ changes: null, message: { key, filled, at: "away" } });
  if (files.some(({ size }) => size > MOST_BYTES)) return refused("notice.file.large", { name: files[0].name });
  let read;
  try {
    read = await Promise.all(files.map(async (file) => ({ name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) })));
  } catch {
    return refused("notice.file", { name: files[0].name }); // it has gone, or may not be read
  }
  const result = openFiles(read);
  if (!result.opened) return refused(result.problem.key, result.problem.values);
  const { changes, weights, unknown } = result.opened;
  const next = { ...values, ...changes };
  if (next.vocab === vocabulary(next.data).join("")) changes.vocab = "";
  const { experiment, problem } = experimentOf({ ...next, vocab: changes.vocab ?? next.vocab });
  if (!experiment) return refused(problem.key, problem.values);
  if (weights && (weights.shape.vocabSize !== experiment.V || experiment.madeWidth))
    return refused("notice.file.vocab", { V: weights.shape.vocabSize, n: experiment.V });
  const list = files.map(({ name }) => [...name].slice(0, 40).join(""));
  /** @type {Message} */
  const message = unknown.length
    ? { key: "notice.opened.fixed", filled: { name: list, list: unknown }, at: "away" }
    : { key: "notice.opened", filled: { name: list }, at: "away" };
  return { changes, weights: weights?.weights ?? null, message };
}
