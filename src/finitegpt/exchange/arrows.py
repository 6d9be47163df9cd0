"""The list of a chain's arrows, for formats that name each of them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from finitegpt import states
from finitegpt.errors import TooLargeError
from finitegpt.exchange.listing import contexts, separator

_LARGEST = 4096


def arrows(probs: NDArray[np.float64], context_length: int) -> list[tuple[int, int, int, float]]:
    """(state, token, successor, probability) of every arrow that is not zero; TooLargeError beyond 4,096 states."""
    n, V = probs.shape
    if n > _LARGEST:
        raise TooLargeError(f"expected at most {_LARGEST} states to list, got {n}; try to_csr or a CSV file")
    targets = states.successors(np.arange(n), V, context_length)
    return [
        (state, token, int(targets[state, token]), float(p))
        for state, row in enumerate(probs)
        for token, p in enumerate(row)
        if p > 0
    ]


def labels(vocab: Sequence[str], context_length: int) -> list[str]:
    """Every state as text, by id."""
    between = separator(vocab)
    return [between.join(context) for context in contexts(vocab, context_length)]
