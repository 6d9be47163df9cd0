"""Chains of any size on the page: rows of some states, the sketch of the graph, words, characters, colours."""

import json
import random
import shlex
import subprocess
import urllib.parse
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from finitegpt import Data, Model, decode, train
from finitegpt.chain import Chain
from finitegpt.cli import main
from finitegpt.config import GPTConfig
from finitegpt.page.presets import presets
from finitegpt.sources import transform
from pages import AXE, settle
from test_page import FOLDER, NODE, call, node

__all__ = ["node"]  # a fixture

# Trains the values, makes the view of them, and tells what it is asked.
ASKED = """
  const { readFileSync } = await import("node:fs");
  const { values: changes, ids, whole, most, arrows } = JSON.parse(readFileSync(0, "utf-8"));
  const names = ["engine/engine", "chain/experiment", "link/fields", "chain/view", "chain/asked", "chain/sketch"];
  const [{ Engine }, { experimentOf }, { defaults }, { viewOf }, asked, sketch] = await Promise.all(
    names.map((name) => import(`FOLDER/${name}.js`)));
  const engine = await Engine.from(readFileSync(new URL("FOLDER/../_engine/engine.wasm")));
  const values = { ...defaults(), ...changes };
  const { experiment } = experimentOf(values);
  const { steps } = values;
  const training = engine.training(experiment.shape, experiment.plan, Math.max(1, steps), experiment.whole);
  while (training.done() < steps) training.advance();
  const weights = training.keptWeights;
  const flat = new Float32Array(experiment.size * weights.length);
  weights.forEach((one, k) => experiment.whole || flat.set(one, k * experiment.size));
  const chains = experiment.whole ? training.chains(0) : flat;
  const trained = {
    id: 1, experiment, done: steps, losses: training.losses(0), chains,
    kept: weights.length, keepEvery: Math.max(1, steps),
    finished: true, diverged: false, carried: null, fixed: false,
  };
  const view = viewOf(values, trained, null, engine.predict.bind(engine));
  const shown = sketch.shownStates(view, most);
  const row = (id) => [...asked.rowOf(view, id)];
  process.stdout.write(JSON.stringify({
    whole: view.whole, vocab: view.vocab, n: view.n, weights: [...weights.at(-1)], bad: view.bad, entropy: view.entropy,
    rows: ids.map(row), was: ids.map((id) => asked.wasOf(view, id)).map((one) => one && [...one]),
    before: ids.map((id) => asked.beforeOf(view, id)).map((one) => one && [...one]),
    red: ids.map((id) => asked.isRed(view, id)), counts: ids.map((id) => asked.countOf(view, id)),
    names: ids.map((id) => asked.nameOf(view, id)),
    shown, ...sketch.sketched(view, shown, arrows), drawn: shown.map(row),
  }));
""".replace("FOLDER", FOLDER)


