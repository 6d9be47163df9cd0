"""Poisson's equation and the fundamental matrix, against exact rational inverses and textbooks."""

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings

from finitegpt import Chain, InputError
from finitegpt.analysis import (
    average,
    bias,
    deviation,
    extended,
    fundamental,
    fundamental_column,
    fundamental_row,
    mean_first_passage_times,
    stationary_distribution,
    stationary_distributions,
)
from oracles import chains, from_logits, random_chain
from rationals import Number, Rational, assert_all_hold, rational, size
from strategies import SEEDS

SMALL = {2: 4, 3: 2, 4: 1, 5: 1}
OZ = np.array([[0.5, 0.25, 0.25], [0.5, 0, 0.5], [0.25, 0.25, 0.5]])


def replace(monkeypatch: pytest.MonkeyPatch, name: str, value: object) -> None:
    for module in (deviation, fundamental):
        monkeypatch.setattr(module, name, value)


def by_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the chain had too many states to eliminate."""
    replace(monkeypatch, "SURE", 0)
    monkeypatch.setattr(fundamental, "SOON", 0)


def largest(Z: list[list[fmpq]]) -> float:
    return max(size(x) for row in Z for x in row)


@settings(max_examples=150)
@given(chain=chains(longest=SMALL), seed=SEEDS)
def test_the_truth_is_inside_the_bounds(chain: Chain, seed: int) -> None:
    exact, n, rng = Rational(chain), chain.n_states, np.random.default_rng(seed)
    f, one = rng.normal(size=n) * (rng.random(n) < rng.choice([0.3, 1.0])), int(rng.integers(n))
    if len(exact.classes) > 1:
        for question in (lambda: bias(chain, f), lambda: fundamental_row(chain, one)):
            with pytest.raises(InputError, match="one recurrent class"):
                question()
        return
    Z, pi = exact.fundamental, exact.law()
    room = largest(Z)
    columns: list[Number] = [row[one] for row in Z]
    assert_all_hold(fundamental_column(chain, one), columns, room)
    rows: list[Number] = list(Z[one])
    assert_all_hold(fundamental_row(chain, one), rows, room)
    h: list[Number] = [sum(((row[k] - pi[k]) * rational(float(f[k])) for k in range(n)), fmpq(0)) for row in Z]
    assert_all_hold(bias(chain, f), h, room * float(np.abs(f).max()))


@settings(max_examples=40)
@given(chain=chains(("dense", "copy", "sharp")), seed=SEEDS)
def test_bounds_are_narrow(chain: Chain, seed: int) -> None:
    f = np.random.default_rng(seed).normal(size=chain.n_states)
    for found in (bias(chain, f), fundamental_column(chain, 0), fundamental_row(chain, 0)):
        assert found.error <= 1e-9 * np.abs(found.values).max()


def test_the_land_of_oz() -> None:
    """Grinstead and Snell, Introduction to Probability, example 11.28."""
    chain = Chain.from_probs(OZ, "rns", 1)
    table = [[86, 3, -14], [6, 63, 6], [-14, 3, 86]]
    for k, state in enumerate("rns"):
        truth: list[Number] = [fmpq(x, 75) for x in table[k]]
        assert_all_hold(fundamental_row(chain, state), truth)
        column: list[Number] = [fmpq(row[k], 75) for row in table]
        assert_all_hold(fundamental_column(chain, state), column)


def test_what_the_matrix_is_for() -> None:
    chain, n = random_chain("dense", 3, 2, 7), 9
    pi = stationary_distribution(chain).dense()
    Z = np.stack([fundamental_row(chain, k).values for k in range(n)])
    np.testing.assert_allclose(np.stack([fundamental_column(chain, k).values for k in range(n)], 1), Z, atol=1e-12)
    np.testing.assert_allclose(Z.sum(1), 1, atol=1e-12)
    np.testing.assert_allclose(pi @ Z, pi, atol=1e-12)
    np.testing.assert_allclose((Z[4, 4] - Z[:, 4]) / pi[4], mean_first_passage_times(chain, [4]).values, atol=1e-10)
    f = np.arange(9.0) ** 2
    h = bias(chain, f).values
    np.testing.assert_allclose(h, f - average(chain, f).value + chain.pull(h), atol=1e-11)
    assert abs(pi @ h) < 1e-12


def test_periodic_chains_and_transient_states() -> None:
    """Two that alternate, and one that comes to them; in the mean over a period."""
    chain = Chain.from_probs([[0, 1, 0], [1, 0, 0], [0.5, 0, 0.5]], "abc", 1)
    exact = Rational(chain)
    for k in range(3):
        row: list[Number] = list(exact.fundamental[k])
        assert_all_hold(fundamental_row(chain, k), row)
        column: list[Number] = [x[k] for x in exact.fundamental]
        assert_all_hold(fundamental_column(chain, k), column)
    assert bias(chain, [1, 0, 0]).values.round(12).tolist() == [0.25, -0.25, -0.75]


def test_a_constant_is_no_better_anywhere() -> None:
    for chain in (random_chain("dense", 2, 3, 1), Chain.from_probs([[1.0]], "a", 1)):
        found = bias(chain, np.full(chain.n_states, 0.1))
        assert found.low.tolist() == found.high.tolist() == [0.0] * chain.n_states


def test_a_level_costs_no_digits() -> None:
    chain, f = random_chain("dense", 2, 4, 1), np.arange(16) % 3
    assert bias(chain, f + 2.0**40).error < 1e-3
    np.testing.assert_allclose(bias(chain, f + 2.0**20).values, bias(chain, f).values, atol=1e-12)
    assert bias(chain, f + 2.0**20).error < 1e-8


@pytest.mark.parametrize("kind", ["dense", "copy"])
def test_steps_hold_what_elimination_says(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    chain, f = random_chain(kind, 2, 5, 4), np.random.default_rng(3).normal(size=32)

    def answers() -> list:
        return [bias(chain, f), fundamental_column(chain, 5), fundamental_row(chain, 5)]

    found = answers()
    by_steps(monkeypatch)
    for exact, other in zip(found, answers(), strict=True):
        assert (other.low <= exact.high).all()
        assert (exact.low <= other.high).all()
        assert kind == "copy" or other.error < 1e-9


@pytest.mark.parametrize("steps", [20_000, 1, 17])
@pytest.mark.parametrize("proof", ["times", "meeting"])
def test_each_proof_alone_holds_the_truth(proof: str, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where little has been done to find it."""
    chain, f = random_chain("dense", 2, 4, 4), np.random.default_rng(3).normal(size=16)
    exact = Rational(chain)
    Z, pi = exact.fundamental, exact.law()
    h: list[Number] = [sum(((row[k] - pi[k]) * rational(float(f[k])) for k in range(16)), fmpq(0)) for row in Z]
    by_steps(monkeypatch)
    replace(monkeypatch, "most_steps", lambda chain: steps)
    if proof == "times":
        replace(monkeypatch, "meeting_time", lambda chain: np.inf)
    else:
        real = deviation.mean_first_passage_times

        def unproved(chain: Chain, targets: list[int]):
            found = real(chain, targets)
            return type(found)(found.values, found.low, np.full_like(found.high, np.inf), "no proof")

        replace(monkeypatch, "mean_first_passage_times", unproved)
    row: list[Number] = list(Z[3])
    for found, truth in ((bias(chain, f), h), (fundamental_row(chain, 3), row)):
        assert_all_hold(found, truth)
        assert 0 < found.error < (1e-6 if steps > 100 else np.inf)


