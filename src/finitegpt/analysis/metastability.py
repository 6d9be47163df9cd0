"""Sets of states that a chain stays in for long, found by its slowest processes: Perron cluster analysis (PCCA+).

The k right eigenvectors of the eigenvalues nearest 1 hardly change within a set in which the chain stays for long. As
points in k - 1 dimensions, states lie near a simplex whose corners are the sets; how near to each corner says how much
a state belongs to each set (Deuflhard and Weber 2005, "Robust Perron cluster analysis in conformation dynamics";
Röblitz and Weber 2013, "Fuzzy spectral clustering by PCCA+"). Where a chain is not reversible, as a GPT's is not, real
and imaginary parts span what is needed (Reuter, Fackeldey and Weber 2019, "Generalized Markov modeling of nonreversible
molecular kinetics").

Which sets are found depends on numbers that nobody proves. What is said of the sets found is proved.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finitegpt import words
from finitegpt.analysis.bound import ROUNDING, Bounds
from finitegpt.analysis.lumping import Lumped, lump
from finitegpt.analysis.spectrum import zero_floor
from finitegpt.analysis.starts import law_of
from finitegpt.analysis.stationary import StationaryDistribution
from finitegpt.arguments import shown
from finitegpt.errors import InputError, TooLargeError
from finitegpt.exchange.csr import csr
from finitegpt.graph import Floats, Ids
from finitegpt.limits import require_memory
from finitegpt.rows import RowOperator, of_rows

_DENSE = 512
_RESTARTS, _TOLERANCE, _PRODUCTS = 300, 1e-9, 2**31  # of Arnoldi iteration
_SAME = 1e-6  # eigenvectors less independent than this cannot be told apart
_STEPS, _NEAR, _WORK = 400, 1e-9, 2**29  # of the search: for each number that is looked for, but for large chains


@dataclass(frozen=True, eq=False, kw_only=True)
class MetastableSets:
    """Sets of states that a chain stays in for long, the most frequent first."""

    memberships: Floats
    """How much each state belongs to each set (V**L, k): 0 or more, with a sum of one; uncertified. 0 where the chain
    is not in the long run."""
    labels: Ids
    """The set that each state belongs to most (V**L,); -1 where the chain is not in the long run."""
    eigenvalues: NDArray[np.complex128]
    """The k eigenvalues nearest 1 (k,), uncertified."""
    mass: Bounds
    """How often the chain is in each set (k,)."""
    staying: Bounds
    """How probably it is still in the set after one token (k,)."""
    leaving: Bounds
    """What that lacks to one (k,), right relatively. One over it is how many tokens a stay lasts in the mean."""
    lumped: Lumped
    """The chain seen through the sets."""

    def __len__(self) -> int:
        return len(self.eigenvalues)

    def __repr__(self) -> str:
        return f"MetastableSets({len(self)} of {len(self.labels):,} states)"


@of_rows
def metastable_sets(chain: RowOperator, k: int, law: StationaryDistribution | None = None) -> MetastableSets:
    """The k sets of states that the chain stays in longest, as PCCA+ finds them: slow means an eigenvalue near 1.

    InputError where k would part two conjugate eigenvalues, or where fewer can be told from zero. `law` is the chain's
    only stationary distribution unless given.

    >>> from finitegpt import Chain
    >>> rows = [[0.7, 0.3, 0, 0], [0.3, 0.69, 0.01, 0], [0, 0.02, 0.5, 0.48], [0, 0, 0.5, 0.5]]
    >>> found = metastable_sets(Chain.from_probs(rows, "abcd", 1), 2)
    >>> print(found.labels.tolist(), found.staying.at(0), found.leaving.at(1))
    [0, 0, 1, 1] 0.995000 0.0102041
    """
    law = law_of(chain, law)
    m, n = len(law.states), chain.n_states
    if not isinstance(k, int | np.integer) or isinstance(k, bool) or not 1 <= k <= m:
        raise InputError(
            f"expected from 1 to {m} sets, as many as states are visited for ever, got {shown(k)}; try {min(2, m)}"
        )
    values, basis = _slowest(chain, law, int(k))
    found = _memberships(basis)
    label = found.argmax(1)
    if len(np.unique(label)) < k:
        raise InputError(f"expected as many sets as the chain has, got {k}, of which one is empty; try {k - 1}")
    order = np.argsort(-np.bincount(label, law.probs, k), kind="stable")
    memberships, labels = np.zeros((n, k)), np.full(n, -1)
    memberships[law.states] = found[:, order]
    labels[law.states] = np.argsort(order)[label]
    lumped = replace(lump(chain, labels.clip(0), law), labels=labels)  # who is in none does not count there
    matrix = lumped.matrix
    value, low, high = (np.diagonal(x).copy() for x in (matrix.values, matrix.low, matrix.high))
    return MetastableSets(
        memberships=memberships,
        labels=labels,
        eigenvalues=values,
        mass=lumped.mass,
        staying=Bounds(value, low, high, matrix.why),
        leaving=_beside_the_diagonal(matrix),
        lumped=lumped,
    )


def _beside_the_diagonal(matrix: Bounds) -> Bounds:
    """What each row (m, m) of probabilities has beside the diagonal."""
    room = (len(matrix.values) + 4) * ROUNDING
    value, low, high = (np.where(np.eye(len(x)), 0.0, x).sum(1) for x in (matrix.values, matrix.low, matrix.high))
    low, high = low * (1 - room), np.minimum(high * (1 + room), 1.0)
    return Bounds(value.clip(low, high), low, high, matrix.why)


def _slowest(chain: RowOperator, law: StationaryDistribution, k: int) -> tuple[NDArray[np.complex128], Floats]:
    """The k eigenvalues with the largest real parts, and a basis (m, k) of what their right eigenvectors span.

    On the m states of the law; 1 is the first, and all are orthonormal in the mean over the law.
    """
    m, pi = len(law.states), law.probs / law.probs.sum()
    if k == 1:
        return np.ones(1, np.complex128), np.ones((m, 1))
    rates, vectors = _all(chain, law.states) if m <= max(_DENSE, 2 * k + 4) else _some(chain, law.states, k)
    order = np.lexsort((-rates.imag, -rates.real))
    values, vectors = 1 + rates[order], vectors[:, order]
    slow = int((values.real > zero_floor(m)).sum())
    if slow < k:
        most = max(slow, 1)
        raise InputError(
            f"expected at most {words.count(most, 'set')}, as all else is forgotten within few tokens, got {k}; "
            f"try {most}"
        )
    if values[k - 1].imag > 0:
        raise InputError(f"expected conjugate eigenvalues to be both among the slowest, got {k} sets; try {k + 1}")
    parts = np.where(values[:k].imag < 0, vectors[:, :k].imag, vectors[:, :k].real)
    sizes = np.sqrt(pi @ parts**2)
    parts = parts[:, sizes > 0] / sizes[sizes > 0]
    parts -= pi @ parts
    norms = np.sqrt(pi @ parts**2)
    parts = parts[:, norms > _SAME] / norms[norms > _SAME]  # without the one that is constant
    sizes, turned = np.linalg.eigh(parts.T @ (pi[:, None] * parts))
    sizes, turned = sizes[1 - k :], turned[:, 1 - k :]
    if len(sizes) < k - 1 or sizes[0] < _SAME:
        raise InputError(f"expected processes that can be told apart in double precision, got {k}; try {k - 1} sets")
    return values[:k], np.column_stack([np.ones(m), parts @ turned / np.sqrt(sizes)])


def _all(chain: RowOperator, members: Ids) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """All eigenvalues of a class (m,), less one, and its right eigenvectors (m, m)."""
    n = chain.n_states
    require_memory(16 * n * chain.vocab_size + 64 * len(members) ** 2, "all eigenvectors", "a shorter context")
    matrix = csr(chain.probs, chain.context_length)[members][:, members].toarray()
    # Less the identity, so that slow processes keep their digits where all are slow.
    np.fill_diagonal(matrix, 0.0)
    np.fill_diagonal(matrix, -matrix.sum(1))
    values, vectors = np.linalg.eig(matrix)
    return values.astype(np.complex128), vectors.astype(np.complex128)


def _some(chain: RowOperator, members: Ids, k: int) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """Those with the k + 1 largest real parts, likewise, by Arnoldi iteration."""
    from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigs

    m, whole = len(members), np.zeros(chain.n_states)

    def apply(f: Floats) -> Floats:
        whole[members] = f.real.reshape(-1)
        return chain.pull(whole)[members]

    operator = LinearOperator((m, m), matvec=apply, dtype=np.float64)  # type: ignore[call-arg]
    first = np.random.default_rng(0).standard_normal(m)
    basis = max(4 * k, 48)
    most = int(np.clip(_PRODUCTS // (m * basis**2), 4, _RESTARTS))
    options: dict[str, Any] = {"which": "LR", "v0": first, "ncv": min(basis, m), "maxiter": most, "tol": _TOLERANCE}
    try:
        found: Any = eigs(operator, k=k + 1, **options)
        return found[0] - 1, found[1]
    except ArpackNoConvergence as stopped:
        raise TooLargeError(
            f"expected {k} processes that are slower than others, got some as fast in {m:,} states; try fewer sets"
        ) from stopped


def _memberships(basis: Floats) -> Floats:
    """How much each state (m,) belongs to each set (m, k): non-negative combinations of a basis that sum to one.

    The most crisp of them, which a search finds from where the corners of the simplex are to begin with.
    """
    k = basis.shape[1]
    if k == 1:
        return basis
    found = start = np.linalg.inv(basis[_corners(basis)])[1:, 1:]
    if k > 2:
        from scipy.optimize import minimize

        def vague(x: Floats) -> float:
            return -_crispness(_feasible(x.reshape(k - 1, k - 1), basis))

        most = min(_STEPS * (k - 1) ** 2, max(_STEPS, _WORK // basis.size))
        options = {"maxiter": most, "maxfev": most, "xatol": _NEAR, "fatol": _NEAR}
        found = minimize(vague, start.reshape(-1), method="Nelder-Mead", options=options).x.reshape(k - 1, k - 1)
    for rest in (found, start):
        members = (basis @ _feasible(np.asarray(rest, np.float64), basis)).clip(0, 1)
        if len(np.unique(members.argmax(1))) == k:
            break
    return members / members.sum(1, keepdims=True)


def _corners(basis: Floats) -> list[int]:
    """The k states that are farthest out: the first from 0, each other from the span of those before (Weber 2006)."""
    points = basis[:, 1:].copy()
    found = [int(np.argmax((points**2).sum(1)))]
    points -= points[found[0]].copy()
    while len(found) < basis.shape[1]:
        sizes = (points**2).sum(1)
        found.append(int(np.argmax(sizes)))
        along = points[found[-1]] / np.sqrt(sizes[found[-1]])
        points -= np.outer(points @ along, along)
    return found


def _feasible(rest: Floats, basis: Floats) -> Floats:
    """All of the combination (k, k), from all but its first row and column: such that nothing is below 0."""
    rest = np.column_stack([-rest.sum(1), rest])
    first = -(basis[:, 1:] @ rest).min(0)
    return np.vstack([first, rest]) / first.sum()


def _crispness(combination: Floats) -> float:
    """From 1 to k: the sum over sets of how much of a set's states belongs to it (Röblitz and Weber 2013)."""
    with np.errstate(all="ignore"):
        size = float(((combination**2).sum(0) / combination[0]).sum())
    return size if np.isfinite(size) else 0.0
