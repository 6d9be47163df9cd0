"""Validation data: split off or given; and what a training was told by it."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finitegpt import lines, words
from finitegpt.arguments import array, number, required, shown
from finitegpt.data import Data, is_process
from finitegpt.errors import InputError


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Validation:
    """The loss on data that is not trained on, in the course of a training: before it, at intervals and after it.

    >>> from finitegpt import train
    >>> run = train("0110100110010110" * 4, validation=0.25, steps=4, validate_every=2)
    >>> run.validation.steps.tolist(), len(run.validation.losses)
    ([0, 2, 4], 3)
    """

    data: Data
    steps: NDArray[np.int64]
    """How many steps had been done at each look (k,)."""
    losses: NDArray[np.float64]
    """The loss over all windows of the data then, in nats (k,)."""

    def __post_init__(self) -> None:
        required("data", self.data, Data, instead="Data.from_text")
        for name, kind in (("steps", np.int64), ("losses", np.float64)):
            values = getattr(self, name)
            if not isinstance(values, np.ndarray) or values.ndim != 1 or values.dtype != kind:
                raise InputError(
                    f"expected validation {name} as {np.dtype(kind).name} (k,), got {shown(values)}; "
                    "try train(..., validation=0.1)"
                )
        grows = len(self.steps) > 0 and self.steps[0] >= 0 and (np.diff(self.steps) > 0).all()
        if len(self.steps) != len(self.losses) or not grows or not np.isfinite(self.losses).all():
            raise InputError("expected finite validation losses at growing steps, got others; try train")

    def __repr__(self) -> str:
        looks = words.count(len(self.steps), "look")
        return f"Validation({looks}, loss {self.losses[0]:.4f} to {self.losses[-1]:.4f}; {self.data!r})"

    @property
    def best(self) -> int:
        """The look with the lowest loss, the first where several are equal."""
        return int(np.argmin(self.losses))

    @property
    def without_lower(self) -> int:
        """How many looks there were after the best."""
        return len(self.steps) - 1 - self.best


def divided(data: Data, validation: Any, *, by_name: bool = False) -> tuple[Data, Data | None]:
    """What is trained on, and what is validated on: a share of the data, such as 0.1 for its last tenth, or other data.

    Numbers in validation tokens are places in the vocabulary; with `by_name`, they are the symbols that their digits
    are. InputError where a part has no window, or validation data is longer than the data.
    """
    if validation is None:
        return data, None
    if isinstance(validation, bool):
        raise InputError(f"expected validation data or a share, got {shown(validation)}; try 0.1")
    if isinstance(validation, int | float | np.integer | np.floating):
        return split(data, number("the share for validation", validation, instead=0.1))
    if not isinstance(validation, Data):
        validation = _read_as(data, validation, by_name)
    if (validation.vocab, validation.context_length) != (data.vocab, data.context_length):
        raise InputError(
            "expected validation data of the same vocabulary and context length as the data, got another; "
            "try Data.from_text with vocab=data.vocab"
        )
    if len(validation.tokens) > len(data.tokens):
        raise InputError(
            f"expected validation data no longer than the data, got {words.count(len(validation.tokens), 'token')} "
            f"beside {len(data.tokens):,}; try the other way round"
        )
    return data, validation


def _read_as(data: Data, validation: Any, by_name: bool) -> Data:
    """Texts or tokens read as the data was: as sequences where it has some."""
    L, vocab, borders = data.context_length, data.vocab, data.borders
    if borders is not None:
        ends = {"bos": borders.bos, "eos": borders.eos, "beginnings": borders.beginnings}
        return Data.from_sequences(validation, context_length=L, vocab=vocab, **ends)
    if by_name and is_numbers(validation):
        validation = [str(int(token)) for token in array(validation).reshape(-1).tolist()]
    return Data.of(validation, context_length=L, vocab=vocab)


def is_numbers(tokens: Any) -> bool:
    """Whether tokens, as a caller has them, are whole numbers rather than texts."""
    return not isinstance(tokens, Data | str) and not is_process(tokens) and array(tokens).dtype.kind in "biu"


def split(data: Data, share: float) -> tuple[Data, Data]:
    """The data without its last tokens, and these, a share of all of them; windows cross no border.

    >>> [part.text for part in split(Data.from_text("0110100110", context_length=1), 0.3)]
    ['0110100', '110']
    """
    if not 0 < share < 1:
        raise InputError(f"expected a share of the data between 0 and 1 for validation, got {shown(share)}; try 0.1")
    if data.is_exact:
        raise InputError("expected data to take a share of, got a source's exact law; try validation=None")
    n = len(data.tokens) if data.borders is None else data.borders.m
    cut = int(n * (1 - share))  # as nanoGPT cuts
    if data.borders is not None:
        if not 0 < cut < n:
            raise InputError(
                f"expected sequences to train on and to validate on, got {cut:,} and {n - cut:,}; try another share"
            )
        return _sequences(data, slice(cut)), _sequences(data, slice(cut, None))
    if min(cut, n - cut) <= data.context_length:
        raise InputError(
            f"expected more than {words.count(data.context_length, 'token')} to train on and to validate on, got "
            f"{cut:,} and {n - cut:,}; try another share or longer data"
        )
    return _part(data, slice(cut)), _part(data, slice(cut, None))


def _part(data: Data, which: slice) -> Data:
    symbols = [data.vocab[token] for token in data.tokens[which].tolist()]
    return Data.from_symbols(symbols, context_length=data.context_length, vocab=data.vocab, source=data.source)


def _sequences(data: Data, which: slice) -> Data:
    borders = data.borders
    assert borders is not None
    part = Data.from_sequences(
        lines.split(data.text, data.vocab)[which],
        context_length=data.context_length,
        vocab=data.vocab,
        weights=None if borders.weights is None else borders.weights[which],
        bos=borders.bos,
        eos=borders.eos,
        beginnings=borders.beginnings,
        source=data.source,
    )
    if borders.mask is None or part.borders is None:
        return part
    first, last = (int(borders.firsts[k]) for k in which.indices(borders.m)[:2])
    return replace(part, borders=replace(part.borders, mask=borders.mask[first:last]))
