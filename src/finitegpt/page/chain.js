// The chain: pure functions of next-token probabilities, rows of V numbers in the order of state ids.

/** Probabilities of rows of log-probabilities. @param {Float32Array} logProbs @param {number} V */
export function probabilities(logProbs, V) {
  const p = new Float64Array(logProbs.length);
  for (let row = 0; row < p.length; row += V) {
    let sum = 0;
    for (let y = row; y < row + V; y++) sum += p[y] = Math.exp(logProbs[y]);
    for (let y = row; y < row + V; y++) p[y] /= sum;
  }
  return p;
}

/**
 * Decoding as Python does it: temperature, then top-k, then top-p, then greedy. Values of null leave a step out.
 * @param {Float32Array} logProbs @param {number} V
 * @param {{temperature: number, topK: number | null, topP: number, greedy: boolean}} how
 */
export function decode(logProbs, V, { temperature, topK, topP, greedy }) {
  if (temperature === 1 && (topK === null || topK >= V) && topP >= 1 && !greedy) return logProbs;
  const out = new Float32Array(logProbs.length);
  const row = new Float64Array(V);
  const order = Array.from({ length: V }, (_, k) => k);
  for (let at = 0; at < out.length; at += V) {
    let top = -Infinity;
    for (let y = 0; y < V; y++) top = Math.max(top, logProbs[at + y]);
    for (let y = 0; y < V; y++) row[y] = (logProbs[at + y] - top) / temperature;
    normalise(row);
    order.sort((a, b) => row[b] - row[a] || a - b);
    let keep = greedy ? 1 : topK === null ? V : Math.min(topK, V);
    if (topP < 1 && !greedy) {
      let total = 0;
      for (let k = 0; k < keep; k++) total += Math.exp(row[order[k]]);
      let before = 0;
      let most = 0;
      while (most < keep && before < topP * total) before += Math.exp(row[order[most++]]);
      keep = most;
    }
    for (let k = keep; k < V; k++) row[order[k]] = -Infinity;
    normalise(row);
    out.set(row, at);
  }
  return out;
}

/** @param {Float64Array} row */
function normalise(row) {
  let top = -Infinity;
  for (const x of row) top = Math.max(top, x);
  let sum = 0;
  for (const x of row) sum += Math.exp(x - top);
  for (let y = 0; y < row.length; y++) row[y] -= top + Math.log(sum);
}

/** Mean of -log p over the arrows that the data takes, in nats. @param {Float32Array} logProbs @param {Int32Array} arrows */
export function crossEntropy(logProbs, arrows) {
  let sum = 0;
  let total = 0;
  for (let k = 0; k < arrows.length; k++)
    if (arrows[k]) {
      sum -= arrows[k] * logProbs[k];
      total += arrows[k];
    }
  return total ? sum / total : NaN;
}

/** A distribution one step later. @param {Float64Array} p @param {number} V @param {Float64Array} pi */
export function push(p, V, pi) {
  const n = pi.length;
  const out = new Float64Array(n);
  const suffixes = n / V;
  for (let id = 0; id < n; id++) {
    if (pi[id] === 0) continue;
    const first = (id % suffixes) * V;
    for (let y = 0; y < V; y++) out[first + y] += pi[id] * p[id * V + y];
  }
  return out;
}

/** The mean of a function of the next state. @param {Float64Array} p @param {number} V @param {Float64Array} f */
export function pull(p, V, f) {
  const n = f.length;
  const out = new Float64Array(n);
  const suffixes = n / V;
  for (let id = 0; id < n; id++) {
    const first = (id % suffixes) * V;
    for (let y = 0; y < V; y++) out[id] += p[id * V + y] * f[first + y];
  }
  return out;
}

/** Entropy of each row in nats. @param {Float64Array} p @param {number} V */
export function rowEntropy(p, V) {
  const out = new Float64Array(p.length / V);
  for (let k = 0; k < p.length; k++) if (p[k] > 0) out[Math.floor(k / V)] -= p[k] * Math.log(p[k]);
  return out;
}

/**
 * The strongly connected components of the arrows above zero, and which of them are never left (Tarjan 1972, without
 * recursion).
 * @param {Float64Array} p @param {number} V
 */
