"""Start-up contexts as states, against walking through every context by its text: in decimals and exact fractions."""

import re
import time
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from flint import fmpq, fmpq_mat
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import finitegpt
from finitegpt import Chain, InputError, greedy, top_k
from finitegpt.analysis import (
    Bound,
    Bounds,
    absorption_probabilities,
    absorption_weights,
    average,
    communicating_classes,
    cyclic_classes,
    entropy_rate,
    hazard,
    hitting_probabilities,
    mean_first_passage_times,
    mixing_time,
    period,
    recurrent_classes,
    red_states,
    select,
    start_distribution,
    stationary_distribution,
    stationary_distributions,
    survival_rate,
    total_variation,
    with_startup,
)
from finitegpt.analysis.red import _entries
from finitegpt.data import NOTEBOOK_SEQUENCE
from finitegpt.operator import Operator
from finitegpt.rows import RowOperator
from finitegpt.sources import even, ngram
from finitegpt.startup import StartupOperator, first_successors
from oracles import SYMBOLS, assert_inside, exact_classes, exact_law, exact_passage, exact_rows

SHAPES = [(V, L) for V in (2, 3) for L in (1, 2, 3, 4)]


def normalised(rng: np.random.Generator, n: int, V: int, holes: bool, dtype: type) -> np.ndarray:
    logits = 2 * rng.normal(size=(n, V))
    if holes:
        gone = rng.random((n, V)) < 0.4
        gone[np.arange(n), rng.integers(0, V, n)] = False
        logits[gone] = -np.inf
    return (logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)).astype(dtype)


def random_chain(V: int, L: int, seed: int, *, holes: bool = False, dtype: type = np.float32) -> Chain:
    rng = np.random.default_rng(seed)
    *shorter, rows = (normalised(rng, V**k, V, holes, dtype) for k in range(1, L + 1))
    counts = rng.integers(0, 9, V**L) if seed % 3 else None
    return Chain(log_probs=rows, vocab=tuple(SYMBOLS[:V]), context_length=L, startup=tuple(shorter), counts=counts)


def rational_chain(V: int, L: int, seed: int) -> tuple[Chain, dict[str, list[Fraction]]]:
    """Rows of sixteenths, some of them 0, as a chain, and as they are meant."""
    rng, meant, logs = np.random.default_rng(seed), {}, []
    for k in range(1, L + 1):
        rows = rng.multinomial(16, rng.dirichlet(np.full(V, 0.7)), V**k)
        with np.errstate(divide="ignore"):
            logs.append(np.log(rows / 16))
        for name, row in zip(texts(V, k), rows.tolist(), strict=True):
            meant[name] = [Fraction(number, 16) for number in row]
    *shorter, full = logs
    chain = Chain(log_probs=full, vocab=tuple(SYMBOLS[:V]), context_length=L, startup=tuple(shorter))
    return chain, meant


def texts(V: int, length: int) -> list[str]:
    names = [""]
    for _ in range(length):
        names = [name + symbol for name in names for symbol in SYMBOLS[:V]]
    return names


def names_of(vocab: tuple[str, ...], L: int) -> list[str]:
    """All contexts as they are numbered: full ones first, then the shortest."""
    levels = [[""]]
    for _ in range(L):
        levels.append([name + symbol for name in levels[-1] for symbol in vocab])
    return levels[L] + [name for level in levels[1:L] for name in level]


def matrix_of(rows: dict[str, list], vocab: tuple[str, ...], L: int, zero: object) -> np.ndarray:
    """The transition matrix (n, n) of rows by text: a token is appended, and what is longer than L loses its first."""
    names = names_of(vocab, L)
    place = {name: id for id, name in enumerate(names)}
    P = np.full((len(names), len(names)), zero, object)
    for name in names:
        for symbol, p in zip(vocab, rows[name], strict=True):
            P[place[name], place[(name + symbol)[-L:]]] += p
    return P


def exact_matrix(chain: Chain) -> np.ndarray:
    """In decimals of 50 digits, of what is stored."""
    vocab, L, rows = chain.vocab, chain.context_length, {}
    for k, log_probs in enumerate((*(chain.startup or ()), chain.log_probs), 1):
        rows.update(zip(names_of(vocab, k)[: len(vocab) ** k], exact_rows(log_probs).tolist(), strict=True))
    return matrix_of(rows, vocab, L, Decimal(0))


