"""Which windows of the data each step of a training sees."""

import numpy as np
from numpy.typing import NDArray

from finitegpt.config import TrainConfig
from finitegpt.data import Data
from finitegpt.engine import Engine, Windows

_REDRAWN = 2**22


def windows_of(data: Data, config: TrainConfig, steps: int, generator: NDArray[np.uint32]) -> Windows:
    """All windows in every step, or a mini-batch for each of `steps`; moves the generator on."""
    every = config.loss == "all"
    if config.batch_size is None:
        starts, counts = data.distinct
        return Windows(data.tokens, starts, weights=(counts / counts.sum()).astype(np.float32), every_position=every)
    drawn = Engine().randint(generator, steps * config.batch_size, data.n_windows)
    return Windows(data.tokens, drawn.reshape(steps, config.batch_size), every_position=every)


def generator_of(data: Data, config: TrainConfig, after: NDArray[np.uint32], done: int = 0) -> NDArray[np.uint32]:
    """The generator of mini-batches after `done` steps: that which has drawn the model, unless there is a seed."""
    engine = Engine()
    generator = after if config.batch_seed is None else engine.generator(config.batch_seed)
    rest = done * (config.batch_size or 0)
    while rest > 0:  # what has been drawn is drawn again
        engine.randint(generator, min(rest, _REDRAWN), data.n_windows)
        rest -= _REDRAWN
    return generator
