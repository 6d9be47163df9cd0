"""Text -> tokens -> windows and counts."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finitegpt import states, words
from finitegpt.arguments import array, is_whole, shown
from finitegpt.errors import InputError
from finitegpt.limits import require_memory
from finitegpt.naming import shortened
from finitegpt.states import is_spaced
from finitegpt.symbols import require_symbols, symbols_of, tokenize, tokens_of_symbols, vocabulary

Tokens = Sequence[str] | Sequence[int] | NDArray[np.integer | np.str_ | np.bool_]
"""A sequence of tokens as callers have it, (n,)."""

NOTEBOOK_SEQUENCE = "111101111011110"
NOTEBOOK_CONTEXT_LENGTH = 3

_SHOWN = 20


@dataclass(frozen=True, kw_only=True, repr=False)
class Data:
    """A training sequence, and the windows of `context_length` tokens in it that a token follows.

    >>> data = Data.from_text("111101111011110", context_length=3)
    >>> data.n_windows, data.counts().tolist()
    (12, [0, 0, 0, 2, 0, 2, 2, 6])
    """

    text: str
    """The tokens as text, with single spaces between them where one of the vocabulary is longer than a character."""
    vocab: tuple[str, ...]
    context_length: int
    tokens: NDArray[np.int32] = field(compare=False)
    """(n,): those of the text, which says whether two data are equal."""
    source: str | None = None
    """The name of the source that the data was drawn from, if it was."""

    def __post_init__(self) -> None:
        known = isinstance(self.text, str) and isinstance(self.vocab, tuple)
        if not known or not isinstance(self.tokens, np.ndarray) or self.tokens.dtype != np.int32:
            raise InputError("expected a text, a vocabulary and its tokens as int32, got others; try Data.from_text")
        if self.source is not None and not isinstance(self.source, str):
            raise InputError(f"expected the name of a source, got {shown(self.source)}; try None")

    def __repr__(self) -> str:
        text = self.text if len(self.text) <= _SHOWN else f"{self.text[:_SHOWN]}..."
        n, source = words.count(len(self.tokens), "token"), f", from {self.source[:24]}" if self.source else ""
        return f"Data({n} over {shortened(self.vocab)}, contexts of {self.context_length}: {text!r}{source})"

    @classmethod
    def of(
        cls, data: "Data | str | Tokens", *, context_length: int, vocab: "str | Sequence[str] | None" = None
    ) -> "Data":
        """Data from a text, from tokens as a list or an array, or data as it is.

        >>> Data.of("0110", context_length=1) == Data.of([0, 1, 1, 0], context_length=1)
        True
        """
        if isinstance(data, Data):
            return data
        make = cls.from_text if isinstance(data, str) else cls.from_tokens
        return make(data, context_length=context_length, vocab=vocab)  # type: ignore[arg-type]

    @classmethod
    def from_text(
        cls, text: str, *, context_length: int, vocab: Sequence[str] | None = None, source: str | None = None
    ) -> "Data":
        """Checks and tokenizes a text. Without a vocabulary, the text's own distinct characters are it.

        With a vocabulary in which a symbol is longer than one character, the text is split at spaces.
        """
        if not isinstance(text, str):
            raise InputError(f"expected a text, got {shown(text)}; try Data.from_tokens")
        spaced = vocab is not None and any(isinstance(symbol, str) and len(symbol) > 1 for symbol in symbols_of(vocab))
        symbols = text.split() if spaced else text
        return cls.from_symbols(symbols, context_length=context_length, vocab=vocab, source=source)

    @classmethod
    def from_tokens(
        cls,
        tokens: "Tokens",
        *,
        context_length: int,
        vocab: "str | Sequence[str] | None" = None,
        source: str | None = None,
    ) -> "Data":
        """Data from a list, a tuple or an array (n,) of tokens: texts such as words, or whole numbers.

        Without a vocabulary, the distinct ones are it, in order, and numbers are named by their digits; with one,
        numbers are places in it. InputError for anything else, such as a generator, which may have no end.

        >>> data = Data.from_tokens(np.array([3, 12, 3, 3]), context_length=1)
        >>> data.vocab, data.text, data.tokens.tolist()
        (('3', '12'), '3 12 3 3', [0, 1, 0, 0])
        >>> Data.from_tokens([0, 1, 1], vocab=["the", "cat"], context_length=1).text
        'the cat cat'
        """
        if isinstance(tokens, str):
            return cls.from_symbols(tokens, context_length=context_length, vocab=vocab, source=source)
        values = _listed(tokens)
        if not len(values):
            raise InputError("expected a sequence of tokens, got an empty one; try 111101111011110")
        if values.dtype.kind == "U":
            return cls.from_symbols(values.tolist(), context_length=context_length, vocab=vocab, source=source)
        values = values.astype(np.int64)
        known = np.unique(values)
        if vocab is None:
            symbols = [str(k) for k in known.tolist()]
            return cls._numbered(np.searchsorted(known, values), symbols, context_length, source)
        symbols = [str(symbol) if is_whole(symbol) else symbol for symbol in symbols_of(vocab)]
        if len(known) and not 0 <= known[0] <= known[-1] < len(symbols):
            strange = known[0] if known[0] < 0 else known[-1]
            raise InputError(f"expected tokens from 0 to {len(symbols) - 1}, got {strange}; try a larger vocabulary")
        return cls._numbered(values, symbols, context_length, source)

    @classmethod
    def _numbered(cls, places: NDArray[np.int64], vocab: list[str], context_length: int, source: str | None) -> "Data":
        """Data from places in a vocabulary."""
        require_symbols(vocab)
        symbols = [vocab[k] for k in places.tolist()]
        return cls.from_symbols(symbols, context_length=context_length, vocab=vocab, source=source)

    @classmethod
    def from_symbols(
        cls,
        symbols: Sequence[str],
        *,
        context_length: int,
        vocab: Sequence[str] | None = None,
        source: str | None = None,
    ) -> "Data":
        """Checks symbols of any length, such as words, and numbers them. Without a vocabulary, they are it, sorted.

        >>> Data.from_symbols(["the", "cat", "the", "dog"], context_length=1).tokens
        array([2, 0, 2, 1], dtype=int32)
        """
        if not isinstance(symbols, Sequence) or isinstance(symbols, bytes | bytearray):
            raise InputError(f"expected symbols as a text or a list of texts, got {shown(symbols)}; try list(...)")
        if not symbols:
            raise InputError("expected a sequence of tokens, got an empty one; try 111101111011110")
        if not is_whole(context_length) or context_length < 1:
            raise InputError(f"expected a context length of at least 1, got {shown(context_length)}; try 3")
        if not isinstance(symbols, str) and not all(isinstance(symbol, str) for symbol in symbols):
            strange = next(symbol for symbol in symbols if not isinstance(symbol, str))
            raise InputError(f"expected symbols that are texts, got {shown(strange)}; try Data.from_tokens")
        if len(symbols) <= context_length:
            raise InputError(
                f"expected a sequence longer than the context length {shown(context_length)}, got {len(symbols)} token"
                f"{'s' if len(symbols) > 1 else ''}; try a longer sequence or a smaller context length"
            )
        own = vocabulary(symbols)
        known = own if vocab is None else symbols_of(vocab)
        require_symbols(own)
        require_symbols(known)
        if not known:
            raise InputError("expected a vocabulary of at least two tokens, got an empty one; try '01'")
        if len(known) < 2:
            raise InputError(
                f"expected a vocabulary of at least two tokens, got {''.join(known)!r} alone; "
                "try a sequence with another character in it, or --vocab"
            )
        require_memory(12 * len(symbols), "a sequence", "a shorter one")
        spaced = is_spaced(known)
        if is_spaced(own) and not spaced:
            strange = next(symbol for symbol in own if len(symbol) > 1)
            raise InputError(
                f"expected only the characters {''.join(known)!r}, got {strange!r}; try another vocabulary"
            )
        text = symbols if isinstance(symbols, str) and not spaced else (" " if spaced else "").join(symbols)
        tokens = tokens_of_symbols(symbols, known) if spaced else tokenize(text, known)
        return cls(text=text, vocab=known, context_length=int(context_length), tokens=tokens, source=source)

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
        # A sum of terms of no sign but one, each right relatively.
        return math.fsum(counts * np.log1p((totals - counts) / counts)) / int(counts.sum())

    @property
    def is_numbered(self) -> bool:
        """Whether windows are few enough to be numbered; else they are told apart by a hash."""
        V = len(self.vocab)
        return states.n_states(V, self.context_length + 1) * V <= states.LARGEST_ID

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


def _listed(tokens: Any) -> NDArray[Any]:
    """Tokens as an array of texts or of whole numbers (n,), never of both; InputError for anything else."""
    values = tokens.tolist() if isinstance(tokens, np.ndarray) and tokens.dtype.kind in "OT" else tokens
    if isinstance(values, range):
        values = array(values)
    elif isinstance(values, Sequence) and not isinstance(values, str | bytes | bytearray):
        texts = all(isinstance(token, str) for token in values)
        whole = all(isinstance(token, int | np.integer | np.bool_) for token in values)
        values = np.zeros(0, np.int64) if not len(values) else array(values) if texts or whole else None
    if not isinstance(values, np.ndarray) or values.ndim != 1 or values.dtype.kind not in "Ubiu":
        raise InputError(
            f"expected tokens as a text, or as a list or an array of texts or whole numbers, got {shown(tokens)}; "
            "try list(...) of them"
        )
    return values
