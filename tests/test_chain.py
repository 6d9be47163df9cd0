import io
import itertools
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finitegpt import Chain, GPTConfig, InputError, Model, Run, TooLargeError, chain_of, greedy
from oracles import decimals
from strategies import SEEDS, configs

VOCAB = "abcdefg"


def random_chain(config: GPTConfig, seed: int) -> Chain:
    """Of either precision."""
    rng = np.random.default_rng(seed)
    V, L = config.vocab_size, config.context_length
    chain = Chain.from_probs(rng.dirichlet(np.ones(V), V**L), VOCAB[:V], L)
    return chain if seed % 2 else replace(chain, log_probs=chain.log_probs.astype(np.float32))


def dense(chain: Chain) -> np.ndarray:
    """The transition matrix by its definition, from labels alone."""
    matrix = np.zeros((chain.n_states, chain.n_states))
    for source, name in enumerate(chain.labels):
        for token, symbol in enumerate(chain.vocab):
            matrix[source, chain.labels.index(name[1:] + symbol)] += chain.probs[source, token]
    return matrix


small = configs(most_states=81)


@given(config=small, seed=SEEDS)
def test_push_pull_and_csr_are_products_with_the_matrix(config: GPTConfig, seed: int) -> None:
    chain, rng = random_chain(config, seed), np.random.default_rng(seed)
    P = dense(chain)
    pi, f = rng.dirichlet(np.ones(chain.n_states)), rng.normal(size=chain.n_states)
    np.testing.assert_allclose(chain.push(pi), pi @ P, atol=1e-15)
    np.testing.assert_allclose(chain.pull(f), P @ f, atol=1e-14)
    out = np.empty(chain.n_states)
    assert chain.push(pi, out) is out
    np.testing.assert_array_equal(out, chain.push(pi))
    assert chain.pull(f, out) is out
    np.testing.assert_array_equal(out, chain.pull(f))
    csr = chain.to_csr()
    np.testing.assert_array_equal(csr.toarray(), P)
    assert csr.has_sorted_indices


def test_arrows_of_probability_zero_are_not_in_the_exports() -> None:
    chain = Chain.from_probs([[1, 0], [0.5, 0.5]], "ab", 1)
    assert chain.to_csr().nnz == 3
    assert sorted(chain.to_networkx().edges) == [("a", "a"), ("b", "a"), ("b", "b")]
    assert "b(50%)" in chain.to_graphviz().source
    assert "(0%)" not in chain.to_graphviz().source


def test_graphviz_is_the_notebooks_digraph(notebook: Run) -> None:
    source = notebook.chain.to_graphviz().source
    assert 'label="1(79%)"' in source
    assert source.count("->") == 16
    assert source.count("style=dashed") == 4
    assert "digraph chain" in source


def test_networkx_keeps_probabilities_and_counts(notebook: Run) -> None:
    graph = notebook.chain.to_networkx()
    assert (len(graph), graph.number_of_edges()) == (8, 16)
    assert graph["101"]["011"]["token"] == "1"
    assert graph["101"]["011"]["probability"] == notebook.chain.probs[5, 1]
    assert graph.nodes["111"]["count"] == 6


def test_labels_with_signs_that_graphviz_reads_are_escaped() -> None:
    chain = Chain.from_probs(np.full((2, 2), 0.5), ('"', "\\"), 1)
    source = chain.to_graphviz().source
    assert r'"\"(50%)"' in source
    assert r'"\\(50%)"' in source


def test_csv_can_be_read_back(notebook: Run) -> None:
    import csv

    file = io.StringIO()
    notebook.chain.write_csv(file)
    rows = list(csv.DictReader(io.StringIO(file.getvalue())))
    assert len(rows) == 16
    assert rows[11] == {
        "state": "101",
        "next": "1",
        "to": "011",
        "probability": repr(float(notebook.chain.probs[5, 1])),
        "log_probability": repr(float(notebook.chain.log_probs[5, 1])),
        "count": "2",
        "precision": "float32",
    }


