"""Numbers of 0 or more and of any size, each between bounds: what is multiplied and divided before it becomes a double.

The mass of a state can be 1e-600, and what flows through it less, while a ratio of two such numbers is nothing special.
Nothing here is subtracted, so that all stays right relatively. Whatever is done is rounded outward.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finitegpt import library
from finitegpt.analysis.bound import ROUNDING, Bound, Bounds
from finitegpt.graph import LEAST, MOST, Floats, Ids

_SLACK = 8 * ROUNDING  # more than any operation here rounds, those that widen included
_LOST = 2.0**-500  # a lower bound so far below its upper one is as good as 0
_FARTHEST = 4000  # no double is shifted by more than this


@dataclass(frozen=True, eq=False, slots=True)
class Scaled:
    """Numbers (n,): values between low and high, each times 2**exponents. What is exactly 0 has a `high` of 0."""

    values: Floats
    low: Floats
    high: Floats
    exponents: Ids

    @classmethod
    def of(cls, values: Floats, low: Floats, high: Floats, exponents: Ids | int = 0) -> "Scaled":
        """Of any numbers of 0 or more, the upper bounds finite; those become mantissas from 0.5 to 1."""
        e = np.frexp(high)[1].astype(np.int64)
        values, low, high = (_shifted(x, -e) for x in (values, low, high))
        return cls(values, np.where(low < _LOST, 0.0, low), high, e + exponents)

    @classmethod
    def near(cls, values: Floats, relative: float, exponents: Ids | int = 0) -> "Scaled":
        """Of numbers that are right within a relative error below 1."""
        off = relative + _SLACK
        return cls.of(values, values * max(0.0, 1 - off), values * (1 + off), exponents)

    @classmethod
    def within(cls, bounds: Bounds) -> "Scaled":
        """Of numbers with certificates."""
        return cls.of(bounds.values, bounds.low, bounds.high)

    def __getitem__(self, which: NDArray[Any]) -> "Scaled":
        return Scaled(self.values[which], self.low[which], self.high[which], self.exponents[which])

    def __len__(self) -> int:
        return len(self.values)

    def plus(self, other: "Scaled") -> "Scaled":
        """The sums, one by one."""
        here, there = np.arange(len(self)), np.arange(len(other))
        return _joined(self, other).sums(np.concatenate([here, there]), len(self))

    def times(self, other: "Scaled") -> "Scaled":
        """The products, one by one."""
        low, high = self.low * other.low * (1 - _SLACK), self.high * other.high * (1 + _SLACK)
        return Scaled.of(self.values * other.values, low, high, self.exponents + other.exponents)

    def over(self, other: "Scaled") -> Bounds:
        """The quotients, one by one, by what is not exactly 0; infinite from above where it is not proved to be so."""
        with np.errstate(divide="ignore", invalid="ignore"):
            low, high = self.low / other.high * (1 - _SLACK), self.high / other.low * (1 + _SLACK)
            values = np.where(other.values > 0, self.values / other.values, low)
        high[self.high == 0] = 0.0
        return _doubles(values, low, high, self.exponents - other.exponents)

    def sums(self, label: NDArray[np.integer[Any]], many: int) -> "Scaled":
        """The sums of so many sets, as the number of each one's set (n,); -1 for what is in none."""
        top = np.full(many + 1, -(2**40))
        there = self.high > 0
        np.maximum.at(top, label[there], self.exponents[there])
        shift = np.where(there, self.exponents - top[label], 0)
        kind, sums = np.ascontiguousarray(label, np.int32), np.empty((many + 1, 2))
        found = []
        for part in (self.values, self.low, self.high):
            library.default().fg_masses(len(self), np.ascontiguousarray(_shifted(part, shift)), kind, many, sums)
            found.append(sums[:many].sum(1))
        values, low, high = found
        held = high > 0
        return Scaled.of(values, low * (1 - _SLACK), high * (1 + _SLACK), np.where(held, top[:many], 0))

    def total(self) -> "Scaled":
        """The sum of all (1,)."""
        return self.sums(np.zeros(len(self), np.int32), 1)

    def bounds(self) -> Bounds:
        """As doubles: what is too small for them lies between 0 and the least normal one."""
        return _doubles(self.values, self.low, self.high, self.exponents)


def one(bounds: Bounds, why: str = "") -> Bound:
    """The only number of some (1,)."""
    return Bound(float(bounds.values[0]), float(bounds.low[0]), float(bounds.high[0]), why=why)


def _joined(a: Scaled, b: Scaled) -> Scaled:
    return Scaled(*(np.concatenate([getattr(a, name), getattr(b, name)]) for name in Scaled.__slots__))


def _doubles(values: Floats, low: Floats, high: Floats, exponents: Ids) -> Bounds:
    never = high == 0
    with np.errstate(over="ignore"):
        values, low, high = (_shifted(x, exponents) for x in (values, low, high))
    high = np.where(never, 0.0, np.maximum(high, LEAST))
    low = np.where(low < LEAST, 0.0, np.minimum(low, MOST))
    return Bounds(values.clip(low, high), low, high)


def _shifted(x: Floats, exponents: Ids) -> Floats:
    """x 2**exponents; what is below the least double is 0, as a denormal is when it is told as bounds."""
    return np.ldexp(x, exponents.clip(-_FARTHEST, _FARTHEST).astype(np.int32))
