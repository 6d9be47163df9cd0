"""Where states, arrows and labels go: pure functions of numbers, the same for the same input.

States stand on a ring in the order of a de Bruijn sequence, so that every state has one of its arrows to its
neighbour; all others cross the inside, and self-loops stand outside.
"""

import math
from dataclasses import dataclass

import numpy as np

from finitegpt import states

Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A cubic Bézier curve, from the border of one state to that of another."""

    start: Point
    control1: Point
    control2: Point
    end: Point

    def at(self, t: float) -> Point:
        """The point at parameter t in [0, 1]."""
        weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
        points = (self.start, self.control1, self.control2, self.end)
        x, y = (sum(w * p[k] for w, p in zip(weights, points, strict=True)) for k in (0, 1))
        return x, y


def ring_order(vocab_size: int, context_length: int) -> list[int]:
    """All state ids, each a successor of the one before: the windows of the least de Bruijn sequence.

    The sequence joins the Lyndon words whose length divides L (Fredricksen and Maiorana 1978).

    >>> ring_order(2, 3)
    [0, 1, 2, 5, 3, 7, 6, 4]
    """
    V, L = vocab_size, context_length
    sequence: list[int] = []
    word = [0] * (L + 1)

    def extend(t: int, period: int) -> None:
        if t > L:
            if L % period == 0:
                sequence.extend(word[1 : period + 1])
            return
        word[t] = word[t - period]
        extend(t + 1, period)
        for token in range(word[t - period] + 1, V):
            word[t] = token
            extend(t + 1, t)

    extend(1, 1)
    cycle = np.array(sequence + sequence[: L - 1])
    return [int(id) for id in states.ids(np.lib.stride_tricks.sliding_window_view(cycle, L), V)]


@dataclass(frozen=True, slots=True)
class Ring:
    """Positions of all states around the origin."""

    radius: float
    node: float
    """Radius of a state's circle."""
    positions: dict[int, Point]
    neighbour: dict[int, int]
    """The next state around the ring."""


def ring(vocab_size: int, context_length: int, label_width: float) -> Ring:
    """All states of a chain, in the order of a de Bruijn sequence."""
    order = ring_order(vocab_size, context_length)
    return circle(order, label_width, len(order) * (vocab_size - 1) - vocab_size)


def circle(order: list[int], label_width: float, inside: int) -> Ring:
    """A ring wide enough for states in a given order, the labels between them and those of `inside` arrows inside."""
    n = len(order)
    node = max(17.0, label_width / 2 + 7)
    radius = max(120.0, n * (2 * node + 46) / (2 * math.pi), 52 * math.sqrt(max(inside, 0)))
    positions = {}
    for k, id in enumerate(order):
        angle = 2 * math.pi * (k + 0.5) / n - math.pi / 2
        positions[id] = (radius * math.cos(angle), radius * math.sin(angle))
    return Ring(radius, node, positions, dict(zip(order, order[1:] + order[:1], strict=True)))


def arrow(place: Ring, source: int, target: int, gap: float = 3.0) -> Curve:
    """The curve of one arrow; `gap` is left free between its tip and the state."""
    a, b = place.positions[source], place.positions[target]
    if source == target:
        return _loop(a, place.node, gap)
    if place.neighbour[source] == target and len(place.positions) > 2:
        control1, control2 = _along_rim(a, b, place.radius)
    else:
        control1, control2 = _through_inside(a, b, place.radius)
    return Curve(towards(a, control1, place.node), control1, control2, towards(b, control2, place.node + gap))


def towards(a: Point, b: Point, distance: float) -> Point:
    """The point so far from a on the way to b."""
    length = math.dist(a, b) or 1.0
    return a[0] + (b[0] - a[0]) * distance / length, a[1] + (b[1] - a[1]) * distance / length


def _loop(a: Point, node: float, gap: float) -> Curve:
    out = math.atan2(a[1], a[0])

    def polar(angle: float, distance: float) -> Point:
        return a[0] + distance * math.cos(out + angle), a[1] + distance * math.sin(out + angle)

    return Curve(polar(-0.55, node), polar(-0.75, 3.1 * node), polar(0.75, 3.1 * node), polar(0.5, node + gap))


