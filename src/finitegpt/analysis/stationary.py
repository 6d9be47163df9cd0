"""Where a chain ends up: one stationary distribution for each recurrent class, each with its certificate.

How, by what the chain is like:

- elimination (`gth`), up to some 8,192 states, exact to rounding however slowly the chain mixes;
- power iteration, where it settles within some hundred steps, which is faster from some hundred states on;
- aggregation and disaggregation beyond (`flows.py`): for metastable chains, such as those at low temperature.

A small residual is no certificate: a nearly decomposable chain can have one of 1e-10 and still be wrong by 0.1. What is
certified is

- by elimination: that each probability is right relatively, by counting what is rounded (`graph.py`);
- by aggregation: the same, by how nearly what flows along the arrows balances in every state (`flows.py`);
- else the total variation distance to the truth: any two copies of the chain can be run so that, within L steps, they
  meet with a probability of at least beta, because L common tokens are a common state (Doeblin). Then
  TV <= L * residual / beta.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from finitegpt.analysis.aggregation import aggregate
from finitegpt.analysis.bound import ROUNDING
from finitegpt.analysis.classes import Ids, communicating_classes
from finitegpt.analysis.flows import balance
from finitegpt.analysis.long_run import StationaryDistribution
from finitegpt.arguments import choice, require_function
from finitegpt.engine import Engine
from finitegpt.errors import InputError, TooLargeError
from finitegpt.naming import names_of
from finitegpt.operator import Operator, of_operator
from finitegpt.rows import RowOperator

Method = Literal["gth", "power", "aggregation"]

LARGEST_GTH = 65536
"""Classes of more states than this are not eliminated."""
MOST_PRODUCTS = 1.5e11
"""Nor are those that would take so many products, which are some ten seconds, unless they have at most 4,096 states."""

_AT_ONCE = 512  # so many states are eliminated faster than iterated
_FEW = 2048  # so many are eliminated faster than their flows are balanced
_SURE, _SOON = 4096, 8192
_CERTAIN, _CERTAIN_ENOUGH = 1e-12, 1e-9
_STEPS = 512
_LUMPED, _CORRECT = 8192, 4
_CHECK = 16

Progress = Callable[[int, float], None]
"""Called with the iterations done and the residual."""


@of_operator
def stationary_distributions(
    chain: Operator, *, method: Method | None = None, progress: Progress | None = None
) -> list[StationaryDistribution]:
    """One stationary distribution for each recurrent class, in the order of their smallest state.

    Every stationary distribution of the chain is a mixture of these. `method` is `gth` (elimination, of any number of
    states), `power` or `aggregation`; by default what suits the chain.

    >>> from finitegpt import Chain
    >>> chain = Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1)
    >>> [law.probs.round(6).tolist() for law in stationary_distributions(chain)]
    [[0.833333, 0.166667]]
    """
    if method is not None:
        choice("method", method, get_args(Method), instead="gth")
    require_function("progress", progress)
    classes = communicating_classes(chain)
    found = np.flatnonzero(classes.recurrent).tolist()
    whole = len(classes) == 1
    return [_one(chain, np.arange(chain.n_states) if whole else classes[k], method, progress) for k in found]


@of_operator
def stationary_distribution(
    chain: Operator, *, method: Method | None = None, progress: Progress | None = None
) -> StationaryDistribution:
    """The stationary distribution of a chain with one recurrent class; InputError where there are several."""
    return only(stationary_distributions(chain, method=method, progress=progress))


def only(laws: list[StationaryDistribution]) -> StationaryDistribution:
    """The stationary distribution of a chain with one recurrent class; InputError where there are several."""
    if len(laws) > 1:
        raise InputError(
            f"expected a chain with one recurrent class, got {len(laws):,}; try one of stationary_distributions"
        )
    return laws[0]


def right_relatively(
    chain: Operator, law: StationaryDistribution, most: float = MOST_PRODUCTS
) -> StationaryDistribution:
    """The same law with each probability right relatively: by flows that balance, else by so many products at most.

    As it is where neither proves that.
    """
    if np.isfinite(law.relative):
        return law
    if len(law.states) > _FEW:
        with suppress(TooLargeError):
            found = _balanced(chain, law.states, None)
            if np.isfinite(found.relative):
                return found
    if len(law.states) <= LARGEST_GTH:
        with suppress(TooLargeError):
            return _eliminated(chain, law.states, most)
    return law


def _one(chain: Operator, members: Ids, method: Method | None, progress: Progress | None) -> StationaryDistribution:
    m, n = len(members), chain.n_states
    if not _branches(chain, members):
        exact = 0.0 if m & (m - 1) == 0 else ROUNDING  # 1/3 is not a double
        return StationaryDistribution(
            states=members,
            probs=np.full(m, 1 / m),
            n_states=n,
            error=exact / 2,
            relative=exact,
            residual=0.0,
            method="cycle",
            names=names_of(chain),
        )
    if method == "gth" or (method is None and m <= _AT_ONCE):
        return _eliminated(chain, members, np.inf)
    start = np.zeros(n)
    start[members] = 1 / m
    steps, beta = chain.overlap(members)
    small, eliminable = m <= _SURE, method is None and m <= LARGEST_GTH
    enough = _CERTAIN if small else _CERTAIN_ENOUGH  # what spares eliminating so many states
    best, pi = None, start
    if method == "power" or (method is None and not (eliminable and steps * 1e-15 > beta * enough)):
        pi, residual, _ = _power(chain, start, lazy=beta == 0, progress=progress)
        best = _iterated(chain, members, pi, residual, "power", steps, beta)
        if method == "power" or best.error <= enough:
            return best
    if eliminable and (small or (best is None and m <= _SOON)):
        with suppress(TooLargeError):
            return _eliminated(chain, members, np.inf if small else MOST_PRODUCTS)
    pi, residual = aggregate(chain, pi, members, progress)
    other = _iterated(chain, members, pi, residual, "aggregation", steps, beta)
    best = other if best is None or other.error <= best.error else best
    if method is None and best.error > enough:
        # Right relatively, and proved without elimination; that is better still, where it is not too much work.
        with suppress(TooLargeError):
            law = _balanced(chain, members, progress)
            best = law if law.error < best.error else best
    if eliminable and best.error > 10 * enough:
        with suppress(TooLargeError):
            return _eliminated(chain, members, MOST_PRODUCTS)
    return best


def _eliminated(chain: Operator, members: Ids, most: float) -> StationaryDistribution:
    """By elimination, of at most so many products."""
    inside = np.zeros(chain.n_states, bool)
    inside[members] = True
    pi, relative = chain.graph.stationary(inside, most)
    return StationaryDistribution(
        states=members,
        probs=pi[members],
        n_states=chain.n_states,
        error=relative / 2,  # half the sum of all differences
        relative=relative,
        residual=Engine().change(pi, chain.push(pi)),
        method="gth",
        names=names_of(chain),
    )


def _balanced(chain: Operator, members: Ids, progress: Progress | None) -> StationaryDistribution:
    """By aggregation, proved by how nearly flows balance."""
    inside = np.zeros(chain.n_states, bool)
    inside[members] = True
    pi, relative = balance(chain.graph, inside, progress)
    return StationaryDistribution(
        states=members,
        probs=pi[members],
        n_states=chain.n_states,
        error=relative / 2,
        relative=relative,
        residual=Engine().change(pi, chain.push(pi)),
        method="aggregation",
        names=names_of(chain),
    )


def _iterated(
    chain: Operator, members: Ids, pi: NDArray[np.float64], residual: float, method: str, steps: int, beta: float
) -> StationaryDistribution:
    """What iteration has found, with the bound by coupling where copies that meet prove one."""
    error = np.inf
    if beta > 0:
        off = 0.5 * float(np.abs(pi - chain.push(pi)).sum()) + chain.rounding + (chain.width + 32) * ROUNDING
        error = steps * off / beta
    m = len(members)
    why = (
        f"copies of the chain that start apart cannot be shown to meet, and {m:,} states are too many to eliminate; "
        "a higher temperature or a shorter context would help"
    )
    return StationaryDistribution(
        states=members,
        probs=pi if m == chain.n_states else pi[members],
        n_states=chain.n_states,
        error=error if error < 1 else np.inf,
        residual=residual,
        method=method,
        names=names_of(chain),
        why="" if error < 1 else why,
    )


def _branches(chain: Operator, members: Ids) -> bool:
    """Whether any state of a class has more than one arrow."""
    if chain.is_complete:
        return chain.width > 1
    first = chain.graph.first
    return bool((first[members + 1] - first[members] > 1).any())


def _power(
    chain: Operator, pi: NDArray[np.float64], *, lazy: bool, progress: Progress | None
) -> tuple[NDArray[np.float64], float, bool]:
    """Steps until nothing changes; gives up where that is not in sight. Lazy ones, (I + P) / 2, never cycle.

    In large chains, what recent tokens decide is put right on the way by a small chain of theirs: it gives the start,
    and what they hold after every few steps.
    """
    lumpable = chain if isinstance(chain, RowOperator) and not lazy and chain.n_states > 2 * _LUMPED else None
    check, change, enough = _CHECK, Engine().change, 1e-15
    if lumpable:
        check, pi, enough = _CHECK // 2, _from_recent_tokens(lumpable, pi), 3e-14
    new, before, residual = np.empty_like(pi), np.inf, np.inf
    for step in range(1, _STEPS + 1):
        chain.push(pi, out=new)
        if lazy:
            new += pi
            new *= 0.5
        pi, new = new, pi
        if step % check:
            if lumpable and step % _CORRECT == 0:
                _put_right(lumpable, pi)
            continue
        residual = change(new, pi) * (2 if lazy else 1)
        if progress:
            progress(step, residual)
        # As good as rounding allows, or as good as it gets.
        if residual < enough or (residual < 1e-12 and residual > before / 2):
            return pi / pi.sum(), residual, True
        rate = residual / before
        if step >= 4 * _CHECK and step + check * np.log(1e-13 / residual) / min(np.log(rate), -1e-9) > _STEPS:
            break
        before = residual
        if lumpable:
            _put_right(lumpable, pi)
    return pi / pi.sum(), residual, False


def _from_recent_tokens(chain: RowOperator, start: NDArray[np.float64]) -> NDArray[np.float64]:
    """A first guess: the law of a chain whose rows are those of contexts that end alike, in the mean, token by token.

    Nothing outside the support of `start`.
    """
    V = chain.vocab_size
    joint = chain.push(start).reshape(-1, _lumped(V), V).sum(0)
    rows = _rows(joint)
    pi = _small_law(rows, joint.sum(1), _STEPS)
    while len(pi) < chain.n_states:
        longer = np.empty((len(pi) // len(rows), *rows.shape))
        for y in range(V):  # NumPy is slow where the last axis is short
            np.multiply(pi.reshape(-1, len(rows)), rows[:, y], out=longer[:, :, y])
        pi = longer.reshape(-1)
    pi[start == 0] = 0.0
    return pi / pi.sum()


def _put_right(chain: RowOperator, after: NDArray[np.float64]) -> None:
    """Makes the last k tokens as frequent as in the long run, going by what `after`, a law after a step, says of them.

    Aggregation over what older tokens were (Koury, McAllister and Stewart 1984).
    """
    V = chain.vocab_size
    joint = after.reshape(-1, _lumped(V), V).sum(0)  # of k tokens and the next
    mass = joint.reshape(V, -1).sum(0)
    law = _small_law(_rows(joint), joint.sum(1), 2 * _CHECK)
    ends = after.reshape(-1, len(law))
    ends *= np.divide(law, mass, out=np.ones_like(law), where=mass > 0)


def _lumped(V: int) -> int:
    """How many states a small chain has."""
    return V ** int(np.log(_LUMPED) / np.log(V) + 1e-9)


def _rows(joint: NDArray[np.float64]) -> NDArray[np.float64]:
    held = joint.sum(1, keepdims=True)
    return np.divide(joint, held, out=np.zeros_like(joint), where=held > 0)


def _small_law(rows: NDArray[np.float64], law: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """The stationary law of a small chain, or nearly, from a first guess."""
    V = rows.shape[1]
    law = law / law.sum()
    for _ in range(most):
        moved = (law[:, None] * rows).reshape(V, -1, V).sum(0).reshape(-1)
        done = float(np.abs(moved - law).max()) < 1e-16
        law = moved
        if done:
            break
    return law / law.sum()
