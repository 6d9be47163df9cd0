"""Chains out to other people's formats and back: bit for bit where the format allows, and clear about damage."""

import base64
import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import networkx
import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from finitegpt import Chain, FileError, FiniteGPTError, InputError, Run, TooLargeError, temperature
from finitegpt.analysis import average, hitting_probabilities, match, mean_first_passage_times
from finitegpt.exchange import parts
from finitegpt.exchange.drn import read_drn
from finitegpt.exchange.umb import read_umb
from finitegpt.rows import LEAST
from oracles import KINDS, random_chain

WORDS = ("the", "cat", "sat", "on", "a", "mat")
SIGNS = ('"', ",", "\r", "\n", " ", "?", "é", "\u2028", "0", "-", "*", "\\", "'", "\t", "\x85", "#")


def again_by_csv(chain: Chain) -> Chain:
    file = io.StringIO(newline="")
    chain.write_csv(file)
    return Chain.read_csv(io.StringIO(file.getvalue(), newline=""))


def again_by_arrow(chain: Chain) -> Chain:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    return Chain.from_arrow(chain.to_arrow())


def again_by_networkx(chain: Chain) -> Chain:
    return Chain.from_networkx(chain.to_networkx())


def again_by_drn(chain: Chain) -> Chain:
    file = io.StringIO()
    chain.write_drn(file)
    return Chain.read_drn(io.StringIO(file.getvalue()))


def again_by_drn_in_fractions(chain: Chain) -> Chain:
    file = io.StringIO()
    chain.write_drn(file, exact=True)
    return Chain.read_drn(io.StringIO(file.getvalue()))


def again_by_umb(chain: Chain) -> Chain:
    file = io.BytesIO()
    chain.write_umb(file)
    return Chain.read_umb(io.BytesIO(file.getvalue()))


EXACT = (again_by_csv, again_by_arrow, again_by_networkx, again_by_drn, again_by_drn_in_fractions, again_by_umb)
exactly = pytest.mark.parametrize("again", EXACT)


def assert_same(chain: Chain, other: Chain) -> None:
    assert (other.vocab, other.context_length) == (chain.vocab, chain.context_length)
    assert other.log_probs.dtype == chain.log_probs.dtype
    assert other.log_probs.tobytes() == chain.log_probs.tobytes()
    np.testing.assert_array_equal(other.counts, chain.counts)  # None beside None too
    assert other.counts is None or other.counts.dtype == np.int64


def text_of(chain: Chain, **options: bool) -> str:
    file = io.StringIO(newline="")
    chain.write_csv(file, **options)
    return file.getvalue()


def drn_of(chain: Chain, labels: dict | None = None, **options: bool) -> str:
    file = io.StringIO()
    chain.write_drn(file, labels, **options)
    return file.getvalue()


def umb_of(chain: Chain, labels: dict | None = None) -> bytes:
    file = io.BytesIO()
    chain.write_umb(file, labels)
    return file.getvalue()


# Bit for bit


@exactly
@settings(max_examples=60)
@given(kind=st.sampled_from(KINDS), V=st.integers(2, 4), L=st.integers(1, 3), seed=st.integers(0, 2**32 - 1))
def test_the_same_bits_come_back(again: Callable[[Chain], Chain], kind: str, V: int, L: int, seed: int) -> None:
    chain = random_chain(kind, V, L, seed)
    if seed % 3 == 0:
        chain = replace(chain, counts=np.random.default_rng(seed).integers(0, 2**62, chain.n_states))
    if again is again_by_networkx:  # of an arrow that is not, a graph does not say how far it was from being
        chain = replace(
            chain, log_probs=np.where(chain.support, chain.log_probs, -np.inf).astype(chain.log_probs.dtype)
        )
    assert_same(chain, again(chain))


@exactly
@pytest.mark.parametrize("vocab", [WORDS, SIGNS, ("word", "-inf"), ("1", "10", "NaN"), ("_",)])
def test_words_and_signs_come_back(again: Callable[[Chain], Chain], vocab: tuple[str, ...]) -> None:
    V = len(vocab)
    probs = np.random.default_rng(V).dirichlet(np.ones(V), V**2)
    assert_same(chain := Chain.from_probs(probs, vocab, 2), again(chain))


@exactly
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_machine_that_is_sure_keeps_its_precision(again: Callable[[Chain], Chain], dtype: type) -> None:
    rows = np.where(np.eye(2)[[0, 1, 1, 0]] > 0, 0.0, -np.inf).astype(dtype)
    assert_same(chain := Chain(log_probs=rows, vocab=("0", "1"), context_length=2), again(chain))


@exactly
@pytest.mark.parametrize("length", [1, 5])
def test_one_state_comes_back(again: Callable[[Chain], Chain], length: int) -> None:
    assert_same(chain := Chain.from_probs([[1.0]], "a", length), again(chain))


@exactly
def test_4096_states_come_back(again: Callable[[Chain], Chain]) -> None:
    logits = np.random.default_rng(0).normal(size=(2**12, 2)) * 5
    rows = (logits - np.logaddexp.reduce(logits, 1, keepdims=True)).astype(np.float32)
    counts = np.arange(2**12)
    assert_same(chain := Chain(log_probs=rows, vocab=("0", "1"), context_length=12, counts=counts), again(chain))


@exactly
def test_a_trained_chain_comes_back(again: Callable[[Chain], Chain], notebook: Run) -> None:
    assert_same(notebook.chain, again(notebook.chain))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_start_up_contexts_come_back(dtype: type) -> None:
    rng = np.random.default_rng(0)
    rows = [np.log(rng.dirichlet(np.ones(3), 3**k)).astype(dtype) for k in (1, 2, 3)]
    chain = Chain(log_probs=rows[2], vocab=("a", "b", "c"), context_length=3, startup=tuple(rows[:2]))
    text = text_of(chain, startup=True)
    assert len(text.splitlines()) == 1 + 3 * (27 + 3 + 9)
    assert [line.split(",")[:3] for line in text.splitlines()[82:95:6]] == [
        ["a", "a", "aa"],
        ["c", "a", "ca"],
        ["ab", "a", "aba"],
    ]
    again = Chain.read_csv(io.StringIO(text))
    assert_same(chain, again)
    assert again.startup is not None
    assert [rows.tobytes() for rows in again.startup] == [rows.tobytes() for rows in rows[:2]]
    assert Chain.read_csv(io.StringIO(text_of(chain))).startup is None
    with pytest.raises(InputError, match="start-up rows"):
        text_of(replace(chain, startup=None), startup=True)


