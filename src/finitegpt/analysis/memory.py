"""How many tokens of memory a chain really uses.

h_k is the entropy of the next token given the last k, under the chain's own stationary law: h_0 that of single tokens,
h_L the entropy rate. It never rises with k, and once it stops falling, older tokens say nothing more.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finitegpt.analysis.bound import ROUNDING, Bound
from finitegpt.analysis.starts import law_of
from finitegpt.analysis.stationary import StationaryDistribution
from finitegpt.chain import Chain


@dataclass(frozen=True, eq=False)
class Memory:
    """The memory curve of a chain."""

    h: NDArray[np.float64]
    """h_0 .. h_L, (L+1,), in nats."""
    error: float
    """No h_k is farther from the truth than this; infinite where that is not proved."""

    def tokens(self, tolerance: float = 1e-3) -> int:
        """The least k whose h_k is within `tolerance` nats of h_L: how many tokens the chain uses.

        >>> Memory(np.array([0.69, 0.51, 0.5, 0.5]), 0.0).tokens()
        2
        """
        return int(np.argmax(self.h <= self.h[-1] + tolerance))

    def at(self, k: int) -> Bound:
        """h_k with its certificate."""
        value = float(self.h[k])
        return Bound.around(value, self.error).within(0.0, np.inf) if np.isfinite(self.error) else Bound(value)


def memory(chain: Chain, law: StationaryDistribution | None = None) -> Memory:
    """h_k for k from 0 to L under a stationary law, by default the chain's only one.

    The error follows from that of the law: entropies given a variable differ by at most
    e ln V + (1 + e) H(e / (1 + e)) where laws are e apart in total variation (Alicki and Fannes 2004, Winter 2016).

    >>> memory(Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1)).h.round(4).tolist()
    [0.4506, 0.3864]
    """
    law = law_of(chain, law)
    V, pi = chain.vocab_size, law.dense()
    h = [float(pi @ chain.row_entropy())]
    # The law of the last k tokens and the next, for k = L - 1 at first: without the oldest token.
    joint = chain.push(pi).reshape(-1, V)  # a step of the chain is exactly this sum
    while True:
        h.append(conditional_entropy(joint))
        if len(joint) == 1:
            break
        joint = joint.reshape(V, -1, V).sum(0)
    return Memory(np.array(h[::-1]), _continuity(law.error + 1e-15, V) + 64 * ROUNDING * np.log(V))


def conditional_entropy(joint: NDArray[np.float64]) -> float:
    """Entropy in nats of the column given the row, for a joint distribution (n, V)."""
    rows = joint.sum(1, keepdims=True)
    ratio = np.divide(joint, rows, out=np.ones_like(joint), where=joint > 0)
    return max(0.0, -float((joint * np.log(ratio)).sum()))


def _continuity(e: float, V: int) -> float:
    if not e < 1:
        return np.inf
    x = e / (1 + e)
    binary = -x * np.log(x) - (1 - x) * np.log1p(-x)
    return float(e * np.log(V) + (1 + e) * binary)