def some(n: int, seed: int) -> NDArray[np.bool_]:
    mask = np.random.default_rng(seed).random(n) < 0.15
    mask[seed % n] = True
    return mask


def holds(bound: Bound, exact: Decimal) -> bool:
    """But for the rounding of the latter."""
    room = abs(exact) * Decimal("1e-40")
    return Decimal(bound.low) <= exact + room and exact - room <= Decimal(bound.high)


def narrow(bounds: Bounds) -> bool:
    return bool((bounds.high <= bounds.low * (1 + 1e-9)).all())


@pytest.fixture(scope="module")
def chain(notebook: finitegpt.Run) -> Chain:
    return notebook.model.chain(counts=notebook.data.counts())


# The notebook


def test_the_notebook_has_14_states_of_which_6_are_transient(chain: Chain) -> None:
    whole: Operator = with_startup(chain)
    classes = communicating_classes(whole)
    assert whole.n_states == 14
    assert sorted(classes.sizes.tolist()) == [1] * 6 + [8]
    assert [ids.tolist() for ids in recurrent_classes(whole)] == [list(range(8))]
    assert classes.n_transient == 6
    assert period(whole) == 1
    assert [ids.tolist() for ids in cyclic_classes(whole, np.arange(8))] == [list(range(8))]


def test_full_contexts_keep_their_ids_and_the_shortest_follow(chain: Chain) -> None:
    whole = with_startup(chain)
    assert whole.labels == ["000", "001", "010", "011", "100", "101", "110", "111", "0", "1", "00", "01", "10", "11"]
    assert [whole.label(id) for id in range(14)] == whole.labels
    assert [whole.id(label) for label in whole.labels] == list(range(14))
    assert [whole.ids_of_length(k) for k in (1, 2, 3)] == [range(8, 10), range(10, 14), range(8)]
    assert repr(whole) == "StartupOperator(14 states: contexts of 1 to 3 tokens)"


def test_what_the_notebook_reaches_from_its_start_up_contexts(chain: Chain) -> None:
    whole, P = with_startup(chain), exact_matrix(chain)
    for target in ("000", "*00", ["1", "11"], "10*", "?", "*1"):
        mask = select(whole, target)
        hit, passage = exact_passage(P, mask)
        ever, times = hitting_probabilities(whole, target), mean_first_passage_times(whole, target)
        assert_inside(hit, ever)
        assert_inside(passage, times)
        assert narrow(ever)
        assert narrow(times)
    short = hitting_probabilities(whole, "11")
    p = short.at(whole.id("1"))
    assert chain.startup is not None
    assert p.value == pytest.approx(np.exp(chain.startup[0][1, 1], dtype=np.float64), rel=1e-6)
    assert short.high[:8].tolist() == [0] * 8  # a short context is never seen again


def test_what_the_notebook_holds_in_the_long_run_is_as_before(chain: Chain) -> None:
    whole = with_startup(chain)
    law, before = stationary_distribution(whole), stationary_distribution(chain)
    np.testing.assert_array_equal(law.probs, before.probs)
    assert law.dense()[8:].tolist() == [0] * 6
    assert law.relative == before.relative
    assert law.mass(select(whole, "1*")).value == before.mass(select(chain, "1*")).value
    assert entropy_rate(whole) == entropy_rate(chain)
    assert hazard(whole, "*000") == hazard(chain, "*000")
    assert survival_rate(whole, "*000") == survival_rate(chain, "*000")


# The operator


