"""How far times to a set of states scatter around their means: variances and standard deviations.

From the mean times m there are two ways to the variance of the time from a state,

- E T**2 - m**2, where E T**2 is the mean sum of 2 m - 1 until the set is reached: narrow where the time scatters as
  much as it lasts, as it does where coming there is rare;
- the mean sum of what each step adds, the variance of m + 1 after it (law of total variance): narrow where the time is
  nearly certain, since what is squared there is small.

An interval is what both leave. It is 0 where the graph has ways of one length only.
"""

import numpy as np
from numpy.typing import ArrayLike

from finitegpt.analysis.bound import ROUNDING, Bounds
from finitegpt.analysis.hitting import mean_first_passage_times
from finitegpt.analysis.patterns import select
from finitegpt.analysis.sums import cut, difference, sums_until_left
from finitegpt.graph import LEAST, NEVER, Floats, Mask
from finitegpt.operator import Operator, of_operator

_NARROW = 1e-9
_WHOLE = 2.0**40
_TOO_LONG = "squares of times this long do not fit in double precision; a higher temperature would help"


@of_operator
def first_passage_variances(chain: Operator, targets: ArrayLike) -> Bounds:
    """The variance (V**L,), from each state, of the number of tokens until `targets` is reached; in tokens squared.

    0 on a target, infinite where it is not reached for certain. Kemeny and Snell (1960), section 3.3.

    >>> from finitegpt import Chain
    >>> first_passage_variances(Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1), "b").values.round(6).tolist()
    [90.0, 0.0]
    """
    target = select(chain, targets)
    times = mean_first_passage_times(chain, target)
    open_ = np.isfinite(times.low) & ~target
    result = np.where(target, 0.0, np.inf)
    sure = _sure(chain, target, times.values, open_)
    result[sure] = 0.0
    if not (open_ & ~sure).any():
        return Bounds(result, result, result)
    found, whole = _by_squares(chain, open_, times), open_
    open_ = open_ & ~sure
    values, low, high, why = found.values, found.low, found.high, found.why
    if not (high - low <= _NARROW * high)[open_].all():
        other = _by_steps(chain, whole, times)
        values = np.where(other.high - other.low < high - low, other.values, values)
        low, high = np.maximum(low, other.low), np.minimum(high, other.high)
        why = "" if np.isfinite(high[open_]).all() else why or other.why
    low, high = np.minimum(low, high), np.maximum(low, high)
    values = np.where((values <= 0) & (high > 0), 0.5 * high, values)
    values, low, high = (np.where(open_, x, result) for x in (values.clip(low, high), low, high))
    return Bounds(values, low, high, why)


@of_operator
def first_passage_deviations(chain: Operator, targets: ArrayLike) -> Bounds:
    """The standard deviation (V**L,), from each state, of the number of tokens until `targets` is reached.

    >>> from finitegpt import Chain
    >>> first_passage_deviations(Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1), "b").values.round(6).tolist()
    [9.486833, 0.0]
    """
    found = first_passage_variances(chain, targets)
    values, low, high = (np.sqrt(x) for x in (found.values, found.low, found.high))
    exact = (found.low == found.high) & ((found.values == 0) | np.isinf(found.values))
    low, high = np.where(exact, low, np.nextafter(low, 0.0)), np.where(exact, high, np.nextafter(high, np.inf))
    return Bounds(values, low, high, found.why)


def _sure(chain: Operator, target: Mask, times: Floats, open_: Mask) -> Mask:
    """From where all ways to the target have one length, so that the variance is 0.

    They have if there are whole numbers, 0 on the target, that each arrow makes less by one.
    """
    graph = chain.graph
    length = np.where(open_ | target, np.rint(np.where(np.isfinite(times), times, 0.0)), -1.0)
    other = open_[graph.source] & (length[graph.source] != length[graph.to] + 1)
    doubtful = np.zeros(chain.n_states, bool)
    doubtful[graph.source[other]] = True
    sure = open_ & (length < 2.0**53)
    if doubtful.any() and sure.any():
        sure &= cut(graph, target).reach(doubtful) == NEVER
    return sure


