// The engine's worker: trains, evaluates and looks inside, always for the newest request of its kind.

import { Engine, EngineError } from "./engine.js";

const SLICE = 30; // milliseconds between two reports of a long training
const MOST_BYTES = 96 * 2 ** 20; // for the chains of all steps

/** @type {Promise<Engine> | null} */
let engine = null;
let newest = 0;

self.onmessage = async ({ data }) => {
  try {
    if (data.kind === "start") {
      engine = Engine.from(data.wasm);
      await engine;
      self.postMessage({ kind: "ready" });
      return;
    }
    const ready = await /** @type {Promise<Engine>} */ (engine);
    if (data.kind === "train") await train(ready, data);
    if (data.kind === "evaluate") {
      const rows = ready.evaluate(data.shape, data.weights, data.switches);
      self.postMessage({ kind: "evaluated", id: data.id, rows }, { transfer: [rows.buffer] });
    }
    if (data.kind === "inspect") {
      const inside = ready.inspect(data.shape, data.weights, data.switches, data.context);
      self.postMessage({ kind: "inspected", id: data.id, ...inside });
    }
  } catch (error) {
    const known = error instanceof EngineError;
    self.postMessage({
      kind: "failed", id: data.id, of: data.kind, key: known ? error.key : "error.engine",
      values: known ? error.values : {},
    });
  }
};

/** @param {Engine} ready @param {any} request */
async function train(ready, request) {
  newest = request.id;
  const { shape, plan } = request;
  const row = shape.vocabSize ** (shape.contextLength + 1);
  const keepEvery = Math.max(1, Math.ceil(((plan.steps + 1) * row * 4) / MOST_BYTES));
  const training = ready.training(shape, { ...plan, keepEvery });
  let count = 1;
  let reported = performance.now();
  while (training.done < plan.steps) {
    const began = performance.now();
    training.advance(count);
    const took = performance.now() - began;
    count = Math.max(1, Math.min(1000, Math.floor((count * SLICE) / 2 / Math.max(took, 0.05))));
    if (!Number.isFinite(training.loss)) {
      report(training, request, keepEvery, true);
      return;
    }
    if (performance.now() - reported > SLICE && training.done < plan.steps) {
      report(training, request, keepEvery, false);
      await pause();
      reported = performance.now();
      if (newest !== request.id) return; // somebody has moved a control meanwhile
    }
  }
  report(training, request, keepEvery, true);
}

/** @param {any} training @param {any} request @param {number} keepEvery @param {boolean} finished */
function report(training, request, keepEvery, finished) {
  const { done, losses, chains, weights } = training.result();
  self.postMessage(
    { kind: "trained", id: request.id, done, losses, chains, weights, keepEvery, finished },
    { transfer: [losses.buffer, chains.buffer, weights.buffer] },
  );
}

/** Lets messages that wait be read. */
function pause() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve(undefined);
    };
    port2.postMessage(0);
  });
}
