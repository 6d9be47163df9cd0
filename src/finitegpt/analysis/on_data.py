"""What a chain loses on data, and what the data itself allows."""

import math

import numpy as np
from numpy.typing import NDArray

from finitegpt.analysis.bound import ROUNDING, Bound
from finitegpt.data import Data
from finitegpt.errors import InputError
from finitegpt.rows import LEAST, RowOperator, Rows


def cross_entropy(chain: RowOperator, data: Data) -> Bound:
    """The mean -ln q of the tokens of a data set after their contexts of L tokens, in nats; infinite where one is 0.

    >>> from finitegpt import Chain
    >>> chain = Chain.from_probs([[0.5, 0.5]] * 8, "01", 3)
    >>> print(cross_entropy(chain, Data.from_text("1101101", context_length=3)))
    0.693147
    """
    if data.vocab != chain.vocab or data.context_length != chain.context_length:
        raise InputError(
            f"expected data of {chain.context_length} tokens a context over {''.join(chain.vocab)!r}, got "
            f"{data.context_length} over {''.join(data.vocab)!r}; try Data.from_text with those"
        )
    starts, counts = data.distinct
    L, V = data.context_length, len(data.vocab)
    ids = np.zeros(len(starts), np.int64)
    for k in range(L):
        ids = ids * V + data.tokens[starts + k]
    values, error = _losses(chain.log_probs[ids], data.tokens[starts + L])
    if np.isinf(values).any():
        return Bound(math.inf, math.inf, math.inf)
    n = int(counts.sum())
    value, off = math.fsum(values * counts) / n, math.fsum(error * counts) / n
    return Bound.around(value, off * (1 + 4 * ROUNDING) + 4 * ROUNDING * value).within(0.0, math.inf)


def data_entropy(data: Data) -> Bound:
    """The entropy of the next token given L tokens in the data itself, in nats: `data.entropy` with its certificate.

    >>> print(data_entropy(Data.from_text("111101111011110", context_length=3)))
    0.346574
    """
    value = data.entropy
    if not data.is_numbered:
        return Bound(value, why="so long contexts are told apart by a hash; a shorter context would help")
    return Bound.around(value, 8 * ROUNDING * value)


def _losses(rows: Rows, tokens: NDArray[np.int32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
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
