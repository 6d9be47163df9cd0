// The chain as a table: a row for each state, which can be typed over; and its powers, where it is after several tokens.

import { label } from "../chain/data.js";
import { power } from "../chain/powers.js";
import { typedRows, withTyped, withoutTyped } from "../chain/typed.js";
import { counted, percent, say, visible } from "../ground/strings.js";
import { button, html, setText } from "./dom.js";

const MOST_ROWS = 64; // states
const MOST_TYPED = 8; // tokens
const WRITTEN = 16; // states up to which powers have numbers
const POWERS = [1, 2, 3, 4, 5, 8, 10, 15, 20, 30, 50, 100];

/** @param {(changes: Record<string, any>) => void} set @param {(message: import("../store/store.js").Message) => void} tell
 * @param {(id: number) => void} choose */
export function tableOf(set, tell, choose) {
  const rows = html("div", { class: "rows", role: "region", tabindex: 0, "aria-label": say("table.rows") });
  const told = html("p", { class: "soft" });
  const back = button(say("table.back"), () => set({ rows: "" }), { class: "small" });
  const after = html("output", {});
  const slider = html("input", { type: "range", min: 0, max: POWERS.length - 1, step: 1, value: 0, "aria-label": say("table.power"), oninput: () => draw() });
  const powers = html("div", { class: "powers", role: "region", tabindex: 0, "aria-label": say("table.power") });
  const words = html("p", { class: "soft" }, say("table.power.text"));
  const element = html("details", { class: "table", ontoggle: () => draw() }, html("summary", {}, say("table")),
    told, rows, back, html("h2", {}, say("table.power")),
    html("label", { class: "row slide" }, html("span", {}, say("table.tokens")), slider, after), words, powers);
  const large = html("p", { class: "soft" });
  /** @type {import("../chain/view.js").View | null} */
  let last = null;
  let key = "";
  /** What is being typed into, until it is taken. @type {HTMLInputElement | null} */
  let typing = null;
  /** @type {{name: HTMLElement, cells: {input: HTMLInputElement | null, told: HTMLElement}[], own: HTMLElement}[]} */
  let lines = [];

  /** @param {number} id @param {number} token @param {string} typed */
  function type(id, token, typed) {
    const view = /** @type {import("../chain/view.js").View} */ (last);
    const value = Number(typed.replace(",", ".").replace("%", ""));
    if (!typed.trim() || !(value >= 0 && value <= 100)) {
      tell({ key: "notice.value", said: { name: "table.percent" }, filled: { low: 0, high: 100 }, at: "table" });
      return draw();
    }
    const row = [...view.p.subarray(id * view.V, (id + 1) * view.V)];
    set({ rows: withTyped(view.values.rows, view.V, view.n, id, row, token, value / 100) });
  }

  /** @param {import("../chain/view.js").View} view */
  function build({ vocab, V, L, n, values }) {
    lines = Array.from({ length: n }, (_, id) => {
      const state = visible(label(id, vocab, L));
      const cells = vocab.map((symbol, token) => {
        const told = html("span", { class: "was" });
        const input = V > MOST_TYPED ? null : html("input", { type: "text", inputmode: "decimal", size: 4, autocomplete: "off",
          "aria-label": say("table.cell", { state, token: visible(symbol) }), oninput: () => (typing = input),
          onchange: () => {
            typing = null;
            type(id, token, /** @type {any} */ (input).value);
          } });
        return { input, told };
      });
      const own = button("↺", () => set({ rows: withoutTyped(/** @type {any} */ (last).values.rows, V, n, id) }), { class: "small", "aria-label": say("table.undo", { state }), title: say("table.undo", { state }) });
      return { name: button(state, () => choose(id), { class: "small name" }), cells, own };
    });
    rows.replaceChildren(html("table", {}, html("caption", { class: "hidden" }, say("table.rows")),
      html("thead", {}, html("tr", {}, html("th", { scope: "col" }, say("table.state")), ...vocab.map((symbol) => html("th", { scope: "col" }, visible(symbol))), html("td", {}))),
      html("tbody", {}, ...lines.map(({ name, cells, own }) => html("tr", {}, html("th", { scope: "row" }, name),
        ...cells.map(({ input, told }) => html("td", {}, ...(input ? [input, told] : [told]))), html("td", {}, own))))));
  }

  function draw() {
    if (!last || !element.open) return;
    const { p, gpt, V, n, vocab, L, values, counts } = last;
    const wanted = `${vocab.join(" ")} ${L}`;
    if (key !== wanted) {
      key = wanted;
      build(last);
    }
    const typed = typedRows(values.rows, V, n);
    lines.forEach(({ name, cells, own }, id) => {
      name.classList.toggle("unseen", counts[id] === 0);
      own.style.visibility = typed.has(id) ? "visible" : "hidden";
      cells.forEach(({ input, told: was }, y) => {
        const value = (100 * p[id * V + y]).toFixed(1);
        if (input && input !== typing) input.value = value;
        setText(was, input ? (typed.has(id) ? say("table.was", { p: percent(gpt[id * V + y]) }) : "") : `${value} %`);
        input?.classList.toggle("own", typed.has(id));
      });
    });
    back.hidden = typed.size === 0;
    setText(told, typed.size ? say("table.typed", { n: typed.size }) : say(V > MOST_TYPED ? "table.text.wide" : "table.text"));
    drawPowers(last);
  }

  /** @param {import("../chain/view.js").View} view */
  function drawPowers({ p, V, n, vocab, L }) {
    const k = POWERS[Number(slider.value)];
    setText(after, say(k === 1 ? "chain.token" : "chain.tokens", { n: k }));
    const all = power(p, V, n, k);
    const name = (/** @type {number} */ id) => visible(label(id, vocab, L));
    const cell = (/** @type {number} */ x, /** @type {number} */ from, /** @type {number} */ to) =>
      html("td", { style: `--x:${x.toFixed(3)}`, title: `${name(from)} → ${name(to)}: ${percent(x)}` }, n <= WRITTEN ? percent(x) : "");
    powers.replaceChildren(html("table", { class: n <= WRITTEN ? "" : "dense" }, html("caption", { class: "hidden" }, say("table.power")),
      html("thead", {}, html("tr", {}, html("td", {}), ...Array.from({ length: n }, (_, id) => html("th", { scope: "col" }, html("span", {}, name(id)))))),
      html("tbody", {}, ...Array.from({ length: n }, (_, from) => html("tr", {}, html("th", { scope: "row" }, name(from)),
        ...Array.from({ length: n }, (_, to) => cell(all[from * n + to], from, to)))))));
  }

  return {
    elements: [element, large],
    /** @param {import("../chain/view.js").View} view */
    update(view) {
      last = view;
      const small = view.n <= MOST_ROWS;
      element.hidden = !small;
      large.hidden = small;
      if (small) draw();
      else setText(large, say("table.large", { n: counted(view.n), most: MOST_ROWS }));
    },
  };
}
