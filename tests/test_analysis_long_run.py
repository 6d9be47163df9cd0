"""What is asked of a stationary distribution by the names of states."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given

from finitegpt import Chain, InputError, Run, library
from finitegpt.analysis import StationaryDistribution, entropy_rate, memory, select, stationary_distributions
from oracles import chains

TREE = Chain.from_probs([[0.5, 0.5, 0, 0], [0.5, 0.5, 0, 0], [0.25, 0.25, 0.25, 0.25], [0, 0, 0, 1]], "abcd", 1)


@given(chain=chains())
def test_each_state_by_its_name_is_its_place_in_each(chain: Chain) -> None:
    for law in stationary_distributions(chain):
        each, dense = law.each(), law.dense()
        for id, state in enumerate(chain):
            assert law[state] == law[id] == each[state] == each.at(id)
            assert float(law[state]) == dense[id]
        top = law.top(chain.n_states)
        assert len(top) == len(law.states)
        assert [label for label, _ in top] == top.states
        order = sorted(range(chain.n_states), key=lambda id: (-dense[id], id))
        assert top.ids.tolist() == order[: len(top)]
        assert all(bound == law[label] for label, bound in top)
        assert law.top(2).ids.tolist() == order[: min(2, len(top))]


def test_equal_states_come_in_the_order_of_their_ids() -> None:
    law = Chain.from_probs(np.full((8, 2), 0.5), "01", 3).stationary_distribution
    assert law.top(3).states == ["000", "001", "010"]
    assert law.top(99).states == [f"{k:03b}" for k in range(8)]
    assert law.top(3)[-1] == ("010", law["010"])
    many = replace(law, names=None, n_states=5000, states=np.arange(5000), probs=np.full(5000, 1 / 5000))
    assert many.top(7).ids.tolist() == list(range(7))


def test_masses_of_patterns_ids_and_masks() -> None:
    rows = [[0.5, 0.5], [0.25, 0.75]] * 4
    chain = Chain.from_probs(rows, "01", 3)
    law = chain.stationary_distribution
    truth = {"1": Fraction(2, 3), "11": Fraction(1, 2), "0": Fraction(1, 3)}
    for pattern, share in truth.items():
        bound = law.mass(f"{pattern}*")
        assert Fraction(bound.low) <= share <= Fraction(bound.high)
        assert bound.error < 1e-13
        for which in (select(chain, f"{pattern}*"), np.flatnonzero(select(chain, f"{pattern}*")), [f"{pattern}*"]):
            assert law.mass(which) == bound
    assert law.mass(["000", "111"]) == law.mass([0, 7])
    assert law.mass("101").value == pytest.approx(law["101"].value, rel=1e-15)
    for wrong in ("2", "11", [8], [-1], [], None, 0.5, np.zeros(7, bool), {"a": 1}):
        with pytest.raises(InputError, match=r"expected .*got .*; try"):
            law.mass(wrong)  # type: ignore[arg-type]
    assert law.mass(np.zeros(8, bool)).high == 0
    for wrong in ("11", 8, -1, 1.5, None, True):
        with pytest.raises(InputError, match=r"expected .*got .*; try"):
            law[wrong]  # type: ignore[index]
    for wrong in (0, -1, 1.5, "2", None):
        with pytest.raises(InputError, match=r"expected .*got .*; try"):
            law.top(wrong)  # type: ignore[arg-type]
    for wrong in (5, -6, "a"):
        with pytest.raises(InputError, match=r"expected a place"):
            law.top(5)[wrong]  # type: ignore[index]


def test_outside_the_class_there_is_nothing() -> None:
    one, other = TREE.stationary_distributions
    assert (one["c"].high, one["d"].high, other["d"].low) == (0, 0, 1)
    assert one["a"].value == 0.5
    assert one.mass("d").high == 0
    assert other.top().states == ["d"]


def test_a_law_that_does_not_know_names_still_knows_ids() -> None:
    law = replace(TREE.stationary_distributions[0], names=None)
    assert law[0] == law.each()[0]
    assert law.mass([0]).value == 0.5
    assert law.top(1).states == ["0"]
    for wrong in ("a", 4, -1):
        with pytest.raises(InputError, match=r"expected .*got .*; try"):
            law[wrong]
    with pytest.raises(InputError, match="expected states as patterns, ids or a mask"):
        law.mass("a")
    with pytest.raises(InputError, match="expected a state to be a whole number"):
        law.each()["a"]


@pytest.mark.parametrize("method", ["gth", "power", "aggregation"])
def test_every_method_names_the_states(notebook: Run, method) -> None:
    law = stationary_distributions(notebook.chain, method=method)[0]
    assert law.names == notebook.chain.names
    assert law.top(1).states == ["111"]


def test_sets_of_states_must_be_numbered_as_it_is_said() -> None:
    law = Chain.from_probs([[0.5, 0.5]] * 2, "ab", 1).stationary_distribution
    assert law.masses(np.array([1, -1]), 2).values.tolist() == [0, 0.5]
    for label, many in (([2, 0], 2), ([-2, 0], 2), ([0], 1), ([0.5, 0], 1), ([0, 0], -1), ([0, 0], 3), (None, 1)):
        with pytest.raises(InputError, match=r"expected .*got .*; try"):
            law.masses(label, many)  # type: ignore[arg-type]


def test_the_law_of_another_chain_is_refused(notebook: Run) -> None:
    own, other = notebook.chain, notebook.initial_chain
    for ask in (entropy_rate, memory):
        with pytest.raises(InputError, match="the law of this chain, got one that a step moves by"):
            ask(own, other.stationary_distribution)
        ask(replace(own, counts=None), own.stationary_distribution)
        with pytest.raises(InputError, match="expected law as StationaryDistribution"):
            ask(own, [1 / 8] * 8)  # type: ignore[arg-type]


@given(chain=chains())
def test_a_chains_own_law_is_never_refused(chain: Chain) -> None:
    for law in stationary_distributions(chain):
        assert entropy_rate(chain, law).low >= 0


def test_laws_made_by_hand_are_checked(notebook: Run) -> None:
    law = notebook.chain.stationary_distribution
    for wrong in (
        {"states": [0, 1]},
        {"states": law.states[:3]},
        {"states": law.states + 1},
        {"states": law.states - 1},
        {"states": law.states.astype(float)},
        {"probs": law.probs.astype(np.float32)},
        {"n_states": 7},
        {"n_states": "8"},
    ):
        with pytest.raises(InputError, match=r"expected .*; try"):
            replace(law, **wrong)


def test_what_is_printed_of_the_most_probable(notebook: Run) -> None:
    law = notebook.chain.stationary_distribution
    assert str(law.top(2)) == f"111 {law['111']}\n011 {law['011']}"
    assert "<td>111</td>" in law._repr_html_()
    assert law.top(2)._repr_html_().count("<tr>") == 3
    assert isinstance(law, StationaryDistribution)


def test_masses_are_summed_to_a_rounding() -> None:
    probs = np.random.default_rng(0).dirichlet(np.ones(2**16))
    label = (np.arange(2**16) % 3 - 1).astype(np.int32)
    sums = np.empty((3, 2))
    library.default().fg_masses(len(probs), probs, label, 2, sums)
    for found, which in zip(sums.sum(1), (0, 1, -1), strict=True):
        assert found == pytest.approx(math.fsum(probs[label == which]), rel=2.0**-52, abs=0)
