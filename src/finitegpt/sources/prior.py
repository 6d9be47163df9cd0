"""Priors over Markov chains: every sequence has a chain of its own, which must be learned from its tokens."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finitegpt import words
from finitegpt.arguments import is_whole, number, numbers, shown, whole
from finitegpt.chain import Chain
from finitegpt.errors import InputError, TooLargeError
from finitegpt.limits import require_memory
from finitegpt.lines import pieces
from finitegpt.naming import shortened
from finitegpt.parallel import ranges
from finitegpt.sources import belief
from finitegpt.sources.belief import Floats
from finitegpt.sources.spelling import SYMBOLS, escape, number_text
from finitegpt.symbols import require_symbols, symbols_of
from finitegpt.walk import seed_of

_STARTUP = 2**16
_LONGEST = 2**13
_PIECE = 2**12


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Dirichlet:
    """Markov chains of order r over V tokens, each of whose V**r rows is drawn from a symmetric Dirichlet distribution.

    A sequence begins with r tokens drawn from `start`, one by one. What is said here is of a sequence from its
    beginning, its chain unknown: Bayes' answers, exactly (Edelman et al. 2024, "The evolution of statistical induction
    heads"; the counts are sufficient: Strelioff, Crutchfield and Hubler 2007, "Inferring Markov chains").

    >>> dirichlet(2).word_probs(3).round(4).tolist()
    [0.1667, 0.0833, 0.125, 0.125, 0.125, 0.125, 0.0833, 0.1667]
    """

    name: str
    """As `parse` reads it back."""
    vocab: tuple[str, ...]
    alpha: float
    order: int
    start: Floats
    """(V,): how each of the first r tokens is drawn."""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise InputError(f"expected a name, got {shown(self.name)}; try 'own'")
        object.__setattr__(self, "vocab", symbols_of(self.vocab))
        require_symbols(self.vocab)
        if len(self.vocab) < 2:
            raise InputError(f"expected at least two tokens, got {shortened(self.vocab)}; try '01'")
        alpha = number("alpha", self.alpha, instead=1)
        if not 0 < alpha < np.inf:
            raise InputError(f"expected alpha above 0, got {alpha}; try 1")
        object.__setattr__(self, "alpha", alpha)
        object.__setattr__(self, "order", whole("order", self.order, 1, 16))
        start = numbers("the start", self.start, instead="[0.5, 0.5]")
        if start.shape != (len(self.vocab),) or not (start >= 0).all() or not abs(start.sum() - 1) < 1e-9:
            raise InputError(
                f"expected a start of {len(self.vocab)} probabilities that sum to one, got {shown(self.start)}; "
                "try 'uniform'"
            )
        object.__setattr__(self, "start", start)

    def __repr__(self) -> str:
        rows = words.count(len(self.vocab) ** self.order, "row")
        return f"Dirichlet({self.name!r}: {shortened(self.vocab)}, {rows} of alpha {self.alpha:g})"

    def begun(self, start: ArrayLike) -> "Dirichlet":
        """The same prior, with first tokens of other probabilities (V,)."""
        return dirichlet(self.vocab, self.alpha, self.order, start)

    @property
    def stationary(self) -> bool:
        """False: a sequence has a beginning."""
        return False

    def word_probs(self, length: int) -> Floats:
        """How probable each word of `length` tokens is at the beginning of a sequence (V**length,), by its id."""
        return deque(self._levels(whole("length", length)), maxlen=1)[0][1]

    def predictor(self, context_length: int) -> Chain:
        """Bayes' predictor: row i is P(next token | a sequence begins with the L tokens of state i).

        The start-up rows are there up to 65,536 states. TooLargeError where it would not fit in memory.

        >>> dirichlet(2).predictor(3).p("1", after="010")
        0.6666666666666666
        """
        L, V, levels = whole("context_length", context_length, 1, instead=3), len(self.vocab), []
        for k, _, rows in self._levels(L):
            if k and (k == L or V**L <= _STARTUP):
                with np.errstate(divide="ignore"):
                    levels.append(np.log(rows))
        startup = tuple(levels[:-1]) if V**L <= _STARTUP else None
        return Chain(log_probs=levels[-1], vocab=self.vocab, context_length=L, startup=startup)

    def bayes_losses(self, length: int) -> Floats:
        """The least expected loss in nats of each of the first `length` tokens (length,), given all before it.

        >>> dirichlet(2).bayes_losses(9)[[1, 2, 8]].round(6).tolist()
        [0.693147, 0.664831, 0.559416]
        """
        whole("length", length, 1)
        return np.array([float(probs @ belief.entropy(rows)) for _, probs, rows in self._levels(length - 1)])

    def sample_sequences(self, n: int, length: int, seed: int = 0) -> list[str]:
        """`n` sequences of `length` tokens as texts, each of a new chain.

        >>> dirichlet(2).sample_sequences(2, 5)
        ['10101', '10001']
        """
        n, length, seed = whole("n", n), whole("length", length, 1), seed_of(seed)
        V, rng = len(self.vocab), np.random.default_rng(seed)
        require_memory(8 * n * length + 64 * n, "a sample", "fewer sequences")
        states = V**self.order
        require_memory(32 * _PIECE * states * V, "a chain for every sequence", "a lower order")
        found: list[NDArray[np.int32]] = []
        for _, count in ranges(n, _PIECE):
            rows = rng.dirichlet(np.full(V, self.alpha), (count, states)).cumsum(2)
            first, context = self.start.cumsum(), np.zeros(count, np.int64)
            tokens, each = np.empty((count, length), np.int32), np.arange(count)
            for k in range(length):
                sums = np.tile(first, (count, 1)) if k < self.order else rows[each, context]
                uniform = rng.random(count) * sums[:, -1]
                tokens[:, k] = np.minimum((sums <= uniform[:, None]).sum(1), V - 1)
                context = (context * V + tokens[:, k]) % states
            found.append(tokens.reshape(-1))
        every = np.concatenate(found) if found else np.zeros(0, np.int32)
        return pieces(every, np.arange(n + 1, dtype=np.int64) * length, self.vocab)

    def _levels(self, most: int) -> Iterator[tuple[int, Floats, Floats]]:
        """For k = 0 .. `most` tokens: k, how probable each word of k tokens is, and what follows it (V**k, V)."""
        V, probs = len(self.vocab), np.ones(1)
        if most > _LONGEST:
            raise TooLargeError(f"expected words of at most {_LONGEST} tokens, got {shown(most)}; try shorter words")
        require_memory(40 * V ** (most + 1), "a probability for every word", "shorter words")
        for k in range(most + 1):
            rows = self._rows(k)
            yield k, probs, rows
            probs = (probs[:, None] * rows).reshape(-1)

    def _rows(self, k: int) -> Floats:
        """P(next token | the first k tokens) (V**k, V): alpha and what has followed the last r tokens so far."""
        V, r, ids = len(self.vocab), self.order, np.arange(len(self.vocab) ** k)
        if k < r:
            return np.tile(self.start, (len(ids), 1))
        counts, context = np.full((len(ids), V), self.alpha), ids % V**r
        for j in range(r, k):  # the token at place j, and the r tokens before it
            same = np.flatnonzero(ids // V ** (k - j) % V**r == context)
            counts[same, ids[same] // V ** (k - 1 - j) % V] += 1
        return counts / counts.sum(1, keepdims=True)


def dirichlet(
    vocab: int | str | Sequence[str] = 2, alpha: float = 1.0, order: int = 1, start: str | ArrayLike = "uniform"
) -> Dirichlet:
    """A Dirichlet prior over the rows of Markov chains over a vocabulary, or over V tokens 0, 1, 2, ...

    `start` is "uniform", or the probabilities (V,) of each of the first `order` tokens. For a finite family of chains,
    see `mixture`.

    >>> dirichlet(2), dirichlet("ab", alpha=0.5, order=2).name
    (Dirichlet('dirichlet:2': '01', 2 rows of alpha 1), 'dirichlet:2,0.5,2:a,b')
    """
    symbols = _vocabulary(vocab)
    V = len(symbols)
    if isinstance(start, str):
        if start != "uniform":
            raise InputError(f"expected a start of probabilities or 'uniform', got {shown(start)}; try 'uniform'")
        first, suffix = np.full(V, 1 / max(V, 1)), ""
    else:
        first = numbers("the start", start, instead="'uniform'")
        suffix = "@" + ",".join(map(number_text, first.reshape(-1).tolist()))
    order, alpha = whole("order", order, 1, 16), number("alpha", alpha, instead=1)
    values = f",{number_text(alpha)},{order}" if order > 1 else f",{number_text(alpha)}" if alpha != 1 else ""
    own = "" if symbols == tuple(SYMBOLS[:V]) else f":{','.join(map(escape, symbols))}"
    name = f"dirichlet:{V}{values}{own}{suffix}"
    return Dirichlet(name=name, vocab=symbols, alpha=alpha, order=order, start=first)


def _vocabulary(vocab: int | str | Sequence[str]) -> tuple[str, ...]:
    if not is_whole(vocab):
        symbols = symbols_of(vocab)  # type: ignore[arg-type]
        require_symbols(symbols)
        return symbols
    return tuple(SYMBOLS[: whole("how many tokens", vocab, 2, len(SYMBOLS))])
