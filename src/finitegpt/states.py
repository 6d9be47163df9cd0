"""States and their numbers.

- token: one of V symbols, numbered 0 .. V-1
- context, state: a window of exactly L tokens
- state id: the context read as a base-V number, oldest token most significant
- successor: what the state becomes when a token is appended and the oldest one dropped
- start-up context: a context of 1 .. L-1 tokens, on the way to the first full one
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finitegpt.errors import InputError, TooLargeError

Ids = NDArray[np.int32 | np.int64]

LARGEST_ID = 2**62
"""State ids stay below this, so that a successor can be computed in 64 bits."""

_LONGEST = 2**16  # even of a vocabulary of one token


def n_states(vocab_size: int, context_length: int) -> int:
    """V**L, as an exact Python integer of any size.

    >>> n_states(2, 3)
    8
    """
    return vocab_size**context_length


def n_contexts(vocab_size: int, context_length: int) -> int:
    """Contexts of every length from 1 to L: the states and the start-up contexts.

    >>> n_contexts(2, 3)
    14
    """
    return sum(vocab_size**k for k in range(1, context_length + 1))


def bits_per_state(vocab_size: int, context_length: int) -> float:
    """Information in one state, log2(V) * L bits.

    >>> round(bits_per_state(50257, 2048))
    31984
    """
    return float(np.log2(vocab_size) * context_length)


def require_enumerable(vocab_size: int, context_length: int) -> None:
    """TooLargeError where ids or successors would not fit in 64 bits; at once, however long the context is."""
    V, L = vocab_size, context_length
    if L > _LONGEST or V ** min(L + 1, 63) > LARGEST_ID:
        raise TooLargeError(
            f"expected at most 2**62 arrows, got {V} tokens and a context of {L}; try a shorter context"
        )


def ids(contexts: ArrayLike, vocab_size: int) -> NDArray[np.int64]:
    """State ids (n,) of contexts (n, k) of tokens.

    >>> ids([[0, 0, 0], [1, 0, 1]], vocab_size=2)
    array([0, 5])
    """
    array = np.asarray(contexts)
    require_enumerable(vocab_size, array.shape[-1])
    if array.size and (array.min() < 0 or array.max() >= vocab_size):
        raise InputError(f"expected tokens from 0 to {vocab_size - 1}, got {array.min()} to {array.max()}; try others")
    result = np.zeros(array.shape[:-1], np.int64)
    for k in range(array.shape[-1]):
        result = result * vocab_size + array[..., k]
    return result


def contexts(ids: ArrayLike, vocab_size: int, context_length: int) -> NDArray[np.int64]:
    """Tokens (n, L) of state ids (n,), oldest first: the inverse of `ids`.

    >>> contexts([0, 5], vocab_size=2, context_length=3)
    array([[0, 0, 0],
           [1, 0, 1]])
    """
    require_enumerable(vocab_size, context_length)
    powers = np.array([vocab_size**k for k in range(context_length - 1, -1, -1)], np.int64)
    return np.asarray(ids, np.int64)[..., None] // powers % vocab_size


def every(vocab_size: int, context_length: int) -> Ids:
    """The ids of all states (V**L,), in 32 bits where those hold the successors' too."""
    require_enumerable(vocab_size, context_length)
    return np.arange(vocab_size**context_length, dtype=_id_type(vocab_size, context_length))


def successors(ids: ArrayLike, vocab_size: int, context_length: int) -> Ids:
    """The states (n, V) that each state (n,) can move to, by the token appended.

    >>> successors([5], vocab_size=2, context_length=3)
    array([[2, 3]])
    """
    first = first_successors(ids, vocab_size, context_length)
    return first[..., None] + np.arange(vocab_size, dtype=first.dtype)


def first_successors(ids: ArrayLike, vocab_size: int, context_length: int) -> Ids:
    """The state (n,) that each state (n,) moves to by token 0; the one by token y is y further.

    >>> first_successors([5], vocab_size=2, context_length=3)
    array([2])
    """
    require_enumerable(vocab_size, context_length)
    array = np.asarray(ids)
    if array.dtype != np.int32 or _id_type(vocab_size, context_length) != np.int32:
        array = array.astype(np.int64)
    return array % vocab_size ** (context_length - 1) * vocab_size


def _id_type(vocab_size: int, context_length: int) -> type[np.int32] | type[np.int64]:
    return np.int32 if vocab_size ** (context_length + 1) < 2**31 else np.int64


def reversed_ids(vocab_size: int, context_length: int) -> Ids:
    """The state (V**L,) that each state is when it is read from its last token to its first.

    >>> reversed_ids(2, 3).tolist()
    [0, 4, 2, 6, 1, 5, 3, 7]
    """
    require_enumerable(vocab_size, context_length)
    found = np.zeros(1, _id_type(vocab_size, context_length))
    for _ in range(context_length):  # another token before the others comes after them
        found = (found * vocab_size + np.arange(vocab_size, dtype=found.dtype)[:, None]).reshape(-1)
    return found


def startup_contexts(vocab_size: int, context_length: int) -> list[tuple[int, ...]]:
    """Every context of 1 .. L-1 tokens, shortest first.

    >>> startup_contexts(2, 3)
    [(0,), (1,), (0, 0), (0, 1), (1, 0), (1, 1)]
    """
    lengths = range(1, context_length)
    return [tuple(map(int, row)) for k in lengths for row in contexts(np.arange(vocab_size**k), vocab_size, k)]


def label(id: int, vocab: str | Sequence[str], context_length: int) -> str:
    """The context as text. Tokens that are several characters long are set apart by spaces.

    >>> label(5, "01", 3)
    '101'
    """
    return text(contexts(id, len(vocab), context_length), vocab)


def text(tokens: Iterable[int], vocab: str | Sequence[str]) -> str:
    """Tokens as text, set apart by spaces where one of the vocabulary is longer than a character.

    >>> text([0, 1], ["the", "cat"])
    'the cat'
    """
    return (" " if is_spaced(vocab) else "").join(vocab[token] for token in tokens)


def is_spaced(vocab: str | Sequence[str]) -> bool:
    """Whether tokens are set apart by spaces in a text: where any of them is longer than a character."""
    return any(len(symbol) > 1 for symbol in vocab)


def visible(text: str) -> str:
    """Text as it can be shown on one line: spaces, line ends and other signs without a shape get one.

    >>> visible("a b\\n")
    'a·b¶'
    """
    shown = text.translate({ord(" "): "·", ord("\n"): "¶", ord("\t"): "»"})
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in shown)
