"""How probable a text is, token after token.

A text that follows a context is a path of states, each of which is the one before with a token more; so these are the
probabilities of paths, too. They are added up as logarithms, which never underflow, of numbers that may be as near to
one as you like: the most probable token's is ln(1 + the others over it).
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finitegpt import states
from finitegpt.analysis.bound import ROUNDING, Bound
from finitegpt.analysis.starts import law_of, start_distribution
from finitegpt.analysis.stationary import StationaryDistribution
from finitegpt.analysis.surprisal import losses
from finitegpt.arguments import array, shown
from finitegpt.errors import InputError
from finitegpt.graph import Floats
from finitegpt.rows import RowOperator, Rows, of_rows

_LEAST = 5e-324
_PIECE = 2**16


@of_rows
def sequence_probability(
    chain: RowOperator,
    text: str,
    start: "str | ArrayLike | None" = None,
    law: StationaryDistribution | None = None,
) -> Bound:
    """The probability that exactly `text` comes next: the exponential of `sequence_log_probability`.

    It is 0 only where the text cannot be; one that is below 5e-324 lies between 0 and that.

    >>> from finitegpt import Chain
    >>> chain = Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1)
    >>> [round(sequence_probability(chain, "ab", start).value, 6) for start in ("a", "b", None)]
    [0.09, 0.05, 0.083333]
    """
    log = sequence_log_probability(chain, text, start, law)
    if log.low == log.high in (0.0, -math.inf):
        return Bound(*[math.exp(log.value)] * 3)
    if not log.certified and log.high == math.inf:
        return Bound(max(math.exp(log.value), _LEAST), why=log.why)
    value = max(math.exp(log.value), _LEAST)
    low, high = (
        math.exp(log.low) * (1 - 4 * ROUNDING) - 2 * _LEAST,
        math.exp(log.high) * (1 + 4 * ROUNDING) + 2 * _LEAST,
    )
    return Bound(value, low, high, why=log.why).within(0.0, 1.0)


@of_rows
def sequence_log_probability(
    chain: RowOperator,
    text: str,
    start: "str | ArrayLike | None" = None,
    law: StationaryDistribution | None = None,
) -> Bound:
    """The natural logarithm of the probability that exactly `text` comes next, in nats; -inf where it cannot be.

    `start` is the text before it, of which the last L tokens count (fewer where the chain has start-up rows), a state's
    id, or a distribution (V**L,). Without one the text is met anywhere in the long run, by `law`, which is the chain's
    only stationary distribution unless given.

    >>> from finitegpt import Chain
    >>> chain = Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1)
    >>> round(sequence_log_probability(chain, "b" * 2000, "b").value, 6)
    -1386.294361
    """
    if not isinstance(text, str):
        raise InputError(f"expected the text that comes next, got {shown(text)}; try {chain.label(0)!r}")
    tokens = chain.tokens(text)
    if not tokens:
        return Bound(0.0, 0.0, 0.0)
    if isinstance(start, str):
        return _follows(chain, chain.tokens(start), tokens)
    if start is None:
        known = law_of(chain, law)
        pi = known.each()
        first, rest = tokens[: chain.context_length], tokens[chain.context_length :]
        found = _from_many(chain, (pi.values, pi.low, pi.high), first, known.why)
    elif array(start).ndim == 0:
        pi = start_distribution(chain, start)
        return _follows(chain, chain.tokens(chain.label(int(np.argmax(pi)))), tokens)
    else:
        pi = start_distribution(chain, start)
        slack = (len(pi) + 16) * ROUNDING  # of a sum that is nearly one
        first, rest = tokens[: chain.context_length], tokens[chain.context_length :]
        found = _from_many(chain, (pi, pi * (1 - slack), pi * (1 + slack)), first, "")
    return found.plus(_follows(chain, first, rest)).within(-math.inf, 0.0) if rest else found


def _follows(chain: RowOperator, before: list[int], tokens: list[int]) -> Bound:
    """The logarithm for tokens that come after others."""
    V, L = chain.vocab_size, chain.context_length
    if not before or (len(before) < L and chain.startup is None):
        raise InputError(f"expected a start of {L} tokens, got {len(before)}; try {chain.label(0)!r}")
    walked, total, error = [*before[-L:], *tokens], [], []
    short = min(max(0, L - len(before)), len(tokens))
    for k in range(short):
        rows = (chain.startup or ())[len(before) + k - 1]
        loss, off = losses(rows[[int(states.ids(walked[: len(before) + k], V))]], [tokens[k]])
        total.append(float(loss[0]))
        error.append(float(off[0]))
    if short < len(tokens):
        ids, state, n = [], int(states.ids(walked[:L], V)), chain.n_states
        for token in tokens[short:]:
            ids.append(state)
            state = (state * V + token) % n
        for k in range(0, len(ids), _PIECE):
            loss, off = losses(chain.log_probs[ids[k : k + _PIECE]], tokens[short + k : short + k + _PIECE])
            total += loss.tolist()
            error += off.tolist()
    if math.inf in total:
        return Bound(-math.inf, -math.inf, -math.inf)
    value, off = math.fsum(total), math.fsum(error)
    return Bound.around(-value, off * (1 + 4 * ROUNDING) + 2 * ROUNDING * value).within(-math.inf, 0.0)


def _from_many(chain: RowOperator, begun: tuple[Floats, Floats, Floats], tokens: list[int], why: str) -> Bound:
    """The logarithm for up to L tokens from a distribution, as a value and between what it lies."""
    n, V = chain.n_states, chain.vocab_size
    loss, off = np.zeros(n // V ** len(tokens)), np.zeros(n // V ** len(tokens))
    for k in range(len(tokens) - 1, -1, -1):
        # States that end in the k tokens before this one, by what they begin with.
        ending = int(states.ids(tokens[:k], V)) if k else 0
        begins = np.arange(n // V**k)
        own, wrong = _losses_of(chain.log_probs, begins * V**k + ending, tokens[k])
        next_begins = begins % max(1, n // V ** (k + 1))
        loss, off = own + loss[next_begins], wrong + off[next_begins]
        off = off + ROUNDING * np.where(np.isfinite(loss), loss, 0.0)
    possible = np.isfinite(loss) & (begun[2] > 0)
    if not possible.any():
        return Bound(-math.inf, -math.inf, -math.inf)
    loss, off = loss[possible], off[possible]
    rounded = (64 + math.log2(n)) * ROUNDING  # of a sum in halves
    found = []
    for pi, side in zip(begun, (0, -1, 1), strict=True):
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log(pi[possible].clip(0)) - loss
            logs = logs + side * (off + 4 * ROUNDING * (np.where(np.isfinite(logs), np.abs(logs), 0.0) + 1))
        top = float(logs.max())
        total = math.log(float(np.exp(logs - top).sum())) if math.isfinite(top) else 0.0
        found.append(top + total + side * (rounded + 4 * ROUNDING * (abs(top) + total + 1)))
    value, low, high = found
    if not math.isfinite(float(begun[2].max())):
        return Bound(min(value, 0.0), why=why)
    return Bound(value, low, high, why=why).within(-math.inf, 0.0)


def _losses_of(log_probs: Rows, ids: NDArray[np.int64], token: int) -> tuple[Floats, Floats]:
    """-ln of the probability of one token after many states, piece by piece."""
    pieces = [
        losses(log_probs[ids[k : k + _PIECE]], np.full(len(ids[k : k + _PIECE]), token))
        for k in range(0, len(ids), _PIECE)
    ]
    return np.concatenate([values for values, _ in pieces]), np.concatenate([error for _, error in pieces])
