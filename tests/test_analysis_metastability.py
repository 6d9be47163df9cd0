"""Sets that a chain stays in for long: what PCCA+ promises of memberships, and what balls say of the sets found."""

import numpy as np
import pytest
from hypothesis import given, settings

pytest.importorskip("flint", reason="the truth comes from python-flint, which is not installed")

from flint import arb

import balls
from finitegpt import Chain, InputError, TooLargeError
from finitegpt.analysis import metastability, metastable_sets, stationary_distributions
from finitegpt.decoding import top_k
from kinds import KINDS
from oracles import from_logits, random_chain
from strategies import SEEDS

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def wells(sizes: tuple[int, ...], rare: float, seed: int = 0) -> tuple[Chain, np.ndarray]:
    """States in wells that are hardly ever left, in no order, and which is in which."""
    rng = np.random.default_rng(seed)
    n = sum(sizes)
    where = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    P = rng.uniform(0.5, 1, (n, n)) * np.where(where[:, None] == where, 1.0, rare) * rng.uniform(0.1, 1, n)
    return Chain.from_probs(P / P.sum(1, keepdims=True), LETTERS[:n], 1), where


def reversible(n: int, seed: int) -> np.ndarray:
    """A symmetric matrix of weights, each row divided by its sum."""
    rng = np.random.default_rng(seed)
    weights = np.exp(2 * rng.normal(size=(n, n)))
    weights += weights.T
    return weights / weights.sum(1, keepdims=True)


@pytest.mark.parametrize("rare", [1e-2, 1e-6, 1e-13, 1e-60])
@pytest.mark.parametrize("sizes", [(3, 4), (2, 3, 4), (5, 4, 3, 3)])
def test_wells_are_found_and_how_seldom_each_is_left(sizes: tuple[int, ...], rare: float) -> None:
    chain, where = wells(sizes, rare)
    found = metastable_sets(chain, len(sizes))
    pairs = set(zip(where.tolist(), found.labels.tolist(), strict=True))
    assert len(pairs) == len(sizes)
    assert found.memberships.max(1).min() > 0.9
    assert (np.diff(found.mass.values) <= 0).all()
    assert (found.leaving.values < 10 * rare).all()
    assert (found.leaving.high - found.leaving.low < 1e-10 * found.leaving.values).all()
    assert (found.staying.low <= 1 - found.leaving.low + 1e-15).all()
    assert (found.staying.values >= 1 - 10 * rare).all()


@pytest.mark.parametrize(
    "kind", ["dense", "wells", "wells within", "copy", "trained .3", "star", "near identity", "wide"]
)
def test_what_is_said_of_the_sets_is_true(kind: str) -> None:
    asked = 0
    for seed in range(6):
        case = KINDS[kind](np.random.default_rng([seed, 8]))
        law = stationary_distributions(case.chain)[0]
        if len(law.states) < 3:
            continue
        try:
            found = metastable_sets(case.chain, 2 + seed % 2, law)
        except InputError:
            continue
        asked += 1
        exact = case.exact("stored", 1200)
        pi = exact.laws[0]
        for k in range(len(found)):
            members = [i for i in range(exact.n) if found.labels[i] == k]
            mass = balls.total(pi[i] for i in members)
            leaving = (
                balls.total(pi[i] * p for i in members for j, p in exact.P[i].items() if found.labels[j] != k) / mass
            )
            for bounds, x in ((found.mass, mass), (found.leaving, leaving), (found.staying, 1 - leaving)):
                low, value, high = (float(end[k]) for end in (bounds.low, bounds.values, bounds.high))
                assert low <= value <= high
                assert not x < arb(low)
                assert not x > arb(high)
                assert high - low < 1e-10 * max(high, 1e-290) or law.probs.min() < 1e-300
    assert asked > 1


