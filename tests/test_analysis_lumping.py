"""Chains of blocks of states, against fractions and balls."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings

pytest.importorskip("flint", reason="the truth comes from python-flint, which is not installed")

from flint import arb

import balls
import by_definition
from finitegpt import Chain, InputError
from finitegpt.analysis import (
    Bounds,
    StationaryDistribution,
    coarsest_lumping,
    extended,
    is_lumpable,
    lump,
    lumpability_gap,
    recurrent_classes,
    stationary_distribution,
    stationary_distributions,
)
from finitegpt.decoding import greedy
from kinds import KINDS, RARE
from oracles import from_logits, random_chain
from strategies import SEEDS


def some_blocks(n: int, seed: int, visited: np.ndarray | None = None) -> np.ndarray:
    """Numbers of blocks from 0 (n,), each with a state that is visited."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, min(n, int(rng.integers(1, 5))), n)
    members = np.arange(n) if visited is None else visited
    kept = np.unique(labels[members])
    return np.searchsorted(kept, labels).clip(0, len(kept) - 1)


def exact_gap(P: by_definition.Matrix, labels: np.ndarray) -> Fraction:
    many, n = int(labels.max()) + 1, len(P)
    onward = [[sum((P[i][j] for j in range(n) if labels[j] == k), Fraction(0)) for k in range(many)] for i in range(n)]
    return max(
        abs(onward[i][k] - onward[j][k])
        for i in range(n)
        for j in range(n)
        if labels[i] == labels[j]
        for k in range(many)
    )


@settings(max_examples=120)
@given(chain=by_definition.chains(), seed=SEEDS)
def test_the_chain_of_blocks_is_that_of_fractions(chain: tuple[Chain, by_definition.Matrix], seed: int) -> None:
    ours, P = chain
    n = len(P)
    law, members = stationary_distributions(ours)[0], recurrent_classes(ours)[0]
    labels = some_blocks(n, seed, members)
    many = int(labels.max()) + 1
    pi = by_definition.stationary(P, members.tolist())
    mass = [sum((pi[i] for i in range(n) if labels[i] == k), Fraction(0)) for k in range(many)]
    joint = [
        [
            sum((pi[i] * P[i][j] for i in range(n) for j in range(n) if (labels[i], labels[j]) == (k, m)), Fraction(0))
            for m in range(many)
        ]
        for k in range(many)
    ]
    found = lump(ours, labels, law)
    by_definition.assert_holds(mass, found.mass)
    rows = [x / mass[k] for k, row in enumerate(joint) for x in row]
    matrix = Bounds(*(x.reshape(-1) for x in (found.matrix.values, found.matrix.low, found.matrix.high)))
    by_definition.assert_holds(rows, matrix, 1e-11)
    for k, x in enumerate(rows):
        assert (matrix.low[k] == matrix.high[k]) == (x in (0, 1)) or x.denominator < 100
    assert np.abs(found.matrix.values.sum(1) - 1).max() < 1e-15
    again = Chain.from_probs(found.matrix.values, "abcd"[:many], 1)
    np.testing.assert_allclose(
        stationary_distributions(again)[0].dense() if many > 1 else [1.0], found.mass.values, atol=1e-9
    )
    assert found.at(0, many - 1).value == found.matrix.values[0, -1]


@settings(max_examples=120)
@given(chain=by_definition.chains(), seed=SEEDS)
def test_the_gap_is_that_of_fractions(chain: tuple[Chain, by_definition.Matrix], seed: int) -> None:
    ours, P = chain
    labels = some_blocks(len(P), seed)
    exact, found = exact_gap(P, labels), lumpability_gap(ours, labels)
    assert Fraction(found.low) <= exact <= Fraction(found.high)
    assert found.low <= found.value <= found.high <= found.low + 1e-13
    assert is_lumpable(ours, labels) == (exact < 1e-9)
    if found.high == 0:
        assert exact == 0


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in RARE])
def test_no_chain_of_any_kind_is_told_wrongly(kind: str) -> None:
    for seed in range(4):
        case = KINDS[kind](np.random.default_rng([seed, 7]))
        n = case.chain.n_states
        law = stationary_distributions(case.chain)[0]
        labels = some_blocks(n, seed, law.states)
        many = int(labels.max()) + 1
        found, gap = lump(case.chain, labels, law), lumpability_gap(case.chain, labels)
        for meaning in case.meanings:
            exact = case.exact(meaning, 1200)
            pi = exact.laws[0]
            onward = [
                [balls.total(p for j, p in row.items() if labels[j] == k) for k in range(many)] for row in exact.P
            ]
            for k in range(many):
                mass = balls.total(pi[i] for i in range(n) if labels[i] == k)
                for m in range(many):
                    x = balls.total(pi[i] * onward[i][m] for i in range(n) if labels[i] == k) / mass
                    low, value, high = (
                        float(end[k, m]) for end in (found.matrix.low, found.matrix.values, found.matrix.high)
                    )
                    assert low <= value <= high
                    assert not x < arb(low)
                    assert not x > arb(high)
                    assert high - low < 1e-10 * max(high, 1e-290) or law.probs.min() < 1e-300
            ends = [[[onward[i][m] for i in range(n) if labels[i] == k] for m in range(many)] for k in range(many)]
            largest = arb(0)
            for block in ends:
                for x in block:
                    for y in x:
                        for z in x:
                            largest = largest.max(abs(y - z))
            assert not largest < arb(gap.low)
            assert not largest > arb(gap.high)
            assert gap.high - gap.low < 1e-12


