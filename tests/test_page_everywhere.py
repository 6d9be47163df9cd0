"""The page in Chromium, Firefox and WebKit: what a reader does with it works alike, and gives the same numbers.

What is tested more closely is tested in Chromium alone, in the other tests of the page. `browsers.py` says how the
others are driven; where one is not installed, its tests are skipped.
"""

import csv
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from browsers import View
from finitegpt import Run, decode, train
from finitegpt.page import page
from processes import until
from random_walk import HOME, begin, home, wander
from test_page_screen import IN_SIGHT, apart, inside

Open = Callable[..., View]
NEAR = 5e-5  # trained in float32, with sums in another order


def shown(view: View) -> np.ndarray:
    """The chain as the page saves it, (states, V)."""
    view.settle()
    rows = list(csv.DictReader(view.saved("=Chain as CSV").decode().splitlines()))
    V = len({row["next"] for row in rows})
    return np.array([float(row["probability"]) for row in rows]).reshape(-1, V)


def near(view: View, run: Run) -> None:
    np.testing.assert_allclose(shown(view), run.chain.probs, atol=NEAR)


def linked(view: View, words: str) -> None:
    """Waits for words in the link, which is written a moment after what it tells of."""
    view.wait("(words) => location.hash.includes(words)", words)


def value(view: View, where: str) -> str:
    return view.evaluate("(where) => document.querySelector(where).value", where)


def test_it_trains_by_what_is_typed_and_dragged_as_the_library_does(anywhere: Open, notebook: Run) -> None:
    view = anywhere()
    view.says(".step", "step 50 of 50, loss 0.4670 nats")
    near(view, notebook)
    heads = "[data-key=heads] input[type=text]"
    view.fill(heads, "2")
    view.press("Backspace")
    view.says("[data-key=heads] + .notice", "from 1 to 8")  # what is typed has to be right
    view.press("2")
    near(view, train(n_head=2))
    view.click("=Start again")
    near(view, notebook)
    view.focus("[data-key=layers] input[type=range]")
    view.press("ArrowLeft", "ArrowLeft")
    view.settle()
    assert value(view, "[data-key=layers] input[type=text]") == "2"
    near(view, train(n_layer=2))
    view.fill("[data-key=temperature] input[type=text]", "0.5")
    assert value(view, "[data-key=temperature] input[type=text]") == "0.5"
    np.testing.assert_allclose(shown(view), decode(train(n_layer=2).chain, temperature=0.5).probs, atol=NEAR)
    view.click("=Start again")
    view.fill("[data-key=data] textarea", "abcabcaabbc")
    near(view, train("abcabcaabbc"))


def test_time_is_travelled_by_slider_mouse_and_buttons(anywhere: Open, notebook: Run) -> None:
    view = anywhere()
    view.focus("#timeline")
    view.press("Home")
    view.says(".step", "step 0 of 50")
    np.testing.assert_allclose(shown(view), notebook.initial_chain.probs, atol=NEAR)
    view.click("=A step on")
    view.says(".step", "step 1 of 50")
    linked(view, "step=1")
    view.click("=Pin this step")
    view.says("=Unpin", "Unpin")
    curve = view.box(".curve")
    height = (curve["top"] + curve["bottom"]) / 2
    at = [curve["left"] + part * (curve["right"] - curve["left"]) for part in (0.2, 0.5)]
    view.drag((at[0], height), (at[1], height))
    view.says(".step", "step 25 of 50")
    assert view.evaluate("() => document.querySelectorAll('path.down').length") > 0
    view.choose(".speed", "16")
    view.click("=Play")
    view.says(".step", "step 50 of 50")
    view.says(".play", "Play")
    near(view, notebook)


def test_a_link_is_the_experiment_and_a_run_is_carried(anywhere: Open) -> None:
    link = "data=abcabcaabbccabc&context=2&steps=20&seed=7&temperature=0.5&state=3&opening=0&lang=en"
    view = anywhere(link)
    run = train("abcabcaabbccabc", context_length=2, steps=20, seed=7)
    expected = decode(run.chain, temperature=0.5).probs
    view.says("[data-part=state]", "State ba")
    link = view.evaluate("() => location.hash")
    view.reload()
    view.wait("() => document.querySelector('.stage svg')")
    np.testing.assert_allclose(shown(view), expected, atol=NEAR)
    assert view.evaluate("() => location.hash") == link
    view.choose("header select", "notebook")
    view.says(".step", "step 50 of 50")
    view.back()
    view.says(".step", "step 20 of 20")
    view.evaluate("() => { location.hash = 'temperature=2&opening=0&lang=en&bogus=1'; }")
    view.says(".step", "step 50 of 50")
    view.says(".notice", "bogus")
    view = anywhere("lang=en", run=run)
    view.says(".step", "step 20 of 20")
    near(view, run)


