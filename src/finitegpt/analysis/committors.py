"""Which of two sets comes first, and which was last: the committors of transition path theory.

From a state, the forward committor is the probability of coming to the target before the source; the backward committor
is that of having come from the source, and not from the target, as the stationary chain runs (Metzner, Schütte and
Vanden-Eijnden 2009, "Transition path theory for Markov jump processes"). What comes to neither, or came from neither,
counts as no. Both are exactly 0 or 1 where the graph says so, and nowhere else.
"""

import numpy as np
from numpy.typing import ArrayLike

from finitegpt.analysis.bound import ROUNDING, Bounds
from finitegpt.analysis.hitting import Method, end_probabilities, require_method
from finitegpt.analysis.provenance import Provenance, provenance, recurrent_states, two_sets
from finitegpt.analysis.stationary import StationaryDistribution
from finitegpt.graph import Graph, Mask
from finitegpt.operator import Operator, of_operator


@of_operator
def forward_committor(chain: Operator, source: ArrayLike, target: ArrayLike, *, method: Method | None = None) -> Bounds:
    """The probability (V**L,), from each state, of being in `target` before `source`: 1 on the target, 0 on the source.

    Both are patterns, ids or masks (V**L,), without common states: InputError else. What reaches neither counts as no,
    so that the committors to the one and to the other may sum to less than one. `method` is as in
    `hitting_probabilities`.

    >>> from finitegpt import Chain
    >>> walk = [[1, 0, 0, 0], [0.5, 0, 0.5, 0], [0, 0.5, 0, 0.5], [0, 0, 0, 1]]
    >>> forward_committor(Chain.from_probs(walk, "abcd", 1), "a", "d").values.round(6).tolist()
    [0.0, 0.333333, 0.666667, 1.0]
    """
    require_method(method)
    return earlier(chain, *two_sets(chain, source, target), method)


@of_operator
def backward_committor(
    chain: Operator, source: ArrayLike, target: ArrayLike, law: StationaryDistribution | None = None
) -> Bounds:
    """The probability (V**L,), in each state, that the stationary chain was in `source` later than in `target`.

    1 on the source and 0 on the target, this moment included. It is the committor of the time-reversed chain, from the
    target to the source, and is right relatively where the chain has at most some 32,768 states, or its flows balance.
    Where it is none of the long run's states, and so came from nowhere, it is 0. `law` is the chain's only stationary
    distribution unless given.

    >>> from finitegpt import Chain
    >>> chain = Chain.from_probs([[0, 0.9, 0.1], [0, 0, 1], [1, 0, 0]], "abc", 1)
    >>> backward_committor(chain, "a", "c").values.tolist(), backward_committor(chain, "c", "a").values.tolist()
    ([1.0, 1.0, 0.0], [0.0, 0.0, 1.0])
    """
    a, b = two_sets(chain, source, target)
    inside = recurrent_states(chain, law)
    if (a & inside).any() and (b & inside).any():
        return later(provenance(chain, a, b, law), a)
    sure = (a | (inside & (a & inside).any())).astype(np.float64)
    return Bounds(sure, sure, sure)


def earlier(chain: Operator, source: Mask, target: Mask, method: Method | None = None) -> Bounds:
    """The forward committor (V**L,) of two disjoint sets."""
    graph = chain.graph
    onward = ~source[graph.source]  # a chain that comes to the source has come to its end
    kept = graph.source[onward]
    first = np.searchsorted(kept, np.arange(graph.n_states + 1)).astype(np.int64)
    ended = Graph(first=first, to=graph.to[onward], probs=graph.probs[onward], rounding=graph.rounding)
    return end_probabilities(chain, ended.reach(target), method)


def later(found: Provenance, source: Mask) -> Bounds:
    """The backward committor (V**L,) of two disjoint sets, by how often the chain was in which one last."""
    values = source.astype(np.float64)
    low, high = values.copy(), values.copy()
    ids = np.flatnonzero(found.inside)
    yes, no = found.from_source[ids], found.from_target[ids]
    both = yes.plus(no)
    share, rest = yes.over(both), no.over(both)
    # What is missing to one is known as well, relatively.
    low[ids] = np.maximum(share.low, 1 - rest.high - ROUNDING).clip(0, 1)
    high[ids] = np.minimum(share.high, 1 - rest.low + ROUNDING).clip(0, 1)
    for sure, end in ((yes.high == 0, 0.0), (no.high == 0, 1.0)):
        low[ids[sure]] = high[ids[sure]] = end
    values[ids] = share.values
    return Bounds(values.clip(low, high), low, high, found.why)
