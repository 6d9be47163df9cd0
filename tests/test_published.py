"""What others publish of small chains, beside ours: within their digits, and every number inside our interval.

`published/pydtmc.json` holds numbers of the fixtures of PyDTMC (T. Belluzzo, MIT licence, revision of July 2026); those
of other projects and of textbooks stand here. A number of d decimals is a number that may be off by one in the last;
some of theirs are cut where they should be rounded.
"""

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from finitegpt import Chain, analysis

CHAINS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "published" / "pydtmc.json").read_text())


def chain_of(p: list[list[float]]) -> Chain:
    """The chain that was meant: 0.33333333 stands for a third."""
    rows = [[Fraction(x).limit_denominator(1000) for x in row] for row in p]
    exact = all(
        sum(row) == 1 and all(abs(q - Fraction(x)) < 1e-8 for q, x in zip(row, given, strict=True))
        for row, given in zip(rows, p, strict=True)
    )
    values = np.array([[float(q) for q in row] for row in rows]) if exact else np.array(p)
    return Chain.from_probs(values / values.sum(1, keepdims=True), tuple(map(str, range(len(p)))), 1)


def as_list(value: Any, n: int) -> list[int]:
    """States as they name them: one, several, or all where none is given."""
    return list(range(n)) if value is None else [value] if isinstance(value, int) else value


def distribution(value: Any, n: int) -> np.ndarray:
    return np.full(n, 1 / n) if value is None else np.eye(n)[value] if isinstance(value, int) else np.array(value)


Interval = tuple[Any, Any]
ANSWERS: dict[str, Callable[..., Interval]] = {}


def answers(function: Callable[..., Interval]) -> Callable[..., Interval]:
    ANSWERS[function.__name__] = function
    return function


def both(bounds: Any) -> Interval:
    return bounds.low, bounds.high


@answers
def stationary_distributions(chain: Chain) -> Interval:
    laws = [law.each() for law in analysis.stationary_distributions(chain)]
    laws.sort(key=lambda law: law.values.tolist())
    return [law.low for law in laws], [law.high for law in laws]


@answers
def period(chain: Chain) -> Interval:
    value = int(np.lcm.reduce([analysis.period(chain, members) for members in analysis.recurrent_classes(chain)]))
    return value, value


@answers
def entropy_rate(chain: Chain) -> Interval:
    return both(analysis.entropy_rate(chain))


@answers
def topological_entropy(chain: Chain) -> Interval:
    return both(analysis.topological_entropy(chain))


@answers
def is_reversible(chain: Chain) -> Interval:
    value = bool(analysis.is_reversible(chain))
    return value, value


@answers
def fundamental_matrix(chain: Chain) -> Interval:
    """Of absorbing chains: how often each transient state is visited from each."""
    open_ = np.flatnonzero(~np.isin(np.arange(chain.n_states), np.concatenate(analysis.recurrent_classes(chain))))
    found = [analysis.expected_visits(chain, int(j)) for j in open_]
    return np.array([b.low[open_] for b in found]).T, np.array([b.high[open_] for b in found]).T


@answers
def mean_number_visits(chain: Chain) -> Interval:
    """Without the visit at the start."""
    found = [analysis.expected_visits(chain, j) for j in range(chain.n_states)]
    unit = np.eye(chain.n_states)
    return np.array([b.low for b in found]).T - unit, np.array([b.high for b in found]).T - unit


@answers
def redistribute(chain: Chain, steps: int, initial_status: Any, output_last: bool) -> Interval:
    pis = [distribution(initial_status, chain.n_states)]
    for _ in range(steps):
        pis.append(chain.push(pis[-1]))
    value = pis[-1:] if output_last else pis
    return value, value


@answers
def first_passage_probabilities(chain: Chain, steps: int, initial_state: int, first_passage_states: Any) -> Interval:
    """That the first passage is at the n-th token, which may be a return: from where the first token leads."""

    def at(targets: list[int]) -> list[tuple[float, float]]:
        low, high = [0.0], [0.0]
        for within in range(steps):
            reached = analysis.hitting_probabilities(chain, targets, within)
            low.append(float(chain.pull(reached.low)[initial_state]))
            high.append(float(chain.pull(reached.high)[initial_state]))
        return [(low[k + 1] - high[k] - 1e-15, high[k + 1] - low[k] + 1e-15) for k in range(steps)]

    if first_passage_states is not None and len(as_list(first_passage_states, 0)) == 1:
        return tuple(np.array(at(as_list(first_passage_states, 0))).T)  # type: ignore[return-value]
    many = range(chain.n_states) if first_passage_states is None else as_list(first_passage_states, 0)
    each = np.array([at([j]) for j in many])  # (targets, steps, 2)
    if first_passage_states is not None:  # theirs adds up the passages to each
        return tuple(each.sum(0).T)  # type: ignore[return-value]
    return each[:, :, 0].T, each[:, :, 1].T


