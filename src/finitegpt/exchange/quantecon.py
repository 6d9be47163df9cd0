"""QuantEcon's `MarkovChain`: `P`, dense or sparse, and `state_values`, or none."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from finitegpt.errors import InputError
from finitegpt.exchange.arrows import labels
from finitegpt.exchange.csr import dense, read_matrix
from finitegpt.exchange.parts import Parts, Stored
from finitegpt.exchange.streams import package


def quantecon_chain(chain: Stored) -> Any:
    """A `quantecon.MarkovChain` whose state values are the texts of the states; InputError without QuantEcon."""
    P = dense(chain.probs, chain.context_length)
    values = np.array(labels(chain.vocab, chain.context_length))
    return package("quantecon").MarkovChain(P, state_values=values)


def read_quantecon(theirs: Any, vocab: Sequence[str] | None = None, context_length: int = 1) -> Parts:
    """The chain of whatever has `P` and `state_values`; with a vocabulary those are contexts, else any states."""
    if not hasattr(theirs, "P") or not hasattr(theirs, "state_values"):
        raise InputError("expected a quantecon.MarkovChain, got another; try from_matrix")
    return read_matrix(theirs.P, vocab, context_length, names=theirs.state_values)
