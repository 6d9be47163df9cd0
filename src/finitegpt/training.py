"""Data and configuration -> a Run: the trained model, its losses and, on request, the chain after every step."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from finitegpt.arguments import flag, require_function
from finitegpt.batches import windows_of
from finitegpt.begun import begin, go_on, room_for_steps
from finitegpt.config import GPTConfig, TrainConfig
from finitegpt.data import NOTEBOOK_SEQUENCE, Data, Process, Tokens
from finitegpt.descent import Descent
from finitegpt.engine import Optimizer
from finitegpt.errors import InputError
from finitegpt.limits import require_memory
from finitegpt.model import Model
from finitegpt.recipe import Settings, prepare_validated
from finitegpt.run import Run

_SLICE_SECONDS = 0.05

Progress = Callable[[int, float], None]
"""Called with the number of steps done and the last loss."""


def train(
    data: Data | str | Tokens | Process | Run = NOTEBOOK_SEQUENCE,
    model: GPTConfig | Model | None = None,
    config: TrainConfig | None = None,
    *,
    context_length: int | None = None,
    validation: Data | str | Tokens | float | None = None,
    keep_steps: bool = False,
    progress: Progress | None = None,
    validated: Progress | None = None,
    **settings: Unpack[Settings],
) -> Run:
    """Trains a GPT. With no arguments, this is the notebook's experiment.

    `data` may be a text, or tokens in a list or an array, then read with windows of `context_length` tokens; or a
    source or a prior, whose every word then counts by its exact probability, as `Data.from_source` has it. `model` and
    `config` default to the notebook's; their fields may be given one by one instead, as in `train(text, steps=100,
    n_layer=1)`. Without a batch size, every step takes every window while at most 4,096 of them are distinct, and 256
    random ones beyond. `keep_steps` keeps the chain after each step. `progress` is called with the number of steps done
    and the last loss. Ctrl-C stops early and returns what was reached. There is no dropout, see `TrainConfig`.

    With a `Model` for `model`, training begins with its weights instead of those that the seed draws, and the data is
    read with its vocabulary; mini-batches are drawn as if the seed had drawn the weights.

    `validation` is other data, or a share such as 0.1: the last tenth of the data, which is then not trained on. The
    loss over all of its windows is looked at before the first step, after every `validate_every` steps (by default a
    twentieth of all) and after the last; `validated` is called with the number of steps done and that loss. With
    `keep="best"` the run's model is the one with the lowest, and `patience=5` ends training after 5 looks without a
    lower one.

    `train(run, steps=50)` goes on from a run by 50 steps: the result is bit for bit that of one training of all steps,
    with all losses, and all chains where the run has kept its steps. Without `steps` it does those that a run that was
    stopped early still lacks. It goes on from the last step, also where the best is kept; looks stay as far apart, and
    one that only the shorter training had, at its end, is left out unless its weights are those kept. Nothing else may
    be changed. InputError where one longer training would have had other learning rates so far, as with a decay; for a
    run that has lost its patience; and for one whose folder was written before runs kept the moments of AdamW.

    Raises InputError where what is given is contradictory, where data and model do not fit together, or where the loss
    stops being finite; TooLargeError where it would not fit in memory.

    >>> run = train()
    >>> run.model.config.n_params, run.losses.round(4).tolist()[::49]
    (12656, [0.6635, 0.47])
    >>> bool((train(train(steps=20), steps=30).losses == run.losses).all())
    True
    >>> train("0110100110010110" * 4, validation=0.25, steps=50, keep="best").kept <= 50
    True
    """
    require_function("progress", progress)
    require_function("validated", validated)
    keep_steps = flag("keep_steps", keep_steps)
    if isinstance(data, Run):
        others = {"model": model, "config": config, "context_length": context_length, "validation": validation}
        begun = go_on(data, {name: value for name, value in others.items() if value is not None}, settings)
        if keep_steps and data.trajectory is None:
            raise InputError("expected a run that has kept its steps, got one that has not; try keep_steps=False")
    else:
        data, shape, config, held_out = prepare_validated(data, model, config, context_length, settings, validation)
        start = model.weights if isinstance(model, Model) else None
        begun = begin(data, shape, config, start, held_out, keep_steps)
    done, steps, watch = begun.done, begun.config.steps, begun.watch
    require_memory(8 * steps, "the loss of every step", "fewer steps")
    losses = np.empty(steps)
    losses[:done] = begun.losses
    trajectory = room_for_steps(begun.shape, steps) if begun.trajectory is not None else None
    if trajectory is not None:
        trajectory[: done + 1] = begun.trajectory
    size, descent = 1, None

    def look() -> None:
        if watch is not None:
            loss = watch.look(done, begun.weights)
            if validated:
                validated(done, loss)

    with _stop_on_interrupt() as stopped:
        if watch is not None and watch.is_due(done):
            look()
        while done < steps and not stopped.is_set() and not (watch and watch.lost_patience):
            size = min(size, steps - done, *([watch.until_next(done)] if watch else []))
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
            took = time.perf_counter() - began
            done += size
            if progress:
                progress(done, float(losses[done - 1]))
            if watch is not None and watch.is_due(done):
                look()
            # As many steps as keep a call short enough for a progress bar and for Ctrl-C.
            size = max(1, min(int(size * _SLICE_SECONDS / (took + 1e-9)), 2**12))
        if watch is not None and watch.last != done:
            look()
    # The last step may be the one that went too far.
    last = Model(config=begun.shape, vocab=begun.data.vocab, weights=begun.weights)
    last.log_probs(begun.data.tokens[None, : begun.data.context_length])
    found = None if watch is None else watch.found
    earlier = found is not None and begun.config.keep == "best" and found.steps[found.best] < done
    return Run(
        data=begun.data,
        train=begun.config,
        model=replace(last, weights=watch.best) if watch and earlier else last,
        losses=losses[:done],
        trajectory=None if trajectory is None else trajectory[: done + 1],
        moments=begun.moments,
        validation=found,
        given=begun.given,
        ended=begun.weights if earlier else None,
    )


def _optimizer(config: TrainConfig) -> Optimizer:
    return Optimizer(config.weight_decay, config.betas, config.clip, config.decay_matrices)


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
