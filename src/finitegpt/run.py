"""A run: one training, and the folder it is kept in."""

import html
import json
import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from finitegpt import states, weights
from finitegpt.chain import Chain
from finitegpt.config import GPTConfig, TrainConfig
from finitegpt.data import Data, require_symbols
from finitegpt.errors import FileError, InputError
from finitegpt.files import new_folder, read_text
from finitegpt.model import Model

_FORMAT = "finitegpt run 1"


@dataclass(frozen=True, eq=False, kw_only=True)
class Run:
    """One training: what it saw, how it was trained, and what came of it."""

    data: Data
    train: TrainConfig
    model: Model
    losses: NDArray[np.float64]
    """Loss in nats before each step, (steps,); shorter than `train.steps` where training was stopped."""
    trajectory: NDArray[np.float32] | None = None
    """The chain's log-probabilities before training and after every step, (steps + 1, V**L, V)."""

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

    def save(self, folder: str | Path) -> None:
        """Writes the run to a new folder; FileError if there is one, or it cannot be written."""
        with new_folder(Path(folder)) as partial:
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
        facts = {
            "format": _FORMAT,
            "model": self.model.config.to_dict(),
            "train": self.train.to_dict(),
            "vocab": list(self.model.vocab),
            "data": {"sha256": self.data.digest, "tokens": len(self.data.tokens), "source": self.data.source},
            "n_params": self.model.config.n_params,
            "losses": self.losses.tolist(),
            "versions": {
                "finitegpt": version("finitegpt"),
                "numpy": np.__version__,
                "python": platform.python_version(),
            },
        }
        (folder / "run.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        (folder / "data.txt").write_bytes(self.data.text.encode())
        weights.save(folder / "model.safetensors", self.model.named, self.model.config.to_dict())
        if self.trajectory is not None:
            weights.save(folder / "trajectory.safetensors", {"log_probs": self.trajectory})

    @classmethod
    def load(cls, folder: str | Path) -> "Run":
        """Reads a run; FileError if the folder is not one, or is damaged."""
        folder = Path(folder)
        if not (folder / "run.json").is_file():
            raise FileError(f"expected a run, got {str(folder)!r} without a run.json; try finitegpt train --out DIR")
        facts = _read_facts(folder / "run.json")
        try:
            config = GPTConfig.from_dict(facts["model"])
            text = read_text(folder / "data.txt")
            data = Data.from_text(
                text,
                context_length=config.context_length,
                vocab=_strings(facts["vocab"]),
                source=_source(facts["data"]),
            )
            if data.digest != facts["data"]["sha256"]:
                raise InputError("expected the data that the run was trained on, got another data.txt")
            tensors = weights.load(folder / "model.safetensors")
            if any(array.dtype != np.float32 for array in tensors.values()):
                raise InputError("expected weights in float32, got others")
            model = Model.from_named(config, data.vocab, tensors)
            losses = np.array(facts["losses"], np.float64)
            if losses.ndim != 1 or not np.isfinite(losses).all() or not np.isfinite(model.weights).all():
                raise InputError("expected finite losses and weights, got others")
            path = folder / "trajectory.safetensors"
            trajectory = weights.load(path)["log_probs"] if path.exists() else None
            shape = (len(losses) + 1, states.n_states(config.vocab_size, config.context_length), config.vocab_size)
            if trajectory is not None and (trajectory.shape != shape or trajectory.dtype != np.float32):
                raise InputError(f"expected a float32 trajectory of shape {shape}, got {trajectory.shape}")
            return cls(
                data=data,
                train=TrainConfig.from_dict(facts["train"]),
                model=model,
                losses=losses,
                trajectory=trajectory,
            )
        except FileError:
            raise
        except (InputError, KeyError, TypeError, ValueError, OverflowError) as error:
            problem = f"no {error}" if isinstance(error, KeyError) else str(error)
            raise FileError(f"expected an undamaged run in {str(folder)!r}, got: {problem}") from None


def _read_facts(path: Path) -> dict[str, Any]:
    try:
        facts = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise FileError(f"expected JSON in {str(path)!r}, got: {error}; try training the run again") from None
    if not isinstance(facts, dict) or facts.get("format") != _FORMAT:
        raise FileError(f"expected {_FORMAT!r} as the format in {str(path)!r}, got another; try a run of this version")
    return facts


def _strings(values: Any) -> list[str]:
    if not isinstance(values, list):
        raise InputError("expected a vocabulary of characters or words, got another")
    require_symbols(values)
    return values


def _source(facts: dict[str, Any]) -> str | None:
    name = facts.get("source") if isinstance(facts, dict) else None  # runs of older versions have none
    if name is not None and not isinstance(name, str):
        raise InputError("expected the name of a source, got another value")
    return name
