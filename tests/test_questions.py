"""What is asked of a chain by its methods is what the functions say."""

import inspect
from dataclasses import replace

import numpy as np
import pytest

from finitegpt import Chain, Data, InputError, Run, analysis
from finitegpt.questions import Questions

SEVERAL = Chain.from_probs([[1, 0, 0], [0, 1, 0], [0.25, 0.25, 0.5]], "abc", 1)


def test_properties_are_the_functions_answers(notebook: Run) -> None:
    chain = notebook.chain
    assert chain.entropy_rate == analysis.entropy_rate(chain)
    assert chain.period == analysis.period(chain)
    assert chain.spectral_gap == analysis.spectral_gap(chain)
    assert chain.stationary_distribution["111"] == analysis.stationary_distribution(chain)["111"]
    np.testing.assert_array_equal(chain.memory.h, analysis.memory(chain).h)
    assert [ids.tolist() for ids in chain.recurrent_classes] == [list(range(8))]
    assert len(chain.communicating_classes) == 1
    assert chain.absorption_probabilities[0].values.tolist() == [1] * 8


def test_methods_are_the_functions_answers(notebook: Run) -> None:
    chain, other = notebook.chain, notebook.initial_chain
    pairs = [
        (chain.hitting_probabilities("000", within=9), analysis.hitting_probabilities(chain, "000", within=9)),
        (chain.hitting_probabilities(["000"]), analysis.hitting_probabilities(chain, "000")),
        (chain.mean_first_passage_times("000"), analysis.mean_first_passage_times(chain, "000")),
        (chain.absorption_weights("101"), analysis.absorption_weights(chain, "101")),
        (chain.total_variation(5), analysis.total_variation(chain, 5)),
        (chain.total_variation(5, "101"), analysis.total_variation(chain, 5, "101")),
    ]
    for one, same in pairs:
        np.testing.assert_array_equal([one.values, one.low, one.high], [same.values, same.low, same.high])
    f = np.arange(8.0)
    assert chain.average(f) == analysis.average(chain, f)
    assert chain.mixing_time() == analysis.mixing_time(chain)
    assert chain.mixing_time(0.01) == analysis.mixing_time(chain, 0.01)
    assert chain.hazard("000") == analysis.hazard(chain, "000")
    assert chain.survival_rate("000") == analysis.survival_rate(chain, "000")
    assert chain.machine(tolerance=0.1).names == analysis.machine(chain, tolerance=0.1).names
    assert chain.machine().names == analysis.machine(chain).names
    assert chain.compare(other).kl_rate == analysis.compare(chain, other).kl_rate
    assert chain.cross_entropy(notebook.data) == analysis.cross_entropy(chain, notebook.data)
    red = chain.red_states("000", start="101", horizons=[3])
    assert red.within == analysis.red_states(chain, "000", start="101", horizons=[3]).within
    np.testing.assert_array_equal(chain.eigenvalues(3), analysis.eigenvalues(chain, 3))
    np.testing.assert_array_equal(chain.implied_timescales(2), analysis.implied_timescales(chain, 2))
    np.testing.assert_array_equal(chain.select("11?"), analysis.select(chain, "11?"))
    np.testing.assert_array_equal(chain.start_distribution("101"), analysis.start_distribution(chain, "101"))


def test_what_takes_no_argument_is_computed_once(notebook: Run) -> None:
    chain = replace(notebook.chain)
    assert chain.stationary_distributions is chain.stationary_distributions
    assert chain.entropy_rate is chain.entropy_rate
    assert chain.memory is chain.memory


def test_of_several_classes_there_is_no_only_law() -> None:
    assert len(SEVERAL.stationary_distributions) == 2
    assert [ids.tolist() for ids in SEVERAL.recurrent_classes] == [[0], [1]]
    assert SEVERAL.period == 1
    for ask in ("stationary_distribution", "entropy_rate", "memory"):
        with pytest.raises(InputError, match="a chain with one recurrent class, got 2"):
            getattr(SEVERAL, ask)
    with pytest.raises(InputError, match="a chain with one recurrent class, got 2"):
        SEVERAL.mixing_time()


def test_numbers_of_states_are_found_by_their_names(notebook: Run) -> None:
    times = notebook.chain.mean_first_passage_times("000")
    assert times["101"] == times[5] == times.at("101")
    assert len(list(times)) == len(times) == 8
    np.testing.assert_array_equal(np.asarray(times), times.values)
    contributions = notebook.chain.compare(notebook.initial_chain).contributions
    assert contributions["111"] == contributions.at(7)
    for wrong in ("11", 8, -1, None, 1.5):
        with pytest.raises(InputError, match=r"expected .*got .*; try"):
            times[wrong]  # type: ignore[index]


def test_every_question_has_one_line_that_says_what_it_is() -> None:
    for name, value in vars(Questions).items():
        if not name.startswith("_") and (callable(value) or hasattr(value, "__doc__")):
            text = inspect.getdoc(value) or ""
            assert text.endswith("."), name
            assert len(text.splitlines()) == 1, name


def test_other_chains_are_chains(notebook: Run) -> None:
    for wrong in (None, "even", notebook, notebook.model):
        with pytest.raises(InputError, match="expected model as RowOperator"):
            notebook.chain.compare(wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="expected data as Data"):
        notebook.chain.cross_entropy("0110")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="expected data of 3 tokens"):
        notebook.chain.cross_entropy(Data.from_text("0110", context_length=1))
