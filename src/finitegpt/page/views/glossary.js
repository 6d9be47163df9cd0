// Terms that are explained where they stand, on hover, focus or tap; and all of them in one list.

import { explain, glossaryTerms, marked, say } from "../ground/strings.js";
import { button, html } from "./dom.js";

const TIP = "term-tip";
const AIR = 8; // pixels between a term and what explains it

/** The words for a key, with what the glossary explains as terms that can be asked. @param {string} key
 * @param {Record<string, string | number>} values @param {number} tabindex -1 beside a control, which the tab key is for
 * @returns {(string | HTMLElement)[]} */
export function explained(key, values = {}, tabindex = 0) {
  return marked(key, values).map((part) => (typeof part === "string" ? part : term(part.term, part.words, tabindex)));
}

/** The same as paragraphs, one for each line. @param {string} key @param {Record<string, string | number>} values @param {string} name of their element */
export function paragraphs(key, values = {}, name = "p") {
  /** @type {(string | HTMLElement)[][]} */
  const lines = [[]];
  for (const part of explained(key, values)) {
    if (typeof part !== "string") lines[lines.length - 1].push(part);
    else part.split("\n").forEach((text, k) => (k ? lines.push([text]) : lines[lines.length - 1].push(text)));
  }
  return lines.map((line) => html(name, {}, ...line));
}

/** Sets words only where they are others: what somebody reads about stays. @param {HTMLElement} element @param {string} key
 * @param {Record<string, string | number>} values */
export function setExplained(element, key, values = {}) {
  const wanted = key && say(key, values);
  if (element.dataset.words === wanted && (element.firstChild || !wanted)) return;
  element.dataset.words = wanted;
  element.replaceChildren(...(key ? explained(key, values) : []));
}

/** @param {string} key @param {string} words @param {number} tabindex */
function term(key, words, tabindex) {
  const element = html("span", { class: "term", role: "button", tabindex, "aria-expanded": "false",
    onpointerenter: (/** @type {PointerEvent} */ event) => event.pointerType === "mouse" && open(element, key),
    onpointerleave: (/** @type {PointerEvent} */ event) => event.pointerType === "mouse" && close(),
    onfocus: () => open(element, key), onblur: close,
    onclick: (/** @type {Event} */ event) => {
      event.preventDefault(); // in a label, the control is left alone
      event.stopPropagation();
      open(element, key);
    },
    onkeydown: (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Escape" && document.getElementById(TIP)) close();
      else if (event.key === "Enter" || event.key === " ") open(element, key);
      else return;
      event.preventDefault();
      event.stopPropagation();
    } }, words);
  return element;
}

/** @param {HTMLElement} element @param {string} key */
function open(element, key) {
  close();
  const { name, line } = explain(key);
  const tip = html("div", { id: TIP, role: "tooltip" }, html("b", {}, name), ` ${line}`);
  // Within the opened dialog, if any, since nothing else is above it; or in the part of the page that it belongs to.
  (element.closest("dialog, main, header, footer, .opening") ?? document.body).append(tip);
  element.setAttribute("aria-describedby", TIP);
  element.setAttribute("aria-expanded", "true");
  const box = element.getBoundingClientRect();
  const { offsetWidth: wide, offsetHeight: high } = tip;
  const below = box.bottom + AIR + high < innerHeight || box.top < high + AIR;
  tip.style.left = `${Math.max(AIR, Math.min(innerWidth - wide - AIR, box.left))}px`;
  tip.style.top = `${below ? box.bottom + AIR : box.top - high - AIR}px`;
  addEventListener("scroll", close, { once: true, capture: true });
}

function close() {
  removeEventListener("scroll", close, { capture: true });
  document.getElementById(TIP)?.remove();
  for (const element of document.querySelectorAll(`[aria-describedby=${TIP}]`)) {
    element.removeAttribute("aria-describedby");
    element.setAttribute("aria-expanded", "false");
  }
}

/** All terms, to be searched. */
export function glossaryOf() {
  const search = html("input", { type: "text", role: "searchbox", "aria-label": say("glossary.search"), placeholder: say("glossary.search"), autocomplete: "off", oninput: () => filter() });
  const none = html("p", { class: "soft", role: "status" });
  const entries = glossaryTerms().map((key) => {
    const { name, line, link } = explain(key);
    const more = link ? [" ", html("a", { href: link, target: "_blank", rel: "noopener noreferrer" }, say("glossary.more"))] : [];
    return { words: `${name} ${line}`.toLowerCase(), parts: [html("dt", {}, name), html("dd", {}, line, ...more)] };
  });
  const dialog = html("dialog", { class: "glossary", "aria-label": say("glossary"), onclick: (/** @type {Event} */ event) => event.target === dialog && dialog.close() },
    html("div", { class: "cardhead" }, html("h2", {}, say("glossary")), button("✕", () => dialog.close(), { class: "small", "aria-label": say("glossary.close") })),
    search, none, html("dl", { tabindex: 0, "aria-label": say("glossary") }, ...entries.flatMap(({ parts }) => parts)));
  const filter = () => {
    const wanted = search.value.trim().toLowerCase();
    let shown = 0;
    for (const { words, parts } of entries) {
      const fits = words.includes(wanted);
      shown += Number(fits);
      for (const part of parts) part.hidden = !fits;
    }
    none.textContent = shown ? "" : say("glossary.none");
  };
  return {
    dialog,
    open: button(say("glossary"), () => {
      search.value = "";
      filter();
      dialog.showModal();
    }, { class: "always" }),
  };
}
