"""Which of two sets comes first and which was last, against fractions and balls."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings

pytest.importorskip("flint", reason="the truth comes from python-flint, which is not installed")

from flint import arb

import by_definition
from finitegpt import Chain, InputError
from finitegpt.analysis import (
    Bounds,
    backward_committor,
    forward_committor,
    provenance,
    recurrent_classes,
    stationary_distributions,
)
from finitegpt.decoding import temperature
from kinds import KINDS, RARE
from oracles import from_logits, random_chain
from strategies import SEEDS


def two_sets(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Disjoint masks (n,), neither empty."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(3, n, p=[0.6, 0.2, 0.2])
    first, second = rng.choice(n, 2, replace=False)
    kind[first], kind[second] = 1, 2
    return kind == 1, kind == 2


def faults(bounds: Bounds, truth: list[arb]) -> Iterator[tuple[int, arb]]:
    """Where an interval excludes the truth, as a ball that lies outside wholly."""
    for k, (exact, low, high) in enumerate(zip(truth, bounds.low.tolist(), bounds.high.tolist(), strict=True)):
        if exact < arb(low) or exact > arb(high):
            yield k, exact


@settings(max_examples=120)
@given(chain=by_definition.chains(), seed=SEEDS)
def test_the_forward_committor_is_that_of_fractions(chain: tuple[Chain, by_definition.Matrix], seed: int) -> None:
    ours, P = chain
    source, target = two_sets(len(P), seed)
    exact = by_definition.before(P, target, source)
    found = forward_committor(ours, source, target)
    by_definition.assert_holds(exact, found)
    sure = found.low == found.high
    assert all(sure[i] == (exact[i] in (0, 1)) for i in range(len(P)))  # by the graph, and nowhere else


@settings(max_examples=120)
@given(chain=by_definition.chains(), seed=SEEDS)
def test_the_backward_committor_is_that_of_the_reversed_chain(
    chain: tuple[Chain, by_definition.Matrix], seed: int
) -> None:
    ours, P = chain
    source, target = two_sets(len(P), seed)
    for law, members in zip(stationary_distributions(ours), recurrent_classes(ours), strict=True):
        pi = by_definition.stationary(P, members.tolist())
        inside = law.inside
        exact = by_definition.before(by_definition.reversed_chain(P, pi), source & inside, target & inside)
        exact = [value if inside[i] else Fraction(int(source[i])) for i, value in enumerate(exact)]
        found = backward_committor(ours, source, target, law)
        by_definition.assert_holds(exact, found)
        assert all((found.low == found.high)[i] == (exact[i] in (0, 1)) for i in range(len(P)))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in RARE])
def test_no_chain_of_any_kind_is_told_wrongly(kind: str) -> None:
    for seed in range(4):
        case = KINDS[kind](np.random.default_rng([seed, 5]))
        if case.chain.n_states < 2:
            continue
        source, target = two_sets(case.chain.n_states, seed)
        law = stationary_distributions(case.chain)[0]
        forward = forward_committor(case.chain, source, target)
        backward = backward_committor(case.chain, source, target, law)
        for meaning in case.meanings:
            exact = case.exact(meaning, 640)
            first, last = exact.before(target, source), exact.last(0, source, target)
            for bounds, truth in ((forward, first), (backward, last)):
                assert not list(faults(bounds, truth))
                wide = (bounds.high - bounds.low) / np.maximum(bounds.values, 1e-290)
                assert wide.max() < 1e-10
                for k, exactly in enumerate(truth):  # 0 and 1 only by the graph
                    if bounds.high[k] == 0 or bounds.low[k] == 1:
                        assert exactly == int(bounds.low[k] == 1)


def test_a_gambler_wins_as_the_textbook_says() -> None:
    """Grinstead and Snell, Introduction to Probability, example 12.4: (1 - (q/p)^i) / (1 - (q/p)^n)."""
    n, p = 10, Fraction(9, 20)
    P = np.zeros((n + 1, n + 1))
    P[0, 0] = P[n, n] = 1
    for i in range(1, n):
        P[i, i + 1], P[i, i - 1] = float(p), float(1 - p)
    r = (1 - p) / p
    found = forward_committor(Chain.from_probs(P, "0123456789x", 1), "0", "x")
    for i in range(n + 1):
        assert found.values[i] == pytest.approx(float((1 - r**i) / (1 - r**n)), rel=1e-13)


def test_what_comes_to_neither_counts_as_no() -> None:
    chain = Chain.from_probs([[0.25, 0.25, 0.5, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], "abcd", 1)
    to_b, to_d = forward_committor(chain, "d", "b"), forward_committor(chain, "b", "d")
    assert to_b.at(0).value == pytest.approx(1 / 3)
    assert (to_b.at(2).high, to_d.at(0).high, to_d.at(2).high) == (0, 0, 0)
    assert (to_b.at(1).low, to_b.at(3).high, to_d.at(3).low) == (1, 0, 1)


def test_states_beside_the_long_run_came_from_nowhere() -> None:
    chain = Chain.from_probs([[0.5, 0.5, 0, 0], [0.5, 0.5, 0, 0], [0.5, 0, 0.5, 0], [0, 0.5, 0, 0.5]], "abcd", 1)
    assert backward_committor(chain, "a", "b").values.tolist() == [1, 0, 0, 0]
    assert backward_committor(chain, "a", "c").values.tolist() == [1, 1, 0, 0]  # never in c
    assert backward_committor(chain, "c", "a").values.tolist() == [0, 0, 1, 0]  # never last in c
    assert backward_committor(chain, "c", "d").values.tolist() == [0, 0, 1, 0]


def test_of_several_classes_one_is_meant() -> None:
    chain = Chain.from_probs([[0.5, 0.5, 0, 0], [0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5], [0, 0, 0.5, 0.5]], "abcd", 1)
    with pytest.raises(InputError, match="one recurrent class, got 2"):
        backward_committor(chain, "a", "b")
    laws = stationary_distributions(chain)
    assert backward_committor(chain, "a", "b", laws[0]).values.tolist() == [1, 0, 0, 0]
    assert backward_committor(chain, "c", "b", laws[1]).values.tolist() == [0, 0, 1, 1]
    other = stationary_distributions(Chain.from_probs(np.full((4, 4), 0.25), "abcd", 1))[0]
    with pytest.raises(InputError, match="law of this chain"):
        backward_committor(chain, "a", "b", other)


@pytest.mark.parametrize("rare", [1e-20, 1e-160, 1e-200, 1e-300])
def test_masses_below_all_doubles_still_make_shares(rare: float) -> None:
    """Both ways into c have a mass that no double holds, and one has three times that of the other."""
    P = [[0, rare, 3 * rare, 1, 0], [0, 1, 0, 0, rare], [0, 0, 1, 0, rare], [1, 0, 0, 0, 0], [1, 0, 0, 0, 0]]
    probs = np.array(P)
    probs[0, 3] = 1.0
    probs[1, 0] = probs[2, 0] = 1 - rare
    probs[1, 1] = probs[2, 2] = 0
    chain = Chain.from_probs(probs, "abcde", 1)
    exact = by_definition.matrix(probs)
    pi = by_definition.stationary(exact, range(5))
    truth = by_definition.before(
        by_definition.reversed_chain(exact, pi), *(np.isin(np.arange(5), k) for k in ([1], [2]))
    )
    found = backward_committor(chain, "b", "c")
    by_definition.assert_holds(truth, found)
    assert found.at(4).value == pytest.approx(0.25, rel=1e-12)


@pytest.mark.parametrize("rare", [1e-160, 1e-300])
def test_arrows_back_that_are_less_than_any_double_count(rare: float) -> None:
    """From e back to c by an arrow of some 1e-600 in the reversed chain, which nothing else says anything of."""
    probs = np.zeros((5, 5))
    probs[0, [1, 2]] = 1, rare  # a to b, hardly ever to c
    probs[1, [0, 4]] = 0.5, 0.5
    probs[2, [0, 4]] = 1, rare
    probs[3, 0] = 1
    probs[4, 3] = 1
    chain = Chain.from_probs(probs, "abcde", 1)
    exact = by_definition.matrix(probs)
    pi = by_definition.stationary(exact, range(5))
    masks = [np.isin(np.arange(5), k) for k in ([2], [1])]
    truth = by_definition.before(by_definition.reversed_chain(exact, pi), *masks)
    found = backward_committor(chain, *masks)
    assert 0 < truth[4] < Fraction(1, 2**1000)
    for k in range(5):
        assert Fraction(found.low[k]) <= truth[k] <= Fraction(found.high[k])
        assert found.high[k] == 0 or truth[k] > 0
    other = backward_committor(chain, masks[1], masks[0])
    assert 1 - 2e-16 < other.low[4] <= 1 == other.high[4]


@pytest.mark.parametrize("largest", [8192, 0], ids=["elimination", "flows"])
def test_each_way_holds_what_the_other_says(largest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = random_chain("dense", 2, 9, 4)
    ids = np.arange(512)
    source, target = ids % 32 == 5, ids % 32 == 9
    exact = backward_committor(chain, source, target)
    monkeypatch.setattr(provenance, "_SURE", largest)
    found = backward_committor(chain, source, target)
    assert (found.low <= exact.high).all()
    assert (exact.low <= found.high).all()
    assert (found.high - found.low).max() < 1e-9
    assert (found.low < found.high).sum() > 300


def test_what_is_not_proved_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = random_chain("dense", 2, 4, 4)
    monkeypatch.setattr(provenance, "_SURE", 0)
    monkeypatch.setattr(provenance, "LARGEST_GTH", 0)
    monkeypatch.setattr(provenance, "balance", lambda graph, members: (members / members.sum(), np.inf))
    found = backward_committor(chain, "aaa?", "bbb?")
    assert "balance" in found.why
    open_ = ~np.isin(np.arange(16), [0, 1, 14, 15]) & (found.high > 0) & (found.low < 1)
    assert (found.low[open_] == 0).all()
    assert (found.high[open_] == 1).all()
    assert open_.sum() > 8


def test_many_states_are_iterated() -> None:
    chain = random_chain("dense", 2, 8, 7)
    ids = np.arange(256)
    source, target = ids == 3, ids % 16 == 15
    exact = forward_committor(chain, source, target, method="gth")
    found = forward_committor(chain, source, target, method="iteration")
    assert (found.low <= exact.high).all()
    assert (exact.low <= found.high).all()
    assert found.error < 1e-6
    with pytest.raises(InputError, match="gth, iteration"):
        forward_committor(chain, source, target, method="magic")  # type: ignore[arg-type]


@settings(max_examples=40)
@given(seed=SEEDS)
def test_of_a_reversible_chain_backward_is_one_less_forward(seed: int) -> None:
    """Doubly stochastic and symmetric, so that running it backwards changes nothing."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 9))
    weights = rng.dirichlet(np.ones(4))
    P = np.zeros((n, n))
    for w in weights:
        order = rng.permutation(n)
        step = np.eye(n)[order]
        P += w / 2 * (step + step.T)
    P = (P + P.T) / 2
    source, target = two_sets(n, seed)
    chain = Chain.from_probs(P, "abcdefgh"[:n], 1)
    assume(len(recurrent_classes(chain)) == 1)
    forward, backward = forward_committor(chain, source, target), backward_committor(chain, source, target)
    np.testing.assert_allclose(backward.values, 1 - forward.values, atol=1e-12)


def test_patterns_ids_and_masks_are_the_same() -> None:
    chain = temperature(random_chain("dense", 2, 3, 1), 0.5)
    mask = np.arange(8) == 0
    for source in ("aaa", [0], mask):
        assert forward_committor(chain, source, "bbb").values.tolist() == (
            forward_committor(chain, mask, [7]).values.tolist()
        )


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        ("a?", "aa", "common states, got 1"),
        ("aa", "zz", "expected a pattern"),
        ([], [0], "at least one"),
        ([0], np.zeros(4, bool), "at least one"),
        ([0], [4], "at least one"),
        (0.5, [1], "at least one"),
        (None, [1], "expected"),
    ],
)
def test_sets_that_are_none_are_refused(source: object, target: object, said: str) -> None:
    chain = random_chain("dense", 2, 2, 0)
    for ask in (forward_committor, backward_committor):
        with pytest.raises(InputError, match=said):
            ask(chain, source, target)  # type: ignore[arg-type]


def test_one_state_has_no_two_sets() -> None:
    chain = from_logits([[0.0]])
    with pytest.raises(InputError, match="common states"):
        forward_committor(chain, [0], [0])
