"""Pages in a browser, for all tests that look at one."""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from finitegpt import Run
from finitegpt.page import page

AXE = Path(__file__).parent / "page" / "node_modules" / "axe-core" / "axe.min.js"
BROWSER = shutil.which("chromium-headless-shell") or shutil.which("chromium")


@pytest.fixture(scope="session")
def chromium(request: pytest.FixtureRequest) -> Iterator[Any]:
    if BROWSER is None:
        if request.config.getoption("--require-browser"):
            pytest.fail("expected Chromium, found none")
        pytest.skip("Chromium is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
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
