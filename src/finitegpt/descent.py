"""Steps of one training, on all cores; the same numbers on any number of them.

The engine cuts the windows of a step into parts and says how their gradients are added up, both by the sizes alone.
"""

import math
import queue
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finitegpt import states
from finitegpt.config import GPTConfig
from finitegpt.engine import Engine, Optimizer, Windows
from finitegpt.limits import require_memory
from finitegpt.parallel import is_worker, ranges, together, workers

_WORTHWHILE = 3e7
"""Operations a step from which handing it to several threads pays, a millisecond of one."""
_PIECE = 2**16
"""Numbers whose squares the engine sums at once, and that are updated at once."""


class Descent:
    """Steps on one model and data of one size, with the memory that they need.

    `threads` is how many are used, by default one for each core; one where there is little work, or where this itself
    is the work of one of several threads. What comes out does not depend on it.
    """

    def __init__(self, shape: GPTConfig, batch: int, *, threads: int | None = None) -> None:
        self._engine, self._shape = Engine(), shape
        self._parts = self._engine.parts(shape, batch)
        work = 6.0 * shape.n_params * batch * shape.context_length
        few = self._parts < 2 or work < _WORTHWHILE or is_worker()
        self._threads = min(self._parts, (1 if few else workers()) if threads is None else threads)
        self._spaces: queue.SimpleQueue[NDArray[np.uint8]] = queue.SimpleQueue()
        for _ in range(self._threads):
            self._spaces.put(self._engine.workspace(shape, batch))
        self._gradients = np.empty((0, 0), np.float32)
        if self._threads > 1:
            require_memory(4 * self._parts * shape.n_params, "the gradients of a step", "a smaller model")
            self._gradients = np.empty((self._parts, shape.n_params), np.float32)

    def take(
        self,
        windows: Windows,
        *,
        rates: NDArray[np.float64],
        optimizer: Optimizer,
        first: int,
        weights: NDArray[np.float32],
        moments: NDArray[np.float32],
        chains: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float64]:
        """Takes a step of each of the learning `rates` (steps,), the first being step number `first` from 0 on.

        Returns the loss before each, in nats (steps,). Updates `weights` (n_params,) and `moments` (2, n_params) in
        place, and writes the chain after each step to `chains` (steps, V**L, V) if given.
        """
        if self._threads == 1:
            with self._space() as space:
                return self._engine.train(
                    self._shape,
                    windows,
                    rates=rates,
                    optimizer=optimizer,
                    first=first,
                    weights=weights,
                    moments=moments,
                    chains=chains,
                    workspace=space,
                )
        self._engine.require_windows(self._shape, windows, len(rates))
        losses = np.empty(len(rates))
        for step, rate in enumerate(rates.tolist()):
            losses[step] = sum(self._each(partial(self._part, windows, step, weights), range(self._parts)))
            scale = 1.0 if optimizer.clip is None else self._clipped(optimizer.clip)
            update = partial(self._update, optimizer, rate, first + step, scale, weights, moments)
            self._each(update, ranges(len(weights), _PIECE))
            if chains is not None:
                n = states.n_states(self._shape.vocab_size, self._shape.context_length)
                self._engine.evaluate(self._shape, weights, 0, n, out=chains[step])
        return losses

    def _each(self, work: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        return together(work, items, self._threads)

    @contextmanager
    def _space(self) -> Iterator[NDArray[np.uint8]]:
        space = self._spaces.get()
        try:
            yield space
        finally:
            self._spaces.put(space)

    def _part(self, windows: Windows, row: int, weights: NDArray[np.float32], part: int) -> float:
        with self._space() as space:
            return self._engine.part(self._shape, windows, row, part, weights, self._gradients[part], space)

    def _clipped(self, clip: float) -> float:
        """By what the gradient is multiplied, as the engine has it for one thread."""
        square = partial(self._engine.square, self._shape, self._gradients)
        norm = math.sqrt(sum(self._each(lambda piece: square(*piece), ranges(self._shape.n_params, _PIECE))))
        return clip / (norm + 1e-6) if norm > clip else 1.0

    def _update(
        self,
        optimizer: Optimizer,
        rate: float,
        step: int,
        scale: float,
        weights: NDArray[np.float32],
        moments: NDArray[np.float32],
        piece: tuple[int, int],
    ) -> None:
        self._engine.update(
            self._shape, optimizer, rate, step, scale, self._gradients, *piece, weights=weights, moments=moments
        )
