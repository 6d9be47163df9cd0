"""The text that a chain writes in the long run, read from its end to its beginning.

That text is one of a chain over contexts, too (Kelly 1979, section 1.2): what comes before L tokens depends on them and
on nothing that comes after. A word of a token x, L - 1 tokens b and a token y has the probability J(x b y) =
pi(x b) p(y | x b); before b y there was x with the probability J(x b y) / pi(b y), and the sum of J over x is pi(b y).

Nothing is subtracted, so what is right relatively stays so, however small it is.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from finitegpt import states
from finitegpt.analysis.bound import ROUNDING, Bound
from finitegpt.analysis.starts import law_of
from finitegpt.analysis.stationary import LARGEST_GTH, StationaryDistribution, stationary_distribution
from finitegpt.graph import LEAST, Floats, Mask
from finitegpt.limits import require_memory
from finitegpt.rows import RowOperator

_SOON = 4096  # so many states are eliminated in seconds
_LN2 = float(np.log(2.0))
_SHIFT = 2.0**-960  # quotients above this are doubles with all their digits


@dataclass(frozen=True, eq=False, kw_only=True)
class Words:
    """The words of L + 1 tokens of a text, by state and next token (V**L, V): J = mantissa * 2**exponent."""

    mantissa: Floats
    """From 1/2 to below 1; 0 for a word that never is."""
    exponent: NDArray[np.int64]
    off: Floats
    """How far ln J may be off, for each state (V**L,); infinite where that is not proved."""
    there: Mask
    """Which words there are."""

    @cached_property
    def logs(self) -> Floats:
        """ln J (V**L, V), -inf for a word that never is."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.mantissa) + self.exponent * _LN2, np.float64)

    def at(self, word: int) -> Bound:
        """The probability of a word, by its number as a base-V integer, the first token most significant."""
        if not self.there.flat[word]:
            return Bound(0.0, 0.0, 0.0)
        m, e = float(self.mantissa.flat[word]), int(self.exponent.flat[word])
        value, off = float(np.ldexp(m, max(e, -3000))), float(self.off[word // self.there.shape[1]])
        low = value * (1 - off - 4 * ROUNDING) if value > LEAST else 0.0
        high = max(value, LEAST) * (float(np.exp(off)) + 4 * ROUNDING)
        return Bound(value, low, high).within(0.0, 1.0) if np.isfinite(off) else Bound(value)


@dataclass(frozen=True, eq=False, kw_only=True)
class Backward:
    """A text read backwards, as a chain over contexts: the rows of the states outside its class are uniform."""

    rows: Floats
    """Natural logarithms (V**L, V) of the probabilities of the next token, float64."""
    there: Mask
    """Which arrows it has inside its class (V**L, V)."""
    off: Floats
    """How far the logarithms of each row (V**L,) may be off, but for their last digit; infinite where unproved."""


def exact_law(chain: RowOperator, law: StationaryDistribution | None) -> StationaryDistribution:
    """The law given, or the chain's only one, with each probability right relatively wherever that is to be had."""
    found = law_of(chain, law)
    if law is None and not np.isfinite(found.relative) and len(found.states) <= _SOON:
        return stationary_distribution(chain, method="gth")
    return found


def words_of(chain: RowOperator, law: StationaryDistribution) -> Words:
    """The probabilities of all words of L + 1 tokens under a stationary law."""
    n, V = chain.n_states, chain.vocab_size
    require_memory(64 * n * V, "all words of L + 1 tokens", "a shorter context")
    m, e, off = _scaled(chain, law)
    probs = np.zeros((n, V))
    probs[chain.support] = chain.graph.probs
    mantissa, exponent = np.frexp(2 * m[:, None] * probs)
    return Words(
        mantissa=mantissa,
        exponent=exponent.astype(np.int64) + (e - 1)[:, None],
        off=off + chain.rounding * (1 + chain.rounding) + 2 * ROUNDING,
        there=chain.support & law.inside[:, None],
    )


def backward(chain: RowOperator, law: StationaryDistribution, words: Words | None = None) -> Backward:
    """The rows of the text read backwards; `words` as `words_of` gives them, where they are known."""
    n, V = chain.n_states, chain.vocab_size
    words = words_of(chain, law) if words is None else words
    # By the token x that comes first, what is in between, and the token y that comes last: (V, V**(L-1), V).
    m, e, there = words.mantissa.reshape(V, -1, V), words.exponent.reshape(V, -1, V), words.there.reshape(V, -1, V)
    held = m > 0
    top = np.where(held, e, np.iinfo(np.int64).min // 2).max(0)
    shares = np.ldexp(m, np.where(held, e - top, 0).clip(-5000, 0).astype(np.int32))
    total, many = shares.sum(0), there.sum(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        q = shares / total
        # What a double does not hold has a logarithm all the same.
        logs = np.where(q > _SHIFT, np.log(q), np.log(m) + (e - top) * _LN2 - np.log(total))
        logs = np.where(total > 0, logs, -np.log(many))  # an uncertified law may have lost all
    logs[~there] = -np.inf
    doubt = np.where(there, words.off.reshape(V, -1, 1), 0.0).max(0)
    off = np.where(many > 1, 2 * doubt + (V + 8) * ROUNDING, 0.0)
    logs[:, many == 0] = -np.log(V)  # outside the class
    turned = states.reversed_ids(V, chain.context_length)

    def by_context(array: NDArray) -> NDArray:
        return np.ascontiguousarray(np.moveaxis(array, 0, -1).reshape(n, V)[turned])

    return Backward(rows=by_context(logs), there=by_context(there), off=off.reshape(n)[turned])


def _scaled(chain: RowOperator, law: StationaryDistribution) -> tuple[Floats, NDArray[np.int64], Floats]:
    """A law as mantissa * 2**exponent (V**L,), and how far the logarithms of its probabilities may be off."""
    if np.isfinite(law.relative) and law.probs.min() <= LEAST and len(law.states) <= LARGEST_GTH:
        probs, exponents, error = chain.graph.stationary_scaled(law.inside)
        m, e = np.frexp(probs)
        return m, e + exponents.astype(np.int64), np.full(chain.n_states, _as_log(error))
    pi = law.each()
    m, e = np.frexp(pi.values)
    with np.errstate(divide="ignore", invalid="ignore"):
        off = np.log(np.maximum(pi.high / pi.values, pi.values / pi.low)) + 2 * ROUNDING
    off[np.isnan(off) | (pi.low < 0)] = np.inf
    return m, e.astype(np.int64), np.where(law.inside, off, 0.0)


def _as_log(relative: float) -> float:
    """How far a logarithm may be off where its number is right relatively."""
    return -float(np.log1p(-relative)) * (1 + 4 * ROUNDING) if relative < 1 else np.inf
