"""What the folders of runs and ensembles have in common: facts as JSON, the data, and one clear error for damage."""

import hashlib
import json
import platform
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from finitegpt import lines, weights
from finitegpt.arguments import flag
from finitegpt.config import GPTConfig, TrainConfig
from finitegpt.data import Data
from finitegpt.errors import FileError, InputError
from finitegpt.files import read_text
from finitegpt.symbols import require_symbols

_LINES = {False: ".txt", True: ".jsonl"}
"""How a file of data ends: with one text, or sequences one a line, or as JSON texts where a symbol is a line end."""


def write(path: Path, kind: str, data: Data, model: GPTConfig, train: TrainConfig, **others: Any) -> None:
    """Writes the data beside a file of facts: the format, the settings, what the data is, `others`, and versions."""
    described = write_data(path.parent, "data", data)
    facts = {
        "format": kind,
        "model": model.to_dict(),
        "train": train.to_dict(),
        "vocab": list(data.vocab),
        "data": described,
        **others,
        "versions": {
            "finitegpt": version("finitegpt"),
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }
    path.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def write_data(folder: Path, name: str, data: Data) -> dict[str, Any]:
    """Writes data to files of that name, and returns facts by which `read_data` finds them.

    They are NAME.txt, the text, or sequences one a line; NAME.jsonl, sequences as JSON texts, where a symbol is a line
    end; and NAME.safetensors, the weights and the mask of sequences that have some.
    """
    borders = data.borders
    (folder / f"{name}{_ending(data.borders is not None, data.vocab)}").write_bytes(data.text.encode())
    facts: dict[str, Any] = {"sha256": data.digest, "tokens": len(data.tokens), "source": data.source}
    if borders is None:
        return facts
    arrays = {"weights": borders.weights, "mask": borders.mask}
    present = {key: values for key, values in arrays.items() if values is not None}
    if present:
        weights.save(folder / f"{name}.safetensors", present)
    return {**facts, **borders.facts, "arrays": sorted(present)}


def read_data(folder: Path, name: str, facts: Any, *, vocab: Sequence[str], context_length: int) -> Data:
    """Data that `write_data` wrote; InputError, KeyError or TypeError where the files are not those of the facts."""
    if not isinstance(facts, dict):
        raise InputError("expected facts about the data, got others")
    own = "sequences" in facts
    file = f"{name}{_ending(own, vocab)}"
    text, source = read_text(folder / file), _source(facts)
    if own:
        data = _sequences(folder / f"{name}.safetensors", text, facts, vocab, context_length, source)
    else:
        data = Data.from_text(text, context_length=context_length, vocab=vocab, source=source)
    if data.digest != facts["sha256"]:
        raise InputError(f"expected the data that it was trained on, got another {file}")
    return data


def _sequences(
    arrays: Path, text: str, facts: dict[str, Any], vocab: Sequence[str], context_length: int, source: str | None
) -> Data:
    found = weights.load(arrays) if facts["arrays"] else {}
    if sorted(found) != facts["arrays"]:
        raise InputError(f"expected {facts['arrays']} in {arrays.name}, got {sorted(found)}")
    data = Data.from_sequences(
        lines.split(text, vocab),
        context_length=context_length,
        vocab=vocab,
        weights=found.get("weights"),
        bos=facts["bos"],
        eos=facts["eos"],
        beginnings=facts["beginnings"],
        source=source,
    )
    assert data.borders is not None
    borders = replace(data.borders, mask=found.get("mask"), exact=flag("exact", facts["exact"]))
    return replace(data, borders=borders)


def _ending(sequences: bool, vocab: Sequence[str]) -> str:
    return _LINES[sequences and "\n" in vocab]


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
    vocab = _strings(facts["vocab"])
    data = read_data(folder, "data", facts["data"], vocab=vocab, context_length=model.context_length)
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


def _source(facts: dict[str, Any]) -> str | None:
    name = facts.get("source")  # runs of older versions have none
    if name is not None and not isinstance(name, str):
        raise InputError("expected the name of a source, got another value")
    return name
