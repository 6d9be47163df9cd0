"""Over what a mean is taken: contexts, and how much each counts."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finitegpt import states
from finitegpt.analysis import StationaryDistribution
from finitegpt.arguments import array, numbers, shown
from finitegpt.chain import Chain
from finitegpt.errors import InputError
from finitegpt.naming import Names

Population = ArrayLike | StationaryDistribution | Chain | tuple[ArrayLike, ArrayLike]
"""A distribution over all states, what has one, or contexts and their weights."""

_AT_ONCE = 2**16


def weighted(
    names: Names, population: Population, tokens: Callable[[Any], NDArray[np.int32]]
) -> Iterator[tuple[NDArray[np.int32], NDArray[np.float64]]]:
    """Contexts (m, L) that count and their weights (m,), some after the other; `tokens` reads contexts.

    >>> list(weighted(Names(("0", "1"), 1), [0.25, 0.75], np.int32))
    [(array([[0],
           [1]], dtype=int32), array([0.25, 0.75]))]
    """
    V, L = names.vocab_size, names.context_length
    if isinstance(population, tuple) and len(population) == 2 and array(population[0]).ndim > 0:
        yield _given(L, tokens(population[0]), numbers("weights of contexts", population[1], instead="np.ones(n)"))
        return
    ids, share = _distribution(names, population)
    for first in range(0, len(ids), _AT_ONCE):
        some = slice(first, first + _AT_ONCE)
        yield states.contexts(ids[some], V, L).astype(np.int32), share[some]


def _given(
    L: int, contexts: NDArray[np.int32], weights: NDArray[np.float64]
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    if contexts.ndim != 2 or contexts.shape[1] != L or weights.shape != contexts.shape[:1]:
        raise InputError(
            f"expected contexts (n, {L}) and weights (n,), got {contexts.shape} and {weights.shape}; try np.ones(n)"
        )
    if not ((weights >= 0) & np.isfinite(weights)).all() or not weights.any():
        raise InputError("expected weights of 0 or more, not all of them 0, got others; try np.ones(n)")
    return contexts, weights


def _distribution(names: Names, population: Any) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """The states that have probability, and their probabilities."""
    if isinstance(population, Chain | StationaryDistribution):
        if population.n_states != names.n_states or population.names not in (names, None):
            raise InputError(
                f"expected a distribution over {names.n_states} states, got {population}; try its own chain"
            )
        law = population.stationary_distribution if isinstance(population, Chain) else population
        return law.states, law.probs
    n, share = names.n_states, numbers("a distribution", population, instead="chain.stationary_distribution")
    if share.shape != (n,) or not (share >= 0).all() or not abs(float(share.sum()) - 1) < 1e-6:
        raise InputError(
            f"expected a distribution over {n} states, got {shown(population)}; try chain.stationary_distribution"
        )
    ids = np.flatnonzero(share)
    return ids, share[ids]
