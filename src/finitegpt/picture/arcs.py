"""States on a line and arrows as arcs between them, with room for every label: pure functions of numbers."""

import math

import numpy as np

from finitegpt.picture.layout import Box, Curve, Point, Ring, box_around, overlap, towards


def line(order: list[int], label_width: float, room: float) -> Ring:
    """States from left to right, their circles so far apart; no neighbours, since all arrows are arcs."""
    node = max(17.0, label_width / 2 + 7)
    positions = {id: (k * (2 * node + room), 0.0) for k, id in enumerate(order)}
    return Ring(0.0, node, positions, {})


def arc(place: Ring, source: int, target: int, rise: float, gap: float = 3.0) -> Curve:
    """The curve of an arrow between states on a line.

    To the right above the line, to the left below it, higher by `rise` for each state further: no two middles are
    nearer than that, or than half of what is between two states.
    """
    (x0, _), (x1, _) = place.positions[source], place.positions[target]
    order = list(place.positions)
    steps = order.index(target) - order.index(source)
    height = math.copysign(1.45 * place.node + rise * (abs(steps) - 1), -steps) if steps != 1 else 0.0
    lean = (0.1 if height else 0.5) * (x1 - x0)
    # A cubic is at three quarters of the height of its controls where they are the same.
    control1, control2 = (x0 + lean, height / 0.75), (x1 - lean, height / 0.75)
    return Curve(
        towards((x0, 0.0), control1, place.node), control1, control2, towards((x1, 0.0), control2, place.node + gap)
    )


def place_arc_labels(
    place: Ring, curves: dict[tuple[int, int], Curve], sizes: dict[tuple[int, int], Point]
) -> dict[tuple[int, int], Box]:
    """Where the label of each arrow (source, target) of a line goes: on its middle, or near it where that hides less.

    Above the arrow where that is straight, and has no room for both.
    """
    circles = [box_around(centre, 2 * place.node, 2 * place.node) for centre in place.positions.values()]
    lines = {key: np.array([curve.at(t) for t in np.linspace(0, 1, 241)]) for key, curve in curves.items()}
    result = {key: box_around(curve.at(0.5), *sizes[key]) for key, curve in curves.items()}
    for key, curve in curves.items():
        width, height = sizes[key]
        if curve.start[1] == curve.end[1] == 0:
            result[key] = box_around((curve.at(0.5)[0], -0.9 * height), width, height)
            continue
        others = np.concatenate([line for other, line in lines.items() if other != key] or [np.empty((0, 2))])
        taken = [*circles, *(box for other, box in result.items() if other != key)]
        found = []
        for rank, t in enumerate((0.5, 0.46, 0.54, 0.42, 0.58, 0.38, 0.62, 0.34, 0.66, 0.3, 0.7)):
            box, near = (box_around(curve.at(t), width + more, height + more) for more in (0.0, 5.0))
            hidden = ((others > near[:2]) & (others < near[2:])).all(1).sum()
            found.append((round(sum(overlap(box, other) for other in taken), 6), int(hidden) + rank / 8, box))
        result[key] = min(found)[2]
    return result
