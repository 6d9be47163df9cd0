"""Tensors of a checkpoint as arrays, whichever library they are of, and as PyTorch's again: checked one by one."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finitegpt.arguments import array, required, shown
from finitegpt.errors import InputError
from finitegpt.exchange.streams import package

_COMPILED = "_orig_mod."
"""What `torch.compile` puts before every name."""

_MASKED = -1e4
"""What GPT-2 added to the scores that its mask hides, kept as a tensor by older versions of transformers."""


def arrays(named: Any) -> dict[str, NDArray[Any]]:
    """Every tensor of a `state_dict` as an array of its own type; bfloat16, which NumPy has not, as float32.

    The prefix that `torch.compile` puts before names is taken off.
    """
    required("the tensors", named, Mapping, instead="model.state_dict()")
    found: dict[str, NDArray[Any]] = {}
    for name, value in named.items():
        if not isinstance(name, str):
            raise InputError(f"expected names of tensors, got {shown(name)}; try model.state_dict()")
        plain = name.removeprefix(_COMPILED)
        if plain in found:
            raise InputError(f"expected each tensor once, got {plain!r} twice; try leaving one out")
        found[plain] = array_of(name, value)
    return found


def array_of(name: str, value: Any) -> NDArray[Any]:
    """One tensor; InputError for what is none, is sparse, or has complex numbers."""
    try:
        if hasattr(value, "detach"):  # a tensor of PyTorch, on any device
            value = value.detach().cpu()
            value = (value.float() if value.is_floating_point() else value).numpy()
    except (AttributeError, TypeError, ValueError, RuntimeError):
        raise InputError(
            f"expected {_short(name)} as a dense tensor of numbers, got a {type(value).__name__} that is none; "
            "try model.state_dict()"
        ) from None
    found = value if isinstance(value, np.ndarray) else array(value)
    if found.dtype.kind not in "buif":
        raise InputError(
            f"expected {_short(name)} as a tensor of numbers, got {shown(value)}; try model.state_dict(), or its entry "
            "in the checkpoint"
        )
    return found


def _short(name: str) -> str:
    return repr(name if len(name) <= 80 else name[:79] + "…")


def weight(name: str, found: NDArray[Any]) -> NDArray[np.float32]:
    """A tensor of weights in float32; InputError where they are whole numbers, NaN, or beyond float32."""
    if found.dtype.kind != "f":
        raise InputError(
            f"expected {_short(name)} in floating point, got {found.dtype.name}; try the weights that are not quantized"
        )
    with np.errstate(over="ignore", under="ignore"):
        rounded = found.astype(np.float32, copy=False)
    if not np.isfinite(rounded).all():
        raise InputError(f"expected finite weights in {_short(name)}, got others; try an earlier checkpoint")
    return rounded


def matrix(found: Mapping[str, NDArray[Any]], name: str, project: str) -> NDArray[Any]:
    """A tensor that is there and has two axes."""
    if name not in found:
        raise InputError(f"expected a state_dict of {project}, got one without {name!r}; try the entry that has it")
    if found[name].ndim != 2:
        raise InputError(f"expected {name!r} as a matrix, got one of shape {found[name].shape}; try another checkpoint")
    return found[name]


def require_same(expected: Iterable[str], found: Iterable[str], project: str) -> None:
    """InputError where a tensor of a layout is missing, or one is there that it does not have."""
    missing, unknown = sorted(set(expected) - set(found)), sorted(set(found) - set(expected))
    if missing:
        raise InputError(f"expected all tensors of {project}, got no {missing[0]!r}; try a whole state_dict")
    if unknown:
        raise InputError(
            f"expected the tensors of {project} alone, got {_short(unknown[0])} too, which has no place; try chain_of"
        )


def take_masks(found: dict[str, NDArray[Any]], n_layer: int, context_length: int) -> None:
    """Takes causal masks out, which some versions keep beside the weights; InputError for those of anything else."""
    L = context_length
    for i in range(n_layer):
        name = f"transformer.h.{i}.attn.bias"
        mask = found.pop(name, None)
        if mask is not None and not np.array_equal(mask, np.tri(L)[None, None]):
            raise InputError(f"expected {name!r} as a causal mask of shape {(1, 1, L, L)}, got another; try chain_of")
        name = f"transformer.h.{i}.attn.masked_bias"
        hidden = found.pop(name, None)
        if hidden is not None and not (hidden.size == 1 and (hidden == _MASKED).all()):
            raise InputError(f"expected {name!r} as the number {_MASKED:.0f}, got another; try chain_of")


def is_tied(found: Mapping[str, NDArray[Any]]) -> bool:
    """Whether the output layer is the token embedding."""
    return np.array_equal(found["lm_head.weight"], found["transformer.wte.weight"])


def masks(n_layer: int, context_length: int) -> dict[str, NDArray[np.float32]]:
    """The causal masks that some versions want to find beside the weights."""
    mask = np.tri(context_length, dtype=np.float32)[None, None]
    return {f"transformer.h.{i}.attn.bias": mask for i in range(n_layer)}


def tensors(named: Mapping[str, NDArray[np.float32]]) -> dict[str, Any]:
    """Arrays as PyTorch's tensors, which own their memory; InputError without PyTorch."""
    torch = package("torch", "finitegpt[torch]")
    return {name: torch.from_numpy(np.array(array, order="C")) for name, array in named.items()}
