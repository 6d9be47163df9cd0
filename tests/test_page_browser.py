"""The page in a real browser, from a file with the network off: what people do with it, and what must not happen."""

import base64
import csv
import hashlib
import json
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from finitegpt import GPTConfig, Model, Run, TrainConfig, decode, train, weights
from finitegpt.analysis import entropy_rate, red_states, stationary_distribution
from finitegpt.cli import main
from finitegpt.page import page
from pages import settle


def saved(view: Any, button: str) -> Path:
    """The file that a button saves."""
    with view.expect_download() as download:
        view.get_by_role("button", name=button).click()
    return Path(download.value.path())


def shown(view: Any) -> np.ndarray:
    """The chain as the page saves it, (states, V)."""
    with saved(view, "Chain as CSV").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    V = len({row["next"] for row in rows})
    return np.array([float(row["probability"]) for row in rows]).reshape(-1, V)


def test_it_opens_with_the_notebooks_experiment_trained(visit: Callable[..., Any], notebook: Run) -> None:
    view = visit()
    assert "step 50 of 50, loss 0.4670 nats" in view.inner_text(".step")
    assert "1 (79%)" in view.text_content(".stage svg")
    np.testing.assert_allclose(shown(view), notebook.chain.probs, atol=1e-5)


def test_the_same_link_gives_the_same_numbers_as_the_library(visit: Callable[..., Any]) -> None:
    run = train("abcabcaabbccabc", config=TrainConfig(steps=20, seed=7), context_length=2)
    link = "data=abcabcaabbccabc&context=2&steps=20&seed=7"
    np.testing.assert_allclose(shown(visit(link)), run.chain.probs, atol=1e-5)
    np.testing.assert_allclose(shown(visit(link)), run.chain.probs, atol=1e-5)


def test_time_can_be_travelled(visit: Callable[..., Any], notebook: Run) -> None:
    view = visit()
    view.locator("#timeline").evaluate("e => { e.value = 0; e.dispatchEvent(new Event('input')); }")
    settle(view)
    assert "step 0 of 50" in view.inner_text(".step")
    np.testing.assert_allclose(shown(view), notebook.initial_chain.probs, atol=1e-5)
    view.get_by_role("button", name="A step on").click()
    settle(view)
    assert "step 1 of 50" in view.inner_text(".step")
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
    view.get_by_text("The same on the command line").click()
    settle(view)
    assert view.text_content("#command") == "finitegpt train 0101010101"  # of what is shown, not of what is typed


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
    view.get_by_role("button", name="layer 3, MLP").click()
    settle(view)
    switches[2, 4] = 0
    np.testing.assert_allclose(shown(view), notebook.model.chain(switches=switches).probs, atol=1e-5)
    assert view.locator(".head.off").count() == 2


def test_red_states_are_marked_and_their_probability_told(visit: Callable[..., Any], notebook: Run) -> None:
    view = visit("greedy=1")
    view.get_by_label("Red states").fill("*00, 010")
    settle(view)
    assert view.locator(".state.red").count() == 3
    found = red_states(decode(notebook.chain, greedy=True), ["*00", "010"])
    assert f"ever\n{found.ever}" in view.inner_text(".side")
    view.get_by_label("Red states").fill("12")
    settle(view)
    assert "No state is like 12" in view.inner_text(".notice")
    view.get_by_label("Red states").fill("11?")
    settle(view)
    assert view.inner_text(".notice") == ""


def concluded(view: Any) -> str:
    """What the page says of the long run, once it is of the chain that is shown."""
    view.wait_for_function(
        "() => !document.querySelector('[data-part=chain] .old')"
        " && !document.querySelector('[data-part=chain]').textContent.includes('\u2026')"
    )
    return view.inner_text("[data-part=chain]")


