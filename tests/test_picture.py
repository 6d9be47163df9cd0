import itertools
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from finitegpt import Chain, InputError, Run, TooLargeError, TrainConfig, greedy, train, train_many
from finitegpt.analysis import machine
from finitegpt.picture import curves, loss_curve, machine_graph, seed_spread, state_graph, to_png
from finitegpt.picture.layout import arrow, box_around, overlap, place_labels, ring, ring_order
from finitegpt.sources import bernoulli, rrxor, z1r

SHAPES = [(2, 1), (2, 2), (2, 3), (3, 2), (2, 4), (2, 5), (4, 2), (3, 3)]


@pytest.mark.parametrize(("V", "L"), [*SHAPES, (2, 7), (5, 3), (8, 2)])
def test_the_ring_is_a_cycle_of_successors_through_all_states(V: int, L: int) -> None:
    order = ring_order(V, L)
    assert sorted(order) == list(range(V**L))
    for a, b in zip(order, order[1:] + order[:1], strict=True):
        assert b // V == a % V ** (L - 1)


@pytest.mark.parametrize(("V", "L"), SHAPES)
def test_labels_overlap_neither_states_nor_each_other(V: int, L: int) -> None:
    place = ring(V, L, label_width=8.5 * L)
    keys = [(a, a % V ** (L - 1) * V + token) for a in range(V**L) for token in range(V)]
    boxes = place_labels(place, {key: arrow(place, *key) for key in keys}, dict.fromkeys(keys, (48.0, 15.0)))
    assert boxes.keys() == set(keys)
    circles = [box_around(centre, 1.5 * place.node, 1.5 * place.node) for centre in place.positions.values()]
    for a, b in itertools.combinations([*boxes.values(), *circles], 2):
        assert overlap(a, b) == 0


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_the_notebooks_picture(notebook: Run) -> None:
    svg = state_graph([("before", notebook.initial_chain), ("after", notebook.chain)])
    shown = texts(svg)
    assert {"before", "after", "1 79%", "1 73%", "000", "111", "dashed: never seen in the data"} <= set(shown)
    assert sum("%" in text for text in shown) == 32
    assert svg.count("stroke-dasharray") == 8


def test_everything_drawn_lies_within_the_page(notebook: Run) -> None:
    root = ET.fromstring(state_graph([("after", notebook.chain)]))
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    group = next(g for g in root.iter("{http://www.w3.org/2000/svg}g") if "translate" in g.get("transform", ""))
    dx, dy = map(float, group.get("transform", "")[10:-1].split())
    for rect in group.iter("{http://www.w3.org/2000/svg}rect"):
        x, y, w, h = (float(rect.get(name, 0)) for name in ("x", "y", "width", "height"))
        assert x + dx >= 0
        assert x + w + dx <= width
        assert y + dy >= 40
        assert y + h + dy <= height


def test_arrows_of_probability_zero_are_not_drawn(notebook: Run) -> None:
    assert sum("%" in text for text in texts(state_graph([("greedy", greedy(notebook.chain))]))) == 8


def test_signs_that_xml_reads_are_escaped() -> None:
    chain = Chain.from_probs(np.full((4, 4), 0.25), '<&"\x01', 1)
    shown = texts(state_graph([("a < b", chain)]))
    assert {"a < b", "<", "&", '"', "\ufffd"} <= set(shown)


@pytest.mark.parametrize("zoom", [0.5, 2])
def test_png(notebook: Run, zoom: float) -> None:
    svg = state_graph([("after", notebook.chain)])
    png = to_png(svg, zoom)
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width = float(ET.fromstring(svg).get("width", 0))
    assert int.from_bytes(png[16:20], "big") == pytest.approx(width * zoom, abs=1)


def test_letters_are_drawn_without_fonts_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    import resvg_py

    drawn = resvg_py.svg_to_bytes

    def without_system(**options: object) -> bytes:
        return bytes(drawn(**options, skip_system_fonts=True))

    monkeypatch.setattr(resvg_py, "svg_to_bytes", without_system)
    empty, full = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="80" height="30">{content}</svg>'
        for content in ("", '<text x="5" y="20" font-size="16" font-family="sans-serif">1 79%</text>')
    )
    assert to_png(empty) != to_png(full)


