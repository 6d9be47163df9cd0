"""What a training is asked for, made complete: the data, the shape of the model, and how it is trained."""

import difflib
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, Literal, TypedDict

from finitegpt.arguments import required, whole
from finitegpt.config import GPTConfig, TrainConfig
from finitegpt.data import NOTEBOOK_CONTEXT_LENGTH, Data, Process, Tokens
from finitegpt.errors import InputError
from finitegpt.model import Model
from finitegpt.naming import shortened
from finitegpt.validation import divided, is_numbers

FULL_BATCH = 4096
"""Up to so many distinct windows, and of a source's exact law, every step sees all unless a batch size is given."""
MINI_BATCH = 256
"""The batch size beyond."""


class Settings(TypedDict, total=False):
    """The fields of `GPTConfig` and of `TrainConfig`, as keywords."""

    vocab_size: int
    n_layer: int
    n_head: int
    n_embd: int
    bias: bool
    tied: bool
    activation: Literal["gelu", "gelu_tanh", "relu"]
    norm: Literal["layernorm", "rmsnorm"]
    norm_weight: bool
    embedding_norm: bool
    final_norm: bool
    steps: int
    lr: float
    weight_decay: float
    seed: int
    batch_size: int | None
    loss: Literal["last", "all"]
    betas: tuple[float, float]
    warmup: int
    decay: Literal["constant", "linear", "cosine"]
    min_lr: float
    clip: float | None
    decay_matrices: bool
    batches: Literal["random", "in_turn"]
    batch_seed: int | None
    validate_every: int | None
    keep: Literal["last", "best"]
    patience: int | None


_OF_MODEL = {field.name for field in fields(GPTConfig)}
_OF_TRAINING = {field.name for field in fields(TrainConfig)}


def prepare(
    data: Data | str | Tokens | Process,
    model: GPTConfig | Model | None = None,
    config: TrainConfig | None = None,
    context_length: int | None = None,
    settings: Mapping[str, Any] | None = None,
) -> tuple[Data, GPTConfig, TrainConfig]:
    """What `train` fills in: data from text, the model's shape and the batch size from the data.

    InputError where two of them contradict each other, or a setting is none.

    >>> data, shape, how = prepare("0110100110010110", settings={"n_layer": 1, "steps": 5})
    >>> data.context_length, shape.n_layer, how.steps
    (3, 1, 5)
    """
    return prepare_validated(data, model, config, context_length, settings, None)[:3]


def prepare_validated(
    data: Data | str | Tokens | Process,
    model: GPTConfig | Model | None,
    config: TrainConfig | None,
    context_length: int | None,
    settings: Mapping[str, Any] | None,
    validation: Data | str | Tokens | float | None,
) -> tuple[Data, GPTConfig, TrainConfig, Data | None]:
    """The same, and the data to validate on, which may be a share of `data` that is not trained on.

    Without a number of steps between two looks, it is a twentieth of all. InputError where validation is asked for
    without data.
    """
    settings = {} if settings is None else settings
    require_settings(settings)
    if model is not None and not isinstance(model, Model):
        required("model", model, GPTConfig, instead="GPTConfig(...)")
    if config is not None:
        required("config", config, TrainConfig, instead="TrainConfig(...)")
    for name, value, names in (("model", model, _OF_MODEL), ("config", config, _OF_TRAINING)):
        both = sorted(names & settings.keys()) if value is not None else []
        if both:
            instead = f"dataclasses.replace({name}, {both[0]}={settings[both[0]]!r})"
            raise InputError(
                f"expected {', '.join(both)} on its own or in {name}, got both; "
                f"try {'leaving that out' if isinstance(model, Model) and name == 'model' else instead}"
            )
    start = model if isinstance(model, Model) else None
    known = start.config if start else model if isinstance(model, GPTConfig) else None
    lengths = _lengths(data, known, context_length)
    if len(set(lengths.values())) > 1:
        said = " and ".join(f"{length} of {what}" for what, length in lengths.items())
        raise InputError(f"expected one context length, got {said}; try leaving one out")
    length = next(iter(lengths.values()), NOTEBOOK_CONTEXT_LENGTH)
    by_name = start is None and is_numbers(data)
    data = Data.of(data, context_length=length, vocab=start.vocab if start else None)
    data, held_out = divided(data, validation, by_name=by_name)
    own = {name: value for name, value in settings.items() if name in _OF_MODEL}
    shape = known or GPTConfig(**{"vocab_size": len(data.vocab), "context_length": data.context_length, **own})
    if (shape.vocab_size, shape.context_length) != (len(data.vocab), data.context_length):
        raise InputError(
            f"expected a model for {len(data.vocab)} tokens and a context of {data.context_length}, got one for "
            f"{shape.vocab_size} and {shape.context_length}; try GPTConfig(vocab_size={len(data.vocab)}, "
            f"context_length={data.context_length})"
        )
    if start and start.vocab != data.vocab:
        raise InputError(
            f"expected data over the model's vocabulary {shortened(start.vocab)}, got one over "
            f"{shortened(data.vocab)}; try Data.from_text with vocab=model.vocab"
        )
    how = config or TrainConfig(**{name: value for name, value in settings.items() if name in _OF_TRAINING})
    if how.batch_size is None and not data.is_exact and len(data.merged(how.loss).starts) > FULL_BATCH:
        how = replace(how, batch_size=MINI_BATCH)
    _require_drawn(how)
    if held_out is None:
        _require_no_looks(how)
    elif how.validate_every is None:
        how = replace(how, validate_every=max(1, how.steps // 20))
    return data, shape, how, held_out


def _require_no_looks(config: TrainConfig) -> None:
    """InputError that names a setting which needs validation data."""
    for name, without in (("validate_every", None), ("patience", None), ("keep", "last")):
        value = getattr(config, name)
        if value != without:
            raise InputError(
                f"expected validation data with {name}={value!r}, got no such data; try train(..., validation=0.1)"
            )


def _require_drawn(config: TrainConfig) -> None:
    """InputError for a setting of mini-batches that are not drawn."""
    if config.batch_size is None and (config.batch_seed is not None or config.batches != "random"):
        name = "batches" if config.batches != "random" else "batch_seed"
        raise InputError(f"expected a batch size with {name}, got all windows in every step; try batch_size=12")
    if config.batch_seed is not None and config.batches != "random":
        raise InputError("expected batches that are drawn with batch_seed, got batches in turn; try one of the two")


def require_settings(settings: Mapping[str, Any]) -> None:
    """InputError that names what is no setting."""
    known = list(Settings.__annotations__)
    for name in settings:
        if name == "dropout":
            raise InputError(
                "expected training without dropout, got dropout: under random masks a context has no row of its own, "
                "so training would show no chain; try weight_decay, or patience with validation"
            )
        if name not in known:
            near = difflib.get_close_matches(name, known, 1, 0.4) or ["steps"]
            raise InputError(f"expected settings of {', '.join(known)}, got {name!r}; try {near[0]}")


def _lengths(data: Any, model: GPTConfig | None, context_length: int | None) -> dict[str, int]:
    """Every context length that is asked for, by who asks."""
    found = {}
    if context_length is not None:
        found["context_length"] = whole("context_length", context_length, 1, instead=NOTEBOOK_CONTEXT_LENGTH)
    if model is not None:
        found["the model"] = model.context_length
    if isinstance(data, Data):
        found["the data"] = data.context_length
    return found
