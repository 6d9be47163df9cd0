"""Prints the polynomial coefficients of vec.h and rows.h, with their largest errors. Needs NumPy and SciPy.

Those of vec.h are fitted for the least largest error by Lawson's iteration: least squares, with the points of large
error weighted up until all peaks are alike.
"""

from fractions import Fraction
from math import factorial, log

import numpy as np
from scipy.special import log_ndtr, ndtr


def fit(x: np.ndarray, y: np.ndarray, unit: np.ndarray, degree: int, rounds: int) -> tuple[np.ndarray, float]:
    """Coefficients, constant first, and the largest error on the points x, each in its unit."""
    weights, width = np.ones(len(x)), np.abs(x).max()
    powers = np.vander(x / width, degree + 1, increasing=True)
    for _ in range(rounds):
        scale = np.sqrt(weights) / unit
        coefficients = np.linalg.lstsq(powers * scale[:, None], y * scale)[0]
        error = np.abs((powers @ coefficients - y) / unit)
        weights *= error / error.max() + 1e-3
        weights /= weights.sum()
    return coefficients / width ** np.arange(degree + 1), error.max()


def chebyshev(low: float, high: float, n: int = 400) -> np.ndarray:
    """Points that crowd at both ends, where polynomials stray."""
    return low + (high - low) * (1 + np.cos(np.pi * (np.arange(n) + 0.5) / n)) / 2


def report(name: str, coefficients: np.ndarray, error: float) -> None:
    print(f"{name}: error {error:.1e}")
    print("  " + ", ".join(f"{c:.9g}" for c in coefficients))


def exp_double() -> list[float]:
    """exp(r) for |r| <= (ln 2) / 2: Taylor's series to r**13, less so much of Chebyshev's T13 that it ends at r**12.

    That is right to 1e-17; with the series to r**12 alone it would be 2e-16.
    """
    half, n = Fraction(log(2)) / 2, 13
    before, chebyshev_n = [1], [0, 1]
    for _ in range(n - 1):
        twice = [0, *(2 * c for c in chebyshev_n)]
        before, chebyshev_n = chebyshev_n, [c - b for c, b in zip(twice, [*before, 0, 0], strict=True)]
    last = half**n / (factorial(n) * chebyshev_n[n])
    return [float(Fraction(1, factorial(k)) - last * chebyshev_n[k] / half**k) for k in range(n)]


if __name__ == "__main__":
    half = np.log(2) / 2
    r = chebyshev(-half, half)
    report("exp(r), |r| <= (ln 2) / 2, relative", *fit(r, np.exp(r), np.exp(r), degree=6, rounds=200))
    r = chebyshev(-0.5, 0.5)
    report("2**r, |r| <= 1 / 2, relative", *fit(r, np.exp2(r), np.exp2(r), degree=5, rounds=200))
    a = chebyshev(0, 8)  # where the logarithm errs by a unit, so does a Phi(-a), or Phi(-a) / 2 below 1 / 2
    unit = 1 / (np.log(2) * ndtr(-a) * np.maximum(a, 0.5))
    report("log2 Phi(-a) for a Phi(-a)", *fit(a, log_ndtr(-a) / np.log(2), unit, degree=7, rounds=300))
    print("exp(r) in double, |r| <= (ln 2) / 2")
    print("  " + ", ".join(map(repr, exp_double())))
