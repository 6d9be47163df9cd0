"""Of what order a text's own chain is: how many tokens of memory its counts speak for.

A chain of order k says what follows each word of k tokens. A longer memory always fits a text better; the question is
whether by more than chance does. Three answers, of one text, all orders fitted to the same tokens:

- tests of k against k + 1: twice what the log-likelihood gains is distributed as chi squared if k is enough (Hoel 1954;
  Anderson and Goodman 1957; Billingsley 1961)
- BIC, which finds the order of a chain in long texts (Katz 1981; Csiszar and Shields 2000)
- AIC, which rather predicts well, and takes too long a memory now and then (Tong 1975; Katz 1981)
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finitegpt.analysis.bound import ROUNDING, Bounds
from finitegpt.arguments import shown
from finitegpt.data import Data
from finitegpt.errors import InputError
from finitegpt.limits import require_memory


@dataclass(frozen=True, eq=False, kw_only=True)
class MarkovOrder:
    """What a text says of chains of order 0 to K, fitted to its tokens after the first K."""

    n_tokens: int
    """How many tokens are predicted: n - K."""
    log_likelihood: Bounds
    """Of each order (K + 1,), in nats."""
    parameters: NDArray[np.float64]
    """V**k (V - 1), how many numbers a chain of each order has (K + 1,)."""
    bic: Bounds
    """-2 log-likelihood + parameters ln n, (K + 1,): the less, the better."""
    aic: Bounds
    """-2 log-likelihood + 2 parameters, (K + 1,)."""
    statistic: Bounds
    """Twice what the log-likelihood gains from k to k + 1 (K,)."""
    freedom: NDArray[np.int64]
    """The degrees of freedom of each (K,): for each word of k tokens that occurs, one less than how many tokens come
    before it, times one less than how many come after."""
    p_values: NDArray[np.float64]
    """How probable it is to gain as much by chance if order k is enough (K,); 1 without freedom. Uncertified: SciPy's
    chi squared, and right for long texts only."""

    @property
    def by_bic(self) -> int:
        """The order of the least BIC, the shortest of those alike."""
        return int(np.argmin(self.bic.values))

    @property
    def by_aic(self) -> int:
        """The order of the least AIC, the shortest of those alike."""
        return int(np.argmin(self.aic.values))

    def by_test(self, level: float = 0.05) -> int:
        """The shortest order from which on no test of one more token rejects it, all tests together at this level.

        Each of the K is at level / K, so that they err with a probability of at most `level` in all (Bonferroni).
        """
        if not 0 < level < 1:
            raise InputError(f"expected a level between 0 and 1, got {level}; try 0.05")
        rejected = np.flatnonzero(self.p_values * len(self.p_values) < level)
        return int(rejected[-1]) + 1 if len(rejected) else 0


def markov_order(text: str | Data, max_order: int | None = None) -> MarkovOrder:
    """Fits chains of order 0 to `max_order` to a text, and says what speaks for each.

    Of a text alone, its characters are the tokens, and `max_order` is 3 by default; of Data, its context length. Of
    sequences, all orders are fitted to the tokens that have K others before them. InputError where there is none, or
    where they count differently.

    >>> found = markov_order("0010100100010010101001010010100100" * 4, 3)
    >>> found.by_bic, found.log_likelihood.values.round(2).tolist()
    (1, [-86.39, -58.44, -54.19, -54.16])
    """
    data = text if isinstance(text, Data) else Data.from_text(text, context_length=1)
    K = (data.context_length if isinstance(text, Data) else 3) if max_order is None else max_order
    if not isinstance(K, int | np.integer) or isinstance(K, bool) or K < 0:
        raise InputError(f"expected an order of 0 or more, got {shown(K)}; try 3")
    places, V = _fitted(data, int(K)), len(data.vocab)
    n = len(places)
    if n < 1:
        longest = len(data.tokens) if data.borders is None else int(data.borders.lengths.max())
        raise InputError(f"expected a text of more than {K} tokens, got {longest}; try a smaller order")
    require_memory(64 * len(data.tokens), "counts of words", "a shorter text")
    tokens = data.tokens.astype(np.int64)
    # Words of 0 tokens before each of the last n, then with one more at their beginning, by numbers from 0 on.
    after, context = tokens[places], np.zeros(n, np.int64)
    terms, freedom = [_likelihood(context, after, V)], []
    for k in range(K):
        before = tokens[places - 1 - k]
        freedom.append(_freedom(context, before, after, V))
        _, context = np.unique(context * V + before, return_inverse=True)
        context = context.reshape(-1)
        terms.append(_likelihood(context, after, V))
    return _said(n, V, -np.array(terms), np.array(freedom, np.int64))


def _fitted(data: Data, K: int) -> NDArray[np.int64]:
    """Where the tokens stand that have K others before them in their sequence."""
    if data.borders is None:
        return np.arange(min(K, len(data.tokens)), len(data.tokens))
    if data.borders.weights is not None or data.borders.mask is not None:
        raise InputError("expected tokens that all count alike, got weights or masks; try sequences without")
    return np.flatnonzero(data.borders.places >= K)


def _said(n: int, V: int, fit: NDArray[np.float64], freedom: NDArray[np.int64]) -> MarkovOrder:
    """What follows from the log-likelihoods (K + 1,), which are right relatively."""
    from scipy.special import chdtrc

    orders = np.arange(len(fit))
    parameters = np.array([_count(V, int(k)) for k in orders])
    off = -8 * ROUNDING * fit
    gain = 2 * np.maximum(0.0, np.diff(fit))
    doubt = 2 * (off[1:] + off[:-1]) + 4 * ROUNDING * gain

    def around(values: NDArray[np.float64], error: NDArray[np.float64], least: float) -> Bounds:
        return Bounds(values, (values - error).clip(least), values + error)

    def criterion(price: float) -> Bounds:
        values = (price * parameters if price else np.zeros(len(fit))) - 2 * fit
        return around(values, np.where(np.isfinite(values), 2 * off + 4 * ROUNDING * values, 0.0), 0.0)

    return MarkovOrder(
        n_tokens=n,
        log_likelihood=Bounds(fit, fit - off, np.minimum(fit + off, 0.0)),
        parameters=parameters,
        bic=criterion(math.log(n)),
        aic=criterion(2.0),
        statistic=around(gain, doubt, 0.0),
        freedom=freedom,
        p_values=np.where(freedom > 0, chdtrc(np.maximum(freedom, 1), gain), 1.0),
    )


def _count(V: int, k: int) -> float:
    try:
        return float(V**k * (V - 1))
    except OverflowError:
        return math.inf


def _likelihood(context: NDArray[np.int64], after: NDArray[np.int64], V: int) -> float:
    """Minus the log-likelihood of tokens given their contexts: a sum of terms of one sign."""
    pairs, counts = np.unique(context * V + after, return_counts=True)
    totals = np.bincount(context)[pairs // V]
    return math.fsum(counts * np.log1p((totals - counts) / counts))


def _freedom(context: NDArray[np.int64], before: NDArray[np.int64], after: NDArray[np.int64], V: int) -> int:
    most = int(context.max()) + 1
    kinds = [np.bincount(np.unique(context * V + side) // V, minlength=most) for side in (before, after)]
    return int(((kinds[0] - 1) * (kinds[1] - 1)).sum())
