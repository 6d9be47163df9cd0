"""nanoGPT (Karpathy, 2022; https://github.com/karpathy/nanoGPT)."""

import os
from collections.abc import Mapping
from typing import Any

from finitegpt.arguments import required
from finitegpt.checkpoints import layout
from finitegpt.checkpoints.files import opened
from finitegpt.checkpoints.settings import asked, heads, require_equal, require_known, sizes
from finitegpt.checkpoints.tensors import tensors
from finitegpt.model import Model

_PROJECT = "a nanoGPT checkpoint"
_BESIDE = ("model", "model_args", "optimizer", "iter_num", "best_val_loss", "config")
"""What train.py saves; `config` are settings of the training."""
_ARGUMENTS = ("block_size", "vocab_size", "n_layer", "n_head", "n_embd", "bias", "dropout")


def from_nanogpt(
    checkpoint: Mapping[str, Any] | str | os.PathLike[str],
    vocab: "str | tuple[str, ...]",
    *,
    n_head: int | None = None,
    activation: str | None = None,
) -> Model:
    """A model from a nanoGPT checkpoint (its file, or what it holds), or from its `state_dict` alone and `n_head`.

    `activation` is 'gelu', the exact one, for nanoGPT since May 2023 and 'gelu_tanh' for older code: no checkpoint
    tells. A head that differs from the embedding, as before January 2023, makes an untied model. Layer norms without a
    bias get one of zero. Dropout does nothing when a model is not trained. Weights of another precision are rounded to
    float32. InputError names a tensor or setting that is missing, unknown, or does not fit.

    >>> from finitegpt import GPTConfig
    >>> model = Model.init(GPTConfig(vocab_size=2, context_length=3), "01", seed=0)
    >>> named = {**model.named, "lm_head.weight": model.named["transformer.wte.weight"]}
    >>> from_nanogpt(named, "01", n_head=4, activation="gelu")
    Model('01', contexts of 3, 12,656 parameters: 4 layers of 4 heads, width 16)
    """
    found, said = opened(checkpoint), {}
    if isinstance(found, Mapping) and isinstance(found.get("model"), Mapping):
        require_known(found, _BESIDE, "a nanoGPT checkpoint", "its 'model' and 'model_args' alone")
        found, said = found["model"], found.get("model_args", {})
        said = said if isinstance(said, Mapping) else {}
        require_known(said, _ARGUMENTS, "model_args", "chain_of for a model of another kind")
    since = "'gelu' for nanoGPT since May 2023, 'gelu_tanh' for older code"
    activation = asked("activation", activation, _PROJECT, since)
    n_head = heads(said, n_head, _PROJECT)
    model = layout.read(found, vocab, _PROJECT, n_head=n_head, activation=activation)
    require_equal(said, {**sizes(model.config), "bias": model.config.bias}, "model_args")
    return model


def to_nanogpt(model: Model) -> dict[str, Any]:
    """A checkpoint for nanoGPT as it is since May 2023: `model`, a `state_dict`, and `model_args` for its GPTConfig.

    `model_args` has a bias wherever a layer norm of the model has one that is not zero; linear layers then get some of
    zero. InputError names an option that nanoGPT does not have: untied heads, other norms and activations.
    """
    required("model", model, Model, instead="run.model")
    bare = not model.config.bias and not any(model.named[name].any() for name in layout.norm_biases(model))
    named = layout.written(model, "nanoGPT", biases=not bare, tied=True, activation="gelu")
    if bare:
        named = {name: array for name, array in named.items() if not name.endswith(".bias")}
    return {"model": tensors(named), "model_args": {**sizes(model.config), "bias": not bare, "dropout": 0.0}}
