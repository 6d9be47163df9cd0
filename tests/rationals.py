"""Exact answers about small chains in rational arithmetic that is not ours: python-flint's `fmpq_mat`, by inverses.

Arrows are those of the chain as stored, to 50 digits, and the largest of a row is what the others leave of one. Answers
then are exact, whatever cancels in them.
"""

from decimal import Decimal
from fractions import Fraction
from functools import cached_property

import numpy as np
from flint import fmpq, fmpq_mat

from finitegpt import Chain
from finitegpt.analysis import Bound, Bounds
from oracles import exact_matrix

INFINITE = Decimal("Infinity")
Number = fmpq | Decimal


def rational(x: float | Decimal | Fraction) -> fmpq:
    exact = Fraction(x)
    return fmpq(exact.numerator, exact.denominator)


class Rational:
    """A chain as an exact matrix."""

    def __init__(self, chain: Chain):
        P = exact_matrix(chain)
        self.n = n = len(P)
        self.P = [[rational(P[i, j]) for j in range(n)] for i in range(n)]
        for row in self.P:
            row[max(range(n), key=row.__getitem__)] += 1 - sum(row, fmpq(0))
        self.leads = (P > 0) | np.eye(n, dtype=bool)
        for k in range(n):
            self.leads |= self.leads[:, k : k + 1] & self.leads[k]
        self.recurrent = np.array([self.leads[self.leads[i], i].all() for i in range(n)])

    def reaching(self, goals: np.ndarray, stop: np.ndarray) -> np.ndarray:
        """From where some states can be reached without leaving others."""
        found = goals & ~stop
        while True:
            more = np.array(
                [
                    found[i] or (not stop[i] and any(p > 0 and found[j] for j, p in enumerate(self.P[i])))
                    for i in range(self.n)
                ]
            )
            if (more == found).all():
                return found
            found = more

    @cached_property
    def classes(self) -> list[list[int]]:
        return [
            np.flatnonzero(self.leads[i]).tolist()
            for i in range(self.n)
            if self.recurrent[i] and np.flatnonzero(self.leads[i])[0] == i
        ]

    def law(self, k: int = 0) -> list[fmpq]:
        """The stationary law (n,) of a class."""
        ids = self.classes[k]
        m = len(ids)
        A = [[(fmpq(int(i == j)) - self.P[i][j]) for i in ids] for j in ids[:-1]] + [[fmpq(1)] * m]
        found = fmpq_mat(A).solve(fmpq_mat([[fmpq(int(k == m - 1))] for k in range(m)]))
        pi = [fmpq(0)] * self.n
        for a, i in enumerate(ids):
            pi[i] = found[a, 0]
        return pi

    @cached_property
    def fundamental(self) -> list[list[fmpq]]:
        """(I - P + 1 pi)**-1, of a chain with one recurrent class."""
        pi, n = self.law(), self.n
        A = [[fmpq(int(i == j)) - self.P[i][j] + pi[j] for j in range(n)] for i in range(n)]
        return table(fmpq_mat(A).inv())

    def among(self, ids: list[int]) -> list[list[fmpq]]:
        """(I - Q)**-1 of some states."""
        if not ids:
            return []
        return table(fmpq_mat([[fmpq(int(i == j)) - self.P[i][j] for j in ids] for i in ids]).inv())

    def sums(self, ids: list[int], gains: list[fmpq]) -> dict[int, fmpq]:
        """The mean sums of gains until some states are left."""
        N = self.among(ids)
        return {
            i: sum((x * gains[j] for x, j in zip(row, ids, strict=True)), fmpq(0))
            for i, row in zip(ids, N, strict=True)
        }

    def visits(self, end: np.ndarray) -> list[list[Number]]:
        """N_ij, infinite where j is visited without end."""
        caught = np.array([self.recurrent[i] and not end[self.leads[i]].any() for i in range(self.n)])
        ids = [i for i in range(self.n) if not end[i] and not caught[i]]
        N = self.among(ids)
        out: list[list[Number]] = [[fmpq(0)] * self.n for _ in range(self.n)]
        for a, i in enumerate(ids):
            for b, j in enumerate(ids):
                out[i][j] = N[a][b]
        for j in np.flatnonzero(caught):
            goal = np.arange(self.n) == j
            for i in np.flatnonzero(self.reaching(goal, end)):
                out[i][j] = INFINITE
        return out

    def passage(self, target: np.ndarray) -> tuple[list[Number], list[Number]]:
        """Mean and variance of the time to a target."""
        lost = np.array([not (self.leads[i] & target).any() for i in range(self.n)])
        unsure = self.reaching(lost, target) if lost.any() else lost
        ids = [i for i in range(self.n) if not target[i] and not unsure[i]]
        mean = self.sums(ids, [fmpq(1)] * self.n)
        whole = [mean.get(i, fmpq(0)) for i in range(self.n)]
        squares = self.sums(ids, [2 * x - 1 for x in whole])
        m: list[Number] = [INFINITE if unsure[i] else whole[i] for i in range(self.n)]
        v: list[Number] = [INFINITE if unsure[i] else squares.get(i, fmpq(0)) - whole[i] ** 2 for i in range(self.n)]
        return m, v


def table(A: fmpq_mat) -> list[list[fmpq]]:
    return [[A[i, j] for j in range(A.ncols())] for i in range(A.nrows())]


def size(x: fmpq) -> float:
    """About |x|, at most 1e300."""
    return float(min(Decimal(int(abs(x).p)) / Decimal(int(x.q)), Decimal("1e300")))


def assert_holds(bound: Bound, truth: Number, room: float = 0) -> None:
    """The interval holds the truth, but for what 50 digits of arrows leave open: of the truth, or of `room`."""
    assert bound.low <= bound.value <= bound.high
    if isinstance(truth, Decimal):
        assert bound.high == float(truth), bound
        assert bound.low == bound.high, bound
        return
    off = (abs(truth) + rational(float(room))) * fmpq(1, 10**38) + fmpq(1, 10**320)
    about = Decimal(int(truth.p)) / Decimal(int(truth.q))
    assert bound.low == -np.inf or rational(bound.low) <= truth + off, (bound, about)
    assert bound.high == np.inf or rational(bound.high) >= truth - off, (bound, about)


def assert_all_hold(bounds: Bounds, truth: list[Number], room: float = 0) -> None:
    assert len(bounds.values) == len(truth)
    for k, exact in enumerate(truth):
        assert_holds(bounds.at(k), exact, room)
