"""Text -> tokens -> windows and counts."""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finitegpt import lines, states, windows, words
from finitegpt.arguments import choice, flag, is_whole, shown, whole
from finitegpt.borders import Borders, mask_of, weights_of, with_ends
from finitegpt.errors import InputError, TooLargeError
from finitegpt.gathering import gathered
from finitegpt.limits import require_memory
from finitegpt.naming import shortened
from finitegpt.states import is_spaced
from finitegpt.symbols import listed, require_symbols, symbols_of, tokenize, tokens_of_symbols, vocabulary
from finitegpt.windows import WindowList

Tokens = Sequence[str] | Sequence[int] | NDArray[np.integer | np.str_ | np.bool_]
"""A sequence of tokens as callers have it, (n,)."""

NOTEBOOK_SEQUENCE = "111101111011110"
NOTEBOOK_CONTEXT_LENGTH = 3

_SHOWN = 20
_MOST_WORDS = 2**22


class Process(Protocol):
    """What is known exactly: a source, or a prior over sources."""

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def vocab(self) -> tuple[str, ...]: ...  # noqa: D102

    def word_probs(self, length: int) -> NDArray[np.float64]: ...  # noqa: D102


def is_process(value: Any) -> TypeGuard[Process]:
    """Whether it is a source or a prior, whose words have probabilities."""
    return not isinstance(value, type) and hasattr(value, "word_probs") and hasattr(value, "vocab")


