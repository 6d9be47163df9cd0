"""Looks at validation data while a model is trained: the loss, the best weights so far, and when to give up."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from finitegpt.batches import windows_of
from finitegpt.config import GPTConfig, TrainConfig
from finitegpt.data import Data
from finitegpt.engine import Engine, Windows
from finitegpt.errors import InputError
from finitegpt.parallel import is_worker, ordered
from finitegpt.validation import Validation

_TOKENS = 2**14
"""So many tokens of windows are in one call of the engine, at least one window."""


class Watch:
    """The looks at one training, as it goes on."""

    def __init__(
        self,
        data: Data,
        shape: GPTConfig,
        config: TrainConfig,
        before: Validation | None = None,
        best: NDArray[np.float32] | None = None,
    ) -> None:
        self.data, self.shape, self.config = data, shape, config
        self.every = config.validate_every or 1
        self.steps: list[int] = [] if before is None else before.steps.tolist()
        self.losses: list[float] = [] if before is None else before.losses.tolist()
        self.best = best
        """Weights at the look with the lowest loss, where they are to be kept."""
        self._windows = _pieces(data, shape, config)

    def is_due(self, done: int) -> bool:
        """Whether there is to be a look after `done` steps, and was none."""
        return done % self.every == 0 and self.last != done

    def until_next(self, done: int) -> int:
        """How many steps there are from `done` to the next look."""
        return self.every - done % self.every

    @property
    def last(self) -> int | None:
        """After how many steps the last look was."""
        return self.steps[-1] if self.steps else None

    @property
    def lost_patience(self) -> bool:
        """Whether there were as many looks without a lower loss as patience allows."""
        return self.config.patience is not None and self.found.without_lower >= self.config.patience

    def look(self, done: int, weights: NDArray[np.float32]) -> float:
        """The loss after `done` steps, in nats; notes it, and keeps the weights if it is the lowest."""
        loss = _loss(self.shape, self._windows, weights)
        if not math.isfinite(loss):
            raise InputError(
                f"expected a finite validation loss, got none after {done:,} steps; "
                f"try a learning rate below {self.config.lr:g}"
            )
        if self.config.keep == "best" and (not self.losses or loss < min(self.losses)):
            self.best = weights.copy()
        self.steps.append(done)
        self.losses.append(loss)
        return loss

    @property
    def found(self) -> Validation:
        """What was seen so far."""
        return Validation(data=self.data, steps=np.array(self.steps, np.int64), losses=np.array(self.losses))


def loss_on(data: Data, shape: GPTConfig, config: TrainConfig, weights: NDArray[np.float32]) -> float:
    """The loss over all windows of the data, in nats: of the last position or of every one, as `config.loss` says.

    >>> from finitegpt import train
    >>> run = train(steps=1)
    >>> round(float(loss_on(run.data, run.model.config, run.train, run.initial_model.weights)), 4)
    0.6635
    """
    return _loss(shape, _pieces(data, shape, config), weights)


Pieces = list[tuple[Windows, float]]
"""Windows, and how much all tokens that they predict count together."""


def _loss(shape: GPTConfig, pieces: Pieces, weights: NDArray[np.float32]) -> float:
    """The mean over pieces, on all cores; the same number on any number of them."""

    def loss(piece: tuple[Windows, float]) -> float:
        return piece[1] * Engine().loss(shape, piece[0], weights)

    shared = len(pieces) > 1 and not is_worker()
    sums = ordered(loss, pieces) if shared else map(loss, pieces)
    return math.fsum(sums) / math.fsum(mass for _, mass in pieces)


def _pieces(data: Data, shape: GPTConfig, config: TrainConfig) -> Pieces:
    every = replace(config, batch_size=None, batches="random")
    windows = windows_of(data, every, 1, Engine().generator(0))
    pieces = list(_cut(windows, max(1, _TOKENS // shape.context_length), shape.context_length))
    if not pieces:
        raise InputError("expected validation data with a token to predict, got none; try other data")
    return pieces


def _cut(windows: Windows, most: int, length: int) -> Iterator[tuple[Windows, float]]:
    """Pieces of at most so many windows; those that predict nothing are left out."""
    starts = windows.starts.reshape(-1)
    counted = np.ones(len(windows.tokens)) if windows.mask is None else windows.mask.astype(np.float64)
    before = np.concatenate([[0.0], np.cumsum(counted)])
    for first in range(0, len(starts), most):
        part = slice(first, first + most)
        lengths = None if windows.lengths is None else windows.lengths.reshape(-1)[part]
        weights = None if windows.weights is None else windows.weights[part]
        ends = starts[part] + (length if lengths is None else lengths)  # where what the last position predicts stands
        tokens = before[ends + 1] - before[starts[part] + 1] if windows.every_position else counted[ends]
        mass = float((tokens if weights is None else tokens * weights).sum())
        if mass > 0:
            yield replace(windows, starts=starts[part], lengths=lengths, weights=weights), mass
