"""Data and configuration -> a Run: the trained model, its losses and, on request, the chain after every step."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from finitegpt import states
from finitegpt.arguments import flag, require_function, whole
from finitegpt.batches import generator_of, windows_of
from finitegpt.config import GPTConfig, TrainConfig
from finitegpt.data import NOTEBOOK_SEQUENCE, Data, Process, Tokens
from finitegpt.descent import Descent
from finitegpt.engine import Engine, Optimizer
from finitegpt.errors import InputError
from finitegpt.limits import require_memory
from finitegpt.model import Model
from finitegpt.recipe import Settings, prepare, require_settings
from finitegpt.run import Run

_SLICE_SECONDS = 0.05

Progress = Callable[[int, float], None]
"""Called with the number of steps done and the last loss."""


def train(
    data: Data | str | Tokens | Process | Run = NOTEBOOK_SEQUENCE,
    model: GPTConfig | None = None,
    config: TrainConfig | None = None,
    *,
    context_length: int | None = None,
    keep_steps: bool = False,
    progress: Progress | None = None,
    **settings: Unpack[Settings],
) -> Run:
    """Trains a GPT. With no arguments, this is the notebook's experiment.

    `data` may be a text, or tokens in a list or an array, then read with windows of `context_length` tokens; or a
    source or a prior, whose every word then counts by its exact probability, as `Data.from_source` has it. `model` and
    `config` default to the notebook's; their fields may be given one by one instead, as in `train(text, steps=100,
    n_layer=1)`. Without a batch size, every step takes every window while at most 4,096 of them are distinct, and 256
    random ones beyond. `keep_steps` keeps the chain after each step. `progress` is called with the number of steps done
    and the last loss. Ctrl-C stops early and returns what was reached.

    `train(run, steps=50)` goes on from a run by 50 steps: the result is bit for bit that of one training of all steps,
    with all losses, and all chains where the run has kept its steps. Without `steps` it does those that a run that was
    stopped early still lacks. Nothing else may be changed. InputError for a run whose folder was written before runs
    kept the moments of AdamW.

    Raises InputError where what is given is contradictory, where data and model do not fit together, or where the loss
    stops being finite; TooLargeError where it would not fit in memory.

    >>> run = train()
    >>> run.model.config.n_params, run.losses.round(4).tolist()[::49]
    (12656, [0.6635, 0.47])
    >>> bool((train(train(steps=20), steps=30).losses == run.losses).all())
    True
    """
    require_function("progress", progress)
    keep_steps = flag("keep_steps", keep_steps)
    if isinstance(data, Run):
        others = {"model": model, "config": config, "context_length": context_length}
        begun = _resumed(data, {name: value for name, value in others.items() if value is not None}, settings)
        if keep_steps and data.trajectory is None:
            raise InputError("expected a run that has kept its steps, got one that has not; try keep_steps=False")
    else:
        begun = _begun(*prepare(data, model, config, context_length, settings), keep_steps)
    done, steps = begun.done, begun.config.steps
    require_memory(8 * steps, "the loss of every step", "fewer steps")
    losses = np.empty(steps)
    losses[:done] = begun.losses
    trajectory = _room_for_steps(begun.shape, steps) if begun.trajectory is not None else None
    if trajectory is not None:
        trajectory[: done + 1] = begun.trajectory
    size, descent = 1, None
    with _stop_on_interrupt() as stopped:
        while done < steps and not stopped.is_set():
            size = min(size, steps - done)
            began = time.perf_counter()
            windows = windows_of(begun.data, begun.config, size, begun.generator, first=done)
            descent = descent or Descent(begun.shape, windows.batch)
            losses[done : done + size] = descent.take(
                windows,
                rates=begun.config.rates(done, size),
                optimizer=_optimizer(begun.config),
                first=done,
                weights=begun.weights,
                moments=begun.moments,
                chains=None if trajectory is None else trajectory[done + 1 : done + 1 + size],
            )
            _require_finite(losses[done : done + size], begun.weights, done, begun.config.lr)
            done += size
            if progress:
                progress(done, float(losses[done - 1]))
            # As many steps as keep a call short enough for a progress bar and for Ctrl-C.
            size = max(1, min(int(size * _SLICE_SECONDS / (time.perf_counter() - began + 1e-9)), 2**12))
    trained = Model(config=begun.shape, vocab=begun.data.vocab, weights=begun.weights)
    # The last step may be the one that went too far.
    trained.log_probs(begun.data.tokens[None, : begun.data.context_length])
    return Run(
        data=begun.data,
        train=begun.config,
        model=trained,
        losses=losses[:done],
        trajectory=None if trajectory is None else trajectory[: done + 1],
        moments=begun.moments,
    )


@dataclass(frozen=True, eq=False, slots=True)
class _Begun:
    """A training that has come so far; its arrays are its own, and change as it goes on."""

    data: Data
    shape: GPTConfig
    config: TrainConfig
    weights: NDArray[np.float32]
    moments: NDArray[np.float32]
    generator: NDArray[np.uint32]
    losses: NDArray[np.float64]
    trajectory: NDArray[np.float32] | None

    @property
    def done(self) -> int:
        return len(self.losses)


def _begun(data: Data, shape: GPTConfig, config: TrainConfig, keep_steps: bool) -> _Begun:
    engine = Engine()
    (weights, generator), first = engine.begin(shape, config.seed), None
    if keep_steps:
        _require_room(shape, config.steps)
        n = states.n_states(shape.vocab_size, shape.context_length)
        first = engine.evaluate(shape, weights, 0, n)[None]
    moments = np.zeros((2, shape.n_params), np.float32)
    generator = generator_of(data, config, generator)
    return _Begun(data, shape, config, weights, moments, generator, np.empty(0), first)


def _resumed(run: Run, others: Mapping[str, Any], settings: Mapping[str, Any]) -> _Begun:
    """Where a run has ended, with the generator of mini-batches where it then was."""
    require_settings(settings)
    changed = sorted({*others, *settings} - {"steps"})
    if changed:
        raise InputError(
            f"expected a run to go on as it was trained, got {', '.join(changed)} as well; try steps alone"
        )
    done, left = len(run.losses), run.train.steps - len(run.losses)
    if "steps" not in settings and left <= 0:
        raise InputError("expected how many steps to go on, got none; try steps=50")
    steps = whole("steps", settings.get("steps", left))
    if run.moments is None:
        raise InputError(
            "expected a run with the moments of AdamW, got one without, as older folders are; "
            "try train(run.data, run.model.config, run.train)"
        )
    engine, config = Engine(), replace(run.train, steps=done + steps)
    generator = generator_of(run.data, config, engine.begin(run.model.config, config.seed)[1], done)
    return _Begun(
        run.data,
        run.model.config,
        config,
        run.model.weights.copy(),
        run.moments.copy(),
        generator,
        run.losses,
        run.trajectory,
    )


def _optimizer(config: TrainConfig) -> Optimizer:
    return Optimizer(config.weight_decay, config.betas, config.clip, config.decay_matrices)


def _room_for_steps(shape: GPTConfig, steps: int) -> NDArray[np.float32]:
    _require_room(shape, steps)
    return np.empty((steps + 1, states.n_states(shape.vocab_size, shape.context_length), shape.vocab_size), np.float32)


def _require_room(shape: GPTConfig, steps: int) -> None:
    n = states.n_states(shape.vocab_size, shape.context_length)
    require_memory(4 * (steps + 1) * n * shape.vocab_size, "the chain after every step", "fewer steps or states")


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
