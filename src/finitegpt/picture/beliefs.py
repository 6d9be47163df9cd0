"""Beliefs about the hidden state of a source: a point in a triangle for each context, as often as they are read."""

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finitegpt.arguments import numbers, shown, whole
from finitegpt.errors import InputError
from finitegpt.picture import svg

_SIDE, _GAP, _MARGIN, _STRIP = 300.0, 46.0, 28.0, 120.0
_TITLE, _NAME, _CORNER, _LINE = 17.0, 14.0, 12.0, 1.3
_APART = 52.0  # the names of two hidden states
_COLOURS = ((213, 94, 0), (0, 114, 178), (0, 158, 115))  # of the hidden states
_SHADES = 8  # steps of each of red, green and blue that are told apart
_DOT = 3.2
_TURN = (math.sqrt(5) - 1) / 2

Floats = NDArray[np.float64]


def simplex(
    panels: Sequence[tuple[str, ArrayLike]], beliefs: ArrayLike | None = None, *, title: str = "", columns: int = 3
) -> str:
    """SVG of beliefs (n, K) about 2 or 3 hidden states, one panel or more, each under its name.

    Three hidden states are the corners of a triangle, two the ends of a line, on which points are spread upwards so
    that they do not hide each other. A point has the colour of its exact belief in `beliefs` (n, K), by default those
    of the first panel. What is read by a regression may lie outside. Points that fall together are drawn once.
    InputError for other hidden states, or points that are not finite.
    """
    named = [(str(name), numbers("points", points, instead="Probe.read")) for name, points in panels]
    if not named:
        raise InputError("expected at least one panel, got none; try [('exact', probe.beliefs)]")
    columns = min(whole("columns", columns, 1), len(named))
    exact = named[0][1] if beliefs is None else numbers("beliefs", beliefs, instead="Probe.beliefs")
    for points in (exact, *(points for _, points in named)):
        if points.ndim != 2 or points.shape[1] not in (2, 3) or points.shape != exact.shape:
            raise InputError(
                f"expected beliefs (n, 2) or (n, 3) about 2 or 3 hidden states, as many in every panel, got "
                f"{points.shape}; try Probe.r2"
            )
        if not len(points) or not np.isfinite(points).all():
            raise InputError(f"expected finite points, got {shown(points)} with others, or none; try Probe.read")
    corners = _corners(exact.shape[1])
    placed = [_placed(points, corners) for _, points in named]
    low, high = (of([*map(by, placed), by(corners)], 0) for of, by in ((np.min, _low), (np.max, _high)))
    # Whatever lies outside the corners makes them smaller, in all panels alike.
    smaller = _SIDE / max(_SIDE, *(high - low))
    zoom = np.array([smaller, smaller if len(corners) == 3 else 1])  # a strip stays as high as it is
    width, height = zoom * (high - low)
    colours = _colours(exact)
    names = [_wrapped(name, _SIDE, _NAME) for name, _ in named]
    page = columns * _SIDE + (columns - 1) * _GAP + 2 * _MARGIN
    heading = _wrapped(title, page - 2 * _MARGIN, _TITLE) if title else []
    body = [
        svg.text(line, _MARGIN, _MARGIN + _TITLE * _LINE * k, _TITLE, text_anchor="start", font_weight="bold")
        for k, line in enumerate(heading)
    ]
    y = _MARGIN + _TITLE * _LINE * len(heading) + (10 if heading else 0)
    for first in range(0, len(named), columns):
        row = range(first, min(first + columns, len(named)))
        above = _NAME * _LINE * max(len(names[k]) for k in row) + _CORNER * 1.5
        for column, k in enumerate(row):
            left = _MARGIN + column * (_SIDE + _GAP)
            body += [
                svg.text(line, left + _SIDE / 2, y + _NAME * _LINE * j, _NAME, font_weight="500")
                for j, line in enumerate(names[k])
            ]
            moved = f"translate({left + (_SIDE - width) / 2:.1f} {y + above:.1f})"
            drawn = _panel(zoom * (placed[k] - low), colours, zoom * (corners - low), (width, height))
            body.append(svg.element("g", drawn, transform=moved))
        y += above + height + _CORNER * 2 + _GAP / 2
    what = title or f"Beliefs about {exact.shape[1]} hidden states"
    return svg.document(page, y + _MARGIN - _GAP / 2, body, f"{what}: {len(exact):,} contexts")


