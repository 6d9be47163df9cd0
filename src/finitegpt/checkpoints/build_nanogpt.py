"""build-nanogpt (Karpathy, 2024; https://github.com/karpathy/build-nanogpt): GPT-2 again, from an empty file."""

import os
from collections.abc import Mapping
from typing import Any

from finitegpt.arguments import shown
from finitegpt.checkpoints import layout
from finitegpt.checkpoints.files import opened
from finitegpt.checkpoints.settings import heads, require_equal, require_known, sizes
from finitegpt.checkpoints.tensors import tensors
from finitegpt.errors import InputError
from finitegpt.model import Model

_PROJECT = "a build-nanogpt checkpoint"
_BESIDE = ("model", "config", "step", "val_loss", "optimizer")
_SETTINGS = ("block_size", "vocab_size", "n_layer", "n_head", "n_embd")


def from_build_nanogpt(
    checkpoint: Mapping[str, Any] | str | os.PathLike[str],
    vocab: "str | tuple[str, ...]",
    *,
    n_head: int | None = None,
) -> Model:
    """A model from what build-nanogpt's training holds, `model` and `config`, or from its `state_dict` and `n_head`.

    It has the GELU with tanh and biases everywhere. The file that it saves has a pickled object in it, its config, and
    is refused: save `vars(model.config)` there, or the `state_dict` alone. Weights of another precision are rounded to
    float32. InputError names a tensor or setting that is missing, unknown, or does not fit.
    """
    found, said = opened(checkpoint), {}
    if isinstance(found, Mapping) and isinstance(found.get("model"), Mapping):
        require_known(found, _BESIDE, _PROJECT, "its 'model' and 'config' alone")
        said = _settings(found.get("config"))
        require_known(said, _SETTINGS, "config", "chain_of for a model of another kind")
        found = found["model"]
    n_head = heads(said, n_head, _PROJECT)
    model = layout.read(found, vocab, _PROJECT, n_head=n_head, activation="gelu_tanh", biases=True)
    require_equal(said, sizes(model.config), "config")
    return model


def _settings(config: Any) -> Mapping[str, Any]:
    if config is None or isinstance(config, Mapping):
        return config or {}
    if not hasattr(config, "__dict__"):
        raise InputError(f"expected config as build-nanogpt's GPTConfig, got {shown(config)}; try vars(model.config)")
    return vars(config)


def to_build_nanogpt(model: Model) -> dict[str, Any]:
    """A checkpoint: `model`, a `state_dict`, and `config`, arguments of build-nanogpt's GPTConfig.

    Linear layers get a bias of zero where they have none. InputError names an option that build-nanogpt does not have:
    untied heads, other norms, and activations other than 'gelu_tanh'.
    """
    named = layout.written(model, "build-nanogpt", biases=True, tied=True, activation="gelu_tanh")
    return {"model": tensors(named), "config": sizes(model.config)}