@given(config=small, seed=SEEDS)
def test_a_models_chain_is_that_of_its_function(config: GPTConfig, seed: int) -> None:
    model = Model.init(config, VOCAB[: config.vocab_size], seed=seed)
    chain = model.chain()
    np.testing.assert_allclose(
        chain_of(model.log_probs, model.vocab, config.context_length).log_probs, chain.log_probs, atol=2e-6
    )
    assert chain.startup is not None
    for k, rows in enumerate(chain.startup, start=1):
        everything = np.array(list(itertools.product(range(config.vocab_size), repeat=k)))
        np.testing.assert_allclose(rows, model.log_probs(everything), atol=2e-6)


def test_chain_of_normalises_what_any_function_says() -> None:
    def by_last_token(contexts: np.ndarray) -> np.ndarray:
        return np.where(contexts[:, -1:] == 0, [5.0, 5.0], [0.0, -np.inf])

    chain = chain_of(by_last_token, "01", 13)  # more contexts than are asked for at once
    assert chain.log_probs.dtype == np.float64
    np.testing.assert_allclose(chain.probs[::2], 0.5, rtol=1e-15)
    np.testing.assert_array_equal(chain.probs[1::2], [[1, 0]] * 4096)


@pytest.mark.parametrize("wrong", [np.zeros((3, 1)), np.full((4, 2), np.nan), np.full((4, 2), -np.inf), np.zeros(2)])
def test_functions_that_are_no_model(wrong: np.ndarray) -> None:
    with pytest.raises(InputError, match="expected log-probabilities of shape"):
        chain_of(lambda contexts: wrong, "01", 2)


@pytest.mark.parametrize("contexts", [[[2**32, 0, 1]], [[0.7, 1.9]], [[-1, 0]], [0, 1]])
def test_contexts_that_are_none(notebook: Run, contexts: list) -> None:
    with pytest.raises(InputError):
        notebook.model.log_probs(contexts)


def test_weights_that_overflow_are_said_so(notebook: Run) -> None:
    model = Model(config=notebook.model.config, vocab=("0", "1"), weights=notebook.model.weights * np.float32(1e30))
    with pytest.raises(InputError, match="finite probabilities"):
        model.chain()


def test_samples_follow_the_chain() -> None:
    chain = Chain.from_probs([[0, 1], [0.25, 0.75]], "ab", 1)
    text = chain.sample(20_000, start="a", seed=1)
    assert len(text) == 20_001
    assert "aa" not in text
    assert text.count("ba") / text.count("b") == pytest.approx(0.25, abs=0.015)
    assert chain.sample(20, seed=3) == chain.sample(20, seed=3) != chain.sample(20, seed=4)


def test_samples_from_short_starts_use_the_startup_rows(notebook: Run) -> None:
    text = notebook.chain.sample(30, start="1", seed=0)
    assert text.startswith("1")
    assert len(text) == 31
    tokens = notebook.model.sample([1], 30, seed=0)
    assert "".join(map(str, tokens)) == text
    bare = Chain(log_probs=notebook.chain.log_probs, vocab=("0", "1"), context_length=3)
    with pytest.raises(InputError, match="a start of 3 tokens"):
        bare.sample(5, start="1")


@pytest.mark.parametrize("out", [np.empty(3), np.empty(4, np.float32), np.empty(8)[::2], np.empty((4, 1))])
def test_results_go_only_where_they_fit(out: np.ndarray) -> None:
    chain, pi = Chain.from_probs(np.full((4, 2), 0.5), "ab", 2), np.full(4, 0.25)
    for place in (out, pi):
        with pytest.raises(InputError, match="expected out"):
            chain.push(pi, place)
        with pytest.raises(InputError, match="expected out"):
            chain.pull(pi, place)


def test_ids_of_states_given_as_text() -> None:
    chain = Chain.from_probs(np.full((4, 2), 0.5), "ab", 2)
    assert [chain.id(name) for name in chain.labels] == [0, 1, 2, 3]
    for wrong in ("a", "abc", "ax", ""):
        with pytest.raises(InputError):
            chain.id(wrong)


@given(n=st.integers(0, 3))
def test_tokens_of_several_characters_are_set_apart(n: int) -> None:
    chain = Chain.from_probs(np.full((4, 2), 0.5), ("the", "cat"), 2)
    assert chain.label(1) == "the cat"
    assert chain.id("cat the") == 2
    assert len(chain.sample(n, start="the cat").split()) == n + 2


