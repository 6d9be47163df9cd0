"""Checkpoints on disk: weights alone are loaded, and no pickle is ever run."""

import json
import os
import re
import warnings
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finitegpt.errors import FileError
from finitegpt.exchange.streams import package

_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BOOL": "?", "U8": "u1", "I8": "i1", "I32": "<i4", "I64": "<i8"}
"""Of safetensors, as NumPy has them; bfloat16 is the upper half of a float32."""


def opened(checkpoint: Any) -> Any:
    """What a checkpoint's file holds, or what is given where that is no name of a file."""
    if not isinstance(checkpoint, str | os.PathLike):
        return checkpoint
    path = Path(checkpoint)
    return read_safetensors(path) if path.suffix == ".safetensors" else read_pytorch(path)


def read_pytorch(path: Path) -> Any:
    """What `torch.save` wrote; FileError where it would take more than weights, which is to run code from the file."""
    torch = package("torch", "finitegpt[torch]")
    try:
        path.open("rb").close()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no name of a file"
        raise FileError(f"expected to read {str(path)!r}, got {reason!r}; try another file") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickles of other kinds, which it then refuses
            return torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        thing = re.search(r"GLOBAL ([\w.]+)", str(error))
        what = f"{thing[1]!r} too, which only running code in it would give" if thing else "something else"
        raise FileError(
            f"expected weights alone in {str(path)!r}, got {what}; "
            "try torch.save(model.state_dict(), path) where it was trained"
        ) from None
    except Exception:  # whatever a file makes it raise that is none of PyTorch's
        raise FileError(
            f"expected a checkpoint that torch.save wrote at {str(path)!r}, got something else; try another file"
        ) from None


def read_safetensors(path: Path) -> dict[str, NDArray[Any]]:
    """The tensors of a safetensors file, bfloat16 as float32; FileError where it is none or has other types."""
    from safetensors import SafetensorError, deserialize

    try:
        found = deserialize(path.read_bytes())
    except OSError as error:
        raise FileError(f"expected to read {str(path)!r}, got {error.strerror!r}; try another file") from None
    except (SafetensorError, ValueError):
        raise FileError(f"expected {str(path)!r} as a safetensors file, got something else; try another file") from None
    tensors = {}
    for name, tensor in found:
        kind, data = tensor["dtype"], tensor["data"]
        if kind == "BF16":
            array = (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
        elif kind in _TYPES:
            array = np.frombuffer(data, _TYPES[kind])
        else:
            raise FileError(f"expected {name!r} in floating point, got {kind}; try weights that are not quantized")
        tensors[name] = array.reshape(tensor["shape"])
    return tensors


def read_json(path: Path) -> Any:
    """A JSON file; FileError where it is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileError(f"expected to read {str(path)!r}, got {error.strerror!r}; try another folder") from None
    except (ValueError, RecursionError):
        raise FileError(f"expected JSON in {str(path)!r}, got something else; try another folder") from None
