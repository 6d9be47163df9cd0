"""The picture of a reactive flux: which way a chain takes from one set of states to another."""

from typing import TYPE_CHECKING

import numpy as np

from finitegpt.errors import InputError, TooLargeError
from finitegpt.picture import arcs, layout, svg
from finitegpt.picture.graph import LABEL, MARGIN, NODE, TITLE, arrow, label_patch, percent
from finitegpt.rows import RowOperator
from finitegpt.states import visible

if TYPE_CHECKING:
    from finitegpt.analysis import ReactiveFlux

LARGEST_FLUX = 24
"""More states than this are not drawn."""

_LONGEST_NAME = 16
_ROOM, _RISE = 62.0, 25.0  # between two states, at least, and between two arcs: for a label
_SOURCE, _TARGET, _BETWEEN = "#dceaf5", "#f8e3d3", "#eef1f6"


def flux_graph(flux: "ReactiveFlux", title: str = "from source to target", *, least: float = 0.01) -> str:
    """SVG of the net flux: states from left to right by their forward committor, arrows as wide as their share.

    Arrows of a smaller share than `least` are left out, and states that only have such. What goes back to a smaller
    committor is below the line. InputError where nothing is left, TooLargeError beyond 24 states.
    """
    if not isinstance(least, int | float | np.floating) or not 0 <= least <= 1:
        raise InputError(f"expected a share from 0 to 1, got {least!r}; try 0.01")
    share = flux.shares.values
    drawn = np.flatnonzero((share >= least) & (share > 0))
    if len(drawn) == 0:
        raise InputError(f"expected an arrow that carries at least {least:.0%} of the flux, got none; try least=0")
    ids = np.unique([flux.origin[drawn], flux.to[drawn]])
    if len(ids) > LARGEST_FLUX:
        raise TooLargeError(
            f"expected at most {LARGEST_FLUX} states to draw, got {len(ids):,}; try a larger least, or pathways"
        )
    order = sorted(ids.tolist(), key=lambda id: (flux.forward.values[id], id))
    names = {id: _name(flux, id) for id in order}
    arrows = {(int(flux.origin[k]), int(flux.to[k])): float(share[k]) for k in drawn}
    texts = {key: _label(flux, key[1], part) for key, part in arrows.items()}
    sizes = {key: (svg.text_width(text, LABEL) + 4, LABEL * 1.2) for key, (text, _) in texts.items()}
    room = max(_ROOM, *(width + 6 for width, _ in sizes.values()))
    place = arcs.line(order, max(34.0, *(svg.text_width(name, NODE) for name in names.values())), room)
    curves = {key: arcs.arc(place, *key, _RISE) for key in arrows}
    labels = arcs.place_arc_labels(place, curves, sizes)
    body: list[str] = []
    for key in sorted(arrows, key=lambda key: arrows[key]):  # strong arrows on top
        body.extend(arrow(curves[key], min(1.0, arrows[key]), texts[key][1]))
    body.extend(label_patch(texts[key][0], box, texts[key][1]) for key, box in labels.items())
    for id, (x, y) in place.positions.items():
        fill = _SOURCE if flux.source[id] else _TARGET if flux.target[id] else _BETWEEN
        circle = svg.element("circle", cx=x, cy=y, r=place.node, fill=fill, stroke=svg.INK, stroke_width=1.6)
        below = "source" if flux.source[id] else "target" if flux.target[id] else percent(flux.forward.values[id])
        note = svg.text(below, x, y + 9, 10.5, fill=svg.SOFT)
        body.append(circle + svg.text(names[id], x, y - 5, NODE, font_weight="500") + note)
    circles = [layout.box_around(centre, 2 * place.node, 2 * place.node) for centre in place.positions.values()]
    points = [(*curve.at(t), *curve.at(t)) for curve in curves.values() for t in (0.1, 0.5, 0.9)]
    boxes = [*labels.values(), *circles, *points]
    notes = [
        f"{flux.total_flux} transitions a token, each of {flux.mean_transition_time} tokens in the mean",
        "in a state: how probably the target comes before the source; at an arrow: its share of the flux"
        + (f", from {percent(least)}" if least > 0 else ""),
    ]
    left, above = min(box[0] for box in boxes) - MARGIN, min(box[1] for box in boxes) - 8
    right, under = max(box[2] for box in boxes) + MARGIN, max(box[3] for box in boxes) + 8
    width = max(right - left, *(svg.text_width(note, 13) + 2 * MARGIN for note in notes))
    moved = f"translate({width / 2 - (left + right) / 2:.2f} {TITLE - above:.2f})"
    bottom = TITLE + under - above
    page = [
        svg.text(title, width / 2, 24, 19, font_weight="bold"),
        svg.element("g", "\n".join(body), transform=moved),
        *(svg.text(note, width / 2, bottom + 16 + 20 * k, 13, fill=svg.SOFT) for k, note in enumerate(notes)),
    ]
    return svg.document(width, bottom + 52, page, f"{title}: the net flux among {len(order)} states")


def _name(flux: "ReactiveFlux", id: int) -> str:
    """A state as text, its end where it is long."""
    name = visible(flux.chain.label(id)) if isinstance(flux.chain, RowOperator) else str(id)
    return name if len(name) <= _LONGEST_NAME else "…" + name[1 - _LONGEST_NAME :]


def _label(flux: "ReactiveFlux", to: int, share: float) -> tuple[str, str]:
    """What an arrow says, and its colour: those of its token, where there are few."""
    chain = flux.chain
    if not isinstance(chain, RowOperator) or chain.vocab_size > len(svg.PALETTE):
        return percent(share), svg.PALETTE[0]
    token = to % chain.vocab_size
    return f"{visible(chain.vocab[token])} {percent(share)}", svg.PALETTE[token]
