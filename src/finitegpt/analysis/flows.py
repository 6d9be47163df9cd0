"""The stationary law of a chain too large to eliminate, however slowly it mixes, each probability right relatively.

It is found by aggregation and disaggregation (Koury, McAllister and Stewart 1984): groups of states become the states
of a small chain, which elimination solves; Gauss-Seidel steps put states inside their group right; and again. Groups
are those that greedy steps bring together, forwards, along the most probable arrow out of each state, and every other
time backwards, along the arrow into each state by which most comes. Numbers are kept as m 2**e, since improbable states
of a sharp chain are below what double precision holds, and all must be right for what follows.

It is proved after the fact, by the matrix-tree theorem (`engine/flows.c`): what flows along the arrows nearly balances
in every state, and by how much arrows would have to change for it to balance tells how far off a probability can be.
"""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finitegpt import library
from finitegpt.analysis.bound import ROUNDING
from finitegpt.graph import LEAST, Floats, Graph, Ids, Mask
from finitegpt.limits import require_memory

_CYCLES, _FEW, _WORK = 120, 10, 2**28  # fewer cycles where there are many arrows
_SWEEPS = 20
_GROUPS = 1024
_SETTLED, _STILL = 1e-12, 1e-15
_STEADY = 4
_FARTHEST = 2**24  # between exponents


class _Struct(ctypes.Structure):
    """fg_flows."""

    _fields_ = [(name, ctypes.c_void_p) for name in ("graph", "source", "in_first", "in", "m", "e")]


def balance(graph: Graph, members: Mask, progress: Callable[[int, float], None] | None = None) -> tuple[Floats, float]:
    """The stationary distribution (n,) of a recurrent class, and the relative error of each of its numbers.

    The error is infinite where nothing is proved. Numbers of 2**-1022 are upper bounds.
    """
    arrows, n = len(graph.to), graph.n_states
    require_memory(80 * arrows + 120 * n, "what flows along all arrows", "a shorter context")
    if arrows >= 2**31:
        return np.zeros(n), np.inf
    flows = Flows(graph, members)
    relative = flows.solve(progress)
    return flows.probs(), relative


