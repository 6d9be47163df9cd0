// Inside a GPT, for one context: the way from its tokens to probabilities, step by step.

import { context } from "../chain/data.js";
import { howOf, rowFrom } from "../chain/parts.js";
import { MOST_INSIDE } from "../ground/limits.js";
import { percent, say, visible } from "../ground/strings.js";
import { button, html, setText } from "./dom.js";
import { logitsStep, softmaxStep } from "./insideanswer.js";
import { layerSteps } from "./insidelayers.js";
import { embeddingStep, streamStep, tokensStep } from "./insidevectors.js";

const READING = 80; // pixels below the upper edge: the step there is the one that is read
const STEPS = Array.from({ length: MOST_INSIDE }, (_, k) => k + 1);

/** @param {{set: (changes: Record<string, any>) => void, toggle: (part: string) => void}} act */
export function insideDialog({ set, toggle }) {
  const title = html("h2", { id: "inside-title" });
  const nav = STEPS.map((k) => button("", () => go(k), { class: "small", title: say(`inside.${k}.title`), "aria-label": stepName(k) }));
  nav.forEach((one, k) => one.append(html("b", {}, String(k + 1)), html("span", {}, say(`inside.${k + 1}.title`))));
  const body = html("div", { class: "inside-body", tabindex: 0, role: "region", "aria-label": say("inside.steps") });
  const [back, on] = [button(say("inside.back"), () => go(current - 1)), button(say("inside.next"), () => go(current + 1), { class: "main" })];
  const told = html("output", {});
  const element = html(
    "dialog", { class: "inside", "aria-labelledby": "inside-title" },
    html("div", { class: "inside-head" },
      html("div", { class: "cardhead" }, title, button("\u00d7", () => element.close(), { class: "small", "aria-label": say("inside.close"), title: say("inside.close") })),
      html("nav", { "aria-label": say("inside.steps") }, ...nav)),
    body,
    html("div", { class: "inside-foot" }, back, told, on),
  );
  let current = 1;
  let shape = "";
  let jumped = 0;
  /** @type {HTMLElement[]} */
  let sections = [];
  /** @type {import("./insidevectors.js").Step[]} */
  let steps = [];
  /** @type {import("../chain/view.js").View | null} */
  let last = null;

  element.addEventListener("close", () => last?.values.inside && set({ inside: 0 }));
  element.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    event.stopPropagation(); // the keys of the page below are not meant
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (!by || event.ctrlKey || event.metaKey || event.altKey || /** @type {HTMLElement} */ (event.target).closest("input")) return;
    event.preventDefault();
    go(current + by);
  });
  body.addEventListener("scroll", () => {
    if (Math.abs(body.scrollTop - jumped) < 2) return;
    jumped = -10;
    const line = body.getBoundingClientRect().top + READING;
    const passed = sections.filter((one) => one.getBoundingClientRect().top <= line).length;
    const atEnd = body.scrollTop + body.clientHeight >= body.scrollHeight - 2;
    const k = atEnd ? MOST_INSIDE : Math.max(1, passed);
    if (k === current) return;
    mark(k);
    set({ inside: k });
  });

  /** @param {number} k */
  function go(k) {
    if (k < 1 || k > MOST_INSIDE) return;
    mark(k);
    jump();
    set({ inside: k });
  }

  /** @param {number} k */
  function mark(k) {
    current = k;
    nav.forEach((one, j) => (j + 1 === k ? one.setAttribute("aria-current", "step") : one.removeAttribute("aria-current")));
    sections.forEach((one, j) => one.classList.toggle("now", j + 1 === k));
    setText(told, say("inside.step", { k, of: MOST_INSIDE }));
    for (const [one, end] of [[back, 1], [on, MOST_INSIDE]]) {
      if (k === end && document.activeElement === one) (one === back ? on : back).focus();
      one.disabled = k === end;
    }
  }

  /** The step of now to the top. */
  function jump() {
    body.scrollTop += sections[current - 1].getBoundingClientRect().top - body.getBoundingClientRect().top;
    jumped = body.scrollTop;
  }

  /** @param {import("../chain/view.js").View} view */
  function build({ shape: model, V, L }) {
    const key = [V, L, ...Object.values(model)].join(" ");
    if (key === shape) return;
    shape = key;
    const [attention, mlp] = layerSteps(model, L, toggle);
    steps = [tokensStep(L), embeddingStep(model, L), attention, mlp, streamStep(model, L), logitsStep(model), softmaxStep()];
    sections = steps.map(({ nodes }, k) => html("section", { "data-step": k + 1 }, html("h3", {}, stepName(k + 1)), ...nodes));
    body.replaceChildren(...sections);
  }

  return {
    element,
    /** @param {import("../chain/view.js").View} view */
    update(view) {
      last = view;
      const { values, chosen, looked, vocab, V, L, was } = view;
      if (!values.inside || chosen < 0) return element.open && element.close();
      const found = answered(view);
      if (!found) return;
      build(view);
      const tokens = context(chosen, V, L);
      const names = vocab.map(visible);
      const { answer } = found;
      const now = { inside: looked.inside, tokens: tokens.map((token) => names[token]), context: tokens, names, answer, view };
      for (const step of steps) step.update(now);
      setText(title, say("inside.title", { p: percent(found.p), token: names[answer], label: now.tokens.join("") }));
      if (was) title.append(html("small", {}, say("inside.was.short", { p: percent(was[chosen * V + answer]) })));
      if (!element.open) {
        element.showModal();
        if (!element.getClientRects().length) return element.close(); // its card is hidden
        body.focus({ preventScroll: true });
        mark(values.inside);
        jump();
      } else if (values.inside !== current) {
        mark(values.inside);
        jump();
      }
    },
  };
}

/** The most probable token after the chosen state, and how probable the GPT makes it; null until it has been looked into.
 * @param {import("../chain/view.js").View} view */
export function answered({ looked, chosen, values }) {
  if (!looked?.inside || looked.question !== chosen) return null;
  const row = rowFrom(looked.inside.logits, howOf(values));
  const answer = row.indexOf(row.reduce((a, b) => Math.max(a, b)));
  return { answer, p: row[answer] };
}

/** @param {number} k */
function stepName(k) {
  return `${k}. ${say(`inside.${k}.title`)}`;
}
