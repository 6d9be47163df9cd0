"""The weights as named tensors, by nanoGPT's names, and as a safetensors file."""

import json
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finitegpt.config import GPTConfig
from finitegpt.errors import FileError, InputError
from finitegpt.limits import readable_bytes


def shapes(config: GPTConfig) -> dict[str, tuple[int, ...]]:
    """Name -> shape of every tensor, in the order in which the flat array holds them.

    >>> list(shapes(GPTConfig(vocab_size=2, context_length=3)).items())[:2]
    [('transformer.wte.weight', (2, 16)), ('transformer.wpe.weight', (3, 16))]
    """
    C = config.n_embd
    result: dict[str, tuple[int, ...]] = {
        "transformer.wte.weight": (config.vocab_size, C),
        "transformer.wpe.weight": (config.context_length, C),
    }

    def add(name: str, *shape: int, bias: bool) -> None:
        result[f"{name}.weight"] = shape
        if bias:
            result[f"{name}.bias"] = shape[:1]

    def add_norm(name: str) -> None:
        if config.norm_weight:
            add(name, C, bias=config.norm == "layernorm")

    for i in range(config.n_layer):
        block = f"transformer.h.{i}"
        add_norm(f"{block}.ln_1")
        add(f"{block}.attn.c_attn", 3 * C, C, bias=config.bias)
        add(f"{block}.attn.c_proj", C, C, bias=config.bias)
        add_norm(f"{block}.ln_2")
        add(f"{block}.mlp.c_fc", 4 * C, C, bias=config.bias)
        add(f"{block}.mlp.c_proj", C, 4 * C, bias=config.bias)
    if config.final_norm:
        add_norm("transformer.ln_f")
    if not config.tied:
        result["lm_head.weight"] = (config.vocab_size, C)
    return result


def views(config: GPTConfig, flat: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """Named views into a flat array (n_params,) of weights or of gradients: writing to one writes to the array."""
    result, start = {}, 0
    for name, shape in shapes(config).items():
        result[name] = flat[start : start + prod(shape)].reshape(shape)
        start += prod(shape)
    return result


def flatten(config: GPTConfig, named: Mapping[str, Any]) -> NDArray[np.float32]:
    """The flat array (n_params,) of named tensors; InputError where one is missing, unknown or of another shape.

    Nothing is left out: a tensor that the model does not have is refused by its name.
    """
    expected, rest = shapes(config), dict(named)
    missing, unknown = sorted(expected.keys() - rest.keys()), sorted(rest.keys() - expected.keys())
    if missing or unknown:
        problem = f"no {missing[0]!r}" if missing else f"an unknown {unknown[0]!r}"
        raise InputError(f"expected the {len(expected)} tensors of {config}, got {problem}; try another config")
    for name, shape in expected.items():
        if tuple(rest[name].shape) != shape:
            raise InputError(
                f"expected {name!r} of shape {shape}, got {tuple(rest[name].shape)}; try the config it was saved with"
            )
    return np.concatenate([np.asarray(rest[name], np.float32).reshape(-1) for name in expected])


def save(path: Path, tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any] | None = None) -> None:
    """Writes tensors to a safetensors file; metadata values are kept as JSON."""
    import safetensors.numpy

    texts = {name: json.dumps(value) for name, value in (metadata or {}).items()}
    arrays = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    path.write_bytes(safetensors.numpy.save(arrays, texts or None))


def load(path: Path) -> dict[str, NDArray[Any]]:
    """Reads a safetensors file; FileError if it is not one."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="numpy") as file:  # type: ignore[no-untyped-call]
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (it is not a mapping)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        size = readable_bytes(path.stat().st_size)
        raise FileError(
            f"expected {str(path)!r} to be a safetensors file, got {size} that are not one ({error}); "
            "try training the run again"
        ) from None
    except FileNotFoundError:
        raise FileError(f"expected the file {str(path)!r}, got none there; try another folder") from None
    except OSError as error:
        raise FileError(f"expected to read {str(path)!r}, got {error.strerror or error}; try another file") from None