def _corners(K: int) -> Floats:
    """Where hidden states lie, downwards from the top: the second and third below the first; or from left to right."""
    if K == 2:
        return np.array([[0.0, _STRIP], [_SIDE, _STRIP]])
    return np.array([[0.5, 0.0], [0.0, math.sqrt(0.75)], [1.0, math.sqrt(0.75)]]) * _SIDE


def _placed(points: Floats, corners: Floats) -> Floats:
    """Points (n, K) on the page (n, 2). On a line they are spread upwards, evenly for any number of them."""
    at = points @ corners
    if len(corners) == 2:
        at[:, 1] = _STRIP * (1 - 0.94 * (np.arange(len(at)) * _TURN % 1) - 0.03)
    return at


def _low(points: Floats) -> Floats:
    return points.min(0)


def _high(points: Floats) -> Floats:
    return points.max(0)


def _colours(beliefs: Floats) -> list[str]:
    """The mixture of the colours of the hidden states."""
    mixed = beliefs.clip(0, 1) @ np.array(_COLOURS[: beliefs.shape[1]], np.float64)
    steps = (mixed / _SHADES).round().astype(int) * _SHADES
    return ["rgb({}, {}, {})".format(*row) for row in steps.clip(0, 255).tolist()]


def _panel(points: Floats, colours: list[str], corners: Floats, size: tuple[float, float]) -> str:
    """The frame, its hidden states, and points (n, 2): those of a colour in one path, which is short."""
    line = " ".join(f"{svg.number(x)},{svg.number(y)}" for x, y in corners)
    body = [svg.element("polygon", points=line, fill="none", stroke=svg.FAINT, stroke_width=1.2)]
    (width, height), at = size, corners[:, 0].copy()
    apart = max(_APART, at[-1] - at[-2])  # side by side, however small the frame has become
    middle = np.clip((at[-1] + at[-2]) / 2, apart / 2 - 5, max(apart / 2 - 5, width - apart / 2 + 5))
    at[-2:] = middle - apart / 2, middle + apart / 2
    for k, x in enumerate(at.tolist()):
        colour = "rgb({}, {}, {})".format(*_COLOURS[k])
        beside = -_CORNER * 0.9 if len(corners) == 3 and k == 0 else height + _CORNER * 1.1  # of all points
        body.append(svg.text(f"state {k}", x, beside, _CORNER, fill=colour))
    groups: dict[str, dict[tuple[float, float], None]] = defaultdict(dict)
    for (x, y), colour in zip(points.round(1).tolist(), colours, strict=True):
        groups[colour][x, y] = None
    for colour, group in groups.items():
        path = "".join(f"M{svg.number(x)} {svg.number(y)}h0" for x, y in group)
        body.append(
            svg.element(
                "path",
                d=path,
                stroke=colour,
                stroke_width=_DOT,
                stroke_linecap="round",
                stroke_opacity=0.8,
                fill="none",
            )
        )
    return "\n".join(body)


def _wrapped(text: str, width: float, size: float) -> list[str]:
    """Lines that are not wider than `width`, broken at spaces where there are any."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and svg.text_width(longer, size) > width:
            lines.append(word)
        else:
            lines[-1] = longer
        while svg.text_width(lines[-1], size) > width and len(lines[-1]) > 1:
            fits = max(1, int(len(lines[-1]) * width / svg.text_width(lines[-1], size)))
            lines[-1:] = [lines[-1][:fits], lines[-1][fits:]]
    return lines
