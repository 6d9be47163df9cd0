"""What follows a context: the probability of every token, as a mapping that cannot be changed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finitegpt import markup
from finitegpt.arguments import shown, whole
from finitegpt.errors import MissingError
from finitegpt.states import visible
from finitegpt.words import percent

_FIRST = 5


@dataclass(frozen=True, eq=False, slots=True)
class NextToken(Mapping[str, float]):
    """The probability of each token after a context, in the order of the vocabulary.

    >>> from finitegpt import Chain
    >>> after = Chain.from_probs([[0.75, 0.25], [0.5, 0.5]], "ab", 1)["a"]
    >>> after["b"], list(after), dict(after)
    (0.25, ['a', 'b'], {'a': 0.75, 'b': 0.25})
    """

    context: str
    vocab: tuple[str, ...]
    probs: NDArray[np.float64]
    """(V,), which sum to one."""

    def __getitem__(self, token: str) -> float:
        try:
            return float(self.probs[self.vocab.index(token)])
        except ValueError:
            raise MissingError(
                f"expected a token of {' '.join(self.vocab)[:80]!r}, got {shown(token)}; try {self.vocab[0]!r}"
            ) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.vocab)

    def __len__(self) -> int:
        return len(self.vocab)

    @property
    def likeliest(self) -> str:
        """The most probable token; of equal ones, the first in the vocabulary."""
        return self.vocab[int(np.argmax(self.probs))]

    def top(self, k: int = 5) -> list[tuple[str, float]]:
        """The k most probable tokens with their probabilities; of equal ones, the first in the vocabulary."""
        order = np.argsort(-self.probs, kind="stable")[: whole("k", k, 1)].tolist()
        return [(self.vocab[token], float(self.probs[token])) for token in order]

    def __repr__(self) -> str:
        listed = list(self.items()) if len(self) <= _FIRST else self.top(_FIRST)
        rest = "" if len(self) <= _FIRST else f", and {len(self) - _FIRST} more"
        return f"NextToken({', '.join(f'{token[:8]!r}: {p:.4g}' for token, p in listed)}{rest})"

    def _repr_html_(self) -> str:
        """A small table for notebooks."""
        rows = [(visible(token), percent(p, p, p)) for token, p in self.items()]
        return markup.table(f"after {visible(self.context)}", ("token", "probability"), rows)
