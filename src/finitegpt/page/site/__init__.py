"""The page and what belongs to it as a folder that any static host serves as it is, also below a sub-path.

Opening and laboratory are one page, index.html; beside it are a gallery of experiments, a glossary and a lesson plan,
in both languages, and the cards that other pages show of it. All links are relative; only cards need whole addresses.
"""

import re
from collections.abc import Callable
from functools import cache
from urllib.parse import urlsplit

from finitegpt.errors import InputError
from finitegpt.page import page
from finitegpt.page.carrying import carried
from finitegpt.page.head import ICON
from finitegpt.page.presets import presets, trained
from finitegpt.page.site.cards import card
from finitegpt.page.site.gallery import gallery_page, picture
from finitegpt.page.site.glossary import glossary_page
from finitegpt.page.site.plan import plan_page, plans
from finitegpt.page.site.sheet import LANGUAGES, STYLE, Sheet, named, not_found
from finitegpt.run import Run

KINDS = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "txt": "text/plain; charset=utf-8",
    "xml": "application/xml",
}
"""What files are, by the end of their names, for a server."""


def site(run: Run | None = None, address: str | None = None) -> dict[str, Callable[[], bytes]]:
    """Every file of the folder by its name, and how it is made, in the order in which it should be made.

    It opens with `run`, by default with the opening. `address` is that of the folder on the web, https://.../; without
    it, cards have no picture, since that needs a whole address. InputError for a run that the page cannot show and for
    what is no address.
    """
    where = None if address is None else _folder(address)
    first = carried(run)["values"] if run else {}
    assert isinstance(first, dict)
    readable = ["gallery", "glossary", *(["lesson-plan"] if plans() else [])]
    sheet = Sheet(address=where, pages=readable)
    runs = {name: cache(lambda changes=changes: trained(changes)) for name, changes in presets().items()}
    notebook = runs["notebook"]

    def index() -> str:
        return page(run, address=where, picture=where and f"{where}og.png", pages=readable)

    made: dict[str, Callable[[], str | bytes]] = {"index.html": index}
    for language in LANGUAGES:
        made[named("gallery", language)] = lambda language=language: gallery_page(sheet, language, first)
        made[named("glossary", language)] = lambda language=language: glossary_page(sheet, language)
        if "lesson-plan" in readable:
            made[named("lesson-plan", language)] = lambda language=language: plan_page(sheet, language)
    for name, one in runs.items():
        made[f"pictures/{name}.svg"] = lambda one=one: picture(one())
    made |= {
        "og.png": lambda: card(notebook(), "en"),
        "og.zh.png": lambda: card(notebook(), "zh"),
        "favicon.svg": lambda: ICON,
        "site.css": lambda: STYLE,
        "404.html": lambda: not_found(sheet),
    }
    if where:
        pages = [name for name in made if name.endswith(".html") and name != "404.html"]
        made["robots.txt"] = lambda: f"User-agent: *\nAllow: /\nSitemap: {where}sitemap.xml\n"
        made["sitemap.xml"] = lambda: _sitemap(where, pages)
    return {name: lambda make=make: _bytes(make()) for name, make in made.items()}


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def whole_address(address: str) -> str:
    """The address as it is, where it is whole; InputError where it is not."""
    try:
        parts = urlsplit(address)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or True)
    except ValueError:
        whole = False
    if not whole or re.search(r"[\s\x00-\x1f\"'<>\\^`{}?#]", address):
        raise InputError(f"expected the address of a page on the web, got {address!r}; try https://example.org/gpt/")
    return address


def _folder(address: str) -> str:
    """The whole address of a folder, which ends in a slash."""
    address = whole_address(address)
    return address if address.endswith("/") else address + "/"


def _sitemap(where: str, pages: list[str]) -> str:
    listed = "".join(f"<url><loc>{where}{name}</loc></url>\n" for name in pages)
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
    return f"{head}{listed}</urlset>\n".replace("&", "&amp;")
