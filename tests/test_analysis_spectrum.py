"""Eigenvalues and mixing against dense linear algebra, SciPy and exact powers."""

import importlib
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finitegpt import Chain, InputError
from finitegpt.analysis import (
    eigenvalues,
    implied_timescales,
    mixing_time,
    recurrent_classes,
    spectral_gap,
    stationary_distribution,
    total_variation,
)
from oracles import SYMBOLS, chains, exact_dense_law, exact_matrix, from_logits, random_chain
from strategies import SEEDS

spectrum = importlib.import_module("finitegpt.analysis.spectrum")
IRREDUCIBLE_OR_NOT = ("dense", "top_k", "top_p", "periodic", "sparse", "matrix")


def with_one_class(chain: Chain) -> bool:
    return len(recurrent_classes(chain)) == 1


def is_far(P: np.ndarray, pi: np.ndarray, epsilon: float) -> bool:
    return max(sum(abs(row - pi), Decimal(0)) for row in P) / 2 > Decimal(epsilon)


def exact_mixing(chain: Chain, epsilon: float) -> float:
    """By powers of the exact matrix; infinite beyond 2**60 tokens."""
    P = exact_matrix(chain)
    pi = exact_dense_law(chain, recurrent_classes(chain)[0])
    at = np.array([[Decimal(int(x)) for x in row] for row in np.eye(len(P))], object)
    if not is_far(at, pi, epsilon):
        return 0
    powers = [P]
    while is_far(powers[-1], pi, epsilon):
        if len(powers) > 60:
            return np.inf
        powers.append(powers[-1] @ powers[-1])
    steps = 0
    for k in range(len(powers) - 2, -1, -1):
        ahead = at @ powers[k]
        if is_far(ahead, pi, epsilon):
            steps, at = steps + 2**k, ahead
    return steps + 1


@settings(max_examples=40)
@given(chain=chains(("dense", "top_k", "top_p", "periodic", "sparse", "matrix", "copy", "sharp"), {2: 4, 3: 2, 4: 1}))
@pytest.mark.parametrize("method", ["fixed", "double", "bounds"])
@pytest.mark.parametrize("epsilon", [0.25, 0.011])
def test_the_mixing_time_is_inside_its_interval(method: str, epsilon: float, chain: Chain) -> None:
    if not with_one_class(chain):
        return
    time = mixing_time(chain, epsilon, method=method)  # type: ignore[arg-type]
    truth = exact_mixing(chain, epsilon)
    assert time.low <= time.value <= time.high
    assert time.low <= truth
    assert truth <= time.high or np.isinf(truth)


@pytest.mark.parametrize("epsilon", [0.25, 0.01])
@pytest.mark.parametrize("rare", [-14, -20, -27, -32, -46])
def test_slow_mixing_times_are_known_to_what_is_certified(rare: float, epsilon: float) -> None:
    chain = from_logits([[0, rare], [rare, 0]])
    p = Decimal(float(chain.log_probs[0, 1])).exp()
    truth = (Decimal(2 * epsilon).ln() / (1 - 2 * p).ln()).to_integral_value("ROUND_CEILING")
    time = mixing_time(chain, epsilon)
    assert Decimal(time.low) <= truth <= Decimal(time.high)


def test_a_periodic_chain_comes_as_near_as_its_parts_allow() -> None:
    chain = Chain.from_probs([[0, 1], [1, 0]], "ab", 1)
    assert mixing_time(chain, 0.49).low == np.inf
    assert mixing_time(chain, 0.51).high == 0
    far = Chain.from_probs([[0, 0, 0.9, 0.1], [0, 0, 0.1, 0.9], [0.9, 0.1, 0, 0], [0.1, 0.9, 0, 0]], "abcd", 1)
    truth = exact_mixing(far, 0.6)
    time = mixing_time(far, 0.6)
    assert 1 < truth < 10
    assert time.low <= truth <= time.high


@settings(max_examples=60)
@given(chain=chains(IRREDUCIBLE_OR_NOT), seed=SEEDS)
def test_curves_of_total_variation(chain: Chain, seed: int) -> None:
    if not with_one_class(chain):
        return
    P, pi = chain.to_csr().toarray(), stationary_distribution(chain).dense()
    start = np.random.default_rng(seed).dirichlet(np.ones(chain.n_states))
    powers = [np.linalg.matrix_power(P, k) for k in range(6)]
    np.testing.assert_allclose(
        total_variation(chain, 5).values, [0.5 * np.abs(Q - pi).sum(1).max() for Q in powers], atol=1e-13
    )
    np.testing.assert_allclose(
        total_variation(chain, 5, start).values, [0.5 * np.abs(start @ Q - pi).sum() for Q in powers], atol=1e-13
    )
    single = seed % chain.n_states
    alone = np.eye(chain.n_states)[single]
    np.testing.assert_array_equal(total_variation(chain, 5, single).values, total_variation(chain, 5, alone).values)
    assert (np.diff(total_variation(chain, 9).values) <= 1e-13).all()


