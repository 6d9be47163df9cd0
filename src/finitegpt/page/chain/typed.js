// Rows that the reader has typed over: the chain one had in mind, in place of the GPT's. Pure functions.

const DIGITS = 4; // of a probability in the link

/**
 * The rows in a list such as `5:0.25/0.75,0:1/0`: by state, what each token's probability is.
 * @param {string} list @param {number} V @param {number} n @returns {Map<number, number[]>}
 */
export function typedRows(list, V, n) {
  const rows = new Map();
  for (const part of list.split(",")) {
    const [, state, values] = /^\s*(\d+):([\d./]+)\s*$/.exec(part) ?? [];
    const row = (values ?? "").split("/").map(Number);
    const sum = row.reduce((total, p) => total + p, 0);
    if (row.length === V && row.every((p) => p >= 0) && sum > 0 && Number(state) < n) rows.set(Number(state), row.map((p) => p / sum));
  }
  return rows;
}

/**
 * The list after one probability of a row has become another: the others keep their proportions.
 * @param {string} list @param {number} V @param {number} n @param {number} id @param {number[]} row as it is shown
 * @param {number} token @param {number} p
 */
export function withTyped(list, V, n, id, row, token, p) {
  const rest = row.reduce((sum, x, y) => (y === token ? sum : sum + x), 0);
  const others = V - 1;
  const next = row.map((x, y) => (y === token ? p : rest > 0 ? ((1 - p) * x) / rest : (1 - p) / others));
  return listOf(typedRows(list, V, n).set(id, next));
}

/** The list without a row: it is the GPT's again. @param {string} list @param {number} V @param {number} n @param {number} id */
export function withoutTyped(list, V, n, id) {
  const rows = typedRows(list, V, n);
  rows.delete(id);
  return listOf(rows);
}

/** Rows of log-probabilities with those that were typed. @param {Float32Array} rows @param {number} V @param {Map<number, number[]>} typed */
export function overwritten(rows, V, typed) {
  if (!typed.size) return rows;
  const out = rows.slice();
  for (const [id, row] of typed) out.set(row.map(Math.log), id * V);
  return out;
}

/** @param {Map<number, number[]>} rows */
function listOf(rows) {
  return [...rows].sort(([a], [b]) => a - b).map(([id, row]) => `${id}:${row.map((p) => Number(p.toFixed(DIGITS))).join("/")}`).join(",");
}
