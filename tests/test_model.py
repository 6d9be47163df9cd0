"""Contexts of a model as text, and what is refused."""

import numpy as np
import pytest

from finitegpt import GPTConfig, InputError, Model, Run

WORDS = Model.init(GPTConfig(vocab_size=3, context_length=2, n_layer=1), ("the", "cat", "a"), seed=1)


def test_contexts_as_text_are_those_as_tokens(notebook: Run) -> None:
    model = notebook.model
    one, other = model.inspect("101"), model.inspect([1, 0, 1])
    for name in ("attention", "residual", "logits"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    np.testing.assert_array_equal(model.log_probs(["101", "011"]), model.log_probs([[1, 0, 1], [0, 1, 1]]))
    np.testing.assert_array_equal(WORDS.inspect("cat the").logits, WORDS.inspect([1, 0]).logits)
    np.testing.assert_array_equal(WORDS.log_probs(["cat", "a"]), WORDS.log_probs([[1], [2]]))


def test_a_walk_is_text_for_text_and_tokens_for_tokens(notebook: Run) -> None:
    tokens = notebook.model.sample([1, 0, 1], 20, seed=3)
    assert "".join(map(str, tokens)) == notebook.model.sample("101", 20, seed=3)
    assert notebook.model.sample(np.array([1, 0, 1]), 20, seed=3) == tokens
    assert len(WORDS.sample("the", 5).split()) == 6
    assert notebook.model.sample("1" * 50, 1)[:50] == "1" * 50


@pytest.mark.parametrize(
    ("start", "n"),
    [
        ("201", 5),
        ("", 5),
        ([], 5),
        (None, 5),
        ([[1, 0]], 5),
        ([1, 2], 5),
        ([0.5], 5),
        (["1", "0"], 5),
        ("101", "5"),
        ("101", -1),
        ("101", 2.5),
        ("101", None),
        (5, "101"),
        ({1: 0}, 5),
    ],
)
def test_walks_that_are_none(notebook: Run, start, n) -> None:
    with pytest.raises(InputError, match=r"expected .*got .*; try"):
        notebook.model.sample(start, n)


@pytest.mark.parametrize("context", ["2", "0101", "", None, [["0"]], {"0": 1}, ["01", "0"], 5, [2**40], b"01"])
def test_contexts_that_are_none(notebook: Run, context) -> None:
    for use in (notebook.model.inspect, lambda one: notebook.model.log_probs([one])):
        with pytest.raises(InputError, match=r"expected .*got .*; try"):
            use(context)


@pytest.mark.parametrize("switches", ["on", [[1, 1]], np.nan, np.full((4, 5), np.nan), {}, 1j])
def test_switches_that_are_none(notebook: Run, switches) -> None:
    for use in (notebook.model.chain, lambda switches: notebook.model.inspect("101", switches=switches)):
        with pytest.raises(InputError, match=r"expected .*got .*; try"):
            use(switches=switches)


def test_models_that_are_none(notebook: Run) -> None:
    config = notebook.model.config
    for wrong in (
        lambda: Model.init("gpt2", "01", seed=0),  # type: ignore[arg-type]
        lambda: Model.init(config, "012", seed=0),
        lambda: Model.init(config, "00", seed=0),
        lambda: Model.init(config, 5, seed=0),  # type: ignore[arg-type]
        lambda: Model.init(config, "01", seed="x"),  # type: ignore[arg-type]
        lambda: Model.from_named(config, "01", [1, 2]),  # type: ignore[arg-type]
        lambda: Model(config=config, vocab=("0", "1"), weights=[0.0] * 12656),  # type: ignore[arg-type]
        lambda: Model(config=config, vocab=("0", "1"), weights=np.zeros(12656)),  # type: ignore[arg-type]
    ):
        with pytest.raises(InputError, match=r"expected .*got .*; try"):
            wrong()
    assert Model(config=config, vocab="01", weights=notebook.model.weights).vocab == ("0", "1")  # type: ignore[arg-type]
