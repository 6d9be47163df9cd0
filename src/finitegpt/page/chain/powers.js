// Where a chain is after several tokens: powers of its transition matrix. Pure.

/**
 * The probability of each state (column) some tokens after each state (row), n x n.
 * @param {Float64Array} p @param {number} V @param {number} n @param {number} tokens
 */
export function power(p, V, n, tokens) {
  let rows = new Float64Array(n * n);
  for (let id = 0; id < n; id++) rows[id * n + id] = 1;
  for (let k = 0; k < tokens; k++) {
    const next = new Float64Array(n * n);
    for (let row = 0; row < n * n; row += n)
      for (let id = 0; id < n; id++) {
        const mass = rows[row + id];
        if (mass) for (let y = 0; y < V; y++) next[row + ((id * V + y) % n)] += mass * p[id * V + y];
      }
    rows = next;
  }
  return rows;
}
