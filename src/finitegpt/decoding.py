"""Decoding: what temperature, top-k, top-p and greedy make of a chain. Each is a function from a chain to a chain.

Rows keep their precision: what is made of a law known exactly, in float64, is right to float64.

top_p(temperature(chain, 0.7), 0.9)
"""

import numpy as np
from numpy.typing import NDArray

from finitegpt.arguments import flag, is_whole, number, required, shown
from finitegpt.chain import Chain
from finitegpt.errors import InputError
from finitegpt.rows import Rows


def temperature(chain: Chain, value: float) -> Chain:
    """Divides log-probabilities by `value`, above 0, and normalises: below 1 sharper, above 1 flatter."""
    return _chain(chain).map_rows(lambda rows: temperature_rows(rows, value))


def top_k(chain: Chain, k: int) -> Chain:
    """Keeps the k most probable tokens of each row; of equal ones at the border, the first in the vocabulary."""
    return _chain(chain).map_rows(lambda rows: top_k_rows(rows, k))


def top_p(chain: Chain, p: float) -> Chain:
    """Keeps the most probable tokens of each row until they reach p, 0 < p <= 1 (Holtzman et al. 2020)."""
    return _chain(chain).map_rows(lambda rows: top_p_rows(rows, p))


def greedy(chain: Chain) -> Chain:
    """Always takes the most probable token: the chain becomes a finite-state machine."""
    return top_k(chain, 1)


def decode(
    chain: Chain,
    *,
    temperature: float | None = None,
    top_k: int | None = None,
    top_p: float | None = None,
    greedy: bool = False,
) -> Chain:
    """All of them in the usual order: temperature, top-k, top-p, greedy."""
    return _chain(chain).map_rows(
        lambda rows: decode_rows(rows, temperature=temperature, top_k=top_k, top_p=top_p, greedy=greedy)
    )


def decode_rows(
    rows: Rows,
    *,
    temperature: float | None = None,
    top_k: int | None = None,
    top_p: float | None = None,
    greedy: bool = False,
) -> Rows:
    """`decode` for any rows of log-probabilities (n, V)."""
    if temperature is not None:
        rows = temperature_rows(rows, temperature)
    if top_k is not None:
        rows = top_k_rows(rows, top_k)
    if top_p is not None:
        rows = top_p_rows(rows, top_p)
    return top_k_rows(rows, 1) if flag("greedy", greedy) else rows


def temperature_rows(rows: Rows, value: float) -> Rows:
    """`temperature` for rows (n, V)."""
    value = number("a temperature", value, instead=0.7)
    if not 0 < value < np.inf:
        raise InputError(f"expected a temperature above 0, got {value}; try 0.7, or greedy for the limit of 0")
    # The largest of a row is taken to 0 first, so that no temperature, however low, can overflow.
    with np.errstate(over="ignore"):
        return _normalise((rows - rows.max(1, keepdims=True)) / np.float64(value), rows.dtype)


def top_k_rows(rows: Rows, k: int) -> Rows:
    """`top_k` for rows (n, V)."""
    if not is_whole(k) or k < 1:
        raise InputError(f"expected a top-k of at least 1, got {shown(k)}; try 1")
    return rows if k >= rows.shape[1] else _keep(rows, _ranks(rows) < k)


def top_p_rows(rows: Rows, p: float) -> Rows:
    """`top_p` for rows (n, V)."""
    p = number("a top-p", p, instead=0.9)
    if not 0 < p <= 1:
        raise InputError(f"expected a top-p above 0 and at most 1, got {p}; try 0.9")
    order = np.argsort(-rows, axis=1, kind="stable")
    sorted_probs = np.exp(np.take_along_axis(rows, order, 1), dtype=np.float64)
    reached = np.cumsum(sorted_probs, 1)
    before = np.pad(reached[:, :-1], ((0, 0), (1, 0)))  # by the more probable tokens already
    keep = np.empty(rows.shape, bool)
    np.put_along_axis(keep, order, before < p * reached[:, -1:], 1)
    return _keep(rows, keep)


def _chain(chain: Chain) -> Chain:
    return required("chain", chain, Chain, instead="the chain of a run")


def _ranks(rows: Rows) -> np.ndarray:
    ranks = np.empty(rows.shape, np.int64)
    np.put_along_axis(ranks, np.argsort(-rows, axis=1, kind="stable"), np.arange(rows.shape[1])[None], 1)
    return ranks


def _keep(rows: Rows, keep: np.ndarray) -> Rows:
    return _normalise(np.where(keep, rows, -np.inf).astype(np.float64), rows.dtype)


def _normalise(rows: NDArray[np.float64], dtype: np.dtype) -> Rows:
    top = rows.max(1, keepdims=True)
    return (rows - top - np.log(np.exp(rows - top).sum(1, keepdims=True))).astype(dtype, copy=False)