@dataclass(frozen=True, kw_only=True, repr=False)
class Data:
    """A training sequence or several, and the windows of `context_length` tokens in them that a token follows.

    >>> data = Data.from_text("111101111011110", context_length=3)
    >>> data.n_windows, data.counts().tolist()
    (12, [0, 0, 0, 2, 0, 2, 2, 6])
    """

    text: str
    """The tokens as text, with single spaces between them where one of the vocabulary is longer than a character;
    several sequences one a line, without their `bos` and `eos` (JSON texts where a symbol is a line end)."""
    vocab: tuple[str, ...]
    context_length: int
    tokens: NDArray[np.int32] = field(compare=False)
    """(n,): those of the text, which says whether two data are equal; of several sequences, one after the other."""
    source: str | None = None
    """The name of the source that the data was drawn from, if it was."""
    borders: Borders | None = None
    """Where sequences begin and end, and how much each counts; None for one text that has no beginning."""

    def __post_init__(self) -> None:
        known = isinstance(self.text, str) and isinstance(self.vocab, tuple)
        if not known or not isinstance(self.tokens, np.ndarray) or self.tokens.dtype != np.int32:
            raise InputError("expected a text, a vocabulary and its tokens as int32, got others; try Data.from_text")
        if self.source is not None and not isinstance(self.source, str):
            raise InputError(f"expected the name of a source, got {shown(self.source)}; try None")
        if self.borders is None:
            return
        if not isinstance(self.borders, Borders) or self.borders.n != len(self.tokens):
            raise InputError("expected the borders of these tokens, got others; try Data.from_sequences")
        if not self.borders.beginnings and int(self.borders.lengths.min()) <= self.context_length:
            where = int(np.argmax(self.borders.lengths <= self.context_length))
            raise InputError(
                f"expected sequences longer than the context length {self.context_length}, got "
                f"{self.borders.lengths[where]} tokens in number {where + 1}; try beginnings=True"
            )
        if not self.borders.beginnings and not self.borders.totals[self.borders.places >= self.context_length].any():
            raise InputError(
                f"expected a token that counts after {self.context_length} others, got none; try beginnings=True"
            )

    def __repr__(self) -> str:
        text = self.text if len(self.text) <= _SHOWN else f"{self.text[:_SHOWN]}..."
        n, source = words.count(len(self.tokens), "token"), f", from {self.source[:24]}" if self.source else ""
        if self.borders is not None:
            n = f"{words.count(self.borders.m, 'sequence')} of {n}"
        return f"Data({n} over {shortened(self.vocab)}, contexts of {self.context_length}: {text!r}{source})"

    @classmethod
    def of(
        cls, data: "Data | str | Tokens | Process", *, context_length: int, vocab: "str | Sequence[str] | None" = None
    ) -> "Data":
        """Data from a text, from tokens as a list or an array, from a source's exact law, or data as it is.

        >>> Data.of("0110", context_length=1) == Data.of([0, 1, 1, 0], context_length=1)
        True
        """
        if isinstance(data, Data):
            return data
        if is_process(data):
            return cls.from_source(data, context_length=context_length)
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
        values = listed(tokens)
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

    @classmethod
    def from_sequences(
        cls,
        sequences: "Sequence[str | Tokens] | NDArray[Any]",
        *,
        context_length: int,
        vocab: "str | Sequence[str] | None" = None,
        weights: ArrayLike | None = None,
        bos: str | None = None,
        eos: str | None = None,
        masks: Sequence[ArrayLike] | None = None,
        beginnings: bool = True,
        source: str | None = None,
    ) -> "Data":
        """Data from m sequences, such as documents: windows never cross from one into the next.

        Each is a text, or a list or an array of tokens as `from_tokens` takes it. `weights` (m,), 0 or more, say how
        much each counts. `bos` and `eos`, which may be the same symbol, are put before and after every sequence, and
        at the end of the vocabulary where it has them not. `masks` say how much each of a sequence's own tokens counts
        where it is to be predicted, 0 to leave it out; an `eos` counts 1, and what begins a sequence is never
        predicted.

        With the loss "last", every token but the first of a sequence is predicted once, from up to L tokens before it;
        without `beginnings`, only those that have L before them. With the loss "all", a sequence of n tokens is one
        window where n is at most L + 1, else n - L windows of L tokens. InputError for a sequence of less than two
        tokens, its ends included, or weights or masks that do not fit.

        >>> data = Data.from_sequences(["ab", "b"], context_length=3, bos=".", eos=".")
        >>> data.vocab, data.tokens.tolist(), data.n_windows
        (('a', 'b', '.'), [2, 0, 1, 2, 2, 1, 2], 5)
        """
        L = whole("context_length", context_length, 1, instead=NOTEBOOK_CONTEXT_LENGTH)
        tokens, lengths, known = gathered(sequences, vocab, (bos, eos))
        mask = mask_of(masks, lengths)
        first, last = (None if end is None else known.index(end) for end in (bos, eos))
        more = (bos is not None) + (eos is not None)
        borders = Borders(
            firsts=np.concatenate(([0], np.cumsum(lengths + more))),
            weights=weights_of(weights, len(lengths)),
            mask=None
            if mask is None
            else with_ends(mask, lengths, None if bos is None else 1, None if eos is None else 1),
            bos=bos,
            eos=eos,
            beginnings=flag("beginnings", beginnings),
        )
        text = lines.joined(lines.pieces(tokens, np.concatenate(([0], np.cumsum(lengths))), known), known)
        tokens = with_ends(tokens, lengths, first, last)
        return cls(text=text, vocab=known, context_length=L, tokens=tokens, source=source, borders=borders)

    @classmethod
    def from_source(cls, source: "Process", *, context_length: int) -> "Data":
        """A source's or a prior's exact law: every word of L + 1 tokens that is possible, counted by its probability.

        The loss on it is the expected one, without the noise of a sample. With the loss "last", the last token of each
        word is predicted from the L before it: no model can come below `source.memory(L)[-1]` nats, or, where the
        source begins in a way of its own, `bayes_losses(L + 1)[-1]`. InputError where there are more than 2**22 words.

        >>> from finitegpt.sources import golden_mean
        >>> data = Data.from_source(golden_mean(), context_length=1)
        >>> data.text.split(), data.borders.weights.round(4).tolist()
        (['00', '01', '10'], [0.3333, 0.3333, 0.3333])
        """
        L = whole("context_length", context_length, 1, instead=NOTEBOOK_CONTEXT_LENGTH)
        if not is_process(source):
            raise InputError(f"expected a source, got {shown(source)}; try finitegpt.sources.even()")
        V = len(source.vocab)
        if V < 2:
            raise InputError(f"expected a source of at least two tokens, got {shortened(source.vocab)}; try another")
        if L > 64 or V ** (L + 1) > _MOST_WORDS:
            raise TooLargeError(
                f"expected at most {_MOST_WORDS:,} words of {shown(L + 1)} tokens, got {V}**{shown(L + 1)}; "
                "try sampling the source, or a shorter context"
            )
        probs = source.word_probs(L + 1)
        ids = np.flatnonzero(probs > 0)
        require_memory(24 * len(ids) * (L + 1), "every word of the source", "a shorter context")
        tokens = states.contexts(ids, V, L + 1).astype(np.int32).reshape(-1)
        firsts = np.arange(len(ids) + 1, dtype=np.int64) * (L + 1)
        borders = Borders(firsts=firsts, weights=probs[ids], beginnings=False, exact=True)
        text = lines.joined(lines.pieces(tokens, firsts, source.vocab), source.vocab)
        return cls(text=text, vocab=source.vocab, context_length=L, tokens=tokens, source=source.name, borders=borders)

    @property
    def n_windows(self) -> int:
        """Windows that a token follows: n - L of a text; of sequences, as many as tokens are predicted once each."""
        return self.count_windows("last")

    def count_windows(self, loss: str) -> int:
        """How many windows there are for the loss "last" or "all"."""
        choice("loss", loss, ("last", "all"), instead="last")
        return len(self.tokens) - self.context_length if self.borders is None else len(self.windows(loss).starts)

    def windows(self, loss: str = "last") -> WindowList:
        """The windows for the loss "last" or "all", in the order of the data."""
        choice("loss", loss, ("last", "all"), instead="last")
        if self.borders is None:
            require_memory(8 * len(self.tokens), "a list of all windows", "a shorter text")
            return WindowList(np.arange(self.n_windows), None, None, None)
        return self._last if loss == "last" else self._all

    def merged(self, loss: str = "last") -> WindowList:
        """The distinct windows for the loss "last" or "all", with their weights added up.

        >>> data = Data.from_sequences(["ab", "ab", "b"], context_length=2, eos=".")
        >>> data.merged().starts.tolist(), data.merged().lengths.tolist(), data.merged().weights.tolist()
        ([0, 0, 6], [1, 2, 1], [2, 2, 1])
        """
        choice("loss", loss, ("last", "all"), instead="last")
        if self.borders is None:
            return WindowList(*self._distinct_of_text[:1], None, self._distinct_of_text[1], None)
        return self._last_merged if loss == "last" else self._all_merged

    @cached_property
    def _last(self) -> WindowList:
        assert self.borders is not None
        return windows.last_windows(self.borders, self.context_length)

    @cached_property
    def _all(self) -> WindowList:
        assert self.borders is not None
        return windows.all_windows(self.borders, self.context_length)

    @cached_property
    def _last_merged(self) -> WindowList:
        return windows.merged(self._last, self.tokens, len(self.vocab), self.context_length)

    @cached_property
    def _all_merged(self) -> WindowList:
        return windows.merged(self._all, self.tokens, len(self.vocab), self.context_length)

    @property
    def is_exact(self) -> bool:
        """Whether it is all words of a source, which count by their probabilities."""
        return self.borders is not None and self.borders.exact

    @property
    def first_context(self) -> list[int]:
        """What a walk begins with: the bos where there is one, else the first tokens, at most L."""
        if self.borders is None:
            return self.tokens[: self.context_length].tolist()
        most = 1 if self.borders.bos is not None else min(self.context_length, int(self.borders.lengths[0]))
        return self.tokens[:most].tolist()

    @property
    def digest(self) -> str:
        """SHA-256 in hexadecimal of the text in UTF-8; of sequences, of their borders, weights and masks too."""
        found = hashlib.sha256(self.text.encode())
        if self.borders is not None:
            found.update(b"\0" + json.dumps(self.borders.facts, sort_keys=True).encode())
            for values in (self.borders.firsts, self.borders.weights, self.borders.mask):
                found.update(
                    b"\0" if values is None else b"\1" + values.astype(values.dtype.newbyteorder("<")).tobytes()
                )
        return found.hexdigest()

    @property
    def distinct(self) -> tuple[NDArray[np.int64], NDArray[np.int64] | NDArray[np.float64]]:
        """Where each distinct (context, next token) first begins, and how often it occurs, or how much it counts.

        In lexicographic order where contexts are few enough to be numbered. Of sequences, see `merged` for how long
        each context is.
        """
        found = self.merged("last")
        assert found.weights is not None
        return found.starts, found.weights

    @cached_property
    def _distinct_of_text(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        keys = self._keys(self.context_length + 1)
        _, starts, counts = np.unique(keys, return_index=True, return_counts=True)
        return starts, counts

    def counts(self) -> NDArray[np.int64]:
        """How often each state (V**L,) is the context of a training window, whatever the window's weight above 0."""
        n = states.n_states(len(self.vocab), self.context_length)
        require_memory(8 * n, "a count for every state", "a shorter context")
        ids = self._ids(self.context_length)
        if self.borders is None:
            return np.bincount(ids[: self.n_windows], minlength=n)
        found = self._last
        assert found.lengths is not None
        return np.bincount(ids[found.starts[found.lengths == self.context_length]], minlength=n)

    @cached_property
    def entropy(self) -> float:
        """Entropy in nats of the next token given up to L tokens, in the data itself: no loss can fall below it.

        That is, of windows for the loss "last".

        >>> round(Data.from_text("111101111011110", context_length=3).entropy, 4)
        0.3466
        """
        starts, counts = self.distinct
        if self.borders is None:
            contexts = self._keys(self.context_length)[starts]
        else:
            listed = self._last_merged._replace(mask=None)
            contexts = windows.keys(listed, self.tokens, len(self.vocab), self.context_length, follower=False)
        _, same = np.unique(contexts, return_inverse=True)
        totals = np.bincount(same.reshape(-1), counts)[same.reshape(-1)]
        # A sum of terms of no sign but one, each right relatively where counts are whole.
        total = math.fsum(counts.tolist())
        return math.fsum(counts * np.log1p(np.maximum(totals - counts, 0) / counts)) / total

    @property
    def is_numbered(self) -> bool:
        """Whether windows are few enough to be numbered; else they are told apart by a hash."""
        V = len(self.vocab)
        if self.borders is not None:
            return windows.is_numbered(V, self.context_length)
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
