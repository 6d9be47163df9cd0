"""A gallery: every preset with its picture, its reason and a link that opens it; and the nine lessons."""

import html
import itertools
import re

from finitegpt.page import strings
from finitegpt.page.head import plain
from finitegpt.page.presets import link, presets
from finitegpt.page.site.bare import bare_graph
from finitegpt.page.site.sheet import WORDS, Sheet, written
from finitegpt.picture import loss_curve, svg
from finitegpt.picture.graph import LARGEST_GRAPH
from finitegpt.run import Run


def gallery_page(sheet: Sheet, language: str, first: dict[str, object]) -> str:
    """The page; `first` is what index.html opens with where its link says nothing."""
    words, said = WORDS[language], {key: html.escape(plain(text)) for key, text in strings()[language].items()}
    cards = "".join(
        f'<li><a href="index.html#{html.escape(_opens(changes, first, language))}">'
        f'<img src="pictures/{name}.svg" alt="" loading="lazy"><b>{said[f"preset.{name}"]}</b></a>'
        f"<p>{said[f'why.{name}']}</p></li>\n"
        for name, changes in presets().items()
    )
    lessons = "".join(
        f'<li><a href="index.html#lesson={k}&amp;lang={language}">{said[f"lesson.{k}.title"]}</a>'
        f"<p>{_first(said[f'lesson.{k}.text'])}</p></li>\n"
        for k in itertools.takewhile(lambda k: f"lesson.{k}.title" in said, itertools.count(1))
    )
    body = (
        f"<h1>{html.escape(words['gallery'])}</h1>\n<p>{html.escape(words['gallery.line'])} "
        f"{said['legend']} {html.escape(words['gallery.large'])}</p>\n"
        f'<ul class="cards">\n{cards}</ul>\n<h2>{said["lessons"]}</h2>\n<ol class="lessons">\n{lessons}</ol>'
    )
    return written(sheet, "gallery", language, words["gallery"], words["gallery.line"], body)


def picture(run: Run) -> str:
    """The graph of a run's chain; of one too large for that, its loss."""
    if run.chain.n_states > LARGEST_GRAPH:
        return loss_curve(run.losses.tolist())
    graph, box = bare_graph(run.chain)
    font = "Roboto, 'Helvetica Neue', Arial, 'Noto Sans', sans-serif"
    look: dict[str, str | float] = {
        "width": box[2],
        "height": box[3],
        "viewBox": " ".join(map(svg.number, box)),
        "font_family": font,
    }
    return svg.element("svg", graph, xmlns="http://www.w3.org/2000/svg", role="img", **look)


def _opens(changes: dict[str, object], first: dict[str, object], language: str) -> str:
    """A link without anything would open the opening."""
    return "&".join(part for part in (link(changes, first) or "opening=0", f"lang={language}") if part)


def _first(text: str) -> str:
    """The first sentence."""
    return re.split(r"(?<=[.?!])\s|(?<=[。？！])", text, maxsplit=1)[0]
