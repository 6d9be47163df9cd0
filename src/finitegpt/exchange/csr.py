"""Transition matrices, SciPy's sparse ones and NumPy's: of a chain, and of any Markov chain at all."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from finitegpt import states
from finitegpt.arguments import shown
from finitegpt.errors import InputError
from finitegpt.exchange.listing import contexts, separator
from finitegpt.exchange.parts import Parts, is_one, logarithms, names_of
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


def dense(probs: NDArray[np.float64], context_length: int) -> NDArray[np.float64]:
    """The same (V**L, V**L) with all of its zeros."""
    n, V = probs.shape
    require_memory(8 * n * n, "a matrix with all of its zeros", "to_csr")
    matrix = np.zeros((n, n))
    np.put_along_axis(matrix, states.successors(states.every(V, context_length), V, context_length), probs, axis=1)
    return matrix


def read_matrix(
    matrix: Any,
    vocab: Sequence[str] | None = None,
    context_length: int = 1,
    *,
    names: Sequence[object] | None = None,
) -> Parts:
    """The chain of a transition matrix, dense or sparse; InputError where it is none.

    With a vocabulary its states are contexts, in the order of their ids or in that of `names`, their texts, and arrows
    go only where contexts can go. Without, they are any states, each a token of its own by its name, and the context
    is one token.
    """
    size, rows, columns, values = _entries(matrix)
    return from_arrows(size, rows, columns, values, vocab, context_length, names=names)


def from_arrows(
    size: int,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    values: NDArray[np.float64],
    vocab: Sequence[str] | None = None,
    context_length: int = 1,
    *,
    names: Sequence[object] | None = None,
) -> Parts:
    """The same from its entries that are not zero: row, column and probability of each; those of one place add up."""
    try:
        given = range(size) if names is None else list(names)
    except TypeError:
        given = ()
    if len(given) != size:
        raise InputError(f"expected {size} names of states, got {len(given)}; try one for each row")
    if type(context_length) is not int or context_length < 1:
        raise InputError(f"expected a context of at least one token, got {shown(context_length)}; try 1")
    if vocab is None:
        if context_length != 1:
            raise InputError(f"expected a vocabulary for contexts of {context_length}, got none; try vocab='01'")
        require_memory(24 * size * size, "a row of all states for each", "fewer states")
        vocab = names_of(given)
    else:
        vocab = tuple(vocab) if isinstance(vocab, Sequence) else ()
        if not vocab or not all(isinstance(symbol, str) for symbol in vocab):
            raise InputError("expected a vocabulary of texts, got others or none; try '01'")
        require_memory(24 * size * len(vocab), "a row of all tokens for each state", "fewer states")
        order = _order(size, vocab, context_length, names)
        rows, columns = (rows, columns) if order is None else (order[rows], order[columns])
    V = len(vocab)
    tokens = columns - states.first_successors(rows, V, context_length)
    strange = (tokens < 0) | (tokens >= V)
    if strange.any():
        where = int(np.argmax(strange))
        state, other = (states.label(int(id), vocab, context_length) for id in (rows[where], columns[where]))
        raise InputError(
            f"expected an arrow from {state!r} to what it becomes by a token more, got one to {other!r}; try "
            "from_matrix(P, states=...), where states are any"
        )
    probs = np.asarray(np.bincount(rows * V + tokens, values, size * V), np.float64).reshape(size, V)
    good = is_one(probs)
    if not good.all():
        state = int(np.argmin(good))
        row, name = probs[state], states.label(state, vocab, context_length)
        got = "others" if not (row >= 0).all() else "none" if not row.any() else f"a sum of {row.sum():.17g}"
        raise InputError(
            f"expected probabilities that sum to one to 1e-12 after state {name!r}, got {got}; try dividing each row "
            "by its sum, in float64"
        )
    return Parts(log_probs=logarithms(probs), vocab=vocab, context_length=context_length)


def _entries(matrix: Any) -> tuple[int, NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Size, and what is not zero, of a square matrix of numbers."""
    instead = "try [[0.9, 0.1], [0.5, 0.5]]"
    try:
        if hasattr(matrix, "tocoo"):
            entries = matrix.tocoo()
            shape, rows, columns, values = entries.shape, entries.row, entries.col, entries.data
        else:
            array = np.asarray(matrix)
            shape, (rows, columns) = array.shape, np.nonzero(np.atleast_2d(array))
            values = np.atleast_2d(array)[rows, columns]
        numbers = np.asarray(values, np.float64) if values.dtype.kind in "buifO" else None
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"expected a square matrix of probabilities, got something else; {instead}") from None
    if len(shape) != 2 or shape[0] != shape[1] or not shape[0] or numbers is None:
        got = f"{values.dtype} of shape {tuple(shape)}"
        raise InputError(f"expected a square matrix of probabilities, got {got}; {instead}")
    there = numbers != 0  # sparse ones may hold zeros
    return int(shape[0]), rows[there].astype(np.int64), columns[there].astype(np.int64), numbers[there]


def _order(
    size: int, vocab: tuple[str, ...], context_length: int, names: Sequence[object] | None
) -> NDArray[np.int64] | None:
    """The id of each row; None where they are in that order."""
    V = len(vocab)
    states.require_enumerable(V, context_length)
    if states.n_states(V, context_length) != size:
        raise InputError(
            f"expected {V}**{context_length} states, got {size} rows; try another context length, or "
            "from_matrix(P, states=...), where states are any"
        )
    if names is None:
        return None
    between = separator(vocab)
    places = {between.join(context): id for id, context in enumerate(contexts(vocab, context_length))}
    given = [str(name) for name in names]
    for name in given:
        if name not in places:
            raise InputError(f"expected states such as {next(iter(places))!r}, got {name!r}; try states=None")
    order = np.array([places[name] for name in given], np.int64)
    if len(np.unique(order)) < size:
        raise InputError("expected every state once, got one twice; try states=None")
    return None if (order == np.arange(size)).all() else order
