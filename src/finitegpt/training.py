"""Data and configuration -> a Run: the trained model, its losses and, on request, the chain after every step."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from finitegpt import states
from finitegpt.config import GPTConfig, TrainConfig
from finitegpt.data import NOTEBOOK_CONTEXT_LENGTH, NOTEBOOK_SEQUENCE, Data
from finitegpt.engine import Engine, Windows
from finitegpt.errors import InputError
from finitegpt.limits import require_memory
from finitegpt.model import Model
from finitegpt.run import Run

FULL_BATCH = 4096
"""Up to so many distinct windows, every step sees all of them unless a batch size is given."""
MINI_BATCH = 256
"""The batch size beyond."""

_SLICE_SECONDS = 0.05


def train(
    data: Data | str = NOTEBOOK_SEQUENCE,
    model: GPTConfig | None = None,
    config: TrainConfig | None = None,
    *,
    context_length: int = NOTEBOOK_CONTEXT_LENGTH,
    keep_steps: bool = False,
    progress: Callable[[int, float], None] | None = None,
) -> Run:
    """Trains a GPT. With no arguments, this is the notebook's experiment.

    `data` may be a text, then read with windows of `context_length` tokens. `model` and `config` default to the
    notebook's; a `config` without a batch size takes every window in every step while at most 4,096 of them are
    distinct, and 256 random ones a step beyond. `keep_steps` keeps the chain after each step. `progress` is called
    with the number of steps done and the last loss. Ctrl-C stops early and returns what was reached.

    Raises InputError where data and model do not fit together or the loss stops being finite, TooLargeError where it
    would not fit in memory.

    >>> run = train()
    >>> run.model.config.n_params, run.losses.round(4).tolist()[::49]
    (12656, [0.6635, 0.47])
    """
    data, shape, settings = prepare(data, model, config, context_length)
    engine = Engine()
    parameters = engine.init(shape, settings.seed)
    moments = np.zeros((2, shape.n_params), np.float32)
    trajectory = _room_for_steps(shape, settings.steps) if keep_steps else None
    if trajectory is not None:
        engine.evaluate(shape, parameters, 0, trajectory.shape[1], out=trajectory[0])
    require_memory(8 * settings.steps, "the loss of every step", "fewer steps")
    losses, generator = np.empty(settings.steps), engine.generator(settings.seed)
    done, size = 0, 1
    with _stop_on_interrupt() as stopped:
        while done < settings.steps and not stopped.is_set():
            size = min(size, settings.steps - done)
            began = time.perf_counter()
            losses[done : done + size] = engine.train(
                shape,
                _windows(engine, data, settings, size, generator),
                lr=settings.lr,
                weight_decay=settings.weight_decay,
                first=done,
                steps=size,
                weights=parameters,
                moments=moments,
                chains=None if trajectory is None else trajectory[done + 1 : done + 1 + size],
            )
            _require_finite(losses[done : done + size], parameters, done, settings.lr)
            done += size
            if progress:
                progress(done, float(losses[done - 1]))
            # As many steps as keep a call short enough for a progress bar and for Ctrl-C.
            size = max(1, min(int(size * _SLICE_SECONDS / (time.perf_counter() - began + 1e-9)), 2**12))
    trained = Model(config=shape, vocab=data.vocab, weights=parameters)
    trained.log_probs(data.tokens[None, : data.context_length])  # the last step may be the one that went too far
    return Run(
        data=data,
        train=settings,
        model=trained,
        losses=losses[:done],
        trajectory=None if trajectory is None else trajectory[: done + 1],
    )


def prepare(
    data: Data | str, model: GPTConfig | None, config: TrainConfig | None, context_length: int
) -> tuple[Data, GPTConfig, TrainConfig]:
    """What `train` fills in: data from text, the model's shape and the batch size from the data."""
    if isinstance(data, str):
        length = model.context_length if model else context_length
        data = Data.from_text(data, context_length=length)
    shape = model or GPTConfig(vocab_size=len(data.vocab), context_length=data.context_length)
    if (shape.vocab_size, shape.context_length) != (len(data.vocab), data.context_length):
        raise InputError(
            f"expected a model for {len(data.vocab)} tokens and a context of {data.context_length}, got one for "
            f"{shape.vocab_size} and {shape.context_length}; try GPTConfig(vocab_size={len(data.vocab)}, "
            f"context_length={data.context_length})"
        )
    settings = config or TrainConfig()
    if settings.batch_size is None and len(data.distinct[0]) > FULL_BATCH:
        settings = replace(settings, batch_size=MINI_BATCH)
    return data, shape, settings


def _windows(engine: Engine, data: Data, settings: TrainConfig, steps: int, generator: NDArray[np.uint32]) -> Windows:
    every = settings.loss == "all"
    if settings.batch_size is None:
        starts, counts = data.distinct
        shares = (counts / counts.sum()).astype(np.float32)
        return Windows(data.tokens, starts, shares, every_position=every)
    batch = settings.batch_size
    drawn = engine.randint(generator, steps * batch, data.n_windows)
    return Windows(data.tokens, drawn.reshape(steps, batch), every_position=every)


def _room_for_steps(shape: GPTConfig, steps: int) -> NDArray[np.float32]:
    n = states.n_states(shape.vocab_size, shape.context_length)
    require_memory(4 * (steps + 1) * n * shape.vocab_size, "the chain after every step", "fewer steps or states")
    return np.empty((steps + 1, n, shape.vocab_size), np.float32)


def _require_finite(losses: NDArray[np.float64], parameters: NDArray[np.float32], done: int, lr: float) -> None:
    bad = ~np.isfinite(losses)
    if bad.any() or not np.isfinite(parameters).all():
        step = done + (int(np.argmax(bad)) if bad.any() else len(losses))
        raise InputError(f"expected a finite loss, got none at step {step}; try a learning rate below {lr:g}")


@contextmanager
def _stop_on_interrupt() -> Iterator[threading.Event]:
    """Turns Ctrl-C into an event, so that it falls between two calls of the engine and loses no step."""
    stopped = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return
    before = signal.signal(signal.SIGINT, lambda *_: stopped.set())
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, before)
