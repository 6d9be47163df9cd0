"""Intervals are rounded outward: what is made of truths inside lies inside what is made of the intervals."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from finitegpt import InputError
from finitegpt.analysis import Bound, Bounds
from strategies import SEEDS

INF = math.inf
NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(-1, 1),
    st.sampled_from([0.0, -0.0, 5e-324, 1e-200, -1e-200, 1e308, 1.7976931348623157e308, 1 / 3]),
)


@st.composite
def bounds(draw: st.DrawFn) -> Bound:
    low, value, high = sorted((draw(NUMBERS), draw(NUMBERS), draw(NUMBERS)))
    return Bound(value, low, high, why=draw(st.sampled_from(["", "too slow"])))


def holds(bound: Bound, *truths: Fraction) -> bool:
    assert bound.low <= bound.value <= bound.high
    return all(
        (bound.low == -INF or Fraction(bound.low) <= truth) and (bound.high == INF or truth <= Fraction(bound.high))
        for truth in truths
    )


def ends(bound: Bound) -> tuple[Fraction, Fraction]:
    return Fraction(bound.low), Fraction(bound.high)


@settings(max_examples=500)
@given(value=NUMBERS, error=NUMBERS.map(abs))
def test_around(value: float, error: float) -> None:
    bound = Bound.around(value, error)
    assert holds(bound, Fraction(value) - Fraction(error), Fraction(value) + Fraction(error))
    assert Bound.around(value, 0.0) == Bound(value, value, value)


@settings(max_examples=500)
@given(bound=bounds(), other=bounds(), by=NUMBERS.map(abs))
def test_whatever_is_done_to_intervals(bound: Bound, other: Bound, by: float) -> None:
    (low, high), (below, above) = ends(bound), ends(other)
    assert holds(bound.widened(by), low - Fraction(by), high + Fraction(by))
    assert holds(bound.plus(other), low + below, high + above)
    assert holds(bound.times(other), *(x * y for x in (low, high) for y in (below, above)))
    if by > 0:
        assert holds(bound.scaled(by), low * Fraction(by), high * Fraction(by))
    kept = bound.within(other.low, other.high)
    assert kept.low <= kept.value <= kept.high
    assert holds(kept, *(x for x in (low, high, below, above) if low <= x <= high and below <= x <= above))
    assert {found.why for found in (bound.widened(by), bound.scaled(2.0), bound.in_bits(), kept)} == {bound.why}
    assert bound.plus(other).why == bound.times(other).why == (bound.why or other.why)
    error = bound.error
    assert error == INF or max(high - Fraction(bound.value), Fraction(bound.value) - low) <= Fraction(error)


@given(bound=bounds())
def test_bits(bound: Bound) -> None:
    # ln 2 between two fractions of forty digits.
    ln2 = Fraction(6931471805599453094172321214581765680755, 10**40)
    low, high = ends(bound)
    assert holds(bound.in_bits(), *(x / (ln2 + k * Fraction(1, 10**40)) for x in (low, high) for k in (0, 1)))
    assert Bound(0.0, 0.0, 0.0).in_bits().error == 0


def test_no_more_is_widened_than_rounding_makes_it() -> None:
    third = Bound(1 / 3, 1 / 3, 1 / 3)
    assert third.scaled(2.0) == Bound(2 / 3, 2 / 3, 2 / 3)
    assert third.scaled(3.0) == Bound(1.0, math.nextafter(1, 0), 1.0)
    assert Bound(0.5, 0.25, 0.75).widened(0.25) == Bound(0.5, 0.0, 1.0)
    assert Bound.around(1.0, 1e-17) == Bound(1.0, math.nextafter(1, 0), math.nextafter(1, 2))
    assert Bound(1e308, 1e308, 1e308).scaled(10.0).low == 1.7976931348623157e308
    assert Bound(5e-324, 5e-324, 5e-324).scaled(0.1) == Bound(0.0, 0.0, 5e-324)


def test_an_interval_holds_its_value_and_is_one() -> None:
    assert Bound(2.0, 0.0, 1.0) == Bound(2.0, 0.0, 2.0)
    assert Bound(-2.0, 0.0, 1.0).low == -2
    assert not Bound(0.5, math.nan, 1.0).certified
    assert not Bound(0.5, 0.0, math.nan).certified
    with pytest.raises(AssertionError, match=r"an interval from 1\.0 to 0\.0"):
        Bound(0.5, 1.0, 0.0)
    with pytest.raises(InputError, match="expected a factor above 0"):
        Bound(0.5).scaled(0.0)


def test_infinite_ends() -> None:
    forever, unknown = Bound(INF, INF, INF), Bound(0.5)
    assert forever.scaled(0.5) == forever.widened(1.0) == forever.plus(Bound(1.0, 1.0, 1.0)) == forever
    assert (unknown.scaled(2.0), unknown.widened(1.0)) == (Bound(1.0), Bound(0.5))
    assert Bound(1.5, why="so").within(0.0, 1.0).to_dict() == Bound(1.0, why="so").to_dict()
    assert Bound(0.5, high=2.0).within(0.0, 1.0) == Bound(0.5, 0.0, 1.0)
    assert forever.times(Bound(0.0, 0.0, 0.0)) == Bound(0.0, 0.0, 0.0)
    assert not Bound.around(0.5, INF).certified
    assert not Bound.around(0.5, math.nan).certified
    assert Bound(400.0, 371.0, INF).error == INF


def test_why_is_said_of_what_is_not_certified() -> None:
    bound = Bound(0.5, why="it mixes too slowly; try a higher temperature")
    assert bound.to_dict()["why"] == "it mixes too slowly; try a higher temperature"
    assert "why" not in Bound(0.5).to_dict()
    assert "why" not in Bound(0.5, 0.0, 1.0, why="wide").to_dict()
    assert Bound(400.0, 371.0).to_dict() == {"value": 400, "low": 371, "high": None, "certified": False}
    three = Bounds(np.zeros(3), np.zeros(3), np.full(3, INF), why="so")
    assert (three.at(1).why, three.mean([0.5, 0.25, 0.25]).why) == ("so", "so")


@settings(max_examples=300)
@example(seed=0, size=1, places=0, skew=0.0)
@given(seed=SEEDS, size=st.integers(1, 300), places=st.integers(-322, 307), skew=st.floats(-9e-7, 9e-7))
def test_means(seed: int, size: int, places: int, skew: float) -> None:
    rng = np.random.default_rng(seed)
    x = np.sort(rng.choice([rng.normal(size=(3, size)), rng.random((3, size))]) * 10.0**places, 0)
    x *= 10.0 ** rng.choice([0, -8, -300]) ** rng.integers(0, 2, size)
    pi = rng.random(size) ** rng.integers(1, 200)
    pi *= rng.integers(0, 2, size) if rng.random() < 0.5 and size > 1 else 1
    pi[0] += 1e-3
    pi *= (1 + skew) / pi.sum()
    found = Bounds(x[1], x[0], x[2]).mean(pi)
    weights = [Fraction(p) for p in pi.tolist()]
    means = [sum(w * Fraction(v) for w, v in zip(weights, row, strict=True)) / sum(weights) for row in x.tolist()]
    assert holds(found, *means)
    if places > -300 and (x >= 0).all():  # narrow in relation, too
        assert found.low >= float(means[0]) * (1 - 1e-12)
        assert found.high <= float(means[2]) * (1 + 1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_means_of_numbers_that_cancel(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=40)
    pi = rng.dirichlet(np.ones(40)) * (1 + 4e-4)
    x[-1] = -float(pi[:-1] @ x[:-1]) / pi[-1]
    found = Bounds(x, x, x).mean(pi)
    weights = [Fraction(p) for p in pi.tolist()]
    assert holds(found, sum(w * Fraction(v) for w, v in zip(weights, x.tolist(), strict=True)) / sum(weights))
    wide = Bounds(x + 5, x, x + 10).mean(pi)  # the value, too, is of weights that sum to one
    assert wide.value == pytest.approx(5, abs=1e-12)


def test_means_of_what_is_the_same_everywhere_stay_exact() -> None:
    rng = np.random.default_rng(3)
    pi = rng.dirichlet(np.ones(7)) * (1 + 5e-7)
    for number in (1.0, 0.0, 1 / 3, INF, 5e-324):
        assert Bounds(*(np.full(7, number),) * 3).mean(pi) == Bound(number, number, number)
    one = np.zeros(7)
    one[2] = 1 - 1e-7
    values = rng.random(7)
    assert Bounds(values, values, values).mean(one) == Bound(*(float(values[2]),) * 3)


def test_a_mean_is_no_larger_than_the_largest() -> None:
    almost = np.array([1.0, math.nextafter(1, 0)])
    found = Bounds(almost, almost, almost).mean([0.5, 0.5])
    assert (found.low, found.high) == (almost[1], 1)


def test_the_error_of_many_is_rounded_up() -> None:
    ones = np.ones(2)
    assert Fraction(Bounds(ones, np.array([-1e-17, 1]), ones).error) >= 1 + Fraction(1e-17)
    assert Bounds(ones, ones, ones).error == 0


def test_means_of_infinite_numbers() -> None:
    low, high = np.array([1.0, 2.0, INF]), np.array([1.5, INF, INF])
    times = Bounds(low, low, high)
    assert times.mean([1, 0, 0]) == Bound(1.0, 1.0, 1.5)
    assert times.mean([0.5, 0.5, 0]).high == INF
    assert times.mean([0.5, 0.5, 0]).low == pytest.approx(1.5)
    assert times.mean([0.5, 0, 0.5]) == Bound(INF, INF, INF)
    unknown = Bounds(np.zeros(2), np.array([-INF, INF]), np.full(2, INF))
    assert unknown.mean([0.5, 0.5]).low == -INF
    huge = np.array([1.7e308, -1.7e308, 1.7e308])
    assert Bounds(huge, huge, huge).mean([0.4, 0.2, 0.4]).certified
    for start in ([1, 0], [0.5, 0.5, 0.5], [1.5, -0.5, 0], [math.nan, 1, 0], [0, 0, 0]):
        with pytest.raises(InputError, match=r"expected 3 probabilities"):
            times.mean(start)


def test_ends_that_are_none() -> None:
    assert Bounds([1, 2], [0, 1], [2, 3]).at(1) == Bound(2.0, 1.0, 3.0)  # type: ignore[arg-type]
    ones = np.ones(2)
    for wrong in (
        (ones, ones, ones[:1]),
        (ones, "ab", ones),
        (1.0, 1.0, 1.0),
        (ones, None, ones),
    ):
        with pytest.raises(InputError, match=r"expected .*got .*; try"):
            Bounds(*wrong)  # type: ignore[arg-type]


@given(bound=bounds(), other=bounds(), x=NUMBERS)
def test_comparisons_are_true_where_they_are_proved(bound: Bound, other: Bound, x: float) -> None:
    assert float(bound) == bound.value
    assert (bound < other) == (bound.high < other.low) == (other > bound)
    assert (bound <= other) == (bound.high <= other.low) == (other >= bound)
    assert not (bound < other and other < bound)
    assert (bound < x) == (bound.high < x)
    assert (x < bound) == (x < bound.low)
    assert (bound >= x) == (bound.low >= x)
    assert (x in bound) == (bound.low <= x <= bound.high)
    assert bound.plus(x) == bound.plus(Bound(x, x, x))
    assert bound.times(x) == bound.times(Bound(x, x, x))


def test_of_what_is_unknown_nothing_is_proved() -> None:
    unknown = Bound(0.5)
    assert not any((unknown < 1e308, unknown > -1e308, unknown <= 1.0, unknown >= 0.0))
    assert 7.0 in unknown
    assert not any((Bound(0.5, 0.5, 0.5) < math.nan, Bound(0.5, 0.5, 0.5) >= math.nan, math.nan in unknown))
    assert Bound(0.5, 0.5, 0.5) <= 0.5
    assert eval(repr(Bound(1 / 3, 0.25, 0.5))) == Bound(1 / 3, 0.25, 0.5)
    assert (f"{Bound(1 / 3, 0.33333, 0.33334):.2f}", f"{Bound(1 / 3, 0.33333, 0.33334)}") == ("0.33", "0.3333")


@pytest.mark.parametrize("wrong", [None, "0.5", b"1", [1.0], np.zeros(3), {}, 1j, 10**400, object()])
def test_numbers_that_are_none(wrong) -> None:
    bound = Bound(0.5, 0.25, 0.75)
    for use in (
        Bound,
        bound.plus,
        bound.times,
        bound.scaled,
        bound.widened,
        lambda x: bound.within(x, 1.0),
        lambda x: Bound.around(0.5, x),
        lambda x: bound < x,
        lambda x: x in bound,
    ):
        with pytest.raises(InputError, match=r"expected .*number, got .*; try 0.5"):
            use(wrong)
    for use in (bound.widened, lambda x: Bound.around(0.5, x)):
        with pytest.raises(InputError, match="an error of 0 or more"):
            use(-0.5)
