// The experiment for other tools: the same on the command line, and in Python.

import { patternsOf } from "./patterns.js";
import { field } from "./state.js";

const FLAGS = [
  ["transform", "--transform", "transform"], ["vocab", "--vocab", "vocab"], ["context", "--context-length", "context_length"],
  ["layers", "--n-layer", "n_layer"], ["heads", "--n-head", "n_head"], ["width", "--n-embd", "n_embd"],
  ["bias", "--bias", "bias"], ["loss", "--loss", "loss"], ["steps", "--steps", "steps"], ["lr", "--lr", "lr"],
  ["decay", "--weight-decay", "weight_decay"], ["seed", "--seed", "seed"], ["batch", "--batch-size", "batch_size"],
];
const DECODING = [
  ["temperature", "--temperature", "temperature"], ["topk", "--top-k", "top_k"], ["topp", "--top-p", "top_p"],
  ["greedy", "--greedy", "greedy"],
];

/** @param {import("./state.js").Values} values @param {string[][]} list */
function unusual(values, list) {
  return list.filter(([key]) => values[key] !== field(key).start);
}

/** A word for a shell. @param {string} text */
function shell(text) {
  return /^[\w.-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`;
}

/** An option and its value. @param {string} name @param {string} value */
function option(name, value) {
  return ` ${name}${value.startsWith("-") ? "=" : " "}${shell(value)}`;
}

/** Commands that train the same, and look at it as the page does. @param {import("./state.js").Values} values */
export function commandLine(values) {
  const flag = (/** @type {string[]} */ [key, name]) => (values[key] === true ? ` ${name}` : option(name, String(values[key])));
  const flags = unusual(values, FLAGS).map(flag).join("");
  const looks = unusual(values, DECODING).map(flag).join("");
  const red = patternsOf(values.red).map((one) => option("--red", one)).join("");
  const trained = `finitegpt train${flags}${looks || red ? " --out run" : ""}${values.data.startsWith("-") ? " --" : ""} ${shell(values.data)}`;
  return looks || red ? `${trained}\nfinitegpt analyze run${looks}${red}` : trained;
}

/** The same in Python. @param {import("./state.js").Values} values @param {number} vocabSize */
export function python(values, vocabSize) {
  const call = (/** @type {string} */ name, /** @type {string[]} */ parts) => `finitegpt.${name}(${parts.join(", ")})`;
  const given = (/** @type {string[]} */ keys) =>
    unusual(values, FLAGS.filter(([key]) => keys.includes(key))).map(([key, , name]) => `${name}=${literal(values[key])}`);
  const lines = ["import finitegpt"];
  let data = pythonText(values.data);
  if (values.transform !== "characters") {
    lines.push("from finitegpt.sources import transform");
    data = `transform(${data}, ${pythonText(values.transform)})`;
  }
  lines.push("");
  if (values.vocab) data = call("Data.from_text", [data, `context_length=${values.context}`, `vocab=${pythonText(values.vocab)}`]);
  const shape = given(["layers", "heads", "width", "bias"]);
  const model = shape.length ? [call("GPTConfig", [`vocab_size=${vocabSize}`, `context_length=${values.context}`, ...shape])] : [];
  const config = given(["loss", "steps", "lr", "decay", "seed", "batch"]);
  const parts = [
    data,
    ...model.map((one) => `model=${one}`),
    ...(config.length ? [`config=${call("TrainConfig", config)}`] : []),
    ...(!model.length && !values.vocab && values.context !== 3 ? [`context_length=${values.context}`] : []),
  ];
  lines.push(`run = ${call("train", parts)}`);
  const how = unusual(values, DECODING).map(([key, , name]) => `${name}=${literal(values[key])}`);
  lines.push(how.length ? `chain = ${call("decode", ["run.chain", ...how])}` : "chain = run.chain", "print(chain.probs)");
  return lines.join("\n");
}

/** @param {any} value */
function literal(value) {
  return value === true ? "True" : typeof value === "string" ? pythonText(value) : String(value);
}

/** A text as Python writes it: what is not ASCII as an escape. @param {string} text */
function pythonText(text) {
  const sign = (/** @type {string} */ one) => {
    const code = /** @type {number} */ (one.codePointAt(0));
    if (code > 0xffff) return `\\U${code.toString(16).padStart(8, "0")}`;
    return code > 0x7e ? `\\u${code.toString(16).padStart(4, "0")}` : JSON.stringify(one).slice(1, -1);
  };
  return `"${[...text].map(sign).join("")}"`;
}
