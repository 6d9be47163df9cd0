"""What the folders of runs and ensembles have in common: facts as JSON, the data, and one clear error for damage."""

import hashlib
import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from finitegpt.config import GPTConfig, TrainConfig
from finitegpt.data import Data
from finitegpt.errors import FileError, InputError
from finitegpt.files import read_text
from finitegpt.symbols import require_symbols

DATA = "data.txt"


def write(path: Path, kind: str, data: Data, model: GPTConfig, train: TrainConfig, **others: Any) -> None:
    """Writes the data beside a file of facts: the format, the settings, what the data is, `others`, and versions."""
    facts = {
        "format": kind,
        "model": model.to_dict(),
        "train": train.to_dict(),
        "vocab": list(data.vocab),
        "data": {"sha256": data.digest, "tokens": len(data.tokens), "source": data.source},
        **others,
        "versions": {
            "finitegpt": version("finitegpt"),
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }
    path.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    path.with_name(DATA).write_bytes(data.text.encode())


def read(path: Path, kind: str) -> dict[str, Any]:
    """The facts of a file; FileError if it has none of that format."""
    try:
        facts = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise FileError(f"expected JSON in {str(path)!r}, got: {error}; try training again") from None
    if not isinstance(facts, dict) or facts.get("format") != kind:
        raise FileError(f"expected {kind!r} as the format in {str(path)!r}, got another; try one of this version")
    return facts


def settings(facts: dict[str, Any], folder: Path) -> tuple[Data, GPTConfig, TrainConfig]:
    """The data and the settings that facts tell of; InputError, KeyError or TypeError where they do not."""
    model = GPTConfig.from_dict(facts["model"])
    data = Data.from_text(
        read_text(folder / DATA),
        context_length=model.context_length,
        vocab=_strings(facts["vocab"]),
        source=_source(facts["data"]),
    )
    if data.digest != facts["data"]["sha256"]:
        raise InputError("expected the data that it was trained on, got another data.txt")
    return data, model, TrainConfig.from_dict(facts["train"])


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal; FileError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FileError(f"expected to read {str(path)!r}, got {error.strerror or error}; try another file") from None


DAMAGE = (InputError, KeyError, TypeError, ValueError, OverflowError)
"""What reading raises where something does not fit."""


def damaged(what: str, folder: Path, error: Exception) -> FileError:
    """One error for whatever does not fit."""
    if isinstance(error, FileError):
        return error
    problem = f"no {error}" if isinstance(error, KeyError) and not isinstance(error, InputError) else str(error)
    return FileError(f"expected an undamaged {what} in {str(folder)!r}, got: {problem}")


def _strings(values: Any) -> list[str]:
    if not isinstance(values, list):
        raise InputError("expected a vocabulary of characters or words, got another")
    require_symbols(values)
    return values


def _source(facts: Any) -> str | None:
    name = facts.get("source") if isinstance(facts, dict) else None  # runs of older versions have none
    if name is not None and not isinstance(name, str):
        raise InputError("expected the name of a source, got another value")
    return name