@pytest.mark.parametrize(("V", "L"), SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_steps_and_arrows_are_those_of_texts(V: int, L: int, dtype: type) -> None:
    chain = random_chain(V, L, V + L, holes=True, dtype=dtype)
    whole, P = with_startup(chain), exact_matrix(chain).astype(np.float64)
    n = sum(V**k for k in range(1, L + 1))
    assert (whole.n_states, whole.width, len(P)) == (n, V, n)
    graph, dense = whole.graph, np.zeros((n, n))
    dense[graph.source, graph.to] = graph.probs
    np.testing.assert_array_equal(dense > 0, P > 0)
    np.testing.assert_allclose(dense, P, rtol=1e-14)
    rng = np.random.default_rng(0)
    pi, f, out = rng.dirichlet(np.ones(n)), rng.normal(size=n), np.full(n, np.nan)
    np.testing.assert_allclose(whole.push(pi), pi @ P, rtol=1e-13)
    np.testing.assert_allclose(whole.pull(f), P @ f, rtol=1e-12, atol=1e-13)
    assert whole.push(pi, out=out) is out
    np.testing.assert_array_equal(out, whole.push(pi))
    assert whole.pull(f, out=out) is out
    np.testing.assert_array_equal(out, whole.pull(f))
    np.testing.assert_allclose(whole.probs.sum(1), 1)
    to = first_successors(whole)[:, None] + np.arange(V)
    np.testing.assert_allclose(np.take_along_axis(P, to, 1), whole.probs, rtol=1e-14)
    entropies = [-sum(p * np.log(p) for p in row if p > 0) for row in whole.probs]
    np.testing.assert_allclose(whole.row_entropy(), entropies, atol=1e-13)
    assert whole.is_complete == (L == 1 and chain.is_complete)
    assert whole.rounding == max(
        RowOperator(log_probs=rows, vocab=chain.vocab, context_length=k).rounding
        for k, rows in enumerate((*chain.startup, chain.log_probs), 1)
    )


@pytest.mark.parametrize(("V", "L"), SHAPES)
def test_copies_meet_as_probably_as_is_said(V: int, L: int) -> None:
    """Two distributions can be made to meet with what they have in common, and no more."""
    whole = with_startup(random_chain(V, L, 5))
    P = exact_matrix(whole.chain).astype(np.float64)

    def common(rows: np.ndarray) -> float:
        return min(float(np.minimum(row, rows).sum(1).min()) for row in rows)

    steps, beta = whole.overlap()
    assert steps == 2 * L - 1
    assert 0 < beta <= common(np.linalg.matrix_power(P, steps))
    members = recurrent_classes(whole)[0]
    steps, beta = whole.overlap(members)
    assert (steps, beta) == whole.chain.overlap(members)
    assert 0 < beta <= common(np.linalg.matrix_power(P, steps)[members])


@settings(max_examples=200)
@given(V=st.integers(2, 3), L=st.integers(1, 4), pattern=st.text("ab?*", min_size=1, max_size=6))
def test_patterns_describe_contexts_of_every_length(V: int, L: int, pattern: str) -> None:
    whole = with_startup(random_chain(V, L, 1))
    expression = re.compile(pattern.replace("?", ".").replace("*", ".*"))
    expected = [expression.fullmatch(name) is not None for name in whole.labels]
    if any(expected):
        np.testing.assert_array_equal(select(whole, pattern), expected)
        np.testing.assert_array_equal(select(whole, [pattern, "a"]), np.array(expected) | select(whole, "a"))
    else:
        with pytest.raises(InputError, match="describes none"):
            select(whole, pattern)


def test_words_are_labels_and_patterns_too() -> None:
    chain = Chain(
        log_probs=np.log(np.full((4, 2), 0.5)),
        vocab=("the", "cat"),
        context_length=2,
        startup=(np.log(np.full((2, 2), 0.5)),),
    )
    whole = with_startup(chain)
    assert whole.labels == ["the the", "the cat", "cat the", "cat cat", "the", "cat"]
    assert whole.id("cat") == 5
    assert select(whole, "* cat").tolist() == [False, True, False, True, False, True]


def test_a_chain_of_one_token_has_no_start_up_contexts() -> None:
    chain = Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1)  # and none have to be known
    whole = with_startup(chain)
    assert whole.n_states == 2
    assert whole.is_complete
    assert whole.graph is chain.graph
    assert whole.labels == chain.labels
    assert whole.overlap() == chain.overlap()
    assert mixing_time(whole) == mixing_time(chain)
    assert mean_first_passage_times(whole, "b").values.tolist() == mean_first_passage_times(chain, "b").values.tolist()
    assert repr(whole) == "StartupOperator(2 states: contexts of 1 token)"


def test_a_vocabulary_of_one_token_is_a_line_that_ends_in_a_loop() -> None:
    rows = np.zeros((1, 1), np.float32)
    whole = with_startup(Chain(log_probs=rows, vocab=("a",), context_length=4, startup=(rows,) * 3))
    assert whole.labels == ["aaaa", "a", "aa", "aaa"]
    assert whole.graph.to.tolist() == [0, 2, 3, 0]
    assert mean_first_passage_times(whole, "aaaa").values.tolist() == [0, 3, 2, 1]
    assert whole.push([0, 0.5, 0.25, 0.25]).tolist() == [0.25, 0, 0.5, 0.25]


