"""Text -> tokens -> windows and counts."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from finitegpt import states
from finitegpt.errors import InputError
from finitegpt.limits import require_memory

NOTEBOOK_SEQUENCE = "111101111011110"
NOTEBOOK_CONTEXT_LENGTH = 3


def vocabulary(text: str) -> tuple[str, ...]:
    """The distinct characters of a text, sorted.

    >>> vocabulary("hello")
    ('e', 'h', 'l', 'o')
    """
    return tuple(sorted(set(text)))


def tokenize(text: str, vocab: Sequence[str]) -> NDArray[np.int32]:
    """Tokens (n,) of a text; InputError on characters outside the vocabulary.

    >>> tokenize("1101", "01")
    array([1, 1, 0, 1], dtype=int32)
    """
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    known = np.array([ord(symbol) for symbol in vocab], np.uint32)
    order = np.argsort(known)
    place = np.minimum(np.searchsorted(known, codes, sorter=order), len(known) - 1)
    tokens = order[place].astype(np.int32)
    strange = known[tokens] != codes
    if strange.any():
        where = int(np.argmax(strange))
        raise InputError(
            f"expected only the characters {''.join(vocab)!r}, got {text[where]!r} at position {where + 1}; "
            "try a vocabulary that has it"
        )
    return tokens


@dataclass(frozen=True, kw_only=True)
class Data:
    """A training sequence, and the windows of `context_length` tokens in it that a token follows.

    >>> data = Data.from_text("111101111011110", context_length=3)
    >>> data.n_windows, data.counts().tolist()
    (12, [0, 0, 0, 2, 0, 2, 2, 6])
    """

    text: str
    vocab: tuple[str, ...]
    context_length: int
    tokens: NDArray[np.int32]

    @classmethod
    def from_text(cls, text: str, *, context_length: int, vocab: Sequence[str] | None = None) -> "Data":
        """Checks and tokenizes a text. Without a vocabulary, the text's own distinct characters are it."""
        if not text:
            raise InputError("expected a sequence of tokens, got an empty one; try 111101111011110")
        if context_length < 1:
            raise InputError(f"expected a context length of at least 1, got {context_length}; try 3")
        if len(text) <= context_length:
            raise InputError(
                f"expected a sequence longer than the context length {context_length}, got {len(text)} token"
                f"{'s' if len(text) > 1 else ''}; try a longer sequence or a smaller context length"
            )
        if any("\ud800" <= symbol <= "\udfff" for symbol in {*text, *(vocab or ())}):
            raise InputError("expected Unicode text, got bytes that are none; try saving it as UTF-8")
        symbols = vocabulary(text) if vocab is None else tuple(vocab)
        if len(set(symbols)) < len(symbols):
            twice = next(symbol for i, symbol in enumerate(symbols) if symbol in symbols[:i])
            raise InputError(f"expected a vocabulary of different characters, got {twice!r} twice; try leaving one out")
        if len(symbols) < 2:
            raise InputError(
                f"expected a vocabulary of at least two tokens, got {''.join(symbols)!r} alone; "
                "try a sequence with another character in it, or --vocab"
            )
        require_memory(12 * len(text), "a sequence", "a shorter one")
        return cls(text=text, vocab=symbols, context_length=context_length, tokens=tokenize(text, symbols))

    @property
    def n_windows(self) -> int:
        """Windows that a token follows: n - L."""
        return len(self.tokens) - self.context_length

    @property
    def digest(self) -> str:
        """SHA-256 of the text in UTF-8, in hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @cached_property
    def distinct(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where each distinct (context, next token) first begins, and how often it occurs.

        In lexicographic order where contexts are few enough to be numbered.
        """
        keys = self._keys(self.context_length + 1)
        _, starts, counts = np.unique(keys, return_index=True, return_counts=True)
        return starts, counts

    def counts(self) -> NDArray[np.int64]:
        """How often each state (V**L,) is the context of a training window."""
        n = states.n_states(len(self.vocab), self.context_length)
        require_memory(8 * n, "a count for every state", "a shorter context")
        return np.bincount(self._ids(self.context_length)[: self.n_windows], minlength=n)

    @cached_property
    def entropy(self) -> float:
        """Entropy in nats of the next token given L tokens, in the data itself: no loss can fall below it.

        >>> round(Data.from_text("111101111011110", context_length=3).entropy, 4)
        0.3466
        """
        starts, counts = self.distinct
        _, same = np.unique(self._keys(self.context_length)[starts], return_inverse=True)
        totals = np.bincount(same, counts)[same]
        return float(max(0.0, (counts * np.log(totals / counts)).sum() / counts.sum()))

    def _keys(self, length: int) -> NDArray[np.uint64] | NDArray[np.int64]:
        """A number for every window of `length` tokens, (n - length + 1,): equal for equal windows.

        Ids where they fit; else a 64-bit hash, which takes different windows for equal with a probability of about
        n**2 / 2**65.
        """
        V, n = len(self.vocab), len(self.tokens) - length + 1
        if states.n_states(V, length) * V <= states.LARGEST_ID:
            return self._ids(length)
        hashed = np.zeros(n, np.uint64)
        for k in range(length):
            hashed ^= hashed >> np.uint64(29)
            hashed *= np.uint64(0x9E3779B97F4A7C15)
            hashed += self.tokens[k : k + n].astype(np.uint64) + np.uint64(1)
        return hashed

    def _ids(self, length: int) -> NDArray[np.int64]:
        """Ids of every window of `length` tokens, (n - length + 1,)."""
        windows = np.lib.stride_tricks.sliding_window_view(self.tokens, length)
        return states.ids(windows, len(self.vocab))
