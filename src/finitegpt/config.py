"""The shape of a model and how it is trained: plain values, checked when made."""

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self

from finitegpt.arguments import number, shown, whole
from finitegpt.errors import InputError, TooLargeError

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

    def _set(self, name: str, value: Any) -> None:
        """A value as a plain one, where NumPy's was given."""
        object.__setattr__(self, name, value)

    def to_dict(self) -> dict[str, Any]:
        """The fields as a dictionary of plain values."""
        return asdict(self)  # type: ignore[call-overload]

    @classmethod
    def from_dict(cls, values: Any) -> Self:
        """The inverse of `to_dict`; InputError on missing, unknown or unusable fields."""
        names = {field.name for field in fields(cls)}  # type: ignore[arg-type]
        if not isinstance(values, dict) or set(values) != names:
            got = sorted(map(str, values)) if isinstance(values, dict) else type(values).__name__
            raise InputError(f"expected the fields {sorted(names)}, got {got}; try a file written by finitegpt")
        return cls(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
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
    """Whether linear layers have a bias; layer norms always have one."""

    def __post_init__(self) -> None:
        for name, most in _LARGEST.items():
            self._set(name, whole(name, getattr(self, name), 2 if name == "vocab_size" else 1, most))
        if not isinstance(self.bias, bool):
            raise InputError(f"expected bias to be true or false, got {self.bias!r}; try false")
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
        """Number of parameters, the tied lm_head counted once."""
        C = self.n_embd
        layer = 12 * C * C + 4 * C + (9 * C if self.bias else 0)
        return (self.vocab_size + self.context_length) * C + self.n_layer * layer + 2 * C


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig(_Plain):
    """How a model is trained; the defaults are the notebook's."""

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

    def __post_init__(self) -> None:
        self._set("steps", whole("steps", self.steps))
        self._set("lr", _number("lr", self.lr, above=0))
        self._set("weight_decay", _number("weight_decay", self.weight_decay))
        self._set("seed", whole("seed", self.seed, 0, 2**32 - 1))
        if self.batch_size is not None:
            self._set("batch_size", whole("batch_size", self.batch_size, 1, 2**20))
        if not isinstance(self.loss, str) or self.loss not in ("last", "all"):
            raise InputError(f"expected loss to be 'last' or 'all', got {shown(self.loss)}; try 'last'")
