"""SVG text by hand: one element at a time, numbers short, texts escaped; and its rendering as PNG."""

import unicodedata
from importlib.util import find_spec
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from finitegpt.errors import InputError

INK, SOFT, FAINT, PAPER = "#1f2430", "#6b7280", "#d7dbe2", "#ffffff"
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#aa4499", "#8a6d00", "#117a8b", "#7a4b1f", "#555f6e")
"""Colours of tokens, distinct for colour-blind readers (after Okabe and Ito), dark enough for text on white."""


def element(name: str, content: str = "", **attributes: str | float) -> str:
    """One element; `content` is SVG already. Underscores in attribute names become hyphens."""
    listed = "".join(f" {key.replace('_', '-')}={quoteattr(number(value))}" for key, value in attributes.items())
    return f"<{name}{listed}>{content}</{name}>" if content else f"<{name}{listed}/>"


def number(value: str | float) -> str:
    """A number with at most two decimals, or a string as it is."""
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")


def text(content: str, x: float, y: float, size: float = 13, **attributes: str | float) -> str:
    """Text whose middle is at height y; centred at x unless `text_anchor` says otherwise."""
    style: dict[str, str | float] = {"text_anchor": "middle", "fill": INK, **attributes}
    return element("text", escape(content), x=x, y=y + 0.36 * size, font_size=size, **style)


def text_width(content: str, size: float = 13) -> float:
    """About how wide a text is; on the safe side for Latin letters and digits."""
    wide = sum(unicodedata.east_asian_width(sign) in "WF" for sign in content)
    return size * (0.58 * (len(content) - wide) + 1.05 * wide)


def document(width: float, height: float, body: list[str], title: str) -> str:
    """A whole picture on white, with a title for screen readers."""
    return element(
        "svg",
        "\n".join(
            [
                element("title", escape(title)),
                element("rect", width=width, height=height, fill=PAPER),
                *body,
            ]
        ),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {number(width)} {number(height)}",
        width=width,
        height=height,
        role="img",
        font_family="Roboto, 'Helvetica Neue', Arial, 'Noto Sans', sans-serif",
    )


def to_png(svg: str, zoom: float = 2.0) -> bytes:
    """Renders SVG text to a PNG of `zoom` pixels a unit. Letters come from a font that is installed with us."""
    if not 0 < zoom <= 16:
        raise InputError(f"expected a zoom above 0 and at most 16, got {zoom}; try 2")
    import resvg_py

    package = find_spec("font_roboto")
    origin = package.origin if package else None
    fonts = [str(path) for path in sorted((Path(origin).parent / "files").glob("Roboto-*.ttf"))] if origin else []
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=zoom, font_files=fonts, sans_serif_family="Roboto"))
