"""Whether and when states are reached, against exact elimination and matrix powers."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finitegpt import Chain, InputError
from finitegpt.analysis import (
    absorption_weights,
    hitting,
    hitting_probabilities,
    mean_first_passage_times,
    recurrent_classes,
    red_states,
    start_distribution,
)
from finitegpt.graph import Graph
from oracles import assert_inside, chains, decimals, exact_matrix, exact_passage, from_logits, random_chain, some_states
from strategies import SEEDS

TINY = Decimal("1e-40")  # relative: the rounding of the oracle
LEAST = Decimal("1e-300")  # absolute: doubles hold nothing below
SOLVED_BOTH_WAYS = pytest.mark.parametrize("largest", [hitting.LARGEST_GTH, 0], ids=["elimination", "iteration"])


@SOLVED_BOTH_WAYS
@settings(max_examples=80)
@given(chain=chains(), seed=SEEDS)
def test_the_truth_is_inside_the_bounds(largest: int, chain: Chain, seed: int) -> None:
    target = some_states(chain, seed)
    ever, times = exact_passage(exact_matrix(chain), target)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hitting, "LARGEST_GTH", largest)
        assert_inside(ever, hitting_probabilities(chain, target))
        assert_inside(times, mean_first_passage_times(chain, target))


@settings(max_examples=60)
@given(chain=chains(("dense", "top_k", "top_p", "periodic", "sparse", "greedy")), seed=SEEDS)
def test_bounds_are_narrow_for_chains_that_are_not_extreme(chain: Chain, seed: int) -> None:
    target = some_states(chain, seed)
    ever = hitting_probabilities(chain, target)
    assert ever.error < 1e-10
    times = mean_first_passage_times(chain, target)
    finite = np.isfinite(times.values)
    assert (times.high[finite] - times.low[finite]).max(initial=0) <= 1e-7 * times.values[finite].max(initial=1)
    np.testing.assert_array_equal(finite, ever.low == 1)  # for certain, or not


@settings(max_examples=60)
@given(chain=chains(), tokens=st.integers(0, 30), seed=SEEDS)
def test_within_so_many_tokens(chain: Chain, tokens: int, seed: int) -> None:
    target, P = some_states(chain, seed), exact_matrix(chain)
    exact = decimals(target)
    for _ in range(tokens):
        exact = P @ exact
        exact[target] = Decimal(1)
    assert_inside(exact, hitting_probabilities(chain, target, within=tokens))


@pytest.mark.parametrize("rare", [-10.0, -30.0, -46.0, -300.0, -700.0])
def test_times_that_take_for_ever(rare: float) -> None:
    chain = from_logits([[0, rare], [0, 0]])
    truth = 1 / Decimal(float(chain.log_probs[0, 1])).exp()
    for largest in (0, 2048):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(hitting, "LARGEST_GTH", largest)
            time = mean_first_passage_times(chain, "b").at(0)
            assert Decimal(time.low) <= truth * 2
            assert truth <= Decimal(time.high) * 2
            assert hitting_probabilities(chain, "b").at(0).low == 1


@pytest.mark.parametrize("rare", [-10.0, -30.0, -50.0, -300.0])
def test_of_two_rare_ends_one_is_as_probable_as_it_is(rare: float) -> None:
    E = -np.inf
    chain = from_logits([[0, rare, rare + np.log(3)], [E, 0, E], [E, E, 0]])
    bound = hitting_probabilities(chain, "b").at(0)
    truth = exact_passage(exact_matrix(chain), np.array([False, True, False]))[0][0]
    assert Decimal(bound.low) <= truth <= Decimal(bound.high)


def test_times_at_their_best_are_those_of_gth() -> None:
    # Leaving is so rare that 1 - p has no digits left; no subtraction is needed to know the time.
    chain = from_logits([[0, -46], [0, 0]])
    time = mean_first_passage_times(chain, "b").at(0)
    assert time.value == pytest.approx(np.exp(46), rel=1e-5)


@settings(max_examples=30)
@given(seed=SEEDS)
def test_targets_are_patterns_ids_or_masks(seed: int) -> None:
    chain = random_chain("dense", 2, 3, seed)
    mask = np.zeros(8, bool)
    mask[[3, 7]] = True
    for targets in ("*bb", ["abb", "bbb"], [3, 7], np.array([7, 3]), mask):
        np.testing.assert_array_equal(
            mean_first_passage_times(chain, targets).values, mean_first_passage_times(chain, mask).values
        )


@SOLVED_BOTH_WAYS
def test_a_larger_chain_against_sparse_elimination(largest: int) -> None:
    from scipy.sparse import eye_array
    from scipy.sparse.linalg import spsolve

    chain = random_chain("dense", 2, 11, 3)
    target = np.arange(chain.n_states) % 64 == 63  # six b's in a row
    Q = chain.to_csr()[~target][:, ~target]
    exact = spsolve((eye_array(Q.shape[0]) - Q).tocsc(), np.ones(Q.shape[0]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hitting, "LARGEST_GTH", largest)
        times = mean_first_passage_times(chain, target)
    np.testing.assert_allclose(times.values[~target], exact, rtol=1e-9)
    assert (times.low[~target] <= exact * (1 + 1e-11)).all()
    assert (times.high[~target] >= exact * (1 - 1e-11)).all()
    assert times.error < 1e-4 * exact.max()


@pytest.mark.parametrize("p", [1e-20, 1e-104, 1e-140, 1e-160])
@pytest.mark.parametrize("q", [1e-140, 1e-160, 1e-255])
def test_small_products_beside_zeros_of_a_full_row_are_kept(p: float, q: float) -> None:
    """State 2 has a row of doubles with a zero between, and comes to 0 by way of 3 only."""
    P = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, p], [q, 1, 0, 0]])
    for order in ([0, 1, 2, 3], [0, 1, 3, 2]):
        part = np.array([0, 1, -1, -1])
        found = Graph.of(P[np.ix_(order, order)]).absorb(part, 2, wanted=2)
        hit = found.probs[0][order.index(2)]
        assert hit == pytest.approx(max(p * q, 2.0**-1022), rel=1e-12)


@pytest.mark.parametrize("off", [1 + 9e-7, 1 - 9e-7, 1.0])
@pytest.mark.parametrize("seed", range(8))
def test_a_start_that_sums_to_nearly_one_is_made_to(off: float, seed: int) -> None:
    """What is asked of it is a mean over exact probabilities, and every interval holds it."""
    rng = np.random.default_rng(seed)
    chain = random_chain("matrix", 4, 1, seed)
    n, P = chain.n_states, exact_matrix(chain)
    start = rng.dirichlet(np.ones(n)) * off
    weights = decimals(start)
    weights = weights / weights.sum()
    mixed = start_distribution(chain, start)
    assert abs(Decimal(float(mixed.sum())) - 1) < Decimal("1e-14")
    for bounds, members in zip(
        [absorption_weights(chain, start).at(k) for k in range(len(recurrent_classes(chain)))],
        recurrent_classes(chain),
        strict=True,
    ):
        target = np.isin(np.arange(n), members)
        exact = sum(weights * exact_passage(P, target)[0], Decimal(0))
        assert Decimal(bounds.low) - TINY <= exact <= Decimal(bounds.high) + TINY
        mean = hitting_probabilities(chain, target).mean(start)
        assert Decimal(mean.low) - TINY <= exact <= Decimal(mean.high) + TINY
    target = np.arange(n) == n - 1
    if n > 1:
        free = np.where(target, Decimal(0), weights)
        free = free / free.sum()
        found = red_states(chain, target, start=start, horizons=[1, 3])
        at, entered = free, Decimal(0)
        for tokens in (1, 2, 3):
            at = at @ P
            entered += at[n - 1]
            at = np.where(target, Decimal(0), at)
            if tokens in found.within:
                bound = found.within[tokens]
                assert Decimal(bound.low) - LEAST <= entered <= Decimal(bound.high) + LEAST
        exact = sum(free * exact_passage(P, target)[0], Decimal(0))
        assert Decimal(found.ever.low) - TINY <= exact <= Decimal(found.ever.high) + TINY


def test_times_of_exactly_ten_and_a_thousand() -> None:
    for rows, exact in (([[0.9, 0.1], [0.5, 0.5]], 10), ([[0.999, 0.001], [0.5, 0.5]], 1000)):
        bound = mean_first_passage_times(Chain.from_probs(rows, "ab", 1), "b").at(0)
        assert bound.low <= exact <= bound.high
        assert bound.error < 1e-13 * exact


def test_rows_are_stored_within_their_room() -> None:
    """Few arrows among the states that are asked about, and the end and the gain far behind them."""
    p = 2.0**-170
    P = np.zeros((6, 6))
    for state, to in ((1, 2), (2, 4), (4, 5)):
        P[state, [to, 0]] = p, 1
    P[[0, 3, 5], 0] = 1
    P[2, [4, 0]] = 1, p
    P[4, [5, 0]] = 1, p
    found = Graph.of(P).absorb(np.array([0, -1, -1, -1, -1, -1]), 1, gains=np.ones(6))
    assert found.sums.tolist() == [0, 1, 3, 1, 2, 1]


def test_sums_near_the_largest_double_are_no_less_than_they_are() -> None:
    graph = Graph.of([[0, 2.0**-1022], [0, 1]])
    for gain in (1.0, 2.0, 2.5, 3.9):
        found = graph.absorb(np.array([-1, 0]), 1, gains=np.array([gain, 0.0]))
        assert found.sums[0] == gain * 2.0**1022


@pytest.mark.parametrize("method", ["gth", "iteration"])
def test_each_method_holds_what_the_other_says(method: str) -> None:
    chain = from_logits(np.random.default_rng(4).normal(size=(64, 2)), 6)
    target = np.arange(64) % 7 == 3
    for question in (mean_first_passage_times, hitting_probabilities):
        found, other = question(chain, target, method=method), question(chain, target)  # type: ignore[operator]
        assert (found.low <= other.high).all()
        assert (other.low <= found.high).all()
        assert found.error < 1e-6
    with pytest.raises(InputError, match="gth, iteration"):
        hitting_probabilities(Chain.from_probs([[1, 0], [0.5, 0.5]], "ab", 1), "b", method="magic")  # type: ignore[arg-type]


@pytest.mark.parametrize("rare", [1e-160, 1e-200, 1e-300])
def test_what_double_precision_cannot_hold_is_known_from_above(rare: float) -> None:
    # From a to c by two tokens of so little each; else to d.
    chain = Chain.from_probs([[0, rare, 0, 1], [0, 0, rare, 1], [0, 0, 1, 0], [0, 0, 0, 1]], "abcd", 1)
    truth = exact_passage(exact_matrix(chain), np.arange(4) == 2)[0][0]
    assert 0 < truth < Decimal(2) ** -1022
    for bound in (hitting_probabilities(chain, "c").at(0), absorption_weights(chain, 0).at(0)):
        assert Decimal(bound.low) <= truth <= Decimal(bound.high) <= Decimal("1e-307")
        assert bound.low == 0
    soon = hitting_probabilities(chain, "c", within=2).at(0)
    assert Decimal(soon.low) <= truth <= Decimal(soon.high)
    other = hitting_probabilities(chain, "d").at(0)
    assert 1 - 2e-16 <= other.low < other.high == 1


def test_times_longer_than_any_double_are_known_from_below() -> None:
    chain = Chain.from_probs([[1, 1e-200, 0], [1, 0, 1e-200], [0, 0, 1]], "abc", 1)
    time = mean_first_passage_times(chain, "c").at(0)
    assert 1.7e308 < time.low < time.high == np.inf


def test_what_iteration_does_not_solve_may_be_anything() -> None:
    E = -np.inf
    chain = from_logits([[0, E, E, E], [E, 0, E, E], [15, -5, 10, 15], [E, E, -5, 15]], 1, np.float64)
    target = np.arange(4) == 0
    assert_inside(
        exact_passage(exact_matrix(chain), target)[0], hitting_probabilities(chain, target, method="iteration")
    )
