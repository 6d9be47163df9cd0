import dataclasses
import itertools
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finitegpt import Chain, InputError, Run, TooLargeError, TrainConfig, greedy, train, train_many
from finitegpt.analysis import ReactiveFlux, machine, reactive_flux, recurrent_classes
from finitegpt.picture import curves, flux_graph, loss_curve, machine_graph, seed_spread, state_graph, to_png
from finitegpt.picture.arcs import arc, line, place_arc_labels
from finitegpt.picture.graph import CYCLE
from finitegpt.picture.layout import arrow, box_around, overlap, place_labels, ring, ring_order
from finitegpt.picture.plots import plot
from finitegpt.picture.svg import INK, PALETTE, text_width
from finitegpt.sources import bernoulli, rrxor, z1r
from oracles import random_chain

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


def marked(svg: str) -> set[str]:
    """The names of the states in the colour of a cycle, each the text after its circle."""
    every = list(ET.fromstring(svg).iter())
    names = [after.text or "" for one, after in itertools.pairwise(every) if one.get("fill") == CYCLE]
    return {name for name in names if name}


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([(2, 1), (2, 3), (3, 2), (2, 5), (5, 1)]), st.integers(0, 10_000))
def test_the_cycles_of_greedy_decoding_are_marked(shape: tuple[int, int], seed: int) -> None:
    chain = random_chain("dense", *shape, seed)
    svg = state_graph([("T = 1", chain), ("greedy", greedy(chain))])
    on_cycles = {chain.label(state) for members in recurrent_classes(greedy(chain)) for state in members}
    bands = [
        path for path in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}path") if path.get("stroke") == CYCLE
    ]
    assert len(bands) == len(on_cycles)
    assert marked(svg) - {"a cycle, repeated for ever"} == on_cycles
    assert texts(svg).count("a cycle, repeated for ever") == 1
    assert CYCLE not in state_graph([("T = 1", chain)])


def test_a_cycle_through_states_never_seen_is_read_on_its_colour(notebook: Run) -> None:
    unseen = dataclasses.replace(greedy(notebook.chain), counts=np.zeros(8, np.int64))
    svg = state_graph([("greedy", unseen)])
    names = marked(svg) & set(unseen.labels)
    assert names == {"110", "101", "011", "111"}
    ink = {element.text: element.get("fill") for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")}
    assert {ink[name] for name in names} == {INK}


def test_the_legend_says_dashed_where_something_is() -> None:
    shown = texts(state_graph([("all are seen", train("0110", steps=0, context_length=1).chain)]))
    assert "dashed: never seen in the data" not in shown


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


def test_the_loss_curve_with_validation_and_a_rate_that_changes() -> None:
    looks = [(0, 1.0), (10, 0.5), (20, 0.7)]
    svg = loss_curve(
        np.linspace(1, 0.2, 20).tolist(), validation=looks, kept=10, rates=np.linspace(0.01, 0, 20).tolist()
    )
    root = ET.fromstring(svg)
    lines = [line.get("points", "").split() for line in root.iter("{http://www.w3.org/2000/svg}polyline")]
    assert [len(line) for line in lines] == [20, 3, 20]
    assert {"training", "validation", "kept: step 10", "learning rate", "0.01"} <= set(texts(svg))
    rings = [one for one in root.iter("{http://www.w3.org/2000/svg}circle") if one.get("fill") == "none"]
    around = {f"{one.get('cx')},{one.get('cy')}" for one in rings}
    assert lines[1][1] in around  # on the look that is kept
    assert len(rings) == 2  # and in the legend
    assert all(0 <= float(y) <= float(root.get("height", 0)) for line in lines for y in (p.split(",")[1] for p in line))
    assert float(lines[1][2].split(",")[0]) > float(lines[0][-1].split(",")[0])  # after the last step, which is 19


def test_the_loss_curve_says_no_more_than_there_is() -> None:
    plain = loss_curve([1.0, 0.5])
    assert loss_curve([1.0, 0.5], rates=[0.1, 0.1]) == plain
    assert not {"training", "validation", "learning rate"} & set(texts(plain))
    shown = texts(loss_curve([1.0, 0.5], validation=[(0, 1.0), (2, 0.7)]))
    assert {"training", "validation"} <= set(shown)
    assert not any("kept" in text for text in shown)


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


def legend(root: ET.Element, names: list[str]) -> dict[str, ET.Element]:
    """The line before each name, which ends near the name's first letter."""
    every = list(root)
    found = {}
    for before, name in itertools.pairwise(every):
        if name.text in names:
            assert before.get("x2") is not None
            assert name.get("text-anchor") == "start"
            assert 0 < float(name.get("x", 0)) - float(before.get("x2", 0)) < 10
            found[name.text] = before
    return found


def test_no_curve_hides_another() -> None:
    falling = np.linspace(3, 1, 9)
    lines = {"exact": falling, "ours": falling + 1e-4, "theirs": falling - 1e-4, "apart": falling + 0.2}
    short = ("short", falling[:3])
    root = ET.fromstring(curves("h", [*lines.items(), short], across="k", up="nats"))
    dashes = [line.get("stroke-dasharray") for line in root.iter("{http://www.w3.org/2000/svg}polyline")]
    assert dashes[0] == dashes[3] == "none"
    assert len({dashes[0], *dashes[1:3], dashes[4]}) == 4
    shown = legend(root, [*lines, "short"])
    assert [line.get("stroke-dasharray") for line in shown.values()] == dashes
    assert [line.get("stroke") for line in shown.values()] == list(PALETTE[:5])


def boxes_of_texts(root: ET.Element) -> list[tuple[float, float, float, float]]:
    """About where the texts of a plot are, all of which stand on its page or in one group of it."""
    boxes = []
    for parent in (root, *root.iter("{http://www.w3.org/2000/svg}g")):
        lower = float(parent.get("transform", "translate(0 0)")[:-1].split()[1])
        for text in parent.findall("{*}text"):
            size = float(text.get("font-size", 0))
            wide = 0.85 * text_width(text.text or "", size)
            left = float(text.get("x", 0)) - {"start": 0, "middle": 0.5, "end": 1}[text.get("text-anchor", "")] * wide
            middle = float(text.get("y", 0)) - 0.36 * size + lower
            boxes.append((left, middle - size / 2, left + wide, middle + size / 2))
    return boxes


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=2, max_size=9), st.integers(1, 50), st.integers(1, 50), st.booleans())
def test_names_of_curves_overlap_no_other_text(names: list[int], title: int, up: int, strip: bool) -> None:
    lines = [("x" * length, [(0.0, 1.0 + k), (1.0, 2.0 * k)]) for k, length in enumerate(names)]
    below = ("rate", [(0.0, 1.0), (1.0, 0.5)]) if strip else None
    root = ET.fromstring(plot("t" * title, lines, across="step", up="u" * up, below=below, marks=[("mark", 1.5)]))
    boxes = boxes_of_texts(root)
    assert len(boxes) > len(names) + 5
    for a, b in itertools.combinations(boxes, 2):
        assert overlap(a, b) == 0
    for left, top, right, bottom in boxes:
        assert 0 <= left <= right <= float(root.get("width", 0))
        assert 0 <= top <= bottom <= float(root.get("height", 0))


