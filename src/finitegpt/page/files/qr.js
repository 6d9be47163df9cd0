// A text as a QR code (ISO/IEC 18004): bytes, error correction M where the code stays small, else L. Pure.

/** Versions 1 to 25, of 21 to 117 modules a side: what is larger no telephone reads from the back of a room. */
const CHECKS = {
  L: [7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30, 22, 24, 28, 30, 28, 28, 28, 28, 30, 30, 26],
  M: [10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26, 26, 28, 28, 28, 28],
};
const BLOCKS = {
  L: [1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 6, 6, 6, 6, 7, 8, 8, 9, 9, 10, 12],
  M: [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16, 17, 17, 18, 20, 21],
};
const LARGEST = 25;
const ROBUST = 15; // up to this version, level M
const LEVEL_BITS = { L: 1, M: 0 };
/** Where the masks turn a module over. @type {((row: number, column: number) => boolean)[]} */
const MASKS = [
  (i, j) => (i + j) % 2 === 0, (i) => i % 2 === 0, (_, j) => j % 3 === 0, (i, j) => (i + j) % 3 === 0,
  (i, j) => (Math.floor(i / 2) + Math.floor(j / 3)) % 2 === 0, (i, j) => ((i * j) % 2) + ((i * j) % 3) === 0,
  (i, j) => (((i * j) % 2) + ((i * j) % 3)) % 2 === 0, (i, j) => (((i + j) % 2) + ((i * j) % 3)) % 2 === 0,
];

/**
 * The modules, row by row, 1 for dark; null where the text is too long for a code.
 * @param {string} text
 * @param {number | null} wanted a mask; by default that of the least penalty
 * @returns {{size: number, version: number, level: string, mask: number, modules: Uint8Array} | null}
 */
export function qrCode(text, wanted = null) {
  const bytes = new TextEncoder().encode(text);
  const fits = (/** @type {number} */ version, /** @type {"L" | "M"} */ level) => 8 * bytes.length + headBits(version) <= 8 * room(version, level);
  const versions = Array.from({ length: LARGEST }, (_, k) => k + 1);
  const robust = versions.find((version) => version <= ROBUST && fits(version, "M"));
  const version = robust ?? versions.find((one) => fits(one, "L"));
  if (!version) return null;
  const level = robust ? "M" : "L";
  const size = 4 * version + 17;
  const plain = patterns(version);
  place(plain, interleaved(content(bytes, version, level), version, level));
  let best = null;
  let least = Infinity;
  for (const mask of wanted === null ? MASKS.keys() : [wanted]) {
    const modules = masked(plain, mask, level, version);
    const cost = wanted === null ? penalty(modules, size) : 0;
    if (cost < least) [best, least] = [{ size, version, level, mask, modules }, cost];
  }
  return best;
}

/** Bits before the bytes: the mode, and how many they are. @param {number} version */
function headBits(version) {
  return version < 10 ? 12 : 20;
}

/** Codewords of data. @param {number} version @param {"L" | "M"} level */
function room(version, level) {
  return Math.floor(modulesOf(version) / 8) - CHECKS[level][version - 1] * BLOCKS[level][version - 1];
}

/** Modules that carry codewords, and up to seven that are left over. @param {number} version */
function modulesOf(version) {
  const size = 4 * version + 17;
  const marks = version < 2 ? 0 : Math.floor(version / 7) + 2;
  const alignment = marks && 25 * (marks * marks - 3) - 10 * (marks - 2); // those on the timing lines share five with them
  return size * size - 3 * 64 - 2 * (size - 16) - 31 - (version < 7 ? 0 : 36) - alignment;
}

