"""How what a text says now goes with what it says t tokens later.

For functions f and g of the state, E[f(X_0) g(X_t)] = sum over i of pi_i f_i (P^t g)_i in the long run. P^t g is t
steps of `pull`. What each may be off by is carried along: a step adds its rounding to what was there, which spreads as
probabilities do. Where g is nowhere below 0 all of it is relative.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from finitegpt.analysis.bound import ROUNDING, Bound, Bounds
from finitegpt.analysis.entropy import average, by_law, doubt
from finitegpt.analysis.patterns import match
from finitegpt.analysis.starts import law_of, token_count
from finitegpt.analysis.stationary import StationaryDistribution
from finitegpt.arguments import array
from finitegpt.errors import InputError
from finitegpt.graph import Floats
from finitegpt.operator import Operator, of_operator
from finitegpt.rows import RowOperator

_LEAST = 5e-324
_FLAT = "a function that hardly varies in the long run has a variance that cannot be told from 0; try another function"


@of_operator
def correlation(
    chain: Operator,
    f: "str | ArrayLike",
    g: "str | ArrayLike | None" = None,
    tokens: int = 100,
    law: StationaryDistribution | None = None,
) -> Bounds:
    """E[f(X_0) g(X_t)] in the long run for t = 0 .. `tokens` (tokens + 1,), means not taken off.

    A function is one number a state (V**L,), or text: a token stands for whether it is the newest one, any other text
    for whether the state is one of a pattern. `g` is f unless given, `law` the chain's only stationary distribution.

    >>> from finitegpt import Chain
    >>> chain = Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1)
    >>> correlation(chain, "b", tokens=2).values.round(6).tolist()
    [0.166667, 0.083333, 0.05]
    """
    law = law_of(chain, law)
    first, second = _function(chain, f), _function(chain, f if g is None else g)
    return _curve(chain, first, second, 0.0, token_count(tokens), law, (0.0, 0.0))


@of_operator
def covariances(
    chain: Operator,
    f: "str | ArrayLike",
    g: "str | ArrayLike | None" = None,
    tokens: int = 100,
    law: StationaryDistribution | None = None,
) -> Bounds:
    """Cov(f(X_0), g(X_t)) in the long run for t = 0 .. `tokens` (tokens + 1,): `correlation` less the means' product.

    Arguments as above. It fades as the chain forgets; it is known to some roundings of its size at first.

    >>> from finitegpt import Chain
    >>> chain = Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1)
    >>> covariances(chain, "b", tokens=2).values.round(6).tolist()
    [0.138889, 0.055556, 0.022222]
    """
    law, tokens = law_of(chain, law), token_count(tokens)
    centred, off = [], []
    for function in (f, f if g is None else g):
        values = _function(chain, function)
        kept = values[law.states]
        if kept.min() == kept.max():  # it goes with nothing
            none = np.zeros(tokens + 1)
            return Bounds(none, none, none)
        mean = average(chain, values, law)
        centred.append(values - mean.value)
        off.append(mean.error)
    return _curve(chain, centred[0], centred[1], ROUNDING, tokens, law, (off[0], off[1]))


@of_operator
def autocorrelation(
    chain: Operator, f: "str | ArrayLike", tokens: int = 100, law: StationaryDistribution | None = None
) -> Bounds:
    """The correlation coefficient of f(X_0) and f(X_t) for t = 0 .. `tokens` (tokens + 1,): 1 at first, then less.

    `covariances` over the variance; InputError for a function that is constant in the long run. Arguments as above.

    >>> from finitegpt import Chain
    >>> chain = Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1)
    >>> autocorrelation(chain, "b", tokens=2).values.round(6).tolist()
    [1.0, 0.4, 0.16]
    """
    law, tokens = law_of(chain, law), token_count(tokens)
    kept = _function(chain, f)[law.states]
    if kept.min() == kept.max():
        raise InputError("expected a function that varies in the long run, got a constant; try a token, such as '1'")
    found = covariances(chain, f, None, tokens, law)
    variance = found.at(0)
    if not variance.low > 0 or not np.isfinite(variance.high):
        unknown = np.full(tokens + 1, np.inf)
        value = (found.values / variance.value if variance.value > 0 else found.values).clip(-1, 1)
        value[0] = unknown[0] = 1.0
        return Bounds(value, np.where(unknown == 1, 1.0, -np.inf), unknown, found.why or _FLAT)
    low = np.minimum(found.low / variance.high, found.low / variance.low)
    high = np.maximum(found.high / variance.high, found.high / variance.low)
    low, high = (low - 4 * ROUNDING * np.abs(low)).clip(-1, 1), (high + 4 * ROUNDING * np.abs(high)).clip(-1, 1)
    low[0] = high[0] = 1.0
    return Bounds((found.values / variance.value).clip(low, high), low, high, found.why)


def _function(chain: Operator, which: "str | ArrayLike") -> Floats:
    """One finite number a state (V**L,)."""
    if isinstance(which, str):
        if not isinstance(chain, RowOperator):
            raise InputError("expected numbers, one a state, for a chain without tokens, got text; try a list")
        if which in chain.vocab:
            newest = np.arange(chain.n_states) % chain.vocab_size
            return (newest == chain.vocab.index(which)).astype(np.float64)
        return match(chain, which).astype(np.float64)
    values = array(which)
    if values.dtype.kind not in "biuf" or values.shape != (chain.n_states,) or not np.isfinite(values).all():
        raise InputError(
            f"expected a token, a pattern or {chain.n_states} finite numbers, one a state, got {values.dtype} of shape "
            f"{values.shape}; try a token"
        )
    return values.astype(np.float64)


def _curve(
    chain: Operator,
    f: Floats,
    g: Floats,
    rounding: float,
    tokens: int,
    law: StationaryDistribution,
    means: tuple[float, float],
) -> Bounds:
    """The mean of f times P^t g, where f and g are right within `rounding`, less what is left of their means."""
    values, low, high = np.empty((3, tokens + 1))
    left = means[0] * means[1] * (1 + 4 * ROUNDING)
    sizes, states = np.abs(f), law.states
    for t, (after, off) in enumerate(_pulled(chain, g, rounding, tokens)):
        value, below, above = by_law(law, f[states] * after[states], rounding + 2 * ROUNDING)
        more = doubt(law, sizes * off * (1 + 4 * ROUNDING)) + left
        found = Bound(value, below, above).widened(more + 4 * len(states) * _LEAST)
        values[t], low[t], high[t] = found.value, found.low, found.high
    if not law.certified:
        low[:], high[:] = -np.inf, np.inf
    return Bounds(values, low, high, law.why)


def _pulled(chain: Operator, g: Floats, rounding: float, tokens: int) -> Iterator[tuple[Floats, Floats]]:
    """P^t g for t = 0 .. `tokens`, and how far each number may be off."""
    step = 1.01 * (chain.rounding + (chain.width + 16) * ROUNDING)
    positive = bool((g >= 0).all())
    off = np.abs(g) * rounding
    for t in range(tokens + 1):
        yield g, off
        if t == tokens:
            return
        new = chain.pull(g)
        if positive:  # relative, but for what is too small for double precision
            off = new * ((rounding + (t + 1) * step) * (1 + (t + 1) * step)) + (t + 1) * (chain.width + 1) * _LEAST
        else:
            off = chain.pull(off + step * np.abs(g)) * (1 + 2 * step) + (chain.width + 1) * _LEAST
        g = new
