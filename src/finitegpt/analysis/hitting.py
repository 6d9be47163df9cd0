"""Will a set of states be reached, when, and which class catches the chain in the end.

A pass over the graph first: where the answer is 0 or 1, it is so exactly. Elsewhere an equation x = b + Q x is solved
over the states that are undecided, Q being the chain among them: by elimination without subtractions up to 2,048 of
them, whose error is known beforehand. Whatever solves it beyond, the answer is proved after the fact: with any w > 0
such that r = w - Q w > 0, the true x lies within max|b + Q x - x| / min(r) * w, and the true solution of w = 1 + Q w
between w / max(r) and w / min(r) (comparison principle for M-matrices).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finitegpt import states
from finitegpt.analysis.bound import ROUNDING, Bound, Bounds
from finitegpt.analysis.classes import communicating_classes
from finitegpt.analysis.patterns import select
from finitegpt.analysis.starts import start_distribution, token_count
from finitegpt.chain import Chain
from finitegpt.errors import TooLargeError
from finitegpt.gth import absorption_solution

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]

_DENSE = 2048
_KRYLOV = 500
_TIGHT = 1e-9
_PATIENCE = 100
_STEPS, _WORK = 1000, 2**30
_CHECK = 10


def hitting_probabilities(chain: Chain, targets: ArrayLike, within: int | None = None) -> Bounds:
    """The probability (V**L,), from each state, of ever being in `targets`, or within so many tokens; 1 on a target.

    `targets` is a pattern, a list of them, ids, or a mask (V**L,).

    >>> chain = Chain.from_probs([[1, 0], [0.5, 0.5]], "ab", 1)
    >>> hitting_probabilities(chain, "a").values.tolist()
    [1.0, 1.0]
    >>> hitting_probabilities(chain, "b", within=1).values.round(6).tolist()
    [0.0, 1.0]
    """
    target = select(chain, targets)
    if within is not None:
        return _within(chain, target, within)
    never, surely = _decided(chain, target)
    x = np.where(surely, 1.0, 0.0)
    low, high = x.copy(), x.copy()
    open_ = ~(never | surely)
    if open_.any():
        b = chain.pull(x)
        x, error = _solve(chain, open_, np.where(open_, b, 0.0), x)
        low, high = np.where(open_, x - error, low).clip(0, 1), np.where(open_, x + error, high).clip(0, 1)
        x = x.clip(low, high)
    return Bounds(x, low, high)


def mean_first_passage_times(chain: Chain, targets: ArrayLike) -> Bounds:
    """The mean number of tokens (V**L,), from each state, until `targets` is reached: 0 there, infinite if not surely.

    >>> mean_first_passage_times(Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1), "b").values.round(6).tolist()
    [10.0, 0.0]
    """
    target = select(chain, targets)
    _, surely = _decided(chain, target)
    times = np.where(surely, 0.0, np.inf)
    low, high = times.copy(), times.copy()
    open_ = surely & ~target
    if open_.any():
        w, least, most = _times(chain, open_)
        low[open_] = w[open_] / most
        high[open_] = w[open_] / least if least > 0 else np.inf
        times[open_] = w[open_].clip(low[open_], high[open_])
    return Bounds(times, low, high)


def absorption_probabilities(chain: Chain) -> list[Bounds]:
    """For each recurrent class, in order, the probability (V**L,) that a state's chain ends in it.

    TooLargeError where these are too many numbers; `absorption_weights` then tells it for one start.

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


def absorption_weights(chain: Chain, start: ArrayLike) -> Bounds:
    """The probability (recurrent classes,) that a chain begun with the distribution `start` (V**L,) ends in each."""
    classes = communicating_classes(chain)
    recurrent = np.flatnonzero(classes.recurrent)
    pi = start_distribution(chain, start)
    held, transient = np.zeros(len(classes)), ~classes.recurrent[classes.label]
    step, left = 0, 1.0
    for step in range(_STEPS * 10):
        held += np.bincount(classes.label, np.where(transient, 0.0, pi), len(classes))
        pi[~transient] = 0.0
        left = float(pi.sum())
        if left < 1e-15 or step * chain.log_probs.size > 10 * _WORK:
            break
        pi = chain.push(pi)
    held = held[recurrent]
    slack = 8 * (step + chain.vocab_size + 16) * ROUNDING
    held = held.clip(0, 1)
    return Bounds(held, (held - slack).clip(0), (held + left + slack).clip(0, 1))


