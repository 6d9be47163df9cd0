"""Proofs that travel: a claim about a chain, the chain, and a witness, in a file that `check.py` verifies alone.

What is proved is what the checker finds from the witness, rounded outward, so a bad witness makes a wide interval and
never a wrong one. It is about the rows as stored, float32 or float64: a law that was given by probabilities was rounded
when it was stored, and that is not in the interval. Chains of up to 128 states are solved in decimals of as many digits
as a narrow interval needs, larger ones in double precision, by elimination or by iteration: metastable ones among these
get wide intervals, which say so.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, ROUND_CEILING, ROUND_FLOOR, Context, Decimal, localcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finitegpt.analysis import Classes, communicating_classes, extended, select
from finitegpt.analysis.divergence import row_divergence
from finitegpt.analysis.stationary import LARGEST_GTH, MOST_PRODUCTS
from finitegpt.chain import LEAST, Chain
from finitegpt.check import FORMAT, MOST_ARROWS, Proof, Proved, Refused
from finitegpt.errors import FileError, InputError, TooLargeError
from finitegpt.files import new_file
from finitegpt.graph import NEVER, SURELY

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]
Document = dict[str, Any]

SMALL = 128
"""Up to so many states witnesses are decimals, as exact as need be."""

_DIGITS = (30, 60, 120, 240, 480, 960)
_DOUBLE_DIGITS = 28
_STEPS = 2000
_SURE = 4096  # so many states are always eliminated
_SMALL_GAIN = 1e-290  # double precision still divides by it
_NARROW, _TIGHT = Decimal("1e-9"), Decimal("1e-15")


@dataclass(frozen=True, eq=False)
class Certificate:
    """A claim, proved: an interval, and the file that proves it to somebody who trusts nothing but arithmetic."""

    document: Document
    """What the file will hold; see `check.py`."""
    proved: Proved
    """What the checker says of it."""

    @property
    def low(self) -> Decimal:
        """The truth is not below this."""
        return Decimal(self.proved.low)

    @property
    def high(self) -> Decimal:
        """The truth is not above this."""
        return Decimal(self.proved.high)

    @property
    def narrow(self) -> bool:
        """Whether the interval says much: nine digits of the number, or that it is below 1e-9."""
        return self.high.is_finite() and self.high - self.low <= _NARROW * max(self.high, _NARROW)

    def save(self, path: Path | str) -> None:
        """Writes a new file, whole or not at all; FileError where there is one."""
        path = Path(path)
        if path.exists():
            raise FileError(f"expected a new file, got {str(path)!r} which exists; try another name")
        with new_file(path) as partial:
            partial.write_text(json.dumps(self.document, indent=1, allow_nan=False) + "\n", encoding="ascii")


def chain_digest(chain: Chain) -> str:
    """The SHA-256 that names a chain in proofs: of its number format, context length, vocabulary and rows as stored.

    >>> chain_digest(Chain.from_probs([[1, 0], [0.5, 0.5]], "ab", 1))[:8]
    '05708d5d'
    """
    head = json.dumps([chain.log_probs.dtype.name, chain.context_length, list(chain.vocab)], separators=(",", ":"))
    return hashlib.sha256(b"finitegpt chain\n" + head.encode() + b"\n" + _bytes(chain.log_probs)).hexdigest()


def entropy_rate(chain: Chain, *, states: ArrayLike | None = None, note: str = "") -> Certificate:
    """The entropy of the next token in the long run, in nats a token, under every stationary distribution.

    Of a chain with several recurrent classes, `states` may give the ids of one; see `recurrent_classes`.

    >>> certificate = entropy_rate(Chain.from_probs([[0.5, 0.5], [0.5, 0.5]], "ab", 1))
    >>> float(certificate.low), float(certificate.high), certificate.narrow
    (0.6931471805599453, 0.6931471805599453, True)
    """
    return _average(_begin(chain, "entropy rate", note), chain, chain.row_entropy(), states)


def kl_rate(truth: Chain, model: Chain, *, states: ArrayLike | None = None, note: str = "") -> Certificate:
    """What predicting with a model costs beyond the best possible, in nats a token; as `compare`.

    >>> truth = Chain.from_probs([[0.5, 0.5], [0.2, 0.8]], "ab", 1)
    >>> float(kl_rate(truth, Chain.from_probs([[0.5, 0.5]] * 2, "ab", 1)).low).__round__(6)
    0.137675
    """
    L = max(truth.context_length, model.context_length)
    _require_small(truth.vocab_size, L)
    truth, model = (chain if chain.context_length == L else extended(chain, L) for chain in (truth, model))
    if truth.vocab != model.vocab:
        raise InputError("expected chains over the same vocabulary, got two; try training with --vocab")
    document = _begin(truth, "KL rate", note) | {"model": _entry(model)}
    return _average(document, truth, row_divergence(truth.log_probs, model.log_probs), states, model)


def mass(chain: Chain, red: ArrayLike, *, states: ArrayLike | None = None, note: str = "") -> Certificate:
    """How much of its time the chain is in red states, in the long run: a pattern, several, ids, or a mask (V**L,).

    >>> float(mass(Chain.from_probs([[0.5, 0.5]] * 2, "ab", 1), "b").high)
    0.5
    """
    mask = select(chain, red)
    document = _begin(chain, "mass", note) | {"red": _packed(mask.astype(np.uint8))}
    return _average(document, chain, mask.astype(np.float64), states)


def hitting_probability(chain: Chain, red: ArrayLike, *, start: int | None = None, note: str = "") -> Certificate:
    """The probability of ever reaching red states from a state: without one, from the data's most frequent not red.

    >>> chain = Chain.from_probs([[1, 0, 0], [0, 1, 0], [0.25, 0.25, 0.5]], "abc", 1)
    >>> float(hitting_probability(chain, "b", start=2).low)
    0.5
    """
    document, decided, _, _ = _passage(chain, red, start, "ever", note)
    opens, surely = decided == 0, decided == SURELY
    if chain.n_states <= SMALL:
        return _best(_decimal_passage(document, chain, opens, surely))
    part = np.where(opens, -1, np.where(decided == NEVER, 1, 0))
    x = _eliminated(chain, part, None)
    w = None if x is None else _eliminated(chain, part, np.maximum(x, _SMALL_GAIN))
    if x is None or w is None:
        x = _iterated(chain, opens, chain.pull(surely.astype(np.float64)))
        w = _iterated(chain, opens, np.ones(chain.n_states))
    return _best([document | {"x": _packed(x), "w": _packed(w)}])


def mean_first_passage_time(chain: Chain, red: ArrayLike, *, start: int | None = None, note: str = "") -> Certificate:
    """The mean number of tokens until red states are reached; InputError for a start from where they may never be.

    >>> chain = Chain.from_probs([[0.5, 0.5], [0.5, 0.5]], "ab", 1)
    >>> float(mean_first_passage_time(chain, "b", start=0).high)
    2.0
    """
    document, decided, mask, first = _passage(chain, red, start, "mean time", note)
    if decided[first] != SURELY:
        raise InputError("expected a start from where red is surely reached, got another; try hitting_probability")
    opens = (decided == SURELY) & ~mask
    if chain.n_states <= SMALL:
        return _best(_decimal_passage(document, chain, opens, decided == SURELY))
    one = np.ones(chain.n_states)
    x = _eliminated(chain, np.where(opens, -1, np.where(mask, 0, -2)), one)
    x = _iterated(chain, opens, one) if x is None else x
    return _best([document | {"x": _packed(x), "w": _packed(x)}])


def _bytes(array: NDArray[Any]) -> bytes:
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()


def _packed(array: NDArray[Any]) -> str:
    return base64.b64encode(_bytes(array)).decode()


def _entry(chain: Chain) -> Document:
    return {
        "vocab": list(chain.vocab),
        "context_length": chain.context_length,
        "dtype": chain.log_probs.dtype.name,
        "log_probs": _packed(chain.log_probs),
        "sha256": chain_digest(chain),
    }


def _require_small(V: int, L: int) -> None:
    if V ** (L + 1) > MOST_ARROWS:
        raise TooLargeError(
            f"expected at most {MOST_ARROWS:,} arrows to prove about, got {V}**{L + 1}; try finitegpt analyze"
        )


def _begin(chain: Chain, about: str, note: str) -> Document:
    _require_small(chain.vocab_size, chain.context_length)
    document = {"format": FORMAT, "about": about, "low": "0", "high": "Infinity", "digits": _DOUBLE_DIGITS}
    return document | ({"note": note} if note else {}) | {"chain": _entry(chain)}


def _passage(
    chain: Chain, red: ArrayLike, start: int | None, about: str, note: str
) -> tuple[Document, NDArray[np.uint8], Mask, int]:
    """The file's beginning, what the graph says of each state, the red ones, and where it starts."""
    mask = select(chain, red)
    if start is None:
        often = np.ones(chain.n_states) if chain.counts is None else chain.counts + 1
        start = int(np.argmax(np.where(mask, 0, often)))
    if not 0 <= start < chain.n_states:
        raise InputError(f"expected a start from 0 to {chain.n_states - 1}, got {start}; try 0")
    first = np.arange(chain.n_states) == start
    found = {"red": _packed(mask.astype(np.uint8)), "start": _packed(first.astype(np.uint8))}
    return _begin(chain, about, note) | found, chain.graph.reach(mask), mask, start