@dataclass(eq=False)
class Flows:
    """A law m 2**e (n,), 0 outside of the class, and what it makes flow along arrows."""

    graph: Graph
    members: Mask

    def __post_init__(self) -> None:
        graph, n = self.graph, self.graph.n_states
        self.m, self.e = np.where(self.members, 1.0, 0.0), np.zeros(n, np.int32)
        self.source, self._arrows = graph.source, graph.struct
        self.into = np.argsort(graph.to, kind="stable").astype(np.int32)
        self.into_first = np.concatenate([[0], np.cumsum(np.bincount(graph.to, minlength=n))]).astype(np.int64)

    @cached_property
    def moves(self) -> NDArray[np.int32]:
        """The arrows of the class from one state to another."""
        return np.flatnonzero((self.source != self.graph.to) & self.members[self.source]).astype(np.int32)

    def solve(self, progress: Callable[[int, float], None] | None) -> float:
        """Cycles until the law is as right as rounding lets it be; returns the relative error of `probs`."""
        leave = np.bincount(self.source[self.moves], self.graph.probs[self.moves], self.graph.n_states)
        forwards = _groups(self._next(), self.members)
        change, history = np.inf, _History()
        for cycle in range(min(_CYCLES, max(_FEW, _WORK // len(self.graph.to)))):
            for sweep in range(_SWEEPS):
                change = library.default().fg_settle(self._struct(), leave, sweep % 2)
            if progress:
                progress(cycle + 1, change)
            if change <= _SETTLED:
                # What steps alone do not change may yet be far off, which flows between groups show.
                relative = self.relative()
                if relative <= 6 * self.rounded or (change <= _STILL and relative < np.inf):
                    return relative
            label, many = _groups(self._before(), self.members) if cycle % 2 else forwards
            if many > 1:
                self._correct(label, many)
            if cycle % 2:
                self._extrapolate(history)
        return self.relative()

    def _extrapolate(self, history: "_History") -> None:
        """Goes on where the last cycles go to, if they go there slowly and steadily."""
        inside = self.members
        ahead = history.ahead(self.m[inside], self.e[inside])
        if ahead is not None:
            m, e = np.frexp(self.m[inside] * ahead)
            self.m[inside], self.e[inside] = 2 * m, self.e[inside] + e - 1

    @cached_property
    def rounded(self) -> float:
        """What the arrows' own errors and a rounding of each flow add up to, over states."""
        return 1.001 * int(self.members.sum()) * (self.graph.rounding + ROUNDING)

    def probs(self) -> Floats:
        """The law in double precision."""
        x = np.ldexp(self.m, np.maximum(self.e - self.e[self.members].max(), -1100))
        x /= x.sum()
        return np.where(self.members, np.maximum(x, LEAST), 0.0)

    def share(self) -> float:
        """The sum over states of the largest share by which an arrow out of it must change for all flows to balance."""
        engine = library.default()
        m, e = self._along(self.moves)
        order = self.moves[np.argsort(-(np.log2(m) + e), kind="stable")]
        space = np.empty(engine.fg_unbalanced_space(self.graph.n_states), np.uint8)
        return float(engine.fg_unbalanced(self._struct(), order, len(order), space))

    def relative(self) -> float:
        """The relative error of `probs`."""
        off = self.share() + self.rounded
        # Besides: a pairwise sum of n numbers, and what double precision does not hold.
        return float(np.expm1(2 * off)) * 1.001 + 64 * ROUNDING if off < 0.25 else np.inf

    def _struct(self) -> Any:
        arrays = (self.source, self.into_first, self.into, self.m, self.e)
        pointers = [array.ctypes.data for array in arrays]
        return ctypes.byref(_Struct(ctypes.addressof(self._arrows), *pointers))

    def _along(self, arrows: NDArray[np.integer[Any]]) -> tuple[Floats, NDArray[np.int64]]:
        """What flows along some arrows, as m 2**e with m in [1/2, 1)."""
        source = self.source[arrows]
        m, e = np.frexp(self.m[source] * self.graph.probs[arrows])
        return m, e.astype(np.int64) + self.e[source]

    def _next(self) -> Ids:
        """The most probable successor of each state."""
        return _most(self.source, self.graph.to, np.log(self.graph.probs), self.graph.n_states)

    def _before(self) -> Ids:
        """Where most comes from into each state."""
        m, e = self._along(self.moves)
        return _most(
            self.graph.to[self.moves], self.source[self.moves], np.log2(m) + e.astype(np.float64), self.graph.n_states
        )

    def _correct(self, label: Ids, many: int) -> None:
        """Makes each group hold what it does in the long run, going by what flows between groups."""
        source, to = label[self.source[self.moves]], label[self.graph.to[self.moves]]
        crosses = np.flatnonzero(source != to)
        m, e = self._along(self.moves[crosses])
        source, to = source[crosses], to[crosses]
        top = np.full(many, -(2**40))
        np.maximum.at(top, source, e)
        pairs, place = np.unique(source * many + to, return_inverse=True)
        rates = np.bincount(place, np.ldexp(m, np.maximum(e - top[source], -1000))).astype(np.float64)  # none is 0
        first = np.searchsorted(pairs // many, np.arange(many + 1)).astype(np.int64)
        small = Graph(first=first, to=(pairs % many).astype(np.int32), probs=rates)
        share, exponents, error = small.stationary_scaled(np.ones(many, bool))
        if not np.isfinite(error):
            return
        m, e = np.frexp(share)
        factor, further = np.frexp(self.m * m[label])
        e = (self.e + further - 1) + (e + exponents - top)[label]
        e = np.where(self.members, e - e[self.members].max(), 0.0)
        if e.min() > -_FARTHEST:
            self.m, self.e = np.where(self.members, 2 * factor, 0.0), e.astype(np.int32)


class _History:
    """Reduced rank extrapolation of logarithms (Eddy 1979; Mesina 1977): where the last few steps cancel, weighted.

    Cycles close to the law change its logarithm linearly, so that a mean of the last few is far closer.
    """

    def __init__(self) -> None:
        self._last: tuple[Floats, NDArray[np.int32]] | None = None
        self._steps: list[Floats] = []

    def ahead(self, m: Floats, e: NDArray[np.int32]) -> Floats | None:
        """By what to multiply the law m 2**e that is there now; None where it should go on by itself."""
        last, self._last = self._last, (m.copy(), e.copy())
        if last is None:
            return None
        step = np.log(m / last[0]) + np.log(2) * (e - last[1])
        step -= np.median(step)
        self._steps = [*self._steps, step] if np.abs(step).max() < 0.3 else []
        if len(self._steps) < _STEADY:
            return None
        steps = np.array(self._steps)
        self._last, self._steps = None, []
        products = steps @ steps.T
        size = float(np.trace(products))
        if size == 0:
            return None
        weights = np.linalg.solve(products + 1e-14 * size * np.eye(_STEADY), np.ones(_STEADY))
        weights /= weights.sum()
        further = (weights - np.cumsum(weights)) @ steps  # from the last law back to the mean, and one step on
        return np.exp(further.clip(-0.7, 0.7))


def _most(at: NDArray[np.int32], other: NDArray[np.int32], weight: Floats, n: int) -> Ids:
    """For each state (n,), the other end of the heaviest of the arrows at it; itself where there is none."""
    heaviest = np.full(n, -np.inf)
    np.maximum.at(heaviest, at, weight)
    top = np.flatnonzero(weight == heaviest[at])[::-1]
    found = np.arange(n)
    found[at[top]] = other[top]  # of equal ones the first
    return found


def _groups(goal: Ids, members: Mask) -> tuple[Ids, int]:
    """Which group each state is in, by where so many steps lead that few places are left, and how many there are."""
    source, n = np.flatnonzero(members), len(goal)
    place, further, steps = np.arange(n), goal, 0
    while steps < n:
        found, label = np.unique(place[source], return_inverse=True)
        if len(found) <= _GROUPS:
            break
        place, steps = further, max(1, 2 * steps)
        further = place[place]
    else:
        from scipy.sparse import csr_array  # only where it is needed: it takes longer to import than all the rest
        from scipy.sparse.csgraph import connected_components

        graph = csr_array((np.ones(len(source), np.int8), (source, goal[source])), shape=(n, n))
        found, label = np.unique(connected_components(graph, directed=False)[1][source], return_inverse=True)
    groups = np.zeros(n, np.int64)
    groups[source] = label
    return groups, len(found)
