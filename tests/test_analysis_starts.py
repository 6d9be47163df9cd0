"""One start everywhere: a state as text or as its id, a distribution, or by default what the data has."""

import numpy as np
import pytest

from finitegpt import Chain, InputError, Run, prove
from finitegpt.analysis import absorption_weights, red_states, start_distribution, total_variation

ENDS = Chain.from_probs([[1, 0], [0, 1], [0.5, 0.5], [0, 1]], "ab", 2)


@pytest.mark.parametrize("start", ["ba", 2, np.int8(2), np.str_("ba"), [0, 0, 1, 0], np.array([0, 0, 1.0, 0])])
def test_a_start_may_be_given_in_many_ways(start) -> None:
    assert start_distribution(ENDS, start).tolist() == [0, 0, 1, 0]
    assert absorption_weights(ENDS, start).values.tolist() == [0.5, 0.5]
    assert red_states(ENDS, "aa", start=start).ever.value == 0.5
    assert ENDS.sample(0, start=start) == "ba"


def test_a_curve_from_a_state_as_text(notebook: Run) -> None:
    one, other = (total_variation(notebook.chain, 5, start) for start in ("101", 5))
    np.testing.assert_array_equal(one.values, other.values)


def test_without_a_start_the_data_begins(notebook: Run) -> None:
    chain = notebook.chain
    start = start_distribution(chain)
    assert start.tolist() == [0, 0, 0, 2 / 12, 0, 2 / 12, 2 / 12, 6 / 12]
    assert absorption_weights(chain).values.tolist() == [1]
    assert red_states(chain, "000").ever == red_states(chain, "000", start=start).ever
    assert start_distribution(ENDS).tolist() == [0.25] * 4
    assert absorption_weights(ENDS).values.tolist() == [0.375, 0.625]


def test_proofs_take_states_as_text() -> None:
    one, other = (prove.hitting_probability(ENDS, "aa", start=start) for start in ("ba", 2))
    assert one.low == other.low
    with pytest.raises(InputError, match="a state of 2 tokens"):
        prove.hitting_probability(ENDS, "aa", start="b")


@pytest.mark.parametrize(
    "start",
    [
        "b",
        "bab",
        "c",
        "",
        4,
        -1,
        1.0,
        True,
        ["ba"],
        [1, 0],
        [0.5, 0.6, 0, 0],
        [2, -1, 0, 0],
        [np.nan, 1, 0, 0],
        {},
        ENDS,
    ],
    ids=repr,
)
def test_starts_that_are_none(start) -> None:
    with pytest.raises(InputError, match=r"expected .*got .*; try"):
        start_distribution(ENDS, start)
