"""What a chain loses on data, and what the data itself allows."""

import math

import numpy as np
from numpy.typing import NDArray

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

    Of sequences, each token but the first counts by its weight and its mask, after the up to L tokens before it, as in
    training with the loss "last": where some have less, the chain must have its start-up rows.

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
    starts, lengths, counts, _ = data.merged("last")
    assert counts is not None
    L, terms, doubts = data.context_length, [], []
    for length in [L] if lengths is None else np.unique(lengths).tolist():
        own = starts if lengths is None else starts[lengths == length]
        values, error = _lost(chain, data, own, length)
        if np.isinf(values).any():
            return Bound(math.inf, math.inf, math.inf)
        shares = counts if lengths is None else counts[lengths == length]
        terms.append(values * shares)
        doubts.append(error * shares)
    n = math.fsum(counts.tolist())
    value, off = (math.fsum(np.concatenate(each)) / n for each in (terms, doubts))
    rounding = 4 * ROUNDING + _rounding(data)
    return Bound.around(value, off * (1 + rounding) + rounding * value).within(0.0, math.inf)


def fits(chain: RowOperator, data: Data) -> bool:
    """Whether the chain has rows for all contexts of the data, start-up contexts too."""
    lengths = data.merged("last").lengths
    return chain.startup is not None or lengths is None or int(lengths.min()) == data.context_length


def _lost(
    chain: RowOperator, data: Data, starts: NDArray[np.int64], length: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """-ln q after contexts of one length, and how far each may be off."""
    V, ids = len(data.vocab), np.zeros(len(starts), np.int64)
    for k in range(length):
        ids = ids * V + data.tokens[starts + k]
    rows = chain.log_probs
    if length < data.context_length:
        if chain.startup is None:
            raise InputError(
                f"expected a chain with rows for contexts of {length} tokens, got one without; "
                "try model.chain(startup=True)"
            )
        rows = chain.startup[length - 1]
    return losses(rows[ids], data.tokens[starts + length])


def _rounding(data: Data) -> float:
    """The relative error of a weight that several windows add up to, or of the share of one; 0 of counts."""
    return 0.0 if data.windows("last").weights is None else (data.n_windows + 8) * ROUNDING


def data_entropy(data: Data) -> Bound:
    """The entropy of the next token given L tokens in the data itself, in nats: `data.entropy` with its certificate.

    >>> print(data_entropy(Data.from_text("111101111011110", context_length=3)))
    0.346574
    """
    value = required("data", data, Data, instead="Data.from_text").entropy
    if not data.is_numbered:
        return Bound(value, why="so long contexts are told apart by a hash; a shorter context would help")
    # Of a term w ln(W / w), where sums of weights are off relatively, all of w and of the logarithm are.
    off = 8 * ROUNDING * value + 4 * _rounding(data) * (1 + value)
    return Bound.around(value, off).within(0.0, math.inf)
