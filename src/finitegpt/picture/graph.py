"""The state graph: every state a circle, every next token an arrow as wide as it is probable."""

import itertools
import math
from collections.abc import Sequence

import numpy as np

from finitegpt import states
from finitegpt.chain import Chain
from finitegpt.errors import InputError, TooLargeError
from finitegpt.picture import layout, svg

LARGEST_GRAPH = 128
"""More states than this cannot be told apart in a drawing."""
LARGEST_VOCABULARY = len(svg.PALETTE)

CYCLE = "#f5c518"
"""Behind the arrows and in the states of a cycle: no colour of a token, and light enough for letters on it."""

LABEL, NODE, TITLE, MARGIN = 12.5, 14.0, 46.0, 18.0
"""Sizes of letters on arrows and in states; room for a title and around a graph."""


def state_graph(chains: Sequence[tuple[str, Chain]]) -> str:
    """SVG of one chain, or of several of the same shape side by side, each under its title.

    Arrows have the colour of their token, are as wide as they are probable and are left out at probability zero.
    States that the training data never shows are dashed. Where every state has one arrow, as with greedy decoding,
    each way ends in a cycle: its states and arrows have a colour of their own. TooLargeError beyond 128 states or 8
    tokens.
    """
    if not chains or len({(chain.vocab, chain.context_length) for _, chain in chains}) != 1:
        raise InputError("expected one chain or more of the same shape, got others; try one picture for each")
    chain = chains[0][1]
    if chain.n_states > LARGEST_GRAPH or chain.vocab_size > LARGEST_VOCABULARY:
        raise TooLargeError(
            f"expected a graph of at most {LARGEST_GRAPH} states and {LARGEST_VOCABULARY} tokens, got "
            f"{chain.n_states} and {chain.vocab_size}; try a .csv file"
        )
    names = [states.visible(chain.label(id)) for id in range(chain.n_states)]
    place = layout.ring(chain.vocab_size, chain.context_length, max(svg.text_width(name, NODE) for name in names))
    cycles = [on_cycles(one) for _, one in chains]
    graphs = [_graph(one, place, names, on) for (_, one), on in zip(chains, cycles, strict=True)]
    boxes = [box for _, extent in graphs for box in extent]
    left, above = min(box[0] for box in boxes) - MARGIN, min(box[1] for box in boxes) - 8
    right, below = max(box[2] for box in boxes) + MARGIN, max(box[3] for box in boxes) + 8
    legend, legend_width = _legend(chain, any(cycles))
    page = max(len(chains) * (right - left), legend_width + 2 * MARGIN)
    body = []
    for k, (title, _) in enumerate(chains):
        x, y = page * (k + 0.5) / len(chains) - (left + right) / 2, TITLE - above
        body.append(svg.text(title, page * (k + 0.5) / len(chains), 24, 19, font_weight="bold"))
        body.append(svg.element("g", "\n".join(graphs[k][0]), transform=f"translate({x:.2f} {y:.2f})"))
    bottom = TITLE + below - above
    corner = f"translate({(page - legend_width) / 2:.2f} {bottom + 16:.2f})"
    body.append(svg.element("g", "\n".join(legend), transform=corner))
    title = f"State graph of {chain.n_states} states: " + ", ".join(title for title, _ in chains)
    return svg.document(page, bottom + 38, body, title)


def on_cycles(chain: Chain) -> set[int]:
    """The states that a chain with one arrow a state visits for ever; none where a state has more than one.

    >>> from finitegpt import greedy
    >>> chain = Chain.from_probs([[0.7, 0.3], [0.9, 0.1]], "01", 1)
    >>> on_cycles(greedy(chain)), on_cycles(chain)
    ({0}, set())
    """
    if not (chain.support.sum(1) == 1).all():
        return set()
    ids = np.arange(chain.n_states)
    after = states.successors(ids, chain.vocab_size, chain.context_length)[ids, chain.support.argmax(1)]
    for _ in range(chain.n_states.bit_length()):
        after = after[after]  # 2, 4, 8, ... tokens at once, until more than there are states
    return set(after.tolist())


def _graph(chain: Chain, place: layout.Ring, names: list[str], cycles: set[int]) -> tuple[list[str], list[layout.Box]]:
    """The elements of one graph around the origin, and boxes around all of them."""
    targets = states.successors(range(chain.n_states), chain.vocab_size, chain.context_length)
    tokens = {
        (source, int(target)): token
        for source, row in enumerate(targets)
        for token, target in enumerate(row)
        if chain.probs[source, token] > 0
    }
    probability = {key: float(chain.probs[key[0], token]) for key, token in tokens.items()}
    curves = {key: layout.arrow(place, *key) for key in tokens}
    texts = {key: f"{states.visible(chain.vocab[token])} {percent(probability[key])}" for key, token in tokens.items()}
    sizes = {key: (svg.text_width(text, LABEL) + 4, LABEL * 1.2) for key, text in texts.items()}
    labels = layout.place_labels(place, curves, sizes)
    body = []
    for key in tokens:
        if key[0] in cycles:  # and so its only arrow is on the cycle too
            body.append(_behind(curves[key]))
    for key in sorted(tokens, key=lambda key: probability[key]):  # probable arrows on top
        body.extend(arrow(curves[key], probability[key], svg.PALETTE[tokens[key]]))
    for id, (x, y) in place.positions.items():
        body.append(_state(chain, id, names[id], x, y, place.node, id in cycles))
    for key, box in labels.items():
        body.append(label_patch(texts[key], box, svg.PALETTE[tokens[key]]))
    points = [(*curve.at(t), *curve.at(t)) for curve in curves.values() for t in (0.0, 0.25, 0.5, 0.75, 1.0)]
    circles = [layout.box_around(centre, 2 * place.node, 2 * place.node) for centre in place.positions.values()]
    return body, [*labels.values(), *points, *circles]


