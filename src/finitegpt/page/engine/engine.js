// The engine, compiled to WebAssembly: arrays in, arrays out. engine/engine.h says what each kernel does.

const PAGE = 65536;
const LARGEST = 2 ** 31; // sizes beyond would wrap around in a 32-bit memory

/** @typedef {import("./weights.js").Shape} Shape */

/** What went wrong inside the engine, as a key of the strings and what to fill in. */
export class EngineError extends Error {
  /** @param {string} key @param {Record<string, string | number>} values */
  constructor(key, values = {}) {
    super(key);
    this.key = key;
    this.values = values;
  }
}

/** One instance of the engine. Every call puts its arrays behind those of the call that it is part of. */
export class Engine {
  /** @param {WebAssembly.Instance} instance */
  constructor(instance) {
    this.exports = /** @type {any} */ (instance.exports);
    this.base = this.exports.memory.buffer.byteLength;
    this.end = this.base;
  }

  /** @param {BufferSource} bytes */
  static async from(bytes) {
    const { instance } = await WebAssembly.instantiate(bytes, {});
    return new Engine(instance);
  }

  /** Room for `size` bytes, aligned to 64. @param {number} size */
  room(size) {
    const place = this.end;
    this.end += Math.ceil(size / 64) * 64;
    if (this.end > LARGEST) throw new EngineError("error.memory");
    const missing = this.end - this.exports.memory.buffer.byteLength;
    if (missing > 0) {
      try {
        this.exports.memory.grow(Math.ceil(missing / PAGE));
      } catch {
        throw new EngineError("error.memory");
      }
    }
    return place;
  }

  /** Copies an array in. @param {Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array} array */
  put(array) {
    const place = this.room(array.byteLength);
    new Uint8Array(this.exports.memory.buffer, place, array.byteLength).set(
      new Uint8Array(array.buffer, array.byteOffset, array.byteLength),
    );
    return place;
  }

  /** @param {number} place @param {number} n */
  float32(place, n) {
    return new Float32Array(this.exports.memory.buffer, place, n);
  }

  /** @param {number} place @param {number} n */
  float64(place, n) {
    return new Float64Array(this.exports.memory.buffer, place, n);
  }

  /** @param {number} place @param {number} n */
  int32(place, n) {
    return new Int32Array(this.exports.memory.buffer, place, n);
  }

  /** @param {number} place @param {number} n */
  uint8(place, n) {
    return new Uint8Array(this.exports.memory.buffer, place, n);
  }

  /** Does `work`, then gives back the room it took. @template T @param {() => T} work @returns {T} */
  scratch(work) {
    const before = this.end;
    try {
      return work();
    } finally {
      this.end = before;
    }
  }

  /** @param {Shape} shape */
  config(shape) {
    const { vocabSize, contextLength, nLayer, nHead, nEmbd, bias } = shape;
    const { tied = true, activation = 0, norm = 0, embeddingNorm = false, finalNorm = true } = shape;
    const flags = [bias, tied, activation, norm, embeddingNorm, finalNorm].map(Number);
    return this.put(Int32Array.of(vocabSize, contextLength, nLayer, nHead, nEmbd, ...flags));
  }

  /** struct fg_switches, or NULL. @param {Float32Array | null} switches */
  switches(switches) {
    return switches ? this.put(Int32Array.of(this.put(switches), 0)) : 0;
  }

  /**
   * Next-token log-probabilities of all contexts of `length` tokens.
   * @param {Shape} shape @param {Float32Array} weights @param {Float32Array | null} switches @param {number} length
   */
  evaluate(shape, weights, switches = null, length = shape.contextLength) {
    return this.scratch(() => {
      const config = this.config(shape);
      const n = shape.vocabSize ** length;
      const place = this.put(weights);
      const off = this.switches(switches);
      const out = this.room(4 * n * shape.vocabSize);
      const workspace = this.room(Number(this.exports.fg_workspace(config, 1n)));
      this.exports.fg_evaluate(config, place, off, length, 0n, BigInt(n), out, workspace);
      return this.float32(out, n * shape.vocabSize).slice();
    });
  }

  /**
   * Next-token log-probabilities of some contexts of the model's whole length.
   * @param {Shape} shape @param {Float32Array} weights @param {Float32Array | null} switches @param {number[][]} contexts
   */
  predict(shape, weights, switches, contexts) {
    return this.scratch(() => {
      const config = this.config(shape);
      const place = this.put(weights);
      const off = this.switches(switches);
      const tokens = this.put(Int32Array.from(contexts.flat()));
      const out = this.room(4 * contexts.length * shape.vocabSize);
      const workspace = this.room(Number(this.exports.fg_workspace(config, 1n)));
      this.exports.fg_predict(config, place, off, shape.contextLength, tokens, BigInt(contexts.length), out, workspace);
      return this.float32(out, contexts.length * shape.vocabSize).slice();
    });
  }

