"""Patterns against regular expressions, and red states against walking through the chain."""

import re
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finitegpt import Chain, InputError
from finitegpt.analysis import match, mean_first_passage_times, red_states, select, start_distribution, survival_rate
from finitegpt.analysis.red import _entries
from oracles import SYMBOLS, chains, decimals, exact_matrix, random_chain
from strategies import SEEDS


def uniform(vocab: tuple[str, ...], L: int) -> Chain:
    V = len(vocab)
    return Chain.from_probs(np.full((V**L, V), 1 / V), vocab, L)


@settings(max_examples=300)
@given(V=st.integers(2, 3), L=st.integers(1, 5), pattern=st.text("ab?*", min_size=1, max_size=9))
def test_patterns_are_regular_expressions(V: int, L: int, pattern: str) -> None:
    chain = uniform(tuple(SYMBOLS[:V]), L)
    expression = re.compile(pattern.replace("?", ".").replace("*", ".*"))
    expected = [expression.fullmatch(name) is not None for name in chain.labels]
    if any(expected):
        np.testing.assert_array_equal(match(chain, pattern), expected)
    else:
        with pytest.raises(InputError, match="describes none"):
            match(chain, pattern)


@settings(max_examples=200)
@given(parts=st.lists(st.sampled_from(["?", "*", "\\?", "\\*", "\\\\", "a", "\\a"]), min_size=1, max_size=6))
def test_signs_that_mean_something_can_be_escaped(parts: list[str]) -> None:
    chain = uniform(("?", "*", "\\", "a"), 3)
    inside = {"?": ".", "*": ".*"}
    expression = re.compile("".join(inside.get(part) or re.escape(part[-1]) for part in parts))
    expected = [expression.fullmatch(name) is not None for name in chain.labels]
    if any(expected):
        np.testing.assert_array_equal(match(chain, "".join(parts)), expected)


@settings(max_examples=200)
@given(parts=st.lists(st.sampled_from(["the", "cat", "?", "*"]), min_size=1, max_size=5))
def test_patterns_of_words(parts: list[str]) -> None:
    chain = uniform(("the", "cat", "sat"), 3)
    inside = {"?": r"\w+ ", "*": r"(?:\w+ )*"}
    expression = re.compile("".join(inside.get(part, part + " ") for part in parts))
    expected = [expression.fullmatch(name + " ") is not None for name in chain.labels]
    if any(expected):
        np.testing.assert_array_equal(match(chain, " ".join(parts)), expected)


def test_words_of_signs_are_words() -> None:
    chain = uniform(("?*", "the"), 1)
    assert match(chain, "?*").tolist() == [True, False]
    with pytest.raises(InputError, match="expected a pattern of 'the cat'"):
        match(uniform(("the", "cat"), 1), "?*")


@pytest.mark.parametrize("pattern", ["", "x", "abc", "\\", "a\\", "a" * 63, "*" * 63, " "])
def test_what_is_no_pattern(pattern: str) -> None:
    with pytest.raises(InputError):
        match(uniform(("a", "b"), 2), pattern)


def test_the_longest_patterns() -> None:
    chain = uniform(("a", "b"), 3)
    assert match(chain, "*" * 62).all()
    assert match(chain, "*" * 59 + "bab").tolist() == [name == "bab" for name in chain.labels]


def test_sets_of_states() -> None:
    chain = uniform(("a", "b"), 2)
    for which in (["aa", "?b"], np.array(["aa", "?b"]), [0, 1, 3], np.array([True, True, False, True]), [3, 0, 1, 3]):
        assert select(chain, which).tolist() == [True, True, False, True]
    for wrong in ([4], [-1], [0.5], [], "", [True], np.zeros(4, bool), [None], {}):
        with pytest.raises(InputError):
            select(chain, wrong)