@answers
def sensitivity(chain: Chain, state: int) -> Interval:
    """How the probability of a state changes with each of the matrix: by a column of the fundamental matrix."""
    pi = analysis.stationary_distribution(chain).each()
    column = analysis.fundamental_column(chain, state)
    slack = 1e-13
    low, high = column.low - pi.high[state] - slack, column.high - pi.low[state] + slack
    outer = [np.multiply.outer(p, x) for p in (pi.low, pi.high) for x in (low, high)]
    return np.min(outer, 0), np.max(outer, 0)


@answers
def mean_first_passage_times_to(chain: Chain, targets: Any) -> Interval:
    if targets is not None:
        return both(analysis.mean_first_passage_times(chain, as_list(targets, 0)))
    found = [analysis.mean_first_passage_times(chain, [j]) for j in range(chain.n_states)]
    return np.array([b.low for b in found]).T, np.array([b.high for b in found]).T


@answers
def mean_first_passage_times_between(chain: Chain, origins: Any, targets: Any) -> Interval:
    """From origins as often as they are in the long run."""
    times = analysis.mean_first_passage_times(chain, as_list(targets, 0))
    pi, origins = analysis.stationary_distribution(chain).dense(), as_list(origins, 0)
    weights = pi[origins] / pi[origins].sum()
    return weights @ times.low[origins], weights @ times.high[origins]


@answers
def mean_recurrence_times(chain: Chain) -> Interval:
    return both(analysis.mean_recurrence_times(chain))


@answers
def mean_absorption_times(chain: Chain) -> Interval:
    recurrent = np.concatenate(analysis.recurrent_classes(chain))
    times = analysis.mean_first_passage_times(chain, recurrent)
    open_ = np.setdiff1d(np.arange(chain.n_states), recurrent)
    return times.low[open_], times.high[open_]


@answers
def absorption_probabilities(chain: Chain) -> Interval:
    open_ = np.setdiff1d(np.arange(chain.n_states), np.concatenate(analysis.recurrent_classes(chain)))
    found = analysis.absorption_probabilities(chain)
    return [b.low[open_] for b in found], [b.high[open_] for b in found]


@answers
def hitting_probabilities(chain: Chain, targets: Any) -> Interval:
    return both(analysis.hitting_probabilities(chain, as_list(targets, chain.n_states)))


@answers
def hitting_times(chain: Chain, targets: Any) -> Interval:
    return both(analysis.mean_first_passage_times(chain, as_list(targets, chain.n_states)))


@answers
def expected_rewards(chain: Chain, steps: int, rewards: list[float]) -> Interval:
    value = np.array(rewards)
    for _ in range(steps):
        value = rewards + chain.pull(value)
    return value, value


@answers
def forward_committor(chain: Chain, states1: Any, states2: Any) -> Interval:
    return both(analysis.forward_committor(chain, as_list(states1, 0), as_list(states2, 0)))


@answers
def backward_committor(chain: Chain, states1: Any, states2: Any) -> Interval:
    return both(analysis.backward_committor(chain, as_list(states1, 0), as_list(states2, 0)))


@answers
def sequence_probability(chain: Chain, sequence: list[int]) -> Interval:
    """Of what follows its first state."""
    text = " ".join(map(str, sequence[1:])) if chain.n_states > 10 else "".join(map(str, sequence[1:]))
    return both(analysis.sequence_probability(chain, text, start=str(sequence[0])))


def classes_of(found: Any) -> Interval:
    value = sorted(np.asarray(members).tolist() for members in found)
    return value, value


@answers
def recurrent_classes(chain: Chain) -> Interval:
    return classes_of(analysis.recurrent_classes(chain))


@answers
def communicating_classes(chain: Chain) -> Interval:
    return classes_of(analysis.communicating_classes(chain))


@answers
def transient_classes(chain: Chain) -> Interval:
    classes = analysis.communicating_classes(chain)
    return classes_of([members for members, stays in zip(classes, classes.recurrent, strict=True) if not stays])


@answers
def absorbing_states(chain: Chain) -> Interval:
    value = [int(members[0]) for members in analysis.recurrent_classes(chain) if len(members) == 1]
    return value, value


@answers
def cyclic_classes(chain: Chain) -> Interval:
    members = analysis.recurrent_classes(chain)[0]
    return classes_of(analysis.cyclic_classes(chain, members))


def decimals(number: float) -> int:
    """How many are printed of a number; 0 where they are so few that it may be meant exactly, or rounded to zeros."""
    mantissa, _, exponent = repr(number).partition("e")
    found = len(mantissa.partition(".")[2]) - int(exponent or 0)
    return found if found >= 6 else 0


