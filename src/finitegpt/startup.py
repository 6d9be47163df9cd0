"""A chain with its start-up contexts as states: contexts of every length from 1 to L, V + V**2 + ... + V**L of them.

A text that begins with one token has contexts of 1, 2, ... L-1 tokens before its first full one: start-up contexts.
Each is left at once, by a context that is one token longer, and never seen again, so all of them are transient, and
what the chain holds in the long run is the same with them and without. The notebook's chain (Karpathy, "GPT as a
finite-state Markov chain", 2023) has 14 states so: 8 recurrent ones, 6 on the way. Zekri et al., Large Language Models
as Markov Chains (2024, arXiv 2410.02724), count so, too.

Full contexts keep the ids 0 .. V**L - 1 that they have in the chain, so that whatever is known of them by id stays
where it is. Start-up contexts follow, shortest first, each length in the order of its own ids.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from finitegpt import states
from finitegpt.errors import InputError
from finitegpt.graph import Floats, Graph, Ids
from finitegpt.limits import require_memory
from finitegpt.operator import Function, with_first
from finitegpt.rows import RowOperator


def with_startup(chain: RowOperator) -> "StartupOperator":
    """The chain with its start-up contexts as states, for all analyses that are written on operators.

    InputError where its start-up rows are not known.

    >>> from finitegpt.analysis import communicating_classes
    >>> from finitegpt.sources import ngram
    >>> whole = with_startup(ngram("111101111011110"))
    >>> classes = communicating_classes(whole)
    >>> whole, classes.n_transient
    (StartupOperator(14 states: contexts of 1 to 3 tokens), 6)
    """
    return StartupOperator(chain)


@dataclass(frozen=True, eq=False, repr=False)
class StartupOperator:
    """An operator whose states are the contexts of 1 to L tokens: n = V + V**2 + ... + V**L.

    It has no more of a matrix than the chain: its start-up rows are kept as probabilities (n - V**L, V), and so are
    arrows once they are asked for. `push` and `pull` take the chain's own kernels for full contexts.
    """

    chain: RowOperator
    """Of the full contexts, ids 0 .. V**L - 1."""

    def __post_init__(self) -> None:
        if not isinstance(self.chain, RowOperator):
            raise InputError(f"expected a chain, got {type(self.chain).__name__}; try run.model.chain()")
        if self.chain.startup is None and self.chain.context_length > 1:
            raise InputError(
                "expected a chain with rows for its start-up contexts, got one without; try model.chain(startup=True) "
                "of a GPT, ngram or predictor of up to 65,536 states, or Chain(startup=...) with those of 1, 2, ... "
                "L-1 tokens"
            )

    def __repr__(self) -> str:
        L = self.context_length
        return f"StartupOperator({self.n_states:,} states: contexts of {f'1 to {L} tokens' if L > 1 else '1 token'})"

    @property
    def vocab(self) -> tuple[str, ...]:
        """The V symbols."""
        return self.chain.vocab

    @property
    def vocab_size(self) -> int:
        """V."""
        return self.chain.vocab_size

    @property
    def context_length(self) -> int:
        """L, the length of the longest contexts."""
        return self.chain.context_length

    @property
    def n_states(self) -> int:
        """V + V**2 + ... + V**L."""
        return self._ends[-1]

    @property
    def width(self) -> int:
        """The most arrows that a state has: V."""
        return self.vocab_size

    @property
    def is_complete(self) -> bool:
        """Whether all states are one class: only without start-up contexts."""
        return self.context_length == 1 and self.chain.is_complete

    @property
    def rounding(self) -> float:
        """As `RowOperator.rounding`, of all rows."""
        return max(level.rounding for level in self.levels)

    @cached_property
    def levels(self) -> tuple[RowOperator, ...]:
        """The rows of contexts of L, 1, 2, ... L-1 tokens, as their ids follow each other."""
        rows = enumerate(self.chain.startup or (), 1)
        shorter = (RowOperator(log_probs=level, vocab=self.vocab, context_length=k) for k, level in rows)
        return (self.chain, *shorter)

    @cached_property
    def _ends(self) -> list[int]:
        """Where the ids of each level begin, and n."""
        return np.cumsum([0, *(level.n_states for level in self.levels)]).tolist()

    def ids_of_length(self, tokens: int) -> range:
        """The ids of all contexts of so many tokens.

        >>> from finitegpt.sources import ngram
        >>> [with_startup(ngram("0110", context_length=2)).ids_of_length(k) for k in (1, 2)]
        [range(4, 6), range(0, 4)]
        """
        L = self.context_length
        if not isinstance(tokens, int | np.integer) or not 1 <= tokens <= L:
            raise InputError(f"expected a length from 1 to {L}, got {tokens!r}; try 1")
        k = int(tokens) % L
        return range(self._ends[k], self._ends[k + 1])

    def label(self, id: int) -> str:
        """A state as text, such as `101` or `10`."""
        if not 0 <= id < self.n_states:
            raise InputError(f"expected a state from 0 to {self.n_states - 1}, got {id}; try 0")
        k = int(np.searchsorted(self._ends, id, "right")) - 1
        return self.levels[k].label(id - self._ends[k])

    @cached_property
    def labels(self) -> list[str]:
        """Every state as text, by id."""
        return [label for level in self.levels for label in level.labels]

    def id(self, context: str) -> int:
        """The id of a context of 1 to L tokens given as text; InputError if it is not one."""
        tokens = self.chain.tokens(context)
        if not 1 <= len(tokens) <= self.context_length:
            raise InputError(
                f"expected a context of 1 to {self.context_length} tokens, got {context!r}; try {self.vocab[0]!r}"
            )
        return self.ids_of_length(len(tokens))[int(states.ids(tokens, self.vocab_size))]

    @property
    def first_tokens(self) -> Floats:
        """A start (n,) in contexts of one token: as often as each begins a window of the data, else all alike.

        >>> from finitegpt.sources import ngram
        >>> whole = with_startup(ngram("111101111011110"))
        >>> whole.first_tokens[whole.ids_of_length(1)].round(4)
        array([0.1667, 0.8333])
        """
        V, counts = self.vocab_size, self.chain.counts
        share = np.ones(V) if counts is None or not counts.any() else counts.reshape(V, -1).sum(1)
        pi = np.zeros(self.n_states)
        pi[self.ids_of_length(1)] = share / share.sum()
        return pi

    @cached_property
    def probs(self) -> Floats:
        """Next-token probabilities (n, V), float64, each row summing to one."""
        require_memory(8 * self.n_states * self.width, "the probabilities", "graph, which has them by arrows")
        p = np.concatenate([level.probs for level in self.levels])
        p.setflags(write=False)
        return p

    def row_entropy(self) -> Floats:
        """Entropy of the next token after each state (n,), in nats."""
        return np.concatenate([level.row_entropy() for level in self.levels])

    @property
    def graph(self) -> Graph:
        """All arrows; TooLargeError where they would not fit in memory."""
        return self._graph

    @cached_property
    def _graph(self) -> Graph:
        if self.context_length == 1:
            return self.chain.graph
        n, V = self.n_states, self.width
        require_memory(24 * n * V + 16 * n, "the arrows of a chain with its start-up contexts", "a shorter context")
        graphs, ahead = [level.graph for level in self.levels], first_successors(self)
        first, to = [np.zeros(1, np.int64)], [graphs[0].to]
        for begin, graph in zip(self._ends, graphs, strict=False):
            first.append(graph.first[1:] + first[-1][-1])
            if begin:  # within the level, arrows go as in a chain of its own, to where the last token is the same
                to.append((ahead[begin + graph.source] + graph.to % V).astype(np.int32))
        probs = np.concatenate([graph.probs for graph in graphs])
        return Graph(first=np.concatenate(first), to=np.concatenate(to), probs=probs, rounding=self.rounding)

    @cached_property
    def _shorter(self) -> list[Floats]:
        """The probabilities (V**k, V) of arrows from contexts of 1, 2, ... L-1 tokens, as kernels read them."""
        V, tables = self.width, []
        require_memory(8 * V * (self.n_states - self.chain.n_states), "the start-up rows", "a shorter context")
        for level in self.levels[1:]:
            graph, table = level.graph, np.zeros(level.log_probs.shape)
            table[graph.source, graph.to % V] = graph.probs
            tables.append(table)
        return tables

    def push(self, distribution: ArrayLike, out: Floats | None = None) -> Floats:
        """A distribution (n,) one step later. `out`, another array, receives the result if given.

        >>> from finitegpt.sources import ngram
        >>> whole = with_startup(ngram("0110", context_length=2))
        >>> whole.push(whole.first_tokens)[whole.ids_of_length(1)]
        array([0., 0.])
        """
        pi = self._function(distribution)
        result, N, ends = self._room(out, pi), self.chain.n_states, self._ends
        self.chain.push(pi[:N], out=result[:N])
        result[N:][: self.vocab_size] = 0.0  # nothing leads to a single token
        for k, table in enumerate(self._shorter, 1):
            moved = (pi[ends[k] : ends[k + 1], None] * table).reshape(-1)
            if k < len(self._shorter):
                result[ends[k + 1] : ends[k + 2]] = moved
            else:
                result[:N] += moved
        return result

    def pull(self, function: ArrayLike, out: Floats | None = None) -> Floats:
        """The expectation (n,) of a function of the next state. `out` as above."""
        f = self._function(function)
        result, N, ends = self._room(out, f), self.chain.n_states, self._ends
        self.chain.pull(f[:N], out=result[:N])
        for k, table in enumerate(self._shorter, 1):
            ahead = f[ends[k + 1] : ends[k + 2]] if k < len(self._shorter) else f[:N]
            np.einsum("ij,ij->i", table, ahead.reshape(table.shape), out=result[ends[k] : ends[k + 1]])
        return result

    def overlap(self, members: Ids | None = None) -> tuple[int, float]:
        """As `RowOperator.overlap`: copies that start anywhere have full contexts after L-1 steps, and then L more."""
        N = self.chain.n_states
        if members is not None and len(members) and members[-1] < N:
            return self.chain.overlap(members)
        steps, beta = self.chain.overlap()
        return steps + self.context_length - 1, beta

    def _function(self, values: ArrayLike) -> Floats:
        array = np.ascontiguousarray(values, np.float64)
        if array.shape != (self.n_states,):
            raise InputError(f"expected {self.n_states} numbers, one a state, got shape {array.shape}; try another")
        return array

    def _room(self, out: Floats | None, source: Floats) -> Floats:
        if out is None:
            return np.empty(self.n_states)
        fits = out.shape == (self.n_states,) and out.dtype == np.float64 and out.flags.c_contiguous
        if not fits or not out.flags.writeable or np.shares_memory(out, source):
            raise InputError(
                f"expected out to be another float64 array of shape ({self.n_states},), got {out.dtype} of shape "
                f"{out.shape}; try numpy.empty({self.n_states})"
            )
        return out


ContextOperator = RowOperator | StartupOperator
"""An operator whose states are contexts: of L tokens, or of 1 to L."""


def first_successors(chain: ContextOperator) -> states.Ids:
    """The state (n,) that each moves to by token 0; the one by token y is y further.

    >>> from finitegpt.sources import ngram
    >>> first_successors(with_startup(ngram("0110", context_length=2))).tolist()
    [0, 2, 0, 2, 0, 2]
    """
    V, L = chain.vocab_size, chain.context_length
    full = states.first_successors(states.every(V, L), V, L)
    if isinstance(chain, RowOperator):
        return full
    shorter = (chain.ids_of_length(k + 1).start + V * np.arange(V**k, dtype=np.int64) for k in range(1, L))
    return np.concatenate([full, *shorter])


def of_contexts(function: Function) -> Function:
    """A function whose first argument is a chain, with its start-up contexts or without; InputError for others."""
    return with_first(function, lambda value: isinstance(value, ContextOperator))
