"""The Markov chain that a GPT is: every context a state, every next token an arrow."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TextIO

import numpy as np

from finitegpt import states
from finitegpt.errors import InputError
from finitegpt.exchange.csr import csr
from finitegpt.exchange.digraph import digraph
from finitegpt.exchange.dot import dot
from finitegpt.exchange.table import write_table
from finitegpt.rows import RowOperator, Rows
from finitegpt.walk import walk_rows

if TYPE_CHECKING:
    import graphviz
    import networkx
    import scipy.sparse


@dataclass(frozen=True, eq=False, kw_only=True)
class Chain(RowOperator):
    """A chain over all V**L contexts, with what there is to ask of it."""

    def sample(self, n: int, *, start: str | None = None, seed: int = 0) -> str:
        """`start` and `n` tokens that follow it. A start shorter than a state needs the start-up rows.

        Without a start, the most frequent state of the training data begins, or state 0 where that is unknown.
        """
        if start is None:
            start = self.label(0 if self.counts is None else int(np.argmax(self.counts)))
        tokens = self.tokens(start)
        if not tokens or (len(tokens) < self.context_length and self.startup is None):
            raise InputError(f"expected a start of {self.context_length} tokens, got {start!r}; try {self.label(0)!r}")

        walked = walk_rows(self.log_probs, self.startup or (), self.context_length, tokens, n, seed)
        return states.text(walked, self.vocab)

    def map_rows(self, function: Callable[[Rows], Rows]) -> "Chain":
        """The chain with its rows, start-up rows too, replaced by `function` of them: how decoding is made."""
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