def test_the_long_run_is_that_of_the_library_to_every_digit(visit: Callable[..., Any]) -> None:
    run = train(
        "0" * 30 + "1" * 30, GPTConfig(vocab_size=2, context_length=9, n_layer=1), TrainConfig(steps=300, lr=0.003)
    )
    chain = decode(run.chain, temperature=0.3)
    law = stationary_distribution(chain, method="gth")
    link = f"data={'0' * 30}{'1' * 30}&context=9&layers=1&steps=300&lr=.003&temperature=.3"
    card = concluded(visit(link))
    numbers = {state: float(share) for state, share in re.findall(r"([01]{9})\n([\d.e-]+) %", card)}
    assert numbers["1" * 9] == 100.0
    assert numbers["0" * 9] == pytest.approx(100 * law.probs[0], rel=0.01)  # trained in float32, there and here
    entropy = float(re.search(r"Entropy rate\n([\d.e-]+) nats", card)[1])
    assert entropy == pytest.approx(entropy_rate(chain, law).value, rel=0.01)
    assert re.search(r"at most [\d,]+ tokens", card)
    assert re.search(r"至多 [\d,]+ 个词元", concluded(visit(link + "&lang=zh")))


def test_of_several_classes_it_is_said_whose_numbers_are_shown(visit: Callable[..., Any]) -> None:
    link = "data=0001110001110101&context=3&steps=400&lr=.01&layers=1&greedy=1&red=000"
    card = concluded(visit(link))
    assert "Ends in one of 2 classes. Below is that of 000, with 6 states." in card
    assert "16.7 %" in card
    assert "it never settles" in card
    assert "最终进入 2 个常返类之一。下面是 000 所在的常返类，共 6 个状态。" in concluded(visit(link + "&lang=zh"))


WATCHED = """() => {
  window.seen = { frames: 0, old: 0, slowest: 0, computing: false };
  let before = performance.now();
  const tick = (now) => {
    const card = document.querySelector("[data-part=chain]");
    seen.frames += 1;
    seen.old += card.querySelector(".old") ? 1 : 0;
    seen.computing ||= card.querySelector(".computing").textContent !== "";
    seen.slowest = Math.max(seen.slowest, now - before);
    before = now;
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
}"""


def test_frames_go_on_while_a_large_chain_is_concluded_and_the_newest_wins(visit: Callable[..., Any]) -> None:
    view = visit("data=" + "0110100" * 8 + "&context=12&layers=1&steps=60&lr=.01")
    concluded(view)
    view.evaluate(WATCHED)
    box = view.get_by_role("textbox", name="Temperature")
    for temperature in ("0.5", "0.05", "0.2", "0.1", "0.15"):
        box.fill(temperature)
    settle(view)  # the last of them is drawn: from then on what is shown is marked as old
    last = concluded(view)
    seen = view.evaluate("seen")
    assert seen["old"] > 3  # frames in which it is still being computed
    assert seen["slowest"] < 200
    fresh = visit("data=" + "0110100" * 8 + "&context=12&layers=1&steps=60&lr=.01&temperature=0.15")
    assert concluded(fresh) == last


def test_the_datas_own_chain_lies_behind(visit: Callable[..., Any]) -> None:
    view = visit()
    wide = "e => [...e].filter((one) => Number(one.getAttribute('stroke-width')) > 0).length"
    assert view.locator(".halo").evaluate_all(wide) == 0
    view.get_by_label("The data's own chain behind it").check()
    settle(view)
    assert view.locator(".halo").evaluate_all(wide) == 5  # the notebook's data takes five different arrows


def test_the_walk_goes_on(visit: Callable[..., Any]) -> None:
    view = visit()
    view.get_by_role("button", name="One token").click()
    text = view.inner_text(".walked .text")
    assert len(text) == 4
    assert set(text) <= {"0", "1"}
    view.get_by_label("Speed of the walk").select_option("2000")
    view.get_by_role("button", name="Walk on").click()
    view.wait_for_function(
        "() => Number(document.querySelector('.visited').textContent.replaceAll(',', '').match(/\\d+/)[0]) > 4000"
    )
    view.get_by_role("button", name="Stop").click()
    assert float(re.findall(r"[\d.]+(?= for all)", view.inner_text(".vt-far >> nth=1"))[0]) < 0.05
    words = view.inner_text(".visited")
    visits = int(words.replace(",", "").split(";")[0].split()[2])
    view.get_by_role("button", name="Write 0 yourself").click()
    view.get_by_role("button", name="Write 0 yourself").click()
    assert f"Tokens walked: {visits + 2:,};" in view.inner_text(".visited")
    assert "From outside: 2." in view.inner_text(".visited")
    assert view.inner_text(".walked .text").endswith("00")