def units(published: list[float]) -> list[float]:
    """One in the last decimal of each; of those with few, in that of the others."""
    of_others = max(map(decimals, published), default=0)
    return [10.0 ** -(decimals(x) or of_others or 9) for x in published]


def numbers(value: Any) -> list[float]:
    if isinstance(value, list | tuple | np.ndarray):
        return [number for part in value for number in numbers(part)]
    return [float(value)]


@pytest.mark.parametrize("given", CHAINS, ids=lambda given: given["name"])
def test_numbers_of_pydtmc_lie_in_our_intervals(given: dict[str, Any]) -> None:
    chain = chain_of(given["p"])
    for question in given["asked"]:
        what, published = question["what"], question["answer"]
        if what == "cyclic_classes" and not published:
            continue  # theirs are of one class only
        if what == "is_reversible" and len(analysis.recurrent_classes(chain)) > 1:
            continue  # theirs is then false
        details = {key: value for key, value in question.items() if key not in ("what", "answer")}
        low, high = ANSWERS[what](chain, **details)
        if what.endswith("_classes"):
            assert low == sorted(published), what
            continue
        published = sorted(published) if what == "stationary_distributions" else published
        theirs, below, above = numbers(published), numbers(low), numbers(high)
        assert len(theirs) == len(below) == len(above), what
        for x, a, b, last in zip(theirs, below, above, units(theirs), strict=True):
            slack = 1.01 * last + 1e-9 * abs(x) + 1e-14 if np.isfinite(x) else 0.0
            assert a - slack <= x <= b + slack, (what, details, x, a, b)
            assert a == b or b - a <= 1e-9 * max(1.0, abs(b)), (what, details, a, b)


def test_there_are_many() -> None:
    assert sum(len(numbers(q["answer"])) for given in CHAINS for q in given["asked"]) > 1500


def enclosed(bounds: Any, published: Any, digits: float = 1e-12) -> None:
    """Their numbers lie within ours, which are narrow."""
    theirs, low, high = np.asarray(published, float), np.asarray(bounds.low), np.asarray(bounds.high)
    slack = digits * np.maximum(1, np.abs(theirs))
    assert (low - slack <= theirs).all(), (low, theirs)
    assert (theirs <= high + slack).all(), (theirs, high)
    finite = np.isfinite(high)
    assert (high - low)[finite].max(initial=0.0) <= 1e-9 * max(1.0, float(np.abs(high[finite]).max(initial=0.0)))


def named(rows: list[list[float]], states: str) -> Chain:
    p = np.array(rows, float)
    return Chain.from_probs(p / p.sum(1, keepdims=True), states, 1)


SIXTH, THIRD = 1 / 6, 1 / 3

OZ = named([[2, 1, 1], [1, 0, 1], [1, 1, 2]], "RNS")  # each row over its sum: 1/2 1/4 1/4, ...


def test_the_land_of_oz() -> None:
    """Kemeny, Snell and Thompson 1966; Grinstead and Snell, Introduction to Probability, 11.3 and 11.5; also R's."""
    enclosed(analysis.stationary_distribution(OZ).each(), [0.4, 0.2, 0.4])
    enclosed(analysis.mean_recurrence_times(OZ), [2.5, 5, 2.5])
    times = [[0, 4, 10 / 3], [8 / 3, 0, 8 / 3], [10 / 3, 4, 0]]
    fundamental = np.array([[86, 3, -14], [6, 63, 6], [-14, 3, 86]]) / 75
    for j in range(3):
        enclosed(analysis.mean_first_passage_times(OZ, [j]), [row[j] for row in times])
        enclosed(analysis.fundamental_column(OZ, j), fundamental[:, j])
        enclosed(analysis.fundamental_row(OZ, j), fundamental[j])
    enclosed(analysis.kemeny_constant(OZ), np.trace(fundamental) - 1)


def test_the_drunkards_walk() -> None:
    """Grinstead and Snell, examples 11.13 to 11.15: N, t and B."""
    walk = named([[1, 0, 0, 0, 0], [1, 0, 1, 0, 0], [0, 1, 0, 1, 0], [0, 0, 1, 0, 1], [0, 0, 0, 0, 1]], "01234")
    inside = [1, 2, 3]
    for j, column in zip(inside, np.array([[3, 2, 1], [2, 4, 2], [1, 2, 3]]).T / 2, strict=True):
        enclosed(analysis.expected_visits(walk, j), [0, *column, 0])
    enclosed(analysis.mean_first_passage_times(walk, [0, 4]), [0, 3, 4, 3, 0])
    first, last = analysis.absorption_probabilities(walk)
    enclosed(first, [1, 0.75, 0.5, 0.25, 0])
    enclosed(last, [0, 0.25, 0.5, 0.75, 1])


