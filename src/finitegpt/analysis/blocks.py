"""States in blocks: who is in which, and how probably the next token leads from a state to a block."""

import numpy as np
from numpy.typing import ArrayLike

from finitegpt.analysis.bound import ROUNDING
from finitegpt.analysis.patterns import match
from finitegpt.arguments import array
from finitegpt.errors import InputError
from finitegpt.graph import Floats, Ids
from finitegpt.limits import require_memory
from finitegpt.operator import Operator
from finitegpt.rows import RowOperator

_OTHERS = "others"


def partition(chain: Operator, labels: ArrayLike) -> tuple[Ids, tuple[str, ...]]:
    """The block of each state (V**L,), and what the blocks are called; InputError where one is empty."""
    values, n = array(labels), chain.n_states
    if values.dtype.kind in "UO" and values.size and isinstance(chain, RowOperator):
        names = tuple(str(pattern) for pattern in values.reshape(-1))
        masks = [match(chain, name) for name in names]
        blocks = np.argmax([*masks, np.ones(n, bool)], 0)
        names = (*names, _OTHERS) if (blocks == len(masks)).any() else names
    elif values.dtype.kind in "biu" and values.shape == (n,) and int(values.min()) >= 0:
        blocks, names = values.astype(np.int64), ()
        names = tuple(str(k) for k in range(min(int(blocks.max()) + 1, n + 1)))
    else:
        raise InputError(
            f"expected the number of a block for each of {n} states, or patterns, got others; try ['*0', '*1']"
        )
    empty = np.setdiff1d(np.arange(len(names)), blocks)
    if len(empty):
        raise InputError(f"expected blocks of states, got {names[empty[0]]!r}, which has none; try without it")
    return blocks, names


def to_blocks(chain: Operator, blocks: Ids, many: int) -> tuple[Floats, float]:
    """How probably the next token leads from each state to each block (V**L, many), and the relative error.

    0 and 1 are so exactly.
    """
    require_memory(40 * chain.n_states * many, "a number for each state and block", "fewer blocks")
    onward = np.stack([chain.pull((blocks == k).astype(np.float64)) for k in range(many)], 1)
    alone = (onward > 0).sum(1, keepdims=True) == 1
    onward = np.where(alone, onward > 0, np.minimum(onward, np.nextafter(1.0, 0.0)))  # nearly 1 is not 1
    return onward, chain.rounding + (chain.width + 18) * ROUNDING


def extremes(values: Floats, blocks: Ids, many: int) -> tuple[Floats, Floats]:
    """The least and the largest of each column (n, m) within each block, (many, m)."""
    least, most = np.full((many, values.shape[1]), np.inf), np.full((many, values.shape[1]), -np.inf)
    np.minimum.at(least, blocks, values)
    np.maximum.at(most, blocks, values)
    return least, most
