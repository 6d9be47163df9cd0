from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finitegpt import Chain, InputError, Run, decode, greedy, temperature, top_k, top_p

rows = st.integers(0, 2**32).map(lambda seed: np.random.default_rng(seed).dirichlet(np.full(5, 0.5), 5))
exact = rows.map(lambda probs: Chain.from_probs(probs, "abcde", 1))
chains = st.tuples(exact, st.sampled_from([np.float32, np.float64])).map(
    lambda both: replace(both[0], log_probs=both[0].log_probs.astype(both[1]))
)


def sorted_desc(chain: Chain) -> np.ndarray:
    return -np.sort(-chain.probs, axis=1)


@given(chain=chains, value=st.floats(0.05, 20))
def test_temperature_by_its_definition(chain: Chain, value: float) -> None:
    expected = chain.probs ** (1 / value)
    expected /= expected.sum(1, keepdims=True)
    np.testing.assert_allclose(temperature(chain, value).probs, expected, atol=1e-5)


@given(chain=exact, value=st.floats(0.05, 20), k=st.integers(1, 5), p=st.floats(0.01, 1))
def test_exact_chains_are_decoded_exactly(chain: Chain, value: float, k: int, p: float) -> None:
    sharper = chain.probs ** (1 / value)
    np.testing.assert_allclose(temperature(chain, value).probs, sharper / sharper.sum(1, keepdims=True), rtol=1e-11)
    for truncated in (top_k(chain, k), top_p(chain, p)):
        kept = np.where(truncated.support, chain.probs, 0)
        np.testing.assert_allclose(truncated.probs, kept / kept.sum(1, keepdims=True), rtol=1e-13)


@given(chain=chains, value=st.floats(0.2, 5), k=st.integers(1, 5), p=st.floats(0.1, 1))
def test_rows_keep_their_precision(chain: Chain, value: float, k: int, p: float) -> None:
    for decoded in (temperature(chain, value), top_k(chain, k), top_p(chain, p), greedy(chain)):
        assert decoded.log_probs.dtype == chain.log_probs.dtype


@given(chain=chains, k=st.integers(1, 6))
def test_top_k_keeps_the_k_largest(chain: Chain, k: int) -> None:
    kept = np.where(np.arange(5) < k, sorted_desc(chain), 0)
    np.testing.assert_allclose(sorted_desc(top_k(chain, k)), kept / kept.sum(1, keepdims=True), atol=1e-5)


@given(chain=chains, p=st.floats(0.01, 1))
def test_top_p_keeps_the_fewest_that_reach_p(chain: Chain, p: float) -> None:
    for before, after in zip(sorted_desc(chain), sorted_desc(top_p(chain, p)), strict=True):
        n = int((after > 0).sum())
        assert before[:n].sum() >= p - 1e-6
        assert before[: n - 1].sum() < p + 1e-6


@given(chain=chains)
def test_greedy_is_the_limit_of_low_temperature(chain: Chain) -> None:
    assert (greedy(chain).probs.max(1) == 1).all()
    assert (greedy(chain).probs.argmax(1) == chain.probs.argmax(1)).all()
    clear = sorted_desc(chain)[:, 0] > sorted_desc(chain)[:, 1] * 1.01
    np.testing.assert_allclose(temperature(chain, 1e-4).probs[clear], greedy(chain).probs[clear], atol=1e-5)


@given(chain=chains)
def test_doing_nothing_changes_nothing(chain: Chain) -> None:
    for same in (decode(chain), top_k(chain, 5), top_p(chain, 1.0), temperature(chain, 1.0)):
        np.testing.assert_allclose(same.probs, chain.probs, atol=1e-6)


@given(chain=chains, value=st.floats(0.2, 5), k=st.integers(1, 5), p=st.floats(0.1, 1))
def test_decode_is_the_composition(chain: Chain, value: float, k: int, p: float) -> None:
    composed = top_p(top_k(temperature(chain, value), k), p)
    np.testing.assert_array_equal(decode(chain, temperature=value, top_k=k, top_p=p).log_probs, composed.log_probs)


def test_equal_tokens_go_by_the_order_of_the_vocabulary() -> None:
    chain = Chain.from_probs([[0.4, 0.4, 0.2]] * 3, "abc", 1)
    np.testing.assert_array_equal(greedy(chain).probs, [[1, 0, 0]] * 3)


@pytest.mark.parametrize("off", [-5e-5, 0.0, 5e-5])
@pytest.mark.parametrize(("p", "kept"), [(0.25, 1), (0.2500001, 2), (0.5, 2), (0.75, 3), (1.0, 4)])
def test_top_p_stops_where_it_is_exactly_reached(off: float, p: float, kept: int) -> None:
    # Four tokens of which each is exactly a quarter of its row, whatever the row sums to.
    rows = np.full((4, 4), np.log(0.25) + off, np.float32)
    chain = Chain(log_probs=rows, vocab=tuple("abcd"), context_length=1)
    np.testing.assert_array_equal(top_p(chain, p).support, [np.arange(4) < kept] * 4)


def test_startup_rows_are_decoded_too(notebook: Run) -> None:
    chain = greedy(notebook.chain)
    assert chain.startup is not None
    assert all((np.exp(rows).max(1) == 1).all() for rows in chain.startup)
    assert chain.counts is notebook.chain.counts


def test_no_temperature_overflows() -> None:
    chain = Chain.from_probs([[0.9, 0.1], [1e-30, 1.0]], "ab", 1)
    np.testing.assert_array_equal(temperature(chain, 1e-300).probs, [[1, 0], [0, 1]])


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": 0},
        {"temperature": -1},
        {"temperature": float("nan")},
        {"top_k": 0},
        {"top_p": 0},
        {"top_p": 1.1},
    ],
)
def test_bad_options(wrong: dict, notebook: Run) -> None:
    with pytest.raises(InputError, match=r"expected .*, got .*; try "):
        decode(notebook.chain, **wrong)
