"""The most probable text of a length, or up to a target: not what is most probable token by token.

Of all texts that follow a state, dynamic programming finds the one of the largest product of probabilities: of so many
tokens (Viterbi 1967), or of those that end in a set of states the shortest path, -ln p being an arrow's length (Bellman
1958, Dijkstra 1959).

Logarithms are whole numbers here, of a small unit, so that a sum of them does not depend on their order, and what is as
probable by the same arrows in another order is a tie. They are rounded up or down: no path is more probable than it
seems, or none is less. What the path found is really worth is computed apart, and how far it is ahead follows.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finitegpt import states
from finitegpt.analysis.bound import ROUNDING, Bound
from finitegpt.analysis.patterns import select
from finitegpt.analysis.sequences import sequence_log_probability
from finitegpt.analysis.starts import start_distribution, token_count
from finitegpt.arguments import shown
from finitegpt.errors import InputError, TooLargeError
from finitegpt.graph import Mask
from finitegpt.limits import require_memory
from finitegpt.rows import RowOperator, of_rows

Whole = NDArray[np.int64]

_NEVER = -(2**62)  # of what cannot be; half of it is not reached by what can
_FAR = _NEVER // 2
_LARGEST = 708.5  # no arrow's -ln p is larger
_LONGEST = 10**6
_FINE, _COARSER = 46, 4  # bits of a unit, where paths may be of any length


@dataclass(frozen=True, eq=False, kw_only=True)
class Path:
    """A path of states, and the text that it says."""

    text: str
    """The tokens that follow the start."""
    states: NDArray[np.int64]
    """The ids of its states (tokens + 1,), the start first."""
    log_probability: Bound
    """The natural logarithm of the probability of exactly this text."""
    gap: Bound
    """By how many nats it is more probable than any other; infinite where there is no other, and not certainly above 0
    for a tie or what looks like one."""


@of_rows
def most_probable_path(
    chain: RowOperator, start: "str | int", tokens: int | None = None, *, targets: ArrayLike | None = None
) -> Path:
    """The most probable continuation of a state by so many tokens, or until `targets`: patterns, ids or a mask.

    `start` is text of at least L tokens or a state's id. Ties go to fewer tokens, then to the first in the vocabulary.
    InputError where no target can be reached.

    >>> from finitegpt import Chain
    >>> chain = Chain.from_probs([[0.4, 0.6], [0.5, 0.5]], "ab", 1)
    >>> most_probable_path(chain, "a", 3).text, most_probable_path(chain, "b", targets="a").text
    ('bab', 'a')
    """
    if (tokens is None) == (targets is None):
        raise InputError("expected a number of tokens or targets, got both or neither; try 10 tokens")
    begin = _state(chain, start)
    if targets is not None:
        return _up_to(chain, begin, select(chain, targets))
    assert tokens is not None
    return _of_length(chain, begin, token_count(tokens))


def _of_length(chain: RowOperator, begin: int, tokens: int) -> Path:
    n, V = chain.n_states, chain.vocab_size
    kind = np.min_scalar_type(V)
    if tokens > _LONGEST:
        raise TooLargeError(f"expected at most {_LONGEST:,} tokens, got {shown(tokens)}; try fewer")
    require_memory(tokens * n * kind.itemsize + 8 * n * (V + 8), "the choices after each state", "fewer tokens")
    # No best one is less probable than if all tokens were alike, and of every other it is ahead by one arrow at most.
    bits = int(61 - math.log2(2 * _LARGEST + tokens * (math.log(V) + 1e-9) + 1))
    arrows = _arrows(chain, bits, up=True)
    best, other, choices = np.zeros(n, np.int64), np.full(n, _NEVER), np.zeros((tokens, n), kind)
    for k in range(tokens - 1, -1, -1):
        top, second, choice = np.full((3, *arrows.shape[:2]), _NEVER)
        ahead, behind = best.reshape(-1, V), other.reshape(-1, V)
        for y in range(V):
            found, also = arrows[..., y] + ahead[:, y], arrows[..., y] + behind[:, y]
            choice[found > top] = y
            second = np.maximum(np.maximum(second, also), np.minimum(top, found))
            top = np.maximum(top, found)
        second[second < _FAR] = _NEVER
        best, other, choices[k] = top.reshape(n), second.reshape(n), choice.reshape(n)
    path = [begin]
    said = []
    for k in range(tokens):
        said.append(int(choices[k, path[-1]]))
        path.append((path[-1] * V + said[-1]) % n)
    most = math.ldexp(int(other[begin]), -bits)
    off = tokens * (2 * chain.rounding + math.ldexp(1, -bits)) + 12 * ROUNDING * (abs(most) + 1)
    return _path(chain, path, said, (most - off, most) if other[begin] > _NEVER else None)


def _up_to(chain: RowOperator, begin: int, target: Mask) -> Path:
    n, V = chain.n_states, chain.vocab_size
    require_memory(48 * n * (V + 8), "the arrows between states", "a shorter context")
    bits = _FINE
    while True:
        # Rounded down, of two ways that are as probable the one of fewer arrows seems to be more so.
        low, high = (_arrows(chain, bits, up=up) for up in (False, True))
        worst, best = _lengths(low, target), _lengths(high, target)
        held = worst[worst > _NEVER]
        if held.min() > _FAR // 2:
            break
        bits -= _COARSER
    if worst[begin] == _NEVER:
        raise InputError(
            f"expected targets that can be reached from {chain.label(begin)!r}, got others; try hitting_probabilities"
        )
    ahead = (low + worst.reshape(-1, V)).reshape(n, V)
    tight = (ahead == worst[:, None]) & (worst > _NEVER)[:, None] & ~target[:, None]
    left, low, high = _fewest(tight, target), low.reshape(n, V), high.reshape(n, V)
    path, said, others, least, most = [begin], [], [], 0, 0
    while not target[path[-1]]:
        at = path[-1]
        to = at % (n // V) * V + np.arange(V)
        token = int(np.argmax(tight[at] & (left[to] == left[at] - 1)))
        for y in np.flatnonzero((low[at] > _NEVER) & (worst[to] > _NEVER)).tolist():
            if y != token:
                others.append((least + int(low[at, y] + worst[to[y]]), most + int(high[at, y] + best[to[y]])))
        least, most = least + int(low[at, token]), most + int(high[at, token])
        said.append(token)
        path.append(int(to[token]))
    ends = tuple(math.ldexp(max(side), -bits) for side in zip(*others, strict=True)) if others else None
    return _path(chain, path, said, ends)


def _path(chain: RowOperator, path: list[int], said: list[int], other: tuple[float, ...] | None) -> Path:
    """What was found, and between what the logarithm of the best other path lies, where there is one."""
    text = states.text(said, chain.vocab)
    log = sequence_log_probability(chain, text, path[0])
    gap = Bound(math.inf, math.inf, math.inf)
    if other is not None:
        low, high = other
        slack = 2 * ROUNDING * abs(low)  # of whole numbers as doubles
        gap = log.plus(Bound(-high, -high - slack, -low + slack))
    return Path(text=text, states=np.array(path, np.int64), log_probability=log, gap=gap)


def _arrows(chain: RowOperator, bits: int, *, up: bool) -> Whole:
    """ln p of every arrow (V, V**(L-1), V), in units of 2**-bits, rounded to one side; _NEVER where there is none."""
    n, V = chain.n_states, chain.vocab_size
    there = chain.support
    with np.errstate(divide="ignore"):
        logs = np.where(there, np.log(chain.probs), 0.0)
    off = chain.rounding * (1 + chain.rounding) - 4 * ROUNDING * logs
    off[there.sum(1) == 1] = 0.0  # of an arrow alone
    units = np.ceil(np.ldexp((logs + off).clip(None, 0.0), bits)) if up else np.floor(np.ldexp(logs - off, bits))
    return np.where(there, units.astype(np.int64), _NEVER).reshape(V, n // V, V)


def _lengths(arrows: Whole, target: Mask) -> Whole:
    """The most that a path from each state to a target is worth; _NEVER where there is none."""
    V, n = arrows.shape[-1], arrows.size // arrows.shape[-1]
    best = np.where(target, 0, _NEVER)
    while True:
        found = (arrows + best.reshape(-1, V)).max(-1).reshape(n)
        found[found < _FAR] = _NEVER
        found[target] = 0
        if (found == best).all():
            return best
        best = found


def _fewest(tight: Mask, target: Mask) -> NDArray[np.int64]:
    """The least number of tokens (n,) in which a target is reached by these arrows alone; -1 where it is not."""
    n, V = tight.shape
    left, tokens = np.where(target, 0, -1), 0
    arrows = tight.reshape(V, -1, V)
    while True:
        tokens += 1
        reached = (arrows & (left == tokens - 1).reshape(-1, V)).any(-1).reshape(n) & (left < 0)
        if not reached.any():
            return left
        left[reached] = tokens


def _state(chain: RowOperator, start: "str | int") -> int:
    if isinstance(start, str):
        tokens, L = chain.tokens(start), chain.context_length
        if len(tokens) < L:
            raise InputError(f"expected a start of {L} tokens, got {shown(start)}; try {chain.label(0)!r}")
        return int(states.ids(tokens[-L:], chain.vocab_size))
    if isinstance(start, bool) or not isinstance(start, int | np.integer):
        raise InputError(f"expected a start as text or the id of a state, got {shown(start)}; try {chain.label(0)!r}")
    return int(np.argmax(start_distribution(chain, start)))
