"""Analysis needs an operator, not a chain over contexts: a chain times an automaton is analysed as a chain is."""

from functools import cached_property

import numpy as np
import pytest
from numpy.typing import ArrayLike
from scipy.sparse import csr_array

from finitegpt import Chain, temperature
from finitegpt.analysis import (
    absorption_probabilities,
    average,
    bias,
    communicating_classes,
    commute_time,
    commute_times,
    discounted_reward,
    expected_reward,
    expected_visits,
    first_passage_variances,
    fundamental_column,
    fundamental_row,
    hazard,
    hitting,
    hitting_probabilities,
    kemeny_constant,
    mean_first_passage_times,
    mean_recurrence_times,
    period,
    recurrent_classes,
    stationary_distribution,
    stationary_distributions,
    visits_from,
)
from finitegpt.graph import Floats, Graph, Ids
from finitegpt.operator import Operator
from oracles import random_chain


class Product:
    """A chain times a deterministic automaton that reads its tokens: state s * m + q."""

    def __init__(self, chain: Chain, step: np.ndarray) -> None:
        self.chain, self.step, self.m = chain, step, len(step)
        n, V = chain.n_states, chain.vocab_size
        s, q, y = np.indices((n, self.m, V))
        self.to = (s % (n // V) * V + y) * self.m + step[q, y]
        self.probs = np.broadcast_to(chain.probs[:, None, :], self.to.shape)

    n_states = property(lambda self: self.chain.n_states * self.m)
    width = property(lambda self: self.chain.vocab_size)
    rounding = property(lambda self: self.chain.rounding)
    is_complete = property(lambda self: False)

    @cached_property
    def _graph(self) -> Graph:
        there = self.probs.reshape(self.n_states, -1) > 0
        first = np.concatenate(([0], np.cumsum(there.sum(1))))
        to = self.to.reshape(self.n_states, -1)[there].astype(np.int32)
        probs = np.ascontiguousarray(self.probs.reshape(self.n_states, -1)[there])
        return Graph(first=first, to=to, probs=probs, rounding=self.rounding)

    graph = property(lambda self: self._graph)

    @cached_property
    def matrix(self) -> csr_array:
        graph, n = self.graph, self.n_states
        return csr_array((graph.probs, graph.to, graph.first), shape=(n, n))

    def push(self, distribution: ArrayLike, out: Floats | None = None) -> Floats:
        result = np.asarray(distribution) @ self.matrix
        if out is None:
            return result
        out[:] = result
        return out

    def pull(self, function: ArrayLike, out: Floats | None = None) -> Floats:
        result = self.matrix @ np.asarray(function)
        if out is None:
            return result
        out[:] = result
        return out

    def overlap(self, members: Ids | None = None) -> tuple[int, float]:
        return 1, 0.0


PARITY = np.array([[0, 1], [1, 0]])  # whether the number of 1s so far is odd
ONES = np.array([[0, 1], [0, 2], [2, 2]])  # two 1s in a row, once and for all


@pytest.fixture(params=["gth", "power", "aggregation"])
def method(request: pytest.FixtureRequest) -> str:
    return request.param


def test_a_product_is_analysed_as_its_chain_is(method: str) -> None:
    chain = temperature(random_chain("dense", 2, 4, 3), 6)
    product: Operator = Product(chain, PARITY)
    assert len(communicating_classes(product)) == 1
    assert period(product) == 1
    law = stationary_distribution(product, method=method)  # type: ignore[arg-type]
    mine = law.probs.reshape(-1, 2).sum(1)
    np.testing.assert_allclose(mine, stationary_distribution(chain).probs, rtol=1e-5 if method == "power" else 1e-9)
    assert law.certified == (method == "gth")  # nothing is known of how copies of it meet
    entropy = np.repeat(chain.row_entropy(), 2)
    found = average(product, entropy, law)
    exact = average(chain, chain.row_entropy())
    assert found.low <= exact.high
    assert exact.low <= found.high
    assert found.error < 1e-9


def test_a_question_about_the_text_is_one_of_reaching_a_state_of_the_automaton() -> None:
    chain = temperature(random_chain("dense", 2, 3, 5), 0.05)
    product = Product(chain, ONES)
    goal = np.arange(product.n_states) % 3 == 2
    ever, time = hitting_probabilities(product, goal), mean_first_passage_times(product, goal)
    assert (ever.low == 1).all()
    red = np.array([chain.label(k).endswith("bb") for k in range(chain.n_states)])
    start = chain.id("aaa")
    mine, theirs = time.at(3 * start), mean_first_passage_times(chain, red).at(start)
    assert mine.low <= theirs.high
    assert theirs.low <= mine.high
    assert mine.error < 1e-9 * mine.value
    for tokens in (1, 2, 3, 10):
        mine = hitting_probabilities(product, goal, within=tokens).at(3 * start)
        theirs = hitting_probabilities(chain, red, within=tokens).at(start)
        assert mine.value == pytest.approx(theirs.value, rel=1e-12)
        assert (mine.high == 0) == (tokens < 2)
    mine, theirs = hazard(product, goal), hazard(chain, red)
    assert mine.value == pytest.approx(theirs.value, rel=1e-6)
    ends = recurrent_classes(product)
    assert all((ids % 3 == 2).all() for ids in ends)
    assert sum(bounds.values for bounds in absorption_probabilities(product)) == pytest.approx(1)


def test_steps_alone_are_enough_where_there_are_too_many_states_to_eliminate(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = random_chain("dense", 2, 4, 7)
    product = Product(chain, ONES)
    goal = np.arange(product.n_states) % 3 == 2
    exact = mean_first_passage_times(product, goal)
    monkeypatch.setattr(hitting, "LARGEST_GTH", 0)
    time = mean_first_passage_times(product, goal)
    assert (time.low <= exact.high).all()
    assert (exact.low <= time.high).all()
    assert time.error < 1e-6


def test_a_method_that_is_none_is_refused() -> None:
    from finitegpt import InputError

    with pytest.raises(InputError, match="gth, power, aggregation"):
        stationary_distributions(random_chain("dense", 2, 2, 0), method="magic")  # type: ignore[arg-type]


def test_what_follows_from_laws_and_visits_needs_no_more_of_an_operator() -> None:
    product = Product(temperature(random_chain("dense", 2, 3, 5), 2), PARITY)
    n, P = product.n_states, product.matrix.toarray()
    pi, f = stationary_distribution(product).dense(), np.arange(n) % 5 - 1.0
    Z = np.linalg.inv(np.eye(n) - P + pi)
    m = (np.diag(Z) - Z) / pi
    end = np.arange(n) % 7 == 2
    N, inside = np.zeros((n, n)), np.ix_(~end, ~end)
    N[inside] = np.linalg.inv(np.eye(n)[inside] - P[inside])
    times = N.sum(1)
    for found, expected in (
        (mean_recurrence_times(product), 1 / pi),
        (commute_times(product, 3), m[3] + m[:, 3]),
        (fundamental_row(product, 3), Z[3]),
        (fundamental_column(product, 3), Z[:, 3]),
        (bias(product, f), (Z - pi) @ f),
        (expected_visits(product, [5], end), N[:, 5]),
        (visits_from(product, 5, end), N[5]),
        (first_passage_variances(product, end), N @ (2 * times - 1) - times**2),
        (expected_reward(product, f, end), N @ f),
        (discounted_reward(product, f, 0.9), np.linalg.solve(np.eye(n) - 0.9 * P, f)),
    ):
        np.testing.assert_allclose(found.values, expected, atol=1e-9)
        assert found.error < 1e-9
    assert kemeny_constant(product).value == pytest.approx(np.trace(Z) - 1)
    assert commute_time(product, 3, 8).value == pytest.approx(m[3, 8] + m[8, 3])
