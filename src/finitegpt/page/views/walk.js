// A walk through the chain: the marker goes along the arrows, the window over the text, and the visits of states come to
// the stationary distribution.

import { commonest, rowOf } from "../chain/asked.js";
import { context, isSpaced, label, successor } from "../chain/data.js";
import { noVisits, visit } from "../chain/visits.js";
import { button, html, setText } from "./dom.js";
import { colourOf } from "../ground/colours.js";
import { draw, random } from "../ground/random.js";
import { say, visible } from "../ground/strings.js";
import { visitsTable } from "./visited.js";
import { windowedText } from "./windowed.js";

const SPEEDS = [2, 8, 60, 2000]; // tokens a second
const TRAVELLED = 8; // tokens a second up to which the marker is seen on its whole way
const STEP = 600; // milliseconds on the way of a single token
const SHOWN = 240; // tokens of the text
const MOST_OUTSIDE = 8; // tokens that have a button of their own
const LONGEST_FRAME = 100;
const AIR = 8; // pixels

/** @typedef {(id: number | null, arrow?: number, t?: number, outside?: boolean) => void} Mark where the marker is: on its
 * way t of 1 along an arrow to a state; or that there is none
 * @param {Mark} mark */
export function walker(mark) {
  const goButton = button("", () => { go(!going); bring(); }, { class: "go-walk" });
  const stepButton = button(say("walk.step"), () => { go(false); advance(1, STEP); tell(); bring(); });
  const speed = html("select", { "aria-label": say("walk.speed"), title: say("walk.speed") },
    ...SPEEDS.map((rate) => html("option", { value: rate, selected: rate === 8 }, say("walk.rate", { n: rate }))));
  const againButton = button("", () => again(first()), { class: "small", title: say("walking.choose") });
  const outside = html("span", { class: "outside" });
  const shown = html("div", {});
  const text = html("p", {});
  const log = html("div", { class: "text", tabindex: 0, role: "log", "aria-live": "off", "aria-label": say("walking.text") }, text);
  const spoken = html("p", { class: "hidden", role: "status" });
  const table = visitsTable();
  const element = html(
    "section", { class: "walked", "data-part": "walk" },
    html("div", { class: "transport" }, html("h2", {}, say("walk")), goButton, stepButton, speed),
    shown, log, html("div", { class: "transport" }, outside, againButton), ...table.elements, spoken,
  );
  let key = "";
  let at = 0;
  let draws = random(1);
  /** @type {number[]} */
  let tokens = [];
  let visits = noVisits();
  let going = false;
  /** Whether the marker stands on the graph. */
  let standing = false;
  let frame = 0;
  let carry = 0;
  let before = 0;
  /** The arrow that was taken last, and whether by a token from outside. */
  let taken = { arrow: -1, outside: false };
  /** The way along it, while it lasts. @type {{begun: number, lasts: number} | null} */
  let trip = null;
  /** @type {ReturnType<typeof windowedText> | null} */
  let windowed = null;
  /** @type {import("../chain/view.js").View | null} */
  let view = null;
  /** @type {import("../engine/analysis.js").Law | null} */
  let law = null;
  /** Whether every walk comes to that law. */
  let settles = false;

  /** The token that the chain draws after a state: the only place where it is asked.
   * @param {import("../chain/view.js").View} now @param {number} id */
  function next(now, id) {
    return draw(rowOf(now, id), now.V, 0, draws());
  }

  /** @param {boolean} on */
  function go(on) {
    going = on;
    standing ||= on;
    carry = on ? 1 : 0;
    before = performance.now();
    loop();
    show();
  }

  function loop() {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(tick);
  }

  /** @param {number} now */
  function tick(now) {
    if (going) {
      const rate = Number(speed.value);
      carry += (rate * Math.max(0, Math.min(LONGEST_FRAME, now - before))) / 1000;
      before = now;
      const many = Math.floor(carry);
      carry -= many;
      if (many) advance(many, rate <= TRAVELLED ? 1000 / rate : 0);
    }
    if (trip) place(now);
    if (going || trip) frame = requestAnimationFrame(tick);
  }

  /** @param {number} many @param {number} lasts milliseconds on the way of the last of them */
  function advance(many, lasts) {
    if (!view) return;
    for (let k = 0; k < many; k++) take(next(view, at), false);
    travel(lasts);
  }

  /** @param {number} token */
  function write(token) {
    take(token, true);
    travel(STEP);
    tell();
    bring();
  }

  /** @param {number} token @param {boolean} fromOutside */
  function take(token, fromOutside) {
    const { V, n } = /** @type {import("../chain/view.js").View} */ (view);
    taken = { arrow: at * V + token, outside: fromOutside };
    at = successor(at, token, V, n);
    standing = true;
    visit(visits, at, fromOutside);
    tokens.push(token);
    if (tokens.length > 2 * SHOWN) tokens = tokens.slice(-SHOWN);
  }

  /** @param {number} lasts */
  function travel(lasts) {
    const moves = lasts > 0 && !matchMedia("(prefers-reduced-motion: reduce)").matches;
    trip = moves ? { begun: performance.now(), lasts } : null;
    show();
    if (!moves) return;
    windowed?.slide(Math.min(lasts, STEP / 2));
    loop();
  }

  /** Puts the marker where it is now. @param {number} now */
  function place(now) {
    const t = trip ? Math.max(0, Math.min(1, (now - trip.begun) / trip.lasts)) : 1;
    if (t === 1) trip = null;
    if (standing) mark(at, taken.arrow, t * t * (3 - 2 * t), taken.outside);
    else mark(null);
  }

  /** What a screen reader says of a single token: the token and where it leads. */
  function tell() {
    if (!view) return;
    const symbol = visible(view.vocab[tokens[tokens.length - 1]]);
    setText(spoken, say("walking.told", { symbol, state: name(at) }));
  }

  /** Where a walk begins: at the chosen state, or at the one that the data has most often. */
  function first() {
    if (!view) return 0;
    return view.chosen >= 0 ? view.chosen : commonest(view);
  }

  /** @param {number} id */
  function name(id) {
    const { vocab, L } = /** @type {import("../chain/view.js").View} */ (view);
    return visible(label(id, vocab, L));
  }

  /** A new walk from a state on. @param {number} id */
  function again(id) {
    if (!view) return;
    at = id;
    tokens = context(id, view.V, view.L);
    visits = noVisits();
    taken = { arrow: -1, outside: false };
    trip = null;
    standing = true;
    setText(spoken, say("state", { label: name(id) }));
    show();
  }

  function show() {
    setText(goButton, say(going ? "walk.stop" : "walk.go"));
    goButton.setAttribute("aria-pressed", String(going));
    if (!view) return;
    const { vocab } = view;
    setText(againButton, say("walking.again", { state: name(first()) }));
    windowed?.show(tokens, at);
    /** @type {{token: number, text: string}[]} */
    const runs = [];
    const between = isSpaced(vocab) ? " " : "";
    for (const token of tokens.slice(-SHOWN)) {
      if (runs.length && runs[runs.length - 1].token === token) runs[runs.length - 1].text += between + visible(vocab[token]);
      else runs.push({ token, text: visible(vocab[token]) });
    }
    const { V } = view;
    text.replaceChildren(...runs.flatMap((run) => [html("span", { style: `color:${colourOf(run.token, V)}` }, run.text), between]));
    place(performance.now());
    table.update(view, law, settles, visits, visits.total ? at : -1);
  }

  /** The graph and the window are brought into sight together, where both fit. */
  function bring() {
    const stage = element.closest("main")?.querySelector(".stage");
    if (!stage || element.closest(".touring")) return;
    const [graph, end] = [stage.getBoundingClientRect(), shown.getBoundingClientRect()];
    const [top, bottom] = [Math.min(graph.top, end.top), Math.max(graph.bottom, end.bottom)];
    if (bottom - top + 2 * AIR > innerHeight || (top >= 0 && bottom <= innerHeight)) return;
    scrollBy({ top: top < 0 ? top - AIR : bottom - innerHeight + AIR, behavior: "instant" });
  }

  return {
    element,
    stop: () => go(false),
    /** @param {import("../chain/view.js").View} now @param {import("../engine/concluder.js").Found} found */
    update(now, found) {
      const { vocab, L, V } = now;
      const other = `${vocab.join("")} ${L}` !== key;
      view = now;
      if (other) {
        key = `${vocab.join("")} ${L}`;
        draws = random(1);
        windowed = windowedText(now);
        shown.replaceChildren(windowed.element);
        at = first();
        tokens = context(at, V, L);
        taken = { arrow: -1, outside: false };
        trip = null;
        standing = false;
        outside.replaceChildren(...(V <= MOST_OUTSIDE ? [html("span", { class: "soft" }, say("walk.outside")),
          ...vocab.map((symbol, token) => button(visible(symbol), () => write(token),
            { class: "small", "aria-label": say("walk.write", { symbol: visible(symbol) }) }))] : []));
      }
      // Visits of another chain say nothing about this one.
      if (other || (law && found.law && !same(found.law.pi, law.pi))) visits = noVisits();
      law = found.law;
      settles = found.classes?.ends === 1;
      show();
    },
  };
}

/** @param {Float64Array} a @param {Float64Array} b */
function same(a, b) {
  return a.length === b.length && a.every((x, k) => Math.abs(x - b[k]) < 1e-12);
}
