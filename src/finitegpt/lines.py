"""Sequences as lines of text: one a line, or as JSON texts where a symbol is a line end itself."""

import json
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from finitegpt.errors import InputError
from finitegpt.states import is_spaced


def pieces(tokens: NDArray[np.int32], firsts: NDArray[np.int64], vocab: Sequence[str]) -> list[str]:
    """Sequences of tokens as texts; `firsts` (m + 1,) says where each begins, and where the last one ends.

    >>> pieces(np.array([0, 1, 1], np.int32), np.array([0, 1, 3]), "ab")
    ['a', 'bb']
    """
    borders = firsts.tolist()
    if is_spaced(vocab):
        ids: list[int] = tokens.tolist()
        symbols = [vocab[token] for token in ids]
        return [" ".join(symbols[a:b]) for a, b in pairwise(borders)]
    codes = np.array([ord(symbol) for symbol in vocab], "<u4")
    text = codes[tokens].tobytes().decode("utf-32-le", "surrogatepass")
    return [text[a:b] for a, b in pairwise(borders)]


def joined(texts: Sequence[str], vocab: Sequence[str]) -> str:
    """Texts as lines, of which `split` makes the same texts.

    >>> joined(["ab", "b"], "ab"), joined(["a", "\\n"], "a\\n")
    ('ab\\nb\\n', '"a"\\n"\\\\n"\\n')
    """
    if "\n" in vocab:
        texts = [json.dumps(text, ensure_ascii=False) for text in texts]
    return "".join(f"{text}\n" for text in texts)


def split(text: str, vocab: Sequence[str]) -> list[str]:
    """The texts that lines were made of; InputError for other lines."""
    if text and not text.endswith("\n"):
        raise InputError("expected lines that end, got one that does not; try a line end at the end")
    texts = text.split("\n")[:-1]
    if "\n" not in vocab:
        return texts
    try:
        found = [json.loads(line) for line in texts]
    except (ValueError, RecursionError):
        found = [0]
    if not all(isinstance(one, str) for one in found):
        raise InputError("expected a JSON text on each line, got another; try Data.from_sequences")
    return [str(one) for one in found]
