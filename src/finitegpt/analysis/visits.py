"""How often states are visited before a chain is caught elsewhere, or before it comes to a set of states.

The fundamental matrix of an absorbing chain, N = (I - Q)**-1 (Kemeny and Snell 1960), by columns and by rows. The state
that a chain starts in counts as a visit; R's and PyDTMC's numbers of visits leave it out. What is 0 and what is
infinite the graph says.
"""

import numpy as np
from numpy.typing import ArrayLike

from finitegpt.analysis.bound import Bounds
from finitegpt.analysis.classes import communicating_classes
from finitegpt.analysis.patterns import select
from finitegpt.analysis.starts import start_distribution
from finitegpt.analysis.sums import cut, sums_until_left, visits_until_left
from finitegpt.graph import NEVER, Graph, Mask
from finitegpt.operator import Operator, of_operator


@of_operator
def expected_visits(chain: Operator, to: ArrayLike, until: ArrayLike | None = None) -> Bounds:
    """From each state (V**L,), how often `to` is visited before `until` is reached, or in all; infinite if without end.

    A column of the fundamental matrix where `to` is one state; the sum of several for a set. `to` and `until` are
    patterns, ids or masks. States of `until` are not visited before they are reached. See `visits_from` for a row.

    >>> from finitegpt import Chain
    >>> chain = Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1)
    >>> expected_visits(chain, "a", until="b").values.round(6).tolist(), expected_visits(chain, "a").values.tolist()
    ([10.0, 0.0], [inf, inf])
    """
    end = _ends(chain, until)
    wanted = select(chain, to)
    caught = caught_outside(chain, end)
    ever = _leading(chain, end, caught & wanted)
    open_ = ~(end | caught)
    sums = sums_until_left(chain, open_, (wanted & open_).astype(np.float64))
    values, low, high = (np.where(ever, np.inf, x) for x in (sums.values, sums.low, sums.high))
    return Bounds(values, low, high, sums.why)


@of_operator
def visits_from(chain: Operator, start: ArrayLike | None = None, until: ArrayLike | None = None) -> Bounds:
    """How often each state (V**L,) is visited from a start before `until` is reached, or in all; infinite if without
    end.

    `start` is a state's id or a distribution (V**L,), as `start_distribution` takes it. A row of the fundamental matrix
    where it is one state.

    >>> from finitegpt import Chain
    >>> chain = Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1)
    >>> visits_from(chain, 0, until="b").values.round(6).tolist()
    [10.0, 0.0]
    """
    pi, end = start_distribution(chain, start), _ends(chain, until)
    caught = caught_outside(chain, end)
    open_ = ~(end | caught)
    ever = caught & _led_to(chain, end, pi > 0) if caught.any() else caught
    # A start that sums to nearly one is made to, with a rounding or two.
    found = visits_until_left(chain, open_, np.where(open_, pi, 0.0), (chain.n_states + 2) * 2.0**-53)
    values, low, high = (np.where(ever, np.inf, x) for x in (found.values, found.low, found.high))
    return Bounds(values, low, high, found.why)


def caught_outside(chain: Operator, end: Mask) -> Mask:
    """The states (V**L,) of recurrent classes that have no state of `end`."""
    if chain.is_complete:
        return np.full(chain.n_states, not end.any())
    classes = communicating_classes(chain)
    open_ = classes.recurrent.copy()
    open_[np.unique(classes.label[end])] = False
    return open_[classes.label]


def _leading(chain: Operator, end: Mask, goals: Mask) -> Mask:
    """From where (V**L,) some states outside of `end` can be reached before that."""
    if not goals.any() or chain.is_complete:
        return np.full(chain.n_states, bool(goals.any())) & ~end
    return cut(chain.graph, end).reach(goals) != NEVER


def _led_to(chain: Operator, end: Mask, begun: Mask) -> Mask:
    """What (V**L,) can be reached from some states before `end` is."""
    if chain.is_complete:
        return np.ones(chain.n_states, bool)
    graph = cut(chain.graph, end)
    order = np.argsort(graph.to, kind="stable")
    counts = np.bincount(graph.to, minlength=chain.n_states)
    first = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    backward = Graph(first=first, to=graph.source[order], probs=graph.probs[order])
    return backward.reach(begun) != NEVER


def _ends(chain: Operator, until: ArrayLike | None) -> Mask:
    return np.zeros(chain.n_states, bool) if until is None else select(chain, until)
