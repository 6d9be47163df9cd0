"""The lesson plans: every link opens what it should, every name is on the page, and every number is true."""

import re
from pathlib import Path

import pytest

from finitegpt import Run, TrainConfig, train
from finitegpt.analysis import stationary_distribution
from finitegpt.page import strings
from test_page import call, node

__all__ = ["node"]
DOCS = Path(__file__).parents[1] / "docs"
PLANS = {"en": "lesson-plan.md", "zh": "lesson-plan.zh.md"}
TEXTS = {language: (DOCS / name).read_text(encoding="utf-8") for language, name in PLANS.items()}
STATES = [f"{k:03b}" for k in range(8)]


@pytest.mark.parametrize("language", PLANS)
def test_every_link_into_the_page_is_understood(language: str) -> None:
    links = re.findall(r"\(page\.html#([^)]*)\)", TEXTS[language])
    assert len(links) > 30
    for found in call(*(("fields.js", "fromHash", [link]) for link in links)):
        assert found["problems"] == []
    elsewhere = [link for link in re.findall(r"\]\(([^)]*)\)", TEXTS[language]) if not link.startswith("page.html#")]
    assert all(link.startswith("https://") or (DOCS / link).exists() for link in elsewhere)


@pytest.mark.parametrize("language", PLANS)
def test_every_name_in_bold_is_on_the_page(language: str) -> None:
    words = [re.sub(r"\[\[(?:[^]|]+\|)?([^]|]+)\]\]", r"\1", text) for text in strings()[language].values()]
    names = [name for name in re.findall(r"\*\*([^*]+)\*\*", TEXTS[language]) if not name.endswith((".", "。"))]
    own = {"bold", "加粗"}
    assert len(names) > 12
    for name in {*names} - own:
        assert any(text == name or text.startswith((f"{name}:", f"{name}：")) for text in words), name


def test_both_plans_have_the_same_numbers_and_links() -> None:
    for pattern in (r"\d+(?:[.,]\d+)*%?", r"\(page\.html#[^)]*\)"):
        english, chinese = (sorted({*re.findall(pattern, TEXTS[language])}) for language in ("en", "zh"))
        odd = {*english} ^ {*chinese}
        assert odd <= {"14"}, odd  # the age, which is a form of school in Chinese


def test_the_chain_that_is_played_is_the_chain(notebook: Run) -> None:
    chances = [f"{100 * notebook.chain.p('1', after=state):.0f}" for state in STATES]
    for text in TEXTS.values():
        assert f"| {' | '.join(chances)} |" in text
    law = stationary_distribution(notebook.chain).probs
    assert [round(60 * law[7]), round(60 * law[0])] == [16, 1]
    assert round(100 * law[7]) == 27
    assert law[0] < 0.02


def test_the_numbers_of_the_worksheet_are_true(notebook: Run) -> None:
    assert f"{100 * notebook.initial_chain.p('1', after='101'):.0f}%" == "55%"
    two = notebook.chain.p("1", after="101") * notebook.chain.p("1", after="011")
    assert f"{100 * two:.0f}%" == "63%"
    assert train(config=TrainConfig(steps=1500)).chain.p("1", after="101") > 0.99
