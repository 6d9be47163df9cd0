// The scenes of the opening: what each shows, asks and answers. All numbers are of the notebook's GPT, as it is trained here.

import { probabilities } from "../../chain/chain.js";
import { label } from "../../chain/data.js";
import { counted, slides } from "../../chain/slides.js";
import { chainAfter } from "../../engine/training.js";
import { percent, say } from "../../ground/strings.js";
import { button, html, setText } from "../dom.js";
import { circlesOf } from "./circles.js";
import { endScene } from "./end.js";
import { finiteScene } from "./finite.js";
import { barGuess, choiceGuess, worth } from "./guess.js";
import { paragraphs, setExplained } from "../glossary.js";
import { tapeOf } from "./tape.js";
import { writingScene } from "./writing.js";

const [SEEN, OPEN] = [[1, 1, 1], [1, 0, 1]]; // contexts: one that the tape goes on from in two ways, and one in one way
const PASTS = ["1111101", "0000101"];
const PAUSE = 380; // milliseconds between two slides that go by themselves
const FILM = 3000; // milliseconds of the film of training

/**
 * @typedef {{words: HTMLElement, asks: HTMLElement, told: HTMLElement, show: HTMLElement, ready: () => void,
 *   teach: (lesson: number) => void}} Places where a scene puts what it says, asks, answers and shows
 * @typedef {{circles: ReturnType<typeof circlesOf>, places: Places, view: import("../../chain/view.js").View,
 *   p: (step: number) => Float64Array, draw: (p: Float64Array, lit?: number, taken?: number) => void, seen: (id: number) => boolean, still: () => boolean,
 *   later: (work: () => void, milliseconds: number) => void, frames: (draw: (passed: number) => boolean) => void,
 *   say: (k: number, filled?: Record<string, string | number>) => void, press: (act: (id: number) => void) => void}} Stage
 * @param {import("../../chain/view.js").View} view @param {Places} places
 */
export function scenesOf(view, places) {
  const { vocab, V, L, n, counts, trained } = view;
  let timer = 0;
  let frame = 0;
  let pressed = (/** @type {number} */ _) => {};
  const circles = circlesOf(vocab, L, say("graph", { n }), (id) => pressed(id));
  /** @type {Stage} */
  const stage = {
    circles, places, view,
    p: (step) => probabilities(chainAfter(trained, step), V),
    draw: (p, lit = -1, taken = -1) =>
      circles.show({ sizes: p, words: Array.from(p, (x, k) => `${vocab[k % V]} (${percent(x)})`), seen: stage.seen, lit, taken }),
    seen: (id) => counts[id] > 0,
    still: () => matchMedia("(prefers-reduced-motion: reduce)").matches,
    later: (work, milliseconds) => (timer = window.setTimeout(work, milliseconds)),
    frames(draw) {
      const begun = performance.now();
      const tick = (/** @type {number} */ now) => {
        if (draw(Math.max(0, now - begun))) frame = requestAnimationFrame(tick);
      };
      frame = requestAnimationFrame(tick);
    },
    say: (k, filled = {}) => {
      setExplained(places.told, `opening.${k}.told`, filled);
      places.told.scrollIntoView({ block: "nearest" });
      places.ready();
    },
    press: (act) => (pressed = act),
  };
  const scenes = {
    window: windowScene, counts: countsScene, untrained: untrainedScene, training: trainingScene, unseen: unseenScene,
    pasts: pastsScene, writing: writingScene, finite: finiteScene, end: endScene,
  };

  function leave() {
    clearTimeout(timer);
    cancelAnimationFrame(frame);
    circles.clear();
    pressed = () => {};
  }

  return {
    leave,
    /** @param {keyof typeof scenes} name */
    enter(name) {
      leave();
      for (const place of [places.words, places.asks, places.show]) place.replaceChildren();
      scenes[name](stage);
    },
  };
}

/** The window slides over the tape; each slide lights a circle and draws an arrow. @param {Stage} stage */
function windowScene(stage) {
  const { circles, places, view, later, press } = stage;
  const { vocab, V, L } = view;
  const all = slides([...view.trained.experiment.plan.tokens], V, L);
  const tape = tapeOf(view.values.data, L, vocab);
  places.show.replaceChildren(tape.element, circles.picture);
  places.words.replaceChildren(...paragraphs("opening.1.text"));
  let done = 0;
  const met = new Set();
  const show = (taken = -1, asked = false) => {
    const at = done < all.length ? all[done] : null;
    met.add(at ? at.source : all[done - 1].target);
    const counts = counted(all.slice(0, done), view.p.length);
    const most = Math.max(1, ...counts);
    circles.show({
      sizes: counts.map((count) => count / most), words: counts.map((count, k) => `${vocab[k % V]} (${count}×)`),
      seen: (id) => met.has(id), lit: at ? at.source : all[done - 1].target, taken, asked,
    });
    tape.show(done, done < all.length);
  };
  const slide = () => {
    const { arrow } = all[done];
    done += 1;
    show(arrow);
    circles.move(arrow, stage.still(), () => {});
  };
  const rest = () => {
    slide();
    if (done < all.length) later(rest, PAUSE);
    else stage.say(1);
  };
  const next = button(say("opening.1.slide"), () => {
    slide();
    if (done === 2) ask();
    if (done > 2) next.remove();
  }, { class: "main" });
  /** Only two circles can be next: which one does the tape go to? */
  const ask = () => {
    next.remove();
    const { source, target } = all[done];
    const question = html("p", { class: "question" }, say("opening.1.ask", { state: label(source, vocab, L) }));
    places.asks.replaceChildren(question);
    later(() => show(-1, true), stage.still() ? 0 : 750);
    press((id) => {
      press(() => {});
      const possible = Math.floor((source * V) % V ** L / V) === Math.floor(id / V);
      const words = id === target ? "right" : possible ? "other" : "never";
      setText(places.told, say(`opening.1.${words}`, { state: label(source, vocab, L), pressed: label(id, vocab, L), next: label(target, vocab, L) }));
      slide();
      const on = button(say("opening.1.rest"), () => {
        on.remove();
        rest();
      }, { class: "main" });
      places.asks.replaceChildren(on);
      on.focus({ preventScroll: true });
    });
  };
  show();
  places.asks.replaceChildren(next);
}

