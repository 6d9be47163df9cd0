"""Correlations in time against ball arithmetic, and what must be so."""

import math

import numpy as np
import pytest
from flint import arb
from hypothesis import given, settings

import balls
import kinds
from finitegpt import Chain, InputError
from finitegpt.analysis import (
    Bounds,
    StationaryDistribution,
    autocorrelation,
    average,
    correlation,
    covariances,
    stationary_distribution,
    stationary_distributions,
    time_correlations,
)
from oracles import chains, random_chain
from strategies import SEEDS

KINDS = [name for name in kinds.KINDS if not name.startswith(("large", "many"))]
TOKENS = 12
TWO = Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1)


def truth(exact: balls.Exact, pi: list[arb], f: np.ndarray, g: np.ndarray) -> list[arb]:
    """The sum of pi f P^t g, by the definition, for chains that look back as far as their contexts."""
    after, found = [arb(float(x)) for x in g], []
    for _ in range(TOKENS + 1):
        found.append(balls.total(p * arb(float(x)) * y for p, x, y in zip(pi, f, after, strict=True)))
        after = [balls.total(p * after[j] for j, p in row.items()) for row in exact.P]
    return found


def assert_holds(found: Bounds, exact: list[arb]) -> None:
    assert len(found.values) == len(exact)
    for low, value, high, x in zip(found.low, found.values, found.high, exact, strict=True):
        assert low <= value <= high
        assert not arb(float(low)) > x
        assert not arb(float(high)) < x


@pytest.mark.parametrize("name", KINDS)
def test_curves_are_inside_their_intervals(name: str) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        case = kinds.KINDS[name](rng)
        chain, n = case.chain, case.chain.n_states
        if n > 64 or case.rows < n:
            continue
        f, g = rng.normal(size=n), 10 ** rng.uniform(-9, 3, n) * rng.choice([-1, 1], n)
        for meaning in case.meanings:
            exact = case.exact(meaning, 300)
            for law, pi in zip(stationary_distributions(chain)[:2], exact.laws, strict=False):
                for first, second in ((f, g), (np.abs(f), np.abs(g)), (f, f)):
                    both = truth(exact, pi, first, second)
                    found = correlation(chain, first, second, TOKENS, law)
                    assert_holds(found, both)
                    scale = np.abs(first).max() * np.abs(second).max()
                    assert (found.high - found.low <= 1e-9 * (np.abs(found.values) + 1e-2 * scale)).all()
                    ones = np.ones(n)
                    means = truth(exact, pi, first, ones)[0] * truth(exact, pi, second, ones)[0]
                    apart = [x - means for x in both]
                    covered = covariances(chain, first, second, TOKENS, law)
                    assert_holds(covered, apart)
                    assert (covered.high - covered.low <= 1e-9 * (np.abs(covered.values) + 1e-2 * scale)).all()
                if len(law.states) > 1 and float(apart[0]) > 1e-6:
                    coefficient = autocorrelation(chain, f, TOKENS, law)
                    assert_holds(coefficient, [x / apart[0] for x in apart])
                    assert (coefficient.low[0], coefficient.high[0]) == (1, 1)
                    assert (coefficient.high - coefficient.low < 1e-6).all()


def test_small_ones_of_positive_functions_are_right_relatively() -> None:
    # c is reached from a by two arrows of 1e-150.
    p = [[1, 1e-150, 0], [1, 0, 1e-150], [1, 0, 0]]
    chain = Chain.from_probs(p, "abc", 1)
    found = correlation(chain, [1, 0, 0], [0, 0, 1], 3)
    assert found.low[1] == found.high[1] == 0 or found.high[1] <= 1e-300
    assert found.values[2] == pytest.approx(1e-300, rel=1e-12)
    assert found.high[2] - found.low[2] < 1e-10 * found.values[2]


def test_what_fades_is_known_as_it_fades() -> None:
    found = covariances(TWO, "b", tokens=60)
    exact = 5 / 36 * 0.4 ** np.arange(61)
    assert (found.low <= exact + 1e-18).all()
    assert (found.high >= exact - 1e-18).all()
    assert (found.high - found.low < 1e-14).all()


