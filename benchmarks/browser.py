"""The page in headless Chromium: how long what people do with it takes."""

import random
import shutil
import statistics
import string
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from measure import Result, seconds

import finitegpt
from finitegpt.page import page

BROWSER = shutil.which("chromium-headless-shell") or shutil.which("chromium")
WATCH = """
  // When the worker is asked and when it answers, and when the first picture stands.
  window.asked = 0; window.answers = [];
  const Plain = Worker;
  window.Worker = class extends Plain {
    constructor(...all) {
      super(...all);
      this.addEventListener("message", ({ data }) => {
        if (!data.finished && data.kind !== "looked") return;
        window.answers.push(performance.now() - window.asked);
        window.heard?.();
      });
    }
    postMessage(...all) { window.asked = performance.now(); super.postMessage(...all); }
  };
  new MutationObserver((_, self) => {
    if (!document.querySelector(".stage svg .arrow-label")?.textContent) return;
    requestAnimationFrame(() => (window.pictured = performance.now()));
    self.disconnect();
  }).observe(document, { childList: true, subtree: true, characterData: true });
"""
RETRAIN = """async () => {
  const seed = document.querySelector("input[aria-label=Seed]"), times = [];
  for (let k = 0; k < 40; k++) {
    window.answers.length = 0;
    seed.value = 1000 + k;
    seed.dispatchEvent(new Event("input"));
    while (!window.answers.length) await new Promise((resolve) => setTimeout(resolve, 1));
    times.push(window.answers[0]);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  return times.slice(10);
}"""
DRAWN = """async () => {
  // From asking to a picture that stands: the training, the wait for a frame, the drawing and the painting.
  const seed = document.querySelector("input[aria-label=Seed]"), times = [];
  const painted = () => new Promise((resolve) => requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = resolve;
    port2.postMessage(0);
  }));
  for (let k = 0; k < 40; k++) {
    window.answers.length = 0;
    seed.value = 1000 + k;
    const began = performance.now();
    const heard = new Promise((resolve) => (window.heard = resolve));
    seed.dispatchEvent(new Event("input"));
    await heard;
    await painted();
    times.push(performance.now() - began);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  return times.slice(10);
}"""
TYPED = """async (texts) => {
  // A text typed anew: trained and drawn with the names of its states.
  const box = document.querySelector("[data-key=data] textarea"), times = [];
  for (const text of texts) {
    window.answers.length = 0;
    box.value = text;
    const began = performance.now();
    const heard = new Promise((resolve) => (window.heard = resolve));
    box.dispatchEvent(new Event("input"));
    await heard;
    await new Promise(requestAnimationFrame);
    await new Promise((resolve) => setTimeout(resolve, 0)); // drawn in that frame
    const told = document.querySelector(".step").textContent;
    const names = document.querySelectorAll(".stage svg .state text");
    if (!told.includes("50 of 50") || names.length < 50) throw new Error(`${told}, ${names.length} names`);
    times.push(performance.now() - began);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  return times;
}"""
FILM = """async () => {
  // Frames of each second for as long as the opening's scene moves.
  const moves = () => !document.querySelector(".opening .foot .main"), seconds = [];
  for (const began = performance.now(); moves() && performance.now() - began < 9000;) {
    const since = performance.now();
    let frames = 0;
    while (moves() && performance.now() - since < 1000) {
      await new Promise(requestAnimationFrame);
      frames++;
    }
    seconds.push((1000 * frames) / (performance.now() - since));
  }
  return seconds;
}"""
DRAG = """async (selector) => {
  // One change a frame for three seconds, as a hand on a slider does; returns frames and answers of each second.
  const slider = document.querySelector(selector), seconds = [];
  const [low, high] = [Number(slider.min), Number(slider.max)];
  let k = 0;
  for (let second = 0; second < 3; second++) {
    window.answers.length = 0;
    let frames = 0;
    const began = performance.now();
    while (performance.now() - began < 1000) {
      slider.value = low + (k++ % (high - low + 1));
      slider.dispatchEvent(new Event("input"));
      await new Promise(requestAnimationFrame);
      frames++;
    }
    seconds.push([frames, window.answers.length]);
  }
  return seconds;
}"""
NUDGE = """async () => {
  const slider = document.querySelector("[data-part=nudge] input[type=range]"), times = [];
  for (let k = 0; k < 25; k++) {
    window.answers.length = 0;
    const began = performance.now();
    slider.value = 0.01 * (k + 1);
    slider.dispatchEvent(new Event("input"));
    while (!window.answers.length) await new Promise((resolve) => setTimeout(resolve, 1));
    await new Promise(requestAnimationFrame); // drawn in this frame
    await new Promise((resolve) => setTimeout(resolve, 0));
    times.push(performance.now() - began);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return times.slice(5);
}"""