def test_many_states_of_which_only_the_last_tokens_matter() -> None:
    """2**13: what a function of the last tokens gains is what it gains in the small chain."""
    small = random_chain("dense", 2, 3, 9)
    f = np.array([1.0, -2, 0, 5, 0, 0, 1, 3])
    exact = Rational(small)
    pi = exact.law()
    h = [sum(((row[k] - pi[k]) * rational(f[k]) for k in range(8)), fmpq(0)) for row in exact.fundamental]
    found = bias(extended(small, 13), np.tile(f, 1024))
    assert found.error < 1e-8
    for k in (0, 1, 5, 7, 8191, 4098):
        truth: list[Number] = [h[k % 8]]
        assert_all_hold(type(found)(*(x[k : k + 1] for x in (found.values, found.low, found.high))), truth, 1.0)


def test_wells_and_what_double_precision_cannot_hold() -> None:
    chain = from_logits(np.array([[0, -1, -600], [-1, 0, -600], [-600, -600, 0]]), 1, np.float64)
    found = bias(chain, [1, 2, 3])
    assert np.abs(found.values).max() > 1e250
    assert found.error < 1e-9 * np.abs(found.values).max()
    # Two states that are left by way of others, which nearly always lead back: after 1e400 tokens and more.
    P = [[1, 1e-220, 0, 0], [1, 1e-200, 1e-200, 0], [0, 1e-200, 1e-200, 1], [0, 0, 1e-220, 1]]
    found = bias(Chain.from_probs(P, "abcd", 1), [1, 0, 0, 2])
    assert found.error == np.inf
    assert "double precision" in found.why


@pytest.mark.parametrize("function", [[1], [1, np.nan] * 4, [np.inf] + [0] * 7, "ab", None])
def test_bad_input(function: object) -> None:
    chain = random_chain("dense", 2, 3, 2)
    with pytest.raises(InputError):
        bias(chain, function)  # type: ignore[arg-type]
    for state in ("zz", 9, None, [1, 2], 0.5):
        with pytest.raises(InputError):
            fundamental_row(chain, state)  # type: ignore[arg-type]
        with pytest.raises(InputError):
            fundamental_column(chain, state)  # type: ignore[arg-type]
    apart = Chain.from_probs(np.eye(2), "ab", 1)
    with pytest.raises(InputError, match="several"):
        bias(apart, [1, 2], stationary_distributions(apart)[0])
