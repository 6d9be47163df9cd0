"""GTH elimination: the stationary law of a small chain without a single subtraction.

States are censored one after the other, the last first: what a chain does between two visits to the others becomes
arrows among them. Nothing is ever subtracted, so nothing cancels, and every component is right to rounding however
small it is, also where the chain is nearly decomposable (Grassmann, Taksar and Heyman 1985).
"""

import numpy as np
from numpy.typing import NDArray

_BASE = 16


def gth(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The stationary distribution (n,) of an irreducible matrix of probabilities or rates (n, n); diagonals are unused.

    Elimination in halves, so that nearly all of its 2/3 n**3 operations are matrix products. The result is not finite
    where products of probabilities are too small for double precision.

    >>> gth(np.array([[0.9, 0.1], [0.5, 0.5]])).round(6)
    array([0.833333, 0.166667])
    """
    A = np.array(matrix, np.float64)
    n = len(A)
    pi = np.ones(n)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        _eliminate(A, 0, n)
        for k in range(1, n):
            pi[k] = pi[:k] @ A[:k, k]
            if pi[k] > 1e200:  # a chain may have weights of any ratio
                pi[: k + 1] /= pi[k]
        return pi / pi.sum()


def error_bound(n: int) -> float:
    """What GTH's components can be wrong by, relatively: 9 n**3 roundings (O'Cinneide 1993). Usually far less."""
    return 9.0 * n**3 * np.finfo(np.float64).eps / 2


def _eliminate(A: NDArray[np.float64], first: int, end: int) -> None:
    """Censors the states from end - 1 down to first, where rows and columns of these know of all eliminations before.

    Leaves other rows and columns as they are: the caller updates them with one product for all of these states.
    """
    if end - first <= _BASE:
        for k in range(end - 1, max(first, 1) - 1, -1):
            A[:k, k] /= A[k, :k].sum()
            A[first:k, :k] += np.outer(A[first:k, k], A[k, :k])
            A[:first, first:k] += np.outer(A[:first, k], A[k, first:k])
        return
    middle = (first + end) // 2
    _eliminate(A, middle, end)
    A[first:middle, :middle] += A[first:middle, middle:end] @ A[middle:end, :middle]
    A[:first, first:middle] += A[:first, middle:end] @ A[middle:end, first:middle]
    _eliminate(A, first, middle)
