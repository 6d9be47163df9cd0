"""Walks by the engine against the loop that draws a token at a time, bit for bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import finitegpt.walk
from finitegpt import Chain, InputError, Run, library, states
from finitegpt.walk import walk, walk_rows
from oracles import chains, from_logits
from strategies import SEEDS


def looped(chain: Chain, tokens: list[int], n: int, seed: int) -> list[int]:
    def next_row(window: np.ndarray) -> np.ndarray:
        rows = chain.log_probs if len(window) == chain.context_length else (chain.startup or ())[len(window) - 1]
        return rows[states.ids(window, chain.vocab_size)]

    return walk(next_row, tokens, n, chain.context_length, seed)


def walked(chain: Chain, tokens: list[int], n: int, seed: int) -> list[int]:
    return walk_rows(chain.log_probs, chain.startup or (), chain.context_length, tokens, n, seed)


@settings(max_examples=60)
@given(chain=chains(), seed=SEEDS, more=st.integers(0, 3))
def test_the_engine_draws_the_tokens_that_the_loop_draws(chain: Chain, seed: int, more: int) -> None:
    tokens = np.random.default_rng(seed).integers(0, chain.vocab_size, chain.context_length + more).tolist()
    for n in (0, 1, 300):
        assert walked(chain, tokens, n, seed) == looped(chain, tokens, n, seed)


@pytest.mark.parametrize("V", [1, 2, 15, 16, 17, 18, 31, 32, 33, 100])
def test_rows_of_any_length(V: int) -> None:
    rng = np.random.default_rng(V)
    vocab, p = tuple(map(str, range(V))), rng.dirichlet(np.full(V, 0.3), V)
    p[rng.random((V, V)) < 0.3] = 0
    p[:, -1] += p.sum(1) == 0
    chain = Chain.from_probs(p / p.sum(1, keepdims=True), vocab, 1)
    assert walked(chain, [0], 3000, 5) == looped(chain, [0], 3000, 5)


def test_every_build_finds_the_first_sum_above_a_number() -> None:
    # Borders are not passed, and what has no probability is never drawn.
    for V in (1, 2, 7, 16, 17, 40):
        sums = np.sort(np.random.default_rng(V).integers(0, 8, (V, V)), axis=1) / 8.0
        sums[:, -1] = 1
        uniforms = np.tile([0, 0.125, 0.25, 0.5, 0.75, 0.875, 1 - 2.0**-53], 30)
        for build in library.builds():
            out = np.empty(len(uniforms), np.int32)
            library.load(build).fg_walk(V, 1, sums, V - 1, len(uniforms), uniforms, out)
            state = V - 1
            for u, token in zip(uniforms, out.tolist(), strict=True):
                assert token == np.flatnonzero(sums[state] > u)[0]
                state = token


def test_short_starts_and_short_walks(notebook: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = notebook.chain
    for tokens in ([1], [0, 1], [1, 0, 1, 1]):
        for n in (0, 1, 2, 3, 50):
            expected = looped(chain, tokens, n, 7)
            assert walked(chain, tokens, n, 7) == expected
            with monkeypatch.context() as patch:  # without a table
                patch.setattr(finitegpt.walk, "_WORTH", 0)
                assert walked(chain, tokens, n, 7) == expected


def test_samples_of_a_seed_stay_what_they_are() -> None:
    chain = from_logits(np.random.default_rng(0).normal(size=(8, 2)), 3)
    assert chain.sample(40, start="aaa", seed=1) == "aaaabababbababbabababaababbbbbabbabbbbbabba"
    with pytest.raises(InputError, match="0 or more"):
        chain.sample(-1)
    with pytest.raises(InputError, match="seed"):
        chain.sample(1, seed=-1)
