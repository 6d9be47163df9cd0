"""Elimination and the graph's kernels against exact arithmetic, over more orders of magnitude than doubles have."""

import math
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finitegpt import InputError, TooLargeError
from finitegpt.graph import LEAST, MOST, NEVER, SURELY, Graph
from oracles import decimals, exact_law, exact_passage, random_chain
from strategies import SEEDS


def random_matrix(n: int, seed: int, *, span: float, density: float) -> np.ndarray:
    """Rates of an irreducible chain: a cycle through all states, and other arrows; from 1 down to 10**-span."""
    rng = np.random.default_rng(seed)
    matrix = 10.0 ** -rng.uniform(0, span, (n, n)) * (rng.random((n, n)) < density)
    order = rng.permutation(n)
    matrix[order, np.roll(order, -1)] = 10.0 ** -rng.uniform(0, span, n)
    np.fill_diagonal(matrix, rng.random(n) < 0.5)
    return matrix


matrices = st.builds(
    random_matrix,
    st.integers(2, 24),
    SEEDS,
    span=st.sampled_from([0.0, 3.0, 50.0, 140.0, 160.0, 300.0]),
    density=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
)


def assert_relative(values: np.ndarray, exact: np.ndarray, error: float) -> None:
    """Each is right within `error`, and where double precision ends it is a bound."""
    for value, truth in zip(decimals(values), exact, strict=True):
        if value == Decimal(LEAST):
            assert truth <= value
        elif value == Decimal(MOST):
            assert truth >= value
        else:
            assert abs(value - truth) <= Decimal(error) * truth


@settings(max_examples=300)
@given(matrix=matrices)
def test_each_probability_is_right_relatively(matrix: np.ndarray) -> None:
    pi, error = Graph.of(matrix).stationary(np.ones(len(matrix), bool))
    assert 0 < error < 1e-10
    assert_relative(pi, exact_law(decimals(matrix)), error)


def test_the_least_of_products_that_no_double_holds() -> None:
    # Five states, of which 2 and 4 hold all: through 1 and 3, which are left for them or, hardly ever, for 0.
    P = np.zeros((5, 5))
    P[0, 1] = P[0, 3] = 0.3
    P[1, 2] = P[3, 4] = 0.5
    P[1, 0] = P[3, 0] = P[2, 1] = P[4, 3] = 1e-250
    P[np.diag_indices(5)] = 1 - P.sum(1)
    pi, error = Graph.of(P).stationary(np.ones(5, bool))
    assert abs(pi[2] - 0.5) < 1e-14 > abs(pi[4] - 0.5)
    assert pi[0] == LEAST
    assert error < 1e-12


@settings(max_examples=200)
@given(matrix=matrices, seed=SEEDS)
def test_ends_and_times_are_right_relatively(matrix: np.ndarray, seed: int) -> None:
    rng, n = np.random.default_rng(seed), len(matrix)
    P = matrix / matrix.sum(1, keepdims=True)
    target = rng.random(n) < 0.3
    target[rng.integers(n)] = True
    if target.all():
        return
    first, second = target.copy(), target.copy()
    last = np.flatnonzero(target)[-1]
    first[last], second[:] = False, False
    second[last] = True
    part = np.where(first, 0, np.where(second, 1, -1))
    start = rng.random(n) * (part < 0)
    start[np.flatnonzero(part < 0)[0]] = 1.0
    start /= start.sum()
    found = Graph.of(P).absorb(part, 2, wanted=2, gains=np.ones(n), start=start)
    assert found.error < 1e-10
    exact, open_ = decimals(P), part < 0
    _, time = exact_passage(exact, target)
    assert_relative(found.sums[open_], time[open_], found.error)
    # Whoever comes to the other end first never comes to this one: cut the arrows out of it.
    for end, weight, probs in zip((first, second), found.weights, found.probs, strict=True):
        cut = exact.copy()
        for k in np.flatnonzero(target):
            cut[k] = Decimal(0)
            cut[k, k] = Decimal(1)
        hit, _ = exact_passage(cut, end)
        if end.any():
            assert_relative(probs[open_], hit[open_], found.error)
            share = sum((Decimal(float(x)) * y for x, y in zip(start, hit, strict=True)), Decimal(0))
            assert_relative(np.array([weight]), np.array([share]), found.error + n * 2.0**-53)


def test_gains_add_up() -> None:
    # From a, on average 10 tokens in a and one in b.
    found = Graph.of([[0.9, 0.1, 0], [0, 0, 1], [0, 0, 1]]).absorb(
        np.array([-1, -1, 0]), 1, gains=np.array([2.0, 5, 1])
    )
    np.testing.assert_allclose(found.sums, [25, 5, 0], rtol=1e-14)


