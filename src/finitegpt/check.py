r"""Checks a proof that finitegpt prove wrote, with Python's own decimal arithmetic and no more: python check.py FILE

The file holds a chain, a claim "the number lies in [low, high]", and a witness. From chain and witness an interval is
computed here that must hold the number, each operation rounded outward; the claim is refused unless it holds that
interval. Nothing in the file is trusted: a bad witness proves less, never what is wrong.

The chain: states are contexts of L tokens read as base-V numbers, oldest first; n = V**L; token y leads from state i to
(i V + y) mod n. `log_probs` are n rows of V natural logarithms (base64 of little-endian floats): arrows of less than
-708 are absent, the others have probabilities exp(l), divided by their sum over the row. This, the rows as stored, is
what is proved about. The digest: SHA-256 of "finitegpt chain\n", [dtype, L, vocab] as compact JSON, "\n", the floats.
"""

import base64
import hashlib
import json
import re
import struct
import sys
from collections.abc import Callable
from decimal import (
    MAX_EMAX,
    MIN_EMIN,
    ROUND_CEILING,
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DecimalException,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
)
from pathlib import Path
from typing import Any, NamedTuple

FORMAT, LEAST, MOST_BYTES, MOST_ARROWS, MOST_WORK = "finitegpt proof 1", -708.0, 2**27, 2**22, 2**22 * 900
ZERO, ONE, INFINITE = Decimal(0), Decimal(1), Decimal("Infinity")
SHORT = re.compile(r"-?[0-9]{1,1100}(\.[0-9]{1,1100})?(E[+-]?[0-9]{1,5})?|Infinity")
CLAIMS = {
    "entropy rate": "the entropy rate, in nats a token, under {law}",
    "KL rate": "the KL rate to the model {model}, in nats a token, under {law}",
    "mass": "the mass of {red} under {law}",
    "ever": "the probability of ever reaching {red} from {start}",
    "within": "the probability of reaching {red} within {tokens} tokens from {start}",
    "mean time": "the mean number of tokens until {red} is reached from {start}",
}
Interval = tuple[Decimal, Decimal]  # from below and from above


def context(digits: int, rounding: str, *traps: type[DecimalException]) -> Context:
    """Decimal arithmetic of any exponent, in which nothing that goes wrong goes unseen."""
    return Context(digits, rounding, MIN_EMIN, MAX_EMAX, traps=[InvalidOperation, DivisionByZero, Overflow, *traps])


def both(value: Decimal) -> Interval:
    """A number that is known exactly, as an interval."""
    return value, value


class Refused(ValueError):  # noqa: N818 - it is the answer
    """The file proves nothing, for the reason given in one line."""


class Proved(NamedTuple):
    """What a file proves: in words, as an interval, and of which chain."""

    statement: str
    low: str
    high: str
    sha256: str


def need(ok: Any, expected: str, got: object) -> None:
    """Refuses unless `ok`."""
    if not ok:
        raise Refused(f"expected {expected}, got {ascii(got)[:80]}; try the file as finitegpt prove wrote it")


def number(text: str) -> Decimal:
    """A decimal number that is short: Python would take minutes for others."""
    need(SHORT.fullmatch(text), "a short decimal number", text[:50])
    return Decimal(text)


def unpacked(text: str, n: int, kind: str) -> tuple[Any, ...]:
    """So many numbers from base64: B bytes, f or d floats."""
    raw, size = base64.b64decode(text, validate=True), n * struct.calcsize("<" + kind)
    need(len(raw) == size, f"{size} bytes as base64", len(raw))
    return struct.unpack(f"<{n}{kind}", raw)