def test_presets_and_the_back_button(visit: Callable[..., Any], notebook: Run) -> None:
    view = visit()
    view.get_by_role("combobox", name="Presets").select_option("abc")
    settle(view)
    assert view.locator(".state").count() == 9
    view.go_back()
    settle(view)
    assert view.locator(".state").count() == 8
    np.testing.assert_allclose(shown(view), notebook.chain.probs, atol=1e-5)


@pytest.mark.parametrize(
    "preset", ["converged", "golden", "even", "three", "thue", "vowels", "abc", "rhyme", "poem", "bigger"]
)
def test_every_preset_trains_to_its_end(visit: Callable[..., Any], preset: str) -> None:
    view = visit()
    view.get_by_role("combobox", name="Presets").select_option(preset)
    view.wait_for_function(
        "() => { const text = document.querySelector('.step').textContent.replaceAll(',', '');"
        " const m = text.match(/step (\\d+) of (\\d+)/); return m && m[1] === m[2] && m[2] !== '50'; }"
    )
    assert view.inner_text(".notice") == ""


def test_languages_and_themes(visit: Callable[..., Any]) -> None:
    view = visit(locale="zh-CN")
    assert view.evaluate("document.documentElement.lang") == "zh"
    assert "训练" in view.inner_text(".panel")
    view.get_by_role("button", name="English").click()
    settle(view)
    assert "Training" in view.inner_text(".panel")
    assert "lang=en" in view.url
    view.get_by_role("button", name="Dark or light").click()
    assert view.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 29)"


def test_the_keyboard_is_enough(visit: Callable[..., Any]) -> None:
    view = visit()
    view.locator(".state[tabindex='0']").focus()
    seen = set()
    while view.evaluate("document.activeElement.dataset.id") != "3":
        seen.add(view.evaluate("document.activeElement.dataset.id"))
        assert len(seen) < 8
        view.keyboard.press("ArrowDown")
    view.keyboard.press("Enter")
    settle(view)
    assert "State 011" in view.inner_text(".side")
    view.keyboard.press("ArrowLeft")
    settle(view)
    assert "step 49 of 50" in view.inner_text(".step")


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


def test_a_step_is_pinned_and_differences_shown(visit: Callable[..., Any], notebook: Run) -> None:
    view = visit("step=0")
    view.get_by_role("button", name="Pin this step").click()
    view.get_by_role("button", name="To the last step").click()
    settle(view)
    assert "since step 0" in view.inner_text(".legend")
    change = round(100 * (notebook.chain.probs - notebook.initial_chain.probs)[5, 1])
    words = view.locator(".arrow-label").all_text_contents()  # in percentage points, so without %
    assert any(re.fullmatch(rf"1 \(?\+{change}\)?", text) for text in words)
    assert view.locator("path.down").count() > 0
    assert "pin=0" in view.url
    view.get_by_role("button", name="Unpin").click()
    settle(view)
    assert view.locator("path.down").count() == 0


def test_weights_are_nudged_and_taken_away(visit: Callable[..., Any], notebook: Run) -> None:
    view = visit("along=0.3&param=40&delta=0.5&step=30")
    view.wait_for_timeout(200)
    before = shown(view)
    assert np.abs(before - notebook.chain.probs).max() > 0.01
    named = weights.load(saved(view, "Weights as safetensors"))
    model = Model.from_named(notebook.model.config, "01", named)
    np.testing.assert_allclose(model.chain().probs, before, atol=1e-5)
    view.get_by_role("button", name="As trained").click()
    view.get_by_role("button", name="To the last step").click()
    settle(view)
    np.testing.assert_allclose(shown(view), notebook.chain.probs, atol=1e-5)
    view.get_by_label("All, along a random direction").evaluate(
        "e => { e.value = 0.2; e.dispatchEvent(new Event('input')); }"
    )
    settle(view)
    assert "along=0.2" in view.url
    assert np.abs(shown(view) - notebook.chain.probs).max() > 1e-3


