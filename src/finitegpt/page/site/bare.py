"""A graph of the library without its head and its foot: the words there are English, and the page says the same."""

from finitegpt.chain import Chain
from finitegpt.picture import state_graph

_HEAD, _FOOT = 30.0, 40.0
"""Room for a title, and that for the explanation."""
_ASPECT = 1.25
"""As wide as a graph can be for its height; the foot alone is wider."""


def bare_graph(chain: Chain) -> tuple[str, tuple[float, float, float, float]]:
    """The elements of a chain's graph, and its view box: left, top, width and height."""
    text = state_graph([("", chain)])
    wide, high = map(float, text.split('viewBox="')[1].split('"')[0].split()[2:])
    high -= _HEAD + _FOOT
    across = min(wide, _ASPECT * high)
    return text[text.index(">") + 1 : text.rindex("</svg>")], ((wide - across) / 2, _HEAD, across, high)