# What is asked of it, in decimals


@pytest.mark.parametrize(("V", "L"), SHAPES)
@pytest.mark.parametrize("holes", [False, True])
def test_reaching_states_from_any_length(V: int, L: int, holes: bool) -> None:
    for seed in range(2):
        chain = random_chain(V, L, 10 * L + seed, holes=holes, dtype=(np.float32, np.float64)[seed])
        whole, P = with_startup(chain), exact_matrix(chain)
        mask = some(len(P), 3 * seed + V)
        hit, passage = exact_passage(P, mask)
        ever, times = hitting_probabilities(whole, mask), mean_first_passage_times(whole, mask)
        assert_inside(hit, ever)
        assert_inside(passage, times)
        assert narrow(ever)
        assert narrow(times)
        for method in ("gth", "iteration"):
            assert_inside(hit, hitting_probabilities(whole, mask, method=method))
            assert_inside(passage, mean_first_passage_times(whole, mask, method=method))
        x = np.array([Decimal(int(one)) for one in mask], object)
        for tokens in range(1, 6):
            x = np.where(mask, Decimal(1), P @ x)
            assert_inside(x, hitting_probabilities(whole, mask, within=tokens))


@pytest.mark.parametrize(("V", "L"), SHAPES)
def test_classes_and_where_they_are_ended_in(V: int, L: int) -> None:
    for seed in range(3):
        chain = random_chain(V, L, seed + 40, holes=True)
        whole, P = with_startup(chain), exact_matrix(chain)
        ends = exact_classes(P)
        found = recurrent_classes(whole)
        assert [ids.tolist() for ids in found] == [ids.tolist() for ids in ends]
        classes = communicating_classes(whole)
        assert classes.n_transient == len(P) - sum(map(len, ends))
        assert all(len(classes[classes.label[id]]) == 1 for id in range(chain.n_states, len(P)))  # each by itself
        weights = absorption_weights(whole, start_distribution(whole, SYMBOLS[0]))
        for k, (ids, law, bounds) in enumerate(
            zip(ends, stationary_distributions(whole), absorption_probabilities(whole), strict=True)
        ):
            inside = np.isin(np.arange(len(P)), ids)
            hit, _ = exact_passage(P, inside)
            assert_inside(hit, bounds)
            assert narrow(bounds)
            assert holds(weights.at(k), hit[whole.id(SYMBOLS[0])])
            pi = np.full(len(P), Decimal(0), object)
            pi[ids] = exact_law(P[np.ix_(ids, ids)])
            assert_inside(pi, law.each())
            f = np.random.default_rng(seed).normal(size=len(P))
            mean = average(whole, f, law)
            assert holds(mean, sum(p * Decimal(float(x)) for p, x in zip(pi, f, strict=True)))
            assert mean.error < 1e-12


@pytest.mark.parametrize("method", ["gth", "power", "aggregation"])
def test_laws_by_every_method(method: str) -> None:
    chain = random_chain(2, 4, 3)
    P, N = exact_matrix(chain), chain.n_states
    law = stationary_distribution(with_startup(chain), method=method)  # type: ignore[arg-type]
    assert law.certified
    pi = np.full(len(P), Decimal(0), object)
    pi[:N] = exact_law(P[:N, :N])
    assert_inside(pi, law.each())


# In exact fractions


def rational(x: fmpq) -> Fraction:
    return Fraction(int(x.p), int(x.q))


def solved(P: np.ndarray, open_: list[int], b: list[Fraction]) -> list[Fraction]:
    """x = b + Q x, Q being the chain among some states."""
    if not open_:
        return []
    A = [[fmpq(int(i == j)) - fmpq(P[i, j].numerator, P[i, j].denominator) for j in open_] for i in open_]
    x = fmpq_mat(A).solve(fmpq_mat([[fmpq(y.numerator, y.denominator)] for y in b]))
    return [rational(x[k, 0]) for k in range(len(open_))]


def reaching(P: np.ndarray, target: NDArray[np.bool_]) -> NDArray[np.bool_]:
    found = target.copy()
    for _ in P:
        found = found | ((P > 0) & found).any(1)
    return found


def enclosed(truth: list[Fraction | float], bounds: Bounds) -> None:
    for exact, low, high in zip(truth, bounds.low, bounds.high, strict=True):
        if exact == np.inf:
            assert low == high == np.inf
        else:
            assert Fraction(float(low)) <= exact <= Fraction(float(high)), (low, float(exact), high)


