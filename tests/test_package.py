"""The package as a whole: what is there after a plain import, what it costs, and how things show themselves."""

import importlib
import inspect
import pkgutil
import subprocess
import sys

import numpy as np
import pytest

import finitegpt
from finitegpt import Chain, Data, Run, analysis, checkpoints, sources, train_many


def modules() -> list[str]:
    return [found.name for found in pkgutil.walk_packages(finitegpt.__path__, "finitegpt.")]


def test_no_module_is_hidden_by_a_function_of_its_name() -> None:
    for name in modules():
        if name.endswith(("__main__", ".torch", ".widget")) or "_engine" in name:
            continue
        module = importlib.import_module(name)
        room, _, own = name.rpartition(".")
        assert getattr(sys.modules[room], own) is module, name
        assert inspect.ismodule(getattr(importlib.import_module(room), own)), name


def test_analysis_and_sources_are_there_after_a_plain_import() -> None:
    heavy = ("torch", "scipy", "networkx", "graphviz", "rich", "cyclopts")
    code = (
        "import sys, finitegpt; finitegpt.analysis.entropy_rate; finitegpt.sources.even;"
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"


def test_what_is_exported_is_there() -> None:
    for module in (finitegpt, analysis, checkpoints, sources):
        assert len(set(module.__all__)) == len(module.__all__)
        assert all(hasattr(module, name) for name in module.__all__)


def objects(run: Run) -> list[object]:
    long = ("a word of some length that is long".replace(" ", "_"), "x" * 200, "é")
    words = Chain.from_probs(np.full((3, 3), 1 / 3), long, 1)
    many = Chain.from_probs(np.full((200, 200), 1 / 200), tuple(f"token{k}" for k in range(200)), 1)
    parted = Chain.from_probs([[1, 0, 0], [0, 1, 0], [0.25, 0.25, 0.5]], "abc", 1)
    found: list[object] = [run, run.data, run.model, run.train, train_many("0110", seeds=range(2), steps=1)]
    found += [run.model.inspect("101"), run.model.config, sources.even(), sources.parse("periodic:" + "011" * 30)]
    found += [Data.from_tokens(list(long) * 3, context_length=1, source="periodic:" + "01" * 50)]
    for chain in (run.chain, words, many):
        law = chain.stationary_distribution
        found += [chain, law, law.top(8), chain.memory, chain.machine(), chain.communicating_classes, chain[0]]
        found += [chain.entropy_rate, chain.compare(chain), chain.mean_first_passage_times([0]), law.each()]
        found += [chain.red_states([0], start=1), chain.red_states(chain.label(0), start=1)]
    found += [parted.communicating_classes, parted.mean_first_passage_times("a"), parted.red_states("a")]
    found += [analysis.Bound(0.5), analysis.Bound(1e-300, -np.inf, 1e300), analysis.Bound(np.inf, np.inf, np.inf)]
    return found


def test_everything_shows_itself_on_one_line(notebook: Run) -> None:
    for one in objects(notebook):
        text = repr(one)
        assert len(text) < 120 or one is notebook.train, text
        assert "\n" not in text
        assert text.startswith(type(one).__name__ + "("), text


def test_notebooks_show_tables(notebook: Run) -> None:
    for one in objects(notebook):
        show = getattr(one, "_repr_html_", None)
        if show is None or isinstance(one, Run):
            continue
        text = show()
        assert text.startswith(("<table>", "<svg")), type(one)
        assert text.count("<tr>") <= 34
        assert "array(" not in text


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (
            lambda run: run,
            "Run(50 steps, loss 0.6635 to 0.4700; 12,656 parameters; 15 tokens over '01', contexts of 3)",
        ),
        (lambda run: run.data, "Data(15 tokens over '01', contexts of 3: '111101111011110')"),
        (lambda run: run.chain, "Chain('01', 2**3 = 8 states, float32, 4 seen in data)"),
        (lambda run: run.model, "Model('01', contexts of 3, 12,656 parameters: 4 layers of 4 heads, width 16)"),
        (lambda run: run.chain.communicating_classes, "Classes(1: 1 recurrent, of 8 states)"),
        (lambda run: analysis.Bound(0.5, 0.25, 0.75), "Bound(0.5, 0.25, 0.75)"),
        (lambda run: analysis.Bound(0.5), "Bound(0.5)"),
        (lambda run: run.chain.hitting_probabilities("000"), "Bounds(8 numbers, 1 to 1, exact)"),
    ],
)
def test_as_it_is_read(notebook: Run, one, text: str) -> None:
    assert repr(one(notebook)) == text
