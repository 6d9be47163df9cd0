"""How many independent futures there are: against exact ranks, and the signs of exact determinants."""

from dataclasses import replace

import numpy as np
import pytest
from flint import arb, arb_mat, fmpq, fmpq_mat

from balls import Exact
from finitegpt import Chain, InputError, TooLargeError, states
from finitegpt.analysis import (
    canonical_correlations,
    dimension,
    extended,
    rank,
    recurrent_classes,
    stationary_distribution,
    stationary_distributions,
)
from finitegpt.sources import bernoulli, golden_mean, periodic, rrxor, two_state, z1r
from kinds import KINDS, RARE
from oracles import from_logits, random_chain


def exact_rank(chain: Chain, probs: np.ndarray, members: np.ndarray) -> int:
    """Of P(words of up to L + 1 tokens | context), in rational numbers."""
    n, V, L = chain.n_states, chain.vocab_size, chain.context_length
    rows = [[fmpq(*float(x).as_integer_ratio()) for x in row] for row in probs]
    columns = []
    for length in range(L + 2):
        for word in states.contexts(np.arange(V**length), V, length) if length else [()]:
            column = []
            for state in members.tolist():
                p, at = fmpq(1), state
                for token in word:
                    p *= rows[at][int(token)]
                    at = at * V % n + int(token)
                column.append(p)
            columns.append(column)
    return fmpq_mat(columns).rank()


@pytest.mark.parametrize("seed", range(12))
def test_the_rank_is_that_of_all_futures(seed: int) -> None:
    """Rows of quarters, alike here and there, so that ranks are low."""
    rng = np.random.default_rng(seed)
    V, L = ((2, 2), (2, 3), (3, 1), (4, 1), (3, 2), (2, 1))[seed % 6]
    kinds = rng.multinomial(4, np.ones(V) / V, size=3) / 4
    if seed >= 6:
        kinds[2] = (kinds[0] + kinds[1]) / 2  # futures that are mixtures of others
    probs = kinds[rng.integers(0, 3, V**L)]
    chain = Chain.from_probs(probs, "abcd"[:V], L)
    for law in stationary_distributions(chain):
        truth = exact_rank(chain, probs, law.states)
        found = rank(chain, 0, law)
        assert found.low <= truth <= found.high
        assert found.value == truth
        assert rank(chain, law=law).low == truth == rank(chain, law=law).high


def test_fewer_dimensions_than_causal_states() -> None:
    """Three rows of which one is the mean of the others: three states, two dimensions."""
    probs = [[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.375, 0.375, 0.25]]
    chain = Chain.from_probs(probs, "abc", 1)
    found = rank(chain, 0)
    assert (found.value, found.low, found.high) == (2, 2, 3)
    assert str(rank(chain)) == "2"


@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        (golden_mean().predictor(1), 2),
        (golden_mean().predictor(6), 2),
        (bernoulli(0.3).predictor(4), 1),
        (periodic("01011").predictor(6), 5),
        (z1r().predictor(7), 3),
        (two_state(0.2, 0.3).predictor(1), 2),
        (two_state(0.2, 0.8).predictor(1), 1),  # tokens are independent
        (Chain.from_probs([[1.0]], "a", 1), 1),
    ],
)
def test_famous_processes(chain: Chain, expected: int) -> None:
    law = stationary_distributions(chain)[0]
    assert rank(chain, 1e-9, law).low == rank(chain, 1e-9, law).high == rank(chain, 0, law).value == expected


def squared(exact: Exact, ids: list[int]) -> arb_mat:
    """The matrix (m, m) whose eigenvalues are the squares of the canonical correlations."""
    L = round(np.log(exact.m) / np.log(exact.V)) if exact.V > 1 else 1
    power, pi = exact.power(L), exact.laws[0]
    there = arb_mat([[power[i, j] for j in ids] for i in ids])
    return there * arb_mat([[power[j, i] * pi[j] / pi[i] for j in ids] for i in ids])


def determinant(M: arb_mat, level: arb) -> arb:
    """det(M - level)"""
    m = M.nrows()
    return arb_mat([[M[i, j] - (level if i == j else 0) for j in range(m)] for i in range(m)]).det()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in RARE])
def test_each_correlation_is_inside_its_interval(kind: str) -> None:
    """One root of the characteristic polynomial between the ends of an interval: its sign changes."""
    for seed in range(3):
        case = KINDS[kind](np.random.default_rng(seed))
        chain, parts = case.chain, recurrent_classes(case.chain)
        if chain.n_states > 20 or case.rows != chain.n_states or len(parts) > 1 or len(parts[0]) == 1:
            continue
        found = canonical_correlations(chain)
        if found.why:
            assert not np.isfinite(found.error)
            continue
        for meaning in case.meanings:
            M = squared(case.exact(meaning, 1200), parts[0].tolist())
            trace = float(sum((M[i, i] for i in range(M.nrows())), arb(0)))
            assert np.square(found.values).sum() == pytest.approx(trace, rel=1e-9)
            for k in range(1, min(6, len(found.values))):
                low, high = float(found.low[k]), float(found.high[k])
                apart = k + 1 == len(found.values) or found.high[k + 1] < low
                if low > 1e-6 and high < 1 and found.low[k - 1] > high and apart:
                    below, above = (determinant(M, arb(x) ** 2) for x in (low, high))
                    assert (below < 0 and above > 0) or (below > 0 and above < 0)
                    assert high - low < 1e-7


