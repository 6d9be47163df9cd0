// Wires the page: the link -> controls -> the engine's worker -> chain -> pictures. Only the newest frame is drawn.

import { counted, decode, draw, probabilities, random } from "./chain.js";
import { dataEntropy, label, successor, tokenize, vocabulary, windows } from "./data.js";
import { html } from "./dom.js";
import { factsCard, longRun, redCard } from "./facts.js";
import { COLOURS, LARGEST, stateGraph } from "./graph.js";
import { stateCard } from "./inspector.js";
import { matrix } from "./matrix.js";
import { redStates } from "./patterns.js";
import { PRESETS } from "./presets.js";
import { FIELDS, defaults, fromHash, read, toHash } from "./state.js";
import { say, setLanguage, setStrings, visible } from "./strings.js";
import { timeline } from "./timeline.js";

const MOST_STATES = 4096;
const MOST_TOKENS = 64;

const CONTROLS = [
  ["data", ["data"]],
  ["model", ["context", "layers", "heads", "width"]],
  ["training", ["steps", "lr", "decay", "seed"]],
  ["decoding", ["temperature", "topk", "topp", "greedy"]],
  ["look", ["ghost", "red"]],
];
const SLIDERS = new Set(["context", "layers", "heads", "width", "steps", "temperature"]);
const SLIDER_MOST = { context: 8, width: 64, steps: 500, temperature: 3 };
const RETRAINS = new Set(["data", "context", "layers", "heads", "width", "bias", "loss", "steps", "lr", "decay", "seed"]);

/**
 * @param {{wasm: Uint8Array, worker: () => Worker, strings: Record<string, Record<string, string>>, first: string}} given
 *   `first` is the experiment to begin with where the link names none.
 */
