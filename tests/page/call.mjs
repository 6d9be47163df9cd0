// Calls functions of the page's modules for the tests: a list of [module, function, arguments] on standard input, the
// list of results on standard output. Typed arrays go in as {"type": ..., "values": [...]} and come out as lists.

import { readFileSync, readdirSync } from "node:fs";

const PAGE = new URL("../../src/finitegpt/page/", import.meta.url);
/** Every module by its name, in whichever folder it is. */
const MODULES = new Map(readdirSync(PAGE, { recursive: true }).filter((path) => path.endsWith(".js")).map((path) => [path.split("/").pop(), path]));
const TYPES = { Float32Array, Float64Array, Int32Array, Uint8Array };
// A Map goes in as {"type": "Map", "values": [[key, value], ...]}.

const incoming = (_, value) => {
  if (value && value.type === "Number") return Number(value.value); // what JSON has no sign for
  if (value && value.type === "Map") return new Map(value.values);
  return value && value.type in TYPES ? TYPES[value.type].from(value.values) : value;
};
const outgoing = (_, value) => {
  if (ArrayBuffer.isView(value)) return Array.from(value, (x) => (Number.isFinite(x) ? x : String(x)));
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  return value === undefined ? null : value;
};

const results = [];
for (const [module, name, values] of JSON.parse(readFileSync(0, "utf-8"), incoming)) {
  const exported = await import(new URL(MODULES.get(module), PAGE).href);
  if (name === "train") {
    const engine = await exported.Engine.from(readFileSync(new URL("../_engine/engine.wasm", PAGE)));
    const [shape, plan] = values;
    const training = engine.training(...values);
    while (training.done() < plan.steps) training.advance();
    const weights = training.keptWeights[training.keptWeights.length - 1];
    results.push({
      losses: training.losses(0), chains: training.chains(0), weights, inside: engine.inspect(shape, weights, null, [0, 1].slice(0, shape.contextLength)),
    });
  } else if (name === "longRun") {
    const { Engine } = await import(new URL(MODULES.get("engine.js"), PAGE).href);
    const engine = await Engine.from(readFileSync(new URL("../_engine/engine.wasm", PAGE)));
    const [rows, V, red, start, tokens, most] = values;
    const run = exported.longRun(engine, rows, V, most);
    results.push({
      classes: run.classes(), law: run.law(), reached: run.reached(red, start, tokens), mixing: run.mixing(),
      rounding: run.rounding,
    });
  } else results.push(exported[name](...values));
}
process.stdout.write(JSON.stringify(results, outgoing));
