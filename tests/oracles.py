"""Random chains of every kind for Hypothesis, and naive exact answers about them, in decimals of 50 digits.

Nothing here is subtracted where it could cancel, and decimals do not underflow, so these are right also where chains
are nearly decomposable or probabilities are as small as 1e-300.
"""

import decimal
from decimal import Decimal

import numpy as np
from hypothesis import strategies as st

from finitegpt import Chain, states
from finitegpt.analysis import Bounds
from finitegpt.decoding import greedy, temperature, top_k, top_p
from finitegpt.rows import LEAST

decimal.setcontext(decimal.Context(prec=50, Emin=-(10**9), Emax=10**9))

SYMBOLS = "abcdefghijklmnopqrstuvwxyz0123456789"
LARGEST = {2: 5, 3: 3, 4: 2, 5: 2}
IRREDUCIBLE = ("dense", "sharp", "copy")
KINDS = (*IRREDUCIBLE, "underflowing", "top_k", "top_p", "greedy", "periodic", "sparse", "matrix")


def from_logits(logits: np.ndarray, L: int = 1, dtype: type = np.float32) -> Chain:
    """The chain of any logits (V**L, V), which are normalised; -inf is no arrow."""
    logits = np.asarray(logits, np.float64)
    top = logits.max(1, keepdims=True)
    rows = logits - top - np.log(np.exp(logits - top).sum(1, keepdims=True))
    V = logits.shape[1]
    return Chain(log_probs=rows.astype(dtype), vocab=tuple(SYMBOLS[:V]), context_length=L)


def random_chain(kind: str, V: int, L: int, seed: int) -> Chain:
    """Of rows in float32 or, where the seed is odd, in float64."""
    rng, dtype = np.random.default_rng(seed), (np.float32, np.float64)[seed % 2]
    if kind in ("sparse", "matrix"):  # any Markov chain on V states is one with contexts of one token
        V, L = (V, L) if kind == "sparse" else (int(rng.integers(1, 9)), 1)
        n = V**L
        logits = rng.normal(size=(n, V)) * rng.choice([0.0, 1.0, 5.0])
        holes = rng.random((n, V)) < rng.choice([0.2, 0.5, 0.8])
        holes[np.arange(n), rng.integers(0, V, n)] = False
        return from_logits(np.where(holes, -np.inf, logits), L, dtype)
    n = V**L
    contexts = states.contexts(np.arange(n), V, L)
    logits = rng.normal(size=(n, V))
    if kind == "copy":  # says again what it said L tokens ago, and seldom anything else
        return from_logits(0.3 * logits + rng.uniform(4, 40) * np.eye(V)[contexts[:, 0]], L, dtype)
    if kind == "periodic":  # tokens of one kind follow those of another in turn
        d = int(rng.integers(2, V + 1))
        allowed = (np.arange(V) - contexts[:, -1:] - 1) % d == 0
        return from_logits(np.where(allowed, logits, -np.inf), L, dtype)
    chain = from_logits(2 * logits, L, dtype)
    if kind == "sharp":
        return temperature(chain, float(rng.choice([0.3, 0.1, 0.04])))
    if kind == "underflowing":
        return temperature(chain, float(10 ** rng.uniform(-4, -1.5)))
    if kind == "top_k":
        return top_k(chain, int(rng.integers(1, V + 1)))
    if kind == "top_p":
        return top_p(chain, float(rng.uniform(0.3, 1)))
    return greedy(chain) if kind == "greedy" else chain


@st.composite
def chains(draw: st.DrawFn, kinds: tuple[str, ...] = KINDS, longest: dict[int, int] = LARGEST) -> Chain:
    """Chains of at most 32 states."""
    V = draw(st.sampled_from(list(longest)))
    L = draw(st.integers(1, longest[V]))
    return random_chain(draw(st.sampled_from(kinds)), V, L, draw(st.integers(0, 2**32 - 1)))


def some_states(chain: Chain, seed: int) -> np.ndarray:
    """A mask (n,) of few states or many, of one at least."""
    rng = np.random.default_rng(seed)
    mask = rng.random(chain.n_states) < rng.choice([0.1, 0.4])
    mask[rng.integers(chain.n_states)] = True
    return mask


def decimals(values: np.ndarray) -> np.ndarray:
    return np.array([Decimal(float(x)) for x in np.ravel(values)], object).reshape(np.shape(values))


def exact_rows(log_probs: np.ndarray) -> np.ndarray:
    """Next-token probabilities (n, V) of log-probabilities, which are what they are."""
    rows = [[Decimal(float(x)).exp() if x >= LEAST else Decimal(0) for x in row] for row in log_probs]
    return np.array([[x / sum(row) for x in row] for row in rows], object)