def test_files_by_name_appear_whole_or_not_at_all(notebook: Run, tmp_path: Path) -> None:
    chain = notebook.chain
    for name, write, read in (
        ("a.csv", chain.write_csv, Chain.read_csv),
        ("a.drn", chain.write_drn, Chain.read_drn),
        ("a.umb", chain.write_umb, Chain.read_umb),
    ):
        write(tmp_path / name)
        assert_same(chain, read(str(tmp_path / name)))
        with pytest.raises(FileError, match="expected to write"):
            write(tmp_path / "no folder" / name)
        with pytest.raises(FileError, match="expected to read"):
            read(tmp_path / "not there")
        with pytest.raises(InputError, match="file's name"):
            read(3)
    with pytest.raises(InputError, match="to read text"):
        Chain.read_csv(io.BytesIO(b""))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="to read bytes"):
        Chain.read_umb(io.StringIO(""))  # type: ignore[arg-type]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.drn", "a.umb"]
    for nonsense in (3, None, "a\0", [], object()):
        for use in (chain.write_csv, chain.write_drn, chain.write_umb, Chain.read_csv, Chain.read_drn, Chain.read_umb):
            with pytest.raises(InputError, match="file's name"):
                use(nonsense)  # type: ignore[operator]
    for write, file in (
        (chain.write_csv, io.BytesIO()),
        (chain.write_drn, io.BytesIO()),
        (chain.write_umb, io.StringIO()),
    ):
        with pytest.raises(InputError, match="file open to write"):
            write(file)
    with (tmp_path / "a.csv").open("a", encoding="utf-8") as file, pytest.raises(InputError, match="to read text"):
        Chain.read_csv(file)


# CSV


def test_a_csv_of_probabilities_alone_is_a_chain_in_float64() -> None:
    text = "probability,note,next,state\r\n.9,x,a,a\r\n.1,,b,a\r\n\r\n5e-1,,a,b\r\n.5,,b,b\r\n"
    chain = Chain.read_csv(io.StringIO("\ufeff" + text, newline=""))
    assert_same(chain, Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1))


@pytest.mark.parametrize(("seed", "name"), [(0, "float32"), (1, "float64")])
def test_a_csv_without_precision_is_as_precise_as_its_digits(seed: int, name: str) -> None:
    chain = random_chain("dense", 2, 2, seed)
    assert chain.log_probs.dtype == name
    text = text_of(chain).replace(f",{name}", "").replace(",precision", "")
    assert_same(chain, Chain.read_csv(io.StringIO(text)))


def test_a_csv_of_a_sure_machine_without_precision_is_in_float64() -> None:
    chain = Chain.read_csv(io.StringIO("state,next,log_probability\na,a,-inf\na,b,0\nb,a,0\nb,b,-inf\n"))
    assert_same(chain, Chain.from_probs([[0, 1], [1, 0]], "ab", 1))


SMALL = random_chain("dense", 2, 2, 1)
SMALL = replace(SMALL, counts=np.arange(4))


@pytest.mark.parametrize(
    ("line", "old", "new", "message"),
    [
        (1, "next", "token", "columns state, next"),
        (1, "state,", "state,state,", "columns state, next"),
        (2, "aa,", "ab,", "'aa' -> 'a'"),
        (4, "ab,a,ba", "ab,a,bb", "'ab' -> 'a' -> 'ba' in line 4, got 'ab' -> 'a' -> 'bb'"),
        (5, "ab,b", "ab,c", "in line 5"),
        (6, ",2,", ",3,", "one count for each state, got 2 in line 7"),
        (6, ",2,", ",-2,", "a count in line 6, got '-2'"),
        (6, ",2,", ",2.5,", "a count in line 6"),
        (6, ",2,", ",,", "one count for each state"),
        (6, ",float64", ",float32", "'float64' in line 6"),
        (6, ",float64", "", "7 columns in line 6, got 6"),
        (6, "ba,a", 'b"a,a', "in line 6"),
        (6, "ba,a", '"ba"x,a', "a row of CSV in line 6"),
        (6, ",0.", ",1_0.", "a number as probability in line 6, got '1_0."),
        (6, ",0.", ",nan0.", "a number as probability in line 6"),
        (6, ",-", ",--", "a number as log_probability in line 6"),
        (6, ",0.", ",-0.", "sum to one to 1e-12 from line 6 on, of state 'ba'"),
        (7, ",0.", ",1.", "sum to one to 1e-12 from line 6 on, of state 'ba'"),
        (7, ",-", ",-1", "float64 logarithms of probabilities that sum to one from line 6 on"),
        (7, ",-", ",", "float64 logarithms of probabilities that sum to one from line 6 on"),
    ],
)
def test_a_damaged_csv_is_refused_by_its_line(line: int, old: str, new: str, message: str) -> None:
    lines = text_of(SMALL).splitlines()
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new, 1)
    with pytest.raises(FileError, match=message):
        Chain.read_csv(io.StringIO("\n".join(lines)))


def test_numbers_that_were_rounded_by_hand_pass_and_changed_ones_do_not() -> None:
    probs = SMALL.probs.copy()
    for change, passes in ((1e-11, True), (1e-6, False)):
        probs[1] = SMALL.probs[1] + [change, -change]
        lines = text_of(SMALL).splitlines()
        for row, p in zip((3, 4), probs[1], strict=True):
            lines[row] = ",".join([*lines[row].split(",")[:3], repr(float(p)), *lines[row].split(",")[4:]])
        text = "\n".join(lines)
        if passes:
            assert_same(SMALL, Chain.read_csv(io.StringIO(text)))
            continue
        with pytest.raises(FileError, match="the logarithms of the same from line 4 on"):
            Chain.read_csv(io.StringIO(text))


def test_a_csv_whose_columns_disagree_is_refused() -> None:
    other = text_of(replace(SMALL, log_probs=np.ascontiguousarray(SMALL.log_probs[:, ::-1]))).splitlines()
    mixed = [
        ",".join([*mine.split(",")[:4], *theirs.split(",")[4:]])
        for mine, theirs in zip(text_of(SMALL).splitlines(), other, strict=True)
    ]
    with pytest.raises(FileError, match="the logarithms of the same from line 2 on"):
        Chain.read_csv(io.StringIO("\n".join(mixed)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "columns"),
        ("state,next,probability\n", "got none"),
        ("state,next\na,a\n", "'probability' or 'log_probability'"),
        ("state,next,log_probability,precision\na,a,0,float16\n", "precision of float32 or float64, got 'float16'"),
        ("state,next,probability\na,,1\n", "another token"),
        ("state,next,probability\na,a,.5\na,a,.5\n", "another token in line 3"),
        ("state,next,probability\na b,a b,1\n", "another token"),
        ("state,next,probability\n,a,1\n", "a state"),
        ("state,next,probability\na,a,inf\n", "sum to one"),
        ("state,next,probability\na,a,1\nb,a,1\n", "expected no more after 1 rows, got line 3"),
        ("state,next,probability\na,a,.5\na,b,.5\nb,a,.5\n", "'b' -> 'b' -> 'b' after line 4, got the end"),
        ("state,next,probability\na\0,a,1\n", "got"),
        ("state,next,log_probability,precision\na,a,-0.001,float32\n", "float32 logarithms of probabilities that sum"),
        ("state,next,probability,count\na,a,1,9999999999999999999\n", "one count for each state"),
        (f"state,next,probability,count\na,a,1,{'9' * 5000}\n", "a count in line 2"),
        (f"state,next,probability\n{'a' * 200_000},a,1\n", "a row of CSV in line 2"),
        (f"state,next,probability\n{'a' * 70_000},a,1\n", "a shorter context"),
    ],
)
def test_what_is_no_csv_of_a_chain(text: str, message: str) -> None:
    with pytest.raises(FiniteGPTError, match=message):
        Chain.read_csv(io.StringIO(text))


