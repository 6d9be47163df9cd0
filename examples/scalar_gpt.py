"""microgpt's GPT number by number, in plain Python and double precision: what the engine is compared with.

Written anew, as a tape: every number that comes of others notes them, with its derivative by each, and one sweep from
the end back over the tape gives the derivatives of the loss (Linnainmaa 1970). A product of two rows is one note.
"""

import math
from collections.abc import Iterator, Sequence

Matrix = list[list[float]]
N_HEAD, EPSILON = 4, 1e-5


class Tape:
    """Numbers in the order in which they came up."""

    def __init__(self, leaves: Sequence[float]) -> None:
        self.values = list(leaves)
        self.notes: list[list[tuple[int, float]]] = [[] for _ in leaves]

    def note(self, value: float, by: list[tuple[int, float]]) -> int:
        """Adds a number, with the places of those that it comes of and its derivative by each; returns its place."""
        self.values.append(value)
        self.notes.append(by)
        return len(self.values) - 1

    def plus(self, a: int, b: int) -> int:
        """a + b."""
        return self.note(self.values[a] + self.values[b], [(a, 1.0), (b, 1.0)])

    def relu(self, a: int) -> int:
        """What is above 0 of a number."""
        return self.note(max(0.0, self.values[a]), [(a, float(self.values[a] > 0))])

    def dot(self, a: Sequence[int], b: Sequence[int], scale: float = 1.0) -> int:
        """The sum of products, times a constant."""
        values = self.values
        by = [(i, scale * values[j]) for i, j in zip(a, b, strict=True)]
        by += [(j, scale * values[i]) for i, j in zip(a, b, strict=True)]
        return self.note(scale * sum(values[i] * values[j] for i, j in zip(a, b, strict=True)), by)

    def softmax(self, a: Sequence[int]) -> list[int]:
        """Exponentials, in shares of their sum."""
        shares = _softmax([self.values[i] for i in a])
        return [
            self.note(p, [(i, p * ((i == own) - q)) for i, q in zip(a, shares, strict=True)])
            for own, p in zip(a, shares, strict=True)
        ]

    def loss(self, a: Sequence[int], target: int) -> int:
        """-ln of the target's share in the softmax."""
        shares = _softmax([self.values[i] for i in a])
        by = [(i, q - (k == target)) for k, (i, q) in enumerate(zip(a, shares, strict=True))]
        return self.note(-math.log(shares[target]), by)

    def norm(self, a: Sequence[int]) -> list[int]:
        """Divided by the root of the mean square."""
        x = [self.values[i] for i in a]
        r = (sum(v * v for v in x) / len(x) + EPSILON) ** -0.5
        c = r**3 / len(x)
        return [
            self.note(v * r, [(i, (i == own) * r - v * w * c) for i, w in zip(a, x, strict=True)])
            for own, v in zip(a, x, strict=True)
        ]

    def back(self, end: int) -> list[float]:
        """The derivatives of one number by all before it."""
        found = [0.0] * len(self.values)
        found[end] = 1.0
        for place in range(end, -1, -1):
            if found[place]:
                for before, derivative in self.notes[place]:
                    found[before] += found[place] * derivative
        return found


def losses(
    state: dict[str, Matrix], documents: Sequence[list[int]], steps: int, lr: float, betas: tuple[float, float]
) -> Iterator[float]:
    """The loss before each step, on one document a step in turn, with Adam and a rate that falls to 0 at `steps`."""
    flat = [x for matrix in state.values() for row in matrix for x in row]
    means, squares = [0.0] * len(flat), [0.0] * len(flat)
    (a, b) = betas
    for step in range(steps):
        tape = Tape(flat)
        end = _loss(tape, _places(state), documents[step % len(documents)])
        yield tape.values[end]
        slopes, rate = tape.back(end), lr * (1 - step / steps)
        for i in range(len(flat)):
            means[i] += (1 - a) * (slopes[i] - means[i])
            squares[i] += (1 - b) * (slopes[i] ** 2 - squares[i])
            mean, square = means[i] / (1 - a ** (step + 1)), squares[i] / (1 - b ** (step + 1))
            flat[i] -= rate * mean / (square**0.5 + 1e-8)


def _loss(tape: Tape, at: dict[str, list[list[int]]], tokens: list[int]) -> int:
    """The mean over the tokens of a document that follow one, as many as there are positions."""
    n = min(len(tokens) - 1, len(at["wpe"]))
    keys: list[list[int]] = []
    values: list[list[int]] = []
    found = []
    for k in range(n):
        x = [tape.plus(i, j) for i, j in zip(at["wte"][tokens[k]], at["wpe"][k], strict=True)]
        x = tape.norm(x)
        inner = tape.norm(x)
        query, key, value = ([tape.dot(row, inner) for row in at[f"layer0.attn_w{letter}"]] for letter in "qkv")
        keys.append(key)
        values.append(value)
        size, mixed = len(x) // N_HEAD, []
        for first in range(0, len(x), size):
            part = slice(first, first + size)
            shares = tape.softmax([tape.dot(query[part], other[part], size**-0.5) for other in keys])
            mixed += [tape.dot(shares, column) for column in zip(*(other[part] for other in values), strict=True)]
        x = [tape.plus(i, tape.dot(row, mixed)) for i, row in zip(x, at["layer0.attn_wo"], strict=True)]
        inner = tape.norm(x)
        hidden = [tape.relu(tape.dot(row, inner)) for row in at["layer0.mlp_fc1"]]
        x = [tape.plus(i, tape.dot(row, hidden)) for i, row in zip(x, at["layer0.mlp_fc2"], strict=True)]
        found.append(tape.loss([tape.dot(row, x) for row in at["lm_head"]], tokens[k + 1]))
    return tape.note(sum(tape.values[i] for i in found) / n, [(i, 1 / n) for i in found])


def _places(state: dict[str, Matrix]) -> dict[str, list[list[int]]]:
    """Where each number of the matrices stands on the tape."""
    counted = iter(range(sum(len(row) for matrix in state.values() for row in matrix)))
    return {name: [[next(counted) for _ in row] for row in matrix] for name, matrix in state.items()}


def _softmax(x: Sequence[float]) -> list[float]:
    top = max(x)
    weights = [math.exp(v - top) for v in x]
    total = sum(weights)
    return [w / total for w in weights]
