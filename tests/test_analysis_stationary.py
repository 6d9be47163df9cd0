"""Stationary laws: each way to find them against the exact one, and no certificate that is not true."""

import importlib
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finitegpt import Chain
from finitegpt.analysis import extended, recurrent_classes, stationary_distribution, stationary_distributions
from finitegpt.graph import Graph
from oracles import IRREDUCIBLE, chains, decimals, exact_law, exact_matrix, from_logits, random_chain
from strategies import SEEDS

stationary = importlib.import_module("finitegpt.analysis.stationary")
aggregation = importlib.import_module("finitegpt.analysis.aggregation")


def gth(matrix: np.ndarray) -> np.ndarray:
    return Graph.of(matrix).stationary(np.ones(len(matrix), bool))[0]


def distance(p: np.ndarray, q: np.ndarray) -> Decimal:
    """Total variation of decimals."""
    return sum(abs(decimals(p) - q), Decimal(0)) / 2


def check(chain: Chain) -> list:
    """Every law of a chain against the exact one."""
    laws, P = stationary_distributions(chain), exact_matrix(chain)
    assert [law.states.tolist() for law in laws] == [ids.tolist() for ids in recurrent_classes(chain)]
    for law in laws:
        exact = exact_law(P[np.ix_(law.states, law.states)])
        assert (law.probs >= 0).all()
        assert law.probs.sum() == pytest.approx(1, abs=1e-13)
        assert distance(law.probs, exact) <= Decimal(law.error) + Decimal("1e-40")
        assert law.dense().sum() == pytest.approx(1, abs=1e-13)
        np.testing.assert_array_equal(law.dense()[law.states], law.probs)
        where = np.random.default_rng(len(exact)).random(chain.n_states) < 0.5
        mass, truth = law.mass(where), sum(exact[where[law.states]], Decimal(0))
        if law.certified:
            assert Decimal(mass.low) - Decimal("1e-40") <= truth <= Decimal(mass.high) + Decimal("1e-40")
        assert mass.certified == law.certified
    return laws


@settings(max_examples=100)
@given(chain=chains())
def test_laws_are_the_exact_ones_to_what_is_certified(chain: Chain) -> None:
    for law in check(chain):
        assert law.method in ("power", "gth", "cycle") or not law.certified


@settings(max_examples=80)
@given(chain=chains(("dense", "copy", "top_k", "top_p", "greedy", "periodic", "sparse", "matrix")))
def test_laws_of_small_chains_that_do_not_underflow_are_certified(chain: Chain) -> None:
    assert all(law.error < 1e-9 for law in stationary_distributions(chain))


@settings(max_examples=60)
@given(chain=chains())
def test_so_they_are_where_elimination_is_too_much_work(chain: Chain) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stationary, "_AT_ONCE", 0)
        patch.setattr(stationary, "LARGEST_GTH", 0)
        laws = check(chain)
    assert all(law.method != "gth" for law in laws)


@settings(max_examples=30)
@given(chain=chains(IRREDUCIBLE), groups=st.integers(1, 6))
def test_aggregation_with_few_groups_still_finds_the_law(chain: Chain, groups: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aggregation, "_EXACT", groups)
        law = stationary_distribution(chain, method="aggregation")
    assert law.method in ("aggregation", "cycle")
    assert distance(law.probs, exact_law(exact_matrix(chain))) < 1e-4


@given(chain=chains(IRREDUCIBLE))
def test_iteration_is_not_content_where_nothing_seems_to_move(chain: Chain) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stationary, "_AT_ONCE", 0)
        patch.setattr(stationary, "LARGEST_GTH", 0)
        law = stationary_distribution(chain)
    assert distance(law.probs, exact_law(exact_matrix(chain))) < 1e-6


@given(chain=chains(IRREDUCIBLE))
def test_every_component_is_right_relatively(chain: Chain) -> None:
    law = stationary_distribution(chain, method="gth")
    if law.method == "cycle":
        return
    exact = exact_law(exact_matrix(chain))
    held = law.probs > 2.0**-1022
    assert max(abs(decimals(law.probs)[held] - exact[held]) / exact[held]) <= Decimal(law.relative)
    assert (exact[~held] <= Decimal(2) ** -1022).all()


def naive_gth(matrix: np.ndarray) -> np.ndarray:
    """The textbook's algorithm."""
    A = np.array(matrix)
    pi = np.ones(len(A))
    for k in range(len(A) - 1, 0, -1):
        A[:k, k] /= A[k, :k].sum()
        A[:k, :k] += np.outer(A[:k, k], A[k, :k])
    for k in range(1, len(A)):
        pi[k] = pi[:k] @ A[:k, k]
    return pi / pi.sum()


