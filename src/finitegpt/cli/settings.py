"""The options that say what model is trained, how, and how it is validated: groups of `finitegpt train`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from finitegpt.cli.shared import Flag
from finitegpt.config import GPTConfig, TrainConfig
from finitegpt.data import NOTEBOOK_CONTEXT_LENGTH

_MODEL, _TRAINING, _VALIDATION = (
    Group(name, sort_key=place) for place, name in enumerate(("Model", "Training", "Validation"), 1)
)


@Parameter(name="*", group=_MODEL)
@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """The shape of the model."""

    context_length: int = NOTEBOOK_CONTEXT_LENGTH
    "Tokens that the model sees."
    n_layer: int = 4
    "Layers."
    n_head: int = 4
    "Attention heads a layer; divides --n-embd."
    n_embd: int = 16
    "Width of the residual stream."
    bias: Flag = False
    "Give linear layers a bias."
    untied: Flag = False
    "Give the output layer weights of its own, not those of the embedding."
    activation: Literal["gelu", "gelu-tanh", "relu"] = "gelu"
    "Of the MLP; GPT-2 has gelu-tanh."
    norm: Literal["layernorm", "rmsnorm"] = "layernorm"
    "How the stream is normed."
    no_norm_weight: Flag = False
    "Norms without a weight, as in microgpt; with rmsnorm."
    embedding_norm: Flag = False
    "Norm the embedding too, as in microgpt."
    no_final_norm: Flag = False
    "No norm before the output layer, as in microgpt."

    def config(self, vocab_size: int) -> GPTConfig:
        """These options for so many tokens."""
        return GPTConfig(
            vocab_size=vocab_size,
            context_length=self.context_length,
            n_layer=self.n_layer,
            n_head=self.n_head,
            n_embd=self.n_embd,
            bias=self.bias,
            tied=not self.untied,
            activation="gelu_tanh" if self.activation == "gelu-tanh" else self.activation,
            norm=self.norm,
            norm_weight=not self.no_norm_weight,
            embedding_norm=self.embedding_norm,
            final_norm=not self.no_final_norm,
        )


@Parameter(name="*", group=_TRAINING)
@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """How it is trained."""

    loss: Literal["last", "all"] = "last"
    "Learn the last token of each window, or every token."
    steps: int = 50
    "AdamW steps."
    lr: float = 1e-3
    "Learning rate."
    warmup: int = 0
    "Steps in which the learning rate grows to --lr."
    decay: Literal["constant", "linear", "cosine"] = "constant"
    "What the learning rate does then, until the last step."
    min_lr: float = 0.0
    "Where it decays to."
    weight_decay: float = 0.1
    "Decoupled weight decay."
    decay_matrices: Flag = False
    "Decay matrices alone, as nanoGPT does, not norms and biases."
    betas: Annotated[tuple[float, float], Parameter(negative="")] = (0.9, 0.999)
    "AdamW's betas, two numbers; nanoGPT has 0.9 0.95."
    clip: float | None = None
    "Scale gradients down to this norm where theirs is larger."
    seed: int = 1337
    "Seed of the weights and of mini-batches, as in PyTorch; and of what is drawn from a source."
    seeds: str | None = None
    "Train once for each seed of a range such as 0:1000, and report what the seeds agree on."
    batch_size: int | None = None
    "Windows a step; by default all of them, or 256 random ones where more than 4,096 differ."
    batches: Literal["random", "in-turn"] = "random"
    "Draw the windows of a step, or take the next ones of the data."
    batch_seed: int | None = None
    "A seed of its own for drawing them."


@Parameter(name="*", group=_VALIDATION)
@dataclass(frozen=True, kw_only=True)
class ValidationOptions:
    """How it is validated."""

    validation: str | None = None
    "A file of other data, or a share such as 0.1: the last tenth of the data, not trained on."
    validate_every: int | None = None
    "Steps between two looks at its loss; by default a twentieth of all."
    keep: Literal["last", "best"] = "last"
    "Keep the last weights, or those with the lowest validation loss."
    patience: int | None = None
    "Stop after so many looks without a lower loss."

    @property
    def share(self) -> float | None:
        """The share of the data that is meant, or None where it is a file."""
        try:
            return None if self.validation is None else float(self.validation)
        except ValueError:
            return None

    @property
    def file(self) -> Path | None:
        """The file that is meant, or None where it is a share."""
        return None if self.validation is None or self.share is not None else Path(self.validation)


def train_config(training: TrainingOptions, validation: ValidationOptions) -> TrainConfig:
    """These options as a configuration."""
    return TrainConfig(
        steps=training.steps,
        lr=training.lr,
        weight_decay=training.weight_decay,
        seed=training.seed,
        batch_size=training.batch_size,
        loss=training.loss,
        betas=training.betas,
        warmup=training.warmup,
        decay=training.decay,
        min_lr=training.min_lr,
        clip=training.clip,
        decay_matrices=training.decay_matrices,
        batches="in_turn" if training.batches == "in-turn" else "random",
        batch_seed=training.batch_seed,
        validate_every=validation.validate_every,
        keep=validation.keep,
        patience=validation.patience,
    )
