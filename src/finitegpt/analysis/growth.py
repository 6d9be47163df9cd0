"""How fast the number of possible texts grows with their length, whatever their probabilities.

There are about exp(h n) texts of n tokens, where exp(h) is the Perron root of the graph of arrows, the largest of those
of its communicating classes (Shannon 1948; Lind and Marcus 1995, chapter 4). No chain on that graph is more random: its
entropy rate is at most h (Parry 1964). For any x > 0 on a class, the root lies between the least and the largest of
(A x) / x, A being the matrix of the arrows inside (Collatz 1942, Wielandt 1950).
"""

import math
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from finitegpt.analysis.bound import ROUNDING, Bound
from finitegpt.analysis.stationary import MOST_PRODUCTS
from finitegpt.errors import TooLargeError
from finitegpt.graph import Floats, Graph, Mask
from finitegpt.operator import Operator, of_operator
from finitegpt.rows import RowOperator

_STEPS, _WORK = 200, 2**30
_CHECK = 10
_ENOUGH = 64 * ROUNDING
_NODA, _ELIMINATED = 40, 16384


@of_operator
def topological_entropy(chain: Operator) -> Bound:
    """The growth rate of the number of texts that a chain can write, in nats a token: the logarithm of the Perron root.

    Of several classes, recurrent or not, the largest counts. Exactly 0 where no class has a choice.

    >>> from finitegpt import Chain
    >>> golden = Chain.from_probs([[0.5, 0.5], [1, 0]], "ab", 1)
    >>> print(round(topological_entropy(golden).value, 6), round(math.log((1 + 5**0.5) / 2), 6))
    0.481212 0.481212
    """
    if isinstance(chain, RowOperator) and chain.is_complete:
        return _log(float(chain.width), float(chain.width))
    inside, label = _inside(chain.graph)
    low, high, x = _roots(inside, label)
    # Those classes that may have the largest root are worth more than steps.
    best, most = float(low.max()), float(high.max())
    for which in np.flatnonzero(high > best * (1 + _ENOUGH)).tolist():
        if high[which] - low[which] > _ENOUGH * high[which] and int((label == which).sum()) <= _ELIMINATED:
            with suppress(TooLargeError):
                low[which], high[which] = _refined(inside, label == which, x, float(low[which]), float(high[which]))
    best, most = max(best, float(low.max())), float(high.max())
    return _log(best, most)


def _log(low: float, high: float) -> Bound:
    """ln of a root of 1 or more between two numbers."""
    if high == 1:
        return Bound(0.0, 0.0, 0.0)
    ends = math.log(low), math.log(high)
    value = math.log(low + (high - low) / 2)
    return Bound(value, math.nextafter(ends[0], 0.0), math.nextafter(ends[1], math.inf)).within(0.0, math.inf)


def _inside(graph: Graph) -> tuple[Graph, NDArray[np.int32]]:
    """The arrows inside classes, of weight 1, and the class of each state; those of states on no cycle are left out."""
    label, _ = graph.classes()
    kept = label[graph.source] == label[graph.to]
    first = np.searchsorted(graph.source[kept], np.arange(graph.n_states + 1)).astype(np.int64)
    return Graph(first=first, to=graph.to[kept], probs=np.ones(int(kept.sum()))), label


def _roots(inside: Graph, label: NDArray[np.int32]) -> tuple[Floats, Floats, Floats]:
    """Between what the root of each class lies, 0 for a state on no cycle, and an x (n,).

    By steps of A + I, with which no class cycles.
    """
    n, many = inside.n_states, int(label.max()) + 1
    cyclic = np.diff(inside.first) > 0
    choices = np.diff(inside.first).astype(np.float64)
    low, high = np.full(many, np.inf), np.zeros(many)
    np.minimum.at(low, label, choices)
    np.maximum.at(high, label, choices)
    x = np.ones(n)
    if not (low < high).any():
        return low, high, x
    steps = max(_STEPS, min(_WORK // len(inside.to), 10 * _STEPS))
    slack = 2 * (float(choices.max()) + 4) * ROUNDING
    for step in range(1, steps + 1):
        ahead = np.bincount(inside.source, x[inside.to], n)
        if step % _CHECK == 0:
            ratio = ahead[cyclic] / x[cyclic]
            least, most = np.full(many, np.inf), np.zeros(many)
            np.minimum.at(least, label[cyclic], ratio)
            np.maximum.at(most, label[cyclic], ratio)
            least[np.isinf(least)] = 0.0
            low, high = np.maximum(low, least * (1 - slack)), np.minimum(high, most * (1 + slack))
            best = low.max()
            if (high <= np.maximum(best, low) * (1 + _ENOUGH)).all():
                break
        x = np.where(cyclic, x + ahead, 1.0)
        top = np.zeros(many)
        np.maximum.at(top, label, x)
        x = np.maximum(x / top[label], 1e-250)
    return low, high, x


def _refined(inside: Graph, members: Mask, x: Floats, low: float, high: float) -> tuple[float, float]:
    """The same for one class by Noda's iteration (1971), which needs few steps: x <- (rho - A)^-1 x, rho from above.

    (I - D^-1 A D / rho)^-1 1, where D is x, is the mean time that a chain with these arrows needs to be lost, which
    elimination finds. Any x > 0 gives an interval, so nothing of that needs a proof.
    """
    n = inside.n_states
    kept = members[inside.source]
    source, to = inside.source[kept], inside.to[kept]
    narrowed = 0
    slack = 2 * (float(np.diff(inside.first)[members].max()) + 4) * ROUNDING
    for step in range(_NODA):
        ahead = np.bincount(source, x[to], n)
        ratio = ahead[members] / x[members]
        before = high - low
        low, high = max(low, float(ratio.min()) * (1 - slack)), min(high, float(ratio.max()) * (1 + slack))
        narrowed = step if high - low < 0.9 * before else narrowed
        if high - low <= _ENOUGH * high or step - narrowed > 4:
            break
        weights = x[to] / (x[source] * float(ratio.max()))
        lost = np.maximum(1 - np.bincount(source, weights, n), 1e-15)
        # One more state, at the end, that is the end.
        all_from = np.concatenate((source, np.flatnonzero(members)))
        all_to = np.concatenate((to, np.full(int(members.sum()), n)))
        probs = np.concatenate((weights, lost[members]))
        order = np.argsort(all_from, kind="stable")
        graph = Graph(
            first=np.searchsorted(all_from[order], np.arange(n + 2)).astype(np.int64),
            to=np.ascontiguousarray(all_to[order], np.int32),
            probs=np.ascontiguousarray(probs[order]),
        )
        part = np.concatenate((np.where(members, -1, -2), [0]))
        times = graph.absorb(part, 1, gains=np.ones(n + 1), most=MOST_PRODUCTS).sums[:n]
        new = np.where(members, x * times, 1.0)
        if not np.isfinite(new).all():
            break
        x = np.maximum(new / new[members].max(), 1e-250)
    return low, high
