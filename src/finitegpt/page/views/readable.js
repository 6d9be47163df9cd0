// The chain for those who do not see its picture: what follows a state is said when it is chosen, and all of it is a table
// on request.

import { label } from "../chain/data.js";
import { html, setText } from "./dom.js";
import { percent, say, visible } from "../ground/strings.js";

const MOST_SAID = 6; // tokens, the most probable first
const MOST_ROWS = 128;
const MOST_COLUMNS = 64;

export function readable() {
  const spoken = html("p", { class: "hidden", role: "status" });
  const body = html("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": say("table") });
  const element = html("details", { class: "readable", ontoggle: () => last && table(last) }, html("summary", {}, say("table")), body);
  /** @type {import("../chain/view.js").View | null} */
  let last = null;
  let chosen = -1;
  let shape = "";

  /** Cells are kept as long as the chain has the same states. @param {import("../chain/view.js").View} view */
  function table({ vocab, V, L, n, p, counts }) {
    if (!element.open) return;
    const rows = Math.min(n, MOST_ROWS);
    const columns = Math.min(V, MOST_COLUMNS);
    const key = `${vocab.join("")} ${L}`;
    if (key !== shape) {
      shape = key;
      const head = html("tr", {}, html("th", { scope: "col" }, say("table.state")), ...vocab.slice(0, columns).map((symbol) => html("th", { scope: "col" }, visible(symbol))), html("th", { scope: "col" }, say("table.count")));
      body.replaceChildren(
        html("table", {}, html("caption", { class: "soft" }, n > rows || V > columns ? say("table.first", { rows, columns, csv: say("csv") }) : say("table.all", { rows, columns })), html("thead", {}, head),
          html("tbody", {}, ...Array.from({ length: rows }, (_, id) =>
            html("tr", {}, html("th", { scope: "row" }, visible(label(id, vocab, L))), ...Array.from({ length: columns + 1 }, () => html("td", {})))))),
      );
    }
    [...body.querySelectorAll("tbody tr")].forEach((row, id) => {
      for (let y = 0; y < columns; y++) setText(row.children[y + 1], percent(p[id * V + y]));
      setText(row.children[columns + 1], String(counts[id]));
    });
  }

  return {
    spoken, element,
    /** @param {import("../chain/view.js").View} view */
    update(view) {
      last = view;
      table(view);
      if (view.chosen === chosen) return;
      chosen = view.chosen;
      setText(spoken, chosen < 0 ? "" : sentence(view));
    },
  };
}

/** "State 101: 1 (79%), 0 (21%)" @param {import("../chain/view.js").View} view */
function sentence({ vocab, V, L, p, counts, chosen }) {
  const tokens = [...vocab.keys()].sort((a, b) => p[chosen * V + b] - p[chosen * V + a] || a - b);
  const follows = tokens.slice(0, MOST_SAID).map((y) => `${visible(vocab[y])} (${percent(p[chosen * V + y])})`).join(", ");
  return `${say("state", { label: visible(label(chosen, vocab, L)) })}: ${follows}${counts[chosen] ? "" : `; ${say("state.unseen")}`}`;
}
