"""Whether the blocks of a chain are a chain, whatever the start, and how far from it they are.

They are if from all states of a block the next token leads to each block equally probably: the chain is then lumpable
(Kemeny and Snell 1960, section 6.3).
"""

import numpy as np
from numpy.typing import ArrayLike

from finitegpt import states
from finitegpt.analysis.blocks import extremes, partition, to_blocks
from finitegpt.analysis.bound import ROUNDING, Bound
from finitegpt.arguments import shown
from finitegpt.errors import InputError
from finitegpt.graph import Ids, Mask
from finitegpt.operator import Operator, of_operator
from finitegpt.rows import LEAST, RowOperator


@of_operator
def lumpability_gap(chain: Operator, labels: ArrayLike) -> Bound:
    """How far blocks are from a lumpable chain: how much two states of a block differ in how probably they lead to one.

    The largest such difference. Exactly 0 where the graph says so, or rows of float32 that hold equal numbers. `labels`
    are as in `lump`. Kemeny and Snell (1960), theorem 6.3.2.

    >>> from finitegpt import Chain
    >>> chain = Chain.from_probs([[0.9, 0.1], [0.5, 0.5], [0.8, 0.2], [0.5, 0.5]], "01", 2)
    >>> print(lumpability_gap(chain, ["*0", "*1"]), lumpability_gap(chain, ["?0", "0?"]), sep=", ")
    0.100000, 0.100000
    """
    blocks, names = partition(chain, labels)
    many = len(names)
    onward, off = to_blocks(chain, blocks, many)
    sure = (onward == 0) | (onward == 1)
    off = np.where(sure, 0.0, off)
    least, most = extremes(onward, blocks, many)
    least_low, most_low = extremes(onward * (1 - off), blocks, many)
    least_high, most_high = extremes(onward * (1 + off), blocks, many)
    value, low, high = most - least, most_low - least_high, most_high - least_low
    exact = (high == 0) | (_alike(chain, blocks, many) | (np.bincount(blocks) == 1))[:, None]
    value, low, high = (float(np.where(exact, 0.0, x).max()) for x in (value, low - ROUNDING, high + ROUNDING))
    return Bound(value, low, high).within(0.0, 1.0)


@of_operator
def is_lumpable(chain: Operator, labels: ArrayLike, tolerance: float = 1e-9) -> bool:
    """Whether it is proved that blocks make a lumpable chain, but for differences of up to `tolerance`.

    >>> from finitegpt import Chain
    >>> is_lumpable(Chain.from_probs([[0.9, 0.1], [0.5, 0.5]] * 2, "01", 2), ["*0", "*1"])
    True
    """
    _require_tolerance(tolerance)
    return lumpability_gap(chain, labels).high <= tolerance


@of_operator
def coarsest_lumping(chain: Operator, labels: ArrayLike, tolerance: float = 1e-9) -> Ids:
    """The fewest blocks (V**L,), each within one of those given, that make a lumpable chain; by their smallest states.

    Blocks are split where the probabilities of leading to some block are more than `tolerance` apart, until none is
    (Derisavi, Hermanns and Sanders 2003, "Optimal state-space lumping in Markov chains"). `lumpability_gap` proves how
    far the result is from a lumpable chain.

    >>> from finitegpt import Chain
    >>> coarsest_lumping(Chain.from_probs([[0.9, 0.1], [0.5, 0.5]] * 4, "01", 3), ["*0", "*1"]).tolist()
    [0, 1, 0, 1, 0, 1, 0, 1]
    """
    _require_tolerance(tolerance)
    blocks, many = partition(chain, labels)[0].copy(), 0
    while many < int(blocks.max()) + 1:
        many = int(blocks.max()) + 1
        for onward in to_blocks(chain, blocks, many)[0].T:
            order = np.lexsort((onward, blocks))
            new = (np.diff(blocks[order]) > 0) | (np.diff(onward[order]) > tolerance)
            blocks[order] = np.concatenate(([0], np.cumsum(new)))
    _, first, blocks = np.unique(blocks, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[blocks]


def _require_tolerance(value: object) -> None:
    if not isinstance(value, int | float | np.integer | np.floating) or isinstance(value, bool) or not value >= 0:
        raise InputError(f"expected a tolerance of 0 or more, got {shown(value)}; try 1e-9")


def _alike(chain: Operator, blocks: Ids, many: int) -> Mask:
    """Of which blocks (many,) all states have rows of equal numbers, but for the order of tokens that lead to one.

    Sums of equal numbers are equal, whatever is rounded. Of float64, what was meant may differ where what is stored
    does not.
    """
    if not isinstance(chain, RowOperator) or chain.log_probs.dtype == np.float64:
        return np.zeros(many, bool)
    there = chain.log_probs >= LEAST
    logs = np.where(there, chain.log_probs, 0.0)
    to = blocks[states.successors(np.arange(chain.n_states), chain.vocab_size, chain.context_length)]
    to = np.where(there, to, -1)
    order = np.lexsort((logs, to), axis=1)
    first = np.unique(blocks, return_index=True)[1][blocks]
    same = np.ones(chain.n_states, bool)
    for values in (logs, to):
        kept = np.take_along_axis(values, order, 1)
        same &= (kept == kept[first]).all(1)
    different = np.zeros(many, bool)
    different[blocks[~same]] = True
    return ~different
