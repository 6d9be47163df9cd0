"""Where a training begins: at its first step, or where a run has ended."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finitegpt import states
from finitegpt.arguments import whole
from finitegpt.batches import generator_of
from finitegpt.config import GPTConfig, TrainConfig
from finitegpt.data import Data
from finitegpt.engine import Engine
from finitegpt.errors import InputError
from finitegpt.limits import require_memory
from finitegpt.recipe import require_settings
from finitegpt.run import Run
from finitegpt.validation import Validation
from finitegpt.watch import Watch


@dataclass(frozen=True, eq=False, slots=True)
class Begun:
    """A training that has come so far; its arrays are its own, and change as it goes on."""

    data: Data
    shape: GPTConfig
    config: TrainConfig
    weights: NDArray[np.float32]
    moments: NDArray[np.float32]
    generator: NDArray[np.uint32]
    losses: NDArray[np.float64]
    trajectory: NDArray[np.float32] | None
    given: NDArray[np.float32] | None
    watch: Watch | None

    @property
    def done(self) -> int:
        """How many steps were done."""
        return len(self.losses)


def begin(
    data: Data,
    shape: GPTConfig,
    config: TrainConfig,
    given: NDArray[np.float32] | None,
    held_out: Data | None,
    keep_steps: bool,
) -> Begun:
    """Before the first step, with the weights that are given or that the seed draws."""
    engine = Engine()
    (weights, generator), first = engine.begin(shape, config.seed), None
    if given is not None:
        weights, given = given.copy(), given.copy()
    if keep_steps:
        _require_room(shape, config.steps)
        n = states.n_states(shape.vocab_size, shape.context_length)
        first = engine.evaluate(shape, weights, 0, n)[None]
    moments = np.zeros((2, shape.n_params), np.float32)
    generator = generator_of(data, config, generator)
    watch = None if held_out is None else Watch(held_out, shape, config)
    return Begun(data, shape, config, weights, moments, generator, np.empty(0), first, given, watch)


def go_on(run: Run, others: Mapping[str, Any], settings: Mapping[str, Any]) -> Begun:
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
    require_memory(24 * done, "the learning rate of every step", "fewer steps")
    if not np.array_equal(run.train.rates(0, done), config.rates(0, done)):
        instead = "train(run), for the steps that it lacks" if left > 0 else "a new training of all steps"
        raise InputError(
            f"expected learning rates of one longer training, got a run with {run.train.decay} decay over "
            f"{run.train.steps:,} steps, not {done + steps:,}; try {instead}"
        )
    generator = generator_of(run.data, config, engine.begin(run.model.config, config.seed)[1], done)
    watch = None
    if run.validation is not None:
        watch = Watch(run.validation.data, run.model.config, config, _on_time(run), run.model.weights)
        if watch.lost_patience and steps:
            raise InputError(
                f"expected a run whose validation loss still fell, got one that has lost its patience of "
                f"{config.patience}; try a new training with more patience"
            )
    return Begun(
        run.data,
        run.model.config,
        config,
        (run.model.weights if run.ended is None else run.ended).copy(),
        run.moments.copy(),
        generator,
        run.losses,
        run.trajectory,
        run.given,
        watch,
    )


def _on_time(run: Run) -> Validation | None:
    """The looks that a longer training has too: not one at the end that was not yet due, unless its model is kept."""
    seen, every = run.validation, run.train.validate_every
    if seen is None or every is None:
        return seen
    early = int(seen.steps[-1]) % every != 0
    if not early or (run.train.keep == "best" and run.kept == seen.steps[-1]):
        return seen
    return replace(seen, steps=seen.steps[:-1], losses=seen.losses[:-1])


def room_for_steps(shape: GPTConfig, steps: int) -> NDArray[np.float32]:
    """Where the chains before training and after every step go, (steps + 1, V**L, V); TooLargeError without memory."""
    _require_room(shape, steps)
    return np.empty((steps + 1, states.n_states(shape.vocab_size, shape.context_length), shape.vocab_size), np.float32)


def _require_room(shape: GPTConfig, steps: int) -> None:
    n = states.n_states(shape.vocab_size, shape.context_length)
    require_memory(4 * (steps + 1) * n * shape.vocab_size, "the chain after every step", "fewer steps or states")
