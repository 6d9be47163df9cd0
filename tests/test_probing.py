"""Beliefs read off the residual stream, against regression by its definition."""

import numpy as np
import pytest
import torch

from finitegpt import Data, GPTConfig, InputError, Model, Run, TooLargeError, TrainConfig, probe, probing, states, train
from finitegpt.regression import regress
from finitegpt.sources import Source, bernoulli, even, golden_mean, mess3
from finitegpt.torch import from_model
from hooks import inside

L = 4


@pytest.fixture(scope="module")
def run() -> Run:
    data = Data.from_text(mess3().sample(20_000, seed=0), context_length=L)
    shape = GPTConfig(vocab_size=3, context_length=L, n_layer=1, n_head=2, n_embd=8)
    return train(data, shape, TrainConfig(steps=150, lr=3e-3, batch_size=128))


def by_definition(X: np.ndarray, source: Source) -> tuple[float, np.ndarray]:
    """R**2 and what is read, by normal equations."""
    Y, w = source.beliefs(L), source.word_probs(L)
    X = X - w @ X
    A = np.column_stack([X / np.sqrt(w @ X**2), np.ones(len(X))])
    read = A @ (np.linalg.pinv(A.T @ (w[:, None] * A), rcond=1e-12, hermitian=True) @ (A.T @ (w[:, None] * Y)))
    return 1 - w @ ((Y - read) ** 2).sum(1) / (w @ ((Y - w @ Y) ** 2).sum(1)), read


def test_a_probe_is_the_regression_over_all_contexts(run: Run) -> None:
    found, contexts = probe(run, mess3()), states.contexts(np.arange(3**L), 3, L)
    for model, r2, read in (
        (run.model, found.r2, found.read),
        (run.initial_model, found.untrained, found.read_untrained),
    ):
        stream = inside(from_model(model).double(), contexts).residual[:, :, -1]
        known = [by_definition(stream[:, depth], mess3()) for depth in range(3)]
        np.testing.assert_allclose(r2, [one for one, _ in known], atol=1e-5)
        np.testing.assert_allclose(read, known[2][1], atol=1e-3)
    tokens = np.eye(3)[contexts].reshape(3**L, -1)
    assert found.tokens == pytest.approx(by_definition(tokens, mess3())[0], abs=1e-9)
    assert (found.r2 < 1).all()
    assert found.untrained[0] == pytest.approx(found.r2[0], abs=1e-9)  # of the last token, whatever its embedding
    assert repr(found).startswith(f"Probe(R^2 {found.r2[2]:.6f} at depth 2 of 2, untrained ")
    np.testing.assert_array_equal(found.weights, mess3().word_probs(L))
    np.testing.assert_array_equal(found.beliefs, mess3().beliefs(L))


def test_beliefs_are_linear_in_exact_probabilities_of_mess3() -> None:
    """Each hidden state has its own law of the next token, so that exact probabilities are beliefs in disguise."""
    source = mess3()
    found = regress(source.predictor(L).probs, source.beliefs(L), source.word_probs(L))
    assert found.r2 == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(found(source.predictor(L).probs), source.beliefs(L), atol=1e-9)


def test_contexts_some_after_the_other_are_all_of_them(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = probe(run, mess3(), depth=1)
    monkeypatch.setattr(probing, "_AT_ONCE", 10)
    parts = probe(run, mess3(), depth=1)
    np.testing.assert_allclose(parts.r2, whole.r2, atol=1e-10)
    np.testing.assert_allclose(parts.read, whole.read, atol=1e-6)
    assert parts.tokens == pytest.approx(whole.tokens, abs=1e-12)
    assert whole.depth == 1
    assert abs(whole.read - probe(run, mess3()).read).max() > 1e-3


def test_the_control_is_the_model_before_training(run: Run) -> None:
    alone = probe(run.model, mess3())
    np.testing.assert_array_equal(alone.r2, probe(run, mess3()).r2)
    drawn = Model.init(run.model.config, run.model.vocab, seed=5)
    np.testing.assert_array_equal(probe(run.model, mess3(), untrained=drawn).untrained, probe(drawn, mess3()).r2)
    np.testing.assert_array_equal(probe(run, mess3()).untrained, probe(run.initial_model, mess3()).r2)


def test_parts_that_are_off_are_off_in_a_probe(run: Run) -> None:
    off = run.model.without(heads=[(0, 0), (0, 1)], mlps=[0])
    found = probe(off, mess3(), untrained=run.initial_model)
    np.testing.assert_allclose(found.r2, found.r2[0], atol=1e-9)  # nothing is added to the embedding of the last token


def test_impossible_contexts_do_not_count() -> None:
    found = probe(train("1101101110", steps=3), golden_mean())
    assert found.weights.sum() == pytest.approx(1)
    assert (found.weights == 0).any()
    assert found.read.shape == (8, 2)


@pytest.mark.parametrize(
    ("source", "options"),
    [
        (even(), {}),
        (bernoulli(), {}),
        ("mess3", {}),
        (mess3(), {"depth": -1}),
        (mess3(), {"depth": "last"}),
        (mess3(), {"untrained": 1}),
    ],
)
def test_probes_that_are_none(run: Run, source, options) -> None:
    with pytest.raises(InputError, match=r"expected .*got .*; try"):
        probe(run, source, **options)


def test_what_cannot_be_probed(run: Run, notebook: Run) -> None:
    with pytest.raises(TooLargeError, match="at most 2"):
        probe(run, mess3(), depth=3)
    with pytest.raises(InputError, match="differ from point to point"):
        probe(notebook, bernoulli())
    with pytest.raises(InputError, match="same shape"):
        probe(run, mess3(), untrained=notebook.model)
    with pytest.raises(InputError, match=r"finitegpt\.train"):
        probe("run", mess3())  # type: ignore[arg-type]
    long = Model.init(GPTConfig(vocab_size=2, context_length=60, n_layer=1, n_embd=4), "01", seed=0)
    with pytest.raises(TooLargeError):
        probe(long, even())


torch.set_num_threads(1)
