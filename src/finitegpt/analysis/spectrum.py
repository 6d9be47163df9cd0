"""How fast a chain forgets: eigenvalues, time scales, and the exact distance from where it ends up.

Eigenvalues below one say how slowly the slowest memories fade, not when fading begins: a chain of independent tokens
has no other eigenvalue than 1, and still needs L tokens to forget its first context. The curve of total variation
tells both.

A chain over contexts has eigenvalues of exactly zero in blocks of up to L, and up to log2 of the number of states where
tokens are words, which rounding turns into numbers of size eps**(1/L). Nothing of that size is reported.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finitegpt.analysis.bound import ROUNDING, Bound, Bounds
from finitegpt.analysis.mixing import step_error
from finitegpt.analysis.starts import law_of, start_distribution, token_count
from finitegpt.analysis.stationary import StationaryDistribution
from finitegpt.arguments import choice, is_whole, shown, whole
from finitegpt.errors import InputError, TooLargeError
from finitegpt.exchange.csr import csr
from finitegpt.limits import require_memory
from finitegpt.rows import RowOperator, of_rows
from finitegpt.startup import ContextOperator, of_contexts

Method = Literal["dense", "arnoldi"]

_DENSE = 1024
_WORK, _MEMORY = 2**31, 2**30
LARGEST_EXACT = 4096
"""Beyond this many states the worst start is not looked for."""


@of_rows
def eigenvalues(
    chain: RowOperator, k: int = 6, law: StationaryDistribution | None = None, *, method: Method | None = None
) -> NDArray[np.complex128]:
    """Up to k eigenvalues of a chain with one recurrent class, largest magnitude first, beginning with 1. Uncertified.

    Fewer where others cannot be told from zero or, in large chains, from each other in bounded time. By Arnoldi
    iteration with the eigenvalue 1 taken out; all of them up to 1,024 states. Oldest tokens that no row depends on are
    left out, which changes none but those of zero. `method` is `dense` or `arnoldi`; by default what suits the size.

    >>> from finitegpt import Chain
    >>> eigenvalues(Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1)).real.round(6).tolist()
    [1.0, 0.4]
    """
    if not is_whole(k) or k < 1:
        raise InputError(f"expected at least 1 eigenvalue, got {shown(k)}; try 6")
    k = int(k)
    short = shortened(chain)
    n = short.n_states
    if method is not None:
        choice("method", method, get_args(Method), instead="dense")
    if method == "dense":
        require_memory(32 * n * n, "all eigenvalues", "the method arnoldi")
    if method == "dense" or n < 4 or (method is None and n <= _DENSE):
        values = np.linalg.eigvals(csr(short.probs, short.context_length).toarray())
        values = np.delete(values, int(np.argmin(np.abs(values - 1))))
    else:
        pi = law_of(short if law is None else chain, law).dense()
        values = _arnoldi(short, pi.reshape(-1, n).sum(0), max(1, min(k, n - 2)))
    values = np.concatenate(([1.0], values[np.abs(values) > zero_floor(n)])).astype(np.complex128)
    # Conjugates side by side, the one above the real axis first.
    order = np.lexsort((-values.imag, -values.real.round(9), -np.abs(values).round(9)))
    return values[order][:k]


def shortened(chain: RowOperator) -> RowOperator:
    """The chain without the oldest tokens that make no difference at all, but for the last one."""
    rows, V, L = chain.log_probs, chain.vocab_size, chain.context_length
    while L > 1:
        blocks = rows.reshape(V, -1, V)
        if not (blocks[1:] == blocks[:1]).all():
            break
        rows, L = blocks[0], L - 1
    if len(rows) == chain.n_states:
        return chain
    return replace(chain, log_probs=np.ascontiguousarray(rows), context_length=L, startup=None, counts=None)


def zero_floor(n: int) -> float:
    """Below this, an eigenvalue of n states may be a zero that is rounded: uncertified.

    >>> round(zero_floor(2**10), 3)
    0.054
    """
    return 2 * float(np.finfo(np.float64).eps ** (1 / max(1.0, np.log2(n))))


@of_rows
def spectral_gap(chain: RowOperator, law: StationaryDistribution | None = None) -> Bound:
    """1 - |second eigenvalue|. Uncertified, unless tokens are independent, and it is exactly 1.

    Where no eigenvalue can be told from zero, the least that it then can be.

    >>> from finitegpt import Chain
    >>> spectral_gap(Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1)).value.__round__(6)
    0.6
    """
    short = shortened(chain)
    if short.context_length == 1 and (short.log_probs == short.log_probs[:1]).all():
        return Bound(1.0, 1.0, 1.0)
    values, floor = eigenvalues(chain, 2, law), zero_floor(short.n_states)
    if len(values) > 1:
        return Bound(max(0.0, 1.0 - float(np.abs(values[1]))))
    why = (
        f"no second eigenvalue of {floor:.1g} or more was found, and less cannot be told from zero in so many states; "
        "a shorter context would help"
    )
    return Bound(1.0 - floor, why=why)


@of_rows
def implied_timescales(
    chain: RowOperator, k: int = 5, law: StationaryDistribution | None = None
) -> NDArray[np.float64]:
    """-1 / ln|eigenvalue|, in tokens, of up to k eigenvalues after the first: infinite for periodic chains.

    >>> from finitegpt import Chain
    >>> implied_timescales(Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1)).round(6).tolist()
    [1.091357]
    """
    return timescales(eigenvalues(chain, whole("k", k) + 1, law), chain.n_states)


def timescales(values: NDArray[np.complex128], n_states: int) -> NDArray[np.float64]:
    """The same, of eigenvalues that are known, the first of which is 1."""
    sizes = np.minimum(np.abs(values[1:]), 1.0)
    sizes[sizes > 1 - 4 * ROUNDING * n_states] = 1.0
    with np.errstate(divide="ignore"):
        return np.abs(1 / np.log(sizes))


@of_contexts
def total_variation(
    chain: ContextOperator, tokens: int, start: ArrayLike | None = None, law: StationaryDistribution | None = None
) -> Bounds:
    """The total variation distance (tokens + 1,) between where the chain is after n tokens and its stationary law.

    `start` is a state as text or as its id, or a distribution (V**L,); by default, for each n the worst of all states,
    up to 4,096 of them. Certified where the law is.

    >>> from finitegpt import Chain
    >>> chain = Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1)
    >>> total_variation(chain, 2).values.round(6).tolist()
    [0.833333, 0.333333, 0.133333]
    """
    law = law_of(chain, law)
    pi, n = law.dense(), chain.n_states
    tokens = token_count(tokens)
    require_memory(32 * tokens, "a distance for each token", "fewer tokens")
    curve = np.empty(tokens + 1)
    if start is not None:
        at, new = start_distribution(chain, start), np.empty(n)
        for k in range(tokens + 1):
            curve[k] = 0.5 * float(np.abs(at - pi).sum())
            chain.push(at, out=new)
            at, new = new, at
    else:
        if n > LARGEST_EXACT:
            raise TooLargeError(
                f"expected at most {LARGEST_EXACT:,} states to find the worst start of, got {n:,}; try a start"
            )
        step, all_at = _step_of_all(chain), np.eye(n)
        for k in range(tokens + 1):
            curve[k] = 0.5 * float(np.abs(all_at - pi).sum(1).max())
            if k < tokens:
                all_at = step(all_at)
    if not law.certified:
        return Bounds(curve, np.full(tokens + 1, -np.inf), np.full(tokens + 1, np.inf), why=law.why)
    # Of the law, of each step, and of the sums of the start, the law, and their distance.
    wrong = law.error + np.arange(tokens + 1) * step_error(chain) + 4 * (n + 4) * ROUNDING
    # The distance never rises, so that what is known of one is known of those before it or after it.
    low = np.maximum.accumulate((curve - wrong).clip(0, 1)[::-1])[::-1]
    high = np.minimum.accumulate((curve + wrong).clip(0, 1))
    return Bounds(curve.clip(low, high), low, high)


def _step_of_all(chain: ContextOperator) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """A step of n distributions (n, n) at once."""
    V, n = chain.vocab_size, chain.n_states
    if isinstance(chain, RowOperator):
        arrows = chain.probs.reshape(V, -1, V)  # (start, oldest, suffix) times (oldest, suffix, next)
        return lambda at: np.einsum("sab,aby->sby", at.reshape(n, V, -1), arrows).reshape(n, n)
    graph = chain.graph
    from scipy.sparse import csr_array  # only when it is needed

    matrix = csr_array((graph.probs, graph.to, graph.first), shape=(n, n))
    return lambda at: at @ matrix


def _arnoldi(chain: RowOperator, pi: NDArray[np.float64], k: int) -> NDArray[np.complex128]:
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
