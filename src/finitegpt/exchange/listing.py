"""A chain as a list of its arrows, a row each, those of probability zero too: what CSV and Arrow tables hold.

Columns: `state`, `next` (the token), `to` (the successor), `probability`, `log_probability` (natural), `count` (how
often the training data shows the state) and `precision` (of the logarithms, float32 or float64). States are in the
order of their ids, and tokens in that of the vocabulary, so that both can be read off; rows of start-up contexts
follow, shortest first.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from numpy.typing import NDArray

from finitegpt import states
from finitegpt.errors import FileError, InputError
from finitegpt.exchange.parts import (
    PRECISIONS,
    Parts,
    Rows,
    Stored,
    agrees,
    is_one,
    is_whole,
    logarithms,
    probabilities,
    rounded,
)

COLUMNS = ("state", "next", "to", "probability", "log_probability", "count", "precision")


@dataclass(eq=False, kw_only=True)
class Listing:
    """The columns as they were read; only states and tokens, and one of the two kinds of numbers, must be there."""

    states: list[str]
    tokens: list[str]
    to: list[str] | None = None
    probs: list[float] | None = None
    log_probs: list[float] | None = None
    counts: list[int | None] | None = None
    precision: str | None = None
    where: Callable[[int], str] = field(default=lambda row: f"row {row + 1}")
    """How a row is called in messages."""


def contexts(vocab: Sequence[str], length: int) -> Iterator[tuple[str, ...]]:
    """Every context of so many tokens, in the order of ids."""
    return product(vocab, repeat=length)


def separator(vocab: Sequence[str]) -> str:
    """What is between the tokens of a text."""
    return " " if states.is_spaced(vocab) else ""


def arrows(vocab: Sequence[str], context_length: int, *, startup: bool) -> Iterator[tuple[str, str, str]]:
    """State, token and successor of every row of the list."""
    between = separator(vocab)
    lengths = (context_length, *(range(1, context_length) if startup else ()))
    for length in lengths:
        for context in contexts(vocab, length):
            name, kept = between.join(context), context[1:] if length == context_length else context
            for token in vocab:
                yield name, token, between.join((*kept, token))


def rows_of(chain: Stored, *, startup: bool) -> list[tuple[NDArray[np.float64], Rows, NDArray[np.int64] | None]]:
    """Probabilities, their logarithms and counts, of states and then of start-up contexts, shortest first."""
    if startup and chain.startup is None:
        raise InputError("expected a chain with start-up rows, got one without; try startup=False")
    later = (chain.startup or ()) if startup else ()
    return [(chain.probs, chain.log_probs, chain.counts), *((probabilities(rows), rows, None) for rows in later)]


def parts(listing: Listing) -> Parts:
    """What such a list says; FileError that names the row where it is not one, or contradicts itself."""
    V, L = _shape(listing)
    vocab = tuple(listing.tokens[:V])
    n, total = V**L, len(listing.states)
    startup = total > n * V
    _require_order(listing, vocab, L, startup=startup)
    logs, precision = _numbers(listing, V)
    sizes = [n, *(V**k for k in range(1, L))] if startup else [n]
    pieces = np.split(rounded(logs, precision), np.cumsum(sizes)[:-1])
    later = tuple(map(np.ascontiguousarray, pieces[1:])) if startup else None
    counts = _counts(listing, V, n)
    return Parts(log_probs=pieces[0], vocab=vocab, context_length=L, startup=later, counts=counts)


def _shape(listing: Listing) -> tuple[int, int]:
    """V and L, of the rows of the first state."""
    names, tokens = listing.states, listing.tokens
    if not names:
        raise FileError("expected a row for each arrow, got none; try write_csv")
    V = next((i for i, name in enumerate(names) if name != names[0]), len(names))
    vocab = tokens[:V]
    for row, token in enumerate(vocab):
        if not token or token in vocab[:row] or (states.is_spaced(vocab) and token.split() != [token]):
            raise FileError(f"expected another token in {listing.where(row)}, got {token!r}; try the file as it was")
    L = len(names[0].split() if states.is_spaced(vocab) else names[0])
    if L < 1:
        raise FileError(f"expected a state in {listing.where(0)}, got {names[0]!r}; try the file as it was")
    states.require_enumerable(V, L)
    return V, L


def _require_order(listing: Listing, vocab: Sequence[str], context_length: int, *, startup: bool) -> None:
    total, rows = len(listing.states), 0
    found = zip(listing.states, listing.tokens, listing.to or (None,) * total, strict=True)
    expected = arrows(vocab, context_length, startup=startup)
    for rows, (got, wanted) in enumerate(zip(found, expected, strict=False), 1):
        if got[:2] != wanted[:2] or got[2] not in (None, wanted[2]):
            raise FileError(
                f"expected {' -> '.join(map(repr, wanted))} in {listing.where(rows - 1)}, got "
                f"{' -> '.join(repr(x) for x in got if x is not None)}; try the file as it was, in its order"
            )
    if rows < total:
        raise FileError(f"expected no more after {rows} rows, got {listing.where(rows)}; try the file as it was")
    missing = next(expected, None)
    if missing is not None:
        raise FileError(
            f"expected {' -> '.join(map(repr, missing))} after {listing.where(rows - 1)}, got the end; "
            "try the whole file"
        )


def _numbers(listing: Listing, V: int) -> tuple[NDArray[np.float64], str]:
    """Logarithms (rows, V) and their precision."""
    probs = None if listing.probs is None else np.array(listing.probs, np.float64).reshape(-1, V)
    if probs is not None:
        _require(listing, V, is_one(probs), "probabilities that sum to one to 1e-12")
    if listing.log_probs is None:
        if probs is None:
            raise FileError("expected a column 'probability' or 'log_probability', got none; try write_csv")
        return logarithms(probs), "float64"
    logs = np.array(listing.log_probs, np.float64).reshape(-1, V)
    precision = listing.precision or _likely(logs)
    if precision not in PRECISIONS:
        raise FileError(f"expected a precision of float32 or float64, got {precision!r}; try float64")
    stored = rounded(logs, precision)
    _require(listing, V, is_whole(stored), f"{precision} logarithms of probabilities that sum to one")
    if probs is not None:
        agreed = agrees(stored, probs)
        _require(listing, V, agreed, "probabilities and the logarithms of the same", "try without one of the columns")
    return logs, precision


def _likely(logs: NDArray[np.float64]) -> str:
    """Where it is not said: float32 if all are, and some is neither sure nor impossible."""
    with np.errstate(over="ignore"):
        single = (logs.astype(np.float32) == logs).all() and ((logs != 0) & np.isfinite(logs)).any()
    return "float32" if single else "float64"


def _require(
    listing: Listing, V: int, good: NDArray[np.bool_], what: str, instead: str = "try the file as it was"
) -> None:
    if not good.all():
        row = int(np.argmin(good)) * V
        raise FileError(
            f"expected {what} from {listing.where(row)} on, of state {listing.states[row]!r}, got others; {instead}"
        )


def _counts(listing: Listing, V: int, n: int) -> NDArray[np.int64] | None:
    """The count of each state, the same in all of its rows; none, or all."""
    if listing.counts is None or all(count is None for count in listing.counts[: n * V]):
        return None
    for row, count in enumerate(listing.counts[: n * V]):
        if count is None or count != listing.counts[row - row % V] or not 0 <= count < 2**63:
            raise FileError(
                f"expected one count for each state, got {count} in {listing.where(row)}; try the file as it was"
            )
    return np.array(listing.counts[: n * V : V], np.int64)
