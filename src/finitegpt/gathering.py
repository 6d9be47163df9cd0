"""Sequences as callers have them -> tokens one after the other, how many each has, and the vocabulary."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finitegpt.arguments import is_whole, shown
from finitegpt.errors import InputError
from finitegpt.limits import require_memory
from finitegpt.naming import shortened
from finitegpt.states import is_spaced
from finitegpt.symbols import listed, require_symbols, symbols_of, tokenize, tokens_of_symbols, vocabulary

Gathered = tuple[NDArray[np.int32], NDArray[np.int64], tuple[str, ...]]


def gathered(sequences: Any, vocab: Any, ends: Sequence[str | None]) -> Gathered:
    """Tokens (n,) of all sequences without their ends, tokens of each (m,), and a vocabulary that has the ends too.

    A sequence is a text, or a list or an array of texts or of whole numbers, as `Data.of` takes it.
    """
    if not isinstance(sequences, Sequence | np.ndarray) or isinstance(sequences, str | bytes | bytearray):
        raise InputError(f"expected a list of sequences, got {shown(sequences)}; try Data.of for one")
    given = list(sequences) if not isinstance(sequences, np.ndarray) or sequences.ndim else []
    if not given:
        raise InputError("expected a list of sequences, got an empty one; try ['01101', '0101']")
    for end in ends:
        if end is not None and (not isinstance(end, str) or not end):
            raise InputError(f"expected a bos and an eos as a text, got {shown(end)}; try '.'")
    known = None if vocab is None else tuple(str(x) if is_whole(x) else x for x in symbols_of(vocab))
    if known is not None:
        require_symbols(known)
    spaced = known is not None and is_spaced(known)
    if all(isinstance(one, str) for one in given):
        parts: list[Any] = [one.split() for one in given] if spaced else given
        numbered = False
    else:
        parts = [(one.split() if spaced else list(one)) if isinstance(one, str) else listed(one) for one in given]
        kinds = {"text" if isinstance(one, list) or one.dtype.kind == "U" else "number" for one in parts if len(one)}
        if len(kinds) > 1:
            raise InputError("expected sequences of texts or of whole numbers, got both; try one kind")
        numbered = kinds == {"number"}
    lengths = np.array([len(one) for one in parts], np.int64)
    require_memory(64 * int(lengths.sum()), "all sequences", "fewer of them")
    if numbered:
        values = np.concatenate([np.asarray(one, np.int64) for one in parts])
        return _of_numbers(values, known, ends, lengths)
    whole_text = isinstance(parts[0], str)
    symbols = "".join(parts) if whole_text else [str(symbol) for symbol in chain.from_iterable(parts)]
    own = vocabulary(symbols)
    require_symbols(own)
    if known is not None and (strange := set(own) - set(known)):
        where = next(k for k, one in enumerate(parts, 1) if strange.intersection(str(symbol) for symbol in one))
        first = next(str(symbol) for symbol in parts[where - 1] if str(symbol) in strange)
        raise InputError(
            f"expected only symbols of {shortened(known)}, got {first!r} in sequence {where}; "
            "try a vocabulary that has it"
        )
    complete = _with_ends(own if known is None else known, ends)
    tokens = tokens_of_symbols(symbols, complete) if is_spaced(complete) else tokenize("".join(symbols), complete)
    return tokens, lengths, complete


def _of_numbers(
    values: NDArray[np.int64], known: tuple[str, ...] | None, ends: Sequence[str | None], lengths: NDArray[np.int64]
) -> Gathered:
    distinct, places = np.unique(values, return_inverse=True)
    if known is None:
        symbols = tuple(str(k) for k in distinct.tolist())
        return places.reshape(-1).astype(np.int32), lengths, _with_ends(symbols, ends)
    if not 0 <= distinct[0] <= distinct[-1] < len(known):
        strange = distinct[0] if distinct[0] < 0 else distinct[-1]
        raise InputError(f"expected tokens from 0 to {len(known) - 1}, got {strange}; try a larger vocabulary")
    return values.astype(np.int32), lengths, _with_ends(known, ends)


def _with_ends(own: tuple[str, ...], ends: Sequence[str | None]) -> tuple[str, ...]:
    """A vocabulary with the ends that are not in it, at its end."""
    more = dict.fromkeys(end for end in ends if end is not None and end not in own)
    complete = (*own, *more)
    blank = next((symbol for symbol in own if symbol.split() != [symbol]), None)
    if blank is not None and not is_spaced(own) and is_spaced(complete):
        long = next(symbol for symbol in more if len(symbol) > 1)
        raise InputError(f"expected a bos or an eos of one character beside {blank!r}, got {long!r}; try '.'")
    require_symbols(complete)
    if len(complete) < 2:
        raise InputError(
            f"expected a vocabulary of at least two tokens, got {shortened(complete)}; "
            "try a sequence with another symbol in it, or a vocabulary"
        )
    return complete