def test_a_curve_that_never_rises_is_known_the_better_for_it() -> None:
    chain = random_chain("dense", 2, 3, 1)
    for start in (None, 5):
        found = total_variation(chain, 3000, start)
        assert (np.diff(found.low) <= 0).all()
        assert (np.diff(found.high) <= 0).all()
        assert found.high[-1] < 2e-12  # 3,000 steps round more than that
        P, pi = exact_matrix(chain), exact_dense_law(chain, np.arange(8))
        at = np.array([[Decimal(int(i == j)) for j in range(8)] for i in range(8)], object)
        for k in range(12):
            truth = max(sum(abs(row - pi), Decimal(0)) / 2 for row in (at if start is None else at[[start]]))
            assert Decimal(found.low[k]) <= truth <= Decimal(found.high[k])
            at = at @ P


@given(chain=chains(("dense", "periodic")))
def test_eigenvalues_are_those_of_the_matrix(chain: Chain) -> None:
    if not with_one_class(chain):
        return
    every = np.linalg.eigvals(chain.to_csr().toarray())
    found = eigenvalues(chain, chain.n_states)
    assert found[0] == 1
    assert (np.diff(np.abs(found)) <= 1e-8).all()
    left = every.tolist()
    for value in found:  # each is one of them, and none is given twice
        nearest = min(left, key=lambda x: abs(x - value))
        assert abs(nearest - value) < 1e-7
        left.remove(nearest)
    floor = np.finfo(float).eps ** (1 / chain.context_length)
    assert all(abs(value) <= 2.1 * floor for value in left)
    gap = spectral_gap(chain)
    assert not gap.certified
    assert gap.value == pytest.approx(1 - abs(found[1]) if len(found) > 1 else 1, abs=1e-9)
    with np.errstate(divide="ignore"):
        scales = np.abs(1 / np.log(np.minimum(np.abs(found[1:]), 1)))
    close = scales < 1e6
    np.testing.assert_allclose(implied_timescales(chain, chain.n_states)[close], scales[close], rtol=1e-6)


@settings(max_examples=5)
@given(seed=SEEDS, k=st.integers(1, 6))
def test_arnoldi_finds_the_same_eigenvalues(seed: int, k: int) -> None:
    chain = random_chain("dense", 2, 6, seed)
    direct = eigenvalues(chain, k)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spectrum, "_DENSE", 0)
        found = eigenvalues(chain, k)
    n = min(len(found), len(direct)) - 1  # the last of a conjugate pair may be cut off
    np.testing.assert_allclose(np.abs(found[:n]), np.abs(direct[:n]), atol=1e-6)


def test_eigenvalues_of_a_larger_chain_are_scipys() -> None:
    from scipy.sparse.linalg import eigs

    chain = random_chain("dense", 2, 11, 5)
    peer = eigs(chain.to_csr().T.astype(float), k=5, return_eigenvectors=False, v0=np.ones(2048), tol=1e-10)
    peer = peer[np.argsort(-np.abs(peer))]
    np.testing.assert_allclose(np.abs(eigenvalues(chain, 4)), np.abs(peer[:4]), atol=1e-6)


@pytest.mark.parametrize("p", [0.5, 0.3])
def test_a_large_chain_of_independent_tokens_has_no_second_eigenvalue(p: float) -> None:
    chain = Chain.from_probs(np.tile([1 - p, p], (2**11, 1)), "ab", 11)
    assert eigenvalues(chain).tolist() == [1]
    time = mixing_time(chain)
    assert (time.low, time.high) == (11, 11)


def test_what_is_zero_is_not_reported_whatever_the_tokens_are_called() -> None:
    # Three independent letters as one token of eight: zero in blocks of three, though a context is one token.
    words = Chain.from_probs(np.tile([0.3, 0.7], (8, 1)), "ab", 3)
    chain = Chain.from_probs(words.to_csr().toarray(), SYMBOLS[:8], 1)
    assert eigenvalues(chain).tolist() == [1]


def test_as_many_eigenvalues_as_there_are_may_be_asked_for() -> None:
    chain = random_chain("dense", 2, 6, 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spectrum, "_DENSE", 0)
        assert len(eigenvalues(chain, 64)) <= 64
    assert len(eigenvalues(chain, 1000)) <= 64


def test_time_scales_of_slow_chains_are_finite() -> None:
    chain = from_logits([[0, -32], [-32, 0]])
    assert np.isfinite(implied_timescales(chain)).all()


def test_each_way_to_eigenvalues_finds_the_same() -> None:
    chain = random_chain("dense", 2, 7, 1)
    dense, arnoldi = (eigenvalues(chain, 3, method=method) for method in ("dense", "arnoldi"))  # type: ignore[arg-type]
    np.testing.assert_allclose(np.abs(dense[:2]), np.abs(arnoldi[:2]), atol=1e-6)
    with pytest.raises(InputError, match="dense, arnoldi"):
        eigenvalues(chain, method="magic")  # type: ignore[arg-type]
