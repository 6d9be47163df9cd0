"""Numbers of any size between bounds, against fractions."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finitegpt.analysis.bound import Bounds
from finitegpt.analysis.scaled import Scaled, one
from finitegpt.graph import LEAST

DIGITS = st.floats(2.0**-60, 2.0**60)
EXPONENTS = st.integers(-3000, 3000)


def exact(x: float, e: int) -> Fraction:
    return Fraction(x) * Fraction(2) ** e


@st.composite
def numbers(draw: st.DrawFn, most: int = 6) -> tuple[list[Fraction], Scaled]:
    """Exact numbers, and what is known of them within 1e-10; some are 0."""
    n = draw(st.integers(1, most))
    m = np.array(draw(st.lists(DIGITS | st.just(0.0), min_size=n, max_size=n)))
    e = np.array(draw(st.lists(EXPONENTS, min_size=n, max_size=n)), np.int64)
    return [exact(x, int(k)) for x, k in zip(m, e, strict=True)], Scaled.near(m, 1e-10, e)


def inside(found: Scaled, truth: list[Fraction], relative: float) -> bool:
    def at(values: np.ndarray) -> list[Fraction]:
        return [exact(float(x), int(e)) for x, e in zip(values, found.exponents, strict=True)]

    return all(
        low <= x <= high and low <= value <= high and high - low <= Fraction(relative) * x
        for x, value, low, high in zip(truth, at(found.values), at(found.low), at(found.high), strict=True)
    )


@settings(max_examples=200)
@given(a=numbers(), seed=st.integers(0, 2**32 - 1))
def test_sums_and_products_hold_the_truth(a: tuple[list[Fraction], Scaled], seed: int) -> None:
    truth, found = a
    n = len(truth)
    other = np.random.default_rng(seed).permutation(n)
    assert inside(found, truth, 3e-10)
    assert inside(found.times(found[other]), [x * truth[k] for x, k in zip(truth, other, strict=True)], 5e-10)
    assert inside(found.plus(found[other]), [x + truth[k] for x, k in zip(truth, other, strict=True)], 3e-10)
    assert inside(found.total(), [sum(truth, Fraction(0))], 3e-10)
    label = np.random.default_rng(seed).integers(-1, 3, n)
    sums = [sum((x for x, k in zip(truth, label, strict=True) if k == j), Fraction(0)) for j in range(3)]
    assert inside(found.sums(label, 3), sums, 3e-10)


@settings(max_examples=200)
@given(a=numbers(), seed=st.integers(0, 2**32 - 1))
def test_quotients_and_doubles_hold_the_truth(a: tuple[list[Fraction], Scaled], seed: int) -> None:
    truth, found = a
    other = np.random.default_rng(seed).permutation(len(truth))
    other = other[[truth[k] > 0 for k in other]]
    here = np.arange(len(truth))[: len(other)]
    quotients = found[here].over(found[other])
    for bounds, exactly in (
        (found.bounds(), truth),
        (quotients, [truth[k] / truth[j] for k, j in zip(here, other, strict=True)]),
    ):
        for k, x in enumerate(exactly):
            low, value, high = (float(end[k]) for end in (bounds.low, bounds.values, bounds.high))
            assert low <= value <= high
            assert Fraction(low) <= x
            assert high == np.inf or x <= Fraction(high)
            assert (high == 0) == (x == 0)
            if Fraction(2) ** -1000 < x < Fraction(2) ** 1000:
                assert high - low <= 1e-9 * value
            elif 0 < x < 1:
                assert (low, high) == (0, LEAST) or low > 0
            elif x > 0:
                assert low > 1e290


def test_lower_bounds_far_below_are_zero_and_uppers_are_kept() -> None:
    bounds = Bounds(np.array([1e-200, 1e-3]), np.array([1e-200, 0.0]), np.array([1.0, 1.0]))
    found = Scaled.within(bounds)
    squared = found.times(found).times(found)
    assert squared.bounds().low.tolist() == [0, 0]
    assert (squared.bounds().high >= 1).all()
    unknown = one(found[np.array([0])].over(found[np.array([1])]), "why")
    assert unknown.high == np.inf
    assert unknown.why == "why"
    assert len(found) == 2


@pytest.mark.parametrize("relative", [0.0, 0.5, 0.999])
def test_a_relative_error_is_kept(relative: float) -> None:
    found = Scaled.near(np.array([3.0]), relative).bounds()
    assert found.low[0] <= 3 * (1 - relative)
    assert found.high[0] >= 3 * (1 + relative)
    assert found.high[0] <= 3.0001 * (1 + relative)