@settings(max_examples=30)
@given(seed=SEEDS)
def test_two_sets_are_the_second_eigenvector_from_end_to_end(seed: int) -> None:
    """Then there is nothing to look for: memberships are what it is between its least and its largest number."""
    n = 3 + seed % 6
    P = (np.eye(n) + reversible(n, seed)) / 2
    found = metastable_sets(Chain.from_probs(P, LETTERS[:n], 1), 2)
    values, vectors = np.linalg.eig(P)
    order = np.argsort(-values.real)
    v = vectors[:, order[1]].real
    share = (v - v.min()) / (v.max() - v.min())
    near = [np.abs(found.memberships[:, 0] - x).max() for x in (share, 1 - share)]
    assert min(near) < 1e-7
    np.testing.assert_allclose(found.eigenvalues.real, values[order[:2]].real, atol=1e-9)


@settings(max_examples=20)
@given(seed=SEEDS)
def test_memberships_are_as_crisp_as_any_near_them(seed: int) -> None:
    """Combinations of slow eigenvectors, of 0 or more, that sum to one; a little more or less of one is less crisp."""
    chain, _ = wells((3, 3, 4), (0.1, 0.05, 0.01)[seed % 3], seed)
    found = metastable_sets(chain, 3)
    chi, P, pi = found.memberships, chain.to_csr().toarray(), stationary_distributions(chain)[0].probs
    assert chi.min() >= 0
    np.testing.assert_allclose(chi.sum(1), 1, atol=1e-12)
    coarse = np.linalg.lstsq(chi, P @ chi, rcond=None)[0]
    np.testing.assert_allclose(chi @ coarse, P @ chi, atol=1e-7)  # what they span is kept
    np.testing.assert_allclose(sorted(np.linalg.eigvals(coarse).real), sorted(found.eigenvalues.real), atol=1e-7)

    def crisp(x: np.ndarray) -> float:
        return float(np.trace((x.T @ (pi[:, None] * x)) / (pi @ x)[:, None]))

    rng = np.random.default_rng(seed)
    for _ in range(40):
        turned = chi @ (np.eye(3) + 10 ** rng.uniform(-4, -1.5) * rng.normal(size=(3, 3)))
        turned -= turned.min(0)
        scale = np.linalg.lstsq(turned, np.ones(len(chi)), rcond=None)[0]
        other = turned * scale
        if np.abs(other.sum(1) - 1).max() < 1e-9 and other.min() > -1e-12:
            assert crisp(other) <= crisp(chi) + 1e-8


def test_the_sets_that_deeptime_finds() -> None:
    """Of its tests of PCCA+: a state that leads to two others, of which each stays; its own is no set."""
    P = [[0.0, 1.0, 0.0], [0.0, 0.999, 0.001], [0.0, 0.001, 0.999]]
    found = metastable_sets(Chain.from_probs(P, "abc", 1), 2)
    assert found.labels.tolist() in ([-1, 0, 1], [-1, 1, 0])
    np.testing.assert_allclose(np.sort(found.memberships[1:]), [[0, 1], [0, 1]], atol=1e-9)
    assert found.memberships[0].tolist() == [0, 0]
    assert found.staying.at(0).value == pytest.approx(0.999)
    P = np.array(
        [
            [0.9, 0.1, 0.0, 0.0, 0.0],
            [0.1, 0.89, 0.01, 0.0, 0.0],
            [0.0, 0.1, 0.8, 0.1, 0.0],
            [0.0, 0.0, 0.01, 0.79, 0.2],
            [0.0, 0.0, 0.0, 0.2, 0.8],
        ]
    )
    found = metastable_sets(Chain.from_probs(P, "abcde", 1), 2)
    assert found.labels[0] == found.labels[1] != found.labels[3] == found.labels[4]


def test_against_deeptime() -> None:
    deeptime = pytest.importorskip("deeptime")
    for seed in range(5):
        P = reversible(7, seed)
        for k in (2, 3):
            theirs = deeptime.markov.pcca(P, k).memberships
            ours = metastable_sets(Chain.from_probs(P, LETTERS[:7], 1), k).memberships
            for column in theirs.T:
                assert np.abs(ours - column[:, None]).max(0).min() < 1e-3


