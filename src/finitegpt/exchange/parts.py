"""What a chain is made of, as readers give it and writers take it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from finitegpt.errors import InputError
from finitegpt.states import is_spaced

Rows = NDArray[np.float32 | np.float64]
"""Next-token log-probabilities, (contexts, V), in nats."""

PRECISIONS = {"float32": np.dtype(np.float32), "float64": np.dtype(np.float64)}
"""What rows may be stored in, by the name that files give it."""

_TOLERANCE = {"float32": 1e-4, "float64": 1e-12}  # of a row's sum, as a chain asks for it
_AGREEMENT = 1e-9  # of a probability with its logarithm: texts of fewer digits do, changed ones do not
_FLOOR = -708.0  # below, no arrow
_NOTHING = 1e-300  # what is not told from no arrow


class Stored(Protocol):
    """A chain, as far as writers look at it."""

    @property
    def log_probs(self) -> Rows: ...  # noqa: D102
    @property
    def probs(self) -> Any: ...  # noqa: D102  # an array, which type checkers take for the cached_property it comes from
    @property
    def vocab(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def context_length(self) -> int: ...  # noqa: D102
    @property
    def startup(self) -> tuple[Rows, ...] | None: ...  # noqa: D102
    @property
    def counts(self) -> NDArray[np.int64] | None: ...  # noqa: D102


@dataclass(frozen=True, eq=False, kw_only=True)
class Parts:
    """The arguments of a chain: `Chain(**vars(parts))`."""

    log_probs: Rows
    vocab: tuple[str, ...]
    context_length: int
    startup: tuple[Rows, ...] | None = None
    counts: NDArray[np.int64] | None = None


def logarithms(probs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of probabilities, -inf of 0."""
    with np.errstate(divide="ignore"):
        return np.log(probs)


def rounded(log_probs: NDArray[np.float64], precision: str) -> Rows:
    """In the precision that they were stored in: to the bit what they were."""
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(log_probs, PRECISIONS[precision])


def probabilities(log_probs: Rows) -> NDArray[np.float64]:
    """Of rows of logarithms, normalised, those below 1e-307 being 0."""
    p = np.exp(log_probs, dtype=np.float64)
    p[log_probs < _FLOOR] = 0
    return p / p.sum(1, keepdims=True)


def is_whole(log_probs: Rows) -> NDArray[np.bool_]:
    """Which rows are of probabilities that sum to one, as nearly as a chain asks for."""
    with np.errstate(over="ignore", invalid="ignore"):
        sums = np.exp(log_probs, dtype=np.float64).sum(1)
    return np.asarray(np.abs(sums - 1) <= _TOLERANCE[log_probs.dtype.name])


def is_one(probs: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which rows are probabilities that sum to one to 1e-12; NaN, infinity and what is below 0 are none."""
    with np.errstate(invalid="ignore"):
        return np.asarray((probs >= 0).all(1) & (np.abs(probs.sum(1) - 1) <= _TOLERANCE["float64"]))


def agrees(log_probs: Rows, probs: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which rows of logarithms say what these probabilities say: False where one of the two was changed."""
    p = probabilities(log_probs)
    return np.asarray((np.abs(p - probs) <= _AGREEMENT * p + _NOTHING).all(1))


def names_of(given: Sequence[object]) -> tuple[str, ...]:
    """States' names as texts: of a tuple or an array its parts, set apart by commas.

    InputError where two are the same, one is empty, or one that is no single character has a space in it, since texts
    of states are split there.

    >>> names_of(["sunny", 2, (0.5, 1)])
    ('sunny', '2', '0.5,1')
    """
    names = tuple(_name(one) for one in given)
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(f"expected different names of states, got {name!r} twice; try states=[...]")
        seen.add(name)
        if name.split() != [name] and (not name or is_spaced(names)):
            instead = "_".join(name.split()) or "nothing"
            raise InputError(f"expected names of states without spaces, got {name!r}; try states=[{instead!r}, ...]")
    return names


def _name(given: object) -> str:
    if isinstance(given, str):
        return str(given)
    if isinstance(given, tuple | list | np.ndarray) and np.ndim(given):
        return ",".join(_name(part) for part in given)
    return str(given.item() if isinstance(given, np.generic | np.ndarray) else given)
