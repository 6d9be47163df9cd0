"""How likely a chain that has long avoided some states is to avoid them for one more token, and what that lacks to one.

This is the spectral radius of the chain among all other states, Q: for any x > 0, it lies between the least and the
largest of (Q x) / x (Collatz 1942, Wielandt 1950).
"""

from contextlib import suppress

import numpy as np
from numpy.typing import ArrayLike

from finitegpt.analysis.bound import ROUNDING, Bound
from finitegpt.analysis.patterns import select
from finitegpt.analysis.stationary import LARGEST_GTH, MOST_PRODUCTS
from finitegpt.errors import TooLargeError
from finitegpt.graph import MOST, Graph, Mask
from finitegpt.operator import Operator, of_operator

_REPEATED = 16384  # so many states are eliminated again and again
_PATIENCE = 100
_STEPS, _WORK = 1000, 2**30
_CHECK = 10
_POWERS = 40


@of_operator
def hazard(chain: Operator, targets: ArrayLike) -> Bound:
    """How likely a chain that has long avoided `targets` is to come there by one more token: 1 - `survival_rate`.

    Right relatively, however small, where the states outside are few enough to eliminate.

    >>> from finitegpt import Chain
    >>> hazard(Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1), "b").value.__round__(6)
    0.1
    """
    return _leaving(chain, ~select(chain, targets))


@of_operator
def survival_rate(chain: Operator, targets: ArrayLike) -> Bound:
    """How likely a chain that has long avoided `targets` is to avoid it for one more token.

    The spectral radius of the chain among other states (Collatz 1942, Wielandt 1950).

    >>> from finitegpt import Chain
    >>> survival_rate(Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1), "b").value.__round__(6)
    0.9
    """
    rate = _leaving(chain, ~select(chain, targets))
    exact = rate.low == rate.high
    low, high = 1 - rate.high, 1 - rate.low
    return Bound(1 - rate.value, low, high, why=rate.why).widened(0.0 if exact else ROUNDING).within(0.0, 1.0)


def _leaving(chain: Operator, outside: Mask) -> Bound:
    """1 - the spectral radius among some states."""
    found = Bound(0.5, 0.0, 1.0)
    if int(outside.sum()) <= min(_REPEATED, LARGEST_GTH):
        with suppress(TooLargeError):
            found = _hazard(chain.graph, outside)
        if found.high - found.low <= 1e-9 * found.high:
            return found
    # Where leaving is not rare, steps of the chain close the interval faster.
    rho = _survival(chain, outside)
    low, high = max(found.low, 1 - rho.high - ROUNDING), min(found.high, 1 - rho.low + ROUNDING)
    return Bound(min(max(1 - rho.value, low), high), low, high)


def _hazard(graph: Graph, outside: Mask) -> Bound:
    """1 - the spectral radius among some states: the least of those of their classes.

    For any y > 0, and x the mean sum of y until a class is left, y = x - Q x; so 1 - rho lies between the least and the
    largest of y / x (Collatz 1942, Wielandt 1950). Taking x for the next y closes that interval.
    """
    inside = outside[graph.source] & outside[graph.to]
    kept = graph.source[inside]
    first = np.searchsorted(kept, np.arange(graph.n_states + 1)).astype(np.int64)
    among = Graph(first=first, to=graph.to[inside], probs=graph.probs[inside])
    label, _ = among.classes()
    cyclic = np.unique(label[kept[label[kept] == label[among.to]]])  # others die out by themselves
    if len(cyclic) == 0:
        return Bound(1.0, 1.0, 1.0)
    low = high = value = 1.0
    for which in cyclic.tolist():
        members = label == which
        if not (members[graph.source] & ~members[graph.to]).any():
            return Bound(0.0, 0.0, 0.0)  # it is never left
        part = np.where(members, -1, 0)
        y, below, above, narrowed = np.ones(graph.n_states), 0.0, 1.0, 0
        for step in range(_POWERS):
            found = graph.absorb(part, 1, gains=y, most=MOST_PRODUCTS / 10)
            x = found.sums
            if not np.isfinite(found.error) or (x[members] >= MOST).any():
                break
            ratio = y[members] / x[members]
            before = above - below
            below = max(below, float(ratio.min()) * (1 - found.error - 2 * ROUNDING))
            above = min(above, float(ratio.max()) * (1 + found.error + 2 * ROUNDING))
            narrowed = step if above - below < 0.9 * before else narrowed
            if above - below <= 4 * found.error * above or step - narrowed > 3:
                break
            y = np.where(members, np.maximum(x / x[members].max(), 1e-280), 1.0)
        low, high, value = min(low, below), min(high, above), min(value, (below * above) ** 0.5)
    return Bound(min(max(value, low), high), low, high)


def _survival(chain: Operator, outside: Mask) -> Bound:
    """The spectral radius among many states, between the least and the largest of (Q x) / x for any x > 0."""
    x, low, high, value, narrowed = outside.astype(np.float64), 0.0, 1.0, 0.0, 0
    slack = 2 * (chain.width + 16) * ROUNDING + chain.rounding
    for step in range(max(_STEPS, min(_WORK // (chain.n_states * chain.width), 20 * _STEPS))):
        new = chain.pull(x)
        new[~outside] = 0.0
        if not new.any():
            return Bound(0.0, 0.0, 0.0)
        if step % _CHECK == _CHECK - 1:
            # States that die out for certain are on no cycle and do not count; x is 0 on them before long. From below,
            # any x of 0 or more will do: without the states that hardly survive, the bound is that of the others.
            ratio = new[x > 0] / x[x > 0]
            strong = np.where(x > 1e-6 * x.max(), x, 0.0)
            kept = strong > 0
            lasting = chain.pull(strong)[kept] / strong[kept]
            before = high - low
            low = max(low, float(ratio.min()) - slack, float(lasting.min()) - slack)
            high = min(high, float(ratio.max()) + slack)
            value = min(max(float(new[x.argmax()] / x.max()), low), high)
            narrowed = step if high - low < 0.999 * before else narrowed
            if high - low < 1e-13 or step - narrowed > _PATIENCE:
                break
        x = (new + (x if step % 3 == 0 else 0)) / new.max()
    return Bound(value, low, high)
