"""How times scatter, against exact rational answers and laws that are known."""

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings

from finitegpt import Chain, InputError
from finitegpt.analysis import (
    first_passage_deviations,
    first_passage_variances,
    hitting,
    mean_first_passage_times,
    spread,
    sums,
)
from oracles import chains, from_logits, random_chain, some_states
from rationals import INFINITE, Rational, assert_all_hold, assert_holds, rational
from strategies import SEEDS

SMALL = {2: 4, 3: 2, 4: 1, 5: 1}


@settings(max_examples=150)
@given(chain=chains(longest=SMALL), seed=SEEDS)
def test_the_truth_is_inside_the_bounds(chain: Chain, seed: int) -> None:
    target = some_states(chain, seed)
    _, truth = Rational(chain).passage(target)
    found = first_passage_variances(chain, target)
    assert_all_hold(found, truth)
    np.testing.assert_array_equal(found.high == 0, [x == 0 for x in truth])
    roots = first_passage_deviations(chain, target)
    for k, exact in enumerate(truth):
        if exact == INFINITE:
            assert roots.low[k] == np.inf
        elif np.isfinite(roots.high[k]):
            assert rational(float(roots.low[k])) ** 2 <= exact * (1 + fmpq(1, 10**30))
            assert rational(float(roots.high[k])) ** 2 >= exact * (1 - fmpq(1, 10**30))


@settings(max_examples=40)
@given(chain=chains(("dense", "top_k", "top_p", "periodic", "sparse", "greedy", "sharp")), seed=SEEDS)
def test_bounds_are_narrow(chain: Chain, seed: int) -> None:
    found = first_passage_variances(chain, some_states(chain, seed))
    finite = np.isfinite(found.values)
    assert (found.high[finite] - found.low[finite] <= 1e-9 * found.values[finite]).all()


@pytest.mark.parametrize("p", [0.5, 0.1, 1e-5, 1e-15, 1e-100])
def test_a_time_with_a_geometric_law(p: float) -> None:
    chain = Chain.from_probs([[1 - p, p], [0, 1]], "ab", 1)
    exact = Rational(chain).P[0][1]
    found = first_passage_variances(chain, "b").at(0)
    assert_holds(found, (1 - exact) / exact**2)
    assert found.high - found.low < 5e-12 * found.value


@pytest.mark.parametrize("p", [1e-3, 1e-10, 1e-20, 1e-100])
def test_a_time_that_is_nearly_certain(p: float) -> None:
    """Five steps, or with a chance of p three: var = 4 p (1 - p), which no difference of squares would show."""
    P = np.roll(np.eye(6), 1, axis=1)
    P[0, 3], P[0, 1], P[5, 0], P[5, 5] = p, 1 - p, 0, 1
    chain = Chain.from_probs(P, "abcdef", 1)
    exact = Rational(chain).P[0][3]
    found = first_passage_variances(chain, "f").at(0)
    assert_holds(found, 4 * exact * (1 - exact))
    assert found.high - found.low < 1e-9 * found.value
    assert first_passage_variances(chain, "f").high[1:].tolist() == [0.0] * 5


def test_cycles_scatter_not_at_all() -> None:
    chain = Chain.from_probs(np.roll(np.eye(5), 2, axis=1), "abcde", 1)
    found = first_passage_variances(chain, "c")
    assert found.high.tolist() == found.low.tolist() == [0.0] * 5
    assert mean_first_passage_times(chain, "c").values.max() == 4


def test_where_it_is_not_reached_for_certain_it_is_infinite() -> None:
    P = [[0.5, 0.25, 0.25, 0], [0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]]
    found = first_passage_variances(Chain.from_probs(P, "abcd", 1), "d")
    assert found.low.tolist() == [np.inf, np.inf, 0.0, 0.0]


def test_squares_beyond_double_precision() -> None:
    chain = Chain.from_probs([[1, 1e-200, 0], [1e-200, 1, 1e-200], [0, 0, 1]], "abc", 1)
    found = first_passage_variances(chain, "c")
    assert found.high[0] == np.inf
    assert found.low[0] >= 0
    assert "double precision" in found.why
    assert (found.low[2], found.high[2]) == (0, 0)


@pytest.mark.parametrize("kind", ["dense", "sharp", "copy"])
def test_steps_hold_what_elimination_says(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = random_chain(kind, 2, 5, 4)
    target = np.arange(32) % 8 == 5
    exact = first_passage_variances(chain, target)
    monkeypatch.setattr(sums, "LARGEST_GTH", 0)
    monkeypatch.setattr(hitting, "LARGEST_GTH", 0)
    found = first_passage_variances(chain, target)
    assert (found.low <= exact.high).all()
    assert (exact.low <= found.high).all()
    if kind == "dense":
        assert (found.high - found.low).max() < 1e-8 * exact.values.max()


@pytest.mark.parametrize("way", ["_by_squares", "_by_steps"])
@settings(max_examples=30)
@given(chain=chains(("dense", "sharp", "periodic", "matrix"), SMALL), seed=SEEDS)
def test_each_way_alone_holds_the_truth(way: str, chain: Chain, seed: int) -> None:
    target = some_states(chain, seed)
    times, (_, truth) = mean_first_passage_times(chain, target), Rational(chain).passage(target)
    open_ = np.isfinite(times.low) & ~target
    if open_.any():
        found = getattr(spread, way)(chain, open_, times)
        for k in np.flatnonzero(open_).tolist():
            assert_holds(found.at(k), truth[k])


def test_bad_input() -> None:
    with pytest.raises(InputError):
        first_passage_variances(from_logits(np.zeros((2, 2))), "c")
