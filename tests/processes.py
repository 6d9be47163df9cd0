"""Processes that a test needs beside itself, such as browsers: nothing of them is left when they are over."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def running(
    *command: str, environment: Mapping[str, str] | None = None, keep: tuple[int, ...] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """A program in a session of its own, ended with all that it has started."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(
        command,
        env={**os.environ, **(environment or {})},
        stdin=quiet,
        stdout=quiet,
        stderr=quiet,
        pass_fds=keep,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
        with suppress(ProcessLookupError):  # what it has started and left
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def until(found: Callable[[], T | None], what: str, seconds: float = 30) -> T:
    """The first thing found that is true; TimeoutError with what there is none of."""
    end = time.monotonic() + seconds
    while not (value := found()):
        if time.monotonic() > end:
            raise TimeoutError(f"expected {what} within {seconds:g} seconds")
        time.sleep(0.03)
    return value


def memory(process: int) -> int:
    """Bytes that a process and all that it has started hold; pages that several share are divided among them."""
    total, waiting = 0, [process]
    while waiting:
        own = Path(f"/proc/{waiting.pop()}")
        with suppress(OSError):
            rollup = (own / "smaps_rollup").read_text(encoding="ascii").splitlines()
            total += sum(1024 * int(line.split()[1]) for line in rollup if line.startswith("Pss:"))
            for thread in (own / "task").iterdir():
                waiting += [int(child) for child in (thread / "children").read_text(encoding="ascii").split()]
    return total
