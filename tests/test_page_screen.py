"""The page on every screen: what is spoken of is in sight, messages stand where they belong, nothing needs a mouse."""

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from finitegpt import GPTConfig, TrainConfig, train
from finitegpt.analysis import stationary_distribution
from test_page import FOLDER, NODE
from test_page_browser import AXE, chromium, settle, visit

__all__ = ["chromium", "visit"]  # fixtures

SIZES = [(360, 740), (768, 1024), (1280, 900), (1920, 1080), (740, 360), (640, 450), (960, 540), (384, 512)]
WITH_GRAPH = {1, 2, 3, 4, 7, 8, 9}

IN_SIGHT = """() => {
  const box = (one) => { const { left, top, right, bottom } = one.getBoundingClientRect(); return { left, top, right, bottom }; };
  const aim = document.querySelector(".pointed");
  return {
    words: box(document.querySelector(".lesson")), aim: aim && box(aim), graph: box(document.querySelector(".stage svg")),
    next: box(document.querySelector(".lesson .main")), text: box(document.querySelector(".lesson h2")),
    window: { left: 0, top: 0, right: innerWidth, bottom: innerHeight }, wide: document.documentElement.scrollWidth,
  };
}"""


def placed(view: Any) -> dict[str, Any]:
    """Where everything is, once it stays there."""
    before = None
    for _ in range(60):
        view.wait_for_timeout(80)
        now = view.evaluate(IN_SIGHT)
        if now == before and now["aim"] and now["aim"]["bottom"] > now["aim"]["top"]:
            return now
        before = now
    pytest.fail(f"the page does not come to rest: {before}")


def inside(one: dict[str, float], other: dict[str, float], by: float = 0) -> bool:
    return (
        one["left"] >= other["left"] - by
        and one["top"] >= other["top"] - by
        and one["right"] <= other["right"] + by
        and one["bottom"] <= other["bottom"] + by
    )


def apart(one: dict[str, float], other: dict[str, float], by: float = 0) -> bool:
    return (
        one["right"] + by <= other["left"]
        or other["right"] + by <= one["left"]
        or one["bottom"] + by <= other["top"]
        or other["bottom"] + by <= one["top"]
    )


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
def test_a_lesson_is_in_sight_with_what_it_points_at(visit: Callable[..., Any], size: tuple[int, int], motion: str) -> None:
    width, height = size
    view = visit(width=width, reduced_motion=motion)
    view.set_viewport_size({"width": width, "height": height})
    view.get_by_role("button", name="Nine ideas").click()
    for lesson in range(1, 10):
        found = placed(view)
        where = f"lesson {lesson} at {width}x{height}: {found}"
        assert f"Idea {lesson} of 9" in view.inner_text(".lesson")
        assert found["wide"] <= width, where
        for part in ("words", "next", "text"):
            assert inside(found[part], found["window"], 1), where
        assert inside(found["aim"], found["window"], 1), where
        assert apart(found["aim"], found["words"], 6), where  # its ring, too
        if lesson in WITH_GRAPH:
            assert inside(found["graph"], found["window"], 1), where
            assert apart(found["graph"], found["words"]), where
            assert found["graph"]["bottom"] - found["graph"]["top"] >= 110, where
        view.locator(".lesson .main").click()
    settle(view)
    assert view.locator(".lesson").is_hidden()