/** The counts, and what they say of one circle. @param {Stage} stage */
function countsScene(stage) {
  const { circles, places, view } = stage;
  const { vocab, V, L } = view;
  const counts = counted(slides([...view.trained.experiment.plan.tokens], V, L), view.p.length);
  const most = Math.max(...counts);
  const id = idOf(SEEN, V);
  places.show.replaceChildren(tapeOf(view.values.data, L, vocab).element, circles.picture);
  places.words.replaceChildren(...paragraphs("opening.2.text"));
  const show = (taken = -1) => circles.show({
    sizes: counts.map((count) => count / most), words: counts.map((count, k) => `${vocab[k % V]} (${count}×)`), seen: stage.seen, lit: id, taken,
  });
  show();
  const [zero, one] = [counts[id * V], counts[id * V + 1]];
  places.asks.replaceChildren(barGuess(say("opening.2.ask"), (guess) => {
    show(id * V + 1);
    stage.say(2, { zero, one, all: zero + one, p: percent(one / (zero + one)), worth: worth(guess, one / (zero + one)) });
  }));
}

/** What the network says before it has learned. @param {Stage} stage */
function untrainedScene(stage) {
  const { circles, places, view } = stage;
  const p = stage.p(0);
  const id = idOf(OPEN, view.V);
  places.show.replaceChildren(circles.picture);
  places.words.replaceChildren(...paragraphs("opening.3.text"));
  circles.show({ sizes: new Array(p.length).fill(0), words: [], seen: stage.seen, lit: id });
  places.asks.replaceChildren(barGuess(say("opening.3.ask"), (guess) => {
    stage.draw(p, id, id * view.V + 1);
    stage.say(3, { p: percent(p[id * view.V + 1]), worth: worth(guess, p[id * view.V + 1]) });
  }));
}

/** Training moves the arrows. @param {Stage} stage */
function trainingScene(stage) {
  const { circles, places, view } = stage;
  const { steps } = view.trained.experiment.plan;
  const id = idOf(OPEN, view.V);
  const k = id * view.V + 1;
  places.show.replaceChildren(circles.picture);
  places.words.replaceChildren(...paragraphs("opening.4.text"));
  stage.draw(stage.p(0), id);
  places.asks.replaceChildren(barGuess(say("opening.4.ask", { steps }), (guess) => {
    const round = html("p", { class: "round" });
    places.asks.append(round);
    let shown = -1;
    const film = (/** @type {number} */ passed) => {
      const step = stage.still() ? steps : Math.min(steps, Math.floor((steps * passed) / FILM));
      if (step !== shown) {
        shown = step;
        stage.draw(stage.p(step), id, k);
        setText(round, say("opening.4.round", { step, steps }));
      }
      if (step < steps) return true;
      const p = stage.p(steps)[k];
      stage.say(4, { p: percent(p), steps, worth: worth(guess, p) });
      return false;
    };
    stage.frames(film);
  }));
}

/** What it says where the tape is silent. @param {Stage} stage */
function unseenScene(stage) {
  const { circles, places, view } = stage;
  const p = stage.p(view.trained.experiment.plan.steps);
  places.show.replaceChildren(circles.picture);
  places.words.replaceChildren(...paragraphs("opening.5.text"));
  circles.show({ sizes: Array.from(p, (x, k) => (k < view.V ? 0 : x)), words: Array.from(p, (x, k) => `${view.vocab[k % view.V]} (${percent(x)})`), seen: stage.seen, lit: 0 });
  const even = Math.abs(p[1] - 0.5) < 0.05;
  places.asks.replaceChildren(choiceGuess(say("opening.5.ask"), ["opening.5.none", "opening.5.even", "opening.5.zero", "opening.5.one"].map((key) => say(key)), even ? 1 : p[1] < 0.5 ? 2 : 3, () => {
    stage.draw(p, 0);
    stage.say(5, { zero: percent(p[0]), one: percent(p[1]) });
  }));
}

/** Two pasts that have come to the same circle. @param {Stage} stage */
function pastsScene(stage) {
  const { circles, places, view } = stage;
  const { vocab, V, L } = view;
  const p = stage.p(view.trained.experiment.plan.steps);
  const id = idOf(OPEN, V);
  const tapes = PASTS.map((past) => {
    const tape = tapeOf(past, L, vocab);
    tape.show(past.length - L);
    return tape.element;
  });
  places.show.replaceChildren(html("div", { class: "pasts" }, ...tapes), circles.picture);
  places.words.replaceChildren(...paragraphs("opening.6.text"));
  stage.draw(p, -1);
  places.asks.replaceChildren(choiceGuess(say("opening.6.ask"), ["opening.6.first", "opening.6.second", "opening.6.same"].map((key) => say(key)), 2, () => {
    stage.draw(p, id, id * V + 1);
    stage.say(6, { p: percent(p[id * V + 1]), state: label(id, vocab, L) });
  }));
}

/** @param {number[]} tokens @param {number} V */
function idOf(tokens, V) {
  return tokens.reduce((id, token) => id * V + token, 0);
}
