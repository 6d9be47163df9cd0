// Chains too large to be drawn as a graph: a row of pixels for each state, as dark as its tokens are probable.

import { html } from "./dom.js";

const LONGEST = 1024;

/** @param {number} n @param {number} V @param {(id: number) => void} choose */
export function matrix(n, V, choose) {
  const columns = Math.max(1, Math.ceil(n / LONGEST));
  const rows = Math.ceil(n / columns);
  const canvas = html("canvas", { width: columns * (V + 1), height: rows, class: "matrix", role: "img" });
  canvas.addEventListener("click", (/** @type {MouseEvent} */ event) => {
    const box = canvas.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * columns);
    const row = Math.floor(((event.clientY - box.top) / box.height) * rows);
    const id = column * rows + row;
    if (id >= 0 && id < n) choose(id);
  });
  return {
    picture: canvas,
    /** @param {{p: Float64Array}} shown */
    update({ p }) {
      const pen = canvas.getContext("2d");
      const image = pen.createImageData(canvas.width, canvas.height);
      for (let id = 0; id < n; id++)
        for (let y = 0; y < V; y++) {
          const place = 4 * ((id % rows) * canvas.width + Math.floor(id / rows) * (V + 1) + y);
          const shade = Math.round(255 * (1 - p[id * V + y]));
          image.data.set([shade, shade, Math.min(255, shade + 40), 255], place);
        }
      pen.putImageData(image, 0, 0);
    },
    walk() {},
  };
}
