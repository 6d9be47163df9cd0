"""Many GPTs on the same data, one for each seed: what they agree on is learned, what they do not is luck."""

from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from finitegpt import records, states, weights, words
from finitegpt.arguments import flag, numbers, require_function, required, shown, whole
from finitegpt.chain import Chain
from finitegpt.config import GPTConfig, TrainConfig
from finitegpt.data import Data, Process, Tokens
from finitegpt.engine import Engine
from finitegpt.errors import FileError, InputError, TooLargeError
from finitegpt.files import folder_path, new_folder
from finitegpt.limits import require_memory
from finitegpt.model import Model
from finitegpt.naming import shortened
from finitegpt.parallel import ordered, require_executor
from finitegpt.recipe import Settings, prepare
from finitegpt.run import Run
from finitegpt.training import train

_FORMAT = "finitegpt ensemble 1"
_MOST_SEEDS = 2**23
_FACTS, _ARRAYS = "settings.json", "ensemble.safetensors"


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Ensemble:
    """The trainings of one model on one data from several seeds.

    >>> train_many("111101111011110", seeds=range(3), steps=5)
    Ensemble(3 seeds, 5 steps, loss 0.6033 in the mean; 12,656 parameters; 15 tokens over '01', contexts of 3)
    """

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

    def __post_init__(self) -> None:
        for name, value, kind in (
            ("data", self.data, Data),
            ("model", self.model, GPTConfig),
            ("train", self.train, TrainConfig),
            ("seeds", self.seeds, tuple),
        ):
            required(name, value, kind, instead="finitegpt.train_many")
        many, V, L = len(self.seeds), self.model.vocab_size, self.model.context_length
        if (len(self.data.vocab), self.data.context_length) != (V, L):
            raise InputError("expected data and a model of the same vocabulary and context, got others; try train_many")
        if not isinstance(self.losses, np.ndarray) or self.losses.ndim != 2:
            raise InputError(f"expected losses (seeds, steps), got {shown(self.losses)}; try finitegpt.train_many")
        steps, rows = self.losses.shape[1], (states.n_states(V, L), V)
        for name, array, expected, kind in (
            ("losses", self.losses, (many, steps), np.float64),
            ("log_probs", self.log_probs, (many, *rows), np.float32),
            ("trajectories", self.trajectories, (many, steps + 1, *rows), np.float32),
        ):
            if array is None and name == "trajectories":
                continue
            if not isinstance(array, np.ndarray) or array.shape != expected or array.dtype != kind:
                raise InputError(f"expected {name} of shape {expected}, got others; try finitegpt.train_many")

    def __len__(self) -> int:
        return len(self.seeds)

    def __repr__(self) -> str:
        many, ran = words.count(len(self), "seed"), words.count(self.losses.shape[1], "step")
        ended = f", loss {self.losses[:, -1].mean():.4f} in the mean" if self.losses.size else ""
        of = f"{words.count(len(self.data.tokens), 'token')} over {shortened(self.data.vocab)}"
        return (
            f"Ensemble({many}, {ran}{ended}; {self.model.n_params:,} parameters; {of}, "
            f"contexts of {self.data.context_length})"
        )

    @property
    def probs(self) -> NDArray[np.float64]:
        """Next-token probabilities of every seed, (seeds, V**L, V)."""
        return np.exp(self.log_probs, dtype=np.float64)

    def chain(self, seed: int) -> Chain:
        """The final chain of a seed, with the counts of the data; InputError for a seed that is not among them.

        >>> train_many("111101111011110", seeds=range(3), steps=5).chain(2)
        Chain('01', 2**3 = 8 states, float32, 4 seen in data)
        """
        number = whole("a seed", seed)
        if number not in self.seeds:
            raise InputError(f"expected one of the {words.count(len(self), 'seed')}, got {number}; try {self.seeds[0]}")
        return Chain(
            log_probs=self.log_probs[self.seeds.index(number)],
            vocab=self.data.vocab,
            context_length=self.data.context_length,
            counts=self.data.counts(),
        )

    def spread(self) -> NDArray[np.float64]:
        """Standard deviation over seeds of the probability of every arrow, (V**L, V)."""
        return self.probs.std(0)

    def quantiles(self, q: tuple[float, ...] = (0.05, 0.25, 0.5, 0.75, 0.95)) -> NDArray[np.float64]:
        """Quantiles over seeds of the probability of every arrow, (len(q), V**L, V)."""
        shares = numbers("quantiles", q, instead="(0.05, 0.5, 0.95)")
        if not shares.size or not ((shares >= 0) & (shares <= 1)).all():
            raise InputError("expected quantiles from 0 to 1, got others; try (0.05, 0.5, 0.95)")
        return np.quantile(self.probs, shares, axis=0)

    def save(self, folder: str | Path) -> None:
        """Writes the ensemble to a new folder; FileError if there is one, or it cannot be written."""
        with new_folder(folder_path(folder)) as partial:
            self.write(partial)

    def write(self, folder: Path) -> None:
        """Writes the files of the ensemble into a folder that is there."""
        arrays = {"seeds": np.array(self.seeds, np.int64), "losses": self.losses, "log_probs": self.log_probs}
        if self.trajectories is not None:
            arrays["trajectories"] = self.trajectories
        weights.save(folder / _ARRAYS, arrays)
        sums = {_ARRAYS: records.digest(folder / _ARRAYS)}
        records.write(folder / _FACTS, _FORMAT, self.data, self.model, self.train, sha256=sums)

    @classmethod
    def load(cls, folder: str | Path) -> "Ensemble":
        """Reads an ensemble; FileError if the folder is not one, or is damaged."""
        folder = folder_path(folder)
        if not (folder / _FACTS).is_file():
            raise FileError(
                f"expected an ensemble, got {str(folder)!r} without a {_FACTS}; try finitegpt train --seeds --out DIR"
            )
        facts = records.read(folder / _FACTS, _FORMAT)
        try:
            data, model, config = records.settings(facts, folder)
            if records.digest(folder / _ARRAYS) != facts["sha256"][_ARRAYS]:
                raise InputError(f"expected {_ARRAYS} as it was written, got another")
            arrays = weights.load(folder / _ARRAYS)
            return cls(
                data=data,
                model=model,
                train=config,
                seeds=tuple(arrays["seeds"].tolist()),
                losses=arrays["losses"],
                log_probs=arrays["log_probs"],
                trajectories=arrays.get("trajectories"),
            )
        except records.DAMAGE as error:
            raise records.damaged("ensemble", folder, error) from None


