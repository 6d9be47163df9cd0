"""The Kullback-Leibler divergence of rows, each with a bound of its error.

With d = ln(q / p) for each token, KL(p, q) is the sum of -p d, whose terms cancel where p and q are alike. As p and q
both sum to one, it is also that of p (exp(d) - 1 - d), whose terms are all of one sign, and of q where p is 0.

What may be wrong, u being 2**-53:

- d = (y - x) - (s_y - s_x) for stored logarithms x and y, whose rows' sums are exp(s). Differences round by u of what
  they are. Rows of float64 are logarithms that were rounded themselves, by up to 2 u |x|. Call all that `own`: it
  changes a term by at most |q - p| own + q own**2.
- s is off by some (2 V + 16) u, but that is the same for a whole row: the sum changes by half its square, since p and q
  sum to one.
- p is right relatively, and so is each term for a given d.

So a divergence is right relatively but for some 1e-29, however small it is.
"""

import numpy as np
from numpy.typing import NDArray

from finitegpt.analysis.bound import ROUNDING
from finitegpt.parallel import ordered, ranges
from finitegpt.rows import LEAST, Rows

Values = NDArray[np.float64]

_PIECE = 2**16
_UNDERFLOW = 2.0**-1060
_TERMS = 20  # of the series, for |d| up to 1: the rest is below 1e-20


def row_divergence(truth: Rows, model: Rows) -> Values:
    """KL(p_i, q_i) in nats (n,) between rows of log-probabilities (n, V); infinite where q rules out what p does not.

    >>> import numpy as np
    >>> row_divergence(np.log(np.float32([[0.5, 0.5]])), np.log(np.float32([[0.25, 0.75]]))).round(6).tolist()
    [0.143841]
    """
    return divergence(truth, model)[0]


def divergence(truth: Rows, model: Rows) -> tuple[Values, Values]:
    """The same, and how far each may be off (n,): 0 where it is infinite, or where rows are the same."""
    values, error = np.empty(len(truth)), np.empty(len(truth))
    one = truth is model  # what was meant is the same, too

    def part(piece: tuple[int, int]) -> None:
        rows = slice(piece[0], piece[0] + piece[1])
        values[rows], error[rows] = _divergence(truth[rows], model[rows], one)

    for _ in ordered(part, ranges(len(truth), _PIECE)):
        pass
    return values, error


def _divergence(truth: Rows, model: Rows, one: bool) -> tuple[Values, Values]:
    V = truth.shape[1]
    x, y = truth.astype(np.float64), model.astype(np.float64)
    here, there = x >= LEAST, y >= LEAST
    s_x, s_y = _log_sum(x, here), _log_sum(y, there)
    both = here & there
    x, y = np.where(here, x, 0.0), np.where(there, y, 0.0)
    p, q = np.where(here, np.exp(x - s_x), 0.0), np.where(there, np.exp(y - s_y), 0.0)
    d = np.where(both, (y - x) - (s_y - s_x), 0.0)
    terms = p * _excess(d)
    with np.errstate(under="ignore"):
        terms = np.where(d < -1, p * (-d - 1) + q, terms)
        terms = np.where(d > 1, q - p * (1 + d), terms)
        terms = np.where(both, terms, q)  # also where p is 0
        common = (2 * V + 16) * ROUNDING
        stored = sum(
            2 * np.abs(logs) for logs, rows in ((x, truth), (y, model)) if rows.dtype == np.float64
        )  # in units
        own = (np.abs(y - x) + np.abs(d) + 1e-3 + stored) * ROUNDING
        relative = common + (np.abs(x) + np.abs(y) + stored + 4) * ROUNDING
        times = np.where(d > 1, 20.0, np.where(d < -1, 5.0, 2.0))  # q and p exp(d) are not quite the same
        off = (times * relative + (V + 32) * ROUNDING) * terms
        off += np.where(both, 2 * np.abs(q - p) * own + 4 * np.maximum(p, q) * (own + common) ** 2, 0.0)
    value, error = terms.sum(1), off.sum(1) * (1 + 2 * V * ROUNDING) + V * _UNDERFLOW
    never = (here & ~there).any(1)
    value[never], error[never] = np.inf, 0.0
    same = (truth == model).all(1) | (here.sum(1) == 1) & (here == there).all(1)
    value[same] = 0.0
    exact = same & (one or truth.dtype == model.dtype == np.float32 or V == 1)
    error[exact | (here.sum(1) == 1) & (here == there).all(1)] = 0.0
    return value, error


def _log_sum(x: Values, there: NDArray[np.bool_]) -> Values:
    """ln of a row's sum (n, 1), which is nearly 1."""
    return np.log(np.where(there, np.exp(np.where(there, x, 0.0)), 0.0).sum(1, keepdims=True))


def _excess(d: Values) -> Values:
    """exp(d) - 1 - d for |d| up to 1, by its series; anything elsewhere."""
    d = d.clip(-1, 1)
    total = np.ones_like(d)
    for k in range(_TERMS + 2, 2, -1):
        total *= d / k
        total += 1
    return d * d / 2 * total