@pytest.mark.parametrize(("V", "L"), SHAPES)
def test_fractions_that_are_meant_are_inside_of_what_is_certified(V: int, L: int) -> None:
    for seed in range(3 if V**L < 81 else 1):
        chain, meant = rational_chain(V, L, 7 * seed + L)
        whole, P = with_startup(chain), matrix_of(meant, chain.vocab, L, Fraction(0))
        n = len(P)
        mask = some(n, seed + 1)
        can = reaching(P, mask)
        surely = ~reaching(np.where(mask[:, None], Fraction(0), P), ~can)
        hit: list[Fraction | float] = [Fraction(int(x)) for x in mask]
        open_ = np.flatnonzero(can & ~mask).tolist()
        for k, x in zip(open_, solved(P, open_, [sum(P[k, mask], Fraction(0)) for k in open_]), strict=True):
            hit[k] = x
        times: list[Fraction | float] = [Fraction(0) if x else np.inf for x in mask]
        open_ = np.flatnonzero(surely & ~mask).tolist()
        for k, x in zip(open_, solved(P, open_, [Fraction(1)] * len(open_)), strict=True):
            times[k] = x
        ever, passage = hitting_probabilities(whole, mask), mean_first_passage_times(whole, mask)
        enclosed(hit, ever)
        enclosed(times, passage)
        assert narrow(ever)
        assert narrow(passage)
        law = stationary_distributions(whole)[0]
        ids = law.states.tolist()
        # pi is what is visited between two visits of the first state: pi_j = P_0j + sum of pi_i P_ij over the others.
        others = ids[1:]
        visits = [Fraction(1), *solved(P.T, others, [P[ids[0], j] for j in others])]
        pi = [Fraction(0)] * n
        for k, x in zip(ids, visits, strict=True):
            pi[k] = x / sum(visits)
        enclosed(pi, law.each())


# Red states


def walked(P: np.ndarray, first: np.ndarray, red: np.ndarray, longest: int) -> tuple[list[Decimal], np.ndarray]:
    """How probable a first entry within each number of tokens is, and which arrows of P carry the entries."""
    at, entered, flows = first, [Decimal(0)], P * Decimal(0)
    for _ in range(longest):
        moved = at[:, None] * P
        flows[:, red] += moved[:, red]
        entered.append(entered[-1] + moved[:, red].sum())
        at = np.where(red, Decimal(0), moved.sum(0))
    return entered, flows


@pytest.mark.parametrize("start", ["1", "01", "000", None])
@pytest.mark.parametrize("red", ["*00", "11", ["1?0", "??1"]])
def test_red_states_from_start_up_contexts(chain: Chain, start: str | None, red: str | list[str]) -> None:
    whole, P = with_startup(chain), exact_matrix(chain)
    mask = select(whole, red)
    first = start_distribution(whole, start)
    if first[mask].sum() == 1:
        with pytest.raises(InputError, match="outside the red states"):
            red_states(whole, red, start=start)
        return
    found = red_states(whole, red, start=start, horizons=[1, 2, 7])
    exact = np.array([Decimal(float(x)) for x in first * ~mask], object)
    exact /= exact.sum()
    hit, passage = exact_passage(P, mask)
    assert found.n_red == mask.sum()
    assert found.ever.low <= sum(exact * hit) <= found.ever.high
    assert found.ever.error < 1e-12
    if (hit[first > 0] == 1).all():
        assert (
            found.mean_time.low <= sum(x * t for x, t in zip(exact, passage, strict=True) if x) <= found.mean_time.high
        )
    else:
        assert found.mean_time.low == np.inf
    entered, flows = walked(P, exact, mask, 7)
    for bounds, arrow in (
        (found.within, found.arrow),
        _entries(whole, mask, np.array(exact, float), [1, 2, 7], method="steps"),
        _entries(whole, mask, np.array(exact, float), [1, 2, 7], method="kernel"),
    ):
        for tokens, bound in bounds.items():
            assert Decimal(bound.low) <= entered[tokens] * (1 + Decimal("1e-15"))
            assert entered[tokens] * (1 - Decimal("1e-15")) <= Decimal(bound.high)
            assert (bound.high == 0) == (entered[tokens] == 0)
            assert bound.error <= 1e-12 * bound.value
        if entered[7] == 0:
            assert arrow is None
            continue
        assert arrow is not None
        i, j = np.unravel_index(flows.argmax(), flows.shape)
        assert (arrow.state, (arrow.state + arrow.token)[-3:]) == (whole.labels[i], whole.labels[j])
        assert arrow.share.low <= float(flows[i, j] / entered[7]) <= arrow.share.high
        assert arrow.probability == pytest.approx(float(P[i, j]), rel=1e-12)


