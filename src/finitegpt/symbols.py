"""Vocabularies: which symbols make one, and symbols as tokens, their places in it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finitegpt.arguments import array, shown
from finitegpt.errors import InputError
from finitegpt.states import is_spaced


def vocabulary(symbols: Sequence[str]) -> tuple[str, ...]:
    """The distinct characters of a text, or symbols of a sequence, sorted.

    >>> vocabulary("hello")
    ('e', 'h', 'l', 'o')
    """
    return tuple(sorted(set(symbols)))


def require_symbols(vocab: Sequence[str]) -> None:
    """InputError unless the symbols are different texts that a text of them can be read back into."""
    if not isinstance(vocab, Sequence):
        raise InputError(f"expected a vocabulary of texts, got {shown(vocab)}; try characters or words")
    if not all(isinstance(symbol, str) and symbol for symbol in vocab):
        raise InputError(f"expected a vocabulary of texts, got {shown(list(vocab))}; try characters or words")
    text = "".join(vocab)
    if not text.isascii() and any("\ud800" <= sign <= "\udfff" for sign in text):
        raise InputError("expected Unicode text, got bytes that are none; try saving it as UTF-8")
    if len(set(vocab)) < len(vocab):
        twice = next(symbol for i, symbol in enumerate(vocab) if symbol in vocab[:i])
        raise InputError(f"expected a vocabulary of different characters, got {twice!r} twice; try leaving one out")
    blank = [symbol for symbol in vocab if symbol.split() != [symbol]]
    if blank and is_spaced(vocab):
        raise InputError(f"expected symbols without spaces in them, got {blank[0]!r}; try splitting it")


def symbols_of(vocab: Sequence[str]) -> tuple[str, ...]:
    """A vocabulary as it is given; InputError for what is none."""
    try:
        return tuple(vocab)
    except TypeError:
        raise InputError(f"expected a vocabulary of texts, got {shown(vocab)}; try characters or words") from None


def tokenize(text: str, vocab: Sequence[str]) -> NDArray[np.int32]:
    """Tokens (n,) of a text; InputError on what is not in the vocabulary.

    The text is split at spaces if a symbol of the vocabulary is longer than one character.

    >>> tokenize("1101", "01")
    array([1, 1, 0, 1], dtype=int32)
    >>> tokenize("the cat", ("cat", "the"))
    array([1, 0], dtype=int32)
    """
    if is_spaced(vocab):
        return tokens_of_symbols(text.split(), vocab)
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


def tokens_of_symbols(symbols: Sequence[str], vocab: Sequence[str]) -> NDArray[np.int32]:
    """Tokens (n,) of symbols; InputError on what is not in the vocabulary."""
    places = {symbol: token for token, symbol in enumerate(vocab)}
    try:
        return np.array([places[symbol] for symbol in symbols], np.int32)
    except KeyError as error:
        strange = error.args[0]
        raise InputError(
            f"expected only symbols of the vocabulary, got {strange!r} at position {symbols.index(strange) + 1}; "
            "try a vocabulary that has it"
        ) from None


def listed(tokens: Any) -> NDArray[Any]:
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
