"""Windows of sequences: a list of them, and the same with equal ones merged."""

from collections.abc import Iterator
from itertools import chain, islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from finitegpt import states
from finitegpt.borders import Borders
from finitegpt.limits import require_memory

Keys = NDArray[np.int64] | NDArray[np.uint64]


class WindowList(NamedTuple):
    """Windows, each of which is some tokens and the token that follows the last (every) one of them."""

    starts: NDArray[np.int64]
    """(k,): where each begins in the tokens of the data."""
    lengths: NDArray[np.int32] | None
    """(k,): how many tokens it has, besides the one that follows; None for L each."""
    weights: NDArray[np.float64] | NDArray[np.int64] | None
    """(k,): how much each counts; None for 1 each."""
    mask: NDArray[np.float32] | None
    """(n,): how much each token of the data counts where it is to be predicted, besides; None for 1 each."""


def last_windows(borders: Borders, context_length: int) -> WindowList:
    """A window for every token but the first of a sequence: the up to L tokens before it, in the order of the data.

    A token that does not count has none.
    """
    require_memory(64 * borders.n, "a window for every token", "fewer or shorter sequences")
    least = 1 if borders.beginnings else context_length
    targets = np.flatnonzero((borders.places >= least) & (borders.totals > 0))
    lengths = np.minimum(borders.places[targets], context_length)
    weights = borders.totals[targets]
    even = not len(weights) or bool((weights == weights[0]).all())
    return WindowList(targets - lengths, lengths.astype(np.int32), None if even else weights, None)


def all_windows(borders: Borders, context_length: int) -> WindowList:
    """One window of a sequence of at most L + 1 tokens, n - L windows of L of a longer one, in the order of the data.

    A window none of whose tokens counts is left out.
    """
    L, sizes = context_length, borders.lengths
    many = np.maximum(1, sizes - L)
    require_memory(64 * int(many.sum()), "a list of all windows", "fewer or shorter sequences")
    which = np.repeat(np.arange(borders.m), many)
    within = np.arange(len(which)) - np.repeat(np.cumsum(many) - many, many)
    starts, lengths = borders.firsts[which] + within, np.minimum(sizes[which] - 1, L)
    counted = np.concatenate(([0], np.cumsum(borders.totals > 0)))
    used = counted[starts + lengths + 1] > counted[starts + 1]
    starts, lengths, which = starts[used], lengths[used].astype(np.int32), which[used]
    weights = None if borders.weights is None else borders.weights[which]
    if weights is not None and (weights == weights[0]).all():
        weights = None
    return WindowList(starts, lengths, weights, borders.mask)


def merged(listed: WindowList, tokens: NDArray[np.int32], vocab_size: int, context_length: int) -> WindowList:
    """The distinct windows, with their weights added up; in lexicographic order, as far as 62 bits tell."""
    found = keys(listed, tokens, vocab_size, context_length, follower=True)
    _, first, same = np.unique(found, return_index=True, return_inverse=True)
    weights = np.bincount(same.reshape(-1), listed.weights)
    if listed.mask is not None or not is_numbered(vocab_size, context_length):  # neighbours share beginnings
        columns = _columns(_taken(listed, first), tokens, context_length, follower=True)
        order = np.argsort(_numbers(columns, vocab_size, _fitting(vocab_size), len(first)), kind="stable")
        first, weights = first[order], weights[order]
    return _taken(listed, first)._replace(weights=weights)


def keys(
    listed: WindowList, tokens: NDArray[np.int32], vocab_size: int, context_length: int, *, follower: bool
) -> Keys:
    """A number for each window (k,), equal for equal ones; of its context alone, or with the token that follows.

    Lexicographic where they fit into 62 bits; else a 64-bit hash, which takes different windows for equal with a
    probability of about k**2 / 2**65.
    """
    columns = _columns(listed, tokens, context_length, follower)
    if listed.mask is None and is_numbered(vocab_size, context_length):
        return _numbers(columns, vocab_size, context_length + 1, len(listed.starts))
    hashed = np.zeros(len(listed.starts), np.uint64)
    if listed.mask is not None and follower:
        bits = (listed.mask + np.float32(0)).view(np.int32)  # -0 is 0
        columns = chain(columns, islice(_columns(listed, bits, context_length, follower), 1, None))
    for column in columns:
        hashed ^= hashed >> np.uint64(29)
        hashed *= np.uint64(0x9E3779B97F4A7C15)
        hashed += column.astype(np.uint64)
    return hashed


def is_numbered(vocab_size: int, context_length: int) -> bool:
    """Whether windows of up to L tokens and a follower can be told apart by numbers of 62 bits."""
    return context_length < _fitting(vocab_size)


def _fitting(vocab_size: int) -> int:
    """How many digits of base V + 1 fit into 62 bits."""
    k = 1
    while (vocab_size + 1) ** (k + 1) <= states.LARGEST_ID:
        k += 1
    return k


def _columns(
    listed: WindowList, values: NDArray[np.int32], context_length: int, follower: bool
) -> Iterator[NDArray[np.int64]]:
    """One more than each first, second, ... value of windows (k,), and 0 where a window has no more."""
    lengths = context_length if listed.lengths is None else listed.lengths
    for k in range(context_length + follower):
        there = k < lengths + follower
        yield np.where(there, values[np.where(there, listed.starts + k, 0)].astype(np.int64) + 1, 0)


def _numbers(columns: Iterator[NDArray[np.int64]], vocab_size: int, digits: int, n: int) -> NDArray[np.int64]:
    """Numbers (n,) of so many digits of base V + 1, the first column the most significant; 0 where there are no more.

    Words with the same beginning follow each other, the shortest first.
    """
    numbers, nothing = np.zeros(n, np.int64), np.zeros(1, np.int64)
    for _ in range(digits):
        numbers *= vocab_size + 1
        numbers += next(columns, nothing)
    return numbers


def _taken(listed: WindowList, which: NDArray[np.int64]) -> WindowList:
    lengths = None if listed.lengths is None else listed.lengths[which]
    weights = None if listed.weights is None else listed.weights[which]
    return WindowList(listed.starts[which], lengths, weights, listed.mask)
