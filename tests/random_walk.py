"""A random walk over all controls of the page: nothing may go wrong on it, and memory must not grow.

    python tests/random_walk.py --browser firefox --minutes 60

An hour here is 1,800 acts of a reader, one every two seconds by the clock of the page; that clock runs six times as
fast (`--speed`), and with it its frames, its timers and all that plays or walks. Trainings and drawing take the time
that they take, so an hour lasts a little more than ten minutes. Acts are events made by a script
(tests/page/wander.js), not by a mouse and keys: those are for tests/test_page_everywhere.py. The same seed makes the
same choices, though a training under way may be elsewhere when they come.

Twelve times on the way, and before it, the page is brought back to where it began and its memory is looked at: in
Chromium the heap of JavaScript after a garbage collection, and how many nodes and listeners it has; in Firefox all of
its processes, after it was asked to do with as little as it can; in WebKit all of its processes, after so much garbage
that it has to collect it. The first half of the way is for caches to fill, for code to be compiled, and for the
engine's memory, which never shrinks, to come to what the largest training needs. It has grown where the median of the
last quarter is larger than that of the third: by more than a tenth, or a fifth for whole processes, whose memory goes
up and down by as much; and, in bytes, by more than 8 MiB.
"""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import browsers
from browsers import CHROMIUM, INSTALLED, NAMES, REMOTE, View, watched
from finitegpt.page import page

WANDER = (Path(__file__).parent / "page" / "wander.js").read_text(encoding="utf-8")
HOME = "opening=0&lang=en"
OTHER = "opening=0&lang=zh"
SECONDS = 2  # by the page's clock, between two acts
LOOKS = 12
MARGIN = 8 * 2**20


def begin(view: View, seed: int, speed: float = 1) -> None:
    view.evaluate(f"(seed, speed) => {{ hasten(speed); {WANDER}; window.wander = wanderer(seed); }}", seed, speed)


def wander(view: View, acts: int, pause: float) -> list[str]:
    """Acts of a reader, `pause` seconds by the page's clock apart, and what they were."""
    done: list[str] = []
    while len(done) < acts:
        done += view.evaluate("(acts, pause) => wander(acts, pause)", min(10, acts - len(done)), 1000 * pause)
    return done


def home(view: View) -> None:
    """Back to where it all began, with nothing going on: another language builds the whole screen anew."""
    for link, words in ((OTHER, "训练"), (HOME, "Training")):
        view.evaluate("(link) => { location.hash = link; scrollTo(0, 0); }", link)
        view.says(".panel", words)
    view.says(".step", "step 50 of 50, loss 0.4670 nats")
    view.settle()


def grown(looks: list[dict[str, int]]) -> dict[str, float]:
    """What has become more, and how many times as much it is."""
    quarter = len(looks) // 4
    found = {}
    for name in looks[0]:
        before, after = (
            median(look[name] for look in part) for part in (looks[-2 * quarter : -quarter], looks[-quarter:])
        )
        most = 1.2 if name == "memory" else 1.1
        if after > most * before and after - before > (MARGIN if name in ("heap", "memory") else 0):
            found[name] = after / before
    return found


def walk(view: View, file: Path, minutes: float, seed: int, speed: float) -> bool:
    """Whether all went well, said on the way."""
    view.resize(1280, 900)
    view.open(file, HOME)
    begin(view, seed, speed)
    acts, looks, well = round(60 * minutes / SECONDS), [], True
    began = time.monotonic()
    for part in range(LOOKS + 1):
        done = wander(view, round(acts / LOOKS), SECONDS) if part else []
        home(view)
        looks.append({"elements": view.evaluate("() => document.querySelectorAll('*').length"), **view.held()})
        figures = ", ".join(f"{name} {value:,}" for name, value in looks[-1].items())
        print(f"{part * acts / LOOKS:6.0f} acts, {time.monotonic() - began:5.0f} s: {figures}", flush=True)
        troubles = view.evaluate("() => [...window.troubles.splice(0), ...window.asked()]")
        if troubles:
            well = False
            print(*troubles, "after:", *done, sep="\n  ", flush=True)
    for name, times in grown(looks).items():
        well = False
        print(f"{name} has grown {times:.2f} times")
    return well


@contextmanager
def opened(name: str) -> Iterator[View]:
    if name != "chromium":
        with REMOTE[name]() as view:
            yield view
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        with browsers.chromium(browser) as view:
            yield view
        browser.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--browser", choices=[*NAMES, "all"], default="all")
    parser.add_argument("--minutes", type=float, default=60, help="by the page's clock")
    parser.add_argument("--speed", type=float, default=6, help="of the page's clock")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that no browser is left
    well = True
    for name in NAMES if given.browser == "all" else [given.browser]:
        if not INSTALLED[name]:
            print(f"{NAMES[name]} is not installed")
            continue
        print(f"{NAMES[name]}, {given.minutes:g} minutes, seed {given.seed}")
        with tempfile.TemporaryDirectory() as folder, opened(name) as view:
            file = Path(folder) / "page.html"
            file.write_text(watched(page()), encoding="utf-8")
            well &= walk(view, file, given.minutes, given.seed, given.speed)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
