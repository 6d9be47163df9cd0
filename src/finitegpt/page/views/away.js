// Take it away: the link and its code, the picture, the chain, the weights, the experiment for other tools. And bring files in.

import { names } from "../chain/experiment.js";
import { isChanged } from "../chain/view.js";
import { pngOf, svgOf } from "../files/pictures.js";
import { commandLine, python } from "../files/recipe.js";
import { writeSafetensors } from "../files/safetensors.js";
import { csvOf, jsonOf, metadataOf, titleOf } from "../files/saved.js";
import { say } from "../ground/strings.js";
import { hashOf, sharing } from "../link/sharing.js";
import { showCode } from "./code.js";
import { PARTS } from "./controls.js";
import { button, html, setText } from "./dom.js";
import { printing } from "./printed.js";

const PAGES = ["gallery", "glossary", "lesson-plan"];

/**
 * @typedef {{address?: string, pages?: string[]}} Site where this page is on the net, and which pages lie beside it
 * @param {{view: () => import("../chain/view.js").View | null, picture: () => SVGElement | HTMLCanvasElement, address: (hidden?: string) => string,
 *   redraw: () => void, site: Site, weights: () => Promise<Float32Array>, open: (files: File[]) => void,
 *   tell: (message: import("../store/store.js").Message | null) => void}} app
 */
export function awaySection({ view, picture, redraw, address, site, weights, open, tell }) {
  const chosen = html("input", { type: "file", multiple: true, class: "hidden", tabindex: -1, "aria-hidden": "true", onchange: () => {
    open([...chosen.files]);
    chosen.value = "";
  } });
  const command = html("code", { id: "command" });
  const script = html("code", { id: "python" });
  const teacher = html("p", { class: "boxes" }, ...PARTS.map((part) =>
    html("label", { class: "check" }, html("input", { type: "checkbox", value: part }), say(`part.${part}`))));
  const boxes = () => [...teacher.querySelectorAll("input")];
  const copy = (/** @type {string} */ text, /** @type {string} */ done) => {
    const filled = { link: text, text, address: site.address ?? "" };
    const copied = navigator.clipboard?.writeText(text) ?? Promise.reject(new Error());
    copied.then(() => tell({ key: done, filled, at: "away" }), () => tell({ key: "copy.by.hand", filled, at: "away" }));
  };
  const share = (/** @type {string} */ whole) => {
    const { link, key } = sharing(whole, site.address);
    if (key === "link.frame") tell({ key, filled: { link }, at: "away" });
    else copy(link, key);
  };
  const code = (/** @type {string} */ whole) => {
    const { link, works } = sharing(whole, site.address);
    if (!works) tell({ key: "code.alone", filled: { link: hashOf(link) }, at: "away" });
    else if (!showCode(link)) tell({ key: "code.long", filled: { n: new TextEncoder().encode(link).length }, at: "away" });
  };
  /** What stands with a picture, and on paper. */
  const words = () => {
    const { link, works } = sharing(address(), site.address);
    const now = view();
    const parts = now ? titleOf(now).map(([key, filled]) => say(key, filled)) : [];
    return { title: say("title.of", { parts: parts.join(say("title.comma")) }), link: works ? link : `FiniteGPT ${hashOf(link)}` };
  };
  const titled = html("input", { type: "checkbox", checked: true });
  const light = html("input", { type: "checkbox", checked: true });
  const how = () => ({ light: light.checked, redraw, words: titled.checked ? words() : null });
  printing(view, words, redraw);
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
      button(say("code"), () => code(address())),
      button(say("svg"), () => {
        const drawn = svgOf(picture(), how());
        if (drawn) save("chain.svg", drawn);
        else tell({ key: "notice.svg", at: "away" });
      }),
      button(say("png"), () => pngOf(picture(), how()).then((blob) => blob && save("chain.png", blob))),
      button(say("csv"), withView((now) => save("chain.csv", new Blob([csvOf(now)], { type: "text/csv" })))),
      button(say("json"), withView((now) => save("chain.json", new Blob([jsonOf(now)], { type: "application/json" })))),
      button(say("weights"), withView((now) => weights().then((flat) =>
        save("model.safetensors", new Blob([writeSafetensors(now.shape, flat, metadataOf(now))]))))),
      button(say("print"), () => print()),
      button(say("open"), () => chosen.click()), chosen),
    html("p", { class: "boxes" }, html("label", { class: "check" }, titled, say("picture.titled")), html("label", { class: "check" }, light, say("picture.light"))),
    more("command", command, button(say("copy"), () => copy(command.textContent, "copied"), { class: "small" })),
    more("python", script, button(say("copy"), () => copy(script.textContent, "copied"), { class: "small" })),
    more("teacher", html("p", { class: "soft" }, say("teacher.text")), teacher,
      button(say("teacher.link"), () => {
        const hide = boxes().filter((box) => box.checked).map((box) => box.value).join(",");
        share(address(hide));
      }, { class: "small" })),
    ...beside(site),
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
    setText(script, python(values, now.shape, other || values.delta !== 0 || values.along !== 0));
    const hidden = names(values.hide);
    for (const box of boxes()) if (hidden.includes(box.value)) box.checked = true;
  }
}

/** @param {string} name @param {Blob} blob */
function save(name, blob) {
  const anchor = html("a", { href: URL.createObjectURL(blob), download: name });
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), 10_000);
}

/** Links to the other pages of the folder that this one lies in. @param {Site} site */
function beside({ pages = [] }) {
  const there = PAGES.filter((name) => pages.includes(name));
  const end = document.documentElement.lang === "zh" ? ".zh.html" : ".html";
  return there.length ? [html("p", { class: "beside" }, ...there.map((name) => html("a", { href: name + end }, say(`page.${name}`))))] : [];
}
