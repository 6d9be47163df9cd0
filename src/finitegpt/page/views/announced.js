// For those who do not see the picture: what follows a state is said when it is chosen.

import { countOf, nameOf, rowOf } from "../chain/asked.js";
import { html, setText } from "./dom.js";
import { say, tokenShare } from "../ground/strings.js";

const MOST_SAID = 6; // tokens, the most probable first

export function announced() {
  const element = html("p", { class: "hidden", role: "status" });
  let chosen = -1;
  return {
    element,
    /** @param {import("../chain/view.js").View} view */
    update(view) {
      if (view.chosen === chosen) return;
      chosen = view.chosen;
      setText(element, chosen < 0 ? "" : sentence(view));
    },
  };
}

/** "State 101: 1 (79%), 0 (21%)" @param {import("../chain/view.js").View} view */
function sentence(view) {
  const { vocab, chosen } = view;
  const row = rowOf(view, chosen);
  const tokens = [...vocab.keys()].sort((a, b) => row[b] - row[a] || a - b);
  const follows = tokens.slice(0, MOST_SAID).map((y) => tokenShare(vocab[y], row[y])).join(", ");
  return `${say("state", { label: nameOf(view, chosen) })}: ${follows}${countOf(view, chosen) ? "" : `; ${say("state.unseen")}`}`;
}