  /**
   * Inside the model, for one context.
   * @param {Shape} shape @param {Float32Array} weights @param {Float32Array | null} switches @param {number[]} context
   */
  inspect(shape, weights, switches, context) {
    return this.scratch(() => {
      const config = this.config(shape);
      const length = context.length;
      const place = this.put(weights);
      const off = this.switches(switches);
      const tokens = this.put(Int32Array.from(context));
      const sizes = [
        shape.nLayer * shape.nHead * length * length,
        shape.nLayer * length * shape.nEmbd,
        (2 * shape.nLayer + 1) * length * shape.nEmbd,
        shape.vocabSize,
      ];
      const [attention, heads, residual, logits] = sizes.map((size) => this.room(4 * size));
      const workspace = this.room(Number(this.exports.fg_workspace(config, 1n)));
      this.exports.fg_inspect(config, place, off, length, tokens, 1n, attention, heads, residual, logits, workspace);
      return {
        attention: this.float32(attention, sizes[0]).slice(),
        heads: this.float32(heads, sizes[1]).slice(),
        residual: this.float32(residual, sizes[2]).slice(),
        logits: this.float32(logits, sizes[3]).slice(),
      };
    });
  }

  /**
   * Next-token logits of one context with all parts on, and then with each part of each layer, its heads and its MLP,
   * switched off alone. A generator: work that may be broken off between two parts.
   * @param {Shape} shape @param {Float32Array} weights @param {number[]} context @returns {Generator<Float32Array>}
   */
  *ablations(shape, weights, context) {
    const parts = shape.nLayer * (shape.nHead + 1);
    for (let part = -1; part < parts; part++) {
      const switches = Float32Array.from({ length: parts }, (_, k) => Number(k !== part));
      yield this.inspect(shape, weights, switches, context).logits;
    }
  }

  /**
   * A training that can be taken a few steps at a time. All its arrays stay inside the engine until it is done; the
   * weights of every step that is kept, the last one always among them, are copied out.
   * @param {Shape} shape @param {import("../chain/experiment.js").Plan} plan @param {number} keepEvery
   * @param {boolean} whole whether the chain after every step is computed, too
   */
  training(shape, plan, keepEvery = 1, whole = true) {
    this.end = this.base; // a training before this one is over
    const config = this.config(shape);
    const n = Number(this.exports.fg_n_params(config));
    const row = whole ? shape.vocabSize ** shape.contextLength * shape.vocabSize : 0;
    const kept = Math.floor(plan.steps / keepEvery) + 2;
    const weights = this.room(4 * n);
    const moments = this.put(new Float32Array(2 * n));
    const losses = this.room(8 * Math.max(1, plan.steps));
    const chains = this.room(4 * row * kept);
    const tokens = this.put(plan.tokens);
    const batch = plan.batch || plan.starts.length;
    const starts = plan.batch ? this.room(8 * batch) : this.put(BigInt64Array.from(plan.starts, BigInt));
    const lengths = !plan.lengths ? 0 : plan.batch ? this.room(4 * batch) : this.put(Int32Array.from(plan.lengths));
    const shares = plan.batch ? 0 : this.put(plan.shares);
    const generator = this.room(4 * 625);
    const fresh = 0; // each step has one row, which is drawn before it
    const windows = this.put(
      Int32Array.of(tokens, 0, starts, lengths, shares, 0, batch, 0, fresh, plan.everyPosition ? 1 : 0),
    );
    const rates = this.put(plan.rates);
    const optimizer = this.room(48);
    this.float64(optimizer + 8, 4).set([plan.beta1, plan.beta2, plan.weightDecay, plan.clip]);
    this.int32(optimizer + 40, 1)[0] = Number(plan.matrices);
    const workspace = this.room(Number(this.exports.fg_workspace(config, BigInt(batch))));
    const evaluate = (/** @type {number} */ k) =>
      this.exports.fg_evaluate(
        config, weights, 0, shape.contextLength, 0n, BigInt(row / shape.vocabSize), chains + 4 * row * k, workspace,
      );
    this.exports.fg_init(config, plan.seed, weights, generator);
    if (plan.batchSeed >= 0) this.exports.fg_seed(plan.batchSeed, generator);
    if (whole) evaluate(0);
    /** Windows by their numbers, which are where their starts belong. @param {[number, number][]} listed */
    const drawn = (listed) => {
      const [chosen, long] = [new BigInt64Array(this.exports.memory.buffer, starts, batch), this.int32(lengths, batch)];
      chosen.forEach((number, k) => {
        const [start, length] = listed[Number(number)];
        chosen[k] = BigInt(start);
        long[k] = length;
      });
    };
    const keptWeights = [this.float32(weights, n).slice()];
    let done = 0;
    return {
      /** One step on. */
      advance: () => {
        if (done >= plan.steps) return;
        if (plan.batch) this.exports.fg_randint(generator, BigInt(batch), plan.windows, starts);
        if (plan.batch && plan.listed) drawn(plan.listed);
        const keep = (done + 1) % keepEvery === 0 || done + 1 === plan.steps;
        const chain = keep && whole ? chains + 4 * row * keptWeights.length : 0;
        this.int32(optimizer, 1)[0] = rates + 8 * done;
        this.exports.fg_train(
          config, windows, optimizer, BigInt(done), 1n, weights, moments, moments + 4 * n, losses + 8 * done, chain,
          workspace,
        );
        done += 1;
        if (keep) keptWeights.push(this.float32(weights, n).slice());
      },
      /** Steps that are done. */
      done: () => done,
      /** The weights after each step that is kept. */
      keptWeights,
      /** Copies of losses from a step on. @param {number} from */
      losses: (from) => this.float64(losses + 8 * from, done - from).slice(),
      /** Copies of the chains that are kept, where they are whole, from one of them on. @param {number} from */
      chains: (from) => this.float32(chains + 4 * row * from, row * (keptWeights.length - from)).slice(),
    };
  }
}