DIE = {0: (1, 2), 1: (3, 4), 2: (5, 6), 3: (1, 7), 4: (8, 9), 5: (10, 11), 6: (2, 12)}


def test_a_die_of_coins() -> None:
    """Knuth and Yao 1976, as Storm and PRISM have it: each face a sixth, 11/3 coins, a 1 within three coins 1/8."""
    rows = np.eye(13)
    for state, ways in DIE.items():
        rows[state] = 0
        for way in ways:
            rows[state, way] += 0.5
    die = Chain.from_probs(rows, "abcdefgABCDEF"[:13], 1)
    for face in range(7, 13):
        enclosed(analysis.hitting_probabilities(die, [face]).at(0), SIXTH)
    enclosed(analysis.mean_first_passage_times(die, list(range(7, 13))).at(0), 11 * THIRD)
    enclosed(analysis.hitting_probabilities(die, [7], within=3).at(0), 1 / 8)


def test_classes_and_periods_of_others() -> None:
    """The test tables of QuantEcon (T. Sargent, J. Stachurski and others) and R's markovchain (G. Spedicato)."""
    six = np.zeros((6, 6))
    six[0, 1] = six[1, 0] = six[3, 4] = six[4, 5] = six[5, 3] = 1
    six[2, [0, 3]] = 0.5
    chain = Chain.from_probs(six, "012345", 1)
    assert [c.tolist() for c in analysis.recurrent_classes(chain)] == [[0, 1], [3, 4, 5]]
    assert [analysis.period(chain, c) for c in analysis.recurrent_classes(chain)] == [2, 3]
    laws = analysis.stationary_distributions(chain)
    enclosed(laws[0].each(), [0.5, 0.5, 0, 0, 0, 0])
    enclosed(laws[1].each(), [0, 0, 0, THIRD, THIRD, THIRD])
    enclosed(analysis.stationary_distribution(named([[2, 3], [1, 4]], "ab")).each(), [0.25, 0.75])
    seven = [
        [0, 0, 2, 1, 1, 0, 0],
        [0, 0, 1, 0, 2, 0, 0],
        [0, 0, 0, 0, 0, 1, 2],
        [0, 0, 0, 0, 0, 1, 1],
        [0, 0, 0, 0, 0, 3, 1],
        [1, 1, 0, 0, 0, 0, 0],
        [1, 3, 0, 0, 0, 0, 0],
    ]
    assert analysis.period(named(seven, "abcdefg"), range(7)) == 3
    mathematica = named([[0, 1, 0, 2, 0], [1, 0, 0, 0, 1], [0, 0, 1, 1, 0], [0, 0, 1, 1, 0], [0, 0, 0, 0, 1]], "abcde")
    assert [c.tolist() for c in analysis.recurrent_classes(mathematica)] == [[2, 3], [4]]
    gravner = [[0, 1, 0, 0, 0, 0], [2, 3, 0, 0, 0, 0], [3, 0, 4, 2, 1, 0], [0, 0, 0, 3, 7, 0], [0, 0, 0, 1, 0, 1]]
    chain = named([*gravner, [0, 0, 0, 3, 0, 7]], "123456")
    assert [c.tolist() for c in analysis.recurrent_classes(chain)] == [[0, 1], [3, 4, 5]]


def birth_and_death(n: int = 10) -> tuple[Chain, np.ndarray, np.ndarray]:
    """deeptime's test of reactive flux: up and down with a half, but .01 up from 4 and .1 down from 6."""
    up, down = np.full(n, 0.5), np.full(n, 0.5)
    up[-1] = down[0] = 0
    up[4], down[6] = 0.01, 0.1
    rows = np.diag(up[:-1], 1) + np.diag(down[1:], -1)
    rows += np.diag(1 - up - down)
    return Chain.from_probs(rows, "0123456789", 1), up, down


def test_committors_and_flux_of_a_birth_and_death_chain() -> None:
    """By the closed forms that deeptime (Hoffmann, Scherer, Hempel and others) tests itself by."""
    chain, up, down = birth_and_death()
    weights = np.concatenate([[1.0], np.cumprod(up[:-1] / down[1:])])
    pi = weights / weights.sum()
    step = np.concatenate([[1.0], np.cumprod(down[2:8] / up[2:8])])  # from 1 to 8
    forward = np.concatenate([[0, 0], np.cumsum(step)[:-1] / step.sum(), [1, 1]])
    enclosed(analysis.stationary_distribution(chain).each(), pi)
    enclosed(analysis.forward_committor(chain, [0, 1], [8, 9]), forward)
    enclosed(analysis.backward_committor(chain, [0, 1], [8, 9]), 1 - forward)
    flux = analysis.reactive_flux(chain, [0, 1], [8, 9])
    total = pi[1] * up[1] * forward[2]
    enclosed(flux.total_flux, total)
