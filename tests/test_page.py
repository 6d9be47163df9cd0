"""The page's modules against the library: each function of theirs has its twin here."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import finitegpt.page
from finitegpt import Chain, Data, GPTConfig, InputError, Run, TrainConfig, decode, train
from finitegpt.analysis import (
    communicating_classes,
    hitting_probabilities,
    match,
    mixing_time,
    period,
    recurrent_classes,
    stationary_distributions,
    total_variation,
)
from finitegpt.data import NOTEBOOK_SEQUENCE
from finitegpt.page import strings
from finitegpt.picture.layout import arrow, ring

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
    return dict(zip(names, config.to_dict().values(), strict=True))


def chains() -> list[Chain]:
    """Dense, truncated, greedy and periodic ones."""
    rng = np.random.default_rng(7)
    found = [
        Chain.from_probs(rng.dirichlet(np.full(V, 0.6), V**L), "abcd"[:V], L)
        for V, L in ((2, 3), (3, 3), (2, 6), (4, 2))
    ]
    found += [decode(chain, top_p=0.7) for chain in found] + [decode(chain, greedy=True) for chain in found]
    return [*found, Chain.from_probs(np.eye(3)[[1, 2, 0]], "abc", 1)]


def test_windows_and_counts_are_those_of_the_library() -> None:
    for text, L in ((NOTEBOOK_SEQUENCE, 3), ("abcabcaabbccab", 2), ("0110" * 9, 5)):
        data = Data.from_text(text, context_length=L)
        vocab, tokens = call(("data.js", "vocabulary", [text]), ("data.js", "tokenize", [text, list(data.vocab)]))
        assert (tuple(vocab), tokens) == (data.vocab, {"tokens": data.tokens.tolist(), "strange": 0})
        found, entropy = call(
            ("data.js", "windows", [tokens["tokens"], len(vocab), L]),
            ("data.js", "dataEntropy", [typed("Int32Array", arrow_counts(data)), len(vocab)]),
        )
        starts, counts = data.distinct
        assert found["starts"] == starts.tolist()
        np.testing.assert_allclose(found["shares"], counts / counts.sum(), rtol=1e-6)
        assert found["counts"] == data.counts().tolist()
        assert found["arrows"] == arrow_counts(data).tolist()
        assert entropy == pytest.approx(data.entropy, abs=1e-12)


def arrow_counts(data: Data) -> np.ndarray:
    V, L = len(data.vocab), data.context_length
    counts = np.zeros(V ** (L + 1), int)
    for k in range(data.n_windows):
        counts[int("".join(map(str, data.tokens[k : k + L + 1])), V)] += 1
    return counts


def test_the_same_training_gives_the_same_chain(notebook: Run) -> None:
    other = train(
        "abcabcaabbccab",
        GPTConfig(vocab_size=3, context_length=2, n_layer=1, n_head=2, n_embd=6, bias=True),
        TrainConfig(steps=20, loss="all", lr=1e-2, seed=3),
        keep_steps=True,
    )
    for run, keep in ((notebook, 1), (other, 1), (other, 5)):
        starts, counts = run.data.distinct
        plan = {
            "tokens": typed("Int32Array", run.data.tokens),
            "starts": starts.tolist(),
            "shares": typed("Float32Array", counts / counts.sum()),
            "everyPosition": run.train.loss == "all",
            "lr": run.train.lr,
            "weightDecay": run.train.weight_decay,
            "steps": run.train.steps,
            "seed": run.train.seed,
            "keepEvery": keep,
        }
        (found,) = call(("engine.js", "train", [shape(run.model.config), plan]))
        np.testing.assert_allclose(found["losses"], run.losses, atol=1e-5)
        chains = np.exp(floats(found["chains"])).reshape(-1, *run.chain.probs.shape)
        assert len(chains) == run.train.steps // keep + 1
        np.testing.assert_allclose(chains[-1], run.chain.probs, atol=1e-5)
        if run.trajectory is not None:
            np.testing.assert_allclose(chains, np.exp(run.trajectory[::keep]), atol=1e-5)
        inside = run.model.inspect([0, 1])
        np.testing.assert_allclose(found["inside"]["attention"], inside.attention.reshape(-1), atol=1e-4)
        np.testing.assert_allclose(found["inside"]["logits"], inside.logits, atol=1e-4)


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


def test_what_is_said_of_a_chain_is_what_the_library_says() -> None:
    for chain in chains():
        V, p = chain.vocab_size, typed("Float64Array", chain.probs)
        classes, entropy = call(("chain.js", "classes", [p, V]), ("chain.js", "rowEntropy", [p, V]))
        ends = [ids.tolist() for ids in recurrent_classes(chain)]
        assert classes["ends"] == ends
        assert len(classes["members"]) == len(communicating_classes(chain))
        np.testing.assert_allclose(entropy, chain.row_entropy(), atol=1e-6)
        found = call(
            *(("chain.js", "stationary", [p, V, ids]) for ids in ends),
            *(("chain.js", "period", [p, V, ids]) for ids in ends),
        )
        for law, pi in zip(stationary_distributions(chain), found, strict=False):
            np.testing.assert_allclose(pi, law.dense(), atol=1e-9)
        assert found[len(ends) :] == [period(chain, np.array(ids)) for ids in ends]


def test_red_states_are_reached_as_the_library_says() -> None:
    rng = np.random.default_rng(3)
    for chain in chains():
        V, red = chain.vocab_size, rng.random(chain.n_states) < 0.2
        red[0] = True
        p, mask = typed("Float64Array", chain.probs), typed("Uint8Array", red.astype(int))
        ever, within = call(("chain.js", "reach", [p, V, mask]), ("chain.js", "reachWithin", [p, V, mask, 7]))
        np.testing.assert_allclose(ever, hitting_probabilities(chain, red).values, atol=1e-9)
        np.testing.assert_allclose(within, hitting_probabilities(chain, red, within=7).values, atol=1e-9)


def test_mixing_and_steps_are_those_of_the_library() -> None:
    chain = chains()[2]
    V, p = chain.vocab_size, typed("Float64Array", chain.probs)
    law = stationary_distributions(chain)[0].dense()
    start = np.eye(chain.n_states)[5]
    time, pushed, pulled, distance = call(
        ("chain.js", "mixingTime", [p, V, typed("Float64Array", law), list(range(chain.n_states))]),
        ("chain.js", "push", [p, V, typed("Float64Array", start)]),
        ("chain.js", "pull", [p, V, typed("Float64Array", start)]),
        ("chain.js", "totalVariation", [typed("Float64Array", start), typed("Float64Array", law)]),
    )
    assert time == mixing_time(chain).value
    np.testing.assert_allclose(pushed, chain.push(start), atol=1e-12)
    np.testing.assert_allclose(pulled, chain.pull(start), atol=1e-12)
    assert distance == pytest.approx(total_variation(chain, 0, 5)[0])


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
    (start,) = call(("state.js", "defaults", []))
    changed = {**start, "data": "a b&c=d#é中", "context": 5, "lr": 0.01, "greedy": True, "red": "11?,*0", "lang": "zh"}
    empty, link = call(("state.js", "toHash", [start]), ("state.js", "toHash", [changed]))
    assert empty == ""
    assert call(("state.js", "fromHash", ["#" + link])) == [{"values": changed, "problems": []}]


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
    start, found = call(("state.js", "defaults", []), ("state.js", "fromHash", [f"#{part}&layers=2"]))
    assert found["values"] == {**start, "layers": 2}
    assert len(found["problems"]) == 1
    assert len(found["problems"][0]) <= 20


def test_draws_follow_their_probabilities() -> None:
    p = typed("Float64Array", [0.2, 0.0, 0.8])
    draws = call(*(("chain.js", "draw", [p, 3, 0, u]) for u in (0.0, 0.1999, 0.2001, 0.999999999, 1.0)))
    assert draws == [0, 0, 2, 2, 2]


def test_both_languages_have_the_same_words_and_all_that_are_used() -> None:
    english, chinese = strings()["en"], strings()["zh"]
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", chinese[key])), key
    source = "".join(path.read_text(encoding="utf-8") for path in Path(finitegpt.page.__file__).parent.glob("*.js"))
    for key in re.findall(r'say\("([^"]+)"', source) + re.findall(r'(?:refuse|EngineError)\("([a-z.]+)"', source):
        assert key in english
