// Take it away: the picture, the chain, the weights, the experiment for other tools, the link. And bring files in.

import { chainTable } from "../chain/data.js";
import { button, html, setText } from "./dom.js";
import { PARTS } from "./controls.js";
import { names } from "../chain/experiment.js";
import { commandLine, python } from "../files/recipe.js";
import { configOf, writeSafetensors } from "../files/safetensors.js";
import { toHash } from "../link/fields.js";
import { say } from "../ground/strings.js";
import { isChanged } from "../chain/view.js";

const SCALE = 2; // pixels of a PNG for each of the screen
const STYLED = [
  "fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "opacity", "visibility",
  "font-size", "font-weight", "text-anchor", "dominant-baseline",
];

/**
 * @param {{view: () => import("../chain/view.js").View | null, picture: () => SVGElement | HTMLCanvasElement, address: (hidden?: string) => string,
 *   weights: () => Promise<Float32Array>, open: (files: File[]) => void, tell: (message: import("../store/store.js").Message | null) => void}} app
 */
export function awaySection({ view, picture, address, weights, open, tell }) {
  const chosen = html("input", { type: "file", multiple: true, class: "hidden", tabindex: -1, "aria-hidden": "true", onchange: () => {
    open([...chosen.files]);
    chosen.value = "";
  } });
  const command = html("code", { id: "command" });
  const code = html("code", { id: "python" });
  const teacher = html("p", { class: "boxes" }, ...PARTS.map((part) =>
    html("label", { class: "check" }, html("input", { type: "checkbox", value: part }), say(`part.${part}`))));
  const boxes = () => [...teacher.querySelectorAll("input")];
  const copy = (/** @type {string} */ text, /** @type {string} */ done) => {
    const copied = navigator.clipboard?.writeText(text) ?? Promise.reject(new Error());
    copied.then(() => tell({ key: done, at: "away" }), () => tell({ key: "copy.by.hand", filled: { text }, at: "away" }));
  };
  const share = (/** @type {string} */ whole) =>
    whole.startsWith("#") ? tell({ key: "link.frame", filled: { link: whole }, at: "away" }) : copy(whole, "link.done");
  const withView = (/** @type {(now: import("../chain/view.js").View) => void} */ act) => () => {
    const now = view();
    if (now) act(now);
  };
  const more = (/** @type {string} */ words, /** @type {(Node | string)[]} */ ...children) =>
    html("details", { ontoggle: () => {
      const now = view();
      if (now) update(now);
    } }, html("summary", {}, say(words)), ...children);
  const element = html(
    "section", { class: "away", "data-part": "away", "aria-label": say("away") },
    html("h2", {}, say("away")),
    html("div", { class: "transport" },
      button(say("link"), () => share(address())),
      button(say("svg"), withView(() => standalone(picture()).then((blob) => (blob ? save("chain.svg", blob) : tell({ key: "notice.svg", at: "away" }))))),
      button(say("png"), withView(() => pixels(picture()).then((blob) => blob && save("chain.png", blob)))),
      button(say("csv"), withView((now) => save("chain.csv", new Blob([csv(now)], { type: "text/csv" })))),
      button(say("json"), withView((now) => save("chain.json", new Blob([json(now)], { type: "application/json" })))),
      button(say("weights"), withView((now) => weights().then((flat) =>
        save("model.safetensors", new Blob([writeSafetensors(now.shape, flat, metadata(now))]))))),
      button(say("open"), () => chosen.click()), chosen),
    more("command", command, button(say("copy"), () => copy(command.textContent, "copied"), { class: "small" })),
    more("python", code, button(say("copy"), () => copy(code.textContent, "copied"), { class: "small" })),
    more("teacher", html("p", { class: "soft" }, say("teacher.text")), teacher,
      button(say("teacher.link"), () => {
        const hide = boxes().filter((box) => box.checked).map((box) => box.value).join(",");
        share(address(hide));
      }, { class: "small" })),
  );
  return { element, update };

  /** What is folded away is not made. @param {import("../chain/view.js").View} now */
  function update(now) {
    if (!element.querySelector("details[open]")) return;
    /** @type {import("../link/fields.js").Values} */
    const values = { ...now.values, width: now.shape.nEmbd };
    const early = values.schedule !== "constant" && now.step < values.steps; // fewer steps would be other steps
    if (!early) values.steps = now.step;
    const other = now.trained.fixed || early;
    setText(command, commandLine(values, other || isChanged(values)));
    setText(code, python(values, now.shape, other || values.delta !== 0 || values.along !== 0));
    const hidden = names(values.hide);
    for (const box of boxes()) if (hidden.includes(box.value)) box.checked = true;
  }
}

