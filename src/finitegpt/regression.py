"""Linear regression of points that count by weights, of which few need be held at any time.

Points are condensed, some after the other, to a triangular matrix with the same sums of products, by QR (Golub and Van
Loan, "Matrix Computations", 4th edition, 2013, 6.5.3): that loses nothing, where sums of squares lose half the digits.
"""

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finitegpt import words
from finitegpt.arguments import numbers
from finitegpt.errors import InputError

Floats = NDArray[np.float64]

_EPS = 2.0**-52
_SAME = 1e-24  # a variance of what is the same but for rounding


@dataclass(frozen=True, eq=False, slots=True, kw_only=True, repr=False)
class Regression:
    """K targets as linear functions of C features and 1."""

    slopes: Floats
    """(C, K)."""
    intercept: Floats
    """(K,)."""
    r2: float
    """The part of the variance of all targets together that the features explain, from 0 to 1."""

    def __repr__(self) -> str:
        C, K = self.slopes.shape
        return f"Regression({words.count(K, 'target')} on {words.count(C, 'feature')}, R^2 {self.r2:.6f})"

    def __call__(self, features: NDArray[np.floating]) -> Floats:
        """What it makes of features (n, C): (n, K)."""
        return features @ self.slopes + self.intercept


def regress(features: ArrayLike, targets: ArrayLike, weights: ArrayLike) -> Regression:
    """Targets (n, K) as linear functions of features (n, C), by least squares weighted with `weights` (n,).

    InputError where shapes do not fit, weights are none, or all targets are the same.

    >>> regress([[0], [1], [2]], [[1], [3], [5]], [0.5, 0.25, 0.25])
    Regression(1 target on 1 feature, R^2 1.000000)
    """
    X, Y = (numbers(name, v, instead="an array (n, k)") for name, v in (("features", features), ("targets", targets)))
    w = numbers("weights", weights, instead="np.ones(n)")
    if X.ndim != 2 or Y.ndim != 2 or w.ndim != 1 or not len(X) == len(Y) == len(w) > 0:
        raise InputError(
            f"expected features (n, C), targets (n, K) and weights (n,), got {X.shape}, {Y.shape} and {w.shape}; try a "
            "row for each point"
        )
    if not (np.isfinite(X).all() and np.isfinite(Y).all() and np.isfinite(w).all() and (w >= 0).all() and w.any()):
        raise InputError("expected finite numbers, and weights of 0 or more, not all of them 0, got others; try others")
    single = getattr(features, "dtype", None) == np.float32
    return solved(condensed(X, Y, w), X.shape[1], rounding=2.0**-24 if single else 0)


def condensed(features: NDArray[np.floating], targets: Floats, weights: Floats, before: Floats | None = None) -> Floats:
    """A triangular matrix with the sums of products of 1, features (n, C) and targets (n, K) of these points.

    Of these and of those that `before` stands for.
    """
    rows = np.sqrt(weights)[:, None] * np.column_stack([np.ones(len(weights)), features, targets])
    return cast(Floats, np.linalg.qr(rows if before is None else np.vstack([before, rows]), mode="r"))


def solved(R: Floats, n_features: int, *, rounding: float = 0) -> Regression:
    """The regression on so many features of the points that are condensed to R.

    Directions in which features vary by less than their relative `rounding` say nothing, and are left out.
    """
    # What is left of the rows below the first has been freed of the means.
    means, X, Y = R[0, 1:] / R[0, 0], R[1:, 1 : n_features + 1], R[1:, n_features + 1 :]
    variance = float((Y**2).sum())
    if variance <= _SAME * R[0, 0] ** 2:
        raise InputError("expected targets that differ from point to point, got the same for all; try others")
    U, s, V = np.linalg.svd(X, full_matrices=False)
    least = max(rounding, _EPS * max(R.shape)) * float(np.linalg.norm(R[:, 1 : n_features + 1]))
    kept = s > least
    explained = U[:, kept].T @ Y
    slopes = V[kept].T @ (explained / s[kept, None])
    left = float(((Y - U[:, kept] @ explained) ** 2).sum())
    return Regression(
        slopes=slopes, intercept=means[n_features:] - means[:n_features] @ slopes, r2=max(0.0, 1 - left / variance)
    )