export function classes(p, V) {
  const n = p.length / V;
  const suffixes = n / V;
  const index = new Int32Array(n).fill(-1);
  const low = new Int32Array(n);
  const label = new Int32Array(n).fill(-1);
  const next = new Int32Array(n);
  /** @type {number[]} */
  const stack = [];
  /** @type {number[]} */
  const path = [];
  let count = 0;
  let found = 0;
  for (let root = 0; root < n; root++) {
    if (index[root] >= 0) continue;
    path.push(root);
    index[root] = low[root] = count++;
    stack.push(root);
    while (path.length) {
      const at = path[path.length - 1];
      if (next[at] < V) {
        const y = next[at]++;
        if (!(p[at * V + y] > 0)) continue;
        const to = (at % suffixes) * V + y;
        if (index[to] < 0) {
          index[to] = low[to] = count++;
          stack.push(to);
          path.push(to);
        } else if (label[to] < 0) low[at] = Math.min(low[at], index[to]);
      } else {
        path.pop();
        if (path.length) low[path[path.length - 1]] = Math.min(low[path[path.length - 1]], low[at]);
        if (low[at] === index[at]) {
          let member;
          do {
            member = /** @type {number} */ (stack.pop());
            label[member] = found;
          } while (member !== at);
          found++;
        }
      }
    }
  }
  const recurrent = new Array(found).fill(true);
  for (let id = 0; id < n; id++)
    for (let y = 0; y < V; y++)
      if (p[id * V + y] > 0 && label[(id % suffixes) * V + y] !== label[id]) recurrent[label[id]] = false;
  /** @type {number[][]} */
  const members = Array.from({ length: found }, () => []);
  for (let id = 0; id < n; id++) members[label[id]].push(id);
  return { label, members, recurrent, ends: members.filter((_, k) => recurrent[k]).sort((a, b) => a[0] - b[0]) };
}

/** The period of a recurrent class. @param {Float64Array} p @param {number} V @param {number[]} members */
export function period(p, V, members) {
  const suffixes = p.length / V / V;
  const distance = new Map([[members[0], 0]]);
  const queue = [members[0]];
  let d = 0;
  for (let k = 0; k < queue.length; k++) {
    const at = queue[k];
    const far = /** @type {number} */ (distance.get(at));
    for (let y = 0; y < V; y++) {
      if (!(p[at * V + y] > 0)) continue;
      const to = (at % suffixes) * V + y;
      const known = distance.get(to);
      if (known === undefined) {
        distance.set(to, far + 1);
        queue.push(to);
      } else d = gcd(d, Math.abs(far + 1 - known));
    }
  }
  return d || 1;
}

/** @param {number} a @param {number} b @returns {number} */
function gcd(a, b) {
  return b ? gcd(b, a % b) : a;
}

/**
 * The stationary distribution of one recurrent class: elimination without subtractions where it is small (Grassmann,
 * Taksar and Heyman 1985), lazy power iteration beyond.
 * @param {Float64Array} p @param {number} V @param {number[]} members
 */
export function stationary(p, V, members) {
  const n = p.length / V;
  const pi = new Float64Array(n);
  if (members.length <= 256) {
    const law = eliminate(submatrix(p, V, members), members.length);
    members.forEach((id, k) => (pi[id] = law[k]));
    return pi;
  }
  for (const id of members) pi[id] = 1 / members.length;
  let at = pi;
  for (let step = 0; step < 2000; step++) {
    const moved = push(p, V, at);
    let change = 0;
    for (const id of members) {
      moved[id] = (moved[id] + at[id]) / 2;
      change = Math.max(change, Math.abs(moved[id] - at[id]) / at[id]);
    }
    at = moved;
    if (change < 1e-12) break;
  }
  return at;
}

/** @param {Float64Array} p @param {number} V @param {number[]} members */
function submatrix(p, V, members) {
  const suffixes = p.length / V / V;
  const place = new Map(members.map((id, k) => [id, k]));
  const m = members.length;
  const A = new Float64Array(m * m);
  members.forEach((id, k) => {
    for (let y = 0; y < V; y++) {
      const to = place.get((id % suffixes) * V + y);
      if (to !== undefined) A[k * m + to] += p[id * V + y];
    }
  });
  return A;
}

