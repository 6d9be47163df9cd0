"""Averages over the long run, entropy and memory: the truth is inside every interval."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finitegpt import Chain
from finitegpt.analysis import Bound, Bounds, Memory, average, entropy_rate, memory, stationary_distributions
from finitegpt.analysis.entropy import by_law
from finitegpt.analysis.stationary import StationaryDistribution
from oracles import chains, decimals, exact_dense_law, exact_entropy, exact_rows, random_chain
from strategies import SEEDS

SLACK = Decimal("1e-40")  # of the oracle


def assert_inside(truth: Decimal, bound: Bound) -> None:
    room = abs(truth) * SLACK
    assert Decimal(float(bound.low)) <= truth + room
    assert truth - room <= Decimal(float(bound.high))
    assert bound.low <= bound.value <= bound.high


def blind(law: StationaryDistribution) -> StationaryDistribution:
    """The same law, of which nothing is certified."""
    return StationaryDistribution(
        states=law.states, probs=law.probs, n_states=law.n_states, error=np.inf, residual=law.residual, method="power"
    )


@settings(max_examples=60)
@given(chain=chains(), size=st.floats(-6, 6), shift=st.sampled_from([0.0, 1.0, -1e6]), seed=SEEDS)
def test_averages_are_inside_their_intervals(chain: Chain, size: float, shift: float, seed: int) -> None:
    f = np.random.default_rng(seed).normal(size=chain.n_states) * 10**size + shift
    for law in stationary_distributions(chain):
        truth = sum(exact_dense_law(chain, law.states) * decimals(f), Decimal(0))
        assert_inside(truth, average(chain, f, law))
        assert_inside(truth, average(chain, f, blind(law)))


@settings(max_examples=30)
@given(chain=chains(("dense", "top_k", "top_p")), seed=SEEDS)
def test_value_iteration_alone_comes_close(chain: Chain, seed: int) -> None:
    f = np.random.default_rng(seed).normal(size=chain.n_states)
    for law in stationary_distributions(chain):
        assert average(chain, f, blind(law)).error < 1e-6


@settings(max_examples=80)
@given(chain=chains())
def test_the_entropy_rate_is_inside_its_interval(chain: Chain) -> None:
    rows = [exact_entropy(row) for row in exact_rows(chain.log_probs)]
    for law in stationary_distributions(chain):
        rate = entropy_rate(chain, law)
        truth = sum(exact_dense_law(chain, law.states) * np.array(rows, object), Decimal(0))
        assert_inside(min(truth, Decimal(float(np.log(chain.vocab_size)))), rate)  # ln V is itself rounded
        assert rate.certified
        assert rate.low >= 0
        assert rate.high <= np.log(chain.vocab_size)


@settings(max_examples=80)
@given(chain=chains())
def test_memory_is_inside_its_interval(chain: Chain) -> None:
    rows = exact_rows(chain.log_probs)
    for law in stationary_distributions(chain):
        found, joint = memory(chain, law), exact_dense_law(chain, law.states)[:, None] * rows
        assert found.h.shape == (chain.context_length + 1,)
        for k in range(chain.context_length, -1, -1):
            truth = exact_entropy(joint) - exact_entropy(joint.sum(1))
            assert abs(truth - Decimal(float(found.h[k]))) <= Decimal(found.error)
            assert Decimal(found.at(k).low) <= truth + Decimal("1e-45")
            assert truth <= Decimal(found.at(k).high)
            joint = joint.reshape(chain.vocab_size, -1, chain.vocab_size).sum(0) if k else joint
        assert (np.diff(found.h) <= 2 * found.error).all()
        rate = entropy_rate(chain, law)
        assert rate.low - found.error <= found.h[-1] <= rate.high + found.error


def test_memory_of_a_law_that_is_not_certified_is_not_certified_either() -> None:
    chain = random_chain("dense", 2, 3, 0)
    found = memory(chain, blind(stationary_distributions(chain)[0]))
    assert found.error == np.inf
    assert not found.at(1).certified


@pytest.mark.parametrize("sign", [1, -1])
def test_an_average_by_a_law_that_is_off_reaches_as_far(sign: int) -> None:
    claimed = StationaryDistribution(
        states=np.arange(2), probs=np.array([0.5, 0.5]), n_states=2, error=0.1, residual=0.0, method="power"
    )
    truth = 0.5 + sign * 0.1
    _, low, high = by_law(claimed, np.array([1.0, 0.0]))
    assert low <= truth <= high
    assert high - low < 0.2 + 1e-12


def uniform(n: int) -> StationaryDistribution:
    """A law that is known exactly, where n is a power of two."""
    return StationaryDistribution(
        states=np.arange(n), probs=np.full(n, 1 / n), n_states=n, error=0.0, relative=0.0, residual=0.0, method="cycle"
    )


def test_an_average_of_many_numbers_is_as_right_as_one_of_few() -> None:
    f = np.random.default_rng(0).random(2**15)
    _, low, high = by_law(uniform(2**15), f)
    truth = sum(map(Fraction, f.tolist())) / 2**15
    assert Fraction(low) <= truth <= Fraction(high)
    assert high - low < 4e-15


def test_numbers_that_are_averaged_may_be_off_themselves() -> None:
    for f in ([1.0, 1.0], [2.0, 0.5], [1.0, -1.0], [-3.0, -1.0]):
        for signs in ([1, 1], [1, -1], [-1, 1], [-1, -1]):
            _, low, high = by_law(uniform(2), np.array(f), 1e-3)
            assert low <= np.mean(np.array(f) * (1 + 1e-3 * np.array(signs))) <= high


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("p", [2.0**-1022, 3e-308, 1e-300])
@pytest.mark.parametrize("size", [1.0, 1e-9, 3e-17, 1e-23, 1e-300])
def test_products_that_no_double_holds_count_in_an_average(p: float, size: float, sign: int) -> None:
    # The least double stands for anything down to zero.
    law = replace(uniform(2), probs=np.array([1.0, p]), error=1e-15, relative=1e-15)
    _, low, high = by_law(law, sign * np.array([0.0, size]))
    truths = [Decimal(p) * Decimal(size), Decimal(0)] if p == 2.0**-1022 else [Decimal(p) * Decimal(size)]
    for truth in truths:
        assert Decimal(low) <= sign * truth <= Decimal(high)


@pytest.mark.parametrize("apart", [0.01, 0.1, 0.3])
def test_memory_of_a_law_that_is_far_off_reaches_as_far(apart: float) -> None:
    # Hardly ever anything but a repetition, of tokens of which the first is as probable as the law is far from one.
    V, rare = 64, 1e-9
    law = np.full(V, apart / (V - 1))
    law[0] = 1 - apart
    chain = Chain.from_probs((1 - rare) * np.eye(V) + rare * law, tuple(map(chr, range(64, 128))), 1)
    claimed = np.full(V, 1e-300)
    claimed[0] = 1.0
    wrong = StationaryDistribution(
        states=np.arange(V), probs=claimed, n_states=V, error=apart, residual=0.0, method="power"
    )
    h0 = memory(chain, wrong).at(0)
    truth = -float(law @ np.log(law))
    assert h0.low <= truth <= h0.high < 1.2 * truth


@given(h=st.lists(st.floats(0, 1), min_size=1, max_size=8), tolerance=st.floats(0, 0.5))
def test_the_tokens_that_are_used(h: list[float], tolerance: float) -> None:
    falling = np.sort(h)[::-1]
    k = Memory(falling, falling, falling).tokens(tolerance)
    assert falling[k] <= falling[-1] + tolerance
    assert k == 0 or falling[k - 1] > falling[-1] + tolerance


@pytest.mark.parametrize(
    ("function", "value"),
    [([np.inf, 1], np.inf), ([-np.inf, 1], -np.inf), ([1, -np.inf], -np.inf), ([np.inf, np.inf], np.inf)],
)
def test_averages_of_functions_that_are_infinite_somewhere(function: list[float], value: float) -> None:
    chain = Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1)
    bound = average(chain, function)
    assert (bound.low, bound.value, bound.high) == (value, value, value)


def test_what_happens_where_the_chain_never_is_does_not_matter() -> None:
    chain = Chain.from_probs([[1, 0], [0.5, 0.5]], "ab", 1)
    for there in (np.inf, -np.inf, 1e300):
        assert average(chain, [3.0, there]).value == 3
    assert average(chain, [3.0, np.inf]).certified


def test_bounds_of_single_numbers() -> None:
    bound = Bound(0.5, 0.25, 2.0)
    assert (bound.error, bound.certified) == (1.5, True)
    assert bound.within(0, 1) == Bound(0.5, 0.25, 1)
    assert bound.scaled(2) == Bound(1, 0.5, 4)
    assert Bound(1.5, 1.2, 2.0).within(0, 1) == Bound(1, 1, 1)
    assert Bound(0.5).error == np.inf
    assert Bound(0.5).to_dict() == {"value": 0.5, "low": None, "high": None, "certified": False}
    assert Bound.around(1, 0.5).to_dict() == {"value": 1, "low": 0.5, "high": 1.5, "certified": True}


def test_a_proved_infinity_is_certified() -> None:
    infinite = Bound(np.inf, np.inf, np.inf)
    assert infinite.error == 0
    assert infinite.certified
    assert str(infinite) == "infinite"


@settings(max_examples=50)
@given(seed=SEEDS)
def test_bounds_of_many_numbers(seed: int) -> None:
    rng = np.random.default_rng(seed)
    low, values, high = np.sort(rng.normal(size=(3, 20)), 0)
    bounds = Bounds(values, low, high)
    assert bounds.at(3) == Bound(values[3], low[3], high[3])
    assert bounds.error == pytest.approx(max((values - low).max(), (high - values).max()), rel=1e-15)
    start = rng.dirichlet(np.ones(20))
    mean = bounds.mean(start)
    for part, exact in ((mean.low, low), (mean.value, values), (mean.high, high)):
        assert part == pytest.approx(float(start @ exact), rel=1e-12, abs=1e-14)
    weights = decimals(start) / sum(decimals(start))
    assert Decimal(mean.low) <= sum(weights * decimals(low))
    assert Decimal(mean.high) >= sum(weights * decimals(high))
    everywhere = Bounds(*(np.append(x, np.inf) for x in (values, low, high)))
    assert everywhere.error == bounds.error
    assert everywhere.mean(np.append(start, 0)).certified
