"""The arrows of a chain, and what is computed on them exactly by the engine: classes, elimination, first entries.

Elimination takes states out one after the other, what the chain does between two visits to the others becoming arrows
among those. Nothing is subtracted on the way, so every number is right relatively, however small it is, with an error
that is known beforehand (Grassmann, Taksar and Heyman 1985; O'Cinneide 1993).
"""

import ctypes
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finitegpt import library
from finitegpt.errors import InputError, TooLargeError
from finitegpt.limits import require_memory

Ids = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

LEAST, MOST = 2.0**-1022, float(np.finfo(np.float64).max)
"""Results this small or this large are bounds: double precision ends here."""

SURELY, NEVER = 1, 2
"""What the graph may say of coming to a set; 0 is perhaps."""

_OPEN, _ELSEWHERE = -1, -2


class _Graph(ctypes.Structure):
    _fields_ = [("n", ctypes.c_int64), ("first", ctypes.c_void_p), ("to", ctypes.c_void_p), ("probs", ctypes.c_void_p)]


@dataclass(frozen=True, eq=False, kw_only=True)
class Graph:
    """The arrows of a chain of n states: those of state k are first[k] .. first[k + 1] - 1.

    >>> graph = Graph.of([[0.9, 0.1], [0.5, 0.5]])
    >>> graph.to.tolist(), graph.stationary(np.ones(2, bool))[0].round(6).tolist()
    ([0, 1, 0, 1], [0.833333, 0.166667])
    """

    first: Ids
    """(n + 1,)"""
    to: NDArray[np.int32]
    """Where each arrow goes (arrows,)."""
    probs: Floats
    """Its probability (arrows,), above 0."""
    rounding: float = 2.0**-53
    """The relative error that each probability may have."""

    @classmethod
    def of(cls, matrix: ArrayLike) -> "Graph":
        """The arrows of a matrix (n, n) of probabilities, or of rates: a row may have any sum."""
        dense = np.asarray(matrix, np.float64)
        source, to = np.nonzero(dense)
        first = np.searchsorted(source, np.arange(len(dense) + 1)).astype(np.int64)
        return cls(first=first, to=to.astype(np.int32), probs=dense[source, to])

    @property
    def n_states(self) -> int:
        """n."""
        return len(self.first) - 1

    @cached_property
    def source(self) -> NDArray[np.int32]:
        """Where each arrow comes from (arrows,)."""
        return np.repeat(np.arange(self.n_states, dtype=np.int32), np.diff(self.first))

    def classes(self) -> tuple[NDArray[np.int32], Mask]:
        """The communicating class of each state (n,), numbered by smallest state, and whether each is never left."""
        n = self.n_states
        label, recurrent = np.empty(n, np.int32), np.empty(n, np.uint8)
        many = library.default().fg_classes(self._struct, label, recurrent, np.empty(5 * n, np.int32))
        return label, recurrent[:many] == 1

    def period(self, label: NDArray[np.int32], which: int) -> tuple[int, NDArray[np.int32]]:
        """The period of a recurrent class, and how many arrows each state (n,) is from its first; -1 outside."""
        distance = np.empty(self.n_states, np.int32)
        d = library.default().fg_period(self._struct, label, which, distance, np.empty(self.n_states, np.int32))
        return int(d), distance

    def reach(self, targets: Mask) -> NDArray[np.uint8]:
        """What the graph says of coming to `targets` (n,), for each state: SURELY, NEVER, or 0 for perhaps."""
        decided = np.empty(self.n_states, np.uint8)
        space = np.empty(2 * self.n_states + 2 + len(self.to), np.int32)
        library.default().fg_reach(self._struct, np.ascontiguousarray(targets, np.uint8), decided, space)
        return decided

    def stationary(self, members: Mask, most: float = np.inf) -> tuple[Floats, float]:
        """The stationary distribution (n,) of a recurrent class, and the relative error of each of its numbers.

        TooLargeError where elimination takes more than `most` products.
        """
        result = np.zeros(self.n_states)
        order, probs, error = self._stationary(members, most, None)
        result[order] = probs
        return result, error

    def stationary_scaled(self, members: Mask, most: float = np.inf) -> tuple[Floats, Floats, float]:
        """The same, however small its numbers: probs times 2**exponents (n,)."""
        result, exponents = np.zeros((2, self.n_states))
        scales = np.empty(int(members.sum()))
        order, probs, error = self._stationary(members, most, scales)
        result[order], exponents[order] = probs, scales
        return result, exponents, error

    def _stationary(
        self, members: Mask, most: float, exponents: Floats | None
    ) -> tuple[NDArray[np.int32], Floats, float]:
        plan = self._plan(np.where(members, _OPEN, _ELSEWHERE), 0, most)
        probs = np.empty(len(plan.order))
        error = library.default().fg_stationary(
            *(self._struct, plan.part, plan.order, len(plan.order), plan.entries, self.rounding),
            *(probs, exponents, plan.space()),
        )
        return plan.order, probs, float(error)

    def absorb(
        self,
        part: NDArray[np.integer[Any]],
        ends: int,
        *,
        wanted: int = 0,
        gains: Floats | None = None,
        start: Floats | None = None,
        most: float = np.inf,
    ) -> "Absorbed":
        """Where states lead in the end. `part` (n,) is -1 for those of which it is asked, 0 .. ends - 1 for the ends.

        No arrow may lead from the first to anything else. `wanted` is for how many ends the probabilities are told,
        `gains` (n,) what each state adds until the end, `start` (n,) a distribution. TooLargeError as above.
        """
        plan = self._plan(np.asarray(part), ends, most)
        m, n = len(plan.order), self.n_states
        values, sums, weights = np.zeros((wanted, m)), np.zeros(m), np.zeros(ends)
        kept = [None if array is None else np.ascontiguousarray(array, np.float64) for array in (start, gains)]
        error = library.default().fg_absorb(
            self._struct,
            *(plan.part, plan.order, m, ends, plan.entries, self.rounding),
            *(kept[0], weights, wanted, values, kept[1], sums, plan.space()),
        )
        probs, total = np.zeros((wanted, n)), np.zeros(n)
        probs[:, plan.order], total[plan.order] = values, sums
        return Absorbed(probs=probs, sums=total, weights=weights, error=float(error))

    def visits(self, part: NDArray[np.integer[Any]], start: Floats, most: float = np.inf) -> tuple[Floats, float]:
        """How often each state (n,) is visited from `start` (n,), which counts, until an end, and the relative error.

        `part` (n,) is -1 for the states of which it is asked, 0 for the ends; 0 for others, and for what cannot be.
        """
        plan = self._plan(np.asarray(part), 1, most)
        found, result = np.empty(len(plan.order)), np.zeros(self.n_states)
        error = library.default().fg_visits(
            *(self._struct, plan.part, plan.order, len(found), 1, plan.entries, self.rounding),
            *(np.ascontiguousarray(start, np.float64), found, plan.space()),
        )
        result[plan.order] = found
        return result, float(error)

    def returns(self, part: NDArray[np.integer[Any]], most: float = np.inf) -> tuple[Floats, float]:
        """How often each state (n,) is visited until an end by a chain that starts in it, the start included."""
        plan = self._plan(np.asarray(part), 1, most)
        found, result = np.empty(len(plan.order)), np.zeros(self.n_states)
        size = library.default().fg_returns_space(self._struct, len(found), 1, plan.entries)
        require_memory(size, "visits of each state to itself", "fewer states")
        error = library.default().fg_returns(
            *(self._struct, plan.part, plan.order, len(found), 1, plan.entries, self.rounding),
            *(found, np.empty(size, np.uint8)),
        )
        result[plan.order] = found
        return result, float(error)

    def enter(self, targets: Mask, start: Floats, tokens: int) -> tuple[Floats, Floats, Floats, Floats]:
        """How probable it is to have come to `targets` (n,) within 0 .. `tokens` steps, from the law `start` (n,).

        Values (tokens + 1,), between what each lies, and how often the chain has been in each state before (n,). What
        starts in a target is left out. 0 only where the graph says so.
        """
        n = self.n_states
        require_memory(24 * tokens, "a number for each token", "fewer tokens")
        entered, low, high, visits = np.empty(tokens + 1), np.empty(tokens + 1), np.empty(tokens + 1), np.empty(n)
        library.default().fg_enter(
            self._struct,
            np.ascontiguousarray(targets, np.uint8),
            np.ascontiguousarray(start, np.float64),
            tokens,
            self.rounding,
            *(entered, low, high, visits, np.empty(18 * n + 16, np.uint8)),
        )
        return entered, low, high, visits

    @cached_property
    def struct(self) -> Any:
        """fg_graph, which holds as long as the graph."""
        n = self.n_states
        for array, kind in ((self.first, np.int64), (self.to, np.int32), (self.probs, np.float64)):
            if array.dtype != kind or array.ndim != 1 or not array.flags.c_contiguous:
                raise InputError(f"expected arrows as contiguous {np.dtype(kind).name}, got others; try Graph.of")
        return _Graph(n, self.first.ctypes.data, self.to.ctypes.data, self.probs.ctypes.data)

    @property
    def _struct(self) -> Any:
        return ctypes.byref(self.struct)

    def _plan(self, part: NDArray[np.integer[Any]], ends: int, most: float) -> "_Plan":
        kept = np.ascontiguousarray(part, np.int32)
        order, work, engine = np.empty(int((kept == _OPEN).sum()), np.int32), np.empty(1), library.default()
        size = engine.fg_plan_space(self._struct, len(order))
        require_memory(size, "the order of elimination", "fewer states")
        entries = engine.fg_plan(self._struct, kept, order, work, np.empty(size, np.uint8))
        if work[0] > most:
            raise TooLargeError(f"expected at most {most:.0e} products to eliminate, got {work[0]:.1e}; try iteration")
        space = engine.fg_eliminate_space(self._struct, len(order), ends, entries)
        require_memory(space, "elimination", "fewer states")
        return _Plan(kept, order, entries, space)


@dataclass(frozen=True, eq=False, kw_only=True)
class Absorbed:
    """What `Graph.absorb` finds. Numbers are 0 for states that were not asked about."""

    probs: Floats
    """The probability of ending in each end that is wanted (wanted, n)."""
    sums: Floats
    """The mean of the gains until the end (n,)."""
    weights: Floats
    """From the start, the probability of coming to each end (ends,), what starts in one left out."""
    error: float
    """Each number is right within this, relatively; infinite where nothing is proved."""


@dataclass(frozen=True, eq=False, slots=True)
class _Plan:
    part: NDArray[np.int32]
    order: NDArray[np.int32]
    entries: int
    size: int

    def space(self) -> NDArray[np.uint8]:
        return np.empty(self.size, np.uint8)