class Rough:
    """A chain each of whose probabilities is off by as much as it says."""

    def __init__(self, P: np.ndarray, off: float, seed: int) -> None:
        self.P = P * (1 + 0.99 * off * np.random.default_rng(seed).choice([-1, 1], P.shape))
        self.n_states, self.width, self.rounding, self.is_complete = len(P), len(P), off, False

    def pull(self, function: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        return self.P @ np.asarray(function)

    def push(self, distribution: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        return np.asarray(distribution) @ self.P


@pytest.mark.parametrize("seed", range(12))
def test_what_a_step_and_the_law_are_off_by_is_in_the_interval(seed: int) -> None:
    rng = np.random.default_rng(seed)
    P = rng.dirichlet(np.ones(5), 5)
    pi = np.linalg.matrix_power(P, 4000)[0]
    tilt = 1 + (0.99e-4 * rng.choice([-1, 1], 5) if seed % 2 else 0)
    law = StationaryDistribution(
        states=np.arange(5), probs=pi * tilt, n_states=5, error=1e-4, relative=1e-4, residual=0.0, method="gth"
    )
    for f, g in ((rng.normal(size=5), rng.normal(size=5)), (rng.random(5), rng.random(5)), (pi, 3 * rng.random(5) - 2)):
        rough = Rough(P, 1e-3, seed)
        after = np.array([np.linalg.matrix_power(P, t) @ g for t in range(9)])
        truth = after @ (pi * f)
        found = correlation(rough, f, g, 8, law)  # type: ignore[arg-type]
        assert (found.low <= truth).all()
        assert (truth <= found.high).all()
        assert (found.high - found.low < 0.1 * np.abs(f).max() * np.abs(g).max()).all()
        truth = truth - (pi @ f) * (pi @ g)
        found = covariances(rough, f, g, 8, law)  # type: ignore[arg-type]
        assert (found.low <= truth + 1e-15).all()
        assert (truth - 1e-15 <= found.high).all()
        own = np.array([np.linalg.matrix_power(P, t) @ f for t in range(9)]) @ (pi * f) - (pi @ f) ** 2
        found = autocorrelation(rough, f, 8, law)  # type: ignore[arg-type]
        assert (found.low <= own / own[0] + 1e-15).all()
        assert (own / own[0] - 1e-15 <= found.high).all()


def test_names_of_functions() -> None:
    chain = random_chain("dense", 2, 3, 0)
    newest = (np.arange(8) % 2 == 1).astype(float)
    np.testing.assert_array_equal(correlation(chain, "b").values, correlation(chain, newest).values)
    np.testing.assert_array_equal(correlation(chain, "b").values, correlation(chain, "*b").values)
    pattern = correlation(chain, "a?b", "b", 4)
    mask = np.isin(np.arange(8), [1, 3])
    np.testing.assert_array_equal(pattern.values, correlation(chain, mask, newest, 4).values)
    law = stationary_distribution(chain)
    assert correlation(chain, "b", tokens=0).values.tolist() == pytest.approx([average(chain, newest, law).value])
    assert len(correlation(chain, "b").values) == 101
    words = Chain.from_probs([[0.5, 0.5], [0.1, 0.9]], ("the", "cat"), 1)
    assert correlation(words, "cat", tokens=0).values == pytest.approx(5 / 6)


@settings(max_examples=30)
@given(chain=chains(("dense", "copy", "sparse", "top_k", "periodic")), seed=SEEDS)
def test_what_must_be_so(chain: Chain, seed: int) -> None:
    f, g = np.random.default_rng(seed).normal(size=(2, chain.n_states))
    for law in stationary_distributions(chain)[:2]:
        both, apart = correlation(chain, f, g, 8, law), covariances(chain, f, g, 8, law)
        means = average(chain, f, law).value * average(chain, g, law).value
        np.testing.assert_allclose(both.values - means, apart.values, atol=1e-9)
        moved = covariances(chain, f + 3, 2 * g, 8, law)
        np.testing.assert_allclose(moved.values, 2 * apart.values, atol=1e-9)
        if len(law.states) > 1:
            assert (np.abs(autocorrelation(chain, f, 8, law).values) <= 1).all()


def test_a_constant_goes_with_nothing() -> None:
    found = covariances(TWO, [3, 3], "b", 4)
    assert found.low.tolist() == found.high.tolist() == [0] * 5
    with pytest.raises(InputError, match="constant"):
        autocorrelation(TWO, [3, 3])
    absorbed = Chain.from_probs([[0.5, 0.5], [0, 1]], "ab", 1)  # constant in the long run
    assert covariances(absorbed, "b", tokens=1).error == 0
    with pytest.raises(InputError, match="constant"):
        autocorrelation(absorbed, "b")
    nearly = autocorrelation(TWO, [1, 1 + 2.0**-52], 3)
    assert nearly.values[0] == nearly.low[0] == nearly.high[0] == 1
    assert nearly.high[1] == math.inf
    assert "hardly varies" in nearly.why


def test_the_variance_is_an_interval_too(monkeypatch: pytest.MonkeyPatch) -> None:
    low, high = np.array([1, -0.5, 0.25]), np.array([4, -0.25, 0.5])
    monkeypatch.setattr(time_correlations, "covariances", lambda *_: Bounds((low + high) / 2, low, high))
    found = autocorrelation(TWO, "b", 2)
    assert found.low == pytest.approx([1, -0.5, 0.0625], abs=1e-12)
    assert found.high == pytest.approx([1, -0.0625, 0.5], abs=1e-12)


def test_an_uncertified_law_proves_nothing() -> None:
    law = stationary_distribution(TWO)
    unknown = StationaryDistribution(
        states=law.states, probs=law.probs, n_states=2, error=math.inf, residual=0.0, method="power", why="so it is"
    )
    for found in (correlation(TWO, "b", law=unknown), covariances(TWO, "b", law=unknown)):
        assert not math.isfinite(found.error)
        assert found.why == "so it is"
    assert autocorrelation(TWO, "b", 2, unknown).values == pytest.approx([1, 0.4, 0.16])


@pytest.mark.parametrize("bad", ["c", "", [1, 2, 3], [1, math.nan], [math.inf, 0], ["x", "y"], None, {}, 1.5])
def test_what_is_no_function_is_refused(bad: object) -> None:
    for curve in (correlation, covariances, autocorrelation):
        with pytest.raises(InputError, match="expected"):
            curve(TWO, bad)  # type: ignore[operator]
    with pytest.raises(InputError, match="whole number"):
        correlation(TWO, "b", tokens=-1)
    with pytest.raises(InputError, match="one recurrent class"):
        correlation(Chain.from_probs(np.eye(2), "ab", 1), "b")
