"""The chain as a table: powers as the library pushes, and rows that are typed over."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import finitegpt
from pages import settle
from test_page import call, typed


@pytest.mark.parametrize("tokens", [1, 2, 7])
def test_powers_are_pushes_of_each_state(notebook: finitegpt.Run, tokens: int) -> None:
    chain = notebook.chain
    (found,) = call(("powers.js", "power", [typed("Float64Array", chain.probs), 2, 8, tokens]))
    for id, row in enumerate(np.reshape(found, (8, 8))):
        there = np.eye(8)[id]
        for _ in range(tokens):
            there = chain.push(there)
        np.testing.assert_allclose(row, there, atol=1e-6)


def test_a_typed_probability_leaves_the_others_their_proportions() -> None:
    (list_,) = call(("typed.js", "withTyped", ["", 3, 9, 4, [0.5, 0.3, 0.2], 0, 0.75]))
    assert list_ == "4:0.75/0.15/0.1"
    assert call(("typed.js", "withTyped", [list_, 3, 9, 2, [1, 0, 0], 0, 0.4]))[0] == "2:0.4/0.3/0.3,4:0.75/0.15/0.1"
    assert call(("typed.js", "withoutTyped", [list_, 3, 9, 4]))[0] == ""
    for bad in ("9:1/0/0", "1:1/0", "1:-1/2/0", "x", "1:0/0/0"):
        assert call(("typed.js", "withoutTyped", [bad, 3, 9, 8]))[0] == "", bad


def test_a_row_typed_over_is_the_chain_that_is_shown(visit: Callable[..., Any]) -> None:
    view = visit("greedy=1")
    view.click(".table summary")
    first = view.locator(".table .rows tbody tr").nth(7).locator("input").nth(0)
    first.fill("25")
    first.press("Tab")
    settle(view)
    assert "rows=7" in view.url
    assert view.locator(".table .rows tbody tr").nth(7).locator("input").nth(1).input_value() == "75.0"
    assert "GPT" in view.locator(".table .rows tbody tr").nth(7).inner_text()
    assert "75%" in view.locator(".graph").text_content()
    first.fill("300")
    first.press("Tab")
    assert "0 to 100" in view.inner_text("#page")
    assert first.input_value() == "25.0"
    view.get_by_role("button", name="All rows as the GPT has them").click()
    settle(view)
    assert "rows=" not in view.url


def test_many_tokens_later_all_rows_are_alike(visit: Callable[..., Any]) -> None:
    view = visit()
    view.click(".table summary")
    view.fill(".table input[type=range]", "11")
    rows = view.eval_on_selector_all(
        ".powers tbody tr", "rows => rows.map(row => row.innerText.split('\\t').slice(1).join())"
    )
    assert len(rows) == 8
    assert len(set(rows)) == 1
