// Files that are opened or dropped: what they are, told from their bytes. They are data and never run. Pure.

import { documentsOf } from "../chain/documents.js";
import { kindOfBytes, kindOfFormat, kindOfText } from "./kinds.js";
import { readSafetensors } from "./safetensors.js";
import { FIELDS, field, fromHash, read } from "../link/fields.js";
import { ACTIVATIONS, NORMS } from "../engine/weights.js";

export const RUN_FILES = ["run.json", "data.txt", "model.safetensors"];
export const MOST_BYTES = 64 * 2 ** 20;
/** The settings in a run's folder, part by part: those that our values hold, and those that change no number. */
const KNOWN = {
  model: [
    "vocab_size", "context_length", "n_layer", "n_head", "n_embd", "bias", "tied", "activation", "norm", "norm_weight",
    "embedding_norm", "final_norm",
  ],
  train: [
    "steps", "lr", "weight_decay", "seed", "loss", "batch_size", "batch_seed", "betas", "warmup", "decay", "min_lr", "clip",
    "decay_matrices", "validate_every", "patience",
  ],
  data: ["sha256", "tokens", "source"],
  documents: ["sequences", "bos", "eos", "beginnings", "arrays"],
};
/** Of other settings, the values that change no number either. */
const NOTHING = [null, false, "random", "last"];

/**
 * @typedef {{changes: Record<string, any>, weights: ReturnType<typeof readSafetensors>, tokens: number | null,
 *   unknown: string[]}} Opened changes of the values, and weights where there are any; how many tokens a run says it has,
 *   and how it was trained that the page cannot do
 */

/**
 * What files say together, such as those of a run's folder: run.json, data.txt and model.safetensors. Otherwise a problem.
 * @param {{name: string, bytes: Uint8Array}[]} files
 * @returns {{opened: Opened, problem: null} | {opened: null, problem: Omit<import("../chain/experiment.js").Problem, "at">}}
 */
export function openFiles(files) {
  /** @type {Opened} */
  const opened = { changes: {}, weights: null, tokens: null, unknown: [] };
  const run = files.some(({ name }) => name === RUN_FILES[0]);
  for (const { name, bytes } of files.filter((file) => !run || RUN_FILES.includes(file.name))) {
    const problem = takeFile(bytes, opened, run);
    if (problem) return refused(problem, [...name].slice(0, 40).join(""));
  }
  const { weights, changes, tokens, unknown } = opened;
  if (run && (!("data" in changes) || (tokens !== null && countOf(changes) !== tokens))) return refused("notice.file.data");
  if (!weights && unknown.length) return refused("notice.file.newer", RUN_FILES[0]);
  if (weights) {
    const { shape, heads, activation } = weights;
    /** @type {Record<string, any>} */
    const wanted = {
      context: shape.contextLength, layers: shape.nLayer, width: shape.nEmbd, bias: shape.bias, tied: shape.tied,
      norm: NORMS[shape.norm ?? 0], embnorm: shape.embeddingNorm, finalnorm: shape.finalNorm,
    };
    if (heads) wanted.heads = heads;
    if (activation !== null) wanted.activation = ACTIVATIONS[activation];
    for (const [key, value] of Object.entries(wanted)) {
      if (!fits(key, value)) return refused("notice.file.large", field(key).key);
      if (key in changes && changes[key] !== value) return refused("notice.file.apart");
      changes[key] = value;
    }
  }
  return { opened, problem: null };

  /** @param {string} key @returns {{opened: null, problem: Omit<import("../chain/experiment.js").Problem, "at">}} */
  function refused(key, name = "") {
    return { opened: null, problem: { key, values: { name, list: opened.unknown.map((one) => one.slice(0, 40)) } } };
  }
}

/** @param {Uint8Array} bytes @param {Opened} opened @param {boolean} run whether the file is a run's
 * @returns {string | null} the key of what is wrong */