@given(n=st.integers(1, 80), seed=SEEDS)
def test_elimination_in_halves_is_elimination(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rates = rng.random((n, n)) ** rng.integers(1, 30)
    np.testing.assert_allclose(gth(rates), naive_gth(rates), rtol=1e-12)
    np.testing.assert_allclose(gth(rates), gth(1e-3 * rates + np.diag(rng.random(n))), rtol=1e-12)


@given(n=st.integers(2, 60), seed=SEEDS)
def test_elimination_is_quantecons(n: int, seed: int) -> None:
    markov = pytest.importorskip("quantecon.markov", reason="QuantEcon is not installed")
    matrix = np.random.default_rng(seed).dirichlet(np.full(n, 0.1), n) + 1e-12
    np.testing.assert_allclose(gth(matrix), markov.gth_solve(matrix), rtol=1e-11)


@settings(max_examples=50)
@given(chain=chains(("top_k", "top_p", "periodic", "sparse", "matrix")))
def test_laws_are_quantecons(chain: Chain) -> None:
    quantecon = pytest.importorskip("quantecon", reason="QuantEcon is not installed")
    theirs = quantecon.MarkovChain(chain.to_csr().toarray()).stationary_distributions
    mine = np.array([law.dense() for law in stationary_distributions(chain)])
    order = np.argsort([np.flatnonzero(pi > 0)[0] for pi in theirs])
    np.testing.assert_allclose(mine, theirs[order], atol=1e-12)


def copy_chain(L: int, sharpness: float) -> Chain:
    """Says again what it said L tokens ago, nearly always: all but decomposable."""
    rng = np.random.default_rng(0)
    oldest = np.arange(2**L) // 2 ** (L - 1)
    return from_logits(rng.normal(size=(2**L, 2)) + sharpness * np.eye(2)[oldest], L)


def test_a_small_residual_is_no_proof_and_none_is_claimed() -> None:
    chain = copy_chain(10, 25)
    exact = naive_gth(chain.to_csr().toarray())
    pi = np.random.default_rng(1).dirichlet(np.ones(chain.n_states))
    for _ in range(2000):
        pi = 0.5 * (pi + chain.push(pi))
    assert np.abs(chain.push(pi) - pi).max() < 1e-8
    assert 0.5 * np.abs(pi - exact).sum() > 0.1  # and yet
    law = stationary_distribution(chain)
    assert law.method == "gth"
    assert np.abs(law.probs / exact - 1).max() < 1e-8


@pytest.mark.parametrize("sharpness", [5, 12, 25])
def test_aggregation_finds_every_component_of_a_copy_chain(sharpness: float) -> None:
    chain = copy_chain(10, sharpness)
    exact = stationary_distribution(chain).probs
    law = stationary_distribution(chain, method="aggregation")
    np.testing.assert_allclose(law.probs, exact, rtol=1e-7)
    assert 0.5 * np.abs(law.probs - exact).sum() <= law.error


def test_progress_is_told() -> None:
    told = []
    chain = random_chain("dense", 2, 6, 0)
    stationary_distribution(chain, method="power", progress=lambda step, residual: told.append((step, residual)))
    assert [step for step, _ in told] == sorted({step for step, _ in told})
    assert told[-1][1] < told[0][1]


@pytest.mark.parametrize("rare", [-300.0, -360.0, -370.0])
def test_ways_that_take_two_improbable_tokens_keep_their_digits_or_their_certificate(rare: float) -> None:
    # Two wells, and between them two tokens of e**rare each: together less than double precision holds.
    E = -np.inf
    logs = np.float32([[0, E, rare, E], [E, 0, E, rare], [0, rare - 1.5, E, E], [rare - 0.3, 0, E, E]])
    check(Chain(log_probs=logs, vocab=tuple("abcd"), context_length=1))


def test_wells_within_wells_keep_their_certificate() -> None:
    # From a to b by two tokens of e**-380; from each of b, c and d to the next for sure, and hardly ever back.
    E, back = -np.inf, -229.0
    logs = [
        [0, E, E, E, E, -380],
        [back, E, 0, E, E, E],
        [E, back, E, 0, E, E],
        [E, E, back, E, 0, E],
        [E, E, E, back, 0, E],
        [0, -380, E, E, E, E],
    ]
    check(Chain(log_probs=np.float32(logs), vocab=tuple("abcdef"), context_length=1))


@settings(max_examples=120)
@given(chain=chains(("underflowing",)))
def test_laws_of_products_too_small_for_double_precision_are_right_where_they_are_certified(chain: Chain) -> None:
    check(chain)


@settings(max_examples=60)
@given(chain=chains())
def test_the_overlap_is_no_more_than_what_all_starts_share_after_a_contexts_length(chain: Chain) -> None:
    steps, beta = chain.overlap()
    P = np.linalg.matrix_power(chain.to_csr().toarray(), steps)
    assert -1e-12 <= beta <= P.min(0).sum() + 1e-12


def lifted(chain: Chain, L: int) -> np.ndarray:
    """The law over contexts of L tokens of a chain that looks at fewer: one token after the other."""
    pi, n = stationary_distribution(chain, method="gth").dense(), chain.n_states
    while len(pi) < chain.vocab_size**L:
        pi = (pi[:, None] * chain.probs[np.arange(len(pi)) % n]).reshape(-1)
    return pi


@pytest.mark.parametrize(("V", "L"), [(2, 15), (3, 9)])
@pytest.mark.parametrize("method", [None, "aggregation"])
def test_large_chains_that_look_at_few_tokens_have_the_law_of_small_ones(V: int, L: int, method: str | None) -> None:
    short = random_chain("dense", V, 2, 5)
    steps = []
    law = stationary_distribution(
        extended(short, L),
        method=method,  # type: ignore[arg-type]
        progress=lambda step, residual: steps.append(step),
    )
    assert law.method == (method or "power")
    assert len(steps) == 1  # recent tokens say it all from the beginning
    exact = lifted(short, L)
    np.testing.assert_allclose(law.probs, exact, rtol=1e-11)
    assert 0.5 * np.abs(law.probs - exact).sum() <= law.error < 1e-9


def test_in_a_large_chain_what_recent_tokens_decide_is_put_right_on_the_way() -> None:
    # Hardly changes, and looks a little at every token: steps alone do not settle.
    L, rng = 15, np.random.default_rng(0)
    stays = 4.6 * np.eye(2)[np.arange(2**L) % 2]
    chain = from_logits(stays + 0.3 * rng.normal(size=(2**L, 2)), L)
    steps = []
    law = stationary_distribution(chain, method="power", progress=lambda step, residual: steps.append(step))
    assert steps[-1] < 300
    assert law.residual < 1e-13
    other = stationary_distribution(chain, method="aggregation")
    assert other.residual < 1e-14
    np.testing.assert_allclose(law.probs, other.probs, rtol=1e-11)
    assert 0.5 * np.abs(law.probs - other.probs).sum() <= law.error < 1e-9
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stationary, "_LUMPED", 2**20)
        assert not stationary_distribution(chain, method="power").certified


