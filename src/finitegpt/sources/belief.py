"""Beliefs about a hidden state, and what a token makes of them.

Words that leave the same belief behind have the same future, so only distinct beliefs are followed. A source that can
be synchronised has few of them, however many words there are.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from finitegpt.limits import require_memory

Floats = NDArray[np.float64]

_GAP = 1e-9
_MOST_BELIEFS = 2**20
_ROUNDING = 64 * float(np.finfo(np.float64).eps)


def advance(transitions: Floats, beliefs: Floats) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """What follows each of m beliefs (m, K).

    Returns the next token's probabilities (m, V), the distinct beliefs after it (n, K), and which of these each token
    leads to (m, V), -1 where the token is impossible.
    """
    V, K = transitions.shape[:2]
    require_memory(24 * len(beliefs) * V * K, "a belief for every word", "shorter words")
    joint = (beliefs @ transitions.transpose(1, 0, 2).reshape(K, V * K)).reshape(-1, K)  # (m V, K)
    chances = joint.sum(1)
    possible = chances > 0
    after = joint[possible] / chances[possible, None]
    first, same = _distinct(after)
    places = np.full(len(joint), -1)
    places[possible] = same
    return chances.reshape(-1, V), after[first], places.reshape(-1, V)


def entropies(transitions: Floats, beliefs: Floats, weights: Floats) -> Iterator[tuple[float, int]]:
    """Mean entropy in nats of the next token after 0, 1, 2, ... tokens, and how many beliefs that took.

    Begins with `beliefs` (m, K) of probabilities `weights` (m,). Known to be in one of them, one knows more.
    """
    emitted = transitions.sum(2).T  # (K, V)
    while True:
        yield float(weights @ entropy(beliefs @ emitted)), len(beliefs)
        chances, after, places = advance(transitions, beliefs)
        possible = places >= 0
        weights = np.bincount(places[possible], (weights[:, None] * chances)[possible]).astype(np.float64)
        beliefs = after


def entropy(probs: Floats) -> Floats:
    """Entropy in nats (n,) of distributions (n, V)."""
    return -(probs * np.log(np.where(probs > 0, probs, 1))).sum(1)


def is_unifilar(transitions: Floats) -> bool:
    """Whether each hidden state and token lead to at most one hidden state."""
    return bool(((transitions > 0).sum(2) <= 1).all())


def entropy_rate(transitions: Floats, start: Floats, most_beliefs: int = _MOST_BELIEFS) -> tuple[float, float]:
    """Bounds in nats: the mean of those of all closed classes of hidden states, which a process never leaves."""
    hidden = transitions.sum(0) > 0
    n, label = connected_components(csr_array(hidden), connection="strong")
    low = high = total = 0.0
    for members in (np.flatnonzero(label == k) for k in range(n)):
        weight = start[members].sum()
        if weight == 0 or np.delete(hidden[members], members, 1).any():
            continue
        bounds = _class_rate(transitions[:, members[:, None], members], start[members] / weight, most_beliefs)
        low, high, total = low + weight * bounds[0], high + weight * bounds[1], total + weight
    return max(0.0, float(low / total) - _ROUNDING), float(high / total) + _ROUNDING


def _class_rate(transitions: Floats, start: Floats, most_beliefs: int) -> tuple[float, float]:
    """Who knows the hidden state at the beginning knows more than anyone, who knows L tokens alone less."""
    if is_unifilar(transitions):
        exact = float(start @ entropy(transitions.sum(2).T))
        return exact, exact
    above = entropies(transitions, start[None], np.ones(1))
    below = entropies(transitions, np.eye(len(start)), start)
    low, high = 0.0, np.inf
    for (upper, m), (lower, n) in zip(above, below, strict=True):
        low, high = max(low, lower), min(high, upper)
        if high - low < _GAP or (m + n) * len(transitions) > most_beliefs:
            break
    return min(low, high), max(low, high)


def _distinct(beliefs: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each distinct belief first is, and which of them each one is. To the bit, so nothing is lost.

    They are told apart by a 64-bit hash, which takes n different ones for equal with a probability of n**2 / 2**65.
    """
    bits = np.ascontiguousarray(beliefs).view(np.uint64)
    hashed = np.zeros(len(beliefs), np.uint64)
    for column in bits.T:
        hashed ^= hashed >> np.uint64(29)
        hashed *= np.uint64(0x9E3779B97F4A7C15)
        hashed += column
    _, first, same = np.unique(hashed, return_index=True, return_inverse=True)
    return first, same