function takeFile(bytes, opened, run) {
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
    return kindOfBytes(bytes);
  }
  if (text.trimStart().startsWith("{")) return takeJson(text, opened);
  const kind = run ? null : kindOfText(text);
  if (kind) return kind;
  const data = run ? text : text.replace(/\r?\n$/, "");
  if (/[\u0000-\u0008\u000e-\u001f]/.test(data) || !data) return kindOfBytes(bytes);
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
  if (!/^finitegpt run \d+$/.test(facts.format)) return kindOfFormat(facts.format);
  const [model, train, data] = [Object(facts.model), Object(facts.train), Object(facts.data)];
  const unknown = (/** @type {Record<string, any>} */ part, /** @type {string[]} */ known) =>
    Object.keys(part).filter((name) => !known.includes(name) && !NOTHING.includes(part[name]));
  const edge = edgeOf(data);
  opened.changes.edge = edge;
  opened.unknown = [...unknown(model, KNOWN.model), ...unknown(data, edge ? [...KNOWN.data, ...KNOWN.documents] : KNOWN.data)];
  if (opened.unknown.length) return "notice.file.newer"; // it would be another model, or another count
  opened.unknown = unknown(train, KNOWN.train);
  if ("initial.safetensors" in Object(facts.sha256)) opened.unknown.push("initial"); // it began with weights that were given
  const settings = settingsOf(model, train);
  const done = Array.isArray(facts.losses) ? facts.losses.length : settings.steps; // less where it was stopped
  if (done < settings.steps && settings.schedule !== "constant") opened.unknown.push("steps");
  else settings.steps = done;
  for (const [key, value] of Object.entries(settings)) {
    if (!fits(key, value)) return "notice.file.large";
    opened.changes[key] = value;
  }
  if (Number.isInteger(data.tokens)) opened.tokens = data.tokens;
  if (Array.isArray(facts.vocab) && facts.vocab.every((/** @type {unknown} */ one) => typeof one === "string" && [...one].length === 1))
    opened.changes.vocab = facts.vocab.join("");
  else return "notice.file.words";
  return null;
}

/**
 * Our values of a run's settings. What an older run does not say was as in the notebook, but for mini-batches: they were
 * those of a generator of their own.
 * @param {Record<string, any>} model @param {Record<string, any>} train
 */
function settingsOf(model, train) {
  const { norm = "layernorm" } = model;
  return {
    context: model.context_length, layers: model.n_layer, heads: model.n_head, width: model.n_embd, bias: model.bias,
    tied: model.tied ?? true, activation: model.activation ?? "gelu",
    norm: norm === "rmsnorm" && model.norm_weight === false ? "rmsnorm_plain" : norm,
    embnorm: model.embedding_norm ?? false, finalnorm: model.final_norm ?? true,
    steps: train.steps, lr: train.lr, decay: train.weight_decay, seed: train.seed, loss: train.loss,
    batch: train.batch_size ?? 0,
    batchseed: train.batch_size && !("batch_seed" in train) ? train.seed : (train.batch_seed ?? -1),
    warmup: train.warmup ?? 0, schedule: train.decay ?? "constant", minlr: train.min_lr ?? 0, clip: train.clip ?? 0,
    beta1: train.betas?.[0] ?? 0.9, beta2: train.betas?.[1] ?? 0.999, matrices: train.decay_matrices ?? false,
  };
}

/** The sign at both ends of each document of a run; none where it has one text, or sequences that the page has not.
 * @param {Record<string, any>} data */
function edgeOf({ sequences, bos, eos, beginnings, arrays }) {
  const plain = sequences && bos === eos && beginnings === true && !arrays?.length;
  return plain && fits("edge", bos) && !/\s/.test(bos) ? bos : "";
}

/** How many tokens there are, with the ends of documents. @param {Record<string, any>} changes */
function countOf({ data, edge }) {
  if (!edge) return [...data].length;
  return documentsOf(data, "characters").reduce((/** @type {number} */ sum, /** @type {string[]} */ one) => sum + one.length + 2, 0);
}

/** @param {string} link @param {Opened} opened @returns {string | null} */
function takeLink(link, opened) {
  const { values, problems } = fromHash(link);
  if (problems.length) return "notice.file";
  for (const { key } of FIELDS) if (key !== "lang" && key !== "theme" && key !== "lesson" && key !== "hide") opened.changes[key] = values[key];
  return null;
}

/** @param {string} key @param {unknown} value */
function fits(key, value) {
  const text = value === true ? "1" : value === false ? "0" : String(value);
  return value !== undefined && read(field(key), text) === value;
}