def the_page() -> Iterator[Result]:
    """Nothing where there is no browser."""
    if BROWSER is None:
        return
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        file = Path(folder) / "page.html"
        file.write_text(page(), encoding="utf-8")

        def opened(link: str = "opening=0", path: Path = file) -> Any:
            view = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
            view.add_init_script(WATCH)
            view.goto(f"{path.as_uri()}#{link}")
            view.wait_for_selector(".stage svg, .stage canvas", state="attached")
            view.wait_for_timeout(700)
            return view

        what, where = "the page: ", "headless Chromium"
        view = opened()
        yield Result(
            what + "the notebook's 50 steps again, all chains kept", where, "16 ms", view.evaluate(RETRAIN), " ms"
        )
        native = [1000 * seconds(lambda: finitegpt.train(keep_steps=True)) for _ in range(40)]
        drawn = [time / statistics.median(native[10:]) for time in view.evaluate(DRAWN)]
        yield Result(what + "the same, from asking to painted", "the native engine, a thread", "2.5 times", drawn)
        for name, least in (("Heads", "30 a second"), ("Layers", "")):
            drawn = [min(s) for s in opened().evaluate(DRAG, f"input[type=range][aria-label={name}]")]
            yield Result(
                f"{what}slider of {name.lower()} dragged, trained every frame", where, least, drawn, " a second"
            )
        scrubbed = opened("context=6&steps=200").evaluate(DRAG, "#timeline")
        yield Result(what + "scrubbing a run of 64 states", where, "60 a second", [s[0] for s in scrubbed], " a second")
        for context in (1, 2, 3):
            typed = opened(f"opening=0&context={context}").evaluate(TYPED, long_texts(5))
            yield Result(
                f"{what}5,000 characters, 60 different ones, context {context}, typed and drawn with names",
                *(where, "1000 ms", typed, " ms"),
            )
        for scene in (1, 4):
            yield Result(
                f"{what}scene {scene} of the opening moves",
                where,
                "60 a second",
                film(opened(f"opening={scene}")),
                " a second",
            )
        exported = Path(folder) / "run.html"
        exported.write_text(page(finitegpt.train()), encoding="utf-8")
        firsts = [opened("", exported).evaluate("window.pictured") for _ in range(7)]
        yield Result(what + "first picture of an exported file", where, "400 ms", firsts, " ms")
        large = opened("context=12&layers=2&steps=2").evaluate(NUDGE)
        yield Result(what + "2**12 states computed again and drawn", where, "100 ms", large, " ms")
        full = opened("context=12&steps=2").evaluate(NUDGE)
        yield Result(what + "the same with four layers", where, "100 ms", full, " ms")
        browser.close()


def long_texts(many: int) -> list[str]:
    """Texts of 5,000 characters with 60 different ones, some more frequent than others and each after few others."""
    symbols = string.ascii_letters + "0123456 "
    rng = random.Random(1337)
    follows = {one: rng.choices(symbols, k=6) for one in symbols}

    def text() -> str:
        parts = list(symbols)
        while len(parts) < 5_000:
            parts.append(rng.choice(follows[parts[-1]]))
        return "".join(parts)

    return [text() for _ in range(many)]


def film(view: Any) -> list[float]:
    """Frames a second while a scene of the opening moves by itself."""
    if view.locator(".opening .guess").count():
        view.fill(".opening .guess", "70")
    else:  # the window, until it goes on alone
        for _ in range(2):
            view.click(".opening .asks button")
        view.wait_for_selector(".circles.asked")
        view.click('.circles .state[data-id="5"]')
    view.click(".opening .asks button")
    return view.evaluate(FILM)[:-1]
