"""The opening: what it counts and scores, and what a newcomer does in it."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

import finitegpt
from finitegpt.page import page, strings
from test_page import call

SCENES = 9
SIZES = [(360, 740), (740, 360), (768, 1024), (1280, 900), (1920, 1080), (640, 450)]


def test_a_guess_costs_its_divergence_in_yes_or_no_questions() -> None:
    for p, guess in ((0.79, 0.7), (0.5, 0.5), (1.0, 0.5), (0.2, 0.9)):
        bits = sum(a * math.log2(a / b) for a, b in ((p, guess), (1 - p, 1 - guess)) if a)
        assert call(("slides.js", "costOf", [p, guess]))[0] == pytest.approx(100 * bits, abs=1e-9)
    assert math.isfinite(call(("slides.js", "costOf", [0.5, 1.0]))[0])


def test_slides_are_the_examples_that_the_gpt_is_trained_on(notebook: finitegpt.Run) -> None:
    tokens = [int(sign) for sign in notebook.data.text]
    (slides,) = call(("slides.js", "slides", [tokens, 2, 3]))
    assert len(slides) == 12
    assert [slide["source"] for slide in slides[1:]] == [slide["target"] for slide in slides[:-1]]
    for slide in slides:
        window = notebook.data.text[slide["start"] : slide["start"] + 4]
        assert int(window, 2) == slide["arrow"]
        assert int(window[1:], 2) == slide["target"]
    (counts,) = call(("slides.js", "counted", [slides, 16]))
    assert [sum(pair) for pair in zip(counts[::2], counts[1::2], strict=True)] == notebook.data.counts().tolist()


def test_gpt2_has_a_number_of_states_of_4815_digits() -> None:
    assert call(("slides.js", "digitsOf", [50257, 1024]))[0] == math.floor(1024 * math.log10(50257)) + 1 == 4815
    assert "4,815" not in strings()["en"]["opening.8.told"]  # it is computed where it is told


def enter(view: Any, scene: int) -> None:
    view.evaluate(f"location.hash = 'opening={scene}'")
    arrived(view, scene)


def arrived(view: Any, scene: int) -> None:
    view.wait_for_selector(f'.opening .count:text-matches("^{scene} ")')


def answered(view: Any, scene: int) -> str:
    """Does what a scene asks for, and gives what it tells."""
    if scene == 1:
        for _ in range(2):
            view.click(".opening .asks button")
        view.wait_for_selector(".circles.asked")
        view.click('.circles .state[data-id="5"]')
        assert "101" in view.inner_text(".told")
        view.click(".opening .asks button")
        view.wait_for_selector(".opening .foot .main", timeout=10_000)
    elif scene in (2, 3, 4):
        view.fill(".opening .guess", "70")
        view.click(".opening .asks button")
        view.wait_for_selector(".opening .foot .main", timeout=8_000)
    elif scene in (5, 6, 8):
        view.click(".opening .choices button >> nth=2")
    elif scene == 7:
        for _ in range(3):
            view.click(".opening .asks button >> nth=0")
    return view.inner_text(".opening .told") if scene < SCENES else ""


def test_a_newcomer_is_taught_from_the_window_to_gpt2(visit: Callable[..., Any], notebook: finitegpt.Run) -> None:
    view = visit("opening=1", reduced_motion="reduce")
    told = []
    for scene in range(1, SCENES + 1):
        arrived(view, scene)
        told.append(answered(view, scene))
        view.click(".opening .foot button >> nth=2")
    before, after = (f"{100 * chain['101']['1']:.0f}%" for chain in (notebook.initial_model.chain(), notebook.chain))
    assert "50%" in told[1]
    assert before in told[2]
    assert after in told[3]
    assert after in told[5]
    assert f"{100 * notebook.chain['000']['1']:.0f}%" in told[4]
    assert "4,815" in told[7]
    assert view.is_visible(".stage svg")
    assert not view.is_visible(".opening")
    assert "opening=0" in view.url
    view.reload()
    view.wait_for_selector(".stage svg")  # who has left it does not see it again


def test_a_page_without_a_link_opens_with_it_and_a_run_does_not(
    visit: Callable[..., Any],
    notebook: finitegpt.Run,
) -> None:
    view = visit(opening=True)
    assert view.is_visible(".opening")
    view.keyboard.press("Escape")
    assert view.is_visible(".stage svg")
    view.go_back()
    assert view.is_visible(".opening")
    view = visit(run=notebook)
    assert not view.is_visible(".opening")


def test_haste_leads_to_no_scene_that_is_not_there(visit: Callable[..., Any]) -> None:
    view = visit()
    view.evaluate(
        """() => {
          const named = (one) => one.textContent === "Why it is a Markov chain";
          [...document.querySelectorAll("header button")].find(named).click();
          document.querySelector(".opening .foot button").click(); // back, before there is a scene to go back from
        }"""
    )
    arrived(view, 1)
    assert "opening=1" in view.url


def test_circles_that_cannot_be_next_say_why(visit: Callable[..., Any]) -> None:
    for circle, words in ((5, "Yes"), (4, "could have been"), (3, "no way")):
        view = visit("opening=1", reduced_motion="reduce")
        for _ in range(2):
            view.click(".opening .asks button")
        view.wait_for_selector(".circles.asked")
        view.focus(f'.circles .state[data-id="{circle}"]')
        view.keyboard.press("Enter")
        assert words in view.inner_text(".told")


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_every_scene_fits_into_every_window(visit: Callable[..., Any], locale: str) -> None:
    view = visit("opening=1", locale=locale, reduced_motion="reduce")
    for width, height in SIZES:
        view.set_viewport_size({"width": width, "height": height})
        for scene in range(1, SCENES + 1):
            enter(view, scene)
            for answer in (False, True):
                if answer:
                    answered(view, scene)
                boxes = view.evaluate(
                    """() => ['.opening .scene', '.opening h2', '.opening .foot button:last-child'].map((one) => {
                      const {left, top, right, bottom} = document.querySelector(one).getBoundingClientRect();
                      return [left, top, innerWidth - right, innerHeight - bottom];
                    })"""
                )
                assert all(side >= -0.5 for box in (boxes[0], boxes[2]) for side in box), (width, height, scene)
                assert view.evaluate("document.documentElement.scrollWidth <= innerWidth")
                if not answer and height >= 740 and scene < SCENES:  # what is asked is in sight without scrolling
                    hidden = view.evaluate(
                        """() => {
                          const foot = document.querySelector('.opening .foot').getBoundingClientRect().top;
                          const asked = [...document.querySelectorAll('.opening .asks button, .opening .asks input')];
                          return asked.filter((one) => one.getBoundingClientRect().bottom > foot)
                            .map((one) => one.outerHTML);
                        }"""
                    )
                    assert hidden == [], (width, height, scene)
            letters = view.evaluate(
                """() => [...document.querySelectorAll('.circles .arrow-label')].filter((one) =>
                   one.getClientRects().length && getComputedStyle(one).visibility === 'visible').map((one) =>
                   parseFloat(getComputedStyle(one).fontSize) * one.ownerSVGElement.getScreenCTM().a)"""
            )
            assert all(size >= 9.9 for size in letters), (width, height, scene, min(letters))


def test_the_film_of_training_moves_in_frames(visit: Callable[..., Any]) -> None:
    view = visit("opening=4")
    view.evaluate(
        """() => {
          window.rounds = [];
          new MutationObserver(() => rounds.push(document.querySelector('.round')?.textContent)).observe(
            document.querySelector('.opening .asks'), {subtree: true, childList: true, characterData: true});
        }"""
    )
    view.click(".opening .asks button")
    view.wait_for_selector(".opening .foot .main", timeout=10_000)
    rounds = [int("".join(c for c in text.split("of")[0] if c.isdigit())) for text in view.evaluate("rounds") if text]
    assert rounds[-1] == 50
    assert all(a <= b for a, b in pairwise(rounds))
    assert len(set(rounds)) > 10


def test_the_page_is_small() -> None:
    assert len(page().encode()) < 500_000
