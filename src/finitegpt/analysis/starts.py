"""Where a chain starts, and which stationary law is meant: what callers may leave out, and checks of what they give."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finitegpt.analysis.stationary import StationaryDistribution, stationary_distribution
from finitegpt.errors import InputError
from finitegpt.operator import Operator
from finitegpt.rows import RowOperator
from finitegpt.startup import ContextOperator, StartupOperator


def start_distribution(chain: Operator, start: ArrayLike | None = None) -> NDArray[np.float64]:
    """A start (V**L,): a distribution, or a state, as text or id; else the data's states by their counts, else any.

    With start-up contexts (`with_startup`), it is else one token, as often as it begins a window of the data.

    >>> from finitegpt import Chain
    >>> start_distribution(Chain.from_probs([[0.5, 0.5]] * 4, "01", 2), 1).tolist()
    [0.0, 1.0, 0.0, 0.0]
    """
    n = chain.n_states
    if isinstance(start, str) and isinstance(chain, ContextOperator):
        start = chain.id(start)
    if start is None and isinstance(chain, StartupOperator):
        return chain.first_tokens
    if start is None:
        counts = chain.counts if isinstance(chain, RowOperator) else None
        if counts is None or not counts.any():
            return np.full(n, 1 / n)
        return counts / counts.sum()
    values = np.asarray(start)
    if values.ndim == 0 and values.dtype.kind in "iu" and 0 <= values < n:
        pi = np.zeros(n)
        pi[int(values)] = 1.0
        return pi
    if values.shape != (n,) or values.dtype.kind not in "iuf":
        raise InputError(f"expected a start as a state below {n} or {n} probabilities, got another; try 0")
    if not (values >= 0).all() or not abs(float(values.sum()) - 1) < 1e-6:
        raise InputError("expected a start of probabilities that sum to one, got others; try dividing by their sum")
    return values / values.sum(dtype=np.float64)


def law_of(chain: Operator, law: StationaryDistribution | None) -> StationaryDistribution:
    """The law given, or the chain's only one; InputError where it is of another chain's size or there are several."""
    if law is None:
        return stationary_distribution(chain)
    if law.n_states != chain.n_states:
        raise InputError(
            f"expected a law of a chain of {chain.n_states} states, got one of {law.n_states}; try leaving it out"
        )
    return law


def token_count(value: int) -> int:
    """A number of tokens; InputError unless it is a whole one of 0 or more."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 0:
        raise InputError(f"expected a whole number of tokens of 0 or more, got {value!r}; try 100")
    return int(value)
