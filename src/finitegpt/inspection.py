"""Inside a model: what heads attend to and read, and the residual stream, for one context or for many."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import partial

import numpy as np
from numpy.typing import NDArray

from finitegpt import words
from finitegpt.config import GPTConfig
from finitegpt.engine import Engine, Switches
from finitegpt.limits import require_memory
from finitegpt.parallel import ordered, ranges

_PIECE = 2**21
"""Bytes computed at once: enough to be worth a thread, and little for all that are under way."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True, repr=False)
class Inspection:
    """Inside a model, for one context of k tokens, or for n of them: then every array has a first axis of n."""

    attention: NDArray[np.float32]
    """(n_layer, n_head, k, k): what each position (third) reads of which (fourth); rows sum to one."""
    heads: NDArray[np.float32]
    """(n_layer, k, C): what the heads of each layer read, side by side, before it is projected into the stream."""
    residual: NDArray[np.float32]
    """(2 n_layer + 1, k, C): the stream after the embedding and after every attention and every MLP."""
    logits: NDArray[np.float32]
    """(V,): next-token logits."""

    def __repr__(self) -> str:
        layers, heads, k, _ = self.attention.shape[-4:]
        many = [words.count(len(self.logits), "context")] if self.logits.ndim > 1 else []
        parts = [*many, words.count(k, "token"), words.count(layers, "layer"), words.count(heads, "head")]
        return f"Inspection({', '.join(parts)}, width {self.residual.shape[-1]})"

    @property
    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """All of them by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def first(self) -> "Inspection":
        """The first of many contexts."""
        return Inspection(**{name: array[0] for name, array in self.arrays.items()})


def inspect(
    config: GPTConfig, weights: NDArray[np.float32], contexts: NDArray[np.int32], switches: Switches | None
) -> Inspection:
    """Inside a model for contexts (n, k), all at once; TooLargeError where that does not fit in memory."""
    n, k = contexts.shape
    require_memory(n * _bytes_each(config, k), "the inside of the model", "fewer contexts, or a function `of` them")
    pieces = inspect_in_turn(config, weights, contexts, switches)
    first = next(pieces)
    if len(first.logits) == n:
        return first
    whole = {name: np.empty((n, *array.shape[1:]), np.float32) for name, array in first.arrays.items()}
    done = 0
    for piece in itertools.chain([first], pieces):
        for name, array in piece.arrays.items():
            whole[name][done : done + len(array)] = array
        done += len(piece.logits)
    return Inspection(**whole)


def inspect_in_turn(
    config: GPTConfig, weights: NDArray[np.float32], contexts: NDArray[np.int32], switches: Switches | None
) -> Iterator[Inspection]:
    """The same for some of the contexts after the other, in their order, of which few are held at any time."""
    n, k = contexts.shape
    pieces = ranges(n, max(1, _PIECE // _bytes_each(config, k)))
    work = partial(_piece, config, weights, contexts, switches)
    return iter([work((0, n))]) if len(pieces) <= 1 else ordered(work, pieces)


def _piece(
    config: GPTConfig,
    weights: NDArray[np.float32],
    contexts: NDArray[np.int32],
    switches: Switches | None,
    piece: tuple[int, int],
) -> Inspection:
    first, count = piece
    attention, heads, residual, logits = Engine().inspect(
        config, weights, contexts[first : first + count], switches=switches
    )
    return Inspection(attention=attention, heads=heads, residual=residual, logits=logits)


def _bytes_each(config: GPTConfig, k: int) -> int:
    """How much memory the inside of one context of k tokens takes."""
    stream = (3 * config.n_layer + 1) * k * config.n_embd
    return 4 * (config.n_layer * config.n_head * k * k + stream + config.vocab_size)
