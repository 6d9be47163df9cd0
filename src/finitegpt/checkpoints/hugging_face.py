"""GPT-2 in Hugging Face's transformers, and so OpenAI's own weights: `GPT2LMHeadModel`.

Its linear layers are stored (in, out) and always have a bias.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from finitegpt.checkpoints import files, gpt2_config, layout
from finitegpt.checkpoints.settings import asked
from finitegpt.checkpoints.tensors import arrays, tensors
from finitegpt.errors import FileError, InputError
from finitegpt.model import Model


def from_hugging_face(model: Any, vocab: "str | tuple[str, ...]", *, config: Any = None) -> Model:
    """A model from a `GPT2LMHeadModel`, from a folder that `save_pretrained` made, or from a `state_dict` and `config`.

    `vocab` has a symbol for every token of the model. A folder has config.json and model.safetensors, which needs no
    PyTorch, or pytorch_model.bin, of which weights alone are loaded. Dropout does nothing when a model is not trained,
    and settings of `generate` are decoding, not the model's. Weights of another precision are rounded to float32.
    InputError names a tensor or a setting that is missing, unknown, or would make it another function than ours.
    """
    if isinstance(model, str | os.PathLike):
        named, said = _folder(Path(model))
    elif callable(getattr(model, "state_dict", None)) and hasattr(model, "config") and not isinstance(model, type):
        named, said = model.state_dict(), model.config
        if isinstance(named, Mapping) and "lm_head.weight" not in named:
            raise InputError(
                f"expected a GPT2LMHeadModel, got {type(model).__name__}, which has no head; try one that has"
            )
    else:
        named, said = model, asked("config", config, "a state_dict", "config=model.config")
        config = None
    if config is not None:
        raise InputError("expected config for a state_dict alone, got one beside another; try without config")
    return _read(named, gpt2_config.settings_of(said), vocab)


def _folder(path: Path) -> tuple[Any, Any]:
    if not (path / "config.json").is_file():
        raise FileError(
            f"expected a folder with config.json, got none at {str(path)!r}; try "
            "GPT2LMHeadModel.from_pretrained for a name of the hub"
        )
    said = files.read_json(path / "config.json")
    if (path / "model.safetensors").is_file():
        return files.read_safetensors(path / "model.safetensors"), said
    if (path / "pytorch_model.bin").is_file():
        return files.read_pytorch(path / "pytorch_model.bin"), said
    raise FileError(
        f"expected model.safetensors or pytorch_model.bin in {str(path)!r}, got neither; try save_pretrained with "
        "max_shard_size='100GB'"
    )


def _read(named: Any, settings: dict[str, Any], vocab: "str | tuple[str, ...]") -> Model:
    found = arrays(named)
    if "wte.weight" in found and not any(name.startswith("transformer.") for name in found):  # as OpenAI's are kept
        found = {name if name == "lm_head.weight" else f"transformer.{name}": one for name, one in found.items()}
    model = layout.read(
        {name: array.T if _is_linear(name) else array for name, array in found.items()},
        vocab,
        "GPT-2 in transformers",
        n_head=gpt2_config.n_head(settings),
        activation=gpt2_config.activation(settings),
        biases=True,
        tied=gpt2_config.tied(settings),
    )
    gpt2_config.require_shape(settings, model.config)
    return model


def _is_linear(name: str) -> bool:
    return name.endswith((".c_attn.weight", ".c_proj.weight", ".c_fc.weight"))


def to_hugging_face(model: Model) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arguments of `transformers.GPT2Config` and a `state_dict` of `GPT2LMHeadModel` that computes the same.

    Its linear layers are stored (in, out) and always have a bias, here of zero where the model has none. InputError
    names an option that GPT-2 does not have: other norms, of the embedding too, or none at the end.
    """
    named = layout.written(model, "GPT-2", biases=True)
    config = model.config
    found = tensors({name: array.T if _is_linear(name) else array for name, array in named.items()})
    if config.tied:
        found["lm_head.weight"] = found["transformer.wte.weight"]  # one tensor, as there
    arguments = {
        "vocab_size": config.vocab_size,
        "n_positions": config.context_length,
        "n_embd": config.n_embd,
        "n_layer": config.n_layer,
        "n_head": config.n_head,
        "activation_function": gpt2_config.WRITTEN[config.activation],
        "tie_word_embeddings": config.tied,
        "layer_norm_epsilon": 1e-5,
        "resid_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "attn_pdrop": 0.0,
        "bos_token_id": None,
        "eos_token_id": None,
    }
    return arguments, found