def test_the_name_of_a_line_is_read_before_the_curves_it_crosses() -> None:
    noise = [0.5 + 0.4 * (-1) ** k for k in range(200)]
    root = ET.fromstring(curves("h", [("noise", noise)], across="k", up="nats", marks=[("mark", 0.5)]))
    kinds = [element.tag.split("}")[1] for element in root]
    name = next(k for k, element in enumerate(root) if element.text == "mark: 0.5000")
    assert kinds[name - 1] == "rect"
    assert kinds.index("polyline") < name


def test_curves_that_only_touch_have_no_gaps() -> None:
    root = ET.fromstring(curves("h", [("a", [3.0, 1.0, 1.0, 1.0]), ("b", [3.0, 2.0, 1.5, 1.0])], across="k", up="nats"))
    assert {line.get("stroke-dasharray") for line in root.iter("{http://www.w3.org/2000/svg}polyline")} == {"none"}


def test_a_curve_that_goes_on_where_another_ends_has_no_gaps() -> None:
    root = ET.fromstring(curves("h", [("a", [2.0, 1.0, 1.0]), ("b", [1.0] * 20)], across="k", up="nats"))
    assert {line.get("stroke-dasharray") for line in root.iter("{http://www.w3.org/2000/svg}polyline")} == {"none"}


def test_a_logarithmic_curve_leaves_out_what_has_no_logarithm() -> None:
    root = ET.fromstring(curves("TV", [("d", [1.0, 1e-3, 0.0, float("inf")])], across="n", up="d", logarithmic=True))
    assert len(root.find(".//{*}polyline").get("points").split()) == 2  # type: ignore[union-attr]
    with pytest.raises(InputError, match="finite"):
        curves("TV", [("d", [0.0])], across="n", up="d", logarithmic=True)


def flux_of(V: int, L: int, seed: int = 3) -> ReactiveFlux:
    return reactive_flux(random_chain("dense", V, L, seed), [0], [V**L - 1])


