"""Text -> tokens -> windows and counts."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from finitegpt import states
from finitegpt.errors import InputError
from finitegpt.limits import require_memory
from finitegpt.states import is_spaced

NOTEBOOK_SEQUENCE = "111101111011110"
NOTEBOOK_CONTEXT_LENGTH = 3


def vocabulary(symbols: Sequence[str]) -> tuple[str, ...]:
    """The distinct characters of a text, or symbols of a sequence, sorted.

    >>> vocabulary("hello")
    ('e', 'h', 'l', 'o')
    """
    return tuple(sorted(set(symbols)))


def require_symbols(vocab: Sequence[str]) -> None:
    """InputError unless the symbols are different texts that a text of them can be read back into."""
    if not all(isinstance(symbol, str) and symbol for symbol in vocab):
        raise InputError(f"expected a vocabulary of texts, got {list(vocab)}; try characters or words")
    if any("\ud800" <= sign <= "\udfff" for symbol in vocab for sign in symbol):
        raise InputError("expected Unicode text, got bytes that are none; try saving it as UTF-8")
    if len(set(vocab)) < len(vocab):
        twice = next(symbol for i, symbol in enumerate(vocab) if symbol in vocab[:i])
        raise InputError(f"expected a vocabulary of different characters, got {twice!r} twice; try leaving one out")
    blank = [symbol for symbol in vocab if symbol.split() != [symbol]]
    if blank and is_spaced(vocab):
        raise InputError(f"expected symbols without spaces in them, got {blank[0]!r}; try splitting it")


def tokenize(text: str, vocab: Sequence[str]) -> NDArray[np.int32]:
    """Tokens (n,) of a text; InputError on what is not in the vocabulary.

    The text is split at spaces if a symbol of the vocabulary is longer than one character.

    >>> tokenize("1101", "01")
    array([1, 1, 0, 1], dtype=int32)
    >>> tokenize("the cat", ("cat", "the"))
    array([1, 0], dtype=int32)
    """
    if is_spaced(vocab):
        return _tokens_of_symbols(text.split(), vocab)
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


def _tokens_of_symbols(symbols: Sequence[str], vocab: Sequence[str]) -> NDArray[np.int32]:
    places = {symbol: token for token, symbol in enumerate(vocab)}
    try:
        return np.array([places[symbol] for symbol in symbols], np.int32)
    except KeyError as error:
        strange = error.args[0]
        raise InputError(
            f"expected only symbols of the vocabulary, got {strange!r} at position {symbols.index(strange) + 1}; "
            "try a vocabulary that has it"
        ) from None


@dataclass(frozen=True, kw_only=True)
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

    @classmethod
    def from_text(
        cls, text: str, *, context_length: int, vocab: Sequence[str] | None = None, source: str | None = None
    ) -> "Data":
        """Checks and tokenizes a text. Without a vocabulary, the text's own distinct characters are it.

        With a vocabulary in which a symbol is longer than one character, the text is split at spaces.
        """
        symbols = text.split() if vocab is not None and is_spaced(vocab) else text
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
        if not symbols:
            raise InputError("expected a sequence of tokens, got an empty one; try 111101111011110")
        if context_length < 1:
            raise InputError(f"expected a context length of at least 1, got {context_length}; try 3")
        if len(symbols) <= context_length:
            raise InputError(
                f"expected a sequence longer than the context length {context_length}, got {len(symbols)} token"
                f"{'s' if len(symbols) > 1 else ''}; try a longer sequence or a smaller context length"
            )
        own = vocabulary(symbols)
        known = own if vocab is None else tuple(vocab)
        require_symbols(own)
        require_symbols(known)
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
        tokens = _tokens_of_symbols(symbols, known) if spaced else tokenize(text, known)
        return cls(text=text, vocab=known, context_length=context_length, tokens=tokens, source=source)

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
