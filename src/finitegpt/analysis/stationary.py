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
from finitegpt.errors import InputError
from finitegpt.gth import error_bound, stationary_law

LARGEST_GTH = 4096
"""Classes of more states than this are solved by iteration."""

_CERTAIN = 1e-9
_DOUBTFUL = 0.01  # nothing seems to move in a chain that hardly does, so what is hardly proved is done again
_STEPS = 512
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
    """Steps until nothing changes; gives up where that is not in sight. Lazy ones, (I + P) / 2, never cycle."""
    new, before, residual = np.empty_like(pi), np.inf, np.inf
    for step in range(1, _STEPS + 1):
        chain.push(pi, out=new)
        if lazy:
            new += pi
            new *= 0.5
        if step % _CHECK:
            pi, new = new, pi
            continue
        with np.errstate(invalid="ignore"):
            residual = chain.residual(new)
        pi, new = new, pi
        if progress:
            progress(step, residual)
        # As good as rounding allows, or as good as it gets.
        if residual < 1e-15 or (residual < 1e-12 and residual > before / 2):
            return pi / pi.sum(), residual, True
        rate = residual / before
        if step >= 4 * _CHECK and step + _CHECK * np.log(1e-13 / residual) / min(np.log(rate), -1e-9) > _STEPS:
            break
        before = residual
    return pi / pi.sum(), residual, False


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
    agreed = [np.exp(np.where(least < LEAST, -np.inf, least), dtype=np.float64) * (1 - 1e-5)]  # rows sum to 1 nearly
    for _ in range(L - 1):
        agreed.append(agreed[-1].reshape(V, -1, V).min(0))
    meet = np.ones(chain.n_states)
    for row in agreed:
        meet = np.minimum((row * meet.reshape(-1, V)).sum(1), 1.0)
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