/** @param {Float64Array} A @param {number} m */
function eliminate(A, m) {
  for (let k = m - 1; k > 0; k--) {
    let out = 0;
    for (let j = 0; j < k; j++) out += A[k * m + j];
    for (let i = 0; i < k; i++) {
      const share = (A[i * m + k] /= out);
      if (share > 0) for (let j = 0; j < k; j++) A[i * m + j] += share * A[k * m + j];
    }
  }
  const pi = new Float64Array(m);
  pi[0] = 1;
  let sum = 1;
  for (let k = 1; k < m; k++) {
    for (let i = 0; i < k; i++) pi[k] += pi[i] * A[i * m + k];
    sum += pi[k];
  }
  return pi.map((x) => x / sum);
}

/**
 * The probability of ever being in `red`, from each state: 0 and 1 exactly where the arrows say so, by iteration from
 * below elsewhere.
 * @param {Float64Array} p @param {number} V @param {Uint8Array} red
 */
export function reach(p, V, red) {
  const n = p.length / V;
  const never = leads(p, V, red, red).map((yes) => (yes ? 0 : 1));
  const maybeNot = leads(p, V, never, red);
  let x = new Float64Array(n);
  for (let id = 0; id < n; id++) x[id] = red[id] || !maybeNot[id] ? 1 : 0;
  const open = [...x.keys()].filter((id) => !never[id] && x[id] === 0);
  for (let step = 0; open.length && step < 5000; step++) {
    const next = pull(p, V, x);
    let change = 0;
    for (const id of open) {
      change = Math.max(change, next[id] - x[id]);
      x[id] = next[id];
    }
    if (change < 1e-13) break;
  }
  return x;
}

/** The same within so many tokens. @param {Float64Array} p @param {number} V @param {Uint8Array} red @param {number} tokens */
export function reachWithin(p, V, red, tokens) {
  let x = Float64Array.from(red);
  for (let step = 0; step < tokens; step++) {
    x = pull(p, V, x);
    for (let id = 0; id < x.length; id++) if (red[id]) x[id] = 1;
  }
  return x;
}

/** From where `goal` can be reached without leaving a state of `stop`. @param {Float64Array} p @param {number} V
 * @param {Uint8Array} goal @param {Uint8Array} stop */
function leads(p, V, goal, stop) {
  const n = p.length / V;
  const suffixes = n / V;
  const reached = Uint8Array.from(goal);
  const queue = [...reached.keys()].filter((id) => reached[id]);
  for (let k = 0; k < queue.length; k++) {
    const y = queue[k] % V;
    const suffix = Math.floor(queue[k] / V);
    for (let a = 0; a < V; a++) {
      const from = a * suffixes + suffix;
      if (!reached[from] && !stop[from] && p[from * V + y] > 0) {
        reached[from] = 1;
        queue.push(from);
      }
    }
  }
  return reached;
}

/** How far a distribution is from another. @param {Float64Array} a @param {Float64Array} b */
export function totalVariation(a, b) {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += Math.abs(a[k] - b[k]);
  return sum / 2;
}

/**
 * Tokens until the distance from the stationary law is at most 1/4, from the worst of the states given; null where it
 * takes more than `most`.
 * @param {Float64Array} p @param {number} V @param {Float64Array} pi @param {number[]} starts @param {number} most
 */
export function mixingTime(p, V, pi, starts, most = 1000) {
  let worst = 0;
  for (const start of starts) {
    let at = new Float64Array(pi.length);
    at[start] = 1;
    let steps = 0;
    while (totalVariation(at, pi) > 0.25) {
      if (++steps > most) return null;
      at = push(p, V, at);
    }
    worst = Math.max(worst, steps);
  }
  return worst;
}

/** The n-gram chain of counted arrows; rows never counted are even. @param {Int32Array} arrows @param {number} V */
export function counted(arrows, V) {
  const p = new Float64Array(arrows.length);
  for (let row = 0; row < p.length; row += V) {
    let n = 0;
    for (let y = row; y < row + V; y++) n += arrows[y];
    for (let y = row; y < row + V; y++) p[y] = n ? arrows[y] / n : 0;
  }
  return p;
}
