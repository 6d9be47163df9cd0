"""What can be proved of a chain: each a function that looks for a witness and returns a certificate."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finitegpt.analysis import communicating_classes, extended, select
from finitegpt.analysis.divergence import row_divergence
from finitegpt.errors import InputError
from finitegpt.graph import SURELY, Floats, Mask
from finitegpt.prove import decimals, doubles
from finitegpt.prove.certificate import Certificate, certify
from finitegpt.prove.document import Document, begin, entry, packed, require_small
from finitegpt.rows import RowOperator

SMALL = 128
"""Up to so many states witnesses are decimals, as exact as need be."""


def entropy_rate(chain: RowOperator, *, states: ArrayLike | None = None, note: str = "") -> Certificate:
    """The entropy of the next token in the long run, in nats a token, under every stationary distribution.

    Of a chain with several recurrent classes, `states` may give the ids of one; see `recurrent_classes`.

    >>> from finitegpt import Chain
    >>> certificate = entropy_rate(Chain.from_probs([[0.5, 0.5], [0.5, 0.5]], "ab", 1))
    >>> float(certificate.low), float(certificate.high), certificate.narrow
    (0.6931471805599453, 0.6931471805599453, True)
    """
    return _average(begin(chain, "entropy rate", note), chain, chain.row_entropy(), states)


def kl_rate(truth: RowOperator, model: RowOperator, *, states: ArrayLike | None = None, note: str = "") -> Certificate:
    """What predicting with a model costs beyond the best possible, in nats a token; as `compare`.

    >>> from finitegpt import Chain
    >>> truth = Chain.from_probs([[0.5, 0.5], [0.2, 0.8]], "ab", 1)
    >>> float(kl_rate(truth, Chain.from_probs([[0.5, 0.5]] * 2, "ab", 1)).low).__round__(6)
    0.137675
    """
    L = max(truth.context_length, model.context_length)
    require_small(truth.vocab_size, L)
    truth, model = (chain if chain.context_length == L else extended(chain, L) for chain in (truth, model))
    if truth.vocab != model.vocab:
        raise InputError("expected chains over the same vocabulary, got two; try training with --vocab")
    document = begin(truth, "KL rate", note) | {"model": entry(model)}
    return _average(document, truth, row_divergence(truth.log_probs, model.log_probs), states, model)


def mass(chain: RowOperator, red: ArrayLike, *, states: ArrayLike | None = None, note: str = "") -> Certificate:
    """How much of its time the chain is in red states, in the long run: a pattern, several, ids, or a mask (V**L,).

    >>> from finitegpt import Chain
    >>> float(mass(Chain.from_probs([[0.5, 0.5]] * 2, "ab", 1), "b").high)
    0.5
    """
    mask = select(chain, red)
    document = begin(chain, "mass", note) | {"red": packed(mask.astype(np.uint8))}
    return _average(document, chain, mask.astype(np.float64), states)


def hitting_probability(
    chain: RowOperator, red: ArrayLike, *, start: str | int | None = None, note: str = ""
) -> Certificate:
    """The probability of ever reaching red states from a state: without one, from the data's most frequent not red.

    >>> from finitegpt import Chain
    >>> chain = Chain.from_probs([[1, 0, 0], [0, 1, 0], [0.25, 0.25, 0.5]], "abc", 1)
    >>> float(hitting_probability(chain, "b", start=2).low)
    0.5
    """
    document, decided, _, _ = _passage(chain, red, start, "ever", note)
    opens, surely = decided == 0, decided == SURELY
    if chain.n_states <= SMALL:
        return certify(decimals.passages(document, chain, opens, surely))
    x, w = doubles.probabilities(chain, decided)
    return certify([document | {"x": packed(x), "w": packed(w)}])


def mean_first_passage_time(
    chain: RowOperator, red: ArrayLike, *, start: str | int | None = None, note: str = ""
) -> Certificate:
    """The mean number of tokens until red states are reached; InputError for a start from where they may never be.

    >>> from finitegpt import Chain
    >>> chain = Chain.from_probs([[0.5, 0.5], [0.5, 0.5]], "ab", 1)
    >>> float(mean_first_passage_time(chain, "b", start=0).high)
    2.0
    """
    document, decided, mask, first = _passage(chain, red, start, "mean time", note)
    if decided[first] != SURELY:
        raise InputError("expected a start from where red is surely reached, got another; try hitting_probability")
    opens = (decided == SURELY) & ~mask
    if chain.n_states <= SMALL:
        return certify(decimals.passages(document, chain, opens, decided == SURELY))
    x = doubles.times(chain, opens, mask)
    return certify([document | {"x": packed(x), "w": packed(x)}])


def _average(
    document: Document, chain: RowOperator, f: Floats, states: ArrayLike | None, model: RowOperator | None = None
) -> Certificate:
    classes = communicating_classes(chain)
    kept = classes.recurrent[classes.label]
    if states is not None:
        kept = kept & select(chain, states)
    if not kept.any():
        raise InputError("expected states that hold a recurrent class, got others; try one of recurrent_classes")
    if np.isinf(f[kept]).any():
        raise InputError("expected a model that allows what the truth does, got an infinite KL rate; try no top-k")
    if not kept.all():
        document = document | {"states": packed(kept.astype(np.uint8))}
    if chain.n_states <= SMALL:
        return certify(decimals.averages(document, chain, classes, kept, model))
    h = doubles.averages(chain, np.where(kept, f, 0.0), classes, kept)
    return certify([document | {"h": packed(h)}])


def _passage(
    chain: RowOperator, red: ArrayLike, start: str | int | None, about: str, note: str
) -> tuple[Document, NDArray[np.uint8], Mask, int]:
    """The file's beginning, what the graph says of each state, the red ones, and where it starts."""
    mask = select(chain, red)
    if start is None:
        often = np.ones(chain.n_states) if chain.counts is None else chain.counts + 1
        start = int(np.argmax(np.where(mask, 0, often)))
    start = chain.id(start)
    first = np.arange(chain.n_states) == start
    found = {"red": packed(mask.astype(np.uint8)), "start": packed(first.astype(np.uint8))}
    return begin(chain, about, note) | found, chain.graph.reach(mask), mask, start