def answer(view: View, scene: int) -> str:
    """Does what a scene of the opening asks for, and gives what it tells."""
    asks = ".opening .asks button"
    if scene == 1:
        view.click(asks)
        view.click(asks)
        view.wait("() => document.querySelector('.circles.asked')")
        view.click('.circles .state[data-id="5"]')
        view.says(".told", "101")
        view.click(asks)
    elif scene in (2, 3, 4):
        view.focus(".opening .guess")
        view.press("Home", "ArrowRight", "ArrowRight")
        view.says(".guessed", "2%")
        view.click(asks)
    elif scene in (5, 6, 8):
        view.click(".opening .choices button:nth-of-type(3)")
    elif scene == 7:
        for _ in range(3):
            view.click(asks)
    view.wait("() => document.querySelector('.opening .foot .main')", seconds=20)
    return view.text(".opening .told")


def test_the_opening_teaches_all_through(anywhere: Open, notebook: Run) -> None:
    view = anywhere("opening=1&lang=en")
    view.evaluate("() => hasten(3)")  # its films, which others see in full
    told = []
    for scene in range(1, 10):
        view.says(".opening .count", f"{scene} of 9")
        told.append(answer(view, scene))
        view.click(".opening .foot .main")
    before, after = (f"{100 * chain['101']['1']:.0f}%" for chain in (notebook.initial_chain, notebook.chain))
    for scene, words in (
        (2, "50%"),
        (3, before),
        (4, after),
        (5, f"{100 * notebook.chain['000']['1']:.0f}%"),
        (6, after),
        (8, "4,815"),
    ):
        assert words in told[scene - 1]
    view.wait("() => !location.hash.includes('opening=9')")
    view.says(".step", "step 50 of 50")
    view.back()
    view.says(".opening .count", "9 of 9")
    view.click(".opening .count")  # Escape is heard wherever focus is
    view.press("Escape")
    view.says(".step", "step 50 of 50")


def test_a_walk_goes_along_the_arrows_and_comes_to_the_stationary_distribution(anywhere: Open) -> None:
    view = anywhere()
    view.evaluate("""() => {
      window.places = [];
      const look = () => {
        const dot = document.querySelector(".walker");
        const [x, y, seen] = ["cx", "cy", "visibility"].map((name) => dot.getAttribute(name));
        if (seen === "visible") window.places.push(`${x} ${y}`);
        requestAnimationFrame(look);
      };
      look();
    }""")
    for length in (4, 5):
        view.evaluate("() => void (window.places = [])")
        view.click("=One token")
        view.wait("() => new Set(window.places).size > 5")
        text = view.text(".walked .text").replace("\n", "")
        assert len(text) == length
        assert set(text) <= set("01")
        assert view.text(".wt-caption").endswith(text[-3:])
        assert view.text(".walked [role=status]") == f"{text[-1]}, state {text[-3:]}"
    view.choose(".walked select", "2000")
    view.click("=Walk on")
    visits = (
        "() => Number(/([\\d,]+);/.exec(document.querySelector('.visited').innerText)?.[1].replaceAll(',', '') ?? 0)"
    )
    view.wait(f"(least) => ({visits})() > least", 4000)
    view.click("=Stop")
    before = view.evaluate(visits)
    far = re.search(r"([\d.]+) for all", view.evaluate("() => document.querySelectorAll('.vt-far')[1].innerText"))
    assert far
    assert float(far[1]) < 0.05
    view.click("=Write 0 yourself")
    assert view.evaluate(visits) == before + 1
    assert "From outside: 1." in view.text(".visited")


def at_rest(view: View) -> dict[str, Any]:
    """Where everything is, once it stays there."""
    seen: list[dict[str, Any]] = []

    def rests() -> bool:
        seen.append(view.evaluate(IN_SIGHT))
        aim = seen[-1]["aim"]
        return len(seen) > 3 and seen[-1] == seen[-4] and aim and aim["bottom"] > aim["top"]

    until(rests, "a page at rest")
    return seen[-1]


@pytest.mark.parametrize("size", [(1280, 900), (360, 740)], ids=["desk", "phone"])
def test_a_lesson_is_in_sight_with_what_it_points_at(anywhere: Open, size: tuple[int, int]) -> None:
    view = anywhere("lesson=2&opening=0&lang=en", size=size)
    for lesson in (2, 3, 4):
        view.says(".lesson", f"{lesson} of 9")
        found = at_rest(view)
        where = f"lesson {lesson}: {found}"
        assert found["unread"] <= 1, where
        assert found["wide"] <= size[0], where
        for part in ("words", "next", "text", "aim", "graph"):
            assert inside(found[part], found["window"], 1), (part, where)
        assert apart(found["aim"], found["words"], 6), where
        view.click(".lesson .main")


