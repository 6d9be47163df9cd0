"""Timing of two things side by side, so that a machine that slows down slows both."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Ratio:
    """How many times faster ours is than a peer: one number for each pair of runs."""

    what: str
    peer: str
    goal: float | None
    ratios: list[float]
    ours: float
    """Median seconds of ours, for orientation only."""

    @property
    def row(self) -> list[str]:
        goal = "" if self.goal is None else f"{self.goal:g}"
        low, middle, high = min(self.ratios), statistics.median(self.ratios), max(self.ratios)
        return [self.what, self.peer, f"{middle:.3g}", f"{low:.3g} to {high:.3g}", goal, f"{self.ours:.3g} s"]


def compare(
    what: str,
    ours: Callable[[], object],
    peer: str,
    theirs: Callable[[], object],
    *,
    goal: float | None,
    pairs: int = 7,
) -> Ratio:
    """Runs ours and theirs in turn, after one run of each that does not count."""
    ours()
    theirs()
    times = [(seconds(ours), seconds(theirs)) for _ in range(pairs)]
    return Ratio(what, peer, goal, [b / a for a, b in times], statistics.median(a for a, _ in times))


def seconds(function: Callable[[], object]) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began
