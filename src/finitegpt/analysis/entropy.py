"""Averages over the long run, each with an interval that holds the truth: how random a chain is, above all.

For any function h of the state, and any stationary distribution pi of a chain P,

    min(f + P h - h)  <=  pi f  <=  max(f + P h - h),

since pi (P h - h) = 0. A better h makes the interval narrower; value iteration, h <- f + P h, finds one (Puterman 1994,
section 8.5). The interval holds whatever h is, and however wrong pi was computed.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finitegpt import library
from finitegpt.analysis.bound import ROUNDING, Bound
from finitegpt.analysis.starts import law_of
from finitegpt.analysis.stationary import StationaryDistribution
from finitegpt.arguments import number, numbers
from finitegpt.errors import InputError
from finitegpt.operator import Operator, of_operator
from finitegpt.startup import ContextOperator, of_contexts

_STEPS, _WORK = 400, 2**28  # at least so many steps, and more where a step is little work
_CHECK = 10


@of_contexts
def entropy_rate(chain: ContextOperator, law: StationaryDistribution | None = None) -> Bound:
    """Entropy of the next token in the long run, in nats a token: the average of `row_entropy` under `law`.

    `law` is the chain's only stationary distribution unless given. Shannon (1948).

    >>> from finitegpt import Chain
    >>> print(entropy_rate(Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1)).value.__round__(6))
    0.386427
    """
    most = float(np.nextafter(np.log(chain.vocab_size), np.inf))
    rows = chain.row_entropy()
    return average(chain, rows, law, rounding=entropy_rounding(chain)).within(0.0, most)


def entropy_rounding(chain: ContextOperator) -> float:
    """The relative error of each row's entropy.

    An entropy is a sum of terms of one sign, each p ln(1/p), and p is right within `chain.rounding`. That changes p and
    ln(1/p), which is at least ln(1/p) of the others' sum where p is near one, by no more than three times as much.
    """
    return 4 * chain.rounding + (chain.vocab_size + 16) * ROUNDING


@of_operator
def average(
    chain: Operator, function: ArrayLike, law: StationaryDistribution | None = None, *, rounding: float = 0.0
) -> Bound:
    """The average of a function of the state (V**L,) under a stationary distribution, with its certificate.

    The function may be infinite on states that the law says the chain never visits in the long run. `rounding` is the
    relative error that its values may have.
    """
    law = law_of(chain, law)
    f = np.array(numbers("a function", function, instead="one number for each state"))
    rounding = number("rounding", rounding, instead=0.0)
    if not rounding >= 0:
        raise InputError(f"expected a relative error of 0 or more, got {rounding}; try 0")
    if f.shape != (chain.n_states,) or np.isnan(f).any():
        raise InputError(
            f"expected {chain.n_states} numbers, one a state, got shape {f.shape} or no numbers; try another"
        )
    inside = slice(None) if len(law.states) == chain.n_states else law.states
    infinite = np.unique(f[inside][np.isinf(f[inside])])
    if len(infinite) == 1:  # every state of the class has a probability above zero
        end = float(infinite[0])
        return Bound(end, end, end)
    if len(infinite) == 2:
        raise InputError("expected a function that is infinite to one side, got both; try two averages")
    f[np.isinf(f)] = 0.0
    kept = f[inside]
    value, low, high = by_law(law, kept, rounding)
    size = float(np.abs(kept).max())
    good = 1e-12 * max(size, 1e-300)
    if high - low > good and not np.isfinite(law.relative):
        below, above = _interval(chain, f, inside, good)
        low, high = max(low, below - rounding * size), min(high, above + rounding * size)
    value = min(max(value, low), high) if low <= high else value
    return Bound(value, min(low, value), max(high, value))


def by_law(law: StationaryDistribution, f: NDArray[np.float64], rounding: float = 0.0) -> tuple[float, float, float]:
    """The average of a finite function of the law's states (m,), and between what it lies going by the law alone."""
    smallest, largest = float(f.min()), float(f.max())
    size = max(abs(smallest), abs(largest))
    low, high = smallest - rounding * abs(smallest), largest + rounding * abs(largest)
    relative = law.relative if np.isfinite(law.relative) else 0.0
    out, probs, values = np.empty(3), np.ascontiguousarray(law.probs), np.ascontiguousarray(f)
    library.default().fg_average(len(probs), probs, values, relative, rounding, out)
    value, below, above = out.tolist()
    if np.isfinite(law.relative):  # each probability is, as those of elimination are
        low, high = max(low, below), min(high, above)
    if law.certified:
        # Probabilities sum to one to some roundings.
        slack = law.error * (largest - smallest) + (rounding + 64 * ROUNDING) * size
        low, high = max(low, value - slack), min(high, value + slack)
    return value, low, high


def mean_by_law(law: StationaryDistribution, values: NDArray[np.float64], error: NDArray[np.float64]) -> Bound:
    """The average of values (V**L,) from 0 on that may be off by `error` (V**L,), going by the law alone.

    Infinite where one of the class is, or where it does not fit in double precision.
    """
    inside = values[law.states]
    if np.isinf(inside).any():
        return Bound(np.inf, np.inf, np.inf)
    value, low, high = by_law(law, inside)
    if not law.certified:
        return Bound(value, why=law.why)
    return Bound(min(max(value, low), high), low, high).widened(doubt(law, error)).within(0.0, np.inf)


def doubt(law: StationaryDistribution, error: NDArray[np.float64]) -> float:
    """How far an average under a law may be off where values (V**L,) may be off by `error`: an upper bound."""
    inside = error[law.states]
    most = float(inside.max())
    if most == 0 or not law.certified:
        return most
    mean = by_law(law, inside)[2]
    return min(most, mean * (1 + 4 * ROUNDING) + len(inside) * math.ulp(0.0))


def _interval(
    chain: Operator, f: NDArray[np.float64], inside: slice | NDArray[np.int64], good: float
) -> tuple[float, float]:
    """Value iteration until the interval is narrow enough or gets no narrower."""
    h, gain = np.zeros_like(f), np.empty_like(f)
    low, high, before = -np.inf, np.inf, np.inf
    for step in range(max(_STEPS, min(_WORK // (chain.n_states * chain.width), 100 * _STEPS))):
        chain.pull(h, out=gain)
        gain -= h
        gain += f
        if step % _CHECK == _CHECK - 1:
            values = gain[inside]
            size = max(float(np.abs(f[inside]).max()), 2 * float(np.abs(h[inside]).max()))
            slack = (2 * chain.rounding + (chain.width + 24) * ROUNDING) * size
            low = max(low, float(values.min()) - slack)
            high = min(high, float(values.max()) + slack)
            if high - low <= good or (high - low) > 0.999 * before:
                break
            before = high - low
        # Half a step, which no periodic chain can follow for ever.
        gain -= 0.5 * (low + high) if np.isfinite(low + high) else float(gain[inside].mean())
        h += gain if step % 4 else 0.5 * gain
    return low, high