def test_a_start_is_one_token_as_often_as_it_begins_a_window(chain: Chain) -> None:
    whole = with_startup(chain)
    first = start_distribution(whole)
    text, L = NOTEBOOK_SEQUENCE, 3
    begun = [text[k] for k in range(len(text) - L)]
    assert first[whole.id("0")] == pytest.approx(begun.count("0") / len(begun), rel=1e-15)
    assert first[whole.id("1")] == pytest.approx(begun.count("1") / len(begun), rel=1e-15)
    assert first.sum() == pytest.approx(1)
    counted = with_startup(replace(chain, counts=np.array([0, 3, 0, 1, 1, 0, 0, 3])))
    assert start_distribution(counted)[8:10].tolist() == [0.5, 0.5]  # of the oldest tokens, not of the latest
    for counts in (None, np.zeros(8, np.int64)):
        unknown = with_startup(replace(chain, counts=counts))
        assert start_distribution(unknown).tolist() == [0] * 8 + [0.5, 0.5] + [0] * 4
    assert start_distribution(whole, "10").tolist() == [0] * 12 + [1, 0]
    assert start_distribution(whole, 12).tolist() == start_distribution(whole, "10").tolist()
    assert start_distribution(chain, "110").tolist() == start_distribution(chain, 6).tolist()
    with pytest.raises(InputError, match="a state of 3 tokens"):
        start_distribution(chain, "1")


def test_what_is_red_on_the_way_counts(chain: Chain) -> None:
    whole = with_startup(chain)
    never = red_states(whole, "??", start="111")
    assert (never.ever.high, never.mean_time.low, never.arrow) == (0, np.inf, None)
    sure = red_states(whole, "??", start="1")
    assert (sure.ever.low, sure.mean_time.value) == (1, 1)
    assert sure.hazard.value == 0  # the others are never left once there
    all_full = red_states(whole, "???", start="1")
    assert (all_full.mean_time.value, all_full.hazard.value, all_full.survival.value) == (2, 1, 0)
    assert all_full.within[10].value == pytest.approx(1, abs=1e-15)


# Mixing


@pytest.mark.parametrize(("V", "L"), SHAPES[:-1])
def test_mixing_from_any_length(V: int, L: int) -> None:
    for seed in range(2):
        chain = random_chain(V, L, seed)
        whole, P = with_startup(chain), exact_matrix(chain).astype(np.float64)
        pi = np.zeros(len(P))
        pi[: chain.n_states] = stationary_distribution(chain).probs
        powers = [np.eye(len(P))]
        for _ in range(200):
            powers.append(powers[-1] @ P)
        curve = [0.5 * np.abs(power - pi).sum(1).max() for power in powers]
        for epsilon in (0.25, 0.01):
            exact = next(t for t, distance in enumerate(curve) if distance <= epsilon)
            found = mixing_time(whole, epsilon)
            assert found.low == found.high == exact
            if epsilon == 0.25:
                wide = mixing_time(whole, method="bounds")
                assert wide.low <= exact <= wide.high < np.inf
        found = total_variation(whole, 8)
        np.testing.assert_allclose(found.values, curve[:9], atol=1e-13)
        assert found.error < 1e-12
        one = [0.5 * np.abs(power[whole.ids_of_length(1)[0]] - pi).sum() for power in powers[:9]]
        np.testing.assert_allclose(total_variation(whole, 8, SYMBOLS[0]).values, one, atol=1e-13)


def test_mixing_of_a_chain_that_is_too_slow_for_powers(chain: Chain) -> None:
    slow = with_startup(finitegpt.temperature(chain, 0.008))
    full, found = mixing_time(slow.chain), mixing_time(slow)
    assert full.low > 1e9
    assert full.low <= found.low <= found.high <= full.high + 2
    cycle = with_startup(Chain.from_probs([[0, 1], [1, 0]], "ab", 1))
    assert mixing_time(cycle).low == np.inf


# What has start-up rows, and what is refused


