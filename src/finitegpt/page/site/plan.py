"""The lesson plan: docs/lesson-plan.md and its Chinese twin, which an installed package has beside the page."""

import html
import re
import unicodedata
from pathlib import Path

from markdown_it import MarkdownIt

from finitegpt.page.site.sheet import LANGUAGES, WORDS, Sheet, written

_HERE = Path(__file__).parent
_PLACES = (_HERE, _HERE.parents[3] / "docs")
"""Where an installed package has them, and where a working copy does."""
_HEADING = re.compile(r"<h([1-3])>(.*?)</h\1>")
_PAGE = re.compile(r'href="page\.html(?:#([^"]*))?"')
_PLAN = re.compile(r'href="(?:\./)?lesson-plan(\.zh)?\.md(#[^"]*)?"')


def plans() -> dict[str, str]:
    """The Markdown of each language; nothing where one of them is missing."""
    names = {language: "lesson-plan.md" if language == "en" else f"lesson-plan.{language}.md" for language in LANGUAGES}
    found = {key: next((p for place in _PLACES if (p := place / name).exists()), None) for key, name in names.items()}
    return {key: path.read_text(encoding="utf-8") for key, path in found.items() if path} if all(found.values()) else {}


def plan_page(sheet: Sheet, language: str) -> str:
    """The page: headings can be linked to, and links to the page and to the other language lead to those of here."""
    text = plans()[language].replace("`page.html`", "`index.html`")
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    body = _PLAN.sub(lambda found: f'href="lesson-plan{found[1] or ""}.html{found[2] or ""}"', body)
    body = _PAGE.sub(lambda found: f'href="index.html#{found[1] or "opening=1"}&amp;lang={language}"', body)
    taken: dict[str, int] = {}
    body = _HEADING.sub(lambda found: _heading(found[1], found[2], taken), body)
    words = WORDS[language]
    return written(sheet, "lesson-plan", language, words["lesson-plan"], words["lesson-plan.line"], body)


def _heading(level: str, content: str, taken: dict[str, int]) -> str:
    """A heading with a place, as GitHub names it."""
    bare = html.unescape(re.sub(r"<[^>]*>", "", content)).casefold()
    place = "".join(sign for sign in bare if sign in " -_" or unicodedata.category(sign)[0] in "LN").replace(" ", "-")
    taken[place] = taken.get(place, -1) + 1
    end = f"-{taken[place]}" if taken[place] else ""
    return f'<h{level} id="{html.escape(place + end)}">{content}</h{level}>'
