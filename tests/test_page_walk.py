"""The walk on the page: the marker on its arrow, the window over the text, the visits, and tokens from outside."""

import json
import math
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import finitegpt.page
from finitegpt import Run
from finitegpt.analysis import stationary_distribution
from finitegpt.page import strings
from pages import settle
from test_page import NODE, node

__all__ = ["node"]  # a fixture

# Where the marker is in every frame from now on, in the units of the picture.
WATCH = """() => {
  window.seen = [];
  window.kept = document.querySelector(".state");
  window.others = 0;
  const dot = document.querySelector(".walker");
  new MutationObserver((all) => (window.others += all.length))
    .observe(document.querySelector(".graph .nodes"), { subtree: true, childList: true, attributes: true });
  const look = () => {
    const place = [dot.getAttribute("cx"), dot.getAttribute("cy")].map(Number);
    if (dot.getAttribute("visibility") === "visible") window.seen.push(place);
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""
# How far every place where the marker was is from the lit arrow.
OFF = """() => {
  const path = document.querySelector("g.taken path");
  const points = Array.from({ length: 201 }, (_, k) => path.getPointAtLength((k / 200) * path.getTotalLength()));
  return window.seen.map(([x, y]) => Math.min(...points.map((p) => Math.hypot(p.x - x, p.y - y))));
}"""


def at(view: Any) -> str:
    """The state that the window shows."""
    return view.locator(".wt-caption").inner_text().split()[-1]


def window(view: Any) -> str:
    return "".join(view.locator(".wt-in").all_inner_texts())


def distance_to(view: Any, state: str) -> float:
    """Of the marker from the rim of a state, in pixels."""
    circle = view.locator(".state", has_text=state).locator("circle").bounding_box()
    dot = view.locator(".walker").bounding_box()
    across, down = (
        (circle[side] + circle[size] / 2) - (dot[side] + dot[size] / 2)
        for side, size in (("x", "width"), ("y", "height"))
    )
    return math.hypot(across, down) - circle["width"] / 2


def step(view: Any) -> None:
    view.get_by_role("button", name="One token").click()
    view.wait_for_timeout(900)


def test_a_token_lights_its_arrow_and_the_marker_goes_along_it(visit: Callable[..., Any]) -> None:
    view = visit("opening=0")
    assert not view.locator(".walker").is_visible()
    view.evaluate(WATCH)
    for _ in range(4):
        before = at(view)
        view.evaluate("window.seen = []")
        step(view)
        state = at(view)
        assert state[:2] == before[1:]
        assert view.locator("g.taken:visible path").count() == 1
        assert view.locator(".arrow-label.taken").all_text_contents()[0].startswith(state[-1])
        assert view.locator(".arrow-label.taken").count() == 1
        assert 0 < distance_to(view, state) < 12
        places = {tuple(place) for place in view.evaluate("window.seen")}
        assert len(places) > 5
        off = view.evaluate(OFF)
        assert sum(one < 1 for one in off) > 0.7 * len(off)  # all but the crossing of the state it leaves
    assert view.evaluate("window.kept.isConnected && window.others") == 0  # what does not move is left alone
    assert view.locator(".walked [role=status]").inner_text() == f"{at(view)[-1]}, state {at(view)}"


def test_a_loop_is_travelled_and_a_walk_begins_where_it_is_told(visit: Callable[..., Any]) -> None:
    view = visit("opening=0&greedy=1&state=0&data=0000000001&context=3&steps=100")
    view.get_by_role("button", name="Restart at 000").click()
    assert at(view) == window(view) == "000"
    assert view.locator("g.taken").is_hidden()
    assert view.locator(".walker").is_visible()
    view.evaluate(WATCH)
    step(view)
    assert at(view) == "000"
    assert len({tuple(place) for place in view.evaluate("window.seen")}) > 5
    assert max(view.evaluate(OFF)[-20:]) < 1
    first = view.evaluate("window.seen.length")
    step(view)  # the same arrow again
    assert len({tuple(place) for place in view.evaluate(f"window.seen.slice({first})")}) > 5
    view.get_by_role("button", name="Go to a state").or_(view.get_by_label("Go to a state")).fill("101")
    view.keyboard.press("Enter")
    settle(view)
    view.get_by_role("button", name="Restart at 101").click()
    assert at(view) == "101"
    assert "Tokens walked" not in view.inner_text(".visited")
    view.get_by_role("button", name="Write 1 yourself").click()
    assert at(view) == "011"


def test_fast_walks_and_reduced_motion_jump(visit: Callable[..., Any]) -> None:
    view = visit("opening=0", reduced_motion="reduce")
    view.evaluate(WATCH)
    step(view)
    assert len({tuple(place) for place in view.evaluate("window.seen")}) == 1
    assert 0 < distance_to(view, at(view)) < 12
    assert view.locator("g.taken:visible path").count() == 1
    view = visit("opening=0")
    view.get_by_label("Speed of the walk").select_option("60")
    view.evaluate(WATCH)
    view.get_by_role("button", name="Walk on").click()
    view.wait_for_timeout(700)
    view.get_by_role("button", name="Stop").click()
    ends = view.evaluate("""() => [...document.querySelectorAll(".graph .arrows path")].map((path) => {
      const end = path.getPointAtLength(path.getTotalLength());
      return [end.x, end.y];
    })""")
    for place in view.evaluate("window.seen.slice(1)"):
        assert min(float(np.hypot(*np.subtract(place, end))) for end in ends) < 1


def test_the_window_is_the_state(visit: Callable[..., Any]) -> None:
    view = visit("opening=0&context=4")
    for _ in range(6):
        view.get_by_role("button", name="One token").click()
        assert window(view) == at(view)
        assert view.locator("[role=log]").inner_text().replace("\n", "").endswith(at(view))
    frame, cells = view.locator(".wt-frame").bounding_box(), view.locator(".wt-in")
    view.wait_for_timeout(700)
    assert cells.count() == 4
    for cell in cells.all():
        box = cell.bounding_box()
        assert box["x"] >= frame["x"] - 1
        assert box["x"] + box["width"] <= frame["x"] + frame["width"] + 1


def test_all_states_have_a_bar_and_come_to_their_ticks(visit: Callable[..., Any], notebook: Run) -> None:
    view = visit("opening=0")
    view.get_by_label("Speed of the walk").select_option("2000")
    view.get_by_role("button", name="Walk on").click()
    view.wait_for_function(
        """() => {
          const words = document.querySelector('.visited').textContent.replaceAll(',', '');
          return Number(/(\\d+);/.exec(words)?.[1] ?? 0) > 8000;
        }"""
    )
    view.get_by_role("button", name="Stop").click()
    assert view.locator(".vt tbody th").all_inner_texts() == [f"{k:03b}" for k in range(8)]
    numbers = view.locator(".vt tbody tr").evaluate_all(
        "rows => rows.map((row) => parseFloat(row.children[2].textContent))"
    )
    pi = stationary_distribution(notebook.chain).probs
    np.testing.assert_allclose(np.array(numbers) / 100, pi, atol=0.03)
    said = float(re.findall(r"[\d.]+(?= for all)", view.inner_text(".vt-far >> nth=1"))[0])
    assert said == pytest.approx(float(abs(np.array(numbers) / 100 - pi).sum()) / 2, abs=0.004)
    full = float(re.findall(r"(\d+)%", view.inner_text(".vt-far >> nth=0"))[0]) / 100
    ticks = view.locator(".vt-tick").evaluate_all("ticks => ticks.map((tick) => parseFloat(tick.style.left))")
    np.testing.assert_allclose(np.array(ticks) / 100 * full, pi, atol=1e-3)


def test_tokens_from_outside_move_the_recent_visits(visit: Callable[..., Any]) -> None:
    view = visit("opening=0")
    view.get_by_label("Speed of the walk").select_option("60")
    view.get_by_role("button", name="Walk on").click()
    view.wait_for_timeout(1500)
    view.get_by_role("button", name="Stop").click()
    assert view.inner_text(".vt-broken") == ""
    for _ in range(10):
        view.get_by_role("button", name="Write 0 yourself").click()
    assert at(view) == "000"
    assert view.locator("g.taken").get_attribute("class") == "taken outside"
    all_, recent = (float(view.locator(".vt tbody tr td").nth(k).inner_text().rstrip("%")) for k in (1, 2))
    assert recent >= 16 > all_
    assert "10 of the last 50 tokens" in view.inner_text(".vt-broken")
    view.get_by_role("button", name="Walk on").click()
    view.wait_for_function("() => document.querySelector('.vt-broken').textContent.startsWith('None of the last 50')")
    assert "From outside: 10." in view.inner_text(".visited")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_on_a_phone_the_graph_the_buttons_and_the_window_are_in_sight(visit: Callable[..., Any], language: str) -> None:
    words = strings()[language]
    view = visit(f"opening=0&lang={language}", width=360, has_touch=True)
    view.set_viewport_size({"width": 360, "height": 740})
    view.get_by_role("button", name=words["walk.step"]).click()
    view.wait_for_timeout(200)
    for part in (".stage svg", ".go-walk", ".go-walk + button", ".walked select", ".wt-tape", ".wt-caption"):
        box = view.locator(part).bounding_box()
        assert box["y"] >= 0, part
        assert box["y"] + box["height"] <= 740, part
        assert box["x"] >= 0, part
        assert box["x"] + box["width"] <= 360, part


@pytest.mark.parametrize("width", [360, 768, 1280, 1920])
def test_text_and_visits_stand_by_the_graph(visit: Callable[..., Any], width: int) -> None:
    view = visit("opening=0", width=width)
    graph, walked = (view.locator(part).bounding_box() for part in (".stage", ".walked"))
    if width > 1000:
        assert walked["x"] >= graph["x"] + graph["width"]
        assert walked["y"] < graph["y"] + 30
        assert walked["y"] + walked["height"] < 900
    else:
        assert 0 < walked["y"] - graph["y"] - graph["height"] < 80
    view.set_viewport_size({"width": 1300 if width < 1000 else 500, "height": 900})
    view.wait_for_timeout(200)
    assert view.locator(".side > .walked").count() == (width < 1000)


@pytest.mark.parametrize("context", [6, 9, 11])
def test_large_chains_are_walked(visit: Callable[..., Any], context: int) -> None:
    view = visit(f"opening=0&context={context}&steps=3&layers=1")
    for _ in range(3):
        view.get_by_role("button", name="One token").click()
    assert window(view) == at(view)
    assert len(at(view)) == context
    assert 1 <= view.locator(".vt tbody tr").count() <= 6
    assert "Tokens walked: 3;" in view.inner_text(".visited")


def test_visits_are_counted_whole_and_of_the_last_fifty() -> None:
    """The common part of two distributions is what their total variation distance leaves."""
    module = (Path(finitegpt.page.__file__).parent / "chain" / "visits.js").as_uri()
    ids = [int(k) for k in np.random.default_rng(1).integers(0, 8, 120)]
    outside = [k % 7 == 0 for k in range(120)]
    pi = np.arange(1, 9) / 36
    script = f"""import {{ distance, noVisits, recently, visit }} from "{module}";
      const visits = noVisits();
      {json.dumps(ids)}.forEach((id, k) => visit(visits, id, {json.dumps(outside)}[k]));
      const recent = recently(visits);
      const far = (counts, n) => distance(counts, n, {pi.tolist()});
      console.log(JSON.stringify([visits.total, visits.outside, recent.total, recent.outside,
        far(visits.all, visits.total), far(recent.counts, recent.total)]));"""
    done = subprocess.run([str(NODE), "--input-type=module", "-e", script], capture_output=True, text=True, check=True)
    counted = [np.bincount(part, minlength=8) / len(part) for part in (ids, ids[-50:])]
    expected = [120, sum(outside), 50, sum(outside[-50:]), *(float(abs(part - pi).sum()) / 2 for part in counted)]
    assert json.loads(done.stdout) == pytest.approx(expected, abs=1e-12)