def test_a_csv_of_other_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"state,next\xff\n")
    with pytest.raises(FileError, match="UTF-8"):
        Chain.read_csv(tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(encoding="utf-8") as file, pytest.raises(FileError, match="UTF-8"):
        Chain.read_csv(file)


# Matrices


def test_any_markov_chain_is_a_chain_of_one_token_of_context() -> None:
    P = np.array([[0.9, 0.1, 0], [0, 0.5, 0.5], [0.25, 0.25, 0.5]])
    named = Chain.from_matrix(P, states=["sunny", "wet", "odd"])
    assert (named.vocab, named.context_length, named.log_probs.dtype) == (("sunny", "wet", "odd"), 1, np.float64)
    np.testing.assert_allclose(named.to_matrix(), P, rtol=1e-15)
    for given_as in (
        P.tolist(),
        scipy.sparse.csr_array(P),
        scipy.sparse.lil_matrix(P),
        [[*map(Fraction, x)] for x in P],
    ):
        chain = Chain.from_matrix(given_as)
        assert chain.vocab == ("0", "1", "2")
        np.testing.assert_array_equal(chain.log_probs, named.log_probs)
    assert Chain.from_matrix(np.eye(11)).vocab[-1] == "10"
    assert Chain.from_matrix(P, states=[0.5, (1, "a"), np.int64(7)]).vocab == ("0.5", "1,a", "7")
    assert Chain.from_matrix([[1]]).n_states == 1


@settings(max_examples=60)
@given(kind=st.sampled_from(KINDS), V=st.integers(2, 4), L=st.integers(1, 3), seed=st.integers(0, 2**32 - 1))
def test_a_matrix_comes_back_to_the_rounding_of_its_logarithms(kind: str, V: int, L: int, seed: int) -> None:
    chain = random_chain(kind, V, L, seed)
    P, order = chain.to_matrix(), np.random.default_rng(seed).permutation(chain.n_states)
    np.testing.assert_array_equal(P, chain.to_csr().toarray())
    by_id = Chain.from_matrix(P, chain.vocab, chain.context_length)
    assert (by_id.vocab, by_id.context_length) == (chain.vocab, chain.context_length)
    np.testing.assert_allclose(by_id.to_matrix(), P, rtol=by_id.rounding, atol=1e-307)
    sparse = Chain.from_matrix(chain.to_csr(), chain.vocab, chain.context_length)
    assert sparse.log_probs.tobytes() == by_id.log_probs.tobytes()
    names = [chain.label(int(id)) for id in order]
    by_name = Chain.from_matrix(P[np.ix_(order, order)], chain.vocab, chain.context_length, states=names)
    assert by_name.log_probs.tobytes() == by_id.log_probs.tobytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"matrix": [[0.9, 0.2], [0.5, 0.5]]}, "after state '0', got a sum of 1.1"),
        ({"matrix": [[1, 0], [0.5, 0.6]], "states": ["sun", "rain"]}, "after state 'rain', got a sum of 1.1"),
        ({"matrix": [[1, 0], [0, 0]]}, "after state '1', got none"),
        ({"matrix": [[1.5, -0.5], [0, 1]]}, "after state '0', got others"),
        ({"matrix": [[np.nan, 1], [0, 1]]}, "after state '0', got others"),
        ({"matrix": [[np.inf, 1], [0, 1]]}, "after state '0'"),
        ({"matrix": np.full((2, 2), 0.5 + 1e-9)}, "try dividing each row by its sum"),
        ({"matrix": [[1, 0]]}, r"a square matrix of probabilities, got .* of shape \(1, 2\)"),
        ({"matrix": [0.5, 0.5]}, r"of shape \(2,\)"),
        ({"matrix": []}, "square matrix"),
        ({"matrix": [[1], [0, 1]]}, "square matrix"),
        ({"matrix": [["1"]]}, "square matrix"),
        ({"matrix": [[object()]]}, "square matrix"),
        ({"matrix": [[1j]]}, "square matrix"),
        ({"matrix": None}, "square matrix"),
        ({"matrix": np.zeros((2, 2, 2))}, "square matrix"),
        ({"matrix": np.eye(2), "states": ["a"]}, "2 names of states, got 1"),
        ({"matrix": np.eye(2), "states": ["a", "a"]}, "'a' twice"),
        ({"matrix": np.eye(2), "states": [1, "1"]}, "'1' twice"),
        ({"matrix": np.eye(2), "states": ["", "a"]}, "without spaces, got ''"),
        ({"matrix": np.eye(2), "states": ["no rain", "rain"]}, "without spaces, got 'no rain'; try states=.*no_rain"),
        ({"matrix": np.eye(2), "context_length": 2}, "a vocabulary for contexts of 2"),
        ({"matrix": np.eye(3), "vocab": "ab"}, r"2\*\*1 states, got 3 rows"),
        (
            {"matrix": np.eye(4), "vocab": "ab", "context_length": 2},
            "from 'ab' to what it becomes by a token more, got one to 'ab'",
        ),
        ({"matrix": np.eye(4), "vocab": "ab", "context_length": 10**9}, "a shorter context"),
        ({"matrix": np.eye(2), "vocab": "ab", "context_length": 0}, "at least one token, got 0"),
        ({"matrix": np.eye(2), "vocab": "ab", "context_length": True}, "at least one token, got True"),
        ({"matrix": np.eye(2), "vocab": "ab", "context_length": 1.0}, "at least one token, got 1.0"),
        ({"matrix": np.eye(2), "vocab": 3}, "a vocabulary of texts"),
        ({"matrix": np.eye(2), "vocab": (0, 1)}, "a vocabulary of texts"),
        ({"matrix": np.eye(2), "vocab": ()}, "a vocabulary of texts"),
        ({"matrix": np.eye(2), "states": 3}, "2 names of states, got 0"),
        ({"matrix": np.eye(2), "vocab": "ab", "states": ["a", "c"]}, "states such as 'a', got 'c'"),
        ({"matrix": np.eye(2), "vocab": "ab", "states": ["a", "a"]}, "every state once"),
        ({"matrix": scipy.sparse.eye_array(10**6)}, "fit in memory"),
    ],
)
def test_what_is_no_transition_matrix(arguments: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Chain.from_matrix(**arguments)


def test_a_matrix_with_all_of_its_zeros_may_be_too_large() -> None:
    with pytest.raises(TooLargeError, match="to_csr"):
        Chain.from_probs(np.full((2**19, 2), 0.5), "ab", 19).to_matrix()


# Graphs


def test_a_graph_keeps_its_bits_in_files_of_other_people(notebook: Run, tmp_path: Path) -> None:
    graph = notebook.chain.to_networkx()
    networkx.write_graphml(graph, tmp_path / "chain.graphml")
    assert_same(notebook.chain, Chain.from_networkx(networkx.read_graphml(tmp_path / "chain.graphml")))
    noted = json.loads(json.dumps(networkx.node_link_data(graph, edges="edges")))
    assert_same(notebook.chain, Chain.from_networkx(networkx.node_link_graph(noted, edges="edges")))


def test_any_directed_graph_with_probabilities_is_a_chain() -> None:
    graph = networkx.DiGraph()
    graph.add_weighted_edges_from([("a", "b", 3), ("a", "a", 1), ("b", "a", 2)])
    with pytest.raises(InputError, match="after state 'a', got a sum of 4"):
        Chain.from_networkx(graph)
    chain = Chain.from_networkx(networkx.stochastic_graph(graph))
    assert (chain.vocab, chain.context_length) == (("a", "b"), 1)
    np.testing.assert_allclose(chain.probs, [[0.25, 0.75], [1, 0]])
    cycle = Chain.from_networkx(networkx.cycle_graph(3, networkx.DiGraph))
    np.testing.assert_array_equal(cycle.probs, np.eye(3)[[1, 2, 0]])
    parallel = networkx.MultiDiGraph()
    parallel.add_weighted_edges_from([("a", "a", 0.5), ("a", "a", 0.5)])
    np.testing.assert_array_equal(Chain.from_networkx(parallel).probs, [[1]])
    graph = networkx.DiGraph([("a", "a", {"p": 1.0})])
    assert Chain.from_networkx(graph, weight="p").n_states == 1


def test_a_graph_without_logarithms_is_its_weights(notebook: Run) -> None:
    graph = notebook.chain.to_networkx()
    del graph.graph["precision"]
    chain = Chain.from_networkx(graph)
    assert chain.log_probs.dtype == np.float64
    np.testing.assert_allclose(chain.probs, notebook.chain.probs, rtol=1e-14)
    np.testing.assert_array_equal(chain.counts, notebook.chain.counts)
    del graph.nodes["000"]["count"]
    assert Chain.from_networkx(graph).counts is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda graph: graph["00"]["01"].update(weight=0.5), "after state '00', got a sum"),
        (lambda graph: graph["00"]["01"].update(log_probability=-1.0), "the logarithms of the same after '00'"),
        (lambda graph: graph["00"]["01"].update(log_probability="x"), "numbers as log_probability, got 'x'"),
        (lambda graph: graph["00"]["01"].update(log_probability=float("nan")), "the logarithms of the same"),
        (lambda graph: graph["00"]["01"].update(weight=None), "numbers as weight"),
        (lambda graph: graph.remove_node("00"), r"2\*\*2 states, got 3 rows"),
        (lambda graph: graph.add_edge("00", "11", weight=0.0, log_probability=-np.inf), None),
        (lambda graph: graph.add_edge("00", "11", weight=0.1), "got one to '11'"),
        (lambda graph: graph.graph.update(vocab=["0", "1"]), "vocabulary as JSON"),
        (lambda graph: graph.graph.update(vocab="[" * 10**5), "vocabulary as JSON"),
        (lambda graph: graph.graph.update(vocab="[0, 1]"), "vocabulary as JSON"),
        (lambda graph: graph.graph.update(context_length="many"), "vocabulary as JSON"),
        (lambda graph: graph.graph.update(context_length=3), r"2\*\*3 states, got 4"),
        (lambda graph: graph.clear(), "nodes"),
    ],
)
def test_a_graph_that_was_changed(change: Callable[[networkx.DiGraph], None], message: str | None) -> None:
    graph = Chain.from_probs(np.random.default_rng(0).dirichlet(np.ones(2), 4), "01", 2).to_networkx()
    change(graph)
    if message is None:
        assert Chain.from_networkx(graph).n_states == 4
        return
    with pytest.raises(InputError, match=message):
        Chain.from_networkx(graph)


