"""Rows of next-token probabilities, one for each context, as an operator: steps forward and backward, and the graph."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finitegpt import states, words
from finitegpt.arguments import array, numbers, shown, whole
from finitegpt.engine import Engine
from finitegpt.errors import InputError
from finitegpt.graph import Graph
from finitegpt.limits import require_memory
from finitegpt.naming import Names, shortened
from finitegpt.operator import Function, with_first
from finitegpt.parallel import ordered, ranges
from finitegpt.symbols import require_symbols, symbols_of

Rows = NDArray[np.float32 | np.float64]
"""Next-token log-probabilities, (contexts, V), in nats."""

LEAST = -708.0
"""Log-probabilities below this, whose probabilities double precision barely holds, are those of arrows that are not."""

_PIECE = 2**17
_TOLERANCE = {np.dtype(np.float32): 1e-4, np.dtype(np.float64): 1e-12}  # of a row's sum; kernels normalise the rest
_UNIT = 2.0**-53


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class RowOperator:
    """A chain over all V**L contexts of L tokens, as an operator: row i of `log_probs` says what follows state i.

    The chain is its stored rows, each normalised in double precision where it is read, without the arrows of a
    log-probability below -708; every certificate is about that chain. Rows are float32 as a GPT gives them, or float64
    where a law is known exactly.

    `startup`, where it is known, holds the same rows for contexts of 1, 2, ... L-1 tokens; `counts`, how often the
    training data shows each state.
    """

    log_probs: Rows
    """Natural logarithms (V**L, V), float32 or float64; each row of probabilities sums to one."""
    vocab: tuple[str, ...]
    context_length: int
    startup: tuple[Rows, ...] | None = None
    counts: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "vocab", _vocabulary(self.vocab))  # a text is taken for its characters
        object.__setattr__(self, "context_length", whole("context_length", self.context_length, 1))
        V, L = len(self.vocab), self.context_length
        states.require_enumerable(V, L)
        expected = (states.n_states(V, L), V)
        rows = self.log_probs
        if not isinstance(rows, np.ndarray) or rows.shape != expected or rows.dtype not in _TOLERANCE:
            raise InputError(
                f"expected float32 or float64 log-probabilities of shape {expected}, got {shown(rows)}; "
                "try Chain.from_probs"
            )
        if self.startup is not None:
            object.__setattr__(self, "startup", _startup(self.startup, self.log_probs.dtype, V, L))
        if self.counts is not None:
            object.__setattr__(self, "counts", _counts(self.counts, expected[0]))
        for rows in (self.log_probs, *(self.startup or ())):
            _check_rows(rows)

    @classmethod
    def from_probs(cls, probs: ArrayLike, vocab: "str | tuple[str, ...]", context_length: int) -> Self:
        """A chain of given next-token probabilities (V**L, V), kept in float64.

        InputError unless every row sums to one to 1e-12.

        >>> from finitegpt import Chain
        >>> Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1).log_probs.dtype
        dtype('float64')
        """
        p = numbers("probabilities", probs, instead="[[0.9, 0.1], [0.5, 0.5]]")
        off = np.abs(p.sum(1) - 1).max(initial=0) if p.ndim == 2 and (p >= 0).all() else np.inf
        if not off <= _TOLERANCE[p.dtype]:
            got = f"one off by {off:.1e}" if np.isfinite(off) else f"others, of shape {p.shape}"
            raise InputError(
                f"expected rows of probabilities that sum to one to 1e-12, got {got}; try dividing them by their sums, "
                "in float64 if they were computed in float32"
            )
        with np.errstate(divide="ignore"):
            return cls(log_probs=np.log(p), vocab=_vocabulary(vocab), context_length=context_length)

    def __repr__(self) -> str:
        V, L, seen = self.vocab_size, self.context_length, self.seen
        known = "" if seen is None else f", {int(seen.sum()):,} seen in data"
        of = f"{shortened(self.vocab)}, {V}**{L} = {words.count(self.n_states, 'state')}"
        return f"{type(self).__name__}({of}, {self.log_probs.dtype}{known})"

    @property
    def n_states(self) -> int:
        """V**L."""
        return len(self.log_probs)

    @property
    def vocab_size(self) -> int:
        """V."""
        return len(self.vocab)

    @property
    def seen(self) -> NDArray[np.bool_] | None:
        """Whether the training data shows each state (V**L,), where that is known."""
        return None if self.counts is None else self.counts > 0

    @cached_property
    def probs(self) -> NDArray[np.float64]:
        """Next-token probabilities (V**L, V), float64, each row summing to one."""
        require_memory(8 * self.log_probs.size, "the probabilities", "log_probs, which are there already")
        p = np.exp(self.log_probs, dtype=np.float64)
        if not self.support.all():
            p[~self.support] = 0
        p /= p.sum(1, keepdims=True)
        p.setflags(write=False)
        return p

    @property
    def rounding(self) -> float:
        """The largest relative error of a probability that a kernel computes of a row, for certificates.

        Float32 rows are what they are, so it is the error of exponentials (1.5 * 2**-53 at most where they were
        measured), of sums of V of them, and of normalising. Float64 rows are logarithms of what was meant, which have
        been rounded: a unit in their last place counts too.

        >>> from finitegpt import Chain
        >>> Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1).rounding < 1e-14
        True
        """
        return self._rounding

    @cached_property
    def _rounding(self) -> float:
        return Engine().rounding(self.log_probs)

    @cached_property
    def support(self) -> NDArray[np.bool_]:
        """Which arrows there are (V**L, V): those of a probability of at least 1e-307, as `push` and `pull` see it."""
        return self.log_probs >= LEAST

    @property
    def width(self) -> int:
        """The most arrows that a state has: V."""
        return self.vocab_size

    @property
    def is_complete(self) -> bool:
        """Whether no arrow is missing, so that every state can come to every other."""
        return self._is_complete

    @property
    def graph(self) -> Graph:
        """All arrows, for what is computed by them; TooLargeError where they would not fit in memory."""
        return self._graph

    @cached_property
    def _is_complete(self) -> bool:
        return bool(self.support.all())

    @cached_property
    def _graph(self) -> Graph:
        first, to, probs = Engine().arrows(self.log_probs)
        return Graph(first=first, to=to, probs=probs, rounding=self.rounding)

    def overlap(self, members: "NDArray[np.int64] | None" = None) -> tuple[int, float]:
        """L and a lower bound of the probability that two copies, started anywhere, can be made to meet in L steps.

        Copies that share their last k tokens share the next one, too, with the probability that all contexts ending in
        those k tokens agree on: the sum over tokens of the least of their rows. After L common tokens they are one.
        With `members`, the ids of a recurrent class, copies that start in it.
        """
        V, L = self.vocab_size, self.context_length
        inside = None if members is None else self._closed(members)
        if inside is not None and inside.all():
            inside = None
        beta = Engine().overlap(self.log_probs, inside)
        return L, beta * (1 - L * (self.rounding + (V + 8) * 2.0**-53))

    def _closed(self, members: Any) -> NDArray[np.uint8]:
        """A mask (V**L,) of ids; InputError where the chain can leave them, so that copies need not meet there."""
        n, V, ids = self.n_states, self.vocab_size, array(members)
        inside = np.zeros(n, np.uint8)
        if ids.ndim == 1 and len(ids) and ids.dtype.kind in "iu" and int(ids.min()) >= 0 and int(ids.max()) < n:
            inside[ids] = 1
            if inside.all():
                return inside
            first = states.first_successors(ids, V, self.context_length)
            if all((inside[first + y] >= self.support[ids, y]).all() for y in range(V)):
                return inside
        raise InputError(f"expected the ids of a recurrent class, got {shown(members)}; try one of recurrent_classes")

    @property
    def names(self) -> Names:
        """What its states are called."""
        return Names(self.vocab, self.context_length)

    def label(self, id: int) -> str:
        """A state as text, such as `101`."""
        return self.names.label(id)

    @cached_property
    def labels(self) -> list[str]:
        """Every state as text, by id."""
        return [self.label(id) for id in range(self.n_states)]

    def id(self, state: str | int) -> int:
        """The id of a state that is given as text, or as an id; InputError if it is none."""
        return self.names.id(state)

    def tokens(self, context: str) -> list[int]:
        """Text as tokens; InputError for a symbol that is none."""
        return self.names.tokens(context)

    def push(self, distribution: ArrayLike, out: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """A distribution (V**L,) one step later: pi'[b, y] = sum over a of pi[a, b] p[a, b, y].

        One pass over memory, by a thread for each core; no table of probabilities is made. `out`, another array than
        `distribution`, receives the result if given: in a loop that saves the system from finding memory each time.

        >>> from finitegpt import Chain
        >>> Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1).push([1, 0]).round(6)
        array([0.9, 0.1])
        """
        V, pi, engine = self.vocab_size, self._function(distribution), Engine()
        result = self._room(out, pi)
        rows = result.reshape(-1, V)

        def part(suffixes: tuple[int, int]) -> None:
            first, count = suffixes
            engine.push(self.log_probs, pi, first, count, rows[first : first + count])

        _in_threads(part, len(rows))
        return result

    def pull(self, function: ArrayLike, out: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """The expectation (V**L,) of a function of the next state: (P f)[a, b] = sum over y of p[a, b, y] f[b, y].

        As `push`, and `out` likewise.

        >>> from finitegpt import Chain
        >>> Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1).pull([0, 1]).round(6)
        array([0.1, 0.5])
        """
        f, engine = self._function(function), Engine()
        result = self._room(out, f)

        def part(states: tuple[int, int]) -> None:
            first, count = states
            engine.pull(self.log_probs, f, first, count, result[first : first + count])

        _in_threads(part, len(result))
        return result

    def row_entropy(self) -> NDArray[np.float64]:
        """Entropy of the next token after each state (V**L,), in nats.

        >>> from finitegpt import Chain
        >>> Chain.from_probs([[0.5, 0.5], [0, 1]], "ab", 1).row_entropy().round(6)
        array([0.693147, 0.      ])
        """
        engine, out = Engine(), np.empty(self.n_states)

        def part(states: tuple[int, int]) -> None:
            first, count = states
            engine.entropy(self.log_probs, first, count, out[first : first + count])

        _in_threads(part, len(out))
        return out

    def residual(self, distribution: ArrayLike) -> float:
        """How far a distribution is from stationary: the largest |pi P - pi| / pi over all states."""
        pi = self._function(distribution)
        return Engine().change(pi, self.push(pi))

    def _function(self, values: ArrayLike) -> NDArray[np.float64]:
        function = np.ascontiguousarray(numbers("values", values, instead="one for each state"))
        if function.shape != (self.n_states,):
            raise InputError(f"expected {self.n_states} numbers, one a state, got shape {function.shape}; try another")
        return function

    def _room(self, out: NDArray[np.float64] | None, source: NDArray[np.float64]) -> NDArray[np.float64]:
        if out is None:
            return np.empty(self.n_states)
        fits = isinstance(out, np.ndarray) and out.shape == (self.n_states,) and out.dtype == np.float64
        if not fits or not out.flags.c_contiguous or not out.flags.writeable or np.shares_memory(out, source):
            raise InputError(
                f"expected out to be another float64 array of shape ({self.n_states},), got {shown(out)}; "
                f"try numpy.empty({self.n_states})"
            )
        return out


def _vocabulary(vocab: Any) -> tuple[str, ...]:
    symbols = symbols_of(vocab)
    if not symbols:
        raise InputError(f"expected a vocabulary of at least one token, got {shown(vocab)}; try '01'")
    try:
        return _checked(symbols)
    except TypeError:  # what has no hash is no text
        require_symbols(symbols)
        raise


@lru_cache(maxsize=64)
def _checked(symbols: tuple[str, ...]) -> tuple[str, ...]:
    """Once for a vocabulary, and not for each chain that is made of another."""
    require_symbols(symbols)
    return tuple(map(str, symbols))


def _startup(startup: Any, dtype: np.dtype, V: int, L: int) -> tuple[Rows, ...]:
    rows = tuple(startup) if isinstance(startup, tuple | list) else (startup,)
    shapes = [(dtype, (V**k, V)) for k in range(1, L)]
    if [(one.dtype, one.shape) for one in rows if isinstance(one, np.ndarray)] != shapes or len(rows) != L - 1:
        raise InputError(
            f"expected start-up rows of {dtype} of shapes (V**k, V) for k from 1 to L-1, got others; try None"
        )
    return rows


def _counts(counts: Any, n: int) -> NDArray[np.int64]:
    known = array(counts)
    if known.shape != (n,) or known.dtype.kind not in "iu" or int(known.min()) < 0:
        raise InputError(f"expected counts of shape ({n},), whole numbers of 0 or more, got {shown(counts)}; try None")
    return known


def _check_rows(rows: Rows) -> None:
    if not rows.flags.c_contiguous:
        raise InputError("expected contiguous log-probabilities, got strides; try numpy.ascontiguousarray")
    engine, off = Engine(), [0.0]
    _in_threads(lambda piece: off.append(engine.deviation(rows, *piece)), len(rows))
    if max(off) > _TOLERANCE[rows.dtype]:
        got = f"a row off by {max(off):.1e}" if np.isfinite(max(off)) else "a row with NaN or what is far above one"
        raise InputError(
            f"expected {rows.dtype} rows whose probabilities sum to one to {_TOLERANCE[rows.dtype]:g}, got {got}; try "
            "subtracting numpy.logaddexp.reduce(log_probs, axis=1, keepdims=True)"
        )


def _in_threads(part: Callable[[tuple[int, int]], None], total: int) -> None:
    """Does pieces of the same size whatever the number of threads; a small chain is done at once."""
    if total <= _PIECE:
        part((0, total))
    else:
        for _ in ordered(part, ranges(total, _PIECE)):
            pass


def of_rows(function: Function) -> Function:
    """A function whose first argument is a chain of rows of tokens, with InputError for anything else."""
    return with_first(function, lambda value: isinstance(value, RowOperator))
