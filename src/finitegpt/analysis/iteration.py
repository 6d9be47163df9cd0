"""x = b + Q x among states that are too many to eliminate, Q being the chain among them: solved, then proved.

Whatever solves it, the answer is proved after the fact: with any w > 0 such that r = w - Q w > 0, the true x lies
within max|b + Q x - x| / min(r) * w, and the true solution of w = 1 + Q w between w / max(r) and w / min(r)
(comparison principle for M-matrices).
"""

import numpy as np

from finitegpt.analysis.bound import ROUNDING, Bounds
from finitegpt.graph import Floats, Mask
from finitegpt.operator import Operator

TOO_LONG = (
    "the chain stays among too many states, too long, to show when it leaves them; "
    "a higher temperature or a shorter context would help"
)
"""Why nothing is proved, and what would help."""

_STEPS, _WORK = 2000, 2**30
_CHECK = 50
_KRYLOV = 500


def iterated_probabilities(chain: Operator, open_: Mask, b: Floats) -> Bounds:
    """Probabilities x (n,) with x = b + Q x on the undecided states; elsewhere they mean nothing."""
    w, least, _ = _times(chain, open_)
    x = _solve(chain, open_, b).clip(0, 1)
    left = np.abs(b + _among(chain, open_, x) - x).max()
    left += 2 * (chain.width + 16) * ROUNDING + chain.rounding
    error = left / least * w if least > 0 else np.ones(chain.n_states)
    return Bounds(x, x - error, x + error, "" if least > 0 else TOO_LONG)


def iterated_times(chain: Operator, open_: Mask) -> Bounds:
    """The mean numbers of tokens (n,) until the undecided states are left; elsewhere they mean nothing."""
    w, least, most = _times(chain, open_)
    high = w / least * (1 + 4 * ROUNDING) if least > 0 else np.full(chain.n_states, np.inf)
    return Bounds(w, w / most * (1 - 4 * ROUNDING), high, "" if least > 0 else TOO_LONG)


def iterated_sums(chain: Operator, open_: Mask, gains: Floats) -> Bounds:
    """The mean sums (n,) of gains of 0 or more until the undecided states are left; elsewhere they mean nothing.

    Relatively where every gain is above 0, since x - Q x is then a share of the gains that is known; else by how much
    is missing of the equation.
    """
    w, least, _ = _times(chain, open_)
    b = np.where(open_, gains, 0.0)
    x = _by_steps(chain, open_, b)
    x = _by_krylov(chain, open_, b, float(b.max()) * w) if x is None else x
    x = x.clip(0)
    through = _among(chain, open_, x)
    slack = ((chain.width + 16) * ROUNDING + chain.rounding) * (through + x) + ROUNDING * b
    low, high = np.zeros_like(x), np.full_like(x, np.inf)
    if least > 0:
        error = float((np.abs(b + through - x) + slack)[open_].max()) / least * (1 + 4 * ROUNDING) * w
        low, high = (x - error).clip(0), x + error
    if (b[open_] > 0).all() and (x[open_] > 0).all():
        rest = (x - through)[open_]
        shares = (rest - slack[open_]) / b[open_], (rest + slack[open_]) / b[open_]
        fewest, most = float(shares[0].min()), float(shares[1].max())
        if fewest > 0 and np.isfinite(most):
            low = np.maximum(low, x / most * (1 - 4 * ROUNDING))
            high = np.minimum(high, x / fewest * (1 + 4 * ROUNDING))
    return Bounds(x.clip(low, high), low, high, "" if np.isfinite(high[open_]).all() else TOO_LONG)


def _times(chain: Operator, open_: Mask) -> tuple[Floats, float, float]:
    """w, the mean times among many undecided states, and factors: the true ones are from w / most to w / least.

    `least` is 0 where nothing can be proved.
    """
    one = open_.astype(np.float64)
    w = _by_steps(chain, open_, one)
    if w is None:
        rate = _left_at(chain, open_)
        # Where leaving is rare, all times are nearly one large number; who has long been inside leaves at `rate`.
        guess = one / rate if rate > 0 else one
        w = _by_krylov(chain, open_, one, guess)
        if _defect(chain, open_, w)[0] <= 0:
            w = guess
    return w, *_defect(chain, open_, w)


def _among(chain: Operator, open_: Mask, x: Floats) -> Floats:
    """Q x: the chain among the undecided states."""
    result = chain.pull(np.where(open_, x, 0.0))
    result[~open_] = 0.0
    return result


def _solve(chain: Operator, open_: Mask, b: Floats) -> Floats:
    """x with x = b + Q x on the undecided states, 0 elsewhere."""
    x = _by_steps(chain, open_, b)
    return _by_krylov(chain, open_, b, np.where(open_, 0.5, 0.0)) if x is None else x


def _by_steps(chain: Operator, open_: Mask, b: Floats) -> Floats | None:
    """b + Q b + Q Q b + ..., which is near as soon as most have left; None where that would take too many steps."""
    x, most = np.where(open_, b, 0.0), max(4 * _CHECK, min(_STEPS, _WORK // (chain.n_states * chain.width)))
    before = np.inf
    for step in range(1, most):
        new = _among(chain, open_, x) + b
        if step % _CHECK == 0:
            change, size = float(np.abs(new - x).max()), float(new.max())
            if change <= 4 * ROUNDING * size:
                return new
            left = np.log(ROUNDING * size / change) / np.log(change / before) if change < before < np.inf else np.inf
            if before < np.inf and left * _CHECK > most - step:
                return None
            before = change
        x = new
    return None


def _by_krylov(chain: Operator, open_: Mask, b: Floats, guess: Floats) -> Floats:
    """The same by BiCGSTAB (van der Vorst 1992), where leaving is rare."""
    from scipy.sparse.linalg import LinearOperator, bicgstab

    n = chain.n_states
    operator = LinearOperator((n, n), matvec=lambda x: x - _among(chain, open_, x), dtype=np.float64)  # type: ignore[call-arg]
    with np.errstate(all="ignore"):
        x, _ = bicgstab(operator, b, x0=guess, rtol=1e-14, maxiter=_KRYLOV)
    x = np.where(open_, x, 0.0)
    return x if np.isfinite(x).all() else guess


def _left_at(chain: Operator, open_: Mask) -> float:
    """How fast a chain that has long been among the undecided states leaves them: a probability for each token."""
    mu, rate = open_ / open_.sum(), 0.0
    for _ in range(200):
        new = chain.push(mu)
        rate = float(new[~open_].sum())
        new[~open_] = 0.0
        total = float(new.sum())
        if total == 0:
            break
        mu = (mu + new / total) / 2
    return rate


def _defect(chain: Operator, open_: Mask, w: Floats) -> tuple[float, float]:
    """The least and the largest of w - Q w, rounding included; 0 and infinity where w proves nothing."""
    through = _among(chain, open_, w)
    slack = ((chain.width + 16) * ROUNDING + chain.rounding) * (through[open_] + np.abs(w[open_]))
    rest = w[open_] - through[open_]
    positive = bool((w[open_] > 0).all()) and bool(np.isfinite(rest).all())
    return (max(float((rest - slack).min()), 0.0), float((rest + slack).max())) if positive else (0.0, np.inf)
