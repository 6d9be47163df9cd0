"""How much more comes in from a state on than in the long run: Poisson's equation, and the matrix behind it.

The deviation matrix sums up how far the chain still is from its long run, D = sum over t of (P**t - 1 pi) (Cesaro's sum
where it is periodic), and Z = D + 1 pi = (I - P + 1 pi)**-1 is the fundamental matrix of Kemeny and Snell (1960). With
any recurrent state r, and N counting visits before r,

    D = (I - 1 pi) N (I - 1 pi),

so that D f, a column of it, or a row, is a few eliminations, and values have the error of these. r is the most probable
state. Chains of more states are iterated. Either way the answer is proved after the fact: what is missing of an
equation, summed up over all steps to come, makes at most so many times as much as

- the mean time to r, which `mean_first_passage_times` proves, or
- L / beta, where copies that start anywhere can be made to meet within L steps with a probability of beta (Doeblin).
"""

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from finitegpt.analysis.bound import ROUNDING, Bound, Bounds
from finitegpt.analysis.classes import communicating_classes
from finitegpt.analysis.entropy import average, by_law
from finitegpt.analysis.hitting import mean_first_passage_times
from finitegpt.analysis.patterns import select_one
from finitegpt.analysis.starts import law_of
from finitegpt.analysis.stationary import StationaryDistribution, right_relatively
from finitegpt.analysis.sums import SOME_PRODUCTS, SOON, SURE, around, difference, either, finite_function
from finitegpt.errors import InputError, TooLargeError
from finitegpt.graph import MOST, Floats
from finitegpt.operator import Operator, of_operator

_STEPS, _WORK, _CHECK = 20_000, 2**32, 16
_BEYOND = "sums go beyond double precision; a higher temperature would help"
_LARGE = 1e280  # what steps could lead out of double precision


@dataclass(frozen=True, eq=False)
class Poisson:
    """h with h = f - pi f + P h, up to a number that is the same for all states."""

    h: Bounds
    average: Bound
    """pi f."""
    law: StationaryDistribution


@of_operator
def bias(chain: Operator, function: ArrayLike, law: StationaryDistribution | None = None) -> Bounds:
    """How much more of a function comes in all from each state (V**L,) on than in the long run: the bias.

    The sum over t of E f(X_t) - pi f, which solves Poisson's equation h = f - pi f + P h with pi h = 0 (Puterman 1994,
    section 8.2). The chain must have one recurrent class. For the average itself see `average`.

    >>> from finitegpt import Chain
    >>> bias(Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1), [0, 1]).values.round(6).tolist()
    [-0.277778, 1.388889]
    """
    return _centred(solve_poisson(chain, finite_function(chain, function), law))


@of_operator
def fundamental_column(chain: Operator, state: str | ArrayLike) -> Bounds:
    """A column (V**L,) of Z = (I - P + 1 pi)**-1 (Kemeny and Snell 1960): z_ij for one j and every i.

    z_ij - pi_j says how many more visits to j there will be than in the long run, started in i; mean first passage
    times are (z_jj - z_ij) / pi_j. `state` is an id, or text. The chain must have one recurrent class.

    >>> from finitegpt import Chain
    >>> fundamental_column(Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1), "b").values.round(6).tolist()
    [-0.111111, 1.555556]
    """
    one = select_one(chain, state)
    indicator = np.zeros(chain.n_states)
    indicator[one] = 1.0
    found = solve_poisson(chain, indicator, None)
    h, pi = _centred(found), found.average
    low, high = np.nextafter(h.low + pi.low, -np.inf), np.nextafter(h.high + pi.high, np.inf)
    return Bounds((h.values + pi.value).clip(low, high), low, high, h.why)


@np.errstate(over="ignore", invalid="ignore")
@of_operator
def fundamental_row(chain: Operator, state: str | ArrayLike) -> Bounds:
    """A row (V**L,) of Z = (I - P + 1 pi)**-1 (Kemeny and Snell 1960): z_ij for one i and every j. As the column.

    >>> from finitegpt import Chain
    >>> fundamental_row(Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1), "a").values.round(6).tolist()
    [1.111111, -0.111111]
    """
    one, law = select_one(chain, state), _sharp(chain, only_law(chain, None))
    often = int(law.states[law.probs.argmax()])
    times = mean_first_passage_times(chain, [often])
    found = None
    if chain.n_states <= SOON:
        with suppress(TooLargeError):
            found = _row_by_elimination(chain, one, often, law, times)
    pi = law.dense()
    missing, d = _row(chain, one, pi, None if found is None else found.values - pi)
    off = 2 * law.error + missing
    error = min(off * _meeting(chain), 2 * off * float(times.high.max())) * (1 + 8 * ROUNDING) + law.error
    # A row sums to zero.
    error += abs(float(d.sum())) + (chain.n_states + 8) * ROUNDING * (1 + float(np.abs(d).sum()))
    error = np.inf if np.isnan(error) else float(np.nextafter(error, np.inf))
    if found is not None and found.error <= error:
        return found
    values = d + pi
    low, high = np.nextafter(values - error, -np.inf), np.nextafter(values + error, np.inf)
    return Bounds(values, low, high, "" if error < np.inf else law.why or times.why or _BEYOND)