def _best(documents: "list[Document] | Iterator[Document]") -> Certificate:
    """The certificate of the first document with a narrow interval, else of the narrowest."""
    best: Certificate | None = None
    with localcontext(Context(50, Emin=MIN_EMIN, Emax=MAX_EMAX)):
        for document in documents:
            try:
                proof = Proof(document)
            except Refused as error:
                if best is not None:
                    break  # more digits would be too much work
                raise InputError(f"{str(error).rpartition('; try ')[0]}; try another chain") from None
            proof.file = _claiming(document, proof.low, proof.high)
            certificate = Certificate(proof.file, proof.statement())
            if best is None or certificate.high - certificate.low < best.high - best.low:
                best = certificate
            if certificate.high.is_finite() and certificate.high - certificate.low <= _TIGHT * certificate.high:
                break
    assert best is not None
    return best


def _claiming(document: Document, low: Decimal, high: Decimal) -> Document:
    """The document with a claim of 20 digits that holds the interval."""
    below, above = (Context(20, mode, MIN_EMIN, MAX_EMAX) for mode in (ROUND_FLOOR, ROUND_CEILING))
    return document | {"low": str(below.plus(low)) if low else "0", "high": str(above.plus(high)) if high else "0"}


def _average(
    document: Document, chain: Chain, f: Values, states: ArrayLike | None, model: Chain | None = None
) -> Certificate:
    classes = communicating_classes(chain)
    kept = classes.recurrent[classes.label]
    if states is not None:
        kept = kept & select(chain, states)
    if not kept.any():
        raise InputError("expected states that hold a recurrent class, got others; try one of recurrent_classes")
    if np.isinf(f[kept]).any():
        raise InputError("expected a model that allows what the truth does, got an infinite KL rate; try no top-k")
    if not kept.all():
        document = document | {"states": _packed(kept.astype(np.uint8))}
    if chain.n_states <= SMALL:
        return _best(_decimal_average(document, chain, classes, kept, model))
    h = _double_average(chain, np.where(kept, f, 0.0), classes, kept)
    return _best([document | {"h": _packed(h)}])


