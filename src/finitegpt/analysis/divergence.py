"""How far rows are apart, by divergence (Kullback and Leibler) or by total variation, each with a bound of its error.

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

from collections.abc import Callable
from dataclasses import dataclass

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
    return _by_pieces(_divergence, truth, model)


def variation(truth: Rows, model: Rows) -> tuple[Values, Values]:
    """The total variation distance (n,) between rows, half the sum of |p - q|, and how far each may be off (n,).

    With p - q as p (exp(d) - 1): right to what d is, be p large or small. 0, exactly, where rows are the same.

    >>> import numpy as np
    >>> variation(np.log(np.float32([[0.5, 0.5]])), np.log(np.float32([[0.25, 0.75]])))[0].round(6).tolist()
    [0.25]
    """
    return _by_pieces(_variation, truth, model)


def _by_pieces(function: Callable[["_Pair"], tuple[Values, Values]], truth: Rows, model: Rows) -> tuple[Values, Values]:
    values, error = np.empty(len(truth)), np.empty(len(truth))

    def part(piece: tuple[int, int]) -> None:
        rows = slice(piece[0], piece[0] + piece[1])
        pair = _Pair.of(truth[rows], model[rows])
        found, off = function(pair)
        same, sure = (truth[rows] == model[rows]).all(1), (pair.here.sum(1) == 1) & (pair.here == pair.there).all(1)
        found[same | sure] = 0.0
        # What was meant is the same, too.
        exact = same & (truth is model or truth.dtype == model.dtype == np.float32 or truth.shape[1] == 1)
        off[exact | sure] = 0.0
        values[rows], error[rows] = found, off

    for _ in ordered(part, ranges(len(truth), _PIECE)):
        pass
    return values, error


@dataclass(frozen=True, eq=False, kw_only=True)
class _Pair:
    """Rows of two chains (n, V), and what may be wrong with them."""

    here: NDArray[np.bool_]
    there: NDArray[np.bool_]
    p: Values
    q: Values
    d: Values
    own: Values
    """How far d may be off, but for what a row has in common."""
    relative: Values
    """How far p and q may be off, relatively."""
    common: float

    @classmethod
    def of(cls, truth: Rows, model: Rows) -> "_Pair":
        V = truth.shape[1]
        x, y = truth.astype(np.float64), model.astype(np.float64)
        here, there = x >= LEAST, y >= LEAST
        s_x, s_y = _log_sum(x, here), _log_sum(y, there)
        x, y = np.where(here, x, 0.0), np.where(there, y, 0.0)
        p, q = np.where(here, np.exp(x - s_x), 0.0), np.where(there, np.exp(y - s_y), 0.0)
        d = np.where(here & there, (y - x) - (s_y - s_x), 0.0)
        common = (2 * V + 16) * ROUNDING
        stored = sum(
            2 * np.abs(logs) for logs, rows in ((x, truth), (y, model)) if rows.dtype == np.float64
        )  # in units
        own = (np.abs(y - x) + np.abs(d) + 1e-3 + stored) * ROUNDING
        relative = common + (np.abs(x) + np.abs(y) + stored + 4) * ROUNDING
        return cls(here=here, there=there, p=p, q=q, d=d, own=own, relative=relative, common=common)


def _divergence(pair: _Pair) -> tuple[Values, Values]:
    p, q, d, V = pair.p, pair.q, pair.d, pair.p.shape[1]
    both = pair.here & pair.there
    terms = p * _excess(d)
    with np.errstate(under="ignore"):
        terms = np.where(d < -1, p * (-d - 1) + q, terms)
        terms = np.where(d > 1, q - p * (1 + d), terms)
        terms = np.where(both, terms, q)  # also where p is 0
        times = np.where(d > 1, 20.0, np.where(d < -1, 5.0, 2.0))  # q and p exp(d) are not quite the same
        off = (times * pair.relative + (V + 32) * ROUNDING) * terms
        far = 2 * np.abs(q - p) * pair.own + 4 * np.maximum(p, q) * (pair.own + pair.common) ** 2
        off += np.where(both, far, 0.0)
    value, error = terms.sum(1), off.sum(1) * (1 + 2 * V * ROUNDING) + V * _UNDERFLOW
    never = (pair.here & ~pair.there).any(1)
    value[never], error[never] = np.inf, 0.0
    return value, error


def _variation(pair: _Pair) -> tuple[Values, Values]:
    p, q, V = pair.p, pair.q, pair.p.shape[1]
    with np.errstate(under="ignore", over="ignore"):
        near = pair.here & pair.there & (np.abs(pair.d) <= 1)
        terms = np.where(near, p * np.abs(np.expm1(pair.d)), np.abs(q - p))
        most = np.maximum(p, q)
        off = np.where(near, 2 * most * (pair.own + pair.common), 0.0) + 4 * np.where(near, terms, most) * pair.relative
        off += (V + 32) * ROUNDING * terms
    value, error = 0.5 * terms.sum(1), 0.5 * off.sum(1) * (1 + 2 * V * ROUNDING) + V * _UNDERFLOW
    return value.clip(0.0, 1.0), error


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
