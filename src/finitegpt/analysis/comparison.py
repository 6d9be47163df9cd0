"""How far one chain is from another, exactly.

The Kullback-Leibler rate of a truth p to a model q is what predicting with q costs beyond the best possible,
sum over states i of pi(i) KL(p_i, q_i), in nats a token, pi being the truth's stationary law. It is the cross-entropy
of the model less the entropy rate of the truth.
"""

import math
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from finitegpt import markup, states
from finitegpt.analysis.bound import ROUNDING, Bound, Bounds
from finitegpt.analysis.divergence import divergence, variation
from finitegpt.analysis.entropy import average, doubt, entropy_rate, mean_by_law
from finitegpt.analysis.long_run import StationaryDistribution
from finitegpt.analysis.starts import law_of
from finitegpt.arguments import is_whole, required, shown
from finitegpt.errors import InputError
from finitegpt.limits import require_memory
from finitegpt.naming import shortened
from finitegpt.rows import RowOperator, Rows, of_rows

Rowed = TypeVar("Rowed", bound=RowOperator)


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Comparison:
    """What a model costs against a truth. In nats a token; both chains with contexts of the longer of the two."""

    kl_rate: Bound
    """The KL rate of the truth to the model."""
    seen: Bound | None
    """The part of it on states that the model's training data shows, None where that is not known."""
    never_seen: Bound | None
    contributions: Bounds
    """The part on each state (V**L,): their sum is the KL rate."""
    never_seen_mass: Bound | None
    """How much of the truth's time is on states that the model's training data never shows."""
    true_entropy_rate: Bound
    cross_entropy: Bound
    """What the model loses on the truth: the KL rate and the truth's entropy rate together."""
    free_entropy_rate: Bound
    """The entropy rate of the model left to itself. Less than its cross-entropy: it is surer than it should be."""
    total_variation: Bound
    """Between the two stationary laws, over contexts."""
    mean_total_variation: Bound
    """Between what the two say of the next token, on average under the truth's stationary law: how often a token drawn
    from the model must differ from one of the truth, after the same context, even if they are drawn as alike as can be.
    """

    def __repr__(self) -> str:
        seen = "" if self.never_seen is None else f", {self.never_seen} of it on states never seen"
        return f"Comparison(KL rate {self.kl_rate} nats a token{seen}; total variation {self.total_variation})"

    def _repr_html_(self) -> str:
        """A table for notebooks."""
        rows = [
            ("KL rate", self.kl_rate),
            ("on states in its data", self.seen),
            ("on states never seen", self.never_seen),
            ("time of the truth on those", self.never_seen_mass),
            ("entropy rate of the truth", self.true_entropy_rate),
            ("cross-entropy", self.cross_entropy),
            ("entropy rate of the model", self.free_entropy_rate),
            ("total variation of the next token", self.mean_total_variation),
            ("total variation of the states", self.total_variation),
        ]
        known = [row for row in rows if row[1] is not None]
        return markup.table("model against truth", ("", "nats a token, and shares"), known)


@of_rows
def compare(
    truth: RowOperator,
    model: RowOperator,
    law: StationaryDistribution | None = None,
    model_law: StationaryDistribution | None = None,
) -> Comparison:
    """Compares a model with a truth over the same vocabulary; contexts of different length are made the same.

    `law` and `model_law` are their stationary distributions, where known already.

    >>> from finitegpt import Chain
    >>> truth = Chain.from_probs([[0.5, 0.5], [0.2, 0.8]], "ab", 1)
    >>> found = compare(truth, Chain.from_probs([[0.5, 0.5], [0.5, 0.5]], "ab", 1))
    >>> round(found.kl_rate.value, 6), round(found.cross_entropy.value, 6)
    (0.137675, 0.693147)
    """
    truth, model = _alike(truth, model)
    law, model_law = _known(truth, law), _known(model, model_law)
    rows, off = divergence(truth.log_probs, model.log_probs)
    apart, apart_off = variation(truth.log_probs, model.log_probs)

    def on(part: NDArray[np.bool_] | None = None) -> Bound:
        f, error = (rows, off) if part is None else (np.where(part, rows, 0.0), np.where(part, off, 0.0))
        return average(truth, f, law).widened(doubt(law, error)).within(0.0, np.inf)

    rate, entropy, seen = on(), entropy_rate(truth, law), model.seen
    return Comparison(
        kl_rate=rate,
        seen=None if seen is None else on(seen),
        never_seen=None if seen is None else on(~seen),
        contributions=_contributions(law, rows, off),
        never_seen_mass=None if seen is None else law.mass(~seen),
        true_entropy_rate=entropy,
        cross_entropy=rate.plus(entropy),
        free_entropy_rate=entropy_rate(model, model_law),
        total_variation=_distance(law, model_law, same=_is_same(truth, model)),
        mean_total_variation=average(truth, apart, law).widened(doubt(law, apart_off)).within(0.0, 1.0),
    )


