// What a file is that this page cannot open, told from its bytes: the key of the words that say what to do. Pure.

import { headerOf } from "./safetensors.js";

/** How files begin that are no text. */
const BEGINNINGS = [
  ["notice.file.picture", [0x89, 0x50, 0x4e, 0x47]], // PNG
  ["notice.file.picture", [0xff, 0xd8, 0xff]], // JPEG
  ["notice.file.picture", [0x47, 0x49, 0x46, 0x38]], // GIF
  ["notice.file.picture", [0x52, 0x49, 0x46, 0x46, -1, -1, -1, -1, 0x57, 0x45, 0x42, 0x50]], // WebP
  ["notice.file.packed", [0x50, 0x4b, 0x03, 0x04]], // ZIP, which PyTorch's files are, too
  ["notice.file.packed", [0x1f, 0x8b]], // gzip
];

/** @param {Uint8Array} bytes @returns {string} */
export function kindOfBytes(bytes) {
  for (const [key, beginning] of /** @type {[string, number[]][]} */ (BEGINNINGS))
    if (beginning.every((byte, k) => byte < 0 || bytes[k] === byte)) return key;
  return headerOf(bytes) ? "notice.file.weights" : "notice.file";
}

/** @param {string} text @returns {string | null} null for what may be data */
export function kindOfText(text) {
  const begin = text.slice(0, 2000).replace(/^\ufeff/, "").trimStart();
  if (/^(<\?xml[^>]*>\s*)?(<!--[^]*?-->\s*)*(<!doctype svg[^>]*>\s*)?<svg[\s/>]/i.test(begin)) return "notice.file.picture";
  if (/^<(!doctype html|html)[\s>]/i.test(begin)) return "notice.file.page";
  const header = begin.split(/\r?\n/)[0].split(",").map((name) => name.replace(/^"|"$/g, ""));
  return ["state", "next"].every((name) => header.includes(name)) && header.some((name) => /^(log_)?probability$/.test(name))
    ? "notice.file.table" : null;
}

/** @param {unknown} format what a JSON file says that it is @returns {string} */
export function kindOfFormat(format) {
  return /^finitegpt proof\b/.test(String(format)) ? "notice.file.proof" : "notice.file";
}
