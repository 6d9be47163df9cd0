// A reader who tries everything, at random, the same for the same seed: see random_walk.py.

window.wanderer = (seed) => {
  const DATA = ["0110100110010110", "abcabcaabbccabc", "01", "", "the cat sat on the mat", "道可道非常道", "0".repeat(300) + "1", "<b>&amp;"];
  const NUMBERS = ["0", "1", "2", "3", "5", "0.5", "-1", "1e9", "two", "", "0.001", "300"];
  const RED = ["*00", "1?", "7", ""];
  const KEYS = ["Escape", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "Enter", " ", "?", "Tab"];
  const LINKS = ["opening=0", "opening=4", "lesson=3&opening=0", "steps=120&temperature=.5&opening=0", "context=8&layers=1&opening=0", "pin=0&opening=0", "bogus=1&opening=0", "%E0%A4%A", "lang=zh&opening=0", "lang=en&opening=0"];
  const CONTROLS = "button, select, summary, input:not([type=file]), textarea, [role=button], .state[tabindex], .curve, .matrix, .dots, .term";

  /** Mulberry32. */
  let state = seed >>> 0;
  const random = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const one = (list) => list[Math.floor(random() * list.length)];
  const told = (element, ...kinds) => kinds.forEach((kind) => element.dispatchEvent(new Event(kind, { bubbles: true })));
  const inSight = (element) => element.getClientRects().length && !element.disabled && getComputedStyle(element).visibility === "visible";
  const name = (element) => `${element.localName} ${element.getAttribute("aria-label") ?? element.textContent.slice(0, 30)}`.trim();

  // What would lead away from the page, or ask the reader for something outside of it.
  window.print = () => {};
  HTMLInputElement.prototype.showPicker = () => {};
  addEventListener("click", (event) => event.target.closest?.("a[href]") && event.preventDefault(), true);
  HTMLAnchorElement.prototype.click = () => {};
  const click = HTMLElement.prototype.click;
  HTMLInputElement.prototype.click = function () {
    if (this.type !== "file") click.call(this);
  };

  const pointed = (element, kind, more = {}) => {
    const { left, top, width, height } = element.getBoundingClientRect();
    const at = { clientX: left + random() * width, clientY: top + random() * height };
    element.dispatchEvent(new PointerEvent(kind, { bubbles: true, pointerId: 1, ...at, ...more }));
  };

  /** Does something with a control, and says what. */
  function use(element) {
    if (element.localName === "select") {
      if (!element.options.length) return "nothing to choose yet";
      element.value = one([...element.options]).value;
      told(element, "input", "change");
      return `chooses ${element.value}`;
    }
    if (element.type === "range") {
      const [low, high, step] = [element.min, element.max, element.step].map(Number);
      element.value = String(low + Math.round((random() * (high - low)) / (step || 1)) * (step || 1));
      told(element, "input", "change");
      return `drags to ${element.value}`;
    }
    if (element.localName === "textarea" || ["text", "number"].includes(element.type)) {
      const words = element.localName === "textarea" ? DATA : element.inputMode === "text" ? RED : NUMBERS;
      element.focus();
      element.value = one(words);
      told(element, "input", "change");
      if (random() < 0.5) element.blur();
      return `types ${element.value.slice(0, 20)}`;
    }
    if (random() < 0.2) {
      pointed(element, "pointerover");
      pointed(element, "pointermove");
      return "points";
    }
    if (element.matches(".curve")) {
      pointed(element, "pointermove", { buttons: 1 });
      return "drags";
    }
    if (element.focus && random() < 0.5) element.focus();
    if (element.click) element.click();
    else element.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    return "presses";
  }

  function act() {
    const kind = random();
    if (kind < 0.1) {
      const key = one(KEYS);
      (document.activeElement ?? document.body).dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
      return `key ${key}`;
    }
    if (kind < 0.13) {
      location.hash = one(LINKS);
      return `link ${location.hash}`;
    }
    if (kind < 0.16) {
      scrollTo(0, random() * document.documentElement.scrollHeight);
      return "scrolls";
    }
    const dialog = document.querySelector("dialog[open]");
    const all = [...(dialog ?? document).querySelectorAll(CONTROLS)].filter(inSight);
    if (!all.length) return "nothing in sight";
    // A kind of control first, so that many states or boxes do not leave the others alone.
    const kinds = Map.groupBy(all, (element) => `${element.localName} ${element.closest("[data-part]")?.dataset.part} ${element.type}`);
    const element = one(kinds.get(one([...kinds.keys()])));
    return `${name(element)}: ${use(element)}`;
  }

  /** Acts one after the other, and what they were. @param {number} acts @param {number} pause milliseconds after each */
  return async (acts, pause) => {
    const done = [];
    for (let k = 0; k < acts; k++) {
      done.push(act());
      await new Promise((rested) => setTimeout(rested, pause));
    }
    return done;
  };
};
