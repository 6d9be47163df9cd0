"""What stands in the head of every page: its icon, and what other pages show of it when it is linked."""

import base64
import html
import re
from pathlib import Path

ICON = (Path(__file__).parent / "favicon.svg").read_text(encoding="utf-8").strip()


def card_head(
    title: str, line: str, *, address: str | None = None, picture: str | None = None, language: str = "en"
) -> str:
    """Elements for a head: the icon, a description, and a card after the Open Graph protocol, ogp.me.

    A card wants whole addresses: without `address` and `picture`, it has none of a page or a picture.
    """
    locale = {"en": "en_GB", "zh": "zh_CN"}[language]
    card = {"type": "website", "site_name": "FiniteGPT", "title": title, "description": line, "locale": locale}
    card |= {"url": address} if address else {}
    card |= {"image": picture, "image:width": "1200", "image:height": "630"} if picture else {}
    named = [("name", "description", line)]
    named += [("property", f"og:{key}", value) for key, value in card.items()]
    named += [("name", "twitter:card", "summary_large_image")] if picture else []
    icon = base64.b64encode(ICON.encode()).decode()
    return "\n".join(
        [f'<link rel="icon" type="image/svg+xml" href="data:image/svg+xml;base64,{icon}">']
        + [f'<meta {kind}="{key}" content="{html.escape(value)}">' for kind, key, value in named]
    )


def plain(text: str) -> str:
    """Words of the page without the marks of terms that the glossary explains: `[[term]]`, `[[term|words]]`.

    >>> plain("A [[GPT]] is a [[Markov chain|chain]].")
    'A GPT is a chain.'
    """
    return re.sub(r"\[\[(?:[^\[\]|]*\|)?([^\[\]|]*)\]\]", r"\1", text)
