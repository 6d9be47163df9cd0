"""The strongest ways through a flux, one after the other, each with what it carries."""

import heapq
from dataclasses import dataclass

import numpy as np

from finitegpt.analysis.bound import Bound, Bounds
from finitegpt.errors import InputError
from finitegpt.graph import Floats, Ids, Mask

_NOISE = 1e-12  # what is less than this is none, where nothing is proved


@dataclass(frozen=True, slots=True)
class Pathway:
    """A way from the source to the target."""

    states: tuple[int, ...]
    """The ids of its states, in order."""
    flux: Bound
    """What it carries: what is left on its weakest arrow after the ways before it."""
    share: Bound
    """The same as a share of all."""


def strongest(
    origin: Ids, to: Ids, shares: Bounds, source: Mask, target: Mask, total: Bound, k: int
) -> tuple[Pathway, ...]:
    """Up to k ways from `source` to `target` (V**L,) by arrows (arrows,) that carry `shares` of the total flux.

    An arrow counts for as long as it is proved that something is left on it.
    """
    if not isinstance(k, int | np.integer) or isinstance(k, bool) or k < 1:
        raise InputError(f"expected a number of ways of at least 1, got {k!r}; try 10")
    values, low, high = shares.values.copy(), shares.low.copy(), shares.high.copy()
    starts, ends = set(np.flatnonzero(source).tolist()), set(np.flatnonzero(target).tolist())
    found = []
    while len(found) < k:
        way = _Network(origin, to, np.where(np.isfinite(high), low, values - _NOISE)).way(starts, ends)
        if not way:
            break
        share = Bound(*(float(x[way].min()) for x in (values, low, high)))
        found.append(Pathway((int(origin[way[0]]), *to[way].tolist()), total.times(share), share))
        values[way] -= share.value
        low[way] = np.nextafter(low[way] - share.high, -np.inf)
        high[way] = np.nextafter(high[way] - share.low, np.inf)
    return tuple(found)


class _Network:
    """The arrows that carry something, in the order of their strength."""

    def __init__(self, origin: Ids, to: Ids, strength: Floats):
        self.origin, self.to = origin.tolist(), to.tolist()
        self.rank = np.empty(len(strength), np.int64)  # none is as strong as another, so that every choice is one
        self.rank[np.argsort(strength, kind="stable")] = np.arange(len(strength))
        self.onward: dict[int, list[int]] = {}
        for arrow in np.flatnonzero(strength > 0).tolist():
            self.onward.setdefault(self.origin[arrow], []).append(arrow)

    def way(self, starts: set[int], ends: set[int]) -> list[int]:
        """The arrows of the strongest way; before and after its weakest arrow, the strongest ways there, and so on."""
        todo: list[int | tuple[set[int], set[int]]] = [(starts, ends)]
        result: list[int] = []
        while todo:
            part = todo.pop()
            if isinstance(part, int):
                result.append(part)
                continue
            found = self._widest(*part)
            if len(found) < 2:
                result.extend(found)
                continue
            # The ways to it and from it have no arrow as weak, so that this comes to an end, and to no state twice.
            weakest = min(found, key=lambda arrow: self.rank[arrow])
            todo.append(({self.to[weakest]}, part[1]))
            todo.append(weakest)
            todo.append((part[0], {self.origin[weakest]}))
        return result

    def _widest(self, starts: set[int], ends: set[int]) -> list[int]:
        """The arrows of the way whose weakest is strongest (Dijkstra 1959)."""
        best = dict.fromkeys(starts, len(self.to))
        came: dict[int, int] = {}
        todo = [(-len(self.to), state) for state in starts]
        heapq.heapify(todo)
        while todo:
            width, state = heapq.heappop(todo)
            if state in ends:
                way = []
                while state not in starts:
                    way.append(came[state])
                    state = self.origin[came[state]]
                return way[::-1]
            for arrow in self.onward.get(state, ()):
                new, to = min(-width, int(self.rank[arrow])), self.to[arrow]
                if new > best.get(to, -1):
                    best[to], came[to] = new, arrow
                    heapq.heappush(todo, (-new, to))
        return []