def survival_rate(chain: Chain, targets: ArrayLike) -> Bound:
    """How likely a chain that has long avoided `targets` is to avoid it for one more token.

    The spectral radius of the chain among other states, between the least and the largest of (Q x) / x for any x > 0
    (Collatz 1942, Wielandt 1950).

    >>> survival_rate(Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1), "b").value.__round__(6)
    0.9
    """
    outside = ~select(chain, targets)
    x, low, high, value, narrowed = outside.astype(np.float64), 0.0, 1.0, 0.0, 0
    slack = 2 * (chain.vocab_size + 16) * ROUNDING
    for step in range(max(_STEPS, min(_WORK // chain.log_probs.size, 20 * _STEPS))):
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


def _within(chain: Chain, target: Mask, tokens: int) -> Bounds:
    tokens = token_count(tokens)
    x, new = target.astype(np.float64), np.empty(chain.n_states)
    for _ in range(tokens):
        chain.pull(x, out=new)
        new[target] = 1.0
        x, new = new, x
    slack = tokens * (chain.vocab_size + 16) * ROUNDING  # relative: nothing is subtracted
    return Bounds(x.clip(0, 1), x * (1 - slack), (x * (1 + slack)).clip(0, 1))


def _decided(chain: Chain, target: Mask) -> tuple[Mask, Mask]:
    """From where the target is reached with probability 0, and from where with probability 1."""
    if chain.support.all():
        return np.zeros(chain.n_states, bool), np.ones(chain.n_states, bool)
    never = ~_reaching(chain, target, target)
    surely = ~_reaching(chain, never, target) if never.any() else np.ones(chain.n_states, bool)
    return never, surely | target


def _reaching(chain: Chain, goal: Mask, stop: Mask) -> Mask:
    """From where `goal` can be reached without leaving a state of `stop`."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import breadth_first_order

    n, V, L = chain.n_states, chain.vocab_size, chain.context_length
    usable = chain.support & ~stop[:, None]
    targets = states.successors(states.every(V, L), V, L)
    source = np.repeat(np.arange(n), V)[usable.reshape(-1)]
    reverse = csr_array(
        (
            np.ones(len(source) + int(goal.sum()), np.int8),
            (
                np.concatenate((targets[usable], np.full(int(goal.sum()), n))),
                np.concatenate((source, np.flatnonzero(goal))),
            ),
        ),
        shape=(n + 1, n + 1),
    )
    reached = breadth_first_order(reverse, n, return_predecessors=False)
    mask = np.zeros(n + 1, bool)
    mask[reached] = True
    return mask[:n]


def _among(chain: Chain, open_: Mask, x: Values) -> Values:
    """Q x: the chain among the undecided states."""
    result = chain.pull(np.where(open_, x, 0.0))
    result[~open_] = 0.0
    return result


def _solve(chain: Chain, open_: Mask, b: Values, start: Values) -> tuple[Values, Values]:
    """x with x = b + Q x on the undecided states and `start` elsewhere, and how far it can be off (V**L,)."""
    solved, relative = _eliminated(chain, open_, b)
    if relative < _TIGHT:
        return np.where(open_, solved, start), solved * relative
    w, least, _ = _times(chain, open_)
    if np.isinf(relative):
        solved = _krylov(chain, open_, b, np.where(open_, 0.5, 0.0))
    x = np.where(open_, solved, start)
    left = np.abs(b + _among(chain, open_, x) - np.where(open_, x, 0.0)).max() + 2 * (chain.vocab_size + 16) * ROUNDING
    error = left / least * w if least > 0 else np.full(chain.n_states, np.inf)
    return x, np.minimum(error, solved * relative) if np.isfinite(relative) else error


def _times(chain: Chain, open_: Mask) -> tuple[Values, float, float]:
    """w, the mean times among the undecided states, and factors: the true ones are from w / most to w / least.

    `least` is 0 where nothing can be proved.
    """
    one = open_.astype(np.float64)
    w, error = _eliminated(chain, open_, one)
    if np.isfinite(error):
        least, most = _defect(chain, open_, w)
        return w, max(least, 1 - error), min(most, 1 + error)
    rate = _leaving(chain, open_)
    # Where leaving is rare, all times are nearly one large number; who has long been inside leaves at `rate`.
    guess = one / rate if rate > 0 else one
    w = _krylov(chain, open_, one, guess)
    least, most = _defect(chain, open_, w)
    return (w, least, most) if least > 0 else (guess, *_defect(chain, open_, guess))


def _krylov(chain: Chain, open_: Mask, b: Values, guess: Values) -> Values:
    """x with x = b + Q x on the undecided states, 0 elsewhere, by BiCGSTAB (van der Vorst 1992)."""
    from scipy.sparse.linalg import LinearOperator, bicgstab

    n = chain.n_states
    operator = LinearOperator((n, n), matvec=lambda x: x - _among(chain, open_, x), dtype=np.float64)  # type: ignore[call-arg]
    with np.errstate(all="ignore"):
        x, _ = bicgstab(operator, b, x0=guess, rtol=1e-14, maxiter=_KRYLOV)
    x = np.where(open_, x, 0.0)
    return x if np.isfinite(x).all() else guess


def _leaving(chain: Chain, open_: Mask) -> float:
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


def _defect(chain: Chain, open_: Mask, w: Values) -> tuple[float, float]:
    """The least and the largest of w - Q w, rounding included; 0 and infinity where w proves nothing."""
    through = _among(chain, open_, w)
    slack = (chain.vocab_size + 16) * ROUNDING * (through[open_] + np.abs(w[open_]))
    rest = w[open_] - through[open_]
    positive = bool((w[open_] > 0).all()) and bool(np.isfinite(rest).all())
    return (max(float((rest - slack).min()), 0.0), float((rest + slack).max())) if positive else (0.0, np.inf)


def _eliminated(chain: Chain, open_: Mask, b: Values) -> tuple[Values, float]:
    """x with x = b + Q x on the undecided states, 0 elsewhere, and its relative error, infinite for too many."""
    ids = np.flatnonzero(open_)
    if len(ids) > _DENSE:
        return np.zeros(chain.n_states), np.inf
    place = np.full(chain.n_states, -1)
    place[ids] = np.arange(len(ids))
    goals = place[states.successors(ids, chain.vocab_size, chain.context_length)]
    inside, probs = goals >= 0, chain.probs[ids]
    source, token = np.nonzero(inside)
    moves = np.zeros((len(ids), len(ids)))
    np.add.at(moves, (source, goals[source, token]), probs[source, token])
    x = np.zeros(chain.n_states)
    x[ids], error = absorption_solution(moves, np.where(inside, 0.0, probs).sum(1), b[ids])
    return x, error / (1 - error) if error < 0.1 and np.isfinite(x).all() else np.inf
