"""What can be reached from where.

- communicating class: states that can all be reached from each other
- recurrent class: a communicating class that is never left; the other states are transient
- period: the greatest common divisor of the lengths of all closed walks in a class; 1 is aperiodic
- cyclic classes: the `period` parts of a recurrent class that the chain visits in turn

A GPT has finite logits, so every arrow has a probability above zero: one aperiodic class. Others come from decoding
(top-k, top-p, greedy) or from probabilities below 1e-307, which count as zero everywhere in this package.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from finitegpt import states
from finitegpt.chain import Chain
from finitegpt.errors import InputError
from finitegpt.limits import require_memory

Ids = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Classes:
    """The communicating classes of a chain, in the order of their smallest state. Indexing gives ids, ascending."""

    label: NDArray[np.int32]
    """Which class each state (V**L,) is in."""
    recurrent: NDArray[np.bool_]
    """Whether each class is never left."""

    def __len__(self) -> int:
        return len(self.recurrent)

    def __getitem__(self, index: int) -> Ids:
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        index %= len(self)
        return self._order[self._starts[index] : self._starts[index + 1]]

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


def communicating_classes(chain: Chain) -> Classes:
    """All communicating classes, recurrent or not: the strongly connected components of the arrows.

    >>> chain = Chain.from_probs([[1, 0], [0.5, 0.5]], "ab", 1)
    >>> [ids.tolist() for ids in communicating_classes(chain)], communicating_classes(chain).recurrent.tolist()
    ([[0], [1]], [True, False])
    """
    n, V = chain.n_states, chain.vocab_size
    if chain.support.all():
        return Classes(np.zeros(n, np.int32), np.ones(1, bool))
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    require_memory(40 * n * V, "the graph of a chain", "a shorter context, or the chain without truncation")
    shape = chain.vocab_size, chain.context_length
    targets = states.successors(states.every(*shape), *shape)  # (V**L, V)
    ends = np.concatenate(([0], np.cumsum(chain.support.sum(1))))
    graph = csr_array((np.ones(ends[-1], np.int8), targets[chain.support], ends), shape=(n, n))
    _, found = connected_components(graph, connection="strong")
    _, first, label = np.unique(found, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int32)
    rank[np.argsort(first)] = np.arange(len(first), dtype=np.int32)
    label = rank[label]
    leaves = ((label[targets] != label[:, None]) & chain.support).any(1)
    recurrent = np.bincount(label[leaves], minlength=len(first)) == 0
    return Classes(label, recurrent)


def recurrent_classes(chain: Chain) -> list[Ids]:
    """The classes that are never left, as state ids; at least one.

    >>> [ids.tolist() for ids in recurrent_classes(Chain.from_probs([[1, 0], [0.5, 0.5]], "ab", 1))]
    [[0]]
    """
    classes = communicating_classes(chain)
    return [classes[k] for k in np.flatnonzero(classes.recurrent).tolist()]


def cyclic_classes(chain: Chain, members: Ids) -> list[Ids]:
    """The parts of a recurrent class (m,) that the chain visits in turn, as many as its period.

    >>> chain = Chain.from_probs([[0, 1], [1, 0]], "ab", 1)
    >>> [ids.tolist() for ids in cyclic_classes(chain, recurrent_classes(chain)[0])]
    [[0], [1]]
    """
    distance, d = _distances(chain, np.asarray(members))
    return [np.asarray(members)[distance % d == k] for k in range(d)]


def period(chain: Chain, members: Ids | None = None) -> int:
    """The period of a recurrent class (m,); of the whole chain, the least common multiple of those of all.

    >>> period(Chain.from_probs([[0, 1], [1, 0]], "ab", 1))
    2
    """
    if members is not None:
        return _distances(chain, np.asarray(members))[1]
    if chain.support.all():
        return 1
    return math.lcm(*(_distances(chain, ids)[1] for ids in recurrent_classes(chain)))


def _distances(chain: Chain, members: Ids) -> tuple[Ids, int]:
    """Arrows from the first member to each (m,), and the period: the common divisor of all detours."""
    _require_class(chain, members)
    if chain.support.all():
        return np.zeros(len(members), np.int64), 1
    support = chain.support[members]
    targets = states.successors(members, chain.vocab_size, chain.context_length)
    place = np.searchsorted(members, targets).clip(0, len(members) - 1)  # arrows never lead out of a recurrent class
    distance = np.full(len(members), -1, np.int64)
    if support.sum() == len(members):  # one cycle, which may be long
        following = place[support].tolist()
        at = 0
        for k in range(len(members)):
            distance[at] = k
            at = following[at]
        return distance, len(members)
    distance[0], front, steps = 0, np.zeros(1, np.int64), 0
    while len(front):
        steps += 1
        reached = np.unique(place[front][support[front]])
        front = reached[distance[reached] < 0]
        distance[front] = steps
    detours = (distance[:, None] + 1 - distance[place])[support]
    return distance, int(np.gcd.reduce(np.abs(detours)))


def _require_class(chain: Chain, members: Ids) -> None:
    """InputError unless the ids are some, in order, and nothing leads out of them."""
    n = chain.n_states
    listed = members.ndim == 1 and len(members) and members.dtype.kind in "iu" and (np.diff(members) > 0).all()
    if listed and members[0] >= 0 and members[-1] < n:
        if len(members) == n:
            return
        goals = states.successors(members, chain.vocab_size, chain.context_length)[chain.support[members]]
        if np.isin(goals, members).all():
            return
    raise InputError("expected the ids of a recurrent class, got others; try one of recurrent_classes")
