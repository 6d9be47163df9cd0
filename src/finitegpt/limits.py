"""What this machine can hold: sizes are checked before memory is asked for, never after."""

import math
import os
import shutil
import tempfile
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from finitegpt.errors import TooLargeError

Real = TypeVar("Real", np.float32, np.float64)

_SMALL = 2**26  # not worth asking the system for


def available_bytes() -> int:
    """Physical memory in bytes that processes can still use, or a cautious 4 GiB where the system does not tell."""
    try:
        with Path("/proc/meminfo").open(encoding="ascii") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return 4 * 2**30


def readable_bytes(n: float) -> str:
    """
    >>> readable_bytes(3998), readable_bytes(3 * 2**30)
    ('3.9 KiB', '3.0 GiB')
    """
    n = min(n, 2**60)  # an integer may be beyond floats
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB"):
        if n < 1024:
            return f"{n:.0f} {unit}" if unit == "bytes" else f"{n:.1f} {unit}"
        n /= 1024
    return "more than 1024 PiB"


def require_memory(n: int, what: str, instead: str) -> None:
    """Raises TooLargeError unless `n` bytes for `what` fit; `instead` says what to try."""
    if n < _SMALL:
        return
    available = available_bytes()
    if n > available:
        raise TooLargeError(
            f"expected {what} to fit in memory, got {readable_bytes(n)} where {readable_bytes(available)} are "
            f"free; try {instead}"
        )


def require_room(n: int, what: str, instead: str) -> None:
    """Raises TooLargeError unless `n` bytes for `what` fit in memory, or else on the disk of temporary files."""
    if n + _SMALL > shutil.disk_usage(tempfile.gettempdir()).free:
        require_memory(n, what, instead)


def allocate(shape: tuple[int, ...], dtype: type[Real], what: str, instead: str) -> NDArray[Real]:
    """An empty array for a result; mapped to a temporary file where it would not fit in memory twice.

    Raises TooLargeError where there is no room for `what` there either; `instead` says what to try.
    """
    size = np.dtype(dtype).itemsize * math.prod(shape)
    if 2 * size <= max(available_bytes(), _SMALL):
        return np.empty(shape, dtype)
    require_room(size, what, instead)
    with tempfile.TemporaryFile(prefix="finitegpt-") as file:  # the mapping outlives it, and has no name on disk
        return np.memmap(file, dtype, "w+", shape=shape)