def test_the_land_of_oz() -> None:
    """Kemeny and Snell, example 6.3.1: rain and snow are one block; nice weather alone is another."""
    oz = Chain.from_probs([[0.5, 0.25, 0.25], [0.5, 0, 0.5], [0.25, 0.25, 0.5]], "rns", 1)
    bad = ["n"]
    assert is_lumpable(oz, bad)
    found = lump(oz, bad)
    assert found.names == ("n", "others")
    np.testing.assert_allclose(found.matrix.values, [[0, 1], [0.25, 0.75]], atol=1e-15)
    assert (found.at(0, 0).high, found.at(0, 1).low) == (0, 1)
    assert not is_lumpable(oz, ["r"])
    assert lumpability_gap(oz, ["r"]).value == pytest.approx(0.25)
    assert coarsest_lumping(oz, ["n"]).tolist() == [0, 1, 0]
    assert coarsest_lumping(oz, ["r"]).tolist() == [0, 1, 2]
    assert coarsest_lumping(oz, [0, 0, 0]).tolist() == [0, 0, 0]


def test_recent_tokens_are_blocks_of_a_chain_that_looks_no_farther_back() -> None:
    small = random_chain("dense", 2, 2, 2)
    assert small.log_probs.dtype == np.float32
    chain = extended(small, 5)
    blocks = np.arange(32) % 4
    assert lumpability_gap(chain, blocks).high == 0  # rows of float32 that hold the same
    assert is_lumpable(chain, blocks, tolerance=0)
    found = lump(chain, blocks)
    for k in range(4):
        for token in range(2):
            assert found.at(k, k * 2 % 4 + token).value == pytest.approx(small.probs[k, token], rel=1e-12)
    np.testing.assert_array_equal(coarsest_lumping(chain, np.arange(32) % 2), blocks)
    given_ = extended(Chain.from_probs([[0.1, 0.9], [0.3, 0.7]], "ab", 1), 4)
    gap = lumpability_gap(given_, np.arange(16) % 2)
    assert gap.low == 0 < gap.high < 1e-13  # what was meant may differ


def test_tokens_in_another_order_are_the_same() -> None:
    """From both states of a block, two tokens of other probabilities lead to it, and sum to the same."""
    chain = from_logits([[0.1, 2, 0.7], [2, 0.1, 0.7], [1, 0, 5]])
    assert chain.log_probs.dtype == np.float32
    assert lumpability_gap(chain, [0, 0, 1]).high == 0
    assert lumpability_gap(chain, [0, 1, 0]).low > 0.1


def test_blocks_of_a_mass_that_no_double_holds_still_have_a_row() -> None:
    probs = np.array([[1, 1e-200, 0, 0], [1, 0, 1e-200, 0], [0, 0.3, 0, 0.7], [0, 0.2, 0.8, 0]])
    P = by_definition.matrix(probs)
    pi = by_definition.stationary(P, range(4))
    exact = (pi[2] * P[2][1] + pi[3] * P[3][1]) / (pi[2] + pi[3])
    found = lump(Chain.from_probs(probs, "abcd", 1), [0, 1, 2, 2])
    assert found.mass.at(2).high < 1e-300
    bound = found.at(2, 1)
    assert Fraction(bound.low) <= exact <= Fraction(bound.high)
    assert bound.error < 1e-11
    assert bound.value == pytest.approx(float(exact), rel=1e-11)


def test_arrows_that_are_not_there_are_no_numbers() -> None:
    """Both states of a block have one arrow, of the same number, in it and out of it."""
    E = -np.inf
    chain = from_logits([[0, E, E], [E, E, 0], [0, 0, 0]])
    gap = lumpability_gap(chain, [0, 0, 1])
    assert gap.low > 0.99
    same = from_logits([[0, E, E], [E, 0, E], [0, 0, 0]])
    assert lumpability_gap(same, [0, 0, 1]).high == 0


def test_what_is_sure_is_exactly_so() -> None:
    chain = greedy(random_chain("dense", 2, 3, 1))
    members = recurrent_classes(chain)[0]
    law = stationary_distributions(chain)[0]
    labels = np.arange(8) % 2
    if len(np.unique(labels[members])) == 2:
        found = lump(chain, labels, law)
        exact = (found.matrix.low == found.matrix.high) & np.isin(found.matrix.low, [0, 1])
        assert exact.any()
    whole = lump(chain, np.zeros(8, int), law)
    assert (whole.at(0, 0).low, whole.mass.at(0).low) == (1, 1)
    assert lumpability_gap(chain, np.zeros(8, int)).high == 0


