"""The examples, in their short form: their pictures are there, and their figures agree with those they stand beside."""

import importlib
import importlib.util
import itertools
import math
import re
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from functools import cache
from itertools import islice, product
from pathlib import Path

import numpy as np
import pytest

from finitegpt import GPTConfig, Model, temperature
from finitegpt.sources import parse

FOLDER = Path(__file__).parent.parent / "examples"
PICTURES = {
    "greedy_cycles": ["greedy-cycles.svg"],
    "in_context": ["in-context.svg", "in-context-distance.svg", "in-context-heads.svg"],
    "markov_one_layer": ["markov-one-layer.svg"],
    "memory": ["memory.svg", "memory-even.svg", "memory-golden_mean.svg"],
    "mess3": [f"{name}.svg" for name in ("mess3", "mess3-depth", "mess3-0.05-0.85", "mess3-0.05-0.85-depth")],
    "microgpt": ["microgpt.svg"],
    "names": ["names.svg"],
    "notebook": ["notebook.svg"],
    "unseen_bias": ["unseen-bias.svg"],
}
H = 1e-5
SHARED = ("bare", "scalar_gpt", "table")  # what examples import


class Table:
    """The rows that an example returned, by name, and the folder it wrote to."""

    def __init__(self, rows, out: Path) -> None:
        self.rows, self.out = {row.name: row for row in rows}, out
        assert len(self.rows) == len(rows), "two rows of the same name"

    def __getitem__(self, name: str):
        return self.rows[name].ours

    def agrees(self, name: str, within: float) -> None:
        row = self.rows[name]
        assert row.ours == pytest.approx(row.exact, abs=within), name


