// Elements from data. Text is always text: nothing here reads markup.

const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {string} name @param {Record<string, any>} attributes @param {(Node | string)[]} children
 * @returns {any}
 */
export function html(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/**
 * @param {string} name @param {Record<string, any>} attributes @param {(Node | string)[]} children
 * @returns {any}
 */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

/** @param {Element} element @param {Record<string, any>} attributes @param {(Node | string)[]} children */
function filled(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : String(value));
  }
  element.append(...children);
  return element;
}

/** @param {string} words @param {() => void} act @param {Record<string, any>} more */
export function button(words, act, more = {}) {
  return html("button", { type: "button", onclick: act, ...more }, words);
}

/** Sets a text only where it is another: what is the same is not read aloud again. @param {Element} element @param {string} text */
export function setText(element, text) {
  if (element.textContent === text) return;
  const only = element.childNodes.length === 1 ? element.firstChild : null;
  if (only instanceof Text) only.data = text; // a new node would have to be laid out afresh
  else element.textContent = text;
}

/**
 * A row of a symbol, a bar and a number.
 * @param {string} colour
 */
export function bar(colour) {
  const symbol = html("span", { class: "symbol" });
  const fill = html("span", { class: "fill", style: `background:${colour}` });
  const tick = html("span", { class: "tick" });
  const number = html("span", { class: "number" });
  const element = html("div", { class: "bar" }, symbol, html("span", { class: "track" }, fill, tick), number);
  return {
    element,
    /** @param {string} name @param {number} p @param {string} text @param {number | null} mark where a tick stands */
    set(name, p, text, mark = null) {
      setText(symbol, name);
      fill.style.clipPath = `inset(0 ${(100 - 100 * p).toFixed(2)}% 0 0 round 3px)`; // painted anew, but nothing moves
      setText(number, text);
      tick.style.display = mark === null ? "none" : "";
      tick.style.left = `${(100 * (mark ?? 0)).toFixed(2)}%`;
    },
    /** @param {string} of */
    colour(of) {
      symbol.style.color = of;
      fill.style.background = of;
    },
  };
}
