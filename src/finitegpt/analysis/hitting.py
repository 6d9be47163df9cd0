"""Will a set of states be reached, and when.

A pass over the graph first: where the answer is 0 or 1, it is so exactly, and nowhere else. Elsewhere an equation
x = b + Q x is solved over the states that are undecided, Q being the chain among them. Up to some 16,384 of them by
elimination without subtractions (`graph.py`), so that every number is right relatively, however small it is, and so is
what it lacks to one. Beyond by iteration (`iteration.py`), proved after the fact.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finitegpt.analysis.bound import ROUNDING, Bounds
from finitegpt.analysis.iteration import iterated_probabilities, iterated_times
from finitegpt.analysis.patterns import select
from finitegpt.analysis.starts import token_count
from finitegpt.analysis.stationary import LARGEST_GTH, MOST_PRODUCTS
from finitegpt.arguments import choice, shown
from finitegpt.errors import TooLargeError
from finitegpt.graph import LEAST, NEVER, SURELY, Floats, Mask
from finitegpt.naming import names_of
from finitegpt.operator import Operator, of_operator

Method = Literal["gth", "iteration"]

_SURE = 4096  # so many states are always eliminated
_NARROW = 1e-6
_CALL, _LONGEST = 2**13, 2**38  # products that a call is worth, and the most there may be: some minutes


@of_operator
def hitting_probabilities(
    chain: Operator, targets: ArrayLike, within: int | None = None, *, method: Method | None = None
) -> Bounds:
    """The probability (V**L,), from each state, of ever being in `targets`, or within so many tokens; 1 on a target.

    `targets` is a pattern, a list of them, ids, or a mask (V**L,). `method` is `gth`, elimination, or `iteration`; by
    default what suits how many states are undecided.

    >>> from finitegpt import Chain
    >>> chain = Chain.from_probs([[1, 0], [0.5, 0.5]], "ab", 1)
    >>> hitting_probabilities(chain, "a").values.tolist()
    [1.0, 1.0]
    >>> hitting_probabilities(chain, "b", within=1).values.round(6).tolist()
    [0.0, 1.0]
    """
    target = _asked(chain, targets, method)
    if within is not None:
        return _within(chain, target, within).named(names_of(chain))
    return end_probabilities(chain, _decided(chain, target), method).named(names_of(chain))


def end_probabilities(chain: Operator, decided: NDArray[np.uint8], method: Method | None = None) -> Bounds:
    """The probability (V**L,) of coming to a state that is decided (V**L,) as SURELY before one that is NEVER.

    Which is 1 and 0 on those. What is undecided may come to either, and to one of both in the end.
    """
    x = np.where(decided == SURELY, 1.0, 0.0)
    open_ = decided == 0
    if not open_.any():
        return Bounds(x, x, x, names=names_of(chain))

    def eliminated(most: float) -> Bounds:
        part = np.where(open_, -1, np.where(decided == NEVER, 1, 0))
        found = chain.graph.absorb(part, 2, wanted=2, most=most)
        (hit, miss), off = found.probs, found.error
        # What is missing to one is known as well, relatively.
        low = np.maximum(_below(hit, off), 1 - _above(miss, off) - ROUNDING)
        high = np.minimum(_above(hit, off), 1 - _below(miss, off) + ROUNDING)
        low, high = (np.where(open_, end, x).clip(0, 1) for end in (low, high))
        return Bounds(np.where(open_, hit, x).clip(low, high), low, high)

    def iterated() -> Bounds:
        found = iterated_probabilities(chain, open_, np.where(open_, chain.pull(x), 0.0))
        low, high = (np.where(open_, end, x).clip(0, 1) for end in (found.low, found.high))
        # Who is undecided may come there, and may not.
        high = np.where(open_, np.maximum(high, LEAST), high)
        return Bounds(np.where(open_, found.values, x).clip(low, high), low, high, found.why)

    return _solved(open_, method, eliminated, iterated).named(names_of(chain))


@of_operator
def mean_first_passage_times(chain: Operator, targets: ArrayLike, *, method: Method | None = None) -> Bounds:
    """The mean number of tokens (V**L,), from each state, until `targets` is reached: 0 there, infinite if not surely.

    `method` as above.

    >>> from finitegpt import Chain
    >>> mean_first_passage_times(Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1), "b").values.round(6).tolist()
    [10.0, 0.0]
    """
    target = _asked(chain, targets, method)
    surely = _decided(chain, target) == SURELY
    times = np.where(surely, 0.0, np.inf)
    open_ = surely & ~target
    if not open_.any():
        return Bounds(times, times, times, names=names_of(chain))

    def eliminated(most: float) -> Bounds:
        part = np.where(open_, -1, np.where(target, 0, -2))
        found = chain.graph.absorb(part, 1, gains=np.ones(chain.n_states), most=most)
        w = found.sums[open_]
        return filled(w, _below(w, found.error), _above(w, found.error))  # infinite where w is MOST

    def iterated() -> Bounds:
        found = iterated_times(chain, open_)
        return filled(found.values[open_], found.low[open_], found.high[open_], found.why)

    def filled(w: Floats, below: Floats, above: Floats, why: str = "") -> Bounds:
        values, low, high = times.copy(), times.copy(), times.copy()
        low[open_], high[open_] = np.maximum(below, 1.0), np.maximum(above, 1.0)
        values[open_] = w.clip(low[open_], high[open_])
        return Bounds(values, low, high, why)

    return _solved(open_, method, eliminated, iterated).named(names_of(chain))


def require_method(method: object) -> None:
    """InputError for a method that is none."""
    if method is not None:
        choice("method", method, get_args(Method), instead="gth")


def in_time(chain: Operator, target: Mask, tokens: int) -> Mask:
    """The states (V**L,) from where a target can be reached by so many arrows."""
    reached = target.copy()
    if chain.is_complete and chain.width > 1 and tokens >= chain.n_states:
        return np.ones_like(reached)
    graph = chain.graph
    for _ in range(tokens):
        found = graph.source[reached[graph.to]]
        before = int(reached.sum())
        reached[found] = True
        if int(reached.sum()) == before:
            break
    return reached


def _within(chain: Operator, target: Mask, tokens: int) -> Bounds:
    tokens = token_count(tokens)
    if tokens * max(chain.n_states * chain.width, _CALL) > _LONGEST:
        raise TooLargeError(f"expected fewer tokens for so many states, got {shown(tokens)}; try leaving within out")
    x, new = target.astype(np.float64), np.empty(chain.n_states)
    for _ in range(tokens):
        chain.pull(x, out=new)
        new[target] = 1.0
        x, new = new, x
        if np.array_equal(x, new):
            break  # and so it stays
    # Relative, since nothing is subtracted, but for what is too small for double precision.
    slack = tokens * ((chain.width + 16) * ROUNDING + chain.rounding)
    lost = tokens * (chain.width + 1) * 5e-324
    low, high = (x * (1 - slack) - lost).clip(0, 1), (x * (1 + slack) + lost).clip(0, 1)
    if not x.all():
        high[~in_time(chain, target, tokens)] = 0.0
    low[target] = 1.0
    return Bounds(x.clip(low, high), low, high)


def _decided(chain: Operator, target: Mask) -> NDArray[np.uint8]:
    """SURELY where the target is reached with probability 1, NEVER where with probability 0, else 0."""
    if chain.is_complete:
        return np.full(chain.n_states, SURELY, np.uint8)
    return chain.graph.reach(target)


def _asked(chain: Operator, targets: ArrayLike, method: Method | None) -> Mask:
    """The targets as a mask; InputError for a method that is none."""
    require_method(method)
    return select(chain, targets)


def _solved(
    open_: Mask, method: Method | None, eliminated: Callable[[float], Bounds], iterated: Callable[[], Bounds]
) -> Bounds:
    """What is computed for the undecided states, by the method asked for or by what suits their number.

    Elimination is right relatively, however slowly the chain leaves them; of many states it is a minute's work, so that
    steps are tried first.
    """
    many = int(open_.sum())
    if method == "gth" or (method is None and many <= min(_SURE, LARGEST_GTH)):
        return eliminated(np.inf)
    found = iterated()
    with np.errstate(invalid="ignore"):
        narrow = bool((found.high[open_] - found.low[open_] <= _NARROW * found.values[open_]).all())
    if method is None and many <= LARGEST_GTH and not narrow:
        with suppress(TooLargeError):
            return eliminated(MOST_PRODUCTS)
    return found


def _below(x: Floats, relative: float) -> Floats:
    """Numbers that are right relatively from below; those too small for double precision may be anything above 0."""
    if not np.isfinite(relative):
        return np.zeros_like(x)
    return np.where(x <= LEAST, 0.0, x * (1 - relative))


def _above(x: Floats, relative: float) -> Floats:
    with np.errstate(over="ignore"):
        return x * (1 + relative) if np.isfinite(relative) else np.full_like(x, np.inf)
