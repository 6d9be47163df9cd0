// On a small screen the card of the chosen state is a sheet at the foot of the window, or at its side where the window is
// low, with the graph above it or beside it.

import { button } from "./dom.js";
import { say } from "../ground/strings.js";

const AIR = 8; // pixels

/** @param {HTMLElement} card @param {HTMLElement} page @param {() => void} close */
export function sheetOf(card, page, close) {
  card.querySelector(".cardhead")?.append(button("×", close, { class: "small shut", "aria-label": say("screen.close.state") }));
  let open = false;
  return {
    /** @param {boolean} chosen */
    update(chosen) {
      page.classList.toggle("sheeted", chosen);
      if (chosen === open) return;
      open = chosen;
      const stage = page.querySelector(".stage");
      if (!open || !stage || getComputedStyle(card).position !== "fixed") return;
      const [graph, sheet] = [stage.getBoundingClientRect(), card.getBoundingClientRect()];
      const low = sheet.top > AIR ? sheet.top : innerHeight;
      if (graph.top < 0 || graph.bottom > low) scrollBy({ top: Math.min(graph.top - AIR, Math.max(graph.bottom - low + AIR, graph.top - AIR)), behavior: "instant" });
    },
  };
}