def test_what_leads_nowhere_is_not_certified() -> None:
    stays = Graph.of([[1.0, 0], [0, 1]]).absorb(np.array([-1, 0]), 1, gains=np.ones(2))
    assert stays.error == np.inf
    leaves = Graph.of([[0.5, 0.5], [0, 1]]).absorb(np.array([-1, -2]), 1, gains=np.ones(2))
    assert leaves.error == np.inf  # to a state of which nothing was said


@pytest.mark.parametrize("n", [1, 7, 8, 9, 63, 64, 65, 129, 300])
@pytest.mark.parametrize("density", [0.02, 0.3, 1.0])
def test_blocks_and_words_of_any_size(n: int, density: float) -> None:
    matrix = random_matrix(max(n, 2), n, span=2.0, density=density)[:n, :n]
    if n == 1:
        assert Graph.of([[1.0]]).stationary(np.ones(1, bool))[0].tolist() == [1.0]
        return
    pi, error = Graph.of(matrix).stationary(np.ones(n, bool))
    A = matrix.copy()
    for k in range(n - 1, 0, -1):
        A[:k, k] /= A[k, :k].sum()
        A[:k, :k] += np.outer(A[:k, k], A[k, :k])
    naive = np.ones(n)
    for k in range(1, n):
        naive[k] = naive[:k] @ A[:k, k]
    np.testing.assert_allclose(pi, naive / naive.sum(), rtol=error + 1e-13)


def test_too_much_work_is_refused_beforehand() -> None:
    graph = Graph.of(random_matrix(60, 0, span=1.0, density=1.0))
    with pytest.raises(TooLargeError, match="products"):
        graph.stationary(np.ones(60, bool), most=1000)


@given(matrix=matrices, seed=SEEDS)
def test_who_comes_there_for_sure_or_never(matrix: np.ndarray, seed: int) -> None:
    rng, n = np.random.default_rng(seed), len(matrix)
    matrix = matrix * (rng.random((n, n)) < 0.3)
    matrix[np.arange(n), rng.integers(0, n, n)] += 1e-300
    targets = rng.random(n) < 0.2
    hit, time = exact_passage(decimals(matrix / matrix.sum(1, keepdims=True)), targets)
    decided = Graph.of(matrix).reach(targets)
    assert (decided == NEVER).tolist() == [x == 0 for x in hit]
    assert (decided == SURELY).tolist() == [t.is_finite() for t in time]


@given(matrix=matrices, seed=SEEDS)
def test_classes_and_periods_are_those_of_the_matrix(matrix: np.ndarray, seed: int) -> None:
    n = len(matrix)
    matrix = (matrix * (np.random.default_rng(seed).random((n, n)) < 0.2) > 0).astype(float)
    matrix[np.arange(n), (np.arange(n) + 1) % n] += np.arange(n) % 3 > 0
    reach = np.linalg.matrix_power((matrix + np.eye(n) > 0).astype(float), n) > 0
    label, recurrent = Graph.of(matrix).classes()
    same = reach & reach.T
    assert (label[:, None] == label).tolist() == same.tolist()
    assert list(dict.fromkeys(label.tolist())) == sorted(set(label.tolist()))
    for k, never_left in enumerate(recurrent.tolist()):
        members = label == k
        assert never_left == (not reach[members][:, ~members].any())
        if never_left and matrix[members][:, members].any():
            d, distance = Graph.of(matrix).period(label, k)
            powers, back = np.eye(n), 0
            for length in range(1, 2 * n + 1):
                powers = (powers @ matrix > 0).astype(float)
                back = np.gcd(back, length) if powers[members][:, members].diagonal().any() else back
            assert d == back
            assert ((distance >= 0) == members).all()