def load(name: str):
    """An example as a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)  # as Python does for the folder of a script
        spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        patch.setitem(sys.modules, spec.name, module)  # a dataclass looks there for the names in its annotations
        spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def module():
    """Imports a script of the folder, as Python does for one beside it."""

    return cache(load)


@pytest.fixture(scope="module")
def run(module, tmp_path_factory: pytest.TempPathFactory):
    """Runs an example once, as `python examples/NAME.py --short --out FOLDER` does."""

    @cache
    def once(name: str) -> Table:
        out = tmp_path_factory.mktemp(name) / "new"
        return Table(module(name).main(short=True, out=out), out)

    return once


def test_every_example_is_tested():
    assert {path.stem for path in FOLDER.glob("*.py")} == {*PICTURES, *SHARED}


@pytest.mark.parametrize("name", PICTURES)
def test_an_example_writes_its_pictures(run, name):
    out = run(name).out
    assert sorted(path.name for path in out.iterdir()) == sorted(PICTURES[name])
    for path in out.iterdir():
        picture = path.read_text(encoding="utf-8")
        root = ElementTree.fromstring(picture)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert not re.search(r"\b(nan|inf)\b", picture)


def test_the_notebook_is_reproduced(run):
    table = run("notebook")
    assert table["weights"] == 12656
    published = [name for name in table.rows if name.startswith(("loss at", "P(1|"))]
    assert len(published) == 15
    for name in published:
        table.agrees(name, 1e-6 if name.startswith("loss") else 1e-4)


def test_the_notebook_converges_to_its_limit(run):
    table = run("notebook")
    for state in ("111", "011", "110", "101"):
        table.agrees(f"converged: pi({state})", 1e-3)
    table.agrees("converged: entropy rate, nats", 1e-3)


@pytest.mark.parametrize("source", ["golden_mean", "even"])
def test_a_gpt_has_the_memory_of_its_source(run, source):
    table = run("memory")
    L = 4 if source == "golden_mean" else 12
    for k in (0, 1, 2, 3, L):
        table.agrees(f"{source}: h_{k}, nats", 5e-3)
    assert 0 < table[f"{source}: KL rate, nats"] <= table[f"{source}: it is at most"] < 1.5e-3
    known = table.rows[f"{source}: loss on the source, nats"]
    assert known.ours - known.exact == pytest.approx(table[f"{source}: KL rate, nats"], abs=1e-9)


def test_memory_stands_beside_the_published_entropies(run):
    rows = run("memory").rows
    assert rows["golden_mean: h_1, nats"].exact == pytest.approx(0.462098, abs=1e-6)
    published = {0: 0.636514, 1: 0.605939, 2: 0.549306}
    assert {k: rows[f"even: h_{k}, nats"].exact for k in published} == pytest.approx(published, abs=1e-6)


def test_a_gpt_comes_down_to_the_machine_of_the_golden_mean(run):
    table = run("memory")
    assert table["golden_mean: states of the machine"] == 2
    table.agrees("golden_mean: P(1) in its state 0", 0.02)
    table.agrees("golden_mean: P(1) in its state 1", 0.01)


def test_one_layer_learns_a_markov_chain(run):
    table = run("markov_one_layer")
    for title, published in (("p + q = 0.5", (0.673012, 0.544587)), ("p + q = 1.3", (0.666278, 0.619015))):
        assert (table[f"{title}: unigram loss"], table[f"{title}: bigram loss"]) == pytest.approx(published, abs=1e-6)
        table.agrees(f"{title}: unigram loss", 1e-9)
        table.agrees(f"{title}: bigram loss", 1e-9)
        for model in ("GPT, tied", "GPT, untied"):
            table.agrees(f"{title}: {model}: loss, median of 11 seeds", 1e-5)
            table.agrees(f"{title}: {model}, on a sample: loss, median of 11 seeds", 1e-4)
            exact, sampled = (f"{title}: {model}{how}: loss, median of 11 seeds" for how in ("", ", on a sample"))
            assert table[f"{title}: bigram loss"] < table[exact] < table[sampled]
            assert table[f"{title}: {model}: unigram loss is left by"] == "11 of 11 seeds"


def test_only_tied_embeddings_and_p_and_q_above_one_hold_a_gpt_up(run):
    table = run("markov_one_layer")
    held = table["p + q = 1.3: GPT, tied: steps until halfway, median"]
    others = [("p + q = 1.3", "untied"), ("p + q = 0.5", "tied"), ("p + q = 0.5", "untied")]
    assert held > 3 * max(table[f"{title}: GPT, {name}: steps until halfway, longest"] for title, name in others)


def test_tied_embeddings_catch_the_bare_model_where_p_and_q_exceed_one(run):
    table = run("markov_one_layer")
    loss, left = "loss, median of 3 seeds", "unigram loss is left by"
    for title, name in (("p + q = 1.3", "untied"), ("p + q = 0.5", "tied"), ("p + q = 0.5", "untied")):
        table.agrees(f"{title}: bare, {name}: {loss}", 1e-5)
        assert table.rows[f"{title}: bare, {name}: {left}"].exact == "saddle"
        assert table[f"{title}: bare, {name}: {left}"] == "3 of 3 seeds"
    title = "p + q = 1.3"
    assert table[f"{title}: bare, tied: {loss}"] == pytest.approx(table[f"{title}: unigram loss"], abs=1e-6)
    assert table.rows[f"{title}: bare, tied: {left}"].exact == "local minimum"
    assert table[f"{title}: bare, tied: {left}"] == "0 of 3 seeds"


@pytest.mark.parametrize("tied", [True, False])
def test_the_gradient_of_the_bare_model_is_that_of_its_loss(module, tied):
    bare = module("bare")
    weights = bare.begun(3, seed=0, tied=tied, deviation=0.5)
    assert ("a" in weights) is not tied
    rng = np.random.default_rng(1)
    windows, share = rng.integers(0, 2, (5, 4)), rng.dirichlet(np.ones(5))
    _, slopes = bare.loss_and_gradient(weights, windows, share)
    assert slopes.keys() == weights.keys()
    for name, weight in weights.items():
        towards = rng.standard_normal(weight.shape)
        up, down = (bare.loss_and_gradient(weights | {name: weight + h * towards}, windows, share)[0] for h in (H, -H))
        assert (slopes[name] * towards).sum() == pytest.approx((up - down) / (2 * H), abs=1e-7), name


def test_the_bare_model_sees_no_later_token(module):
    bare = module("bare")
    weights = bare.begun(4, seed=0, tied=False, deviation=0.5)
    seen = bare.forward(weights, np.array([[0, 1, 1, 0], [0, 1, 0, 1]]))["one"]
    assert seen[0, :2] == pytest.approx(seen[1, :2], abs=1e-12)
    assert seen[0, 2] != pytest.approx(seen[1, 2], abs=1e-6)
    assert np.exp(bare.log_probs(weights, np.array([[0, 1, 1, 0]]))).sum() == pytest.approx(1)


@pytest.mark.parametrize("source", ["mess3", "mess3:0.05,0.85"])
def test_training_brings_beliefs_into_the_residual_stream(run, source):
    table = run("mess3")
    r2 = {name.split("R^2 from ")[1]: row.ours for name, row in table.rows.items() if f"{source}: R^2 from" in name}
    assert r2["the exact probabilities"] == pytest.approx(1, abs=1e-6)
    assert r2["the last token"] < r2["all tokens"] < r2["the untrained GPT"] < r2["the trained GPT"] < 1
    assert 1 - r2["the trained GPT"] < 0.3 * (1 - r2["the untrained GPT"])
    for which in ("trained", "untrained"):
        depths = [table[f"{source}: R^2 at depth {depth}, {which}"] for depth in range(5)]
        assert depths[0] == pytest.approx(r2["the last token"], abs=1e-6)  # one vector for each token, and a constant
        assert depths[4] == r2[f"the {which} GPT"]


@pytest.mark.parametrize("source", ["mess3", "mess3:0.05,0.85"])
def test_mess3_is_learned(run, source):
    table = run("mess3")
    tokens, loss = (table[f"{source}: {what}"] for what in ("tokens of context", "expected loss with 5 tokens, nats"))
    assert 4.3 <= tokens <= 5
    assert np.interp(tokens, np.arange(6), parse(source).memory(5)) == pytest.approx(loss, abs=1e-9)


def test_mess3_has_the_published_entropy_rate(run):
    run("mess3").agrees("mess3: entropy rate, nats", 1e-6)


def test_beliefs_are_not_drawn_of_a_gpt_that_has_not_learned(tmp_path):
    example = load("mess3")
    example.NEEDED = 5.5
    with pytest.raises(RuntimeError, match=r"worth 5\.5 tokens of context on mess3, got one worth 4\."):
        example.main(short=True, out=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_bayes_and_counts_have_the_losses_of_their_definitions(run):
    table = run("in_context")
    law = {}
    for word in itertools.product((0, 1), repeat=9):
        law[word] = 0.5  # the first token
        for state in (0, 1):
            follow = [b for a, b in itertools.pairwise(word) if a == state]
            ones, zeros = sum(follow), len(follow) - sum(follow)
            law[word] *= math.factorial(ones) * math.factorial(zeros) / math.factorial(ones + zeros + 1)

    def given(what) -> float:
        """The entropy of the last token, given what is made of those before."""
        joint, alone = {}, {}
        for word, p in law.items():
            key = what(word[:8])
            joint[key, word[8]] = joint.get((key, word[8]), 0) + p
            alone[key] = alone.get(key, 0) + p
        return -sum(p * math.log(p / alone[key]) for (key, _), p in joint.items())

    assert table["Bayes: loss, nats"] == pytest.approx(given(lambda context: context), abs=1e-12)
    assert table["counts of tokens alone: loss, nats"] == pytest.approx(given(sum), abs=1e-12)
    laplace = -sum(p * math.log((word[:8].count(word[8]) + 1) / 10) for word, p in law.items())
    assert table["(1s + 1) / (tokens + 2): loss, nats"] == pytest.approx(laplace, abs=1e-12)
    for name, within in (("Bayes", 1e-6), ("counts of tokens alone", 2e-6), ("(1s + 1) / (tokens + 2)", 2e-6)):
        table.agrees(f"{name}: loss, nats", within)
    lost = table["counts of tokens alone: loss, nats"] - table["Bayes: loss, nats"]
    assert table["KL(Bayes || counts), nats"] == pytest.approx(lost, abs=1e-12)


def test_a_gpt_learns_to_learn_in_context(run):
    table = run("in_context")
    assert table["Bayes: loss, nats"] < table["seed 0: loss, nats"] < table["Bayes: loss, nats"] + 1e-3
    table.agrees("seed 0: training loss of the first step, nats", 1e-6)


def test_no_head_is_idle_in_context(run):
    table = run("in_context")
    whole, counts = table["seed 0: loss, nats"], table["counts of tokens alone: loss, nats"]
    for what in ("off", "at its mean"):
        losses = [table[f"seed 0: head {(layer, head)} {what}: loss, nats"] for layer in (0, 1) for head in (0, 1)]
        assert min(losses) > whole + 1e-3
        assert min(abs(loss - counts) for loss in losses) < 0.02
    apart = [row.ours for name, row in table.rows.items() if name.endswith("off: KL(counts || GPT), nats")]
    assert len(apart) == 4
    assert min(apart) > 0.005


def test_greedy_decoding_ends_in_cycles(run):
    table = run("greedy_cycles")
    for name in ("mess3", "vowels", "letters"):
        table.agrees(f"{name}: greedy: states with one arrow", 0)
        table.agrees(f"{name}: greedy: states on cycles", 0)
        table.agrees(f"{name}: greedy: these together", 1e-9)
        rates = [table[f"{name}: entropy rate at T = {T}, nats"] for T in (1.0, 0.7, 0.3, 0.1)]
        assert rates == sorted(rates, reverse=True)
        cycles = [row for row in table.rows.values() if row.name.startswith(f"{name}: greedy: P(ends in")]
        assert len(cycles) == table[f"{name}: greedy: cycles"]
        assert (
            sum(int(row.name.split("period ")[1][:-1]) for row in cycles) == table[f"{name}: greedy: states on cycles"]
        )


def test_greedy_mess3_repeats_one_token_for_ever(run):
    table = run("greedy_cycles")
    for token in "012":
        table.agrees(f"mess3: greedy: P(ends in '{token}', period 1)", 0.1)
        assert table.rows[f"mess3: greedy: P(ends in '{token}', period 1)"].exact == pytest.approx(1 / 3, abs=1e-6)
    for T, within in ((1.0, 2e-3), (0.7, 5e-3), (0.3, 0.03)):
        table.agrees(f"mess3: entropy rate at T = {T}, nats", within)


def test_seed_1337_says_what_was_published_about_unseen_states(run):
    table = run("unseen_bias")
    for state in ("000", "001", "010", "100"):
        table.agrees(f"seed 1337: P(1|{state})", 1e-4)


def test_training_alone_biases_unseen_states(run):
    table = run("unseen_bias")
    table.agrees("share of 1 among the 12 tokens to predict", 0)
    assert table["seeds with P(1|000) > 1/2, before training"] < 10
    assert table["seeds with P(1|000) > 1/2"] > 90
    assert table["mean P(1|000)"] == pytest.approx(0.75, abs=0.03)
    assert table["mean P(1|000), before training"] < 0.5


@pytest.mark.parametrize("told", ["context of 3", "whole names"])
def test_the_share_of_names_that_are_in_the_data_is_what_a_sample_estimates(run, told):
    table = run("names")
    share, error = f"{told}: P(a name trained on)", f"{told}: P(a name trained on), standard error of a sample"
    table.agrees(f"{share}, in a sample of 2,000", 4 * table[error])
    assert 0.03 < table[share] < 0.3
    parts = [table[f"{told}: P({what})"] for what in ("a name trained on", "a name held out", "a new name")]
    assert sum(parts) == pytest.approx(1, abs=1e-12)
    table.agrees(f"{told}: loss on names held out, nats a token", 1e-5)
    new = [row.ours for name, row in table.rows.items() if name.startswith(f"{told}: new: ")]
    assert len(new) == 5
    assert new == sorted(new, reverse=True)


def test_the_lengths_of_names_add_up(run):
    table = run("names")
    table.agrees("context of 3: P(at most 300 letters)", 1e-6)
    table.agrees("context of 3: mean length, beside that of the data", 0.5)
    assert table["context of 3: states of the chain"] == 27**3


@pytest.fixture
def names(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module("names")


@pytest.mark.parametrize("T", [1.0, 0.5])
def test_names_have_the_probabilities_of_their_tokens(names, T):
    model = Model.init(GPTConfig(vocab_size=3, context_length=2, n_layer=1, n_head=2, n_embd=8), "ab.", seed=3)
    model = replace(model, weights=2 * model.weights)  # so that rows differ
    every = ["".join(letters) for n in range(11) for letters in product("ab", repeat=n)]
    found = np.exp(names.log_probabilities(model, every, T))

    def by_definition(name):
        text, p = f".{name}.", 1.0
        for k in range(1, len(text)):
            row = np.exp(model.log_probs([text[max(0, k - 2) : k]])[0].astype(float) / T)
            p *= row["ab.".index(text[k])] / row.sum()
        return p

    assert found.tolist() == pytest.approx([by_definition(name) for name in every], rel=1e-6)
    by_length = np.bincount([len(name) for name in every], found)
    assert names.lengths(temperature(model.chain(), T), 10) == pytest.approx(by_length, rel=1e-5)
    best = sorted(zip(found, every, strict=True), reverse=True)[:3]
    assert best[-1][0] > 1 - found.sum(), "a longer name could be as probable"
    assert [name for name, _ in islice(names.most_probable(model, T), 3)] == [name for _, name in best]


def test_names_are_the_lines_of_a_file(names, tmp_path):
    file = tmp_path / "names.txt"
    file.write_text("emma\n\n olivia \n", encoding="utf-8")
    assert names.names_of(file) == ["emma", "olivia"]


def test_microgpt_trains_in_the_engine_as_in_plain_python(run):
    table = run("microgpt")
    table.agrees("parameters", 0)
    table.agrees("loss of step 1, beside plain Python", 1e-6)
    table.agrees("loss of step 24, beside plain Python", 1e-4)
    table.agrees("largest difference in 24 steps, millionths of a nat", 100)
    assert table["mean loss of the last 100 steps"] < table["loss of step 1, beside plain Python"] - 0.5


def test_microgpt_makes_up_names_of_the_data_when_it_is_cold(run):
    table = run("microgpt")
    for T in (1.0, 0.5):
        table.agrees(f"context of 3, T = {T}: P(at most 400 letters)", 1e-6)
        assert 0 < table[f"T = {T}: P(one of the 1,000 trained on)"] < table[f"T = {T}: P(one of all names)"] < 1
    assert table["T = 0.5: P(one of all names)"] > 2 * table["T = 1.0: P(one of all names)"]