def test_two_states_have_the_correlation_of_neighbours() -> None:
    for p, q in ((0.1, 0.5), (0.7, 0.9), (1e-6, 2e-6)):
        found = canonical_correlations(Chain.from_probs([[1 - p, p], [q, 1 - q]], "ab", 1))
        assert found.values == pytest.approx([1, abs(1 - p - q)], rel=1e-9)
        assert (found.low[0], found.high[0]) == (1, 1)
        assert found.error < 1e-7


def test_older_tokens_that_do_not_matter_add_nothing() -> None:
    chain = random_chain("dense", 2, 2, 1)
    short, long = canonical_correlations(chain), canonical_correlations(extended(chain, 4))
    np.testing.assert_allclose(long.values[:4], short.values, atol=1e-12)
    assert long.values[4:].max() < 1e-12
    assert (rank(extended(chain, 4), 0).value, rank(extended(chain, 4), 0).high) == (4, 4)


def test_a_tolerance_forgets_futures_that_hardly_matter() -> None:
    chain = rrxor().predictor(6)
    ranks = [rank(chain, tolerance) for tolerance in (0, 1e-9, 1e-3, 0.3, 0.999)]
    assert [x.value for x in ranks] == sorted((x.value for x in ranks), reverse=True)
    assert ranks[-1].value == 1
    values = canonical_correlations(chain).values
    assert ranks[3].value == (values > 0.3).sum() < ranks[2].value
    edge = rank(chain, float(values[1]))
    assert edge.low < edge.high  # the interval of one holds the tolerance


def test_a_law_known_by_its_distance_alone_is_made_again() -> None:
    chain = random_chain("dense", 2, 3, 0)
    law = stationary_distribution(chain)
    iterated = replace(law, relative=np.inf, error=1e-9, probs=law.probs + 1e-10 * (-1.0) ** np.arange(8))
    np.testing.assert_array_equal(canonical_correlations(chain, iterated).values, canonical_correlations(chain).values)


def test_states_too_improbable_prove_little() -> None:
    chain = from_logits(np.array([[0.0, -700.0, -800.0], [0.0, -300.0, -400.0], [0.0, -1.0, -1.0]]), dtype=np.float64)
    found = canonical_correlations(chain)
    assert "too improbable" in found.why
    bound = rank(chain, 0)
    assert (bound.low, bound.high) == (1, 3)
    assert bound.why == found.why


@pytest.mark.parametrize("tolerance", [-1e-9, 1.0, np.nan])
def test_bad_tolerances_are_refused(tolerance: float) -> None:
    with pytest.raises(InputError, match="try 1e-9"):
        rank(golden_mean().predictor(1), tolerance)


def test_too_many_states_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dimension, "LARGEST", 7)
    with pytest.raises(TooLargeError, match="a shorter context"):
        rank(random_chain("dense", 2, 3, 0))
    assert rank(random_chain("dense", 2, 2, 0)).value == 4


@pytest.mark.parametrize("which", [0, 1, 2, (0, 1), (2, 1)])
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_decomposition_that_is_off_is_found_out(
    which: int | tuple[int, int], sign: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever computed it, what is proved does not rest on that."""
    chain = random_chain("dense", 2, 3, 2)
    truth, svd, rng = canonical_correlations(chain).values, np.linalg.svd, np.random.default_rng(0)

    def noisy(A: np.ndarray) -> list[np.ndarray]:
        parts = list(svd(A))
        if isinstance(which, int):
            parts[which] = parts[which] * (1 + sign * 1e-6 * rng.random(parts[which].shape))
        else:  # longer vectors and lesser values: the product is as it was
            parts[which[0]], parts[which[1]] = parts[which[0]] * (1 + sign * 1e-6), parts[which[1]] / (1 + sign * 1e-6)
        return parts

    monkeypatch.setattr(np.linalg, "svd", noisy)
    found = canonical_correlations(chain)
    assert (found.low <= truth).all()
    assert (truth <= found.high).all()
    assert 1e-8 < found.error < 1e-4


def test_a_law_that_is_off_by_a_share_moves_correlations_by_as_much() -> None:
    chain = random_chain("dense", 2, 3, 2)
    law, truth = stationary_distribution(chain), canonical_correlations(chain).values
    found = canonical_correlations(
        chain, replace(law, probs=law.probs * (1 + 1e-3 * (-1.0) ** np.arange(8)), relative=1e-3, error=1e-3)
    )
    assert (found.low <= truth).all()
    assert (truth <= found.high).all()
    assert np.abs(found.values - truth).max() > 1e-5
