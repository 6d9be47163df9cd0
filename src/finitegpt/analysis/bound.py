"""Numbers with their certificates: an interval that contains the truth, or the word "uncertified".

Whatever is done with an interval is rounded outward: the result holds the truth if what it is made of does.
"""

import math
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finitegpt import words
from finitegpt.errors import InputError

ROUNDING = float(np.finfo(np.float64).eps) / 2

_LEAST = math.ulp(0.0)
_LARGEST = float(np.finfo(np.float64).max)
_BITS = 1 / math.log(2)  # the nearest double, so that the truth is between its neighbours


@dataclass(frozen=True, slots=True)
class Bound:
    """A computed `value`, and an interval from `low` to `high` that is proved to contain the true one.

    The interval always holds `value`: it is made as wide. Where it is not a number, nothing is proved.

    >>> print(Bound(0.12345678, 0.123455, 0.123458), Bound(0.46, 0.45, 0.47), Bound(0.5), sep=", ")
    0.1235, 0.46 ± 0.01, 0.5 (uncertified)
    """

    value: float
    low: float = -math.inf
    high: float = math.inf
    why: str = field(default="", compare=False, kw_only=True)
    """Of a number that is not certified, or hardly: one sentence of why, and of what would help."""

    def __post_init__(self) -> None:
        value, low, high = float(self.value), float(self.low), float(self.high)
        assert not low > high, f"an interval from {low} to {high}"
        low = -math.inf if math.isnan(low) else min(low, value)
        high = math.inf if math.isnan(high) else max(high, value)
        for name, end in (("value", value), ("low", low), ("high", high)):
            object.__setattr__(self, name, end)

    @classmethod
    def around(cls, value: float, error: float, why: str = "") -> "Bound":
        """value ± error."""
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

    def within(self, low: float, high: float) -> "Bound":
        """The same with what is known otherwise, such as that a probability lies between 0 and 1.

        That alone is no certificate: where nothing else is proved, only `value` is moved.
        """
        low, high = float(low), float(high)
        value, least, most = (min(max(x, low), high) for x in (self.value, self.low, self.high))
        nothing = self.low == -math.inf and self.high == math.inf
        return Bound(value, why=self.why) if nothing else Bound(value, least, most, why=self.why)

    def widened(self, error: float) -> "Bound":
        """The same, where what was averaged may itself be off by `error`."""
        return Bound(self.value, _sum(self.low, -error, up=False), _sum(self.high, error, up=True), why=self.why)

    def scaled(self, factor: float) -> "Bound":
        """Times a positive factor, exactly the double that it is."""
        return self.times(Bound(factor, factor, factor)) if factor > 0 else _refused(factor)

    def in_bits(self) -> "Bound":
        """A number of nats, in bits."""
        if self.low == self.high == 0:
            return self
        found = self.times(Bound(_BITS, math.nextafter(_BITS, 0.0), math.nextafter(_BITS, 2.0)))
        return Bound(self.value * _BITS, found.low, found.high, why=self.why)

    def plus(self, other: "Bound") -> "Bound":
        """The sum of two numbers."""
        low, high = _sum(self.low, other.low, up=False), _sum(self.high, other.high, up=True)
        return Bound(self.value + other.value, low, high, why=self.why or other.why)

    def times(self, other: "Bound") -> "Bound":
        """The product of two numbers; what is exactly 0 makes it 0, whatever the other is."""
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


@dataclass(frozen=True, eq=False, slots=True)
class Bounds:
    """A number for every state: computed `values`, and `low` and `high` that are proved to enclose the true ones.

    All three (V**L,). Infinite bounds where nothing is proved.
    """

    values: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    why: str = ""
    """Where some are not certified, or hardly: one sentence of why, and of what would help."""

    @property
    def error(self) -> float:
        """How far any of the values can be from the truth."""
        with np.errstate(invalid="ignore"):  # where all three are infinite there is no doubt
            gap = np.maximum(self.high - self.values, self.values - self.low)
        largest = float(np.max(np.where(self.low == self.high, 0.0, gap), initial=0.0))
        return math.nextafter(largest, math.inf) if largest > 0 else 0.0

    def at(self, state: int) -> Bound:
        """The number of one state."""
        return Bound(float(self.values[state]), float(self.low[state]), float(self.high[state]), why=self.why)

    def mean(self, distribution: ArrayLike) -> Bound:
        """The average under a distribution (V**L,) of where the chain starts; one that sums to nearly one is made to.

        A state that is never the start may have an infinite time.
        """
        pi = np.asarray(distribution, np.float64)
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


def _refused(factor: float) -> Bound:
    raise InputError(f"expected a factor above 0, got {factor}; try times")
