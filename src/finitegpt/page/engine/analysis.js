// What a chain comes to in the long run, by the engine's kernels, which the library calls as well: arrays in, numbers
// with what is proved of them out. engine/engine.h says what each kernel does; nothing is computed here but the ends of
// intervals.

const ROUNDING = 2 ** -53;
const LEAST = 2 ** -1022; // results so small are bounds: double precision ends here
const MOST_PRODUCTS = 5e9; // more than any chain of the page takes: 3e9 are some five seconds at worst
const LARGEST_FIXED = 64; // states whose mixing time is found by powers in fixed point
const FIXED_PRODUCTS = 1e9; // of limbs, for that
const AT_ONCE = 512; // up to so many states, elimination is quick
const CERTAIN = 1e-12;
const STEPS = 512; // of iteration, where that many products would not do
const CHECK = 16;
const [SURELY, NEVER] = [1, 2]; // what the graph says of coming to a set; 0 is perhaps
const [OPEN, ELSEWHERE] = [-1, -2];

/**
 * @typedef {[value: number, low: number, high: number]} Bounded what is computed, and between what the truth is proved to lie
 * @typedef {{ends: number, inEnds: Uint8Array, first: number, size: number, period: number}} Classes how many recurrent
 *   classes there are and which states are in them; of the largest, its smallest state, size and period
 * @typedef {{pi: Float64Array, low: Float64Array, high: Float64Array, error: number, relative: number, entropy: Bounded}} Law
 *   the stationary distribution of that class: states outside are 0; `error` in total variation; the entropy rate in nats
 * @typedef {{ever: Bounded, within: Bounded}} Reached
 * @typedef {[low: number, high: number]} Time in tokens
 */

/**
 * The long run of one chain. Its arrays stay inside the engine until the next one is begun.
 * @param {import("./engine.js").Engine} engine @param {Float32Array} rows log-probabilities @param {number} V
 * @param {number} most products that elimination may take
 */
