"""What is gathered until states are left: its arithmetic, and poor solutions that are still enclosed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finitegpt import Chain
from finitegpt.analysis import Bounds, expected_visits, iteration
from finitegpt.analysis.sums import around, cut, difference, either, sums_until_left, visits_until_left
from finitegpt.graph import LEAST, MOST, NEVER
from oracles import random_chain
from rationals import Rational, assert_holds, rational
from strategies import SEEDS


def test_right_relatively_but_for_the_ends_of_double_precision() -> None:
    found = around(np.array([0.0, 1.0, LEAST, MOST, 1e-300]), 1e-3)
    assert found.low.tolist() == [0, 0.999, 0, MOST * 0.999, 1e-300 * 0.999]
    assert found.high.tolist() == [0, 1 + 1e-3, LEAST * (1 + 1e-3), np.inf, 1e-300 * (1 + 1e-3)]
    assert around(np.array([MOST]), 0.0).high.tolist() == [np.inf]
    nothing = around(np.array([0.0, 1.0]), np.inf)
    assert nothing.low.tolist() == [0, 0]
    assert nothing.high.tolist() == [0, np.inf]


def test_a_time_beyond_double_precision_has_no_end_above() -> None:
    chain = Chain.from_probs([[1, 1e-200, 0], [1, 0, 1e-200], [0, 0, 1]], "abc", 1)
    bound = expected_visits(chain, "a", until="c").at(0)
    assert 1.7e308 < bound.low < bound.high == np.inf


@given(a=st.floats(0, 0.3, allow_subnormal=False), b=st.floats(0, 0.3, allow_subnormal=False))
def test_errors_of_products(a: float, b: float) -> None:
    x, y = rational(a), rational(b)
    assert rational(either(a, b)) >= (1 + x) * (1 + y) - 1


def test_gains_that_are_off() -> None:
    chain = random_chain("dense", 2, 4, 4)
    open_, ones = np.arange(16) % 5 > 0, np.ones(16)
    exact = sums_until_left(chain, open_, ones)
    for off in (1e-3, 0.9):
        found = sums_until_left(chain, open_, ones, off)
        assert (found.low <= exact.low * (1 - off) * (1 + 1e-15)).all()
        assert (found.high >= exact.high * (1 + off) * (1 - 1e-15)).all()
        visits = visits_until_left(chain, open_, ones, off)
        assert (visits.low <= visits.values * (1 - off)).all()
        assert (visits.high >= visits.values * (1 + off)).all()


def test_differences() -> None:
    inf = np.inf
    more = Bounds(*(np.array(x) for x in ([3.0, inf, 0, 2], [2.5, inf, 0, 2], [3.5, inf, 0, 2])))
    less = Bounds(*(np.array(x) for x in ([1.0, 0, inf, 0], [0.5, 0, inf, 0], [1.5, 0, inf, 0])))
    found = difference(more, less)
    assert found.values.tolist() == [2, inf, -inf, 2]
    assert found.low.tolist() == [np.nextafter(1, 0), inf, -inf, 2]
    assert found.high.tolist() == [np.nextafter(3, 4), inf, -inf, 2]


def test_a_graph_without_the_arrows_of_some_states() -> None:
    graph = Chain.from_probs([[0, 1, 0], [0.5, 0, 0.5], [1, 0, 0]], "abc", 1).graph
    left = cut(graph, np.array([False, True, False]))
    assert left.first.tolist() == [0, 1, 1, 2]
    assert left.to.tolist() == [1, 0]
    assert (left.reach(np.array([False, False, True])) == NEVER).tolist() == [True, True, False]


@pytest.mark.parametrize("factor", [1.0, 0.9, 1.3])
@settings(max_examples=20)
@given(seed=SEEDS)
def test_a_poor_solution_is_enclosed(factor: float, seed: int) -> None:
    chain, rng = random_chain("dense", 2, 4, seed), np.random.default_rng(seed)
    open_ = rng.random(16) < 0.8
    if open_.all() or not open_.any():
        open_[:2] = [True, False]
    exact, ids = Rational(chain), np.flatnonzero(open_).tolist()
    real = iteration._by_steps

    def poor(chain: Chain, open_: np.ndarray, b: np.ndarray) -> np.ndarray | None:
        found = real(chain, open_, b)
        return None if found is None else found * (1 + (factor - 1) * rng.random(16))

    for gains in (np.ones(16), rng.random(16), (np.arange(16) == ids[0]).astype(float)):
        truth = exact.sums(ids, [rational(float(x)) for x in gains])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(iteration, "_by_steps", poor)
            found = iteration.iterated_sums(chain, open_, gains)
        for k in ids:
            assert_holds(found.at(k), truth[k])
        if factor == 1:
            assert (found.high - found.low)[ids].max() < 1e-9 * found.values[ids].max()
