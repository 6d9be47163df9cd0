"""Sampling: a walk that draws each token from what the window before it says."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from finitegpt.arguments import is_whole, shown
from finitegpt.errors import InputError
from finitegpt.limits import require_memory


def seed_of(value: int) -> int:
    """A seed; InputError unless it is a whole number of 0 or more."""
    if not is_whole(value) or value < 0:
        raise InputError(f"expected a seed of 0 or more, got {shown(value)}; try 0")
    return int(value)


def walk(
    next_row: Callable[[NDArray[np.int64]], NDArray[np.float32 | np.float64]],
    tokens: list[int],
    n: int,
    context_length: int,
    seed: int,
) -> list[int]:
    """`tokens` and `n` more, each drawn from `next_row` of the window before it: log-probabilities (V,) in nats."""
    if not is_whole(n) or n < 0:
        raise InputError(f"expected a number of tokens of 0 or more, got {shown(n)}; try 20")
    require_memory(64 * n, "a walk", "fewer tokens")
    rng = np.random.default_rng(seed_of(seed))
    walked = list(tokens)
    for u in rng.random(n):
        cumulative = np.cumsum(np.exp(next_row(np.array(walked[-context_length:], np.int64)), dtype=np.float64))
        walked.append(int(np.searchsorted(cumulative, u * cumulative[-1], side="right")))
    return walked
