"""What can be reached from where.

- communicating class: states that can all be reached from each other
- recurrent class: a communicating class that is never left; the other states are transient
- period: the greatest common divisor of the lengths of all closed walks in a class; 1 is aperiodic
- cyclic classes: the `period` parts of a recurrent class that the chain visits in turn

A GPT has finite logits, so every arrow has a probability above zero: one aperiodic class. Others come from decoding
(top-k, top-p, greedy) or from probabilities below 1e-307, which count as zero everywhere in this package.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finitegpt import words
from finitegpt.arguments import array, is_whole, shown
from finitegpt.errors import InputError, MissingError
from finitegpt.operator import Operator, of_operator

Ids = NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class Classes:
    """The communicating classes of a chain, in the order of their smallest state. Indexing gives ids, ascending."""

    label: NDArray[np.int32]
    """Which class each state (V**L,) is in."""
    recurrent: NDArray[np.bool_]
    """Whether each class is never left."""

    def __len__(self) -> int:
        return len(self.recurrent)

    def __getitem__(self, index: int) -> Ids:
        if not is_whole(index) or not -len(self) <= index < len(self):
            raise MissingError(f"expected a class from 0 to {len(self) - 1}, got {shown(index)}; try 0")
        index %= len(self)
        return self._order[self._starts[index] : self._starts[index + 1]]

    def __iter__(self) -> Iterator[Ids]:
        return (self[k] for k in range(len(self)))

    def __repr__(self) -> str:
        many, sizes = int(self.recurrent.sum()), self.sizes[self.recurrent]
        of = (
            f"of {words.count(int(sizes[0]), 'state')}"
            if many == 1
            else f"of {sizes.min():,} to {sizes.max():,} states"
        )
        left = f"; {words.count(self.n_transient, 'transient state')}" if self.n_transient else ""
        return f"Classes({len(self):,}: {many:,} recurrent, {of}{left})"

    @property
    def sizes(self) -> Ids:
        """How many states each class has."""
        return np.diff(self._starts)

    @property
    def n_transient(self) -> int:
        """How many states are in no recurrent class."""
        return int(self.sizes[~self.recurrent].sum())

    @cached_property
    def _order(self) -> Ids:
        return np.argsort(self.label, kind="stable")

    @cached_property
    def _starts(self) -> Ids:
        return np.concatenate(([0], np.cumsum(np.bincount(self.label, minlength=len(self)))))


@of_operator
def communicating_classes(chain: Operator) -> Classes:
    """All communicating classes, recurrent or not: the strongly connected components of the arrows.

    >>> from finitegpt import Chain
    >>> chain = Chain.from_probs([[1, 0], [0.5, 0.5]], "ab", 1)
    >>> [ids.tolist() for ids in communicating_classes(chain)], communicating_classes(chain).recurrent.tolist()
    ([[0], [1]], [True, False])
    """
    if chain.is_complete:
        return Classes(np.zeros(chain.n_states, np.int32), np.ones(1, bool))
    return Classes(*chain.graph.classes())


@of_operator
def recurrent_classes(chain: Operator) -> list[Ids]:
    """The classes that are never left, as state ids; at least one.

    >>> from finitegpt import Chain
    >>> [ids.tolist() for ids in recurrent_classes(Chain.from_probs([[1, 0], [0.5, 0.5]], "ab", 1))]
    [[0]]
    """
    classes = communicating_classes(chain)
    return [classes[k] for k in np.flatnonzero(classes.recurrent).tolist()]


@of_operator
def cyclic_classes(chain: Operator, members: Ids) -> list[Ids]:
    """The parts of a recurrent class (m,) that the chain visits in turn, as many as its period.

    >>> from finitegpt import Chain
    >>> chain = Chain.from_probs([[0, 1], [1, 0]], "ab", 1)
    >>> [ids.tolist() for ids in cyclic_classes(chain, recurrent_classes(chain)[0])]
    [[0], [1]]
    """
    ids = _require_class(chain, members)
    distance, d = _distances(chain, ids)
    return [ids[distance % d == k] for k in range(d)]


@of_operator
def period(chain: Operator, members: Ids | None = None) -> int:
    """The period of a recurrent class (m,); of the whole chain, the least common multiple of those of all.

    >>> from finitegpt import Chain
    >>> period(Chain.from_probs([[0, 1], [1, 0]], "ab", 1))
    2
    """
    if members is not None:
        return _distances(chain, _require_class(chain, members))[1]
    if chain.is_complete and chain.width > 1:
        return 1
    return math.lcm(*(_distances(chain, ids)[1] for ids in recurrent_classes(chain)))


def _distances(chain: Operator, members: Ids) -> tuple[Ids, int]:
    """Arrows from the first member to each (m,), and the period: the common divisor of all detours."""
    if chain.is_complete and chain.width > 1:
        return np.zeros(len(members), np.int64), 1
    label = np.zeros(chain.n_states, np.int32)
    label[members] = 1
    d, distance = chain.graph.period(label, 1)
    return distance[members].astype(np.int64), d


def _require_class(chain: Operator, members: Any) -> Ids:
    """The ids; InputError unless they are all those of one class that is never left, in order."""
    ids = array(members)
    if ids.ndim == 1 and len(ids) and ids.dtype.kind in "iu" and 0 <= ids[0] < chain.n_states:
        classes = communicating_classes(chain)
        k = int(classes.label[ids[0]])
        if classes.recurrent[k] and np.array_equal(ids, classes[k]):
            return ids.astype(np.int64)
    raise InputError(
        f"expected the ids of a recurrent class, in order, got {shown(members)}; try one of recurrent_classes"
    )