@pytest.mark.parametrize("graph", [networkx.path_graph(3), None, [("a", "b")]])
def test_what_is_no_directed_graph(graph: object) -> None:
    with pytest.raises(InputError, match="directed graph"):
        Chain.from_networkx(graph)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="the name of a number"):
        Chain.from_networkx(networkx.DiGraph(), weight=[])  # type: ignore[arg-type]


# QuantEcon and PyDTMC


@pytest.mark.parametrize("seed", range(4))
def test_quantecon_there_and_back(seed: int) -> None:
    quantecon = pytest.importorskip("quantecon")
    chain = random_chain("top_k", 3, 2, seed)
    theirs = chain.to_quantecon()
    assert isinstance(theirs, quantecon.MarkovChain)
    np.testing.assert_array_equal(theirs.P, chain.to_matrix())
    assert list(theirs.state_values) == chain.labels
    again = Chain.from_quantecon(theirs, chain.vocab, 2)
    assert again.log_probs.tobytes() == Chain.from_matrix(chain.to_csr(), chain.vocab, 2).log_probs.tobytes()
    assert Chain.from_quantecon(theirs).vocab == tuple(chain.labels)


def test_quantecons_state_values_of_any_kind() -> None:
    quantecon = pytest.importorskip("quantecon")
    P = [[0.5, 0.5], [0.25, 0.75]]
    for values, names in (
        (None, ("0", "1")),
        ([-0.5, 2.0], ("-0.5", "2.0")),
        ([[1, 2], [3, 4]], ("1,2", "3,4")),
        (["low", "high"], ("low", "high")),
    ):
        assert Chain.from_quantecon(quantecon.MarkovChain(P, values)).vocab == names
    sparse = quantecon.MarkovChain(scipy.sparse.csr_matrix(P))
    np.testing.assert_array_equal(Chain.from_quantecon(sparse).probs, P)
    tauchen = quantecon.markov.tauchen(5, 0.9, 0.1)
    np.testing.assert_allclose(Chain.from_quantecon(tauchen).probs, tauchen.P, rtol=1e-14)
    assert Chain.from_probs([[1.0]], "a", 1).to_quantecon().n == 1


