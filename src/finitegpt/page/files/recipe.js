// The experiment for other tools: the same on the command line, and in Python.

import { linesOf } from "../chain/documents.js";
import { isWhole, switches } from "../chain/experiment.js";
import { patternsOf } from "../chain/patterns.js";
import { hashed } from "../ground/random.js";
import { field } from "../link/fields.js";

/** Our names and the library's; options of the command line are its names with dashes. */
const DATA = [["transform", "transform"], ["edge", "bos"], ["edge", "eos"], ["vocab", "vocab"], ["context", "context_length"]];
const FILE = "documents.txt";
const MODEL = [
  ["layers", "n_layer"], ["heads", "n_head"], ["width", "n_embd"], ["bias", "bias"], ["tied", "tied"],
  ["activation", "activation"], ["norm", "norm"], ["embnorm", "embedding_norm"], ["finalnorm", "final_norm"],
];
const TRAINING = [
  ["loss", "loss"], ["steps", "steps"], ["lr", "lr"], ["decay", "weight_decay"], ["seed", "seed"], ["batch", "batch_size"],
  ["batchseed", "batch_seed"], ["warmup", "warmup"], ["schedule", "decay"], ["minlr", "min_lr"], ["clip", "clip"],
  ["beta1", "betas"], ["beta2", "betas"], ["matrices", "decay_matrices"],
];
const DECODING = [["temperature", "temperature"], ["topk", "top_k"], ["topp", "top_p"], ["greedy", "greedy"]];

const NOT_TOLD = "what is nudged, switched off, from a file or on the way is in the chain and the weights that the page saves";

/**
 * What differs from the start, by the library's names.
 * @param {import("../link/fields.js").Values} values @param {string[][]} list @returns {[string, any][]}
 */
function unusual(values, list) {
  const idle = values.schedule === "constant" ? "minlr" : "";
  const found = list.filter(([key]) => values[key] !== field(key).start && key !== idle).map(([key, name]) => [name, values[key]]);
  /** @type {Record<string, any>} */
  const named = {};
  for (const [name, value] of found) {
    if (value === "rmsnorm_plain") Object.assign(named, { norm: "rmsnorm", norm_weight: false });
    else named[name] = name === "betas" ? [values.beta1, values.beta2] : value;
  }
  return Object.entries(named);
}

/** A word for a shell. @param {string} text */
function shell(text) {
  return /^[\w.-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`;
}

/** An option and its value. @param {string} name @param {string} value */
function option(name, value) {
  return ` ${name}${value.startsWith("-") ? "=" : " "}${shell(value)}`;
}

/**
 * Commands that train the same, and look at it as the page does.
 * @param {import("../link/fields.js").Values} values @param {boolean} changed whether the page shows other weights or parts
 */
export function commandLine(values, changed = false) {
  const flag = (/** @type {[string, any]} */ [name, value]) => {
    const long = `--${name.replaceAll("_", "-")}`;
    if (Array.isArray(value)) return ` ${long} ${value.join(" ")}`;
    if (value === false) return name === "tied" ? " --untied" : ` --no-${long.slice(2)}`;
    return value === true ? ` ${long}` : option(long, name === "activation" ? value.replace("_", "-") : String(value));
  };
  const flags = unusual(values, [...DATA, ...MODEL, ...TRAINING]).map(flag).join("");
  const looks = unusual(values, DECODING).map(flag).join("");
  const red = patternsOf(values.red).map((one) => option("--red", one)).join("");
  const folder = `run-${hashed(`${flags} ${values.data}`).toString(16)}`;
  const written = values.edge ? `printf '%s\\n' ${linesOf(values.data).map(shell).join(" ")} > ${FILE} &&\n` : "";
  const data = values.edge ? ` --documents ${FILE}` : `${values.data.startsWith("-") ? " --" : ""} ${shell(values.data)}`;
  const trained = `${written}finitegpt train${flags}${looks || red ? ` --out ${folder}` : ""}${data}`;
  const lines = looks || red ? `${trained} &&\nfinitegpt analyze ${folder}${looks}${red}` : trained;
  return changed ? `# as trained: ${NOT_TOLD}\n${lines}` : lines;
}

/**
 * The same in Python.
 * @param {import("../link/fields.js").Values} values @param {import("../engine/weights.js").Shape} shape
 * @param {boolean} foreign whether the weights are others than those that training makes
 */
export function python(values, shape, foreign = false) {
  const call = (/** @type {string} */ name, /** @type {string[]} */ parts) => `finitegpt.${name}(${parts.join(", ")})`;
  const given = (/** @type {string[][]} */ list) => unusual(values, list).map(([name, value]) => `${name}=${literal(value)}`);
  const lines = ["import finitegpt"];
  let data = values.edge ? `[${linesOf(values.data).map(pythonText).join(", ")}]` : pythonText(values.data);
  if (values.transform !== "characters") {
    lines.push("from finitegpt.sources import transform");
    const how = pythonText(values.transform);
    data = values.edge ? `[transform(text, ${how}) for text in ${data}]` : `transform(${data}, ${how})`;
  }
  lines.push("");
  const vocab = values.vocab ? [`vocab=${pythonText(values.vocab)}`] : [];
  const ends = ["bos", "eos"].map((end) => `${end}=${pythonText(values.edge)}`);
  if (values.edge) data = call("Data.from_sequences", [data, `context_length=${values.context}`, ...vocab, ...ends]);
  else if (values.vocab) data = call("Data.from_text", [data, `context_length=${values.context}`, ...vocab]);
  const form = given(MODEL);
  const model = form.length ? [call("GPTConfig", [`vocab_size=${shape.vocabSize}`, `context_length=${values.context}`, ...form])] : [];
  const config = given(TRAINING);
  const parts = [
    data,
    ...model.map((one) => `model=${one}`),
    ...(config.length ? [`config=${call("TrainConfig", config)}`] : []),
    ...(!model.length && !values.vocab && !values.edge && values.context !== 3 ? [`context_length=${values.context}`] : []),
  ];
  lines.push(`run = ${call("train", parts)}`);
  const how = given(DECODING);
  const large = !isWhole(shape.vocabSize, values.context);
  const off = [...switches(values.off, shape)];
  if (off.includes(0)) {
    lines[0] = "import finitegpt\nimport numpy";
    lines.push(`switches = numpy.array(${JSON.stringify(off)}).reshape(${shape.nLayer}, ${shape.nHead + 1})`);
  }
  if (large) {
    const on = off.includes(0) ? ", switches=switches" : "";
    lines[0] = "import finitegpt\nimport numpy";
    lines.push(...(foreign || how.length ? [`# as trained: ${NOT_TOLD}`] : []),
      "# a chain of this size is not computed whole: what follows the data's first context",
      `row = numpy.exp(run.model.log_probs([run.data.tokens[:${values.context}]]${on})[0])`,
      'for k in row.argsort()[::-1][:5]:', '    print(run.model.vocab[k], row[k])');
    return lines.join("\n");
  }
  if (foreign) lines.push(`# as trained: ${NOT_TOLD}`);
  const chain = off.includes(0) ? "run.model.chain(switches=switches)" : "run.chain";
  lines.push(`chain = ${how.length ? call("decode", [chain, ...how]) : chain}`, "print(chain.probs)");
  return lines.join("\n");
}

/** @param {any} value */
function literal(value) {
  if (Array.isArray(value)) return `(${value.join(", ")})`;
  return value === true ? "True" : value === false ? "False" : typeof value === "string" ? pythonText(value) : String(value);
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
