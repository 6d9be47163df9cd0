"""Sampling: a walk that draws each token from what the window before it says."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from finitegpt import library, states
from finitegpt.arguments import is_whole, shown
from finitegpt.errors import InputError
from finitegpt.limits import available_bytes, require_memory

Row = NDArray[np.float32 | np.float64]

_WORTH = 1000  # so many numbers are tabulated in the time of a token without a table


def seed_of(value: int) -> int:
    """A seed; InputError unless it is a whole number of 0 or more."""
    if not is_whole(value) or value < 0:
        raise InputError(f"expected a seed of 0 or more, got {shown(value)}; try 0")
    return int(value)


def walk(
    next_row: Callable[[NDArray[np.int64]], Row],
    tokens: list[int],
    n: int,
    context_length: int,
    seed: int,
    until: int | None = None,
) -> list[int]:
    """`tokens` and `n` more, each drawn from `next_row` of the window before it: log-probabilities (V,) in nats.

    It ends after the token `until` where that is drawn before.
    """
    walked = list(tokens)
    for u in _uniforms(n, seed):
        walked.append(_drawn(next_row(np.array(walked[-context_length:], np.int64)), u))
        if walked[-1] == until:
            break
    return walked


def walk_rows(
    log_probs: Row, startup: Sequence[Row], context_length: int, tokens: list[int], n: int, seed: int
) -> list[int]:
    """The same walk along rows (V**L, V) that are there, by the engine, and start-up rows as far as they are needed.

    It takes the same tokens for the same seed. A table of the rows' sums is made, unless so few tokens are drawn that
    it would not be worth it.
    """
    uniforms, walked, V, L = _uniforms(n, seed), list(tokens), log_probs.shape[1], context_length
    tabulated = log_probs.size <= _WORTH * n and 2 * 8 * log_probs.size < available_bytes()
    first = min(n, max(0, L - len(tokens))) if tabulated else n
    for u in uniforms[:first]:
        window = walked[-L:]
        rows = log_probs if len(window) == L else startup[len(window) - 1]
        walked.append(_drawn(rows[states.ids(window, V)], u))
    if first < n:
        sums = np.cumsum(np.exp(log_probs, dtype=np.float64), axis=1)
        drawn, state = np.empty(n - first, np.int32), int(states.ids(walked[-L:], V))
        rest = np.ascontiguousarray(uniforms[first:])
        library.default().fg_walk(V, len(sums) // V, sums, state, len(rest), rest, drawn)
        walked += drawn.tolist()
    return walked


def _uniforms(n: int, seed: int) -> NDArray[np.float64]:
    if not is_whole(n) or n < 0:
        raise InputError(f"expected a number of tokens of 0 or more, got {shown(n)}; try 20")
    require_memory(64 * n, "a walk", "fewer tokens")
    return np.random.default_rng(seed_of(seed)).random(n)


def _drawn(row: Row, u: float) -> int:
    """The first token up to which probabilities add up to more than u of their sum."""
    sums = np.cumsum(np.exp(row, dtype=np.float64))
    return int(np.searchsorted(sums, u * sums[-1], side="right"))
