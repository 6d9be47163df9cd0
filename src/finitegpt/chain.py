"""The Markov chain that a GPT is: every context a state, every next token an arrow."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, TextIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finitegpt import markup, states
from finitegpt.arguments import is_whole, shown
from finitegpt.errors import InputError
from finitegpt.exchange.csr import csr
from finitegpt.exchange.digraph import digraph
from finitegpt.exchange.dot import dot
from finitegpt.exchange.table import write_table
from finitegpt.next_token import NextToken
from finitegpt.questions import Questions
from finitegpt.rows import LEAST, Rows
from finitegpt.states import visible
from finitegpt.walk import seed_of, walk
from finitegpt.words import percent

if TYPE_CHECKING:
    import graphviz
    import networkx
    import scipy.sparse

_GRAPH, _COLUMNS = 32, 8


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Chain(Questions):
    """A chain over all V**L contexts, with what there is to ask of it.

    It reads as a table of states: `chain["101"]` is what follows that state, and iterating gives every state as text.

    >>> chain = Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1)
    >>> chain["a"], list(chain), chain.p("b", after="b")
    (NextToken('a': 0.9, 'b': 0.1), ['a', 'b'], 0.5)
    >>> print(chain.entropy_rate, chain.stationary_distribution["b"])
    0.386427 0.166667
    """

    def __getitem__(self, state: str | int) -> NextToken:
        """What follows a state, given as text or as its id."""
        id = self.id(state)
        return self._follows(self.label(id), self.log_probs, id)

    def at(self, context: str | int) -> NextToken:
        """What follows a context of 1 to L tokens: a state, or a start-up context where the chain has their rows."""
        if not isinstance(context, str):
            return self[context]
        tokens, L = self.tokens(context), self.context_length
        known = self.startup is not None
        if not tokens or len(tokens) > L or (len(tokens) < L and not known):
            raise InputError(
                f"expected a context of {'1 to ' if known and L > 1 else ''}{L} tokens, got {shown(context)}; "
                f"try {self.label(0)!r}"
            )
        rows = self.log_probs if len(tokens) == L else (self.startup or ())[len(tokens) - 1]
        return self._follows(context, rows, int(states.ids(tokens, self.vocab_size)))

    def p(self, token: str, *, after: str | int) -> float:
        """The probability of a token after a context of 1 to L tokens."""
        return self.at(after)[token]

    def _follows(self, context: str, rows: Rows, id: int) -> NextToken:
        row = rows[id]
        probs = np.exp(row, dtype=np.float64)
        probs[row < LEAST] = 0
        probs /= probs.sum()
        probs.setflags(write=False)
        return NextToken(context, self.vocab, probs)

    def __len__(self) -> int:
        return self.n_states

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, state: object) -> bool:
        try:
            self.id(state)  # type: ignore[arg-type]
        except InputError:
            return False
        return True

    def __array__(self, *_: Any, **__: Any) -> NDArray[np.float64]:
        raise InputError("expected numbers, got a chain; try its probs")

    shown: ClassVar[Callable[["Chain"], str] | None] = None
    """What a notebook shows of a small chain, as SVG. Pictures lie above, so the package says here where they are."""

    def _repr_html_(self) -> str:
        """What a notebook shows: the state graph of a small chain, else a table of what follows its first states."""
        if Chain.shown and self.n_states <= _GRAPH and self.vocab_size <= _COLUMNS:
            return Chain.shown(self)
        few = self.vocab_size <= _COLUMNS
        head = ("state", *map(visible, self.vocab)) if few else ("state", "most probable next tokens")

        def cells(state: str) -> list[str]:
            after = self[state]
            if few:
                return [visible(state), *(percent(p, p, p) for p in after.values())]
            return [visible(state), ", ".join(f"{visible(y)} {percent(p, p, p)}" for y, p in after.top(_COLUMNS // 2))]

        return markup.table(repr(self), head, map(cells, self), total=self.n_states)

    def sample(self, n: int, *, start: ArrayLike | None = None, seed: int = 0) -> str:
        """A start, and `n` tokens that follow it.

        The start is a context as text, which may be shorter than a state where the chain has the start-up rows; the id
        of a state; or a distribution (V**L,) that the first state is drawn from, by default that of
        `start_distribution`: the states of the data as often as it has them, or all alike.
        """
        tokens = self._first_tokens(start, seed)
        if not tokens or (len(tokens) < self.context_length and self.startup is None):
            raise InputError(
                f"expected a start of {self.context_length} tokens, got {shown(start)}; try {self.label(0)!r}"
            )

        def next_row(window: NDArray[np.int64]) -> Rows:
            rows = self.log_probs if len(window) == self.context_length else (self.startup or ())[len(window) - 1]
            return rows[states.ids(window, self.vocab_size)]

        walked = walk(next_row, tokens, n, self.context_length, seed)
        return states.text(walked, self.vocab)

    def _first_tokens(self, start: ArrayLike | None, seed: int) -> list[int]:
        if isinstance(start, str):
            return self.tokens(start)
        if is_whole(start):
            id = self.id(start)
        else:
            likely = np.cumsum(self.start_distribution(start))
            u = np.random.default_rng((1, seed_of(seed))).random()  # not the numbers that the walk draws
            id = int(np.searchsorted(likely, u * likely[-1], side="right"))
        return states.contexts(id, self.vocab_size, self.context_length).tolist()

    def map_rows(self, function: Callable[[Rows], Rows]) -> "Chain":
        """The chain with its rows, start-up rows too, replaced by `function` of them: how decoding is made."""
        if not callable(function):
            raise InputError(f"expected a function of rows, got {shown(function)}; try temperature")
        startup = None if self.startup is None else tuple(function(rows) for rows in self.startup)
        return replace(self, log_probs=function(self.log_probs), startup=startup)

    def to_csr(self) -> "scipy.sparse.csr_array":
        """The transition matrix (V**L, V**L), sparse, float64; arrows of probability zero are left out."""
        return csr(self.probs, self.context_length)

    def to_networkx(self) -> "networkx.DiGraph":
        """A directed graph of the labels; edges have `token`, `probability` and the same as `weight`."""
        return digraph(self.probs, self.vocab, self.context_length, self.counts)

    def to_graphviz(self) -> "graphviz.Digraph":
        """The notebook's digraph for `circo`: labels such as `1(79%)`, never-seen states dashed."""
        return dot(self.probs, self.vocab, self.context_length, self.counts)

    def write_csv(self, file: TextIO) -> None:
        """Writes a row an arrow: state, next token, successor, probability, its natural logarithm, and the count."""
        write_table(self.probs, self.log_probs, self.vocab, self.context_length, self.counts, file)