def test_whatever_looks_like_theirs_is_read() -> None:
    P = [[0.5, 0.5], [0.25, 0.75]]
    assert Chain.from_pydtmc(SimpleNamespace(p=P, states=["a", "b"])).vocab == ("a", "b")
    assert Chain.from_quantecon(SimpleNamespace(P=P, state_values=None)).vocab == ("0", "1")
    with pytest.raises(InputError, match=r"pydtmc\.MarkovChain"):
        Chain.from_pydtmc(P)
    with pytest.raises(InputError, match=r"quantecon\.MarkovChain"):
        Chain.from_quantecon(P)  # type: ignore[arg-type]


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = random_chain("dense", 2, 2, 0)
    for name in ("quantecon", "pydtmc", "pyarrow"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    with pytest.raises(InputError, match=r"the package quantecon .* pip install quantecon"):
        chain.to_quantecon()
    with pytest.raises(InputError, match=r"the package pydtmc .* pip install pydtmc, which needs NumPy 1"):
        chain.to_pydtmc()
    for convert in (chain.to_arrow, lambda: Chain.from_arrow({})):
        with pytest.raises(InputError, match=r"the package pyarrow .* pip install finitegpt\[arrow\]"):
            convert()
    with pytest.raises(InputError, match="at least 2 states, as PyDTMC wants them"):
        Chain.from_probs([[1.0]], "a", 1).to_pydtmc()


# Arrow


def test_an_arrow_table_by_way_of_parquet_and_data_frames(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    parquet = pytest.importorskip("pyarrow.parquet")
    rng = np.random.default_rng(0)
    rows = [np.log(rng.dirichlet(np.ones(3), 3**k)).astype(np.float32) for k in (1, 2)]
    chain = Chain(log_probs=rows[1], vocab=("a", "b", "c"), context_length=2, startup=(rows[0],), counts=np.arange(9))
    table = chain.to_arrow(startup=True)
    assert table.schema.field("log_probability").type == pyarrow.float32()
    parquet.write_table(table, tmp_path / "chain.parquet")
    for again in (
        Chain.from_arrow(parquet.read_table(tmp_path / "chain.parquet")),
        Chain.from_arrow(table.select(["next", "state", "log_probability", "count"])),
        Chain.from_arrow(table.to_reader()),
    ):
        assert_same(chain, again)
        assert again.startup is not None
        assert again.startup[0].tobytes() == rows[0].tobytes()
    for package, convert in (("pandas", lambda: table.slice(0, 27).to_pandas()), ("polars", None)):
        library = pytest.importorskip(package, reason=f"{package} is not installed")
        assert_same(chain, Chain.from_arrow(convert() if convert else library.from_arrow(table)))
    wrong = table.set_column(3, "probability", pyarrow.array([0.1] * len(table)))
    with pytest.raises(FileError, match="sum to one to 1e-12 from row 1 on"):
        Chain.from_arrow(wrong)
    for bad, message in (
        (3, "a table of Arrow"),
        (table.select(["state"]), "columns"),
        (table.set_column(0, "state", pyarrow.array([1] * len(table))), "texts as state, got 1 in row 1"),
        (table.set_column(3, "probability", pyarrow.array([None] * len(table))), "numbers as probability, got None"),
        (table.set_column(5, "count", pyarrow.array(["1"] * len(table))), "whole numbers as count"),
        (table.slice(1), "another token|'"),
        (table.slice(0, 0), "got none"),
    ):
        with pytest.raises(FiniteGPTError, match=message):
            Chain.from_arrow(bad)


# Storm


def test_drn_is_what_storm_reads() -> None:
    chain = Chain.from_probs([[0.1, 0.9], [1, 0], [0.5, 0.5], [0, 1]], "01", 2)
    text = drn_of(chain, {"init": "01", "red": "1?", "a b": ["00", "11"]})
    assert [line for line in text.splitlines() if not line.startswith("//")] == [
        *("@type: DTMC", "@parameters", "", "@reward_models", "", "@nr_states", "4", "@nr_choices", "4", "@model"),
        *(
            'state 0 "a b"',
            "\taction 0",
            f"\t\t0 : {float(chain.probs[0, 0])!r}",
            f"\t\t1 : {float(chain.probs[0, 1])!r}",
        ),
        *("state 1 init", "\taction 0", "\t\t2 : 1.0"),
        *("state 2 red", "\taction 0", "\t\t0 : 0.5", "\t\t1 : 0.5"),
        *('state 3 red "a b"', "\taction 0", "\t\t3 : 1.0"),
    ]
    _, labels = read_drn(io.StringIO(text))
    assert {name: np.flatnonzero(mask).tolist() for name, mask in labels.items()} == {
        "a b": [0, 3],
        "init": [1],
        "red": [2, 3],
    }


def test_it_starts_where_the_data_is_most_often(notebook: Run) -> None:
    for labels in (read_drn(io.StringIO(drn_of(notebook.chain)))[1], read_umb(io.BytesIO(umb_of(notebook.chain)))[1]):
        assert {name: np.flatnonzero(mask).tolist() for name, mask in labels.items()} == {"init": [7]}


@pytest.mark.parametrize("write", [drn_of, umb_of])
@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"red": "2"}, "pattern of"),
        ({"red": "1"}, "describes none"),
        ({'"': "11"}, "quotation marks"),
        ({"a\nb": "11"}, "line ends"),
        ({" ": "11"}, "labels"),
        ({"": "11"}, "labels"),
        ({3: "11"}, "labels"),
        (["red"], "labels and their states"),
        ({"red": [0.5]}, "expected states"),
    ],
)
def test_labels_that_cannot_be_written(write: Callable, labels: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        write(Chain.from_probs(np.full((4, 2), 0.5), "01", 2), labels)


@settings(max_examples=30)
@given(kind=st.sampled_from(KINDS), seed=st.integers(0, 2**32 - 1))
def test_fractions_sum_to_one_exactly_and_are_the_probabilities(kind: str, seed: int) -> None:
    chain = random_chain(kind, 3, 2, seed)
    rows: list[list[Fraction]] = []
    for line in drn_of(chain, exact=True).splitlines():
        if line.startswith("state"):
            rows.append([])
        elif line.startswith("\t\t"):
            rows[-1].append(Fraction(line.split(" : ")[1]))
    assert [sum(row) for row in rows] == [1] * chain.n_states
    for row, probs in zip(rows, chain.probs, strict=True):
        np.testing.assert_allclose([float(p) for p in row], probs[probs > 0], rtol=1e-15)


FOREIGN = """// Exported by storm
// Original model type: DTMC
@type: DTMC
@value_type: double
@parameters

@reward_models
coins
@nr_states
3
@nr_choices
3
@model
state 0 [1.5] init "to go"
//[x=1	& y=0]
	action flip [0]
		0 : 0.3333333333
		1 : 0.3333333333
		2 : 1/3

state 1 [0]
	action 0 [2]
		2 : 1
state 2 done init
	action __NOLABEL__
		1 : .25
		2 : 5e-1
		1 : 0.25
"""


def test_any_dtmc_of_storm_is_a_chain() -> None:
    parts, labels = read_drn(io.StringIO(FOREIGN))
    chain = Chain(**vars(parts))
    assert (chain.vocab, chain.context_length) == (("0", "1", "2"), 1)
    np.testing.assert_allclose(chain.probs, [[1 / 3, 1 / 3, 1 / 3], [0, 0, 1], [0, 0.5, 0.5]], atol=1e-10)
    np.testing.assert_allclose(chain.probs.sum(1), 1, rtol=1e-15)
    assert {name: np.flatnonzero(mask).tolist() for name, mask in labels.items()} == {
        "init": [0, 2],
        "to go": [0],
        "done": [2],
    }


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("@type: DTMC", "@type: MDP", "a DTMC in line 3, got 'MDP'"),
        ("@type: DTMC", "@kind: DTMC", "a header of DRN in line 3"),
        ("@parameters\n", "@parameters\np q", "no parameters in line 6, got 'p q'"),
        ("@nr_states\n3", "@nr_states\n4", "4 states, got 3"),
        ("@nr_states\n3\n", "", "some states, got 3"),
        ("@nr_states\n3", f"@nr_states\n{10**18}", "states, got 3"),
        ("state 1", "state 2", "state 1 in line 21, got 'state 2"),
        ("state 1", "state one", "state 1 in line 21"),
        ("state 1", "stately 1", "state 1 in line 21"),
        ("2 : 1\n", "3 : 1\n", "arrows to states below 3 after line 21"),
        ("2 : 1\n", f"{10**30} : 1\n", "an arrow such as '3 : 0.5' in line 23"),
        ("2 : 1\n", "2 : 0.9\n", "sum to one to 1e-9 after line 21"),
        ("2 : 1\n", "2 : 0.999999\n", "sum to one to 1e-9 after line 21"),
        ("2 : 1\n", "2 : -1\n", "in line 23"),
        ("2 : 1\n", "2 : nan\n", "in line 23"),
        ("2 : 1\n", "2 : 1/0\n", "in line 23"),
        ("2 : 1\n", "2 : 1_0\n", "in line 23"),
        ("2 : 1\n", "2 : 1e999999999999\n", "sum to one"),
        ("2 : 1\n", f"2 : {'9' * 4000}/1\n", "in line 23"),
        ("2 : 1\n", f"2 : {'9' * 5000}/1\n", "in line 23"),
        ("2 : 1\n", "2 : [0.1, 0.9]\n", "in line 23"),
        ("2 : 1\n", "2 : p*q\n", "in line 23"),
        ("2 : 1\n", "", "sum to one to 1e-9 after line 21"),
        ("\taction 0 [2]\n", "", "in line 22"),
        ("\taction 0 [2]\n", "\taction 0\n\taction 1\n", "one action a state, got another in line 23"),
        ("state 0", "action 0\nstate 0", "one action a state"),
        ("@model\n", "", "a header of DRN in line 13"),
    ],
)
def test_a_damaged_drn_is_refused_by_its_line(old: str, new: str, message: str) -> None:
    assert old in FOREIGN
    with pytest.raises(FileError, match=message):
        Chain.read_drn(io.StringIO(FOREIGN.replace(old, new, 1)))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('["aa", ', '["ab", ', "a comment on state 'aa' after line 13"),
        ('// ["aa"', '/ ["aa"', "in line 14"),
        ('// ["aa"', '// "aa"', "a comment on state 'aa'"),
        ('// ["aa"', '// [["aa"', "a comment as write_drn writes it in line 14"),
        ('["aa", 0', '["aa", -1', "a comment on state 'aa'"),
        ('["aa", 0', '["aa", 0.5', "a comment on state 'aa'"),
        ('["aa", 0, [-', '["aa", 0, [-1', "probabilities as the comment says after line 13"),
        ('["aa", 0, [-', '["aa", 0, [NaN, -', "a comment on state 'aa'"),
        ('"context_length": 2', '"context_length": 1', r"2\*\*1 states"),
        ('"context_length": 2', '"context_length": "2"', "a context length"),
        ('"context_length": 2', '"context_length": 99999999999', "a shorter context"),
        ('"float64"', '"float16"', "a precision"),
        ('"vocab": ["a", "b"]', '"vocab": [1, 2]', "a vocabulary"),
        ('"vocab": ["a", "b"]', '"vocab": []', "a vocabulary of texts"),
        ('"vocab": ["a", "b"]', '"vocab": "ab"', "a vocabulary"),
        ("\t\t0 : ", "\t\t2 : ", "got one to 'ba'"),
    ],
)
def test_comments_that_were_changed(old: str, new: str, message: str) -> None:
    text = drn_of(SMALL)
    assert old in text
    with pytest.raises(FiniteGPTError, match=message):
        Chain.read_drn(io.StringIO(text.replace(old, new, 1)))


