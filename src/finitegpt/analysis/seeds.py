"""How far many chains are from one truth, such as those of a training from many seeds: each, on average, and apart."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from finitegpt import states
from finitegpt.analysis.bound import ROUNDING, Bound, Bounds
from finitegpt.analysis.comparison import compare, extended
from finitegpt.analysis.stationary import StationaryDistribution, stationary_distribution
from finitegpt.arguments import required
from finitegpt.errors import InputError
from finitegpt.rows import RowOperator, Rows, of_rows


@dataclass(frozen=True, eq=False, kw_only=True)
class Sample:
    """One number of each of k chains."""

    values: Bounds
    """(k,), in the order of the chains."""

    @property
    def mean(self) -> Bound:
        """Their mean."""
        k, why = len(self.values.values), self.values.why
        value, low, high = (_sum(ends) / k for ends in (self.values.values, self.values.low, self.values.high))
        if low == -math.inf:
            return Bound(value, why=why)
        if low == math.inf:
            return Bound(math.inf, math.inf, math.inf)
        low, high = low - 4 * ROUNDING * abs(low), high + 4 * ROUNDING * abs(high)
        low = math.nextafter(low, -math.inf) if low else 0.0  # a sum of 0 is one exactly
        return Bound(value, low, math.nextafter(high, math.inf) if high else 0.0, why=why)

    @property
    def spread(self) -> Bound:
        """Their standard deviation, the root of the mean square; infinite where one is, or may be anything."""
        values, k = self.values.values, len(self.values.values)
        if k == 1:
            return Bound(0.0, 0.0, 0.0)
        if not np.isfinite(values).all():
            return Bound(math.inf, why="one of the numbers is infinite; try the others alone")
        off = np.maximum(self.values.high - values, values - self.values.low)
        size = float(np.abs(values).max())
        away = values - math.fsum(values) / k
        value = math.sqrt(math.fsum(away * away) / k)
        # It changes by no more than the root mean square of what the numbers do.
        far = math.sqrt(math.fsum(off * off) / k) if np.isfinite(off).all() else math.inf
        return Bound.around(value, far * (1 + 8 * ROUNDING) + 16 * ROUNDING * size, self.values.why).within(
            0.0, math.inf
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class Comparisons:
    """What each of k models costs against one truth: as `Comparison`, whose names these are. In nats a token."""

    kl_rate: Sample
    seen: Sample | None
    never_seen: Sample | None
    never_seen_mass: Sample | None
    true_entropy_rate: Bound
    cross_entropy: Sample
    free_entropy_rate: Sample
    total_variation: Sample
    mean_total_variation: Sample

    def __len__(self) -> int:
        return len(self.kl_rate.values.values)


@of_rows
def compare_many(
    truth: RowOperator,
    models: Iterable[RowOperator] | Rows,
    law: StationaryDistribution | None = None,
    *,
    counts: NDArray[np.int64] | None = None,
) -> Comparisons:
    """`compare` of one truth with each of many models: chains, or the log-probabilities (k, V**L, V) of an ensemble.

    `law` is the truth's stationary distribution, where known already. Of log-probabilities, `counts` says how often the
    training data shows each state. Each model must have one recurrent class.

    >>> from finitegpt import Chain
    >>> truth = Chain.from_probs([[0.5, 0.5], [0.2, 0.8]], "ab", 1)
    >>> found = compare_many(truth, np.log([[[0.5, 0.5], [0.5, 0.5]], [[0.5, 0.5], [0.2, 0.8]]]))
    >>> found.kl_rate.values.values.round(4).tolist(), found.kl_rate.mean.value.__round__(4)
    ([0.1377, 0.0], 0.0688)
    """
    if not isinstance(models, Iterable) or isinstance(models, RowOperator | str | bytes):
        raise InputError(f"expected several models, got {type(models).__name__}; try a list of it")
    chains = _chains(truth, models, counts) if isinstance(models, np.ndarray) else models
    known = {} if law is None else {law.n_states: law}
    found = []
    for model in chains:
        required("a model", model, RowOperator, instead="a chain")
        whole = truth if model.context_length <= truth.context_length else extended(truth, model.context_length)
        if whole.n_states not in known:
            known[whole.n_states] = stationary_distribution(whole)
        # Of a state each there may be millions, of seeds thousands.
        found.append(replace(compare(whole, model, known[whole.n_states]), contributions=_NONE))
    if not found:
        raise InputError("expected at least one model, got none; try the chains of an ensemble")
    return Comparisons(
        kl_rate=_sample([one.kl_rate for one in found]),
        seen=_known([one.seen for one in found]),
        never_seen=_known([one.never_seen for one in found]),
        never_seen_mass=_known([one.never_seen_mass for one in found]),
        true_entropy_rate=found[0].true_entropy_rate,
        cross_entropy=_sample([one.cross_entropy for one in found]),
        free_entropy_rate=_sample([one.free_entropy_rate for one in found]),
        total_variation=_sample([one.total_variation for one in found]),
        mean_total_variation=_sample([one.mean_total_variation for one in found]),
    )


_NONE = Bounds(np.zeros(0), np.zeros(0), np.zeros(0))


def _chains(truth: RowOperator, rows: Rows, counts: NDArray[np.int64] | None) -> Iterable[RowOperator]:
    V = truth.vocab_size
    n = rows.shape[1] if rows.ndim == 3 else 0
    L = next((k for k in range(1, 64) if states.n_states(V, k) >= n), 0) if V > 1 else truth.context_length
    if n == 0 or rows.shape[2] != V or states.n_states(V, L) != n:
        raise InputError(
            f"expected log-probabilities of shape (models, {V}**L, {V}), got {rows.shape}; try an ensemble's log_probs"
        )
    for one in rows:
        yield replace(truth, log_probs=np.ascontiguousarray(one), context_length=L, startup=None, counts=counts)


def _sample(bounds: Sequence[Bound]) -> Sample:
    values, low, high = np.array([(x.value, x.low, x.high) for x in bounds]).T.copy()
    return Sample(values=Bounds(values, low, high, next((x.why for x in bounds if x.why), "")))


def _known(bounds: Sequence[Bound | None]) -> Sample | None:
    """None where one of them is."""
    known = [x for x in bounds if x is not None]
    return _sample(known) if len(known) == len(bounds) else None


def _sum(values: NDArray[np.float64]) -> float:
    infinite = values[np.isinf(values)]
    if len(infinite):
        return float(infinite.min())
    return math.fsum(values)