def test_every_format_is_saved_and_read_back(visit: Callable[..., Any], tmp_path: Path) -> None:
    view = visit("temperature=0.5&red=000&seed=3&state=2")
    before = shown(view)
    picture = saved(view, "Picture as SVG").read_text(encoding="utf-8")
    assert picture.count("<circle") == 8
    assert "class=" not in picture
    assert "var(" not in picture
    image = saved(view, "Picture as PNG").read_bytes()
    assert image.startswith(b"\x89PNG")
    assert int.from_bytes(image[16:20], "big") > 600
    path = saved(view, "Chain as JSON")
    facts = json.loads(path.read_text(encoding="utf-8"))
    np.testing.assert_allclose(facts["probs"], before, atol=1e-12)
    flat = saved(view, "Weights as safetensors").read_bytes()
    (tmp_path / "chain.json").write_bytes(path.read_bytes())
    (tmp_path / "model.safetensors").write_bytes(flat)
    other = visit()
    other.locator("input[type=file]").set_input_files(tmp_path / "chain.json")
    settle(other)
    assert "Opened: chain.json" in other.inner_text(".notice")
    np.testing.assert_allclose(shown(other), before, atol=1e-6)
    assert other.locator(".state.red").count() == 1
    third = visit("temperature=0.5")
    third.locator("input[type=file]").set_input_files(tmp_path / "model.safetensors")
    settle(third)
    assert "weights from a file" in third.inner_text(".step")
    np.testing.assert_allclose(shown(third), before, atol=1e-6)
    third.get_by_role("textbox", name="Seed", exact=True).fill("1338")
    settle(third)
    again = train(config=TrainConfig(seed=1338)).chain
    np.testing.assert_allclose(shown(third), decode(again, temperature=0.5).probs, atol=1e-5)


def test_the_files_of_a_run_are_opened(visit: Callable[..., Any], tmp_path: Path) -> None:
    config = GPTConfig(vocab_size=3, context_length=2, n_layer=1, n_head=2, n_embd=8, bias=True)
    run = train("abcabcaabbcc", config, TrainConfig(steps=7, batch_size=4, seed=2))
    run.save(tmp_path / "run")
    view = visit()
    files = [tmp_path / "run" / name for name in ("model.safetensors", "run.json", "data.txt")]
    view.locator("input[type=file]").set_input_files(files)
    settle(view)
    np.testing.assert_allclose(shown(view), run.chain.probs, atol=1e-5)
    (tmp_path / "own.txt").write_text("0010010001\n")
    view.locator("input[type=file]").set_input_files(tmp_path / "own.txt")
    settle(view)
    assert view.get_by_label("Sequence, one token a character").input_value() == "0010010001"


def test_hostile_files_leave_the_last_chain(visit: Callable[..., Any], notebook: Run, tmp_path: Path) -> None:
    notebook.save(tmp_path / "run")
    good = (tmp_path / "run" / "model.safetensors").read_bytes()
    other = train("abcabcabc", config=TrainConfig(steps=1)).model
    weights.save(tmp_path / "other.safetensors", other.named)
    files = {
        "photo.jpg": b"\xff\xd8\xff\xe0" + bytes(range(256)) * 8,
        "wrong.safetensors": good.replace(b"[2,16]", b"[3,16]", 1),
        "cut.safetensors": good[:-4],
        "run.json": b'{"format": "finitegpt run 1", "model": []}',
        "<img src=x onerror=alert(1)>.txt": b"\x00\x01",
        "long.txt": b"01" * 5001,
        "other.safetensors": (tmp_path / "other.safetensors").read_bytes(),
    }
    view = visit("opening=0")
    for name, content in files.items():
        view.locator("input[type=file]").set_input_files({"name": name, "mimeType": "image/jpeg", "buffer": content})
        view.wait_for_function(
            "() => /last good|are for|larger|needs its data/.test(document.querySelector('.notice').textContent)"
        )
        view.evaluate("document.querySelector('.notice').textContent = ''")
    np.testing.assert_allclose(shown(view), notebook.chain.probs, atol=1e-5)
    view.evaluate(
        """() => {
          const files = new DataTransfer();
          files.items.add(new File([new Uint8Array([255, 216, 255, 224])], "dropped.jpg"));
          dispatchEvent(new DragEvent("drop", { dataTransfer: files, cancelable: true }));
        }"""
    )
    view.wait_for_function("() => document.querySelector('.notice').textContent.includes('dropped.jpg is a picture')")
    assert view.locator("img").count() == 0


