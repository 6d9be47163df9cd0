"""Which of two sets a chain was in last, in the long run.

What a chain last came from is kept beside its state: two copies of the chain, one for each set, where arrows into a set
lead to its copy. That is a chain of twice as many states, and its stationary distribution says how often the chain is
in each state and last came from which set. So the time-reversed chain is never made, nothing is subtracted, and every
number is right relatively.
"""

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from finitegpt.analysis.bound import ROUNDING
from finitegpt.analysis.classes import communicating_classes
from finitegpt.analysis.flows import balance
from finitegpt.analysis.patterns import select
from finitegpt.analysis.scaled import Scaled
from finitegpt.analysis.starts import law_of
from finitegpt.analysis.stationary import LARGEST_GTH, MOST_PRODUCTS, StationaryDistribution
from finitegpt.errors import InputError, TooLargeError
from finitegpt.graph import LEAST, Floats, Graph, Ids, Mask
from finitegpt.operator import Operator

_SURE = 8192  # so many states are always eliminated
_ENOUGH = 1e-6

WHY = (
    "what flows along the arrows could not be shown to balance, and the states are too many to eliminate; "
    "a higher temperature or a shorter context would help"
)
"""Why nothing is proved, and what would help."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Provenance:
    """How often a stationary chain is in each state and was last in one set or the other, this moment included."""

    inside: Mask
    """The states (V**L,) that the chain visits in the long run."""
    from_source: Scaled
    """In each state, last in `source`: probabilities (V**L,), exactly 0 only where the graph says so."""
    from_target: Scaled
    """In each state, last in `target`, likewise."""
    why: str = ""
    """Where nothing is proved, why."""


def provenance(chain: Operator, source: Mask, target: Mask, law: StationaryDistribution | None) -> Provenance:
    """Of two disjoint sets (V**L,), each of which the chain visits in the long run."""
    inside, n = recurrent_states(chain, law), chain.n_states
    graph = _two_copies(chain.graph, source, target)
    label, _ = graph.classes()
    members = label == label[np.flatnonzero(source & inside)[0]]
    probs, exponents, relative = _stationary(graph, members)
    proved = relative < 1
    if proved:
        lost = members & (probs <= LEAST)
        off = relative + 8 * ROUNDING
        low, high = np.where(lost, 0.0, probs * (1 - off)), np.where(lost, LEAST, probs * (1 + off))
    else:
        low, high = np.zeros(2 * n), members.astype(np.float64)
    found = Scaled.of(probs.clip(low, high), low, high, exponents)
    why = "" if proved else WHY
    return Provenance(inside=inside, from_source=found[np.arange(n)], from_target=found[np.arange(n, 2 * n)], why=why)


def two_sets(chain: Operator, source: ArrayLike, target: ArrayLike) -> tuple[Mask, Mask]:
    """Two sets as masks (V**L,); InputError unless they are disjoint and neither is empty."""
    a, b = select(chain, source), select(chain, target)
    if (a & b).any():
        raise InputError(
            f"expected a source and a target without common states, got {int((a & b).sum()):,} in both; "
            "try other patterns"
        )
    return a, b


def recurrent_states(chain: Operator, law: StationaryDistribution | None) -> Mask:
    """The states (V**L,) of the law's class, or of the only one; InputError where it is none of the chain's."""
    classes = communicating_classes(chain)
    recurrent = np.flatnonzero(classes.recurrent)
    if law is None:
        if len(recurrent) > 1:
            raise InputError(
                f"expected a chain with one recurrent class, got {len(recurrent):,}; try one of "
                "stationary_distributions as law"
            )
        return classes.label == recurrent[0]
    law = law_of(chain, law)
    which = classes.label[law.states[0]]
    if not classes.recurrent[which] or not np.array_equal(classes[int(which)], law.states):
        raise InputError("expected a law of this chain, got one of another; try one of its stationary_distributions")
    return classes.label == which


def _two_copies(graph: Graph, source: Mask, target: Mask) -> Graph:
    """States 0 .. n-1 were in `source` last, those n further in `target`."""
    n = graph.n_states
    # States that cannot be are there too; nothing leads to them.
    to = [np.where(target[graph.to], graph.to + n, graph.to), np.where(source[graph.to], graph.to, graph.to + n)]
    return Graph(
        first=np.concatenate([graph.first, graph.first[-1] + graph.first[1:]]),
        to=np.concatenate(to).astype(np.int32),
        probs=np.tile(graph.probs, 2),
        rounding=graph.rounding,
    )


def _stationary(graph: Graph, members: Mask) -> tuple[Floats, Ids | int, float]:
    """Probabilities, the exponents of two that belong to them, and their relative error."""

    def eliminated(most: float) -> tuple[Floats, Ids, float]:
        probs, exponents, relative = graph.stationary_scaled(members, most)
        return probs, exponents.astype(np.int64), relative

    many = int(members.sum())
    if many <= _SURE:
        return eliminated(np.inf)
    probs, relative = balance(graph, members)
    if relative > _ENOUGH and many <= LARGEST_GTH:
        with suppress(TooLargeError):
            other = eliminated(MOST_PRODUCTS)
            return other if other[2] < relative else (probs, 0, relative)
    return probs, 0, relative
