"""Documents on the page, one a line: windows, counts and trainings are the library's; and what a reader sees."""

import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from finitegpt import Data, GPTConfig, Run, TrainConfig, train
from finitegpt.cli import main
from finitegpt.sources import transform
from pages import settle
from test_page import call, floats, node, opened, sendable_plan

__all__ = ["node"]  # a fixture

NAMES = "emma\nolivia\nava\n\nemma\nmia\namelia"
CASES: list[dict[str, Any]] = [
    {"data": "abba\nab\nb\nabba", "edge": "."},
    {"data": "abba\nab\nb\nabba", "edge": ".", "loss": "all", "context": 2},
    {"data": "0110.1\n.01\n110", "edge": ".", "context": 2, "batch": 5},  # the sign is in the texts, too
    {"data": "aab\nbba\na", "edge": "^", "vocab": "ba", "context": 1, "loss": "all", "batch": 3, "batchseed": 4},
    {"data": "Row, row your boat\nrow boat", "edge": ".", "transform": "words", "context": 2},
    {"data": NAMES, "edge": "·", "transform": "vowels", "temperature": 0.5},
    {"data": "ab 1\n-b a", "edge": "-", "transform": "letters", "context": 2},
    {"data": "ab\nba", "edge": ".", "context": 5},  # no document has as many tokens as the context
]


def data_of(values: dict[str, Any]) -> Data:
    lines = [line for line in values["data"].split("\n") if line]
    texts = [transform(line, values["transform"]) for line in lines] if "transform" in values else lines
    vocab = values.get("vocab")
    edge = values["edge"]
    return Data.from_sequences(texts, context_length=values.get("context", 3), vocab=vocab, bos=edge, eos=edge)