def asked(values: dict[str, Any], ids: list[int], most: int = 40, arrows: int = 3) -> Any:
    given = json.dumps({"values": values, "ids": ids, "most": most, "arrows": arrows})
    done = subprocess.run(
        [str(NODE), "--input-type=module", "--eval", ASKED], input=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def long_text(characters: int = 60, length: int = 5000) -> str:
    """Words at random of that many different characters, each of which occurs."""
    signs = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ .,;:!?-"[:characters]
    rng = random.Random(3)
    lexicon = ["".join(rng.choice(signs) for _ in range(rng.randint(2, 7))) for _ in range(160)]
    text = signs
    while len(text) < length:
        text += rng.choice(lexicon) + " "
    return text[:length]


TEXT = long_text()
LARGE: dict[str, Any] = {"data": TEXT, "context": 3, "layers": 1, "steps": 2, "batch": 256}


def native(values: dict[str, Any], found: Any) -> Model:
    """The model of the same weights in the library's own engine."""
    config = GPTConfig(
        vocab_size=len(found["vocab"]), context_length=values["context"], n_layer=values.get("layers", 4)
    )
    return Model(config=config, vocab=tuple(found["vocab"]), weights=np.array(found["weights"], np.float32))


def contexts(ids: list[int], V: int, L: int) -> np.ndarray:
    return np.array([[id // V**k % V for k in range(L - 1, -1, -1)] for id in ids])


@pytest.mark.parametrize("changes", [{}, {"context": 7, "data": TEXT[:900]}, {"context": 2}])
def test_rows_of_some_states_are_those_of_the_model(changes: dict[str, Any]) -> None:
    values = LARGE | changes
    L = values["context"]
    V = len(set(values["data"]))
    ids = [0, 1, 7 * V + 5, V**L // 3, V**L - 1]
    found = asked(values, ids)
    assert (found["whole"], found["n"]) == (False, V**L)
    expected = np.exp(native(values, found).log_probs(contexts(ids, V, L)))
    np.testing.assert_allclose(found["rows"], expected, atol=2e-6)
    data = Data.from_text(values["data"], context_length=L)
    windows = Counter(tuple(data.tokens[k : k + L].tolist()) for k in range(len(data.tokens) - L))
    assert found["counts"] == [windows[tuple(one)] for one in contexts(ids, V, L).tolist()]
    assert found["names"][0] == values_label(found["vocab"], [0] * L)
    assert found["entropy"] == pytest.approx(data.entropy, abs=1e-9)


def values_label(vocab: list[str], tokens: list[int]) -> str:
    return "".join(vocab[token] for token in tokens).replace(" ", "·")


def test_decoding_pins_parts_typed_rows_and_red_states_of_large_chains() -> None:
    V, ids = 60, [5, 60**2 * 7 + 60 + 2, 60**3 - 1]
    typed = "/".join(["0.25", "0.75", *["0"] * 58])
    changes = {"temperature": 0.7, "topk": 9, "off": "0.1", "pin": 0, "rows": f"5:{typed}", "red": "*z, nothere"}
    found = asked(LARGE | changes, ids)
    model = native(LARGE, found)
    rows = model.log_probs(contexts(ids, V, 3), switches=[[1, 0, 1, 1, 1]])
    whole = model.log_probs(contexts(ids, V, 3))
    for name, logs in (("rows", rows), ("was", whole)):
        expected = [decoded(row) for row in np.exp(logs)]
        np.testing.assert_allclose(found[name][1:], expected[1:], atol=5e-6, err_msg=name)
        assert found[name][0][:3] == [0.25, 0.75, 0]
    assert np.abs(np.array(found["before"]) - found["was"])[1:].max() > 1e-5
    assert found["red"] == [found["vocab"][id % V] == "z" for id in ids]
    assert found["bad"] == ["nothere"]
    (z,) = [k for k, sign in enumerate(found["vocab"]) if sign == "z"]
    assert asked(LARGE | changes, [z, z + 60])["red"] == [True, True]


def decoded(row: np.ndarray) -> np.ndarray:
    """A row as the library decodes it: of a chain whose states all have it."""
    vocab = tuple(chr(200 + k) for k in range(len(row)))
    row = row.astype(np.float64)
    chain = Chain.from_probs(np.tile(row / row.sum(), (len(row), 1)), vocab, 1)
    return decode(chain, temperature=0.7, top_k=9).probs[0]


@pytest.mark.parametrize("changes", [{}, {"context": 1}, {"context": 2, "steps": 30, "lr": 0.01}])
def test_the_sketch_keeps_all_probability(changes: dict[str, Any]) -> None:
    values = LARGE | changes
    L, V = values["context"], 60
    found = asked(values, [], most=25, arrows=2)
    data = Data.from_text(TEXT, context_length=L)
    windows = [tuple(data.tokens[k : k + L].tolist()) for k in range(len(data.tokens) - L)]
    often = [one for one, _ in Counter(windows).most_common(25)]
    first = sorted(often, key=windows.index)
    assert contexts(found["shown"], V, L).tolist() == [list(one) for one in first]
    assert found["others"] == V**L - 25
    rests = {one["source"]: one for one in found["rests"]}
    for id, row in zip(found["shown"], found["drawn"], strict=True):
        mine = [one for one in found["arrows"] if one["source"] == id]
        best = [k for k in sorted(range(V), key=lambda k: (-row[k], k))[:2] if row[k] >= 0.02]
        assert [one["token"] for one in mine] == best
        assert [one["p"] for one in mine] == [row[k] for k in best]
        for one in mine:
            target = id * V % V**L + one["token"]
            assert one["target"] == (target if target in found["shown"] else -1)
        assert rests[id]["p"] == pytest.approx(1 - sum(row[k] for k in best), abs=1e-12)
        assert rests[id]["tokens"] == V - len(best)
    assert any(one["target"] >= 0 for one in found["arrows"]) or L > 1 or not found["arrows"]


def test_small_chains_answer_as_they_did() -> None:
    found = asked({"data": "0110100110010110", "context": 2, "steps": 3, "red": "1?"}, [0, 1, 2, 3], most=9, arrows=1)
    expected = np.exp(native({"context": 2}, found).log_probs(contexts([0, 1, 2, 3], 2, 2)))
    assert found["whole"] is True
    np.testing.assert_allclose(found["rows"], expected, atol=1e-6)
    assert (found["red"], sorted(found["shown"]), found["others"]) == ([False, False, True, True], [0, 1, 2, 3], 0)


def test_words_and_patterns_of_them() -> None:
    text = "The cat, the dog; the cat's dog. Don’t! 中文 2x"
    values = {"data": text, "transform": "words", "context": 2, "layers": 1, "steps": 1, "red": "the ?, * dog"}
    found = asked(values, list(range(25)))
    data = Data.from_symbols(transform(text, "words"), context_length=2)
    assert tuple(found["vocab"]) == data.vocab
    assert found["entropy"] == pytest.approx(data.entropy, abs=1e-12)
    V, ids = len(data.vocab), list(range(25))
    pairs = [[data.vocab[k] for k in one] for one in contexts(ids, V, 2)]
    assert found["names"] == ["·".join(pair) for pair in pairs]
    assert found["red"] == [pair[0] == "the" or pair[1] == "dog" for pair in pairs]
    vocab = list(data.vocab)
    (state, none) = call(("data.js", "stateOf", ["the cat", vocab, 2]), ("data.js", "stateOf", ["the", vocab, 2]))
    assert (state, none) == (vocab.index("the") * V + vocab.index("cat"), -1)


def test_the_reasons_of_the_presets_of_words_and_characters_are_true() -> None:
    for name, pair, follows in (
        ("rhyme", ["row", "row"], {"row": 1, "your": 1}),
        ("rhyme", ["merrily", "merrily"], {"merrily": 2, "life": 1}),
        ("poem", ["明", "月"], {"光": 1, "，": 1}),
    ):
        values = presets()[name]
        symbols = list(transform(str(values["data"]), str(values.get("transform", "characters"))))
        found = Counter(symbols[k + 2] for k in range(len(symbols) - 2) if symbols[k : k + 2] == pair)
        assert found == follows
        assert values["context"] == 2


def test_vocabularies_are_sorted_as_python_sorts_them() -> None:
    texts = ["\U0001f600\uffeeab", "ｚz\U00010348é中"]
    assert call(*(("data.js", "vocabulary", [text]) for text in texts)) == [sorted(set(text)) for text in texts]
    words = ["b", "ab", "a", "abc", "a\U0001f600", "a\uffee"]
    assert call(("data.js", "vocabulary", [words])) == [sorted(words)]


def test_more_tokens_than_colours_are_never_reused() -> None:
    few = call(*(("colours.js", "colourOf", [k, 8]) for k in range(8)))
    many = call(*(("colours.js", "colourOf", [k, 9]) for k in range(9)))
    assert len(set(few)) == 8
    assert set(many) == {"var(--many)"}


@pytest.mark.parametrize(
    "changes",
    [
        {"data": "Row, row your boat; row!", "transform": "words", "context": 2, "steps": 3},
        {"data": "床前明月光，疑是地上霜。", "context": 1, "steps": 2},
        LARGE | {"data": TEXT[:1500], "off": "0.2"},
        LARGE | {"data": TEXT[:1500], "temperature": 0.5},
    ],
)
def test_texts_are_told_to_other_tools(changes: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    (start,) = call(("fields.js", "defaults", []))
    values = {**start, **changes}
    (found,) = call(("experiment.js", "experimentOf", [values]))
    experiment = found["experiment"]
    command, code = call(("recipe.js", "commandLine", [values]), ("recipe.js", "python", [values, experiment["shape"]]))
    space: dict[str, Any] = {}
    exec(code, space)
    run = space["run"]
    assert run.model.vocab == tuple(experiment["vocab"])
    assert len(run.losses) == values["steps"]
    page = asked(changes, [0])
    expected = run.model.log_probs([[0] * values["context"]], switches=space.get("switches"))
    if values["temperature"] == 1:
        np.testing.assert_allclose(page["rows"], np.exp(expected), atol=1e-5)
    assert ("# as trained" in code) == (values["temperature"] != 1)
    if not experiment["whole"]:
        assert space["row"].sum() == pytest.approx(1, abs=1e-5)
    if values["temperature"] == 1:
        capsys.readouterr()
        assert main(shlex.split(command)[1:]) == 0


def opened(visit: Callable[..., Any], changes: dict[str, Any], **more: Any) -> Any:
    view = visit("&".join(f"{key}={urllib.parse.quote(str(value))}" for key, value in changes.items()), **more)
    view.wait_for_function(
        "() => { const m = document.querySelector('.step').textContent.match(/step (\\d+) of (\\d+)/);"
        " return m && m[1] === m[2]; }"
    )
    settle(view)
    return view


def test_more_windows_than_fit_into_a_step_are_trained_in_batches_as_in_the_library() -> None:
    rng = random.Random(1)
    text = "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(4600))
    values = {"data": text, "context": 3, "layers": 1, "steps": 2}
    run = train(text, n_layer=1, steps=2)
    assert len(run.data.distinct[0]) > 4096
    found = asked(values, [9])
    np.testing.assert_allclose(found["rows"], np.exp(run.model.log_probs(contexts([9], 26, 3))), atol=1e-5)


def test_a_long_text_that_is_typed_is_trained_in_batches_and_says_so(visit: Callable[..., Any]) -> None:
    view = visit("layers=1&steps=3")
    box = view.get_by_label("Sequence, one token a character")
    box.fill(TEXT)
    settle(view)
    assert "batch=256" in view.url
    assert "256 of its windows" in view.inner_text(".notice")
    view.evaluate("document.querySelector('[data-key=batch]').closest('details').open = true")
    view.get_by_label("Batch size").fill("0")  # the reader knows better
    box.fill(TEXT[:-1])
    settle(view)
    assert "batch" not in view.url


@pytest.mark.parametrize("context", [1, 2, 3])
def test_a_long_text_is_drawn_with_names_and_walked(visit: Callable[..., Any], context: int) -> None:
    view = opened(visit, LARGE | {"context": context, "steps": 10})
    names = view.locator(".sketch .state text").all_text_contents()
    assert len(names) >= 50
    assert len(set(names)) == len(names)
    assert all(len(name) == context for name in names)
    assert view.locator(".sketch path.inner, .sketch .folded").count() >= 50
    sizes = view.evaluate(
        "() => [...document.querySelectorAll('.sketch text')].map((one) => parseFloat(getComputedStyle(one).fontSize)"
        " * one.ownerSVGElement.getScreenCTM().a)"
    )
    assert min(sizes) >= 10
    first = view.locator(".sketch .state").first
    words = first.get_attribute("aria-label")
    first.click()
    settle(view)
    assert view.locator(".sketch .arrow-label").count() == words.count("%")
    assert "State" in view.inner_text("[data-part=state]")
    assert view.locator("[data-part=state] .bar").first.is_visible()
    view.locator(".walked select").select_option("2000")
    view.get_by_role("button", name="Walk on").click()
    view.wait_for_function("() => /walked: [1-9][\\d,]{2,}/.test(document.querySelector('.walked').textContent)")
    view.get_by_role("button", name="Stop").click()
    assert len(view.locator(".walked .text").inner_text()) > 100
    if context > 1:
        assert f"this one has {60**context:,}" in view.inner_text("[data-part=chain]")
    assert f"this one has {60**context:,}" in view.inner_text(".middle") or context == 1
    assert "more tokens than colours" in view.inner_text(".legend >> nth=1")
    assert "too large to be drawn whole" in view.inner_text(".intro")


@pytest.mark.parametrize("name", ["rhyme", "poem", "large"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_serious_bars_the_way_to_a_sketch(visit: Callable[..., Any], name: str, theme: str) -> None:
    changes = LARGE | {"data": TEXT[:1200]} if name == "large" else presets()[name]
    view = opened(visit, changes | {"state": 5, "theme": theme, "red": "*a"})
    for summary in view.locator(".middle details > summary:visible").all():
        summary.click()
    view.wait_for_timeout(200)
    view.evaluate(AXE.read_text(encoding="utf-8"))
    found = view.evaluate("axe.run().then((result) => result.violations)")
    serious = [
        (one["id"], [node["target"] for node in one["nodes"]][:5])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
    assert serious == []


def test_a_large_run_is_carried(visit: Callable[..., Any]) -> None:
    run = train(TEXT[:2000], context_length=3, n_layer=1, steps=5, batch_size=64)
    view = visit(run=run, before="window.finished = 1")
    view.wait_for_selector(".sketch .state")
    view.wait_for_function("() => document.querySelector('.step').textContent.includes('step 5 of 5')")
    view.get_by_label("Go to a state").fill(TEXT[:3])
    view.get_by_label("Go to a state").press("Enter")
    settle(view)
    (row,) = np.exp(run.model.log_probs([TEXT[:3]]))
    best = [run.model.vocab[k].replace(" ", "·") for k in np.argsort(-row)[:8]]
    shown = view.locator("[data-part=state] .bars .symbol").all_inner_texts()[:8]
    percents = [f"{round(100 * p)}%" if p >= 0.005 else "<1%" for p in sorted(row)[::-1][:8]]
    assert sorted(shown) == sorted(best)
    assert view.locator("[data-part=state] .bars .number").all_inner_texts()[:8] == percents


def test_the_sketch_is_gone_through_by_keyboard(visit: Callable[..., Any]) -> None:
    view = opened(visit, LARGE | {"data": TEXT[:1200]})
    assert view.locator(".sketch .state[tabindex='0']").count() == 1
    view.locator(".sketch .state[tabindex='0']").focus()
    named = [view.evaluate("document.activeElement.getAttribute('aria-label')")]
    view.keyboard.press("ArrowDown")
    named.append(view.evaluate("document.activeElement.getAttribute('aria-label')"))
    assert named[0] != named[1]
    assert view.locator(".sketch .arrow-label").count() >= 1
    view.keyboard.press("Enter")
    settle(view)
    assert "state=" in view.url
    assert view.evaluate("document.activeElement.getAttribute('aria-label')").startswith(named[1].split(":")[0])
    assert view.locator(".sketch .state.chosen").count() == 1


def test_the_matrix_has_names(visit: Callable[..., Any]) -> None:
    view = opened(visit, LARGE)
    view.get_by_text("As a matrix").click()
    view.wait_for_selector(".matrix-down span")
    assert view.locator(".matrix-down span").count() == 64
    assert sorted(view.locator(".matrix-across span").all_inner_texts()) == sorted(set(TEXT.replace(" ", "·")))
    view.locator("canvas.matrix").hover(position={"x": 20, "y": 20})
    assert "→" in view.inner_text(".matrix-told")
    view.locator("canvas.matrix").click(position={"x": 20, "y": 20})
    settle(view)
    name = view.locator(".matrix-down span").nth(1).inner_text()
    assert name in view.inner_text("[data-part=state] h2")
    assert view.locator(".matrix-down .chosen").inner_text() == name


def test_an_unseen_state_and_parts_that_are_off(visit: Callable[..., Any]) -> None:
    view = opened(visit, LARGE | {"steps": 20, "lr": 0.01})
    view.get_by_label("Go to a state").fill("zzz")
    view.get_by_label("Go to a state").press("Enter")
    settle(view)
    assert "State zzz" in view.inner_text("[data-part=state]")
    assert view.locator(".sketch .state.chosen.unseen").count() == 1
    view.wait_for_selector(".head.mlp")
    view.locator(".head.mlp").first.click()
    view.wait_for_function("() => document.querySelector('[data-part=state] .bars').classList.contains('compared')")
    view.get_by_role("button", name="Pin this step").click()
    settle(view)
    assert view.locator(".neighbours .state").count() >= 10