def test_on_a_phone_a_chosen_state_is_in_sight_and_nothing_is_wider(anywhere: Open) -> None:
    view = anywhere("opening=1&lang=zh", size=(360, 740))
    wide = "() => document.documentElement.scrollWidth"
    assert view.evaluate(wide) <= 360
    view = anywhere(size=(360, 740))
    assert view.evaluate(wide) <= 360
    view.click('.stage .state[data-id="5"]')
    view.says("[data-part=state]", "State 101")
    view.settle()
    card, chosen, window = (
        view.box("[data-part=state]"),
        view.box(".state.chosen"),
        {"left": 0, "top": 0, "right": 360, "bottom": 740},
    )
    assert inside(card, window, 1)
    assert inside(chosen, window, 1)
    assert apart(card, chosen)
    view.click("=layer 1, head 2")
    view.wait("() => document.querySelectorAll('.head.off').length === 1")
    view.click("=Close the state")
    view.wait("() => !document.querySelector('.state.chosen')")
    view.click("=One token")
    view.settle()
    for part in (".stage svg", ".go-walk", ".wt-tape"):
        assert inside(view.box(part), window, 1), part
    assert view.evaluate(wide) <= 360


def test_language_theme_and_the_keyboard_alone(anywhere: Open) -> None:
    view = anywhere()
    view.click("=中文")
    view.says(".panel", "训练")
    linked(view, "lang=zh")
    view.click("=English")
    view.says(".panel", "Training")
    view.click("=Dark or light")
    view.wait("() => getComputedStyle(document.body).backgroundColor === 'rgb(20, 23, 29)'")
    view = anywhere()
    view.press("Tab")
    assert view.evaluate("() => document.activeElement.textContent") == "Skip to the graph"
    view.press("Enter", "ArrowDown", "ArrowDown")
    state = view.evaluate("() => document.activeElement.querySelector('text').textContent")
    assert re.fullmatch("[01]{3}", state)
    view.press("Enter")
    view.says("[data-part=state]", f"State {state}")
    view.press("ArrowLeft")
    view.says(".step", "step 49 of 50")
    view.press("Escape")
    view.wait("() => !document.querySelector('.state.chosen')")
    view.press("?")
    view.says("dialog.keys", "Space")
    view.press("Escape")
    view.wait("() => !document.querySelector('dialog[open]')")
    for _ in range(80):  # every control is reached, in an order that ends
        if view.evaluate("() => document.activeElement.textContent") == "Open a file":
            break
        view.press("Tab")
    else:
        pytest.fail("the last button is not reached by Tab")


def test_every_style_is_understood(anywhere: Open) -> None:
    """What a browser does not know it leaves out without a word: WebKit left out the dots under explained words."""
    view = anywhere()
    sheet = re.findall(r"<style>(.*?)</style>", page(), re.S)[0]
    rules = re.sub(r"/\*.*?\*/|@page {[^}]*}", "", sheet, flags=re.S)
    styles = sorted(set(re.findall(r"[{;]\s*([a-z][a-z-]*)\s*:\s*([^;{}]+?)\s*(?:!important)?\s*(?=[;}])", rules)))
    assert len(styles) > 300
    unknown = view.evaluate(
        """(styles) => {
          const root = getComputedStyle(document.documentElement);
          const filled = (value) => value.replace(/var\\((--[\\w-]+)(?:,\\s*([^()]+))?\\)/g, (all, name, otherwise) =>
            root.getPropertyValue(name).trim() || otherwise || all);  // with variables everything is taken at first
          return styles.filter(([name, value]) => !CSS.supports(name, filled(value)));
        }""",
        styles,
    )
    assert unknown == []
    term = "() => { const look = getComputedStyle(document.querySelector('.term')); return look.textDecorationStyle; }"
    assert view.evaluate(term) == "dotted"


def test_nothing_goes_wrong_on_a_random_walk_and_nothing_stays_behind(anywhere: Open) -> None:
    """A hundred acts; `make wander` walks for an hour in each browser, and looks at its memory, too."""
    view = anywhere(HOME)
    home(view)
    before = view.held() if view.name == "chromium" else {}  # which alone counts nodes and listeners
    elements = view.evaluate("() => document.querySelectorAll('*').length")
    begin(view, seed=7, speed=20)
    done = wander(view, 100, 0.5)
    assert len(set(done)) > 50
    home(view)
    assert not (troubles := view.troubles()), (troubles, done)
    assert view.evaluate("() => document.querySelectorAll('*').length") < 1.02 * elements  # a message may be left
    after = view.held() if before else {}
    assert all(after[key] < 1.02 * before[key] for key in before if key != "heap"), (before, after)
