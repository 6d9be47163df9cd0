"""What the past tells of the future: against ball arithmetic, sums over all words, and values that are published."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from flint import arb

from balls import of_logs, of_probs, total
from finitegpt import Chain, InputError
from finitegpt.analysis import (
    Bound,
    Bounds,
    block_entropies,
    entropy_convergence,
    entropy_rate,
    excess_entropy,
    extended,
    memory,
    stationary_distribution,
    stationary_distributions,
    transient_information,
)
from finitegpt.sources import bernoulli, even, golden_mean, periodic, rrxor, two_state
from kinds import KINDS, RARE
from oracles import from_logits, random_chain

TWO_ENDS = Chain.from_probs([[0.5, 0.5, 0], [0.5, 0.5, 0], [0, 0, 1]], "abc", 1)


def contains(bound: Bound, truth: arb) -> bool:
    """Whether the interval may hold a truth that is known as a ball, be that at its end."""
    return not (truth < arb(bound.low) or truth > arb(bound.high))


def all_inside(bounds: Bounds, truths: list[arb]) -> bool:
    return len(bounds.values) == len(truths) and all(contains(bounds.at(k), truth) for k, truth in enumerate(truths))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in RARE])
def test_everything_is_inside_its_interval(kind: str) -> None:
    for seed in range(3):
        case = KINDS[kind](np.random.default_rng(seed))
        chain = case.chain
        if chain.n_states > 200:
            continue
        for meaning in case.meanings:
            exact = case.exact(meaning, 4000)
            for law, pi in list(zip(stationary_distributions(chain), exact.laws, strict=True))[:2]:
                h = exact.memory(pi)
                gaps = [x - h[-1] for x in h]
                assert all_inside(entropy_convergence(chain, law), gaps)
                assert contains(excess_entropy(chain, law), total(gaps))
                assert contains(transient_information(chain, law), total((k + 1) * x for k, x in enumerate(gaps)))
                n = chain.context_length + 2
                summed = [total([*h, h[-1], h[-1]][:k]) for k in range(n + 1)]
                assert all_inside(block_entropies(chain, n, law), summed)
                assert all_inside(Bounds(memory(chain, law).h, memory(chain, law).low, memory(chain, law).high), h)


@pytest.mark.parametrize("seed", range(4))
def test_block_entropies_are_those_of_all_words(seed: int) -> None:
    V, L = ((2, 3), (3, 2))[seed % 2]
    chain = random_chain("dense", V, L, seed)
    exact = of_logs(chain.log_probs, chain.n_states, 200)
    pi = exact.laws[0]

    def entropy(n: int) -> arb:
        """Of all words of n tokens, by following each from every state."""
        words = []
        for word in product(range(V), repeat=n):
            mass = arb(0)
            for state, p in enumerate(pi):
                at = state
                for token in word:
                    p *= exact.rows[at][token]
                    at = at * V % chain.n_states + token
                mass += p
            words.append(mass)
        return -total(p * p.log() for p in words)

    found = block_entropies(chain, L + 2)
    for n in range(L + 3):
        assert abs(arb(found.values[n]) - entropy(n)) < 1e-13
    assert found.error < 1e-12


# In bits. Crutchfield and Feldman 2003: an n-periodic text has E = log2 n; the golden mean H(1/3) - 2/3.
GOLDEN = float(np.log2(3) - 2 / 3 - 2 / 3)


@pytest.mark.parametrize("L", [1, 2, 5])
def test_the_golden_mean_has_what_is_published(L: int) -> None:
    chain = golden_mean().predictor(L)
    for found in (excess_entropy(chain), transient_information(chain)):
        assert found.in_bits().value == pytest.approx(GOLDEN, rel=1e-12)
        assert found.error < 1e-12
    assert block_entropies(chain, 6).values[[1, 6]] / np.log(2) == pytest.approx([np.log2(3) - 2 / 3, GOLDEN + 4])


@pytest.mark.parametrize(("word", "bits"), [("01", 1), ("011", np.log2(3)), ("0011", 2), ("01011", np.log2(5))])
def test_a_word_for_ever_has_the_excess_entropy_of_its_length(word: str, bits: float) -> None:
    chain = periodic(word).predictor(5)
    law = stationary_distributions(chain)[0]
    found = excess_entropy(chain, law)
    assert found.in_bits().value == pytest.approx(bits, rel=1e-13)
    assert found.error < 1e-13
    gaps = entropy_convergence(chain, law)
    for part in (gaps.values, gaps.low, gaps.high):
        assert part[4:].tolist() == [0, 0]  # known for sure by then


def test_transient_information_tells_periodic_texts_apart() -> None:
    """E is log2 5 for all texts of period 5 (Crutchfield and Feldman 2003)."""
    found = {
        word: transient_information(chain, stationary_distributions(chain)[0]).in_bits().value
        for word in ("00001", "00101", "00011")
        for chain in [periodic(word).predictor(5)]
    }
    assert found["00001"] > found["00101"] > found["00011"]
    for word, value in found.items():
        entropies = []
        for n in range(6):
            words = [(word * 3)[k : k + n] for k in range(5)]
            shares = np.array([words.count(x) for x in set(words)]) / 5
            entropies.append(-(shares * np.log2(shares)).sum())
        assert value == pytest.approx(sum(np.log2(5) - np.array(entropies)), rel=1e-12)


def test_longer_memory_comes_to_what_is_published_of_the_even_process_and_of_random_random_xor() -> None:
    # E is H(2/3) = 0.918 bits for even, 2 bits for the other, whose T is 9.43 (Crutchfield and Feldman 2003).
    for source, bits, lengths in ((even(), np.log2(3) - 2 / 3, (4, 8, 12)), (rrxor(), 2.0, (4, 8, 12))):
        found = [excess_entropy(source.predictor(L)).in_bits().value for L in lengths]
        assert found == sorted(found)
        assert found[-1] < bits
        assert bits - found[-1] < 0.6 * (bits - found[-2])


def test_what_is_known_by_now_is_nothing_to_what_is_not() -> None:
    """Independent tokens have nothing in common with their past, and one token is all that a Markov chain needs."""
    for L in (1, 4):
        found = excess_entropy(bernoulli(0.3).predictor(L))
        assert 0 <= found.low <= found.high < 1e-26
    chain = two_state(0.2, 0.7).predictor(1)
    gaps, longer = entropy_convergence(chain), entropy_convergence(extended(chain, 4))
    assert longer.values[0] == pytest.approx(gaps.values[0], rel=1e-12)
    assert (longer.high[1:] < 1e-26).all()


@pytest.mark.parametrize("size", [1e-3, 1e-6, 1e-9])
def test_the_least_of_what_is_in_common_is_known_relatively(size: float) -> None:
    """Rows that hardly differ: E is half the variance of what they say, divided by p (1 - p)."""
    chain = Chain.from_probs([[0.3, 0.7], [0.3 + size, 0.7 - size]], "ab", 1)
    pi = stationary_distribution(chain).probs
    mean = 0.3 + pi[1] * size
    expected = size**2 * pi[0] * pi[1] / (2 * mean * (1 - mean))
    found = excess_entropy(chain)
    assert found.value == pytest.approx(expected, rel=10 * size)
    assert found.error < (1e-12 + 1e-14 / size) * found.value
    naive = memory(chain).h
    assert size > 1e-8 or abs(float(naive[0] - naive[1]) / expected - 1) > 1e-3


@pytest.mark.parametrize("relative", [True, False])
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_law_that_is_off_moves_what_is_said_as_far(relative: bool, sign: int) -> None:
    """The law that is claimed is wrong by as much as it admits, and the truth is inside nevertheless."""
    chain = Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1)
    law, truth = stationary_distribution(chain), excess_entropy(chain).value
    r = 0.02
    probs = law.probs * (1 + sign * r * np.array([0.2, -1.0]))
    claimed = replace(law, probs=probs, error=2 * r / 6 if not relative else r, relative=r if relative else np.inf)
    found = excess_entropy(chain, claimed)
    assert found.low < truth < found.high
    assert found.error < (1.1 * 2 * r * truth if relative else 0.1)
    assert abs(found.value - truth) > 1e-3 * truth


def test_what_is_not_certified_is_not_certified() -> None:
    chain = random_chain("dense", 2, 3, 0)
    blind = replace(stationary_distribution(chain), error=np.inf, relative=np.inf, why="for a reason")
    for function in (excess_entropy, transient_information):
        found = function(chain, blind)
        assert not found.certified
        assert found.why == "for a reason"
        assert found.value == pytest.approx(function(chain).value, rel=1e-9)
    for function in (block_entropies, entropy_convergence):
        found = function(chain, law=blind)
        assert not np.isfinite(found.error)
        assert found.why == "for a reason"


def test_the_shortest_chains_and_texts() -> None:
    one = Chain.from_probs([[1.0]], "a", 1)
    assert excess_entropy(one) == transient_information(one) == Bound(0, 0, 0)
    assert block_entropies(one, 3).values.tolist() == [0, 0, 0, 0]
    chain = random_chain("dense", 2, 2, 0)
    assert block_entropies(chain, 0).values.tolist() == [0]
    assert len(block_entropies(chain).values) == 3
    steps = np.diff(block_entropies(chain, 9).values)
    assert steps[2:] == pytest.approx(entropy_rate(chain).value, rel=1e-12)


@pytest.mark.parametrize("length", [-1, 2.5, True, "3"])
def test_a_length_that_is_none_is_refused(length: object) -> None:
    with pytest.raises(InputError, match="whole number"):
        block_entropies(random_chain("dense", 2, 2, 0), length)  # type: ignore[arg-type]


def test_a_law_must_be_chosen_where_there_are_several() -> None:
    for function in (excess_entropy, transient_information, block_entropies, entropy_convergence):
        with pytest.raises(InputError, match="one recurrent class"):
            function(TWO_ENDS)
    laws = stationary_distributions(TWO_ENDS)
    assert [excess_entropy(TWO_ENDS, law).high < 1e-26 for law in laws] == [True, True]


def test_many_states_are_as_many_tokens_of_them() -> None:
    """With a law that is known by its distance alone."""
    chain = random_chain("dense", 2, 12, 3)
    law = stationary_distribution(chain)
    found = excess_entropy(chain, replace(law, relative=np.inf, error=1e-12))
    assert found.certified
    assert found.error < 1e-8
    curve = memory(chain, law)
    assert found.value == pytest.approx(curve.h[:-1].sum() - 12 * curve.h[-1], abs=1e-10)


def test_rows_that_hardly_differ_are_told_apart() -> None:
    """Where the rounding of rows is all that there is between them, and where it is half of that."""
    rng = np.random.default_rng(0)
    for trial in range(150):
        V, L = ((2, 1), (2, 3), (4, 1), (7, 1))[trial % 4]
        p = rng.dirichlet(np.ones(V)) + rng.random((V**L, V)) * 10 ** rng.uniform(-17, -6)
        p /= p.sum(1, keepdims=True)
        p /= p.sum(1, keepdims=True)
        chain = Chain.from_probs(p, "abcdefg"[:V], L)
        if trial % 2:
            chain = replace(chain, log_probs=chain.log_probs.astype(np.float32))
        truths = [of_logs(chain.log_probs, V**L, 800)] + ([] if trial % 2 else [of_probs(p, V**L, 800)])
        found = entropy_convergence(chain)
        for exact in truths:
            h = exact.memory(exact.laws[0])
            assert all_inside(found, [x - h[-1] for x in h])
        assert (found.high - found.low <= 1e-13 * found.values + 1e-13 * found.values**0.5 + 1e-25).all()


def test_tokens_at_the_floor_are_in_the_mean_of_rows_below_it() -> None:
    rare = np.array([[-0.7, -707.9, -0.7], [-1.0, -800.0, -2.0], [-0.7, -800.0, -0.6]])
    chain = from_logits(rare, dtype=np.float64)
    exact = of_logs(chain.log_probs, 3, 4000)
    h = exact.memory(exact.laws[0])
    found = excess_entropy(chain)
    assert contains(found, h[0] - h[1])
    assert found.error < 1e-11 * found.value
