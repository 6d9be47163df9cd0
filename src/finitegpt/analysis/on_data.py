"""What a chain loses on data, and what the data itself allows."""

import math

import numpy as np

from finitegpt.analysis.bound import ROUNDING, Bound
from finitegpt.analysis.surprisal import losses
from finitegpt.arguments import required
from finitegpt.data import Data
from finitegpt.errors import InputError
from finitegpt.naming import shortened
from finitegpt.rows import RowOperator, of_rows


@of_rows
def cross_entropy(chain: RowOperator, data: Data) -> Bound:
    """The mean -ln q of the tokens of a data set after their contexts of L tokens, in nats; infinite where one is 0.

    >>> from finitegpt import Chain
    >>> chain = Chain.from_probs([[0.5, 0.5]] * 8, "01", 3)
    >>> print(cross_entropy(chain, Data.from_text("1101101", context_length=3)))
    0.693147
    """
    required("data", data, Data, instead="Data.from_text")
    if data.vocab != chain.vocab or data.context_length != chain.context_length:
        raise InputError(
            f"expected data of {chain.context_length} tokens a context over {shortened(chain.vocab)}, got "
            f"{data.context_length} over {shortened(data.vocab)}; try Data.from_text with those"
        )
    starts, counts = data.distinct
    L, V = data.context_length, len(data.vocab)
    ids = np.zeros(len(starts), np.int64)
    for k in range(L):
        ids = ids * V + data.tokens[starts + k]
    values, error = losses(chain.log_probs[ids], data.tokens[starts + L])
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
    value = required("data", data, Data, instead="Data.from_text").entropy
    if not data.is_numbered:
        return Bound(value, why="so long contexts are told apart by a hash; a shorter context would help")
    return Bound.around(value, 8 * ROUNDING * value)
