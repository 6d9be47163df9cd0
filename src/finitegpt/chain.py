"""The Markov chain that a GPT is: every context a state, every next token an arrow."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Self, TextIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finitegpt import markup, states
from finitegpt.analysis.patterns import select
from finitegpt.arguments import is_whole, shown
from finitegpt.errors import InputError
from finitegpt.exchange.arrow import arrow_table, read_arrow
from finitegpt.exchange.csr import csr, dense, read_matrix
from finitegpt.exchange.digraph import digraph, read_digraph
from finitegpt.exchange.dot import dot
from finitegpt.exchange.drn import read_drn, write_drn
from finitegpt.exchange.pydtmc import pydtmc_chain, read_pydtmc
from finitegpt.exchange.quantecon import quantecon_chain, read_quantecon
from finitegpt.exchange.table import read_table, write_table
from finitegpt.exchange.umb import read_umb, write_umb
from finitegpt.next_token import NextToken
from finitegpt.questions import Questions
from finitegpt.rows import LEAST, Rows
from finitegpt.states import visible
from finitegpt.walk import seed_of, walk_rows
from finitegpt.words import percent

if TYPE_CHECKING:
    import graphviz
    import networkx
    import quantecon
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

        walked = walk_rows(self.log_probs, self.startup or (), self.context_length, tokens, n, seed)
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

    @classmethod
    def from_matrix(
        cls,
        matrix: Any,
        vocab: str | Sequence[str] | None = None,
        context_length: int = 1,
        *,
        states: Sequence[object] | None = None,
    ) -> Self:
        """The chain of a transition matrix (n, n), dense or sparse, kept in float64.

        Any Markov chain is one: its states, named by `states` or else 0, 1, 2, ..., are the tokens, and the context is
        one token. Memory is then n**2, which does for some thousands. With a vocabulary, states are contexts, in the
        order of their ids, or in that of `states`, their texts. InputError unless rows sum to one to 1e-12 and, with
        a vocabulary, arrows go where contexts can go.

        >>> from finitegpt import Chain
        >>> weather = Chain.from_matrix([[0.9, 0.1], [0.5, 0.5]], states=["sunny", "rainy"])
        >>> weather.vocab, weather.context_length
        (('sunny', 'rainy'), 1)
        >>> chain = Chain.from_probs([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8], [0.0, 1.0]], "01", 2)
        >>> Chain.from_matrix(chain.to_csr(), "01", 2).probs.round(6).tolist()
        [[0.9, 0.1], [0.5, 0.5], [0.2, 0.8], [0.0, 1.0]]
        """
        return cls(**vars(read_matrix(matrix, vocab, context_length, names=states)))

    def to_matrix(self) -> NDArray[np.float64]:
        """The transition matrix (V**L, V**L) with all of its zeros, float64; TooLargeError where it does not fit."""
        return dense(self.probs, self.context_length)

    def to_csr(self) -> "scipy.sparse.csr_array":
        """The transition matrix (V**L, V**L), sparse, float64; arrows of probability zero are left out."""
        return csr(self.probs, self.context_length)

    @classmethod
    def from_networkx(cls, graph: "networkx.DiGraph", weight: str = "weight") -> Self:
        """The chain of a directed graph: of one by `to_networkx`, the same, bit for bit but for arrows that are not.

        Of any other, the chain on its nodes, with the probabilities that `weight` names; `networkx.stochastic_graph`
        makes such of any weights. InputError where they do not sum to one.
        """
        return cls(**vars(read_digraph(graph, weight)))

    def to_networkx(self) -> "networkx.DiGraph":
        """A directed graph of the labels; edges have `token`, `probability`, as `weight` too, and `log_probability`."""
        return digraph(self)

    def to_graphviz(self) -> "graphviz.Digraph":
        """The notebook's digraph for `circo`: labels such as `1(79%)`, never-seen states dashed."""
        return dot(self.probs, self.vocab, self.context_length, self.counts)

    @classmethod
    def from_quantecon(
        cls, chain: "quantecon.MarkovChain", vocab: str | Sequence[str] | None = None, context_length: int = 1
    ) -> Self:
        """The chain of a `quantecon.MarkovChain`, whose state values name the states, or with a vocabulary contexts."""
        return cls(**vars(read_quantecon(chain, vocab, context_length)))

    def to_quantecon(self) -> "quantecon.MarkovChain":
        """A `quantecon.MarkovChain` with the states' texts as state values; InputError where it is not installed."""
        return quantecon_chain(self)

    @classmethod
    def from_pydtmc(cls, chain: Any, vocab: str | Sequence[str] | None = None, context_length: int = 1) -> Self:
        """The chain of a `pydtmc.MarkovChain`, with its states, which with a vocabulary are contexts."""
        return cls(**vars(read_pydtmc(chain, vocab, context_length)))

    def to_pydtmc(self) -> Any:
        """A `pydtmc.MarkovChain` of the states' texts; InputError where it is not installed, and for one state."""
        return pydtmc_chain(self)

    @classmethod
    def from_arrow(cls, table: Any) -> Self:
        """The chain of a table by `to_arrow`, bit for bit, or of the data frame that pandas or Polars makes of it."""
        return cls(**vars(read_arrow(table)))

    def to_arrow(self, *, startup: bool = False) -> Any:
        """A `pyarrow.Table`, a row an arrow as `write_csv` has them; InputError where pyarrow is not installed."""
        return arrow_table(self, startup=startup)

    @classmethod
    def read_csv(cls, file: TextIO | str | Path) -> Self:
        """The chain of a file by `write_csv`, bit for bit; FileError with the line where it is damaged.

        >>> import io
        >>> from finitegpt import Chain
        >>> chain, file = Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1), io.StringIO()
        >>> chain.write_csv(file)
        >>> again = Chain.read_csv(io.StringIO(file.getvalue()))
        >>> (again.log_probs == chain.log_probs).all()
        np.True_
        """
        return cls(**vars(read_table(file)))

    def write_csv(self, file: TextIO | str | Path, *, startup: bool = False) -> None:
        """Writes a row an arrow: state, next token, successor, probability, its natural logarithm, count, precision.

        `startup` asks for the rows of start-up contexts after them.
        """
        write_table(self, file, startup=startup)

    @classmethod
    def read_drn(cls, file: TextIO | str | Path) -> Self:
        """The chain of a DTMC in Storm's explicit format, bit for bit where `write_drn` wrote it.

        Of another the states are 0, 1, 2, ...; `finitegpt.exchange.drn.read_drn` gives the labels too. FileError with
        the line where it is damaged, or no DTMC.
        """
        return cls(**vars(read_drn(file)[0]))

    def write_drn(
        self,
        file: TextIO | str | Path,
        labels: "Mapping[str, str | Sequence[str] | ArrayLike] | None" = None,
        *,
        exact: bool = False,
    ) -> None:
        """Writes a DTMC in Storm's explicit format, with labels of states: `labels={"init": "000", "red": "11?"}`.

        States are given as patterns, ids or masks. Without `init` the most frequent state of the training data begins,
        or state 0 where that is unknown. `exact` writes fractions, for Storm's exact engine.
        """
        write_drn(self, file, self._labels(labels), exact=exact)

    @classmethod
    def read_umb(cls, file: BinaryIO | str | Path) -> Self:
        """The chain of a DTMC in the unified Markov binary format, bit for bit where `write_umb` wrote it.

        Of another the states are 0, 1, 2, ...; `finitegpt.exchange.umb.read_umb` gives the labels too. FileError where
        it is damaged, or no DTMC.
        """
        return cls(**vars(read_umb(file)[0]))

    def write_umb(
        self, file: BinaryIO | str | Path, labels: "Mapping[str, str | Sequence[str] | ArrayLike] | None" = None
    ) -> None:
        """Writes a DTMC in the unified Markov binary format, for Storm, PRISM and Modest; labels as in `write_drn`."""
        write_umb(self, file, self._labels(labels))

    def _labels(self, given: "Mapping[str, str | Sequence[str] | ArrayLike] | None") -> dict[str, NDArray[np.bool_]]:
        """Each label's states, and where the chain starts."""
        if not isinstance(given, Mapping | None):
            raise InputError(f"expected labels and their states, got {shown(given)}; try {{'red': '*1'}}")
        first = 0 if self.counts is None else int(np.argmax(self.counts))
        return {name: select(self, which) for name, which in {"init": [first], **(given or {})}.items()}