def train_many(
    data: Data | str | Tokens | Process,
    model: GPTConfig | None = None,
    config: TrainConfig | None = None,
    *,
    seeds: Iterable[int],
    context_length: int | None = None,
    keep_steps: bool = False,
    executor: Executor | None = None,
    progress: Callable[[int, int], None] | None = None,
    **settings: Unpack[Settings],
) -> Ensemble:
    """`train` for every seed, on all cores or by `executor`; the same result for any number of workers.

    `progress` is called with the seeds done and their number. Ctrl-C returns the seeds that are finished, if any are.
    There is no validation here; `train` has it.
    Raises what `train` raises, and TooLargeError where all chains together would not fit in memory.

    >>> train_many("111101111011110", seeds=range(3)).log_probs.shape
    (3, 8, 2)
    """
    require_function("progress", progress)
    require_executor(executor)
    keep_steps = flag("keep_steps", keep_steps)
    if isinstance(data, Run):
        raise InputError("expected data for all seeds, got a run, which has one; try its data and its model.config")
    if isinstance(model, Model):
        raise InputError("expected a shape whose weights each seed draws, got a model; try its config")
    if "seed" in settings:
        raise InputError("expected seeds, got seed as well; try seeds alone")
    try:
        chosen = tuple(islice(seeds, _MOST_SEEDS + 1))
    except TypeError:
        raise InputError(f"expected several seeds, got {shown(seeds)}; try range(100)") from None
    if len(chosen) > _MOST_SEEDS:
        raise TooLargeError(f"expected at most {_MOST_SEEDS:,} seeds, got more; try range(100)")
    if not chosen:
        raise InputError("expected at least one seed, got none; try range(100)")
    chosen = tuple(whole("a seed", seed, 0, 2**32 - 1) for seed in chosen)
    data, shape, settled = prepare(data, model, config, context_length, settings)
    V = shape.vocab_size
    n = states.n_states(V, shape.context_length)
    kept = settled.steps + 1 if keep_steps else 1
    size = 4 * len(chosen) * n * V * kept + 8 * len(chosen) * settled.steps
    require_memory(2 * size, f"the chains of {len(chosen):,} seeds", "fewer seeds or a shorter context")
    configs = [replace(settled, seed=seed) for seed in chosen]

    finished: list[tuple[NDArray[np.float64], NDArray[np.float32]]] = []
    try:
        for one in ordered(partial(_train_one, data, shape, keep_steps), configs, executor=executor):
            finished.append(one)
            if progress:
                progress(len(finished), len(chosen))
    except KeyboardInterrupt:
        if not finished:
            raise
    losses, chains = (np.stack(arrays) for arrays in zip(*finished, strict=True))
    return Ensemble(
        data=data,
        model=shape,
        train=configs[0],
        seeds=chosen[: len(finished)],
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