def test_an_iterated_law_is_as_wrong_as_steps_and_meetings_allow() -> None:
    # Of independent tokens, and a mixture of where a run of the first token is after 0, 1 and 2 more tokens.
    V, L, share = 16, 3, 0.01
    chain = Chain.from_probs(np.full((V**L, V), 1 / V), tuple(map(chr, range(64, 64 + V))), L)
    at, pi, exact = np.eye(V**L)[0], np.full(V**L, (1 - L * share) * float(V) ** -L), np.full(V**L, float(V) ** -L)
    for _ in range(L):
        pi += share * at
        at = chain.push(at)
    law = stationary._iterated(chain, np.arange(V**L), pi, 1.0, "power", *chain.overlap())
    assert 0.9 * law.error < 0.5 * np.abs(pi - exact).sum() <= law.error


def test_an_iterated_law_is_as_wrong_as_seldom_meetings_allow() -> None:
    exact, meets = np.array([0.25, 0.75]), 0.01
    chain = Chain.from_probs((1 - meets) * np.eye(2) + meets * exact, "ab", 1)
    pi = exact + np.array([0.1, -0.1])
    law = stationary._iterated(chain, np.arange(2), pi, 1.0, "power", *chain.overlap())
    assert 0.1 <= law.error < 0.1001


def test_probabilities_that_no_double_holds_are_known_from_above() -> None:
    rows = [[0.4, 0.3, 0, 0.3, 0], [1e-250, 0.5, 0.5, 0, 0], [0, 1e-250, 1, 0, 0], [1e-250, 0, 0, 0.5, 0.5]]
    law = stationary_distribution(Chain.from_probs([*rows, [0, 0, 0, 1e-250, 1]], "abcde", 1))
    least = 2.0**-1022
    assert law.probs[0] == least
    for bound in (law.mass(np.arange(5) == 0), law.each().at(0)):
        assert bound.low == 0
        assert least <= bound.high < 10 * least
