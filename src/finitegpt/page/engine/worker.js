// The engine's worker: trains, looks into what it has trained, and tells what chains come to, always for the newest
// request of its kind.

import { longRun } from "./analysis.js";
import { anatomy } from "./anatomy.js";
import { Engine, EngineError } from "./engine.js";
import { countWeights, lens, nudged } from "./weights.js";

const SLICE = 30; // milliseconds between two reports of a long training
const MOST_BYTES = 160 * 2 ** 20; // for the chains and the weights after all steps that are kept

/** @type {Promise<Engine> | null} */
let engine = null;
/** The newest of each kind, until it is taken. @type {Record<string, any>} */
const wanted = { train: null, look: null, conclude: null };
/** What there is to look into. @type {any} */
let current = null;
let running = false;
/** Of which weights, moved how, and of which context it was last found what each part means.
 * @type {{of: Float32Array | null, question: string, without: Float32Array[]}} */
let missed = { of: null, question: "", without: [] };

self.onmessage = ({ data }) => {
  if (data.kind === "start") engine = Engine.from(data.wasm);
  else wanted[data.kind] = data;
  run();
};

/** Takes requests until there are none. Every turn first lets messages in, so that only the newest are served. */
async function run() {
  if (running) return;
  running = true;
  while (wanted.train || wanted.look || wanted.conclude) {
    await pause();
    if (wanted.train) await serve("train", train);
    if (wanted.look) await serve("look", look);
    if (wanted.conclude) await serve("conclude", conclude);
  }
  running = false;
}

/** @param {string} kind @param {(ready: Engine, request: any) => void | Promise<void>} work */
async function serve(kind, work) {
  const request = wanted[kind];
  wanted[kind] = null;
  try {
    await work(await /** @type {Promise<Engine>} */ (engine), request);
  } catch (error) {
    const known = error instanceof EngineError;
    self.postMessage({ kind: "failed", id: request.id, key: known ? error.key : "error.engine", values: known ? error.values : {} });
  }
}

/** @param {Engine} ready @param {any} request */
async function train(ready, request) {
  const { id, shape, plan, whole, carried } = request;
  if (carried) {
    current = { id, shape, weights: [], keepEvery: 1, steps: plan.steps, last: carried };
    self.postMessage({ kind: "carried", id, rows: whole ? ready.evaluate(shape, carried) : carried });
    if (!request.retrain) return;
    await pause();
    if (wanted.train) return;
  }
  const size = countWeights(shape) + (whole ? shape.vocabSize ** (shape.contextLength + 1) : countWeights(shape));
  const keepEvery = Math.max(1, Math.ceil((4 * (plan.steps + 1) * size) / MOST_BYTES));
  const training = ready.training(shape, plan, keepEvery, whole);
  current = { id, shape, weights: training.keptWeights, keepEvery, steps: plan.steps, last: carried };
  let [toldSteps, toldChains] = [0, 0];
  const report = (/** @type {boolean} */ finished, /** @type {boolean} */ diverged) => {
    const [losses, chains] = [training.losses(toldSteps), whole ? training.chains(toldChains) : joined(training.keptWeights.slice(toldChains))];
    self.postMessage(
      { kind: "trained", id, keepEvery, from: toldSteps, losses, chainsFrom: toldChains, chains, finished, diverged },
      { transfer: [losses.buffer, chains.buffer] },
    );
    [toldSteps, toldChains] = [training.done(), training.keptWeights.length];
  };
  let reported = performance.now();
  while (training.done() < plan.steps) {
    training.advance();
    if (!training.losses(training.done() - 1).every(Number.isFinite)) return report(true, true);
    if (performance.now() - reported > SLICE && training.done() < plan.steps) {
      report(false, false);
      await pause();
      if (wanted.look) await serve("look", look);
      if (wanted.train) return; // somebody has moved a control meanwhile
      reported = performance.now();
    }
  }
  report(true, false);
}

/** Arrays one after the other. @param {Float32Array[]} arrays */
function joined(arrays) {
  const all = new Float32Array(arrays.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  for (const one of arrays) {
    all.set(one, end);
    end += one.length;
  }
  return all;
}

/** Answers what the page asks of one step: the chain with parts switched off or weights moved, and inside a state. What
 * each part means for that state takes longer, and is told in a second answer.
 * @param {Engine} ready @param {any} request */
async function look(ready, request) {
  if (request.id !== current?.id) return;
  const { shape } = current;
  const { step, nudge, switches, context, rows, startup } = request;
  const kept = step >= current.steps ? current.weights.length - 1 : Math.floor(step / current.keepEvery);
  const before = (step >= current.steps && current.last) || current.weights[kept] || current.last;
  const weights = nudged(before, nudge);
  const found = context && ready.inspect(shape, weights, switches, context);
  const inside = found && { ...found, lens: lens(shape, weights, found.residual), ...anatomy(shape, weights, context, found) };
  const short = [];
  if (startup) for (let long = 1; long < shape.contextLength; long++) short.push(ready.evaluate(shape, weights, switches, long));
  const question = JSON.stringify([nudge, context]);
  const known = missed.of === before && missed.question === question;
  const answer = {
    kind: "looked", id: request.id, question: request.question,
    rows: rows ? ready.evaluate(shape, weights, switches) : null, inside, startup: startup ? short : null,
    moved: [before[nudge.param], weights[nudge.param]], weights: request.weights ? weights : null,
    without: known ? missed.without : null,
  };
  self.postMessage(answer);
  if (!context || known) return;
  const without = await missing(ready.ablations(shape, weights, context));
  if (!without || request.id !== current.id) return;
  missed = { of: before, question, without };
  self.postMessage({ ...answer, weights: null, without });
}

/** All that is computed in turn, or null where something newer is wanted meanwhile. @param {Generator<Float32Array>} rows */
async function missing(rows) {
  const all = [];
  let since = -SLICE; // first see whether this is the newest
  for (const row of rows) {
    all.push(row);
    if (performance.now() - since < SLICE) continue;
    await pause();
    if (wanted.train || wanted.look) return null;
    since = performance.now();
  }
  return all;
}

/** Tells the long run of a chain, each part as soon as it is done, and no more of it once there is a newer request.
 * @param {Engine} ready @param {any} request */
async function conclude(ready, { id, rows, V, red, start, tokens }) {
  const run = longRun(ready, rows, V);
  /** @type {[string, () => any][]} */
  const parts = [
    ["classes", run.classes], ["law", run.law], ["red", () => red && run.reached(red, start, tokens)], ["mixing", run.mixing],
  ];
  for (const [part, work] of parts) {
    self.postMessage({ kind: "concluded", id, part, n: rows.length / V, V, found: work() });
    await pause();
    if (wanted.conclude) return;
  }
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