export function longRun(engine, rows, V, most = MOST_PRODUCTS) {
  const { exports } = engine;
  engine.end = engine.base; // what was before is over
  const n = rows.length / V;
  const L = Math.round(Math.log(n) / Math.log(V));
  const log_probs = engine.put(rows);
  const chain = engine.put(BigInt64Array.of(BigInt(V), BigInt(n / V), BigInt(log_probs)));
  const rounding = exports.fg_rounding(chain);
  const [firsts, to, probs] = [engine.room(8 * (n + 1)), engine.room(4 * n * V), engine.room(8 * n * V)];
  const arrows = Number(engine.scratch(() => exports.fg_arrows(chain, firsts, to, probs, engine.room(8 * V))));
  const graph = engine.put(BigInt64Array.of(BigInt(n), BigInt(firsts) | (BigInt(to) << 32n), BigInt(probs)));
  const labels = engine.room(4 * n);
  /** The class that the numbers are of, and its states. */
  let which = -1;
  let members = new Int32Array(0);
  /** @type {Classes | null} */
  let found = null;

  /** @returns {Classes} */
  function classes() {
    return engine.scratch(() => {
      const recurrent = engine.room(n);
      const many = exports.fg_classes(graph, labels, recurrent, engine.room(20 * n));
      const label = engine.int32(labels, n).slice();
      const isEnd = engine.uint8(recurrent, many).slice();
      const sizes = new Int32Array(many);
      for (const k of label) sizes[k] += isEnd[k];
      which = sizes.indexOf(sizes.reduce((a, b) => Math.max(a, b)));
      members = Int32Array.from(label.keys()).filter((id) => label[id] === which);
      const period = Number(exports.fg_period(graph, labels, which, engine.room(4 * n), engine.room(4 * n)));
      found = {
        ends: isEnd.reduce((sum, yes) => sum + yes, 0), inEnds: Uint8Array.from(label, (k) => isEnd[k]),
        first: members[0], size: members.length, period,
      };
      return found;
    });
  }

  /** An order in which to take out the states whose part is OPEN; null where it takes too many products.
   * @param {Int32Array} part @param {number} ends */
  function plan(part, ends) {
    const m = part.reduce((sum, k) => sum + Number(k === OPEN), 0);
    const [parts, order, work] = [engine.put(part), engine.room(4 * m), engine.room(8)];
    const entries = engine.scratch(() => {
      const space = engine.room(Number(exports.fg_plan_space(graph, BigInt(m))));
      return exports.fg_plan(graph, parts, order, work, space);
    });
    if (engine.float64(work, 1)[0] > most) return null;
    const space = engine.room(Number(exports.fg_eliminate_space(graph, BigInt(m), BigInt(ends), entries)));
    return { parts, order, m, entries, space };
  }

  /** The stationary distribution of the class, and the entropy rate under it. @returns {Law} */
  function law() {
    const { size, period } = found ?? classes();
    if (period === size) {
      const exact = Number.isInteger(Math.log2(size)) ? 0 : ROUNDING; // 1/3 is not a double
      return lawOf(new Float64Array(size).fill(1 / size), exact, exact / 2);
    }
    return engine.scratch(() => {
      if (size > AT_ONCE && L * 1e-15 <= overlap(labelled()) * CERTAIN) {
        const quick = iterated();
        if (quick.error <= CERTAIN) return quick;
      }
      const part = new Int32Array(n).fill(ELSEWHERE);
      for (const id of members) part[id] = OPEN;
      const how = plan(part, 0);
      if (!how) return iterated();
      const { parts, order, m, entries, space } = how;
      const out = engine.room(8 * m);
      const relative = exports.fg_stationary(graph, parts, order, BigInt(m), entries, rounding, out, 0, space);
      const [places, values] = [engine.int32(order, m), engine.float64(out, m)];
      const pi = new Float64Array(n);
      places.forEach((id, k) => (pi[id] = values[k]));
      return lawOf(Float64Array.from(members, (id) => pi[id]), relative, relative / 2);
    });
  }

  /** The law by steps, with what coupling proves of it. @returns {Law} */
  function iterated() {
    let at = engine.put(Float64Array.from(labelled(), (mine) => Number(mine) / members.length));
    let next = engine.room(8 * n);
    let before = Infinity;
    for (let step = 1; step <= STEPS; step++) {
      exports.fg_push(chain, at, 0n, BigInt(n / V), next);
      [at, next] = [next, at];
      if (step % CHECK) continue;
      const change = exports.fg_change(BigInt(n), next, at);
      if (change < 1e-15 || (change < 1e-12 && change > before / 2)) break;
      before = change;
    }
    const pi = engine.float64(at, n).slice();
    exports.fg_push(chain, at, 0n, BigInt(n / V), next);
    const moved = engine.float64(next, n);
    const off = pi.reduce((sum, x, id) => sum + Math.abs(x - moved[id]), 0) / 2 + rounding + (V + 16) * ROUNDING;
    const error = (L * off) / overlap(labelled());
    return lawOf(Float64Array.from(members, (id) => pi[id]), Infinity, error < 1 ? error : Infinity);
  }

  /** Which states are in the class. */
  function labelled() {
    const mine = new Uint8Array(n);
    for (const id of members) mine[id] = 1;
    return mine;
  }

  /** @param {Float64Array} kept the probabilities of the members @param {number} relative @param {number} error @returns {Law} */
  function lawOf(kept, relative, error) {
    const [pi, low, high] = [new Float64Array(n), new Float64Array(n), new Float64Array(n)];
    const off = relative && relative + 4 * ROUNDING;
    const apart = error && error + ROUNDING;
    members.forEach((id, k) => {
      const p = (pi[id] = kept[k]);
      low[id] = Math.max(0, p - apart, p > LEAST && off < 1 ? p * (1 - off) : 0);
      high[id] = Math.min(1, p + apart, off < Infinity ? p * (1 + off) : Infinity);
    });
    return { pi, low, high, error, relative, entropy: entropyRate(kept, relative, error) };
  }

  /** Nats a token. @param {Float64Array} kept @param {number} relative @param {number} error @returns {Bounded} */
  function entropyRate(kept, relative, error) {
    return engine.scratch(() => {
      const all = engine.room(8 * n);
      exports.fg_entropy(chain, 0n, BigInt(n), all);
      const entropies = engine.float64(all, n);
      const f = Float64Array.from(members, (id) => entropies[id]);
      const off = 4 * rounding + (V + 16) * ROUNDING; // as entropy_rounding of the library
      const least = f.reduce((a, b) => Math.min(a, b), Infinity);
      const most = f.reduce((a, b) => Math.max(a, b), 0);
      let [low, high] = [least * (1 - off), most * (1 + off)];
      const [m, out] = [members.length, engine.room(24)];
      exports.fg_average(BigInt(m), engine.put(kept), engine.put(f), relative < Infinity ? relative : 0, off, out);
      const [value, below, above] = engine.float64(out, 3);
      if (relative < Infinity) [low, high] = [Math.max(low, below), Math.min(high, above)];
      if (error < Infinity) {
        const slack = error * (most - least) + (off + 4 * ROUNDING) * most;
        [low, high] = [Math.max(low, value - slack), Math.min(high, value + slack)];
      }
      return held(value, low, high, Math.log(V) * (1 + 4 * ROUNDING));
    });
  }

  /**
   * How probable it is to come to `targets` from a distribution over other states: ever, and within so many tokens.
   * @param {Uint8Array} targets @param {Float64Array} start @param {number} tokens @returns {Reached}
   */
  function reached(targets, start, tokens) {
    return engine.scratch(() => {
      const red = engine.put(targets);
      const decided = engine.room(n);
      engine.scratch(() => exports.fg_reach(graph, red, decided, engine.room(4 * (2 * n + 2 + arrows))));
      return { ever: ever(engine.uint8(decided, n).slice(), start), within: within(red, start, tokens) };
    });
  }

  /** @param {Uint8Array} decided @param {Float64Array} start @returns {Bounded} */
  function ever(decided, start) {
    let [yes, no, open] = [0, 0, 0];
    start.forEach((p, id) => {
      if (decided[id] === SURELY) yes += p;
      else if (decided[id] === NEVER) no += p;
      else open += p;
    });
    if (yes + open === 0) return [0, 0, 0];
    if (no + open === 0) return [1, 1, 1];
    const off = (n + 16) * ROUNDING; // of the start and its sums
    /** What is missing to one is known as well, relatively. @param {number} hit @param {number} miss @param {number} relative */
    const between = (hit, miss, relative) => {
      // The smallest numbers are bounds from above.
      const [least, most] = [(yes + (hit > LEAST ? hit : 0)) * (1 - relative), (yes + hit) * (1 + relative)];
      const [without, besides] = [(no + (miss > LEAST ? miss : 0)) * (1 - relative), (no + miss) * (1 + relative)];
      return held(yes + hit, Math.max(least, 1 - besides - 2 * ROUNDING), Math.min(most, 1 - without + 2 * ROUNDING), 1);
    };
    if (open === 0) return between(0, 0, off);
    return engine.scratch(() => {
      const how = plan(Int32Array.from(decided, (what) => (what === SURELY ? 0 : what === NEVER ? 1 : OPEN)), 2);
      if (!how) return held(0.5, 0, 1, 1);
      const { parts, order, m, entries, space } = how;
      const from = engine.put(start.map((p, id) => (decided[id] ? 0 : p)));
      const out = engine.room(16);
      const relative = exports.fg_absorb(graph, parts, order, BigInt(m), 2n, entries, rounding, from, out, 0n, 0, 0, 0, space) + off;
      const [hit, miss] = engine.float64(out, 2);
      if (!(relative < 1)) return held(0.5, 0, 1, 1);
      return between(hit, miss, relative);
    });
  }

  /** @param {number} red @param {Float64Array} start @param {number} tokens @returns {Bounded} */
  function within(red, start, tokens) {
    return engine.scratch(() => {
      const [value, low, high] = [0, 0, 0].map(() => engine.room(8 * (tokens + 1)));
      const from = engine.put(start);
      const visits = engine.room(8 * n);
      exports.fg_enter(graph, red, from, BigInt(tokens), rounding, value, low, high, visits, engine.room(18 * n + 16));
      const [x, a, b] = [value, low, high].map((place) => engine.float64(place, tokens + 1)[tokens]);
      return held(x, a * (1 - 4 * ROUNDING), b * (1 + 4 * ROUNDING), 1); // of the start
    });
  }

  /** A lower bound of the probability that two copies of the chain meet within L steps. @param {Uint8Array | null} inside */
  function overlap(inside) {
    const beta = engine.scratch(() => exports.fg_overlap(chain, inside ? engine.put(inside) : 0, engine.room(8 * (2 * n + V))));
    return beta * (1 - L * (rounding + (V + 8) * ROUNDING));
  }

  /**
   * Tokens until, from any start, the chain is within 1/4 of its stationary distribution in total variation: between
   * what these lie. Of few states by powers in fixed point, mostly exactly; else from above by coupling. @returns {Time}
   */
  function mixing() {
    const { ends, period } = found ?? classes();
    if (ends > 1 || period > 1) return [Infinity, Infinity];
    if (n === 1) return [0, 0];
    let [low, high] = n <= LARGEST_FIXED ? powers(law()) : [1, Infinity];
    if (high < Infinity) return [low, high];
    const beta = overlap(null);
    if (beta > 0) high = L * Math.ceil((Math.log(1 / 4) / Math.log1p(-beta)) * (1 + 8 * ROUNDING));
    return [low, Math.max(low, high)];
  }

  /** The same by powers in fixed point. @param {Law} law @returns {Time} */
  function powers({ pi, error }) {
    return engine.scratch(() => {
      const [held, out] = [engine.put(pi), engine.room(24)];
      const space = engine.room(Number(exports.fg_mixing_space(BigInt(n))));
      exports.fg_mixing(chain, held, Math.min(error, 1), 0, 1 / 4, FIXED_PRODUCTS, out, space); // float32 rows are exact
      const [, low, high] = engine.float64(out, 3);
      return [low, high];
    });
  }

  return { rounding, classes, law, reached, mixing };
}

/** A number with its interval, made to lie between 0 and `most`. @param {number} value @param {number} low
 * @param {number} high @param {number} most @returns {Bounded} */
function held(value, low, high, most) {
  [low, high] = [Math.max(0, low), Math.min(most, high)];
  return [Math.min(Math.max(value, low), high), low, high];
}
