"""What a summary gathers: each part is that of the class, the start and the decoding it is said to be of."""

import io
import math
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from finitegpt import Chain, Data, Run, greedy, temperature
from finitegpt import summary as module
from finitegpt.analysis import (
    communicating_classes,
    entropy_rate,
    excess_entropy,
    hitting_probabilities,
    markov_order,
    recurrent_classes,
    stationary_distributions,
    with_startup,
)
from finitegpt.report.analysis import print_analysis, summary_json
from finitegpt.report.page import analysis_page
from finitegpt.report.sections import all_lengths
from finitegpt.summary import summarise


def with_two_ends() -> Chain:
    """Ends in two fair tokens with a probability of 17/36, or in two others, of which the first follows mostly."""
    rows = [
        [0.5, 0.5, 0, 0, 0, 0],
        [0.5, 0.5, 0, 0, 0, 0],
        [0, 0, 0.9, 0.1, 0, 0],
        [0, 0, 1, 0, 0, 0],
        [0.1, 0, 0.2, 0, 0.5, 0.2],
        [0.3, 0, 0, 0.3, 0.4, 0],
    ]
    return Chain.from_probs(rows, "abcdef", 1)


def test_the_entropy_rate_is_that_of_each_end_by_how_probable_it_is() -> None:
    found = summarise(with_two_ends())
    # The likelier end first: 10 tokens of every 11 are c, after which a d comes once in ten times.
    rare = 10 / 11 * -(0.1 * math.log(0.1) + 0.9 * math.log(0.9))
    assert [end.law.states.tolist() for end in found.classes] == [[2, 3], [0, 1]]
    assert [end.weight.value for end in found.classes] == pytest.approx([19 / 36, 17 / 36], rel=1e-12)
    assert found.entropy_rate.value == pytest.approx(19 / 36 * rare + 17 / 36 * math.log(2), rel=1e-12)
    assert found.entropy_rate.error < 1e-12
    assert (found.n_classes, found.n_recurrent, found.n_transient) == (3, 2, 2)
    assert found.law is found.classes[0].law
    assert found.mixing_time.low == math.inf


def test_decodings_are_of_the_chain_decoded() -> None:
    chain = replace(with_two_ends(), counts=np.array([0, 0, 0, 0, 3, 1]))
    found = summarise(chain, red=["a"])
    plain, _, cold, greedy = found.decodings
    colder = temperature(chain, 0.3)
    laws, first = stationary_distributions(colder), np.array([0, 0, 0, 0, 0.75, 0.25])
    weights = [hitting_probabilities(colder, ids).mean(first).value for ids in recurrent_classes(colder)]
    expected = sum(weight * entropy_rate(colder, law).value for weight, law in zip(weights, laws, strict=True))
    assert cold.entropy_rate.value == pytest.approx(expected, rel=1e-9)
    assert cold.red is not None
    assert cold.red.value == pytest.approx(hitting_probabilities(colder, "a", within=100).mean(first).value)
    assert plain.entropy_rate == found.entropy_rate
    assert (plain.cycle, plain.recurrent, plain.recurrent_states) == (None, 2, 4)
    assert (greedy.cycle, greedy.recurrent) == (1, 3)


def test_start_up_contexts_are_counted_where_their_rows_are_known(notebook: Run) -> None:
    chain = notebook.model.chain()
    found = summarise(chain)
    assert found.n_startup == 6
    assert all_lengths(found) == "14 states: 8 recurrent, 6 transient start-up contexts"
    said = summary_json(found, {})
    assert (said["states"], said["transient_states"]) == (8, 0)
    assert said["with_startup"] == {
        "states": 14,
        "recurrent_states": 8,
        "transient_states": 6,
        "startup_contexts": 6,
    }
    machine = summarise(greedy(chain))
    classes = communicating_classes(with_startup(greedy(chain)))
    n = classes.n_transient
    assert n > 6
    assert all_lengths(machine) == f"14 states: {14 - n} recurrent, {n} transient, 6 of them start-up contexts"
    assert summary_json(machine, {})["with_startup"]["transient_states"] == n
    for other in (found, machine):
        out = io.StringIO()
        print_analysis(Console(file=out, width=100), other, {})
        assert f"all lengths  {all_lengths(other)}" in out.getvalue()
        assert f"first full one: {all_lengths(other)}." in analysis_page(other, notebook)


def test_start_up_contexts_that_are_not_known_are_not_spoken_of(notebook: Run) -> None:
    unknown = summarise(replace(notebook.model.chain(), startup=None))
    assert unknown.n_startup is None
    assert summary_json(unknown, {})["with_startup"] is None
    none = summarise(with_two_ends())  # of one token
    assert none.n_startup == 0
    assert summary_json(none, {})["with_startup"]["transient_states"] == 2
    for other in (unknown, none):
        out = io.StringIO()
        print_analysis(Console(file=out, width=100), other, {})
        assert all_lengths(other) == ""
        assert "all lengths" not in out.getvalue()
        assert "first full one" not in analysis_page(other, notebook)


def test_what_nobody_has_looked_into_may_be_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = summarise(with_two_ends()).entropy_rate
    monkeypatch.setattr(module, "_MOST_CLASSES", 1)
    found = summarise(with_two_ends())
    assert len(found.classes) == 1
    assert found.n_recurrent == 2
    assert found.entropy_rate.low < whole.low < whole.high < found.entropy_rate.high
    assert found.entropy_rate.high - found.entropy_rate.low == pytest.approx(17 / 36 * math.log(6), rel=1e-9)


def test_what_takes_too_long_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    chain, data = temperature(with_two_ends(), 1), Data.from_text("abcdefabcdef" * 4, context_length=1)
    found = summarise(chain, data=data)
    assert found.excess_entropy == excess_entropy(chain, found.law)
    assert found.order is not None
    assert found.order.by_bic == markov_order(data).by_bic
    assert summarise(chain).order is None
    monkeypatch.setattr(module, "_REGULAR", 5)
    monkeypatch.setattr(module, "_WORDS", 47)
    found = summarise(chain, data=data)
    assert (found.excess_entropy, found.order) == (None, None)
