"""Prints the polynomial coefficients of vec.h and rows.h, with their largest relative errors. Needs NumPy and SciPy.

Those of vec.h are fitted for the least largest relative error by Lawson's iteration: least squares, with the points of
large error weighted up until all peaks are alike.
"""

from collections.abc import Callable
from fractions import Fraction
from math import factorial, log

import numpy as np
from scipy.special import erfcx


def fit(x: np.ndarray, y: np.ndarray, degree: int, rounds: int) -> tuple[np.ndarray, float]:
    """Coefficients, constant first, and the largest relative error on the points x."""
    weights = np.ones(len(x))
    powers = np.vander(x, degree + 1, increasing=True)
    for _ in range(rounds):
        scale = np.sqrt(weights) / y
        coefficients = np.linalg.lstsq(powers * scale[:, None], y * scale)[0]
        error = np.abs(powers @ coefficients / y - 1)
        weights *= error / error.max() + 1e-3
        weights /= weights.sum()
    return coefficients, error.max()


def chebyshev(low: float, high: float, n: int = 400) -> np.ndarray:
    """Points that crowd at both ends, where polynomials stray."""
    return low + (high - low) * (1 + np.cos(np.pi * (np.arange(n) + 0.5) / n)) / 2


def report(name: str, x: np.ndarray, function: Callable[[np.ndarray], np.ndarray], degree: int, rounds: int) -> None:
    coefficients, error = fit(x, function(x), degree, rounds)
    print(f"{name}: relative error {error:.1e}")
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
    report("exp(r), |r| <= (ln 2) / 2", chebyshev(-half, half), np.exp, degree=6, rounds=200)
    # Phi(-a) exp(a^2 / 2) = erfcx(a / sqrt 2) / 2 with t = 1 / (1 + 0.3 a), for a up to 14, where Phi is below 1e-44.
    report(
        "Q(t), Phi(-a) = exp(-a^2 / 2) Q(1 / (1 + 0.3 a))",
        chebyshev(1 / (1 + 0.3 * 14), 1),
        lambda t: erfcx((1 / t - 1) / 0.3 / np.sqrt(2)) / 2,
        degree=8,
        rounds=60,
    )
    print("exp(r) in double, |r| <= (ln 2) / 2")
    print("  " + ", ".join(map(repr, exp_double())))
