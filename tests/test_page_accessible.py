"""Every view of the page before axe-core, which finds nothing of any weight in any of them."""

from collections.abc import Callable
from typing import Any

import pytest

from pages import AXE, settle

LABORATORY = [
    "opening=0",
    "state=5&red=000&startup=1&ghost=1",
    "pin=3&lr=9",
    "state=7&off=1.2",
    "rows=0:1/0&state=0",
    "context=8&layers=1&steps=2&state=3",
    "context=11&layers=1&steps=2&state=3&hide=lessons,model",
]
LESSONS = [f"lesson={k}" for k in range(1, 10)]
INSIDE = [f"state=7&off=1.2&inside={k}" for k in range(1, 8)]
OPENING = [f"opening={k}" for k in range(1, 10)]


@pytest.fixture
def axe(request: pytest.FixtureRequest) -> Callable[[Any], list[Any]]:
    """What axe-core finds in a page as it is."""
    if not AXE.exists():
        if request.config.getoption("--require-browser"):
            pytest.fail("expected axe-core, found none; try make tools")
        pytest.skip("axe-core is not installed; make tools")
    script = AXE.read_text(encoding="utf-8")

    def found(view: Any) -> list[Any]:
        if not view.evaluate("typeof axe === 'object'"):
            view.evaluate(script)
        violations = view.evaluate("axe.run({ resultTypes: ['violations'] }).then((result) => result.violations)")
        return [(one["id"], one["impact"], [node["target"] for node in one["nodes"]][:4]) for one in violations]

    return found


@pytest.mark.parametrize(
    ("width", "theme", "lang", "links"),
    [
        (360, "dark", "zh", [*LABORATORY, *LESSONS, *INSIDE, *OPENING]),
        (1280, "light", "en", [*LABORATORY, *LESSONS, *INSIDE, *OPENING]),
        (360, "light", "en", [*LABORATORY[:4], "lesson=3", "state=7&inside=3", "opening=3"]),
        (1280, "dark", "zh", [*LABORATORY[:4], "lesson=8", "state=7&inside=5", "opening=4"]),
    ],
)
def test_nothing_bars_the_way(
    visit: Callable[..., Any],
    axe: Callable[[Any], list[Any]],
    width: int,
    theme: str,
    lang: str,
    links: list[str],
) -> None:
    view = visit(f"theme={theme}&lang={lang}", width=width)
    for link in links:
        view.evaluate("link => { location.hash = link; }", f"{link}&theme={theme}&lang={lang}")
        view.wait_for_timeout(150)
        settle(view)
        view.locator("details").evaluate_all("all => all.forEach((one) => { one.open = true; })")
        view.wait_for_timeout(150)  # past every transition
        assert axe(view) == [], link


@pytest.mark.parametrize(("width", "theme", "lang"), [(360, "light", "zh"), (1280, "dark", "en")])
def test_nothing_bars_the_way_in_what_opens(
    visit: Callable[..., Any], axe: Callable[[Any], list[Any]], width: int, theme: str, lang: str
) -> None:
    view = visit(f"theme={theme}&lang={lang}&lesson=1", width=width)
    words = {"en": ("Glossary", "Questions"), "zh": ("术语表", "问题")}[lang]
    for name in words:
        view.get_by_role("button", name=name, exact=True).first.click()
        view.wait_for_timeout(150)
        assert view.locator("dialog[open]").count() == 1, name
        assert axe(view) == [], name
        view.keyboard.press("Escape")
        view.wait_for_timeout(100)
    view.locator(".term:visible").first.focus()
    assert view.get_by_role("tooltip").is_visible()
    assert axe(view) == []
    view.keyboard.press("?")
    view.wait_for_timeout(100)
    assert axe(view) == []
