"""Sets of states, by pattern: `11?` is any state that begins with two 1s, `*000` any that ends in three 0s.

`?` stands for one token, `*` for any number of them, also none; every other sign for itself. `\\?` and `\\*` are the
signs. A vocabulary of words is written with spaces between: `the * cat`.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finitegpt.arguments import array, shown
from finitegpt.errors import InputError
from finitegpt.naming import Names, shortened
from finitegpt.rows import RowOperator
from finitegpt.startup import ContextOperator, StartupOperator
from finitegpt.states import is_spaced

_LONGEST = 62
_ONE, _ANY = -1, -2


class Space(Protocol):
    """Whatever has states: an operator, or the names of states."""

    @property
    def n_states(self) -> int:
        """How many there are."""
        ...


def match(chain: ContextOperator | Names, pattern: str) -> NDArray[np.bool_]:
    """The states (V**L,) that a pattern describes, or all contexts (n,) that it does; InputError where none can be.

    >>> from finitegpt import Chain
    >>> chain = Chain.from_probs([[0.5, 0.5]] * 8, "01", 3)
    >>> [chain.label(id) for id in np.flatnonzero(match(chain, "11?"))]
    ['110', '111']
    """
    if not isinstance(chain, ContextOperator | Names):
        raise InputError(f"expected a chain, got {shown(chain)}; try the chain of a run")
    if not isinstance(pattern, str):
        raise InputError(f"expected a pattern as text, got {shown(pattern)}; try '*1'")
    parts = _parse(chain, pattern)
    levels = chain.levels if isinstance(chain, StartupOperator) else (chain,)
    found = np.concatenate([_described(level, parts) for level in levels])
    if not found.any():
        raise InputError(
            f"expected a pattern for states of {'1 to ' * (len(levels) > 1)}{chain.context_length} tokens, got "
            f"{pattern!r}, which describes none; try one with a *"
        )
    return found


def _described(chain: RowOperator | Names, parts: list[int]) -> NDArray[np.bool_]:
    # Which places of the pattern a context can have got to, as bits, for contexts of 0, 1, ... L tokens in turn.
    places = _skip(np.ones(1, np.int64), parts)
    for _ in range(chain.context_length):
        steps = []
        for token in range(chain.vocab_size):
            moved = np.zeros_like(places)
            for k, part in enumerate(parts):
                if part == _ANY:
                    moved |= places & (1 << k)
                elif part in (_ONE, token):
                    moved |= (places & (1 << k)) << 1
            steps.append(_skip(moved, parts))
        places = np.stack(steps, 1).reshape(-1)
    return places >> len(parts) & 1 == 1


def select(chain: Space, which: str | Sequence[str] | ArrayLike) -> NDArray[np.bool_]:
    """A set of states as a mask (V**L,): from a pattern, several, a mask, or ids; InputError where it is empty.

    A state as text is the pattern of itself.

    >>> from finitegpt import Chain
    >>> chain = Chain.from_probs([[0.5, 0.5]] * 4, "01", 2)
    >>> select(chain, ["00", "?1"]).tolist(), select(chain, [3]).tolist()
    ([True, True, False, True], [False, False, False, True])
    """
    if not hasattr(chain, "n_states"):
        raise InputError(f"expected a chain, got {shown(chain)}; try the chain of a run")
    values = array(which)
    if values.dtype.kind in "UOT" and values.size and isinstance(chain, ContextOperator | Names):
        found = np.zeros(chain.n_states, bool)
        for pattern in values.reshape(-1).tolist():
            found |= match(chain, pattern)
        return found
    if values.dtype == bool and values.shape == (chain.n_states,) and values.any():
        return values
    if values.dtype.kind in "iu" and values.size and values.min() >= 0 and values.max() < chain.n_states:
        mask = np.zeros(chain.n_states, bool)
        mask[values] = True
        return mask
    raise InputError(f"expected states as patterns, ids or a mask, and at least one, got {shown(which)}; try '*1'")


def select_one(chain: Space, which: str | ArrayLike) -> int:
    """The id of one state, given as text or as its id; InputError where that is none, or several.

    >>> from finitegpt import Chain
    >>> select_one(Chain.from_probs([[0.5, 0.5]] * 4, "01", 2), "10")
    2
    """
    found = np.flatnonzero(select(chain, which))
    if len(found) > 1:
        raise InputError(f"expected one state, got {len(found)}; try {int(found[0])}")
    return int(found[0])


def _parse(chain: ContextOperator | Names, pattern: str) -> list[int]:
    single = not is_spaced(chain.vocab)
    signs, parts, k = list(pattern) if single else pattern.split(), [], 0
    while k < len(signs):
        sign = signs[k]
        if single and sign == "\\" and k + 1 < len(signs):
            k += 1
            sign = signs[k]
        elif not single and sign.startswith("\\"):
            sign = sign[1:]
        elif sign in ("?", "*"):
            parts.append(_ONE if sign == "?" else _ANY)
            k += 1
            continue
        if sign not in chain.vocab:
            raise InputError(f"expected a pattern of {shortened(chain.vocab)}, ? and *, got {sign!r}; try one of those")
        parts.append(chain.vocab.index(sign))
        k += 1
    if not 0 < len(parts) <= _LONGEST:
        raise InputError(f"expected a pattern of 1 to {_LONGEST} signs, got {len(parts)}; try '*1'")
    return parts


def _skip(places: NDArray[np.int64], parts: list[int]) -> NDArray[np.int64]:
    """A `*` may stand for nothing: whoever is before it is behind it, too."""
    for k, part in enumerate(parts):
        if part == _ANY:
            places = places | (places & (1 << k)) << 1
    return places
