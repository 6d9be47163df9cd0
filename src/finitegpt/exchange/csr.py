"""SciPy's sparse matrices."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from finitegpt import states
from finitegpt.limits import require_memory

if TYPE_CHECKING:
    import scipy.sparse


def csr(probs: NDArray[np.float64], context_length: int) -> "scipy.sparse.csr_array":
    """The transition matrix (V**L, V**L) of next-token probabilities (V**L, V); arrows of zero are left out."""
    import scipy.sparse

    n, V = probs.shape
    require_memory(16 * n * V + 8 * n, "a sparse matrix", "push and pull, which need none")
    columns = states.successors(states.every(V, context_length), V, context_length).reshape(-1)
    rows = np.arange(0, n * V + 1, V)
    index = np.int32 if n * V < 2**31 else np.int64
    matrix = scipy.sparse.csr_array((probs.reshape(-1).copy(), columns.astype(index), rows.astype(index)), shape=(n, n))
    if not probs.all():
        matrix.eliminate_zeros()
    return matrix
