"""Will a set of states be reached, when, and which class catches the chain in the end.

A pass over the graph first: where the answer is 0 or 1, it is so exactly, and nowhere else. Elsewhere an equation
x = b + Q x is solved over the states that are undecided, Q being the chain among them. Up to some 16,384 of them by
elimination without subtractions (`graph.py`), so that every number is right relatively, however small it is, and so is
what it lacks to one. Beyond, whatever solves it, the answer is proved after the fact: with any w > 0 such that
r = w - Q w > 0, the true x lies within max|b + Q x - x| / min(r) * w, and the true solution of w = 1 + Q w between
w / max(r) and w / min(r) (comparison principle for M-matrices).
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finitegpt.analysis.bound import ROUNDING, Bound, Bounds
from finitegpt.analysis.classes import communicating_classes
from finitegpt.analysis.patterns import select
from finitegpt.analysis.starts import start_distribution, token_count
from finitegpt.analysis.stationary import LARGEST_GTH, MOST_PRODUCTS
from finitegpt.errors import InputError, TooLargeError
from finitegpt.graph import LEAST, MOST, NEVER, SURELY, Graph
from finitegpt.operator import Operator

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]

Method = Literal["gth", "iteration"]

_SURE = 4096  # so many states are always eliminated
_REPEATED = 16384  # so many are eliminated again and again
_NARROW = 1e-6
_KRYLOV = 500
_PATIENCE = 100
_STEPS, _WORK = 1000, 2**30
_CHECK = 10
_POWERS = 40
_WHY = (
    "the chain stays among too many states, too long, to show when it leaves them; "
    "a higher temperature or a shorter context would help"
)


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
        return _within(chain, target, within)
    decided = _decided(chain, target)
    x = np.where(decided == SURELY, 1.0, 0.0)
    open_ = decided == 0
    if not open_.any():
        return Bounds(x, x, x)

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
        b = np.where(open_, chain.pull(x), 0.0)
        w, least, _ = _times(chain, open_)
        solved = np.where(open_, _krylov(chain, open_, b, np.where(open_, 0.5, 0.0)), x)
        left = np.abs(b + _among(chain, open_, solved) - np.where(open_, solved, 0.0)).max()
        left += 2 * (chain.width + 16) * ROUNDING + chain.rounding
        error = left / least * w if least > 0 else np.ones(chain.n_states)
        low, high = (np.where(open_, solved + sign * error, x).clip(0, 1) for sign in (-1, 1))
        # Who is undecided may come there, and may not.
        high = np.where(open_, np.maximum(high, LEAST), high)
        return Bounds(np.where(open_, solved, x).clip(low, high), low, high, "" if least > 0 else _WHY)

    return _solved(open_, method, eliminated, iterated)


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
        return Bounds(times, times, times)

    def eliminated(most: float) -> Bounds:
        part = np.where(open_, -1, np.where(target, 0, -2))
        found = chain.graph.absorb(part, 1, gains=np.ones(chain.n_states), most=most)
        w = found.sums[open_]
        return filled(w, _below(w, found.error), _above(w, found.error))  # infinite where w is MOST

    def iterated() -> Bounds:
        w, least, most = _times(chain, open_)
        w = w[open_]
        high = w / least * (1 + 4 * ROUNDING) if least > 0 else np.full(len(w), np.inf)
        return filled(w, w / most * (1 - 4 * ROUNDING), high, "" if least > 0 else _WHY)

    def filled(w: Values, below: Values, above: Values, why: str = "") -> Bounds:
        values, low, high = times.copy(), times.copy(), times.copy()
        low[open_], high[open_] = np.maximum(below, 1.0), np.maximum(above, 1.0)
        values[open_] = w.clip(low[open_], high[open_])
        return Bounds(values, low, high, why)

    return _solved(open_, method, eliminated, iterated)


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


def absorption_weights(chain: Operator, start: ArrayLike) -> Bounds:
    """The probability (recurrent classes,) that a chain begun with the distribution `start` (V**L,) ends in each."""
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


def _absorbed_by_steps(chain: Operator, part: NDArray[np.int64], ends: int, pi: Values) -> Bounds:
    """The same for many states, by following the start until nearly all of it has come to an end."""
    held, transient = np.zeros(ends), part < 0
    step, left = 0, 1.0
    for step in range(_STEPS * 10):
        held += np.bincount(part[~transient], pi[~transient], ends)
        pi = np.where(transient, pi, 0.0)
        left = float(pi.sum())
        if left < 1e-15 or step * chain.n_states * chain.width > 10 * _WORK:
            break
        pi = chain.push(pi)
    slack = 8 * (step + 1) * (chain.width + 16) * ROUNDING + (step + 1) * chain.rounding + chain.n_states * ROUNDING
    held = held.clip(0, 1)
    high = (held + left + slack).clip(0, 1)
    return Bounds(held, (held - slack).clip(0), high, "" if left < 1e-6 else _WHY)


def hazard(chain: Operator, targets: ArrayLike) -> Bound:
    """How likely a chain that has long avoided `targets` is to come there by one more token: 1 - `survival_rate`.

    Right relatively, however small, where the states outside are few enough to eliminate.

    >>> from finitegpt import Chain
    >>> hazard(Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1), "b").value.__round__(6)
    0.1
    """
    return _leaving(chain, ~select(chain, targets))


def survival_rate(chain: Operator, targets: ArrayLike) -> Bound:
    """How likely a chain that has long avoided `targets` is to avoid it for one more token.

    The spectral radius of the chain among other states (Collatz 1942, Wielandt 1950).

    >>> from finitegpt import Chain
    >>> survival_rate(Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1), "b").value.__round__(6)
    0.9
    """
    rate = _leaving(chain, ~select(chain, targets))
    exact = rate.low == rate.high
    low, high = 1 - rate.high, 1 - rate.low
    return Bound(1 - rate.value, low, high, why=rate.why).widened(0.0 if exact else ROUNDING).within(0.0, 1.0)


def _leaving(chain: Operator, outside: Mask) -> Bound:
    """1 - the spectral radius among some states."""
    found = Bound(0.5, 0.0, 1.0)
    if int(outside.sum()) <= min(_REPEATED, LARGEST_GTH):
        with suppress(TooLargeError):
            found = _hazard(chain.graph, outside)
        if found.high - found.low <= 1e-9 * found.high:
            return found
    # Where leaving is not rare, steps of the chain close the interval faster.
    rho = _survival(chain, outside)
    low, high = max(found.low, 1 - rho.high - ROUNDING), min(found.high, 1 - rho.low + ROUNDING)
    return Bound(min(max(1 - rho.value, low), high), low, high)


def _hazard(graph: Graph, outside: Mask) -> Bound:
    """1 - the spectral radius among some states: the least of those of their classes.

    For any y > 0, and x the mean sum of y until a class is left, y = x - Q x; so 1 - rho lies between the least and the
    largest of y / x (Collatz 1942, Wielandt 1950). Taking x for the next y closes that interval.
    """
    inside = outside[graph.source] & outside[graph.to]
    kept = graph.source[inside]
    first = np.searchsorted(kept, np.arange(graph.n_states + 1)).astype(np.int64)
    among = Graph(first=first, to=graph.to[inside], probs=graph.probs[inside])
    label, _ = among.classes()
    cyclic = np.unique(label[kept[label[kept] == label[among.to]]])  # others die out by themselves
    if len(cyclic) == 0:
        return Bound(1.0, 1.0, 1.0)
    low = high = value = 1.0
    for which in cyclic.tolist():
        members = label == which
        if not (members[graph.source] & ~members[graph.to]).any():
            return Bound(0.0, 0.0, 0.0)  # it is never left
        part = np.where(members, -1, 0)
        y, below, above, narrowed = np.ones(graph.n_states), 0.0, 1.0, 0
        for step in range(_POWERS):
            found = graph.absorb(part, 1, gains=y, most=MOST_PRODUCTS / 10)
            x = found.sums
            if not np.isfinite(found.error) or (x[members] >= MOST).any():
                break
            ratio = y[members] / x[members]
            before = above - below
            below = max(below, float(ratio.min()) * (1 - found.error - 2 * ROUNDING))
            above = min(above, float(ratio.max()) * (1 + found.error + 2 * ROUNDING))
            narrowed = step if above - below < 0.9 * before else narrowed
            if above - below <= 4 * found.error * above or step - narrowed > 3:
                break
            y = np.where(members, np.maximum(x / x[members].max(), 1e-280), 1.0)
        low, high, value = min(low, below), min(high, above), min(value, (below * above) ** 0.5)
    return Bound(min(max(value, low), high), low, high)


def _survival(chain: Operator, outside: Mask) -> Bound:
    """The spectral radius among many states, between the least and the largest of (Q x) / x for any x > 0."""
    x, low, high, value, narrowed = outside.astype(np.float64), 0.0, 1.0, 0.0, 0
    slack = 2 * (chain.width + 16) * ROUNDING + chain.rounding
    for step in range(max(_STEPS, min(_WORK // (chain.n_states * chain.width), 20 * _STEPS))):
        new = chain.pull(x)
        new[~outside] = 0.0
        if not new.any():
            return Bound(0.0, 0.0, 0.0)
        if step % _CHECK == _CHECK - 1:
            # States that die out for certain are on no cycle and do not count; x is 0 on them before long. From below,
            # any x of 0 or more will do: without the states that hardly survive, the bound is that of the others.
            ratio = new[x > 0] / x[x > 0]
            strong = np.where(x > 1e-6 * x.max(), x, 0.0)
            kept = strong > 0
            lasting = chain.pull(strong)[kept] / strong[kept]
            before = high - low
            low = max(low, float(ratio.min()) - slack, float(lasting.min()) - slack)
            high = min(high, float(ratio.max()) + slack)
            value = min(max(float(new[x.argmax()] / x.max()), low), high)
            narrowed = step if high - low < 0.999 * before else narrowed
            if high - low < 1e-13 or step - narrowed > _PATIENCE:
                break
        x = (new + (x if step % 3 == 0 else 0)) / new.max()
    return Bound(value, low, high)


def _within(chain: Operator, target: Mask, tokens: int) -> Bounds:
    tokens = token_count(tokens)
    x, new = target.astype(np.float64), np.empty(chain.n_states)
    for _ in range(tokens):
        chain.pull(x, out=new)
        new[target] = 1.0
        x, new = new, x
    # Relative, since nothing is subtracted, but for what is too small for double precision.
    slack = tokens * ((chain.width + 16) * ROUNDING + chain.rounding)
    lost = tokens * (chain.width + 1) * 5e-324
    low, high = (x * (1 - slack) - lost).clip(0, 1), (x * (1 + slack) + lost).clip(0, 1)
    if not x.all():
        high[~in_time(chain, target, tokens)] = 0.0
    low[target] = 1.0
    return Bounds(x.clip(low, high), low, high)


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


def _decided(chain: Operator, target: Mask) -> NDArray[np.uint8]:
    """SURELY where the target is reached with probability 1, NEVER where with probability 0, else 0."""
    if chain.is_complete:
        return np.full(chain.n_states, SURELY, np.uint8)
    return chain.graph.reach(target)


def _asked(chain: Operator, targets: ArrayLike, method: Method | None) -> Mask:
    """The targets as a mask; InputError for a method that is none."""
    if method is not None and method not in get_args(Method):
        raise InputError(f"expected a method of {', '.join(get_args(Method))}, got {method!r}; try gth")
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


def _below(x: Values, relative: float) -> Values:
    """Numbers that are right relatively from below; those too small for double precision may be anything above 0."""
    if not np.isfinite(relative):
        return np.zeros_like(x)
    return np.where(x <= LEAST, 0.0, x * (1 - relative))


def _above(x: Values, relative: float) -> Values:
    with np.errstate(over="ignore"):
        return x * (1 + relative) if np.isfinite(relative) else np.full_like(x, np.inf)


def _among(chain: Operator, open_: Mask, x: Values) -> Values:
    """Q x: the chain among the undecided states."""
    result = chain.pull(np.where(open_, x, 0.0))
    result[~open_] = 0.0
    return result


def _times(chain: Operator, open_: Mask) -> tuple[Values, float, float]:
    """w, the mean times among many undecided states, and factors: the true ones are from w / most to w / least.

    `least` is 0 where nothing can be proved.
    """
    one = open_.astype(np.float64)
    rate = _left_at(chain, open_)
    # Where leaving is rare, all times are nearly one large number; who has long been inside leaves at `rate`.
    guess = one / rate if rate > 0 else one
    w = _krylov(chain, open_, one, guess)
    least, most = _defect(chain, open_, w)
    return (w, least, most) if least > 0 else (guess, *_defect(chain, open_, guess))


def _krylov(chain: Operator, open_: Mask, b: Values, guess: Values) -> Values:
    """x with x = b + Q x on the undecided states, 0 elsewhere, by BiCGSTAB (van der Vorst 1992)."""
    from scipy.sparse.linalg import LinearOperator, bicgstab

    n = chain.n_states
    operator = LinearOperator((n, n), matvec=lambda x: x - _among(chain, open_, x), dtype=np.float64)  # type: ignore[call-arg]
    with np.errstate(all="ignore"):
        x, _ = bicgstab(operator, b, x0=guess, rtol=1e-14, maxiter=_KRYLOV)
    x = np.where(open_, x, 0.0)
    return x if np.isfinite(x).all() else guess


def _left_at(chain: Operator, open_: Mask) -> float:
    """How fast a chain that has long been among the undecided states leaves them: a probability for each token."""
    mu, rate = open_ / open_.sum(), 0.0
    for _ in range(200):
        new = chain.push(mu)
        rate = float(new[~open_].sum())
        new[~open_] = 0.0
        total = float(new.sum())
        if total == 0:
            break
        mu = (mu + new / total) / 2
    return rate


def _defect(chain: Operator, open_: Mask, w: Values) -> tuple[float, float]:
    """The least and the largest of w - Q w, rounding included; 0 and infinity where w proves nothing."""
    through = _among(chain, open_, w)
    slack = ((chain.width + 16) * ROUNDING + chain.rounding) * (through[open_] + np.abs(w[open_]))
    rest = w[open_] - through[open_]
    positive = bool((w[open_] > 0).all()) and bool(np.isfinite(rest).all())
    return (max(float((rest - slack).min()), 0.0), float((rest + slack).max())) if positive else (0.0, np.inf)
