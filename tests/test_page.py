"""The page's modules against the library: each function of theirs has its twin here."""

import json
import math
import re
import shlex
import shutil
import subprocess
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import finitegpt.page
from finitegpt import Chain, Data, GPTConfig, InputError, Model, Run, TrainConfig, decode, train, weights, words
from finitegpt.analysis import (
    entropy_rate,
    hitting_probabilities,
    match,
    mixing_time,
    period,
    recurrent_classes,
    red_states,
    stationary_distributions,
    total_variation,
)
from finitegpt.cli import main
from finitegpt.config import ACTIVATIONS
from finitegpt.data import NOTEBOOK_SEQUENCE
from finitegpt.page import page as page_of
from finitegpt.page import strings
from finitegpt.picture.layout import arrow, ring
from finitegpt.sources import transform
from oracles import SYMBOLS, decimals, exact_dense_law, exact_entropy, exact_matrix, exact_passage, exact_rows

NODE = shutil.which("node")


@pytest.fixture(autouse=True)
def node(request: pytest.FixtureRequest) -> None:
    if NODE is None and request.config.getoption("--require-browser"):
        pytest.fail("expected Node.js, found none")
    if NODE is None:
        pytest.skip("Node.js is not installed")


def call(*calls: tuple[str, str, list[Any]]) -> list[Any]:
    """Results of functions of the page's modules: (module, function, arguments)."""
    script = Path(__file__).parent / "page" / "call.mjs"
    done = subprocess.run(
        [str(NODE), str(script)], input=json.dumps(calls), capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def typed(kind: str, values: Any) -> dict[str, Any]:
    return {"type": kind, "values": np.asarray(values).reshape(-1).tolist()}


def floats(values: list[Any]) -> np.ndarray:
    return np.array([float(value.replace("Infinity", "inf")) if isinstance(value, str) else value for value in values])


def shape(config: GPTConfig) -> dict[str, Any]:
    names = ("vocabSize", "contextLength", "nLayer", "nHead", "nEmbd", "bias")
    kinds = {
        "tied": config.tied,
        "activation": ACTIVATIONS.index(config.activation),
        "norm": 0 if config.norm == "layernorm" else 1 if config.norm_weight else 2,
        "embeddingNorm": config.embedding_norm,
        "finalNorm": config.final_norm,
    }
    return dict(zip(names, config.to_dict().values(), strict=False)) | kinds


def chains() -> list[Chain]:
    """Dense, truncated, greedy and periodic ones."""
    rng = np.random.default_rng(7)
    found = [
        Chain.from_probs(rng.dirichlet(np.full(V, 0.6), V**L), "abcd"[:V], L)
        for V, L in ((2, 3), (3, 3), (2, 6), (4, 2))
    ]
    found += [decode(chain, top_p=0.7) for chain in found] + [decode(chain, greedy=True) for chain in found]
    return [*found, Chain.from_probs(np.eye(3)[[1, 2, 0]], "abc", 1)]


def test_numbers_are_written_as_the_library_writes_them() -> None:
    rng = np.random.default_rng(11)
    intervals = [(0.25, -np.inf, np.inf), (0.25, 0, np.inf), (np.inf, 0, np.inf), (1, 1, 1), (0, 0, 0), (0, -1, 1)]
    intervals += [(1, low, np.inf) for low in (371.6, -2, np.inf)] + [(1, -np.inf, high) for high in (-np.inf, 371.6)]
    intervals += [(1, 1 - 1e-16, 1), (5e-324, 5e-324, 5e-324), (0, 0, 5e-324), (0, -1.7e308, 1.7e308), (1 / 3,) * 3]
    for _ in range(4000):
        x = rng.normal() * 10 ** rng.choice([rng.uniform(-3, 3), rng.uniform(-320, 300), rng.uniform(4, 9)])
        step = 10.0 ** rng.integers(-8, 4)
        error = abs(x) * 10 ** rng.uniform(-17, 0.5)
        ends = [
            (x - error * rng.uniform(), x + error),
            (0.0, abs(x)),
            (x, x),
            (math.floor(x) / 2 * step, (math.floor(x) + int(rng.integers(3))) / 2 * step),  # where ties are
            (round(x) % 10**7,) * 2,
        ][rng.integers(5)]
        intervals.append((x, min(ends), max(ends)))
    shares = [tuple(min(abs(end), 1.0) for end in interval) for interval in intervals]
    shares = [(value, min(ends), max(ends)) for value, *ends in shares]
    calls = [("numbers.js", "bounded", interval) for interval in intervals]
    calls += [("numbers.js", "boundedShare", share) for share in shares]
    plain = [(*names, [sendable(x) for x in numbers]) for *names, numbers in calls]
    found = call(("strings.js", "setStrings", [strings()]), *plain)[1:]
    expected = [words.number(*numbers) for numbers in intervals] + [words.percent(*share) for share in shares]
    assert found == expected
    assert len(set(found)) > 3000


def sendable(x: float) -> Any:
    """A number, also where JSON has no sign for it."""
    return float(x) if np.isfinite(x) else {"type": "Number", "value": str(float(x)).replace("inf", "Infinity")}


def test_windows_and_counts_are_those_of_the_library() -> None:
    for text, L in ((NOTEBOOK_SEQUENCE, 3), ("abcabcaabbccab", 2), ("0110" * 9, 5)):
        data = Data.from_text(text, context_length=L)
        vocab, tokens = call(("data.js", "vocabulary", [text]), ("data.js", "tokenize", [text, list(data.vocab)]))
        assert (tuple(vocab), tokens) == (data.vocab, {"tokens": data.tokens.tolist(), "strange": 0})
        found, entropy = call(
            ("data.js", "windows", [tokens["tokens"], len(vocab), L]),
            ("data.js", "dataEntropy", [*counts_as_maps(data), len(vocab)]),
        )
        starts, counts = data.distinct
        assert found["starts"] == starts.tolist()
        np.testing.assert_allclose(found["shares"], counts / counts.sum(), rtol=1e-6)
        assert found["counts"] == data.counts().tolist()
        assert found["arrows"] == arrow_counts(data).tolist()
        assert entropy == pytest.approx(data.entropy, abs=1e-12)


def counts_as_maps(data: Data) -> list[dict[str, Any]]:
    """How often the data shows each state and each arrow, as the page has it: those only that occur."""
    found = []
    for counts in (data.counts(), arrow_counts(data)):
        flat = np.asarray(counts).reshape(-1)
        found.append({"type": "Map", "values": [[int(k), int(flat[k])] for k in np.flatnonzero(flat)]})
    return found


def arrow_counts(data: Data) -> np.ndarray:
    V, L = len(data.vocab), data.context_length
    counts = np.zeros(V ** (L + 1), int)
    for k in range(data.n_windows):
        counts[int("".join(map(str, data.tokens[k : k + L + 1])), V)] += 1
    return counts


SMALL: dict[str, Any] = {"vocab_size": 3, "context_length": 2, "n_layer": 2, "n_head": 2, "n_embd": 8}
MODELS = [
    GPTConfig(**SMALL, tied=False),
    GPTConfig(**SMALL, activation="gelu_tanh", bias=True),
    GPTConfig(**SMALL, activation="relu", norm="rmsnorm"),
    GPTConfig(**SMALL, norm="rmsnorm", norm_weight=False, embedding_norm=True, final_norm=False, tied=False),
    GPTConfig(**SMALL, norm="rmsnorm", norm_weight=False),
    GPTConfig(**SMALL, final_norm=False),
]
TRAININGS = [
    TrainConfig(steps=20, lr=3e-3, betas=(0.8, 0.95), decay_matrices=True, weight_decay=3.0),
    TrainConfig(steps=30, lr=3e-3, warmup=7, decay="cosine", min_lr=1e-3, clip=0.05),
    TrainConfig(steps=20, lr=3e-3, warmup=3, decay="linear", loss="all"),
    TrainConfig(steps=20, lr=3e-3, batch_size=5, batch_seed=4),
    TrainConfig(steps=20, lr=3e-3, batch_size=7, seed=5),
]


def trained_again(run: Run, keep: int = 1) -> Any:
    """What the page makes of a run that it carries: as a file has it, trained by its engine."""
    carried = json.loads(re.findall(r'id="run">(.*?)</script>', page_of(run))[0])
    assert carried["fixed"] is None
    (start,) = call(("fields.js", "defaults", []))
    (found,) = call(("experiment.js", "experimentOf", [{**start, **carried["values"]}]))
    assert found["experiment"]["shape"] == shape(run.model.config)
    return call(("engine.js", "train", [found["experiment"]["shape"], sendable_plan(found), keep]))[0]


def sendable_plan(found: Any) -> dict[str, Any]:
    kinds = {"tokens": "Int32Array", "shares": "Float32Array", "rates": "Float64Array"}
    return {name: typed(kinds[name], x) if name in kinds else x for name, x in found["experiment"]["plan"].items()}


def test_the_same_training_gives_the_same_chain(notebook: Run) -> None:
    text = "abcabcaabbccab"
    model = GPTConfig(vocab_size=3, context_length=2, n_layer=1, n_head=2, n_embd=6, bias=True)
    other = train(text, model, TrainConfig(steps=20, loss="all", lr=1e-2, seed=3), keep_steps=True)
    runs = [(train(text, model, TrainConfig(steps=10, lr=3e-3), keep_steps=True), 1) for model in MODELS]
    runs += [(train(text, MODELS[0], how, keep_steps=True), 1) for how in TRAININGS]
    documents = Data.from_sequences(["0110", "10", "0011"], context_length=2, bos=".", eos=".")
    runs += [(train(documents, steps=9, n_layer=1, batch_size=size, keep_steps=True), 1) for size in (None, 4)]
    for run, keep in ((notebook, 1), (other, 1), (other, 5), (other, 7), *runs):
        found = trained_again(run, keep)
        np.testing.assert_allclose(found["losses"], run.losses, atol=1e-5)
        chains = np.exp(floats(found["chains"])).reshape(-1, *run.chain.probs.shape)
        kept = [*range(0, run.train.steps, keep), run.train.steps]
        np.testing.assert_allclose(chains[-1], run.chain.probs, atol=1e-5)
        np.testing.assert_allclose(found["weights"], run.model.weights, atol=1e-3)
        if run.trajectory is not None:
            np.testing.assert_allclose(chains, np.exp(run.trajectory[kept]), atol=1e-5)
        inside = run.model.inspect([0, 1])
        np.testing.assert_allclose(found["inside"]["attention"], inside.attention.reshape(-1), atol=1e-4)
        np.testing.assert_allclose(found["inside"]["logits"], inside.logits, atol=1e-4)


def test_what_the_page_cannot_train_again_is_shown_with_a_reason() -> None:
    def carried(run: Run) -> Any:
        return json.loads(re.findall(r'id="run">(.*?)</script>', page_of(run))[0])

    run = train("0110100110010110", config=TrainConfig(steps=6, batch_size=5, decay="linear"))
    assert carried(run)["fixed"] is None
    assert carried(replace(run, train=replace(run.train, decay="constant")))["fixed"] is None
    for how, reason in (
        ({"batches": "in_turn"}, "batches"),
        ({"steps": 9}, "stopped"),
        ({"batch_seed": 3}, "start"),
        ({"seed": 3}, "start"),
        ({"batch_size": 6}, "start"),
    ):
        found = carried(replace(run, train=replace(run.train, **how)))
        assert found["fixed"] == f"fixed.{reason}", how
        assert found["fixed"] in strings()["en"]
    text = "0110100110010110" * 2
    documents = Data.from_sequences(["0110", "10", "0011"], context_length=3, bos="0", eos="0")
    for other, reason in (
        (train(text, validation=0.5, steps=3, keep="best"), "kept"),
        (train(text, model=Model.init(run.model.config, "01", seed=5), steps=3), "start"),
        (train(text, model=run.initial_model, steps=3), "start"),  # given, though the seed would draw them
    ):
        assert carried(other)["fixed"] == f"fixed.{reason}"
    found = carried(train(documents, steps=3))
    assert found["fixed"] is None
    assert (found["values"]["data"], found["values"]["edge"]) == ("0110\n10\n0011", "0")  # type: ignore[index]
    for ends in ({"bos": "0"}, {"bos": "0", "eos": "1"}, {"bos": "0", "eos": "0", "weights": [1, 2]}):
        others = Data.from_sequences(["0110", "10"], context_length=3, **ends)  # type: ignore[arg-type]
        with pytest.raises(InputError, match=r"documents, one a line, .* got one of other sequences"):
            carried(train(others, steps=3))


@pytest.mark.parametrize(
    "how",
    [
        {"temperature": 0.3},
        {"topK": 1},
        {"topK": 2},
        {"topP": 0.6},
        {"greedy": True},
        {"temperature": 2.0, "topK": 2, "topP": 0.5},
    ],
)
def test_decoding_is_that_of_the_library(how: dict[str, Any]) -> None:
    names = {"temperature": "temperature", "topK": "top_k", "topP": "top_p", "greedy": "greedy"}
    full = {"temperature": 1, "topK": None, "topP": 1, "greedy": False, **how}
    rng = np.random.default_rng(1)
    rows = [Chain.from_probs(rng.dirichlet(np.ones(V), V**L), "abcd"[:V], L) for V, L in ((2, 4), (3, 2), (4, 2))]
    found = call(*(("chain.js", "decode", [typed("Float32Array", c.log_probs), c.vocab_size, full]) for c in rows))
    for chain, values in zip(rows, found, strict=True):
        expected = decode(chain, **{names[key]: value for key, value in how.items()})
        np.testing.assert_allclose(np.exp(floats(values)), expected.probs.reshape(-1), atol=1e-6)


@pytest.mark.parametrize(("p", "kept"), [(0.25, 1), (0.2500001, 2), (0.5, 2), (0.75, 3)])
def test_top_p_stops_where_it_is_exactly_reached(p: float, kept: int) -> None:
    rows, how = np.full(16, np.log(0.25), np.float32), {"temperature": 1, "topK": None, "topP": p, "greedy": False}
    (found,) = call(("chain.js", "decode", [typed("Float32Array", rows), 4, how]))
    np.testing.assert_array_equal(np.isfinite(floats(found)).reshape(4, 4), [np.arange(4) < kept] * 4)


def long_runs() -> list[Chain]:
    """Those, metastable ones, some with several classes, up to 4,096 states, and words with 4,096 dense ones."""
    rng = np.random.default_rng(5)

    def drawn(V: int, L: int, T: float) -> Chain:
        return decode(Chain.from_probs(rng.dirichlet(np.ones(V), V**L), SYMBOLS[:V], L), temperature=T)

    found = [drawn(2, 8, 1.0), drawn(2, 8, 0.03), drawn(3, 5, 0.1), drawn(2, 10, 0.05), drawn(2, 12, 0.05)]
    found += [decode(drawn(3, 4, 1.0), top_k=2), decode(drawn(2, 8, 1.0), top_p=0.8), drawn(16, 3, 1.0)]
    stay = np.log([[1 - 1e-9, 1e-9], [1e-9, 1 - 1e-9]]).astype(np.float32)
    found.append(Chain(log_probs=stay, vocab=("a", "b"), context_length=1))
    never = np.array([[1e-200, 0, 1, 0], [0, 1, 1e-200, 0], [0, 1, 1, 0], [1, 0, 0, 1]])
    with np.errstate(divide="ignore"):
        rare = np.log(never / never.sum(1, keepdims=True)).astype(np.float32)
    soft = decode(drawn(2, 10, 1.0), temperature=20.0)
    return [*chains(), *small_ends(), *found, soft, Chain(log_probs=rare, vocab=tuple("abcd"), context_length=1)]


def narrow(chain: Chain) -> Chain:
    """With rows of float32, as the page has them."""
    return replace(chain, log_probs=chain.log_probs.astype(np.float32))


def asking(chain: Chain, red: np.ndarray, start: np.ndarray, tokens: int) -> tuple[str, str, list[Any]]:
    """Asks the page's kernels for the long run of a chain."""
    mask, first = typed("Uint8Array", red.astype(int)), typed("Float64Array", start)
    return "analysis.js", "longRun", [typed_logs(chain), chain.vocab_size, mask, first, tokens]


def test_the_long_run_is_that_of_the_library() -> None:
    rng = np.random.default_rng(3)
    asked, shown, several, steps, met = [], [], 0, 0, 0
    for chain in map(narrow, long_runs()):
        red = rng.random(chain.n_states) < 0.2
        red[0], red[-1] = True, False
        start = np.where(red, 0.0, rng.dirichlet(np.ones(chain.n_states)))
        asked.append((chain, red, start / start.sum()))
    found = call(*(asking(chain, red, start, 100) for chain, red, start in asked))
    for (chain, red, start), page in zip(asked, found, strict=True):
        classes, law = page["classes"], page["law"]
        ends = recurrent_classes(chain)
        largest = max(ends, key=len)
        assert page["rounding"] == chain.rounding
        assert (classes["ends"], classes["size"], classes["first"]) == (len(ends), len(largest), largest[0])
        assert classes["period"] == period(chain, largest)
        assert np.flatnonzero(classes["inEnds"]).tolist() == sorted(np.concatenate(ends).tolist())
        own = stationary_distributions(chain, method="gth")[[len(ids) for ids in ends].index(len(largest))]
        assert own.certified
        by_steps = law["relative"] == "Infinity"
        steps += by_steps
        if by_steps:
            error = stationary_distributions(chain, method="power")[0].error
            assert error / 3 <= law["error"] <= 3 * error
        assert law["error"] <= (1e-12 if by_steps else own.error * (1 + 1e-6))
        np.testing.assert_allclose(law["pi"], own.dense(), atol=1e-12, rtol=1e-12 if by_steps else 4 * own.relative)
        for id in (*np.argsort(-own.dense())[:5], int(largest[0])):
            mass = own.mass(np.arange(chain.n_states) == id)
            assert law["low"][id] <= mass.high
            assert mass.low <= law["high"][id]
            each = own.each().at(id)
            assert by_steps or law["high"][id] - law["low"][id] >= 0.9 * (each.high - each.low)
            shown.append(("boundedShare", words.percent, [law[name][id] for name in ("pi", "low", "high")]))
        for numbers, twin in (
            (law["entropy"], entropy_rate(chain, own)),
            (page["reached"]["ever"], hitting_probabilities(chain, red).mean(start)),
            (page["reached"]["within"], hitting_probabilities(chain, red, within=100).mean(start)),
        ):
            agree(numbers, twin)
            shown.append(("bounded", words.number, numbers))
        rate = entropy_rate(chain, own)
        assert by_steps or law["entropy"][2] - law["entropy"][1] >= 0.8 * (rate.high - rate.low)
        low, high = floats(page["mixing"])
        if len(ends) > 1:
            assert low == high == np.inf
        elif chain.n_states < 512:
            mixes = mixing_time(chain, law=own)
            assert low <= mixes.high
            assert mixes.low <= high
            if chain.n_states <= 64:
                assert (low, high) == (mixes.low, mixes.high)
        if chain.n_states > 64 and len(ends) == 1 and high < np.inf:
            length, meets = chain.overlap()
            times = math.ceil(math.log(0.25) / math.log1p(-meets))
            assert high == pytest.approx(length * times, rel=1e-9)
            met += times < 1e6
        several += len(ends) > 1
    assert several > 3
    assert met > 0
    assert steps == 1
    calls = [("numbers.js", name, [sendable(x) for x in numbers]) for name, _, numbers in shown]
    written = call(("strings.js", "setStrings", [strings()]), *calls)[1:]
    assert written == [write(*numbers) for _, write, numbers in shown]


def typed_logs(chain: Chain) -> dict[str, Any]:
    """Rows as the page has them; JSON has no sign for what is infinite, and this is no arrow either."""
    return typed("Float32Array", np.maximum(chain.log_probs, -1e9))


def agree(found: list[Any], expected: Any) -> None:
    """The same number, and both intervals hold the truth, so that they meet."""
    value, low, high = floats(found)
    assert value == pytest.approx(expected.value, abs=1e-12, rel=1e-8)
    assert 0 <= low <= value <= high
    assert low <= expected.high
    assert expected.low <= high
    width = expected.high - expected.low
    assert 0.005 * width <= high - low <= 2 * width + 1e-12
    assert (low == high == 0) == (expected.low == expected.high == 0)


def with_small_numbers() -> list[Chain]:
    """Laws and ways that no double holds."""
    law = [[0.4, 0.3, 0, 0.3, 0], [1e-250, 0.5, 0.5, 0, 0], [0, 1e-250, 1, 0, 0], [1e-250, 0, 0, 0.5, 0.5]]
    ways = [[0, 0, 1e-200, 0.5, 0.5], [0, 1, 0, 0, 0], [0, 1e-200, 0, 0.5, 0.5], [0, 0, 0, 0, 1], [0, 0, 0, 1, 0]]
    sure = [[0, 1, 1e-200, 0, 0], [0, 1, 0, 0, 0], [0, 1, 0, 1e-200, 0], [0, 0, 0, 0, 1], [0, 0, 0, 1, 0]]
    return [Chain.from_probs(rows, "abcde", 1) for rows in ([*law, [0, 0, 0, 1e-250, 1]], ways, sure)]


def test_what_the_page_says_of_small_chains_is_true() -> None:
    rng = np.random.default_rng(4)
    asked = []
    for chain in map(narrow, [*chains(), *with_small_numbers(), long_runs()[-1], *small_ends()]):
        if chain.n_states > 32:
            continue
        red = np.arange(chain.n_states) == 1
        for start in (np.eye(chain.n_states)[0], np.where(red, 0, rng.dirichlet(np.ones(chain.n_states)))):
            asked.append((chain, red, start / start.sum()))
    found = call(*(asking(chain, red, start, 3) for chain, red, start in asked))
    for (chain, red, start), page in zip(asked, found, strict=True):
        largest = max(recurrent_classes(chain), key=len)
        P, pi = exact_matrix(chain), exact_dense_law(chain, largest)
        first = decimals(start) / sum(decimals(start))
        at, within = first, Decimal(0)
        for _ in range(3):
            at = at @ P
            within += at[1]
            at[1] = Decimal(0)
        entropies = np.array([exact_entropy(row) for row in exact_rows(chain.log_probs)], object)
        laws = zip(*(page["law"][name] for name in ("pi", "low", "high")), strict=True)
        sure = sum(first * exact_passage(P, red)[0])
        truths = [
            *zip(pi, *(page["law"][name] for name in ("low", "high")), strict=True),
            (sum(pi * entropies), *page["law"]["entropy"][1:]),
            (sure, *page["reached"]["ever"][1:]),
            (within, *page["reached"]["within"][1:]),
        ]
        for truth, low, high in truths:
            room = abs(truth) * Decimal("1e-40")  # of the oracle
            assert Decimal(float(low)) <= truth + room
            assert truth - room <= Decimal(float(high))
        for share in (page["reached"]["ever"], page["reached"]["within"], *laws):
            assert 0 <= share[1] <= share[0] <= share[2] <= 1
        assert page["reached"]["ever"][1] >= 1 - 1e-15 or sure < 1 - Decimal("1e-20")


def small_ends() -> list[Chain]:
    """Several classes, of which the largest is neither the first nor the largest of all."""
    rows = np.zeros((8, 8))
    rows[0, 0] = rows[1, 2] = rows[2, 1] = rows[7, 7] = 1
    rows[3, [0, 4]] = rows[4, [5, 3]] = rows[5, [6, 1]] = rows[6, [3, 7]] = 0.5
    found, rng = [Chain.from_probs(rows, "abcdefgh", 1)], np.random.default_rng(9)
    for _ in range(8):
        absorbing = rng.dirichlet(np.ones(6), 6)
        absorbing[:3] = np.eye(6)[[0, 1, 2]]
        found.append(Chain.from_probs(absorbing, "abcdef", 1))
    return found


def test_a_chain_that_hardly_ever_leaves_is_computed_right() -> None:
    """Thirty 0s and thirty 1s: the page once said 52 % and 48 %."""
    run = train(
        "0" * 30 + "1" * 30,
        GPTConfig(vocab_size=2, context_length=9, n_layer=1),
        TrainConfig(steps=300, lr=0.003),
    )
    chain = decode(run.chain, temperature=0.3)
    nothing = typed("Uint8Array", np.eye(512, dtype=int)[0])
    start = typed("Float64Array", np.eye(512)[511])
    (found,) = call(("analysis.js", "longRun", [typed_logs(chain), 2, nothing, start, 100]))
    law = stationary_distributions(chain, method="gth")[0].dense()
    np.testing.assert_allclose(found["law"]["pi"], law, rtol=1e-9)
    assert max(law[0], law[511]) > 0.9999


def test_what_is_too_much_to_eliminate_is_uncertified() -> None:
    rng = np.random.default_rng(2)
    dense = Chain.from_probs(rng.dirichlet(np.ones(16), 256), SYMBOLS[:16], 2)
    chain = narrow(decode(dense, temperature=0.01))
    red, start = np.zeros(256, int), np.full(256, 1 / 255)
    red[0], start[0] = 1, 0
    asked = [typed_logs(chain), 16, typed("Uint8Array", red), typed("Float64Array", start), 100]
    (found,) = call(("analysis.js", "longRun", [*asked, 1000]))
    law, top = found["law"], int(np.argmax(found["law"]["pi"]))
    assert law["error"] == law["relative"] == "Infinity"
    share, entropy, time = call(
        ("strings.js", "setStrings", [strings()]),
        ("numbers.js", "boundedShare", [law["pi"][top], law["low"][top], sendable(law["high"][top])]),
        ("numbers.js", "bounded", law["entropy"]),
        ("numbers.js", "boundedTokens", [sendable(x) for x in floats(found["mixing"])]),
    )[1:]
    assert share.endswith(" % (uncertified)")
    assert " to " in entropy  # no more than the rows say
    assert law["entropy"][2] <= chain.row_entropy().max() * (1 + 1e-12) < 0.9 * math.log(64)
    assert time == "unknown"
    value, low, high = found["reached"]["ever"]
    assert [value, low, high] in ([1, 1, 1], [0.5, 0, 1])


def test_times_are_written_as_the_library_writes_them() -> None:
    times = [(0, 0), (1, 1), (371, 371), (12, 4096), (371, np.inf), (np.inf, np.inf), (2, 1e16), (3.5, 9.5)]
    calls = [("numbers.js", "boundedTokens", [sendable(x) for x in time]) for time in times]
    found = call(("strings.js", "setStrings", [strings()]), *calls)[1:]
    assert found == [words.tokens(*time) for time in times[:5]] + [
        "it never settles",
        "2 to 1e16 tokens",
        "3 to 10 tokens",
    ]
    bounds = call(*(("numbers.js", "boundedTokens", [1, sendable(high)]) for high in (35, np.inf, 1.62e281)))
    assert bounds == ["chain.most", "number.unknown", "chain.most"]


def test_steps_are_those_of_the_library() -> None:
    chain = chains()[2]
    law, start = stationary_distributions(chain)[0].dense(), np.eye(chain.n_states)[5]
    (distance,) = call(("chain.js", "totalVariation", [typed("Float64Array", start), typed("Float64Array", law)]))
    assert distance == pytest.approx(total_variation(chain, 0, 5).values[0])


@pytest.mark.parametrize(("V", "L"), [(2, 1), (2, 3), (3, 2), (2, 5)])
def test_states_stand_where_the_library_draws_them(V: int, L: int) -> None:
    place = ring(V, L, 30.0)
    (found,) = call(("layout.js", "ring", [V, L, 30.0]))
    assert found["order"] == list(place.positions)
    assert found["node"] == place.node
    for id, point in place.positions.items():
        assert found["positions"][id] == pytest.approx(point)
    arrows = [(a, a % V ** (L - 1) * V + y) for a in range(V**L) for y in range(V)]
    curves = call(*(("layout.js", "arrow", [found, *key]) for key in arrows))
    for key, curve in zip(arrows, curves, strict=True):
        twin = arrow(place, *key)
        for name in ("start", "control1", "control2", "end"):
            assert curve[name] == pytest.approx(getattr(twin, name)), (key, name)


@pytest.mark.parametrize("pattern", ["11?", "*00", "?", "*", "1*1", "0?1*", "a", "\\\\1*", "", "1111", "?" * 63])
def test_patterns_are_those_of_the_library(pattern: str) -> None:
    chain = Chain.from_probs(np.full((8, 2), 0.5), "01", 3)
    (found,) = call(("patterns.js", "match", [pattern, ["0", "1"], 3]))
    try:
        assert found == match(chain, pattern).astype(int).tolist()
    except InputError:
        assert found is None or not any(found)


def test_the_link_is_the_experiment() -> None:
    (start,) = call(("fields.js", "defaults", []))
    changed = {**start, "data": "a b&c=d#é中", "context": 5, "lr": 0.01, "greedy": True, "red": "11?,*0", "lang": "zh"}
    empty, link = call(("fields.js", "toHash", [start]), ("fields.js", "toHash", [changed]))
    assert empty == ""
    assert call(("fields.js", "fromHash", ["#" + link])) == [{"values": changed, "problems": []}]


@pytest.mark.parametrize(
    "part",
    [
        "context=0",
        "context=1e9",
        "context=2.5",
        "context=",
        "lr=nan",
        "lr=Infinity",
        "lr=-1",
        "lr=0x10",
        "steps=99999",
        "greedy=yes",
        "lang=<script>",
        "nothing=1",
        "data=" + "1" * 10_000,
        "%E0%A4%A=1",
        "data=%E0%A4%A",
        "__proto__=1",
        "constructor=1",
        "seed=4294967296",
        "<img src=x onerror=alert(1)>",
    ],
)
def test_a_hostile_link_changes_nothing_and_is_named(part: str) -> None:
    start, found = call(("fields.js", "defaults", []), ("fields.js", "fromHash", [f"#{part}&layers=2"]))
    assert found["values"] == {**start, "layers": 2}
    assert len(found["problems"]) == 1
    assert len(found["problems"][0]) <= 20


def test_draws_follow_their_probabilities() -> None:
    p = typed("Float64Array", [0.2, 0.0, 0.8])
    draws = call(*(("random.js", "draw", [p, 3, 0, u]) for u in (0.0, 0.1999, 0.2001, 0.999999999, 1.0)))
    assert draws == [0, 0, 2, 2, 2]


@pytest.mark.parametrize("name", ["characters", "letters", "vowels", "words"])
def test_texts_are_transformed_as_in_the_library(name: str) -> None:
    texts = [
        "Onegin, a novel in verse!",
        "Ça va? Où ÊTES-vous, Straße",
        "Мой дядя самых честных правил, объезд",
        "a1 中文 yY",
        "",
    ]
    found = call(*(("transforms.js", "transform", [text, name]) for text in texts))
    for text, symbols in zip(texts, found, strict=True):
        try:
            assert symbols == transform(text, name)
        except InputError:
            assert len(symbols) == 0


def test_weights_lie_where_the_library_has_them() -> None:
    for config in (
        GPTConfig(vocab_size=2, context_length=3),
        GPTConfig(vocab_size=5, context_length=2, n_layer=1, bias=True),
        *MODELS,
    ):
        (found,) = call(("weights.js", "tensors", [shape(config)]))
        assert {one["name"]: tuple(one["shape"]) for one in found} == weights.shapes(config)
        assert found[-1]["start"] + found[-1]["size"] == config.n_params


def test_nudges_move_one_weight_or_all_of_them(notebook: Run) -> None:
    flat = typed("Float32Array", notebook.model.weights)
    nothing = {"param": 3, "delta": 0, "along": 0, "direction": 1}
    one, half, other = call(
        ("weights.js", "nudged", [flat, {**nothing, "delta": 0.5}]),
        ("weights.js", "nudged", [flat, {**nothing, "along": -0.5}]),
        ("weights.js", "nudged", [flat, {**nothing, "along": -0.5, "direction": 2}]),
    )
    moved = np.array(one) - notebook.model.weights
    assert moved[3] == pytest.approx(0.5, abs=1e-6)
    assert np.count_nonzero(moved) == 1
    for values in (half, other):
        way = np.array(values) - notebook.model.weights
        assert np.linalg.norm(way) == pytest.approx(0.5 * np.linalg.norm(notebook.model.weights), rel=1e-4)
    assert not np.allclose(half, other)


def test_the_residual_stream_is_read_as_the_last_layer_is(notebook: Run) -> None:
    inside = notebook.model.inspect([1, 0, 1])
    given = [
        shape(notebook.model.config),
        typed("Float32Array", notebook.model.weights),
        typed("Float32Array", inside.residual),
    ]
    (found,) = call(("weights.js", "lens", given))
    rows = np.reshape(found, (9, 2))
    np.testing.assert_allclose(rows.sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(rows[-1], notebook.chain.probs[5], atol=1e-5)
    stream = inside.residual[0, -1].astype(float)
    named = notebook.model.named
    normal = (stream - stream.mean()) / np.sqrt(stream.var() + 1e-5)
    logits = (normal * named["transformer.ln_f.weight"] + named["transformer.ln_f.bias"]) @ named[
        "transformer.wte.weight"
    ].T
    np.testing.assert_allclose(rows[0], np.exp(logits) / np.exp(logits).sum(), atol=1e-5)


@pytest.mark.parametrize("config", MODELS)
def test_the_lens_reads_every_model_as_it_reads_itself(config: GPTConfig) -> None:
    import torch

    model = Model.init(config, "abc", seed=2)
    generator = np.random.default_rng(0)
    flat = (model.weights + 0.3 * generator.normal(size=len(model.weights))).astype(np.float32)
    model = replace(model, weights=flat)
    inside = model.inspect([2, 0])
    given = [shape(config), typed("Float32Array", flat), typed("Float32Array", inside.residual)]
    rows = np.reshape(call(("weights.js", "lens", given))[0], (5, 3))
    np.testing.assert_allclose(rows[-1], model.chain().probs[6], atol=1e-5)
    stream = torch.tensor(inside.residual[:, -1])
    named = {name: torch.tensor(array) for name, array in model.named.items()}
    gain, shift = (named.get(f"transformer.ln_f.{part}") for part in ("weight", "bias"))
    if config.final_norm and config.norm == "layernorm":
        stream = torch.nn.functional.layer_norm(stream, (8,), gain, shift)
    elif config.final_norm:
        stream = torch.nn.functional.rms_norm(stream, (8,), gain, 1e-5)
    logits = stream @ named["transformer.wte.weight" if config.tied else "lm_head.weight"].T
    np.testing.assert_allclose(rows, logits.softmax(1).numpy(), atol=1e-5)


@pytest.mark.parametrize("config", MODELS)
def test_weights_of_every_model_go_to_safetensors_and_come_back(config: GPTConfig, here: Path) -> None:
    model = Model.init(config, "abc", seed=2)
    (ours,) = call(("safetensors.js", "configOf", [shape(config)]))
    assert ours == config.to_dict()
    said = {name: json.dumps(value) for name, value in ours.items()}
    given = [shape(config), typed("Float32Array", model.weights), said]
    (written,) = call(("safetensors.js", "writeSafetensors", given))
    (here / "page.safetensors").write_bytes(bytes(written))
    np.testing.assert_array_equal(
        Model.from_named(config, "abc", weights.load(here / "page.safetensors")).weights, model.weights
    )
    weights.save(here / "library.safetensors", model.named, config.to_dict())
    weights.save(here / "bare.safetensors", model.named)
    weights.save(here / "more.safetensors", {**model.named, "extra": np.zeros(3, np.float32)}, config.to_dict())
    names = ("page", "library", "bare", "more")
    files = [typed("Uint8Array", list((here / f"{name}.safetensors").read_bytes())) for name in names]
    *read, bare, more = call(*(("safetensors.js", "readSafetensors", [file]) for file in files))
    expected = {name: value for name, value in shape(config).items() if name not in ("nHead", "activation")}
    for found in read:
        assert (found["heads"], found["activation"]) == (2, ACTIVATIONS.index(config.activation))
        assert found["shape"] == expected
        np.testing.assert_array_equal(np.float32(found["weights"]), model.weights)
    assert more is None
    if config == MODELS[3]:
        assert bare is None or bare["shape"]["finalNorm"]  # there is no telling: norms without weights leave no trace
    else:
        assert (bare["shape"], bare["heads"], bare["activation"]) == (expected, None, None)


def test_weights_go_to_safetensors_and_come_back(notebook: Run, here: Path) -> None:
    config = notebook.model.config
    metadata = {"n_head": "4"}
    given = [shape(config), typed("Float32Array", notebook.model.weights), metadata]
    (written,) = call(("safetensors.js", "writeSafetensors", given))
    (here / "model.safetensors").write_bytes(bytes(written))
    model = Model.from_named(config, "01", weights.load(here / "model.safetensors"))
    np.testing.assert_array_equal(model.weights, notebook.model.weights)
    notebook.save("run")
    for path in (here / "model.safetensors", here / "run" / "model.safetensors"):
        (read,) = call(("safetensors.js", "readSafetensors", [typed("Uint8Array", list(path.read_bytes()))]))
        np.testing.assert_array_equal(np.float32(read["weights"]), notebook.model.weights)
        assert (read["heads"], read["shape"]["nLayer"], read["shape"]["bias"]) == (4, 4, False)


def opened(files: dict[str, bytes]) -> Any:
    named = [{"name": name, "bytes": typed("Uint8Array", list(content))} for name, content in files.items()]
    (found,) = call(("imports.js", "openFiles", [named]))
    return found


def test_a_runs_folder_is_opened(here: Path) -> None:
    train("0110100110010110", config=TrainConfig(steps=5, seed=3, batch_size=4), context_length=2).save("run")
    (here / "run" / "chain.svg").write_text("<svg/>")
    parts = {path.name: path.read_bytes() for path in (here / "run").iterdir()}
    found = opened(parts)["opened"]
    assert opened({"run.json": parts["run.json"]})["problem"]["key"] == "notice.file.data"
    assert found["changes"] == {
        **{
            "data": "0110100110010110",
            "edge": "",
            "vocab": "01",
            "context": 2,
            "layers": 4,
            "heads": 4,
            "width": 16,
            "bias": False,
        },
        **{"steps": 5, "lr": 0.001, "decay": 0.1, "seed": 3, "loss": "last", "batch": 4, "batchseed": -1},
        **{"tied": True, "activation": "gelu", "norm": "layernorm", "embnorm": False, "finalnorm": True},
        **{"warmup": 0, "schedule": "constant", "minlr": 0, "clip": 0, "beta1": 0.9, "beta2": 0.999, "matrices": False},
    }
    assert found["weights"]["shape"]["contextLength"] == 2
    assert found["unknown"] == []


@pytest.mark.parametrize(("config", "how"), list(zip(MODELS, (*TRAININGS, TrainConfig()), strict=True)))
def test_every_setting_of_a_run_is_opened(config: GPTConfig, how: TrainConfig, here: Path) -> None:
    run = train("abcabcaabbccab", config, replace(how, steps=2))
    run.save("run")
    (start,) = call(("fields.js", "defaults", []))
    found = opened({path.name: path.read_bytes() for path in (here / "run").iterdir()})["opened"]
    carried = json.loads(re.findall(r'id="run">(.*?)</script>', page_of(run))[0])["values"]
    assert {**start, **found["changes"], "vocab": ""} == {**start, **carried}


def test_runs_of_older_and_newer_versions(here: Path) -> None:
    run = train("0110100110010110\n", config=TrainConfig(steps=5, seed=3, batch_size=4))
    run.save("run")
    parts = {path.name: path.read_bytes() for path in (here / "run").iterdir()}
    facts = json.loads(parts["run.json"])
    assert opened(parts)["opened"]["changes"]["data"] == run.data.text  # the line end is one of its tokens

    def changed(weights: bool = True, **parts_of: Any) -> Any:
        told = {**facts, **{part: {**facts[part], **values} for part, values in parts_of.items()}}
        kept = parts if weights else {name: parts[name] for name in ("run.json", "data.txt")}
        return opened({**kept, "run.json": json.dumps(told).encode()})

    old = json.loads(parts["run.json"])
    for part, later in (("model", GPTConfig._LATER), ("train", TrainConfig._LATER)):
        old[part] = {name: value for name, value in old[part].items() if name not in later}
    found = opened({**parts, "run.json": json.dumps(old).encode()})["opened"]["changes"]
    assert found["batchseed"] == 3  # its batches were those of a generator of their own
    assert {**found, "batchseed": -1} == opened(parts)["opened"]["changes"]
    assert (
        opened({**parts, "run.json": json.dumps({**facts, "losses": [1, 1]}).encode()})["opened"]["changes"]["steps"]
        == 2
    )
    for how in ({"batches": "in_turn"}, {"keep": "best"}, {"dropout": 0.1}):
        assert changed(train=how)["opened"]["unknown"] == list(how)
        assert changed(train=how, weights=False)["problem"]["key"] == "notice.file.newer"
        assert changed(train=how, weights=False)["problem"]["values"]["list"] == list(how)
    assert changed(train={"dropout": None}, weights=False)["problem"] is None
    given = {**facts, "sha256": {"model.safetensors": "", "initial.safetensors": ""}}
    assert opened({**parts, "run.json": json.dumps(given).encode()})["opened"]["unknown"] == ["initial"]
    for wrong in ({"model": {"rope": True}}, {"data": {"sequences": 3}}):
        assert changed(**wrong)["problem"]["key"] == "notice.file.newer"
    assert changed(data={"tokens": 4})["problem"]["key"] == "notice.file.data"


def hostile_files(folder: Path) -> dict[str, dict[str, bytes]]:
    """Files that are not what they seem, by what is wrong with them."""
    rng = np.random.default_rng(0)
    train(config=TrainConfig(steps=1)).save(folder / "run")
    good = (folder / "run" / "model.safetensors").read_bytes()
    facts = json.loads((folder / "run" / "run.json").read_text())

    def altered(change: Any) -> bytes:
        size = int.from_bytes(good[:8], "little")
        header = json.loads(good[8 : 8 + size])
        change(header)
        text = json.dumps(header).encode()
        return len(text).to_bytes(8, "little") + text + good[8 + size :]

    def run_of(changed: Any) -> dict[str, bytes]:
        return {"run.json": json.dumps(changed).encode(), "data.txt": b"1101", "model.safetensors": good}

    wte = "transformer.wte.weight"
    return {
        "a JPEG": {"file": bytes([0xFF, 0xD8, 0xFF, 0xE0]) + rng.bytes(2000)},
        "nothing": {"file": b""},
        "zeros": {"file": bytes(100)},
        "a cut header": {"file": good[:50]},
        "cut weights": {"file": good[:-1]},
        "a header of 2**63": {"file": b"\xff" * 8 + good[8:]},
        "wrong shapes": {"file": altered(lambda h: h[wte].update(shape=[3, 16]))},
        "negative shapes": {"file": altered(lambda h: h[wte].update(shape=[-2, -16]))},
        "offsets outside": {"file": altered(lambda h: h[wte].update(data_offsets=[10**9, 10**9 + 128]))},
        "float16": {"file": altered(lambda h: h[wte].update(dtype="F16"))},
        "no tensors": {"file": altered(lambda h: h.clear())},
        "not a number": {"file": good[:-4] + np.float32(np.nan).tobytes()},
        "bad JSON": {"file": b'{"format": "finitegpt run 1"'},
        "other JSON": {"file": b'{"format": "else"}'},
        "null in a run": run_of({**facts, "model": None}),
        "a huge run": run_of({**facts, "model": {**facts["model"], "n_layer": 1e9}}),
        "a run over words": run_of({**facts, "vocab": ["the", "cat"]}),
        "a run without its data": {"run.json": json.dumps(facts).encode()},
        "other weights": run_of({**facts, "model": {**facts["model"], "n_layer": 2}}),
        "a bad link": {"file": b'{"format": "finitegpt page 1", "link": "context=99"}'},
        "a bad link in weights": {"file": altered(lambda h: h.update(__metadata__={"link": '"context=99"'}))},
        "a long text": {"file": b"01" * 10_000},
        "a text with NUL": {"file": b"01\x0001"},
    }


def test_hostile_files_are_refused_and_named(here: Path) -> None:
    english = strings()["en"]
    for what, files in hostile_files(here).items():
        found = opened(files)
        assert found["opened"] is None, what
        assert found["problem"]["key"] in english, what


EXPERIMENTS = [
    {},
    {
        "data": "abcabcaabbcc",
        "context": 2,
        "layers": 1,
        "heads": 2,
        "width": 8,
        "bias": True,
        "loss": "all",
        "steps": 5,
    },
    {"data": 'It\'s "q" \\ é 😀, $x `y`\tz' * 2, "context": 1, "steps": 3, "seed": 7, "lr": 0.01, "decay": 0},
    {"data": "Onegin, good friend", "transform": "vowels", "context": 2, "steps": 2, "batch": 3},
    {
        "data": "--0101",
        "vocab": "10-",
        "context": 2,
        "steps": 2,
        "temperature": 0.5,
        "topk": 2,
        "topp": 0.9,
        "red": "0?, -*",
    },
    {"greedy": True, "steps": 4},
    {"tied": False, "activation": "relu", "norm": "rmsnorm", "finalnorm": False, "steps": 4, "beta2": 0.95}
    | {"minlr": 0.01},
    {"activation": "gelu_tanh", "norm": "rmsnorm_plain", "embnorm": True, "steps": 6, "lr": 0.01, "minlr": 0.001}
    | {"warmup": 2, "schedule": "cosine", "clip": 0.1, "matrices": True, "batch": 4, "batchseed": 3},
]


COMMANDS = [
    "finitegpt train --untied --activation relu --norm rmsnorm --no-final-norm --steps 4 --betas 0.9 0.95 "
    "111101111011110",
    "finitegpt train --activation gelu-tanh --norm rmsnorm --no-norm-weight --embedding-norm --steps 6 --lr 0.01 "
    "--batch-size 4 --batch-seed 3 --warmup 2 --decay cosine --min-lr 0.001 --clip 0.1 --decay-matrices "
    "111101111011110",
]


@pytest.mark.parametrize("changes", EXPERIMENTS)
def test_the_experiment_is_told_to_other_tools(
    changes: dict[str, Any], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (start,) = call(("fields.js", "defaults", []))
    values = {**start, **changes}
    (found,) = call(("experiment.js", "experimentOf", [values]))
    model = found["experiment"]["shape"]
    command, code = call(("recipe.js", "commandLine", [values]), ("recipe.js", "python", [values, model]))
    space: dict[str, Any] = {}
    exec(code, space)
    run, chain = space["run"], space["chain"]
    capsys.readouterr()
    (trained,) = call(("engine.js", "train", [found["experiment"]["shape"], sendable_plan(found), 1]))
    V = len(run.model.vocab)
    last = np.exp(floats(trained["chains"])).reshape(-1, V ** values["context"], V)[-1]
    np.testing.assert_allclose(last, run.chain.probs, atol=1e-5)
    assert (chain is run.chain) == (not {"temperature", "topk", "topp", "greedy"} & changes.keys())
    if "tied" in changes or "embnorm" in changes:
        assert command == COMMANDS["embnorm" in changes]
    for line in command.split(" &&\n"):
        words = shlex.split(line)
        assert words[0] == "finitegpt"
        assert main([words[1], *([] if "--out" in command else ["--json"]), *words[2:]]) == 0, line
    out = capsys.readouterr().out
    if "--out" not in command:
        np.testing.assert_allclose(json.loads(out)["probs"], run.chain.probs, atol=1e-6)


def test_parts_that_are_off_are_told_to_python_and_what_cannot_be_told_is_said() -> None:
    (start,) = call(("fields.js", "defaults", []))
    values = {**start, "off": "0.1,3.mlp", "steps": 5}
    model = {"vocabSize": 2, "contextLength": 3, "nLayer": 4, "nHead": 4, "nEmbd": 16, "bias": False}
    command, code, foreign = call(
        ("recipe.js", "commandLine", [values, True]),
        ("recipe.js", "python", [values, model]),
        ("recipe.js", "python", [values, model, True]),
    )
    space: dict[str, Any] = {}
    exec(code, space)
    switches = np.ones((4, 5))
    switches[0, 1] = switches[3, 4] = 0
    np.testing.assert_allclose(space["chain"].probs, space["run"].model.chain(switches=switches).probs)
    assert command.startswith("# as trained")
    assert "# as trained" in foreign
    assert "# as trained" not in code


def test_the_loss_shown_is_that_of_the_chain_on_the_data(notebook: Run) -> None:
    arrows = typed("Int32Array", arrow_counts(notebook.data))
    for step in (0, 20, 49):
        run = train(config=TrainConfig(steps=step))
        (found,) = call(("chain.js", "crossEntropy", [typed("Float32Array", run.chain.log_probs), arrows]))
        assert found == pytest.approx(notebook.losses[step], abs=1e-6)


def test_presets_are_the_same_in_the_library_whatever_the_rounding() -> None:
    done = subprocess.run(
        [str(NODE), "--input-type=module", "--eval", TRAINED_PRESETS], capture_output=True, text=True, check=True
    )
    for name, (values, vocab, chain) in json.loads(done.stdout).items():
        data = Data.from_symbols(transform(values["data"], values["transform"]), context_length=values["context"])
        config = GPTConfig(vocab_size=len(vocab), context_length=values["context"], n_layer=values["layers"])
        run = train(data, config, TrainConfig(steps=values["steps"], lr=values["lr"]))
        np.testing.assert_allclose(np.exp(chain), run.chain.probs.reshape(-1), atol=0.01, err_msg=name)


def test_the_numbers_in_lessons_and_reasons_are_true(notebook: Run) -> None:
    english = {key: re.sub(r"\[\[(?:[^]|]+\|)?([^]|]+)\]\]", r"\1", text) for key, text in strings()["en"].items()}
    assert f"{notebook.model.config.n_params:,} weights" in english["lesson.4.text"]
    assert f"{notebook.model.config.n_params:,} weights" in english["why.notebook"]
    before, after = (100 * chain.probs[0] for chain in (notebook.initial_chain, notebook.chain))
    assert "from about 50% to {:.0f}% and {:.0f}%".format(*after) in english["lesson.3.text"]
    assert abs(before - 50).max() < 5
    assert "that makes 14" in english["lesson.5.text"]
    assert notebook.chain.n_states + sum(len(rows) for rows in notebook.chain.startup or ()) == 14
    gpt2, larger = (math.log2(50_257) * length for length in (1024, 32_768))
    assert f"{gpt2:,.0f} bits" in english["lesson.6.text"]
    assert f"{larger / 8 / 1000:.0f} kB" in english["lesson.6.text"]
    found = red_states(notebook.chain, ["000"], horizons=[100])
    assert found.ever.value == 1
    assert found.within[100].value == pytest.approx(0.75, abs=0.01)
    assert red_states(decode(notebook.chain, greedy=True), ["000"]).ever.value == 0
    (start,) = call(("fields.js", "defaults", []))
    done = subprocess.run(
        [
            str(NODE),
            "--input-type=module",
            "--eval",
            f"""
          const {{ PRESETS }} = await import("{FOLDER}/link/presets.js");
          process.stdout.write(JSON.stringify(PRESETS.bigger));
        """,
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    bigger = {**start, **json.loads(done.stdout)}
    counts = Data.from_text(bigger["data"], context_length=bigger["context"]).counts()
    allowed = sum("11" not in f"{k:010b}" for k in range(1024))
    assert (
        f"1,024 states, of which {allowed} obey the golden mean and {np.count_nonzero(counts)} occur"
        in english["why.bigger"]
    )


def test_what_cannot_be_trained_is_refused() -> None:
    (start,) = call(("fields.js", "defaults", []))
    english = strings()["en"]
    for changes, key in [
        ({"data": "000"}, "notice.vocab"),
        ({"data": ""}, "notice.vocab"),
        ({"data": "01"}, "notice.short"),
        ({"data": "0123", "vocab": "01"}, "notice.strange"),
        ({"data": "abcdefghijklmnopqrstuvwxyz", "context": 12}, "notice.tokens"),
        ({"data": "to be or not", "transform": "words", "vocab": "be or"}, "notice.vocab.words"),
        ({"data": "to to to to to", "transform": "words"}, "notice.vocab"),
        ({"data": "123 456", "transform": "vowels"}, "notice.vocab"),
        ({"schedule": "linear", "minlr": 0.01}, "notice.minlr"),
    ]:
        (found,) = call(("experiment.js", "experimentOf", [{**start, **changes}]))
        assert found["experiment"] is None
        assert found["problem"]["key"] == key
        assert key in english


def test_parts_that_are_switched_off() -> None:
    model = {"nLayer": 2, "nHead": 3}
    for off, expected in [
        ("", [1] * 8),
        ("0.1,1.mlp", [1, 0, 1, 1, 1, 1, 1, 0]),
        (" 1.0 ,9.9,x,0.3,-1.2,0.-1,0.1.5", [1, 1, 1, 1, 0, 1, 1, 1]),
    ]:
        assert call(("experiment.js", "switches", [off, model])) == [expected], off


def test_patterns_are_told_apart_by_commas() -> None:
    assert call(("patterns.js", "patternsOf", [r" 11?, *00 ,, a\,b ,\ x\ , \\"])) == [
        ["11?", "*00", r"a\,b", r"\ x\ ", "\\\\"]
    ]
    for state in ("1?*", "a,b", " x ", "\\\n"):
        vocab = sorted(set(state))
        (name,) = call(("patterns.js", "patternOf", [state]))
        (found,) = call(("patterns.js", "redStates", [f"{name}, {name}", vocab, len(state)]))
        assert (sum(found["red"]), found["bad"]) == (1, [])


def test_presets_and_lessons_are_experiments_with_words() -> None:
    presets = json.loads(
        subprocess.run(
            [str(NODE), "--input-type=module", "--eval", PRESETS_AND_LESSONS],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )
    english = strings()["en"]
    assert len(presets["presets"]) == 11
    for name, problem in presets["presets"].items():
        assert problem is None, name
        assert f"preset.{name}" in english
        assert f"why.{name}" in english
    assert len(presets["lessons"]) == 9
    for k, problem in enumerate(presets["lessons"], 1):
        assert problem is None, k
        assert f"lesson.{k}.title" in english
        assert f"lesson.{k}.text" in english
    for part in presets["parts"]:
        assert f"part.{part}" in english


FOLDER = Path(finitegpt.page.__file__).parent.as_uri()
TRAINED_PRESETS = f"""
  const {{ PRESETS }} = await import("{FOLDER}/link/presets.js");
  const {{ Engine }} = await import("{FOLDER}/engine/engine.js");
  const {{ experimentOf }} = await import("{FOLDER}/chain/experiment.js");
  const {{ defaults }} = await import("{FOLDER}/link/fields.js");
  const {{ readFileSync }} = await import("node:fs");
  const engine = await Engine.from(readFileSync(new URL("{FOLDER}/../_engine/engine.wasm")));
  const found = {{}};
  for (const [name, set] of Object.entries(PRESETS)) {{
    const values = {{ ...defaults(), ...set }};
    const {{ experiment }} = experimentOf(values);
    const training = engine.training(experiment.shape, experiment.plan, values.steps);
    while (training.done() < values.steps) training.advance();
    found[name] = [values, experiment.vocab, [...training.chains(1)]];
  }}
  process.stdout.write(JSON.stringify(found));
"""
PRESETS_AND_LESSONS = f"""
  const {{ PRESETS }} = await import("{FOLDER}/link/presets.js");
  const {{ lessonValues, LESSONS }} = await import("{FOLDER}/link/lessons.js");
  const {{ PARTS }} = await import("{FOLDER}/views/controls.js");
  const {{ experimentOf }} = await import("{FOLDER}/chain/experiment.js");
  const {{ defaults }} = await import("{FOLDER}/link/fields.js");
  const problem = (values) => experimentOf(values).problem;
  process.stdout.write(JSON.stringify({{
    presets: Object.fromEntries(Object.entries(PRESETS).map(([k, set]) => [k, problem({{ ...defaults(), ...set }})])),
    lessons: LESSONS.map((_, k) => problem(lessonValues(k + 1))),
    parts: PARTS,
  }}));
"""


def test_the_modules_have_the_types_they_say(request: pytest.FixtureRequest) -> None:
    tools = Path(__file__).parent / "page"
    if not (tools / "node_modules" / "typescript").exists():
        if request.config.getoption("--require-browser"):
            pytest.fail("expected TypeScript, found none; try make tools")
        pytest.skip("TypeScript is not installed; make tools")
    done = subprocess.run(
        [str(NODE), "node_modules/typescript/bin/tsc", "--project", "."],
        cwd=tools,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_both_languages_have_the_same_words_and_all_that_are_used() -> None:
    english, chinese = strings()["en"], strings()["zh"]
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", chinese[key])), key
    source = "".join(path.read_text(encoding="utf-8") for path in Path(finitegpt.page.__file__).parent.rglob("*.js"))
    for key in re.findall(r'say\("([^"]+)"', source) + re.findall(r'"((?:notice|error)\.[a-z.]+)"', source):
        assert key in english
