"""Many GPTs on the same data, one for each seed: what they agree on is learned, what they do not is luck."""

from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from finitegpt import states
from finitegpt.config import GPTConfig, TrainConfig
from finitegpt.data import Data
from finitegpt.engine import Engine
from finitegpt.errors import InputError
from finitegpt.limits import require_memory
from finitegpt.parallel import ordered
from finitegpt.run import Run
from finitegpt.training import prepare, train


@dataclass(frozen=True, eq=False, kw_only=True)
class Ensemble:
    """The trainings of one model on one data from several seeds."""

    data: Data
    model: GPTConfig
    train: TrainConfig
    """How each was trained; its seed is that of the first."""
    seeds: tuple[int, ...]
    losses: NDArray[np.float64]
    """Loss in nats before each step, (seeds, steps)."""
    log_probs: NDArray[np.float32]
    """The final chain of each seed, (seeds, V**L, V), in nats."""
    trajectories: NDArray[np.float32] | None = None
    """The chain of each seed before training and after every step, (seeds, steps + 1, V**L, V)."""

    @property
    def probs(self) -> NDArray[np.float64]:
        """Next-token probabilities of every seed, (seeds, V**L, V)."""
        return np.exp(self.log_probs, dtype=np.float64)

    def spread(self) -> NDArray[np.float64]:
        """Standard deviation over seeds of the probability of every arrow, (V**L, V)."""
        return self.probs.std(0)

    def quantiles(self, q: tuple[float, ...] = (0.05, 0.25, 0.5, 0.75, 0.95)) -> NDArray[np.float64]:
        """Quantiles over seeds of the probability of every arrow, (len(q), V**L, V)."""
        return np.quantile(self.probs, q, axis=0)


def train_many(
    data: Data | str,
    model: GPTConfig | None = None,
    config: TrainConfig | None = None,
    *,
    seeds: Iterable[int],
    context_length: int = 3,
    keep_steps: bool = False,
    executor: Executor | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Ensemble:
    """`train` for every seed, on all cores or by `executor`; the same result for any number of workers.

    `progress` is called with the seeds done and their number. Ctrl-C returns the seeds that are finished, if any are.
    Raises what `train` raises, and TooLargeError where all chains together would not fit in memory.

    >>> train_many("111101111011110", seeds=range(3)).log_probs.shape
    (3, 8, 2)
    """
    numbers = tuple(seeds)
    if not numbers:
        raise InputError("expected at least one seed, got none; try range(100)")
    data, shape, settings = prepare(data, model, config, context_length)
    V = shape.vocab_size
    n = states.n_states(V, shape.context_length)
    kept = settings.steps + 1 if keep_steps else 1
    size = 4 * len(numbers) * n * V * kept + 8 * len(numbers) * settings.steps
    require_memory(2 * size, f"the chains of {len(numbers):,} seeds", "fewer seeds or a shorter context")
    configs = [replace(settings, seed=seed) for seed in numbers]  # checks every seed before the first is trained

    finished: list[tuple[NDArray[np.float64], NDArray[np.float32]]] = []
    try:
        for one in ordered(partial(_train_one, data, shape, keep_steps), configs, executor=executor):
            finished.append(one)
            if progress:
                progress(len(finished), len(numbers))
    except KeyboardInterrupt:
        if not finished:
            raise
    losses, chains = (np.stack(arrays) for arrays in zip(*finished, strict=True))
    return Ensemble(
        data=data,
        model=shape,
        train=configs[0],
        seeds=numbers[: len(finished)],
        losses=losses,
        log_probs=chains[:, -1] if keep_steps else chains,
        trajectories=chains if keep_steps else None,
    )


def _train_one(
    data: Data, shape: GPTConfig, keep_steps: bool, config: TrainConfig
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    run: Run = train(data, shape, config, keep_steps=keep_steps)
    if run.trajectory is not None:
        return run.losses, run.trajectory
    n = states.n_states(shape.vocab_size, shape.context_length)
    return run.losses, Engine().evaluate(shape, run.model.weights, 0, n)
