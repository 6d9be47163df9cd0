"""What a chain holds in the long run, and what there is to ask of it."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finitegpt import library, markup, words
from finitegpt.analysis.bound import ROUNDING, Bound, Bounds
from finitegpt.analysis.classes import Ids
from finitegpt.analysis.patterns import select
from finitegpt.arguments import array, is_whole, shown, whole
from finitegpt.errors import InputError
from finitegpt.graph import LEAST
from finitegpt.naming import Names
from finitegpt.states import visible

_LONGEST, _LINE = 16, 48  # signs of a state, and of several, on one line


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class StationaryDistribution:
    """The stationary distribution of one recurrent class.

    >>> from finitegpt import Chain
    >>> law = Chain.from_probs([[0.5, 0.5], [0.25, 0.75]] * 2, "01", 2).stationary_distribution
    >>> print(law["11"], law.mass("1?"), law.mass(["00", "11"]), law.top(1), sep=", ")
    0.500000, 0.666667, 0.666667, 11 0.500000
    """

    states: Ids
    """Ids (m,) of the states of the class, ascending."""
    probs: NDArray[np.float64]
    """Their probabilities (m,), which sum to one."""
    n_states: int
    """V**L, of the whole chain."""
    error: float
    """The total variation distance to the truth is proved to be at most this; infinite where nothing is proved."""
    relative: float = np.inf
    """Each probability is proved to be right within this, relatively, and those of 2**-1022 to be at most so large;
    infinite where that is not proved."""
    residual: float
    """The largest |pi P - pi| / pi: small, but no proof."""
    method: str
    """`cycle`, `power`, `gth` or `aggregation`."""
    why: str = ""
    """Where nothing is proved, why, and what would help."""
    names: Names | None = None
    """What the states of the chain are called, where they have names."""

    def __post_init__(self) -> None:
        ids, probs, n = self.states, self.probs, whole("n_states", self.n_states, 1)
        arrays = isinstance(ids, np.ndarray) and isinstance(probs, np.ndarray)
        if not arrays or ids.ndim != 1 or ids.shape != probs.shape or ids.dtype.kind not in "iu" or not len(ids):
            raise InputError("expected ids of states and their probabilities (m,), got others; try those of a chain")
        if probs.dtype != np.float64 or not 0 <= ids[0] <= ids[-1] < n:
            raise InputError(f"expected ids below {n}, ascending, and float64, got others; try those of a chain")

    @property
    def certified(self) -> bool:
        """Whether `error` is proved."""
        return bool(np.isfinite(self.error))

    def dense(self) -> NDArray[np.float64]:
        """Probabilities of all states (V**L,), zero outside the class."""
        return self._dense(self.probs)

    def _dense(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        if len(self.states) == self.n_states:
            return values
        whole = np.zeros(self.n_states)
        whole[self.states] = values
        return whole

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Whether each state (V**L,) is in the class."""
        mask = np.zeros(self.n_states, bool)
        mask[self.states] = True
        return mask

    def each(self) -> Bounds:
        """The probability of every state (V**L,), exactly zero outside the class."""
        low, high = self._around(self.probs)
        return Bounds(self._dense(self.probs), self._dense(low), self._dense(high), self.why, self.names)

    def __getitem__(self, state: str | int) -> Bound:
        """The probability of a state, given as text or as its id."""
        id = self._id(state)
        place = int(np.searchsorted(self.states, id))
        if place == len(self.states) or self.states[place] != id:
            return Bound(0.0, 0.0, 0.0)
        p = self.probs[place : place + 1]
        low, high = self._around(p)
        return Bound(float(p[0]), float(low[0]), float(high[0]), why=self.why)

    def top(self, k: int = 5) -> "TopStates":
        """The k most probable states; of equal ones, those of the least ids."""
        k = min(whole("k", k, 1), len(self.states))
        likely = np.argpartition(-self.probs, k - 1)[:k] if k < len(self.states) else np.arange(k)
        if k < len(self.states):  # all that are as probable as the last of them, so that ids decide
            likely = np.flatnonzero(self.probs >= self.probs[likely].min())
        order = likely[np.lexsort((likely, -self.probs[likely]))][:k]
        p = self.probs[order]
        return TopStates(self.states[order], Bounds(p, *self._around(p), self.why), self.names)

    def _around(self, p: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Between what probabilities of states of the class lie."""
        e, r = self.error, self.relative
        if not self.certified:
            return np.full(len(p), -np.inf), np.full(len(p), np.inf)
        if e == 0:
            return p, p
        low, high = np.nextafter(p - e, -np.inf), np.nextafter(p + e, np.inf)
        if np.isfinite(r):
            low = np.maximum(low, np.where(p <= LEAST, 0.0, np.nextafter(p * (1 - r), 0.0)))
            high = np.minimum(high, np.nextafter(np.maximum(p, LEAST) * (1 + r), 1.0))
        return low.clip(0, p), high.clip(p, 1)

    def _id(self, state: Any) -> int:
        if self.names is not None:
            return self.names.id(state)
        if not is_whole(state) or not 0 <= state < self.n_states:
            raise InputError(f"expected a state from 0 to {self.n_states - 1}, got {shown(state)}; try 0")
        return int(state)

    def mass(self, which: str | Sequence[str] | ArrayLike) -> Bound:
        """The probability of a set of states: a pattern, several, ids, or a mask (V**L,)."""
        mask = which
        if not isinstance(mask, np.ndarray) or mask.dtype != bool or mask.shape != (self.n_states,):
            mask = select(self.names or self, which)
        return self.masses(mask.astype(np.int64) - 1, 1).at(0)

    def masses(self, label: NDArray[np.integer[Any]], many: int) -> Bounds:
        """The probability of each of so many sets of states, as their numbers (V**L,); -1 for states of none."""
        known, many = array(label), whole("the number of sets", many, 0, self.n_states)
        inside = known.shape == (self.n_states,) and known.dtype.kind in "iu"
        if not inside or not -1 <= int(known.min()) <= int(known.max()) < many:
            raise InputError(
                f"expected the number of a set for each state, from -1 to {many - 1}, got {shown(label)}; try mass"
            )
        label = known
        own = np.asarray(label[self.states] if len(self.states) < self.n_states else label, np.int32)
        sums = np.empty((many + 1, 2))
        library.default().fg_masses(len(own), np.ascontiguousarray(self.probs), np.ascontiguousarray(own), many, sums)
        parts = sums.sum(1).tolist()
        held = np.bincount(own + 1, minlength=many + 1)[1:].tolist()
        total = math.fsum(parts)
        found = []
        for k, part in enumerate(parts[:many]):
            # The others' sum is right relatively, too.
            rest = total - part if part < 0.5 else math.fsum(parts[:k] + parts[k + 1 :])
            found.append(self._mass(part, rest, held[k], len(own)))
        value, low, high = np.array([(x.value, x.low, x.high) for x in found]).reshape(-1, 3).T
        return Bounds(value, low, high, self.why)

    def _mass(self, value: float, rest: float, held: int, n: int) -> Bound:
        """Of a set of `held` of the n states."""
        if held in (0, n):
            sure = float(held > 0)
            return Bound(sure, sure, sure)
        value, rest = min(1.0, value), min(1.0, rest)
        if not self.certified:
            return Bound(value, why=self.why)
        error = self.error + 2 * ROUNDING
        low, high = value - error, value + error
        if np.isfinite(self.relative):
            relative, least = self.relative + 4 * ROUNDING, n * LEAST  # what double precision cannot hold
            low = max(low, value * (1 - relative) - least, 1 - rest * (1 + relative) - least - 2 * ROUNDING)
            high = min(high, value * (1 + relative) + least, 1 - rest * (1 - relative) + least + 2 * ROUNDING)
        value = min(max(value, low), high)
        return Bound(value, max(0.0, low), min(1.0, high))

    def __repr__(self) -> str:
        m, n = len(self.states), self.n_states
        of = words.count(m, "state") if m == n else f"{m:,} of {words.count(n, 'state')}"
        known = f"within {words.upward(self.error)}" if self.certified else "uncertified"
        return f"StationaryDistribution({of}, by {self.method}, {known}; {self.top(3).line()})"

    def _repr_html_(self) -> str:
        """A table of the most probable states for notebooks."""
        return markup.table(repr(self), ("state", "probability"), self.top(12).cells(), total=len(self.states))


@dataclass(frozen=True, eq=False, repr=False)
class TopStates:
    """The most probable states of a stationary distribution: pairs of a state as text and its probability."""

    ids: Ids
    """(k,), the most probable first."""
    probabilities: Bounds
    """(k,)"""
    names: Names | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[tuple[str, Bound]]:
        return ((self._label(k), self.probabilities.at(k)) for k in range(len(self)))

    def __getitem__(self, k: int) -> tuple[str, Bound]:
        if not is_whole(k) or not -len(self) <= k < len(self):
            raise InputError(f"expected a place from 0 to {len(self) - 1}, got {shown(k)}; try 0")
        k %= len(self)
        return self._label(k), self.probabilities.at(k)

    @property
    def states(self) -> list[str]:
        """The states as text."""
        return [self._label(k) for k in range(len(self))]

    def _label(self, k: int) -> str:
        id = int(self.ids[k])
        return self.names.label(id) if self.names else str(id)

    def cells(self) -> Iterator[tuple[str, str]]:
        """A row for each state, as it can be shown."""
        return ((visible(label), str(bound)) for label, bound in self)

    def line(self) -> str:
        """The first of them on one line."""
        parts: list[str] = []
        for label, bound in self:
            short = visible(label if len(label) <= _LONGEST else f"{label[:_LONGEST]}...")
            parts.append(f"{short} {words.percent(bound.value, bound.low, bound.high)}")
            if len(", ".join(parts)) > _LINE and len(parts) > 1:
                return ", ".join(parts[:-1])
        return ", ".join(parts)

    def __str__(self) -> str:
        rows = list(self.cells())
        width = max(len(label) for label, _ in rows)
        return "\n".join(f"{label:{width}} {bound}" for label, bound in rows)

    def __repr__(self) -> str:
        return f"TopStates({len(self)}: {self.line()})"

    def _repr_html_(self) -> str:
        """A table for notebooks."""
        return markup.table(f"{len(self)} most probable states", ("state", "probability"), self.cells())