/** @param {import("../chain/view.js").View} now */
function csv({ vocab, V, L, p }) {
  const cell = (/** @type {string} */ text) => `"${text.replace(/"/g, '""')}"`;
  const lines = chainTable(vocab, V, L, p).map(([state, next, probability]) => [cell(state), cell(next), probability].join(","));
  return ["state,next,probability", ...lines, ""].join("\n");
}

/** @param {import("../chain/view.js").View} now */
function json({ values, vocab, V, L, n, p, counts, step, loss }) {
  const rows = Array.from({ length: n }, (_, id) => [...p.subarray(id * V, (id + 1) * V)]);
  return JSON.stringify({
    format: "finitegpt page 1", link: toHash(values), vocab, context_length: L, step,
    loss: Number.isFinite(loss) ? loss : null, counts: [...counts], probs: rows,
  });
}

/** What the library writes beside the weights, and the link. @param {import("../chain/view.js").View} now */
function metadata({ shape, vocab, values }) {
  const own = { ...values, width: shape.nEmbd, delta: 0, along: 0, step: -1, pin: -1 }; // nudges are in the weights already
  const facts = { ...configOf(shape), vocab, link: toHash(own) };
  return Object.fromEntries(Object.entries(facts).map(([key, value]) => [key, JSON.stringify(value)]));
}

/** @param {string} name @param {Blob} blob */
function save(name, blob) {
  const anchor = html("a", { href: URL.createObjectURL(blob), download: name });
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), 10_000);
}

/** A picture as an SVG that needs no style sheet; null for one that is pixels. @param {SVGElement | HTMLCanvasElement} shown */
async function standalone(shown) {
  return shown instanceof SVGElement ? new Blob([svgText(shown)], { type: "image/svg+xml" }) : null;
}

/** @param {SVGElement} shown */
function svgText(shown) {
  const copy = /** @type {SVGElement} */ (shown.cloneNode(true));
  const [from, to] = [[shown, ...shown.querySelectorAll("*")], [copy, ...copy.querySelectorAll("*")]];
  from.forEach((element, k) => {
    const look = getComputedStyle(element);
    for (const name of STYLED) to[k].setAttribute(name, look.getPropertyValue(name));
    for (const name of ["class", "tabindex", "role", "aria-label", "aria-pressed", "data-id", "style"]) to[k].removeAttribute(name);
  });
  for (const hit of copy.querySelectorAll("title, [visibility=hidden]")) hit.remove();
  const [x, y, wide, high] = (shown.getAttribute("viewBox") ?? "0 0 1 1").split(" ");
  const paper = getComputedStyle(document.body).backgroundColor;
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", wide);
  copy.setAttribute("height", high);
  copy.setAttribute("font-family", "Roboto, Helvetica, Arial, sans-serif");
  const page = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  for (const [name, value] of Object.entries({ x, y, width: wide, height: high, fill: paper })) page.setAttribute(name, value);
  copy.prepend(page);
  return new XMLSerializer().serializeToString(copy);
}

/** A picture as a PNG. @param {SVGElement | HTMLCanvasElement} shown @returns {Promise<Blob | null>} */
async function pixels(shown) {
  const canvas = html("canvas");
  const pen = canvas.getContext("2d");
  if (shown instanceof SVGElement) {
    const image = new Image();
    image.src = URL.createObjectURL(new Blob([svgText(shown)], { type: "image/svg+xml" }));
    await image.decode();
    canvas.width = SCALE * image.width;
    canvas.height = SCALE * image.height;
    pen.drawImage(image, 0, 0, canvas.width, canvas.height);
    URL.revokeObjectURL(image.src);
  } else {
    const times = Math.max(1, Math.floor(900 / shown.width));
    canvas.width = times * shown.width;
    canvas.height = Math.max(1, Math.floor(900 / shown.height)) * shown.height;
    pen.fillStyle = getComputedStyle(document.body).backgroundColor;
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(shown, 0, 0, canvas.width, canvas.height);
  }
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}
