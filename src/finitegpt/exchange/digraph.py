"""networkx graphs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from finitegpt.exchange.arrows import arrows, labels

if TYPE_CHECKING:
    import networkx


def digraph(
    probs: NDArray[np.float64], vocab: Sequence[str], context_length: int, counts: NDArray[np.int64] | None = None
) -> "networkx.DiGraph":
    """A directed graph of the labels; edges have `token`, `probability` and the same as `weight`."""
    import networkx

    listed, names = arrows(probs, context_length), labels(vocab, context_length)
    graph = networkx.DiGraph()
    for id, name in enumerate(names):
        graph.add_node(name, id=id, **({} if counts is None else {"count": int(counts[id])}))
    for state, token, target, p in listed:
        graph.add_edge(names[state], names[target], token=vocab[token], probability=p, weight=p)
    return graph
