"""Laws of chains too large to eliminate: what balancing flows proves, against exact laws and against elimination."""

import importlib
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import finitegpt
from finitegpt import Chain, GPTConfig, TrainConfig, temperature
from finitegpt.analysis import entropy_rate, flows, recurrent_classes, stationary_distribution
from finitegpt.graph import LEAST, Graph
from finitegpt.sources import parse
from oracles import chains, decimals, exact_law, exact_matrix
from strategies import SEEDS

stationary = importlib.import_module("finitegpt.analysis.stationary")


def largest_error(probs: np.ndarray, exact: np.ndarray) -> Decimal:
    """Of those that double precision holds, relatively; the others are at least the truth."""
    held = probs > LEAST
    assert (exact[~held] <= Decimal(LEAST)).all()
    return max(abs(decimals(probs)[held] - exact[held]) / exact[held])


@settings(max_examples=150)
@given(chain=chains(), groups=st.sampled_from([1, 2, 5, 1024]))
def test_what_is_proved_holds_for_every_probability(chain: Chain, groups: int) -> None:
    P = exact_matrix(chain)
    for members in recurrent_classes(chain):
        if len(members) == 1:
            continue
        inside = np.zeros(chain.n_states, bool)
        inside[members] = True
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(flows, "_GROUPS", groups)
            probs, relative = flows.balance(chain.graph, inside)
        assert not probs[~inside].any()
        if np.isfinite(relative):
            assert largest_error(probs[members], exact_law(P[np.ix_(members, members)])) <= Decimal(relative)


@settings(max_examples=60)
@given(chain=chains(("dense", "sharp", "copy", "top_k", "sparse")))
def test_small_chains_are_proved_to_rounding(chain: Chain) -> None:
    for members in recurrent_classes(chain):
        inside = np.zeros(chain.n_states, bool)
        inside[members] = True
        if len(members) > 1:
            assert flows.balance(chain.graph, inside)[1] < 1e-9


def disturb(law: flows.Flows, seed: int, size: float) -> None:
    law.m, further = np.frexp(law.m * (1 + size * np.random.default_rng(seed).uniform(0, 1, len(law.m))))
    law.m, law.e = 2 * law.m, law.e + further - 1


@settings(max_examples=100)
@given(chain=chains(("dense", "sharp", "copy")), seed=SEEDS, digits=st.floats(1, 14))
def test_a_wrong_law_is_known_to_be_wrong(chain: Chain, seed: int, digits: float) -> None:
    found = flows.Flows(chain.graph, np.ones(chain.n_states, bool))
    found.solve(None)
    disturb(found, seed, 10**-digits)
    assert largest_error(found.probs(), exact_law(exact_matrix(chain))) <= Decimal(found.relative())


def shares(graph: Graph, law: list[Fraction]) -> Fraction:
    """What `fg_unbalanced` bounds, where all arrows are between neighbours in a row."""
    n = len(law)
    flow = {(i, j): Fraction(law[i]) * Fraction(p) for i, j, p in zip(graph.source, graph.to, graph.probs, strict=True)}
    missing, most = Fraction(0), [Fraction(0)] * n
    for i in range(n - 1):  # of the two arrows that tie neighbours, the wider one carries what is missing
        missing += sum(flow.get((j, i), 0) - flow.get((i, j), 0) for j in range(n) if j != i)
        source, to = max([(i, i + 1), (i + 1, i)], key=lambda arrow: flow[arrow])
        share = abs(missing) / flow[source, to]
        most[source] = max(most[source], share / (1 - share))
    return sum(most, Fraction(0))


@settings(max_examples=60)
@given(seed=SEEDS, n=st.integers(2, 12), steepness=st.integers(0, 60))
def test_what_is_missing_is_added_up_exactly(seed: int, n: int, steepness: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = np.zeros((n, n))
    for i, j in pairwise(range(n)):
        matrix[i, j], matrix[j, i] = 10.0 ** -rng.uniform(0.5, 1 + steepness, 2)
    graph = Graph.of(matrix)
    ladder = flows.Flows(graph, np.ones(n, bool))
    ladder.solve(None)
    disturb(ladder, seed, 1e-7)
    law = [Fraction(m) * Fraction(2) ** int(e) for m, e in zip(ladder.m, ladder.e, strict=True)]
    assert ladder.share() == pytest.approx(float(shares(graph, law)), rel=1e-5)  # flows are rounded once


def test_numbers_below_double_precision_are_right() -> None:
    n, up, down = 40, 1e-60, 0.25
    matrix = np.diag([up] * (n - 1), 1) + np.diag([down] * (n - 1), -1)
    matrix += np.diag(1 - matrix.sum(1))
    ladder = flows.Flows(Graph.of(matrix), np.ones(n, bool))
    ladder.solve(None)
    exponents = np.log10(ladder.m) + ladder.e * np.log10(2)
    np.testing.assert_allclose(np.diff(exponents), np.log10(up / down), rtol=1e-12)
    assert ladder.relative() < 1e-12
    probs = ladder.probs()
    assert probs[1] == pytest.approx(up / down, rel=1e-12)
    assert (probs[6:] == LEAST).all()


def trained(name: str, length: int) -> Chain:
    data = finitegpt.Data.from_text(parse(name).sample(5000, seed=1), context_length=length)
    shape = GPTConfig(vocab_size=2, context_length=length, n_layer=1)
    return finitegpt.train(data, shape, TrainConfig(steps=150, lr=3e-3, batch_size=128, seed=1)).model.chain(
        startup=False
    )


@pytest.mark.parametrize("name", ["golden_mean", "even"])
@pytest.mark.parametrize("degrees", [0.1, 0.03, 0.01])
def test_metastable_chains_agree_with_elimination(name: str, degrees: float) -> None:
    chain = temperature(trained(name, 11), degrees)
    slow = stationary_distribution(chain, method="gth")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_AT_ONCE", "LARGEST_GTH"):
            patch.setattr(stationary, name, 0)
        fast = stationary_distribution(chain)
    assert fast.error < 1e-10
    one, other = entropy_rate(chain, fast), entropy_rate(chain, slow)
    assert max(one.low, other.low) <= min(one.high, other.high)
    assert one.error < 1e-10
    probs, relative = flows.balance(chain.graph, np.ones(chain.n_states, bool))
    assert relative < 1e-10
    held = (slow.probs > LEAST) & (probs > LEAST)
    off = np.abs(probs[held] / slow.probs[held] - 1).max()
    assert off < 1e-12  # both are far better than what is proved


def test_a_class_among_others_is_balanced_by_itself() -> None:
    matrix = np.array([[0.5, 0.5, 0, 0], [0.25, 0.75, 0, 0], [0.1, 0.2, 0.3, 0.4], [0, 0, 0, 1.0]])
    probs, relative = flows.balance(Graph.of(matrix), np.array([True, True, False, False]))
    np.testing.assert_allclose(probs, [1 / 3, 2 / 3, 0, 0], rtol=1e-14)
    assert relative < 1e-13


def test_arrows_below_double_precision_prove_nothing() -> None:
    graph = Graph.of([[0.5, 5e-310], [0.5, 0.5]])
    assert flows.balance(graph, np.ones(2, bool))[1] == np.inf
