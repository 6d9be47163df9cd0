"""The growth of the number of texts against exact M-matrices, counts of texts, and roots that are known."""

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings

import kinds
from finitegpt import Chain
from finitegpt.analysis import Bound, communicating_classes, entropy_rate, growth, topological_entropy
from finitegpt.graph import Graph
from oracles import SYMBOLS, chains, from_logits, is_above_radius, random_chain

KINDS = [name for name in kinds.KINDS if not name.startswith(("large", "many"))]


def of_arrows(A: np.ndarray) -> Chain:
    """The chain on n tokens whose arrows are alike."""
    return Chain.from_probs(A / A.sum(1, keepdims=True), tuple(f"t{k}" for k in range(len(A))), 1)


def assert_holds(chain: Chain, found: Bound) -> None:
    assert found.low <= found.value <= found.high
    for ids in communicating_classes(chain):
        A = np.array([[Decimal(int(x > 0)) for x in row] for row in chain.to_csr().toarray()[np.ix_(ids, ids)]])
        assert is_above_radius(A, Decimal(found.high).exp() * (1 + Decimal("1e-30")) + Decimal("1e-30"))
    if found.low > 0:
        assert any(
            not is_above_radius(
                np.array([[Decimal(int(x > 0)) for x in row] for row in chain.to_csr().toarray()[np.ix_(ids, ids)]]),
                Decimal(found.low).exp(),
            )
            for ids in communicating_classes(chain)
        )


@settings(max_examples=60)
@given(chain=chains())
def test_the_root_is_inside_its_interval(chain: Chain) -> None:
    found = topological_entropy(chain)
    assert_holds(chain, found)
    assert found.high - found.low <= 1e-13 * max(found.value, 1e-2)


@pytest.mark.parametrize("name", KINDS)
def test_chains_of_every_kind(name: str) -> None:
    for seed in range(2):
        chain = kinds.KINDS[name](np.random.default_rng(seed)).chain
        if chain.n_states <= 32:
            assert_holds(chain, topological_entropy(chain))


def test_roots_that_are_known() -> None:
    golden = Chain.from_probs([[0.5, 0.5], [1, 0]], "ab", 1)
    assert topological_entropy(golden).value == pytest.approx(math.log((1 + 5**0.5) / 2), rel=1e-14)
    p = np.full((4, 2), 0.5)
    p[3] = [1, 0]  # never three in a row: tribonacci
    root = np.roots([1, -1, -1, -1]).real.max()
    assert topological_entropy(Chain.from_probs(p, "ab", 2)).value == pytest.approx(math.log(root), rel=1e-14)
    for V in (1, 2, 5):
        found = topological_entropy(Chain.from_probs(np.full((V, V), 1 / V), SYMBOLS[:V], 1))
        assert found.low <= math.log(V) <= found.high
        assert found.high - found.low <= 1e-15


def test_no_chain_on_the_graph_is_more_random() -> None:
    for seed in range(6):
        chain = random_chain("top_k", 3, 3, seed)
        if len(communicating_classes(chain).recurrent) == 1:
            assert entropy_rate(chain).low <= topological_entropy(chain).high
    # Parry's chain, with p = x_j / (rho x_i), has as much.
    rho = (1 + 5**0.5) / 2
    parry = Chain.from_probs([[1 / rho, 1 / rho**2], [1, 0]], "ab", 1)
    assert entropy_rate(parry).value == pytest.approx(topological_entropy(parry).value, rel=1e-12)


def test_texts_counted() -> None:
    chain = random_chain("sparse", 2, 5, 4)
    A = (chain.to_csr().toarray() > 0).astype(object)
    counts = [np.ones(len(A), object)]
    for _ in range(400):
        counts.append(A @ counts[-1])
    slope = (math.log(counts[400].sum()) - math.log(counts[200].sum())) / 200
    assert topological_entropy(chain).value == pytest.approx(slope, abs=0.02)


def test_where_nothing_can_be_chosen_it_is_exactly_0() -> None:
    for A in ([[0, 1], [1, 0]], [[1]], [[1, 1, 0], [0, 0, 1], [0, 1, 0]]):
        assert topological_entropy(of_arrows(np.array(A))) == Bound(0.0, 0.0, 0.0)


def test_the_largest_class_counts_even_if_it_is_left() -> None:
    A = np.zeros((4, 4))
    A[:3, :3] = 1  # three tokens at will, until d
    A[2, 3] = A[3, 3] = 1
    found = topological_entropy(of_arrows(A))
    assert found.low <= math.log(3) <= found.high
    assert found.value == pytest.approx(math.log(3), rel=1e-14)


def test_slow_graphs_are_eliminated(monkeypatch: pytest.MonkeyPatch) -> None:
    # A long cycle with a shorter way; and two complete graphs joined by one arrow each way.
    n = 120
    cycle = np.zeros((n, n))
    cycle[np.arange(n), (np.arange(n) + 1) % n] = 1
    cycle[n // 2, 0] = 1
    twins = np.kron(np.eye(2), np.ones((20, 20)))
    twins[0, 20] = twins[20, 0] = 1
    for A in (cycle, twins):
        found = topological_entropy(of_arrows(A))
        assert found.high - found.low < 1e-12 * found.value
        exact = math.log(np.abs(np.linalg.eigvals(A)).max())
        assert found.value == pytest.approx(exact, rel=1e-9)
    with monkeypatch.context() as patch:  # without elimination it is known less well, and still right
        patch.setattr(growth, "_ELIMINATED", 0)
        wide = topological_entropy(of_arrows(cycle))
        assert wide.high - wide.low > 1e-6
        exact = topological_entropy(of_arrows(cycle))
        assert wide.low <= exact.value <= wide.high


def test_larger_chains() -> None:
    rng = np.random.default_rng(0)
    logits, holes = rng.normal(size=(2**13, 2)), rng.random((2**13, 2)) < 0.3
    holes[np.arange(2**13), rng.integers(0, 2, 2**13)] = False
    found = topological_entropy(from_logits(np.where(holes, -np.inf, logits), 13))
    assert found.high - found.low < 1e-12
    assert 0.4 < found.value < math.log(2)


def test_any_operator_will_do() -> None:
    class Arrows:
        is_complete, width, n_states, rounding = True, 9, 3, 2.0**-53
        graph = Graph.of([[0.5, 0.5, 0], [0, 0, 1], [0.5, 0.5, 0]])

        def pull(self, function: np.ndarray) -> np.ndarray:
            raise AssertionError("which arrows there are is enough")

    A = np.array([[1, 1, 0], [0, 0, 1], [1, 1, 0]])
    expected = math.log(np.abs(np.linalg.eigvals(A)).max())
    assert topological_entropy(Arrows()).value == pytest.approx(expected, rel=1e-12)  # type: ignore[arg-type]