def solve_poisson(chain: Operator, f: Floats, law: StationaryDistribution | None, at: int | None = None) -> Poisson:
    """A solution of Poisson's equation for finite f (n,), with the average and the law.

    With a recurrent state `at` of a small chain, one that is narrow for states that come there soon.
    """
    law = _sharp(chain, only_law(chain, law))
    centre = average(chain, f, law).value
    g = f - centre  # rounds relatively
    if not g.any():
        zero = np.zeros_like(f)
        return Poisson(Bounds(zero, zero, zero), Bound(centre, centre, centre), law)
    rest = average(chain, g, law, rounding=ROUNDING)
    off = ROUNDING * np.abs(g)
    g -= rest.value
    off += ROUNDING * np.abs(g)
    often, small = int(law.states[law.probs.argmax()]), chain.n_states <= SURE
    if at is not None:
        return Poisson(_by_elimination(chain, g, rest.error + off, at), Bound(centre, centre, centre).plus(rest), law)
    times = mean_first_passage_times(chain, [often])
    first = _by_elimination(chain, g, rest.error + off, often) if small else None
    h, low, high = _improved(chain, g, None if first is None else first.values, float(off.max()))
    if not np.isfinite(high - low):
        assert first is not None
        return Poisson(first, Bound(centre, centre, centre).plus(rest), law)
    shift = Bound(0.0, low, high).plus(Bound(rest.value, rest.value, rest.value))  # what is missing says more of it
    known = Bound(rest.value, max(rest.low, shift.low), min(rest.high, shift.high))
    whole = Bound(centre, centre, centre).plus(known)
    meeting = _meeting(chain)
    with np.errstate(over="ignore"):
        error = (high - low) * times.high
    if meeting < float(error.max()) / (high - low):
        error = np.full_like(h, (high - low) * meeting)
    error = error * (1 + 8 * ROUNDING)
    if first is not None and first.error <= float(error.max()):
        return Poisson(first, whole, law)
    why = "" if np.isfinite(error).all() else times.why
    return Poisson(Bounds(h, np.nextafter(h - error, -np.inf), np.nextafter(h + error, np.inf), why), whole, law)


def only_law(chain: Operator, law: StationaryDistribution | None) -> StationaryDistribution:
    """The law of a chain's only recurrent class; InputError where there are several, given one or not."""
    if law is not None and int(communicating_classes(chain).recurrent.sum()) > 1:
        raise InputError("expected a chain with one recurrent class, got several; try a chain of one of them")
    return law_of(chain, law)


def _sharp(chain: Operator, law: StationaryDistribution) -> StationaryDistribution:
    return right_relatively(chain, law, np.inf if chain.n_states <= SURE else SOME_PRODUCTS)


def _centred(found: Poisson) -> Bounds:
    """The solution that has an average of 0."""
    h, law = found.h, found.law
    inside, nothing = law.states, np.full_like(h.values, np.inf)
    if not (h.low.any() or h.high.any()):
        return h
    if not np.isfinite([h.low[inside], h.high[inside]]).all():
        mean = by_law(law, h.values[inside].clip(-MOST, MOST))[0]
        return Bounds(h.values - mean, -nothing, nothing, h.why or _BEYOND)
    shift = Bound(by_law(law, h.values[inside])[0], by_law(law, h.low[inside])[1], by_law(law, h.high[inside])[2])
    low, high = np.nextafter(h.low - shift.high, -np.inf), np.nextafter(h.high - shift.low, np.inf)
    return Bounds((h.values - shift.value).clip(low, high), low, high, h.why)


def _meeting(chain: Operator) -> float:
    """L / beta: in how many steps copies of the chain meet, at most; infinite where that is not known."""
    steps, beta = chain.overlap()
    return steps / beta * (1 + 4 * ROUNDING) if beta > 0 else np.inf


