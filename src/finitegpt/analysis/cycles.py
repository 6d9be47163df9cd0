"""Kolmogorov's criterion, exactly: whether a text gains along every cycle what it gains along the cycle read backwards.

A text reads the same backwards exactly if along every cycle of words the product of probabilities is that of the
reversed words (Kolmogorov 1936, here with words for arrows). With d = ln p(w) - ln p(reversed w) for each word w, an
arrow from its first L tokens to its last L, d adds up to 0 along every cycle; that is, d is the difference of some
potential of the two states. Potentials are followed from state to state, in whole numbers, so that nothing is rounded.

Sums of a row's exponentials, and in `is_forced` all the probabilities, are taken for numbers that nobody knows: each is
a digit of its own in a base so large that digits never run into each other. Words are those of one recurrent class.
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from finitegpt import states
from finitegpt.graph import Mask
from finitegpt.rows import LEAST, Rows

_LAST_PLACE = 149  # of float32: each is a whole number of 2**-149


def is_forced(there: Mask, context_length: int) -> bool:
    """Whether every text of these words (V**L, V) reads the same backwards, whatever their probabilities are.

    >>> is_forced(np.ones((2, 2), bool), 1), is_forced(np.ones((3, 3), bool), 1)
    (True, False)
    """
    word, mirrored = _words(there, context_length)
    place = {w: k for k, w in enumerate(word.tolist())}
    # A path has each word once, and so has the path of reversed words: digits of a test are from -6 to 6.
    gain = [(1 << 4 * place[w]) - (1 << 4 * place[v]) for w, v in zip(word.tolist(), mirrored.tolist(), strict=True)]
    return _is_difference(word, there.shape, gain)


def is_balanced(log_probs: Rows, there: Mask, context_length: int) -> bool:
    """Whether the words of these rows (V**L, V), as they are stored, meet the criterion.

    With contexts of one token the text reads the same backwards exactly if they do; with longer ones, if they do.

    >>> rows = np.log(np.float32([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.25, 0.25, 0.5]]))
    >>> is_balanced(rows, np.ones((3, 3), bool), 1)
    True
    """
    n, V = there.shape
    word, mirrored = _words(there, context_length)
    logs = [_whole(x) for x in log_probs.reshape(-1)[word].tolist()]
    of = dict(zip(word.tolist(), logs, strict=True))
    gain = [of[w] - of[v] for w, v in zip(word.tolist(), mirrored.tolist(), strict=True)]
    if context_length > 1:  # along a cycle of single tokens both ways have the same states, and the same sums
        sums = np.sort(np.where(log_probs >= LEAST, log_probs, -np.inf), axis=1)
        which = np.unique(sums, axis=0, return_inverse=True)[1].reshape(-1)
        digits = (8 * n + 16).bit_length()
        shift = 64 + max((abs(x) for x in gain), default=0).bit_length() + n.bit_length()
        unknown = [1 << shift + digits * k for k in range(int(which.max()) + 1)]
        own, other = which[word // V], which[mirrored // V]
        pairs = zip(gain, own.tolist(), other.tolist(), strict=True)
        gain = [g - unknown[a] + unknown[b] for g, a, b in pairs]
    return _is_difference(word, there.shape, gain)


def _words(there: Mask, context_length: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The words that there are, as numbers, and each reversed."""
    word = np.flatnonzero(there)
    return word, states.reversed_ids(there.shape[1], context_length + 1)[word].astype(np.int64)


def _whole(x: float) -> int:
    numerator, denominator = x.as_integer_ratio()
    return (numerator << _LAST_PLACE) // denominator


def _is_difference(word: NDArray[np.int64], shape: tuple[int, int], gain: list[int]) -> bool:
    """Whether what each word gains is the difference of a potential of the state it leads to and the one it leaves.

    From each state of a class all others are reached.
    """
    n, V = shape
    beside: dict[int, list[tuple[int, int]]] = {}
    for a, b, g in zip((word // V).tolist(), (word % n).tolist(), gain, strict=True):
        beside.setdefault(a, []).append((b, g))
    root = int(word[0] // V)
    potential, todo = {root: 0}, deque([root])
    while todo:
        a = todo.popleft()
        for b, g in beside[a]:
            if b not in potential:
                potential[b] = potential[a] + g
                todo.append(b)
            elif potential[b] != potential[a] + g:
                return False
    return True
