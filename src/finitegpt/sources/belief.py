"""Beliefs about a hidden state, and what a token makes of them.

Words that leave the same belief behind have the same future, so only distinct beliefs are followed. A source that can
be synchronised has few of them, however many words there are.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from finitegpt.graph import Graph
from finitegpt.limits import require_memory

Floats = NDArray[np.float64]

_GAP = 1e-9
_MOST_BELIEFS = 2**20
_UNIT = 2.0**-53


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


class Term(NamedTuple):
    """An h_k, how far it may be off, and how many beliefs it took."""

    h: float
    error: float
    beliefs: int


def entropies(transitions: Floats, beliefs: Floats, weights: Floats, relative: float = 0.0) -> Iterator[Term]:
    """Mean entropy in nats of the next token after 0, 1, 2, ... tokens.

    Begins with `beliefs` (m, K) of probabilities `weights` (m,). Known to be in one of them, one knows more. The arrows
    are `normalised`; `relative` is the relative error of beliefs and weights.

    A weight times a belief is the probability of words and a hidden state, but for its relative error: of sums of
    products of one sign, so that errors add up from token to token, and what a belief was divided by cancels. Where
    they are r, a belief is right within 2 r, and the mean of entropies within 2 r (h + 1) + r h.
    """
    V, K = transitions.shape[:2]
    emitted = transitions.sum(2).T  # (K, V)
    arrows = _arrow_error(transitions)
    chances = beliefs @ emitted
    while True:
        h = float((weights * entropy(chances)).sum())  # numpy adds in halves
        known = 2 * relative + arrows + (2 * K + 4) * _UNIT
        mean = relative + (V + min(len(beliefs), 64) + 4) * _UNIT
        yield Term(h, (known * (h + 1) + mean * h) * (1 + 4 * known), len(beliefs))
        most, after, places = advance(transitions, beliefs)
        possible = places >= 0
        weights = np.bincount(places[possible], (weights[:, None] * most)[possible]).astype(np.float64)
        many = int(np.bincount(places[possible]).max())
        # Of the arrow, of what is added up and divided by, and of the words that come together.
        relative += 2 * (arrows + (2 * K + 8) * _UNIT) + many * _UNIT
        beliefs = after
        chances = beliefs @ emitted


def entropy(probs: Floats) -> Floats:
    """Entropy in nats (n,) of distributions (n, V)."""
    return -(probs * np.log(np.where(probs > 0, probs, 1))).sum(1)


def is_unifilar(transitions: Floats) -> bool:
    """Whether each hidden state and token lead to at most one hidden state."""
    return bool(((transitions > 0).sum(2) <= 1).all())


def normalised(transitions: Floats) -> Floats:
    """Arrows that sum to one from every hidden state but for rounding, which is what is meant."""
    return transitions / transitions.sum((0, 2))[:, None]


def _arrow_error(transitions: Floats) -> float:
    """The relative error of arrows that are `normalised`: of sums of those that are not zero, and a division."""
    return (int((transitions > 0).sum((0, 2)).max(initial=0)) + 2) * _UNIT


def law_of(transitions: Floats, start: Floats) -> tuple[Floats, float]:
    """The stationary law (K,) that a start means, and the relative error of each of its numbers.

    A process stays in one closed class of hidden states for ever: how probable each class is, the start says; the law
    within, elimination. Hidden states that are left for ever have no part in it.
    """
    law, worst = np.zeros(len(start)), 0.0
    for members in _closed(transitions, start):
        among = Graph.of(transitions[:, members[:, None], members].sum(0))
        # Of the arrows: their sum over tokens, and the sum that they were divided by.
        among = replace(among, rounding=_arrow_error(transitions) + (len(transitions) + 1) * _UNIT)
        found, relative = among.stationary(np.ones(len(members), bool))
        law[members] = found * start[members].sum()
        worst = max(worst, relative)
    return law / law.sum(), worst + (4 * len(start) + 8) * _UNIT


def entropy_rate(transitions: Floats, start: Floats, most_beliefs: int = _MOST_BELIEFS) -> tuple[float, float]:
    """Between what it lies, in nats, rounding included: the mean of those of all closed classes of hidden states."""
    transitions = normalised(transitions)
    law, relative = law_of(transitions, start)
    low = high = 0.0
    for members in _closed(transitions, start):
        weight = float(law[members].sum())
        if weight == 0:
            continue
        least, most = _class_rate(
            transitions[:, members[:, None], members], law[members] / weight, relative, most_beliefs
        )
        low, high = low + weight * least, high + weight * most
    slack = relative + (len(start) + 8) * _UNIT
    return max(0.0, low * (1 - slack)), high * (1 + slack)


def _closed(transitions: Floats, start: Floats) -> list[NDArray[np.int64]]:
    """The closed classes of hidden states in which a process may begin."""
    hidden = transitions.sum(0) > 0
    label, closed = Graph.of(hidden).classes()
    classes = [np.flatnonzero(label == k) for k in np.flatnonzero(closed)]
    return [members for members in classes if start[members].any()]


def _class_rate(transitions: Floats, law: Floats, relative: float, most_beliefs: int) -> tuple[float, float]:
    """Who knows the hidden state at the beginning knows more than anyone, who knows L tokens alone less."""
    above = entropies(transitions, law[None], np.ones(1), relative)
    below = entropies(transitions, np.eye(len(law)), law, relative)
    low, high = 0.0, np.inf
    unifilar = is_unifilar(transitions)
    for upper, lower in zip(above, below, strict=True):
        if unifilar:  # knowing the hidden state is all that there is to know
            return max(0.0, lower.h - lower.error), lower.h + lower.error
        low, high = max(low, lower.h - lower.error), min(high, upper.h + upper.error)
        if high - low < _GAP or (upper.beliefs + lower.beliefs) * len(transitions) > most_beliefs:
            break
    return low, high


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
