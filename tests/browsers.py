"""Chromium, Firefox and WebKit, each with the page in it: one way to look at it and to touch it, as a reader does.

Chromium is driven by Playwright. Firefox and WebKit are those of Debian (firefox-esr, webkit2gtk-driver, xvfb), since
those that Playwright brings along cannot be had everywhere.
"""

import base64
import os
import shutil
import socket
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from processes import memory, running, until
from webdriver import Driver, Failed, Http, Marionette

CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
DRIVER = shutil.which("WebKitWebDriver")
SCREEN = shutil.which("Xvfb")
PLACES = ("lib/*/webkit2gtk-4.*/MiniBrowser", "libexec/webkit2gtk-4.*/MiniBrowser")
MINIBROWSER = next((str(path) for place in PLACES for path in sorted(Path("/usr").glob(place))), None)
INSTALLED = {"chromium": CHROMIUM, "firefox": FIREFOX, "webkit": DRIVER and SCREEN and MINIBROWSER}
NAMES = {"chromium": "Chromium", "firefox": "Firefox", "webkit": "WebKit"}

KEYS = {"Tab": 0xE004, "Enter": 0xE007, "Shift": 0xE008, "Control": 0xE009, "Escape": 0xE00C, "Space": 0x20}
KEYS |= {"Backspace": 0xE003, "End": 0xE010, "Home": 0xE011}
KEYS |= {"ArrowLeft": 0xE012, "ArrowUp": 0xE013, "ArrowRight": 0xE014, "ArrowDown": 0xE015}

WATCH = (Path(__file__).parent / "page" / "watch.js").read_text(encoding="utf-8")
# The first in sight of what has this selector, or, after "=", this name.
FIND = """(where) => {
  const named = (one) => (one.getAttribute("aria-label") ?? one.labels?.[0]?.textContent ?? one.textContent).trim();
  const byName = where.startsWith("=");
  const all = [...document.querySelectorAll(byName ? "button, input, select, summary, textarea" : where)];
  const seen = (one) => one.getClientRects().length && getComputedStyle(one).visibility === "visible";
  return all.find((one) => seen(one) && (!byName || named(one) === where.slice(1))) ?? null;
}"""

# Where the mouse has to go to press something, once it stays there; or a word of why it cannot.
REACH = f"""async (where) => {{
  const find = {FIND};
  const frame = () => new Promise(requestAnimationFrame);
  let before = "", why = "it does not come to rest";
  for (let k = 0; k < 60; k++) {{
    const found = find(where);
    const {{ left, top, width, height }} = found?.getBoundingClientRect() ?? {{}};
    const middle = [left + width / 2, top + height / 2];
    const hit = found && document.elementFromPoint(...middle);
    if (!found) why = "there is none";
    else if (!found.contains(hit)) {{
      why = `covered by ${{hit?.outerHTML.slice(0, 80)}}`;
      found.scrollIntoView({{ block: "center", behavior: "instant" }});
    }} else if (before === middle.join()) return middle;
    before = middle.join();
    await frame();
    await frame();
  }}
  return why;
}}"""


def watched(page: str) -> str:
    """The page, with what watches over it before all else: before its policy, which would forbid it."""
    return page.replace("<head>", f"<head><script>{WATCH}</script>", 1)