def label_patch(text: str, box: layout.Box, colour: str) -> str:
    """On a patch of paper, so that an arrow behind it does not run through its letters."""
    left, top, right, bottom = box
    patch = svg.element(
        "rect", x=left, y=top, width=right - left, height=bottom - top, rx=3, fill=svg.PAPER, fill_opacity=0.88
    )
    return patch + svg.text(text, (left + right) / 2, (top + bottom) / 2, LABEL, fill=colour, font_weight="500")


def percent(p: float) -> str:
    """A probability in whole percent; what is neither 0 nor 1 is never rounded to it.

    >>> percent(0.7928), percent(0.9999), percent(1.0), percent(1e-9)
    ('79%', '>99%', '100%', '<1%')
    """
    if 0 < p < 0.005:
        return "<1%"
    return ">99%" if 0.995 <= p < 1 - 1e-12 else f"{p:.0%}"


def arrow(curve: layout.Curve, p: float, colour: str) -> list[str]:
    """An arrow as wide as it is probable."""
    width = 0.8 + 4.2 * p
    size = 5.5 + 1.6 * width
    (x, y), (fx, fy) = curve.end, curve.at(1 - min(0.4, size / (_length(curve) + 1e-9)))
    angle = math.atan2(y - fy, x - fx)
    back = (x - 0.8 * size * math.cos(angle), y - 0.8 * size * math.sin(angle))
    points = ((curve.start, curve.control1), (curve.control2, back))
    path = "M{} {} C{} {} {} {} {} {}".format(*(svg.number(v) for pair in points for point in pair for v in point))
    side = 0.42 * size
    corners = [
        (x, y),
        (x - size * math.cos(angle) + side * math.sin(angle), y - size * math.sin(angle) - side * math.cos(angle)),
        (x - size * math.cos(angle) - side * math.sin(angle), y - size * math.sin(angle) + side * math.cos(angle)),
    ]
    shown = 0.35 + 0.65 * p
    return [
        svg.element("path", d=path, fill="none", stroke=colour, stroke_width=width, stroke_opacity=shown),
        svg.element(
            "polygon",
            points=" ".join(f"{svg.number(a)},{svg.number(b)}" for a, b in corners),
            fill=colour,
            fill_opacity=shown,
        ),
    ]


def _behind(curve: layout.Curve) -> str:
    """A band of the cycle's colour under the arrow, which keeps that of its token."""
    points = (curve.start, curve.control1, curve.control2, curve.end)
    path = "M{} {} C{} {} {} {} {} {}".format(*(svg.number(v) for point in points for v in point))
    return svg.element("path", d=path, fill="none", stroke=CYCLE, stroke_width=15)


def _length(curve: layout.Curve) -> float:
    points = [curve.at(k / 12) for k in range(13)]
    return sum(math.dist(a, b) for a, b in itertools.pairwise(points))


def _state(chain: Chain, id: int, name: str, x: float, y: float, radius: float, on_cycle: bool) -> str:
    unseen = chain.counts is not None and not chain.counts[id]
    circle = svg.element(
        "circle",
        cx=x,
        cy=y,
        r=radius,
        fill=CYCLE if on_cycle else svg.PAPER if unseen else "#eef1f6",
        stroke=svg.SOFT if unseen else svg.INK,
        stroke_width=1.6,
        **({"stroke_dasharray": "4 3.5"} if unseen else {}),
    )
    return circle + svg.text(name, x, y, NODE, fill=svg.SOFT if unseen and not on_cycle else svg.INK, font_weight="500")


def _legend(chain: Chain, cycles: bool) -> tuple[list[str], float]:
    """What colours, widths and dashes mean, on one line from the origin; and its length."""
    size, x = 13.0, 0.0
    body = []

    def say(words: str, colour: str = svg.SOFT) -> None:
        nonlocal x
        body.append(svg.text(words, x, 0, size, text_anchor="start", fill=colour))
        x += svg.text_width(words, size) * 0.92

    say("next token")
    for k, symbol in enumerate(chain.vocab):
        body.append(svg.element("rect", x=x + 12, y=-2, width=17, height=4, rx=2, fill=svg.PALETTE[k]))
        x += 35
        say(states.visible(symbol), svg.INK)
    x += 24
    say("width: probability")
    if chain.counts is not None and not chain.counts.all():
        x += 24
        say("dashed: never seen in the data")
    if cycles:
        x += 24
        body.append(svg.element("rect", x=x, y=-7.5, width=26, height=15, rx=3, fill=CYCLE))
        x += 32
        say("a cycle, repeated for ever")
    return body, x