def test_a_state_is_marked_red_from_its_card(visit: Callable[..., Any]) -> None:
    view = visit("state=0&red=11%3F")
    view.get_by_role("button", name="Mark it red").click()
    settle(view)
    assert view.get_by_label("Red states").input_value() == "11?, 000"
    assert view.locator(".state.red").count() == 3
    view.get_by_role("button", name="No longer red").click()
    settle(view)
    assert view.get_by_label("Red states").input_value() == "110, 111"


def test_the_tour_points_at_what_it_speaks_of(visit: Callable[..., Any]) -> None:
    view = visit("data=0011010")
    view.get_by_role("button", name="Nine ideas").click()
    for k in range(1, 10):
        settle(view)
        assert f"Idea {k} of 9" in view.inner_text(".lesson")
        assert view.locator(".pointed").count() == 1
        assert view.locator(".pointed").is_visible()
        assert view.locator(".lesson .main").evaluate("(e) => e.getBoundingClientRect().bottom <= innerHeight")
        assert view.locator(".lesson .words h2").evaluate("(e) => e.getBoundingClientRect().top >= 0")
        assert f"lesson={k}" in view.url
        view.locator(".lesson .main").click()
    settle(view)
    assert view.get_by_label("Sequence, one token a character").input_value() == "0011010"  # what there was before
    assert view.locator(".lesson").is_hidden()
    assert view.locator(".pointed").count() == 0
    other = visit("lesson=8&hide=model,training")
    assert other.locator(".state.red").count() == 1
    assert other.get_by_role("textbox", name="Layers").count() == 0
    other.get_by_role("button", name="Show all controls").click()
    settle(other)
    assert other.get_by_role("textbox", name="Layers").count() == 1
    assert visit("lesson").locator(".lesson").is_visible()
    phone = visit("lesson=3&hide=nudge", width=360)
    phone.locator(".lesson .main").click()
    settle(phone)
    assert "Idea 5 of 9" in phone.inner_text(".lesson")  # the fourth needs what is hidden
    for _ in range(50):  # a page that is busy scrolls late
        boxes = [phone.locator(place).bounding_box() for place in (".stage", ".pointed", ".lesson")]
        if boxes[0]["y"] >= -1:
            break
        phone.wait_for_timeout(100)
    assert boxes[0]["y"] >= -1
    assert boxes[1]["y"] < boxes[2]["y"]


def test_larger_chains_are_dots_and_then_a_matrix(visit: Callable[..., Any]) -> None:
    for link, picture in (("context=8&layers=1&steps=5", ".dots"), ("context=11&layers=1&steps=3", ".matrix")):
        view = visit(link)
        assert view.locator(f"canvas{picture}").count() == 1
        go = view.get_by_label("Go to a state")
        go.fill("012")
        go.press("Enter")
        assert "of the tokens 01" in view.inner_text(".notice")
        L = 8 if picture == ".dots" else 11
        go.fill("1" * L)
        go.press("Enter")
        settle(view)
        assert f"State {'1' * L}" in view.inner_text(".side")
        view.locator(".neighbours .state").first.click()
        settle(view)
        assert f"State 0{'1' * (L - 1)}" in view.inner_text(".side")
        assert saved(view, "Picture as PNG").read_bytes().startswith(b"\x89PNG")
        box = view.locator("canvas" + picture).bounding_box()
        view.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] * (0.075 if L == 8 else 0.5))
        settle(view)
        assert "state=" in view.url


