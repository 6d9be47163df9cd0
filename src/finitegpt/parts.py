"""Parts of a model, heads and MLPs, that are off or have something in their place.

Whatever a part gives is scaled, and then something is added (`engine.Switches`): zero times it and nothing is zero
ablation, zero times it and its mean is mean ablation.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finitegpt.arguments import array, required, shown
from finitegpt.config import GPTConfig
from finitegpt.engine import Switches
from finitegpt.errors import InputError
from finitegpt.inspection import Inspection

_NAMED = 3  # more parts than this are counted


def chosen(config: GPTConfig, heads: Any, mlps: Any) -> NDArray[np.bool_]:
    """Which parts (n_layer, n_head + 1) are meant by pairs of a layer and a head, and by layers of MLPs."""
    parts = np.zeros((config.n_layer, config.n_head + 1), bool)
    pairs, layers = _whole(heads, 2), _whole(mlps, 1)
    last = config.n_layer - 1
    if pairs is None or (pairs < 0).any() or (pairs > [last, config.n_head - 1]).any():
        raise InputError(
            f"expected heads as pairs of a layer from 0 to {last} and a head from 0 to {config.n_head - 1}, got "
            f"{shown(heads)}; try [(0, 0)]"
        )
    if layers is None or (layers < 0).any() or (layers > last).any():
        raise InputError(f"expected MLPs as a list of their layers from 0 to {last}, got {shown(mlps)}; try [0]")
    parts[pairs[:, 0], pairs[:, 1]] = True
    parts[layers, -1] = True
    return parts


def _whole(values: Any, ndim: int) -> NDArray[np.int64] | None:
    """Whole numbers (n,), or pairs of them (n, 2); None where they are something else."""
    found = array(values)
    if isinstance(values, list | tuple) and not values:
        return np.zeros((0, 2)[:ndim], np.int64)
    if found.dtype.kind not in "iu" or found.ndim != ndim or (ndim == 2 and found.shape[1] != 2):
        return None
    return found.astype(np.int64) if not found.size or int(found.max()) < 2**62 else None


def every(config: GPTConfig) -> Switches:
    """All parts on."""
    return Switches(np.ones((config.n_layer, config.n_head + 1), np.float32))


def require(config: GPTConfig, switches: Any) -> None:
    """InputError unless they are switches of finite numbers for a model of this shape."""
    required("switches", switches, Switches, instead="Model.without")
    wanted = {
        "scale": (config.n_layer, config.n_head + 1),
        "shift": (config.n_layer, 2, config.context_length, config.n_embd),
    }
    for name, shape in wanted.items():
        found = getattr(switches, name)
        if name == "shift" and found is None:
            continue
        if not isinstance(found, np.ndarray) or found.shape != shape or found.dtype != np.float32:
            raise InputError(f"expected switches as float32 numbers {shape}, got {shown(found)}; try Model.without")
        if not np.isfinite(found).all():
            raise InputError("expected switches that are finite, got others; try Model.without")


def off(before: Switches, parts: NDArray[np.bool_], means: NDArray[np.float64] | None) -> Switches:
    """The same with these parts off, or at their `means` (n_layer, 2, L, C)."""
    scale = np.where(parts, np.float32(0), before.scale)
    shift = before.shift
    if shift is None and means is None:
        return Switches(scale)
    instead = 0.0 if means is None else means
    columns = _columns(parts, (shift if means is None else means).shape[-1])  # type: ignore[union-attr]
    return Switches(scale, np.where(columns, instead, 0.0 if shift is None else shift).astype(np.float32))


def times(before: Switches, factors: NDArray[np.float32]) -> Switches:
    """The same with what each part gives multiplied by a factor (n_layer, n_head + 1)."""
    if before.shift is None:
        return Switches(before.scale * factors)
    return Switches(before.scale * factors, before.shift * _columns(factors, before.shift.shape[-1]))


def _columns(values: NDArray[Any], C: int) -> NDArray[Any]:
    """A number for each part (n_layer, n_head + 1) as one for each of its columns (n_layer, 2, 1, C)."""
    heads = np.repeat(values[:, :-1], C // (values.shape[1] - 1), axis=1)
    return np.stack([heads, np.repeat(values[:, -1:], C, axis=1)], axis=1)[:, :, None]


def means(inside: Iterable[tuple[Inspection, NDArray[np.float64]]]) -> NDArray[np.float64]:
    """What heads and MLPs give in the mean (n_layer, 2, L, C) over full contexts, each with its weights (n,)."""
    total, weight = None, 0.0
    for found, share in inside:
        added = found.residual[:, 2::2] - found.residual[:, 1::2]  # what each MLP adds, (n, n_layer, L, C)
        given = np.stack([found.heads, added], axis=2)  # (n, n_layer, 2, L, C)
        part = (share @ given.reshape(len(share), -1)).reshape(given.shape[1:])
        total, weight = part if total is None else total + part, weight + share.sum()
    assert total is not None
    return total / weight


def described(switches: Switches) -> str:
    """Which parts are not as they were, in a few words.

    >>> described(Switches(np.float32([[0, 1, 1], [1, 1, 0]])))
    'off: head (0, 0), MLP 1'
    """
    scale, shift = switches.scale, switches.shift
    moved = np.zeros(scale.shape, bool)
    if shift is not None:
        layers, _, _, C = shift.shape
        moved[:, :-1] = shift[:, 0].reshape(layers, -1, scale.shape[1] - 1, C // (scale.shape[1] - 1)).any((1, 3))
        moved[:, -1] = shift[:, 1].any((1, 2))
    kinds = {
        "off": (scale == 0) & ~moved,
        "replaced": (scale == 0) & moved,
        "changed": (scale != 0) & ((scale != 1) | moved),
    }
    return "; ".join(f"{kind}: {_listed(parts)}" for kind, parts in kinds.items() if parts.any())


def _listed(parts: NDArray[np.bool_]) -> str:
    n = int(parts.sum())
    if n > _NAMED:
        return f"{n} of {parts.size} parts"
    last = parts.shape[1] - 1
    return ", ".join(f"MLP {layer}" if k == last else f"head ({layer}, {k})" for layer, k in np.argwhere(parts))
