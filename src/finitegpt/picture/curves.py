"""The loss curve."""

import math
from collections.abc import Sequence

from finitegpt.errors import InputError
from finitegpt.picture import svg


def loss_curve(losses: Sequence[float], marks: Sequence[tuple[str, float]] = ()) -> str:
    """SVG of the loss in nats before each step, with named horizontal lines such as the uniform guess."""
    if len(losses) == 0:
        raise InputError("expected at least one loss, got none; try training for a step")
    width, height, left, right, top, bottom = 760.0, 400.0, 62.0, 24.0, 40.0, 52.0
    values = [float(loss) for loss in losses] + [value for _, value in marks]
    low, high = min(values), max(values)
    pad = 0.08 * (high - low) or 0.1
    low, high = max(0.0, low - pad) if min(values) >= 0 else low - pad, high + pad
    last = max(len(losses) - 1, 1)

    def x(step: float) -> float:
        return left + (width - left - right) * step / last

    def y(loss: float) -> float:
        return height - bottom - (height - top - bottom) * (loss - low) / (high - low)

    body = [svg.text("Training loss", left, 20, 16, text_anchor="start", font_weight="bold")]
    for tick in ticks(low, high, 6):
        body.append(_line(left, y(tick), width - right, y(tick), svg.FAINT))
        body.append(svg.text(f"{tick:g}", left - 8, y(tick), 12, text_anchor="end", fill=svg.SOFT))
    for tick in ticks(0, last, 8):
        if tick == int(tick):
            body.append(_line(x(tick), height - bottom, x(tick), height - bottom + 5, svg.SOFT))
            body.append(svg.text(f"{int(tick):,}", x(tick), height - bottom + 16, 12, fill=svg.SOFT))
    body.append(svg.text("step", (left + width - right) / 2, height - 12, 13, fill=svg.SOFT))
    body.append(svg.text("nats", 16, top - 14, 13, text_anchor="start", fill=svg.SOFT))
    for name, value in marks:
        body.append(_line(left, y(value), width - right, y(value), svg.SOFT, dashes="6 4"))
        label = f"{name}: {value:.4f}"
        body.append(svg.text(label, width - right - 4, y(value) - 10, 12, text_anchor="end", fill=svg.SOFT))
    shown = thin(list(enumerate(map(float, losses))), 2000)
    points = " ".join(f"{svg.number(x(step))},{svg.number(y(loss))}" for step, loss in shown)
    if len(shown) > 1:
        body.append(
            svg.element(
                "polyline", points=points, fill="none", stroke=svg.PALETTE[0], stroke_width=2.2, stroke_linejoin="round"
            )
        )
    body.append(svg.element("circle", cx=x(shown[-1][0]), cy=y(shown[-1][1]), r=3.5, fill=svg.PALETTE[0]))
    return svg.document(width, height, body, "Training loss by step")


def thin(points: list[tuple[int, float]], most: int) -> list[tuple[int, float]]:
    """At most about `most` points: of each stretch of steps its lowest and its highest, so that no spike is lost."""
    stretch = math.ceil(2 * len(points) / most)
    if stretch <= 2:
        return points
    kept: list[tuple[int, float]] = [points[0]]
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
