"""Recurrence and commute times and Kemeny's constant, against exact rational inverses and textbooks."""

from fractions import Fraction

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings

from finitegpt import Chain, InputError, TooLargeError
from finitegpt.analysis import (
    commute_time,
    commute_times,
    kemeny_constant,
    mean_recurrence_times,
    recurrence,
    recurrent_classes,
    stationary_distributions,
)
from oracles import chains, from_logits, random_chain
from rationals import INFINITE, Number, Rational, assert_all_hold, assert_holds
from strategies import SEEDS

SMALL = {2: 3, 3: 2, 4: 1, 5: 1}
OZ = np.array([[0.5, 0.25, 0.25], [0.5, 0, 0.5], [0.25, 0.25, 0.5]])  # Kemeny, Snell and Thompson: the Land of Oz
MERE = ("dense", "top_k", "top_p", "periodic", "sparse", "greedy")


def times_among(exact: Rational, ids: list[int]) -> dict[tuple[int, int], fmpq]:
    """m_ij within a class."""
    ones = [fmpq(1)] * exact.n
    found = {}
    for j in ids:
        sums = exact.sums([i for i in ids if i != j], ones)
        found.update({(i, j): sums.get(i, fmpq(0)) for i in ids})
    return found


@settings(max_examples=120)
@given(chain=chains(longest=SMALL), seed=SEEDS)
def test_the_truth_is_inside_the_bounds(chain: Chain, seed: int) -> None:
    exact, n, rng = Rational(chain), chain.n_states, np.random.default_rng(seed)
    recurrence_times: list[Number] = [INFINITE] * n
    laws = stationary_distributions(chain)
    for k, (ids, law) in enumerate(zip(exact.classes, laws, strict=True)):
        pi, m = exact.law(k), times_among(exact, ids)
        for i in ids:
            recurrence_times[i] = 1 / pi[i]
        constant = sum((pi[j] * m[ids[0], j] for j in ids), fmpq(0))
        assert_holds(kemeny_constant(chain, law), constant)
        a, b = int(rng.choice(ids)), int(rng.choice(ids))
        commute: list[Number] = [INFINITE] * n
        for i in ids:
            commute[i] = m[a, i] + m[i, a]
        assert_all_hold(commute_times(chain, a), commute)
        assert_holds(commute_time(chain, a, b), m[a, b] + m[b, a])
    assert_all_hold(mean_recurrence_times(chain), recurrence_times)
    assert_all_hold(mean_recurrence_times(chain, laws[-1]), recurrence_times)


@settings(max_examples=40)
@given(chain=chains(MERE))
def test_bounds_are_narrow(chain: Chain) -> None:
    times = mean_recurrence_times(chain)
    finite = np.isfinite(times.values)
    assert (times.high[finite] - times.low[finite] <= 1e-11 * times.values[finite]).all()
    for members, law in zip(recurrent_classes(chain), stationary_distributions(chain), strict=True):
        constant, others = kemeny_constant(chain, law), commute_times(chain, int(members[0]))
        assert constant.high - constant.low <= 1e-10 * constant.value
        finite = np.isfinite(others.values)
        assert (others.high[finite] - others.low[finite] <= 1e-11 * others.values[finite]).all()
        np.testing.assert_array_equal(np.flatnonzero(finite), members)


def test_the_land_of_oz() -> None:
    chain = Chain.from_probs(OZ, "rns", 1)
    assert_all_hold(mean_recurrence_times(chain), [fmpq(5, 2), fmpq(5), fmpq(5, 2)])
    assert_all_hold(commute_times(chain, "n"), [fmpq(20, 3), fmpq(0), fmpq(20, 3)])
    assert_holds(commute_time(chain, "r", 2), fmpq(20, 3))
    assert_holds(kemeny_constant(chain), fmpq(32, 15))


def test_cycles_are_exact() -> None:
    chain = Chain.from_probs(np.roll(np.eye(3), 1, axis=1), "abc", 1)
    times, constant = mean_recurrence_times(chain), kemeny_constant(chain)
    assert times.low.tolist() == times.high.tolist() == [3.0, 3.0, 3.0]
    assert (constant.low, constant.value, constant.high) == (1.0, 1.0, 1.0)
    one = Chain.from_probs([[1.0]], "a", 3)
    assert mean_recurrence_times(one).values.tolist() == [1.0]
    assert kemeny_constant(one).high == 0.0
    assert commute_times(one, 0).high.tolist() == [0.0]


def test_a_walk_on_a_path_commutes_as_resistances_say() -> None:
    """2 edges times the resistance (Chandra et al. 1989)."""
    n = 6
    P = np.zeros((n, n))
    for k in range(n):
        near = [j for j in (k - 1, k + 1) if 0 <= j < n]
        P[k, near] = 1 / len(near)
    chain = Chain.from_probs(P, "abcdef", 1)
    assert_all_hold(commute_times(chain, "c"), [fmpq(2 * 5 * abs(k - 2)) for k in range(n)])


