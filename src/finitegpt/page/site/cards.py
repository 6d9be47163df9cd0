"""The cards that other pages show of this one: 1200 x 630, the notebook's graph and a title beside it."""

from functools import cache

from finitegpt.page.site.bare import bare_graph
from finitegpt.page.site.sheet import WORDS
from finitegpt.picture import svg
from finitegpt.picture.svg import INK, PAPER, SOFT, to_png
from finitegpt.run import Run

_WIDE, _HIGH, _GRAPH = 1200, 630, 560
_FONTS = {"en": "Roboto, sans-serif", "zh": "'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', Roboto, sans-serif"}


def card(run: Run, language: str) -> bytes:
    """A PNG; its words are English where no font of this machine has the other language's."""
    if not can_draw("".join(WORDS[language][f"card.{k}"] for k in range(1, 6)), language):
        language = "en"
    words = WORDS[language]
    graph, box = bare_graph(run.chain)
    _, _, across, high = box
    scale = _GRAPH / high
    body = [
        svg.element("rect", width=_WIDE, height=_HIGH, fill=PAPER),
        svg.element(
            "svg",
            graph,
            x=_WIDE - scale * across - 10,
            y=(_HIGH - _GRAPH) / 2,
            width=scale * across,
            height=_GRAPH,
            viewBox=" ".join(map(svg.number, box)),
            font_family=_FONTS["en"],
        ),
        _line("FiniteGPT", 110, 44, INK, "700"),
        *(_line(words[f"card.{k}"], 170 + 76 * k, 58, INK, "700") for k in (1, 2, 3)),
        *(_line(words[f"card.{k}"], 280 + 48 * k, 30, SOFT, "400") for k in (4, 5)),
    ]
    whole = svg.element(
        "svg",
        "\n".join(body),
        xmlns="http://www.w3.org/2000/svg",
        width=_WIDE,
        height=_HIGH,
        font_family=_FONTS[language],
    )
    return to_png(whole, zoom=1)


def _line(text: str, y: float, size: float, fill: str, weight: str) -> str:
    return svg.text(text, 60, y, size, text_anchor="start", fill=fill, font_weight=weight)


@cache
def can_draw(text: str, language: str) -> bool:
    """Whether a font has all letters of a text: without one, they are drawn all alike, or not at all."""
    missing = {_drawn(sign, language) for sign in (" ", "\U0010fffe")}
    return all(_drawn(sign, language) not in missing for sign in set(text) - {" "})


def _drawn(sign: str, language: str) -> bytes:
    inner = svg.text(sign, 20, 20, 24, font_family=_FONTS[language])
    return to_png(svg.element("svg", inner, xmlns="http://www.w3.org/2000/svg", width=40, height=40), zoom=1)