@settings(max_examples=200)
@given(matrix=matrices, seed=SEEDS, tokens=st.integers(0, 12))
def test_first_entries_within_so_many_steps(matrix: np.ndarray, seed: int, tokens: int) -> None:
    rng, n = np.random.default_rng(seed), len(matrix)
    P = matrix / matrix.sum(1, keepdims=True)
    targets = rng.random(n) < 0.3
    if targets.all():
        return
    start = np.where(targets, 0.0, rng.random(n))
    start /= start.sum()
    entered, low, high, visits = Graph.of(P).enter(targets, start, tokens)
    at, total, exact = decimals(start), Decimal(0), decimals(P)
    been = at * 0
    for step in range(tokens + 1):
        assert Decimal(low[step]) <= min(total, Decimal(1)) <= Decimal(high[step])
        assert low[step] <= entered[step] <= high[step]
        assert (high[step] == 0) == (total == 0)  # never only where it cannot be
        been += at if step < tokens else 0
        at = at @ exact
        total += sum(at[targets], Decimal(0))
        at[targets] = Decimal(0)
    assert all(x <= y for x, y in pairwise(entered))
    assert all(
        abs(x - y) <= y * Decimal("1e-12") + Decimal("1e-318") for x, y in zip(decimals(visits), been, strict=True)
    )


def test_arrows_of_other_kinds_are_refused() -> None:
    graph = Graph(first=np.array([0, 1], np.int32), to=np.zeros(1, np.int32), probs=np.ones(1))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="contiguous int64"):
        graph.classes()


@pytest.mark.parametrize("exponent", [-1023, -1022.5, -1022, -1021, -501, -500, -499, 1, 499, 500, 1000, 1023, 1023.9])
def test_numbers_up_to_where_doubles_end(exponent: float) -> None:
    # The time until a chain leaves that does so with a probability of 1 / (2**a * 2**b), and such a probability.
    first = exponent / 2
    gain, leaving = 2.0**first, 2.0 ** -(exponent - first)
    found = Graph.of([[1.0, leaving], [0, 1]]).absorb(np.array([-1, 0]), 1, gains=np.array([gain, 1.0]))
    assert_relative(found.sums[:1], decimals(np.array([gain])) / decimals(np.array([leaving])), found.error)
    assert LEAST <= found.sums[0] < MOST


def test_every_rounding_of_an_elimination_is_counted() -> None:
    # Each arrow into a state that is taken out: its successor's sum, a quotient, a product and a sum, and a product and
    # a sum when the law is put together; twice, since a probability is a ratio.
    n, u = 60, 2.0**-53
    pairs = n * (n - 1) / 2
    graph = replace(Graph.of(random_matrix(n, 0, span=1.0, density=1.0)), rounding=0.0)
    _, error = graph.stationary(np.ones(n, bool))
    assert 10 * pairs * u < error < 12 * pairs * u
    # Among 59 and out of them: arrows that are added up where they leave, and a sum over what follows each state.
    m, part = n - 1, np.append(np.full(n - 1, -1), 0)
    pairs = m * (m - 1) / 2
    error = graph.absorb(part, 1, gains=np.ones(n)).error
    assert (8 * pairs + 2 * m * m + pairs) * u < error < 15 * pairs * u


def test_arrows_that_a_sum_loses_are_allowed_for() -> None:
    # A half, and 400 arrows of which each is too small to change it when it is added.
    many, P = 400, np.zeros((402, 402))
    P[0, 1], P[0, 2 : many + 1], P[0, many + 1] = 0.5, 2.0**-54, 0.25
    part = np.full(402, 0)
    part[0], part[-1] = -1, 1
    found = replace(Graph.of(P), rounding=0.0).absorb(part, 2, wanted=2)
    hit = sum(decimals(P[0, :-1]))
    truth = hit / (hit + Decimal("0.25"))
    value = Decimal(float(found.probs[0, 0]))
    assert Decimal(100) * Decimal(2) ** -53 < (truth - value) / truth <= Decimal(found.error)