/** @param {Uint8Array} bytes @param {number} version @param {"L" | "M"} level */
function content(bytes, version, level) {
  /** @type {number[]} */
  const bits = [];
  const put = (/** @type {number} */ value, /** @type {number} */ n) => {
    for (let k = n - 1; k >= 0; k--) bits.push((value >> k) & 1);
  };
  put(4, 4);
  put(bytes.length, headBits(version) - 4);
  for (const byte of bytes) put(byte, 8);
  const total = 8 * room(version, level);
  put(0, Math.min(4, total - bits.length));
  put(0, (8 - (bits.length % 8)) % 8);
  for (let k = 0; bits.length < total; k++) put(k % 2 ? 0x11 : 0xec, 8);
  return Array.from({ length: total / 8 }, (_, k) => bits.slice(8 * k, 8 * k + 8).reduce((sum, bit) => 2 * sum + bit, 0));
}

/** In blocks with the checks of each, one codeword of every block in turn. @param {number[]} data @param {number} version
 * @param {"L" | "M"} level */
function interleaved(data, version, level) {
  const blocks = BLOCKS[level][version - 1];
  const divisor = generator(CHECKS[level][version - 1]);
  const short = Math.floor(data.length / blocks);
  const long = data.length % blocks; // so many of the last blocks have one more
  const parts = Array.from({ length: blocks }, (_, k) => {
    const from = k * short + Math.max(0, k - (blocks - long));
    return data.slice(from, from + short + (k >= blocks - long ? 1 : 0));
  });
  const checks = parts.map((part) => remainder(part, divisor));
  const turns = (/** @type {number[][]} */ rows, /** @type {number} */ n) =>
    Array.from({ length: n }, (_, k) => rows.filter((row) => k < row.length).map((row) => row[k])).flat();
  return [...turns(parts, short + 1), ...turns(checks, divisor.length)];
}

/** A product in the field of 256 elements modulo x^8 + x^4 + x^3 + x^2 + 1. @param {number} a @param {number} b */
function times(a, b) {
  let product = 0;
  for (; b; b >>= 1) {
    if (b & 1) product ^= a;
    a = (a << 1) ^ (a & 0x80 ? 0x11d : 0);
  }
  return product;
}

/** (x - 1)(x - 2)(x - 4)... without its first coefficient, which is 1. @param {number} degree */
function generator(degree) {
  let found = [1];
  for (let k = 0, root = 1; k < degree; k++, root = times(root, 2))
    found = [...found, 0].map((one, i) => one ^ (i ? times(found[i - 1], root) : 0));
  return found.slice(1);
}

/** @param {number[]} data @param {number[]} divisor */
function remainder(data, divisor) {
  const rest = new Array(divisor.length).fill(0);
  for (const byte of data) {
    const factor = byte ^ rest.shift();
    rest.push(0);
    divisor.forEach((one, k) => (rest[k] ^= times(one, factor)));
  }
  return rest;
}

/** What every code of a version has: -1 where data go. @param {number} version */
function patterns(version) {
  const size = 4 * version + 17;
  const modules = new Int8Array(size * size).fill(-1);
  const set = (/** @type {number} */ i, /** @type {number} */ j, /** @type {boolean} */ dark) => {
    if (i >= 0 && j >= 0 && i < size && j < size) modules[i * size + j] = dark ? 1 : 0;
  };
  for (let k = 0; k < size; k++) for (const [i, j] of [[6, k], [k, 6]]) set(i, j, k % 2 === 0);
  for (const [i, j] of [[3, 3], [3, size - 4], [size - 4, 3]])
    for (let a = -4; a <= 4; a++) for (let b = -4; b <= 4; b++) set(i + a, j + b, ![2, 4].includes(Math.max(Math.abs(a), Math.abs(b))));
  const marks = alignment(version);
  const last = marks.length - 1;
  marks.forEach((i, p) => marks.forEach((j, q) => {
    if ((p === 0 && q === 0) || (p === 0 && q === last) || (p === last && q === 0)) return; // there the large marks are
    for (let a = -2; a <= 2; a++) for (let b = -2; b <= 2; b++) set(i + a, j + b, Math.max(Math.abs(a), Math.abs(b)) !== 1);
  }));
  for (const [i, j] of formatPlaces(size).flat()) set(i, j, false);
  set(size - 8, 8, true);
  if (version >= 7) {
    const code = (version << 12) | checked(version, 12, 0x1f25);
    for (let k = 0; k < 18; k++) {
      const [i, j] = [Math.floor(k / 3), size - 11 + (k % 3)];
      set(i, j, ((code >> k) & 1) === 1);
      set(j, i, ((code >> k) & 1) === 1);
    }
  }
  return modules;
}

