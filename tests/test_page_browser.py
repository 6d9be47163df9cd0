"""The page in a real browser, from a file with the network off: what people do with it, and what must not happen."""

import csv
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from finitegpt import Run, TrainConfig, decode, train
from finitegpt.analysis import red_states
from finitegpt.cli import main
from finitegpt.page import experiment, page

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

    def open_page(link: str = "", *, width: int = 1280, first: str = "", locale: str = "en-GB") -> Any:
        file = tmp_path / "page.html"
        file.write_text(page(first), encoding="utf-8")
        context = chromium.new_context(viewport={"width": width, "height": 900}, locale=locale, accept_downloads=True)
        contexts.append(context)
        context.set_offline(True)
        view = context.new_page()
        view.on("pageerror", lambda error: troubles.append(str(error)))
        view.on("console", lambda said: troubles.append(said.text) if said.type in ("error", "warning") else None)
        view.on("dialog", lambda dialog: troubles.append(f"dialog: {dialog.message}"))
        view.on("request", lambda asked: requests.append(asked.url))
        view.goto(file.as_uri() + (f"#{link}" if link else ""))
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
    before = None
    for _ in range(100):
        view.wait_for_timeout(60)
        now = view.inner_text("output") + view.inner_text(".side")
        if now == before and "step" in now:
            return
        before = now


def shown(view: Any) -> np.ndarray:
    """The chain as the page saves it, (states, V)."""
    with view.expect_download() as download:
        view.get_by_role("button", name="Chain as CSV").click()
    with Path(download.value.path()).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    V = len({row["next"] for row in rows})
    return np.array([float(row["probability"]) for row in rows]).reshape(-1, V)


def test_it_opens_with_the_notebooks_experiment_trained(visit: Callable[..., Any], notebook: Run) -> None:
    view = visit()
    assert "step 50 of 50, loss 0.4700 nats" in view.inner_text("output")
    assert "1 79%" in view.text_content(".stage svg")
    np.testing.assert_allclose(shown(view), notebook.chain.probs, atol=1e-5)


def test_the_same_link_gives_the_same_numbers_as_the_library(visit: Callable[..., Any]) -> None:
    config = TrainConfig(steps=20, seed=7)
    run = train("abcabcaabbccabc", config=config, context_length=2)
    np.testing.assert_allclose(shown(visit(experiment(run))), run.chain.probs, atol=1e-5)


def test_time_can_be_travelled(visit: Callable[..., Any], notebook: Run) -> None:
    view = visit()
    view.locator("#timeline").evaluate("e => { e.value = 0; e.dispatchEvent(new Event('input')); }")
    settle(view)
    assert "step 0 of 50" in view.inner_text("output")
    np.testing.assert_allclose(shown(view), notebook.initial_chain.probs, atol=1e-5)
    view.get_by_role("button", name="A step on").click()
    settle(view)
    assert "step 1 of 50" in view.inner_text("output")
    assert "step=1" in view.url


def test_typing_trains_again_and_bad_data_keeps_the_last_chain(visit: Callable[..., Any]) -> None:
    view = visit()
    box = view.get_by_label("Sequence, one token a character")
    box.fill("0101010101")
    settle(view)
    expected = train("0101010101").chain.probs
    np.testing.assert_allclose(shown(view), expected, atol=1e-5)
    for text, words in (("000", "two different"), ("01", "longer than"), ("", "two different")):
        box.fill(text)
        settle(view)
        assert words in view.inner_text(".notice")
        np.testing.assert_allclose(shown(view), expected, atol=1e-5)


def test_a_control_out_of_range_says_what_it_needs(visit: Callable[..., Any], notebook: Run) -> None:
    view = visit()
    box = view.get_by_role("textbox", name="Layers")
    for text in ("0", "99", "two", ""):
        box.fill(text)
        assert "from 1 to 8" in view.inner_text(".notice")
    np.testing.assert_allclose(shown(view), notebook.chain.probs, atol=1e-5)
    view.get_by_role("textbox", name="Heads").fill("3")
    settle(view)
    assert "16 was made 15" in view.inner_text(".notice")


def test_decoding_morphs_the_chain_and_greedy_ends_in_a_cycle(visit: Callable[..., Any], notebook: Run) -> None:
    view = visit("temperature=0.5")
    np.testing.assert_allclose(shown(view), decode(notebook.chain, temperature=0.5).probs, atol=1e-5)
    view.get_by_label("Greedy").check()
    settle(view)
    np.testing.assert_allclose(shown(view), decode(notebook.chain, greedy=True).probs, atol=1e-5)
    assert "Ends in a cycle of 4 states" in view.inner_text(".side")
    assert view.locator(".state.end").count() == 4


def test_a_state_is_opened_and_a_head_switched_off(visit: Callable[..., Any], notebook: Run) -> None:
    view = visit()
    view.locator(".state[data-id='5']").click()
    settle(view)
    card = view.inner_text(".side")
    assert "State 101" in card
    assert "The data shows it 2 times" in card
    view.get_by_role("button", name="layer 1, head 2").click()
    settle(view)
    switches = np.ones((4, 5), np.float32)
    switches[0, 1] = 0
    np.testing.assert_allclose(shown(view), notebook.model.chain(switches=switches).probs, atol=1e-5)
    assert "Heads switched off: 1·2" in view.inner_text(".side")


