"""What averages owe to each arrow, against exact rational answers and against changed chains."""

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings

from finitegpt import Chain, InputError
from finitegpt.analysis import average, fundamental_column, sensitivity, stationary_distribution
from finitegpt.decoding import temperature
from oracles import chains, from_logits, random_chain
from rationals import Rational, assert_holds, rational, size
from strategies import SEEDS

SMALL = {2: 4, 3: 2, 4: 1, 5: 1}


@settings(max_examples=150)
@given(chain=chains(longest=SMALL), seed=SEEDS)
def test_the_truth_is_inside_the_bounds(chain: Chain, seed: int) -> None:
    exact, n, V, rng = Rational(chain), chain.n_states, chain.vocab_size, np.random.default_rng(seed)
    if len(exact.classes) > 1:
        with pytest.raises(InputError, match="one recurrent class"):
            sensitivity(chain, np.ones(n))
        return
    f = rng.normal(size=n) * (rng.random(n) < rng.choice([0.3, 1.0]))
    found, Z, pi = sensitivity(chain, f), exact.fundamental, exact.law()
    h = [sum(((row[k] - pi[k]) * rational(float(f[k])) for k in range(n)), fmpq(0)) for row in Z]
    most = max(abs(x) for x in h)
    assert_holds(found.average, sum((pi[k] * rational(float(f[k])) for k in range(n)), fmpq(0)), 1)
    assert_holds(found.condition, (max(h) - min(h)) / 2)
    for s in range(n):
        nexts = [s * V % n + y for y in range(V)]
        mean = sum((exact.P[s][j] * h[j] for j in nexts), fmpq(0))
        for y, j in enumerate(nexts):
            truth = pi[s] * exact.P[s][j] * (h[j] - mean)
            assert_holds(found.at(s, y), truth, size(most * pi[s] * exact.P[s][j]))
            assert (found.low[s, y] == found.high[s, y] == 0) or exact.P[s][j] > 0


@settings(max_examples=40)
@given(chain=chains(("dense", "sharp", "copy", "top_k")), seed=SEEDS)
def test_bounds_are_narrow(chain: Chain, seed: int) -> None:
    f = np.random.default_rng(seed).normal(size=chain.n_states)
    try:
        found = sensitivity(chain, f)
    except InputError:
        return
    assert found.error <= 1e-8 * np.abs(found.values).max()
    np.testing.assert_allclose(found.values.sum(1), 0, atol=1e-12 * np.abs(found.values).max())


@pytest.mark.parametrize("depth", [30.0, 200.0])
def test_within_a_well_that_is_hardly_ever_left(depth: float) -> None:
    """h differs by e**depth between the wells, and by little within each, which is what counts."""
    logits = np.array([[0, 1, -depth, -depth], [2, 0, -depth, -depth], [-depth, -depth, 0, 3], [-depth, -depth, 1, 0]])
    chain, f = from_logits(logits), [1.0, 5.0, 2.0, -3.0]
    found = sensitivity(chain, f)
    assert found.error < 1e-9
    assert np.abs(found.values).max() > 0.1


def test_as_the_average_changes_when_a_logit_does() -> None:
    chain, f = random_chain("dense", 3, 2, 5), np.arange(9.0) ** 2
    found, step = sensitivity(chain, f), 1e-6
    for s, y in ((0, 0), (4, 2), (7, 1)):
        logits = np.array(chain.log_probs, np.float64)
        ends = []
        for change in (-step, step):
            moved = logits.copy()
            moved[s, y] += change
            ends.append(average(from_logits(moved, 2, np.float64), f).value)
        assert found.values[s, y] == pytest.approx((ends[1] - ends[0]) / (2 * step), rel=1e-6)


def test_as_the_average_changes_with_temperature() -> None:
    """All logits at once, by the chain rule: d l / d ln T = -l."""
    chain, f = random_chain("dense", 2, 4, 6), np.arange(16) % 5
    chain = from_logits(chain.log_probs, 4, np.float64)
    slope = -(sensitivity(chain, f).values * chain.log_probs).sum()
    warm, cold = (average(temperature(chain, T), f).value for T in (1.0001, 1 / 1.0001))
    assert slope == pytest.approx((warm - cold) / (2 * np.log(1.0001)), rel=1e-6)


@settings(max_examples=40)
@given(chain=chains(("dense", "sharp", "copy")), seed=SEEDS)
def test_no_change_of_rows_does_more_than_the_condition_allows(chain: Chain, seed: int) -> None:
    rng = np.random.default_rng(seed)
    f, P = rng.normal(size=chain.n_states), chain.probs
    other = 0.9 * P + 0.1 * rng.dirichlet(np.ones(chain.vocab_size), chain.n_states)
    changed = Chain.from_probs(other / other.sum(1, keepdims=True), chain.vocab, chain.context_length)
    most = float(np.abs(changed.probs - P).sum(1).max())
    found = sensitivity(chain, f)
    assert abs(average(changed, f).value - found.average.value) <= most * found.condition.high * (1 + 1e-9)


def test_pydtmcs_matrix_is_of_probabilities() -> None:
    """S = -pi_s (z_yj - pi_j) up to a sign that it gives: our derivative is p (S - its mean over the row)."""
    chain = random_chain("dense", 2, 3, 5)
    pi, n = stationary_distribution(chain).dense(), 8
    column = fundamental_column(chain, 6).values - pi[6]
    S = np.outer(pi, column)  # by p_sy, as far as rows keep their sum
    nexts = np.arange(n)[:, None] * 2 % n + np.arange(2)
    by_row = np.take_along_axis(S, nexts, 1)
    expected = chain.probs * (by_row - (chain.probs * by_row).sum(1, keepdims=True))
    indicator = np.arange(n) == 6
    np.testing.assert_allclose(sensitivity(chain, indicator).values, expected, atol=1e-13)


def test_top_and_at() -> None:
    found = sensitivity(Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1), [0, 1])
    (state, token, bound), *rest = found.top(3)
    assert (state, token) in ((0, 0), (0, 1))
    assert abs(bound.value) == pytest.approx(0.125)
    assert len(rest) == 2
    assert found.top(0) == []
    for place in ((2, 0), (0, 2), (-1, 0)):
        with pytest.raises(InputError, match="state and a token"):
            found.at(*place)


def test_states_that_do_not_come_back_and_only_arrows_do_nothing() -> None:
    chain = Chain.from_probs([[0.5, 0.5, 0], [1, 0, 0], [0.3, 0.3, 0.4]], "abc", 1)
    found = sensitivity(chain, [1, 2, 3])
    for row, places in ((1, (0, 1, 2)), (2, (0, 1, 2)), (0, (2,))):
        for token in places:
            assert found.low[row, token] == found.high[row, token] == 0
    assert found.values[0, 0] == -found.values[0, 1] != 0
    one = sensitivity(Chain.from_probs([[1.0]], "a", 2), [3.0])
    assert one.error == 0
    assert one.condition.high == 0 or one.condition.high < 1e-300


def test_bad_input() -> None:
    chain = random_chain("dense", 2, 3, 2)
    for function in ([1], [np.nan] * 8, "ab"):
        with pytest.raises(InputError):
            sensitivity(chain, function)
