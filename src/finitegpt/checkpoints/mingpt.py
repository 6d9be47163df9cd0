"""minGPT (Karpathy, 2020 and 2022; https://github.com/karpathy/minGPT), and the Transformer of makemore (2022).

Both have untied heads, the GELU with tanh, biases everywhere, and keep their causal masks beside the weights.
"""

import os
from collections.abc import Mapping
from typing import Any

from finitegpt.checkpoints import layout
from finitegpt.checkpoints.files import opened
from finitegpt.checkpoints.settings import heads, sizes
from finitegpt.checkpoints.tensors import masks, tensors
from finitegpt.model import Model

Checkpoint = Mapping[str, Any] | str | os.PathLike[str]


def from_mingpt(checkpoint: Checkpoint, vocab: "str | tuple[str, ...]", *, n_head: int | None = None) -> Model:
    """A model from the `state_dict` of minGPT's GPT, or from its file, and the number of heads, which neither tells.

    Its GELU is the one with tanh. Versions before July 2022 have other names for tensors, and are refused. Weights of
    another precision are rounded to float32. InputError names a tensor that is missing, unknown, or does not fit.
    """
    return _read(checkpoint, vocab, "a minGPT checkpoint", n_head)


def from_makemore(checkpoint: Checkpoint, vocab: "str | tuple[str, ...]", *, n_head: int | None = None) -> Model:
    """A model from the `state_dict` of makemore's Transformer, or from its `model.pt`, and the number of heads.

    Token 0 is makemore's start and end of a name: `vocab` may be ("." + "abc...") with a sign for it. Its GELU is the
    one with tanh. Weights of another precision are rounded to float32. InputError names a tensor that is missing,
    unknown, or does not fit, as those of makemore's other models are.
    """
    return _read(checkpoint, vocab, "a checkpoint of makemore's Transformer", n_head)


def _read(checkpoint: Checkpoint, vocab: "str | tuple[str, ...]", project: str, n_head: int | None) -> Model:
    found, n_head = opened(checkpoint), heads({}, n_head, project)
    return layout.read(found, vocab, project, n_head=n_head, activation="gelu_tanh", biases=True, tied=False)


def to_mingpt(model: Model) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings for minGPT's config, and a `state_dict` of its GPT that computes the same.

    Linear layers get a bias of zero where they have none, and a tied head becomes one of its own that equals the
    embedding. InputError names an option that minGPT does not have: other norms, activations other than 'gelu_tanh'.
    """
    return _written(model, "minGPT")


def to_makemore(model: Model) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arguments of makemore's ModelConfig, and a `state_dict` of its Transformer; otherwise as `to_mingpt`."""
    return _written(model, "makemore")


def _written(model: Model, project: str) -> tuple[dict[str, Any], dict[str, Any]]:
    named = layout.written(model, project, biases=True, activation="gelu_tanh")
    config = model.config
    return sizes(config), tensors({**named, **masks(config.n_layer, config.context_length)})
