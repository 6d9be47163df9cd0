// What the page shows, as one typed list, and its form in the link. The link is the experiment.

import { MOST_ARROWS, MOST_BATCH, MOST_CONTEXT, MOST_HEADS, MOST_INSIDE, MOST_LAYERS, MOST_STEPS, MOST_TOKENS, MOST_TYPED, MOST_WIDTH } from "../ground/limits.js";
import { SCENES } from "./opening.js";
import { ACTIVATIONS, NORMS } from "../engine/weights.js";

/**
 * @typedef {{key: string, type: "text" | "int" | "number" | "flag" | "choice" | "list",
 *   start: any, min?: number, max?: number, longest?: number, choices?: string[], trains?: boolean}} Field
 *   `trains` marks what a new training is needed for.
 * @typedef {Record<string, any>} Values one value for each field
 */

/** @type {Field[]} */
export const FIELDS = [
  { key: "data", type: "text", start: "111101111011110", longest: MOST_TYPED, trains: true },
  { key: "transform", type: "choice", start: "characters", choices: ["characters", "letters", "vowels", "words"], trains: true },
  { key: "edge", type: "text", start: "", longest: 1, trains: true },
  { key: "vocab", type: "text", start: "", longest: MOST_TOKENS, trains: true },
  { key: "context", type: "int", start: 3, min: 1, max: MOST_CONTEXT, trains: true },
  { key: "layers", type: "int", start: 4, min: 1, max: MOST_LAYERS, trains: true },
  { key: "heads", type: "int", start: 4, min: 1, max: MOST_HEADS, trains: true },
  { key: "width", type: "int", start: 16, min: 1, max: MOST_WIDTH, trains: true },
  { key: "bias", type: "flag", start: false, trains: true },
  { key: "tied", type: "flag", start: true, trains: true },
  { key: "activation", type: "choice", start: "gelu", choices: ACTIVATIONS, trains: true },
  { key: "norm", type: "choice", start: "layernorm", choices: NORMS, trains: true },
  { key: "embnorm", type: "flag", start: false, trains: true },
  { key: "finalnorm", type: "flag", start: true, trains: true },
  { key: "loss", type: "choice", start: "last", choices: ["last", "all"], trains: true },
  { key: "steps", type: "int", start: 50, min: 0, max: MOST_STEPS, trains: true },
  { key: "lr", type: "number", start: 0.001, min: 0.000001, max: 1, trains: true },
  { key: "decay", type: "number", start: 0.1, min: 0, max: 10, trains: true },
  { key: "seed", type: "int", start: 1337, min: 0, max: 4294967295, trains: true },
  { key: "batch", type: "int", start: 0, min: 0, max: MOST_BATCH, trains: true },
  { key: "batchseed", type: "int", start: -1, min: -1, max: 4294967295, trains: true },
  { key: "warmup", type: "int", start: 0, min: 0, max: 1000000, trains: true },
  { key: "schedule", type: "choice", start: "constant", choices: ["constant", "linear", "cosine"], trains: true },
  { key: "minlr", type: "number", start: 0, min: 0, max: 1, trains: true },
  { key: "clip", type: "number", start: 0, min: 0, max: 1000000, trains: true },
  { key: "beta1", type: "number", start: 0.9, min: 0, max: 0.9999999999, trains: true },
  { key: "beta2", type: "number", start: 0.999, min: 0, max: 0.9999999999, trains: true },
  { key: "matrices", type: "flag", start: false, trains: true },
  { key: "temperature", type: "number", start: 1, min: 0.01, max: 10 },
  { key: "topk", type: "int", start: 0, min: 0, max: 256 },
  { key: "topp", type: "number", start: 1, min: 0.01, max: 1 },
  { key: "greedy", type: "flag", start: false },
  { key: "step", type: "int", start: -1, min: -1, max: MOST_STEPS },
  { key: "pin", type: "int", start: -1, min: -1, max: MOST_STEPS },
  { key: "state", type: "int", start: -1, min: -1, max: MOST_ARROWS },
  { key: "inside", type: "int", start: 0, min: 0, max: MOST_INSIDE },
  { key: "ghost", type: "flag", start: false },
  { key: "startup", type: "flag", start: false },
  { key: "rows", type: "list", start: "", longest: 4000 },
  { key: "red", type: "list", start: "", longest: 2000 },
  { key: "off", type: "list", start: "", longest: 400 },
  { key: "param", type: "int", start: 0, min: 0, max: 9999999 },
  { key: "delta", type: "number", start: 0, min: -3, max: 3 },
  { key: "along", type: "number", start: 0, min: -2, max: 2 },
  { key: "direction", type: "int", start: 1, min: 0, max: 4294967295 },
  { key: "lang", type: "choice", start: "auto", choices: ["auto", "en", "zh"] },
  { key: "theme", type: "choice", start: "auto", choices: ["auto", "light", "dark"] },
  { key: "lesson", type: "int", start: 0, min: 0, max: 9 },
  { key: "opening", type: "int", start: 0, min: 0, max: SCENES.length },
  { key: "hide", type: "list", start: "", longest: 200 },
];

