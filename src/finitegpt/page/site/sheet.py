"""What all pages beside the page share: the head, the way to the others, the style, and the words."""

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from finitegpt.page.head import card_head

_HERE = Path(__file__).parent
LANGUAGES = ("en", "zh")
STYLE = (_HERE / "site.css").read_text(encoding="utf-8")
WORDS: dict[str, dict[str, str]] = {
    language: json.loads((_HERE / f"{language}.json").read_text(encoding="utf-8")) for language in LANGUAGES
}
_POLICY = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'"
)


@dataclass(frozen=True)
class Sheet:
    """Where the folder is on the web, if that is known, and the names of its pages."""

    address: str | None
    pages: Sequence[str]


def named(name: str, language: str) -> str:
    """The file of a page in a language."""
    return f"{name}.html" if language == "en" else f"{name}.{language}.html"


def written(sheet: Sheet, name: str, language: str, title: str, line: str, body: str) -> str:
    """A whole page: `title` and `line` are text, `body` is HTML."""
    words, other = WORDS[language], WORDS[language]["other"]
    where = sheet.address and sheet.address + named(name, language)
    picture = sheet.address and f"{sheet.address}{'og.png' if language == 'en' else f'og.{language}.png'}"
    ways = [(f"index.html#opening={k}&lang={language}", words[key]) for k, key in ((1, "opening"), (0, "laboratory"))]
    ways += [(named(one, language), words[one]) for one in sheet.pages]
    here = named(name, language)
    marks = {here: ' aria-current="page"'}
    listed = "".join(f'<a href="{html.escape(to)}"{marks.get(to, "")}>{html.escape(said)}</a>' for to, said in ways)
    return f"""<!doctype html>
<html lang="{words["lang"]}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)} · FiniteGPT</title>
{card_head(title, line, address=where, picture=picture, language=language)}
<link rel="stylesheet" href="site.css">
</head>
<body>
<header><a class="home" href="index.html">FiniteGPT</a>
<nav aria-label="{html.escape(words["ways"])}">{listed}</nav>
<a class="language" href="{named(name, other)}" lang="{WORDS[other]["lang"]}">{html.escape(words["language"])}</a>
</header>
<main class="{name}">
{body}
</main>
</body>
</html>
"""


def not_found(sheet: Sheet) -> str:
    """What a host shows where there is nothing, at any depth: it needs no other file, and its links are whole."""
    said = "".join(f'<p lang="{words["lang"]}">{html.escape(words["nothing"])}</p>\n' for words in WORDS.values())
    way = f'<p><a href="{html.escape(sheet.address)}">{html.escape(sheet.address)}</a></p>\n' if sheet.address else ""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>404 · FiniteGPT</title>
{card_head("404", WORDS["en"]["nothing"])}
<style>{STYLE}</style>
</head>
<body>
<main>
<h1>404</h1>
{said}{way}</main>
</body>
</html>
"""
