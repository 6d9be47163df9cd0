// The picture on the screen as a file that needs no style sheet, in light colours if wanted, with words above and below.

const SCALE = 2; // pixels of a PNG for each of the screen
const SMALLEST = 900; // pixels of a PNG that is no drawing
const MARGIN = 12;
const FONT = "Roboto, Helvetica, Arial, 'Noto Sans', 'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', sans-serif";
const TITLE = 15;
const SMALL = 9;
const MOST_LINES = 24;
const STYLED = [
  "fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "opacity", "visibility",
  "font-size", "font-weight", "text-anchor", "dominant-baseline",
];
const SVG = "http://www.w3.org/2000/svg";

/**
 * @typedef {{title: string, link: string}} Words what stands above and below a picture
 * @typedef {{light: boolean, words: Words | null, redraw: () => void}} How `redraw` draws pixels anew, in the colours of then
 */

/** Does something while the page is light. @template T @param {boolean} light @param {() => T} act @returns {T} */
function lit(light, act) {
  const { dataset } = document.documentElement;
  const was = dataset.theme;
  if (light) dataset.theme = "light";
  try {
    return act();
  } finally {
    if (was === undefined) delete dataset.theme;
    else dataset.theme = was;
  }
}

/** A drawing as an SVG that stands alone; null for a picture that is pixels.
 * @param {SVGElement | HTMLCanvasElement} shown @param {How} how */
export function svgOf(shown, { light, words }) {
  return shown instanceof SVGElement ? new Blob([lit(light, () => svgText(shown, words))], { type: "image/svg+xml" }) : null;
}

/** A picture as a PNG. @param {SVGElement | HTMLCanvasElement} shown @param {How} how
 * @returns {Promise<Blob | null>} */
export async function pngOf(shown, how) {
  const { light, words, redraw } = how;
  const canvas = document.createElement("canvas");
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  if (shown instanceof SVGElement) {
    const image = new Image();
    image.src = URL.createObjectURL(/** @type {Blob} */ (svgOf(shown, how)));
    await image.decode();
    canvas.width = SCALE * image.width;
    canvas.height = SCALE * image.height;
    pen.drawImage(image, 0, 0, canvas.width, canvas.height);
    URL.revokeObjectURL(image.src);
  } else {
    const { paper, ink, soft } = colours(light);
    const wide = Math.max(1, Math.floor(SMALLEST / shown.width)) * shown.width;
    const high = Math.max(1, Math.floor(SMALLEST / shown.height)) * shown.height;
    const { above, below, top, bottom } = laid(words, wide / SCALE);
    canvas.width = wide;
    canvas.height = high + SCALE * (top + bottom);
    pen.fillStyle = paper;
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.imageSmoothingEnabled = false;
    lit(light, () => {
      redraw();
      pen.drawImage(shown, 0, SCALE * top, wide, high);
    });
    redraw();
    for (const { text, y, size } of [...above, ...below.map((line) => ({ ...line, y: line.y + top + high / SCALE }))]) {
      pen.font = `${size === TITLE ? 600 : 400} ${SCALE * size}px ${FONT}`;
      pen.fillStyle = size === TITLE ? ink : soft;
      pen.fillText(text, SCALE * MARGIN, SCALE * y);
    }
  }
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

/** @param {SVGElement} shown @param {Words | null} words */
function svgText(shown, words) {
  const copy = /** @type {SVGElement} */ (shown.cloneNode(true));
  const [from, to] = [[shown, ...shown.querySelectorAll("*")], [copy, ...copy.querySelectorAll("*")]];
  from.forEach((element, k) => {
    const look = getComputedStyle(element);
    for (const name of STYLED) to[k].setAttribute(name, look.getPropertyValue(name));
    for (const { name } of [...to[k].attributes]) if (/^(class|tabindex|role|style|aria-.*|data-.*)$/.test(name)) to[k].removeAttribute(name);
  });
  for (const hit of copy.querySelectorAll("title, [visibility=hidden]")) hit.remove();
  const [x, y, wide, high] = (shown.getAttribute("viewBox") ?? "0 0 1 1").split(/[\s,]+/).map(Number);
  const { paper, ink, soft } = colours(false);
  const { above, below, top, bottom } = laid(words, wide);
  const all = high + top + bottom;
  set(copy, { xmlns: SVG, viewBox: `${x} ${y - top} ${wide} ${all}`, width: wide, height: all, "font-family": FONT });
  copy.prepend(made("rect", { x, y: y - top, width: wide, height: all, fill: paper }));
  for (const [lines, from, fill] of /** @type {const} */ ([[above, y - top, ink], [below, y + high, soft]]))
    for (const { text, y: down, size } of lines) {
      const element = made("text", { x: x + MARGIN, y: from + down, fill, "font-size": size, "font-weight": size === TITLE ? 600 : 400, "text-anchor": "start" });
      element.textContent = text;
      copy.append(element);
    }
  return new XMLSerializer().serializeToString(copy);
}

/** @param {boolean} light */
function colours(light) {
  return lit(light, () => {
    const look = getComputedStyle(document.documentElement);
    const [paper, ink, soft] = ["--paper", "--ink", "--soft"].map((name) => look.getPropertyValue(name).trim());
    return { paper, ink, soft };
  });
}

/** Words in lines of a width, and the room that they take above and below. @param {Words | null} words @param {number} wide */
function laid(words, wide) {
  if (!words) return { above: [], below: [], top: 0, bottom: 0 };
  const lines = (/** @type {string} */ text, /** @type {number} */ size) =>
    wrapped(text, size, wide - 2 * MARGIN).map((line, k) => ({ text: line, size, y: MARGIN + size + 1.35 * size * k }));
  const [above, below] = [lines(words.title, TITLE), lines(words.link, SMALL)];
  const room = (/** @type {{y: number}[]} */ of) => (of.length ? of[of.length - 1].y + MARGIN : 0);
  return { above, below, top: room(above), bottom: room(below) };
}

/** @param {string} text @param {number} size @param {number} wide */
function wrapped(text, size, wide) {
  const pen = /** @type {CanvasRenderingContext2D} */ (document.createElement("canvas").getContext("2d"));
  pen.font = `${size === TITLE ? 600 : 400} ${size}px ${FONT}`;
  /** @type {string[]} */
  const lines = [];
  // Words stay whole; what has no spaces, as a link, is broken anywhere.
  for (const word of text.split(/(?<= )/).flatMap((one) => (pen.measureText(one).width > wide ? [...one] : [one]))) {
    const last = lines.length - 1;
    if (last >= 0 && pen.measureText((lines[last] + word).trimEnd()).width <= wide) lines[last] += word;
    else if (lines.push(word) > MOST_LINES) return [...lines.slice(0, MOST_LINES - 1), "…"];
  }
  return lines;
}

/** @param {string} name @param {Record<string, string | number>} attributes */
function made(name, attributes) {
  return set(document.createElementNS(SVG, name), attributes);
}

/** @template {Element} E @param {E} element @param {Record<string, string | number>} attributes */
function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return element;
}
