"""What callers give, checked: whole numbers, numbers, arrays of them. InputError says what was expected."""

import math
from collections.abc import Mapping, Set
from typing import Any, TypeGuard, TypeVar

import numpy as np
from numpy.typing import NDArray

from finitegpt.errors import InputError, TooLargeError

Kind = TypeVar("Kind")

_SHOWN = 60


def is_whole(value: Any) -> TypeGuard[int]:
    """Whether it is a whole number, of NumPy or not; true and false are none."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def shown(value: Any) -> str:
    """A value as an error can say it: on one line, and short.

    >>> shown("101"), shown(2**70), shown(np.zeros((3, 2))), shown([0] * 1000)
    ("'101'", '1e21', 'an array of float64 of shape (3, 2)', 'a list')
    """
    if is_whole(value):
        size = abs(int(value))
        return str(value) if size < 10**15 else f"{'-' if value < 0 else ''}1e{int(size.bit_length() * 0.30103)}"
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} of shape {value.shape}"
    try:
        text = repr(value)
    except Exception:
        text = "\n"
    if len(text) <= _SHOWN and text.isprintable():
        return text
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def whole(name: str, value: Any, low: int = 0, high: int | None = None, *, instead: int | None = None) -> int:
    """A whole number, of NumPy or not, from `low` to `high`; TooLargeError above. `instead` is what to try.

    >>> whole("steps", np.int64(3))
    3
    """
    instead = low if instead is None else instead
    if not is_whole(value):
        raise InputError(f"expected {name} to be a whole number, got {shown(value)}; try {instead}")
    value = int(value)
    if value < low:
        raise InputError(f"expected {name} to be at least {low}, got {shown(value)}; try {instead}")
    if high is not None and value > high:
        raise TooLargeError(f"expected {name} to be at most {high:,}, got {shown(value)}; try a smaller one")
    return value


def number(name: str, value: Any, *, instead: float | str) -> float:
    """A number, of NumPy or not, which may be infinite or NaN; InputError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise InputError(f"expected {name} to be a number, got {shown(value)}; try {instead}")
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def numbers(name: str, values: Any, *, instead: str) -> NDArray[np.float64]:
    """Numbers as an array of float64; InputError for texts, complex numbers, and whatever is no array."""
    found = array(values)
    if found.dtype.kind not in "buif":
        raise InputError(f"expected {name} to be numbers, got {shown(values)}; try {instead}")
    return found.astype(np.float64, copy=False)


def array(values: Any) -> NDArray[Any]:
    """Values as an array; an empty one of objects where they are none, such as rows of different lengths."""
    if isinstance(values, Mapping | Set):
        return np.zeros(0, object)
    try:
        return np.asarray(values)
    except (ValueError, TypeError, RecursionError):
        return np.zeros(0, object)


def required(name: str, value: Any, kind: type[Kind], *, instead: str) -> Kind:
    """A value of a class; InputError for one of another."""
    if not isinstance(value, kind):
        raise InputError(f"expected {name} as {kind.__name__}, got {shown(value)}; try {instead}")
    return value


def choice(name: str, value: Any, options: tuple[str, ...], *, instead: str) -> str:
    """One of some words."""
    if not isinstance(value, str) or value not in options:
        raise InputError(f"expected a {name} of {', '.join(options)}, got {shown(value)}; try {instead}")
    return value


def flag(name: str, value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"expected {name} to be true or false, got {shown(value)}; try True")
    return bool(value)


def require_function(name: str, value: Any) -> None:
    """InputError unless it can be called, or is None."""
    if value is not None and not callable(value):
        raise InputError(f"expected {name} to be a function, got {shown(value)}; try None")
