"""What many seeds agree on: the probability of each arrow as a bar from quantile to quantile."""

import numpy as np
from numpy.typing import NDArray

from finitegpt import states
from finitegpt.ensemble import Ensemble
from finitegpt.errors import TooLargeError
from finitegpt.picture import svg

LARGEST_SPREAD = 256
"""Rows that are still readable on one page."""

_ROW, _LEFT, _WIDTH, _TOP = 24.0, 110.0, 520.0, 78.0


def seed_spread(ensemble: Ensemble) -> str:
    """SVG with a row for every arrow: 5 to 95 % of the seeds as a thin bar, 25 to 75 % as a thick one, the median.

    States that the data shows come first, those it never shows after them, dashed. With two tokens the second arrow is
    the rest of the first and is left out. TooLargeError beyond 256 rows.
    """
    V, L = ensemble.model.vocab_size, ensemble.model.context_length
    tokens = [1] if V == 2 else list(range(V))
    if V**L * len(tokens) > LARGEST_SPREAD:
        raise TooLargeError(
            f"expected at most {LARGEST_SPREAD} arrows to draw, got {V**L * len(tokens):,}; try Ensemble.quantiles"
        )
    counts, quantiles = ensemble.data.counts(), ensemble.quantiles()
    groups = [("seen in the data", np.flatnonzero(counts)), ("never seen in the data", np.flatnonzero(counts == 0))]
    body: list[str] = []
    y = _TOP
    for title, ids in groups:
        if len(ids) == 0:
            continue
        spread = ensemble.spread()[ids].mean()
        body.append(svg.text(f"{title}: mean standard deviation {spread:.3f}", 16, y, 14, text_anchor="start"))
        y += _ROW
        bottom = y + (len(ids) * len(tokens) - 0.5) * _ROW
        for tick in (0, 0.25, 0.5, 0.75, 1):
            x = _LEFT + tick * _WIDTH
            body.append(svg.element("line", x1=x, y1=y - 12, x2=x, y2=bottom, stroke=svg.FAINT, stroke_width=1))
            body.append(svg.text(f"{tick:.0%}", x, bottom + 10, 12, fill=svg.SOFT))
        for id in ids.tolist():
            for token in tokens:
                symbol, context = ensemble.data.vocab[token], states.label(id, ensemble.data.vocab, L)
                name = f"{states.visible(symbol)} after {states.visible(context)}"
                colour = svg.PALETTE[token % len(svg.PALETTE)]
                body.extend(_bar(name, quantiles[:, id, token], y, colour, counts[id] == 0))
                y += _ROW
        y += 1.2 * _ROW
    title = f"{len(ensemble.seeds):,} seeds, {ensemble.train.steps:,} steps"
    heading = svg.text(title, 16, 24, 17, text_anchor="start", font_weight="bold")
    note = "next-token probability: 5 to 95 % of seeds (thin), 25 to 75 % (thick), median (line)"
    legend = svg.text(note, 16, 48, 12.5, text_anchor="start", fill=svg.SOFT)
    return svg.document(_LEFT + _WIDTH + 40, y, [heading, legend, *body], "Spread of the chain over seeds")


def _bar(name: str, quantiles: NDArray[np.float64], y: float, colour: str, unseen: bool) -> list[str]:
    low, quarter, median, upper, high = (_LEFT + float(q) * _WIDTH for q in quantiles)
    body = [svg.text(name, _LEFT - 12, y, 13, text_anchor="end", fill=svg.SOFT if unseen else svg.INK)]
    dashes = "5 3" if unseen else "none"
    body.append(
        svg.element("line", x1=low, y1=y, x2=high, y2=y, stroke=colour, stroke_width=1.6, stroke_dasharray=dashes)
    )
    box = {"fill": svg.PAPER if unseen else colour, "stroke": colour, "stroke_width": 1.4, "fill_opacity": 0.85}
    body.append(svg.element("rect", x=quarter, y=y - 5, width=max(upper - quarter, 1.0), height=10, rx=2, **box))
    body.append(svg.element("line", x1=median, y1=y - 8, x2=median, y2=y + 8, stroke=svg.INK, stroke_width=2))
    return body
