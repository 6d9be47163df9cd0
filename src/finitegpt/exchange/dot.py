"""Graphviz, as in the notebook."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from finitegpt.exchange.arrows import arrows, labels

if TYPE_CHECKING:
    import graphviz


def dot(
    probs: NDArray[np.float64], vocab: Sequence[str], context_length: int, counts: NDArray[np.int64] | None = None
) -> "graphviz.Digraph":
    """The notebook's digraph for `circo`: labels such as `1(79%)`, never-seen states dashed."""
    import graphviz

    listed, escape = arrows(probs, context_length), graphviz.escape
    graph = graphviz.Digraph("chain", engine="circo")
    for id, name in enumerate(labels(vocab, context_length)):
        style = "dashed" if counts is not None and not counts[id] else "solid"
        graph.node(str(id), label=escape(name), style=style)
    for state, token, target, p in listed:
        graph.edge(str(state), str(target), label=escape(f"{vocab[token]}({p:.0%})"))
    return graph
