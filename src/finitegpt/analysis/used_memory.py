"""How many tokens of memory a chain really uses.

h_k is the entropy of the next token given the last k, under the chain's own stationary law: h_0 that of single tokens,
h_L the entropy rate. It never rises with k, and once it stops falling, older tokens say nothing more.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finitegpt import markup, words
from finitegpt.analysis.bound import ROUNDING, Bound
from finitegpt.analysis.entropy import average, entropy_rounding
from finitegpt.analysis.starts import law_of
from finitegpt.analysis.stationary import StationaryDistribution
from finitegpt.arguments import number, whole
from finitegpt.errors import InputError
from finitegpt.graph import LEAST as TINIEST
from finitegpt.rows import LEAST, RowOperator, of_rows

_RARE = -640.0  # natural logarithm of a probability whose products with a rounding double precision still holds


@dataclass(frozen=True, eq=False, repr=False)
class Memory:
    """The memory curve of a chain."""

    h: NDArray[np.float64]
    """h_0 .. h_L, (L+1,), in nats."""
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    """Between what each is proved to lie (L+1,); from 0 to infinity where nothing is proved."""
    why: str = ""
    """Where nothing is proved, why."""

    @property
    def error(self) -> float:
        """No h_k is farther from the truth than this; infinite where that is not proved."""
        return float(np.maximum(self.high - self.h, self.h - self.low).max())

    def tokens(self, tolerance: float = 1e-3) -> int:
        """The least k whose h_k is within `tolerance` nats of h_L: how many tokens the chain uses.

        >>> h = np.array([0.69, 0.51, 0.5, 0.5])
        >>> Memory(h, h, h).tokens()
        2
        """
        tolerance = number("a tolerance", tolerance, instead=1e-3)
        if not tolerance >= 0:
            raise InputError(f"expected a tolerance of 0 or more, got {tolerance}; try 0.001")
        return int(np.argmax(self.h <= self.h[-1] + tolerance))

    def at(self, k: int) -> Bound:
        """h_k with its certificate."""
        k = whole("k", k, 0, len(self.h) - 1)
        value, low, high = float(self.h[k]), float(self.low[k]), float(self.high[k])
        return Bound(value, low, high) if np.isfinite(high) else Bound(value, why=self.why)

    def __len__(self) -> int:
        return len(self.h)

    def __getitem__(self, k: int) -> Bound:
        return self.at(k)

    def __iter__(self) -> Iterator[Bound]:
        return (self.at(k) for k in range(len(self)))

    def __repr__(self) -> str:
        L = len(self) - 1
        curve = f"h_0 {self.at(0)} to h_{L} {self.at(L)} nats"
        return f"Memory({curve}; {words.count(self.tokens(), 'token')} of {L} used)"

    def _repr_html_(self) -> str:
        """A table for notebooks."""
        rows = ((f"{k}", str(bound)) for k, bound in enumerate(self))
        return markup.table("entropy of a token given the k before it", ("k", "nats"), rows, total=len(self))


@of_rows
def memory(chain: RowOperator, law: StationaryDistribution | None = None) -> Memory:
    """h_k for k from 0 to L under a stationary law, by default the chain's only one.

    What is proved follows from the law. Where its probabilities are right relatively, within r, so are those of the
    last k tokens and the next, and so is their entropy, however small: see `conditional_entropy`. Where it is e from
    the truth in total variation, entropies given a variable differ by at most e ln V + (1 + e) H(e / (1 + e)) (Alicki
    and Fannes 2004, Winter 2016).

    >>> from finitegpt import Chain
    >>> memory(Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1)).h.round(4).tolist()
    [0.4506, 0.3864]
    """
    law = law_of(chain, law)
    V, L, pi = chain.vocab_size, chain.context_length, law.dense()
    last = average(chain, chain.row_entropy(), law, rounding=entropy_rounding(chain))
    h, bounds = [last.value], [(last.low, last.high)]
    rounded = entropy_slack(chain.n_states, V)
    steps = chain.rounding + (L + 1) * (V + 2) * ROUNDING
    relative, apart = law.relative + steps, continuity(law.error + steps + 1e-15, V)
    lost = lost_below(chain, law)
    # The law of the last k tokens and the next, for k = L - 1 at first: without the oldest token.
    joint = chain.push(pi).reshape(-1, V)  # a step of the chain is exactly this sum
    while True:
        value = conditional_entropy(joint)
        off = min(apart, relative * value) + rounded * value + lost
        h.append(value)
        bounds.append((value - off, value + off))
        if len(joint) == 1:
            break
        joint = joint.reshape(V, -1, V).sum(0)
    found = np.array(h[::-1])
    low, high = np.array(bounds[::-1]).T
    # h_k never rises with k, so one that is known says something of the others.
    low, high = np.maximum.accumulate(low[::-1])[::-1], np.minimum.accumulate(high)
    low = np.minimum(np.maximum(low, 0.0), found)
    return Memory(found, low, np.maximum(high, found), law.why)


def conditional_entropy(joint: NDArray[np.float64]) -> float:
    """Entropy in nats of the column given the row, for a joint distribution (n, V), right to `entropy_slack` of itself.

    As a function of any numbers from 0 on, the sum of J ln(J's row / J) is concave, and twice as much for twice the
    numbers. So it never falls where a number rises: where none is off by more than a share r of itself, the entropy
    is not either.

    >>> round(conditional_entropy(np.array([[0.25, 0.25], [0.5, 0.0]])), 6)
    0.346574
    """
    rows, top = joint.sum(1, keepdims=True), joint.max(1, keepdims=True)
    others = joint.copy()
    others[np.arange(len(joint)), joint.argmax(1)] = 0.0
    with np.errstate(under="ignore"):
        ratio = np.divide(others, rows, out=np.zeros_like(others), where=rows > 0)  # at most a half
        terms = others * -np.log(ratio, out=np.zeros_like(ratio), where=ratio > 0)
        # Of the most probable, ln(1 + what the others are to it): small without a subtraction.
        rest = np.divide(others.sum(1, keepdims=True), top, out=np.zeros_like(top), where=top > 0)
        return float((terms.sum(1) + (top * np.log1p(rest))[:, 0]).sum())


def entropy_slack(n: int, V: int) -> float:
    """The relative error of `conditional_entropy` for n rows of V: of sums, those of rows in halves, and logarithms."""
    return (64 + 4 * V + 2 * float(np.log2(n))) * ROUNDING


def continuity(e: float, V: int) -> float:
    """How far entropies of one of V tokens, given anything, can be apart for distributions that are e apart."""
    if not e < 1:
        return np.inf
    if e == 0:
        return 0.0
    x = e / (1 + e)
    binary = -x * np.log(x) - (1 - x) * np.log1p(-x)
    return float(e * np.log(V) + (1 + e) * binary)


def lost_below(chain: RowOperator, law: StationaryDistribution) -> float:
    """How much entropy is in words that are too improbable for double precision: 0 where there are none."""
    rows = chain.log_probs[law.states]
    rarest = float(np.min(rows, where=rows >= LEAST, initial=0.0)) + float(np.log(max(float(law.probs.min()), TINIEST)))
    return 0.0 if rarest > _RARE else chain.n_states * chain.vocab_size * 1e-285
