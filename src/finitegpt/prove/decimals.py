"""Witnesses in decimals, for chains of few states: by elimination without subtraction, in ever more digits.

Each function yields the document with a witness of 30 digits, then of 60, and so on, for as long as it is asked.
"""

import base64
from collections.abc import Callable, Iterator
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finitegpt.analysis import Classes
from finitegpt.graph import Mask
from finitegpt.prove.document import Document
from finitegpt.rows import LEAST, RowOperator

_DIGITS = (30, 60, 120, 240, 480, 960)


def averages(
    document: Document, chain: RowOperator, classes: Classes, kept: Mask, model: RowOperator | None
) -> Iterator[Document]:
    """h is what is earned above the average until the first state of the class."""
    recurrent = [classes[k].tolist() for k in range(len(classes)) if kept[classes[k]].all()]
    red = base64.b64decode(document["red"]) if "red" in document else None

    def attempt(digits: int) -> Document:
        rows = _rows(chain)
        others = _rows(model) if model is not None else None
        f = np.full(chain.n_states, Decimal(0), object)
        for i, row in enumerate(rows):
            if red is not None:
                f[i] = Decimal(int(red[i]))
            elif others is not None:
                f[i] = sum((p * (p / others[i][y]).ln() for y, p in row.items() if y in others[i]), Decimal(0))
            else:
                f[i] = -sum((p * p.ln() for p in row.values()), Decimal(0))
        h = np.full(chain.n_states, Decimal(0), object)
        for ids in recurrent:
            first, rest = ids[0], ids[1:]
            moves, exits = _among(chain, rows, rest)
            earned = _solved(moves, exits, np.array([[f[i], Decimal(1)] for i in rest], object).reshape(-1, 2))
            sums, place = np.array([f[first], Decimal(1)], object), {id: k for k, id in enumerate(rest)}
            for y, p in rows[first].items():
                j = (first * chain.vocab_size + y) % chain.n_states
                sums = sums + (p * earned[place[j]] if j != first else 0)
            if rest:
                h[rest] = earned[:, 0] - sums[0] / sums[1] * earned[:, 1]
        return document | {"h": _strings(h, digits)}

    return _in_digits(attempt)


def passages(document: Document, chain: RowOperator, opens: Mask, surely: Mask) -> Iterator[Document]:
    """x is the probability or the mean time itself, and w, for a probability, the sum of x along the way."""
    ids = np.flatnonzero(opens).tolist()
    ever = document["about"] == "ever"

    def attempt(digits: int) -> Document:
        rows = _rows(chain)
        moves, exits = _among(chain, rows, ids)
        gains = np.full((len(ids), 1), Decimal(1), object)
        for k, i in enumerate(ids if ever else []):
            goals = ((j, p) for y, p in rows[i].items() if surely[j := (i * chain.vocab_size + y) % chain.n_states])
            gains[k, 0] = sum((p for _, p in goals), Decimal(0))
        x = _solved(moves, exits, gains)
        w = _solved(moves, exits, x) if ever else x  # Q w = w - x: the check is of as many digits wherever x is small
        found = {}
        for key, solution in (("x", x), ("w", w)):
            values = np.full(chain.n_states, Decimal(0), object)
            values[ids] = solution[:, 0]
            found[key] = _strings(values, digits)
        return document | found

    return _in_digits(attempt)


def _in_digits(attempt: Callable[[int], Document]) -> Iterator[Document]:
    for digits in _DIGITS:
        with localcontext(Context(digits + 10, Emin=MIN_EMIN, Emax=MAX_EMAX)):
            document = attempt(digits)
        yield document | {"digits": digits}


def _rows(chain: RowOperator) -> list[dict[int, Decimal]]:
    """The next state's probabilities, token by token, in the decimals of the context."""
    rows = []
    for row in chain.log_probs.astype(np.float64).tolist():
        weights = {y: Decimal(log).exp() for y, log in enumerate(row) if log >= LEAST}
        total = sum(weights.values(), Decimal(0))
        rows.append({y: weight / total for y, weight in weights.items()})
    return rows


def _among(chain: RowOperator, rows: list[dict[int, Decimal]], ids: list[int]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The chain among some states (m, m), and with what probability each leaves them (m,)."""
    place = {id: k for k, id in enumerate(ids)}
    moves, exits = np.full((len(ids), len(ids)), Decimal(0), object), np.full(len(ids), Decimal(0), object)
    for k, i in enumerate(ids):
        for y, p in rows[i].items():
            j = place.get((i * chain.vocab_size + y) % chain.n_states)
            if j is None:
                exits[k] += p
            else:
                moves[k, j] += p
    return moves, exits


def _solved(moves: NDArray[Any], exits: NDArray[Any], gains: NDArray[Any]) -> NDArray[Any]:
    """x = gains + moves x for several gains (n, k), by elimination without subtraction (as `gth`).

    `exits` (n,) are the probabilities of leaving the n states.
    """
    A, e, b, n = moves.copy(), exits.copy(), gains.copy(), len(moves)
    for k in range(n - 1, -1, -1):
        total = e[k] + A[k, :k].sum()
        A[k, :k] /= total
        e[k] /= total
        b[k] /= total
        for i in range(k):
            share = A[i, k]
            if share:
                A[i, :k] += share * A[k, :k]
                e[i] += share * e[k]
                b[i] += share * b[k]
    for k in range(n):
        for j in range(k):
            if A[k, j]:
                b[k] += A[k, j] * b[j]
    return b


def _strings(values: NDArray[Any], digits: int) -> list[str]:
    context = Context(digits, Emin=MIN_EMIN, Emax=MAX_EMAX)
    return [str(context.plus(Decimal(value))) for value in values]