class View(ABC):
    """A page in a browser. `where` is a selector, or, after "=", the name of a control; what is touched is in sight."""

    name: str

    @abstractmethod
    def go(self, address: str) -> None: ...

    @abstractmethod
    def evaluate(self, function: str, *given: Any) -> Any:
        """What a function of JavaScript gives, once it is there."""

    @abstractmethod
    def click(self, where: str) -> None: ...

    @abstractmethod
    def press(self, *keys: str) -> None:
        """Keys, one after the other; `Shift+Tab` are two at once."""

    @abstractmethod
    def drag(self, begin: tuple[float, float], end: tuple[float, float]) -> None:
        """The mouse, pressed, from one point of the window to another."""

    @abstractmethod
    def resize(self, width: int, height: int) -> None: ...

    @abstractmethod
    def back(self) -> None: ...

    @abstractmethod
    def reload(self) -> None: ...

    @abstractmethod
    def saved(self, where: str) -> bytes:
        """The file that a button saves."""

    @abstractmethod
    def shot(self, file: Path) -> None: ...

    @abstractmethod
    def held(self) -> dict[str, int]:
        """What it has in memory, once it has given back what it needs no longer, as far as it can be asked to."""

    def open(self, file: Path, link: str = "") -> None:
        """The page anew, at a link."""
        self.go("about:blank")
        self.go(file.as_uri() + (f"#{link}" if link else ""))
        self.wait("() => document.querySelector('.stage svg, .stage canvas')")
        self.settle()

    def wait(self, function: str, *given: Any, seconds: float = 15) -> None:
        """Waits until what a function of JavaScript gives is true."""
        true = f"async (...given) => Boolean(await ({function})(...given))"
        until(lambda: self.evaluate(true, *given), f"{function} {given} in {NAMES[self.name]}", seconds)

    def settle(self) -> None:
        """Waits until the page looks the same for a while."""
        look = """() => {
          if (document.querySelector(".opening")?.getClientRects().length) return "opening";
          const chain = document.querySelector("[data-part=chain]");
          if (!chain || chain.querySelector(".old") || chain.textContent.includes("\u2026")) return "computing";
          return [".step", ".side"].map((one) => document.querySelector(one).innerText).join() + location.hash;
        }"""
        before: list[str] = []

        def still() -> bool:
            before.append(self.evaluate(look))
            return before[-1] == "opening" or ("step" in before[-1] and len(before) > 2 and len(set(before[-3:])) == 1)

        until(still, "a page at rest")

    def text(self, where: str) -> str:
        """The text of what is in sight; empty where there is none."""
        return self.evaluate(f"(where) => ({FIND})(where)?.innerText ?? ''", where)

    def says(self, where: str, words: str) -> None:
        """Waits for words."""
        seen = f"(where, words) => (({FIND})(where)?.innerText ?? '').includes(words)"
        try:
            self.wait(seen, where, words, seconds=10)
        except TimeoutError:
            raise AssertionError(f"expected {words!r} at {where}, got {self.text(where)!r}") from None

    def focus(self, where: str) -> None:
        self.evaluate(f"(where) => ({FIND})(where).focus()", where)

    def type(self, text: str) -> None:
        self.press(*("Space" if sign == " " else sign for sign in text))

    def fill(self, where: str, text: str) -> None:
        """Types over all that a field has."""
        self.click(where)
        self.press("Control+a")
        self.type(text)

    def choose(self, where: str, value: str) -> None:
        """One of a list."""
        self.evaluate(
            f"(where, value) => {{ const list = ({FIND})(where); list.value = value;"
            " for (const kind of ['input', 'change']) list.dispatchEvent(new Event(kind, { bubbles: true })); }",
            where,
            value,
        )

    def box(self, where: str) -> dict[str, float]:
        """Where something is in the window."""
        return self.evaluate(
            f"(where) => {{ const {{ left, top, right, bottom }} = ({FIND})(where).getBoundingClientRect();"
            " return { left, top, right, bottom }; }",
            where,
        )

    def troubles(self) -> list[str]:
        """All that has gone wrong since the page was opened, and all that it has asked for."""
        return self.evaluate("() => [...window.troubles, ...window.asked()]")


class Chromium(View):
    """Chromium, by a page of Playwright's."""

    name = "chromium"

    def __init__(self, page: Any):
        self.page = page

    def go(self, address: str) -> None:
        self.page.goto(address)

    def evaluate(self, function: str, *given: Any) -> Any:
        return self.page.evaluate(f"(given) => ({function})(...given)", list(given))

    def click(self, where: str) -> None:
        found = self.page.evaluate_handle(FIND, where).as_element()
        assert found, f"nothing in sight at {where}"
        found.click()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def drag(self, begin: tuple[float, float], end: tuple[float, float]) -> None:
        self.page.mouse.move(*begin)
        self.page.mouse.down()
        self.page.mouse.move(*end, steps=4)
        self.page.mouse.up()

    def resize(self, width: int, height: int) -> None:
        self.page.set_viewport_size({"width": width, "height": height})

    def back(self) -> None:
        self.page.go_back()

    def reload(self) -> None:
        self.page.reload()

    def saved(self, where: str) -> bytes:
        with self.page.expect_download() as download:
            self.click(where)
        return Path(download.value.path()).read_bytes()

    def shot(self, file: Path) -> None:
        self.page.screenshot(path=file)

    def held(self) -> dict[str, int]:
        with self._tools() as tools:
            tools.send("HeapProfiler.collectGarbage")
            heap = tools.send("Runtime.getHeapUsage")["usedSize"]
            counts = tools.send("Memory.getDOMCounters")
        return {"heap": heap, "nodes": counts["nodes"], "listeners": counts["jsEventListeners"]}

    @contextmanager
    def _tools(self) -> Iterator[Any]:
        tools = self.page.context.new_cdp_session(self.page)
        yield tools
        tools.detach()