def test_the_loss_curve() -> None:
    run = train()
    svg = loss_curve(run.losses.tolist(), [("uniform guess", float(np.log(2)))])
    assert "uniform guess: 0.6931" in texts(svg)
    assert {"0", "10", "20", "30", "40"} <= set(texts(svg))


@pytest.mark.parametrize("losses", [[0.5], [0.5, 0.5], [1e-9, 1e-12], list(np.linspace(5, 0.1, 100_000))])
def test_loss_curves_of_any_length(losses: list[float]) -> None:
    svg = loss_curve(losses)
    assert "nan" not in svg
    assert len(svg) < 200_000


@pytest.mark.parametrize(("text", "L", "rows"), [("111101111011110", 3, 8), ("abcabcaabbcc", 2, 27), ("0101101", 1, 2)])
def test_the_spread_over_seeds_has_a_row_for_every_arrow(text: str, L: int, rows: int) -> None:
    ensemble = train_many(text, config=TrainConfig(steps=2), seeds=range(5), context_length=L)
    shown = texts(seed_spread(ensemble))
    assert sum(" after " in name for name in shown) == rows
    assert "5 seeds, 2 steps" in shown
    assert any(name.startswith("never seen") for name in shown) == bool((ensemble.data.counts() == 0).any())


def test_what_cannot_be_drawn() -> None:
    with pytest.raises(TooLargeError, match=r"try Ensemble\.quantiles"):
        seed_spread(train_many("01" * 9, config=TrainConfig(steps=0), seeds=range(2), context_length=9))
    chain = Chain.from_probs(np.full((2**8, 2), 0.5), "01", 8)
    with pytest.raises(TooLargeError, match=r"try a \.csv file"):
        state_graph([("large", chain)])
    with pytest.raises(InputError):
        state_graph([])
    with pytest.raises(InputError):
        loss_curve([])
    with pytest.raises(InputError):
        to_png("<svg xmlns='http://www.w3.org/2000/svg'/>", zoom=0)


def test_a_machine_is_drawn_with_every_state_and_arrow() -> None:
    found = machine(z1r().predictor(6))
    root = ET.fromstring(machine_graph(found))
    assert len(root.findall(".//{*}circle")) == 3
    assert len(root.findall(".//{*}polygon")) == 3  # two tokens that do the same are one arrow
    assert "0 50%,  1 50%" in {text.text for text in root.findall(".//{*}text")}


def test_a_machine_of_one_state_is_drawn() -> None:
    root = ET.fromstring(machine_graph(machine(bernoulli(0.3).predictor(4))))
    assert len(root.findall(".//{*}circle")) == 1
    assert "any" in {text.text for text in root.findall(".//{*}text")}


def test_a_machine_too_large_to_be_told_apart_is_refused() -> None:
    with pytest.raises(TooLargeError, match="at most 32 states"):
        machine_graph(machine(rrxor().predictor(9), tolerance=1e-6))


def test_curves_have_a_line_and_a_name_each() -> None:
    root = ET.fromstring(
        curves("Memory", [("ours", [3.0, 2.0, 1.0]), ("<theirs>", [3.0, 1.5, 1.0])], across="k", up="nats")
    )
    assert len(root.findall(".//{*}polyline")) == 2
    assert {"ours", "<theirs>", "Memory", "k", "nats"} <= {text.text for text in root.findall(".//{*}text")}


def test_a_logarithmic_curve_leaves_out_what_has_no_logarithm() -> None:
    root = ET.fromstring(curves("TV", [("d", [1.0, 1e-3, 0.0, float("inf")])], across="n", up="d", logarithmic=True))
    assert len(root.find(".//{*}polyline").get("points").split()) == 2  # type: ignore[union-attr]
    with pytest.raises(InputError, match="finite"):
        curves("TV", [("d", [0.0])], across="n", up="d", logarithmic=True)
