"""The fundamental matrix of a chain that comes back everywhere, Z = (I - P + 1 pi)**-1, a row or a column at a time.

A column is pi_j and the bias of the function that is 1 at j (`deviation.py`). A row, with any recurrent state r, times
t_i to r, and N counting visits before that, is z_ij = n_ij - (pi N)_j + pi_j (1 + pi t - t_i): the visits from i less
those from the long run, and what the longer way costs. It too is proved by what is missing of its equation, or by what
elimination rounds, whichever says more.
"""

from contextlib import suppress

import numpy as np
from numpy.typing import ArrayLike

from finitegpt.analysis.bound import ROUNDING, Bound, Bounds
from finitegpt.analysis.deviation import (
    BEYOND,
    CHECK,
    LARGE,
    centred,
    meeting_time,
    most_steps,
    only_law,
    sharp,
    solve_poisson,
)
from finitegpt.analysis.entropy import by_law
from finitegpt.analysis.hitting import mean_first_passage_times
from finitegpt.analysis.patterns import select_one
from finitegpt.analysis.stationary import StationaryDistribution
from finitegpt.analysis.sums import SOME_PRODUCTS, SOON, SURE, around, difference, either
from finitegpt.errors import TooLargeError
from finitegpt.graph import Floats
from finitegpt.operator import Operator, of_operator


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
    h, pi = centred(found), found.average
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
    one, law = select_one(chain, state), sharp(chain, only_law(chain, None))
    often = int(law.states[law.probs.argmax()])
    times = mean_first_passage_times(chain, [often])
    found = None
    if chain.n_states <= SOON:
        with suppress(TooLargeError):
            found = _row_by_elimination(chain, one, often, law, times)
    pi = law.dense()
    missing, d = _row(chain, one, pi, None if found is None else found.values - pi)
    off = 2 * law.error + missing
    error = min(off * meeting_time(chain), 2 * off * float(times.high.max())) * (1 + 8 * ROUNDING) + law.error
    # A row sums to zero.
    error += abs(float(d.sum())) + (chain.n_states + 8) * ROUNDING * (1 + float(np.abs(d).sum()))
    error = np.inf if np.isnan(error) else float(np.nextafter(error, np.inf))
    if found is not None and found.error <= error:
        return found
    values = d + pi
    low, high = np.nextafter(values - error, -np.inf), np.nextafter(values + error, np.inf)
    return Bounds(values, low, high, "" if error < np.inf else law.why or times.why or BEYOND)


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
    if not np.abs(d).sum() < LARGE:
        return least, best
    for step in range(2 * CHECK + 1 if first is not None else most_steps(chain)):
        chain.push(d, out=moved)
        moved += start
        if step % CHECK == 0:
            left, size = float(np.abs(moved - d).sum()), 2 * float(np.abs(d).sum()) + 2
            slack = (2 * chain.rounding + (chain.width + chain.n_states + 24) * ROUNDING) * size
            before = least
            if left + slack < before:
                best, least = d.copy(), left + slack
            if left <= slack or least > 0.999 * before:
                break
        d = moved - moved.sum() * pi if step % 4 else 0.5 * (moved + d)
    return least, best
