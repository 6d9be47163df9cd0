// Random numbers that are the same everywhere.

/** A generator of numbers in [0, 1) (Mulberry32). @param {number} seed */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** A number below 2**32 for a text (FNV-1a). @param {string} text */
export function hashed(text) {
  let hash = 2166136261;
  for (let k = 0; k < text.length; k++) hash = Math.imul(hash ^ text.charCodeAt(k), 16777619);
  return hash >>> 0;
}

/** Independent normal numbers (Box and Muller 1958). @param {number} n @param {number} seed */
export function gaussians(n, seed) {
  const uniform = random(seed);
  const out = new Float32Array(n);
  for (let k = 0; k < n; k += 2) {
    const far = Math.sqrt(-2 * Math.log(1 - uniform()));
    const turn = 2 * Math.PI * uniform();
    out[k] = far * Math.cos(turn);
    if (k + 1 < n) out[k + 1] = far * Math.sin(turn);
  }
  return out;
}

/** Draws a token after a state. @param {Float64Array} p @param {number} V @param {number} id @param {number} u */
export function draw(p, V, id, u) {
  let left = u;
  for (let y = 0; y < V; y++) {
    left -= p[id * V + y];
    if (left < 0 && p[id * V + y] > 0) return y;
  }
  let last = V - 1;
  while (last > 0 && !(p[id * V + last] > 0)) last--;
  return last;
}
