"""A run: one training, and the folder it is kept in."""

import html
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from finitegpt import records, states, weights, words
from finitegpt.arguments import required, whole
from finitegpt.chain import Chain
from finitegpt.config import TrainConfig
from finitegpt.data import Data
from finitegpt.errors import FileError, InputError
from finitegpt.files import folder_path, new_folder
from finitegpt.model import Model
from finitegpt.naming import shortened
from finitegpt.rows import Rows
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
        }
        for name, expected in wanted.items():
            array = getattr(self, name)
            if array is not None and (getattr(array, "shape", None) != expected or array.dtype != np.float32):
                raise InputError(f"expected a float32 {name} of shape {expected}, got another; try None")

    def __repr__(self) -> str:
        ran, n = words.count(len(self.losses), "step"), self.model.config.n_params
        fell = f", loss {self.losses[0]:.4f} to {self.losses[-1]:.4f}" if len(self.losses) else ""
        of = f"{words.count(len(self.data.tokens), 'token')} over {shortened(self.data.vocab)}"
        return f"Run({ran}{fell}; {n:,} parameters; {of}, contexts of {self.data.context_length})"

    @cached_property
    def initial_model(self) -> Model:
        """The model before training, drawn again from the seed."""
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
        path, config, losses = folder / "run.json", self.model.config, self.losses.tolist()
        records.write(path, _FORMAT, self.data, config, self.train, n_params=config.n_params, losses=losses)
        weights.save(folder / "model.safetensors", self.model.named, config.to_dict())
        if self.trajectory is not None:
            weights.save(folder / "trajectory.safetensors", {"log_probs": self.trajectory})
        if self.moments is not None:
            weights.save(folder / "moments.safetensors", {"moments": self.moments})

    @classmethod
    def load(cls, folder: str | Path) -> "Run":
        """Reads a run; FileError if the folder is not one, or is damaged."""
        folder = folder_path(folder)
        if not (folder / "run.json").is_file():
            raise FileError(f"expected a run, got {str(folder)!r} without a run.json; try finitegpt train --out DIR")
        facts = records.read(folder / "run.json", _FORMAT)
        try:
            data, config, train = records.settings(facts, folder)
            tensors = weights.load(folder / "model.safetensors")
            if any(array.dtype != np.float32 for array in tensors.values()):
                raise InputError("expected weights in float32, got others")
            model = Model.from_named(config, data.vocab, tensors)
            losses = np.array(facts["losses"], np.float64)
            if losses.ndim != 1 or not np.isfinite(losses).all() or not np.isfinite(model.weights).all():
                raise InputError("expected finite losses and weights, got others")
            moments = _array(folder / "moments.safetensors", "moments")
            if moments is not None and not np.isfinite(moments).all():
                raise InputError("expected finite moments, got others")
            trajectory = _array(folder / "trajectory.safetensors", "log_probs")
            return cls(data=data, train=train, model=model, losses=losses, trajectory=trajectory, moments=moments)
        except records.DAMAGE as error:
            raise records.damaged("run", folder, error) from None


def _array(path: Path, name: str) -> NDArray[np.float32] | None:
    return weights.load(path)[name] if path.exists() else None
