// Weights as a safetensors file: eight bytes that count a header, the header as JSON, then the numbers.

import { ACTIVATIONS, NORMS, countWeights, tensors } from "../engine/weights.js";

const LONGEST_HEADER = 1e6;

/**
 * A file that `finitegpt.weights.load` and the safetensors library read.
 * @param {import("../engine/weights.js").Shape} shape @param {Float32Array} weights @param {Record<string, string>} metadata
 */
export function writeSafetensors(shape, weights, metadata) {
  /** @type {Record<string, any>} */
  const header = { __metadata__: metadata };
  for (const { name, shape: size, start, size: n } of tensors(shape))
    header[name] = { dtype: "F32", shape: size, data_offsets: [4 * start, 4 * (start + n)] };
  const text = new TextEncoder().encode(JSON.stringify(header));
  const wide = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(8 + wide + 4 * weights.length).fill(32, 8, 8 + wide);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(wide), true);
  bytes.set(text, 8);
  bytes.set(new Uint8Array(weights.buffer, weights.byteOffset, 4 * weights.length), 8 + wide);
  return bytes;
}

/** A shape as the library writes it, GPTConfig.to_dict(). @param {import("../engine/weights.js").Shape} shape */
export function configOf(shape) {
  const { vocabSize, contextLength, nLayer, nHead, nEmbd, bias } = shape;
  const { tied = true, activation = 0, norm = 0, embeddingNorm = false, finalNorm = true } = shape;
  return {
    vocab_size: vocabSize, context_length: contextLength, n_layer: nLayer, n_head: nHead, n_embd: nEmbd, bias, tied,
    activation: ACTIVATIONS[activation], norm: norm ? "rmsnorm" : "layernorm", norm_weight: norm < 2,
    embedding_norm: embeddingNorm, final_norm: finalNorm,
  };
}

/**
 * The shape and the flat weights in a file, or null where it holds anything but all weights of a GPT, finite ones. Heads
 * and the activation cannot be told from the tensors: they come from the metadata, or are null.
 * @param {Uint8Array} bytes
 * @returns {{shape: Omit<import("../engine/weights.js").Shape, "nHead" | "activation">, heads: number | null,
 *   activation: number | null, link: string | null, weights: Float32Array} | null}
 *   `link` is the experiment that they come from, where the page has saved them
 */
export function readSafetensors(bytes) {
  const header = headerOf(bytes);
  if (!header) return null;
  const { fields, start } = header;
  const size = (/** @type {string} */ name) => /** @type {number[]} */ (fields[name]?.shape ?? []);
  const [vocabSize, nEmbd] = size("transformer.wte.weight");
  const [contextLength] = size("transformer.wpe.weight");
  let nLayer = 0;
  while (nLayer < 1000 && fields[`transformer.h.${nLayer}.attn.c_attn.weight`]) nLayer++;
  const said = metadataOf(fields.__metadata__);
  const has = (/** @type {string} */ name) => name in fields;
  const norm = has("transformer.h.0.ln_1.bias") ? 0 : has("transformer.h.0.ln_1.weight") ? 1 : 2;
  const shape = {
    vocabSize, contextLength, nLayer, nEmbd, bias: has("transformer.h.0.attn.c_attn.bias"), norm,
    tied: !has("lm_head.weight"), embeddingNorm: said.embedding_norm === true,
    finalNorm: norm < 2 ? has("transformer.ln_f.weight") : said.final_norm !== false,
  };
  const sizes = [vocabSize, contextLength, nLayer, nEmbd];
  if (!sizes.every((k) => Number.isInteger(k) && k > 0 && k <= 4096)) return null;
  const wanted = tensors({ ...shape, nHead: 1 });
  const total = countWeights({ ...shape, nHead: 1 });
  if (4 * total > bytes.length) return null;
  if (Object.keys(fields).filter((name) => name !== "__metadata__").length !== wanted.length) return null; // more than we know
  const weights = new Float32Array(total);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const { name, shape: expected, start: place, size: n } of wanted) {
    const found = fields[name];
    if (found?.dtype !== "F32" || JSON.stringify(found.shape) !== JSON.stringify(expected)) return null;
    const [from, to] = Array.isArray(found.data_offsets) ? found.data_offsets : [];
    if (!Number.isInteger(from) || from < 0 || to - from !== 4 * n || start + to > bytes.length) return null;
    for (let k = 0; k < n; k++) weights[place + k] = view.getFloat32(start + from + 4 * k, true);
  }
  if (!weights.every(Number.isFinite)) return null;
  const heads = Number(said.n_head);
  const known = Number.isInteger(heads) && heads > 0 && nEmbd % heads === 0;
  const activation = said.activation === undefined && known ? 0 : ACTIVATIONS.indexOf(said.activation); // once all were GELU
  return {
    shape, weights, link: typeof said.link === "string" ? said.link : null, heads: known ? heads : null,
    activation: activation < 0 ? null : activation,
  };
}

/** What the library and the page write beside weights: JSON of each. @param {any} texts @returns {Record<string, any>} */
function metadataOf(texts) {
  /** @type {Record<string, any>} */
  const found = {};
  for (const [name, text] of Object.entries(texts ?? {})) {
    try {
      found[name] = JSON.parse(String(text));
    } catch {
      // Somebody else's, and not JSON.
    }
  }
  return found;
}

/** @param {Uint8Array} bytes @returns {{fields: Record<string, any>, start: number} | null} */
export function headerOf(bytes) {
  if (bytes.length < 10) return null;
  const long = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
  if (long < 2 || long > LONGEST_HEADER || 8 + long > bytes.length) return null;
  try {
    const fields = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, 8 + long)));
    return fields && typeof fields === "object" ? { fields, start: 8 + long } : null;
  } catch {
    return null;
  }
}
