"""The page on every screen: what is spoken of is in sight, messages stand where they belong, nothing needs a mouse."""

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from finitegpt import GPTConfig, TrainConfig, train
from finitegpt.analysis import stationary_distribution
from pages import settle
from test_page import FOLDER, NODE

SIZES = [(360, 740), (768, 1024), (1280, 900), (1920, 1080), (740, 360), (640, 450), (960, 540), (384, 512)]
WITH_GRAPH = {1, 2, 3, 4, 7, 8, 9}

IN_SIGHT = """() => {
  const one = (where) => document.querySelector(where);
  const box = (where) => {
    const found = one(where)?.getBoundingClientRect();
    return found && { left: found.left, top: found.top, right: found.right, bottom: found.bottom };
  };
  return {
    words: box(".lesson"), text: box(".lesson h2"), next: box(".lesson .main"),
    aim: box(".pointed"), graph: box(".stage svg"),
    unread: one(".lesson .words").scrollHeight - one(".lesson .words").clientHeight,
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
def test_a_lesson_is_in_sight_with_what_it_points_at(
    visit: Callable[..., Any], size: tuple[int, int], motion: str
) -> None:
    width, height = size
    view = visit(width=width, reduced_motion=motion, locale="en-GB" if motion == "reduce" else "zh-CN")
    view.set_viewport_size({"width": width, "height": height})
    view.locator("header [data-part=lessons]").last.click()
    for lesson in range(1, 10):
        found = placed(view)
        where = f"lesson {lesson} at {width}x{height}: {found}"
        assert f"lesson={lesson}" in view.url
        assert found["unread"] <= 1, where
        assert found["wide"] <= width, where
        for part in ("words", "next", "text"):
            assert inside(found[part], found["window"], 1), where
        assert inside(found["aim"], found["window"], 1), where
        assert apart(found["aim"], found["words"], 6), where  # its ring, too
        if lesson in WITH_GRAPH:
            assert inside(found["graph"], found["window"], 1), where
            assert apart(found["graph"], found["words"]), where
            assert found["graph"]["bottom"] - found["graph"]["top"] >= 95, where
        view.locator(".lesson .main").click()
    settle(view)
    assert view.locator(".lesson").is_hidden()


def test_what_a_lesson_asks_to_be_ticked_is_offered_beside_its_words(visit: Callable[..., Any]) -> None:
    view = visit("lesson=8")
    view.locator(".lesson").get_by_label("Greedy").check()
    view.wait_for_function("() => document.querySelector('[data-part=red] dd').textContent === '0'")
    assert view.locator(".panel").get_by_label("Greedy").is_checked()


def test_a_message_stands_at_the_control_that_caused_it(visit: Callable[..., Any]) -> None:
    view = visit()
    view.set_viewport_size({"width": 1280, "height": 1400})
    heads, width = (view.get_by_role("textbox", name=name) for name in ("Heads", "Width"))
    before = heads.bounding_box()
    heads.fill("3")
    settle(view)
    assert heads.bounding_box() == before  # nothing moves away from under the hand
    assert width.input_value() == "15"  # what is used, not what was asked for
    assert "16 was made 15" in view.inner_text("[data-key=width] + .notice")
    assert view.locator(".panel [aria-describedby=notice]").count() == 2  # the slider and the field
    heads.fill("4")
    settle(view)
    assert width.input_value() == "16"
    assert view.inner_text(".notice") == ""
    view.get_by_label("Red states").fill("7")
    settle(view)
    assert "No state is like 7" in view.inner_text("[data-key=red] + .notice")
    view.get_by_role("button", name="Dark or light").click()  # the cause has not gone
    settle(view)
    assert "No state is like 7" in view.inner_text("[data-key=red] + .notice")
    view.get_by_label("Red states").fill("")
    settle(view)
    view.get_by_label("Sequence, one token a character").fill("abcdefghijklmnopqrs")
    settle(view)
    view.get_by_label("Sequence, one token a character").press("Tab")
    view.get_by_role("textbox", name="Context length").fill("12")
    settle(view)
    assert "different tokens" in view.inner_text("[data-key=context] + .notice")  # what was touched last
    view.get_by_role("button", name="Start again").click()
    settle(view)
    assert view.inner_text(".notice") == ""


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_a_message_of_what_is_out_of_sight_is_at_the_top_of_the_window(visit: Callable[..., Any], width: int) -> None:
    view = visit("lr=1&decay=10&steps=300&bogus=1", width=width)
    view.set_viewport_size({"width": width, "height": 400})
    for top in (0, 900, 100):
        view.evaluate("(y) => scrollTo(0, y)", top)
        view.wait_for_timeout(100)
        box = view.locator(".notices .notice").bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 400
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    assert "bogus" in view.inner_text(".notice")
    view.keyboard.press("Escape")
    assert "went off to infinity" in view.inner_text(".notice")  # one after the other, and as long as it is so


@pytest.mark.parametrize("size", [(360, 740), (320, 568), (740, 360), (640, 450)], ids=str)
def test_a_chosen_state_opens_in_sight_below_or_beside_the_graph(
    visit: Callable[..., Any], size: tuple[int, int]
) -> None:
    width, height = size
    view = visit(width=width, has_touch=True)
    view.set_viewport_size({"width": width, "height": height})
    view.locator(".state[data-id='5']").tap()
    settle(view)
    card, graph, chosen = (
        view.locator(where).bounding_box() for where in ("[data-part=state]", ".stage svg", ".state.chosen")
    )
    assert card["y"] >= 0
    assert card["y"] + card["height"] <= height + 1
    beside = card["x"] >= graph["x"] + graph["width"] - 1
    assert beside or card["y"] >= chosen["y"] + chosen["height"]
    assert chosen["y"] >= 0
    assert chosen["y"] + chosen["height"] <= height
    assert view.evaluate("document.documentElement.scrollWidth") <= width
    view.get_by_role("button", name="Close the state").click()
    settle(view)
    assert view.locator(".state.chosen").count() == 0
    view.locator(".state[data-id='5']").tap()
    settle(view)
    view.keyboard.press("Escape")
    settle(view)
    assert view.locator(".state.chosen").count() == 0


@pytest.mark.parametrize("width", [320, 360, 768, 1280])
def test_arrow_labels_can_be_read(visit: Callable[..., Any], width: int) -> None:
    for link in ("", "context=4&layers=1&steps=2&state=5", "data=abcabcaabbc&context=2&layers=1&steps=2&state=1"):
        view = visit(link, width=width)
        sizes = view.evaluate(
            "() => { const svg = document.querySelector('.stage svg'); const scale = svg.getScreenCTM().a;"
            " return [...svg.querySelectorAll('.arrow-label, .state text')]"
            ".filter((one) => one.textContent && getComputedStyle(one).display !== 'none')"
            ".map((one) => [one.textContent, scale * parseFloat(getComputedStyle(one).fontSize)]); }"
        )
        assert min(size for _, size in sizes) >= 10, (link, width)
        assert any("%)" in text for text, _ in sizes) or (width < 700 and not link)


def test_differences_are_in_points_and_not_in_colours_of_tokens(visit: Callable[..., Any]) -> None:
    view = visit("pin=0")
    labels = view.locator(".arrow-label").all_text_contents()
    assert any("+" in text for text in labels)
    assert not any("%" in text for text in labels)
    assert "more probable" in view.inner_text(".pinkey")
    for theme in ("light", "dark"):
        colours = view.evaluate(
            "(theme) => { document.documentElement.dataset.theme = theme; const look = getComputedStyle(document.body);"
            " return ['up', 'down', ...'01234567'.split('').map((k) => 't' + k), 'red']"
            ".map((name) => look.getPropertyValue('--' + name).trim()); }",
            theme,
        )
        assert len(set(colours)) == len(colours)


def test_the_loss_has_axes(visit: Callable[..., Any]) -> None:
    view = visit("steps=300")
    losses = [float(text) for text in view.locator(".losses span").all_text_contents()]
    assert 2 <= len(losses) <= 5
    assert view.locator(".steps span").all_text_contents() == ["step 0", "100", "200", "300"]
    heights = [view.locator(".losses span").nth(k).bounding_box()["y"] for k in range(len(losses))]
    assert losses == sorted(losses)
    assert heights == sorted(heights, reverse=True)


def test_keys_work_wherever_focus_is(visit: Callable[..., Any]) -> None:
    view = visit()
    view.keyboard.press("Tab")
    assert view.evaluate("document.activeElement.textContent") == "Skip to the graph"
    view.keyboard.press("Enter")
    assert view.evaluate("document.activeElement.classList.contains('state')")
    view.keyboard.press("Enter")
    settle(view)
    first = view.evaluate("document.activeElement.dataset.id")
    assert f"state={first}" in view.url
    said = view.locator("[role=status]").all_text_contents()
    assert any(text.startswith("State 000: 1 (73%), 0 (27%)") for text in said), said
    view.get_by_role("button", name="Start again").focus()
    view.keyboard.press("ArrowLeft")
    settle(view)
    assert "step 49 of 50" in view.inner_text(".step")
    view.keyboard.press("?")
    assert view.locator("dialog.keys").is_visible()
    view.keyboard.press("Escape")
    assert view.locator("dialog.keys").is_hidden()
    assert f"state={first}" in view.url  # only the list was closed
    view.keyboard.press("Escape")
    settle(view)
    assert "state=" not in view.url
    box = view.get_by_label("Red states")
    box.focus()
    view.keyboard.type("1? ?")  # where they mean something they are what is typed
    assert box.input_value() == "1? ?"
    assert view.locator("dialog.keys").is_hidden()


@pytest.mark.parametrize(
    "link", ["state=5&red=000&startup=1", "lesson=8&lang=zh", "context=9&layers=1&steps=2&state=3&heads=8"]
)
def test_every_target_is_wide_enough(visit: Callable[..., Any], link: str) -> None:
    view = visit(link, width=360, has_touch=True)
    for summary in view.locator("details > summary").all():
        summary.evaluate("(one) => one.parentElement.open = true")
    settle(view)
    small = view.evaluate(
        "() => [...document.querySelectorAll('button, input, select, textarea, summary, a')]"
        ".filter((one) => one.getClientRects().length && !one.matches('.hidden'))"
        ".map((one) => [one.outerHTML.slice(0, 90), one.getBoundingClientRect()])"
        ".filter(([, { width, height }]) => width < 24 || height < 24)"
    )
    assert small == []


def test_bars_are_as_long_as_they_say(visit: Callable[..., Any]) -> None:
    done = subprocess.run(
        [
            str(NODE),
            "--input-type=module",
            "--eval",
            f"""
          const {{ barLength, barScale }} = await import("{FOLDER}/views/facts.js");
          const shares = [1, 0.6, 0.5, 0.3, 0.02, 0.0123, 0.001];
          process.stdout.write(JSON.stringify(shares.map((share) => [share, barLength(share), barScale(share)])));
        """,
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    for share, whole, words in json.loads(done.stdout):
        assert share <= whole <= max(1, 2.5 * share)
        assert (words == "") == (whole == 1)
    view = visit("context=8&layers=1&steps=2")
    view.wait_for_function("() => document.querySelector('[data-part=chain] .scale').textContent")
    assert "A full bar is" in view.inner_text("[data-part=chain]")


def test_of_period_three_it_is_true_what_is_said() -> None:
    """What came three tokens ago comes again; 111 is left after hundreds of tokens, and holds a third of all time."""
    chain = train(
        "011" * 10, GPTConfig(vocab_size=2, context_length=3, n_layer=2), TrainConfig(steps=150, lr=0.003)
    ).chain
    probs = chain.probs
    assert all(probs[state, state >> 2] > 0.99 for state in range(8))
    assert 200 < 1 / (1 - probs[7, 1]) < 1000
    assert abs(stationary_distribution(chain).probs[7] - 1 / 3) < 0.05
