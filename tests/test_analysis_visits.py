"""Numbers of visits before an end, against exact rational inverses and textbooks."""

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from finitegpt import Chain, InputError
from finitegpt.analysis import (
    Bounds,
    expected_visits,
    hitting_probabilities,
    mean_first_passage_times,
    sums,
    visits_from,
)
from oracles import chains, from_logits, random_chain, some_states
from rationals import INFINITE, Number, Rational, assert_all_hold
from strategies import SEEDS

SMALL = {2: 4, 3: 2, 4: 1, 5: 1}
DRUNKARD = [[1, 0, 0, 0, 0], [0.5, 0, 0.5, 0, 0], [0, 0.5, 0, 0.5, 0], [0, 0, 0.5, 0, 0.5], [0, 0, 0, 0, 1]]


def total(row: list[Number], to: np.ndarray) -> Number:
    found = [row[j] for j in np.flatnonzero(to)]
    return INFINITE if INFINITE in found else sum(found, fmpq(0))


@settings(max_examples=120)
@given(chain=chains(longest=SMALL), seed=SEEDS, ends=st.booleans())
def test_the_truth_is_inside_the_bounds(chain: Chain, seed: int, ends: bool) -> None:
    exact, n = Rational(chain), chain.n_states
    end, to = some_states(chain, seed), some_states(chain, seed + 1)
    N = exact.visits(end if ends else np.zeros(n, bool))
    until = end if ends else None
    assert_all_hold(expected_visits(chain, to, until), [total(row, to & ~end if ends else to) for row in N])
    start = seed % n
    found = visits_from(chain, start, until)
    assert_all_hold(found, N[start])
    np.testing.assert_array_equal(found.values == 0, [x == 0 for x in N[start]])


@settings(max_examples=40)
@given(chain=chains(("dense", "top_k", "top_p", "periodic", "sparse", "greedy")), seed=SEEDS)
def test_bounds_are_narrow(chain: Chain, seed: int) -> None:
    end = some_states(chain, seed)
    for found in (expected_visits(chain, [0], end), visits_from(chain, seed % chain.n_states, end)):
        finite = np.isfinite(found.values)
        assert (found.high[finite] - found.low[finite] <= 1e-11 * found.values[finite]).all()


@settings(max_examples=30)
@given(chain=chains(), seed=SEEDS)
def test_rows_and_columns_agree_and_add_up(chain: Chain, seed: int) -> None:
    end, start = some_states(chain, seed), np.random.default_rng(seed).dirichlet(np.ones(chain.n_states))
    row = visits_from(chain, start, end)
    for state in (0, chain.n_states - 1):
        mean, other = expected_visits(chain, [state], end).mean(start), row.at(state)
        assert mean.low <= other.high * (1 + 1e-12)
        assert other.low <= mean.high * (1 + 1e-12)
    times = mean_first_passage_times(chain, end)
    if np.isfinite(times.values).all() and times.values.max() < 1e100:
        np.testing.assert_allclose(row.values.sum(), times.mean(start).value, rtol=1e-9)


def test_the_drunkards_walk() -> None:
    """Grinstead and Snell, Introduction to Probability, example 11.15; R's and PyDTMC's leave the start out."""
    chain = Chain.from_probs(DRUNKARD, "abcde", 1)
    table = {"b": (1.5, 1, 0.5), "c": (1, 2, 1), "d": (0.5, 1, 1.5)}
    for state, row in table.items():
        truth: list[Number] = [fmpq(0), *(fmpq(int(2 * x), 2) for x in row), fmpq(0)]
        assert_all_hold(expected_visits(chain, state), truth)
        assert_all_hold(visits_from(chain, "abcde".index(state), until=["a", "e"]), truth)
        assert_all_hold(visits_from(chain, "abcde".index(state)), [INFINITE, *truth[1:4], INFINITE])
    assert expected_visits(chain, "a").values.tolist() == [np.inf, np.inf, np.inf, np.inf, 0.0]
    assert expected_visits(chain, "a", "a").values.tolist() == [0.0] * 5