def test_many_rows_that_are_half_full_fit_their_room() -> None:
    # Each of 300 states comes from one hub and leads to every second of 40: stored whole, they take twice the room.
    hubs, many, rng = 40, 300, np.random.default_rng(1)
    P = np.zeros((hubs + many, hubs + many))
    for k in range(many):
        P[k % hubs, hubs + k] = rng.random()
        P[hubs + k, (k + k // hubs) % 2 : hubs : 2] = rng.random(hubs // 2)
    P /= P.sum(1, keepdims=True)
    pi, error = Graph.of(P).stationary(np.ones(len(P), bool))
    np.testing.assert_allclose(pi @ P, pi, rtol=1e-12)
    assert error < 1e-11


@pytest.mark.parametrize("places", [299, 400, 450, 499, 505, 508])
def test_products_on_the_way_may_be_smaller_than_any_double(places: int) -> None:
    # From a to b, from b to c, from c to the rarer end, each with 2**-places or less; x and y keep a and c for last.
    a, b, c, x, y, z, rare, often = range(8)
    P, p = np.zeros((8, 8)), 2.0**-places
    P[a, [b, often]] = p, p
    P[a, [x, z]] = p
    P[[x, z], a] = 1
    P[b, [c, often]] = p, 1
    P[c, [rare, often, y]] = p / 3, 0.5, 0.5
    P[y, c] = 1
    P[[rare, often], [rare, often]] = 1
    part = np.full(8, -1)
    part[rare], part[often] = 0, 1
    for order in ([b, y, x, z, c, a, rare, often], range(8), [a, c, b, x, y, z, rare, often]):
        there = np.argsort(order)
        found = Graph.of(P[np.ix_(order, order)]).absorb(part[list(order)], 2, wanted=2, gains=np.ones(8))
        hit, _ = exact_passage(cut(decimals(P), often), np.arange(8) == rare)
        assert_relative(found.probs[0][there][[a, b, c]], hit[[a, b, c]], found.error)


def cut(P: np.ndarray, state: int) -> np.ndarray:
    """The same where a state is never left."""
    P = P.copy()
    P[state] = Decimal(0)
    P[state, state] = Decimal(1)
    return P


@pytest.mark.parametrize("size", [1e-307, 1e-200, 1e200, 1.7e308])
@pytest.mark.parametrize("density", [0.1, 1.0])
def test_rates_may_be_of_any_size(size: float, density: float) -> None:
    matrix = random_matrix(20, 1, span=0.5, density=density)
    pi, error = Graph.of(matrix).stationary(np.ones(20, bool))
    scaled, other = Graph.of(matrix * size).stationary(np.ones(20, bool))
    np.testing.assert_allclose(scaled, pi, rtol=2 * error)
    assert error == other
    part = np.append(np.full(19, -1), 0)
    sums = Graph.of(matrix).absorb(part, 1, gains=np.ones(20)).sums
    many = Graph.of(matrix * size).absorb(part, 1, gains=np.full(20, min(size, 1e300))).sums
    np.testing.assert_allclose(many, sums * (min(size, 1e300) / size), rtol=1e-11)


def test_what_is_too_small_for_a_sum_counts_all_the_same() -> None:
    # A line of 3,000 states: each leads to the next with a half and to each of 100 others with 2**-54, and they back.
    line, others = 3000, 100
    ways = [np.append([k + 1], line + 1 + np.arange(others)) for k in range(line)]
    ways += [np.zeros(1)] * (others + 1)
    probs = [np.append([0.5], np.full(others, 2.0**-54))] * line + [np.ones(1)] * (others + 1)
    graph = Graph(
        first=np.cumsum([0, *map(len, ways)], dtype=np.int64),
        to=np.concatenate(ways).astype(np.int32),
        probs=np.concatenate(probs),
        rounding=0.0,
    )
    pi, error = graph.stationary(np.ones(line + others + 1, bool))
    stays = Decimal("0.5") / (Decimal("0.5") + others * Decimal(2) ** -54)
    ratio = Decimal(float(pi[line - 1])) / Decimal(float(pi[0]))
    assert abs(ratio / stays ** (line - 1) - 1) < Decimal(error) / 10
    assert 1 - stays ** (line - 1) > 2 * Decimal(error)
    assert abs(math.fsum(pi) - 1) < 4 * 2.0**-53


def test_contexts_stay_sparse_for_long() -> None:
    n = 2**10
    random_chain("dense", 2, 10, 0).graph.stationary(np.ones(n, bool), most=n**3 / 3 / 500)


def test_entries_that_a_sum_loses_are_allowed_for() -> None:
    # A half of the start, and 400 parts that are too small to change it where all come together.
    many, P = 401, np.zeros((403, 403))
    P[:many, many], P[many, many + 1] = 1, 1
    start = np.full(403, 2.0**-54)
    start[0], start[many:] = 0.5, 0
    entered, low, high, _ = replace(Graph.of(P), rounding=0.0).enter(np.arange(403) == 402, start, 2)
    truth = sum(decimals(start))
    assert Decimal(entered[2]) < truth * (1 - 100 * Decimal(2) ** -53)
    assert Decimal(low[2]) < truth <= Decimal(high[2])


def test_entries_too_small_for_any_double_are_possible() -> None:
    P = np.array([[0, 1e-200, 0, 1], [0, 0, 1e-200, 1], [0, 0, 1, 0], [0, 0, 0, 1]])
    entered, low, high, _ = Graph.of(P).enter(np.arange(4) == 2, np.eye(4)[0], 3)
    assert (entered.tolist(), low.tolist(), high[:2].tolist()) == ([0] * 4, [0] * 4, [0, 0])
    assert (high[2:] > 0).all()
    later = np.array([[0, 1e-200, 0, 0, 1], [0, 0, 1e-200, 0, 1], [0, 0, 0, 1, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 1]])
    _, _, high, _ = Graph.of(later).enter(np.arange(5) == 3, np.eye(5)[0], 4)  # by way of 2, where 0 is all one sees
    assert (high[:3].tolist(), high[3] > 0, high[4] > 0) == ([0] * 3, True, True)


@settings(max_examples=150)
@given(matrix=matrices, seed=SEEDS)
def test_each_number_of_visits_is_right_relatively(matrix: np.ndarray, seed: int) -> None:
    """Against N = (I - Q)**-1 column by column, each by exact elimination of what one state gains."""
    rng = np.random.default_rng(seed)
    n = len(matrix)
    end, graph = int(rng.integers(n)), Graph.of(matrix)
    part = np.where(np.arange(n) == end, 0, -1)
    start = rng.random(n) * (rng.random(n) < 0.5)
    returns, off = graph.returns(part)
    visits, other = graph.visits(part, start)
    assert 0 < off < 1e-10
    assert 0 < other < 1e-10
    N = exact_visits(decimals(matrix), end)
    assert_relative(returns, np.diag(N), off)
    assert_relative(visits, decimals(start) @ N, other)
    assert returns[end] == visits[end] == 0
    np.testing.assert_array_equal(visits > 0, (decimals(start) @ N) > 0)


def exact_visits(P: np.ndarray, end: int) -> np.ndarray:
    """(n, n), 0 at the end: a state is left out, its visits following from those of the others (no subtraction)."""
    n = len(P)
    A, order, taken = P.copy(), [k for k in range(n) if k != end], []
    left = [*order, end]
    for k in order:
        left.remove(k)
        out = sum(A[k, j] for j in left)
        taken.append((k, out, A[k].copy(), A[:, k].copy(), list(left)))
        for i in left:
            A[i, left] += A[i, k] / out * A[k, left]
    N = np.full((n, n), Decimal(0), object)
    for k, out, leads, comes, others in reversed(taken):
        for j in others:
            N[k, j] = sum((leads[i] / out * N[i, j] for i in others), Decimal(0))
        for i in others:
            N[i, k] = sum((N[i, j] * comes[j] / out for j in others), Decimal(0))
        N[k, k] = 1 / out + sum((leads[i] / out * N[i, k] for i in others), Decimal(0))
    return N


def test_visits_beyond_double_precision_are_bounds() -> None:
    P = np.array([[0, 1e-200, 0, 1], [0, 0, 1e-200, 1], [1, 0, 0, 1e-300], [0, 0, 0, 1.0]])
    visits, _ = Graph.of(P).visits(np.array([-1, -1, -1, 0]), np.array([1.0, 0, 0, 0]))
    assert visits.tolist() == [1.0, 1e-200, LEAST, 0.0]
    slow = np.array([[0, 1e-200, 0], [1, 0, 1e-200], [0, 0, 1]])
    returns, _ = Graph.of(slow).returns(np.array([-1, -1, 0]))
    assert returns.tolist() == [MOST, pytest.approx(1e200, rel=1e-13), 0.0]


def test_too_many_products_are_refused() -> None:
    graph = Graph.of(random_matrix(24, 1, span=3.0, density=1.0))
    part = np.where(np.arange(24) == 0, 0, -1)
    for question in (lambda: graph.returns(part, 10), lambda: graph.visits(part, np.ones(24), 10)):
        with pytest.raises(TooLargeError, match="products"):
            question()


@pytest.mark.parametrize("n", [65, 130])
def test_returns_of_sparse_and_of_full_rows(n: int) -> None:
    """Rows that are stored whole and rows that are not: a walk with some long arrows, against an inverse."""
    rng = np.random.default_rng(n)
    P = np.zeros((n, n))
    for shift in (1, 2, n - 1, n // 2):
        P[np.arange(n), (np.arange(n) + shift) % n] = rng.random(n)
    P /= P.sum(1, keepdims=True)
    part = np.where(np.arange(n) == 3, 0, -1)
    inside = part < 0
    N = np.linalg.inv(np.eye(n - 1) - P[np.ix_(inside, inside)])
    np.testing.assert_allclose(Graph.of(P).returns(part)[0][inside], np.diag(N), rtol=1e-11)
    start = rng.random(n)
    np.testing.assert_allclose(Graph.of(P).visits(part, start)[0][inside], start[inside] @ N, rtol=1e-11)
