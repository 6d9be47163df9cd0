// What a printed page has below its graph: the chain in a line, its table of transitions, and the address.

import { label } from "../chain/data.js";
import { counted, percent, say, visible } from "../ground/strings.js";
import { html } from "./dom.js";

const MOST_CELLS = 256; // probabilities that fit on the page
const SHORT = 8; // rows that stand in one column

/**
 * Takes care of printing from now on.
 * @param {() => import("../chain/view.js").View | null} view
 * @param {() => {title: string, link: string}} words @param {() => void} redraw draws the picture anew, in the colours of then
 */
export function printing(view, words, redraw) {
  /** @type {HTMLElement | null} */
  let sheet = null;
  let theme = "";
  window.onbeforeprint = () => {
    const now = view();
    after();
    if (!now) return;
    theme = document.documentElement.dataset.theme ?? "auto";
    coloured("light");
    const { title, link } = words();
    sheet = html("section", { class: "printed" }, html("p", {}, html("b", {}, title)), ...tables(now), html("p", { class: "address" }, link));
    document.body.append(/** @type {HTMLElement} */ (sheet));
  };
  window.onafterprint = after;

  function after() {
    sheet?.remove();
    if (sheet) coloured(theme);
    sheet = null;
  }

  /** @param {string} as */
  function coloured(as) {
    document.documentElement.dataset.theme = as;
    redraw();
  }
}

/** Side by side, as the states are too many for one column. @param {import("../chain/view.js").View} view */
function tables({ n, V, L, vocab, p, counts }) {
  if (n * V > MOST_CELLS) return [html("p", {}, say("print.large", { n: counted(n) }))];
  const columns = Math.min(n <= SHORT ? 1 : n <= 4 * SHORT ? 2 : 4, Math.max(1, Math.floor(16 / V)));
  const rows = Math.ceil(n / columns);
  const row = (/** @type {number} */ id) => html("tr", {}, html("th", { scope: "row" }, visible(label(id, vocab, L))),
    ...vocab.map((_, y) => html("td", {}, percent(p[id * V + y]))), html("td", { class: "seen" }, counts[id].toLocaleString("en")));
  const head = () => html("tr", {}, html("th", {}, say("print.state")),
    ...vocab.map((symbol) => html("th", { scope: "col" }, visible(symbol))), html("th", { class: "seen" }, say("print.seen")));
  return [
    html("p", {}, say("print.table")),
    html("div", { class: columns > 1 ? "tables" : "tables few" }, ...Array.from({ length: columns }, (_, k) => html("table", {}, html("thead", {}, head()),
      html("tbody", {}, ...Array.from({ length: Math.max(0, Math.min(n, (k + 1) * rows) - k * rows) }, (_, i) => row(k * rows + i)))))),
  ];
}
