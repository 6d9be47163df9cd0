"""The stationary law of a large metastable chain, by aggregation and disaggregation.

A sharp chain follows its most probable arrows for ages before an improbable token takes it elsewhere; steps of the
chain alone move probability as slowly as it does. So groups of states become the states of a small chain, whose
stationary law says how much each of them holds; a few steps then put the states inside their group right; and again
(Koury, McAllister and Stewart 1984).

States are grouped by where the greedy map, every state to its most probable successor, has taken them after so many
steps that few places are left: then groups follow each other as the states of the greedy cycles do. Where the cycles
themselves have many states, a group is a basin, all that runs into the same cycle. Many basins are again a large chain,
of rare moves, and are treated the same.

Nothing is subtracted on the way, so that small components are as good as large ones.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from finitegpt.engine import Engine
from finitegpt.graph import Graph
from finitegpt.operator import Operator

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_CYCLES = 60
_EXACT = 1024


class _Level(Protocol):
    """A chain on some level: the fine one, or one of basins."""

    @property
    def n(self) -> int: ...

    def push(self, pi: NDArray[np.float64]) -> NDArray[np.float64]: ...

    def strongest(self) -> NDArray[np.int64]:
        """The most probable successor of each state."""
        ...

    def flows(self, pi: NDArray[np.float64], label: NDArray[np.int32], m: int) -> "csr_array":
        """How much probability goes from basin to basin in a step, those to themselves left out."""
        ...


@dataclass(frozen=True, eq=False)
class _States:
    """The chain itself, or one recurrent class of it."""

    chain: Operator

    @property
    def n(self) -> int:
        return self.chain.n_states

    def push(self, pi: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.chain.push(pi)

    def strongest(self) -> NDArray[np.int64]:
        graph = self.chain.graph
        most = np.maximum.reduceat(graph.probs, graph.first[:-1])  # every state has an arrow
        top = np.flatnonzero(graph.probs == most[graph.source])[::-1]
        goal = np.empty(self.n, np.int64)
        goal[graph.source[top]] = graph.to[top]  # of equal ones the first
        return goal

    def flows(self, pi: NDArray[np.float64], label: NDArray[np.int32], m: int) -> "csr_array":
        from scipy.sparse import csr_array  # only where it is needed: it takes longer to import than all the rest

        graph = self.chain.graph
        source, goal = label[graph.source], label[graph.to]
        crosses = np.flatnonzero((source != goal) & (pi[graph.source] > 0))
        amount = pi[graph.source[crosses]] * graph.probs[crosses]
        return csr_array((amount, (source[crosses], goal[crosses])), shape=(m, m))


@dataclass(frozen=True, eq=False)
class _Basins:
    """Moves between basins: a sparse matrix of probabilities (n, n) without a diagonal."""

    moves: "csr_array"
    n: int

    def push(self, pi: NDArray[np.float64]) -> NDArray[np.float64]:
        return pi @ self.moves

    def strongest(self) -> NDArray[np.int64]:
        return np.asarray(self.moves.argmax(1)).reshape(-1).astype(np.int64)

    def flows(self, pi: NDArray[np.float64], label: NDArray[np.int32], m: int) -> "csr_array":
        from scipy.sparse import csr_array

        arrows = self.moves.tocoo()
        crosses = label[arrows.row] != label[arrows.col]
        source, goal = arrows.row[crosses], arrows.col[crosses]
        amount = pi[source] * arrows.data[crosses]
        return csr_array((amount, (label[source], label[goal])), shape=(m, m))


def aggregate(
    chain: Operator,
    pi: NDArray[np.float64],
    members: NDArray[np.int64],
    progress: Callable[[int, float], None] | None = None,
) -> tuple[NDArray[np.float64], float]:
    """The stationary distribution (V**L,) of a recurrent class of a chain, from a first guess; and its residual."""
    inside = None if len(members) == chain.n_states else members
    pi = _solve(_States(chain), pi, 2 * round(np.log(chain.n_states) / np.log(chain.width)), inside, progress)
    return pi, Engine().change(pi, chain.push(pi))


def _solve(
    level: _Level,
    pi: NDArray[np.float64],
    steps: int,
    inside: NDArray[np.int64] | None = None,
    progress: Callable[[int, float], None] | None = None,
    cycles: int = _CYCLES,
) -> NDArray[np.float64]:
    label, m = _groups(level, inside)
    before = best = np.inf
    for cycle in range(cycles):
        if m > 1:
            held = np.bincount(label, pi, m).astype(np.float64)
            share = _coarse(level.flows(pi, label, m), held)
            if np.isfinite(share).all():  # not so where flows are too small for double precision
                pi = pi * np.divide(share, held, out=np.zeros(m), where=held > 0)[label]
        for step in range(steps):  # every other step is lazy, so that nothing can go round and round
            new = level.push(pi)
            pi = (pi + new) / 2 if step % 2 else new
        new = level.push(pi)
        holds = pi > 0
        residual = float(np.max(np.abs(new[holds] - pi[holds]) / pi[holds]))
        pi = new / new.sum()
        if progress:
            progress(cycle + 1, residual)
        if residual < 1e-15 or (residual < 1e-11 and min(before, residual) > best / 2):
            break
        before, best = residual, min(best, residual)
    return pi


def _groups(level: _Level, inside: NDArray[np.int64] | None) -> tuple[NDArray[np.int32], int]:
    """Which group each state is in, and how many there are. States outside a class are put with the first."""
    goal, n = level.strongest(), level.n
    source = np.arange(n) if inside is None else inside
    place, steps = goal, 1
    while steps < n:
        found, label = np.unique(place[source], return_inverse=True)
        if len(found) <= _EXACT:
            break
        place, steps = place[place], 2 * steps
    else:
        from scipy.sparse import csr_array
        from scipy.sparse.csgraph import connected_components

        graph = csr_array((np.ones(len(source), np.int8), (source, goal[source])), shape=(n, n))
        basins = connected_components(graph, directed=False)[1]
        found, label = np.unique(basins[source], return_inverse=True)
    groups = np.zeros(n, np.int32)
    groups[source] = label
    return groups, len(found)


def _coarse(flows: "csr_array", held: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much each basin holds in the long run, from what flows between them while they hold `held`."""
    if len(held) <= _EXACT:
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            rates = flows.toarray() / held[:, None]
        if not np.isfinite(rates).all():
            return np.full(len(held), np.nan)
        share, error = Graph.of(rates).stationary(np.ones(len(held), bool))
        return share if np.isfinite(error) else np.full(len(held), np.nan)
    from scipy.sparse import csr_array

    # Of rare moves only the order matters: the chain of moves, and then how long each basin waits for one.
    leaving = flows.sum(1)
    moves = csr_array(flows.multiply(1 / leaving[:, None]))
    visits = _solve(_Basins(moves, len(held)), leaving / leaving.sum(), 8, cycles=2)
    share = visits * held / leaving
    return share / share.sum()
