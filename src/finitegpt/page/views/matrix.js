// The states of a sketch as a matrix with names: a row for each, a column for each next token, as dark as it is probable.

import { beforeOf, isRed, nameOf, rowOf } from "../chain/asked.js";
import { shownStates } from "../chain/sketch.js";
import { html, setText } from "./dom.js";
import { percent, say, visible } from "../ground/strings.js";

const ROWS = 64;
const COLUMNS = 64; // tokens that have a column of their own, where there are more

/** @param {(id: number) => void} choose */
export function matrixOf(choose) {
  const canvas = html("canvas", { class: "matrix", role: "img" });
  const [across, down] = [html("div", { class: "matrix-across", "aria-hidden": "true" }), html("div", { class: "matrix-down", "aria-hidden": "true" })];
  const told = html("p", { class: "soft matrix-told" });
  const box = html("div", { class: "matrix-box", role: "region", tabindex: 0, "aria-label": say("matrix") }, html("span", {}), across, down, canvas);
  const words = html("p", { class: "soft" });
  const element = html("details", { class: "matrix-of", ontoggle: () => draw() }, html("summary", {}, say("matrix")), words, told, box);
  /** @type {import("../chain/view.js").View | null} */
  let last = null;
  let key = "";
  /** @type {number[]} */
  let ids = [];
  /** Of each column its tokens. @type {number[][]} */
  let columns = [];

  const cell = (/** @type {MouseEvent} */ event) => {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    const [row, column] = [((event.clientY - top) / height) * ids.length, ((event.clientX - left) / width) * columns.length].map(Math.floor);
    return { id: ids[row], tokens: columns[column] };
  };
  canvas.addEventListener("click", (/** @type {MouseEvent} */ event) => cell(event).id !== undefined && choose(cell(event).id));
  canvas.addEventListener("pointermove", (/** @type {MouseEvent} */ event) => {
    const { id, tokens } = cell(event);
    if (last && id !== undefined && tokens) setText(told, `${nameOf(last, id)} → ${columnName(last, tokens)}: ${percent(sum(rowOf(last, id), tokens))}`);
  });

  function draw() {
    if (!last || !element.open) return;
    const view = last;
    const { vocab, V, n, chosen } = view;
    ids = shownStates(view, ROWS);
    const wanted = `${vocab.join("\n")} ${ids.join(" ")}`;
    if (wanted !== key) {
      key = wanted;
      columns = columnsOf(view);
      canvas.width = columns.length;
      canvas.height = ids.length;
      across.replaceChildren(...columns.map((tokens) => html("span", {}, columnName(view, tokens))));
      down.replaceChildren(...ids.map((id) => html("span", { title: nameOf(view, id), onclick: () => choose(id) }, nameOf(view, id))));
      across.classList.toggle("words", columns.some((tokens) => [...columnName(view, tokens)].length > 1));
      box.style.setProperty("--rows", String(ids.length));
      box.style.setProperty("--columns", String(columns.length));
    }
    canvas.setAttribute("aria-label", say("matrix.text", { shown: ids.length, n }));
    setText(words, say(view.before ? "matrix.pinned" : "matrix.text", { shown: ids.length, n, step: view.values.pin }) + (V > COLUMNS ? ` ${say("matrix.folded", { n: V - COLUMNS + 1 })}` : ""));
    setText(told, say("matrix.hint"));
    view.asked?.row.ahead(ids);
    const pen = canvas.getContext("2d");
    const image = pen.createImageData(columns.length, ids.length);
    ids.forEach((id, r) => {
      const [row, before, red] = [rowOf(view, id), beforeOf(view, id), isRed(view, id)];
      columns.forEach((tokens, c) => {
        const p = sum(row, tokens);
        image.data.set([...(before ? difference(p - sum(before, tokens)) : shade(p, red)), 255], 4 * (r * columns.length + c));
      });
      down.children[r].classList.toggle("chosen", id === chosen);
    });
    pen.putImageData(image, 0, 0);
  }

  return {
    element,
    /** @param {import("../chain/view.js").View} view */
    update(view) {
      last = view;
      draw();
    },
  };
}

/** A column for each token, or for those that the data has most often and one for all others.
 * @param {import("../chain/view.js").View} view @returns {number[][]} */
function columnsOf({ V, trained }) {
  const all = Array.from({ length: V }, (_, token) => token);
  if (V <= COLUMNS) return all.map((token) => [token]);
  const counts = new Float64Array(V);
  for (const [key, count] of trained.experiment.taken) counts[key % V] += count;
  const often = new Set([...all].sort((a, b) => counts[b] - counts[a] || a - b).slice(0, COLUMNS - 1));
  return [...all.filter((token) => often.has(token)).map((token) => [token]), all.filter((token) => !often.has(token))];
}

/** @param {import("../chain/view.js").View} view @param {number[]} tokens */
function columnName({ vocab }, tokens) {
  return tokens.length === 1 ? visible(vocab[tokens[0]]) : "…";
}

/** @param {Float64Array} row @param {number[]} tokens */
function sum(row, tokens) {
  return tokens.reduce((total, token) => total + row[token], 0);
}

/** White for never, dark blue for always; red states in red. @param {number} p @param {boolean} red */
function shade(p, red) {
  const light = 255 * (1 - Math.sqrt(p)); // so that a few in a hundred can still be told from never
  return red ? [Math.min(255, light + 90), light * 0.7, light * 0.7] : [light * 0.95, light, Math.min(255, light + 70)];
}

/** Violet for more, green for less, as --up and --down are. @param {number} d */
function difference(d) {
  const light = 1 - Math.min(1, 2 * Math.abs(d));
  return (d > 0 ? [91, 47, 196] : [86, 107, 0]).map((full) => full + (255 - full) * light);
}