const BY_KEY = new Map(FIELDS.map((one) => [one.key, one]));

/** @param {string} key */
export function field(key) {
  return /** @type {Field} */ (BY_KEY.get(key));
}

/** The notebook's experiment. @returns {Values} */
export function defaults() {
  return Object.fromEntries(FIELDS.map(({ key, start }) => [key, start]));
}

/** Whether two experiments need two trainings. @param {Values} a @param {Values} b */
export function sameTraining(a, b) {
  return FIELDS.every(({ key, trains }) => !trains || a[key] === b[key]);
}

/** Values that look as `values` do at what is trained as `from` is. @param {Values} values @param {Values} from @returns {Values} */
export function trainedAs(values, from) {
  return { ...values, ...Object.fromEntries(FIELDS.filter(({ trains }) => trains).map(({ key }) => [key, from[key]])) };
}

/** The link's part after #: only what differs from the start. @param {Values} values @param {Values} start */
export function toHash(values, start = defaults()) {
  const parts = FIELDS.filter(({ key }) => values[key] !== start[key]).map(({ key, type }) => {
    const value = type === "flag" ? (values[key] ? "1" : "0") : String(values[key]);
    return `${key}=${encodeURIComponent(value)}`;
  });
  return parts.join("&");
}

/**
 * Reads a hash. What is unknown or unusable is left at its start and named among the problems. A lone `lesson` begins
 * the tour.
 * @param {string} hash @param {Values} start
 */
export function fromHash(hash, start = defaults()) {
  const values = { ...start };
  /** @type {string[]} */
  const problems = [];
  for (const part of hash.replace(/^#/, "").split("&")) {
    if (!part) continue;
    const [name, ...rest] = part === "lesson" ? ["lesson", "1"] : part.split("=");
    const known = BY_KEY.get(name);
    let text;
    try {
      text = decodeURIComponent(rest.join("=").replace(/\+/g, "%20"));
    } catch {
      text = null;
    }
    const value = known && text !== null ? read(known, text) : undefined;
    if (known && value !== undefined) values[known.key] = value;
    else if (!problems.includes(name.slice(0, 20))) problems.push(name.slice(0, 20));
  }
  return { values, problems: problems.slice(0, 5) };
}

/** A value from text, or undefined where it is none that the field can have. @param {Field} one @param {string} text */
export function read(one, text) {
  switch (one.type) {
    case "flag":
      return text === "1" ? true : text === "0" ? false : undefined;
    case "choice":
      return one.choices?.includes(text) ? text : undefined;
    case "text":
    case "list":
      return text.length <= 4 * (one.longest ?? Infinity) && [...text].length <= (one.longest ?? Infinity) ? text : undefined;
    default: {
      if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text.trim())) return undefined;
      const value = Number(text);
      if (one.type === "int" && !Number.isInteger(value)) return undefined;
      return value >= (one.min ?? -Infinity) && value <= (one.max ?? Infinity) ? value : undefined;
    }
  }
}
