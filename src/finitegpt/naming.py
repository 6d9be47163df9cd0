"""The names of states: a context as text, such as `101`, and which id that is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from finitegpt import states
from finitegpt.arguments import shown
from finitegpt.errors import InputError

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Names:
    """The names of the V**L states of a vocabulary and a context length.

    >>> Names(("0", "1"), 3).id("101"), Names(("0", "1"), 3).label(5)
    (5, '101')
    """

    vocab: tuple[str, ...]
    context_length: int

    @property
    def vocab_size(self) -> int:
        """V."""
        return len(self.vocab)

    @property
    def n_states(self) -> int:
        """V**L."""
        return states.n_states(len(self.vocab), self.context_length)

    def label(self, id: int) -> str:
        """A state as text."""
        return states.label(self.id(id), self.vocab, self.context_length)

    def id(self, state: Any) -> int:
        """The id of a state that is given as text, or as an id; InputError if it is none."""
        if isinstance(state, int | np.integer) and not isinstance(state, bool):
            if not 0 <= state < self.n_states:
                raise InputError(f"expected a state from 0 to {self.n_states - 1}, got {state}; try 0")
            return int(state)
        tokens = self.tokens(state)
        if len(tokens) != self.context_length:
            raise InputError(
                f"expected a state of {self.context_length} tokens, got {shown(state)}; try {self.label(0)!r}"
            )
        return int(states.ids(tokens, len(self.vocab)))

    def token(self, symbol: Any) -> int:
        """A symbol of the vocabulary as a token; InputError if it is none."""
        if not isinstance(symbol, str) or symbol not in self.vocab:
            raise InputError(f"expected tokens of {shortened(self.vocab)}, got {shown(symbol)}; try one of those")
        return self.vocab.index(symbol)

    def tokens(self, context: Any) -> list[int]:
        """Text as tokens; InputError for a symbol that is none."""
        if not isinstance(context, str):
            raise InputError(f"expected a context as text, got {shown(context)}; try {self.label(0)!r}")
        places = {symbol: token for token, symbol in enumerate(self.vocab)}
        symbols = context.split() if states.is_spaced(self.vocab) else context
        for symbol in symbols:
            if symbol not in places:
                self.token(symbol)
        return [places[symbol] for symbol in symbols]

    def __iter__(self) -> Iterator[str]:
        return (self.label(id) for id in range(self.n_states))


def names_of(chain: object) -> Names | None:
    """What the states of an operator are called, where they have names."""
    names = getattr(chain, "names", None)
    return names if isinstance(names, Names) else None


def shortened(vocab: Sequence[str]) -> str:
    """A vocabulary as a short text for one line.

    >>> shortened("01"), shortened(("the", "cat")), shortened([str(k) for k in range(1000)])
    ("'01'", "'the cat'", "'0 1 2 3 4 5 6 7 8 ...'")
    """
    text = states.text(range(min(len(vocab), _SHOWN)), vocab)
    more = len(vocab) > _SHOWN or len(text) > _SHOWN
    return repr(text[:_SHOWN].rstrip() + " ..." if more else text)
