"""Which recurrent class catches a chain in the end, and how probably: from every state, or from one start."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finitegpt.analysis.bound import ROUNDING, Bounds
from finitegpt.analysis.classes import communicating_classes
from finitegpt.analysis.hitting import hitting_probabilities
from finitegpt.analysis.iteration import TOO_LONG
from finitegpt.analysis.starts import start_distribution
from finitegpt.analysis.stationary import LARGEST_GTH, MOST_PRODUCTS
from finitegpt.errors import TooLargeError
from finitegpt.graph import LEAST, Floats
from finitegpt.operator import Operator, of_operator

_STEPS, _WORK = 10_000, 10 * 2**30


@of_operator
def absorption_probabilities(chain: Operator) -> list[Bounds]:
    """For each recurrent class, in order, the probability (V**L,) that a state's chain ends in it.

    TooLargeError where these are too many numbers; `absorption_weights` then tells it for one start.

    >>> from finitegpt import Chain
    >>> chain = Chain.from_probs([[1, 0], [0, 1], [1, 0], [0, 1]], "ab", 2)
    >>> [bounds.values.tolist() for bounds in absorption_probabilities(chain)]
    [[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 1.0]]
    """
    classes = communicating_classes(chain)
    recurrent = np.flatnonzero(classes.recurrent).tolist()
    if len(recurrent) * chain.n_states > 2**26:
        raise TooLargeError(
            f"expected at most {2**26 // chain.n_states} recurrent classes to tabulate, got {len(recurrent):,}; "
            "try absorption_weights, for one start"
        )
    return [hitting_probabilities(chain, classes[k]) for k in recurrent]


@of_operator
def absorption_weights(chain: Operator, start: ArrayLike | None = None) -> Bounds:
    """The probability (recurrent classes,) of ending in each, from one start; see `start_distribution`.

    >>> from finitegpt import Chain
    >>> absorption_weights(Chain.from_probs([[1, 0], [0, 1], [0.5, 0.5], [0, 1]], "ab", 2), "ba").values.tolist()
    [0.5, 0.5]
    """
    classes = communicating_classes(chain)
    recurrent = np.flatnonzero(classes.recurrent)
    pi = start_distribution(chain, start)
    rank = np.full(len(classes), -1)
    rank[recurrent] = np.arange(len(recurrent))
    part = rank[classes.label]
    open_ = part < 0
    if len(recurrent) == 1:
        return Bounds(np.ones(1), np.ones(1), np.ones(1))
    held = np.bincount(part[~open_], pi[~open_], len(recurrent)).astype(np.float64)
    slack = (chain.n_states + 16) * ROUNDING  # of a start that sums to nearly one, and of its sums
    if not open_.any() or not pi[open_].any():
        return Bounds(held, (held * (1 - slack)).clip(0), (held * (1 + slack)).clip(0, 1))
    if int(open_.sum()) <= LARGEST_GTH:
        try:
            found = chain.graph.absorb(part, len(recurrent), start=np.where(open_, pi, 0.0), most=MOST_PRODUCTS)
        except TooLargeError:
            pass
        else:
            off = found.error + slack
            total = held + np.where(found.weights <= LEAST, 0.0, found.weights)
            low, high = total * (1 - off), (held + found.weights) * (1 + off)
            return Bounds(total.clip(0, 1), low.clip(0, 1), high.clip(0, 1))
    return _absorbed_by_steps(chain, part, len(recurrent), pi)


def _absorbed_by_steps(chain: Operator, part: NDArray[np.int64], ends: int, pi: Floats) -> Bounds:
    """The same for many states, by following the start until nearly all of it has come to an end."""
    held, transient = np.zeros(ends), part < 0
    step, left = 0, 1.0
    for step in range(_STEPS):
        held += np.bincount(part[~transient], pi[~transient], ends)
        pi = np.where(transient, pi, 0.0)
        left = float(pi.sum())
        if left < 1e-15 or step * chain.n_states * chain.width > _WORK:
            break
        pi = chain.push(pi)
    slack = 8 * (step + 1) * (chain.width + 16) * ROUNDING + (step + 1) * chain.rounding + chain.n_states * ROUNDING
    held = held.clip(0, 1)
    high = (held + left + slack).clip(0, 1)
    return Bounds(held, (held - slack).clip(0), high, "" if left < 1e-6 else TOO_LONG)
