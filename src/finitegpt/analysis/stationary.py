"""Where a chain ends up: one stationary distribution for each recurrent class, each with its certificate.

How, by what the chain is like:

- power iteration, where it settles within some hundred steps;
- GTH elimination, up to 4,096 states, exact to rounding however slowly the chain mixes;
- aggregation and disaggregation beyond (`aggregation.py`): for metastable chains, such as those at low temperature.

What is certified is the total variation distance to the truth. A small residual is no certificate: a nearly
decomposable chain can have one of 1e-10 and still be wrong by 0.1.

- power iteration and aggregation: any two copies of the chain can be run so that, within L steps, they meet with a
  probability of at least beta, because L common tokens are a common state (Doeblin). Then
  TV <= L * residual / beta.
- GTH: its a priori bound (O'Cinneide 1993).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finitegpt import states
from finitegpt.analysis.aggregation import aggregate
from finitegpt.analysis.bound import ROUNDING, Bound
from finitegpt.analysis.classes import Ids, communicating_classes
from finitegpt.chain import LEAST, Chain
from finitegpt.engine import Engine
from finitegpt.errors import InputError
from finitegpt.gth import error_bound, stationary_law

LARGEST_GTH = 4096
"""Classes of more states than this are solved by iteration."""

_CERTAIN = 1e-9
_DOUBTFUL = 0.01  # nothing seems to move in a chain that hardly does, so what is hardly proved is done again
_STEPS = 512
_LUMPED, _CORRECT = 8192, 4
_CHECK = 16

Progress = Callable[[int, float], None]
"""Called with the iterations done and the residual."""


@dataclass(frozen=True, eq=False, kw_only=True)
class StationaryDistribution:
    """The stationary distribution of one recurrent class."""

    states: Ids
    """Ids (m,) of the states of the class, ascending."""
    probs: NDArray[np.float64]
    """Their probabilities (m,), which sum to one."""
    n_states: int
    """V**L, of the whole chain."""
    error: float
    """The total variation distance to the truth is proved to be at most this; infinite where nothing is proved."""
    residual: float
    """The largest |pi P - pi| / pi: small, but no proof."""
    method: str
    """`cycle`, `power`, `gth` or `aggregation`."""

    @property
    def certified(self) -> bool:
        """Whether `error` is proved."""
        return bool(np.isfinite(self.error))

    def dense(self) -> NDArray[np.float64]:
        """Probabilities of all states (V**L,), zero outside the class."""
        if len(self.states) == self.n_states:
            return self.probs
        pi = np.zeros(self.n_states)
        pi[self.states] = self.probs
        return pi

    def mass(self, which: ArrayLike) -> Bound:
        """The probability of a set of states, given as a mask (V**L,)."""
        mask = np.asarray(which)
        if mask.shape != (self.n_states,) or mask.dtype != bool:
            raise InputError(f"expected a mask of {self.n_states} states, got shape {mask.shape}; try select")
        inside = mask[self.states]
        value = min(1.0, float(self.probs[inside].sum()))
        return Bound.around(value, self.error).within(0.0, 1.0) if self.certified else Bound(value)


def stationary_distributions(chain: Chain, *, progress: Progress | None = None) -> list[StationaryDistribution]:
    """One stationary distribution for each recurrent class, in the order of their smallest state.

    Every stationary distribution of the chain is a mixture of these.

    >>> chain = Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1)
    >>> [law.probs.round(6).tolist() for law in stationary_distributions(chain)]
    [[0.833333, 0.166667]]
    """
    classes = communicating_classes(chain)
    found = np.flatnonzero(classes.recurrent).tolist()
    whole = len(classes) == 1
    return [_one(chain, np.arange(chain.n_states) if whole else classes[k], progress) for k in found]


def stationary_distribution(chain: Chain, *, progress: Progress | None = None) -> StationaryDistribution:
    """The stationary distribution of a chain with one recurrent class; InputError where there are several."""
    laws = stationary_distributions(chain, progress=progress)
    if len(laws) > 1:
        raise InputError(
            f"expected a chain with one recurrent class, got {len(laws):,}; try one of stationary_distributions"
        )
    return laws[0]


def _one(chain: Chain, members: Ids, progress: Progress | None) -> StationaryDistribution:
    m, n = len(members), chain.n_states
    if not _branches(chain, members):
        return StationaryDistribution(
            states=members, probs=np.full(m, 1 / m), n_states=n, error=0.0, residual=0.0, method="cycle"
        )
    start = np.zeros(n)
    start[members] = 1 / m
    beta = overlap(chain, members)
    pi, residual, settled = _power(chain, start, lazy=beta == 0, progress=progress)
    method, error = "power", _doeblin(chain, pi, beta)
    if m <= LARGEST_GTH and not (settled and error <= max(_CERTAIN, error_bound(m))):
        probs, wrong = stationary_law(_submatrix(chain, members))
        if np.isfinite(probs).all() and (wrong < 1 or not settled):
            full = np.zeros(n)
            full[members] = probs
            return StationaryDistribution(
                states=members,
                probs=probs,
                n_states=n,
                error=wrong if wrong < 1 else np.inf,
                residual=chain.residual(full),
                method="gth",
            )
    if not settled or error > _DOUBTFUL:
        pi, residual = aggregate(chain, pi, members, progress)
        method, error = "aggregation", _doeblin(chain, pi, beta)
    return StationaryDistribution(
        states=members,
        probs=pi if m == n else pi[members],
        n_states=n,
        error=error,
        residual=residual,
        method=method,
    )


def _branches(chain: Chain, members: Ids) -> bool:
    """Whether any state of a class has more than one arrow."""
    support = chain.support if len(members) == chain.n_states else chain.support[members]
    return bool(support.all()) or bool((support.sum(1) > 1).any())


def _power(
    chain: Chain, pi: NDArray[np.float64], *, lazy: bool, progress: Progress | None
) -> tuple[NDArray[np.float64], float, bool]:
    """Steps until nothing changes; gives up where that is not in sight. Lazy ones, (I + P) / 2, never cycle.

    In large chains, what recent tokens decide is put right on the way by a small chain of theirs: it gives the start,
    and what they hold after every few steps.
    """
    lump = not lazy and chain.n_states > 2 * _LUMPED
    check, change, enough = _CHECK, Engine().change, 1e-15
    if lump:
        check, pi, enough = _CHECK // 2, _from_recent_tokens(chain, pi), 3e-14
    new, before, residual = np.empty_like(pi), np.inf, np.inf
    for step in range(1, _STEPS + 1):
        chain.push(pi, out=new)
        if lazy:
            new += pi
            new *= 0.5
        pi, new = new, pi
        if step % check:
            if lump and step % _CORRECT == 0:
                _put_right(chain, pi)
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
        if lump:
            _put_right(chain, pi)
    return pi / pi.sum(), residual, False


def _from_recent_tokens(chain: Chain, start: NDArray[np.float64]) -> NDArray[np.float64]:
    """A first guess: the law of a chain whose rows are those of contexts that end alike, in the mean, token by token.

    Nothing outside the support of `start`.
    """
    V = chain.vocab_size
    joint = chain.push(start).reshape(-1, _lumped(V), V).sum(0)
    rows = _rows(joint)
    pi = _small_law(rows, joint.sum(1), _STEPS)
    while len(pi) < chain.n_states:
        pi = (pi.reshape(-1, len(rows))[:, :, None] * rows).reshape(-1)
    pi[start == 0] = 0.0
    return pi / pi.sum()


def _put_right(chain: Chain, after: NDArray[np.float64]) -> None:
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


def overlap(chain: Chain, members: Ids | None = None) -> float:
    """A lower bound for the probability that two copies of a chain, started anywhere, can be made to meet in L steps.

    Copies that share their last k tokens share the next one, too, with the probability that all contexts ending in
    those k tokens agree on: the sum over tokens of the least of their rows. After L common tokens they are one.
    With `members`, the ids of a recurrent class, copies that start in it.
    """
    V, L = chain.vocab_size, chain.context_length
    rows = chain.log_probs
    if members is not None and len(members) < chain.n_states:
        rows = np.zeros_like(rows)  # contexts outside agree with everything
        rows[members] = chain.log_probs[members]
    least = rows.reshape(V, -1, V).min(0)  # (V**(L-1), V): over the oldest token
    least[least < LEAST] = -np.inf
    agreed = [np.exp(least) * np.float32(1 - 1e-5)]  # rows sum to one nearly, and single precision errs by less
    for _ in range(L - 1):
        agreed.append(agreed[-1].reshape(V, -1, V).min(0))
    meet = np.ones(chain.n_states, np.float32)
    for row in agreed:
        meet = np.minimum(np.einsum("sy,sy->s", row, meet.reshape(-1, V)), np.float32(1))
    return float(meet[0])


def _doeblin(chain: Chain, pi: NDArray[np.float64], beta: float) -> float:
    """The bound of the total variation distance by coupling; infinite where copies may never meet."""
    if beta <= 0:
        return np.inf
    residual = 0.5 * float(np.abs(pi - chain.push(pi)).sum()) + (chain.vocab_size + 16) * ROUNDING
    error = float(chain.context_length * residual / beta)
    return error if error < 1 else np.inf


def _submatrix(chain: Chain, members: Ids) -> NDArray[np.float64]:
    """The transition matrix (m, m) of a recurrent class."""
    targets = states.successors(members, chain.vocab_size, chain.context_length)
    support, probs = chain.support[members], chain.probs[members]
    matrix = np.zeros((len(members), len(members)))
    source, token = np.nonzero(support)
    matrix[source, np.searchsorted(members, targets[source, token])] = probs[source, token]
    return matrix
