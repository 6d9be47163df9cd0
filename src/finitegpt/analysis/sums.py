"""What is gathered while a chain stays among some states: sums of gains from each state, and visits from a start.

Both come from N = (I - Q)**-1, Q being the chain among these states: N g from each state, mu N from a start. Up to some
4,096 states by elimination without subtractions (`graph.py`), so that every number is right relatively, however small;
beyond by iteration (`iteration.py`), proved after the fact, or else by elimination again.
"""

from contextlib import suppress

import numpy as np
from numpy.typing import ArrayLike

from finitegpt.analysis.bound import ROUNDING, Bounds
from finitegpt.analysis.iteration import TOO_LONG, iterated_sums, iterated_times
from finitegpt.analysis.stationary import LARGEST_GTH, MOST_PRODUCTS
from finitegpt.arguments import numbers
from finitegpt.errors import InputError, TooLargeError
from finitegpt.graph import LEAST, MOST, Floats, Graph, Mask
from finitegpt.operator import Operator

SURE = 4096
"""So many states are always eliminated."""
SOON, SOME_PRODUCTS = 16384, MOST_PRODUCTS / 10
"""So many are before anything else is tried, where that takes at most so many products: a second's work."""

_NARROW = 1e-6
_STEPS, _WORK, _CHECK = 10_000, 2**31, 50


def sums_until_left(chain: Operator, open_: Mask, gains: Floats, relative: float = 0.0) -> Bounds:
    """The mean sum (n,) of gains (n,) of 0 or more until the states `open_` are left for ever; 0 elsewhere.

    They must be left for certain from everywhere among them, and it ends with the first state that is not. `relative`
    is the error that the gains may have.
    """
    many = int(open_.sum())
    if not gains[open_].any():
        nothing = np.zeros(chain.n_states)
        return Bounds(nothing, nothing, nothing)

    def eliminated(most: float) -> Bounds:
        found = chain.graph.absorb(np.where(open_, -1, 0), 1, gains=gains, most=most)
        return around(found.sums, either(found.error, relative))

    if many <= min(SURE, LARGEST_GTH):
        return eliminated(np.inf)
    found = iterated_sums(chain, open_, gains)
    values, low, high = (np.where(open_, x, 0.0) for x in (found.values, found.low, found.high))
    low, high = low * (1 - relative - 2 * ROUNDING), high * (1 + relative + 2 * ROUNDING)
    enough = np.maximum(_NARROW * values, 1e-3 * _NARROW * float(values.max()))
    if not (high - low <= enough).all() and many <= LARGEST_GTH:
        with suppress(TooLargeError):
            return eliminated(MOST_PRODUCTS)
    return Bounds(values, low, high, found.why)


def visits_until_left(chain: Operator, open_: Mask, start: Floats, relative: float = 0.0) -> Bounds:
    """How often each state (n,) is visited from `start` (n,), which counts, until `open_` is left; 0 elsewhere.

    As above; what starts elsewhere is left out.
    """
    many = int(open_.sum())

    def eliminated(most: float) -> Bounds:
        visits, error = chain.graph.visits(np.where(open_, -1, 0), start, most)
        return around(visits, either(error, relative))

    if many <= min(SURE, LARGEST_GTH):
        return eliminated(np.inf)
    found = _by_steps(chain, open_, start, patient=False)
    if found is None and many <= LARGEST_GTH:
        with suppress(TooLargeError):
            return eliminated(MOST_PRODUCTS)
    found = _by_steps(chain, open_, start, patient=True) if found is None else found
    assert found is not None
    low, high = found.low * (1 - relative - 2 * ROUNDING), found.high * (1 + relative + 2 * ROUNDING)
    return Bounds(found.values, low, high, found.why)


def either(one: float, other: float) -> float:
    """The relative error of a product of two numbers that are right within so much."""
    return (one + other) * (1 + 4 * ROUNDING) + one * other


def around(values: Floats, relative: float) -> Bounds:
    """Numbers of 0 or more that are right within `relative`, relatively, as elimination gives them.

    Those at the ends of double precision are bounds, and 0 is exactly 0. An infinite error proves nothing.
    """
    if not relative < 1:
        return Bounds(values, np.zeros_like(values), np.where(values == 0, 0.0, np.inf))
    with np.errstate(over="ignore"):
        low, high = np.where(values <= LEAST, 0.0, values * (1 - relative)), values * (1 + relative)
    return Bounds(values, low, np.where(values >= MOST, np.inf, high))


def difference(more: Bounds, less: Bounds) -> Bounds:
    """One minus the other, state by state; an infinite number may be among the first only, or among the second."""
    exact = (more.low == more.high) & (less.low == less.high) & ((less.low == 0) | (more.low == 0))
    with np.errstate(invalid="ignore", over="ignore"):
        values = more.values - less.values
        low, high = np.nextafter(more.low - less.high, -np.inf), np.nextafter(more.high - less.low, np.inf)
    low, high = np.where(exact, values, low), np.where(exact, values, high)
    low, high = np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)
    values = np.where(np.isnan(values), 0.0, values)
    return Bounds(values.clip(low, high), low, high, more.why or less.why)


def cut(graph: Graph, ends: Mask) -> Graph:
    """The graph without the arrows out of some states."""
    kept = ~ends[graph.source]
    counts = np.where(ends, 0, np.diff(graph.first))
    first = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    return Graph(first=first, to=graph.to[kept], probs=graph.probs[kept], rounding=graph.rounding)


def finite_function(chain: Operator, function: ArrayLike, what: str = "numbers") -> Floats:
    """A finite number for each state (n,); InputError where it is not."""
    f = numbers(what, function, instead=f"{chain.n_states} {what}, one a state").copy()
    if f.shape != (chain.n_states,) or not np.isfinite(f).all():
        raise InputError(
            f"expected {chain.n_states} finite {what}, one a state, got shape {f.shape} or others; try another"
        )
    return f


def _by_steps(chain: Operator, open_: Mask, start: Floats, *, patient: bool) -> Bounds | None:
    """Visits by following the start until nearly all of it has left; what has not is bounded by its mean time.

    None where that would take too many steps, unless `patient`.
    """
    mu, visits = np.where(open_, start, 0.0), np.zeros(chain.n_states)
    most = max(_CHECK, min(_STEPS, _WORK // (chain.n_states * chain.width)))
    whole, step = float(mu.sum()), 0
    before = left = whole
    while step < most and left > 1e-16 * whole:
        visits += mu
        mu = chain.push(mu)
        mu[~open_] = 0.0
        left, step = float(mu.sum()), step + 1
        if step % _CHECK == 0:
            rate = np.log(left / before) if 0 < left < before else -0.0
            if not patient and step - _CHECK * np.log(left / (1e-16 * whole)) / min(rate, -1e-9) > most:
                return None
            before = left
    times = iterated_times(chain, open_).high
    used = mu > 0
    rest = float(mu[used] @ times[used]) * (1 + (chain.n_states + 4) * ROUNDING) if used.any() else 0.0
    off = (step + 2) * ((chain.width + 16) * ROUNDING + chain.rounding) + (step + 2) * ROUNDING
    lost = (step + 1) * (chain.width + 1) * 5e-324  # what is too small for double precision
    low, high = (visits * (1 - off) - lost).clip(0), (visits * (1 + off) + lost) * (1 + 4 * ROUNDING) + rest
    high = np.where(open_, high, 0.0)
    return Bounds(visits, low, high, "" if np.isfinite(rest) else TOO_LONG)