export function start({ wasm, worker, strings, first }) {
  setStrings(strings);
  let { values, problems } = fromHash(location.hash.length > 1 ? location.hash : first);
  /** @type {any} */
  let experiment = null; // what is trained: vocabulary, windows, shape
  /** @type {any} */
  let trained = null; // losses, chains, weights
  /** @type {any} */
  let graph = null;
  /** @type {Record<string, any>} */
  const inputs = {};
  let inside = null;
  let rerouted = null; // the chain with heads switched off
  let asked = 0;
  let playing = 0;
  let walking = 0;
  let walk = { text: "", at: 0, draws: random(1) };
  let frame = 0;

  const root = /** @type {HTMLElement} */ (document.getElementById("page"));
  const notice = html("p", { class: "notice", role: "status", "aria-live": "polite" });
  const head = html("header", {});
  const panel = html("form", { class: "panel", onsubmit: (/** @type {Event} */ event) => event.preventDefault() });
  const stage = html("div", { class: "stage" });
  const legend = html("p", { class: "soft legend" });
  const side = html("aside", { class: "side" });
  const walked = html("div", { class: "walked" });
  const time = timeline((step) => set({ step }));
  const playButton = html("button", { type: "button", onclick: () => play(!playing) });
  const stepText = html("output", { class: "soft", for: "timeline" });
  const foot = html("footer", {});
  root.replaceChildren(
    head, notice,
    html("main", { class: "screen" }, panel, html("div", { class: "middle" }, stage, legend, html("div", { class: "transport" },
      html("button", { type: "button", class: "small", "data-say-label": "back", onclick: () => move(-1) }, "‹"),
      playButton,
      html("button", { type: "button", class: "small", "data-say-label": "forward", onclick: () => move(1) }, "›"),
      stepText), time.element, walked), side),
    foot,
  );

  const engine = worker();
  engine.onmessage = ({ data }) => received(data);
  engine.onerror = () => tell(say("error.engine"));
  engine.postMessage({ kind: "start", wasm });

  dress();
  if (problems.length) tell(say("notice.link", { list: problems.map(visible).join(", ") }));
  retrain();
  addEventListener("hashchange", () => {
    const found = fromHash(location.hash);
    if (toHash(found.values) === toHash(values)) return;
    const before = values;
    values = found.values;
    tell(found.problems.length ? say("notice.link", { list: found.problems.map(visible).join(", ") }) : "");
    dress();
    if ([...RETRAINS].some((key) => values[key] !== before[key])) retrain();
    else refresh();
  });
  addEventListener("keydown", (event) => {
    if (event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement) return;
    if (event.target instanceof HTMLSelectElement || event.target instanceof HTMLButtonElement) return;
    if (event.key === " ") play(!playing);
    else if (event.key === "ArrowRight") move(1);
    else if (event.key === "ArrowLeft") move(-1);
    else return;
    event.preventDefault();
  });

  /** Words, theme and controls, for the language and the values of now. */
  function dress() {
    document.documentElement.lang = setLanguage(values.lang, navigator.languages);
    document.documentElement.dataset.theme = values.theme;
    document.title = `FiniteGPT: ${say("title")}`;
    const presets = html("select", { "aria-label": say("preset"), onchange: () => choosePreset(presets) },
      html("option", { value: "" }, say("preset")),
      ...Object.keys(PRESETS).map((name) => html("option", { value: name }, say(`preset.${name}`))));
    head.replaceChildren(
      html("h1", {}, "FiniteGPT"), html("p", { class: "soft intro" }, say("intro")),
      html("div", { class: "tools" }, presets,
        html("button", { type: "button", onclick: () => set({ lang: document.documentElement.lang === "zh" ? "en" : "zh" }, true) }, say("language")),
        html("button", { type: "button", "aria-label": say("theme"), title: say("theme"), onclick: theme }, "◐"),
        html("button", { type: "button", onclick: () => become(defaults()) }, say("reset"))),
    );
    panel.replaceChildren(...CONTROLS.map(([group, keys]) =>
      html("fieldset", {}, html("legend", {}, say(/** @type {string} */ (group))), .../** @type {string[]} */ (keys).map(control))));
    legend.textContent = say("legend");
    for (const button of root.querySelectorAll("[data-say-label]"))
      button.setAttribute("aria-label", say(/** @type {HTMLElement} */ (button).dataset.sayLabel ?? ""));
    playButton.textContent = say(playing ? "pause" : "play");
    foot.replaceChildren(
      html("button", { type: "button", onclick: copyLink }, say("link")),
      html("button", { type: "button", onclick: saveCsv }, say("csv")),
      html("button", { type: "button", onclick: saveSvg }, say("svg")),
      html("details", {}, html("summary", {}, say("command")), html("code", { id: "command" })),
    );
  }

  /** @param {string} key */
  function control(key) {
    const field = /** @type {import("./state.js").Field} */ (FIELDS.find((one) => one.key === key));
    const name = say(key === "data" ? "data.text" : key);
    if (field.type === "flag") {
      const box = html("input", { type: "checkbox", onchange: () => set({ [key]: box.checked }) });
      box.checked = values[key];
      inputs[key] = box;
      return html("label", { class: "check" }, box, name);
    }
    const typed = html(field.type === "text" ? "textarea" : "input", {
      ...(field.type === "text" ? { rows: 3, spellcheck: "false" } : { type: "text", size: 7 }),
      "aria-label": name, autocomplete: "off",
      oninput: () => {
        const value = read(field, typed.value);
        typed.setAttribute("aria-invalid", String(value === undefined));
        if (value === undefined) tell(say("notice.value", { name, low: field.min ?? 0, high: field.max ?? field.longest ?? "" }));
        else set({ [key]: value });
      },
    });
    typed.value = String(values[key]);
    inputs[key] = typed;
    if (field.type === "text" || field.type === "list") return html("label", {}, name, typed);
    if (!SLIDERS.has(key)) return html("label", { class: "row" }, html("span", {}, name), typed);
    const most = /** @type {Record<string, number>} */ (SLIDER_MOST)[key] ?? field.max;
    const slider = html("input", {
      type: "range", min: field.type === "int" ? field.min : 0.1, max: most, step: field.type === "int" ? 1 : 0.05,
      "aria-label": name,
      oninput: () => {
        typed.value = slider.value;
        typed.dispatchEvent(new Event("input"));
      },
    });
    slider.value = String(values[key]);
    inputs[`${key}-slider`] = slider;
    return html("label", { class: "row slide" }, html("span", {}, name), slider, typed);
  }

  /** @param {Record<string, any>} changes @param {boolean} redress */
  function set(changes, redress = false) {
    const again = Object.keys(changes).some((key) => RETRAINS.has(key) && changes[key] !== values[key]);
    Object.assign(values, changes);
    for (const key of Object.keys(changes)) if (inputs[`${key}-slider`]) inputs[`${key}-slider`].value = String(values[key]);
    if (again) {
      values.step = -1;
      values.off = "";
    }
    if (Object.keys(changes).some((key) => key !== "step" && key !== "state")) tell("");
    history.replaceState(null, "", `#${toHash(values)}`);
    if (redress) dress();
    if (again) retrain();
    else refresh();
  }

  /** @param {Record<string, any>} wanted */
  function become(wanted) {
    const { lang, theme: look } = values;
    values = { ...wanted, lang, theme: look };
    history.pushState(null, "", `#${toHash(values)}`);
    tell("");
    dress();
    retrain();
  }

  /** @param {HTMLSelectElement} presets */
  function choosePreset(presets) {
    if (presets.value) become({ ...defaults(), ...PRESETS[presets.value] });
  }

  function theme() {
    const dark = values.theme === "dark" || (values.theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
    set({ theme: dark ? "light" : "dark" }, true);
  }

  /** @param {string} text */
  function tell(text) {
    notice.textContent = text;
  }

  /** Says why there is no new training; a page that shows nothing yet begins with the notebook's. @param {string} why */
  function refuse(why) {
    if (asked === 0) {
      values = { ...defaults(), lang: values.lang, theme: values.theme };
      dress();
      retrain();
    }
    tell(why);
  }

  /** Asks for a new training; where the values allow none, says why and keeps what there is. */
  function retrain() {
    const vocab = vocabulary(values.data);
    const V = vocab.length;
    const L = values.context;
    if (V < 2) return refuse(say("notice.vocab"));
    const { tokens } = tokenize(values.data, vocab);
    if (tokens.length <= L) return refuse(say("notice.short"));
    const most = Math.min(MOST_TOKENS, Math.floor(MOST_STATES ** (1 / L) + 1e-9));
    if (V > most) return refuse(say("notice.tokens", { most, n: V }));
    let width = values.width;
    if (width % values.heads) {
      width = values.heads * Math.max(1, Math.round(width / values.heads));
      tell(say("notice.heads", { width: values.width, made: width }));
    }
    const found = windows(tokens, V, L);
    const shape = { vocabSize: V, contextLength: L, nLayer: values.layers, nHead: values.heads, nEmbd: width, bias: values.bias };
    const next = { vocab, L, shape, counts: found.counts, arrows: found.arrows, entropy: dataEntropy(found.arrows, V) };
    asked += 1;
    pending.set(asked, next);
    engine.postMessage({
      kind: "train", id: asked, shape,
      plan: {
        tokens: Int32Array.from(tokens), starts: found.starts, shares: found.shares, everyPosition: values.loss === "all",
        lr: values.lr, weightDecay: values.decay, steps: values.steps, seed: values.seed,
      },
    });
  }

  /** @param {any} message */
  function received(message) {
    if (message.kind === "trained" && message.id === asked) {
      experiment = pending.get(message.id);
      trained = message;
      inside = rerouted = null;
      if (message.finished) for (const id of pending.keys()) if (id < message.id) pending.delete(id);
      if (message.losses.some((/** @type {number} */ loss) => !Number.isFinite(loss))) tell(say("notice.diverged"));
      refresh();
    } else if (message.kind === "inspected" && message.id === asked) {
      inside = message;
      later();
    } else if (message.kind === "evaluated" && message.id === asked) {
      rerouted = message.rows;
      later();
    } else if (message.kind === "failed") tell(say(message.key, message.values));
  }

  /** What a change of the view needs from the engine, and a new frame. */
  function refresh() {
    if (!trained || !experiment) return;
    const { shape, vocab, L } = experiment;
    const n = vocab.length ** L;
    inside = null;
    const last = atEnd();
    const switches = heads(shape);
    if (values.off && last) engine.postMessage({ kind: "evaluate", id: asked, shape, weights: trained.weights, switches });
    else rerouted = null;
    if (values.state >= 0 && values.state < n && last) {
      const tokens = [...Array(L).keys()].map((k) => Math.floor(values.state / vocab.length ** (L - 1 - k)) % vocab.length);
      engine.postMessage({ kind: "inspect", id: asked, shape, weights: trained.weights, switches, context: tokens });
    }
    later();
  }

  /** @param {any} shape */
  function heads(shape) {
    const switches = new Float32Array(shape.nLayer * (shape.nHead + 1)).fill(1);
    for (const name of values.off.split(",").filter(Boolean)) {
      const [layer, one] = name.split(".").map(Number);
      if (layer < shape.nLayer && one < shape.nHead) switches[layer * (shape.nHead + 1) + one] = 0;
    }
    return switches;
  }

  function atEnd() {
    return step() >= trained.done;
  }

  function step() {
    return values.step < 0 ? trained.done : Math.min(values.step, trained.done);
  }

  function later() {
    if (!frame) frame = requestAnimationFrame(drawAll);
  }

  /** The chain that is shown: after the step chosen, with heads off, decoded. */
  function shownChain() {
    const { vocab, L } = experiment;
    const V = vocab.length;
    const row = V ** (L + 1);
    const kept = Math.min(Math.floor(step() / trained.keepEvery), trained.chains.length / row - 1);
    const rows = rerouted && values.off && atEnd() ? rerouted : trained.chains.subarray(row * kept, row * (kept + 1));
    const how = { temperature: values.temperature, topK: values.topk || null, topP: values.topp, greedy: values.greedy };
    return probabilities(decode(rows, V, how), V);
  }

  function drawAll() {
    frame = 0;
    if (!trained || !experiment) return;
    const { vocab, L, counts, entropy, shape } = experiment;
    const V = vocab.length;
    const n = V ** L;
    const p = shownChain();
    if (p.some(Number.isNaN)) return tell(say("notice.diverged"));
    const key = `${vocab.join("")} ${L}`;
    if (graph?.key !== key) {
      graph = { key, ...(n <= LARGEST && V <= 8 ? stateGraph(vocab, L, choose) : matrix(n, V, choose)) };
      stage.replaceChildren(html("h2", { class: "hidden" }, say("graph", { n })), graph.picture);
      walk = { text: "", at: counts.indexOf(Math.max(...counts)), draws: random(1) };
      walk.text = label(walk.at, vocab, L);
    }
    legend.textContent = n <= LARGEST && V <= 8 ? say("legend") : say("graph.large", { n });
    const found = longRun(p, V);
    const { red, bad } = redStates(values.red, vocab, L);
    if (bad.length) tell(say("notice.red", { list: bad.map(visible).join(", ") }));
    graph.update({
      p, counts, chosen: values.state, red, ends: values.greedy || found.ends.length > 1 ? found.inEnds : null,
      ghost: values.ghost ? counted(experiment.arrows, V) : null,
    });
    const now = step();
    time.update(trained.losses, values.steps, now, [["uniform", Math.log(V)], ...(values.loss === "last" ? [/** @type {[string, number]} */ (["best", entropy])] : [])]);
    const loss = trained.losses[Math.min(now, trained.losses.length - 1)];
    stepText.textContent = `${say("step", { done: now, steps: values.steps })}${loss === undefined ? "" : `, ${say("loss", { loss: loss.toFixed(4) })}`}`;
    const card =
      values.state >= 0 && values.state < n
        ? stateCard({
            id: values.state, vocab, L, p, count: counts[values.state], layers: shape.nLayer, heads: shape.nHead,
            attention: inside?.attention ?? null, off: new Set(values.off.split(",").filter(Boolean)),
          }, toggle)
        : html("section", { class: "card soft" }, say("state.none"));
    const first = counts.map((/** @type {number} */ count, /** @type {number} */ id) => (red[id] ? 0 : count));
    side.replaceChildren(card, ...(red.includes(1) ? [redCard(p, V, red, first)] : []), factsCard(found, vocab, L, entropy));
    showWalk(p);
    const command = document.getElementById("command");
    if (command) command.textContent = commandLine();
  }

  /** @param {number} id */
  function choose(id) {
    set({ state: id === values.state ? -1 : id, off: "" });
  }

  /** @param {string} name */
  function toggle(name) {
    const off = new Set(values.off.split(",").filter(Boolean));
    if (!off.delete(name)) off.add(name);
    set({ off: [...off].sort().join(","), step: -1 });
  }

  /** @param {number} by */
  function move(by) {
    if (trained) set({ step: Math.max(0, Math.min(trained.done, step() + by)) });
  }

  /** @param {boolean} on */
  function play(on) {
    clearInterval(playing);
    playing = 0;
    if (on && trained) {
      if (atEnd()) set({ step: 0 });
      const stride = Math.max(1, Math.round(trained.done / 200));
      playing = setInterval(() => (atEnd() ? play(false) : move(stride)), 33);
    }
    playButton.textContent = say(playing ? "pause" : "play");
  }

  /** @param {Float64Array} p */
  function showWalk(p) {
    const button = html("button", { type: "button", onclick: () => goWalking() }, say(walking ? "walk.stop" : "walk.go"));
    const { vocab, L } = experiment;
    walked.replaceChildren(
      html("h2", {}, say("walk")), button,
      html("p", { class: "text" }, ...[...walk.text].slice(-160).map((symbol) =>
        html("span", { style: `color:${COLOURS[vocab.indexOf(symbol) % 8]}` }, visible(symbol)))),
    );
    graph.walk(walking ? walk.at : null);
    void L;
    void p;
  }

  function goWalking() {
    if (walking) {
      clearInterval(walking);
      walking = 0;
    } else
      walking = setInterval(() => {
        const { vocab, L } = experiment;
        const p = shownChain();
        const token = draw(p, vocab.length, walk.at, walk.draws());
        walk.at = successor(walk.at, token, vocab.length, vocab.length ** L);
        walk.text += vocab[token];
        showWalk(p);
      }, 250);
    later();
  }

  function commandLine() {
    const quoted = `'${values.data.replace(/'/g, "'\\''")}'`;
    const flags = [
      ["--context-length", values.context, 3], ["--n-layer", values.layers, 4], ["--n-head", values.heads, 4],
      ["--n-embd", experiment.shape.nEmbd, 16], ["--steps", values.steps, 50], ["--lr", values.lr, 0.001],
      ["--weight-decay", values.decay, 0.1], ["--seed", values.seed, 1337], ["--loss", values.loss, "last"],
    ].filter(([, value, usual]) => value !== usual).map(([flag, value]) => ` ${flag} ${value}`);
    return `finitegpt train${flags.join("")} -- ${quoted}`;
  }

  function copyLink() {
    navigator.clipboard?.writeText(location.href).then(() => tell(say("link.done")), () => tell(location.href));
  }

  function saveCsv() {
    if (!experiment) return;
    const { vocab, L } = experiment;
    const V = vocab.length;
    const p = shownChain();
    const cell = (/** @type {string} */ text) => `"${text.replace(/"/g, '""')}"`;
    const lines = [...p.keys()].map((k) => [cell(label(Math.floor(k / V), vocab, L)), cell(vocab[k % V]), p[k]].join(","));
    save("chain.csv", "text/csv", ["state,next,probability", ...lines, ""].join("\n"));
  }

  function saveSvg() {
    if (!(graph?.picture instanceof SVGElement)) return;
    const copy = /** @type {SVGElement} */ (graph.picture.cloneNode(true));
    const look = getComputedStyle(document.documentElement);
    const text = new XMLSerializer().serializeToString(copy).replace(/var\((--\w+)\)/g, (_, name) => look.getPropertyValue(name).trim());
    save("chain.svg", "image/svg+xml", text.replace("<svg ", '<svg font-family="sans-serif" font-size="13" text-anchor="middle" '));
  }

  /** @param {string} name @param {string} type @param {string} text */
  function save(name, type, text) {
    const link = html("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }
}

/** Experiments that were asked for and not answered. @type {Map<number, any>} */
const pending = new Map();
