"""Chains against PyDTMC, which needs an older NumPy and so a virtual environment of its own."""

import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finitegpt import Chain
from finitegpt.analysis import (
    absorption_probabilities,
    communicating_classes,
    cyclic_classes,
    entropy_rate,
    expected_reward,
    expected_visits,
    fundamental_column,
    hitting_probabilities,
    kemeny_constant,
    mean_first_passage_times,
    mean_recurrence_times,
    mixing_time,
    period,
    recurrent_classes,
    sensitivity,
    stationary_distribution,
    stationary_distributions,
    total_variation,
)
from oracles import random_chain

pydtmc = pytest.importorskip("pydtmc", reason="PyDTMC is not installed; it needs NumPy 1")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@st.composite
def pairs(draw: st.DrawFn, kinds: tuple[str, ...]) -> tuple[Chain, "pydtmc.MarkovChain"]:
    """The same chain of at most 16 states in both libraries."""
    V, L = draw(st.sampled_from([(2, 1), (2, 2), (2, 3), (2, 4), (3, 1), (3, 2), (4, 1), (4, 2)]))
    chain = random_chain(draw(st.sampled_from(kinds)), V, L, draw(st.integers(0, 2**32 - 1)))
    if chain.n_states < 2:
        chain = random_chain("dense", 2, 1, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return chain, pydtmc.MarkovChain(chain.to_csr().toarray(), [str(k) for k in range(chain.n_states)])


def ids(classes: list[list[str]]) -> list[list[int]]:
    return sorted(sorted(int(name) for name in names) for names in classes)


IRREDUCIBLE = ("dense",)
ANY = ("dense", "top_k", "top_p", "greedy", "periodic", "sparse", "matrix")
GENTLE = ("dense", "top_k", "periodic", "matrix")
relaxed = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])


@relaxed
@given(pair=pairs(ANY))
def test_classes(pair) -> None:
    chain, peer = pair
    classes = communicating_classes(chain)
    assert sorted(classes[k].tolist() for k in range(len(classes))) == ids(peer.communicating_classes)
    assert sorted(members.tolist() for members in recurrent_classes(chain)) == ids(peer.recurrent_classes)
    assert classes.n_transient == len(peer.transient_states)
    if peer.is_irreducible:
        assert period(chain) == peer.period
        assert sorted(part.tolist() for part in cyclic_classes(chain, np.arange(chain.n_states))) == ids(
            peer.cyclic_classes or [list(peer.states)]
        )


@relaxed
@given(pair=pairs(GENTLE))
def test_stationary_distributions_and_the_entropy_rate(pair) -> None:
    chain, peer = pair
    laws = stationary_distributions(chain)
    theirs = peer.stationary_distributions
    assert len(laws) == len(theirs)
    for law in laws:
        assert min(np.abs(law.dense() - pi).max() for pi in theirs) < 1e-9
    if len(laws) == 1 and peer.entropy_rate is not None:
        assert entropy_rate(chain).value == pytest.approx(peer.entropy_rate, abs=1e-9)


@relaxed
@given(pair=pairs(GENTLE), seed=st.integers(0, 1000))
def test_hitting_probabilities(pair, seed: int) -> None:
    chain, peer = pair
    targets = np.random.default_rng(seed).choice(chain.n_states, 1 + seed % 2, replace=False)
    theirs = np.array(peer.hitting_probabilities(targets.tolist()))
    outside = ~np.isin(np.arange(chain.n_states), targets)
    np.testing.assert_allclose(hitting_probabilities(chain, targets).values[outside], theirs[outside], atol=1e-8)


@relaxed
@given(pair=pairs(IRREDUCIBLE), seed=st.integers(0, 1000))
def test_mean_first_passage_times(pair, seed: int) -> None:
    chain, peer = pair
    target = seed % chain.n_states
    theirs = np.array(peer.mean_first_passage_times_to(target))
    np.testing.assert_allclose(mean_first_passage_times(chain, [target]).values, theirs, rtol=1e-7, atol=1e-9)


@relaxed
@given(pair=pairs(("top_k", "sparse", "matrix")))
def test_absorption_probabilities(pair) -> None:
    chain, peer = pair
    ends = recurrent_classes(chain)
    if not peer.is_absorbing or not len(peer.transient_states) or any(len(end) > 1 for end in ends):
        return
    theirs = np.array(peer.absorption_probabilities())  # (absorbing, transient)
    transient = [int(name) for name in peer.transient_states]
    mine = np.array([end.values[transient] for end in absorption_probabilities(chain)])
    absorbing = [int(name) for name in peer.absorbing_states]
    order = np.argsort(absorbing)
    np.testing.assert_allclose(mine, theirs[order], atol=1e-9)