def test_without_its_comments_a_drn_is_a_chain_of_any_states() -> None:
    whole = random_chain("dense", 3, 3, 1)
    text = "\n".join(line for line in drn_of(whole).splitlines() if not line.startswith("//"))
    chain, P = Chain.read_drn(io.StringIO(text)), whole.to_matrix()
    assert chain.vocab == tuple(map(str, range(27)))
    assert (P.sum(1) != 1).any()  # digits are kept, and not divided by such sums
    np.testing.assert_array_equal(chain.log_probs, Chain.from_matrix(P).log_probs)


# UMB


def unpacked(content: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        return {entry.name: archive.extractfile(entry).read() for entry in archive}  # type: ignore[union-attr]


def packed(files: dict[str, bytes], mode: str = "w") -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return content.getvalue()


def with_index(files: dict[str, bytes], path: str, value: object) -> dict[str, bytes]:
    index = json.loads(files["index.json"])
    *parents, last = path.split("/")
    place = index
    for name in parents:
        place = place[name]
    place[last] = value
    return {**files, "index.json": json.dumps(index).encode()}


def test_umb_is_as_its_specification_says() -> None:
    chain = Chain.from_probs([[0.1, 0.9], [1, 0], [0.5, 0.5], [0, 1]], "01", 2)
    content = umb_of(chain, {"init": "01", "red": "1?"})
    assert content == umb_of(chain, {"init": "01", "red": "1?"})
    files = unpacked(content)
    index = json.loads(files["index.json"])
    assert next(iter(files)) == "index.json"
    assert index["transition-system"] == {
        "time": "discrete",
        "#players": 0,
        "#states": 4,
        "#initial-states": 1,
        "#choices": 4,
        "#choice-actions": 0,
        "#branches": 6,
        "#branch-actions": 0,
        "#observations": 0,
        "branch-probability-type": {"type": "double", "size": 64},
    }
    assert np.frombuffer(files["choice-to-branches.bin"], "<u8").tolist() == [0, 2, 3, 5, 6]
    assert np.frombuffer(files["branch-to-target.bin"], "<u8").tolist() == [0, 1, 2, 0, 1, 3]
    assert np.frombuffer(files["branch-to-probability.bin"], "<f8").tolist() == chain.probs[chain.probs > 0].tolist()
    assert files["state-is-initial.bin"] == bytes([2, 0, 0, 0, 0, 0, 0, 0])
    red = next(id for id, facts in index["annotations"]["aps"].items() if facts["alias"] == "red")
    assert files[f"annotations/aps/{red}/states/values.bin"] == bytes([12, 0, 0, 0, 0, 0, 0, 0])


def test_sets_of_more_than_64_states_come_back() -> None:
    chain = random_chain("dense", 2, 5, 1)
    chain = Chain.from_matrix(np.eye(100)) if chain.n_states < 65 else chain
    for ids in ([0], [63, 64], [99], list(range(100))):
        labels = {"init": [ids[0]], "some": ids}
        for _, found in (read_umb(io.BytesIO(umb_of(chain, labels))), read_drn(io.StringIO(drn_of(chain, labels)))):
            assert {name: np.flatnonzero(mask).tolist() for name, mask in found.items()} == labels


@pytest.mark.parametrize("mode", ["w:gz", "w:xz"])
def test_compressed_files_are_read(mode: str) -> None:
    assert_same(SMALL, Chain.read_umb(io.BytesIO(packed(unpacked(umb_of(SMALL)), mode))))


def test_any_dtmc_in_umb_is_a_chain() -> None:
    files = unpacked(umb_of(SMALL))
    theirs = with_index(files, "file-data", {"tool": "PRISM"})
    np.testing.assert_allclose(Chain.read_umb(io.BytesIO(packed(theirs))).to_matrix(), SMALL.to_matrix(), rtol=1e-15)
    thirds = with_index(theirs, "transition-system/branch-probability-type", {"type": "rational", "size": 128})
    thirds["branch-to-probability.bin"] = np.array([1, 3, 2, 3] * 4, "<u8").tobytes()
    np.testing.assert_allclose(Chain.read_umb(io.BytesIO(packed(thirds))).probs[0], [1 / 3, 2 / 3, 0, 0], rtol=1e-15)
    thirds["branch-to-probability.bin"] = np.array([1, 3, 2, 0] * 4, "<u8").tobytes()
    with pytest.raises(FileError, match="one over 0"):
        Chain.read_umb(io.BytesIO(packed(thirds)))
    several = with_index(theirs, "transition-system/#branches", 5)
    several["choice-to-branches.bin"] = np.array([0, 2, 3, 4, 5], "<u8").tobytes()
    several["branch-to-target.bin"] = np.array([3, 3, 0, 0, 0], "<u8").tobytes()
    several["branch-to-probability.bin"] = np.array([0.5, 0.5, 1, 1, 1]).tobytes()
    np.testing.assert_array_equal(Chain.read_umb(io.BytesIO(packed(several))).probs[0], [0, 0, 0, 1])
    del several["choice-to-branches.bin"]
    several = with_index(several, "transition-system/#branches", 4)
    several["branch-to-target.bin"] = np.array([3, 0, 0, 1], "<u8").tobytes()
    several["branch-to-probability.bin"] = np.ones(4).tobytes()
    np.testing.assert_array_equal(Chain.read_umb(io.BytesIO(packed(several))).probs, np.eye(4)[[3, 0, 0, 1]])


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("format-version", 2, "version 0 or 1"),
        ("transition-system", 3, "'transition-system' in the index"),
        ("transition-system/time", "stochastic", "a DTMC"),
        ("transition-system/#players", 1, "a DTMC"),
        ("transition-system/#states", 0, "one choice each"),
        ("transition-system/#states", "4", "one choice each"),
        ("transition-system/#choices", 5, "one choice each"),
        ("transition-system/#branches", 10**18, "numbers in branch-to-target.bin"),
        ("transition-system/#branches", 7, "7 numbers in branch-to-target.bin, got 64 bytes"),
        ("transition-system/branch-probability-type", {"type": "double-interval"}, "as doubles or as fractions"),
        ("transition-system/branch-probability-type", None, "'branch-probability-type' in the index"),
        ("file-data/parameters", None, "a vocabulary and a context length"),
        ("file-data/parameters/vocab", "ab", "a vocabulary"),
        ("file-data/parameters/vocab", ["a", "b", "c"], r"3\*\*2 states"),
        ("file-data/parameters/context_length", 10**12, "a shorter context"),
        ("file-data/parameters/precision", "float16", "a precision"),
        ("file-data/parameters/precision", "float32", "8 numbers of float32 in Base64"),
        ("file-data/parameters/log_probs", "AAAA", "8 numbers of float64 in Base64"),
        ("file-data/parameters/log_probs", "!", "8 numbers of float64 in Base64"),
        ("file-data/parameters/log_probs", 3, "8 numbers of float64 in Base64"),
        ("file-data/parameters/log_probs", "/" * 86 + "==", "as their logarithms say"),
        ("file-data/parameters/counts", base64.b64encode(b"\xff" * 32).decode(), "counts of 0 or more"),
        ("file-data/parameters/counts", "A" * 40, "4 numbers of int64"),
        ("annotations/aps", 3, "'aps' in the index"),
    ],
)
def test_an_index_that_was_changed(path: str, value: object, message: str) -> None:
    files = unpacked(umb_of(SMALL, {"red": "a?"}))
    with pytest.raises(FiniteGPTError, match=message):
        Chain.read_umb(io.BytesIO(packed(with_index(files, path, value))))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("index.json", b"{", "the index of UMB"),
        ("index.json", b"[" * 10**5, "the index of UMB"),
        ("index.json", b"\xff", "the index of UMB"),
        ("choice-to-branches.bin", np.array([0, 2, 4, 3, 8], "<u8").tobytes(), "branches in the order of states"),
        ("choice-to-branches.bin", np.array([1, 2, 4, 6, 8], "<u8").tobytes(), "branches in the order of states"),
        ("choice-to-branches.bin", np.array([0, 2, 4, 6, 2**63], "<u8").tobytes(), "branches in the order of states"),
        ("choice-to-branches.bin", b"", "5 numbers in choice-to-branches.bin, got 0 bytes"),
        ("branch-to-target.bin", np.full(8, 2**64 - 1, "<u8").tobytes(), "to states below 4"),
        ("branch-to-target.bin", np.full(8, 4, "<u8").tobytes(), "to states below 4"),
        ("branch-to-target.bin", np.full(8, 3, "<u8").tobytes(), "got one to 'bb'"),
        ("branch-to-probability.bin", np.full(8, 0.4).tobytes(), "a sum of 0.8"),
        ("branch-to-probability.bin", np.full(8, 0.5).tobytes(), "as their logarithms say in state 0"),
        ("branch-to-probability.bin", np.full(8, np.nan).tobytes(), "sum to one"),
        ("state-to-choices.bin", np.array([0, 2, 3, 4, 4], "<u8").tobytes(), "one choice for each state"),
        ("state-is-initial.bin", b"\1", "a set of 4 states, got 1 bytes"),
    ],
)
def test_a_file_of_umb_that_was_changed(name: str, content: bytes, message: str) -> None:
    files = unpacked(umb_of(SMALL))
    with pytest.raises(FiniteGPTError, match=message):
        Chain.read_umb(io.BytesIO(packed({**files, name: content})))


