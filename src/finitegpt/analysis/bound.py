"""Numbers with their certificates: an interval that contains the truth, or the word "uncertified".

Whatever is done with an interval is rounded outward: the result holds the truth if what it is made of does.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finitegpt import markup, words
from finitegpt.arguments import numbers, shown, whole
from finitegpt.errors import InputError
from finitegpt.naming import Names
from finitegpt.states import visible

ROUNDING = float(np.finfo(np.float64).eps) / 2

_LEAST = math.ulp(0.0)
_LARGEST = float(np.finfo(np.float64).max)
_BITS = 1 / math.log(2)  # the nearest double, so that the truth is between its neighbours


@dataclass(frozen=True, slots=True, repr=False)
class Bound:
    """A computed `value`, and an interval from `low` to `high` that is proved to contain the true one.

    The interval always holds `value`: it is made as wide. Where it is not a number, nothing is proved.

    `float(bound)` is the value, `x in bound` says whether the truth may be x, and `<`, `<=`, `>` and `>=` are true only
    where they are proved: of two intervals that overlap, neither is less.

    >>> print(Bound(0.12345678, 0.123455, 0.123458), Bound(0.46, 0.45, 0.47), Bound(0.5), sep=", ")
    0.1235, 0.46 ± 0.01, 0.5 (uncertified)
    >>> bound = Bound(0.46, 0.45, 0.47)
    >>> float(bound), 0.455 in bound, bound < 0.5, bound < 0.46, bound > 0.46
    (0.46, True, True, False, False)
    """

    value: float
    low: float = -math.inf
    high: float = math.inf
    why: str = field(default="", compare=False, kw_only=True)
    """Of a number that is not certified, or hardly: one sentence of why, and of what would help."""

    def __post_init__(self) -> None:
        value, low, high = (_real(name, getattr(self, name)) for name in ("value", "low", "high"))
        assert not low > high, f"an interval from {low} to {high}"
        low = -math.inf if math.isnan(low) else min(low, value)
        high = math.inf if math.isnan(high) else max(high, value)
        for name, end in (("value", value), ("low", low), ("high", high)):
            object.__setattr__(self, name, end)

    @classmethod
    def around(cls, value: float, error: float, why: str = "") -> "Bound":
        """value ± error."""
        value, error = _real("a number", value), _error(error)
        return cls(value, _sum(value, -error, up=False), _sum(value, error, up=True), why=why)

    @property
    def error(self) -> float:
        """How far the truth can be from `value`; infinite where nothing is proved."""
        if self.low == self.high:
            return 0.0
        return max(_sum(self.high, -self.value, up=True), _sum(self.value, -self.low, up=True))

    @property
    def certified(self) -> bool:
        """Whether anything is proved."""
        return math.isfinite(self.error)

    def __float__(self) -> float:
        return self.value

    def __contains__(self, number: object) -> bool:
        return self.low <= _real("a number", number) <= self.high

    def __lt__(self, other: "Bound | float") -> bool:
        return self.high < _ends(other)[0]

    def __le__(self, other: "Bound | float") -> bool:
        return self.high <= _ends(other)[0]

    def __gt__(self, other: "Bound | float") -> bool:
        return self.low > _ends(other)[1]

    def __ge__(self, other: "Bound | float") -> bool:
        return self.low >= _ends(other)[1]

    def __format__(self, spec: str) -> str:
        return format(self.value, spec) if spec else str(self)

    def __repr__(self) -> str:
        nothing = self.low == -math.inf and self.high == math.inf
        return f"Bound({self.value!r})" if nothing else f"Bound({self.value!r}, {self.low!r}, {self.high!r})"

    def within(self, low: float, high: float) -> "Bound":
        """The same with what is known otherwise, such as that a probability lies between 0 and 1.

        That alone is no certificate: where nothing else is proved, only `value` is moved.
        """
        low, high = _real("low", low), _real("high", high)
        value, least, most = (min(max(x, low), high) for x in (self.value, self.low, self.high))
        nothing = self.low == -math.inf and self.high == math.inf
        return Bound(value, why=self.why) if nothing else Bound(value, least, most, why=self.why)

    def widened(self, error: float) -> "Bound":
        """The same, where what was averaged may itself be off by `error`."""
        error = _error(error)
        return Bound(self.value, _sum(self.low, -error, up=False), _sum(self.high, error, up=True), why=self.why)

    def scaled(self, factor: float) -> "Bound":
        """Times a positive factor, exactly the double that it is."""
        factor = _real("a factor", factor)
        if not factor > 0:
            raise InputError(f"expected a factor above 0, got {factor}; try times")
        return self.times(factor)

    def in_bits(self) -> "Bound":
        """A number of nats, in bits."""
        if self.low == self.high == 0:
            return self
        found = self.times(Bound(_BITS, math.nextafter(_BITS, 0.0), math.nextafter(_BITS, 2.0)))
        return Bound(self.value * _BITS, found.low, found.high, why=self.why)

    def plus(self, other: "Bound | float") -> "Bound":
        """The sum of two numbers."""
        other = _exactly(other)
        low, high = _sum(self.low, other.low, up=False), _sum(self.high, other.high, up=True)
        return Bound(self.value + other.value, low, high, why=self.why or other.why)

    def times(self, other: "Bound | float") -> "Bound":
        """The product of two numbers; what is exactly 0 makes it 0, whatever the other is."""
        other = _exactly(other)
        pairs = [(x, y) for x in (self.low, self.high) for y in (other.low, other.high)]
        low, high = (choose(_product(x, y, up=up) for x, y in pairs) for choose, up in ((min, False), (max, True)))
        value = 0.0 if 0 in (self.value, other.value) else self.value * other.value
        return Bound(value, low, high, why=self.why or other.why)

    def to_dict(self) -> dict[str, float | bool | str | None]:
        """Plain values for JSON; None where nothing is proved, and then why."""
        known = self.certified
        return {
            "value": self.value,
            "low": self.low if known or math.isfinite(self.low) else None,
            "high": self.high if known or math.isfinite(self.high) else None,
            "certified": known,
            **({"why": self.why} if self.why and not known else {}),
        }

    def __str__(self) -> str:
        return words.number(self.value, self.low, self.high)


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Bounds:
    """A number for every state: computed `values`, and `low` and `high` that are proved to enclose the true ones.

    All three (V**L,), or of the shape of a table where two states belong to a number. Infinite bounds where nothing is
    proved. `bounds["101"]` is the number of a state, where what they are of has states with names, or `bounds[5]`;
    `len` and iteration go over all.

    >>> from finitegpt import Chain
    >>> times = Chain.from_probs([[0.75, 0.25], [0.5, 0.5]], "ab", 1).mean_first_passage_times("b")
    >>> print(times["a"], len(times))
    4.00000 2
    """

    values: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    why: str = ""
    """Where some are not certified, or hardly: one sentence of why, and of what would help."""
    names: Names | None = None
    """What the states are called, where that is known."""

    def __post_init__(self) -> None:
        for name in ("values", "low", "high"):
            array = getattr(self, name)
            if not isinstance(array, np.ndarray) or array.dtype != np.float64:
                object.__setattr__(self, name, numbers(name, array, instead="an array (n,)"))
        if not self.values.shape == self.low.shape == self.high.shape or self.values.ndim < 1:
            raise InputError(
                f"expected values and ends of the same shape, got {self.values.shape}, {self.low.shape} and "
                f"{self.high.shape}; try arrays (n,) of one length"
            )

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Bound]:
        return (self.at(k) for k in range(len(self)))

    def __getitem__(self, state: str | int) -> Bound:
        return self.at(state)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.values, dtype) if copy or dtype else self.values

    def __repr__(self) -> str:
        if not self.values.size:
            return "Bounds(of nothing)"
        least, most = (f"{float(x):.6g}" for x in (self.values.min(), self.values.max()))
        known = f"each within {words.upward(self.error)}" if np.isfinite(self.error) else "not all certified"
        known = "exact" if self.error == 0 else known
        return f"Bounds({words.count(self.values.size, 'number')}, {least} to {most}, {known})"

    def _repr_html_(self) -> str:
        """A table for notebooks, of the first states."""
        rows = ((self.name(k), self.at(k)) for k in range(len(self)))
        return markup.table(repr(self), ("state" if self.names else "", "number"), rows, total=len(self))

    def named(self, names: Names | None) -> "Bounds":
        """The same, of states with names."""
        return Bounds(self.values, self.low, self.high, self.why, names)

    def name(self, k: int) -> str:
        """What the state with an id is called, as it can be shown."""
        return visible(self.names.label(k)) if self.names else str(k)

    @property
    def error(self) -> float:
        """How far any of the values can be from the truth."""
        with np.errstate(invalid="ignore"):  # where all three are infinite there is no doubt
            gap = np.maximum(self.high - self.values, self.values - self.low)
        largest = float(np.max(np.where(self.low == self.high, 0.0, gap), initial=0.0))
        return math.nextafter(largest, math.inf) if largest > 0 else 0.0

    def at(self, state: str | int) -> Bound:
        """The number of one state, given as text or as its id."""
        if self.values.ndim > 1:
            raise InputError(f"expected numbers of single states, got a table {self.values.shape}; try its values")
        if self.names is not None:
            k = self.names.id(state)
        else:
            k = whole("a state", state)
            if k >= len(self):
                raise InputError(f"expected a number below {len(self)}, got {k}; try 0")
        return Bound(float(self.values[k]), float(self.low[k]), float(self.high[k]), why=self.why)

    def mean(self, distribution: ArrayLike) -> Bound:
        """The average under a distribution (V**L,) of where the chain starts; one that sums to nearly one is made to.

        A state that is never the start may have an infinite time.
        """
        pi = numbers("a distribution", distribution, instead="one probability for each state")
        if pi.shape != self.values.shape or not (pi >= 0).all() or not abs(float(pi.sum()) - 1) < 1e-3:
            raise InputError(
                f"expected {len(self.values)} probabilities that sum to one, got others; try dividing by their sum"
            )
        used = pi > 0
        pi, values, low, high = pi[used], self.values[used], self.low[used], self.high[used]
        total = float(pi.sum())
        with np.errstate(invalid="ignore", over="ignore"):
            value = float(pi @ values) / total
            below, above = _average(pi, total, low)[0], _average(pi, total, high)[1]
        value = above if math.isnan(value) else min(max(value, below), above)
        return Bound(value, below, above, why=self.why)


def _average(pi: NDArray[np.float64], total: float, x: NDArray[np.float64]) -> tuple[float, float]:
    """An interval that holds the mean of x, rounding included: of sums in any order, and of products that underflow."""
    least, most, n = float(x.min()), float(x.max()), len(x)
    if least == most or not np.isfinite([least, most]).all():
        return (-math.inf if least == -math.inf else most if most == math.inf else least), most
    mean, size = float(pi @ x) / total, float(pi @ np.abs(x)) / total
    # Twice the sum's and the product's roundings, for the two sums; |x| is summed with the same relative error.
    slack = (2 * n + 16) * (1 + 8 * n * ROUNDING) * ROUNDING * size + (2 * n + 16) * _LEAST
    if not math.isfinite(mean + slack):
        return least, most
    below, above = math.nextafter(mean - slack, -math.inf), math.nextafter(mean + slack, math.inf)
    return max(least, below), min(most, above)


def _rounded(exact: Fraction, *, up: bool) -> float:
    """The double next to an exact number, on one side."""
    try:
        near = float(exact)
    except OverflowError:
        near = math.inf if exact > 0 else -math.inf
        return near if up == (near > 0) else math.copysign(_LARGEST, near)
    if up and Fraction(near) < exact:
        return math.nextafter(near, math.inf)
    return math.nextafter(near, -math.inf) if not up and Fraction(near) > exact else near


def _sum(x: float, y: float, *, up: bool) -> float:
    x, y = float(x), float(y)
    if math.isfinite(x) and math.isfinite(y):
        return _rounded(Fraction(x) + Fraction(y), up=up)
    return x + y if not math.isnan(x + y) else (math.inf if up else -math.inf)


def _product(x: float, y: float, *, up: bool) -> float:
    if x == 0 or y == 0:
        return 0.0
    if math.isfinite(x) and math.isfinite(y):
        return _rounded(Fraction(x) * Fraction(y), up=up)
    return x * y


def _real(name: str, value: Any) -> float:
    """A number as a float, NaN as well."""
    if isinstance(value, str | bytes | bytearray) or (isinstance(value, np.ndarray) and value.ndim):
        raise InputError(f"expected {name} to be a number, got {shown(value)}; try 0.5")
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"expected {name} to be a number, got {shown(value)}; try 0.5") from None


def _error(value: float) -> float:
    error = _real("an error", value)
    if error < 0:
        raise InputError(f"expected an error of 0 or more, got {error}; try its absolute value")
    return error


def _exactly(other: "Bound | float") -> Bound:
    """A double is what it is."""
    if isinstance(other, Bound):
        return other
    number = _real("a number", other)
    return Bound(number, number, number)


def _ends(other: "Bound | float") -> tuple[float, float]:
    """Between what another number lies."""
    if isinstance(other, Bound):
        return other.low, other.high
    number = _real("a number", other)
    return number, number
