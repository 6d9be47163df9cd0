"""The page for those who come from elsewhere: what it names is there, on both sides."""

import importlib
import re
from pathlib import Path

import pytest

import finitegpt
from finitegpt import Chain, analysis, sources

PAGE = (Path(__file__).parents[1] / "docs" / "migration.md").read_text(encoding="utf-8")
OURS = {*finitegpt.__all__, *analysis.__all__, *sources.__all__}
OTHERS = {
    "len",
    "match",
    "tauchen",
    "concatenate",
    "read_graphml",
    "write_graphml",
    "read_csv",
    "DataFrame",
    "to_numpy",
    "mass",
}
THEIRS = {
    "PyDTMC": ("pydtmc", "pydtmc.MarkovChain"),
    "QuantEcon": ("quantecon", "quantecon.MarkovChain"),
    "deeptime": ("deeptime.markov.msm", "deeptime.markov.msm.MarkovStateModel"),
}


def rows(title: str) -> list[tuple[str, str]]:
    section = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    table = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]
    return [(theirs, ours) for theirs, ours in table[2:]]


def test_the_python_on_the_page_runs() -> None:
    names: dict = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(block, names)
    assert names["law"].dense() == pytest.approx([0.625, 0.3125, 0.0625])
    assert names["times"].values == pytest.approx([220 / 7, 200 / 7, 0])


@pytest.mark.parametrize("title", [*THEIRS, "R markovchain", "Storm", "emic, dit"])
def test_calls_of_ours_are_there_unless_they_have_a_star(title: str) -> None:
    for _, ours in rows(title):
        for code, star in re.findall(r"`([^`]+)`(\*?)", ours):
            for owner, name in re.findall(r"(\w*)\.?\b([a-z]\w*)\(", code):
                if owner in ("chain", "Chain"):
                    assert hasattr(Chain, name), code
                elif not star:
                    assert name in OURS or name in OTHERS or hasattr(Chain, name), code


def test_ways_in_and_out_are_there() -> None:
    section = PAGE.split("## Bring your chain")[1].split("\n## ")[0]
    assert set(re.findall(r"Chain\.(\w+)\(", section)) == {
        name for name in dir(Chain) if name.startswith(("from_", "read_"))
    }
    out = {name for name in dir(Chain) if name.startswith(("to_", "write_"))}
    assert set(re.findall(r"chain\.((?:to|write)_\w+)\(", section)) == out


@pytest.mark.parametrize(("title", "module", "kind"), [(title, *names) for title, names in THEIRS.items()])
def test_calls_of_theirs_are_there(title: str, module: str, kind: str) -> None:
    pytest.importorskip(module, reason=f"{title} is not installed")
    room, _, name = kind.rpartition(".")
    theirs = getattr(importlib.import_module(room), name)
    named = re.findall(r"`(?:mc|msm)\.(\w+)", "".join(cell for cell, _ in rows(title)))
    assert len(named) > 8
    for attribute in named:
        assert hasattr(theirs, attribute) or attribute == "state_values", attribute
