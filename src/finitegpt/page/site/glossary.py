"""The glossary: every term that the page explains, its line, and where to read on."""

import html
import json
import re
import unicodedata
from pathlib import Path
from typing import Any

from finitegpt.page.head import plain
from finitegpt.page.site.sheet import WORDS, Sheet, written

_TERMS = Path(__file__).parent.parent / "i18n" / "glossary.json"


def terms() -> dict[str, dict[str, Any]]:
    """Each term by its key, with a name and a line in every language, and perhaps a `link`."""
    return json.loads(_TERMS.read_text(encoding="utf-8")) if _TERMS.exists() else {}


def glossary_page(sheet: Sheet, language: str) -> str:
    """The page: English by the alphabet, Chinese in the order in which terms build on each other."""
    words = WORDS[language]
    listed: list[tuple[str, str, str, str]] = [
        (key, *entry[language], entry.get("link", "")) for key, entry in terms().items()
    ]
    if language == "en":
        listed.sort(key=lambda one: one[1].casefold())
    rows = "".join(_row(*one) for one in listed)
    title = html.escape(words["glossary"])
    body = f"<h1>{title}</h1>\n<p>{html.escape(words['glossary.line'])}</p>\n<dl>\n{rows}</dl>"
    return written(sheet, "glossary", language, words["glossary"], words["glossary.line"], body)


def anchor(key: str) -> str:
    """Where a term stands on the page.

    >>> anchor("Markov chain")
    'markov-chain'
    """
    bare = unicodedata.normalize("NFKD", key).casefold()
    return re.sub(r"[^\w]+", "-", bare).strip("-")


def _row(key: str, name: str, line: str, link: str) -> str:
    place = anchor(key)
    read = f' <a href="{html.escape(link)}">{html.escape(_host(link))}</a>' if link else ""
    return (
        f'<dt id="{place}"><a href="#{place}">{html.escape(name)}</a></dt>\n<dd>{html.escape(plain(line))}{read}</dd>\n'
    )


def _host(address: str) -> str:
    return address.split("/")[2].removeprefix("www.")
