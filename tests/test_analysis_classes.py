"""Classes and periods against matrix powers, networkx and QuantEcon."""

import math

import networkx
import numpy as np
import pytest
from hypothesis import given

from finitegpt import Chain, InputError
from finitegpt.analysis import communicating_classes, cyclic_classes, period, recurrent_classes
from finitegpt.decoding import greedy
from oracles import chains, random_chain

REDUCIBLE = ("underflowing", "top_k", "top_p", "greedy", "periodic", "sparse", "matrix")


def reach(chain: Chain) -> np.ndarray:
    """Which states can be reached from which, in any number of steps."""
    steps = np.eye(chain.n_states) + chain.to_csr().toarray() > 0
    for _ in range(chain.n_states.bit_length()):
        steps = steps @ steps
    return steps


@given(chain=chains(REDUCIBLE))
def test_classes_are_states_that_reach_each_other(chain: Chain) -> None:
    reached = reach(chain)
    classes = communicating_classes(chain)
    np.testing.assert_array_equal(classes.label[:, None] == classes.label, reached & reached.T)
    smallest = [int(classes[k][0]) for k in range(len(classes))]
    assert smallest == sorted(smallest)
    assert classes.sizes.sum() == chain.n_states
    for k in range(len(classes)):
        ids = classes[k]
        np.testing.assert_array_equal(ids, np.flatnonzero(classes.label == k))
        assert classes.recurrent[k] == (reached[ids[0]].sum() == len(ids))
    assert classes.n_transient == chain.n_states - sum(map(len, recurrent_classes(chain)))
    with pytest.raises(IndexError):
        classes[len(classes)]


@given(chain=chains(REDUCIBLE))
def test_a_period_divides_every_way_back(chain: Chain) -> None:
    P = chain.to_csr().toarray() > 0
    periods = []
    for members in recurrent_classes(chain):
        inside = P[np.ix_(members, members)]
        ways, back = inside.copy(), 0
        for length in range(1, 2 * len(members) + 1):  # every simple cycle, and enough of their sums
            back = math.gcd(back, length) if ways.diagonal().any() else back
            ways = ways @ inside
        periods.append(period(chain, members))
        assert periods[-1] == back
        parts = cyclic_classes(chain, members)
        assert len(parts) == back
        np.testing.assert_array_equal(np.sort(np.concatenate(parts)), members)
        for part, following in zip(parts, parts[1:] + parts[:1], strict=True):
            assert set(np.flatnonzero(P[part].any(0))) == set(following.tolist())
    assert period(chain) == math.lcm(*periods)


@given(chain=chains(REDUCIBLE))
def test_classes_are_the_components_networkx_finds(chain: Chain) -> None:
    graph = networkx.DiGraph(list(zip(*chain.to_csr().nonzero(), strict=True)))
    mine = {frozenset(ids.tolist()) for ids in recurrent_classes(chain)}
    assert mine == {frozenset(map(int, ids)) for ids in networkx.attracting_components(graph)}


@given(chain=chains(REDUCIBLE))
def test_classes_and_periods_are_quantecons(chain: Chain) -> None:
    quantecon = pytest.importorskip("quantecon", reason="QuantEcon is not installed")
    peer = quantecon.MarkovChain(chain.to_csr().toarray())
    classes = communicating_classes(chain)
    mine = sorted(classes[k].tolist() for k in range(len(classes)))
    assert mine == sorted(sorted(ids.tolist()) for ids in peer.communication_classes)
    assert [ids.tolist() for ids in recurrent_classes(chain)] == sorted(
        sorted(ids.tolist()) for ids in peer.recurrent_classes
    )
    assert period(chain) == peer.period
    if peer.is_irreducible:
        parts = {frozenset(ids.tolist()) for ids in cyclic_classes(chain, np.arange(chain.n_states))}
        assert parts == {frozenset(ids.tolist()) for ids in peer.cyclic_classes}


def test_a_long_greedy_cycle_is_walked_once() -> None:
    chain = greedy(random_chain("dense", 2, 16, 1))
    for members in recurrent_classes(chain):
        parts = cyclic_classes(chain, members)
        assert period(chain, members) == len(members) == len(parts)
        at = int(parts[0][0])
        for part in [*parts[1:], parts[0]]:
            at = at * 2 % chain.n_states + int(chain.log_probs[at].argmax())
            assert part.tolist() == [at]


def test_probabilities_below_the_least_are_no_arrows() -> None:
    logs = np.float32([[0, -708.1], [-707.9, 0]])
    chain = Chain(log_probs=logs, vocab=("a", "b"), context_length=1)
    classes = communicating_classes(chain)
    assert (classes.label.tolist(), classes.recurrent.tolist()) == ([0, 1], [True, False])


def test_two_classes_together_have_no_period() -> None:
    two = Chain.from_probs([[1, 0, 0], [0, 0, 1], [0, 1, 0]], "abc", 1)
    assert [period(two, members) for members in recurrent_classes(two)] == [1, 2]
    for members in ([0, 1, 2], [0, 1], [1], [2, 1], [1, 1], [-1], [3], []):
        for ask in (period, cyclic_classes):
            with pytest.raises(InputError, match="the ids of a recurrent class"):
                ask(two, np.array(members, int))
    transient = Chain.from_probs([[0, 1], [0, 1]], "ab", 1)
    with pytest.raises(InputError, match="the ids of a recurrent class"):
        period(transient, np.arange(2))