def _by_elimination(chain: Operator, g: Floats, off: Floats, often: int) -> Bounds:
    """h with 0 at one state, where g is right within `off`."""
    part = np.full(chain.n_states, -1)
    part[often] = 0

    def summed(gains: Floats) -> Bounds:
        found = chain.graph.absorb(part, 1, gains=gains)
        return around(found.sums, found.error)

    h, doubt = difference(summed(np.maximum(g, 0.0)), summed(np.maximum(-g, 0.0))), summed(off).high
    with np.errstate(over="ignore"):
        low, high = np.nextafter(h.low - doubt, -np.inf), np.nextafter(h.high + doubt, np.inf)
    low[often], high[often] = 0.0, 0.0
    return Bounds(h.values, low, high)


@np.errstate(over="ignore", invalid="ignore")
def _improved(chain: Operator, g: Floats, first: Floats | None, off: float) -> tuple[Floats, float, float]:
    """h by value iteration, and between what g + P h - h lies, rounding included, where g is right within `off`."""
    h, gain = np.zeros_like(g) if first is None else first.copy(), np.empty_like(g)
    best, least, most = h, -np.inf, np.inf
    if not np.abs(h).max() < _LARGE:
        return best, least, most
    for step in range(2 * _CHECK + 1 if first is not None else _steps(chain)):
        chain.pull(h, out=gain)
        gain -= h
        gain += g
        if step % _CHECK == 0:
            low, high, size = float(gain.min()), float(gain.max()), float(np.abs(h).max() + np.abs(g).max())
            slack = (2 * chain.rounding + (chain.width + 24) * ROUNDING) * size + off
            before = most - least
            if high - low + 2 * slack < before:
                best, least, most = h.copy(), low - slack, high + slack
            if high - low <= slack or most - least > 0.999 * before:
                break
            gain += 0.5 * (float(h.min()) + float(h.max())) if step % (4 * _CHECK) == 0 else 0.0
        h += gain if step % 4 else 0.5 * gain  # half a step, which no periodic chain can follow for ever
    return best, least, most


@np.errstate(over="ignore", invalid="ignore")
def _row_by_elimination(chain: Operator, one: int, often: int, law: StationaryDistribution, times: Bounds) -> Bounds:
    """z_ij = n_ij - (pi N)_j + pi_j (1 + pi t - t_i), where t_i is the time to r, and n counts visits before r."""
    part, start, pi, inside = np.full(chain.n_states, -1), np.zeros(chain.n_states), law.each(), law.states
    part[often] = 0
    start[one] = float(one != often)
    most = np.inf if chain.n_states <= SURE else SOME_PRODUCTS
    visits = around(*chain.graph.visits(part, start, most))
    usual, error = chain.graph.visits(part, np.where(part < 0, pi.values, 0.0), most)
    off = law.relative if np.isfinite(law.relative) else 1.0
    mean = around(usual, either(error, off))
    low, high = (by_law(law, x[inside])[k] for x, k in ((times.low, 1), (times.high, 2)))
    usually = Bound(by_law(law, times.values[inside])[0], low, high)
    ahead = Bound(1.0, 1.0, 1.0).plus(usually).plus(times.at(one).times(Bound(-1.0, -1.0, -1.0)))
    ends = np.stack([pi.low * ahead.low, pi.low * ahead.high, pi.high * ahead.low, pi.high * ahead.high])
    ends[np.isnan(ends)] = 0.0
    more, least, largest = (
        difference(visits, mean),
        np.nextafter(ends.min(0), -np.inf),
        np.nextafter(ends.max(0), np.inf),
    )
    low, high = np.nextafter(more.low + least, -np.inf), np.nextafter(more.high + largest, np.inf)
    return Bounds((more.values + pi.values * ahead.value).clip(low, high), low, high, law.why)


@np.errstate(over="ignore", invalid="ignore")
def _row(chain: Operator, one: int, pi: Floats, first: Floats | None) -> tuple[float, Floats]:
    """A row d of the deviation matrix by steps, and the sum of what is missing of d = e - pi + d P, at most."""
    start = -pi
    start[one] += 1
    d, moved = (start if first is None else first).copy(), np.empty_like(pi)
    best, least = d, np.inf
    if not np.abs(d).sum() < _LARGE:
        return least, best
    for step in range(2 * _CHECK + 1 if first is not None else _steps(chain)):
        chain.push(d, out=moved)
        moved += start
        if step % _CHECK == 0:
            left, size = float(np.abs(moved - d).sum()), 2 * float(np.abs(d).sum()) + 2
            slack = (2 * chain.rounding + (chain.width + chain.n_states + 24) * ROUNDING) * size
            before = least
            if left + slack < before:
                best, least = d.copy(), left + slack
            if left <= slack or least > 0.999 * before:
                break
        d = moved - moved.sum() * pi if step % 4 else 0.5 * (moved + d)
    return least, best


def _steps(chain: Operator) -> int:
    return max(16 * _CHECK, min(_STEPS, _WORK // (chain.n_states * chain.width)))