@pytest.mark.parametrize(
    "probs", [[[0.5, 0.6], [0.5, 0.5]], [[-0.5, 1.5], [0.5, 0.5]], [[np.nan, 1], [0.5, 0.5]], [0.5, 0.5], [[1.0, 0.0]]]
)
def test_what_is_no_chain(probs: list) -> None:
    with pytest.raises(InputError, match=r"expected .*got .*; try"):
        Chain.from_probs(probs, "ab", 1)


def test_probabilities_are_kept_as_they_are_given() -> None:
    probs = np.array([[0.9, 0.1], [1e-300, 1.0]])
    chain = Chain.from_probs(probs, "ab", 1)
    assert chain.log_probs.dtype == np.float64
    np.testing.assert_allclose(chain.probs, probs, rtol=1.5e-13)  # of 1e-300, whose logarithm is -691, so much is lost
    assert 691 * 2.0**-53 < chain.rounding < 1.6e-13
    assert chain.rounding < greedy(chain).rounding + 1.6e-13
    np.testing.assert_array_equal(greedy(chain).probs, [[1, 0], [0, 1]])


def test_rounding_is_that_of_the_kernels_and_of_logarithms() -> None:
    probs = np.random.default_rng(0).dirichlet(np.full(3, 0.02), 9)
    probs /= probs.sum(1, keepdims=True)
    chain = Chain.from_probs(probs, "abc", 2)
    meant = decimals(probs) / decimals(probs).sum(1, keepdims=True)
    for token in range(3):
        pulled = chain.pull((np.arange(9) % 3 == token).astype(float))
        for got, exact in zip(pulled, meant[:, token], strict=True):
            if exact > Decimal("4e-308"):  # others are no arrows
                assert abs(Decimal(float(got)) / exact - 1) <= Decimal(chain.rounding)
            else:
                assert got == 0
    single = replace(chain, log_probs=chain.log_probs.astype(np.float32))
    assert single.rounding == 13 * 2.0**-53
    with pytest.raises(InputError, match=r"one off by .*e-08; try dividing them by their sums, in float64"):
        Chain.from_probs(np.full((3, 3), np.float32(1 / 3)), "abc", 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("startup", [False, True])
@pytest.mark.parametrize(
    ("row", "got"),
    [
        ([0, 0], "off by 1.0e+00"),
        ([np.nan, 0], "NaN"),
        ([np.inf, -np.inf], "NaN or what is far above one"),
        ([-np.inf, -np.inf], "off by 1.0e+00"),
        ([-709, -800], "off by 1.0e+00"),
        ([-np.inf, 3e-4], "off by 3.0e-04"),
    ],
)
def test_rows_that_do_not_sum_to_one_are_refused(dtype: type, startup: bool, row: list, got: str) -> None:
    rows, short = np.full((4, 2), -np.log(2), dtype), np.full((2, 2), -np.log(2), dtype)
    Chain(log_probs=rows, vocab=("a", "b"), context_length=2, startup=(short,))
    (short if startup else rows)[1] = row
    with pytest.raises(InputError, match=r"expected float.. rows whose probabilities sum to one.*; try") as caught:
        Chain(log_probs=rows, vocab=("a", "b"), context_length=2, startup=(short,))
    assert got in str(caught.value)


@pytest.mark.parametrize(("dtype", "most"), [(np.float32, 1e-4), (np.float64, 1e-12)])
def test_rows_may_be_off_by_what_their_precision_loses(dtype: type, most: float) -> None:
    rows = np.log(np.full((2, 2), [0.25, 0.75]))
    for sign in (-1, 1):
        near = (rows + np.log1p(0.9 * sign * most)).astype(dtype)
        chain = Chain(log_probs=near, vocab=("a", "b"), context_length=1)
        np.testing.assert_allclose(chain.push([1, 0]).sum(), 1, rtol=1e-15)  # kernels normalise the rest
        with pytest.raises(InputError, match="sum to one"):
            Chain(log_probs=(rows + np.log1p(1.1 * sign * most)).astype(dtype), vocab=("a", "b"), context_length=1)


def test_a_bad_row_is_found_in_every_piece_of_a_large_chain() -> None:
    rows = np.full((2**19, 2), -np.log(2), np.float32)
    Chain(log_probs=rows, vocab=("a", "b"), context_length=19)
    for place in (0, 2**17 - 1, 2**17, 2**19 - 1):
        broken = rows.copy()
        broken[place, 1] = np.nan
        with pytest.raises(InputError, match="NaN"):
            Chain(log_probs=broken, vocab=("a", "b"), context_length=19)


def test_rows_of_other_kinds_are_refused() -> None:
    rows = np.full((4, 2), -np.log(2))
    wrong = [
        {"log_probs": rows.astype(np.float16)},
        {"log_probs": np.repeat(rows, 2, 1)[:, ::2]},
        {"log_probs": rows[:3]},
        {"startup": (rows[:2].astype(np.float32),)},
        {"startup": (rows,)},
        {"vocab": ()},
        {"context_length": 0},
        {"context_length": -1},
        {"counts": np.zeros(3, np.int64)},
    ]
    for one in wrong:
        with pytest.raises(InputError, match=r"expected .*got .*; try"):
            Chain(**{"log_probs": rows, "vocab": ("a", "b"), "context_length": 2, **one})


@pytest.mark.parametrize("length", [63, 2**31, 2**63, 10**30])
@pytest.mark.parametrize("V", [1, 2, 50257])
def test_contexts_without_end_are_refused_at_once(length: int, V: int) -> None:
    if (V, length) == (1, 63):
        return
    vocab = tuple(map(str, range(V)))
    with pytest.raises(TooLargeError, match=r"expected at most .*; try a shorter context"):
        Chain.from_probs(np.full((1, V), 1 / V), vocab, length)
    with pytest.raises(TooLargeError, match=r"expected at most .*; try a shorter context"):
        chain_of(lambda contexts: np.zeros((len(contexts), V)), vocab, length)


def test_what_is_too_large_to_list() -> None:
    chain = Chain.from_probs(np.full((2**13, 2), 0.5), "ab", 13)
    for export in (chain.to_networkx, chain.to_graphviz):
        with pytest.raises(TooLargeError, match="to_csr"):
            export()
    with pytest.raises(TooLargeError, match="a shorter context"):
        Model.init(GPTConfig(vocab_size=2, context_length=60), "01", seed=0).chain()


@given(config=small, seed=SEEDS)
def test_what_follows_a_state_is_its_row(config: GPTConfig, seed: int) -> None:
    chain = random_chain(config, seed)
    for id, state in enumerate(chain):
        after = chain[state]
        assert tuple(after) == chain.vocab
        assert list(after.values()) == chain.probs[id].tolist()
        assert after == chain[id] == chain.at(state) == chain.at(id)
        assert all(chain.p(token, after=state) == p for token, p in after.items())
    assert list(chain) == chain.labels
    assert len(chain) == chain.n_states


def test_a_chain_reads_as_a_table_that_cannot_be_changed(notebook: Run) -> None:
    after = notebook.chain["101"]
    assert (after.context, len(after), "1" in after, "2" in after, after.likeliest) == ("101", 2, True, False, "1")
    assert repr(after) == "NextToken('0': 0.2071, '1': 0.7929)"
    assert after.top(1) == [("1", after["1"])]
    with pytest.raises(TypeError):
        after["1"] = 0.5  # type: ignore[index]
    with pytest.raises(ValueError, match="read-only"):
        after.probs[0] = 1.0
    for wrong in ("2", "", 1, None):
        with pytest.raises(InputError, match=r"expected a token of '0 1', got .*; try '0'"):
            after[wrong]  # type: ignore[index]
    assert after.get("2") is None
    assert ("101" in notebook.chain, "1" in notebook.chain, 7 in notebook.chain, 8 in notebook.chain) == (
        *(True, False),
        *(True, False),
    )
    assert None not in notebook.chain
    with pytest.raises(InputError, match="try its probs"):
        np.asarray(notebook.chain)


def test_what_follows_a_startup_context(notebook: Run) -> None:
    chain = notebook.chain
    for context in ("0", "1", "01", "10"):
        tokens = [[int(sign) for sign in context]]
        row = np.exp(notebook.model.log_probs(tokens), dtype=np.float64)[0]
        np.testing.assert_allclose(list(chain.at(context).values()), row / row.sum(), rtol=1e-6)
        assert chain.p("1", after=context) == chain.at(context)["1"]
    for wrong in ("", "0101", "012", None, 8, -1):
        with pytest.raises(InputError, match=r"expected .*got .*; try"):
            chain.at(wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="a state of 3 tokens, got '01'"):
        chain["01"]
    bare = replace(chain, startup=None)
    with pytest.raises(InputError, match="a context of 3 tokens, got '01'; try '000'"):
        bare.at("01")


def test_rows_with_arrows_that_are_none_read_as_zero() -> None:
    chain = Chain.from_probs([[1, 0], [1e-310, 1]], "ab", 1)
    assert dict(chain["a"]) == {"a": 1.0, "b": 0.0}
    assert dict(chain["b"]) == {"a": 0.0, "b": 1.0}


def test_a_walk_begins_where_analyses_do(notebook: Run) -> None:
    starts = [notebook.chain.sample(0, seed=seed) for seed in range(300)]
    found = np.array([starts.count(state) for state in notebook.chain]) / 300
    np.testing.assert_allclose(found, notebook.chain.start_distribution(), atol=0.08)
    assert set(starts) == {"011", "101", "110", "111"}  # what the data has
    bare = replace(notebook.chain, counts=None)
    assert {bare.sample(0, seed=seed) for seed in range(100)} == set(bare)
    assert bare.sample(5, start=5, seed=2) == bare.sample(5, start="101", seed=2)
    only = np.zeros(8)
    only[6] = 1
    assert {bare.sample(0, start=only, seed=seed) for seed in range(20)} == {"110"}
    assert bare.sample(30, start=only, seed=4)[3:] == bare.sample(30, start="110", seed=4)[3:]


def test_a_vocabulary_is_kept_as_symbols() -> None:
    rows = np.full((4, 2), -np.log(2))
    chain = Chain(log_probs=rows, vocab="ab", context_length=np.int64(2))  # type: ignore[arg-type]
    assert (chain.vocab, chain.context_length, type(chain.context_length)) == (("a", "b"), 2, int)
    for wrong in ("aa", ("a", ""), (0, 1), 5, ("a b", "c")):
        with pytest.raises(InputError, match=r"expected .*got .*; try"):
            Chain(log_probs=rows, vocab=wrong, context_length=2)  # type: ignore[arg-type]


def test_copies_meet_only_among_states_that_are_not_left() -> None:
    chain = Chain.from_probs([[0.5, 0.5, 0], [0.5, 0.5, 0], [0.2, 0.2, 0.6]], "abc", 1)
    assert chain.overlap(np.array([0, 1]))[1] > 0.99
    assert chain.overlap([1, 0]) == chain.overlap(np.array([0, 1]))  # type: ignore[arg-type]
    for wrong in ([0], [2], [0, 2], [], [3], [-1], [0.5], "ab", [[0, 1]], [True, True, False]):
        with pytest.raises(InputError, match="the ids of a recurrent class"):
            chain.overlap(wrong)  # type: ignore[arg-type]


def test_what_a_notebook_shows_of_a_chain(notebook: Run) -> None:
    assert notebook.chain._repr_html_().startswith("<svg")
    assert notebook.chain["101"]._repr_html_() == (
        "<table><caption>after 101</caption><tr><th>token</th><th>probability</th></tr>"
        "<tr><td>0</td><td>20.7 %</td></tr><tr><td>1</td><td>79.3 %</td></tr></table>"
    )
    many = Chain.from_probs(np.full((64, 2), 0.5), "<a", 6)._repr_html_()
    assert (many.count("<tr>"), "&lt;&lt;&lt;&lt;&lt;a" in many, "32 more" in many) == (34, True, True)
    wide = Chain.from_probs(np.full((9, 9), 1 / 9), "abcdefghi", 1)._repr_html_()
    assert "most probable next tokens" in wide
    assert "a 11.1 %, b 11.1 %, c 11.1 %, d 11.1 %<" in wide
