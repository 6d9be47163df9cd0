// The training of now, as the engine's worker tells it piece by piece; and questions about a step of it.

/**
 * @typedef {{id: number, experiment: import("../chain/experiment.js").Experiment, done: number, losses: Float64Array,
 *   chains: Float32Array, kept: number, keepEvery: number, finished: boolean, diverged: boolean,
 *   carried: Float32Array | null, fixed: boolean}} Trained
 *   `chains`: those after the steps that are kept, or the weights, where the chain is not whole; `carried`: that of the weights that came with the page or from a file, which are those after the last step;
 *   `fixed`: there is nothing but these.
 * @typedef {{weights: Float32Array, losses: number[], retrain: boolean}} Carried
 */

export class Trainer {
  /**
   * @param {Worker} worker @param {Uint8Array} wasm
   * @param {{trained: () => void, looked: (answer: any) => void, failed: (key: string, values: any) => void}} heard
   */
  constructor(worker, wasm, heard) {
    this.worker = worker;
    this.heard = heard;
    this.asked = 0;
    /** @type {{experiment: import("../chain/experiment.js").Experiment, carried: Carried | null} | null} */
    this.waiting = null;
    /** @type {Trained | null} */
    this.trained = null;
    worker.onmessage = ({ data }) => this.received(data);
    worker.onerror = () => heard.failed("error.engine", {});
    worker.postMessage({ kind: "start", wasm });
  }

  /** @param {import("../chain/experiment.js").Experiment} experiment @param {Carried | null} carried */
  train(experiment, carried = null) {
    this.asked += 1;
    this.waiting = { experiment, carried };
    this.worker.postMessage({
      kind: "train", id: this.asked, shape: experiment.shape, plan: experiment.plan, whole: experiment.whole,
      carried: carried?.weights ?? null, retrain: carried?.retrain ?? true,
    });
  }

  /** Asks about the training that is shown. @param {any} question */
  look(question) {
    if (this.trained) this.worker.postMessage({ kind: "look", id: this.trained.id, ...question });
  }

  /** @param {any} message */
  received(message) {
    if (message.kind === "failed") this.heard.failed(message.key, message.values);
    else if (message.kind === "looked" && message.id === this.trained?.id) this.heard.looked(message);
    else if (message.id === this.asked && (message.kind === "trained" || message.kind === "carried")) {
      const trained = this.trained && this.trained.id === message.id ? this.trained : this.begun(message);
      this.trained = trained;
      if (message.kind === "trained") this.grown(trained, message);
      this.heard.trained();
    }
  }

  /** @param {any} message @returns {Trained} */
  begun(message) {
    const { experiment, carried } = /** @type {NonNullable<typeof this.waiting>} */ (this.waiting);
    const losses = new Float64Array(experiment.plan.steps).fill(NaN);
    if (carried) losses.set(carried.losses.slice(0, losses.length));
    return {
      id: message.id, experiment, done: 0, losses, chains: new Float32Array(0), kept: 0, keepEvery: 1,
      finished: carried !== null && !carried.retrain, diverged: false, carried: message.rows ?? null,
      fixed: carried !== null && !carried.retrain,
    };
  }

  /** @param {Trained} trained @param {any} message */
  grown(trained, message) {
    const { experiment } = trained;
    const row = experiment.size;
    if (!trained.chains.length) trained.chains = new Float32Array(row * (Math.floor(experiment.plan.steps / message.keepEvery) + 2));
    trained.keepEvery = message.keepEvery;
    trained.losses.set(message.losses, message.from);
    trained.chains.set(message.chains, message.chainsFrom * row);
    trained.kept = message.chainsFrom + message.chains.length / row;
    trained.done = message.from + message.losses.length;
    trained.finished = message.finished;
    trained.diverged = message.diverged;
    if (message.diverged) this.cut(trained, row);
  }

  /** Back to the last step whose chain is one. @param {Trained} trained @param {number} row */
  cut(trained, row) {
    while (trained.kept > 1 && !trained.chains.subarray((trained.kept - 1) * row, trained.kept * row).every(Number.isFinite)) trained.kept -= 1;
    trained.done = Math.min(trained.done, (trained.kept - 1) * trained.keepEvery);
  }
}

/** The step that is shown where `wanted` is asked for, -1 being the last. @param {Trained} trained @param {number} wanted */
export function shownStep(trained, wanted) {
  const { steps } = trained.experiment.plan;
  if (trained.carried && (wanted < 0 || wanted >= steps)) return steps;
  const last = trained.done;
  const step = wanted < 0 ? last : Math.min(wanted, last);
  return step === last && trained.finished ? step : step - (step % trained.keepEvery);
}

/** Log-probabilities of the chain after a step, or the weights, where it is not whole. @param {Trained} trained @param {number} step */
export function chainAfter(trained, step) {
  const { experiment, carried, chains, kept, keepEvery } = trained;
  if (carried && (step >= experiment.plan.steps || !kept)) return carried;
  const row = experiment.size;
  const place = step >= experiment.plan.steps ? kept - 1 : Math.max(0, Math.min(Math.floor(step / keepEvery), kept - 1));
  return chains.subarray(row * place, row * (place + 1));
}

/** The worker, or null where the browser allows none. @param {() => Worker} make */
export function begunWorker(make) {
  try {
    return make();
  } catch {
    return null;
  }
}
