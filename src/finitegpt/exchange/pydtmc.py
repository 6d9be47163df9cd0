"""PyDTMC's `MarkovChain`: `p` and `states`."""

from collections.abc import Sequence
from typing import Any

from finitegpt.errors import InputError
from finitegpt.exchange.arrows import labels
from finitegpt.exchange.csr import dense, read_matrix
from finitegpt.exchange.parts import Parts, Stored
from finitegpt.exchange.streams import package


def pydtmc_chain(chain: Stored) -> Any:
    """A `pydtmc.MarkovChain` of the states' texts; InputError without PyDTMC, and for one state, which it refuses."""
    if len(chain.probs) < 2:
        raise InputError("expected at least 2 states, as PyDTMC wants them, got 1; try to_quantecon")
    P = dense(chain.probs, chain.context_length)
    return package("pydtmc", "pydtmc, which needs NumPy 1").MarkovChain(P, labels(chain.vocab, chain.context_length))


def read_pydtmc(theirs: Any, vocab: Sequence[str] | None = None, context_length: int = 1) -> Parts:
    """The chain of whatever has `p` and `states`; with a vocabulary those are contexts, else any states."""
    if not hasattr(theirs, "p") or not hasattr(theirs, "states"):
        raise InputError("expected a pydtmc.MarkovChain, got another; try from_matrix")
    return read_matrix(theirs.p, vocab, context_length, names=theirs.states)