@settings(max_examples=60)
@given(chain=chains(("dense", "sharp", "top_k", "top_p", "greedy", "periodic", "sparse")), seed=SEEDS)
def test_red_states_against_the_chain_that_stops_there(chain: Chain, seed: int) -> None:
    rng = np.random.default_rng(seed)
    red = rng.random(chain.n_states) < 0.3
    red[rng.integers(chain.n_states)] = True
    if red.all():
        return
    start = rng.dirichlet(np.ones(chain.n_states))
    found = red_states(chain, red, start=start, horizons=[0, 1, 7, 40])
    assert (found.n_red, found.patterns) == (red.sum(), ())
    assert found.start_in_red == pytest.approx(start[red].sum())
    first = np.where(red, 0, start)
    at = first = first / first.sum()
    P = chain.to_csr().toarray()
    entries, flow = [0.0], np.zeros_like(P)
    for _ in range(40):
        flow += at[:, None] * P
        at = at @ P
        entries.append(entries[-1] + at[red].sum())
        at[red] = 0
    for tokens, bound in found.within.items():
        assert bound.low - 1e-13 <= entries[tokens] <= bound.high + 1e-13
        assert bound.value == pytest.approx(entries[tokens], rel=1e-9, abs=1e-300)
    assert entries[40] <= found.ever.high + 1e-12
    flow[:, ~red] = 0
    if found.arrow is None:
        assert flow.sum() == 0
        return
    source, goal = chain.id(found.arrow.state), chain.id(found.arrow.state[1:] + found.arrow.token)
    assert flow[source, goal] == pytest.approx(flow.max(), rel=1e-9)
    assert found.arrow.share.value == pytest.approx(flow.max() / entries[40], rel=1e-9)
    assert found.arrow.share.error < 1e-10
    exact = [Decimal(0), np.full(P.shape, Decimal(0), object)]
    here, exact_P = decimals(np.where(red, 0, start)), exact_matrix(chain)
    here = here / here.sum()
    for _ in range(40):
        exact[1] += here[:, None] * exact_P
        here = here @ exact_P
        exact[0] += here[red].sum()
        here[red] = Decimal(0)
    share = exact[1][source, goal] / exact[0]
    assert Decimal(found.arrow.share.low) <= share + Decimal("1e-40")
    assert share - Decimal("1e-40") <= Decimal(found.arrow.share.high)
    # By the kernel and by steps.
    one, other = (_entries(chain, red, first, [1, 7, 40], method) for method in ("kernel", "steps"))
    pairs = [(one[0][n], other[0][n]) for n in (1, 7, 40)] + [(one[1].share, other[1].share)]
    assert all(max(a.low, b.low) <= min(a.high, b.high) for a, b in pairs)
    assert all(a.value == pytest.approx(b.value, rel=1e-11) for a, b in pairs)
    assert (one[1].state, one[1].token) == (other[1].state, other[1].token) or one[1].share.low <= other[1].share.high
    assert found.arrow.probability == P[source, goal]
    assert found.survival == survival_rate(chain, red)
    if found.ever.low == 1:
        times = mean_first_passage_times(chain, red)
        assert found.mean_time.value == pytest.approx(first @ np.where(first > 0, times.values, 0), rel=1e-9)


def test_a_chain_that_may_never_be_red_has_no_mean_time() -> None:
    chain = Chain.from_probs([[1, 0, 0], [0, 1, 0], [0.3, 0.2, 0.5]], "abc", 1)
    found = red_states(chain, "b", start=[0, 0, 1])
    assert found.ever.value == pytest.approx(0.4, abs=1e-7)
    assert found.mean_time.value == np.inf
    assert found.arrow is not None
    assert (found.arrow.state, found.arrow.token, found.arrow.share.value) == ("c", "b", pytest.approx(1))
    nothing = red_states(chain, "b", start=[1, 0, 0])
    assert (nothing.ever.value, nothing.arrow, nothing.within[10].high) == (0, None, 0)
    assert set(nothing.within) == {10, 100, 1000}


def test_patterns_are_named() -> None:
    chain = random_chain("dense", 2, 2, 0)
    assert red_states(chain, "bb").patterns == ("bb",)
    assert red_states(chain, ["bb", "a?"], start=[0, 0, 1, 0]).patterns == ("bb", "a?")


@given(seed=SEEDS)
def test_chains_start_where_the_data_is(seed: int) -> None:
    chain = random_chain("dense", 2, 3, seed)
    np.testing.assert_array_equal(start_distribution(chain), np.full(8, 1 / 8))
    counts = np.random.default_rng(seed).integers(0, 4, 8)
    start = start_distribution(replace(chain, counts=counts))
    np.testing.assert_allclose(start, counts / counts.sum() if counts.any() else 1 / 8)


def test_what_is_improbable_keeps_its_digits() -> None:
    chain = Chain.from_probs([[1 - 1e-18, 1e-18], [0.5, 0.5]], "ab", 1)
    found = red_states(chain, "b", start=[1, 0], horizons=[1, 10])
    assert found.within[10].value == pytest.approx(1e-17, rel=1e-5)
    assert found.within[10].error < 1e-29