def _along_rim(a: Point, b: Point, radius: float) -> tuple[Point, Point]:
    middle = (a[0] + b[0]) / 2, (a[1] + b[1]) / 2
    depth = math.hypot(*middle)
    push = 1 + 1.0 * (radius - depth) / (depth or 1.0)  # a little outside the chord, as the ring itself is
    return _mix(a, (middle[0] * push, middle[1] * push), 0.7), _mix(b, (middle[0] * push, middle[1] * push), 0.7)


def _through_inside(a: Point, b: Point, radius: float) -> tuple[Point, Point]:
    """Bent to its own right, so that two opposite arrows part, and inwards where it would follow the rim."""
    middle = (a[0] + b[0]) / 2, (a[1] + b[1]) / 2
    length = math.dist(a, b) or 1.0
    right = (b[1] - a[1]) / length, -(b[0] - a[0]) / length
    bend = 0.14 * length
    inward = 0.45 * (math.hypot(*middle) / radius) ** 2
    bent = middle[0] * (1 - inward) + right[0] * bend, middle[1] * (1 - inward) + right[1] * bend
    return _mix(a, bent, 0.7), _mix(b, bent, 0.7)


def _mix(a: Point, b: Point, t: float) -> Point:
    return a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t


def box_around(centre: Point, width: float, height: float) -> Box:
    """The box of a text."""
    return centre[0] - width / 2, centre[1] - height / 2, centre[0] + width / 2, centre[1] + height / 2


def overlap(a: Box, b: Box) -> float:
    """Common area of two boxes."""
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def place_labels(
    place: Ring, curves: dict[tuple[int, int], Curve], sizes: dict[tuple[int, int], Point]
) -> dict[tuple[int, int], Box]:
    """Where the label of each arrow (source, target) goes: on it, nearer its source, clear of states and labels.

    Labels of loops and of the rim, which have room outside, go first; the others try places along their curve and
    take the one that overlaps labels and states least, then the one that hides least of other arrows.
    """
    taken = [box_around(centre, 2 * place.node + 4, 2 * place.node + 4) for centre in place.positions.values()]
    lines = {key: np.array([curve.at(t) for t in np.linspace(0, 1, 41)]) for key, curve in curves.items()}
    result = {}

    def outside(arrow: tuple[int, int]) -> bool:
        return arrow[0] == arrow[1] or place.neighbour[arrow[0]] == arrow[1]

    for key in sorted(curves, key=lambda key: (not outside(key), key)):
        width, height = sizes[key]
        others = np.concatenate([line for other, line in lines.items() if other != key] or [np.empty((0, 2))])
        best = None
        for rank, centre in enumerate(_outer(curves[key], width, height) if outside(key) else _inner(curves[key])):
            box = box_around(centre, width, height)
            inside = (others > box[:2]).all(1) & (others < box[2:]).all(1)
            cost = (round(sum(overlap(box, other) for other in taken), 6), int(inside.sum()) + rank / 8)
            if best is None or cost < best[0]:
                best = cost, box
        assert best is not None
        result[key] = best[1]
        taken.append(best[1])
    return result


def _outer(curve: Curve, width: float, height: float) -> list[Point]:
    """Just beyond the middle of a curve, seen from the centre of the ring."""
    x, y = curve.at(0.5)
    distance = math.hypot(x, y) or 1.0
    ux, uy = x / distance, y / distance
    reach = abs(ux) * width / 2 + abs(uy) * height / 2
    return [(x + ux * (reach + extra), y + uy * (reach + extra)) for extra in (3, 7, 11, 16, 22, 28)]


def _inner(curve: Curve) -> list[Point]:
    along = (0.3, 0.26, 0.34, 0.22, 0.38, 0.42, 0.18, 0.46, 0.5, 0.55, 0.6, 0.65)
    points = []
    for offset in (0.0, 7.0, -7.0, 14.0, -14.0):
        for t in along:
            (x0, y0), (x, y), (x1, y1) = curve.at(t - 0.02), curve.at(t), curve.at(t + 0.02)
            length = math.dist((x0, y0), (x1, y1)) or 1.0
            points.append((x - (y1 - y0) / length * offset, y + (x1 - x0) / length * offset))
    return points