def test_what_is_no_archive() -> None:
    content = umb_of(SMALL)
    for bad in (b"", b"x", b"\0" * 10**5, content[:700], packed(unpacked(content), "w:gz")[:-30], packed({})):
        with pytest.raises(FileError):
            Chain.read_umb(io.BytesIO(bad))
    link = io.BytesIO()
    with tarfile.open(fileobj=link, mode="w") as archive:
        entry = tarfile.TarInfo("index.json")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(entry)
    with pytest.raises(FileError, match="the index of UMB"):
        Chain.read_umb(io.BytesIO(link.getvalue()))
    huge = tarfile.TarInfo("index.json")
    huge.size = 2**50
    with pytest.raises(FiniteGPTError):
        Chain.read_umb(io.BytesIO(huge.tobuf() + b"{}" * 500))


def test_an_archive_that_unpacks_to_more_than_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finitegpt.limits.available_bytes", lambda: 10**6)
    bomb = packed({"index.json": bytes(2**26)}, "w:gz")
    assert len(bomb) < 10**5
    with pytest.raises(TooLargeError, match="a smaller model"):
        Chain.read_umb(io.BytesIO(bomb))


# Whatever happens to a file, it is refused in our words, or it is a chain


@pytest.mark.parametrize("form", ["csv", "drn", "umb"])
def test_files_with_a_few_wrong_bytes(form: str) -> None:
    chain = replace(random_chain("top_k", 2, 3, 1), counts=np.arange(8))
    whole = {
        "csv": lambda: text_of(chain).encode(),
        "drn": lambda: drn_of(chain).encode(),
        "umb": lambda: umb_of(chain),
    }
    content, rng, refused = whole[form](), np.random.default_rng(0), 0
    read: Callable[[bytes], Chain] = {
        "csv": lambda data: Chain.read_csv(io.TextIOWrapper(io.BytesIO(data), "utf-8", newline="")),
        "drn": lambda data: Chain.read_drn(io.TextIOWrapper(io.BytesIO(data), "utf-8")),
        "umb": lambda data: Chain.read_umb(io.BytesIO(data)),
    }[form]
    for _ in range(600):
        data = bytearray(content)
        for place in rng.integers(0, len(data), rng.integers(1, 4)):
            kind = rng.integers(3)
            if kind == 0:
                data[place : place + 1] = bytes([rng.integers(256)])
            elif kind == 1:
                del data[place : place + rng.integers(1, 40)]
            else:
                data[place:place] = data[:40]
        try:
            found = read(bytes(data))
        except FiniteGPTError:
            refused += 1
        else:
            np.testing.assert_allclose(found.probs.sum(1), 1)
    assert refused > 300