@of_rows
def approach(truth: RowOperator, trajectory: Rows, law: StationaryDistribution | None = None) -> Bounds:
    """The KL rate of a truth to a chain after every training step (steps + 1,), from a run's `trajectory`.

    >>> from finitegpt import Chain
    >>> truth = Chain.from_probs([[0.5, 0.5], [0.2, 0.8]], "ab", 1)
    >>> steps = np.stack([np.full((2, 2), np.log(np.float32(0.5))), truth.log_probs])
    >>> approach(truth, steps).values.round(6).tolist()
    [0.137675, 0.0]
    """
    shape = trajectory.shape if isinstance(trajectory, np.ndarray) and trajectory.dtype.kind == "f" else None
    if shape is None or len(shape) != 3 or shape[1:] != truth.log_probs.shape:
        raise InputError(
            f"expected a trajectory of shape (steps + 1, {truth.n_states}, {truth.vocab_size}), got "
            f"{shown(trajectory)}; try the truth with as long a context, and train with keep_steps=True"
        )
    law = law_of(truth, law)
    found = [mean_by_law(law, *divergence(truth.log_probs, rows)) for rows in trajectory]
    value, low, high = np.array([(x.value, x.low, x.high) for x in found]).reshape(-1, 3).T
    return Bounds(value, low, high, law.why)


@of_rows
def extended(chain: Rowed, context_length: int) -> Rowed:
    """The same chain with longer contexts, whose older tokens it does not look at."""
    if not is_whole(context_length) or context_length < chain.context_length:
        raise InputError(
            f"expected a context of at least {chain.context_length}, got {shown(context_length)}; try that"
        )
    states.require_enumerable(chain.vocab_size, context_length)
    times = chain.vocab_size ** (context_length - chain.context_length)
    require_memory(chain.log_probs.nbytes * times, "a chain with longer contexts", "a shorter context")
    rows = np.tile(chain.log_probs, (times, 1))
    return replace(chain, log_probs=rows, context_length=context_length, startup=None, counts=None)


def _known(chain: RowOperator, law: StationaryDistribution | None) -> StationaryDistribution:
    """A law that is known already, unless it is that of shorter contexts."""
    of_others = isinstance(law, StationaryDistribution) and law.n_states != chain.n_states
    return law_of(chain, None if of_others else law)


def _alike(truth: RowOperator, model: RowOperator) -> tuple[RowOperator, RowOperator]:
    for name, chain in (("truth", truth), ("model", model)):
        required(name, chain, RowOperator, instead="a chain")
    if truth.vocab != model.vocab:
        raise InputError(
            f"expected chains over the same vocabulary, got {shortened(truth.vocab)} and {shortened(model.vocab)}; "
            "try training with --vocab"
        )
    L = max(truth.context_length, model.context_length)
    return tuple(chain if chain.context_length == L else extended(chain, L) for chain in (truth, model))  # type: ignore[return-value]


def _is_same(truth: RowOperator, model: RowOperator) -> bool:
    """Whether two chains are one: float64 rows that are equal may be roundings of what is not."""
    rows = truth.log_probs, model.log_probs
    return rows[0] is rows[1] or (rows[0].dtype == rows[1].dtype == np.float32 and np.array_equal(*rows))


def _contributions(law: StationaryDistribution, rows: NDArray[np.float64], off: NDArray[np.float64]) -> Bounds:
    """pi_i KL_i for each state (V**L,); 0 outside the class, and infinite inside where KL_i is."""
    pi, inside = law.each(), law.inside
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        products = (
            pi.values * rows,
            np.nextafter(pi.low * np.nextafter((rows - off).clip(0), 0), -np.inf).clip(0),
            np.nextafter(pi.high * np.nextafter(rows + off, np.inf), np.inf),
        )
    none = ~inside | ((rows == 0) & (off == 0))
    value, low, high = (np.where(none, 0.0, np.where(np.isinf(rows), np.inf, product)) for product in products)
    if not law.certified:
        low, high = (np.where(none | np.isinf(rows), end, far) for end, far in ((low, -np.inf), (high, np.inf)))
    return Bounds(value, low, high, law.why, law.names)


def _distance(law: StationaryDistribution, other: StationaryDistribution, *, same: bool) -> Bound:
    """The total variation between two laws.

    It is the sum of what p has more than q over states, and also of what q has more than p. Without one state, the
    larger of both sums is still the distance: so the most probable state is left out, whose error is the largest.
    """
    p, q = law.each(), other.each()
    if same and np.array_equal(law.states, other.states):
        return Bound(0.0, 0.0, 0.0)
    distance = 0.5 * math.fsum(np.abs(p.values - q.values))
    if not (law.certified and other.certified):
        return Bound(distance, why=law.why or other.why)
    kept = np.arange(law.n_states) != int(np.argmax(np.maximum(p.values, q.values)))

    def more(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
        return math.fsum((a - b)[kept].clip(0))

    slack = 8 * ROUNDING
    low = max(more(p.low, q.high), more(q.low, p.high)) * (1 - slack)
    high = max(more(p.high, q.low), more(q.high, p.low)) * (1 + slack)
    off = law.error + other.error + slack
    low, high = max(low, distance - off, 0.0), min(high, distance + off, 1.0)
    return Bound(min(max(distance, low), high), low, high)
