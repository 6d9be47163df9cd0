"""The shape of a model and how it is trained: plain values, checked when made."""

from collections.abc import Sequence
from dataclasses import MISSING, asdict, dataclass, fields, replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from finitegpt.arguments import choice, flag, number, shown, whole
from finitegpt.errors import InputError, TooLargeError

ACTIVATIONS = ("gelu", "gelu_tanh", "relu")
"""In the order in which the engine numbers them."""
NORMS = ("layernorm", "rmsnorm")
DECAYS = ("constant", "linear", "cosine")

_LARGEST = {"vocab_size": 2**20, "context_length": 2**13, "n_layer": 2**10, "n_head": 2**14, "n_embd": 2**14}

_LARGEST_STREAM = 2**25
"""The engine counts the numbers of a group of windows in 32 bits."""


def _number(name: str, value: Any, *, above: float | None = None) -> float:
    found = number(name, value, instead=0.1)
    if not abs(found) < 2**128:
        raise InputError(f"expected {name} to be a finite number, got {value!r}; try 0.1")
    if found < 0 or (above is not None and found <= above):
        raise InputError(
            f"expected {name} to be {'above 0' if above is not None else '0 or more'}, got {value}; try 0.1"
        )
    return value if isinstance(value, int | float) else found


class _Plain:
    """Conversion to and from plain dictionaries, for JSON."""

    __slots__ = ()

    def __repr__(self) -> str:
        """What was given, and of the rest what differs from the defaults."""
        told = [
            f"{field.name}={getattr(self, field.name)!r}"
            for field in fields(self)  # type: ignore[arg-type]
            if field.default is MISSING or getattr(self, field.name) != field.default
        ]
        return f"{type(self).__name__}({', '.join(told)})"

    def _set(self, name: str, value: Any) -> None:
        """A value as a plain one, where NumPy's was given."""
        object.__setattr__(self, name, value)

    def to_dict(self) -> dict[str, Any]:
        """The fields as a dictionary of plain values."""
        return asdict(self)  # type: ignore[call-overload]

    @classmethod
    def from_dict(cls, values: Any) -> Self:
        """The inverse of `to_dict`; InputError on missing, unknown or unusable fields.

        What an older version did not know has its default.
        """
        names = {field.name for field in fields(cls)}  # type: ignore[arg-type]
        later = getattr(cls, "_LATER", frozenset())
        if not isinstance(values, dict) or not names - later <= set(values) <= names:
            got = sorted(map(str, values)) if isinstance(values, dict) else type(values).__name__
            raise InputError(f"expected the fields {sorted(names)}, got {got}; try a file written by finitegpt")
        return cls(**values)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class GPTConfig(_Plain):
    """The shape of a GPT-2 style decoder; the defaults are the notebook's.

    >>> GPTConfig(vocab_size=2, context_length=3).n_params
    12656
    """

    vocab_size: int
    """V, how many tokens there are."""
    context_length: int
    """L, how many tokens the model sees (nanoGPT's `block_size`)."""
    n_layer: int = 4
    n_head: int = 4
    n_embd: int = 16
    """Width of the residual stream, a multiple of n_head."""
    bias: bool = False
    """Whether linear layers have a bias; LayerNorm always has one."""
    tied: bool = True
    """Whether the output layer is the token embedding."""
    activation: Literal["gelu", "gelu_tanh", "relu"] = "gelu"
    """Of the MLP: the exact GELU, the one with tanh that GPT-2 has, or ReLU."""
    norm: Literal["layernorm", "rmsnorm"] = "layernorm"
    """Either adds 1e-5 to the mean square that it divides by the root of."""
    norm_weight: bool = True
    """Whether norms have a weight; LayerNorm always has one."""
    embedding_norm: bool = False
    """Whether the embedding is normed before the first layer, as in microgpt; by RMSNorm without a weight."""
    final_norm: bool = True
    """Whether the stream is normed before the output layer."""

    _LATER: ClassVar[frozenset[str]] = frozenset(
        ("tied", "activation", "norm", "norm_weight", "embedding_norm", "final_norm")
    )

    def __post_init__(self) -> None:
        for name, most in _LARGEST.items():
            self._set(name, whole(name, getattr(self, name), 2 if name == "vocab_size" else 1, most))
        for name, default in (
            *(("bias", False), ("tied", True), ("norm_weight", True), ("embedding_norm", False), ("final_norm", True)),
        ):
            if not isinstance(getattr(self, name), bool):
                raise InputError(
                    f"expected {name} to be true or false, got {shown(getattr(self, name))}; try {str(default).lower()}"
                )
        choice("activation", self.activation, ACTIVATIONS, instead="gelu")
        choice("norm", self.norm, NORMS, instead="layernorm")
        if self.norm == "layernorm" and not self.norm_weight:
            raise InputError("expected a weight in LayerNorm, got none; try norm='rmsnorm'")
        if self.context_length * self.n_embd > _LARGEST_STREAM:
            raise TooLargeError(
                f"expected context_length times n_embd to be at most {_LARGEST_STREAM:,}, got {self.context_length:,} "
                f"times {self.n_embd:,}; try a shorter context"
            )
        if self.n_embd % self.n_head:
            raise InputError(
                f"expected n_head to divide n_embd, got n_head {self.n_head} and n_embd {self.n_embd}; "
                f"try n_embd {self.n_head * max(1, round(self.n_embd / self.n_head))}"
            )

    @property
    def n_params(self) -> int:
        """Number of parameters, a tied lm_head counted once."""
        C = self.n_embd
        norm = 2 * C if self.norm == "layernorm" else C if self.norm_weight else 0
        layer = 12 * C * C + 2 * norm + (9 * C if self.bias else 0)
        embeddings = self.vocab_size * (1 if self.tied else 2) + self.context_length
        return embeddings * C + self.n_layer * layer + (norm if self.final_norm else 0)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TrainConfig(_Plain):
    """How a model is trained; the defaults are the notebook's.

    There is no dropout: under a random mask a context has no row of its own, so a model in training would be no chain.

    >>> TrainConfig(lr=6e-4, warmup=100, decay="cosine", min_lr=6e-5, betas=(0.9, 0.95), clip=1.0, steps=5000).decay
    'cosine'
    """

    steps: int = 50
    lr: float = 1e-3
    """AdamW's learning rate."""
    weight_decay: float = 0.1
    seed: int = 1337
    """Seeds the weights and the choice of mini-batches, as `torch.manual_seed` would."""
    batch_size: int | None = None
    """Windows a step, drawn anew each step; None for all of them in every step (full batch)."""
    loss: Literal["last", "all"] = "last"
    """Mean cross-entropy of the last position of each window, or of every position."""
    betas: tuple[float, float] = (0.9, 0.999)
    """How much AdamW's moments keep of what they were, from 0 to below 1."""
    warmup: int = 0
    """Steps in which the learning rate grows from lr / (warmup + 1) to lr."""
    decay: Literal["constant", "linear", "cosine"] = "constant"
    """What the learning rate does after that, until the last step."""
    min_lr: float = 0.0
    """Where it decays to."""
    clip: float | None = None
    """The largest norm of the gradient, to which larger ones are scaled down; None for any."""
    decay_matrices: bool = False
    """Whether matrices alone are decayed, as nanoGPT has it, or norms and biases too."""
    batches: Literal["random", "in_turn"] = "random"
    """Whether a mini-batch is drawn, or takes the next windows of the data, again and again."""
    batch_seed: int | None = None
    """A seed for drawing mini-batches; None to go on with the generator that has drawn the model, as a script does."""
    validate_every: int | None = None
    """Steps between two looks at the loss on validation data; None for none, unless there is such data."""
    keep: Literal["last", "best"] = "last"
    """Whether the run keeps the last model, or the one with the lowest validation loss."""
    patience: int | None = None
    """Looks at the validation loss without a lower one after which training ends; None to go on."""

    _LATER: ClassVar[frozenset[str]] = frozenset(
        (
            *("betas", "warmup", "decay", "min_lr", "clip", "decay_matrices", "batches", "batch_seed"),
            *("validate_every", "keep", "patience"),
        )
    )

    def __post_init__(self) -> None:
        self._set("steps", whole("steps", self.steps))
        self._set("lr", _number("lr", self.lr, above=0))
        self._set("weight_decay", _number("weight_decay", self.weight_decay))
        self._set("min_lr", _number("min_lr", self.min_lr))
        self._set("warmup", whole("warmup", self.warmup))
        if isinstance(self.betas, str) or not isinstance(self.betas, Sequence) or len(self.betas) != 2:
            raise InputError(f"expected two betas, got {shown(self.betas)}; try (0.9, 0.999)")
        self._set("betas", tuple(_number("each of betas", beta) for beta in self.betas))
        if not all(beta < 1 for beta in self.betas):
            raise InputError(f"expected betas below 1, got {shown(self.betas)}; try (0.9, 0.999)")
        if self.min_lr and self.decay == "constant":
            raise InputError(f"expected a decay with min_lr {self.min_lr:g}, got none; try decay='cosine'")
        if self.min_lr > self.lr:
            raise InputError(
                f"expected min_lr to be at most lr, got {self.min_lr:g} and {self.lr:g}; try {self.lr / 10:g}"
            )
        if self.clip is not None:
            self._set("clip", _number("clip", self.clip, above=0))
        for name in ("validate_every", "patience"):
            if getattr(self, name) is not None:
                self._set(name, whole(name, getattr(self, name), 1))
        if self.batch_seed is not None:
            self._set("batch_seed", whole("batch_seed", self.batch_seed, 0, 2**32 - 1))
        self._set("decay_matrices", flag("decay_matrices", self.decay_matrices))
        choice("decay", self.decay, DECAYS, instead="cosine")
        choice("batches", self.batches, ("random", "in_turn"), instead="random")
        choice("keep", self.keep, ("last", "best"), instead="last")
        self._set("seed", whole("seed", self.seed, 0, 2**32 - 1))
        if self.batch_size is not None:
            self._set("batch_size", whole("batch_size", self.batch_size, 1, 2**20))
        if not isinstance(self.loss, str) or self.loss not in ("last", "all"):
            raise InputError(f"expected loss to be 'last' or 'all', got {shown(self.loss)}; try 'last'")

    @classmethod
    def from_dict(cls, values: Any) -> Self:
        """The inverse of `to_dict`; InputError on missing, unknown or unusable fields.

        What an older version did not know has its default, but for mini-batches: those were drawn by a generator of
        their own, of the same seed.
        """
        found = super(TrainConfig, cls).from_dict(values)
        old = "batch_seed" not in values and found.batch_size is not None
        return replace(found, batch_seed=found.seed) if old else found

    def rates(self, first: int, count: int) -> NDArray[np.float64]:
        """The learning rates (count,) of steps number `first` to `first + count - 1`, from 0 on.

        Cosine decay is that of nanoGPT: step k of n, of which w are for warm-up, has the share
        (1 + cos(pi (k - w) / (n - w))) / 2 of what lies between `min_lr` and `lr` (Loshchilov and Hutter 2017, "SGDR").

        >>> TrainConfig(steps=4, lr=1.0, decay="linear").rates(0, 4)
        array([1.  , 0.75, 0.5 , 0.25])
        """
        k = np.arange(first, first + count, dtype=np.float64)
        done = np.clip((k - self.warmup) / max(1, self.steps - self.warmup), 0, 1)
        left = {"constant": np.ones(count), "linear": 1 - done, "cosine": (1 + np.cos(np.pi * done)) / 2}[self.decay]
        low = self.lr if self.decay == "constant" else self.min_lr
        return np.where(k < self.warmup, self.lr * (k + 1) / (self.warmup + 1), low + (self.lr - low) * left)
