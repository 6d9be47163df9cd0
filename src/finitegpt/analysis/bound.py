"""Numbers with their certificates: an interval that contains the truth, or the word "uncertified"."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

ROUNDING = float(np.finfo(np.float64).eps) / 2


@dataclass(frozen=True, slots=True)
class Bound:
    """A computed `value`, and an interval from `low` to `high` that is proved to contain the true one.

    >>> print(Bound(0.12345678, 0.1233, 0.1237))
    0.1235 ± 0.0003
    >>> print(Bound(0.5))
    0.5 (uncertified)
    """

    value: float
    low: float = -np.inf
    high: float = np.inf

    @classmethod
    def around(cls, value: float, error: float) -> "Bound":
        """value ± error."""
        return cls(value, value - error, value + error)

    @property
    def error(self) -> float:
        """How far the truth can be from `value`; infinite where nothing is proved."""
        return 0.0 if self.low == self.high else max(self.high - self.value, self.value - self.low)

    @property
    def certified(self) -> bool:
        """Whether anything is proved."""
        return bool(np.isfinite(self.error))

    def within(self, low: float, high: float) -> "Bound":
        """The same with what is known otherwise, such as that a probability lies between 0 and 1."""
        value = min(max(self.value, low), high)
        return Bound(value, min(max(self.low, low), value), max(min(self.high, high), value))

    def widened(self, error: float) -> "Bound":
        """The same, where what was averaged may itself be off by `error`."""
        return Bound(self.value, self.low - error, self.high + error)

    def scaled(self, factor: float) -> "Bound":
        """Times a positive factor, such as 1 / ln 2 to turn nats into bits."""
        return Bound(self.value * factor, self.low * factor, self.high * factor)

    def to_dict(self) -> dict[str, float | bool | None]:
        """Plain values for JSON; None where nothing is proved."""
        known = self.certified
        return {
            "value": self.value,
            "low": self.low if known else None,
            "high": self.high if known else None,
            "certified": known,
        }

    def __str__(self) -> str:
        if not self.certified:
            return f"{self.value:.6g} (uncertified)"
        if self.error <= 1e-15 * abs(self.value) or self.error == 0:
            return f"{self.value:.12g}"
        # As many digits as are proved, and one that says how far; rounding the value widens it.
        digits = max(0, -int(np.floor(np.log10(self.error)))) if self.error < 1 else 0
        if digits > 12:
            return f"{float(self.value)!r} ± {_upward(self.error + np.spacing(abs(self.value)))}"
        shown = round(self.value, digits)
        wide = np.ceil((self.error + abs(self.value - shown)) * 10**digits - 1e-6) / 10**digits
        return f"{shown:.{digits}f} ± {wide:.{digits}f}"


def _upward(error: float) -> str:
    """A small number to one digit, never less than it is."""
    exponent = int(np.floor(np.log10(error)))
    digit = int(np.ceil(error / 10.0**exponent))
    return f"{digit}e{exponent:03d}" if digit < 10 else f"1e{exponent + 1:03d}"


@dataclass(frozen=True, eq=False, slots=True)
class Bounds:
    """A number for every state: computed `values`, and `low` and `high` that are proved to enclose the true ones.

    All three (V**L,). Infinite bounds where nothing is proved.
    """

    values: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @property
    def error(self) -> float:
        """How far any of the values can be from the truth."""
        with np.errstate(invalid="ignore"):  # where all three are infinite there is no doubt
            gap = np.maximum(self.high - self.values, self.values - self.low)
        return float(np.max(np.where(self.low == self.high, 0.0, gap), initial=0.0))

    def at(self, state: int) -> Bound:
        """The number of one state."""
        return Bound(float(self.values[state]), float(self.low[state]), float(self.high[state]))

    def mean(self, distribution: ArrayLike) -> Bound:
        """The average under a distribution (V**L,) of where the chain starts."""
        pi = np.asarray(distribution, np.float64)
        used = pi > 0  # a state that is never the start may have an infinite time
        value, low, high = (float(pi[used] @ part[used]) for part in (self.values, self.low, self.high))
        slack = 4 * ROUNDING * len(pi) ** 0.5 * max(abs(low), abs(high)) if np.isfinite([low, high]).all() else 0.0
        return Bound(value, low - slack, high + slack)
