"""Exact answers about small chains in fractions, by their definitions: whole matrices, solved with subtractions."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from finitegpt import Chain

Row = list[Fraction]
Matrix = list[Row]


def matrix(probs: np.ndarray, L: int = 1) -> Matrix:
    """The transition matrix of next-token probabilities (n, V), doubles as they are, each row normalised."""
    n, V = probs.shape
    P = [[Fraction(0)] * n for _ in range(n)]
    for state, row in enumerate(probs.tolist()):
        whole = sum(map(Fraction, row))
        for token, p in enumerate(row):
            P[state][state * V % n + token] += Fraction(p) / whole
    return P


def solve(A: Matrix, b: Row) -> Row:
    """x with A x = b (Gauss and Jordan)."""
    n = len(A)
    rows = [[*row, value] for row, value in zip(A, b, strict=True)]
    for k in range(n):
        pivot = next(i for i in range(k, n) if rows[i][k] != 0)
        rows[k], rows[pivot] = rows[pivot], rows[k]
        rows[k] = [x / rows[k][k] for x in rows[k]]
        for i in range(n):
            if i != k and rows[i][k] != 0:
                rows[i] = [x - rows[i][k] * y for x, y in zip(rows[i], rows[k], strict=True)]
    return [row[-1] for row in rows]


def stationary(P: Matrix, members: Sequence[int]) -> Row:
    """The stationary law (n,) of a recurrent class."""
    m = len(members)
    A = [[P[j][i] - (i == j) for j in members] for i in members]
    A[-1] = [Fraction(1)] * m
    pi = [Fraction(0)] * len(P)
    for i, value in zip(members, solve(A, [Fraction(0)] * (m - 1) + [Fraction(1)]), strict=True):
        pi[i] = value
    return pi


def before(P: Matrix, target: np.ndarray, source: np.ndarray) -> Row:
    """From each state (n,), the probability of being in `target` before `source`: the least solution."""
    n = len(P)
    can = set(np.flatnonzero(target).tolist())
    while True:
        more = {i for i in range(n) if i not in can and not source[i] and any(P[i][j] > 0 for j in can)}
        if not more:
            break
        can |= more
    open_ = [i for i in sorted(can) if not target[i]]
    A = [[(i == j) - P[i][j] for j in open_] for i in open_]
    b = [sum((P[i][j] for j in range(n) if target[j]), Fraction(0)) for i in open_]
    x = [Fraction(int(target[i])) for i in range(n)]
    for i, value in zip(open_, solve(A, b), strict=True):
        x[i] = value
    return x


def reversed_chain(P: Matrix, pi: Row) -> Matrix:
    """The chain run backwards; states without mass stay where they are."""
    n = len(P)
    return [[pi[j] * P[j][i] / pi[i] if pi[i] else Fraction(int(i == j)) for j in range(n)] for i in range(n)]


def times(P: Matrix, target: np.ndarray) -> Row:
    """The mean time until the target (n,), from states that come there for sure."""
    free = [i for i in range(len(P)) if not target[i]]
    A = [[(i == j) - P[i][j] for j in free] for i in free]
    x = [Fraction(0)] * len(P)
    for i, value in zip(free, solve(A, [Fraction(1)] * len(free)), strict=True):
        x[i] = value
    return x


@st.composite
def chains(draw: st.DrawFn, sizes: tuple[int, ...] = (2, 3, 4, 5, 6)) -> tuple[Chain, Matrix]:
    """Chains of few states, probabilities in tenths, many of them zero."""
    n = draw(st.sampled_from(sizes))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    counts = rng.multinomial(10, rng.dirichlet(np.full(n, rng.choice([0.1, 0.3, 1.0]))), n)
    probs = counts / 10
    return Chain.from_probs(probs, "abcdef"[:n], 1), matrix(probs)


def assert_holds(truth: Sequence[Fraction], bounds: object, relative: float = 1e-9) -> None:
    """Each interval holds the truth exactly, and is narrow."""
    for exact, value, low, high in zip(truth, bounds.values, bounds.low, bounds.high, strict=True):  # type: ignore[attr-defined]
        assert low <= value <= high
        assert Fraction(float(low)) <= exact <= Fraction(float(high)), (low, float(exact), high)
        assert high - low <= relative * float(exact) + 1e-300
