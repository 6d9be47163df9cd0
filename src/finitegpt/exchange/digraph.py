"""networkx graphs, which keep log-probabilities and their precision too, also when they are saved as GraphML."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from finitegpt.errors import InputError
from finitegpt.exchange.arrows import arrows, labels
from finitegpt.exchange.csr import from_arrows
from finitegpt.exchange.parts import PRECISIONS, Parts, Stored, agrees, probabilities, rounded

if TYPE_CHECKING:
    import networkx


def digraph(chain: Stored) -> "networkx.DiGraph":
    """A directed graph of the labels; edges have `token`, `probability`, as `weight` too, and `log_probability`."""
    import networkx

    vocab, L, counts = chain.vocab, chain.context_length, chain.counts
    listed, names = arrows(chain.probs, L), labels(vocab, L)
    graph = networkx.DiGraph(vocab=json.dumps(vocab), context_length=L, precision=chain.log_probs.dtype.name)
    for id, name in enumerate(names):
        graph.add_node(name, id=id, **({} if counts is None else {"count": int(counts[id])}))
    for state, token, target, p in listed:
        log_p = float(chain.log_probs[state, token])
        graph.add_edge(names[state], names[target], token=vocab[token], probability=p, weight=p, log_probability=log_p)
    return graph


def read_digraph(graph: "networkx.DiGraph", weight: str = "weight") -> Parts:
    """The chain of a directed graph; InputError where it is none.

    Of a graph that `digraph` made, the same chain, bit for bit but for arrows of probability zero. Of any other, the
    chain on its nodes, each a token of its own, with the probabilities that `weight` names, 1 where an edge has none;
    `networkx.stochastic_graph` makes such of any weights.
    """
    if not hasattr(graph, "is_directed") or not graph.is_directed():
        raise InputError("expected a directed graph of networkx, got another; try graph.to_directed()")
    if not isinstance(weight, str):
        raise InputError(f"expected the name of a number on each edge, got {weight!r}; try 'weight'")
    if not len(graph):
        raise InputError("expected a graph with nodes, got none; try to_networkx")
    nodes = list(graph)
    places = {node: place for place, node in enumerate(nodes)}
    weights = [_number(data.get(weight, 1), weight) for *_, data in graph.edges(data=True)]
    drawn = zip(graph.edges(data=True), weights, strict=True)
    edges = [(places[a], places[b], data) for (a, b, data), p in drawn if p != 0]
    rows, columns = (np.array([edge[side] for edge in edges], np.int64) for side in (0, 1))
    values = np.array([p for p in weights if p != 0], np.float64)
    vocab, context_length = _contexts(graph)
    parts = from_arrows(len(nodes), rows, columns, values, vocab, context_length, names=nodes)
    return parts if vocab is None else _with_logarithms(parts, graph, edges, nodes)


def _contexts(graph: Any) -> tuple[tuple[str, ...] | None, int]:
    """Vocabulary and context length, as `digraph` notes them."""
    noted = graph.graph.get("vocab"), graph.graph.get("context_length")
    if None in noted:
        return None, 1
    try:
        vocab, length = json.loads(noted[0]), int(noted[1])
    except (ValueError, TypeError, RecursionError):
        vocab, length = None, 0
    if not isinstance(vocab, list) or not all(isinstance(symbol, str) for symbol in vocab):
        raise InputError(f"expected a graph's vocabulary as JSON, got {noted[0]!r}; try del graph.graph['vocab']")
    return tuple(vocab), length


def _with_logarithms(parts: Parts, graph: Any, edges: Sequence[tuple[int, int, Any]], nodes: list[str]) -> Parts:
    """With the logarithms and counts that a graph notes, where it notes all of them."""
    ids = {name: id for id, name in enumerate(labels(parts.vocab, parts.context_length))}
    counts = [graph.nodes[name].get("count") for name in ids]
    whole = all(isinstance(count, int) and not isinstance(count, bool) and 0 <= count < 2**63 for count in counts)
    logs, precision = [data.get("log_probability") for *_, data in edges], graph.graph.get("precision")
    rows = parts.log_probs
    if precision in PRECISIONS and None not in logs:
        V = len(parts.vocab)
        exact = np.full(rows.shape, -np.inf)
        for (a, b, _), log_p in zip(edges, logs, strict=True):
            exact[ids[nodes[a]], ids[nodes[b]] % V] = _number(log_p, "log_probability")
        rows = rounded(exact, precision)
        agreed = agrees(rows, probabilities(parts.log_probs))
        if not agreed.all():
            name = list(ids)[int(np.argmin(agreed))]
            raise InputError(
                f"expected weights and the logarithms of the same after {name!r}, got others; try "
                "networkx.set_edge_attributes or del graph.graph['precision']"
            )
    return Parts(
        log_probs=rows,
        vocab=parts.vocab,
        context_length=parts.context_length,
        counts=np.array(counts, np.int64) if whole else None,
    )


def _number(given: Any, name: str) -> float:
    try:
        return float(given)
    except (TypeError, ValueError):
        raise InputError(f"expected numbers as {name}, got {given!r}; try weight='probability'") from None