def test_long_trainings_stream_and_are_played(visit: Callable[..., Any]) -> None:
    view = visit("context=8")
    view.get_by_role("textbox", name="Steps", exact=True).fill("5000")
    view.wait_for_function("() => document.querySelector('.step').textContent.includes('of 5,000')")
    steps = []
    for _ in range(4):
        steps.append(int(view.inner_text(".step").replace(",", "").split()[1]))
        view.wait_for_timeout(150)
    assert steps == sorted(set(steps))
    assert steps[-1] < 5000
    view.get_by_role("button", name="Pause").click()
    settle(view)
    stopped = view.inner_text(".step")
    view.wait_for_timeout(200)
    assert view.inner_text(".step") == stopped
    view.get_by_role("button", name="To the last step").click()
    view.get_by_role("textbox", name="Steps", exact=True).fill("60")
    view.wait_for_function("() => document.querySelector('.step').textContent.includes('step 60 of 60')")
    view.get_by_role("button", name="Back to before training").click()
    settle(view)
    assert "step 0 of 60" in view.inner_text(".step")
    view.get_by_label("Speed", exact=True).select_option("4")
    view.get_by_role("button", name="Play").click()
    view.wait_for_timeout(300)
    view.get_by_role("button", name="Pause").click()
    settle(view)
    assert 0 < int(view.inner_text(".step").split()[1]) < 60
    view.keyboard.press("Tab")
    view.evaluate("document.activeElement.blur()")
    view.keyboard.press(" ")
    view.wait_for_function("() => document.querySelector('.step').textContent.includes('step 60 of 60')")


def test_a_training_that_diverges_keeps_its_last_good_step(visit: Callable[..., Any]) -> None:
    view = visit()
    view.get_by_role("textbox", name="Learning rate").fill("1")
    view.get_by_role("textbox", name="Weight decay").fill("10")
    view.get_by_role("textbox", name="Steps", exact=True).fill("300")
    view.wait_for_function("() => document.querySelector('.notice').textContent.includes('went off to infinity')")
    assert np.isfinite(shown(view)).all()
    np.testing.assert_allclose(shown(view).sum(1), 1, atol=1e-9)


def test_an_hour_in_the_background_does_nothing(visit: Callable[..., Any]) -> None:
    view = visit("steps=500")
    view.clock.install()
    view.get_by_role("button", name="Walk on").click()
    view.get_by_role("button", name="Play").click()
    view.clock.fast_forward(3_600_000)
    view.clock.resume()
    view.wait_for_timeout(1000)
    assert 3 < len(view.inner_text(".walked .text")) < 50
    assert 0 < int(view.inner_text(".step").split()[1]) < 500  # no leap over what was missed
    view.get_by_role("button", name="Stop").click()


def test_a_browser_without_simd_is_told(visit: Callable[..., Any]) -> None:
    view = visit("lang=zh", before="WebAssembly.validate = () => false")
    assert "WebAssembly SIMD" in view.inner_text(".notice")
    assert "无法" in view.inner_text(".notice")
    blocked = visit(before="window.Worker = class { constructor() { throw new Error('validate'); } }")
    assert "Reload" in blocked.inner_text(".notice")


def test_it_fits_a_phone(visit: Callable[..., Any]) -> None:
    for link in (
        "state=5",
        "context=8&layers=2&steps=3&state=7",
        "lesson=5&lang=zh",
        "context=12&layers=1&steps=1&state=9",
    ):
        view = visit(link, width=360, has_touch=True)
        assert view.evaluate("document.documentElement.scrollWidth") <= 360, link
        assert view.evaluate(
            "[...document.querySelectorAll('button')].every((b) => b.scrollWidth <= b.clientWidth + 1)"
        ), link