def _by_squares(chain: Operator, open_: Mask, times: Bounds) -> Bounds:
    """E T**2 - m**2."""
    m = np.where(open_, times.values, 0.0)
    off = _relative(times, open_)
    # 2 m - 1 is at least m, so that its relative error is at most twice as large.
    with np.errstate(over="ignore"):
        gains = np.minimum(np.where(open_, 2 * m - 1, 0.0), np.finfo(np.float64).max)
        squares = sums_until_left(chain, open_, gains, min(2 * off + 4 * ROUNDING, 1.0))
        least, most = np.where(open_, times.low, 0.0) ** 2, np.where(open_, times.high, 0.0) ** 2
    with np.errstate(invalid="ignore", over="ignore"):
        low = np.nextafter(squares.low - np.nextafter(most, np.inf), -np.inf).clip(0)
        high = np.nextafter(squares.high - np.nextafter(least, 0.0), np.inf).clip(0)
        values = squares.values - m**2
    lost = open_ & ~np.isfinite(values)
    low, high, values = np.where(lost, 0.0, low), np.where(lost, np.inf, high), np.where(lost, np.inf, values)
    return Bounds(values.clip(low, high), low, high, (_TOO_LONG if lost.any() else squares.why) or times.why)


def _by_steps(chain: Operator, open_: Mask, times: Bounds) -> Bounds:
    """The mean sum of the variances of single steps, each over an arrow's m + 1 there less m here."""
    graph, n = chain.graph, chain.n_states
    used = open_[graph.source]
    source, to, probs = graph.source[used], graph.to[used], graph.probs[used]
    with np.errstate(invalid="ignore", over="ignore"):
        m = np.where(open_, times.values, 0.0)
        doubt = np.where(open_, np.maximum(times.high - m, m - times.low), 0.0)
        apart = np.abs(m[to] + 1 - m[source])
        off = (doubt[to] + doubt[source]) * (1 + 4 * ROUNDING) + 2 * ROUNDING * (m[to] + 1 + m[source])
        # Likewise by what they lack to whole numbers, which is a mean sum of what arrows lack: nothing where one way is
        # nearly certain.
        whole = np.where(open_ & (m < _WHOLE), np.rint(m), 0.0)
        step = whole[to] + 1 - whole[source]
        rounded = graph.rounding + (chain.width + 8) * ROUNDING
        gains = [np.bincount(source, probs * part.clip(0), n).astype(np.float64) for part in (step, -step)]
        gained, lost = (sums_until_left(chain, open_, gain, rounded) for gain in gains)
        rest = difference(gained, lost)
        doubt = np.maximum(rest.high - rest.values, rest.values - rest.low)
        other = np.abs(step + (rest.values[to] - rest.values[source]))
        size = np.abs(rest.values[to]) + np.abs(rest.values[source])
        beside = (doubt[to] + doubt[source]) * (1 + 4 * ROUNDING) + 2 * ROUNDING * (size + other)
        apart, off = np.where(beside < off, other, apart), np.minimum(beside, off)
        # What a square loses that double precision does not hold is added.
        least = np.bincount(source, probs * (apart - off).clip(0) ** 2, n) / (1 + rounded)
        least[least < LEAST] = 0.0
        most = np.bincount(source, probs * ((apart + off) ** 2 + LEAST), n) * (1 + rounded) + LEAST * open_
    if not np.isfinite(most).all():
        return Bounds(np.full(n, np.inf), np.zeros(n), np.full(n, np.inf), times.why)
    low, high = sums_until_left(chain, open_, least), sums_until_left(chain, open_, most)
    return Bounds(0.5 * low.values + 0.5 * high.values, low.low, high.high, high.why)


def _relative(times: Bounds, open_: Mask) -> float:
    with np.errstate(invalid="ignore"):
        m, low, high = times.values[open_], times.low[open_], times.high[open_]
        worst = float(np.max(np.maximum(high - m, m - low) / m))
    return worst if worst < 1 else 1.0