def found_of(changes: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    (start,) = call(("fields.js", "defaults", []))
    values = {**start, "layers": 1, "steps": 20, **changes}
    (found,) = call(("experiment.js", "experimentOf", [values]))
    assert found["problem"] is None, found
    return values, found


@pytest.mark.parametrize("changes", CASES)
def test_windows_counts_and_entropy_are_the_librarys(changes: dict[str, Any]) -> None:
    values, found = found_of(changes)
    experiment, data = found["experiment"], data_of(changes)
    plan = experiment["plan"]
    assert experiment["vocab"] == list(data.vocab)
    assert list(plan["tokens"]) == data.tokens.tolist()
    merged = data.merged(values["loss"])
    assert merged.weights is not None
    assert merged.lengths is not None
    mine = dict(zip(zip(plan["starts"], plan["lengths"], strict=True), floats(plan["shares"]), strict=True))
    theirs = merged.weights / merged.weights.sum()

    def window(start: int, length: int) -> tuple[int, ...]:
        return tuple(data.tokens[start : start + length + 1].tolist())

    assert {window(*key): pytest.approx(share, rel=1e-6) for key, share in mine.items()} == {
        window(start, length): share
        for start, length, share in zip(merged.starts.tolist(), merged.lengths.tolist(), theirs, strict=True)
    }
    listed = data.windows(values["loss"])
    assert listed.lengths is not None
    assert plan["listed"] == np.stack([listed.starts, listed.lengths], 1).tolist()
    assert plan["windows"] == data.count_windows(values["loss"])
    assert list(experiment["counts"]) == data.counts().tolist()
    assert experiment["entropy"] == pytest.approx(data.entropy, abs=1e-12)


@pytest.mark.parametrize("changes", CASES)
def test_documents_are_trained_and_told_as_the_library_does(
    changes: dict[str, Any], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values, found = found_of(changes)
    shape = found["experiment"]["shape"]
    command, code = call(("recipe.js", "commandLine", [values]), ("recipe.js", "python", [values, shape]))
    space: dict[str, Any] = {}
    exec(code, space)
    run = space["run"]
    (trained,) = call(("engine.js", "train", [shape, sendable_plan(found), 1]))
    np.testing.assert_allclose(trained["losses"], run.losses, atol=1e-5)
    last = np.exp(floats(trained["chains"])).reshape(-1, *run.chain.probs.shape)[-1]
    np.testing.assert_allclose(last, run.chain.probs, atol=1e-5)
    written, *commands = command.split(" &&\n")
    subprocess.run(["sh", "-c", written], check=True, cwd=here)
    for line in commands:
        assert main([*shlex.split(line)[1:]]) == 0, line
    folder = (
        here / shlex.split(commands[0])[shlex.split(commands[0]).index("--out") + 1] if "--out" in command else None
    )
    saved = Run.load(folder or next((here / "runs").iterdir()))
    assert saved.data == run.data
    np.testing.assert_allclose(saved.chain.probs, run.chain.probs, atol=1e-6)


def test_a_list_of_names_is_trained_on_and_drawn(visit: Callable[..., Any]) -> None:
    view = visit("context=2")
    view.locator("[data-key=data] textarea").fill(NAMES)
    settle(view)
    view.locator("fieldset[data-part=data] summary").click()
    view.locator("[data-key=edge] input").fill(".")
    settle(view)
    assert "edge=." in view.url
    texts = [name for name in NAMES.split("\n") if name]
    data = Data.from_sequences(texts, context_length=2, bos=".", eos=".")
    run = train(data, GPTConfig(vocab_size=len(data.vocab), context_length=2), TrainConfig(steps=50))
    assert f"best possible on this data {data.entropy:.4f}" in view.inner_text("[data-part=time]")
    drawn = view.locator(".stage svg").text_content()
    for state in ("em", "a.", ".e"):
        assert state in drawn
    view.get_by_label("Go to a state").fill("em")
    view.get_by_label("Go to a state").press("Enter")
    settle(view)
    share = view.inner_text("[data-part=state] .bars")
    best = run.chain["em"].top(1)[0]
    assert best[0] in share
    assert f"{best[1]:.0%}" in share
    assert view.inner_text(".notice") == ""


def test_a_run_of_documents_is_carried_and_trained_again(visit: Callable[..., Any]) -> None:
    data = Data.from_sequences(["abba", "ab", "b"], context_length=2, bos=".", eos=".")
    run = train(data, steps=30, n_layer=1, lr=0.01)
    view = visit(run=run)
    assert "step 30 of 30" in view.inner_text(".step")
    shown = [view.text_content(".arrow-labels")]
    view.get_by_role("textbox", name="Seed", exact=True).fill("5")
    settle(view)
    view.get_by_role("textbox", name="Seed", exact=True).fill("1337")
    settle(view)
    shown.append(view.text_content(".arrow-labels"))
    assert shown[0] == shown[1]
    assert f"{run.chain.p('b', after='ab'):.0%}" in shown[0]


def test_a_runs_folder_of_documents_is_opened_or_refused(here: Path) -> None:
    how: dict[str, Any] = {"steps": 2, "n_layer": 1}
    names = ["emma", "ava"]
    train(Data.from_sequences(names, context_length=2, bos=".", eos="."), **how).save("run")
    parts = {path.name: path.read_bytes() for path in (here / "run").iterdir()}
    changes = opened(parts)["opened"]["changes"]
    assert (changes["data"].split(), changes["edge"], changes["vocab"]) == (names, ".", "aemv.")
    less = {**parts, "data.txt": b"emma\n"}
    assert opened(less)["problem"]["key"] == "notice.file.data"
    others: list[dict[str, Any]] = [{"bos": "."}, {"bos": ".", "eos": ".", "weights": [1, 2]}]
    for k, ends in enumerate(others):
        train(Data.from_sequences(names, context_length=2, **ends), **how).save(f"other{k}")
        parts = {path.name: path.read_bytes() for path in (here / f"other{k}").iterdir()}
        assert opened(parts)["problem"]["key"] == "notice.file.newer"


def test_what_is_no_document_is_refused_where_it_was_typed(visit: Callable[..., Any]) -> None:
    (start,) = call(("fields.js", "defaults", []))
    refusals: list[tuple[dict[str, Any], str]] = [
        ({"edge": " "}, "notice.edge"),
        ({"edge": ".", "data": "\n\n"}, "notice.vocab"),
        ({"edge": ".", "data": "ab\n12", "transform": "letters"}, "notice.line"),
    ]
    for changes, key in refusals:
        (found,) = call(("experiment.js", "experimentOf", [{**start, **changes}]))
        assert found["problem"]["key"] == key
    view = visit("data=ab%0Aba&context=5&edge=.")
    assert view.locator(".stage canvas").is_visible()  # documents shorter than the context have no state of their own
    view.get_by_role("button", name="One token").click()
    view.wait_for_timeout(200)
    view = visit("data=" + "&context=12&edge=.".join(["ab%0Aba%0Acd%0Adc", ""]))
    assert view.locator(".stage svg").is_visible()
    view.get_by_role("button", name="One token").click()
    view.wait_for_timeout(200)
    view.locator("[data-key=edge] input").evaluate("one => one.closest('details').open = true")
    view.locator("[data-key=edge] input").fill(" ")
    settle(view)
    assert "one that can be seen" in view.locator("[data-key=edge]").inner_text() + view.inner_text(".panel")
