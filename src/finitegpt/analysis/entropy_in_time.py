"""How random each generated token is, from the first on: what a start still decides, and what it does not any more."""

import math

import numpy as np
from numpy.typing import ArrayLike

from finitegpt.analysis.bound import ROUNDING, Bounds
from finitegpt.analysis.entropy import entropy_rounding
from finitegpt.analysis.mixing import step_error
from finitegpt.analysis.starts import start_distribution, token_count
from finitegpt.graph import Ids
from finitegpt.limits import require_memory
from finitegpt.rows import RowOperator, of_rows

_START = 128 * ROUNDING  # of the sum by which a start is divided, and of the sums below


@of_rows
def entropy_curve(chain: RowOperator, tokens: int, start: ArrayLike | None = None) -> Bounds:
    """The entropy in nats of the first `tokens` generated tokens (tokens,), each given the start and those before it.

    That is the entropy of a row, averaged over where the chain is by then: for a start by a stationary law the entropy
    rate throughout. Their sum is the entropy of the text, its start known (the chain rule: Shannon 1948). It is not the
    entropy of the n-th token alone. `start` is a state's id or a distribution (V**L,); see `start_distribution`.

    >>> from finitegpt import Chain
    >>> golden = Chain.from_probs([[0.5, 0.5], [1, 0]], "01", 1)
    >>> (entropy_curve(golden, 4, start=1).values / np.log(2)).round(4).tolist()
    [0.0, 1.0, 0.5, 0.75]
    """
    tokens, n, V = token_count(tokens), chain.n_states, chain.vocab_size
    require_memory(24 * tokens, "a number for each token", "fewer tokens")
    at, rows, new = start_distribution(chain, start), chain.row_entropy(), np.empty(n)
    values, sure = np.zeros(tokens), _sure(chain, np.flatnonzero(at), tokens)
    for k in range(tokens):
        values[k] = float((at * rows).sum())
        if k + 1 < tokens:
            chain.push(at, out=new)
            at, new = new, at
    # Nothing is subtracted: right relatively, but for what is too small for double precision.
    steps = np.arange(tokens)
    off = entropy_rounding(chain) + _START + 1.01 * steps * step_error(chain)
    lost = np.where(steps < sure, 0.0, (steps + 1) * (n * (V + 1) * 5e-324 * (1 + math.log(V))))
    most = math.nextafter(math.log(V), math.inf) if V > 1 else 0.0
    low, high = (values * (1 - off) - lost).clip(0.0), (values * (1 + off) + lost).clip(0.0, most)
    return Bounds(values.clip(low, high), low, high)


def _sure(chain: RowOperator, ids: Ids, tokens: int) -> int:
    """How many tokens are sure to follow some states, of at most so many that are looked at."""
    branches = chain.support.sum(1) > 1
    for k in range(tokens):
        if branches[ids].any():
            return k
        ids = np.unique(chain.graph.to[chain.graph.first[ids]]).astype(np.int64)
    return tokens
