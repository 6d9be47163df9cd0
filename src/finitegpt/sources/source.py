"""A source: a process whose exact law is known, as a hidden Markov model whose arrows emit the tokens."""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finitegpt import words
from finitegpt.arguments import flag, is_whole, numbers, required, shown, whole
from finitegpt.chain import Chain
from finitegpt.errors import InputError, TooLargeError
from finitegpt.limits import require_memory
from finitegpt.lines import pieces
from finitegpt.naming import shortened
from finitegpt.parallel import ranges
from finitegpt.sources import belief
from finitegpt.sources.belief import Floats
from finitegpt.sources.spelling import number_text
from finitegpt.states import is_spaced
from finitegpt.symbols import require_symbols, symbols_of
from finitegpt.walk import seed_of

Item = TypeVar("Item")

_LONGEST, _MOST_TERMS = 2**13, 2**20
_STARTUP = 2**16
_SAMPLED = 2**22
_TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Source:
    """A process over a vocabulary of V tokens with K hidden states; stationary, unless it says that it is not.

    Raises InputError where the arrays do not fit together, are no probabilities, or `start` is not stationary though
    the source should be.

    >>> from finitegpt.sources import even
    >>> even().word_probs(2).round(4)
    array([0.1667, 0.1667, 0.1667, 0.5   ])
    """

    name: str
    """As `parse` reads it back, such as `even` or `mess3:0.1,0.7`."""
    vocab: tuple[str, ...]
    transitions: Floats
    """(V, K, K): `transitions[x, i, j]` is the probability of emitting x and going to j, from hidden state i."""
    start: Floats
    """(K,): the distribution of the hidden states with which the process begins."""
    stationary: bool = True
    """Whether that is a stationary one. Else the process has a beginning, and what is said of words, beliefs and the
    best predictor is of words with which it begins."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "vocab", symbols_of(self.vocab))
        require_symbols(self.vocab)
        if not isinstance(self.name, str):
            raise InputError(f"expected a name, got {shown(self.name)}; try 'own'")
        for name, array in (("transitions", self.transitions), ("start", self.start)):
            required(name, array, np.ndarray, instead="numpy.array")
        V, K = len(self.vocab), self.start.size
        if self.transitions.shape != (V, K, K) or self.start.shape != (K,) or not V or not K:
            raise InputError(
                f"expected transitions (V, K, K) for {V} tokens and a start (K,), got shapes {self.transitions.shape} "
                f"and {self.start.shape}; try one matrix for each token"
            )
        if self.transitions.dtype != np.float64 or self.start.dtype != np.float64:
            raise InputError(f"expected float64, got {self.transitions.dtype} and {self.start.dtype}; try astype")
        if not (self.transitions >= 0).all() or abs(self.transitions.sum((0, 2)) - 1).max() > _TOLERANCE:
            raise InputError(
                "expected the arrows of each hidden state to be probabilities that sum to one, got others; "
                "try dividing by their sums"
            )
        if not (self.start >= 0).all() or abs(self.start.sum() - 1) > _TOLERANCE:
            raise InputError("expected a start of probabilities that sum to one, got others; try dividing by their sum")
        object.__setattr__(self, "stationary", flag("stationary", self.stationary))
        if self.stationary and abs(self.start @ self.transitions.sum(0) - self.start).max() > _TOLERANCE:
            raise InputError(
                "expected a stationary start, got one that changes in a step; try the left eigenvector of "
                "transitions.sum(0) for the eigenvalue 1, or stationary=False"
            )

    def __repr__(self) -> str:
        name = self.name if len(self.name) <= 40 else f"{self.name[:40]}..."
        hidden = words.count(len(self.start), "hidden state")
        more = (", unifilar" if self.is_unifilar else "") + ("" if self.stationary else ", with a beginning")
        return f"Source({name!r}: {shortened(self.vocab)}, {hidden}{more})"

    def begun(self, start: ArrayLike) -> "Source":
        """The same process, begun with its hidden states by other probabilities (K,), which need not be stationary.

        >>> from finitegpt.sources import even
        >>> source = even().begun([0, 1])
        >>> source, source.word_probs(1).tolist()
        (Source('even@0,1': '01', 2 hidden states, unifilar, with a beginning), [0.0, 1.0])
        """
        probs = numbers("a start", start, instead="[1, 0]")
        name = f"({self.name})" if "+" in self.name else self.name.rpartition("@")[0] or self.name
        name = f"{name}@{','.join(map(number_text, probs.reshape(-1).tolist()))}"
        return replace(self, name=name, start=probs, stationary=False)

    @property
    def is_unifilar(self) -> bool:
        """Whether each hidden state and token lead to at most one hidden state."""
        return belief.is_unifilar(self.transitions)

    @cached_property
    def entropy_rate(self) -> tuple[float, float]:
        """Two numbers in nats with the entropy rate between them.

        Rounding included. For a unifilar source they agree but for that. For others they are
        H(x_L | x_0 .. x_{L-1}, hidden state at 0) and H(x_L | x_0 .. x_{L-1}) for the first L that brings them within
        1e-9 of each other, or for as many words as are followed in about a second (Cover and Thomas, Elements of
        Information Theory, 4.5).

        >>> from finitegpt.sources import golden_mean
        >>> [round(bound, 6) for bound in golden_mean().entropy_rate]
        [0.462098, 0.462098]
        """
        self._require_stationary("an entropy rate")
        return belief.entropy_rate(self.transitions, self.start)

    def memory(self, context_length: int) -> Floats:
        """h_0 .. h_L in nats (L+1,): the entropy of a token given the k before it, for k from 0 to L.

        >>> from finitegpt.sources import even
        >>> even().memory(3).round(6)
        array([0.636514, 0.605939, 0.549306, 0.534019])
        """
        return np.array([term.h for term in self._terms(context_length)])

    def memory_bounds(self, context_length: int) -> tuple[Floats, Floats, Floats]:
        """h_0 .. h_L and between what each lies, rounding included: three of (L+1,).

        >>> from finitegpt.sources import even
        >>> h, low, high = even().memory_bounds(3)
        >>> bool((low <= h).all() and (h <= high).all() and (high - low < 1e-12).all())
        True
        """
        h, error, _ = np.array(self._terms(context_length)).T
        return h, (h - error).clip(0), h + error

    def _terms(self, context_length: int) -> list[belief.Term]:
        self._require_stationary("the memory of any place in it")
        _require_terms(context_length, 0)
        transitions = belief.normalised(self.transitions)
        law, relative = belief.law_of(transitions, self.start)
        series = belief.entropies(transitions, law[None], np.ones(1), relative)
        return [term for _, term in zip(range(context_length + 1), series, strict=False)]

    def bayes_losses(self, length: int) -> Floats:
        """The least expected loss in nats of each of the first `length` tokens (length,), given all before it.

        Of a stationary source, these are h_0 .. h_(length - 1).

        >>> from finitegpt.sources import even
        >>> even().begun([1, 0]).bayes_losses(3).round(6)
        array([0.693147, 0.346574, 0.51986 ])
        """
        _require_terms(length, 1)
        series = belief.entropies(belief.normalised(self.transitions), self.start[None], np.ones(1))
        return np.array([term.h for _, term in zip(range(length), series, strict=False)])

    def _require_stationary(self, what: str) -> None:
        if not self.stationary:
            raise InputError(f"expected a stationary source for {what}, got one with a beginning; try bayes_losses")

    def word_probs(self, length: int) -> Floats:
        """How probable each word of `length` tokens is (V**length,), by its id."""
        return _last(self._levels(length))[2]

    def beliefs(self, length: int) -> Floats:
        """How probable each hidden state is after each word (V**length, K).

        An impossible word counts as its longest possible suffix.

        >>> from finitegpt.sources import even
        >>> even().beliefs(1).round(4)
        array([[1. , 0. ],
               [0.5, 0.5]])
        """
        return _last(self._filled(length, lambda beliefs: beliefs))

    def predictor(self, context_length: int) -> Chain:
        """The best predictor with L tokens of memory: row i is P(next token | the last L tokens are state i).

        An impossible state has the row of its longest possible suffix. The start-up rows are there up to 65,536 states.
        Of a source with a beginning, a state is the L tokens with which it begins.
        Raises TooLargeError where the chain would not fit in memory.

        >>> from finitegpt.sources import golden_mean
        >>> golden_mean().predictor(1).probs
        array([[0.5, 0.5],
               [1. , 0. ]])
        """
        _require_length(context_length, 1)
        hidden = self.transitions.sum(2).T  # (K, V)

        def rows(beliefs: Floats) -> Floats:
            probs = beliefs @ hidden
            with np.errstate(divide="ignore"):
                return np.log(probs / probs.sum(1, keepdims=True))

        levels: list[Floats] = []
        for level in self._filled(context_length, rows):
            levels = [*levels, level] if len(level) <= _STARTUP else [level]
        return Chain(
            log_probs=levels[-1],
            vocab=self.vocab,
            context_length=context_length,
            startup=tuple(levels[1:-1]) if len(levels) > context_length else None,
        )

    def sample(self, n: int, seed: int = 0) -> str:
        """The first `n` tokens of the process as text; tokens of several characters are set apart by spaces.

        >>> from finitegpt.sources import golden_mean
        >>> "11" in golden_mean().sample(1000)
        False
        """
        _require_length(n, 0)
        seed = seed_of(seed)
        require_memory(64 * n, "a sample", "fewer tokens")
        rng = np.random.default_rng(seed)
        K = len(self.start)
        bounds, first = _cumulative(self.start)
        state = first[bisect_right(bounds, rng.random())]
        ways = [
            (bounds, [self.vocab[way // K] for way in used], [way % K for way in used])
            for bounds, used in (_cumulative(self.transitions[:, i].reshape(-1)) for i in range(K))
        ]
        symbols: list[str] = []
        for _, count in ranges(n, 2**16):
            for u in rng.random(count).tolist():
                bounds, emitted, following = ways[state]
                way = bisect_right(bounds, u)
                symbols.append(emitted[way])
                state = following[way]
        return (" " if is_spaced(self.vocab) else "").join(symbols)

    def sample_sequences(self, n: int, length: int, seed: int = 0) -> list[str]:
        """`n` sequences of the first `length` tokens of the process as texts, each begun anew.

        >>> from finitegpt.sources import golden_mean
        >>> golden_mean().sample_sequences(2, 5)
        ['01010', '01010']
        """
        n, length, seed = whole("n", n), whole("length", length, 1), seed_of(seed)
        require_memory(8 * n * length + 64 * n, "a sample", "fewer sequences")
        V, K, _ = self.transitions.shape
        rng, found = np.random.default_rng(seed), []
        first, ways = _bounds(self.start[None])[0], _bounds(self.transitions.transpose(1, 0, 2).reshape(K, V * K))
        for _, count in ranges(n, max(1, _SAMPLED // (V * K))):
            hidden, tokens = np.searchsorted(first, rng.random(count), "right"), np.empty((count, length), np.int32)
            for k in range(length):
                way = (ways[hidden] <= rng.random(count)[:, None]).sum(1)
                tokens[:, k], hidden = way // K, way % K
            found.append(tokens.reshape(-1))
        every = np.concatenate(found) if found else np.zeros(0, np.int32)
        return pieces(every, np.arange(n + 1, dtype=np.int64) * length, self.vocab)

    def _levels(self, length: int) -> Iterator[tuple[NDArray[np.int64], Floats, Floats]]:
        """For words of 0, 1, .. `length` tokens: which belief each leaves (V**k,), -1 for impossible words; the
        distinct beliefs; and how probable each word is (V**k,).

        Beliefs are normalised at every step, so that what is possible stays so where its probability underflows.
        """
        _require_length(length, 0)
        if length > _LONGEST:
            raise TooLargeError(
                f"expected words of at most {_LONGEST} tokens, got {length}; try memory, which lists none"
            )
        require_memory(40 * len(self.vocab) ** length, "a probability for every word", "shorter words")
        places, beliefs, probs = np.zeros(1, np.int64), self.start[None], np.ones(1)
        yield places, beliefs, probs
        for _ in range(length):
            chances, beliefs, after = belief.advance(self.transitions, beliefs)
            probs = (probs[:, None] * chances[places]).reshape(-1)
            places = np.where(places[:, None] >= 0, after[places], -1).reshape(-1)
            yield places, beliefs, probs

    def _filled(self, length: int, function: Callable[[Floats], Floats]) -> Iterator[Floats]:
        """`function` of the belief after each word of 0, 1, .. `length` tokens, (V**k, n)."""
        values = function(self.start[None])
        for places, beliefs, _ in self._levels(length):
            own, impossible = function(beliefs)[places], places < 0
            if impossible.any():  # the suffix without the oldest token has been filled already
                own[impossible] = values[np.flatnonzero(impossible) % len(values)]
            values = own
            yield values


def _last(items: Iterable[Item]) -> Item:
    return deque(items, maxlen=1)[0]


def _cumulative(probs: Floats) -> tuple[list[float], list[int]]:
    """Between which numbers a uniform one chooses which of the possible entries; the last has no upper bound."""
    used = np.flatnonzero(probs)
    return np.cumsum(probs[used])[:-1].tolist(), used.tolist()


def _bounds(probs: Floats) -> Floats:
    """Between which numbers a uniform one chooses which entry of each row (n, k); the last possible has no bound."""
    bounds = probs.cumsum(1)
    last = probs.shape[1] - 1 - np.argmax(probs[:, ::-1] > 0, axis=1)
    bounds[np.arange(probs.shape[1]) >= last[:, None]] = np.inf
    return bounds


def _require_terms(length: int, least: int) -> None:
    _require_length(length, least)
    if length > _MOST_TERMS:
        raise TooLargeError(f"expected at most {_MOST_TERMS:,} tokens, got {shown(length)}; try fewer")


def _require_length(length: int, least: int) -> None:
    if not is_whole(length) or length < least:
        raise InputError(f"expected a number of tokens of {least} or more, got {shown(length)}; try 3")
