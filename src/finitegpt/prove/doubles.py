"""Witnesses in double precision, for chains of many states: by elimination or by iteration."""

from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from finitegpt.analysis import Classes
from finitegpt.analysis.stationary import LARGEST_GTH, MOST_PRODUCTS
from finitegpt.errors import TooLargeError
from finitegpt.graph import NEVER, SURELY, Floats, Mask
from finitegpt.rows import RowOperator

_STEPS = 2000
_SURE = 4096  # so many states are always eliminated
_SMALL_GAIN = 1e-290  # double precision still divides by it


def averages(chain: RowOperator, f: Floats, classes: Classes, kept: Mask) -> Floats:
    """h by value iteration; where that does not settle, by elimination of classes that are small enough."""
    label, n_classes = classes.label[kept], len(classes)
    sizes = np.maximum(np.bincount(label, minlength=n_classes), 1)
    h, good, best, before = np.zeros_like(f), np.zeros_like(f), np.inf, np.inf
    scale = max(float(np.abs(f[kept]).max()), 1e-300)

    def off(h: Floats) -> Floats:
        """f + P h - h less its mean over each class."""
        gain = chain.pull(h) + f - h
        return gain - (np.bincount(label, gain[kept], n_classes) / sizes)[classes.label]

    for step in range(_STEPS):
        gain = off(h)
        if step % 10 == 9:
            width = float(np.ptp(gain[kept]))
            if width < best:
                best, good = width, h.copy()
            if width < 1e-14 * scale or width > 0.999 * before:
                break
            before = width
        h += gain if step % 4 else 0.5 * gain  # half a step, which no periodic chain can follow for ever
    if best > 1e-11 * scale:
        for ids in (classes[k] for k in range(n_classes) if kept[classes[k]].all()):
            for _ in range(3):  # from the second time on, what the first left over
                left, h = off(good), good.copy()
                h[ids] += _above_average(chain, left - left[ids].min(), ids)
                if not np.ptp(off(h)[ids]) < np.ptp(left[ids]):
                    break
                good = h
    return good


def probabilities(chain: RowOperator, decided: NDArray[np.uint8]) -> tuple[Floats, Floats]:
    """x, how probably the open states, of `decided` 0, come to the SURELY ones, and a w > 0 that falls among them."""
    opens = decided == 0
    part = np.where(opens, -1, np.where(decided == NEVER, 1, 0))
    x = _eliminated(chain, part, None)
    w = None if x is None else _eliminated(chain, part, np.maximum(x, _SMALL_GAIN))
    if x is None or w is None:
        x = _iterated(chain, opens, chain.pull((decided == SURELY).astype(np.float64)))
        w = _iterated(chain, opens, np.ones(chain.n_states))
    return x, w


def times(chain: RowOperator, opens: Mask, red: Mask) -> Floats:
    """x, the mean number of tokens from the open states to red ones."""
    one = np.ones(chain.n_states)
    x = _eliminated(chain, np.where(opens, -1, np.where(red, 0, -2)), one)
    return _iterated(chain, opens, one) if x is None else x


def _above_average(chain: RowOperator, f: Floats, ids: NDArray[np.int64]) -> Floats:
    """h with f + P h - h the same on a recurrent class, of f >= 0: what is earned above the average until its first."""
    part = np.full(chain.n_states, -2)
    part[ids], part[ids[0]] = -1, 0
    found = [_eliminated(chain, part, gains) for gains in (f, np.ones_like(f))]
    if any(sums is None for sums in found):
        return np.zeros(len(ids))
    earned, time = (sums for sums in found if sums is not None)
    round_trip = [gains[ids[0]] + chain.pull(sums)[ids[0]] for gains, sums in ((f, earned), (np.ones_like(f), time))]
    h = (earned - round_trip[0] / round_trip[1] * time)[ids]
    return h - h.mean()


def _eliminated(chain: RowOperator, part: NDArray[np.int64], gains: Floats | None) -> Floats | None:
    """What the states of part -1 gain until they leave, or how probably they end in part 0; None if it is too much."""
    opens = part == -1
    if not opens.any():
        return np.zeros(chain.n_states)
    if int(opens.sum()) <= LARGEST_GTH:
        with suppress(TooLargeError):
            most = np.inf if int(opens.sum()) <= _SURE else MOST_PRODUCTS
            found = chain.graph.absorb(part, int(part.max()) + 1, wanted=int(gains is None), gains=gains, most=most)
            return found.probs[0] if gains is None else found.sums
    return None


def _iterated(chain: RowOperator, opens: Mask, b: Floats) -> Floats:
    """x with x = b + Q x, Q being the chain among the open states, by BiCGSTAB: what is left over is solved again."""
    from scipy.sparse.linalg import LinearOperator, bicgstab

    def left(x: Floats) -> Floats:
        return np.where(opens, b + chain.pull(x) - x, 0.0)

    n, x = chain.n_states, np.where(opens, b, 0.0)

    def step(v: Floats) -> Floats:
        return v - np.where(opens, chain.pull(v * opens), 0.0)

    operator = LinearOperator((n, n), matvec=step, dtype=np.float64)  # type: ignore[call-arg]
    for _ in range(4):
        with np.errstate(all="ignore"):
            more, _ = bicgstab(operator, left(x), rtol=1e-10, maxiter=500)
            better = np.where(opens, x + more, 0.0)
            if not np.abs(left(better)).max() < np.abs(left(x)).max():
                break
        x = better
    return x
