r"""Checks a proof that finitegpt prove wrote, with Python's own decimal arithmetic and no more: python check.py FILE

The file holds a chain, a claim "the number lies in [low, high]", and a witness. From chain and witness an interval that
must hold the number is computed here, each operation rounded outward; the claim is refused unless it holds that one.
Nothing in the file is trusted: a bad witness proves less, never what is wrong.

The chain: states are contexts of L tokens read as base-V numbers, oldest first; n = V**L; token y leads from state i to
(i V + y) mod n. `log_probs` are n rows of V natural logarithms (base64 of little-endian floats): arrows of less than
-708 are absent, the others have probabilities exp(l), divided by their sum over the row. The proof is about the rows as
stored; the SHA-256 of "finitegpt chain\n", [dtype, L, vocab] as compact JSON, "\n" and the floats names them.
"""

import base64
import hashlib
import json
import struct
import sys
from decimal import MAX_EMAX, MIN_EMIN, ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from functools import reduce
from itertools import compress, repeat
from pathlib import Path
from typing import Any, NamedTuple

FORMAT, LEAST, MOST_BYTES, MOST_ARROWS, MOST_WORK = "finitegpt proof 1", -708.0, 2**27, 2**22, 2**22 * 900
ZERO, ONE, INFINITE, minus = Decimal(0), Decimal(1), Decimal("Infinity"), Decimal.copy_negate  # -x would round
CLAIMS = {
    "entropy rate": "the entropy rate, in nats a token, under every stationary distribution{where}",
    "KL rate": "the KL rate to the model {model}, in nats a token, under every stationary distribution{where}",
    "mass": "the mass of {red} under every stationary distribution{where}",
    "ever": "the probability of ever reaching {red} from {start}",
    "mean time": "the mean number of tokens until {red} is reached from {start}",
}
Proved = NamedTuple("Proved", [("statement", str), ("low", str), ("high", str), ("sha256", str)])  # noqa: UP014


class Refused(ValueError):  # noqa: N818 - it is the answer
    """The file proves nothing, for the reason given in one line."""


def _need(ok: Any, expected: str, got: object) -> None:
    if not ok:
        raise Refused(f"expected {expected}, got {ascii(got)[:80]}; try the file as finitegpt prove wrote it")


def _unpacked(text: str, n: int, kind: str) -> tuple[Any, ...]:  # kind: B for bytes, f or d for floats
    return struct.unpack(f"<{n}{kind}", base64.b64decode(text, validate=True))


