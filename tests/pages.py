"""Pages in a browser, for all tests that look at one."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import browsers
from browsers import INSTALLED, NAMES, View, watched
from finitegpt import Run
from finitegpt.page import page

AXE = Path(__file__).parent / "page" / "node_modules" / "axe-core" / "axe.min.js"


def needed(name: str, request: pytest.FixtureRequest) -> Any:
    """Where a browser is; where it is not, its tests are skipped with a word, or fail where they must run."""
    if not INSTALLED[name]:
        if request.config.getoption("--require-browser"):
            pytest.fail(f"expected {NAMES[name]}, found none")
        pytest.skip(f"{NAMES[name]} is not installed")
    return INSTALLED[name]


@pytest.fixture(scope="session")
def chromium(request: pytest.FixtureRequest) -> Iterator[Any]:
    path = needed("chromium", request)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Opens the page with a link; afterwards nothing may have gone wrong in it, and nothing been asked for."""
    contexts, troubles, requests = [], [], []

    def open_page(
        link: str = "",
        *,
        width: int = 1280,
        run: Run | None = None,
        locale: str = "en-GB",
        before: str = "",
        opening: bool = False,
        **more: Any,
    ) -> Any:
        file = tmp_path / "page.html"
        file.write_text(page(run), encoding="utf-8")
        size = {"width": width, "height": 900}
        context = chromium.new_context(viewport=size, locale=locale, accept_downloads=True, **more)
        contexts.append(context)
        context.set_offline(True)
        if before:
            context.add_init_script(before)
        view = context.new_page()
        view.on("pageerror", lambda error: troubles.append(str(error)))
        view.on("console", lambda said: troubles.append(said.text) if said.type in ("error", "warning") else None)
        view.on("dialog", lambda dialog: troubles.append(f"dialog: {dialog.message}"))
        view.on("request", lambda asked: requests.append(asked.url))
        link = link or ("" if opening or run else "opening=0")
        view.goto(file.as_uri() + (f"#{link}" if link else ""))
        if "validate" not in before:
            view.wait_for_selector(".stage svg, .stage canvas", state="attached")
            settle(view)
        return view

    yield open_page
    assert troubles == []
    assert all(url.startswith(("file:", "blob:")) for url in requests)
    for context in contexts:
        context.close()


@pytest.fixture(scope="session", params=list(NAMES))
def browser(request: pytest.FixtureRequest) -> Iterator[View]:
    """Each browser in turn, begun once, with one window."""
    needed(request.param, request)
    if request.param == "chromium":
        begun = browsers.chromium(request.getfixturevalue("chromium"))
    else:
        begun = browsers.REMOTE[request.param]()
    with begun as view:
        yield view


@pytest.fixture
def anywhere(browser: View, tmp_path: Path) -> Iterator[Callable[..., View]]:
    """Opens the page in each browser; afterwards nothing may have gone wrong in it, and nothing been asked for."""
    opened = False

    def open_page(
        link: str = "opening=0&lang=en", *, size: tuple[int, int] = (1280, 900), run: Run | None = None
    ) -> View:
        nonlocal opened
        if opened:
            assert not (troubles := browser.troubles()), troubles
        file = tmp_path / "page.html"
        file.write_text(watched(page(run)), encoding="utf-8")
        browser.resize(*size)
        browser.open(file, link)
        opened = True
        return browser

    yield open_page
    assert not (troubles := browser.troubles()), troubles


def settle(view: Any) -> None:
    """Waits until two frames in a row look the same."""
    if view.is_visible(".opening"):
        view.wait_for_selector(".opening .words > *")
        return
    before = None
    for _ in range(100):
        view.wait_for_timeout(60)
        step = view.inner_text(".step")
        now = step + view.inner_text(".side") + view.url
        if now == before and re.search(r"\d", step):  # of whatever language
            return
        before = now