def _decimal_rows(chain: Chain) -> list[dict[int, Decimal]]:
    """The next state's probabilities, token by token, in the decimals of the context."""
    rows = []
    for row in chain.log_probs.astype(np.float64).tolist():
        weights = {y: Decimal(log).exp() for y, log in enumerate(row) if log >= LEAST}
        total = sum(weights.values(), Decimal(0))
        rows.append({y: weight / total for y, weight in weights.items()})
    return rows


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


def _in_digits(attempt: Callable[[int], Document]) -> Iterator[Document]:
    for digits in _DIGITS:
        with localcontext(Context(digits + 10, Emin=MIN_EMIN, Emax=MAX_EMAX)):
            document = attempt(digits)
        yield document | {"digits": digits}


def _strings(values: NDArray[Any], digits: int) -> list[str]:
    context = Context(digits, Emin=MIN_EMIN, Emax=MAX_EMAX)
    return [str(context.plus(Decimal(value))) for value in values]


def _among(chain: Chain, rows: list[dict[int, Decimal]], ids: list[int]) -> tuple[NDArray[Any], NDArray[Any]]:
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


def _decimal_average(
    document: Document, chain: Chain, classes: Classes, kept: Mask, model: Chain | None
) -> Iterator[Document]:
    """h is what is earned above the average until the first state of the class."""
    recurrent = [classes[k].tolist() for k in range(len(classes)) if kept[classes[k]].all()]
    red = base64.b64decode(document["red"]) if "red" in document else None

    def attempt(digits: int) -> Document:
        rows = _decimal_rows(chain)
        others = _decimal_rows(model) if model is not None else None
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


def _decimal_passage(document: Document, chain: Chain, opens: Mask, surely: Mask) -> Iterator[Document]:
    ids = np.flatnonzero(opens).tolist()
    ever = document["about"] == "ever"

    def attempt(digits: int) -> Document:
        rows = _decimal_rows(chain)
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


def _double_average(chain: Chain, f: Values, classes: Classes, kept: Mask) -> Values:
    """h by value iteration; where that does not settle, by elimination of classes that are small enough."""
    label, n_classes = classes.label[kept], len(classes)
    sizes = np.maximum(np.bincount(label, minlength=n_classes), 1)
    h, good, best, before = np.zeros_like(f), np.zeros_like(f), np.inf, np.inf
    scale = max(float(np.abs(f[kept]).max()), 1e-300)

    def off(h: Values) -> Values:
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


def _above_average(chain: Chain, f: Values, ids: NDArray[np.int64]) -> Values:
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


def _eliminated(chain: Chain, part: NDArray[np.int64], gains: Values | None) -> Values | None:
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


def _iterated(chain: Chain, opens: Mask, b: Values) -> Values:
    """x with x = b + Q x, Q being the chain among the open states, by BiCGSTAB: what is left over is solved again."""
    from scipy.sparse.linalg import LinearOperator, bicgstab

    def left(x: Values) -> Values:
        return np.where(opens, b + chain.pull(x) - x, 0.0)

    n, x = chain.n_states, np.where(opens, b, 0.0)

    def step(v: Values) -> Values:
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