/** Middles of the small marks, by row and by column. @param {number} version */
function alignment(version) {
  if (version < 2) return [];
  const n = Math.floor(version / 7) + 2;
  const end = 4 * version + 10;
  const step = 2 * Math.ceil((end - 6) / (2 * (n - 1)));
  return [6, ...Array.from({ length: n - 1 }, (_, k) => end - step * (n - 2 - k))];
}

/** The remainder of value x^n by a polynomial of degree n: how format and version are protected.
 * @param {number} value @param {number} n @param {number} by */
function checked(value, n, by) {
  let rest = value << n;
  for (let k = 31 - Math.clz32(rest); k >= n; k--) if ((rest >> k) & 1) rest ^= by << (k - n);
  return rest;
}

/** Where the 15 bits of the format stand, twice, the lowest first. @param {number} size @returns {number[][][]} */
function formatPlaces(size) {
  const corner = [0, 1, 2, 3, 4, 5, 7].map((i) => [i, 8]).concat([8, 7, 5, 4, 3, 2, 1, 0].map((j) => [8, j]));
  const ends = Array.from({ length: 15 }, (_, k) => (k < 8 ? [8, size - 1 - k] : [size - 15 + k, 8]));
  return [corner, ends];
}

/** Bits go up and down in strips of two modules, from the right. @param {Int8Array} modules @param {number[]} codewords */
function place(modules, codewords) {
  const size = Math.sqrt(modules.length);
  const bit = (/** @type {number} */ k) => ((codewords[k >> 3] ?? 0) >> (7 - (k & 7))) & 1;
  let k = 0;
  for (let right = size - 1, up = true; right > 0; right -= 2, up = !up) {
    if (right === 6) right = 5;
    for (let row = 0; row < size; row++)
      for (const j of [right, right - 1]) {
        const at = (up ? size - 1 - row : row) * size + j;
        if (modules[at] < 0) modules[at] = 2 + bit(k++); // 2 and 3 are data: masks turn them over
      }
  }
}

/** @param {Int8Array} plain @param {number} mask @param {"L" | "M"} level @param {number} version */
function masked(plain, mask, level, version) {
  const size = 4 * version + 17;
  const modules = Uint8Array.from(plain, (value, k) =>
    value < 2 ? value : (value - 2) ^ Number(MASKS[mask](Math.floor(k / size), k % size)));
  const told = (LEVEL_BITS[level] << 3) | mask;
  const code = ((told << 10) | checked(told, 10, 0x537)) ^ 0x5412;
  for (const places of formatPlaces(size)) places.forEach(([i, j], k) => (modules[i * size + j] = (code >> k) & 1));
  return modules;
}

/** How hard a code is to read: long runs, blocks, what looks like a mark, and too much dark or light.
 * @param {Uint8Array} modules @param {number} size */
function penalty(modules, size) {
  let sum = 0;
  for (const across of [true, false])
    for (let i = 0; i < size; i++) {
      const line = Array.from({ length: size }, (_, j) => (across ? modules[i * size + j] : modules[j * size + i])).join("");
      for (const [run] of line.matchAll(/0{5,}|1{5,}/g)) sum += run.length - 2;
      for (const looks of ["10111010000", "00001011101"])
        for (let at = line.indexOf(looks); at >= 0; at = line.indexOf(looks, at + 1)) sum += 40;
    }
  for (let k = 0; k < modules.length - size; k++) {
    if (k % size === size - 1) continue;
    const four = modules[k] + modules[k + 1] + modules[k + size] + modules[k + size + 1];
    if (four % 4 === 0) sum += 3;
  }
  const dark = modules.reduce((total, one) => total + one, 0) / modules.length;
  return sum + 10 * Math.floor(Math.abs(100 * dark - 50) / 5);
}
