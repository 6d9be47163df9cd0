// For those who do not see the picture: what follows a state is said when it is chosen.

import { label } from "../chain/data.js";
import { html, setText } from "./dom.js";
import { say, tokenShare, visible } from "../ground/strings.js";

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
function sentence({ vocab, V, L, p, counts, chosen }) {
  const tokens = [...vocab.keys()].sort((a, b) => p[chosen * V + b] - p[chosen * V + a] || a - b);
  const follows = tokens.slice(0, MOST_SAID).map((y) => tokenShare(vocab[y], p[chosen * V + y])).join(", ");
  return `${say("state", { label: visible(label(chosen, vocab, L)) })}: ${follows}${counts[chosen] ? "" : `; ${say("state.unseen")}`}`;
}
