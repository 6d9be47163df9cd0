"""Curves over whole numbers: the loss by step, entropies by tokens of memory, distances by tokens."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from finitegpt.errors import InputError
from finitegpt.picture import svg

Point = tuple[float, float]

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 760.0, 410.0, 62.0, 24.0, 62.0, 52.0
_STRIP = 86.0


def curves(
    title: str,
    lines: Sequence[tuple[str, Sequence[float]]],
    *,
    across: str,
    up: str,
    marks: Sequence[tuple[str, float]] = (),
    logarithmic: bool = False,
) -> str:
    """SVG of one or more named series of numbers over 0, 1, 2, ... with named horizontal lines.

    `across` and `up` name the axes. On a logarithmic scale what is not above zero is left out.
    """
    series = [(name, numbered(values)) for name, values in lines]
    return plot(title, series, across=across, up=up, marks=marks, logarithmic=logarithmic)


def numbered(values: Sequence[float]) -> list[Point]:
    """Values over 0, 1, 2, ..."""
    return [(float(k), float(value)) for k, value in enumerate(values)]


def plot(
    title: str,
    series: Sequence[tuple[str, list[Point]]],
    *,
    across: str,
    up: str,
    marks: Sequence[tuple[str, float]] = (),
    logarithmic: bool = False,
    ring: tuple[str, Point] | None = None,
    below: tuple[str, list[Point]] | None = None,
) -> str:
    """SVG of named series of points, with a ring around one of them, and another series from 0 up in a strip below.

    A line that runs along an earlier one has gaps, through which that one is seen.
    """
    if logarithmic:
        series = [(name, [(k, math.log10(value)) for k, value in points if value > 0]) for name, points in series]
        marks = [(name, math.log10(value)) for name, value in marks if value > 0]
    series = [(name, [point for point in points if math.isfinite(point[1])]) for name, points in series]
    values = [value for _, points in series for _, value in points] + [value for _, value in marks]
    if not any(points for _, points in series):
        raise InputError("expected at least one finite number to draw, got none; try another picture")
    low, high = min(values), max(values)
    pad = 0.08 * (high - low) or 0.1
    low, high = max(0.0, low - pad) if low >= 0 and not logarithmic else low - pad, high + pad
    last = max(*(points[-1][0] for _, points in series if points), 1)

    def x(step: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * step / last

    def y(value: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * (value - low) / (high - low)

    body = []
    for tick in ticks(low, high, 6):
        if logarithmic and tick != int(tick):
            continue
        label = f"1e{tick:.0f}" if logarithmic else f"{tick:g}"
        body.append(_line(_LEFT, y(tick), _WIDTH - _RIGHT, y(tick), svg.FAINT))
        body.append(svg.text(label, _LEFT - 8, y(tick), 12, text_anchor="end", fill=svg.SOFT))
    for tick in ticks(0, last, 8):
        if tick == int(tick):
            body.append(_line(x(tick), _HEIGHT - _BOTTOM, x(tick), _HEIGHT - _BOTTOM + 5, svg.SOFT))
            body.append(svg.text(f"{int(tick):,}", x(tick), _HEIGHT - _BOTTOM + 16, 12, fill=svg.SOFT))
    body.append(svg.text(across, (_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 12, 13, fill=svg.SOFT))
    body.append(svg.text(up, 16, _TOP - 17, 13, text_anchor="start", fill=svg.SOFT))
    for _, value in marks:
        body.append(_line(_LEFT, y(value), _WIDTH - _RIGHT, y(value), svg.SOFT, dashes="6 4"))
    drawn = [[(x(step), y(value)) for step, value in points] for _, points in series]
    dashes = [_dashes(line, drawn[:k]) for k, line in enumerate(drawn)]
    for k, (_, points) in enumerate(series):
        colour = svg.PALETTE[k % len(svg.PALETTE)]
        shown = thin(points, 2000)
        path = " ".join(f"{svg.number(x(step))},{svg.number(y(value))}" for step, value in shown)
        if len(shown) > 1:
            style = {"stroke": colour, "stroke_width": 2.2, "stroke_linejoin": "round", "stroke_dasharray": dashes[k]}
            body.append(svg.element("polyline", points=path, fill="none", **style))
        for step, value in shown if len(shown) <= 24 else shown[-1:]:
            radius = 3.5 if dashes[k] == "none" else 2.0
            body.append(svg.element("circle", cx=x(step), cy=y(value), r=radius, fill=colour))
    for name, value in marks:
        label = f"{name}: {10**value if logarithmic else value:.4f}"
        body.append(_mark(label, y(value), [point for line in drawn for point in line]))
    names = [name for name, _ in series] if len(series) > 1 else []
    if ring:
        name, (step, value) = ring
        body.append(_ring(x(step), y(value)))
        names.append(name)
    if below:
        body.extend(_strip(*below, x))
    legend, lower = _legend(names, dashes, title, up)
    heading = svg.text(title, _LEFT, 20, 16, text_anchor="start", font_weight="bold")
    plotted = body if not lower else [svg.element("g", "\n".join(body), transform=f"translate(0 {lower:.0f})")]
    height = _HEIGHT + lower + (_STRIP if below else 0)
    return svg.document(_WIDTH, height, [heading, *plotted, *legend], f"{title} by {across}")


def _ring(x: float, y: float) -> str:
    return svg.element("circle", cx=x, cy=y, r=6, fill="none", stroke=svg.INK, stroke_width=1.8)


def _strip(name: str, points: list[Point], x: Callable[[float], float]) -> list[str]:
    """A small plot below the other one, from 0 to its highest value."""
    high = max(value for _, value in points) or 1.0
    top, bottom = _HEIGHT + 22, _HEIGHT + _STRIP - 12
    path = " ".join(
        f"{svg.number(x(step))},{svg.number(bottom - (bottom - top) * value / high)}"
        for step, value in thin(points, 1000)
    )
    body = [svg.text(name, _LEFT, _HEIGHT + 6, 13, text_anchor="start", fill=svg.SOFT)]
    for value, height in ((high, top), (0.0, bottom)):
        body.append(_line(_LEFT, height, _WIDTH - _RIGHT, height, svg.FAINT))
        body.append(svg.text(f"{value:.3g}", _LEFT - 8, height, 12, text_anchor="end", fill=svg.SOFT))
    body.append(svg.element("polyline", points=path, fill="none", stroke=svg.SOFT, stroke_width=1.6))
    return body


def _mark(label: str, height: float, points: list[Point]) -> str:
    """The name of a horizontal line: at its end or beginning, above or below, where fewest points of curves are.

    On a patch of paper, so that it can be read where all places are crossed.
    """
    wide = svg.text_width(label, 12)

    def covers(place: tuple[float, float]) -> int:
        left, middle = place
        return sum(left - 8 < px < left + wide + 8 and abs(py - middle) < 14 for px, py in points)

    right, left = _WIDTH - _RIGHT - 4 - wide, _LEFT + 6
    at, middle = min(((right, height - 10), (left, height - 10), (right, height + 10), (left, height + 10)), key=covers)
    behind = {"x": at, "y": middle - 7, "width": wide, "height": 14, "fill": svg.PAPER, "fill_opacity": 0.85}
    patch = svg.element("rect", **behind)  # a curve may cross it that has no point there
    if at == right:
        return patch + svg.text(label, right + wide, middle, 12, text_anchor="end", fill=svg.SOFT)
    return patch + svg.text(label, left, middle, 12, text_anchor="start", fill=svg.SOFT)


def _dashes(line: list[Point], earlier: list[list[Point]]) -> str:
    """The strokes of a line of which more than half lies on earlier ones, the shorter the more of these there are."""
    under = 0
    for other in earlier:
        if line and other:
            (x, y), (at, height) = np.array(line).T, np.array(other).T
            apart = np.abs(np.interp(x, at, height, math.nan, math.nan) - y)  # not a number beyond its ends
            under += bool((apart < 1.5).mean() > 0.5)
    return f"{svg.number(8 / under)} {svg.number(16 - 8 / under)}" if under else "none"


def _legend(names: list[str], dashes: list[str], title: str, up: str) -> tuple[list[str], float]:
    """A line or a ring and each name, and how much lower all but the title has to be for it.

    Beside the title if there is room, else beside the name of the axis, else in rows between the two.
    """
    wide = [0.92 * svg.text_width(name, 13) + 48 for name in names]
    rows: list[list[int]] = [[]]
    for k in range(len(names)):
        if rows[-1] and sum(wide[j] for j in [*rows[-1], k]) > _WIDTH - _LEFT:
            rows.append([])
        rows[-1].append(k)
    free = _WIDTH - _RIGHT - sum(wide) - 6
    beside = {20.0: _LEFT + svg.text_width(title, 16), _TOP - 17: 16 + svg.text_width(up, 13)}
    place = next((y for y, end in beside.items() if len(rows) == 1 and end < free), None)
    body = []
    for row, members in enumerate(rows):
        x, y = (_LEFT, 45.0 + 22 * row) if place is None else (free + 24, place)
        for k in members:
            if k < len(dashes):
                style = {"stroke": svg.PALETTE[k % len(svg.PALETTE)], "stroke_width": 4, "stroke_dasharray": dashes[k]}
                body.append(svg.element("line", x1=x, y1=y, x2=x + 24, y2=y, **style))
            else:
                body.append(_ring(x + 14, y))
            # From its line on, so that what a name is shorter than thought leaves no doubt whose line that is.
            body.append(svg.text(names[k], x + 30, y, 13, text_anchor="start", fill=svg.INK))
            x += wide[k]
    return body, 22.0 * len(rows) if place is None else 0.0


def thin(points: list[Point], most: int) -> list[Point]:
    """At most about `most` points: of each stretch of steps its lowest and its highest, so that no spike is lost."""
    stretch = math.ceil(2 * len(points) / most)
    if stretch <= 2:
        return points
    kept: list[Point] = [points[0]]
    for first in range(1, len(points) - 1, stretch):
        part = points[first : first + stretch]
        ends = {min(part, key=lambda point: point[1]), max(part, key=lambda point: point[1])}
        kept.extend(sorted(ends))
    return [*kept, points[-1]] if kept[-1] != points[-1] else kept


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers within [low, high], at most `most` + 1 of them.

    >>> ticks(0.44, 0.68, 6)
    [0.45, 0.5, 0.55, 0.6, 0.65]
    """
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
    return [round(k * step, 12) for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, dashes: str = "none") -> str:
    return svg.element("line", x1=x1, y1=y1, x2=x2, y2=y2, stroke=colour, stroke_width=1, stroke_dasharray=dashes)
