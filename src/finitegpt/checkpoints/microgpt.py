"""microgpt (Karpathy, February 2026; http://karpathy.github.io/2026/02/12/microgpt/): a GPT in plain Python.

RMSNorm without a weight, also of the embedding but not before the output, ReLU, no biases, an untied head.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finitegpt.arguments import array, required, shown
from finitegpt.checkpoints import tensors
from finitegpt.checkpoints.settings import asked, heads, require_options
from finitegpt.config import GPTConfig
from finitegpt.errors import InputError
from finitegpt.model import Model

_PROJECT = "microgpt's state_dict"


def from_microgpt(
    state_dict: Mapping[str, Any],
    vocab: "str | tuple[str, ...]",
    *,
    n_head: int | None = None,
    activation: str | None = None,
) -> Model:
    """A model from microgpt's `state_dict`: matrices as lists of rows, of numbers or of objects with `.data`.

    `activation` is 'relu' for microgpt as it stands; its first days had the square of it, which is not to be had here,
    and no weight tells. Its numbers, of double precision, are rounded to float32. The last symbol of `vocab` is
    microgpt's BOS. InputError names a matrix that is missing, unknown, or does not fit.
    """
    required("state_dict", state_dict, Mapping, instead="microgpt's state_dict")
    found = {}
    for name, value in state_dict.items():
        if not isinstance(name, str):
            raise InputError(f"expected names of matrices, got {shown(name)}; try microgpt's state_dict")
        found[name] = tensors.weight(name, _numbers(name, value))
    wte = tensors.matrix(found, "wte", "microgpt")
    n_layer = len({match[1] for match in map(re.compile(r"layer(\d+)\.").match, found) if match})
    asked("activation", activation, _PROJECT, "'relu', which microgpt has had since its first days")
    config = GPTConfig(
        vocab_size=len(wte),
        context_length=len(tensors.matrix(found, "wpe", "microgpt")),
        n_layer=n_layer,
        n_head=heads({}, n_head, _PROJECT),
        n_embd=wte.shape[1],
        tied=False,
        activation=activation,  # type: ignore[arg-type]  (checked there)
        norm="rmsnorm",
        norm_weight=False,
        embedding_norm=True,
        final_norm=False,
    )
    expected = _shapes(config)
    tensors.require_same(expected, found, "microgpt")
    for name, shape in expected.items():
        if found[name].shape != shape:
            raise InputError(f"expected {name!r} of shape {shape}, got {found[name].shape}; try matrices of one model")
    named = {ours: np.concatenate([found[name] for name in theirs]) for ours, theirs in _names(n_layer).items()}
    return Model.from_named(config, vocab, named)


def to_microgpt(model: Model) -> dict[str, list[list[float]]]:
    """microgpt's `state_dict` of a model, rows of floats; set its n_embd, n_head, n_layer and block_size to match.

    A tied head becomes one of its own that equals the embedding. InputError names an option that microgpt has not.
    """
    microgpt = {"bias": False, "activation": "relu", "norm": "rmsnorm", "norm_weight": False}
    required("model", model, Model, instead="run.model")
    require_options(model.config, "microgpt", **microgpt, embedding_norm=True, final_norm=False)
    named, found = model.named, {}
    for ours, theirs in _names(model.config.n_layer).items():
        whole = named.get(ours, named["transformer.wte.weight"])
        found |= dict(zip(theirs, np.split(whole, len(theirs)), strict=True))
    return {name: found[name].astype(float).tolist() for name in _shapes(model.config)}


def _names(n_layer: int) -> dict[str, tuple[str, ...]]:
    """What each of our tensors is there, one above the other."""
    names: dict[str, tuple[str, ...]] = {
        "transformer.wte.weight": ("wte",),
        "transformer.wpe.weight": ("wpe",),
        "lm_head.weight": ("lm_head",),
    }
    for i in range(n_layer):
        ours, theirs = f"transformer.h.{i}", f"layer{i}"
        names[f"{ours}.attn.c_attn.weight"] = (f"{theirs}.attn_wq", f"{theirs}.attn_wk", f"{theirs}.attn_wv")
        names[f"{ours}.attn.c_proj.weight"] = (f"{theirs}.attn_wo",)
        names[f"{ours}.mlp.c_fc.weight"] = (f"{theirs}.mlp_fc1",)
        names[f"{ours}.mlp.c_proj.weight"] = (f"{theirs}.mlp_fc2",)
    return names


def _shapes(config: GPTConfig) -> dict[str, tuple[int, int]]:
    """In microgpt's order, which is also that of its parameters."""
    C = config.n_embd
    shapes = {"wte": (config.vocab_size, C), "wpe": (config.context_length, C), "lm_head": (config.vocab_size, C)}
    for i in range(config.n_layer):
        shapes |= {f"layer{i}.attn_w{letter}": (C, C) for letter in "qkvo"}
        shapes |= {f"layer{i}.mlp_fc1": (4 * C, C), f"layer{i}.mlp_fc2": (C, 4 * C)}
    return shapes


def _numbers(name: str, value: Any) -> NDArray[Any]:
    """Rows of Python's numbers, whole ones too, or of microgpt's own; or any array."""
    if not isinstance(value, list | tuple) or not all(isinstance(row, list | tuple) for row in value):
        return tensors.array_of(name, value)
    found = array([[x if isinstance(x, np.generic) else getattr(x, "data", x) for x in row] for row in value])
    if found.dtype.kind not in "if" or found.ndim != 2:
        raise InputError(
            f"expected {shown(name)} as rows of numbers, got other rows; try microgpt's state_dict as it is"
        )
    return found.astype(np.float64)