class _Chain:
    def __init__(self, entry: dict[str, Any]) -> None:
        self.vocab, self.L, dtype = entry["vocab"], entry["context_length"], entry["dtype"]
        words = type(self.vocab) is list and {*map(type, self.vocab)} == {str} and len({*self.vocab}) == len(self.vocab)
        _need(words and type(self.L) is int and 0 < self.L <= 64, "different words, a context of 1 to 64", self.vocab)
        self.V, self.n = len(self.vocab), len(self.vocab) ** self.L
        _need(self.n * self.V <= MOST_ARROWS, f"at most {MOST_ARROWS} arrows", f"{self.V}**{self.L} states")
        logs = _unpacked(entry["log_probs"], self.n * self.V, {"float32": "f", "float64": "d"}[dtype])
        self.rows = [logs[k : k + self.V] for k in range(0, len(logs), self.V)]
        good = all(x <= 708 for x in logs) and min(map(max, self.rows)) >= LEAST  # NaN is <= nothing
        _need(good, "rows of logarithms", "others")
        head = "finitegpt chain\n" + json.dumps([dtype, self.L, self.vocab], separators=(",", ":")) + "\n"
        self.sha256 = hashlib.sha256(head.encode() + base64.b64decode(entry["log_probs"])).hexdigest()
        _need(entry["sha256"] == self.sha256, f"the digest {self.sha256}", entry["sha256"])

    def reaching(self, goal: Any, stop: Any) -> list[bool]:
        """From where `goal` can be reached along arrows without leaving a state of `stop` on the way."""
        V, front = self.V, [j for j in range(self.n) if goal[j]]
        seen = {*front}
        while front:
            j = front.pop()  # to which token j % V leads from states that are n / V apart
            new = {i for i in range(j // V, self.n, self.n // V) if self.rows[i][j % V] >= LEAST and not stop[i]} - seen
            seen |= new
            front += new
        return [i in seen for i in range(self.n)]

    def name(self, states: Any, key: str) -> str:
        """A few states by label, more as what the file has under a key."""
        ids = [i for i in range(self.n) if states[i]]
        words = [[self.vocab[i // self.V**k % self.V] for k in reversed(range(self.L))] for i in ids[:4]]
        labels = [json.dumps("".join(word) if {*map(len, self.vocab)} == {1} else word) for word in words]
        return " ".join(labels) if len(ids) <= 4 else f"the {len(ids)} states of {key!r} in the file"


class Proof:
    """What the witness of a file proves: that the number is between `low` and `high`, whatever the file claims."""

    def __init__(self, file: dict[str, Any]) -> None:
        self.file, self.about, digits, self.P = file, file["about"], file["digits"], _Chain(file["chain"])
        _need(file["format"] == FORMAT and self.about in CLAIMS, f"{FORMAT!r} of one of {[*CLAIMS]}", self.about)
        _need(digits in range(20, 1001) and self.P.n * self.P.V * digits**2 <= MOST_WORK, "20 to 1000 digits", digits)
        # Sums, products and quotients are rounded outward, by `down` and `up`. The decimal module promises that exp and
        # ln are correctly rounded to the nearest, so the two numbers next to their results enclose the truth.
        rounding = ROUND_FLOOR, ROUND_CEILING, ROUND_HALF_EVEN
        self.down, self.up, self.near = (Context(digits, mode, MIN_EMIN, MAX_EMAX) for mode in rounding)
        sets = [_unpacked(file[k], self.P.n, "B") if k in file else (1,) * self.P.n for k in ("red", "states", "start")]
        _need({*map(max, sets)} == {1}, "sets of 0 and 1, not all 0", "others")
        self.red, self.inside, self.start = sets
        self.model = _Chain(file["model"]) if self.about == "KL rate" else self.P
        _need((self.model.vocab, self.model.L) == (self.P.vocab, self.P.L), "a model of the same states", self.model.L)
        low, high = self._passage() if "{start}" in CLAIMS[self.about] else self._average()
        self.low, self.high = max(ZERO, low), min(ONE, high) if self.about in ("mass", "ever") else high

    def _function(self, key: str) -> list[Decimal]:
        data, n = self.file[key], self.P.n
        values = [*map(Decimal, data if type(data) is list else _unpacked(data, n, "d"))]
        _need(len(values) == n and all(map(Decimal.is_finite, values)), f"{n} numbers {key}", "others")
        return values

    def _row(self, chain: _Chain, i: int) -> tuple[dict[int, Any], list[Any], Any]:
        """Of a state's arrows the logarithms of probabilities by token, weights in proportion to these, their sum."""
        near, logs = self.near, {y: Decimal(x) for y, x in enumerate(chain.rows[i]) if x >= LEAST}
        if len(logs) == 1:
            return dict.fromkeys(logs, (ZERO, ZERO)), [(ONE, ONE)], (ONE, ONE)
        weights = [(near.next_minus(e), near.next_plus(e)) for e in map(near.exp, logs.values())]
        total = reduce(self.down.add, [w[0] for w in weights]), reduce(self.up.add, [w[1] for w in weights])
        low, high = near.next_minus(near.ln(total[0])), near.next_plus(near.ln(total[1]))
        return {y: (self.down.subtract(x, high), self.up.subtract(x, low)) for y, x in logs.items()}, weights, total

    def _rise(self, i: int, row: Any, h: list[Decimal], gains: Any) -> Decimal:
        """The mean, over a state's arrows, of h after less h before plus a gain, from below."""
        P, down, (tokens, weights, total), result = self.P, self.down, row, ZERO
        values = [down.add(down.subtract(h[(i * P.V + y) % P.n], h[i]), g) for y, g in zip(tokens, gains, strict=False)]
        for weight, value in zip(weights, values, strict=True):
            result = down.fma(weight[value < 0], value, result)
        return max(min(values), down.divide(result, total[result >= 0]))  # a mean is no less than the least

    def _average(self) -> tuple[Decimal, Decimal]:
        """For any function h, the average of f under any stationary distribution, on states that no arrow leaves, is
        between the least and the largest f + P h - h there, as that of P h - h is 0 (Puterman 1994, section 8.5). Here
        f is a mean of a - b: of 0 - log p for the entropy rate, log p - log q for the KL rate, red - 0 for the mass."""
        V, n, inside, h, low, high = self.P.V, self.P.n, self.inside, self._function("h"), INFINITE, -INFINITE
        minus_h = [*map(minus, h)]
        for i in compress(range(n), inside):
            row = p, *_ = self._row(self.P, i)
            q = self._row(self.model, i)[0] if self.about == "KL rate" else p
            _need(all(inside[(i * V + y) % n] for y in p), "states that no arrow leaves", f"one from {i}")
            _need(p.keys() <= q.keys(), "a model with all arrows of the truth", f"one without, from {i}")
            zero, red = (dict.fromkeys(p, (Decimal(k), Decimal(k))) for k in (0, self.red[i]))
            a, b = {"entropy rate": (zero, p), "KL rate": (p, q), "mass": (red, zero)}[self.about]
            low = min(low, self._rise(i, row, h, [self.down.subtract(a[y][0], b[y][1]) for y in p]))
            less = self._rise(i, row, minus_h, [self.down.subtract(b[y][0], a[y][1]) for y in p])
            high = max(high, minus(less))
        return low, high

    def _passage(self) -> tuple[Decimal, Decimal]:
        """The probability of ever reaching red, or the mean time until then. By the graph (Baier and Katoen 2008, 10),
        red is `never` reached, or `surely`: where one cannot get to `never` but through red. On the open states left,
        the truth solves t = b + Q t, Q being the chain among them. If w > 0 and Q w < w there, (I - Q)^-1 = I + Q + ...
        >= 0, and |b + Q x - x| <= c (w - Q w) gives |t - x| <= c w (Berman and Plemmons 1994, chapter 6)."""
        P, ever, c, every = self.P, self.about == "ever", ZERO, range(self.P.n)
        never = [not can for can in P.reaching(self.red, self.red)]
        surely = [not can for can in P.reaching(never, self.red)]
        _need(ever or all(compress(surely, self.start)), "a start that surely reaches red", "another")
        opens = [not (never[i] or surely[i]) if ever else surely[i] and not self.red[i] for i in every]
        x = [value if opens[i] else Decimal(ever and surely[i]) for i, value in enumerate(self._function("x"))]
        w = [value if opens[i] else ZERO for i, value in enumerate(self._function("w"))]
        minus_x, minus_w, gain = [*map(minus, x)], [*map(minus, w)], Decimal(not ever)
        for i in compress(every, opens):
            row = self._row(P, i)
            drop = self._rise(i, row, minus_w, repeat(ZERO))
            if w[i] <= 0 or drop <= 0:
                return ZERO, INFINITE  # this w proves nothing
            rest = min(self._rise(i, row, x, repeat(gain)), self._rise(i, row, minus_x, repeat(minus(gain))))
            c = max(c, self.up.divide(minus(rest), drop))
        low = min(self.down.fma(minus(c), w[i], x[i]) for i in compress(every, self.start))
        return low, max(self.up.fma(c, w[i], x[i]) for i in compress(every, self.start))

    def statement(self) -> Proved:
        """What the file claims; Refused unless it follows. States that all lead to hold every recurrent class."""
        P, low, high = self.P, *(Decimal(self.file[end]) for end in ("low", "high"))
        proves = f"a claim that holds [{self.low:.17g}, {self.high:.17g}]"
        _need(low <= self.low and self.high <= high, proves, f"[{low}, {high}]")
        start, red = P.name(self.start, "start"), P.name(self.red, "red")
        where = "" if all(P.reaching(self.inside, (0,) * P.n)) else f" on {P.name(self.inside, 'states')}"
        words = CLAIMS[self.about].format(where=where, model=self.model.sha256, red=red, start=start)
        of = f"of the chain of {P.n} states (V = {P.V}, L = {P.L}) with sha256 {P.sha256}"
        return Proved(f"proved: {words} lies in [{low}, {high}], {of}", str(low), str(high), P.sha256)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    _need(len(dict(pairs)) == len(pairs), "each key once", "one twice")
    return dict(pairs)


def check(path: str | Path) -> Proved:
    """What a file proves; Refused unless that is what it claims."""
    try:
        _need(Path(path).is_file() and Path(path).stat().st_size <= MOST_BYTES, "a file of up to 128 MiB", "none")
        raw = Path(path).read_bytes()
        _need(sum(map(raw.count, (b"[", b"{", b","))) <= MOST_ARROWS, "few brackets and commas", "many")
        return Proof(json.loads(raw, object_pairs_hook=_once, parse_float=str, parse_constant=str)).statement()
    except Exception as error:  # whatever a hostile file brings about is a refusal, and no traceback
        other = f"expected a proof, got {ascii(error)[:99]}; try a file that finitegpt prove wrote"
        raise Refused(str(error) if type(error) is Refused else other) from None


if __name__ == "__main__":
    try:
        print(check(sys.argv[1] if len(sys.argv) == 2 else "").statement)
    except Refused as error:
        sys.exit(f"refused: {error}")
