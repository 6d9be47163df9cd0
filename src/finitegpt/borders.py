"""Where sequences begin and end in the tokens of data, and how much each counts: windows never cross a border."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finitegpt.arguments import array, numbers, required, shown
from finitegpt.errors import InputError

_LEAST = 1e-30  # a share that 32 bits still tell from 0


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Borders:
    """How n tokens are cut into m sequences."""

    firsts: NDArray[np.int64]
    """(m + 1,): where each sequence begins, and where the last one ends."""
    weights: NDArray[np.float64] | None = None
    """(m,): how much each sequence counts, 0 or more; None for 1 each."""
    mask: NDArray[np.float32] | None = None
    """(n,): how much each token counts where it is to be predicted, 0 or more; None for 1 each."""
    bos: str | None = None
    """The symbol that begins every sequence."""
    eos: str | None = None
    """The symbol that ends every sequence."""
    beginnings: bool = True
    """Whether tokens are predicted from the 1 .. L-1 tokens before them too, where a sequence has no more."""
    exact: bool = False
    """Whether these are all words of a source, which count by their probabilities."""

    def __post_init__(self) -> None:
        required("firsts", self.firsts, np.ndarray, instead="Data.from_sequences")
        if self.firsts.dtype != np.int64 or self.firsts.ndim != 1 or len(self.firsts) < 2 or self.firsts[0] != 0:
            raise InputError("expected where sequences begin as int64 from 0 on, got others; try Data.from_sequences")
        short = self.lengths < 2
        if short.any():
            where = int(np.argmax(short))
            raise InputError(
                f"expected sequences of at least two tokens, got {max(0, int(self.lengths[where]))} in number "
                f"{where + 1}; try leaving it out, or a bos or an eos"
            )
        sizes = {"weights": (self.weights, self.m, np.float64), "mask": (self.mask, self.n, np.float32)}
        for name, (values, size, kind) in sizes.items():
            if values is None:
                continue
            required(name, values, np.ndarray, instead="Data.from_sequences")
            if values.shape != (size,) or values.dtype != kind:
                raise InputError(f"expected {name} ({size},), got {shown(values)}; try Data.from_sequences")
            if not (np.isfinite(values).all() and (values >= 0).all()):
                raise InputError(f"expected {name} of 0 or more, got others; try leaving them out")
        if not self.shares[self.predicted].any():
            raise InputError("expected a token that counts, got none; try a weight and a mask above 0")

    def __eq__(self, other: object) -> bool:
        return self._key == other._key if isinstance(other, Borders) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        return f"Borders({self.m:,} sequences, {self.n:,} tokens)"

    @property
    def m(self) -> int:
        """How many sequences there are."""
        return len(self.firsts) - 1

    @property
    def n(self) -> int:
        """How many tokens there are."""
        return int(self.firsts[-1])

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each sequence (m,)."""
        return np.diff(self.firsts)

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """The place (n,) of each token in its sequence, from 0 on."""
        return np.arange(self.n) - np.repeat(self.firsts[:-1], self.lengths)

    @property
    def predicted(self) -> NDArray[np.bool_]:
        """Whether each token (n,) has one before it."""
        return self.places > 0

    @cached_property
    def totals(self) -> NDArray[np.float64]:
        """How much each token (n,) counts: its mask times the weight of its sequence."""
        own = np.ones(self.n) if self.mask is None else self.mask.astype(np.float64)
        return own if self.weights is None else own * np.repeat(self.weights, self.lengths)

    @cached_property
    def shares(self) -> NDArray[np.float32]:
        """The same in proportion to the largest, which is 1."""
        most = self.totals.max(initial=0.0)
        shares = self.totals / most if most else self.totals
        return np.where(shares > 0, np.maximum(shares, _LEAST), 0.0).astype(np.float32)

    @cached_property
    def _key(self) -> tuple[Any, ...]:
        arrays = (self.firsts, self.weights, self.mask)
        return (
            *(None if values is None else values.tobytes() for values in arrays),
            *(self.bos, self.eos, self.beginnings, self.exact),
        )

    @property
    def facts(self) -> dict[str, Any]:
        """What is not in arrays, as plain values."""
        return {
            "sequences": self.m,
            "bos": self.bos,
            "eos": self.eos,
            "beginnings": self.beginnings,
            "exact": self.exact,
        }


def weights_of(values: Any, m: int) -> NDArray[np.float64] | None:
    """How much each of m sequences counts, checked; None stays None."""
    if values is None:
        return None
    found = numbers("weights", values, instead="[0.3, 0.7]")
    if found.shape != (m,):
        raise InputError(f"expected a weight for each of {m} sequences, got {shown(values)}; try {m} of them")
    bad = ~(np.isfinite(found) & (found >= 0))
    if bad.any():
        where = int(np.argmax(bad))
        raise InputError(f"expected weights of 0 or more, got {found[where]:g} in number {where + 1}; try 1")
    if not found.any():
        raise InputError("expected a weight above 0, got none; try leaving the weights out")
    return np.array(found, np.float64)


def mask_of(masks: Any, lengths: NDArray[np.int64]) -> NDArray[np.float32] | None:
    """The masks of sequences, of so many tokens each, one after the other; None stays None."""
    if masks is None:
        return None
    try:
        given = list(masks)
    except TypeError:
        given = []
    if len(given) != len(lengths):
        raise InputError(f"expected a mask for each of {len(lengths)} sequences, got {shown(masks)}; try a list")
    found = []
    for k, (one, length) in enumerate(zip(given, lengths.tolist(), strict=True), 1):
        values = array(one)
        if values.shape != (length,) or (length and values.dtype.kind not in "buif"):
            raise InputError(f"expected a mask of {length} numbers for sequence {k}, got {shown(one)}; try ones")
        found.append(values.astype(np.float32) if length else np.zeros(0, np.float32))
        if not (np.isfinite(found[-1]).all() and (found[-1] >= 0).all()):
            raise InputError(f"expected masks of 0 or more, got another number in that of sequence {k}; try 0 or 1")
    return np.concatenate(found)


def with_ends(values: NDArray[Any], lengths: NDArray[np.int64], first: Any, last: Any) -> NDArray[Any]:
    """Values of sequences one after the other, with one put before each and one behind each, unless it is None."""
    before, behind = int(first is not None), int(last is not None)
    if not before + behind:
        return values
    ends = np.cumsum(lengths + before + behind)
    out = np.empty(int(ends[-1]), values.dtype)
    own = np.ones(len(out), np.bool_)
    if before:
        heads = ends - (lengths + before + behind)
        out[heads], own[heads] = first, False
    if behind:
        out[ends - 1], own[ends - 1] = last, False
    out[own] = values
    return out