class Chain:
    """Rows of logarithms, as the file has them."""

    def __init__(self, entry: dict[str, Any]) -> None:
        self.vocab, self.L, dtype = entry["vocab"], entry["context_length"], entry["dtype"]
        words = type(self.vocab) is list and {type(word) for word in self.vocab} == {str}
        need(words and len(set(self.vocab)) == len(self.vocab), "a vocabulary of different words", self.vocab)
        need(type(self.L) is int and 0 < self.L <= 64, "a context of 1 to 64 tokens", self.L)
        self.V, kind = len(self.vocab), {"float32": "f", "float64": "d"}[dtype]
        self.n = self.V**self.L
        need(self.n * self.V <= MOST_ARROWS, f"at most {MOST_ARROWS} arrows", f"{self.V}**{self.L} states")
        logs = unpacked(entry["log_probs"], self.n * self.V, kind)
        self.rows = [logs[k : k + self.V] for k in range(0, len(logs), self.V)]
        good = all(all(x <= 708 for x in row) and max(row) >= LEAST for row in self.rows)  # NaN is <= nothing
        need(good, "rows of logarithms", "others")
        head = json.dumps([dtype, self.L, self.vocab], separators=(",", ":")).encode()
        floats = base64.b64decode(entry["log_probs"])
        self.sha256 = hashlib.sha256(b"finitegpt chain\n" + head + b"\n" + floats).hexdigest()
        need(entry["sha256"] == self.sha256, f"the digest {self.sha256}", entry["sha256"])

    def reaching(self, goal: Any, stop: Any) -> list[bool]:
        """From where `goal` can be reached along arrows without leaving a state of `stop` on the way."""
        seen, front = [bool(g) for g in goal], [j for j in range(self.n) if goal[j]]
        while front:
            j = front.pop()
            for i in range(j // self.V, self.n, self.n // self.V):  # the states that token j % V leads to j
                if not seen[i] and not stop[i] and self.rows[i][j % self.V] >= LEAST:
                    seen[i] = True
                    front.append(i)
        return seen

    def name(self, states: Any) -> str:
        """Some states in words: by label where they are few, else by their number and a hash of their 0s and 1s."""
        few = [i for i in range(self.n) if states[i]]
        if len(few) > 4:
            mask = bytes(bool(value) for value in states)
            return f"{len(few)} states (of which the mask has sha256 {hashlib.sha256(mask).hexdigest()})"
        names = [[self.vocab[i // self.V**k % self.V] for k in reversed(range(self.L))] for i in few]
        return " ".join(json.dumps("".join(name) if {*map(len, self.vocab)} == {1} else name) for name in names)


class Proof:
    """The content of a file; `enclosure` is what it proves, whatever it claims."""

    def __init__(self, file: dict[str, Any]) -> None:
        self.file, self.about, digits, self.tokens = file, file["about"], file["digits"], file.get("tokens", 1)
        need(file["format"] == FORMAT and self.about in CLAIMS, f"{FORMAT!r} of one of {[*CLAIMS]}", self.about)
        need(type(digits) is int and 20 <= digits <= 1000, "20 to 1000 digits", digits)
        need(type(self.tokens) is int and 0 < self.tokens <= MOST_ARROWS, "1 or more tokens", self.tokens)
        self.P = Chain(file["chain"])
        work = self.P.n * self.P.V * digits**2 * self.tokens
        need(work <= MOST_WORK, f"arrows x digits**2 x tokens of at most {MOST_WORK}", work)
        # Sums, products and quotients are rounded outward, by `down` and `up`. The decimal module promises that exp and
        # ln are correctly rounded to the nearest, so the two numbers next to their results enclose the truth.
        self.down, self.up = context(digits, ROUND_FLOOR), context(digits, ROUND_CEILING)
        self.near, self.exact = context(digits, ROUND_HALF_EVEN), context(5000, ROUND_HALF_EVEN, Inexact)
        P, every = self.P, (1,) * self.P.n
        self.red, self.inside = (unpacked(file[k], P.n, "B") if k in file else every for k in ("red", "states"))
        self.start = self.function("start") if "start" in file else [*map(Decimal, every)]
        need(max(self.red) == max(self.inside) == 1, "masks of 0 and 1, not all 0", "others")
        need(min(self.start) >= 0 and any(self.start), "a start of weights, 0 or more", "others")
        self.model = Chain(file["model"]) if self.about == "KL rate" else P
        need((self.model.vocab, self.model.L) == (P.vocab, P.L), "a model of the truth's states", self.model.L)

    def function(self, key: str) -> list[Decimal]:
        """A number for each state: base64 of float64, or a list of decimals; rounded, as a witness may be any."""
        data, n = self.file[key], self.P.n
        values = list(map(number, data)) if type(data) is list else list(map(Decimal, unpacked(data, n, "d")))
        need(len(values) == n and all(value.is_finite() for value in values), f"{n} numbers {key}", "others")
        return values if key == "start" else list(map(self.near.plus, values))

    def row(self, chain: Chain, i: int) -> list[tuple[int, Interval, Decimal]]:
        """Its arrows: the token, an enclosure of exp(d), and d, the logarithm less the row's largest, exactly."""
        top, arrows = Decimal(max(chain.rows[i])), []
        for y, log in enumerate(chain.rows[i]):
            if log >= LEAST:
                d = self.exact.subtract(Decimal(log), top)
                e = self.near.exp(d)
                arrows.append((y, (self.near.next_minus(e), self.near.next_plus(e)) if d else (ONE, ONE), d))
        return arrows

    def logs(self, row: list[tuple[int, Interval, Decimal]]) -> dict[int, Interval]:
        """The logarithm of each arrow's probability: d - ln(sum of all exp(d))."""
        low, high = ZERO, ZERO
        for _, e, _ in row:
            low, high = self.down.add(low, e[0]), self.up.add(high, e[1])
        log, more = self.near.ln(low), self.up.divide(self.up.subtract(high, low), low)  # ln(1 + z) <= z
        least, most = (self.near.next_minus(log), self.near.next_plus(log)) if low > 1 else both(ZERO)  # never below 1
        return {y: self.less(both(d), (least, self.up.add(most, more))) for y, _, d in row}

    def less(self, a: Interval, b: Interval) -> Interval:
        """a - b."""
        return self.down.subtract(a[0], b[1]), self.up.subtract(a[1], b[0])

    def mean(self, weights: Any, values: Any) -> Interval:
        """The mean of values, weighted with weights of 0 or more; of both, enclosures are given."""
        down, up, low, high, light, heavy = self.down, self.up, ZERO, ZERO, ZERO, ZERO
        for w, (a, b) in zip(weights, values, strict=True):
            low, high = down.fma(w[a < 0], a, low), up.fma(w[b > 0], b, high)
            light, heavy = down.add(light, w[0]), up.add(heavy, w[1])
        return down.divide(low, heavy if low >= 0 else light), up.divide(high, light if high >= 0 else heavy)

    def next(self, i: int, row: list[tuple[int, Interval, Decimal]], value: Callable[[int], Interval]) -> Interval:
        """The mean of a function of the next state."""
        return self.mean([e for _, e, _ in row], [value((i * self.P.V + y) % self.P.n) for y, _, _ in row])

    def average(self) -> Interval:
        """For any function h, the average of f under any stationary distribution, on states that no arrow leaves, is
        between the least and the largest f + P h - h there, as that of P h - h is 0 (Puterman 1994, section 8.5)."""
        n, h, low, high = self.P.n, self.function("h"), INFINITE, -INFINITE
        for i in filter(self.inside.__getitem__, range(n)):
            row, values = self.row(self.P, i), []
            p = {} if self.about == "mass" else self.logs(row)
            q = self.logs(self.row(self.model, i)) if self.about == "KL rate" else dict.fromkeys(p, both(ZERO))
            for y, _, _ in row:
                j = (i * self.P.V + y) % n
                need(self.inside[j], "states that no arrow leaves", f"one from {i} to {j}")
                need(self.about == "mass" or y in q, "a model with all arrows of the truth", f"none from {i} to {j}")
                if self.about == "mass":
                    f = both(Decimal(self.red[i]))
                else:
                    f = self.less(p[y], q[y]) if self.about == "KL rate" else self.less(q[y], p[y])
                values.append(self.less(f, self.less(both(h[i]), both(h[j]))))  # f + h after - h before
            least, most = self.mean([e for _, e, _ in row], values)
            low, high = min(low, least), max(high, most)
        return low, high

    def within(self) -> list[Interval]:
        """From each state, the probability of red within so many tokens: the mean of it over the next state, again."""
        P, x = self.P, [both(Decimal(flag)) for flag in self.red]
        for _ in range(self.tokens):
            x = [x[i] if self.red[i] else self.next(i, self.row(P, i), x.__getitem__) for i in range(P.n)]
        return x

    def passage(self) -> list[Interval]:
        """From each state, the probability of ever reaching red, or the mean time until then.

        By the graph (Baier and Katoen 2008, section 10.1): `never` is where no red state can be reached from, `surely`
        where one cannot get to `never` but through red. On the open states left, the truth solves t = b + Q t, Q being
        the chain among them. If w > 0 and Q w < w there, powers of Q go to 0, so (I - Q)^-1 = I + Q + Q^2 + ... >= 0,
        and |b + Q x - x| <= c (w - Q w) gives |t - x| <= c w (comparison principle; Berman and Plemmons 1994, ch. 6).
        """
        P, red, ever, c = self.P, self.red, self.about == "ever", ZERO
        never = [not can for can in P.reaching(red, red)]
        surely = [not can for can in P.reaching(never, red)]
        need(ever or all(surely[i] for i in range(P.n) if self.start[i]), "a start that surely reaches red", "another")
        opens = [not (never[i] or surely[i]) if ever else surely[i] and not red[i] for i in range(P.n)]
        x, w = self.function("x"), self.function("w" if ever else "x")
        x = [x[i] if opens[i] else Decimal(ever and surely[i]) for i in range(P.n)]
        w = [w[i] if opens[i] else ZERO for i in range(P.n)]
        for i in filter(opens.__getitem__, range(P.n)):
            row = self.row(P, i)
            rest = self.next(i, row, lambda j, i=i: self.less(both(x[j]), both(x[i])))
            rest = rest if ever else self.less(rest, both(-ONE))
            drop, _ = self.next(i, row, lambda j, i=i: self.less(both(w[i]), both(w[j])))
            if w[i] <= 0 or drop <= 0:
                return [(ZERO, INFINITE)] * P.n  # this w proves nothing
            c = max(c, self.up.divide(max(rest[1], rest[0].copy_negate()), drop))
        errors = [self.up.multiply(c, value) for value in w]
        return [self.less(both(v), (e.copy_negate(), e)) for v, e in zip(x, errors, strict=True)]

    def enclosure(self) -> Interval:
        """Where the number lies."""
        if "{law}" in CLAIMS[self.about]:
            low, high = self.average()
        else:
            values = self.within() if self.about == "within" else self.passage()
            held = [(w, value) for w, value in zip(self.start, values, strict=True) if w]
            low, high = self.mean([both(w) for w, _ in held], [value for _, value in held])
            low, high = max(low, min(v[0] for _, v in held)), min(high, max(v[1] for _, v in held))
        return max(ZERO, low), min(INFINITE if "rate" in self.about or "time" in self.about else ONE, high)

    def checked(self) -> Proved:
        """What the file claims; refused unless that holds what it proves."""
        low, high = self.enclosure()
        claim = [self.file["low"], self.file["high"]]
        need(
            number(claim[0]) <= low and high <= number(claim[1]), f"a claim that holds [{low:.17g}, {high:.17g}]", claim
        )
        return self.statement()

    def statement(self) -> Proved:
        """What the file claims, in words."""
        file, P = self.file, self.P
        whole = all(P.reaching(self.inside, (0,) * P.n))  # then all recurrent classes are inside
        starts = [weight for weight in self.start if weight]
        spread = "" if len(starts) == 1 else f"{'equal' if len(set(starts)) == 1 else 'the given'} weights on "
        words = CLAIMS[self.about].format(
            law="every stationary distribution" + ("" if whole else f" on {P.name(self.inside)}"),
            model=self.model.sha256,
            red=P.name(self.red),
            tokens=self.tokens,
            start=spread + P.name(self.start),
        )
        of = f"of the chain of {P.n} states (V = {P.V}, L = {P.L}) with sha256 {P.sha256}"
        return Proved(
            f"proved: {words} lies in [{file['low']}, {file['high']}], {of}", file["low"], file["high"], P.sha256
        )


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, each key of which is there once."""
    need(len(dict(pairs)) == len(pairs), "each key once", "one twice")
    return dict(pairs)


def check(path: str | Path) -> Proved:
    """What a file proves; Refused unless that is what it claims."""
    try:
        size = Path(path).stat().st_size if Path(path).is_file() else "no file"
        need(type(size) is int and size <= MOST_BYTES, f"a file of up to {MOST_BYTES} bytes", size)
        raw = Path(path).read_bytes()
        need(sum(map(raw.count, (b"[", b"{", b","))) <= MOST_ARROWS, "few brackets and commas", "many")
        return Proof(json.loads(raw.decode(), object_pairs_hook=once)).checked()
    except Refused:
        raise
    except Exception as error:  # whatever a hostile file brings about is a refusal, and no traceback
        raise Refused(f"expected a proof, got {ascii(error)[:99]}; try a file that finitegpt prove wrote") from None


if __name__ == "__main__":
    try:
        print(check(sys.argv[1] if len(sys.argv) == 2 else "").statement)
    except Refused as error:
        print(f"refused: {error}", file=sys.stderr)
        sys.exit(2)
