"""How much of the past tells of the future, and how soon an observer knows: regularities unseen, randomness observed.

H(n) is the entropy of n tokens of the stationary text, h_k = H(k + 1) - H(k) that of a token given the k before it, and
h what h_k comes down to. A chain with contexts of L tokens is there at k = L, so that all of these are finite sums
(Crutchfield and Feldman 2003):

- H(n) is E + h n from n = L on; E, the excess entropy, is what the past and the future have in common
- E = sum over k of (h_k - h): how random a text looks beyond what it is, to someone who knows too few tokens
- T, the transient information, is the sum over n of E + h n - H(n), which is that of (k + 1) (h_k - h): how hard it is
  to get to know the chain's state

What a chain loses if it is told the last k tokens only is the average of KL(p, q) of its rows p from q, the mean row of
the contexts that end in those k: that is h_k - h, and no other q makes it less (so rounding of q counts by its square).
Nothing is subtracted. And as the least of averages it grows with each probability of the law, and in proportion to all:
where each is right within a share r, so is h_k - h, however small.
"""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from finitegpt.analysis.bound import ROUNDING, Bound, Bounds
from finitegpt.analysis.divergence import divergence
from finitegpt.analysis.entropy import by_law, doubt
from finitegpt.analysis.starts import law_of, token_count
from finitegpt.analysis.stationary import StationaryDistribution
from finitegpt.analysis.used_memory import continuity, lost_below, memory
from finitegpt.limits import require_memory
from finitegpt.rows import RowOperator, of_rows

_FLOOR = 1e-300  # what a mean row gives at least to tokens that can be


@of_rows
def block_entropies(chain: RowOperator, length: int | None = None, law: StationaryDistribution | None = None) -> Bounds:
    """H(n), the entropy in nats of n tokens of the stationary text, for n from 0 to `length` (length + 1,).

    `length` is L by default; from there on, H(n) goes straight up. `law` is the chain's only stationary distribution
    unless given. Shannon (1948).

    >>> from finitegpt import Chain
    >>> golden = Chain.from_probs([[0.5, 0.5], [1, 0]], "01", 1)
    >>> (block_entropies(golden, 3).values / np.log(2)).round(4).tolist()
    [0.0, 0.9183, 1.585, 2.2516]
    """
    L = chain.context_length
    length = L if length is None else token_count(length)
    require_memory(96 * length, "an entropy for each number of tokens", "fewer tokens")
    curve = memory(chain, law)
    gains = np.minimum(np.arange(length), L)
    added = (curve.h[gains], curve.low[gains], curve.high[gains])
    slack = 2 * length * ROUNDING  # of sums of terms of one sign, one after the other
    values, low, high = (np.concatenate(([0.0], np.cumsum(part))) for part in added)
    if not np.isfinite(curve.error):
        return Bounds(values, np.full(length + 1, -np.inf), np.full(length + 1, np.inf), curve.why)
    return Bounds(values, low * (1 - slack), high * (1 + slack))


@of_rows
def entropy_convergence(chain: RowOperator, law: StationaryDistribution | None = None) -> Bounds:
    """h_k - h in nats a token, for k from 0 to L (L + 1,): how much more random a token looks, the last k known.

    Exactly 0 for L. `memory` has h_k themselves; here their differences from the last are right relatively.

    >>> from finitegpt import Chain
    >>> golden = Chain.from_probs([[0.5, 0.5], [1, 0]], "01", 1)
    >>> (entropy_convergence(golden).values / np.log(2)).round(4).tolist()
    [0.2516, 0.0]
    """
    law = law_of(chain, law)
    parts = np.array([(0.0, 0.0, 0.0), *_gaps(chain, law)])[::-1]
    values, low, high = parts.T.copy()
    if not law.certified:
        return Bounds(values, np.full(len(values), -np.inf), np.full(len(values), np.inf), law.why)
    # They never rise with k, so one that is known says something of the others.
    low, high = np.maximum.accumulate(low[::-1])[::-1], np.minimum.accumulate(high)
    return Bounds(values.clip(low, high), low, high)