@relaxed
@given(pair=pairs(IRREDUCIBLE))
def test_mixing_times(pair) -> None:
    chain, peer = pair
    time = int(mixing_time(chain, 0.01).value)
    P, pi = np.array(peer.p), np.array(peer.stationary_distributions[0])
    worst = [0.5 * np.abs(np.linalg.matrix_power(P, n) - pi).sum(1).max() for n in (time - 1, time)]
    assert worst[1] <= 0.01 + 1e-9
    assert time == 0 or worst[0] > 0.01 - 1e-9
    assert total_variation(chain, 3).values[3] == pytest.approx(
        0.5 * np.abs(np.linalg.matrix_power(P, 3) - pi).sum(1).max(), abs=1e-9
    )


@relaxed
@given(pair=pairs(ANY))
def test_there_and_back(pair) -> None:
    chain, _ = pair
    theirs = chain.to_pydtmc()
    np.testing.assert_array_equal(theirs.p, chain.to_matrix())
    assert theirs.states == chain.labels
    again = Chain.from_pydtmc(theirs, chain.vocab, chain.context_length)
    expected = Chain.from_matrix(chain.to_csr(), chain.vocab, chain.context_length)
    assert (again.vocab, again.log_probs.tobytes()) == (chain.vocab, expected.log_probs.tobytes())
    if "".join(chain.labels).isalnum():
        assert Chain.from_pydtmc(theirs).vocab == tuple(chain.labels)


def test_a_chain_of_theirs_is_a_chain() -> None:
    P = [[0.2, 0.7, 0.0, 0.1], [0.0, 0.6, 0.3, 0.1], [0.0, 0.0, 1.0, 0.0], [0.5, 0.0, 0.5, 0.0]]
    chain = Chain.from_pydtmc(pydtmc.MarkovChain(P, ["A", "B", "C", "D"]))
    assert (chain.vocab, chain.context_length) == (("A", "B", "C", "D"), 1)
    np.testing.assert_allclose(chain.probs, P, rtol=1e-15)
    assert stationary_distributions(chain)[0].dense().tolist() == [0, 0, 1, 0]


@relaxed
@given(pair=pairs(IRREDUCIBLE))
def test_mean_recurrence_times(pair) -> None:
    chain, peer = pair
    np.testing.assert_allclose(mean_recurrence_times(chain).values, peer.mean_recurrence_times(), rtol=1e-9)


@relaxed
@given(pair=pairs(IRREDUCIBLE), seed=st.integers(0, 1000))
def test_kemenys_constant_is_a_mean_of_first_passage_times(pair, seed: int) -> None:
    chain, peer = pair
    theirs = peer.mean_first_passage_times_to()[seed % chain.n_states] @ peer.pi[0]
    assert kemeny_constant(chain).value == pytest.approx(theirs, rel=1e-8)


@relaxed
@given(pair=pairs(("top_k", "sparse", "matrix")))
def test_numbers_of_visits_but_for_the_start(pair) -> None:
    """And what PyDTMC calls Kemeny's constant: their sum over the transient states, the start included."""
    chain, peer = pair
    theirs = np.array(peer.mean_number_visits())
    mine = np.stack([expected_visits(chain, [k]).values for k in range(chain.n_states)], 1)
    transient = [int(name) for name in peer.transient_states]
    if transient:
        np.testing.assert_allclose(
            (mine - np.eye(chain.n_states))[:, transient], theirs[:, transient], rtol=1e-7, atol=1e-8
        )
    if peer.kemeny_constant is not None:
        assert np.diag(mine)[transient].sum() == pytest.approx(peer.kemeny_constant, rel=1e-9)


@relaxed
@given(pair=pairs(IRREDUCIBLE), seed=st.integers(0, 1000))
def test_rewards_until_a_state_but_for_the_start(pair, seed: int) -> None:
    chain, peer = pair
    n = chain.n_states
    rewards, target = np.random.default_rng(seed).normal(size=n), seed % n
    start = (target + 1) % n
    if n == 2 or mean_first_passage_times(chain, [target]).at(start).high > 100:
        return
    theirs = peer.first_passage_reward(4000, start, [target], rewards.tolist())
    mine = expected_reward(chain, rewards, [target]).values[start] - rewards[start]
    assert mine == pytest.approx(theirs, abs=1e-7)


@relaxed
@given(pair=pairs(IRREDUCIBLE), seed=st.integers(0, 1000))
def test_sensitivities_are_of_probabilities(pair, seed: int) -> None:
    chain, peer = pair
    n, V, state = chain.n_states, chain.vocab_size, seed % chain.n_states
    theirs = np.array(peer.sensitivity(state))
    pi = stationary_distribution(chain).dense()
    np.testing.assert_allclose(theirs, np.outer(pi, fundamental_column(chain, state).values - pi[state]), atol=1e-8)
    nexts = np.take_along_axis(theirs, np.arange(n)[:, None] * V % n + np.arange(V), 1)
    p = chain.probs
    mine = sensitivity(chain, np.arange(n) == state).values
    np.testing.assert_allclose(mine, p * (nexts - (p * nexts).sum(1, keepdims=True)), atol=1e-8)
