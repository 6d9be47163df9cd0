"""Rewards for being in states, added up: until some states are reached, or discounted for ever.

What comes in per token in the long run is `average`; how much more than that comes in from a state on is `bias`. Each
state that the chain is in gives its reward, the first one included.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from finitegpt.analysis.bound import ROUNDING, Bounds
from finitegpt.analysis.classes import communicating_classes
from finitegpt.analysis.patterns import select
from finitegpt.analysis.sums import SURE, around, cut, difference, finite_function, sums_until_left
from finitegpt.analysis.visits import caught_outside
from finitegpt.arguments import shown
from finitegpt.errors import InputError
from finitegpt.graph import NEVER, Floats, Graph, Mask
from finitegpt.operator import Operator, of_operator

_STEPS, _WORK, _CHECK = 100_000, 2**31, 8


@of_operator
def expected_reward(chain: Operator, reward: ArrayLike, until: ArrayLike) -> Bounds:
    """The mean sum (V**L,), from each state, of the rewards of the states on the way until `until` is reached.

    `reward` (V**L,) may have both signs. The first state counts, those of `until` do not: with rewards of 1 it is
    `mean_first_passage_times`. (PyDTMC's `first_passage_reward` leaves the first state out.) For a start, take `at` or
    `mean` of the result. Where the chain may stay for ever, it is infinite if rewards there are of one sign, and finite
    if they are 0; InputError where it has no meaning, since they are of both.

    >>> from finitegpt import Chain
    >>> chain = Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1)
    >>> expected_reward(chain, [-2, 7], until="b").values.round(6).tolist()
    [-20.0, 0.0]
    """
    f, end = finite_function(chain, reward, "rewards"), select(chain, until)
    caught = caught_outside(chain, end)
    up, down = _for_ever(chain, end, caught, f > 0), _for_ever(chain, end, caught, f < 0)
    if (up & down).any():
        state = int(np.flatnonzero(up & down)[0])
        raise InputError(
            f"expected rewards of one sign where the chain stays for ever, got both from state {state}; try positive "
            "and negative ones apart, or average"
        )
    open_ = ~(end | caught | up | down)
    gained, lost = (sums_until_left(chain, open_, np.where(open_, x, 0.0).clip(0)) for x in (f, -f))
    found = difference(gained, lost)
    values, low, high = (
        np.where(up, np.inf, np.where(down, -np.inf, x)) for x in (found.values, found.low, found.high)
    )
    return Bounds(values, low, high, found.why)


@of_operator
def discounted_reward(chain: Operator, reward: ArrayLike, discount: float) -> Bounds:
    """The mean sum (V**L,), from each state, of discount**t times the reward (V**L,) of the state after t tokens.

    The first state counts, undiscounted: v = r + discount P v, as in QuantEcon's `DiscreteDP`. `discount` is from 0 to
    below 1. By elimination, as if the chain ended after each token with a probability of 1 - discount; large chains,
    and small discounts, by steps, with the bounds of MacQueen (1966). Puterman (1994), section 6.

    >>> from finitegpt import Chain
    >>> discounted_reward(Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1), [1, 0], 0.5).values.round(6).tolist()
    [1.875, 0.625]
    """
    r = finite_function(chain, reward, "rewards")
    if isinstance(discount, bool) or not isinstance(discount, int | float | np.number) or not 0 <= discount < 1:
        raise InputError(
            f"expected a discount from 0 to below 1, got {shown(discount)}; try .9, or average for the long run"
        )
    beta = float(discount)
    if beta == 0 or not r.any():
        return Bounds(r, r, r)
    if beta > 0.5 and chain.n_states <= SURE:
        return difference(*(_until_it_ends(chain, x.clip(0), beta) for x in (r, -r)))
    return _by_steps(chain, r, beta)


def _for_ever(chain: Operator, end: Mask, caught: Mask, earning: Mask) -> Mask:
    """From where (V**L,) the chain may be caught, before `end`, in a class that has some states."""
    if not (caught & earning).any():
        return np.zeros(chain.n_states, bool)
    if chain.is_complete:
        return ~end
    label = communicating_classes(chain).label
    goals = caught & np.isin(label, label[caught & earning])
    return cut(chain.graph, end).reach(goals) != NEVER


def _until_it_ends(chain: Operator, gains: Floats, beta: float) -> Bounds:
    """By elimination, with a state more where the chain ends."""
    graph, n = chain.graph, chain.n_states
    if not gains.any():
        return Bounds(np.zeros(n), np.zeros(n), np.zeros(n))
    counts = np.diff(graph.first)
    first = graph.first + np.arange(n + 1)
    to, probs = np.full(len(graph.to) + n, n, np.int32), np.full(len(graph.to) + n, 1 - beta)
    places = np.arange(len(graph.to)) + np.repeat(np.arange(n), counts)
    to[places], probs[places] = graph.to, beta * graph.probs
    ending = Graph(first=np.append(first, first[-1]), to=to, probs=probs, rounding=graph.rounding + 3 * ROUNDING)
    part = np.append(np.full(n, -1), 0)
    found = ending.absorb(part, 1, gains=np.append(gains, 0.0))
    return around(found.sums[:n], found.error)


def _by_steps(chain: Operator, r: Floats, beta: float) -> Bounds:
    """v <- r + beta P v. What a step changes, it will change by between the least and the most of that, discounted."""
    v, new, size = r.copy(), np.empty_like(r), float(np.abs(r).max())
    ahead = beta / (1 - beta) * (1 + 4 * ROUNDING)
    best, low, high = v, -np.inf, np.inf
    most = max(64, min(_STEPS, _WORK // (chain.n_states * chain.width)))
    for step in range(1, most + 1):
        chain.pull(v, out=new)
        new *= beta
        new += r
        if step % _CHECK == 0:
            change, large = new - v, float(np.abs(v).max()) + size
            # Of the step, and of the change that is looked at; what is said of it holds for ever.
            slack = ((chain.width + 24) * ROUNDING + 2 * chain.rounding) * large / (1 - beta) * (1 + 8 * ROUNDING)
            below, above = ahead * float(change.min()), ahead * float(change.max())
            width = above - below + 2 * slack
            if width < high - low:
                best, low, high = new + 0.5 * (below + above), -0.5 * width, 0.5 * width
            elif above - below <= slack or width > 0.999 * (high - low):
                break
            if above - below <= slack / 8:
                break
        v, new = new, v
    off = 4 * ROUNDING * float(np.abs(best).max())
    error = math.nextafter(max(high, -low) + off, math.inf)
    return Bounds(best, np.nextafter(best - error, -np.inf), np.nextafter(best + error, np.inf))
