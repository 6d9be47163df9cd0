"""GTH elimination: laws and times of small chains without a single subtraction.

States are censored one after the other, the last first: what a chain does between two visits to the others becomes
arrows among them. Nothing is ever subtracted, so nothing cancels, and every component is right to rounding however
small it is, also where the chain is nearly decomposable (Grassmann, Taksar and Heyman 1985).
"""

import numpy as np
from numpy.typing import NDArray

_BASE = 16
_LEAST = 1e-290  # products below this are near where double precision ends

Matrix = NDArray[np.float64]


def gth(matrix: Matrix) -> Matrix:
    """The stationary distribution (n,) of an irreducible matrix of probabilities or rates (n, n); diagonals are unused.

    The result is not finite where products of probabilities are too small for double precision.

    >>> gth(np.array([[0.9, 0.1], [0.5, 0.5]])).round(6)
    array([0.833333, 0.166667])
    """
    return stationary_law(matrix)[0]


def stationary_law(matrix: Matrix) -> tuple[Matrix, float]:
    """`gth`, and its total variation error: infinite where products come near underflow."""
    A, _, error = _eliminated(matrix)
    n = len(A)
    pi = np.ones(n)
    with np.errstate(invalid="ignore", over="ignore"):
        for k in range(1, n):
            pi[k] = pi[:k] @ A[:k, k]
            if pi[k] > 1e200:  # a chain may have weights of any ratio
                pi[: k + 1] /= pi[k]
        return pi / pi.sum(), error


def absorption_solution(moves: Matrix, exits: Matrix, gains: Matrix) -> tuple[Matrix, float]:
    """x with x = gains + moves x, (n,), and its relative error, of which the above holds.

    `moves` (n, n) is a chain among states that it leaves with the probabilities `exits` (n,); `gains` (n,) are 0 or
    more: with ones the mean times until it leaves, with the probabilities of leaving somewhere those of ending there.

    >>> absorption_solution(np.array([[0.9]]), np.array([0.1]), np.ones(1))[0].round(6)
    array([10.])
    """
    n = len(moves)
    matrix = np.zeros((n + 1, n + 1))
    matrix[1:, 1:], matrix[1:, 0] = moves, exits
    A, totals, error = _eliminated(matrix)
    b, x = np.concatenate(([0.0], gains)), np.zeros(n + 1)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        for k in range(n, 0, -1):
            b[1:k] += A[1:k, k] * b[k]
        for k in range(1, n + 1):
            x[k] = (b[k] + A[k, 1:k] @ x[1:k]) / totals[k]
    return x[1:], error


def _eliminated(matrix: Matrix) -> tuple[Matrix, Matrix, float]:
    """The censored matrix (n, n), columns divided; how likely each state is left for earlier ones (n,); the error.

    The error is 9 n**3 roundings (O'Cinneide 1993), usually far less. Elimination in halves, so that nearly all of its
    2/3 n**3 operations are matrix products.
    """
    A, n = np.array(matrix, np.float64), len(matrix)
    totals, least = np.ones(n), np.ones(n)
    with np.errstate(all="ignore"):
        _eliminate(A, totals, least, 0, n)
    safe = bool((totals > 0).all()) and bool((least > _LEAST).all())
    return A, totals, error_bound(n) if safe else np.inf


def error_bound(n: int) -> float:
    """The relative error of elimination of n states, a priori: 9 n**3 roundings (O'Cinneide 1993)."""
    return 9.0 * n**3 * float(np.finfo(np.float64).eps) / 2


def _eliminate(A: Matrix, totals: Matrix, least: Matrix, first: int, end: int) -> None:
    """Censors the states from end - 1 down to first, where rows and columns of these know of all eliminations before.

    Leaves other rows and columns as they are: the caller updates them with one product for all of these states. Notes
    the smallest product that each state adds to others.
    """
    if end - first <= _BASE:
        for k in range(end - 1, max(first, 1) - 1, -1):
            totals[k] = A[k, :k].sum()
            A[:k, k] /= totals[k]
            least[k] = _smallest(A[:k, k]) * _smallest(A[k, :k])
            A[first:k, :k] += np.outer(A[first:k, k], A[k, :k])
            A[:first, first:k] += np.outer(A[:first, k], A[k, first:k])
        return
    middle = (first + end) // 2
    _eliminate(A, totals, least, middle, end)
    A[first:middle, :middle] += A[first:middle, middle:end] @ A[middle:end, :middle]
    A[:first, first:middle] += A[:first, middle:end] @ A[middle:end, first:middle]
    _eliminate(A, totals, least, first, middle)


def _smallest(numbers: Matrix) -> float:
    """The smallest number above zero, infinite where there is none."""
    return float(numbers.min(where=numbers > 0, initial=np.inf))
