"""The page about notebooks: its code runs as it stands, and it names every value of a view."""

import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("anywidget")

PAGE = (Path(__file__).parents[1] / "docs" / "notebooks.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    """What the code on the page leaves behind."""
    found: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(block, found)
    return found


def test_the_code_does_what_it_says(names: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    view, run = names["view"], names["run"]
    assert (view.step, view.red, view.temperature, view.state) == (0, ("11?",), 0.5, "110")
    view.state = 5
    shown = names["finitegpt"].decode(run.chain_at(0), temperature=0.5)
    assert capsys.readouterr().out == f"101 {shown['101']}\n"
    first, second = names["views"]
    first.state = "010"
    assert second.state == "010"


def test_every_value_is_on_the_page(names: dict[str, Any]) -> None:
    from finitegpt.widget import VALUES

    table = re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE)
    assert sorted(re.findall(r"`(\w+)`", " ".join(table))) == sorted(VALUES)
