"""How a stationary chain gets from one set of states to another: transition path theory.

A piece of the stationary chain from its last moment in the source to its first in the target is a transition. The flux
of an arrow is how many transitions take it, for each token (Metzner, Schütte and Vanden-Eijnden 2009, "Transition path
theory for Markov jump processes"; in discrete time, Noé and others 2009 and Helfmann and others 2020). Each flux is

    pi_i q-_i P_ij q+_j,

a product of numbers that are right relatively (`committors`, `provenance`), and so is right relatively, however small.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finitegpt.analysis.bound import Bound, Bounds
from finitegpt.analysis.committors import earlier, later
from finitegpt.analysis.pathways import Pathway, strongest
from finitegpt.analysis.provenance import provenance, recurrent_states, two_sets
from finitegpt.analysis.scaled import Scaled, one
from finitegpt.analysis.stationary import StationaryDistribution
from finitegpt.errors import InputError
from finitegpt.graph import Ids, Mask
from finitegpt.limits import require_memory
from finitegpt.operator import Operator, of_operator


@dataclass(frozen=True, eq=False, kw_only=True)
class ReactiveFlux:
    """The transitions of a stationary chain from a source to a target: how many, how fast, and which way."""

    chain: Operator
    source: Mask
    """(V**L,)"""
    target: Mask
    forward: Bounds
    """The forward committor (V**L,)."""
    backward: Bounds
    """The backward committor (V**L,)."""
    origin: Ids
    """Where each arrow that transitions take comes from (arrows,): all that can be taken, however improbably, but for
    those from a state to itself."""
    to: Ids
    """Where it goes (arrows,)."""
    gross: Bounds
    """How many transitions take each arrow, for each token (arrows,)."""
    net: Bounds
    """The same (arrows,), without what comes back along the opposite arrow; 0 where more comes back."""
    shares: Bounds
    """The net flux of each arrow (arrows,) as a share of the total: above 1 where transitions go round in circles."""
    total_flux: Bound
    """How many transitions there are for each token."""
    rate: Bound
    """The same for each token at which the chain was in the source last. One over it is `mean_passage_time`."""
    mean_passage_time: Bound
    """How many tokens it takes from coming to the source, from the target, to coming to the target."""
    mean_transition_time: Bound
    """How many tokens a transition takes, from its last moment in the source."""

    def pathways(self, k: int = 10) -> tuple[Pathway, ...]:
        """Up to k ways from the source to the target that the net flux is made of, each the strongest of what is left.

        Strong is what has much flux on its weakest arrow; that is then taken off all its arrows (Metzner, Schütte and
        Vanden-Eijnden 2009). Fluxes and shares are those of taking off these ways in this order.

        >>> from finitegpt import Chain
        >>> chain = Chain.from_probs([[0, 0.9, 0.1], [0, 0, 1], [1, 0, 0]], "abc", 1)
        >>> [(way.states, round(way.share.value, 6)) for way in reactive_flux(chain, "a", "c").pathways()]
        [((0, 1, 2), 0.9), ((0, 2), 0.1)]
        """
        return strongest(self.origin, self.to, self.shares, self.source, self.target, self.total_flux, k)

    def __repr__(self) -> str:
        return f"ReactiveFlux(total_flux={self.total_flux}, rate={self.rate}, arrows={len(self.to):,})"


@of_operator
def reactive_flux(
    chain: Operator, source: ArrayLike, target: ArrayLike, law: StationaryDistribution | None = None
) -> ReactiveFlux:
    """The transitions from `source` to `target`: patterns, ids or masks (V**L,), without common states.

    InputError where the chain does not visit both in the long run. `law` is the chain's only stationary distribution
    unless given.

    >>> from finitegpt import Chain
    >>> flux = reactive_flux(Chain.from_probs([[0, 0.9, 0.1], [0, 0, 1], [1, 0, 0]], "abc", 1), "a", "c")
    >>> print(flux.total_flux, flux.mean_transition_time)
    0.344828 1.90000
    """
    a, b = two_sets(chain, source, target)
    inside = recurrent_states(chain, law)
    if not (a & inside).any() or not (b & inside).any():
        missed = "source" if not (a & inside).any() else "target"
        raise InputError(
            f"expected a source and a target that the chain visits in the long run, got a {missed} that it "
            "never does; try states of one recurrent class"
        )
    graph = chain.graph
    require_memory(150 * len(graph.to), "the flux of all arrows", "a shorter context")
    found, forward = provenance(chain, a, b, law), earlier(chain, a, b)
    from_source, onward = found.from_source, Scaled.within(forward)
    used = (from_source.high[graph.source] > 0) & (onward.high[graph.to] > 0) & (graph.source != graph.to)
    origin, to = graph.source[used].astype(np.int64), graph.to[used].astype(np.int64)
    gross = from_source[origin].times(Scaled.near(graph.probs[used], graph.rounding)).times(onward[to])
    total, waiting = gross[b[to]].total(), from_source.total()
    between = np.flatnonzero(inside & ~a)  # in the target, it was there last
    on_the_way = from_source[between].times(onward[between]).total()
    why = found.why or forward.why
    times = one(on_the_way.over(total), why)
    back = _opposite(origin, to, chain.n_states)
    shares = gross.over(total[np.zeros(len(to), np.int64)])
    return ReactiveFlux(
        chain=chain,
        source=a,
        target=b,
        forward=forward,
        backward=later(found, a),
        origin=origin,
        to=to,
        gross=replace(gross.bounds(), why=why),
        net=_net(gross.bounds(), back, why),
        shares=_net(shares, back, why),
        total_flux=one(total.bounds(), found.why).within(0.0, 0.5),  # one back for each
        rate=one(total.over(waiting), found.why).within(0.0, 1.0),
        mean_passage_time=one(waiting.over(total), found.why),
        mean_transition_time=times.plus(Bound(1.0, 1.0, 1.0)),
    )


def _opposite(origin: Ids, to: Ids, n: int) -> NDArray[np.int64]:
    """The place of the arrow that leads back along each (arrows,); -1 where there is none."""
    keys = origin * n + to
    order = np.argsort(keys)
    place = np.searchsorted(keys, to * n + origin, sorter=order).clip(0, len(keys) - 1)
    found = order[place]
    return np.where(keys[found] == to * n + origin, found, -1)


def _net(gross: Bounds, back: NDArray[np.int64], why: str) -> Bounds:
    """What goes along each arrow and does not come back along the opposite one."""
    paired = back >= 0
    value, low, high = gross.values.copy(), gross.low.copy(), gross.high.copy()
    returned = back[paired]
    value[paired] -= gross.values[returned]
    low[paired] = np.nextafter(gross.low[paired] - gross.high[returned], -np.inf)
    high[paired] = np.nextafter(gross.high[paired] - gross.low[returned], np.inf)
    low, high = low.clip(0), high.clip(0)
    return Bounds(value.clip(low, high), low, high, why)
