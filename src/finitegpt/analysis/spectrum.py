"""How fast a chain forgets: eigenvalues, time scales, and the exact distance from where it ends up.

Eigenvalues below one say how slowly the slowest memories fade, not when fading begins: a chain of independent tokens
has no other eigenvalue than 1, and still needs L tokens to forget its first context. The curve of total variation
tells both.

A chain over contexts has eigenvalues of exactly zero in blocks of up to L, and up to log2 of the number of states where
tokens are words, which rounding turns into numbers of size eps**(1/L). Nothing of that size is reported.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finitegpt.analysis.bound import ROUNDING, Bound
from finitegpt.analysis.classes import period
from finitegpt.analysis.starts import law_of, start_distribution, token_count
from finitegpt.analysis.stationary import StationaryDistribution
from finitegpt.chain import Chain
from finitegpt.errors import InputError, TooLargeError

_DENSE = 1024
_WORK, _MEMORY = 2**31, 2**30
LARGEST_EXACT = 4096
"""Beyond this many states the worst start is not looked for."""


def eigenvalues(chain: Chain, k: int = 6, law: StationaryDistribution | None = None) -> NDArray[np.complex128]:
    """Up to k eigenvalues of a chain with one recurrent class, largest magnitude first, beginning with 1. Uncertified.

    Fewer where others cannot be told from zero or, in large chains, from each other in bounded time. By Arnoldi
    iteration with the eigenvalue 1 taken out; all of them up to 1,024 states.

    >>> eigenvalues(Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1)).real.round(6).tolist()
    [1.0, 0.4]
    """
    if k < 1:
        raise InputError(f"expected at least 1 eigenvalue, got {k}; try 6")
    n = chain.n_states
    if n <= _DENSE:
        values = np.linalg.eigvals(chain.to_csr().toarray())
        values = np.delete(values, int(np.argmin(np.abs(values - 1))))
    else:
        values = _arnoldi(chain, law_of(chain, law).dense(), max(1, min(k, n - 2)))
    floor = np.finfo(np.float64).eps ** (1 / max(1.0, np.log2(n)))
    values = np.concatenate(([1.0], values[np.abs(values) > 2 * floor])).astype(np.complex128)
    # Conjugates side by side, the one above the real axis first.
    order = np.lexsort((-values.imag, -values.real.round(9), -np.abs(values).round(9)))
    return values[order][:k]


def spectral_gap(chain: Chain, law: StationaryDistribution | None = None) -> Bound:
    """1 - |second eigenvalue|; 1 where all others are zero. Uncertified.

    >>> spectral_gap(Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1)).value.__round__(6)
    0.6
    """
    values = eigenvalues(chain, 2, law)
    return Bound(1.0 - float(np.abs(values[1])) if len(values) > 1 else 1.0)


def implied_timescales(chain: Chain, k: int = 5, law: StationaryDistribution | None = None) -> NDArray[np.float64]:
    """-1 / ln|eigenvalue|, in tokens, of up to k eigenvalues after the first: infinite for periodic chains.

    >>> implied_timescales(Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1)).round(6).tolist()
    [1.091357]
    """
    sizes = np.minimum(np.abs(eigenvalues(chain, k + 1, law)[1:]), 1.0)
    sizes[sizes > 1 - 4 * ROUNDING * chain.n_states] = 1.0
    with np.errstate(divide="ignore"):
        return np.abs(1 / np.log(sizes))


def total_variation(
    chain: Chain, tokens: int, start: ArrayLike | None = None, law: StationaryDistribution | None = None
) -> NDArray[np.float64]:
    """The total variation distance (tokens + 1,) between where the chain is after n tokens and its stationary law.

    `start` is a state's id or a distribution (V**L,); by default, for each n the worst of all states, up to 4,096 of
    them. As exact as the law.

    >>> chain = Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1)
    >>> total_variation(chain, 2).round(6).tolist()
    [0.833333, 0.333333, 0.133333]
    """
    law = law_of(chain, law)
    pi, n = law.dense(), chain.n_states
    tokens = token_count(tokens)
    if start is not None:
        at = start_distribution(chain, start)
        curve = [0.5 * float(np.abs(at - pi).sum())]
        for _ in range(tokens):
            at = chain.push(at)
            curve.append(0.5 * float(np.abs(at - pi).sum()))
        return np.array(curve)
    if n > LARGEST_EXACT:
        raise TooLargeError(
            f"expected at most {LARGEST_EXACT:,} states to find the worst start of, got {n:,}; try a start"
        )
    V = chain.vocab_size
    arrows, all_at = chain.probs.reshape(V, -1, V), np.eye(n)
    curve = [float(1 - pi.min())]
    for _ in range(tokens):
        # (start, oldest, suffix) times (oldest, suffix, next)
        all_at = np.einsum("sab,aby->sby", all_at.reshape(n, V, -1), arrows).reshape(n, n)
        curve.append(0.5 * float(np.abs(all_at - pi).sum(1).max()))
    return np.array(curve)


def mixing_time(chain: Chain, epsilon: float = 0.25, law: StationaryDistribution | None = None) -> Bound:
    """Tokens until, from any start, the chain is within `epsilon` of its stationary law in total variation.

    Exact up to 1,024 states. Beyond, between what the worst of a few starts shows and what the coupling of
    `stationary` allows: a wide interval, but a true one. Infinite for periodic chains. Levin and Peres (2017), 4.5.

    >>> mixing_time(Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1)).value
    2.0
    """
    if not 0 < epsilon < 1:
        raise InputError(f"expected an epsilon between 0 and 1, got {epsilon}; try 0.25")
    law = law_of(chain, law)
    d = period(chain, law.states)
    if d > 1 and epsilon < 1 - 1 / d:  # it goes round for ever, that far away
        return Bound(np.inf, np.inf, np.inf)
    if chain.n_states <= _DENSE and law.certified:
        low, high = (_exact_mixing(chain, law, epsilon, sign) for sign in (1, -1))
        return Bound(low, low, high)
    L, beta = chain.overlap()
    high = L * np.ceil(np.log(epsilon) / np.log1p(-beta)) if 0 < beta < 1 else (L if beta >= 1 else np.inf)
    seen = 0
    if law.certified:
        pi = law.dense()
        for start in (int(pi.argmax()), int(pi.argmin()), 0, chain.n_states - 1):
            curve = total_variation(chain, min(8 * L, 400), start, law) - law.error
            seen = max(seen, int(np.flatnonzero(curve > epsilon).max(initial=-1)) + 1)
    return Bound(float(min(seen, high)), float(min(seen, high)), float(high))


def _exact_mixing(chain: Chain, law: StationaryDistribution, epsilon: float, sign: int) -> float:
    """The least n whose worst distance is at most epsilon, more (sign 1) or less (-1) all that may be wrong with it.

    Powers of two first, then the bits below. Each squaring doubles the error, so that of n steps grows with n.
    """
    matrix, pi, n = chain.to_csr().toarray(), law.dense(), chain.n_states

    def far(power: NDArray[np.float64], steps: int) -> bool:
        wrong = law.error + 4 * (steps + 1) * n * ROUNDING
        return bool(0.5 * np.abs(power - pi).sum(1).max() > epsilon + sign * wrong)

    if not far(np.eye(n), 0):
        return 0.0
    powers = [matrix]
    while far(powers[-1], 2 ** (len(powers) - 1)):
        if len(powers) > 48:
            return 2.0**48 if sign > 0 else np.inf
        powers.append(powers[-1] @ powers[-1])
    steps, at = 0, np.eye(n)
    for k in range(len(powers) - 2, -1, -1):
        ahead = at @ powers[k]
        if far(ahead, steps + 2**k):
            steps, at = steps + 2**k, ahead
    return float(steps + 1)


def _arnoldi(chain: Chain, pi: NDArray[np.float64], k: int) -> NDArray[np.complex128]:
    from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigs

    def apply(f: NDArray[np.float64]) -> NDArray[np.float64]:
        return chain.pull(f.real.reshape(-1)) - float(pi @ f.real.reshape(-1))

    n = chain.n_states
    operator = LinearOperator((n, n), matvec=apply, dtype=np.float64)  # type: ignore[call-arg]
    basis = int(np.clip(_MEMORY // (8 * n), 2 * k + 2, max(4 * k, 48)))
    first = np.random.default_rng(0).standard_normal(n)
    for _ in range(chain.context_length):  # L steps take out all that belongs to the eigenvalue zero
        first = apply(first)
    if float(np.abs(first).max()) < 1e-12:
        return np.zeros(0, np.complex128)  # nothing else is there: tokens are independent
    restarts = int(np.clip(_WORK // (n * basis**2), 4 if n <= 2**22 else 1, 300))
    try:
        values = eigs(operator, k=k, v0=first, tol=1e-7, maxiter=restarts, ncv=basis, return_eigenvectors=False)  # type: ignore[arg-type]
    except ArpackNoConvergence as stopped:
        values = stopped.eigenvalues
    return np.asarray(values, np.complex128)
