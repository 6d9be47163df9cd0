"""Rewards on the way and discounted, against exact rational answers and QuantEcon."""

import numpy as np
import pytest
from flint import fmpq, fmpq_mat
from hypothesis import given, settings
from hypothesis import strategies as st

from finitegpt import Chain, InputError
from finitegpt.analysis import (
    discounted_reward,
    expected_reward,
    expected_visits,
    mean_first_passage_times,
    rewards,
    sums,
)
from oracles import chains, from_logits, random_chain, some_states
from rationals import INFINITE, Number, Rational, assert_all_hold, rational, size
from strategies import SEEDS

SMALL = {2: 4, 3: 2, 4: 1, 5: 1}


def some_rewards(n: int, seed: int) -> np.ndarray:
    """Of both signs or one, many of them 0 now and then, large or small."""
    rng = np.random.default_rng(seed)
    reward = rng.normal(size=n) * 10 ** rng.uniform(-5, 5)
    reward = np.abs(reward) if rng.random() < 0.3 else reward
    return np.where(rng.random(n) < rng.choice([0.0, 0.5, 0.9]), 0.0, reward)


@settings(max_examples=150)
@given(chain=chains(longest=SMALL), seed=SEEDS)
def test_the_truth_is_inside_the_bounds(chain: Chain, seed: int) -> None:
    n, target, reward = chain.n_states, some_states(chain, seed), some_rewards(chain.n_states, seed)
    truth: list[Number] = []
    largest = 0.0
    N = Rational(chain).visits(target)
    for row in N:
        for_ever = [x == INFINITE for x in row]
        up, down = any(reward[for_ever] > 0), any(reward[for_ever] < 0)
        if up and down:
            with pytest.raises(InputError, match="rewards of one sign"):
                expected_reward(chain, reward, target)
            return
        parts = [x * rational(float(reward[j])) for j, x in enumerate(row) if x != INFINITE]
        truth.append(INFINITE if up else -INFINITE if down else sum(parts, fmpq(0)))
        largest = max(largest, *(size(x) for x in parts), 0.0)
    assert_all_hold(expected_reward(chain, reward, target), truth, largest * n)


@settings(max_examples=100)
@given(
    chain=chains(longest=SMALL), seed=SEEDS, discount=st.sampled_from([1e-300, 0.1, 0.5, 0.51, 0.9, 0.999, 1 - 2**-53])
)
def test_discounted_rewards_are_inside_theirs(chain: Chain, seed: int, discount: float) -> None:
    exact, n, reward = Rational(chain), chain.n_states, some_rewards(chain.n_states, seed)
    beta = rational(discount)
    A = fmpq_mat([[fmpq(int(i == j)) - beta * exact.P[i][j] for j in range(n)] for i in range(n)])
    x = A.solve(fmpq_mat([[rational(float(r))] for r in reward]))
    found = discounted_reward(chain, reward, discount)
    most = float(np.abs(reward).max()) / (1 - discount)
    assert_all_hold(found, [x[i, 0] for i in range(n)], most)
    assert found.error <= 1e-10 * most


@settings(max_examples=30)
@given(chain=chains(("dense", "top_k", "top_p", "periodic", "sparse")), seed=SEEDS)
def test_bounds_are_narrow(chain: Chain, seed: int) -> None:
    target = some_states(chain, seed)
    times = mean_first_passage_times(chain, target)
    if np.isfinite(times.values).all():
        found = expected_reward(chain, np.random.default_rng(seed).normal(size=chain.n_states), target)
        assert found.error < 1e-11 * max(1, times.values.max())


def test_rewards_of_one_are_times_and_of_some_states_are_visits() -> None:
    chain = random_chain("dense", 2, 4, 6)
    ones, some = np.ones(16), np.arange(16) % 3 == 1
    np.testing.assert_array_equal(
        expected_reward(chain, ones, "*ab").values, mean_first_passage_times(chain, "*ab").values
    )
    np.testing.assert_array_equal(
        expected_reward(chain, -2.0 * some, "*ab").values, -2 * expected_visits(chain, some, "*ab").values
    )


