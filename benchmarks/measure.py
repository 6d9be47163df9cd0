"""Timing of two things side by side, so that a machine that slows down slows both."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """One figure: a ratio measured several times in turn, or a number of our own."""

    what: str
    against: str
    goal: str
    values: list[float]
    unit: str = " times"
    ours: float | None = None
    """Median seconds of ours, for orientation only."""

    @property
    def row(self) -> list[str]:
        low, middle, high = (f"{f(self.values):.3g}{self.unit}" for f in (min, statistics.median, max))
        ours = "" if self.ours is None else f"{self.ours:.3g} s"
        return [self.what, self.against, middle, f"{low} to {high}", self.goal, ours]


def compare(
    what: str,
    ours: Callable[[], object],
    peer: str,
    theirs: Callable[[], object],
    *,
    goal: float | None = None,
    pairs: int = 7,
    part: float = 1.0,
) -> Result:
    """How many times faster ours is: both run in turn, after one run of each that does not count.

    `part` is how much of our work the peer does, where all of it would take too long.
    """
    ours()
    theirs()
    times = [(seconds(ours), seconds(theirs) / part) for _ in range(pairs)]
    ratios = [theirs / ours for ours, theirs in times]
    return Result(
        what,
        peer + (f" ({part:.2g} of the work)" if part < 1 else ""),
        "" if goal is None else f"{goal:g} times",
        ratios,
        ours=statistics.median(ours for ours, _ in times),
    )


def seconds(function: Callable[[], object]) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began
