"""What a long-run average owes to each arrow: its derivatives by the logits of the next token, and a condition number.

For a chain P, a function f with average a = pi f, and a solution h of Poisson's equation h = f - a + P h, any other
chain P' on the same states with a stationary distribution pi' has exactly

    pi' f - a = pi' (P' - P) h

(Schweitzer 1968). So the derivative by the logit l of token y after state s, with p = softmax(l), is
pi_s p(y|s) (h(next) - sum over y' of p(y'|s) h(next')), and no change of rows by at most d each, as the sum of absolute
differences, moves the average by more than d (max h - min h) / 2.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finitegpt.analysis.bound import ROUNDING, Bound, Bounds
from finitegpt.analysis.deviation import Poisson, solve_poisson
from finitegpt.analysis.stationary import StationaryDistribution
from finitegpt.analysis.sums import SURE, finite_function
from finitegpt.errors import InputError
from finitegpt.graph import LEAST
from finitegpt.rows import RowOperator, of_rows

Table = NDArray[np.float64]

_PLACES = 8
_NARROW = 1e-9


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """How the long-run average of a function answers to changes of rows."""

    values: Table
    """Its derivative by each logit (V**L, V): by the log-probability of each token after each state, where the row is
    normalised again. Each row sums to 0."""
    low: Table
    high: Table
    """Between what each is proved to lie (V**L, V)."""
    average: Bound
    """The average itself."""
    condition: Bound
    """The average changes by at most so many times what any row does, as its sum of absolute differences."""
    why: str = ""
    """Where nothing is proved, why, and what would help."""

    @property
    def error(self) -> float:
        """How far any of the values can be from the truth."""
        return Bounds(self.values, self.low, self.high).error

    def at(self, state: int, token: int) -> Bound:
        """The derivative by one logit."""
        if not (0 <= state < len(self.values) and 0 <= token < self.values.shape[1]):
            raise InputError(f"expected a state and a token of {self.values.shape}, got {state}, {token}; try 0, 0")
        values = (float(x[state, token]) for x in (self.values, self.low, self.high))
        return Bound(*values, why=self.why)

    def top(self, k: int = 10) -> list[tuple[int, int, Bound]]:
        """The k arrows, as state and token, whose logits do most to the average, the strongest first."""
        order = np.argsort(-np.abs(self.values), axis=None, kind="stable")[: max(k, 0)]
        places = zip(*np.unravel_index(order, self.values.shape), strict=True)
        return [(int(state), int(token), self.at(int(state), int(token))) for state, token in places]


@of_rows
def sensitivity(chain: RowOperator, function: ArrayLike, law: StationaryDistribution | None = None) -> Sensitivity:
    """The derivatives (V**L, V) of the long-run average of a function (V**L,) by the logits of the next token.

    The function stays as it is: of one that depends on the rows, such as their entropy, the derivative of pi alone. By
    the probability p itself, if the others of its row give way in proportion, it is these divided by p (1 - p). The
    chain must have one recurrent class. PyDTMC's `sensitivity` of a state is S = pi_s h(next) for the function that is
    1 there, and these are p (S - sum over y of p S).

    >>> from finitegpt import Chain
    >>> found = sensitivity(Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1), [0, 1])
    >>> found.values.round(6).tolist(), found.condition.value.__round__(6)
    ([[-0.125, 0.125], [-0.069444, 0.069444]], 0.833333)
    """
    f = finite_function(chain, function)
    poisson = solve_poisson(chain, f, law)
    h = poisson.h
    values, low, high = _derivatives(chain, poisson)
    for _ in range(_PLACES):
        wide = np.where(high - low > _NARROW * max(float(np.abs(values).max()), LEAST), high - low, 0.0).max(1)
        # Where the chain hardly ever leaves some states, h there is narrow as seen from one of these.
        if chain.n_states > SURE or not wide[poisson.law.states].any():
            break
        worst = poisson.law.states[np.where(wide[poisson.law.states] > 0, poisson.law.probs, 0.0).argmax()]
        other, least, most = _derivatives(chain, solve_poisson(chain, f, poisson.law, int(worst)))
        if not (most - least < high - low).any():
            break
        values = np.where(most - least < high - low, other, values)
        low, high = np.maximum(low, least), np.minimum(high, most)
    low, high = np.minimum(low, high), np.maximum(low, high)
    with np.errstate(invalid="ignore"):
        apart = float(h.high.max() - h.low.min()), max(0.0, float(h.low.max() - h.high.min()))
    condition = Bound(_half(h.values), np.nextafter(apart[1] / 2, 0.0), np.nextafter(apart[0] / 2, np.inf), why=h.why)
    return Sensitivity(values.clip(low, high), low, high, poisson.average, condition, h.why)


def _derivatives(chain: RowOperator, poisson: Poisson) -> tuple[Table, Table, Table]:
    """Values, and between what they lie, by one solution."""
    h, pi, n, V = poisson.h, poisson.law.each(), chain.n_states, chain.vocab_size
    p, after = chain.probs, _after(h.values, n, V)
    with np.errstate(invalid="ignore", over="ignore"):
        doubt = _after(np.maximum(h.high - h.values, h.values - h.low) * (1 + 2 * ROUNDING), n, V)
        rounded = chain.rounding + (V + 16) * ROUNDING
        # h at y less its mean is the mean of h at y less h at each other: little where y is nearly certain.
        besides = 1 - np.eye(V)
        others = p @ besides
        apart = after * others - (p * after) @ besides
        off = doubt * others + (p * np.where(p > 0, doubt, 0.0)) @ besides
        off += rounded * (off + np.abs(after) * others + (p * np.abs(after)) @ besides)
        share, least, most = (x[:, None] * p for x in (pi.values, pi.low * (1 - rounded), pi.high * (1 + rounded)))
        least, most = np.where(least <= LEAST, 0.0, least), np.maximum(most, LEAST)  # what double precision loses
        ends = apart - off, apart + off
        low = np.where(ends[0] < 0, most, least) * ends[0]
        high = np.where(ends[1] > 0, most, least) * ends[1]
        values = np.nan_to_num(share * apart)
    low, high = np.nextafter(low, -np.inf), np.nextafter(high, np.inf)
    low, high = np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)
    # An arrow that is not there, or a state's only one, or of a state that does not come back.
    there = chain.support
    never = ~there | (there.sum(1, keepdims=True) == 1) | ~poisson.law.inside[:, None]
    values, low, high = (np.where(never, 0.0, x) for x in (values, low, high))
    return values, low, high


def _after(values: NDArray[np.float64], n: int, V: int) -> Table:
    """A function (n,) at the states (n, V) that tokens lead to."""
    return np.tile(values.reshape(-1, V), (V, 1)).reshape(n, V)


def _half(values: NDArray[np.float64]) -> float:
    return 0.5 * float(values.max() - values.min())
