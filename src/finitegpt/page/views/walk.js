// A walk through the chain: text grows, and the visits of states come to the stationary distribution.

import { totalVariation } from "../chain/chain.js";
import { context, label, successor } from "../chain/data.js";
import { bar, button, html, setText } from "./dom.js";
import { barLength, barScale, largestOf } from "./facts.js";
import { COLOURS } from "../ground/colours.js";
import { draw, random } from "../ground/random.js";
import { say, visible } from "../ground/strings.js";

const SPEEDS = [2, 8, 60, 2000]; // tokens a second
const SHOWN = 240; // tokens of the text
const TOP = 6;
const MOST_OUTSIDE = 8; // tokens that have a button of their own
const LONGEST_FRAME = 100;

/** @param {(id: number | null) => void} marked where the marker stands, or that there is none */
export function walker(marked) {
  const goButton = button("", () => go(!going), { class: "go-walk" });
  const stepButton = button(say("walk.step"), () => { go(false); advance(1); });
  const speed = html("select", { "aria-label": say("walk.speed"), title: say("walk.speed") },
    ...SPEEDS.map((rate) => html("option", { value: rate, selected: rate === 8 }, say("walk.rate", { n: rate }))));
  const outside = html("span", { class: "outside" });
  const text = html("p", { class: "text", tabindex: 0, role: "log", "aria-live": "off", "aria-label": say("walk") });
  const visited = html("p", { class: "soft visited" });
  const bars = Array.from({ length: TOP }, () => bar("var(--t1)"));
  const element = html(
    "section", { class: "walked", "data-part": "walk" },
    html("div", { class: "transport" }, html("h2", {}, say("walk")), goButton, stepButton, speed, outside),
    text, visited, html("div", { class: "bars columns" }, ...bars.map((one) => one.element)),
  );
  let key = "";
  let at = 0;
  let draws = random(1);
  /** @type {number[]} */
  let tokens = [];
  let visits = new Float64Array(0);
  let total = 0;
  let written = 0;
  let going = false;
  let frame = 0;
  let carry = 0;
  let before = 0;
  /** @type {import("../chain/view.js").View | null} */
  let view = null;
  /** @type {import("../engine/analysis.js").Law | null} */
  let law = null;
  /** Whether every walk comes to that law. */
  let settles = false;

  /** @param {boolean} on */
  function go(on) {
    going = on;
    cancelAnimationFrame(frame);
    before = performance.now();
    if (on) frame = requestAnimationFrame(tick);
    show();
  }

  /** @param {number} now */
  function tick(now) {
    if (!going) return;
    carry += (Number(speed.value) * Math.max(0, Math.min(LONGEST_FRAME, now - before))) / 1000;
    before = now;
    const many = Math.floor(carry);
    carry -= many;
    if (many) advance(many);
    frame = requestAnimationFrame(tick);
  }

  /** @param {number} many */
  function advance(many) {
    if (!view) return;
    for (let k = 0; k < many; k++) take(draw(view.p, view.V, at, draws()));
    show();
  }

  /** @param {number} token */
  function take(token) {
    const { V, n } = /** @type {import("../chain/view.js").View} */ (view);
    at = successor(at, token, V, n);
    visits[at] += 1;
    total += 1;
    tokens.push(token);
    if (tokens.length > 2 * SHOWN) tokens = tokens.slice(-SHOWN);
  }

  function show() {
    setText(goButton, say(going ? "walk.stop" : "walk.go"));
    goButton.setAttribute("aria-pressed", String(going));
    if (!view) return;
    const { vocab, L } = view;
    /** @type {{token: number, text: string}[]} */
    const runs = [];
    for (const token of tokens.slice(-SHOWN)) {
      if (runs.length && runs[runs.length - 1].token === token) runs[runs.length - 1].text += visible(vocab[token]);
      else runs.push({ token, text: visible(vocab[token]) });
    }
    text.replaceChildren(...runs.map((run) => html("span", { style: `color:${COLOURS[run.token % 8]}` }, run.text)));
    marked(total || going ? at : null);
    const shares = visits.map((count) => count / Math.max(1, total));
    const parts = [];
    if (total) parts.push(say("walk.visits", { n: total }));
    else if (law) parts.push(say("walk.none"));
    if (written) parts.push(say("walk.written", { n: written }));
    const pi = law ? law.pi : shares;
    const top = largestOf(pi, TOP);
    if (top.length) parts.push(barScale(pi[top[0]]));
    if (total && law && settles) parts.push(say("walk.away", { d: away(shares, law) }));
    setText(visited, parts.join(" "));
    const scale = 1 / barLength(pi[top[0]]);
    bars.forEach((one, k) => {
      one.element.style.display = k < top.length ? "" : "none";
      if (k < top.length) one.set(visible(label(top[k], vocab, L)), Math.min(1, scale * shares[top[k]]), `${(100 * shares[top[k]]).toFixed(1)}%`, law ? scale * pi[top[k]] : null);
    });
  }

  return {
    element,
    stop: () => go(false),
    /** @param {import("../chain/view.js").View} next @param {import("../engine/concluder.js").Found} found */
    update(next, found) {
      const { vocab, L, V, n, counts } = next;
      const other = `${vocab.join("")} ${L}` !== key;
      if (other) {
        key = `${vocab.join("")} ${L}`;
        at = counts.indexOf(counts.reduce((a, b) => Math.max(a, b)));
        draws = random(1);
        tokens = context(at, V, L);
        outside.replaceChildren(...(V <= MOST_OUTSIDE ? [html("span", { class: "soft" }, say("walk.outside")),
          ...vocab.map((symbol, token) => button(visible(symbol), () => {
            take(token);
            written += 1;
            show();
          }, { class: "small", "aria-label": say("walk.write", { symbol: visible(symbol) }) }))] : []));
      }
      if (other || (law && found.law && !same(found.law.pi, law.pi))) {
        visits = new Float64Array(n); // of another chain: they say nothing about this one
        total = written = 0;
      }
      view = next;
      law = found.law;
      settles = found.classes?.ends === 1;
      show();
    },
  };
}

/** How far visits are from a law, to three digits where it is known well enough.
 * @param {Float64Array} shares @param {import("../engine/analysis.js").Law} law */
function away(shares, { pi, error }) {
  const d = totalVariation(shares, pi).toFixed(3);
  return error < 1e-4 ? d : say("number.uncertified", { x: d });
}

/** @param {Float64Array} a @param {Float64Array} b */
function same(a, b) {
  return a.length === b.length && a.every((x, k) => Math.abs(x - b[k]) < 1e-12);
}
