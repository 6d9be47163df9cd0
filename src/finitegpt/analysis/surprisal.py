"""How surprising a token is: -ln of its probability, small ones too without a subtraction."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from finitegpt.analysis.bound import ROUNDING
from finitegpt.rows import LEAST, Rows


def losses(
    rows: Rows, tokens: "NDArray[np.integer[Any]] | list[int]"
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """-ln of each row's probability of a token, and how far each may be off.

    Of the most probable token it is ln(1 + the sum of exp(x_o - x)) over the others, small without a subtraction.
    """
    x, V = rows.astype(np.float64), rows.shape[1]
    x[x < LEAST] = -np.inf
    own = x[np.arange(len(x)), tokens][:, None]
    stored = 2.0 if rows.dtype == np.float64 else 0.0  # logarithms that were rounded: by so many units of themselves
    with np.errstate(invalid="ignore", under="ignore", over="ignore"):
        top = x.max(1, keepdims=True)
        others = np.exp(x - top)
        others[np.arange(len(x)), x.argmax(1)] = 0.0
        size = np.where(np.isfinite(x), np.abs(x), 0.0)
        doubt = (others * (stored * (size + np.abs(top)) + np.abs(np.where(np.isfinite(x), x - top, 0.0)) + 4)).sum(1)
    rest = others.sum(1)
    more = (top - own)[:, 0]  # 0 for the most probable, infinite for what cannot happen
    values = more + np.log1p(rest)
    finite = np.where(np.isfinite(more), more, 0.0)
    far = np.where(finite > 0, finite + stored * (2 * np.abs(top[:, 0]) + finite), 0.0)
    error = (doubt + (V + 4) * rest) / (1 + rest) + far + 4 * np.where(np.isfinite(values), values, 0.0)
    return values, error * ROUNDING * (1 + 1e-9)
