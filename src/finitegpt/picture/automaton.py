"""The picture of a machine: the few states that a chain comes down to."""

from typing import TYPE_CHECKING

from finitegpt.errors import TooLargeError
from finitegpt.picture import layout, svg
from finitegpt.picture.graph import LABEL, MARGIN, NODE, TITLE, arrow, label_patch, percent
from finitegpt.states import visible

if TYPE_CHECKING:
    from finitegpt.analysis import Machine  # only its shape: importing it would bring SciPy to every picture

LARGEST_MACHINE = 32
"""More states than this are not drawn."""

_LONGEST_NAME = 10


def machine_graph(machine: "Machine", title: str = "the smallest machine") -> str:
    """SVG of a machine on a ring; what two tokens both do is one arrow. TooLargeError beyond 32 states or 8 tokens."""
    if len(machine) > LARGEST_MACHINE or len(machine.vocab) > len(svg.PALETTE):
        raise TooLargeError(
            f"expected a machine of at most {LARGEST_MACHINE} states and {len(svg.PALETTE)} tokens, got "
            f"{len(machine)} and {len(machine.vocab)}; try its next and probs"
        )
    names = [_short(name) for name in machine.names]
    arrows: dict[tuple[int, int], list[int]] = {}
    for state, row in enumerate(machine.next.tolist()):
        for token, target in enumerate(row):
            if target >= 0:
                arrows.setdefault((state, target), []).append(token)
    place = layout.circle(_order(machine), max(30.0, *(svg.text_width(name, NODE) for name in names)), len(arrows))
    curves = {key: layout.arrow(place, *key) for key in arrows}
    texts = {
        key: ",  ".join(
            f"{visible(machine.vocab[token])} {percent(float(machine.probs[key[0], token]))}" for token in tokens
        )
        for key, tokens in arrows.items()
    }
    sizes = {key: (svg.text_width(text, LABEL) + 4, LABEL * 1.2) for key, text in texts.items()}
    labels = layout.place_labels(place, curves, sizes)
    body: list[str] = []
    for key, tokens in sorted(arrows.items(), key=lambda item: machine.probs[item[0][0], item[1]].sum()):
        colour = svg.PALETTE[tokens[0]] if len(tokens) == 1 else svg.SOFT
        body.extend(arrow(curves[key], min(1.0, float(machine.probs[key[0], tokens].sum())), colour))
    for state, (x, y) in place.positions.items():
        circle = svg.element("circle", cx=x, cy=y, r=place.node, fill="#eef1f6", stroke=svg.INK, stroke_width=1.6)
        share = svg.text(percent(float(machine.mass.values[state])), x, y + 9, 10.5, fill=svg.SOFT)
        body.append(circle + svg.text(names[state], x, y - 5, NODE, font_weight="500") + share)
    for key, box in labels.items():
        colour = svg.PALETTE[arrows[key][0]] if len(arrows[key]) == 1 else svg.SOFT
        body.append(label_patch(texts[key], box, colour))
    points = [(*curve.at(t), *curve.at(t)) for curve in curves.values() for t in (0.0, 0.25, 0.5, 0.75, 1.0)]
    circles = [layout.box_around(centre, 2 * place.node, 2 * place.node) for centre in place.positions.values()]
    boxes = [*labels.values(), *points, *circles]
    left, above = min(box[0] for box in boxes) - MARGIN, min(box[1] for box in boxes) - 8
    right, below = max(box[2] for box in boxes) + MARGIN, max(box[3] for box in boxes) + 8
    note = "in a state: how it ends, and the share of time there"
    width = max(right - left, svg.text_width(title, 19) + 2 * MARGIN, svg.text_width(note, 13) + 2 * MARGIN)
    moved = f"translate({width / 2 - (left + right) / 2:.2f} {TITLE - above:.2f})"
    height = TITLE + below - above + 34
    page = [
        svg.text(title, width / 2, 24, 19, font_weight="bold"),
        svg.element("g", "\n".join(body), transform=moved),
        svg.text(note, width / 2, height - 16, 13, fill=svg.SOFT),
    ]
    return svg.document(width, height, page, f"{title}: {len(machine)} states")


def _short(name: str) -> str:
    shown = visible(name)
    return shown if len(shown) <= _LONGEST_NAME else "…" + shown[1 - _LONGEST_NAME :]


def _order(machine: "Machine") -> list[int]:
    """Along the most probable arrows where they lead to a state that has no place yet, then the next free one."""
    order: list[int] = []
    free = list(range(len(machine)))
    at = 0
    while free:
        free.remove(at)
        order.append(at)
        ways = sorted(range(len(machine.vocab)), key=lambda token: -machine.probs[at, token])
        onward = [int(machine.next[at, token]) for token in ways if int(machine.next[at, token]) in free]
        at = onward[0] if onward else (free[0] if free else 0)
    return order
