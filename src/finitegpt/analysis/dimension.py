"""How many independent futures a chain has: the dimension of its process.

What a context says of the future is a vector: the probability of every text that may follow. The dimension of what
those vectors span is the number of states that an observable operator model needs (Jaeger 2000; Upper 1997; Ito, Amari
and Kobayashi 1992), at most that of causal states. L tokens of future are as good as all, so that it is the rank of the
matrix of P(next L tokens | context), which is the L-th power of the chain.

Weighted by the roots of how probable contexts are, the singular values of that matrix are the canonical correlations of
past and future (Akaike 1975): the first is 1, and those next to nothing are of futures that hardly matter.

They are computed in double precision and proved afterwards. With U, s and V found for B, however they were found, no
singular value of B is farther from that of s than the norm of B - U s V', U and V being orthogonal but for what
I - U'U and I - V'V say (Weyl 1912; Ostrowski 1959; Rump 2011).
"""

import math

import numpy as np
from numpy.typing import NDArray

from finitegpt import states
from finitegpt.analysis.bound import ROUNDING, Bound, Bounds
from finitegpt.analysis.starts import law_of
from finitegpt.analysis.stationary import StationaryDistribution
from finitegpt.arguments import number
from finitegpt.errors import InputError, TooLargeError
from finitegpt.graph import LEAST as TINIEST
from finitegpt.rows import LEAST, RowOperator, of_rows

LARGEST = 1024
"""Recurrent classes of more states than this are refused."""

Floats = NDArray[np.float64]


@of_rows
def rank(chain: RowOperator, tolerance: float = 1e-9, law: StationaryDistribution | None = None) -> Bound:
    """How many canonical correlations of past and future are above a tolerance: for 0, the dimension of the process.

    A whole number. It is at most the number of states that tell different futures by their rows and arrows as stored,
    bit for bit, and that is proved too. InputError for a tolerance that is not from 0 to 1.

    >>> from finitegpt import Chain
    >>> golden = Chain.from_probs([[0.5, 0.5], [1, 0], [0.5, 0.5], [0.5, 0.5]], "01", 2)
    >>> print(rank(golden, 0))
    2
    """
    tolerance = number("a tolerance", tolerance, instead=1e-9)
    if not 0 <= tolerance < 1:
        raise InputError(f"expected a tolerance from 0 to below 1, got {tolerance}; try 1e-9")
    law = law_of(chain, law)
    found, most = canonical_correlations(chain, law), float(_different(chain, law))
    low = max(1.0, float((found.low > tolerance).sum()))
    high = min(most, float((found.high > tolerance).sum()))
    noise = np.max(found.values - found.low, where=np.isfinite(found.low), initial=1e-13)
    value = float((found.values > max(tolerance, noise)).sum())
    return Bound(min(max(value, low), high), low, high, why=found.why)


@of_rows
def canonical_correlations(chain: RowOperator, law: StationaryDistribution | None = None) -> Bounds:
    """Of past and future (m,), for a recurrent class of m states: the largest first, which is 1.

    Those that a chain does not have are 0 and computed as next to nothing. TooLargeError beyond 1,024 states.

    >>> from finitegpt import Chain
    >>> canonical_correlations(Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1)).values.round(6).tolist()
    [1.0, 0.4]
    """
    law = law_of(chain, law)
    if len(law.states) > LARGEST:
        raise TooLargeError(
            f"expected a class of at most {LARGEST:,} states, got {len(law.states):,}; try a shorter context"
        )
    weighted, off, why = _weighted(chain, law)
    U, s, V = np.linalg.svd(weighted)
    if why:
        low, high = np.full((2, len(s)), np.inf) * [[-1.0], [1.0]]
    else:
        defect, rest = (_defect(U), _defect(V.T)), _difference(weighted, U, s, V) + off
        low = s * math.sqrt(max(0.0, 1 - defect[0]) * max(0.0, 1 - defect[1])) * (1 - 4 * ROUNDING) - rest
        high = s * math.sqrt((1 + defect[0]) * (1 + defect[1])) * (1 + 4 * ROUNDING) + rest
    low[0] = high[0] = s[0] = 1.0
    return Bounds(s.clip(0.0, 1.0), low if why else low.clip(0.0, 1.0), high if why else high.clip(0.0, 1.0), why)


def _weighted(chain: RowOperator, law: StationaryDistribution) -> tuple[Floats, float, str]:
    """The matrix (m, m), how far it may be from what it should be in the Frobenius norm, and why that is not known."""
    from scipy.sparse import csr_array

    ids, V, L, m = law.states, chain.vocab_size, chain.context_length, len(law.states)
    pi, relative = law.probs, law.relative
    if not np.isfinite(relative):
        whole, relative = chain.graph.stationary(law.inside)
        pi = whole[ids]
    source, token = np.nonzero(chain.support[ids])
    place = np.zeros(chain.n_states, np.int64)
    place[ids] = np.arange(m)
    to = place[states.successors(ids, V, L)[source, token]]
    step = csr_array((chain.probs[ids[source], token], (source, to)), shape=(m, m))
    power = np.eye(m)
    for _ in range(L):
        power = power @ step
    with np.errstate(under="ignore"):
        weighted = power * np.sqrt(pi[:, None] / pi[None, :])
    off = L * (chain.rounding + (V + 2) * ROUNDING) + relative + 8 * ROUNDING
    why = "some states are too improbable for double precision; a higher temperature would help"
    lost = m * 1e-150  # below what a double can be, times a root
    return weighted, 1.01 * off * _norm(weighted) + lost, why if not pi.min() > TINIEST else ""


def _different(chain: RowOperator, law: StationaryDistribution) -> int:
    """How many states of a class are told apart by their rows and arrows, or where those lead (Moore 1956)."""
    ids = law.states
    rows = np.where(chain.support[ids], chain.log_probs[ids], -np.inf)
    place = np.full(chain.n_states, -1, np.int64)
    place[ids] = np.arange(len(ids))
    goals = place[states.successors(ids, chain.vocab_size, chain.context_length)]
    there = rows >= LEAST
    keys: NDArray[np.generic] = rows
    many = 0
    while True:
        _, block = np.unique(keys, axis=0, return_inverse=True)
        block = block.reshape(-1)
        before, many = many, int(block.max()) + 1
        if many == before:
            return many
        keys = np.column_stack((block, np.where(there, block[goals], -1)))


def _defect(U: Floats) -> float:
    """At least the norm of I - U'U."""
    n, size = len(U), np.abs(U)
    return 1.01 * (_norm(np.eye(n) - U.T @ U) + (n + 4) * ROUNDING * _norm(size.T @ size))


def _difference(B: Floats, U: Floats, s: Floats, V: Floats) -> float:
    """At least the norm of B - U s V."""
    size = (np.abs(U) * s) @ np.abs(V) + np.abs(B)
    return 1.01 * (_norm(B - (U * s) @ V) + (len(B) + 4) * ROUNDING * _norm(size))


def _norm(A: Floats) -> float:
    """Frobenius."""
    return float(np.sqrt(np.square(A).sum()))
