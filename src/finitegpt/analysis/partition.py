"""States put together in blocks that agree, nearly: how a machine of few states is found.

Blocks of states whose rows are alike are split until all states of one lead to the same blocks (Moore 1956).
"""

import numpy as np
from numpy.typing import NDArray

from finitegpt.errors import TooLargeError

LARGEST = 1024
"""More blocks than this are refused."""


def alike(probs: NDArray[np.float64], tolerance: float) -> NDArray[np.int64]:
    """Groups of rows (n,): each joins the first leader it agrees with, and leads itself where it agrees with none."""
    group = np.full(len(probs), -1, np.int64)
    rest, leaders = np.arange(len(probs)), 0
    while len(rest):
        near = (np.abs(probs[rest] - probs[rest[0]]) <= tolerance).all(1)
        group[rest[near]] = leaders
        rest, leaders = rest[~near], leaders + 1
        if leaders > LARGEST:
            raise TooLargeError(f"expected a machine of at most {LARGEST:,} states, got more; try a larger tolerance")
    return group


def refine(
    block: NDArray[np.int64], goals: NDArray[np.int64], pi: NDArray[np.float64], budget: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], float]:
    """Splits blocks until all states of a block lead to the same blocks.

    The rarest states that disagree are forgiven, as many as the budget allows, and so are unknown goals: those states
    stay with the others of their block. Returns the blocks, the goals without those forgiven, and the probability of
    these.
    """
    goals, forgiven = goals.copy(), 0.0
    while True:
        m, new = int(block.max()) + 1, block
        for token in range(goals.shape[1]):
            known = np.flatnonzero(goals[:, token] >= 0)
            if len(known) == 0:
                continue
            n, ways = ranked(new[known] * m + block[goals[known, token]])
            mass = np.bincount(ways, pi[known], n)
            parent = np.empty(n, np.int64)
            parent[ways] = new[known]
            main = np.zeros(int(new.max()) + 1)
            np.maximum.at(main, parent, mass)
            leading = np.full(len(main), -1, np.int64)
            top = np.flatnonzero(mass == main[parent])[::-1]
            leading[parent[top]] = top  # each block's most probable way
            others = np.flatnonzero(leading[parent] != np.arange(n))
            others = others[np.argsort(mass[others], kind="stable")]
            spent = np.cumsum(mass[others])
            spared = others[: int(np.searchsorted(spent, budget - forgiven, side="right"))]
            forgiven += float(mass[spared].sum())
            lost = np.isin(ways, spared)
            goals[known[lost], token] = -1
            way = leading[new]  # of states without a known goal: that of the rest of their block
            way[known[~lost]] = ways[~lost]
            _, new = ranked(new * (n + 1) + way + 1)
        if int(new.max()) + 1 == m:
            return new, goals, forgiven
        if int(new.max()) >= LARGEST:
            raise TooLargeError("too many states")
        block = new


def ranked(keys: NDArray[np.int64]) -> tuple[int, NDArray[np.int64]]:
    """Keys from 0 on numbered by where they first occur, so that blocks with probable states come first."""
    many = int(keys.max(initial=-1)) + 1
    if many <= 4 * len(keys) + 1024:  # a table takes no sorting
        first = np.full(many, len(keys), np.int64)
        first[keys[::-1]] = np.arange(len(keys))[::-1]
        present = np.flatnonzero(first < len(keys))
        rank = np.empty(many, np.int64)
        rank[present[np.argsort(first[present])]] = np.arange(len(present))
        return len(present), rank[keys]
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return len(first), rank[inverse.reshape(-1)]
