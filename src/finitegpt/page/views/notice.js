// The one message there is, where the reader looks: at the control that caused it if that is in sight, else at the top of
// the window, whatever part of the page is in it.

import { button, html, setText } from "./dom.js";
import { say, visible } from "../ground/strings.js";

/** What is no refusal. */
const TOLD = ["copied", "link.done", "copy.by.hand", "link.frame", "notice.opened", "notice.opened.fixed", "notice.heads", "notice.fixed"];

/**
 * @typedef {import("../store/store.js").Message} Message
 * @param {HTMLElement} page @param {() => void} close what the reader's closing of a message does
 */
export function noticeOf(page, close) {
  const words = html("p", { class: "notice", id: "notice" });
  const spoken = html("p", { class: "hidden", role: "status" }); // it stays where it is: what moves is not read aloud
  const bar = html("section", { class: "notices", "aria-label": say("screen.message"), hidden: true }, words, button("×", close, { class: "small", "aria-label": say("screen.close") }));
  let shown = "";

  return {
    elements: [spoken, bar],
    tellsAbove: () => !bar.hidden,
    /** @param {Message | null} message */
    tell(message) {
      const text = message ? wordsOf(message) : "";
      const key = `${message?.at} ${text}`;
      if (key === shown && words.isConnected) return;
      shown = key;
      setText(words, text);
      setText(spoken, text);
      words.classList.toggle("told", TOLD.includes(message?.key ?? ""));
      for (const one of page.querySelectorAll("[aria-describedby=notice]")) one.removeAttribute("aria-describedby");
      const place = message?.at ? placeOf(page, message.at) : null;
      bar.hidden = !message || Boolean(place);
      if (!place) return bar.prepend(words);
      place.after(words);
      for (const one of place.querySelectorAll("input, select, textarea")) one.setAttribute("aria-describedby", "notice");
    },
  };
}

/** The row of a control, or the head of a part of the page, if it can be seen. @param {HTMLElement} page @param {string} at */
function placeOf(page, at) {
  const row = page.querySelector(`[data-key="${at}"]`) ?? page.querySelector(`[data-part="${at}"] :is(.cardhead, .transport)`);
  const box = row?.getBoundingClientRect();
  return row && box && box.height > 0 && box.top >= 0 && box.bottom < innerHeight - 24 && !covered(row, box) ? row : null;
}

/** Whether something lies over it, as the words of a lesson do. @param {Element} row @param {DOMRect} box */
function covered(row, { left, top, width, height }) {
  const above = document.elementFromPoint(left + width / 2, top + height / 2);
  return above !== null && !row.contains(above) && !above.contains(row);
}

/** @param {Message} message */
function wordsOf({ key, filled = {}, said = {} }) {
  const shown = Object.entries(filled).map(([name, value]) =>
    [name, typeof value === "number" ? value : [value].flat().map(visible).join(", ")]);
  const spoken = Object.entries(said).map(([name, words]) => [name, say(words)]);
  return say(key, Object.fromEntries([...shown, ...spoken]));
}
