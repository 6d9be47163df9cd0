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

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from finitegpt.analysis.bound import ROUNDING, Bound, Bounds
from finitegpt.analysis.classes import communicating_classes
from finitegpt.analysis.entropy import average, by_law
from finitegpt.analysis.hitting import mean_first_passage_times
from finitegpt.analysis.starts import law_of
from finitegpt.analysis.stationary import StationaryDistribution, right_relatively
from finitegpt.analysis.sums import SOME_PRODUCTS, SURE, around, difference, finite_function
from finitegpt.errors import InputError
from finitegpt.graph import MOST, Floats
from finitegpt.operator import Operator, of_operator

CHECK = 16
"""After so many steps it is looked at what is missing."""
LARGE = 1e280
"""Sums that steps could lead out of double precision."""
BEYOND = "sums go beyond double precision; a higher temperature would help"
"""Why nothing is proved, and what would help."""

_STEPS, _WORK = 20_000, 2**32


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
    return centred(solve_poisson(chain, finite_function(chain, function), law))


def solve_poisson(chain: Operator, f: Floats, law: StationaryDistribution | None, at: int | None = None) -> Poisson:
    """A solution of Poisson's equation for finite f (n,), with the average and the law.

    With a recurrent state `at` of a small chain, one that is narrow for states that come there soon.
    """
    law = sharp(chain, only_law(chain, law))
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
    meeting = meeting_time(chain)
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


def sharp(chain: Operator, law: StationaryDistribution) -> StationaryDistribution:
    """The law, each probability right relatively where that is little work."""
    return right_relatively(chain, law, np.inf if chain.n_states <= SURE else SOME_PRODUCTS)


def centred(found: Poisson) -> Bounds:
    """The solution that has an average of 0."""
    h, law = found.h, found.law
    inside, nothing = law.states, np.full_like(h.values, np.inf)
    if not (h.low.any() or h.high.any()):
        return h
    if not np.isfinite([h.low[inside], h.high[inside]]).all():
        mean = by_law(law, h.values[inside].clip(-MOST, MOST))[0]
        return Bounds(h.values - mean, -nothing, nothing, h.why or BEYOND)
    shift = Bound(by_law(law, h.values[inside])[0], by_law(law, h.low[inside])[1], by_law(law, h.high[inside])[2])
    low, high = np.nextafter(h.low - shift.high, -np.inf), np.nextafter(h.high - shift.low, np.inf)
    return Bounds((h.values - shift.value).clip(low, high), low, high, h.why)


def meeting_time(chain: Operator) -> float:
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
    if not np.abs(h).max() < LARGE:
        return best, least, most
    h -= 0.5 * (float(h.min()) + float(h.max()))
    for step in range(2 * CHECK + 1 if first is not None else most_steps(chain)):
        chain.pull(h, out=gain)
        gain -= h
        gain += g
        if step % CHECK == 0:
            low, high, size = float(gain.min()), float(gain.max()), float(np.abs(h).max() + np.abs(g).max())
            slack = (2 * chain.rounding + (chain.width + 24) * ROUNDING) * size + off
            before = most - least
            if high - low + 2 * slack < before:
                best, least, most = h.copy(), low - slack, high + slack
            if high - low <= slack or most - least > 0.999 * before:
                break
        h += gain if step % 4 else 0.5 * gain  # half a step, which no periodic chain can follow for ever
    return best, least, most


def most_steps(chain: Operator) -> int:
    """How many steps are taken at most."""
    return max(16 * CHECK, min(_STEPS, _WORK // (chain.n_states * chain.width)))