class Remote(View):
    """A browser by WebDriver."""

    def __init__(self, name: str, send: Driver, downloads: Path, process: int):
        self.name, self.send, self.downloads, self.process = name, send, downloads, process
        send("SetTimeouts", script=1_000_000)  # WebKit counts it by the page's own clock, which may be hastened

    def go(self, address: str) -> None:
        self.send("Navigate", url=address)

    def evaluate(self, function: str, *given: Any) -> Any:
        script = f"""const given = [...arguments], done = given.pop();
          Promise.resolve().then(() => ({function})(...given))
            .then((value) => done([value ?? null, null]), (error) => done([null, `${{error}}\\n${{error?.stack}}`]));"""
        value, error = self.send("ExecuteAsyncScript", script=script, args=list(given))
        if error:
            raise Failed(error)
        return value

    def click(self, where: str) -> None:
        at = self.evaluate(REACH, where)
        assert not isinstance(at, str), f"nothing in sight at {where}: {at}"
        self._mouse({"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}, at=at)

    def press(self, *keys: str) -> None:
        acts: list[dict[str, str]] = []
        for together in keys:
            parts = together.split("+") if len(together) > 1 else [together]
            signs = [chr(KEYS[part]) if part in KEYS else part for part in parts]
            acts += [{"type": "keyDown", "value": sign} for sign in signs]
            acts += [{"type": "keyUp", "value": sign} for sign in reversed(signs)]
        self.send("PerformActions", actions=[{"type": "key", "id": "keys", "actions": acts}])

    def drag(self, begin: tuple[float, float], end: tuple[float, float]) -> None:
        between = [tuple(a + (b - a) * k / 4 for a, b in zip(begin, end, strict=True)) for k in range(5)]
        moves = [{"type": "pointerMove", "duration": 10, "x": round(x), "y": round(y)} for x, y in between]
        self._mouse({"type": "pointerDown", "button": 0}, *moves, {"type": "pointerUp", "button": 0}, at=begin)

    def _mouse(self, *acts: dict[str, Any], at: tuple[float, float]) -> None:
        begin = {"type": "pointerMove", "duration": 0, "x": round(at[0]), "y": round(at[1])}
        self.send("PerformActions", actions=[{"type": "pointer", "id": "mouse", "actions": [begin, *acts]}])

    def resize(self, width: int, height: int) -> None:
        self.send("SetWindowRect", x=0, y=0, width=width, height=height)
        self.wait("(...size) => innerWidth === size[0] && innerHeight === size[1]", width, height)

    def back(self) -> None:
        self.send("Back")

    def reload(self) -> None:
        self.send("Refresh")

    def saved(self, where: str) -> bytes:
        self.click(where)

        def done() -> list[Path]:
            files = list(self.downloads.iterdir())
            return (
                files
                if all(file.stat().st_size and file.suffix not in (".part", ".wkdownload") for file in files)
                else []
            )

        (file,) = until(done, f"a file in {self.downloads}")
        content = file.read_bytes()
        file.unlink()
        return content

    def shot(self, file: Path) -> None:
        file.write_bytes(base64.b64decode(self.send("TakeScreenshot", full=False)))

    def held(self) -> dict[str, int]:
        return {"memory": memory(self.process)}


class Firefox(Remote):
    """Firefox, which lets one into itself, too: for a page narrower than its bars, and for its memory."""

    def resize(self, width: int, height: int) -> None:
        style = "gBrowser.selectedBrowser.style"
        self._inside(f"{style}.width = arguments[0]; {style}.height = arguments[1];", f"{width}px", f"{height}px")
        self.wait("(...size) => innerWidth === size[0] && innerHeight === size[1]", width, height)

    def held(self) -> dict[str, int]:
        script = """const done = arguments[0];
          Cc["@mozilla.org/memory-reporter-manager;1"].getService(Ci.nsIMemoryReporterManager).minimizeMemoryUsage(done);"""
        self._inside(script)
        return super().held()

    def _inside(self, script: str, *given: Any) -> Any:
        self.send("Marionette:SetContext", value="chrome")
        try:
            if "done" in script:
                return self.send("ExecuteAsyncScript", script=script, args=list(given))
            return self.send("ExecuteScript", script=script, args=list(given))
        finally:
            self.send("Marionette:SetContext", value="content")


class WebKit(Remote):
    """WebKit (GTK 2.50), which crashes now and then where a page is reloaded after it has saved a file."""

    def saved(self, where: str) -> bytes:
        """The file as it is before the browser gets it."""
        self.evaluate("() => { window.made = null; HTMLAnchorElement.prototype.click = () => {}; }")
        self.click(where)
        self.wait("() => window.made")
        return self.evaluate("() => window.made.text()").encode()

    def held(self) -> dict[str, int]:
        """It cannot be asked to collect garbage, but it does where there is much."""
        self.evaluate("() => { for (let k = 0; k < 64; k++) new Float64Array(1_000_000).fill(k); }")
        time.sleep(3)
        return super().held()


@contextmanager
def chromium(browser: Any) -> Iterator[View]:
    """A page of a Chromium that Playwright has started."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB", accept_downloads=True)
    context.set_offline(True)
    yield Chromium(context.new_page())
    context.close()


@contextmanager
def firefox() -> Iterator[View]:
    assert FIREFOX
    with _home() as home:
        prefs = {
            "marionette.port": 0,
            "browser.download.folderList": 2,
            "browser.download.dir": str(home / "downloads"),
            "intl.accept_languages": "en-GB",
            "ui.prefersReducedMotion": 0,
            "network.proxy.type": 1,  # to where nobody listens: there is no network
            "network.proxy.http": "127.0.0.1",
            "network.proxy.http_port": 9,
            "network.proxy.ssl": "127.0.0.1",
            "network.proxy.ssl_port": 9,
        }
        profile = home / "profile"
        profile.mkdir()
        lines = [f"user_pref({_quoted(name)}, {_quoted(value)});\n" for name, value in prefs.items()]
        (profile / "user.js").write_text("".join(lines), encoding="utf-8")
        command = [FIREFOX, "--headless", "--marionette", "--remote-allow-system-access", "--profile", str(profile)]
        size = {"MOZ_HEADLESS_WIDTH": "1600", "MOZ_HEADLESS_HEIGHT": "1400"}
        with running(*command, environment={**_only(home), **size}) as process:
            port = until(lambda: _number(profile / "MarionetteActivePort"), "Marionette")
            send = Marionette(port)
            send("NewSession", capabilities={})
            yield Firefox("firefox", send, home / "downloads", process.pid)
            send.close()


@contextmanager
def webkit() -> Iterator[View]:
    """WebKit's small browser without its bars, on a screen that only memory has."""
    assert DRIVER
    assert SCREEN
    read, write = os.pipe()
    with (
        _home() as home,
        running(SCREEN, "-displayfd", str(write), "-screen", "0", "1400x1100x24", "-nolisten", "tcp", keep=(write,)),
    ):
        os.close(write)
        with os.fdopen(read, encoding="ascii") as number:
            display = {"DISPLAY": f":{number.readline().strip()}", "GDK_BACKEND": "x11"}
        port = _free()
        with running(DRIVER, f"--port={port}", environment={**_only(home), **display}) as process:
            send = Http(port)
            options = {"binary": MINIBROWSER, "args": ["--automation", "--full-screen"]}
            capabilities = {"capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": options}}}
            until(lambda: _begun(send, capabilities), "WebKit")
            yield WebKit("webkit", send, home / "downloads", process.pid)
            with suppress(Failed, OSError):
                send("DeleteSession")


REMOTE: dict[str, Callable[[], Any]] = {"firefox": firefox, "webkit": webkit}


def _begun(send: Http, capabilities: dict[str, Any]) -> Any:
    with suppress(ConnectionError, OSError):
        return send("NewSession", **capabilities)


@contextmanager
def _home() -> Iterator[Path]:
    """A folder for all that a browser keeps."""
    with tempfile.TemporaryDirectory(prefix="finitegpt-", ignore_cleanup_errors=True) as folder:
        (Path(folder) / "downloads").mkdir()
        yield Path(folder)


def _only(home: Path) -> dict[str, str]:
    """The environment of a browser that knows no other folder."""
    places = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR")
    return {**dict.fromkeys(places, str(home)), "LANG": "C.UTF-8", "LANGUAGE": "en"}


def _quoted(value: str | int) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _number(file: Path) -> int | None:
    text = file.read_text(encoding="ascii").strip() if file.exists() else ""
    return int(text) if text else None


def _free() -> int:
    """A port where nobody listens now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
