// Files that are opened or dropped: what they are, told from their bytes. They are data and never run. Pure.

import { readSafetensors } from "./safetensors.js";
import { FIELDS, field, fromHash, read } from "./state.js";

const RUN_FILES = ["run.json", "data.txt", "model.safetensors"];
export const MOST_BYTES = 64 * 2 ** 20;
/** A run folder's names of what it was trained with, and ours. */
const OF_RUN = [
  ["model", "context_length", "context"], ["model", "n_layer", "layers"], ["model", "n_head", "heads"],
  ["model", "n_embd", "width"], ["model", "bias", "bias"], ["train", "steps", "steps"], ["train", "lr", "lr"],
  ["train", "weight_decay", "decay"], ["train", "seed", "seed"], ["train", "loss", "loss"], ["train", "batch_size", "batch"],
];

/**
 * @typedef {{changes: Record<string, any>, weights: ReturnType<typeof readSafetensors>}} Opened changes of the values, and
 *   weights where there are any
 */

/**
 * What files say together, such as those of a run's folder: run.json, data.txt and model.safetensors. Otherwise a problem.
 * @param {{name: string, bytes: Uint8Array}[]} files
 * @returns {{opened: Opened, problem: null} | {opened: null, problem: import("./experiment.js").Problem}}
 */
export function openFiles(files) {
  /** @type {Opened} */
  const opened = { changes: {}, weights: null };
  const run = files.some(({ name }) => name === RUN_FILES[0]);
  for (const { name, bytes } of files.filter((file) => !run || RUN_FILES.includes(file.name))) {
    const problem = takeFile(bytes, opened);
    if (problem) return { opened: null, problem: { key: problem, values: { name: [...name].slice(0, 40).join("") } } };
  }
  const { weights, changes } = opened;
  if (run && !("data" in changes)) return { opened: null, problem: { key: "notice.file.data", values: {} } };
  if (weights) {
    const { shape, heads } = weights;
    /** @type {Record<string, any>} */
    const wanted = { context: shape.contextLength, layers: shape.nLayer, width: shape.nEmbd, bias: shape.bias };
    if (heads) wanted.heads = heads;
    for (const [key, value] of Object.entries(wanted)) {
      if (!fits(key, value)) return { opened: null, problem: { key: "notice.file.large", values: { name: field(key).key } } };
      if (key in changes && changes[key] !== value) return { opened: null, problem: { key: "notice.file.apart", values: {} } };
      changes[key] = value;
    }
  }
  return { opened, problem: null };
}

/** @param {Uint8Array} bytes @param {Opened} opened @returns {string | null} the key of what is wrong */
function takeFile(bytes, opened) {
  if (bytes.length > MOST_BYTES) return "notice.file.large";
  const weights = readSafetensors(bytes);
  if (weights) {
    opened.weights = weights;
    return weights.link === null ? null : takeLink(weights.link, opened);
  }
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return "notice.file";
  }
  if (text.trimStart().startsWith("{")) return takeJson(text, opened);
  const data = text.replace(/\r?\n$/, "");
  if (/[\u0000-\u0008\u000e-\u001f]/.test(data) || !data) return "notice.file";
  if (read(field("data"), data) === undefined) return "notice.file.long";
  opened.changes.data = data;
  return null;
}

/** @param {string} text @param {Opened} opened @returns {string | null} */
function takeJson(text, opened) {
  let facts;
  try {
    facts = JSON.parse(text);
  } catch {
    return "notice.file";
  }
  if (facts.format === "finitegpt page 1" && typeof facts.link === "string") return takeLink(facts.link, opened);
  if (facts.format !== "finitegpt run 1") return "notice.file";
  for (const [part, theirs, ours] of OF_RUN) {
    const value = facts[part]?.[theirs] ?? (ours === "batch" ? 0 : undefined);
    if (!fits(ours, value)) return "notice.file.large";
    opened.changes[ours] = value;
  }
  if (Array.isArray(facts.vocab) && facts.vocab.every((/** @type {unknown} */ one) => typeof one === "string" && [...one].length === 1))
    opened.changes.vocab = facts.vocab.join("");
  else return "notice.file.words";
  return null;
}

/** @param {string} link @param {Opened} opened @returns {string | null} */
function takeLink(link, opened) {
  const { values, problems } = fromHash(link);
  if (problems.length) return "notice.file";
  for (const { key } of FIELDS) if (key !== "lang" && key !== "theme" && key !== "lesson" && key !== "hide") opened.changes[key] = values[key];
  return null;
}

/**
 * The files that were dropped: a folder's own, where one was.
 * @param {any[]} entries @param {File[]} files @returns {Promise<File[]>}
 */
export async function filesOf(entries, files) {
  const folder = entries.find((entry) => entry?.isDirectory);
  if (!folder) return files;
  const inside = await new Promise((resolve, reject) => folder.createReader().readEntries(resolve, reject));
  const plain = inside.filter((/** @type {any} */ entry) => entry.isFile && RUN_FILES.includes(entry.name));
  return Promise.all(plain.map((/** @type {any} */ entry) => new Promise((resolve, reject) => entry.file(resolve, reject))));
}

/** @param {string} key @param {unknown} value */
function fits(key, value) {
  const text = value === true ? "1" : value === false ? "0" : String(value);
  return value !== undefined && read(field(key), text) === value;
}