def test_the_keyboard_alone_trains_opens_and_walks(visit: Callable[..., Any]) -> None:
    view = visit()
    reached = set()
    for _ in range(150):
        view.keyboard.press("Tab")
        reached.add(
            view.evaluate("document.activeElement.getAttribute('aria-label') || document.activeElement.textContent")
        )
    wanted = {
        *(
            "Presets",
            "Nine ideas",
            "Sequence, one token a character or a word",
            "Context length",
            "Temperature",
            "Play",
        ),
        *("Pin this step", "Walk on", "One token", "Go to a state", "All, along a random direction", "Tensor"),
        *("Copy the link", "Chain as CSV", "Open a file", "The same in Python"),
    }
    assert wanted <= reached
    assert any(name.startswith("000") for name in reached)
    slider = view.locator("input[type=range][aria-label='Context length']")
    slider.focus()
    view.keyboard.press("ArrowLeft")
    settle(view)
    assert view.locator(".state").count() == 4


def test_a_page_carries_its_run(visit: Callable[..., Any], here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = GPTConfig(vocab_size=3, context_length=2, n_layer=1, n_head=2, n_embd=8)
    run = train("0110100110010112" * 400, config, TrainConfig(steps=25, seed=3, batch_size=16))
    run.save("run")
    assert main(["export", "run", "page.html"]) == 0
    assert (here / "page.html").stat().st_size < 515_000
    assert len(page().encode()) < 500_000
    view = visit(run=run)
    np.testing.assert_allclose(shown(view), run.chain.probs, atol=1e-5)
    view.locator("#timeline").evaluate("e => { e.value = 0; e.dispatchEvent(new Event('input')); }")
    settle(view)
    np.testing.assert_allclose(shown(view), run.initial_chain.probs, atol=1e-5)
    view.get_by_role("button", name="To the last step").click()
    view.get_by_role("textbox", name="Seed", exact=True).fill("4")
    settle(view)
    again = train(run.data, config, TrainConfig(steps=25, seed=4, batch_size=16))
    np.testing.assert_allclose(shown(view), again.chain.probs, atol=1e-5)
    assert "data=" not in view.url
    assert main(["export", "run", "page.html"]) == 2
    assert "exists" in capsys.readouterr().err


def test_a_run_with_every_option_is_shown_and_trained_again(visit: Callable[..., Any]) -> None:
    config = GPTConfig(
        **{"vocab_size": 2, "context_length": 3, "n_layer": 2, "tied": False, "activation": "relu", "norm": "rmsnorm"},
        **{"norm_weight": False, "embedding_norm": True, "final_norm": False},
    )
    schedule = {"warmup": 5, "decay": "cosine", "min_lr": 1e-4, "clip": 0.5, "betas": (0.8, 0.95), "batch_seed": 2}
    how = TrainConfig(steps=30, lr=3e-3, batch_size=8, decay_matrices=True, **schedule)
    run = train("0110100110010110", config, how, keep_steps=True)
    view = visit(run=run)
    assert view.inner_text(".notice") == ""
    np.testing.assert_allclose(shown(view), run.chain.probs, atol=1e-5)
    view.locator("#timeline").evaluate("e => { e.value = 17; e.dispatchEvent(new Event('input')); }")
    settle(view)
    np.testing.assert_allclose(shown(view), run.chain_at(17).probs, atol=1e-5)
    view.get_by_label("Activation of the MLP").select_option("gelu_tanh")
    view.get_by_label("Output layer is the token embedding").check()
    settle(view)
    other = train(run.data, replace(config, activation="gelu_tanh", tied=True), how)
    np.testing.assert_allclose(shown(view), other.chain.probs, atol=1e-5)
    assert "tied=1&activation=gelu_tanh" in view.url


def test_what_cannot_be_trained_again_is_shown_as_it_was(visit: Callable[..., Any]) -> None:
    run = train("0110100110010110", config=TrainConfig(steps=20, lr=3e-3, batch_size=4))
    given = replace(run, train=replace(run.train, seed=5))  # not the weights that this seed draws
    view = visit(run=given)
    np.testing.assert_allclose(shown(view), run.chain.probs, atol=1e-5)
    assert "this page cannot train it again: its first loss is not" in view.inner_text(".notice")
    assert view.inner_text(".step") == "as it was trained"
    assert view.locator("#timeline").is_disabled()
    assert "它的第一个损失" in visit("lang=zh", run=given).inner_text(".notice")
    view.get_by_role("textbox", name="Steps", exact=True).fill("10")
    settle(view)
    assert view.inner_text(".notice") == ""
    again = train(run.data, config=TrainConfig(steps=10, lr=3e-3, batch_size=4, seed=5))
    np.testing.assert_allclose(shown(view), again.chain.probs, atol=1e-5)


def test_its_weights_are_those_of_the_run_and_not_of_a_new_training(visit: Callable[..., Any]) -> None:
    run = train(config=TrainConfig(steps=20))
    other = Run(
        data=run.data, train=run.train, losses=run.losses, model=train(config=TrainConfig(steps=20, seed=5)).model
    )
    view = visit("state=1", run=other)
    np.testing.assert_allclose(shown(view), other.chain.probs, atol=1e-5)
    view.locator("#timeline").evaluate("e => { e.value = 19; e.dispatchEvent(new Event('input')); }")
    settle(view)
    assert np.abs(shown(view) - other.chain.probs).max() > 1e-3


def test_a_notebook_shows_the_page_in_a_frame(chromium: Any, here: Path, notebook: Run) -> None:
    (here / "notebook.html").write_text(f"<!doctype html><body>{notebook._repr_html_()}", encoding="utf-8")
    with chromium.new_context(accept_downloads=True) as context:
        outer = context.new_page()
        troubles: list[str] = []
        outer.on("pageerror", lambda error: troubles.append(str(error)))
        outer.goto((here / "notebook.html").as_uri())
        frame = outer.frame_locator("iframe")
        frame.locator(".stage svg").wait_for(state="attached")
        frame.get_by_role("textbox", name="Steps", exact=True).fill("40")
        frame.locator(".step").filter(has_text="step 40 of 40").wait_for()
        frame.get_by_role("combobox", name="Presets").select_option("abc")
        frame.locator(".state").nth(8).wait_for()
        assert troubles == []


def test_runs_that_the_page_cannot_show_are_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train("01" * 60_000, config=TrainConfig(steps=1)).save("long")
    assert main(["export", "long", "page.html"]) == 2
    assert "100,000 characters" in capsys.readouterr().err
    assert main(["export", "long", "page.pdf"]) == 2
    assert not list(here.glob("page.*"))
    assert "100,000 characters" in Run.load("long")._repr_html_()


def test_the_page_is_served_and_nothing_else(tmp_path: Path) -> None:
    train("0101010011", config=TrainConfig(steps=3)).save(tmp_path / "run")
    command = [sys.executable, "-m", "finitegpt.cli", "play", str(tmp_path / "run"), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = server.stdout.readline().split()[4]
            assert address.startswith("http://127.0.0.1:")
            with urllib.request.urlopen(address) as answer:
                assert '"0101010011"' in answer.read().decode()
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(address + "../pyproject.toml")
        finally:
            server.send_signal(signal.SIGINT)
        assert server.wait(10) == 130


class Texts(HTMLParser):
    """Addresses in the tags of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [str(value) for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]


def test_the_file_asks_for_nothing_and_its_policy_is_strict() -> None:
    text = page()
    reader = Texts()
    reader.feed(text)
    assert [link[:26] for link in reader.found] == ["data:image/svg+xml;base64,"]  # its icon
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    script = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert len(script) == 1
    digest = base64.b64encode(hashlib.sha256(script[0].encode()).digest()).decode()
    assert policy is not None
    assert policy[1].split("; ") == [
        "default-src 'none'",
        f"script-src 'sha256-{digest}' 'wasm-unsafe-eval'",
        "style-src 'unsafe-inline'",
        "worker-src blob:",
        "img-src data: blob:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    assert len(text.encode()) < 500_000
