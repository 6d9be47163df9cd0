"""The page about the inside of a GPT: its code runs, and finds what the page says."""

import re
from pathlib import Path

import numpy as np
import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "inside.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def names() -> dict:
    """What the code on the page leaves behind."""
    found: dict = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(block, found)
    return found


def test_shapes_are_those_on_the_page(names: dict) -> None:
    shapes = [names["one"].attention, names["one"].heads, names["one"].residual, names["one"].logits]
    for array in (*shapes, names["every"].residual, names["last"]):
        assert str(array.shape) in PAGE


def test_the_lens_ends_in_the_models_answer(names: dict) -> None:
    assert names["said"].shape == (9,)
    assert names["said"][-1] == pytest.approx(names["chain"].p("1", after="101"), abs=1e-6)


def test_parts_are_missed(names: dict) -> None:
    assert names["off"].chain().entropy_rate.certified
    chain, model = names["chain"], names["model"]
    off = [names["compare"](chain, model.without(mlps=[k]).chain()).kl_rate.value for k in range(4)]
    mean = [names["compare"](chain, model.without(mlps=[k], mean=chain).chain()).kl_rate.value for k in range(4)]
    assert (round(off[0], 2), round(mean[0], 2)) == (0.11, 0.11)
    assert all(zero < one for zero, one in zip(off[1:], mean[1:], strict=True))


def test_training_adds_what_the_page_says(names: dict) -> None:
    found = names["found"]
    left = [100 * (1 - r2) for r2 in (found.r2[-1], found.untrained[-1], found.tokens)]
    assert [f"{part:.1f} %" for part in left] == re.findall(r"\d\.\d %", PAGE)
    assert len(found.weights) == 729
    assert "729 contexts" in PAGE
    np.testing.assert_allclose(found.beliefs.sum(1), 1)


def test_the_picture_is_that_of_the_code(names: dict) -> None:
    drawn = (DOCS / "beliefs.svg").read_text(encoding="utf-8")
    assert re.findall(r"<text[^>]*>([^<]*)", drawn) == re.findall(r"<text[^>]*>([^<]*)", names["picture"])