def test_what_is_never_left_before_the_end() -> None:
    """From b to the cycle of c and d, or to a."""
    P = [[1, 0, 0, 0], [0.25, 0.25, 0.5, 0], [0, 0, 0, 1], [0, 0, 1, 0]]
    chain = Chain.from_probs(P, "abcd", 1)
    assert expected_visits(chain, "d").values.tolist() == [0.0, np.inf, np.inf, np.inf]
    assert_all_hold(expected_visits(chain, "c", until="d"), [fmpq(0), fmpq(2, 3), fmpq(1), fmpq(0)])
    assert_all_hold(visits_from(chain, 1, until="d"), [INFINITE, fmpq(4, 3), fmpq(2, 3), fmpq(0)])
    assert visits_from(chain, 3).values.tolist() == [0.0, 0.0, np.inf, np.inf]
    complete = random_chain("dense", 2, 2, 0)
    assert np.isinf(expected_visits(complete, [1]).low).all()
    assert np.isinf(visits_from(complete, 1).low).all()


def test_visits_to_a_state_are_the_probability_to_come_there_times_those_from_itself() -> None:
    chain = random_chain("dense", 2, 4, 3)
    visits, hit = expected_visits(chain, [5], [2]), hitting_probabilities(chain, [5])
    alone = np.ones(chain.n_states, bool)
    alone[[5, 2]] = False
    to_five = Rational(chain).visits(np.arange(16) == 2)
    assert hit.values.tolist() == [1.0] * 16  # ever; before state 2 it is not sure
    assert (visits.values[alone] < visits.values[5]).all()
    assert_all_hold(visits, [row[5] for row in to_five])


@pytest.mark.parametrize("chance", [1e-200, 1e-300])
def test_what_is_too_improbable_for_doubles_is_not_zero(chance: float) -> None:
    P = [[0, chance, 0, 1], [0, 0, chance, 1], [0, 0, 0, 1], [0, 0, 0, 1]]
    chain = Chain.from_probs(P, "abcd", 1)
    for bound in (expected_visits(chain, "c").at(0), visits_from(chain, 0).at(2)):
        assert bound.low == 0 < bound.high < 1e-307


@pytest.mark.parametrize("kind", ["dense", "sharp", "top_k"])
def test_steps_hold_what_elimination_says(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = random_chain(kind, 2, 6, 4)
    end = np.arange(64) % 8 == 5
    to, start = np.arange(64) % 5 == 1, np.random.default_rng(1).dirichlet(np.ones(64))

    def answers() -> list[Bounds]:
        return [expected_visits(chain, to, end), visits_from(chain, 3, end), visits_from(chain, start, end)]

    found = answers()
    monkeypatch.setattr(sums, "LARGEST_GTH", 0)
    for exact, other in zip(found, answers(), strict=True):
        assert (other.low <= exact.high).all()
        assert (exact.low <= other.high).all()
        finite = np.isfinite(exact.values)
        assert kind == "sharp" or (other.high - other.low)[finite].max() < 1e-9 * exact.values[finite].max()


def test_steps_that_do_not_end_prove_only_what_they_have_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = from_logits(np.array([[0, -1, -40], [-1, 0, -40], [0, 0, 0]]))
    exact = visits_from(chain, 0, "c")
    monkeypatch.setattr(sums, "LARGEST_GTH", 0)
    monkeypatch.setattr(sums, "_STEPS", 100)
    found = visits_from(chain, 0, "c")
    assert (found.low <= exact.high).all()
    assert (exact.low <= found.high).all()
    assert 40 < found.low[0] < 60


def test_bad_input() -> None:
    chain = random_chain("dense", 2, 3, 2)
    for to in ("zz", [9], None, np.zeros(8, bool), []):
        with pytest.raises(InputError):
            expected_visits(chain, to)  # type: ignore[arg-type]
    for start in (9, -1, [0.5] * 8, "zz"):
        with pytest.raises(InputError):
            visits_from(chain, start)
    with pytest.raises(InputError):
        visits_from(chain, 0, until="zz")
