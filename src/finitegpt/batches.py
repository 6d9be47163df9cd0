"""Which windows of the data each step of a training sees."""

import numpy as np
from numpy.typing import NDArray

from finitegpt.config import TrainConfig
from finitegpt.data import Data
from finitegpt.engine import Engine, Windows

_REDRAWN = 2**22
_HALVES = 2**27, 2**26


def windows_of(
    data: Data, config: TrainConfig, steps: int, generator: NDArray[np.uint32], *, first: int = 0
) -> Windows:
    """All windows in every step, or a mini-batch for each of `steps`, the first being step number `first` from 0 on.

    Random mini-batches are drawn from the generator, which moves on: windows that count alike as `torch.randint` draws
    them; others by their weights, each from two numbers of the generator, a of 27 and b of 26 bits, as the first one
    up to which weights add up to more than (a 2**26 + b) / 2**53 of their sum. Windows in turn draw nothing: step k has
    windows k B to k B + B - 1, modulo their number, and each counts by its weight in the mean of its step.
    """
    every = config.loss == "all"
    if config.batch_size is None:
        found = data.merged(config.loss)
        assert found.weights is not None
        shares = (found.weights / found.weights.sum()).astype(np.float32)
        return Windows(data.tokens, found.starts, found.lengths, shares, found.mask, every)
    in_turn, size = config.batches == "in_turn", (steps, config.batch_size)
    count = data.count_windows(config.loss)
    if in_turn:
        chosen = (first * config.batch_size + np.arange(steps * config.batch_size)) % count
    else:
        chosen = _drawn(data, config, generator, steps * config.batch_size)
    if data.borders is None:
        return Windows(data.tokens, chosen.reshape(size), every_position=every)
    listed = data.windows(config.loss)
    lengths = None if listed.lengths is None else listed.lengths[chosen].reshape(size)
    # What windows in turn count is left to the tokens that they predict, each of which is of one sequence alone.
    counted = data.borders.weights is not None or data.borders.mask is not None
    mask = (data.borders.shares if counted else None) if in_turn else listed.mask
    return Windows(data.tokens, listed.starts[chosen].reshape(size), lengths, mask=mask, every_position=every)


def generator_of(data: Data, config: TrainConfig, after: NDArray[np.uint32], done: int = 0) -> NDArray[np.uint32]:
    """The generator of mini-batches after `done` steps: that which has drawn the model, unless there is a seed."""
    generator = after if config.batch_seed is None else Engine().generator(config.batch_seed)
    rest = 0 if config.batches == "in_turn" else done * (config.batch_size or 0)
    while rest > 0:  # what has been drawn is drawn again
        _drawn(data, config, generator, min(rest, _REDRAWN))
        rest -= _REDRAWN
    return generator


def _drawn(data: Data, config: TrainConfig, generator: NDArray[np.uint32], count: int) -> NDArray[np.int64]:
    """Random windows (count,), by their numbers in the order of the data."""
    engine, weights = Engine(), None if data.borders is None else data.windows(config.loss).weights
    if weights is None:
        return engine.randint(generator, count, data.count_windows(config.loss))
    # Pairs of numbers, one after the other, so that it does not matter how many are drawn in one call.
    pairs = engine.randint(generator, 2 * count, _HALVES[0]).reshape(count, 2)
    sums = np.cumsum(weights)
    uniform = (pairs[:, 0] * float(_HALVES[1]) + pairs[:, 1] % _HALVES[1]) / (_HALVES[0] * _HALVES[1])
    return np.minimum(np.searchsorted(sums, uniform * sums[-1], side="right"), len(sums) - 1)
