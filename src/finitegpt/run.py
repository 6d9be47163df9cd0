"""A run: one training, and the folder it is kept in."""

import html
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from finitegpt import records, states, weights, words
from finitegpt.arguments import required, whole
from finitegpt.chain import Chain
from finitegpt.config import GPTConfig, TrainConfig
from finitegpt.data import Data
from finitegpt.errors import FileError, InputError
from finitegpt.files import folder_path, new_folder
from finitegpt.model import Model
from finitegpt.naming import shortened
from finitegpt.rows import Rows
from finitegpt.validation import Validation
from finitegpt.walk import seed_of

_FORMAT = "finitegpt run 1"
_LONGEST, _MOST_DRAWN = 10_000, 1_000_000


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Run:
    """One training: what it saw, how it was trained, and what came of it.

    >>> from finitegpt import train
    >>> train(steps=5)
    Run(5 steps, loss 0.6635 to 0.6199; 12,656 parameters; 15 tokens over '01', contexts of 3)
    """

    data: Data
    train: TrainConfig
    model: Model
    losses: NDArray[np.float64]
    """Loss in nats before each step, (steps,); shorter than `train.steps` where training was stopped."""
    trajectory: NDArray[np.float32] | None = None
    """The chain's log-probabilities before training and after every step, (steps + 1, V**L, V)."""
    moments: NDArray[np.float32] | None = None
    """AdamW's moments after the last step, (2, n_params), with which training can go on; None in older folders."""
    validation: Validation | None = None
    """Data that was not trained on, and the loss on it in the course of training; None where there was none."""
    given: NDArray[np.float32] | None = None
    """The weights (n_params,) that training began with, where they were given; None where the seed has drawn them."""
    ended: NDArray[np.float32] | None = None
    """The weights (n_params,) after the last step, where those of an earlier one are kept; else None."""

    def __post_init__(self) -> None:
        required("data", self.data, Data, instead="Data.from_text")
        required("train", self.train, TrainConfig, instead="TrainConfig()")
        required("model", self.model, Model, instead="finitegpt.train")
        if self.model.switches is not None:
            raise InputError(f"expected the model as it was trained, got {self.model}; try the one that it was made of")
        config, shape = self.model.config, getattr(self.losses, "shape", ())
        if (self.data.vocab, self.data.context_length) != (self.model.vocab, config.context_length):
            raise InputError("expected data and a model of the same vocabulary and context, got others; try train")
        if len(shape) != 1:
            raise InputError("expected losses (steps,), got others; try finitegpt.train")
        wanted = {
            "trajectory": (shape[0] + 1, states.n_states(config.vocab_size, config.context_length), config.vocab_size),
            "moments": (2, config.n_params),
            "given": (config.n_params,),
            "ended": (config.n_params,),
        }
        for name, expected in wanted.items():
            array = getattr(self, name)
            if array is not None and (getattr(array, "shape", None) != expected or array.dtype != np.float32):
                raise InputError(f"expected a float32 {name} of shape {expected}, got another; try None")
        if self.validation is not None:
            seen = required("validation", self.validation, Validation, instead="train(..., validation=0.1)")
            if (seen.data.vocab, seen.data.context_length) != (self.data.vocab, self.data.context_length):
                raise InputError("expected validation data of the vocabulary and context of the data, got others")
            if seen.steps[-1] > shape[0]:
                raise InputError(f"expected looks within {shape[0]:,} steps, got one at {seen.steps[-1]:,}; try train")
        elif self.train.keep == "best":
            raise InputError("expected validation with keep='best', got none; try train(..., validation=0.1)")
        if (self.ended is not None) != (self.kept < shape[0]):
            raise InputError("expected the weights after the last step where earlier ones are kept, got others")

    def __repr__(self) -> str:
        ran, n = words.count(len(self.losses), "step"), self.model.config.n_params
        fell = f", loss {self.losses[0]:.4f} to {self.losses[-1]:.4f}" if len(self.losses) else ""
        if self.validation is not None:
            look = self.validation.best if self.train.keep == "best" else -1
            fell += f", validation {self.validation.losses[look]:.4f} at step {self.validation.steps[look]:,}"
        of = f"{words.count(len(self.data.tokens), 'token')} over {shortened(self.data.vocab)}"
        return f"Run({ran}{fell}; {n:,} parameters; {of}, contexts of {self.data.context_length})"

    @property
    def kept(self) -> int:
        """The number of steps after which the model is that of the run: all, or those up to the best look."""
        if self.train.keep == "best" and self.validation is not None:
            return int(self.validation.steps[self.validation.best])
        return len(self.losses)

    @cached_property
    def initial_model(self) -> Model:
        """The model before training: drawn again from the seed, or as it was given."""
        if self.given is not None:
            return Model(config=self.model.config, vocab=self.model.vocab, weights=self.given)
        return Model.init(self.model.config, self.model.vocab, seed=self.train.seed)

    @cached_property
    def chain(self) -> Chain:
        """The trained model's chain, with the counts of the data."""
        return self.model.chain(counts=self.data.counts())

    @cached_property
    def initial_chain(self) -> Chain:
        """The chain before training."""
        return self.initial_model.chain(counts=self.data.counts())

    def chain_at(self, step: int) -> Chain:
        """The chain after so many steps, from 0, before training, to all; InputError unless the run keeps its steps.

        >>> from finitegpt import train
        >>> run = train(steps=5, keep_steps=True)
        >>> run.chain_at(5).p("1", after="101") == run.chain.p("1", after="101")
        True
        """
        if self.trajectory is None:
            raise InputError("expected a run that has kept its steps, got one that has not; try keep_steps=True")
        step = whole("a step", step)
        if step > len(self.losses):
            raise InputError(f"expected a step of at most {len(self.losses)}, got {step}; try {len(self.losses)}")
        return Chain(
            log_probs=self.trajectory[step],
            vocab=self.model.vocab,
            context_length=self.model.config.context_length,
            counts=self.data.counts(),
        )

    def sample_sequences(
        self, n: int, *, start: str = "", seed: int = 0, decode: Callable[[Rows], Rows] | None = None
    ) -> list[str]:
        """`n` sequences that begin with the data's bos and `start`, and end with its eos; as texts, without their ends.

        Each is a walk of its own. InputError for data without bos and eos, or where 10,000 tokens bring no eos.

        >>> from finitegpt import Data, train
        >>> run = train(Data.from_sequences(["ab", "b"], context_length=3, bos=".", eos="."), steps=100, lr=0.01)
        >>> run.sample_sequences(3)
        ['ab', 'b', 'b']
        """
        borders, n = self.data.borders, whole("n", n, 0, _MOST_DRAWN, instead=20)
        if borders is None or borders.bos is None or borders.eos is None:
            raise InputError("expected a run of sequences with a bos and an eos, got another; try model.sample")
        first = [self.model.vocab.index(borders.bos), *self.model.names.tokens(start)]
        last, found = self.model.vocab.index(borders.eos), []
        for own in np.random.default_rng(seed_of(seed)).integers(2**62, size=n).tolist():
            drawn = self.model.sample(first, _LONGEST, seed=own, decode=decode, until=borders.eos)
            if drawn[-1] != last:
                raise InputError(
                    f"expected a sequence to end, got {_LONGEST:,} tokens without {borders.eos!r}; "
                    "try another start or decoding, or more training"
                )
            found.append(states.text(drawn[1:-1], self.model.vocab))
        return found

    def save(self, folder: str | Path) -> None:
        """Writes the run to a new folder; FileError if there is one, or it cannot be written."""
        with new_folder(folder_path(folder)) as partial:
            self.write(partial)

    shown: ClassVar[Callable[["Run"], str] | None] = None
    """What a notebook shows of a run, as HTML. The page lies far above, so the package says here where it is."""

    def _repr_html_(self) -> str | None:
        """What a notebook shows: the page with this run, in a frame."""
        try:
            return Run.shown(self) if Run.shown else None
        except InputError as error:
            return f"<p>{html.escape(str(error))}</p>"

    def write(self, folder: Path) -> None:
        """Writes the files of the run into a folder that is there."""
        config, losses = self.model.config, self.losses.tolist()
        arrays = {"trajectory": ("log_probs", self.trajectory), "moments": ("moments", self.moments)}
        flat = {"model": self.model.weights, "initial": self.given, "ended": self.ended}
        for name, (key, array) in arrays.items():
            if array is not None:
                weights.save(folder / f"{name}.safetensors", {key: array})
        for name, values in flat.items():
            if values is not None:
                weights.save(folder / f"{name}.safetensors", weights.views(config, values), config.to_dict())
        facts, seen = dict[str, Any](), self.validation
        if seen is not None:
            described = records.write_data(folder, "validation", seen.data)
            facts["validation"] = {"data": described, "steps": seen.steps.tolist(), "losses": seen.losses.tolist()}
        facts |= {"n_params": config.n_params, "losses": losses, "sha256": _sums(folder)}
        records.write(folder / "run.json", _FORMAT, self.data, config, self.train, **facts)

    @classmethod
    def load(cls, folder: str | Path) -> "Run":
        """Reads a run; FileError if the folder is not one, or is damaged."""
        folder = folder_path(folder)
        if not (folder / "run.json").is_file():
            raise FileError(f"expected a run, got {str(folder)!r} without a run.json; try finitegpt train --out DIR")
        facts = records.read(folder / "run.json", _FORMAT)
        try:
            data, config, train = records.settings(facts, folder)
            model = Model(config=config, vocab=data.vocab, weights=_weights(folder / "model.safetensors", config))
            losses = np.array(facts["losses"], np.float64)
            if losses.ndim != 1 or not np.isfinite(losses).all():
                raise InputError("expected finite losses, got others")
            moments = _array(folder / "moments.safetensors", "moments")
            if moments is not None and not np.isfinite(moments).all():
                raise InputError("expected finite moments, got others")
            others = {
                name: _weights(folder / f"{file}.safetensors", config)
                for name, file in (("given", "initial"), ("ended", "ended"))
                if (folder / f"{file}.safetensors").exists()
            }
            run = cls(
                data=data,
                train=train,
                model=model,
                losses=losses,
                trajectory=_array(folder / "trajectory.safetensors", "log_probs"),
                moments=moments,
                validation=_validation(folder, facts.get("validation"), data),
                **others,
            )
            if "sha256" in facts and facts["sha256"] != _sums(folder):  # older runs have none
                raise InputError("expected weights, moments and chains as they were written, got others")
            return run
        except records.DAMAGE as error:
            raise records.damaged("run", folder, error) from None


def _validation(folder: Path, facts: Any, like: Data) -> Validation | None:
    if facts is None:
        return None
    data = records.read_data(folder, "validation", facts["data"], vocab=like.vocab, context_length=like.context_length)
    steps, losses = np.array(facts["steps"]), np.array(facts["losses"], np.float64)
    return Validation(data=data, steps=steps, losses=losses)


def _sums(folder: Path) -> dict[str, str]:
    names = ("model", "initial", "ended", "moments", "trajectory", "validation")
    files = [folder / f"{name}.safetensors" for name in names]
    return {file.name: records.digest(file) for file in files if file.exists()}


def _weights(path: Path, config: GPTConfig) -> NDArray[np.float32]:
    tensors = weights.load(path)
    if any(array.dtype != np.float32 for array in tensors.values()):
        raise InputError("expected weights in float32, got others")
    flat = weights.flatten(config, tensors)
    if not np.isfinite(flat).all():
        raise InputError("expected finite weights, got others")
    return flat


def _array(path: Path, name: str) -> NDArray[np.float32] | None:
    return weights.load(path)[name] if path.exists() else None
