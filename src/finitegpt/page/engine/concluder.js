// What is known of the long run of the chain that is shown: the newest answers of the worker, part by part.

const SLOW = 300; // milliseconds after which it is said that something is being computed
const SOON = 10; // milliseconds for which a part waits for the others: each telling costs a picture
const PATIENCE = 3000; // milliseconds after which the newest question waits no longer for one before it
export const HORIZON = 100; // tokens

const PARTS = /** @type {const} */ (["classes", "law", "red", "mixing"]);

/**
 * @typedef {typeof PARTS[number]} Part
 * @typedef {{classes: import("./analysis.js").Classes | null, law: import("./analysis.js").Law | null,
 *   red: import("./analysis.js").Reached | null, mixing: import("./analysis.js").Time | null,
 *   of: Record<Part, number>, newest: number, slow: boolean}} Found
 *   `of` says of which question each part is the answer: what is not of the newest is of a chain shown before.
 */

export class Concluder {
  /**
   * With a worker of its own, so that no training waits for it.
   * @param {() => Worker} make @param {Uint8Array} wasm
   * @param {{concluded: () => void, failed: (key: string, values: any) => void}} heard
   */
  constructor(make, wasm, heard) {
    this.make = make;
    this.wasm = wasm;
    this.heard = heard;
    this.worker = this.begun();
    /** When it was last heard of, or given something to do. */
    this.lively = 0;
    this.timer = 0;
    this.telling = 0;
    /** @type {{rows: Float32Array, V: number, red: Uint8Array | null, start: Float64Array} | null} */
    this.asked = null;
    /** @type {Found} */
    this.found = nothing(0);
  }

  /** A worker that waits for questions. */
  begun() {
    const worker = this.make();
    worker.onmessage = ({ data }) => this.received(data);
    worker.onerror = () => this.failed("error.engine", {});
    worker.postMessage({ kind: "start", wasm: this.wasm });
    return worker;
  }

  /** Asks about the chain that is shown, unless that is what was asked last. @param {import("../chain/view.js").View} view */
  ask({ rows, V, n, red, counts }) {
    const some = red.includes(1) && red.includes(0) ? red : null;
    const question = { rows, V, red: some, start: startOf(counts, some) };
    const { asked, found } = this;
    if (asked && asked.V === V && same(asked.rows, rows) && same(asked.red, some) && same(asked.start, question.start)) return;
    if (asked && (asked.V !== V || asked.rows.length !== rows.length)) this.found = nothing(found.newest);
    if (!some) this.found.red = null;
    if (!this.timer) this.lively = performance.now();
    else if (performance.now() - this.lively > PATIENCE) {
      this.worker.terminate();
      this.worker = this.begun();
      this.lively = performance.now();
    }
    this.asked = { ...question, rows: rows.slice() };
    this.found.newest += 1;
    this.worker.postMessage({ kind: "conclude", id: this.found.newest, ...this.asked, tokens: HORIZON });
    if (!this.timer) this.timer = window.setTimeout(() => this.slow(true), SLOW);
  }

  /** There is nothing to ask about. */
  rest() {
    if (!this.asked) return;
    this.asked = null;
    this.found = nothing(this.found.newest + 1);
    this.slow(false);
  }

  /** @param {any} message */
  received(message) {
    if (message.kind === "failed") return this.failed(message.key, message.values);
    const { found, asked } = this;
    this.lively = performance.now();
    if (message.kind !== "concluded" || message.V !== asked?.V || message.n * message.V !== asked?.rows.length) return;
    const part = /** @type {Part} */ (message.part);
    if (part !== "red" || asked?.red) found[part] = message.found;
    found.of[part] = message.id;
    if (PARTS.every((one) => found.of[one] === found.newest)) this.slow(false);
    else if (!this.telling) this.telling = window.setTimeout(() => this.tell(), SOON);
  }

  /** @param {string} key @param {any} values */
  failed(key, values) {
    this.slow(false);
    this.heard.failed(key, values);
  }

  /** @param {boolean} yes */
  slow(yes) {
    this.found.slow = yes;
    if (!yes) {
      clearTimeout(this.timer);
      this.timer = 0;
    }
    this.tell();
  }

  tell() {
    clearTimeout(this.telling);
    this.telling = 0;
    this.heard.concluded();
  }
}

/** Whether a part is of a chain that was shown before. @param {Found} found @param {Part} part */
export function isOld(found, part) {
  return found.of[part] !== found.newest;
}

/** Where a chain starts: as the data does, but not in a red state. @param {Int32Array} counts @param {Uint8Array | null} red */
function startOf(counts, red) {
  const first = Float64Array.from(counts, (count, id) => (red?.[id] ? 0 : count));
  const total = first.reduce((sum, count) => sum + count, 0);
  if (total) return first.map((count) => count / total);
  const others = first.map((_, id) => (red?.[id] ? 0 : 1)); // all of the data is red, so from anywhere else
  return others.map((one) => one / others.reduce((sum, yes) => sum + yes, 0));
}

/** @param {number} newest @returns {Found} */
function nothing(newest) {
  return { classes: null, law: null, red: null, mixing: null, of: { classes: 0, law: 0, red: 0, mixing: 0 }, newest, slow: false };
}

/** @template {ArrayLike<number>} T @param {T | null} a @param {T | null} b */
function same(a, b) {
  if (a === null || b === null) return a === b;
  if (a.length !== b.length) return false;
  for (let k = 0; k < a.length; k++) if (a[k] !== b[k]) return false;
  return true;
}
