"""How a chain gets from one set to another: against fractions by other definitions, balls, and published numbers."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings

pytest.importorskip("flint", reason="the truth comes from python-flint, which is not installed")

from flint import arb

import balls
import by_definition
from finitegpt import Chain, InputError, TooLargeError
from finitegpt.analysis import (
    Bound,
    Bounds,
    ReactiveFlux,
    backward_committor,
    forward_committor,
    provenance,
    reactive_flux,
    recurrent_classes,
    stationary_distributions,
)
from finitegpt.analysis.pathways import strongest
from kinds import KINDS, RARE
from oracles import from_logits, random_chain
from strategies import SEEDS
from test_analysis_committors import two_sets

FIVE = [
    [0.8, 0.15, 0.05, 0.0, 0.0],
    [0.1, 0.75, 0.05, 0.05, 0.05],
    [0.05, 0.1, 0.8, 0.0, 0.05],
    [0.0, 0.2, 0.0, 0.8, 0.0],
    [0.0, 0.02, 0.02, 0.0, 0.96],
]
"""The five states of deeptime's and PyEMMA's tests of transition path theory, from the first to the last."""


def dense(flux: ReactiveFlux, values: np.ndarray) -> np.ndarray:
    matrix = np.zeros((flux.chain.n_states,) * 2)
    matrix[flux.origin, flux.to] = values
    return matrix


def holds(bound: Bound, exact: Fraction, relative: float = 1e-9) -> bool:
    narrow = bound.high - bound.low <= relative * float(exact)
    return Fraction(bound.low) <= exact <= Fraction(bound.high) and bound.low <= bound.value <= bound.high and narrow


@settings(max_examples=120)
@given(chain=by_definition.chains(), seed=SEEDS)
def test_all_of_it_is_what_fractions_say(chain: tuple[Chain, by_definition.Matrix], seed: int) -> None:
    """Times by what they mean: from where transitions back arrive, and of a chain that only has transitions."""
    ours, P = chain
    n = len(P)
    source, target = two_sets(n, seed)
    law, members = stationary_distributions(ours)[0], recurrent_classes(ours)[0]
    assume(source[members].any() and target[members].any())
    flux = reactive_flux(ours, source, target, law)
    pi = by_definition.stationary(P, members.tolist())
    forward = by_definition.before(P, target, source)
    back = by_definition.before(by_definition.reversed_chain(P, pi), source & law.inside, target & law.inside)
    gross = [[pi[i] * back[i] * P[i][j] * forward[j] * (i != j) for j in range(n)] for i in range(n)]
    there = {(int(i), int(j)) for i, j in zip(flux.origin, flux.to, strict=True)}
    assert there == {(i, j) for i in range(n) for j in range(n) if gross[i][j]}
    for k, (i, j) in enumerate(zip(flux.origin.tolist(), flux.to.tolist(), strict=True)):
        assert holds(flux.gross.at(k), gross[i][j])
        net = max(gross[i][j] - gross[j][i], Fraction(0))
        assert holds(flux.net.at(k), net) or flux.net.high[k] - flux.net.low[k] < 1e-13
        assert Fraction(flux.net.low[k]) <= net <= Fraction(flux.net.high[k])
    total = sum((gross[i][j] for i in range(n) for j in range(n) if target[j]), Fraction(0))
    assert total == sum((gross[i][j] for i in range(n) for j in range(n) if source[i]), Fraction(0))
    assert holds(flux.total_flux, total)
    for k, (i, j) in enumerate(zip(flux.origin.tolist(), flux.to.tolist(), strict=True)):
        share = max(gross[i][j] - gross[j][i], Fraction(0)) / total
        assert Fraction(flux.shares.low[k]) <= share <= Fraction(flux.shares.high[k])
    # From where a transition back arrives, or a stay in the source goes on, to the target.
    arrives = [
        sum((pi[i] * (1 - back[i]) * P[i][a] for i in range(n)), Fraction(0)) * bool(source[a]) for a in range(n)
    ]
    toward = times_within(P, members.tolist(), target)
    passage = sum((arrives[a] * toward[a] for a in range(n) if arrives[a]), Fraction(0)) / sum(arrives)
    assert holds(flux.mean_passage_time, passage)
    assert holds(flux.rate, 1 / passage)
    # Of the chain that only goes on if it comes to the target before the source.
    free = [i for i in members.tolist() if not source[i] and not target[i] and forward[i] > 0]
    A = [[(i == j) - P[i][j] * forward[j] / forward[i] for j in free] for i in free]
    further = dict(zip(free, by_definition.solve(A, [Fraction(1)] * len(free)), strict=True))
    leaves = {j: sum((gross[i][j] for i in range(n) if source[i]), Fraction(0)) for j in range(n)}
    duration = sum((leaves[j] * (1 + further.get(j, Fraction(0))) for j in leaves), Fraction(0)) / total
    assert holds(flux.mean_transition_time, duration)


def times_within(P: by_definition.Matrix, members: list[int], target: np.ndarray) -> by_definition.Row:
    """Mean times until the target, inside a class."""
    inner = [[P[i][j] for j in members] for i in members]
    found = [Fraction(0)] * len(P)
    for i, value in zip(members, by_definition.times(inner, target[members]), strict=True):
        found[i] = value
    return found


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in RARE])
def test_no_chain_of_any_kind_is_told_wrongly(kind: str) -> None:
    for seed in range(3):
        case = KINDS[kind](np.random.default_rng([seed, 6]))
        n = case.chain.n_states
        if n < 2:
            continue
        source, target = two_sets(n, seed)
        law = stationary_distributions(case.chain)[0]
        if not (source & law.inside).any() or not (target & law.inside).any():
            with pytest.raises(InputError, match="in the long run"):
                reactive_flux(case.chain, source, target, law)
            continue
        flux = reactive_flux(case.chain, source, target, law)
        for meaning in case.meanings:
            exact = case.exact(meaning, 1200)
            pi, forward, back = exact.laws[0], exact.before(target, source), exact.last(0, source, target)
            terms = [
                pi[i] * back[i] * exact.P[i][j] * forward[j]
                for i, j in zip(flux.origin.tolist(), flux.to.tolist(), strict=True)
            ]
            total = balls.total(x for x, j in zip(terms, flux.to.tolist(), strict=True) if target[j])
            after = balls.dot(pi, back)
            between = [k for k in range(n) if law.inside[k] and not source[k] and not target[k]]
            on_the_way = balls.total(pi[k] * back[k] * forward[k] for k in between)
            for bound, truth in (
                (flux.total_flux, total),
                (flux.rate, total / after),
                (flux.mean_passage_time, after / total),
                (flux.mean_transition_time, 1 + on_the_way / total),
                *((flux.gross.at(k), x) for k, x in enumerate(terms)),
            ):
                assert not truth < arb(bound.low)
                assert not np.isfinite(bound.high) or not truth > arb(bound.high)
                if 1e-290 < bound.value < 1e290 and on_the_way > arb(1e-280):
                    assert bound.high - bound.low <= 1e-9 * bound.value


def test_the_numbers_that_deeptime_publishes() -> None:
    chain = Chain.from_probs(FIVE, "abcde", 1)
    flux = reactive_flux(chain, "a", "e")
    np.testing.assert_allclose(flux.forward.values, [0, 0.35714286, 0.42857143, 0.35714286, 1], atol=5e-9)
    np.testing.assert_allclose(flux.backward.values, [1, 0.65384615, 0.53125, 0.65384615, 0], atol=5e-9)
    gross = np.zeros((5, 5))
    gross[0, [1, 2]] = 0.00771792, 0.00308717
    gross[1, [2, 3, 4]] = 0.00308717, 0.00257264, 0.00720339
    gross[2, [1, 4]] = 0.00257264, 0.00360169
    gross[3, 1] = 0.00257264
    np.testing.assert_allclose(dense(flux, flux.gross.values), gross, atol=5e-9)
    net = np.zeros((5, 5))
    net[0, [1, 2]] = 7.71791768e-03, 3.08716707e-03
    net[1, [2, 4]] = 5.14527845e-04, 7.20338983e-03
    net[2, 4] = 3.60169492e-03
    np.testing.assert_allclose(dense(flux, flux.net.values), net, atol=5e-12)
    assert flux.total_flux.value == pytest.approx(0.0108050847458, abs=5e-14)
    assert flux.rate.value == pytest.approx(0.0272727272727, abs=5e-14)
    assert flux.mean_passage_time.value == pytest.approx(36.6666666667, abs=5e-11)
    ways = flux.pathways()
    assert [way.states for way in ways] == [(0, 1, 4), (0, 2, 4), (0, 1, 2, 4)]
    np.testing.assert_allclose(
        [way.flux.value for way in ways], [0.00720338983051, 0.00308716707022, 0.000514527845036], rtol=1e-11
    )
    assert sum(way.share.value for way in ways) == pytest.approx(1, abs=1e-12)
    assert len(flux.pathways(2)) == 2


def test_the_numbers_of_deeptimes_sixteen_states() -> None:
    """A walk on a grid of four by four, made reversible; fluxes between blocks, as its `coarse_grain` has them."""
    P = np.zeros((16, 16))
    rows = {
        0: {1: 2, 4: 3}, 1: {0: 2, 2: 1, 5: 2}, 2: {1: 1, 3: 2, 6: 2}, 3: {2: 1, 7: 4}, 4: {0: 3, 5: 1, 8: 1},
        5: {1: 1, 4: 2, 6: 1, 9: 1}, 6: {2: 1, 5: 1, 7: 2, 10: 1}, 7: {3: 1, 6: 3, 11: 1}, 8: {4: 1, 9: 1, 12: 3},
        9: {5: 1, 8: 2, 10: 1, 13: 1}, 10: {6: 1, 9: 1, 11: 1, 14: 2}, 11: {7: 1, 10: 2, 15: 2}, 12: {8: 3, 13: 2},
        13: {9: 1, 12: 3, 14: 1}, 14: {10: 2, 13: 1, 15: 2}, 15: {11: 3, 14: 2},
    }  # fmt: skip
    for i, row in rows.items():
        P[i, i] = 0.5
        for j, tenths in row.items():
            P[i, j] = tenths / 10
    names = "abcdefghijklmnop"
    pi = stationary_distributions(Chain.from_probs(P, names, 1))[0].probs
    joint = pi[:, None] * P
    joint += joint.T
    flux = reactive_flux(Chain.from_probs(joint / joint.sum(1, keepdims=True), names, 1), [0, 4], [11, 15])
    blocks = [[0, 4], [2, 3, 6, 7], [10, 14], [1, 5], [8, 9, 12, 13], [11, 15]]
    gross = dense(flux, flux.gross.values)
    coarse = np.array([[gross[np.ix_(a, b)].sum() * (a is not b) for b in blocks] for a in blocks])
    published = np.zeros((6, 6))
    published[0, [3, 4]] = 0.00427986, 0.00282259
    published[1, [2, 3, 5]] = 0.00234578, 0.00104307, 0.00201899
    published[2, [1, 4, 5]] = 0.00113892, 0.00142583, 0.00508346
    published[3, [1, 4]] = 0.00426892, 0.00190226
    published[4, [2, 3]] = 0.00530243, 0.00084825
    np.testing.assert_allclose(coarse, published, atol=6e-9)
    assert flux.total_flux.value == pytest.approx(0.00427986 + 0.00282259, abs=1e-8)


@settings(max_examples=60)
@given(chain=by_definition.chains((3, 4, 5, 6)), seed=SEEDS)
def test_pathways_are_those_of_fractions(chain: tuple[Chain, by_definition.Matrix], seed: int) -> None:
    """Taking off the ways that were found, in their order, exactly: each carries what is told of it."""
    ours, P = chain
    n = len(P)
    source, target = two_sets(n, seed)
    law, members = stationary_distributions(ours)[0], recurrent_classes(ours)[0]
    assume(source[members].any() and target[members].any())
    flux = reactive_flux(ours, source, target, law)
    pi = by_definition.stationary(P, members.tolist())
    forward = by_definition.before(P, target, source)
    back = by_definition.before(by_definition.reversed_chain(P, pi), source & law.inside, target & law.inside)
    gross = [[pi[i] * back[i] * P[i][j] * forward[j] for j in range(n)] for i in range(n)]
    net = [[max(gross[i][j] - gross[j][i], Fraction(0)) for j in range(n)] for i in range(n)]
    total = sum((gross[i][j] for i in range(n) for j in range(n) if target[j]), Fraction(0))
    left, ways = total, flux.pathways(50)
    for way in ways:
        assert source[way.states[0]]
        assert target[way.states[-1]]
        assert len(set(way.states)) == len(way.states)
        steps = list(zip(way.states, way.states[1:], strict=False))
        carried = min(net[i][j] for i, j in steps)
        assert carried >= widest(net, source, target) - Fraction(1, 10**11)
        assert Fraction(way.flux.low) <= carried <= Fraction(way.flux.high)
        assert Fraction(way.share.low) <= carried / total <= Fraction(way.share.high)
        left -= carried
        for i, j in steps:
            net[i][j] -= carried
    assert 0 <= left < Fraction(1, 10**10)  # what is left are circles
    assert [way.states for way in flux.pathways(1)] == [way.states for way in ways[:1]]


def widest(net: by_definition.Matrix, source: np.ndarray, target: np.ndarray) -> Fraction:
    """The most that a way can have on its weakest arrow."""
    best = [max(map(max, net)) * bool(x) for x in source]
    for _ in net:
        for i, row in enumerate(net):
            for j, x in enumerate(row):
                best[j] = max(best[j], min(best[i], x))
    return max(x for x, end in zip(best, target, strict=True) if end)


def test_before_and_after_its_weakest_arrow_a_way_is_as_strong_as_it_can_be() -> None:
    """Both ways have 1 on their weakest arrow, which is the first; then 5 is more than 2."""
    arrows = {(0, 1): 1.0, (1, 2): 2.0, (2, 4): 9.0, (1, 3): 5.0, (3, 4): 6.0}
    origin, to = (np.array(ends) for ends in zip(*arrows, strict=True))
    x = np.array(list(arrows.values()))
    ends = [np.arange(5) == 0, np.arange(5) == 4]
    ways = strongest(origin, to, Bounds(x, x, x), *ends, Bound(2.0, 2.0, 2.0), 9)
    assert [way.states for way in ways] == [(0, 1, 3, 4)]
    assert (ways[0].flux.low, ways[0].flux.high) == (2.0, 2.0)


def test_what_is_left_after_a_way_is_less_than_all_that_it_may_have_carried() -> None:
    origin, to, value = np.array([0, 1, 1, 2]), np.array([1, 3, 2, 3]), np.array([1.0, 0.6, 0.4, 0.4])
    ends = [np.arange(4) == 0, np.arange(4) == 3]
    ways = strongest(origin, to, Bounds(value, value * 0.9, value * 1.1), *ends, Bound(1.0, 1.0, 1.0), 9)
    assert [way.states for way in ways] == [(0, 1, 3), (0, 1, 2, 3)]
    assert ways[1].share.low == pytest.approx(0.9 - 0.66)
    assert ways[1].share.high == pytest.approx(0.44)
    assert ways[1].share.value == pytest.approx(0.4)


def test_differences_of_wide_numbers_are_as_wide_as_both(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = random_chain("dense", 5, 1, 3)
    exact = provenance.balance
    monkeypatch.setattr(provenance, "_SURE", 0)
    monkeypatch.setattr(provenance, "LARGEST_GTH", 0)
    monkeypatch.setattr(provenance, "balance", lambda graph, members: (exact(graph, members)[0], 0.1))
    flux = reactive_flux(chain, [0], [4])
    back = {arrow: k for k, arrow in enumerate(zip(flux.origin.tolist(), flux.to.tolist(), strict=True))}
    pairs = [(k, back[j, i]) for (i, j), k in back.items() if (j, i) in back]
    assert pairs
    for k, other in pairs:
        assert flux.gross.high[k] > 1.15 * flux.gross.low[k]
        low, high = flux.gross.low[k] - flux.gross.high[other], flux.gross.high[k] - flux.gross.low[other]
        assert flux.net.low[k] == pytest.approx(max(0.0, low), abs=1e-16)
        assert flux.net.high[k] == pytest.approx(max(0.0, high), abs=1e-16)
        assert flux.net.low[k] <= max(0.0, low)


def test_what_is_not_proved_to_be_there_is_no_way() -> None:
    origin, to, value = np.array([0, 0, 1]), np.array([2, 1, 2]), np.array([1.0, 1e-15, 1e-15])
    ends = [np.arange(3) == 0, np.arange(3) == 2]
    sure = Bound(1.0, 1.0, 1.0)
    ways = strongest(origin, to, Bounds(value, value - 1e-14, value + 1e-14), *ends, sure, 9)
    assert [way.states for way in ways] == [(0, 2)]
    nothing = Bounds(value, np.zeros(3), np.full(3, np.inf))
    unproved = strongest(origin, to, nothing, *ends, sure, 9)
    assert [way.states for way in unproved] == [(0, 2)]
    assert not unproved[0].share.certified


@pytest.mark.parametrize("k", [0, -1, 1.5, True, "3", None, float("nan")])
def test_a_number_of_ways_that_is_none_is_refused(k: object) -> None:
    flux = reactive_flux(Chain.from_probs(FIVE, "abcde", 1), "a", "e")
    with pytest.raises(InputError, match="at least 1"):
        flux.pathways(k)  # type: ignore[arg-type]


@pytest.mark.parametrize("rare", [1e-160, 1e-300])
def test_ratios_of_what_no_double_holds(rare: float) -> None:
    """Out of a to b by two steps of so little each, back by one: the flux is their product, the rate what it should."""
    probs = np.array([[1 - rare, rare, 0, 0], [1 - rare, 0, rare, 0], [0, 0, 1 - rare, rare], [0, 0, 1, 0]])
    probs[3] = [rare, 0, 1 - rare, 0]
    P = by_definition.matrix(probs)
    chain = Chain.from_probs(probs, "abcd", 1)
    flux = reactive_flux(chain, "b", "d")
    pi = by_definition.stationary(P, range(4))
    forward = by_definition.before(P, np.arange(4) == 3, np.arange(4) == 1)
    back = by_definition.before(by_definition.reversed_chain(P, pi), np.arange(4) == 1, np.arange(4) == 3)
    total = sum((pi[i] * back[i] * P[i][3] for i in range(4)), Fraction(0))
    after = sum((x * y for x, y in zip(pi, back, strict=True)), Fraction(0))
    assert forward[0] == 0
    for bound, exact in ((flux.rate, total / after), (flux.mean_passage_time, after / total), (flux.total_flux, total)):
        high = Fraction(bound.high) if np.isfinite(bound.high) else exact
        assert Fraction(bound.low) <= exact <= high
    assert flux.pathways()[0].states == (1, 2, 3)
    assert flux.pathways()[0].share.value == pytest.approx(1, abs=1e-12)


def test_a_step_that_is_the_whole_transition_takes_one_token() -> None:
    flux = reactive_flux(Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1), "a", "b")
    assert (flux.mean_transition_time.low, flux.mean_transition_time.high) == (1.0, 1.0)
    assert flux.mean_passage_time.value == pytest.approx(10)
    assert flux.total_flux.value == pytest.approx(1 / 12)
    swapped = reactive_flux(from_logits([[-np.inf, 0], [0, -np.inf]]), "a", "b")
    assert swapped.total_flux.value == 0.5
    assert swapped.total_flux.high == 0.5


def test_of_several_classes_one_is_meant() -> None:
    rows = np.zeros((4, 4))
    rows[[0, 1], [1, 0]] = 1
    rows[2:, 2:] = 0.5
    chain = Chain.from_probs(rows, "abcd", 1)
    with pytest.raises(InputError, match="one recurrent class, got 2"):
        reactive_flux(chain, "a", "b")
    laws = stationary_distributions(chain)
    assert reactive_flux(chain, "a", "b", laws[0]).rate.value == 1
    assert reactive_flux(chain, "c", "d", laws[1]).rate.value == pytest.approx(0.5)
    with pytest.raises(InputError, match="got a target that it never does"):
        reactive_flux(chain, "a", "d", laws[0])
    with pytest.raises(InputError, match="got a source that it never does"):
        reactive_flux(chain, "a", "d", laws[1])


def test_many_states_by_flows(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = random_chain("dense", 2, 9, 4)
    exact = reactive_flux(chain, [3], [500])
    monkeypatch.setattr(provenance, "_SURE", 0)
    found = reactive_flux(chain, [3], [500])
    for name in ("total_flux", "rate", "mean_passage_time", "mean_transition_time"):
        a, b = getattr(exact, name), getattr(found, name)
        assert max(a.low, b.low) <= min(a.high, b.high)
        assert b.error < 1e-9 * b.value
    assert (found.forward.values == forward_committor(chain, [3], [500]).values).all()
    assert (found.backward.values == backward_committor(chain, [3], [500]).values).all()


def test_what_is_not_proved_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "_SURE", 0)
    monkeypatch.setattr(provenance, "LARGEST_GTH", 0)
    monkeypatch.setattr(provenance, "balance", lambda graph, members: (members / members.sum(), np.inf))
    flux = reactive_flux(random_chain("dense", 2, 4, 4), "aaaa", "bbbb")
    assert not flux.mean_passage_time.certified
    assert "balance" in flux.mean_passage_time.why
    assert (flux.total_flux.low, flux.total_flux.high) == (0, 0.5)
    assert flux.pathways()
    assert not flux.pathways()[0].share.certified


def test_too_many_arrows_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finitegpt.limits.available_bytes", lambda: 0)
    monkeypatch.setattr("finitegpt.limits._SMALL", 0)
    with pytest.raises(TooLargeError, match="fit in memory"):
        reactive_flux(random_chain("dense", 2, 4, 4), "aaaa", "bbbb")


def test_it_says_what_it_is_in_one_line() -> None:
    flux = reactive_flux(Chain.from_probs(FIVE, "abcde", 1), "a", "e")
    assert repr(flux) == "ReactiveFlux(total_flux=0.0108051, rate=0.0272727, arrows=8)"
