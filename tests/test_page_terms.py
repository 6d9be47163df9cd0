"""Terms that are explained where they stand, and the glossary."""

from collections.abc import Callable
from typing import Any

import pytest

from finitegpt.page import glossary


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_a_term_is_explained_on_hover_on_focus_and_on_a_tap(visit: Callable[..., Any], locale: str) -> None:
    language = locale[:2]
    view = visit("opening=1", locale=locale, width=360, has_touch=True)
    term = view.locator(".opening .words .term").first
    line = glossary()["token"][language][1]
    tip = view.locator("#term-tip")
    term.hover()
    assert line in tip.inner_text()
    assert term.get_attribute("aria-describedby") == "term-tip"
    box = tip.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360
    view.mouse.move(5, 700)
    assert tip.count() == 0
    term.focus()
    assert line in tip.inner_text()
    view.keyboard.press("Escape")
    assert tip.count() == 0
    assert view.is_visible(".opening")  # the key closes the innermost alone
    term.tap()
    assert line in tip.inner_text()


def test_a_term_in_a_dialog_or_a_page_is_found_in_the_glossary(visit: Callable[..., Any]) -> None:
    view = visit()
    view.get_by_role("button", name="Glossary").click()
    assert view.locator(".glossary dt:visible").count() == len(glossary())
    names = view.locator(".glossary dt:visible").all_inner_texts()
    assert names == sorted(names, key=lambda name: name.lower())
    view.fill(".glossary input", "markov chain")
    found = view.locator(".glossary dt:visible").all_inner_texts()
    assert "Markov chain" in found
    assert len(found) < len(glossary()) / 3
    view.fill(".glossary input", "no such thing")
    assert view.is_visible("text=No term is like that")
    view.keyboard.press("Escape")
    assert not view.is_visible(".glossary")
