// Chains too large to be drawn as a graph: a row of pixels for each state, as dark as its tokens are probable.

import { label } from "../chain/data.js";
import { html } from "./dom.js";
import { say, visible } from "../ground/strings.js";

const TALLEST = 256;

/** @param {string[]} vocab @param {number} L @param {(id: number) => void} choose */
export function matrix(vocab, L, choose) {
  const V = vocab.length;
  const n = V ** L;
  const columns = Math.max(1, Math.ceil(n / TALLEST));
  const rows = Math.ceil(n / columns);
  const wide = columns * (V + 1) - 1;
  const canvas = html("canvas", { width: wide, height: rows, class: "matrix", role: "img", "aria-label": say("graph.large", { n }) });
  const state = (/** @type {MouseEvent} */ event) => {
    const box = canvas.getBoundingClientRect();
    const column = Math.floor((((event.clientX - box.left) / box.width) * wide) / (V + 1));
    const id = column * rows + Math.floor(((event.clientY - box.top) / box.height) * rows);
    return id >= 0 && id < n ? id : -1;
  };
  canvas.addEventListener("click", (/** @type {MouseEvent} */ event) => state(event) >= 0 && choose(state(event)));
  canvas.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
    canvas.title = state(event) < 0 ? "" : visible(label(state(event), vocab, L));
  });
  /** @type {ImageData | null} */
  let image = null;
  return {
    picture: canvas,
    /** @param {import("../chain/view.js").View} view */
    update({ p, before, red, chosen }) {
      const pen = canvas.getContext("2d");
      image ??= /** @type {ImageData} */ (pen.createImageData(wide, rows));
      const { data } = image;
      for (let id = 0; id < n; id++)
        for (let y = 0; y < V; y++) {
          const k = id * V + y;
          const place = 4 * ((id % rows) * wide + Math.floor(id / rows) * (V + 1) + y);
          const [r, g, b] = before ? difference(p[k] - before[k]) : shade(p[k], red[id] === 1);
          data[place] = r;
          data[place + 1] = g;
          data[place + 2] = b;
          data[place + 3] = id === chosen ? 160 : 255;
        }
      pen.putImageData(image, 0, 0);
    },
    walk() {},
  };
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
