// Weights as a safetensors file: eight bytes that count a header, the header as JSON, then the numbers.

import { countWeights, tensors } from "./weights.js";

const LONGEST_HEADER = 1e6;

/**
 * A file that `finitegpt.weights.load` and the safetensors library read.
 * @param {import("./weights.js").Shape} shape @param {Float32Array} weights @param {Record<string, string>} metadata
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

/**
 * The shape and the flat weights in a file, or null where it holds no weights of a GPT that is whole and finite. Heads
 * cannot be told from the tensors: they come from the metadata, or are null.
 * @param {Uint8Array} bytes
 * @returns {{shape: Omit<import("./weights.js").Shape, "nHead">, heads: number | null, link: string | null, weights: Float32Array} | null}
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
  while (nLayer < 1000 && fields[`transformer.h.${nLayer}.ln_1.weight`]) nLayer++;
  const shape = { vocabSize, contextLength, nLayer, nEmbd, bias: "transformer.h.0.attn.c_attn.bias" in fields };
  const sizes = [vocabSize, contextLength, nLayer, nEmbd];
  if (!sizes.every((k) => Number.isInteger(k) && k > 0 && k <= 4096)) return null;
  const wanted = tensors({ ...shape, nHead: 1 });
  const total = countWeights({ ...shape, nHead: 1 });
  if (4 * total > bytes.length) return null;
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
  const heads = Number(fields.__metadata__?.n_head);
  const link = linkOf(fields.__metadata__?.link);
  return { shape, link, heads: Number.isInteger(heads) && heads > 0 && nEmbd % heads === 0 ? heads : null, weights };
}

/** @param {unknown} text JSON of a text, as all that the library writes beside weights */
function linkOf(text) {
  try {
    const link = JSON.parse(String(text));
    return typeof link === "string" ? link : null;
  } catch {
    return null;
  }
}

/** @param {Uint8Array} bytes @returns {{fields: Record<string, any>, start: number} | null} */
function headerOf(bytes) {
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
