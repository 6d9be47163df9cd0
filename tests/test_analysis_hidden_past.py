"""What a machine remembers and what of it never shows: against balls, and identities of computational mechanics."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from flint import arb

from balls import Exact, dot, total
from finitegpt import Chain, InputError, TooLargeError
from finitegpt.analysis import (
    Bound,
    Machine,
    StationaryDistribution,
    crypticity,
    excess_entropy,
    machine,
    stationary_distribution,
    stationary_distributions,
)
from finitegpt.analysis import hidden_past as module
from finitegpt.sources import bernoulli, even, golden_mean, periodic, rrxor, z1r
from kinds import KINDS, RARE, Case
from oracles import random_chain

BITS = float(np.log(2))


def contains(bound: Bound, truth: arb) -> bool:
    return not (truth < arb(bound.low) or truth > arb(bound.high))


def plogp(values: list[arb]) -> arb:
    return -total(x * x.log() for x in values if x > 0)


def exact_state_entropy(found: Machine, pi: list[arb]) -> tuple[arb, list[arb]]:
    masses = [dot([arb(int(label == k)) for label in found.label], pi) for k in range(len(found))]
    kept = total(masses)
    return plogp([x / kept for x in masses]), masses


def exact_crypticity(found: Machine, exact: Exact, pi: list[arb]) -> arb:
    """H[state, word] - H[word] over all words of L tokens, each followed from every context."""
    n, V = len(pi), exact.V
    L = round(np.log(n) / np.log(V)) if V > 1 else 1
    both, alone = [], []
    kept = total(x for x, label in zip(pi, found.label, strict=True) if label >= 0)
    for word in product(range(V), repeat=L):
        parts = [arb(0)] * len(found)
        for state, p in enumerate(pi):
            if found.label[state] < 0 or not p > 0:
                continue
            at = state
            for token in word:
                p *= exact.rows[at % exact.m][token]
                at = at * V % n + token
            parts[found.label[state]] += p / kept
        both += parts
        alone.append(total(parts))
    return plogp(both) - plogp(alone)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in RARE])
def test_what_a_machine_remembers_is_inside_its_interval(kind: str) -> None:
    for seed in range(3):
        case = KINDS[kind](np.random.default_rng(seed))
        chain = case.chain
        if chain.n_states > 32:
            continue
        laws = stationary_distributions(chain)
        tolerance = (0.01, 0.2, 1e-8)[seed]
        machines = [machine(chain, law, tolerance=tolerance) for law in laws[:2]]
        for meaning in case.meanings:
            exact = case.exact(meaning, 3000)
            for found, law, pi in zip(machines, laws, exact.laws, strict=False):
                assert contains(found.statistical_complexity, exact_state_entropy(found, pi)[0])
                assert contains(crypticity(chain, found, law), exact_crypticity(found, exact, pi))


def exactly(chain: Chain) -> tuple[Machine, StationaryDistribution]:
    law = stationary_distributions(chain)[0]
    return machine(chain, law, tolerance=1e-10), law


@pytest.mark.parametrize(
    ("chain", "complexity", "hidden"),
    [
        (golden_mean().predictor(1), np.log2(3) - 2 / 3, 2 / 3),
        (golden_mean().predictor(5), np.log2(3) - 2 / 3, 2 / 3),
        (periodic("011").predictor(4), np.log2(3), 0),
        (z1r().predictor(8), np.log2(3), 0),
        (bernoulli(0.3).predictor(3), 0, 0),
        # The nemo-like text of Markov order 2 whose causal states are words: 0s come in pairs at least, 1s as well.
        (Chain.from_probs([[0.5, 0.5], [0, 1], [1, 0], [0.5, 0.5]], "01", 2), 1 + 0.9182958340544896, None),
    ],
)
def test_famous_processes_have_what_is_published(chain: Chain, complexity: float, hidden: float | None) -> None:
    found, law = exactly(chain)
    remembered, kept_back = found.statistical_complexity, crypticity(chain, found, law)
    assert remembered.in_bits().value == pytest.approx(complexity, abs=1e-12)
    assert hidden is None or kept_back.in_bits().value == pytest.approx(hidden, abs=1e-12)
    assert max(remembered.error, kept_back.error) < 1e-12


@pytest.mark.parametrize(
    "chain",
    [even().predictor(6), rrxor().predictor(6), random_chain("dense", 2, 4, 1), random_chain("top_k", 3, 3, 3)],
)
def test_of_exact_machines_crypticity_is_what_the_excess_entropy_lacks(chain: Chain) -> None:
    found, law = exactly(chain)
    assert found.kl_rate.high < 1e-20
    gap = found.statistical_complexity.value - excess_entropy(chain, law).value
    assert crypticity(chain, found, law).value == pytest.approx(gap, abs=1e-11)


def test_a_machine_that_forgives_knows_no_more_than_there_is_to_know() -> None:
    for seed in range(6):
        chain = random_chain("dense", 2, 4, seed)
        for tolerance in (0.3, 0.1, 0.01):
            found = machine(chain, tolerance=tolerance)
            knows = found.statistical_complexity.value - crypticity(chain, found).value
            kept = stationary_distribution(chain).mass(found.label >= 0).value
            assert -1e-12 <= kept * knows <= excess_entropy(chain).value + 1e-12


def test_hidden_pasts_by_default_are_those_of_the_machine_by_default() -> None:
    chain = random_chain("dense", 2, 3, 0)
    assert crypticity(chain) == crypticity(chain, machine(chain), stationary_distribution(chain))


def test_a_state_left_out_is_not_counted() -> None:
    """b and c hardly ever come: what is said is about contexts that are kept."""
    rare = 1e-4
    rows = [[0.5, 0.5 - 2 * rare, rare, rare], [1, 0, 0, 0], [0, 0, 0.5, 0.5], [0.5, 0, 0.5, 0]]
    chain = Chain.from_probs(rows, "abcd", 1)
    found = machine(chain, tolerance=0.01)
    assert (found.label >= 0).sum() < 4
    masses = found.mass.values / found.mass.values.sum()
    assert found.statistical_complexity.value == pytest.approx(-(masses * np.log(masses)).sum())
    assert found.statistical_complexity.error < 1e-12
    case = Case(chain)
    exact = case.exact("stored", 300)
    hidden = crypticity(chain, found)
    assert hidden.value == pytest.approx(float(exact_crypticity(found, exact, exact.laws[0])), rel=1e-12)
    assert hidden.value > 0.1
    assert hidden.error < 1e-12


def test_what_is_not_certified_is_not_certified() -> None:
    chain = random_chain("dense", 2, 3, 0)
    law = stationary_distribution(chain)
    blind = replace(law, error=np.inf, relative=np.inf, why="for a reason")
    found, sure = machine(chain, blind, tolerance=1e-9), machine(chain, law, tolerance=1e-9)
    for said, known in (
        (found.statistical_complexity, sure.statistical_complexity),
        (crypticity(chain, found, blind), crypticity(chain, sure, law)),
    ):
        assert not said.certified
        assert said.why == "for a reason"
        assert said.value == pytest.approx(known.value, rel=1e-9)


@pytest.mark.parametrize("apart", [1e-9, 1e-3])
def test_a_law_known_by_its_distance_says_less(apart: float) -> None:
    chain = random_chain("dense", 2, 3, 0)
    law = stationary_distribution(chain)
    found = machine(chain, law, tolerance=1e-9)
    truth, wide = crypticity(chain, found, law), crypticity(chain, found, replace(law, error=apart, relative=np.inf))
    assert wide.low < truth.low <= truth.high < wide.high
    assert apart < wide.error < 100 * apart
    far = replace(law, probs=law.probs * (1 - apart * (-1.0) ** np.arange(8)), error=apart, relative=np.inf)
    assert crypticity(chain, found, far).low <= truth.value <= crypticity(chain, found, far).high


def test_no_machine_of_this_chain_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    short, long = random_chain("dense", 2, 2, 0), random_chain("dense", 2, 3, 0)
    with pytest.raises(InputError, match="expected a machine of a chain of 8 states, got one of 4"):
        crypticity(long, machine(short))
    ends = Chain.from_probs([[0.5, 0.5, 0], [0.5, 0.5, 0], [0, 0, 1]], "abc", 1)
    laws = stationary_distributions(ends)
    with pytest.raises(InputError, match="another's"):
        crypticity(ends, machine(ends, laws[0]), laws[1])
    assert crypticity(ends, law=laws[1]) == Bound(0, 0, 0)
    monkeypatch.setattr(module, "MOST_STEPS", 47)
    with pytest.raises(TooLargeError, match="a larger tolerance"):
        crypticity(long, machine(long, tolerance=1e-9))


def test_differences_smaller_than_any_usual_one_are_told_apart() -> None:
    """A tolerance below what rows may differ by else."""
    chain = Chain.from_probs([[0.5, 0.5], [0.5 + 4e-5, 0.5 - 4e-5]], "ab", 1)
    assert len(machine(chain, tolerance=1e-8)) == 1
    assert len(machine(chain, tolerance=1e-11)) == 2