def test_decoded_chains_sources_and_n_grams_have_start_up_contexts(chain: Chain) -> None:
    machine = with_startup(greedy(chain))
    classes = communicating_classes(machine)
    assert (machine.n_states, classes.recurrent.sum(), classes.n_transient) == (14, 1, 10)
    hit, passage = exact_passage(exact_matrix(greedy(chain)), select(machine, "1?1"))
    assert hitting_probabilities(machine, "1?1").values.tolist() == hit.astype(float).tolist()
    assert mean_first_passage_times(machine, "1?1").values.tolist() == passage.astype(float).tolist()
    assert with_startup(top_k(chain, 2)).n_states == 14
    assert with_startup(even().predictor(4)).n_states == 30
    assert with_startup(ngram("0110100110010110", context_length=2)).n_states == 6


def test_bad_input_is_refused(chain: Chain) -> None:
    without = replace(chain, startup=None)
    for call, said in (
        (lambda: with_startup(without), r"startup=True"),
        (lambda: with_startup(np.eye(2)), "expected a chain, got ndarray"),
        (lambda: with_startup(with_startup(chain)), "expected a chain, got StartupOperator"),
    ):
        with pytest.raises(InputError, match=said):
            call()
    whole = with_startup(chain)
    for call in (
        lambda: whole.id(""),
        lambda: whole.id("0000"),
        lambda: whole.id("2"),
        lambda: whole.label(14),
        lambda: whole.label(-1),
        lambda: whole.ids_of_length(0),
        lambda: whole.ids_of_length(4),
        lambda: whole.ids_of_length("1"),  # type: ignore[arg-type]
        lambda: whole.push(np.ones(8) / 8),
        lambda: whole.pull(np.ones((14, 1))),
        lambda: whole.push(np.ones(14) / 14, out=np.empty(13)),
        lambda: whole.pull(np.ones(14), out=np.empty(14, np.float32)),
        lambda: select(whole, "????"),
        lambda: select(whole, "2"),
        lambda: start_distribution(whole, "1111"),
        lambda: hitting_probabilities(whole, np.ones(8, bool)),
        lambda: average(whole, np.ones(14), stationary_distribution(chain)),
        lambda: mixing_time(whole, 2.0),
        lambda: red_states(whole, "*"),
    ):
        with pytest.raises(InputError):
            call()
    room = np.ones(22) / 22
    for begin in (0, 8):  # the same, and only where start-up contexts are
        with pytest.raises(InputError, match="another float64 array"):
            whole.push(room[begin : begin + 14], out=room[:14])


def test_a_large_one_needs_no_table() -> None:
    """131,070 states, whose matrix would have 1.7e10 numbers."""
    begun, L = time.perf_counter(), 16
    chain = random_chain(2, L, 1)
    whole = with_startup(chain)
    assert isinstance(whole, StartupOperator)
    assert whole.n_states == 2**17 - 2
    classes = communicating_classes(whole)
    assert (len(classes), classes.n_transient) == (2**16 - 1, 2**16 - 2)
    red = "*aa"
    ever, mine = hitting_probabilities(whole, red, within=30), hitting_probabilities(chain, red, within=30)
    np.testing.assert_array_equal(ever.values[: chain.n_states], mine.values)
    before = hitting_probabilities(whole, red, within=29).values
    # What a start-up context reaches is what those reach that are one token longer.
    for k in range(1, L):
        now, ahead = whole.ids_of_length(k), whole.ids_of_length(k + 1)
        mean = (whole.probs[now.start : now.stop] * before[ahead.start : ahead.stop].reshape(-1, 2)).sum(1)
        at = ever.values[now.start : now.stop]
        asked = ~select(whole, red)[now.start : now.stop]
        np.testing.assert_allclose(at[asked], mean[asked], rtol=1e-12)
    first = start_distribution(whole, "b")
    entered, arrow = _entries(whole, select(whole, red), first, [30])
    assert entered[30].value == pytest.approx(ever.values[whole.id("b")], rel=1e-12)
    assert arrow is not None
    passage, before = mean_first_passage_times(whole, red), mean_first_passage_times(chain, red)
    assert (passage.high <= passage.low * (1 + 1e-9)).all()
    assert (passage.low[: chain.n_states] <= before.high).all()
    assert (before.low <= passage.high[: chain.n_states]).all()
    assert time.perf_counter() - begun < 60