@pytest.mark.parametrize("form", ["csv", "drn"])
def test_a_line_less_or_twice_is_noticed(form: str) -> None:
    chain = random_chain("dense", 2, 2, 1)
    text, read = (text_of(chain), Chain.read_csv) if form == "csv" else (drn_of(chain), Chain.read_drn)
    lines = text.splitlines(keepends=True)
    for place, line in enumerate(lines):
        harmless = {"", "//", "@parameters", "@reward_models", "@nr_choices"}
        for changed in (lines[:place] + lines[place + 1 :], [*lines[:place], line, *lines[place:]]):
            try:
                found = read(io.StringIO("".join(changed)))
            except FiniteGPTError:
                continue
            assert form == "drn"
            assert line.strip() in harmless or line.startswith(("//", "@type", "@model", "\taction"))
            np.testing.assert_array_equal(found.to_matrix() > 0, chain.to_matrix() > 0)


# Judges that are not ours


def test_storm_reads_the_same_bits(notebook: Run, tmp_path: Path) -> None:
    stormpy = pytest.importorskip("stormpy", reason="stormpy is not installed")
    words = Chain.from_probs(np.random.default_rng(0).dirichlet(np.ones(6), 36), WORDS, 2)
    greedy = random_chain("greedy", 2, 4, 1)
    for chain, red in ((notebook.chain, "11?"), (words, "the *"), (greedy, "b*")):
        labels = {"red": red, "two words": red}
        chain.write_drn(tmp_path / "chain.drn", labels)
        chain.write_umb(tmp_path / "chain.umb", labels)
        for model in (
            stormpy.build_model_from_drn(str(tmp_path / "chain.drn")),
            stormpy.build_model_from_umb(str(tmp_path / "chain.umb")),
        ):
            P = np.zeros((chain.n_states, chain.n_states))
            for state in model.states:
                for action in state.actions:
                    for transition in action.transitions:
                        P[state.id, transition.column] = transition.value
            np.testing.assert_array_equal(P, chain.to_matrix())
            assert sorted(model.labeling.get_labels()) == ["init", "red", "two words"]
            assert list(model.labeling.get_states("red")) == list(model.labeling.get_states("two words"))
            assert len(model.initial_states) == 1
        chain.write_drn(tmp_path / "exact.drn", labels, exact=True)
        exact = stormpy.build_model_from_drn[stormpy.Rational](str(tmp_path / "exact.drn"))
        one, none = stormpy.Rational(1), stormpy.Rational(0)
        for state in exact.states:
            for action in state.actions:
                assert sum((transition.value for transition in action.transitions), none) == one
        stormpy.io.export_to_drn(model, str(tmp_path / "theirs.drn"))
        stormpy.io.export_to_umb(model, str(tmp_path / "theirs.umb"))
        np.testing.assert_allclose(
            Chain.read_drn(tmp_path / "theirs.drn").to_matrix(), chain.to_matrix(), rtol=1e-9, atol=1e-300
        )
        again, found = read_umb(tmp_path / "theirs.umb")
        np.testing.assert_allclose(Chain(**vars(again)).to_matrix(), chain.to_matrix(), rtol=1e-14, atol=1e-300)
        assert found.keys() == {"init", "red", "two words"}


def test_storm_answers_the_same(notebook: Run, tmp_path: Path) -> None:
    stormpy = pytest.importorskip("stormpy", reason="stormpy is not installed")
    chain = temperature(notebook.chain, 0.7)
    red = match(chain, "11?")
    chain.write_drn(tmp_path / "chain.drn", {"init": "000", "red": "11?"})
    model = stormpy.build_model_from_drn(str(tmp_path / "chain.drn"))
    share = average(chain, red).value
    for asked, ours in (
        ('P=? [F<=3 "red"]', hitting_probabilities(chain, red, within=3).values),
        ('P=? [F "red"]', hitting_probabilities(chain, red).values),
        ('T=? [F "red"]', mean_first_passage_times(chain, red).values),
        ('LRA=? ["red"]', np.full(8, share)),
    ):
        answer = stormpy.model_checking(model, stormpy.parse_properties(asked)[0], only_initial_states=False)
        np.testing.assert_allclose([answer.get_value(state) for state in range(8)], ours, rtol=1e-5)


def test_umbi_reads_the_same_bits(notebook: Run, tmp_path: Path) -> None:
    umbi = pytest.importorskip("umbi", reason="umbi is not installed")
    notebook.chain.write_umb(tmp_path / "chain.umb", {"red": "11?"})
    model = umbi.umb.read(str(tmp_path / "chain.umb"), strict=True)
    np.testing.assert_array_equal(model.branch_to_probability, notebook.chain.probs.reshape(-1))
    umbi.ats.write(umbi.ats.read(str(tmp_path / "chain.umb")), str(tmp_path / "theirs.umb"))
    np.testing.assert_allclose(
        Chain.read_umb(tmp_path / "theirs.umb").to_matrix(), notebook.chain.to_matrix(), rtol=1e-15
    )


def test_the_floor_is_that_of_chains() -> None:
    rows = np.array([[0.0, LEAST, np.nextafter(LEAST, -np.inf)]])
    chain = Chain(log_probs=np.repeat(rows, 3, 0), vocab=("a", "b", "c"), context_length=1)
    np.testing.assert_array_equal(parts.probabilities(chain.log_probs), chain.probs)
