"""The stationary chain seen through blocks of states.

Who sees only which block a chain is in sees a process whose next block may depend on more than the last one. Where it
does not, the chain is lumpable (`lumpability`); elsewhere the lumped chain still says what comes next in the long run.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from finitegpt.analysis.blocks import extremes, partition, to_blocks
from finitegpt.analysis.bound import ROUNDING, Bound, Bounds
from finitegpt.analysis.scaled import Scaled
from finitegpt.analysis.starts import law_of
from finitegpt.analysis.stationary import StationaryDistribution
from finitegpt.errors import InputError
from finitegpt.graph import LEAST, Floats, Ids
from finitegpt.operator import Operator, of_operator

_SURE = 4096  # so many states are eliminated again where that says more
_HELD = 1e-150  # what is lost to underflow is far less, even as a share of so little


@dataclass(frozen=True, eq=False, kw_only=True)
class Lumped:
    """The stationary chain seen through m blocks."""

    matrix: Bounds
    """The probability (m, m) of going from each block to each, as the stationary chain does."""
    mass: Bounds
    """How often the chain is in each block (m,): the stationary distribution of `matrix`."""
    labels: Ids
    """The block of each state (V**L,)."""
    names: tuple[str, ...]
    """The patterns that the blocks were given by, or numbers."""

    def at(self, block: int, other: int) -> Bound:
        """The probability of going from one block to another."""
        return Bound(*(float(x[block, other]) for x in (self.matrix.values, self.matrix.low, self.matrix.high)))

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f"Lumped({len(self)} blocks of {len(self.labels):,} states)"


@of_operator
def lump(chain: Operator, labels: ArrayLike, law: StationaryDistribution | None = None) -> Lumped:
    """The stationary chain seen through blocks of states: the law of the next block given this one.

    `labels` are numbers of blocks from 0 (V**L,), or patterns: a state is in the block of the first that describes it,
    and what none describes is one block more. InputError where the chain is never in a block in the long run, or in
    none of its states. `law` is the chain's only stationary distribution unless given.

    The values of a row sum to one, so that `Chain.from_probs(lumped.matrix.values, lumped.names, 1)` is a chain again.

    >>> from finitegpt import Chain
    >>> chain = Chain.from_probs([[0.9, 0.1], [0.5, 0.5], [0.9, 0.1], [0.5, 0.5]], "01", 2)
    >>> lump(chain, ["*0", "*1"]).matrix.values.round(6).tolist()
    [[0.9, 0.1], [0.5, 0.5]]
    """
    blocks, names = partition(chain, labels)
    law = law_of(chain, law)
    many, own = len(names), blocks[law.states]
    missed = np.setdiff1d(np.arange(many), own)
    if len(missed):
        raise InputError(
            f"expected blocks that the chain visits in the long run, got {names[missed[0]]!r}, where it never is; "
            "try to join it with another"
        )
    onward, off = to_blocks(chain, blocks, many)
    onward = onward[law.states]
    # Whatever the law is, a mean lies between the least and the largest of what it is made of.
    least, most = extremes(onward, own, many)
    low, high = np.where(least == 1, 1.0, least * (1 - off)), np.where(most == 1, 1.0, most * (1 + off))
    mass = np.bincount(own, law.probs, many)
    values = np.stack([np.bincount(own, law.probs * x, many) for x in onward.T], 1)
    values = np.divide(values, mass[:, None], out=(least + most) / 2, where=mass[:, None] > 0).clip(least, most)
    if np.isfinite(law.relative):
        below, above = _by_flows(chain, law, own, many, onward, off)
        low, high = np.maximum(low, below), np.minimum(high, above)
    if law.certified and mass.min() > _HELD:
        # Of two laws that are e apart in total variation, what they say within a block is e / mass apart.
        rounded = (len(own) + 16) * ROUNDING
        apart = (law.error + 64 * ROUNDING) / mass[:, None] * (1 + rounded + off) * (most - least)
        wrong = apart + (off + 2 * rounded) * values + len(own) * _HELD
        low, high = np.maximum(low, values - wrong), np.minimum(high, values + wrong)
    low, high = _completed(low, high)
    values = (values / values.sum(1, keepdims=True)).clip(low, high)
    found = Bounds(values, low, high, law.why)
    return Lumped(matrix=found, mass=law.masses(blocks, many), labels=blocks, names=names)


def _by_flows(
    chain: Operator, law: StationaryDistribution, own: Ids, many: int, onward: Floats, off: float
) -> tuple[Floats, Floats]:
    """Between what the lumped matrix (many, many) lies by a law whose probabilities are right relatively."""
    each = law.each()
    pi = Scaled.within(Bounds(law.probs, each.low[law.states], each.high[law.states]))
    if (law.probs <= LEAST).any() and len(own) <= _SURE:  # more than doubles hold
        probs, exponents, relative = chain.graph.stationary_scaled(law.inside)
        if relative < 1:
            pi = Scaled.near(probs[law.states], relative, exponents[law.states].astype(np.int64))
    flows = [pi.times(Scaled.near(x, off)).sums(own, many) for x in onward.T]
    held = flows[0]
    for flow in flows[1:]:
        held = held.plus(flow)
    shares = [flow.over(held) for flow in flows]
    low, high = (np.stack(list(ends), 1) for ends in ([x.low for x in shares], [x.high for x in shares]))
    return low, high


def _completed(low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Bounds (m, m) of rows that sum to one: what the largest number lacks to one is known by the others."""
    rows, top = np.arange(len(high)), high.argmax(1)
    room = (len(high) + 4) * ROUNDING
    others = []
    for end in (low, high):
        rest = end.copy()
        rest[rows, top] = 0.0
        others.append(rest.sum(1))
    sure = others[1] == 0
    low, high = low.copy(), high.copy()
    low[rows, top] = np.where(sure, 1.0, np.maximum(low[rows, top], 1 - others[1] * (1 + room) - ROUNDING))
    high[rows, top] = np.where(sure, 1.0, np.minimum(high[rows, top], 1 - others[0] * (1 - room) + ROUNDING))
    return low.clip(0, 1), high.clip(0, 1)
