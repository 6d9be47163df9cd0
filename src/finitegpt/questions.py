"""What there is to ask of a chain, found by tab: each is a function of `finitegpt.analysis`, which says how.

Whatever takes no argument is a property and is computed once. A chain with several recurrent classes has several
stationary distributions; questions about the only one then raise InputError, and the functions take one of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finitegpt import analysis
from finitegpt.analysis import (
    Bound,
    Bounds,
    Classes,
    Comparison,
    Machine,
    Memory,
    RedStates,
    StationaryDistribution,
)
from finitegpt.analysis.stationary import only
from finitegpt.data import Data
from finitegpt.rows import RowOperator


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Questions(RowOperator):
    """Rows of next-token probabilities that can be asked."""

    # Where it goes in the end.

    @cached_property
    def stationary_distributions(self) -> list[StationaryDistribution]:
        """What the chain holds in the long run: one distribution for each recurrent class."""
        return analysis.stationary_distributions(self)

    @property
    def stationary_distribution(self) -> StationaryDistribution:
        """The only one; InputError where there are several."""
        return only(self.stationary_distributions)

    @cached_property
    def communicating_classes(self) -> Classes:
        """Which states can be reached from each other, and which of these classes are never left."""
        return analysis.communicating_classes(self)

    @property
    def recurrent_classes(self) -> list[NDArray[np.int64]]:
        """The classes that are never left, as ids of states."""
        classes = self.communicating_classes
        return [classes[k] for k in np.flatnonzero(classes.recurrent).tolist()]

    @cached_property
    def period(self) -> int:
        """The period; of several recurrent classes, the least common multiple."""
        return analysis.period(self)

    @cached_property
    def absorption_probabilities(self) -> list[Bounds]:
        """For each recurrent class, how probable it is, from each state, to end there."""
        return analysis.absorption_probabilities(self)

    def absorption_weights(self, start: ArrayLike | None = None) -> Bounds:
        """How probable it is to end in each recurrent class, from one start."""
        return analysis.absorption_weights(self, start)

    # How random it is, and how much it remembers.

    @cached_property
    def entropy_rate(self) -> Bound:
        """The entropy of the next token in the long run, in nats a token."""
        return analysis.entropy_rate(self, self.stationary_distribution)

    @cached_property
    def memory(self) -> Memory:
        """The entropy of a token given the k before it, for k from 0 to L."""
        return analysis.memory(self, self.stationary_distribution)

    def machine(self, *, tolerance: float = 0.01) -> Machine:
        """The smallest machine found that does the same within a tolerance."""
        return analysis.machine(self, self.stationary_distribution, tolerance=tolerance)

    def average(self, function: ArrayLike) -> Bound:
        """The mean of a function of the state (V**L,) in the long run."""
        return analysis.average(self, function, self.stationary_distribution)

    def mixing_time(self, epsilon: float = 0.25) -> Bound:
        """Tokens until it is within epsilon of its stationary distribution, from any start."""
        return analysis.mixing_time(self, epsilon, self.stationary_distribution)

    def total_variation(self, tokens: int, start: ArrayLike | None = None) -> Bounds:
        """The distance from its stationary distribution after 0 .. `tokens` tokens; by default from the worst start."""
        return analysis.total_variation(self, tokens, start, self.stationary_distribution)

    def eigenvalues(self, k: int = 6) -> NDArray[np.complex128]:
        """Up to k eigenvalues, the largest first."""
        return analysis.eigenvalues(self, k, self.stationary_distribution)

    def implied_timescales(self, k: int = 5) -> NDArray[np.float64]:
        """How slowly the slowest memories fade, in tokens."""
        return analysis.implied_timescales(self, k, self.stationary_distribution)

    @cached_property
    def spectral_gap(self) -> Bound:
        """One less the size of the second eigenvalue."""
        return analysis.spectral_gap(self, self.stationary_distribution)

    # Whether and when it comes somewhere. States are a pattern, several, ids or a mask.

    def hitting_probabilities(self, targets: ArrayLike, within: int | None = None) -> Bounds:
        """How probable it is, from each state, to come to some states ever, or within so many tokens."""
        return analysis.hitting_probabilities(self, targets, within)

    def mean_first_passage_times(self, targets: ArrayLike) -> Bounds:
        """The mean number of tokens, from each state, until it comes to some states."""
        return analysis.mean_first_passage_times(self, targets)

    def survival_rate(self, targets: ArrayLike) -> Bound:
        """How probable it is to avoid some states for one more token, once it has long done so."""
        return analysis.survival_rate(self, targets)

    def hazard(self, targets: ArrayLike) -> Bound:
        """One less the survival rate."""
        return analysis.hazard(self, targets)

    def red_states(
        self,
        red: str | Sequence[str] | ArrayLike,
        *,
        start: ArrayLike | None = None,
        horizons: Sequence[int] | None = None,
    ) -> RedStates:
        """Whether, when and by which arrow it comes to bad states."""
        return analysis.red_states(self, red, start=start, horizons=horizons)

    def select(self, which: Any) -> NDArray[np.bool_]:
        """Some states as a mask (V**L,)."""
        return analysis.select(self, which)

    def start_distribution(self, start: ArrayLike | None = None) -> NDArray[np.float64]:
        """Where it starts (V**L,): a state, a distribution, or by default as its data has it."""
        return analysis.start_distribution(self, start)

    # How far it is from others.

    def compare(self, model: RowOperator) -> Comparison:
        """What another chain costs as a model of this one, which is taken for the truth."""
        return analysis.compare(self, model)

    def cross_entropy(self, data: Data) -> Bound:
        """Its mean loss on data, in nats a token."""
        return analysis.cross_entropy(self, data)