def test_where_a_chain_stays_for_ever() -> None:
    """b goes to c, for ever among c and d, or to a."""
    P = [[1, 0, 0, 0], [0.25, 0.25, 0.5, 0], [0, 0, 0, 1], [0, 0, 1, 0]]
    chain = Chain.from_probs(P, "abcd", 1)
    inf = np.inf
    assert expected_reward(chain, [9, 3, 0, 0], "a").values.round(9).tolist() == [0, 4, 0, 0]
    assert expected_reward(chain, [9, -3, 0, 1], "a").low.tolist() == [0, inf, inf, inf]
    assert expected_reward(chain, [9, 3, -1, 0], "a").high.tolist() == [0, -inf, -inf, -inf]
    with pytest.raises(InputError, match="from state 1; try positive and negative ones apart"):
        expected_reward(chain, [0, 0, 1, -1], "a")
    assert_all_hold(expected_reward(chain, [0, 1, 1, -1], "c"), [fmpq(0), fmpq(4, 3), fmpq(0), fmpq(-1)])


def test_as_quantecon_evaluates_a_policy() -> None:
    quantecon = pytest.importorskip("quantecon")
    chain = random_chain("dense", 3, 2, 8)
    n, reward = chain.n_states, np.random.default_rng(0).normal(size=9)
    P = chain.to_csr().toarray()
    for beta in (0.3, 0.95, 0.999):
        problem = quantecon.markov.DiscreteDP(reward.reshape(n, 1), P.reshape(n, 1, n), beta)
        theirs = problem.evaluate_policy(np.zeros(n, int))
        np.testing.assert_allclose(discounted_reward(chain, reward, beta).values, theirs, rtol=1e-9)


@pytest.mark.parametrize("discount", [0.6, 0.99, 0.9999, 1 - 1e-9])
def test_steps_hold_what_elimination_says(discount: float, monkeypatch: pytest.MonkeyPatch) -> None:
    chain, reward = random_chain("dense", 2, 6, 4), np.random.default_rng(2).normal(size=64)
    exact = discounted_reward(chain, reward, discount)
    undiscounted = expected_reward(chain, reward, "*ab")
    for module in (rewards, sums):
        monkeypatch.setattr(module, "SURE", 0)
    monkeypatch.setattr(sums, "LARGEST_GTH", 0)
    for one, other in (
        (exact, discounted_reward(chain, reward, discount)),
        (undiscounted, expected_reward(chain, reward, "*ab")),
    ):
        assert (other.low <= one.high).all()
        assert (one.low <= other.high).all()
        assert other.error < 1e-10 * np.abs(one.values).max()


def test_discounts_at_the_ends() -> None:
    chain = from_logits(np.array([[0, -3], [-2, 0]]))
    nothing = discounted_reward(chain, [5, -2], 0)
    assert nothing.low.tolist() == nothing.high.tolist() == [5, -2]
    assert discounted_reward(chain, [0, 0], 0.9).high.tolist() == [0, 0]
    same = discounted_reward(chain, [1, 1], 0.75)
    assert same.error < 1e-13
    assert (abs(same.values - 4) < 1e-14).all()
    for discount in (1, 1.0, -0.1, np.nan, "x", None, True, 2):
        with pytest.raises(InputError, match="discount from 0 to below 1"):
            discounted_reward(chain, [1, 0], discount)  # type: ignore[arg-type]


@pytest.mark.parametrize("reward", [[1], [1, np.nan], [np.inf, 0], "ab", None, [[1, 2]], [1, "x"]])
def test_bad_rewards(reward: object) -> None:
    chain = from_logits(np.zeros((2, 2)))
    with pytest.raises(InputError, match="rewards"):
        discounted_reward(chain, reward, 0.5)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="rewards"):
        expected_reward(chain, reward, "b")  # type: ignore[arg-type]