def test_a_law_that_is_known_in_total_variation_still_tells() -> None:
    chain = random_chain("dense", 2, 5, 8)
    law, labels = stationary_distribution(chain), np.arange(32) % 3
    exact = lump(chain, labels, law)

    def known(error: float, relative: float = np.inf) -> StationaryDistribution:
        return StationaryDistribution(
            states=law.states,
            probs=law.probs,
            n_states=32,
            error=error,
            relative=relative,
            residual=0.0,
            method="power",
        )

    widths = []
    for error in (1e-12, 1e-4, 1e-2, np.inf):
        found = lump(chain, labels, known(error))
        assert (found.matrix.low <= exact.matrix.high).all()
        assert (exact.matrix.low <= found.matrix.high).all()
        widths.append(float((found.matrix.high - found.matrix.low).max()))
    assert widths[0] < 1e-10
    assert widths == sorted(widths)
    assert widths[-1] < 1  # whatever the law, between the least and the largest
    # The law that is so far away and differs most in the first block: its own matrix is inside, and just so.
    onward = np.stack([chain.pull((labels == k).astype(float)) for k in range(3)], 1)
    members = np.flatnonzero(labels == 0)
    least, most = members[onward[members, 1].argmin()], members[onward[members, 1].argmax()]
    moved, step = law.probs.copy(), law.probs[least] / 2
    moved[[least, most]] += -step, step
    other = moved[members] @ onward[members, 1] / moved[members].sum()
    found = lump(chain, labels, known(float(step))).at(0, 1)
    assert found.low <= other <= found.high
    assert found.high - other < 1e-9


@settings(max_examples=60)
@given(chain=by_definition.chains((3, 4, 5, 6)), seed=SEEDS)
def test_the_coarsest_lumping_is_one_and_no_other_is_coarser(
    chain: tuple[Chain, by_definition.Matrix], seed: int
) -> None:
    ours, P = chain
    start = some_blocks(len(P), seed)
    found = coarsest_lumping(ours, start)
    assert is_lumpable(ours, found)
    assert list(dict.fromkeys(found.tolist())) == list(range(found.max() + 1))  # by their smallest states
    assert all(len(np.unique(start[found == k])) == 1 for k in range(found.max() + 1))
    for a in range(found.max() + 1):
        for b in range(a):
            joined = np.where(found == a, b, found)
            joined = np.searchsorted(np.unique(joined), joined)
            if len(np.unique(start[(found == a) | (found == b)])) == 1:
                assume(found.max() < 4)
                assert not is_lumpable(ours, joined)


def test_blocks_by_patterns_take_the_first_that_describes() -> None:
    chain = random_chain("dense", 2, 3, 0)
    found = lump(chain, ["aa?", "?a?", "b*"])
    assert found.names == ("aa?", "?a?", "b*", "others")
    assert found.labels.tolist() == [0, 0, 3, 3, 1, 1, 2, 2]
    assert lump(chain, "aa?").labels.tolist() == [0, 0, 1, 1, 1, 1, 1, 1]
    mask = np.arange(8) == 3
    assert lump(chain, mask).labels.tolist() == [0, 0, 0, 1, 0, 0, 0, 0]
    assert lump(chain, mask).names == ("0", "1")
    assert repr(found) == "Lumped(4 blocks of 8 states)"
    assert len(found) == 4


@pytest.mark.parametrize(
    "labels",
    [
        [0, 1],
        [0, 0, 0, -1],
        [0, 0, 0, 2],
        [0, 0, 0, 10**18],
        [0.0, 1.0, 0.0, 1.0],
        ["aa", "aa"],
        ["cc"],
        [],
        None,
        "",
        {"a": 1},
    ],
)
def test_blocks_that_are_none_are_refused(labels: object) -> None:
    chain = random_chain("dense", 2, 2, 0)
    for ask in (lump, lumpability_gap, is_lumpable, coarsest_lumping):
        with pytest.raises(InputError, match="expected"):
            ask(chain, labels)  # type: ignore[operator]


def test_a_block_that_is_never_visited_has_no_row() -> None:
    chain = Chain.from_probs([[0.5, 0.5, 0], [0.5, 0.5, 0], [0, 0.5, 0.5]], "abc", 1)
    with pytest.raises(InputError, match="in the long run, got 'c'"):
        lump(chain, ["c", "?"])
    assert lump(chain, ["a", "?"]).names == ("a", "?")
    assert lumpability_gap(chain, ["c", "?"]).high == 0


@pytest.mark.parametrize("tolerance", [-1e-9, float("nan"), "1", None, True, [0.1]])
def test_tolerances_that_are_none_are_refused(tolerance: object) -> None:
    chain = random_chain("dense", 2, 2, 0)
    for ask in (is_lumpable, coarsest_lumping):
        with pytest.raises(InputError, match="tolerance"):
            ask(chain, [0, 0, 1, 1], tolerance)  # type: ignore[arg-type]


def test_one_state_is_one_block() -> None:
    found = lump(from_logits([[0.0]]), [0])
    assert found.matrix.low.tolist() == found.matrix.high.tolist() == [[1.0]]