@of_rows
def excess_entropy(chain: RowOperator, law: StationaryDistribution | None = None) -> Bound:
    """E, the mutual information of past and future in nats: sum over k of h_k - h; 0 for independent tokens.

    `in_bits()` of the result is in bits. Also called effective measure complexity (Grassberger 1986) and predictive
    information (Bialek, Nemenman and Tishby 2001).

    >>> from finitegpt import Chain
    >>> golden = Chain.from_probs([[0.5, 0.5], [1, 0]], "01", 1)
    >>> print(excess_entropy(golden).in_bits())
    0.251629
    """
    return _weighted(entropy_convergence(chain, law), np.ones(chain.context_length + 1))


@of_rows
def transient_information(chain: RowOperator, law: StationaryDistribution | None = None) -> Bound:
    """T, in nats times tokens: the sum over n of E + h n - H(n), of how uncertain an observer is on the way to h.

    Of two chains alike in E and h, the one with more of it is harder to synchronise to (Crutchfield and Feldman 2003).

    >>> from finitegpt import Chain
    >>> golden = Chain.from_probs([[0.5, 0.5], [1, 0]], "01", 1)
    >>> print(transient_information(golden).in_bits())
    0.251629
    """
    return _weighted(entropy_convergence(chain, law), np.arange(1.0, chain.context_length + 2))


def _weighted(parts: Bounds, weights: NDArray[np.float64]) -> Bound:
    """The sum of numbers from 0 on, times weights."""
    value, low, high = (math.fsum(weights * ends) for ends in (parts.values, parts.low, parts.high))
    if not np.isfinite(parts.error):
        return Bound(value, why=parts.why)
    return Bound(value, low * (1 - 4 * ROUNDING), high * (1 + 4 * ROUNDING)).within(0.0, np.inf)


def _gaps(chain: RowOperator, law: StationaryDistribution) -> Iterator[tuple[float, float, float]]:
    """h_k - h for k = L - 1 .. 0, and between what each lies."""
    V, L, ids = chain.vocab_size, chain.context_length, law.states
    truth, lost = chain.log_probs[ids], lost_below(chain, law)
    # How far mean rows of the law as computed are off, and what that costs: half the square of it.
    off = chain.rounding + ((L + 3) * (V + 2) + 32) * ROUNDING
    too_much = 3 * off**2 + 2 * V * ROUNDING**2 + lost
    apart = continuity(law.error + 1e-14, V)
    relatively = replace(law, error=np.inf)
    joint = chain.push(law.dense()).reshape(-1, V)  # of the last L - 1 tokens and the next
    there = np.any((chain.support & law.inside[:, None]).reshape(V, -1, V), axis=0)
    for k in range(L - 1, -1, -1):
        with np.errstate(divide="ignore"):
            rows = np.log(_mean_rows(joint, there))
        values, error = np.zeros((2, chain.n_states))
        values[ids], error[ids] = divergence(truth, rows[ids % V**k])
        value, _, high = by_law(law, values[ids])
        if np.isfinite(law.relative):
            low = by_law(relatively, values[ids])[1]
        else:
            low, high = value * (1 - 8 * ROUNDING) - apart, min(high, value * (1 + 8 * ROUNDING) + apart)
        wrong = doubt(law, error)
        yield value, max(0.0, low - wrong - too_much), math.nextafter(high + wrong, math.inf) if high + wrong else 0.0
        if k:  # without the oldest token
            joint, there = joint.reshape(V, -1, V).sum(0), np.any(there.reshape(V, -1, V), axis=0)


def _mean_rows(joint: NDArray[np.float64], there: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The rows of a joint distribution (n, V), of tokens that can be at least the floor."""
    held = joint.sum(1, keepdims=True)
    rows = np.divide(joint, held, out=np.zeros_like(joint), where=held > 0)
    rows = np.where(there, np.maximum(rows, _FLOOR), 0.0)
    total = rows.sum(1, keepdims=True)
    return np.divide(rows, total, out=rows, where=total > 0)