def test_red_states_are_marked_and_their_probability_told(visit: Callable[..., Any], notebook: Run) -> None:
    view = visit("greedy=1")
    view.get_by_label("Red states").fill("*00, 010")
    settle(view)
    assert view.locator(".state.red").count() == 3
    found = red_states(decode(notebook.chain, greedy=True), ["*00", "010"])
    assert f"ever\n{found.ever.value:.4g}" in view.inner_text(".side").replace("0.000", "0")
    view.get_by_label("Red states").fill("12")
    settle(view)
    assert "No state is like 12" in view.inner_text(".notice")
    view.get_by_label("Red states").fill("11?")
    settle(view)
    assert view.inner_text(".notice") == ""


def test_the_datas_own_chain_lies_behind(visit: Callable[..., Any]) -> None:
    view = visit()
    wide = "e => [...e].filter((one) => Number(one.getAttribute('stroke-width')) > 0).length"
    assert view.locator(".halo").evaluate_all(wide) == 0
    view.get_by_label("The data's own chain behind it").check()
    settle(view)
    assert view.locator(".halo").evaluate_all(wide) == 5  # the notebook's data takes five different arrows


def test_the_walk_goes_on(visit: Callable[..., Any]) -> None:
    view = visit()
    view.get_by_role("button", name="Walk on").click()
    view.wait_for_timeout(1200)
    text = view.inner_text(".walked .text").replace("\n", "")
    assert len(text) > 5
    assert set(text) <= {"0", "1"}


def test_presets_and_the_back_button(visit: Callable[..., Any], notebook: Run) -> None:
    view = visit()
    view.get_by_label("Presets").select_option("abc")
    settle(view)
    assert view.locator(".state").count() == 9
    view.go_back()
    settle(view)
    assert view.locator(".state").count() == 8
    np.testing.assert_allclose(shown(view), notebook.chain.probs, atol=1e-5)


@pytest.mark.parametrize("preset", ["converged", "golden", "even", "three", "thue", "abc"])
def test_every_preset_trains_to_its_end(visit: Callable[..., Any], preset: str) -> None:
    view = visit()
    view.get_by_label("Presets").select_option(preset)
    view.wait_for_function(
        "() => { const m = document.querySelector('output').textContent.match(/step (\\d+) of (\\d+)/);"
        " return m && m[1] === m[2] && m[2] !== '50'; }"
    )
    assert view.inner_text(".notice") == ""


def test_languages_and_themes(visit: Callable[..., Any]) -> None:
    view = visit(locale="zh-CN")
    assert view.evaluate("document.documentElement.lang") == "zh"
    assert "训练" in view.inner_text(".panel")
    view.get_by_role("button", name="English").click()
    assert "Training" in view.inner_text(".panel")
    assert "lang=en" in view.url
    view.get_by_role("button", name="Dark or light").click()
    assert view.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 29)"


def test_the_keyboard_is_enough(visit: Callable[..., Any]) -> None:
    view = visit()
    view.locator(".state[data-id='3']").focus()
    view.keyboard.press("Enter")
    settle(view)
    assert "State 011" in view.inner_text(".side")
    view.keyboard.press("ArrowLeft")
    settle(view)
    assert "step 49 of 50" in view.inner_text("output")


@pytest.mark.parametrize(
    "link",
    [
        "data=" + "1" * 10_000,
        "context=1e9&layers=-3",
        "<script>alert(1)</script>",
        "data=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E01",
        "state=999999&off=9.9,x,-1.2&red=%00",
        "lang=%F0%9F%92%A9",
        "%E0%A4%A",
    ],
)
def test_a_hostile_link_does_no_harm(visit: Callable[..., Any], link: str) -> None:
    view = visit(link)
    assert view.locator(".stage svg, .stage canvas").count() == 1
    assert view.locator("img, script[src]").count() == 0


def test_a_training_that_diverges_is_said(visit: Callable[..., Any]) -> None:
    view = visit()
    view.get_by_role("textbox", name="Learning rate").fill("1")
    view.get_by_role("textbox", name="Weight decay").fill("10")
    view.get_by_role("textbox", name="Steps").fill("3000")
    view.wait_for_timeout(1500)
    assert view.locator(".stage svg").count() == 1


def test_it_fits_a_phone(visit: Callable[..., Any]) -> None:
    view = visit("state=5", width=360)
    assert view.evaluate("document.documentElement.scrollWidth") <= 360


def test_larger_chains_are_shown_as_a_matrix(visit: Callable[..., Any]) -> None:
    view = visit("context=8&layers=1&steps=5")
    assert view.locator("canvas").count() == 1
    view.locator("canvas").click(position={"x": 20, "y": 40})
    settle(view)
    assert "State 0" in view.inner_text(".side")


def test_an_exported_run_trains_itself_again(chromium: Any, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = train("0110100110010110", config=TrainConfig(steps=25, seed=3))
    run.save("run")
    assert main(["export", "run", "page.html"]) == 0
    assert (here / "page.html").stat().st_size < 400_000
    with chromium.new_context(accept_downloads=True) as context:
        view = context.new_page()
        view.goto((here / "page.html").as_uri())
        view.wait_for_selector(".stage svg", state="attached")
        settle(view)
        np.testing.assert_allclose(shown(view), run.chain.probs, atol=1e-5)
    assert main(["export", "run", "page.html"]) == 2
    assert "exists" in capsys.readouterr().err


def test_runs_that_the_page_cannot_train_are_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train("01" * 3000, config=TrainConfig(steps=1)).save("long")
    train("0110" * 5, config=TrainConfig(steps=1, batch_size=4)).save("batches")
    for name, words in (("long", "4,000 characters"), ("batches", "mini-batches")):
        assert main(["export", name, "page.html"]) == 2
        assert words in capsys.readouterr().err
    assert main(["export", "long", "page.pdf"]) == 2
    assert not list(here.glob("page.*"))