@pytest.mark.parametrize("largest", [512, 0], ids=["dense", "arnoldi"])
def test_large_chains_have_the_same_sets(largest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = from_logits(6 * np.eye(2)[np.arange(128) // 64] + 0.2 * np.random.default_rng(1).normal(size=(128, 2)), 7)
    exact = metastable_sets(chain, 2)
    monkeypatch.setattr(metastability, "_DENSE", largest)
    found = metastable_sets(chain, 2)
    np.testing.assert_array_equal(found.labels, exact.labels)
    np.testing.assert_allclose(found.memberships, exact.memberships, atol=1e-6)
    np.testing.assert_allclose(found.eigenvalues, exact.eigenvalues, atol=1e-8)


def test_what_does_not_converge_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metastability, "_DENSE", 0)
    monkeypatch.setattr(metastability, "_RESTARTS", 1)
    chain = random_chain("dense", 2, 9, 0)
    with pytest.raises(TooLargeError, match="try fewer sets"):
        metastable_sets(chain, 40)


def test_one_set_is_all_there_is() -> None:
    found = metastable_sets(random_chain("dense", 2, 3, 0), 1)
    assert found.labels.tolist() == [0] * 8
    assert found.memberships.tolist() == [[1.0]] * 8
    assert (found.staying.low[0], found.leaving.high[0], found.mass.low[0]) == (1, 0, 1)
    assert repr(found) == "MetastableSets(1 of 8 states)"


def test_conjugate_eigenvalues_stay_together() -> None:
    """A cycle that hardly ever pauses has a pair of complex eigenvalues."""
    P = 0.2 * np.eye(3) + 0.8 * np.roll(np.eye(3), 1, 1)
    joined = np.kron(np.eye(2), P)
    joined = 0.999 * joined + 0.001 / 6
    chain = Chain.from_probs(joined, "abcdef", 1)
    found = metastable_sets(chain, 2)
    assert found.labels.tolist() in ([0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0])
    slow = Chain.from_probs(0.9 * np.eye(4) + 0.1 * np.roll(np.eye(4), 1, 1), "abcd", 1)
    with pytest.raises(InputError, match=r"conjugate eigenvalues .* try 3"):
        metastable_sets(slow, 2)
    assert len(metastable_sets(slow, 3)) == 3


def test_what_is_forgotten_at_once_makes_no_sets() -> None:
    independent = Chain.from_probs([[0.3, 0.7]] * 4, "ab", 2)
    with pytest.raises(InputError, match="at most 1 set, as all else is forgotten"):
        metastable_sets(independent, 2)


def test_of_several_classes_one_is_meant() -> None:
    rows = np.zeros((5, 5))
    rows[:2, :2] = [[0.9, 0.1], [0.2, 0.8]]
    rows[2:4, 2:4] = [[0.6, 0.4], [0.1, 0.9]]
    rows[4] = 0.2
    chain = Chain.from_probs(rows, "abcde", 1)
    with pytest.raises(InputError, match="one recurrent class"):
        metastable_sets(chain, 2)
    found = metastable_sets(chain, 2, stationary_distributions(chain)[1])
    assert found.labels.tolist() == [-1, -1, 1, 0, -1]
    assert found.lumped.labels.tolist() == found.labels.tolist()
    assert found.staying.values == pytest.approx([0.9, 0.6])
    assert found.mass.values == pytest.approx([0.8, 0.2])


@pytest.mark.parametrize("k", [0, -1, 9, 2.0, True, "2", None])
def test_numbers_of_sets_that_are_none_are_refused(k: object) -> None:
    with pytest.raises(InputError, match="from 1 to 8 sets"):
        metastable_sets(random_chain("dense", 2, 3, 0), k)  # type: ignore[arg-type]


def test_decoded_chains_have_sets_where_they_are_in_the_long_run() -> None:
    chain = top_k(random_chain("copy", 3, 2, 4), 2)
    law = stationary_distributions(chain)[0]
    found = metastable_sets(chain, 1, law)
    assert (found.labels >= 0).tolist() == law.inside.tolist()
