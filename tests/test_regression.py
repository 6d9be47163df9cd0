"""Weighted linear regression, against the normal equations and against points repeated as often as they weigh."""

import numpy as np
import pytest

from finitegpt import InputError
from finitegpt.regression import condensed, regress, solved


def points(seed: int, n: int = 60, C: int = 4, K: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X, w = rng.normal(size=(n, C)) + 5, rng.integers(0, 4, n).astype(float)
    return X, X @ rng.normal(size=(C, K)) + rng.normal(size=(n, K)), w / w.sum()


@pytest.mark.parametrize("seed", range(5))
def test_it_solves_the_normal_equations(seed: int) -> None:
    X, Y, w = points(seed)
    A = np.column_stack([X, np.ones(len(X))])
    known = np.linalg.solve(A.T @ (w[:, None] * A), A.T @ (w[:, None] * Y))
    found = regress(X, Y, w)
    np.testing.assert_allclose(np.vstack([found.slopes, found.intercept]), known, atol=1e-9)
    left, all_ = w @ ((Y - A @ known) ** 2).sum(1), w @ ((Y - w @ Y) ** 2).sum(1)
    assert found.r2 == pytest.approx(1 - left / all_, abs=1e-12)
    assert 0.1 < found.r2 < 0.99
    np.testing.assert_allclose(found(X), A @ known, atol=1e-9)


def test_a_weight_is_a_number_of_points() -> None:
    X, Y, _ = points(0)
    times = np.random.default_rng(1).integers(0, 3, len(X))
    repeated = regress(X.repeat(times, 0), Y.repeat(times, 0), np.ones(times.sum()))
    weighted = regress(X, Y, times)
    np.testing.assert_allclose(weighted.slopes, repeated.slopes, atol=1e-12)
    assert weighted.r2 == pytest.approx(repeated.r2, abs=1e-13)


def test_points_some_after_the_other_are_points_together() -> None:
    X, Y, w = points(3)
    R = None
    for part in np.array_split(np.arange(len(X)), 7):
        R = condensed(X[part], Y[part], w[part], R)
    assert R is not None
    np.testing.assert_allclose(solved(R, 4).slopes, regress(X, Y, w).slopes, atol=1e-12)
    assert solved(R, 4).r2 == pytest.approx(regress(X, Y, w).r2, abs=1e-13)


def test_features_that_depend_on_each_other_add_nothing() -> None:
    X, Y, w = points(4)
    more = np.column_stack([X, X @ np.ones(4), X[:, 0], np.ones(len(X)), np.zeros(len(X))])
    assert regress(more, Y, w).r2 == pytest.approx(regress(X, Y, w).r2, abs=1e-12)
    np.testing.assert_allclose(regress(more, Y, w)(more), regress(X, Y, w)(X), atol=1e-9)


def test_what_is_below_the_rounding_of_features_says_nothing() -> None:
    X, Y, w = points(5)
    faint = np.column_stack([X, 1e-9 * Y])
    assert regress(faint, Y, w).r2 == pytest.approx(1, abs=1e-9)
    R = condensed(faint, Y, w)
    assert solved(R, 7, rounding=2.0**-24).r2 == pytest.approx(regress(X, Y, w).r2, abs=1e-6)


@pytest.mark.parametrize(
    ("X", "Y", "w"),
    [
        ([[1], [2]], [[1], [1]], [1, 1]),
        ([[1], [2]], [[1], [2]], [0, 0]),
        ([[1], [2]], [[1], [2]], [-1, 2]),
        ([[1], [np.nan]], [[1], [2]], [1, 1]),
        ([1, 2], [[1], [2]], [1, 1]),
        ([[1], [2]], [[1]], [1, 1]),
        ("x", [[1]], [1]),
        (np.zeros((0, 1)), np.zeros((0, 1)), []),
    ],
)
def test_regressions_that_are_none(X, Y, w) -> None:
    with pytest.raises(InputError, match=r"expected .*got .*; try"):
        regress(X, Y, w)
