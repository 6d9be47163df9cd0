"""Exact answers about small chains in ball arithmetic that is not ours: python-flint's `arb` (Johansson 2017).

An `Exact` is a chain at some precision. Its numbers have exponents of any size, so nothing underflows, and a ball holds
the truth whatever was rounded. Where a ball is too wide to tell on which side of an end it is, `Exact` is made again
with more bits.

Sums that could cancel are avoided: laws and hitting by elimination without subtractions, so that 192 bits are enough
for probabilities of any size. What is exact (one arrow, arrows alike, a sure event) stays so.
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property

import networkx
import numpy as np
from flint import arb, arb_mat, ctx, fmpq
from numpy.typing import NDArray

from finitegpt.rows import LEAST

Mask = NDArray[np.bool_]
Sparse = list[dict[int, arb]]
INFINITE = math.inf


def ball(x: float | Fraction) -> arb:
    """A double as it is; a fraction to the precision in use."""
    return arb(x) if isinstance(x, float) else arb(fmpq(x.numerator, x.denominator))


class Ball:
    """A number as compared with ends of intervals: True or False where the ball can tell, else None.

    What lies between `least` and `most` by its nature does so however wide the ball.
    """

    def __init__(self, value: arb | float, least: float = -INFINITE, most: float = INFINITE):
        self.value, self.least, self.most = value, least, most

    def less(self, x: float | Fraction) -> bool | None:
        if isinstance(self.value, float) or x in (INFINITE, -INFINITE):
            return float(self.value) < x
        end = ball(x)
        return True if self.value < end else (False if x <= self.least or self.value >= end else None)

    def more(self, x: float | Fraction) -> bool | None:
        if isinstance(self.value, float) or x in (INFINITE, -INFINITE):
            return float(self.value) > x
        end = ball(x)
        return True if self.value > end else (False if x >= self.most or self.value <= end else None)


def share(value: arb | float) -> Ball:
    """A probability, or a distance between two laws."""
    return Ball(value, 0.0, 1.0)


class Radius:
    """The spectral radius of a matrix of probabilities that is not known, but can be compared with any number.

    A level is above it exactly if all pivots of level - Q are positive (an M-matrix).
    """

    def __init__(self, blocks: list[Sparse]):
        self.blocks = blocks

    def less(self, x: float | Fraction) -> bool | None:
        if not self.blocks or x > 1:
            return x > 0
        above = [self._above(block, ball(x)) if x > 0 else False for block in self.blocks]
        return False if False in above else (None if None in above else True)

    def more(self, x: float | Fraction) -> bool | None:
        if not self.blocks or x >= 1:
            return x < 0
        above = [self._above(block, ball(x)) if x >= 0 else False for block in self.blocks]
        return True if False in above else (None if None in above else False)

    @staticmethod
    def _above(Q: Sparse, level: arb) -> bool | None:
        if len(Q) == 1:
            return True if level > Q[0][0] else (False if level < Q[0][0] else None)
        A = [{j: -p for j, p in row.items()} for row in Q]
        for k, row in enumerate(A):
            row[k] = row.get(k, arb(0)) + level
        columns = _columns(A)
        for k in range(len(A)):
            pivot = A[k].pop(k)
            if not pivot > 0:
                return False if pivot < 0 else None
            for i in columns[k]:
                if i > k:
                    _add(A, columns, i, -A[i].pop(k) / pivot, A[k], k)
        return True


class Mixing:
    """The least n for which the worst start is within epsilon of the law."""

    def __init__(self, exact: "Exact", epsilon: float):
        self.exact, self.epsilon = exact, epsilon

    def less(self, n: float) -> bool | None:
        if self.exact.period > 1:
            return False
        if n == INFINITE:
            return True
        return False if n < 1 else self._near(math.ceil(n) - 1)

    def more(self, n: float) -> bool | None:
        if self.exact.period > 1:
            return n != INFINITE
        if n == INFINITE:
            return False
        near = self._near(math.floor(n)) if n >= 0 else False
        return None if near is None else not near

    def _near(self, steps: int) -> bool | None:
        """Whether all starts are within epsilon after so many steps."""
        distance = self.exact.distance(steps)
        end = arb(self.epsilon)
        return True if distance <= end else (False if distance > end else None)


class Exact:
    """A chain: rows of probabilities (m, V) over contexts; `times` as many states where older tokens do not matter."""

    def __init__(self, rows: Sequence[Sequence[arb]], n: int, bits: int):
        self.rows, self.m, self.V, self.n, self.bits = rows, len(rows), len(rows[0]), n, bits
        self.P: Sparse = [
            {i * self.V % self.m + y: p for y, p in enumerate(row) if p > 0} for i, row in enumerate(rows)
        ]
        self._powers: dict[int, arb_mat] = {}

    def lift(self, values: list) -> list:
        """What holds for the last tokens holds for every context that ends in them."""
        return values * (self.n // self.m)

    # Classes

    @cached_property
    def classes(self) -> list[list[int]]:
        """The recurrent classes of the short contexts, by their smallest state."""
        graph = networkx.DiGraph([(i, j) for i, row in enumerate(self.P) for j in row])
        parts = [sorted(part) for part in networkx.strongly_connected_components(graph)]
        return sorted(part for part in parts if all(j in set(part) for i in part for j in self.P[i]))

    @cached_property
    def period(self) -> int:
        return math.lcm(*(self._period(part) for part in self.classes))

    def _period(self, part: list[int]) -> int:
        depth, front, d = {part[0]: 0}, [part[0]], 0
        while front:
            ahead = []
            for i in front:
                for j in self.P[i]:
                    if j not in depth:
                        depth[j] = depth[i] + 1
                        ahead.append(j)
                    d = math.gcd(d, depth[i] + 1 - depth[j])
            front = ahead
        return d

    # The long run

    @cached_property
    def laws(self) -> list[list[arb]]:
        """The stationary law (n,) of each class."""
        laws = []
        for part in self.classes:
            place = {i: k for k, i in enumerate(part)}
            found = stationary([{place[j]: p for j, p in self.P[i].items()} for i in part])
            pi = [arb(0)] * self.m
            for i, value in zip(part, found, strict=True):
                pi[i] = value
            while len(pi) < self.n:
                pi = [mass * p for s, mass in enumerate(pi) for p in self.rows[s % self.m]]
            laws.append(pi)
        return laws

    @cached_property
    def row_entropies(self) -> list[arb]:
        return self.lift([entropy([p for p in row if p > 0]) for row in self.rows])

    def memory(self, pi: list[arb]) -> list[arb]:
        """h_0 .. h_L."""
        h = [dot(pi, self.row_entropies)]
        joint = [[mass * p for p in self.rows[s % self.m]] for s, mass in enumerate(pi)]
        while len(joint) > 1:
            fewer = len(joint) // self.V
            joint = [
                [total(joint[b + a * fewer][y] for a in range(self.V)) for y in range(self.V)] for b in range(fewer)
            ]
            value = arb(0)
            for row in joint:
                held = [p for p in row if p > 0]
                if len(held) > 1:
                    mass = total(held)
                    value += mass * entropy([p / mass for p in held])
            h.append(value)
        return h[::-1]

    def divergence(self, other: "Exact", same: Sequence[bool]) -> list[arb | float]:
        """KL of each row to that of another chain; exactly 0 for rows that are the same."""
        out: list[arb | float] = []
        for i in range(max(self.m, other.m)):
            p, q = self.rows[i % self.m], other.rows[i % other.m]
            if same[i]:
                out.append(arb(0))
            elif any(x > 0 and not y > 0 for x, y in zip(p, q, strict=True)):
                out.append(INFINITE)
            else:
                out.append(total(x * (x / y).log() for x, y in zip(p, q, strict=True) if x > 0))
        return out

    # Steps

    def push(self, pi: list[arb]) -> list[arb]:
        """For chains that are not longer than they look back."""
        new = [arb(0)] * self.m
        for mass, row in zip(pi, self.P, strict=True):
            if mass != 0:
                for j, p in row.items():
                    new[j] += mass * p
        return new

    def distance(self, steps: int) -> arb:
        """From the worst start, the total variation to the law."""
        power, pi, worst = self.power(steps), self.laws[0], arb(0)
        for i in range(self.m):
            worst = worst.max(total(abs(power[i, j] - pi[j]) for j in range(self.m)) / 2)
        return worst

    def power(self, steps: int) -> arb_mat:
        if steps not in self._powers:
            m = self.m
            if steps <= 1:
                entries = [[self.P[i].get(j, arb(0)) if steps else arb(i == j) for j in range(m)] for i in range(m)]
                self._powers[steps] = arb_mat(entries)
            else:
                half = self.power(steps // 2)
                self._powers[steps] = half * half * self.power(1) if steps % 2 else half * half
        return self._powers[steps]

    # Hitting

    def hitting(self, target: Mask) -> list[arb]:
        """The probability of ever being there; exactly 0 or 1 where the graph says so."""
        hit, _ = self._passage(target)
        return hit

    def passage(self, target: Mask) -> list[arb | float]:
        """The mean time until then, infinite where it is not sure."""
        _, time = self._passage(target)
        return time

    def _passage(self, target: Mask) -> tuple[list[arb], list[arb | float]]:
        key = target.tobytes()
        if key not in self._passages:
            self._passages[key] = self._solve(target[: self.m])
        return self._passages[key]

    @cached_property
    def _passages(self) -> dict[bytes, tuple[list[arb], list[arb | float]]]:
        return {}

    def _solve(self, target: Mask) -> tuple[list[arb], list[arb | float]]:
        goals = {int(i) for i in np.flatnonzero(target)}
        coming = self._reaching(goals, goals)
        never = set(range(self.m)) - coming
        unsure = self._reaching(never, goals)
        hit = [arb(int(i in coming and i not in unsure)) for i in range(self.m)]
        time: list[arb | float] = [INFINITE if i in unsure else arb(0) for i in range(self.m)]
        doubtful = sorted((coming & unsure) - goals)
        for i, value in zip(doubtful, self._among(doubtful, lambda j: hit[j]), strict=True):
            hit[i] = value
        waiting = sorted(coming - unsure - goals)
        for i, value in zip(waiting, self._among(waiting, None), strict=True):
            time[i] = value
        return self.lift(hit), self.lift(time)

    def _among(self, ids: list[int], ends) -> list[arb]:
        """x = b + Q x over some states: b is 1, or what waits where they are left for."""
        place = {i: k for k, i in enumerate(ids)}
        Q = [{place[j]: p for j, p in self.P[i].items() if j in place} for i in ids]
        exits = [total(p for j, p in self.P[i].items() if j not in place) for i in ids]
        if ends is None:
            gains = [arb(1)] * len(ids)
        else:
            gains = [total(p * ends(j) for j, p in self.P[i].items() if j not in place) for i in ids]
        return absorbed(Q, exits, gains)

    def gathered(self, target: Mask, gains: Sequence[arb]) -> list[arb | float]:
        """The mean sum of gains above 0, one for each of the last tokens, until then; infinite where it is not sure."""
        time = self.passage(target)[: self.m]
        ids = [i for i, x in enumerate(time) if not isinstance(x, float) and not target[i]]
        out: list[arb | float] = [x if isinstance(x, float) else arb(0) for x in time]
        place = {i: k for k, i in enumerate(ids)}
        Q = [{place[j]: p for j, p in self.P[i].items() if j in place} for i in ids]
        exits = [total(p for j, p in self.P[i].items() if j not in place) for i in ids]
        for i, value in zip(ids, absorbed(Q, exits, [gains[i] for i in ids]), strict=True):
            out[i] = value
        return self.lift(out)

    def spread(self, target: Mask) -> list[arb | float]:
        """The variance of the time until then."""
        time = self.passage(target)[: self.m]
        squares = self.gathered(target, [arb(0) if isinstance(x, float) else 2 * x - 1 for x in time])[: self.m]
        return self.lift([x if isinstance(x, float) else s - x * x for s, x in zip(squares, time, strict=True)])

    def kemeny(self, k: int) -> arb:
        """The sum over j of pi_j m_ij in a class."""
        part, constant = self.classes[k], arb(0)
        for j in part[1:]:
            waiting = [i for i in part if i != j]
            constant += self.laws[k][j] * self._waiting(waiting)[0]
        return constant

    def _waiting(self, ids: list[int]) -> list[arb]:
        place = {i: k for k, i in enumerate(ids)}
        Q = [{place[j]: p for j, p in self.P[i].items() if j in place} for i in ids]
        return absorbed(Q, [total(p for j, p in self.P[i].items() if j not in place) for i in ids], [arb(1)] * len(ids))

    def _reaching(self, goals: set[int], stop: set[int]) -> set[int]:
        """From where goals can be reached without leaving a state of `stop`."""
        before: list[list[int]] = [[] for _ in range(self.m)]
        for i, row in enumerate(self.P):
            if i not in stop:
                for j in row:
                    before[j].append(i)
        found, todo = set(goals), list(goals)
        while todo:
            for i in before[todo.pop()]:
                if i not in found:
                    found.add(i)
                    todo.append(i)
        return found

    def before(self, target: Mask, source: Mask) -> list[arb]:
        """From each state, the probability of being in `target` before `source`: where both are the end of all."""
        rows = [{i: arb(1)} if target[i] or source[i] else row for i, row in enumerate(self.P)]
        return _of_arrows(rows).hitting(target)

    def last(self, which: int, source: Mask, target: Mask) -> list[arb]:
        """In each state of a class, the probability of having been in `source` later than in `target`."""
        pi = self.laws[which]
        back: Sparse = [{} for _ in self.P]
        for j, row in enumerate(self.P):
            for i, p in row.items():
                if pi[i] > 0 and pi[j] > 0:
                    back[i][j] = pi[j] * p / pi[i]
        inside = np.array([bool(x > 0) for x in pi])
        rows = [row or {i: arb(1)} for i, row in enumerate(back)]
        found = _of_arrows(rows).before(source & inside, target & inside)
        return [x if inside[i] else arb(int(source[i])) for i, x in enumerate(found)]

    def within(self, target: Mask, tokens: int) -> list[arb]:
        hit = [arb(int(x)) for x in target[: self.m]]
        for _ in range(tokens):
            hit = [
                arb(1) if target[i] else total(p * hit[j] for j, p in row.items() if hit[j] != 0)
                for i, row in enumerate(self.P)
            ]
        return self.lift(hit)

    def survival(self, target: Mask) -> Radius | Ball:
        """Exactly 1 where some states outside are never left."""
        free = {int(i) for i in np.flatnonzero(~target[: self.m])}
        graph = networkx.DiGraph([(i, j) for i in free for j in self.P[i] if j in free])
        blocks = []
        for part in networkx.strongly_connected_components(graph):
            ids = sorted(part)
            place = {i: k for k, i in enumerate(ids)}
            block = [{place[j]: p for j, p in self.P[i].items() if j in place} for i in ids]
            if all(j in part for i in ids for j in self.P[i]):
                return Ball(arb(1))
            if any(block):
                blocks.append(block)
        return Radius(blocks)


def _of_arrows(P: Sparse) -> Exact:
    """A chain of any arrows, of which only the graph and hitting are asked."""
    exact = Exact.__new__(Exact)
    exact.P, exact.m, exact.n = P, len(P), len(P)
    return exact


def of_logs(log_probs: np.ndarray, n: int, bits: int) -> Exact:
    """A chain as stored: exponentials of the numbers as they are, normalised; arrows below the floor absent."""
    ctx.prec = bits
    rows = []
    for row in log_probs.tolist():
        there = [x for x in row if x >= LEAST]
        if min(there) == max(there):
            alike = arb(1) / len(there)
            rows.append([alike if x >= LEAST else arb(0) for x in row])
        else:
            weights = [arb(x).exp() if x >= LEAST else arb(0) for x in row]
            whole = total(weights)
            rows.append([w / whole for w in weights])
    return Exact(rows, n, bits)


def of_probs(probs: np.ndarray, n: int, bits: int) -> Exact:
    """A chain as meant: rows of doubles, normalised."""
    ctx.prec = bits
    rows = []
    for row in probs.tolist():
        exact = [fmpq(*x.as_integer_ratio()) for x in row]
        whole = sum(exact, fmpq(0))
        rows.append([arb(x / whole) for x in exact])
    return Exact(rows, n, bits)


def total(values) -> arb:
    return sum(values, arb(0))


def dot(a: Sequence[arb], b: Sequence[arb]) -> arb:
    return total(x * y for x, y in zip(a, b, strict=True) if x != 0)


def entropy(p: list[arb]) -> arb:
    """Of probabilities above zero that sum to one; small where one is nearly 1, without subtraction."""
    if len(p) == 1:
        return arb(0)
    top = max(range(len(p)), key=lambda k: float(p[k].mid()))
    rest = [x for k, x in enumerate(p) if k != top]
    return -total(x * x.log() for x in rest) - p[top] * (-total(rest)).log1p()


def _columns(A: Sparse) -> list[set[int]]:
    columns: list[set[int]] = [set() for _ in A]
    for i, row in enumerate(A):
        for j in row:
            columns[j].add(i)
    return columns


def _add(A: Sparse, columns: list[set[int]], i: int, factor: arb, row: dict[int, arb], leave: int) -> None:
    """Adds a multiple of a row to row i, but not to column `leave`."""
    mine = A[i]
    for j, value in row.items():
        if j == leave:
            continue
        if j in mine:
            mine[j] += factor * value
        else:
            mine[j] = factor * value
            columns[j].add(i)


def stationary(P: Sparse) -> list[arb]:
    """The law of an irreducible chain, by elimination without subtractions (Grassmann, Taksar and Heyman 1985)."""
    A, n = [dict(row) for row in P], len(P)
    columns, shares = _columns(A), [[] for _ in P]
    for k in range(n - 1, 0, -1):
        A[k].pop(k, None)
        leaving = total(A[k].values())
        for i in columns[k]:
            if i < k:
                factor = A[i].pop(k) / leaving
                shares[k].append((i, factor))
                _add(A, columns, i, factor, A[k], i)
        for j in A[k]:
            columns[j].discard(k)
    pi = [arb(1)]
    for k in range(1, n):
        pi.append(total(factor * pi[i] for i, factor in shares[k]))
    whole = total(pi)
    return [x / whole for x in pi]


def absorbed(Q: Sparse, exits: list[arb], gains: list[arb]) -> list[arb]:
    """x = gains + Q x for a chain that is left from everywhere, likewise."""
    A, out, b, n = [dict(row) for row in Q], list(exits), list(gains), len(Q)
    columns, leaving = _columns(A), [arb(0)] * n
    for k in range(n - 1, -1, -1):
        A[k].pop(k, None)
        leaving[k] = total(A[k].values()) + out[k]
        for i in columns[k]:
            if i < k:
                factor = A[i].pop(k) / leaving[k]
                out[i] += factor * out[k]
                b[i] += factor * b[k]
                _add(A, columns, i, factor, A[k], i)
        for j in A[k]:
            columns[j].discard(k)
    x: list[arb] = []
    for k in range(n):
        x.append((b[k] + total(p * x[j] for j, p in A[k].items())) / leaving[k])
    return x
