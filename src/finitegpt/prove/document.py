"""What the file of a proof holds: which number of which chain, and its witness. `check.py` says how it is read."""

import base64
import hashlib
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finitegpt.check import FORMAT, MOST_ARROWS
from finitegpt.errors import TooLargeError
from finitegpt.rows import RowOperator

Document = dict[str, Any]

_DIGITS = 28  # of the checker's arithmetic, where the witness is in double precision


def begin(chain: RowOperator, about: str, note: str) -> Document:
    """A document without a witness, which claims nothing yet; TooLargeError of a chain that `check.py` would refuse."""
    require_small(chain.vocab_size, chain.context_length)
    document = {"format": FORMAT, "about": about, "low": "0", "high": "Infinity", "digits": _DIGITS}
    return document | ({"note": note} if note else {}) | {"chain": entry(chain)}


def chain_digest(chain: RowOperator) -> str:
    """The SHA-256 that names a chain in proofs: of its number format, context length, vocabulary and rows as stored.

    >>> from finitegpt import Chain
    >>> chain_digest(Chain.from_probs([[1, 0], [0.5, 0.5]], "ab", 1))[:8]
    '05708d5d'
    """
    head = json.dumps([chain.log_probs.dtype.name, chain.context_length, list(chain.vocab)], separators=(",", ":"))
    return hashlib.sha256(b"finitegpt chain\n" + head.encode() + b"\n" + _bytes(chain.log_probs)).hexdigest()


def packed(array: NDArray[Any]) -> str:
    """An array as the file has it: base64 of little-endian numbers."""
    return base64.b64encode(_bytes(array)).decode()


def require_small(V: int, L: int) -> None:
    """TooLargeError where a chain has more arrows than `check.py` takes."""
    if V ** (L + 1) > MOST_ARROWS:
        raise TooLargeError(
            f"expected at most {MOST_ARROWS:,} arrows to prove about, got {V}**{L + 1}; try finitegpt analyze"
        )


def entry(chain: RowOperator) -> Document:
    """A chain as the file has it."""
    return {
        "vocab": list(chain.vocab),
        "context_length": chain.context_length,
        "dtype": chain.log_probs.dtype.name,
        "log_probs": packed(chain.log_probs),
        "sha256": chain_digest(chain),
    }


def _bytes(array: NDArray[Any]) -> bytes:
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