def exact_matrix(chain: Chain) -> np.ndarray:
    """The transition matrix (n, n), by its definition."""
    n, V = chain.n_states, chain.vocab_size
    P = np.full((n, n), Decimal(0), object)
    for state, row in enumerate(exact_rows(chain.log_probs)):
        for token, p in enumerate(row):
            P[state, state * V % n + token] += p
    return P


def exact_law(P: np.ndarray) -> np.ndarray:
    """The stationary law (n,) of an irreducible matrix: the last state is left out again and again (GTH)."""
    A, n = P.copy(), len(P)
    pi = np.full(n, Decimal(1), object)
    for k in range(n - 1, 0, -1):
        A[:k, k] /= A[k, :k].sum()
        A[:k, :k] += np.outer(A[:k, k], A[k, :k])
    for k in range(1, n):
        pi[k] = pi[:k] @ A[:k, k]
    return pi / pi.sum()


def exact_classes(P: np.ndarray) -> list[np.ndarray]:
    """The recurrent classes of a matrix, as ids."""
    reach = (P > 0) | np.eye(len(P), dtype=bool)
    for k in range(len(P)):
        reach |= reach[:, k : k + 1] & reach[k]
    recurrent = [i for i in range(len(P)) if reach[reach[i], i].all()]
    return [np.flatnonzero(reach[i]) for i in recurrent if i == np.flatnonzero(reach[i])[0]]


def exact_averages(P: np.ndarray, f: np.ndarray, inside: np.ndarray | None = None) -> list[Decimal]:
    """The average of a function under the stationary law of each recurrent class, or of those inside some states."""
    classes = [ids for ids in exact_classes(P) if inside is None or inside[ids].all()]
    return [sum(exact_law(P[np.ix_(ids, ids)]) * f[ids], Decimal(0)) for ids in classes]


def exact_dense_law(chain: Chain, members: np.ndarray) -> np.ndarray:
    """The stationary law (V**L,) of one recurrent class."""
    pi = np.full(chain.n_states, Decimal(0), object)
    pi[members] = exact_law(exact_matrix(chain)[np.ix_(members, members)])
    return pi


def exact_passage(P: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """From each state, the probability (n,) of ever reaching the target, and the mean time (n,), infinite if unsure."""
    n = len(P)
    A, lasting, time = P.copy(), np.full(n, Decimal(1), object), np.full(n, Decimal(0), object)
    left, order = list(range(n)), [int(k) for k in np.flatnonzero(~target)]
    for k in order:  # leaves out k: who goes there goes on at once to where it leads
        left.remove(k)
        out = sum((A[k, j] for j in left), Decimal(0))
        if out == 0:  # stays for ever
            time[k] = Decimal("Infinity")
            left.append(k)
            continue
        A[k, left] /= out
        lasting[k] /= out
        for i in left:
            if A[i, k] > 0:
                lasting[i] += A[i, k] * lasting[k]
                A[i, left] += A[i, k] * A[k, left]
    hit = np.array([Decimal(int(x)) for x in target], object)
    for k in reversed(order):
        if k not in left:
            ahead = [j for j in left if A[k, j] > 0]
            hit[k] = sum((A[k, j] * hit[j] for j in ahead), Decimal(0))
            time[k] = lasting[k] + sum((A[k, j] * time[j] for j in ahead), Decimal(0))
            left.append(k)
    return hit, time


def assert_inside(truth: np.ndarray, bounds: Bounds) -> None:
    """Each interval holds its value and the truth, but for the rounding of the latter and what is below 1e-300."""
    assert (bounds.low <= bounds.values).all()
    assert (bounds.values <= bounds.high).all()
    for low, exact, high in zip(bounds.low, truth, bounds.high, strict=True):
        room = abs(exact) * Decimal("1e-40") + Decimal("1e-300") if exact.is_finite() else Decimal(0)
        assert Decimal(float(low)) <= exact + room, (low, exact)
        assert exact - room <= Decimal(float(high)), (exact, high)


def exact_entropy(p: np.ndarray) -> Decimal:
    """In nats. 1 - q keeps no digits of a small q, so the logarithm of the nearly sure is a series of the rest."""
    *others, top = sorted(np.ravel(p))
    q = sum(others, Decimal(0))
    sure = -top.ln() if q > Decimal("1e-15") else q + q**2 / 2 + q**3 / 3
    return top * sure - sum((x * x.ln() for x in others if x > 0), Decimal(0))


def is_above_radius(Q: np.ndarray, level: Decimal) -> bool:
    """Whether a level is above the spectral radius of Q >= 0: whether level - Q is an M-matrix, all pivots positive."""
    A = -Q
    A[np.diag_indices(len(A))] += level
    for k in range(len(A)):
        if A[k, k] <= 0:
            return False
        A[k + 1 :, k + 1 :] -= np.outer(A[k + 1 :, k] / A[k, k], A[k, k + 1 :])
    return True
