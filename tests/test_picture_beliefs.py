"""The simplex picture: everything on the page, nothing over something else, in any number of panels."""

import itertools
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from finitegpt import InputError
from finitegpt.picture import simplex, svg, to_png
from finitegpt.picture.layout import box_around, overlap
from finitegpt.sources import even, mess3

SVG = "{http://www.w3.org/2000/svg}"


def drawn(text: str) -> tuple[list[tuple[float, float, float, float]], np.ndarray, tuple[float, float]]:
    """Boxes around texts, points, and the size of the page."""
    root = ET.fromstring(text)
    boxes, points = [], []

    def look(element: ET.Element, dx: float, dy: float) -> None:
        moved = re.match(r"translate\((\S+) (\S+)\)", element.get("transform", ""))
        dx, dy = (dx + float(moved[1]), dy + float(moved[2])) if moved else (dx, dy)
        if element.tag == f"{SVG}text":
            x, y, size = (float(element.get(name, 0)) for name in ("x", "y", "font-size"))
            width = 0.9 * svg.text_width(element.text or "", size)
            middle = x + (width / 2 if element.get("text-anchor") == "start" else 0) + dx
            boxes.append(box_around((middle, y - 0.36 * size + dy), width, size))
        for x, y in re.findall(r"M(\S+?) (\S+?)h0", element.get("d", "")):
            points.append((float(x) + dx, float(y) + dy))
        for child in element:
            look(child, dx, dy)

    look(root, 0, 0)
    return boxes, np.array(points), (float(root.get("width", 0)), float(root.get("height", 0)))


LONG = "a name that is much too long for a panel, or a title, of three hundred units and so is broken"


@pytest.mark.parametrize(("panels", "columns"), [(1, 3), (2, 3), (3, 3), (4, 3), (5, 2), (7, 4), (2, 1)])
@pytest.mark.parametrize("source", [mess3(0.05, 0.85), even()])
@pytest.mark.parametrize("wild", [0.0, 0.3, 5.0])
def test_nothing_overlaps_and_all_is_on_the_page(source, panels: int, columns: int, wild: float) -> None:
    exact = source.beliefs(5)
    noise = np.random.default_rng(0)
    named = [
        (f"{LONG} {k}" if k % 2 else f"panel {k}", exact + wild * noise.normal(size=exact.shape)) for k in range(panels)
    ]
    boxes, points, (width, height) = drawn(simplex(named, exact, title=LONG, columns=columns))
    for one, other in itertools.combinations(boxes, 2):
        assert overlap(one, other) == 0
    for left, top, right, bottom in boxes:
        assert left >= 0
        assert top >= 0
        assert right <= width
        assert bottom <= height
        inner = (points > [left + 1, top + 1]) & (points < [right - 1, bottom - 1])
        assert not inner.all(1).any()
    assert (points >= 0).all()
    assert (points <= [width, height]).all()


def test_corners_are_certain_beliefs() -> None:
    text = simplex([("certain", np.eye(3))])
    _, points, _ = drawn(text)
    top, left, right = sorted(points.tolist(), key=lambda point: (point[1], point[0]))
    assert top[0] == pytest.approx((left[0] + right[0]) / 2, abs=0.2)
    assert right[0] - left[0] == pytest.approx(300, abs=0.2)
    assert len(set(re.findall(r'<path[^>]* stroke="(rgb[^"]*)"', text))) == 3
    assert {f"state {k}" for k in range(3)} <= {element.text for element in ET.fromstring(text).iter(f"{SVG}text")}


def test_points_that_fall_together_are_drawn_once_and_in_their_exact_colours() -> None:
    exact = np.eye(3)[[0, 0, 1]]
    assert len(drawn(simplex([("exact", exact)]))[1]) == 2
    assert len(drawn(simplex([("read", np.full((3, 3), 1 / 3))], exact))[1]) == 2


def test_it_is_rendered() -> None:
    assert to_png(simplex([("exact", mess3().beliefs(3))], title="<mess3> & co"))[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("panels", "beliefs"),
    [
        ([], None),
        ([("four", np.full((5, 4), 0.25))], None),
        ([("one", np.ones((5, 1)))], None),
        ([("nan", np.full((5, 3), np.nan))], None),
        ([("none", np.zeros((0, 3)))], None),
        ([("a", np.eye(3)), ("b", np.eye(2))], None),
        ([("a", np.eye(3))], np.full((5, 3), 1 / 3)),
        ([("a", "text")], None),
    ],
)
def test_pictures_that_are_none(panels, beliefs) -> None:
    with pytest.raises(InputError, match=r"expected .*got .*; try"):
        simplex(panels, beliefs)
