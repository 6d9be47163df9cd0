"""What a text says about itself: its n-gram counts as a chain, smoothed or not."""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from finitegpt.arguments import choice, number
from finitegpt.chain import Chain
from finitegpt.data import NOTEBOOK_CONTEXT_LENGTH, Data, Tokens
from finitegpt.errors import InputError
from finitegpt.limits import require_memory
from finitegpt.rows import Rows

Smoothing = Literal["witten-bell", "additive", "none"]

_STARTUP = 2**16


def ngram(
    data: Data | str | Tokens,
    *,
    context_length: int = NOTEBOOK_CONTEXT_LENGTH,
    smoothing: Smoothing = "witten-bell",
    alpha: float = 1.0,
) -> Chain:
    """The chain of the n-grams of a text, n = L + 1, with the counts of its states.

    A text, or tokens in a list or an array, are read with windows of `context_length` tokens; Data has its own. Where
    n(c, x) says how often x follows the context c, n(c) is its sum over x and t(c) the number of different x, a row is,
    by `smoothing`:

    - "witten-bell": (n(c, x) + t(c) p(x | c')) / (n(c) + t(c)), with c' the context without its oldest token, down to
      1/V for the empty one (Witten and Bell 1991, method C; interpolated as in Chen and Goodman 1998, equation 18)
    - "additive": (n(c, x) + alpha) / (n(c) + alpha V) (Laplace 1814 for alpha = 1; Lidstone 1920)
    - "none": n(c, x) / n(c), the most likely chain; an unseen context has the row of its longest seen suffix

    In sequences, contexts never cross from one into the next, and each x counts by its weight and its mask.

    The start-up rows are there up to 65,536 states. Raises InputError on another smoothing or alpha, TooLargeError
    where the chain would not fit in memory.

    >>> ngram("0010010", context_length=1, smoothing="none").probs
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    data = Data.of(data, context_length=context_length)
    choice("smoothing", smoothing, get_args(Smoothing), instead="none")
    alpha = number("alpha", alpha, instead=1)
    if not 0 < alpha < np.inf:
        raise InputError(f"expected alpha above 0, got {alpha}; try 1, or no smoothing for the limit of 0")
    V, L = len(data.vocab), data.context_length
    require_memory(48 * V ** (L + 1), "the counts of every context", "a shorter context")
    borders, n = data.borders, len(data.tokens)
    ids, probs = np.zeros(n, np.int64), np.full((1, V), 1 / V)
    levels: list[Rows] = []
    for k in range(L + 1):
        # Ids of the words of k + 1 tokens, from those of k.
        ids = ids[: max(0, n - k)] * V + data.tokens[k:]
        # Of sequences, words within one, that count by their last token; what begins one is never predicted.
        own = ids if borders is None else ids[borders.places[k:] >= max(k, 1)]
        shares = None if borders is None else borders.totals[k:][borders.places[k:] >= max(k, 1)]
        counts = np.bincount(own, shares, minlength=V ** (k + 1)).reshape(-1, V)
        probs = _rows(counts, probs, smoothing, alpha)
        if k == L or (k and V**L <= _STARTUP):
            with np.errstate(divide="ignore"):
                levels.append(np.log(probs))
    return Chain(
        log_probs=levels[-1],
        vocab=data.vocab,
        context_length=L,
        startup=tuple(levels[:-1]) if V**L <= _STARTUP else None,
        counts=data.counts(),
    )


def _rows(
    counts: NDArray[np.int64] | NDArray[np.float64], shorter: NDArray[np.float64], smoothing: Smoothing, alpha: float
) -> NDArray[np.float64]:
    """Rows (V**k, V) from the counts of as many contexts and the rows of contexts without their oldest token."""
    if smoothing == "additive":
        return (counts + alpha) / (counts.sum(1, keepdims=True) + alpha * counts.shape[1])
    lower = np.tile(shorter, (len(counts) // len(shorter), 1))
    total, kinds = counts.sum(1, keepdims=True), (counts > 0).sum(1, keepdims=True)
    seen = total > 0
    if smoothing == "none":
        return np.where(seen, counts / np.where(seen, total, 1), lower)
    return np.where(seen, (counts + kinds * lower) / np.where(seen, total + kinds, 1), lower)
