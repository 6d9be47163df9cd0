"""Inside a model, for one context and for many, against PyTorch's module with hooks."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from finitegpt import GPTConfig, InputError, Model, Run, TooLargeError, inspection, limits, states
from finitegpt.torch import from_model
from hooks import inside
from strategies import SEEDS, configs


def drawn(config: GPTConfig, seed: int) -> Model:
    model = Model.init(config, "abcdefg"[: config.vocab_size], seed=seed)
    model.weights[:] *= 3
    return model


def some(config: GPTConfig, k: int, seed: int, n: int = 30) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, config.vocab_size, (n, k))


def close(ours: np.ndarray, theirs: np.ndarray) -> None:
    np.testing.assert_allclose(ours, theirs, atol=1e-5 * max(1, float(np.abs(theirs).max())))


@given(config=configs(least_width=4), seed=SEEDS, data=st.data())
def test_heads_and_residual_stream_are_pytorchs(config: GPTConfig, seed: int, data: st.DataObject) -> None:
    model = drawn(config, seed)
    contexts = some(config, data.draw(st.integers(1, config.context_length)), seed)
    found, known = model.inspect(contexts), inside(from_model(model).double(), contexts)
    close(found.heads, known.heads)
    close(found.residual, known.residual)
    close(found.logits - np.logaddexp.reduce(found.logits, axis=1, keepdims=True), known.log_probs)
    n, k = contexts.shape
    assert found.attention.shape == (n, config.n_layer, config.n_head, k, k)
    np.testing.assert_allclose(found.attention.sum(-1), 1, atol=1e-5)


@given(config=configs(least_width=4), seed=SEEDS)
def test_the_logit_lens_is_pytorchs_head_at_every_depth(config: GPTConfig, seed: int) -> None:
    model, module = drawn(config, seed), from_model(drawn(config, seed)).double()
    contexts = some(config, config.context_length, seed)
    found = model.logit_lens(contexts)
    with torch.no_grad():
        stream = torch.from_numpy(inside(module, contexts).residual)
        close(found, module.lm_head(module.transformer["ln_f"](stream)).log_softmax(-1).numpy())  # type: ignore[operator]
    close(found[:, -1, -1], model.log_probs(contexts))
    np.testing.assert_array_equal(model.logit_lens(contexts[3]), found[3])


def test_one_of_many_is_that_one_alone(notebook: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    contexts = states.contexts(np.arange(8), 2, 3)
    many = notebook.model.inspect(contexts)
    for piece in (1, 2**14):  # one context after the other; three of them after others
        monkeypatch.setattr(inspection, "_PIECE", piece)
        for name, array in notebook.model.inspect(contexts).arrays.items():
            np.testing.assert_array_equal(array, many.arrays[name])
    for k, context in enumerate(contexts):
        for name, array in notebook.model.inspect(context).arrays.items():
            np.testing.assert_array_equal(array, many.arrays[name][k])
    texts = ["".join(map(str, context)) for context in contexts]
    np.testing.assert_array_equal(notebook.model.inspect(texts).logits, many.logits)
    assert repr(many) == "Inspection(8 contexts, 3 tokens, 4 layers, 4 heads, width 16)"
    assert repr(notebook.model.inspect("10")) == "Inspection(2 tokens, 4 layers, 4 heads, width 16)"


def test_a_function_of_the_inside_is_put_together(notebook: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    contexts, seen = states.contexts(np.arange(8), 2, 3), []
    whole = notebook.model.inspect(contexts).residual[:, -1, -1]
    monkeypatch.setattr(inspection, "_PIECE", 2**14)

    def last(inside: inspection.Inspection) -> np.ndarray:
        seen.append(len(inside.logits))
        return inside.residual[:, -1, -1]

    np.testing.assert_array_equal(notebook.model.inspect(contexts, of=last), whole)
    assert sum(seen) == 8
    assert len(seen) > 1
    np.testing.assert_array_equal(notebook.model.inspect("101", of=last), whole[5])
    for wrong in (lambda _: 1, lambda _: None, lambda inside: inside.logits.T[:, :1], "logits"):
        with pytest.raises(InputError, match=r"expected .*got .*; try"):
            notebook.model.inspect(contexts, of=wrong)  # type: ignore[call-overload]


def test_more_than_fits_is_refused_before_it_is_computed(notebook: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "available_bytes", lambda: 2**20)
    contexts = np.zeros((400_000, 3), np.int64)
    for use in (notebook.model.inspect, notebook.model.logit_lens):
        with pytest.raises(TooLargeError, match=r"expected .* to fit in memory, got .*; try fewer contexts"):
            use(contexts)
    assert notebook.model.inspect(contexts, of=lambda inside: inside.logits).shape == (400_000, 2)


def test_no_contexts_are_no_arrays(notebook: Run) -> None:
    none = np.zeros((0, 3), np.int64)
    assert notebook.model.inspect(none).residual.shape == (0, 9, 3, 16)
    assert notebook.model.logit_lens(none).shape == (0, 9, 3, 2)
