"""The layout that nanoGPT's family shares: tensors `transformer.h.0.attn.c_attn.weight` and so on, GPT-2's function."""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finitegpt import weights
from finitegpt.arguments import required
from finitegpt.checkpoints import tensors
from finitegpt.checkpoints.settings import require_options
from finitegpt.config import GPTConfig
from finitegpt.errors import InputError
from finitegpt.model import Model

_NORM = re.compile(r"transformer\.(?:h\.\d+\.ln_[12]|ln_f)\.bias")
_LINEAR_BIAS = re.compile(r"transformer\.h\.\d+\.(?:attn|mlp)\.c_\w+\.bias")
_HEAD = "lm_head.weight"


def read(
    named: Any,
    vocab: "str | tuple[str, ...]",
    project: str,
    *,
    n_head: int,
    activation: str,
    biases: bool | None = None,
    tied: bool | None = None,
) -> Model:
    """A model of a `state_dict`.

    Without `biases`, they are where tensors are, and layer norms without one get one of zero; without `tied`, the head
    is tied where it equals the embedding.
    """
    found = tensors.arrays(named)
    wte = tensors.matrix(found, "transformer.wte.weight", project)
    context_length = len(tensors.matrix(found, "transformer.wpe.weight", project))
    n_layer = len({match[1] for match in map(re.compile(r"transformer\.h\.(\d+)\.").match, found) if match})
    bias = any(_LINEAR_BIAS.fullmatch(name) for name in found) if biases is None else biases
    tensors.take_masks(found, n_layer, context_length)
    if tied is None:
        if _HEAD not in found:
            raise InputError(
                f"expected {_HEAD!r} too, which {project} saves, got no such tensor; try state_dict[{_HEAD!r}] = "
                "state_dict['transformer.wte.weight'] if they are tied"
            )
        tied = tensors.is_tied(found)
    elif tied and _HEAD in found and not tensors.is_tied(found):
        raise InputError(
            f"expected {_HEAD!r} to be the token embedding, as the settings say, got another; try saving it untied"
        )
    if tied:
        found.pop(_HEAD, None)
    config = GPTConfig(
        vocab_size=len(wte),
        context_length=context_length,
        n_layer=n_layer,
        n_head=n_head,
        n_embd=wte.shape[1],
        bias=bias,
        tied=tied,
        activation=activation,  # type: ignore[arg-type]  (checked there)
    )
    expected = weights.shapes(config)
    if not bias and not any(_NORM.fullmatch(name) for name in found):  # nanoGPT then has none in norms either
        found |= {name: np.zeros(shape, np.float32) for name, shape in expected.items() if _NORM.fullmatch(name)}
    tensors.require_same(expected, found, project)
    return Model.from_named(config, vocab, {name: tensors.weight(name, found[name]) for name in expected})


def written(model: Model, project: str, *, biases: bool, **options: Any) -> dict[str, NDArray[np.float32]]:
    """A model's tensors by nanoGPT's names, the head too, with biases of zero where there are none, if `biases`.

    InputError unless it computes what GPT-2 does, with the activations and heads that `options` allow.
    """
    config = required("model", model, Model, instead="run.model").config
    require_options(config, project, norm="layernorm", embedding_norm=False, final_norm=True, **options)
    found: dict[str, NDArray[np.float32]] = {}
    for name, array in model.named.items():
        found[name] = array
        if biases and not config.bias and name.split(".")[-2].startswith("c_"):
            found[name.removesuffix("weight") + "bias"] = np.zeros(len(array), np.float32)
    found.setdefault(_HEAD, found["transformer.wte.weight"])
    return found


def norm_biases(model: Model) -> list[str]:
    """The names of the biases in norms."""
    return [name for name in model.named if _NORM.fullmatch(name)]
