"""Work over any `concurrent.futures.Executor`: threads here by default, a cluster's executor elsewhere.

Kernels let go of the interpreter lock, so threads are enough on one machine. How work is cut into pieces never depends
on how many workers there are, so neither do results.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from functools import cache
from itertools import islice
from typing import Any, TypeVar

from finitegpt.arguments import shown
from finitegpt.errors import InputError

_NAME = "finitegpt"

Item = TypeVar("Item")
Result = TypeVar("Result")


def require_executor(executor: Any) -> None:
    """InputError unless work can be given to it, or it is None."""
    if executor is not None and not hasattr(executor, "submit"):
        raise InputError(f"expected an executor, got {shown(executor)}; try concurrent.futures.ThreadPoolExecutor()")


def ordered(
    function: Callable[[Item], Result], items: Iterable[Item], *, executor: Executor | None = None
) -> Iterator[Result]:
    """`function` of every item, in the order of the items, computed by `executor` or by a thread for each core.

    A few items ahead are under way at any time, so neither a long list nor its results are held at once. Where the
    caller stops early, or Ctrl-C does, what has not begun is cancelled.

    >>> list(ordered(abs, [-2, 3]))
    [2, 3]
    """
    pool = executor or _threads(os.getpid())
    ahead = 64 if executor else 4 * (os.cpu_count() or 1)  # how many workers another executor has, it does not tell
    rest = iter(items)
    waiting: deque[Future[Result]] = deque(pool.submit(function, item) for item in islice(rest, ahead))
    try:
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(pool.submit(function, item) for item in islice(rest, 1))
            yield result
    finally:
        for future in waiting:
            future.cancel()
        if not executor:
            wait(waiting)  # what has begun may still write to the caller's arrays


def together(function: Callable[[Item], Result], items: Sequence[Item], threads: int) -> list[Result]:
    """`function` of every item, in the order of the items: for work of less than a millisecond an item.

    The caller's thread takes items too, and so do `threads` - 1 others; none waits before all are taken.

    >>> together(abs, [-2, 3, -4], 2)
    [2, 3, 4]
    """
    results: list[Any] = [None] * len(items)
    left = iter(range(len(items)))

    def take() -> None:
        for k in left:  # one step of the interpreter: no two threads take the same
            results[k] = function(items[k])

    others = [_threads(os.getpid()).submit(take) for _ in range(min(threads, len(items)) - 1)]
    try:
        take()
    finally:
        wait(others)
    for other in others:
        other.result()
    return results


def workers() -> int:
    """How many threads there are for work, one for each core."""
    return os.cpu_count() or 1


def is_worker() -> bool:
    """Whether this is one of them: what they wait for must not wait for them."""
    return threading.current_thread().name.startswith(_NAME)


@cache
def _threads(process: int) -> ThreadPoolExecutor:
    """A thread for each core, kept, since starting them takes as long as little work; a forked process has its own."""
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix=_NAME)


def ranges(total: int, size: int) -> list[tuple[int, int]]:
    """(first, count) of pieces of at most `size` that make up `total`.

    >>> ranges(10, 4)
    [(0, 4), (4, 4), (8, 2)]
    """
    return [(first, min(size, total - first)) for first in range(0, total, size)]