def test_several_classes_and_transient_states() -> None:
    P = [[0.5, 0.5, 0, 0, 0], [0.25, 0.75, 0, 0, 0], [0.5, 0, 0, 0.5, 0], [0, 0, 0, 1, 0], [0, 0, 0.5, 0, 0.5]]
    chain = Chain.from_probs(P, "abcde", 1)
    times = mean_recurrence_times(chain)
    np.testing.assert_allclose(times.values, [3, 1.5, np.inf, 1, np.inf], rtol=1e-14)
    assert times.low[2] == times.low[4] == np.inf
    np.testing.assert_allclose(commute_times(chain, "a").values, [0, 6, np.inf, np.inf, np.inf], rtol=1e-14)
    assert commute_times(chain, "c").low.tolist() == [np.inf, np.inf, 0.0, np.inf, np.inf]
    assert commute_time(chain, "c", "a").low == np.inf
    with pytest.raises(InputError, match="one recurrent class"):
        kemeny_constant(chain)
    first, second = (kemeny_constant(chain, law) for law in stationary_distributions(chain))
    assert_holds(first, fmpq(4, 3))
    assert second.low == second.high == 0


@pytest.mark.parametrize("rare", [-30.0, -100.0, -300.0])
def test_two_wells_that_are_hardly_ever_left(rare: float) -> None:
    chain = from_logits(np.array([[0, 1, rare, rare], [1, 0, rare, rare], [rare, rare, 0, 1], [rare, rare, 2, 0]]))
    exact = Rational(chain)
    pi, m = exact.law(), times_among(exact, [0, 1, 2, 3])
    constant = kemeny_constant(chain)
    assert_holds(constant, sum((pi[j] * m[0, j] for j in range(4)), fmpq(0)))
    assert constant.high - constant.low < 1e-12 * constant.value


def test_what_double_precision_cannot_hold_is_known_from_below() -> None:
    P = [[1, 1e-200, 0], [1, 0, 1e-200], [1, 0, 0]]
    times = mean_recurrence_times(Chain.from_probs(P, "abc", 1))
    assert times.low[2] > 4e307
    assert times.high[2] == np.inf
    assert commute_times(Chain.from_probs(P, "abc", 1), "a").high[2] == np.inf


def test_larger_chains_against_an_inverse_in_floats() -> None:
    chain = from_logits(0.3 * np.random.default_rng(5).normal(size=(1024, 2)), 10)
    P, n = chain.to_csr().toarray(), chain.n_states
    (law,) = stationary_distributions(chain, method="power")
    assert law.relative == np.inf  # which proves little of a single probability
    Z = np.linalg.inv(np.eye(n) - P + law.dense())
    times, constant = mean_recurrence_times(chain, law), kemeny_constant(chain, law)
    np.testing.assert_allclose(times.values, 1 / law.dense(), rtol=1e-9)
    assert (times.high - times.low <= 1e-9 * times.values).all()
    assert constant.value == pytest.approx(np.trace(Z) - 1, rel=1e-10)
    assert constant.error < 1e-8 * constant.value
    m = (np.diag(Z) - Z) / law.dense()
    np.testing.assert_allclose(commute_times(chain, 7).values, m[7] + m[:, 7], rtol=1e-9)


def test_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = random_chain("dense", 2, 3, 2)
    for state in ("zz", 8, -1, 1.5, None, [1, 2], "a?b", True):
        with pytest.raises(InputError):
            commute_times(chain, state)  # type: ignore[arg-type]
        with pytest.raises(InputError):
            commute_time(chain, 0, state)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="law of a chain of 8"):
        kemeny_constant(chain, stationary_distributions(random_chain("dense", 2, 2, 2))[0])
    monkeypatch.setattr(recurrence, "_MOST_PRODUCTS", 5)
    with pytest.raises(TooLargeError, match="8 states; try commute_time"):
        commute_times(chain, 0)
    with pytest.raises(TooLargeError, match="shorter context"):
        kemeny_constant(chain)


def test_a_law_without_proof_says_so() -> None:
    from dataclasses import replace

    chain = random_chain("dense", 2, 3, 2)
    (law,) = stationary_distributions(chain)
    monkey = replace(law, relative=np.inf, error=np.inf, why="nobody knows")
    times = mean_recurrence_times(chain, monkey)  # is eliminated again, since that is little work
    assert np.isfinite(times.high).all()
    assert Fraction(float(times.low[0])) <= 1 / Fraction(float(law.dense()[0])) * (1 + Fraction(1, 10**12))
