// The page in a notebook, as anywidget wants it: a frame that goes with its output, and a port to it for values both ways.
// In a frame, whatever the notebook's own page has of styles, keys and addresses stays out, and workers end with it.

const NAMES = ["_shown", "step", "state", "temperature", "top_k", "top_p", "greedy", "red", "pin", "ghost", "hide", "theme", "lang"];

/** @param {{model: any, el: HTMLElement}} given */
function render({ model, el }) {
  const frame = document.createElement("iframe");
  /** @type {MessagePort | null} */
  let port = null;
  let hearing = false;
  const give = (/** @type {string[]} */ names) => port?.postMessage(Object.fromEntries(names.map((name) => [name, valueOf(name)])));
  const valueOf = (/** @type {string} */ name) => {
    const value = model.get(name);
    return name === "theme" && value === "auto" ? (isDark(el) ? "dark" : "light") : value;
  };
  const sized = () => (frame.style.height = `${model.get("height")}px`);
  const heard = (/** @type {MessageEvent} */ { data }) => {
    hearing = true;
    for (const name of NAMES) if (name in data) model.set(name, data[name]);
    hearing = false;
    model.save_changes();
  };
  /** @type {[string, () => void][]} */
  const listeners = [["change:height", sized], ...NAMES.map((name) => /** @type {[string, () => void]} */ ([`change:${name}`, () => hearing || give([name])]))];

  // A frame that is moved in its page is loaded again, and gets all values again.
  frame.addEventListener("load", () => {
    port?.close();
    const { port1, port2 } = new MessageChannel();
    port = port1;
    port.onmessage = heard;
    give(NAMES);
    frame.contentWindow?.postMessage("finitegpt", "*", [port2]);
  });
  for (const [event, listener] of listeners) model.on(event, listener);
  frame.title = "FiniteGPT";
  frame.allow = "clipboard-write";
  frame.style.cssText = "display: block; width: 100%; border: 0";
  sized();
  frame.srcdoc = model.get("_page");
  el.append(frame);
  return () => {
    for (const [event, listener] of listeners) model.off(event, listener);
    port?.close();
    frame.remove();
  };
}

/** Whether what is around an element is written in a light colour. @param {HTMLElement} el */
function isDark(el) {
  const [red, green, blue] = (getComputedStyle(el).color.match(/[\d.]+/g) ?? [0, 0, 0]).map(Number);
  return 0.299 * red + 0.587 * green + 0.114 * blue > 128;
}

export default { render };