@pytest.mark.parametrize(("V", "L"), [(2, 2), (2, 3), (3, 2), (5, 1), (12, 1)])
def test_labels_of_a_flux_overlap_neither_states_nor_each_other(V: int, L: int) -> None:
    n = V**L
    place = line(list(range(n)), 34.0, 62.0)
    keys = [(a, b) for a in range(n) for b in range(n) if a != b and (a + 2 * b) % 3]
    boxes = place_arc_labels(place, {key: arc(place, *key, 25.0) for key in keys}, dict.fromkeys(keys, (50.0, 15.0)))
    circles = [box_around(centre, 2 * place.node, 2 * place.node) for centre in place.positions.values()]
    for a, b in itertools.combinations([*boxes.values(), *circles], 2):
        assert overlap(a, b) == 0


def test_arcs_go_to_the_right_above_and_back_below() -> None:
    place = line([3, 1, 2], 20.0, 60.0)
    assert arc(place, 3, 2, 25.0).at(0.5)[1] < -place.node
    assert arc(place, 2, 3, 25.0).at(0.5)[1] > place.node
    assert arc(place, 1, 3, 25.0).at(0.5)[1] > place.node
    straight = arc(place, 3, 1, 25.0)
    assert all(straight.at(t)[1] == 0 for t in (0, 0.3, 1))
    assert [straight.at(t)[0] for t in (0, 0.5, 1)] == sorted(straight.at(t)[0] for t in (0, 0.5, 1))
    assert straight.at(1)[0] == place.positions[1][0] - place.node - 3


def test_the_flux_of_the_notebook(notebook: Run) -> None:
    flux = reactive_flux(notebook.chain, "000", "111")
    shown = texts(flux_graph(flux, "from 000 to 111"))
    assert {"from 000 to 111", "source", "target", "1 100%", "0 23%", "1 17%"} <= set(shown)
    assert sum(text.split()[0] in "01" and text.endswith("%") and " " in text for text in shown) == 11
    assert any(text.startswith("0.0129160 transitions a token, each of 4.43045 tokens") for text in shown)
    names = [text for text in shown if text in notebook.chain.labels]
    assert names == sorted(names, key=lambda name: flux.forward.values[notebook.chain.id(name)])
    fewer = ET.fromstring(flux_graph(flux, least=0.2))
    assert len(fewer.findall(".//{*}polygon")) < 11
    assert len(fewer.findall(".//{*}polygon")) == int((flux.shares.values >= 0.2).sum())


@pytest.mark.parametrize(("V", "L"), [(2, 3), (2, 4), (3, 2), (6, 1)])
def test_all_of_a_flux_lies_within_the_page(V: int, L: int) -> None:
    root = ET.fromstring(flux_graph(flux_of(V, L), least=0))
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    group = next(g for g in root.iter("{http://www.w3.org/2000/svg}g"))
    dx, dy = map(float, group.get("transform", "")[10:-1].split())
    found = 0
    for rect in group.iter("{http://www.w3.org/2000/svg}rect"):
        x, y, w, h = (float(rect.get(name, 0)) for name in ("x", "y", "width", "height"))
        assert 0 <= x + dx <= x + w + dx <= width
        assert 40 <= y + dy <= y + h + dy <= height - 40
        found += 1
    assert found > 3


def test_a_flux_that_cannot_be_drawn() -> None:
    with pytest.raises(TooLargeError, match="at most 24 states"):
        flux_graph(flux_of(2, 7), least=0)
    for least in (-0.1, 1.5, float("nan"), "0.1", None):
        with pytest.raises(InputError, match="share from 0 to 1"):
            flux_graph(flux_of(2, 2), least=least)  # type: ignore[arg-type]
    flux = flux_of(5, 1)
    with pytest.raises(InputError, match="got none"):
        flux_graph(flux, least=float(np.nextafter(flux.shares.values.max(), 1)))


def test_many_tokens_and_long_names_of_a_flux() -> None:
    vocab = tuple(f"token{k}" for k in range(9))
    rows = np.random.default_rng(0).dirichlet(np.ones(9), 9)
    flux = reactive_flux(Chain.from_probs(rows, vocab, 1), [0], [8])
    shown = texts(flux_graph(flux))
    assert "token0" in shown
    assert not any("token" in text and "%" in text for text in shown)  # more tokens than colours
    long = Chain.from_probs([[0.5, 0.5], [0.5, 0.5]], ("a" * 30, "b"), 1)
    assert "…" + "a" * 15 in texts(flux_graph(reactive_flux(long, [0], [1])))
    root = ET.fromstring(flux_graph(reactive_flux(long, [1], [0])))
    circles = [(float(c.get("cx", 0)), float(c.get("r", 0))) for c in root.findall(".//{*}circle")]
    patch = next(rect for rect in root.findall(".//{*}g/{*}rect"))
    left, width = float(patch.get("x", 0)), float(patch.get("width", 0))
    assert min(circles)[0] + min(circles)[1] < left
    assert left + width < max(circles)[0] - max(circles)[1]  # a label of thirty letters has its room
