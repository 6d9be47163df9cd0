"""What the checker accepts is true: forged, damaged and hostile files are refused with one line, or say what is so."""

import ast
import base64
import copy
import hashlib
import json
import random
import re
import shutil
import subprocess
import sys
import time
from decimal import Context, Decimal, localcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finitegpt import Chain, InputError, TooLargeError, prove
from finitegpt import check as checker
from finitegpt.check import Proof, Refused, check
from oracles import (
    chains,
    exact_averages,
    exact_entropy,
    exact_matrix,
    exact_passage,
    exact_rows,
    from_logits,
)
from strategies import SEEDS

SOURCE = Path(checker.__file__)
FLOATS = (np.float32, np.float64)


def claims(dtype: type) -> dict[str, dict[str, Any]]:
    """A proof of each kind, about a chain of rows in float32 or float64."""
    rng = np.random.default_rng(1)
    chain, model = (from_logits(2 * rng.normal(size=(8, 2)), 3, dtype) for _ in range(2))
    leaking = from_logits(np.array([[0, -1, -2], [-np.inf, 0, -np.inf], [-np.inf, -np.inf, 0.0]]), dtype=dtype)
    return {
        "entropy rate": prove.entropy_rate(chain).document,
        "KL rate": prove.kl_rate(chain, model).document,
        "mass": prove.mass(chain, "bb?").document,
        "ever": prove.hitting_probability(leaking, "b", start=0).document,
        "mean time": prove.mean_first_passage_time(chain, "bbb", start=0).document,
    }


DOCUMENTS = {f"{about}, {kind.__name__}": document for kind in FLOATS for about, document in claims(kind).items()}
SINGLE = claims(np.float32)


def verdict(document: Any, folder: Path) -> checker.Proved:
    path = folder / "proof.json"
    path.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
    return check(path)


def refused(document: Any, folder: Path) -> str:
    begun = time.perf_counter()
    with pytest.raises(Refused) as caught:
        verdict(document, folder)
    assert time.perf_counter() - begun < 2
    message = str(caught.value)
    assert re.fullmatch(r"expected .*, got .*; try .*", message)
    assert len(message) < 400
    return message


def moved(text: str, by: str) -> str:
    return str(Decimal(text) + Decimal(by))


@pytest.mark.parametrize("about", DOCUMENTS)
def test_what_was_proved_is_accepted(about: str, tmp_path: Path) -> None:
    proved = verdict(DOCUMENTS[about], tmp_path)
    assert proved.sha256 == DOCUMENTS[about]["chain"]["sha256"]
    for part in (proved.low, proved.high, proved.sha256):
        assert part in proved.statement
    assert "\n" not in proved.statement


@pytest.mark.parametrize("about", DOCUMENTS)
def test_a_claim_that_says_more_is_refused_and_one_that_says_less_is_not(about: str, tmp_path: Path) -> None:
    document = DOCUMENTS[about]
    assert Decimal(document["low"]) > 0
    for by in ("1e-18", "1e-6", "1"):
        refused(document | {"low": moved(document["high"], by)}, tmp_path)
        refused(document | {"high": moved(document["low"], "-" + by)}, tmp_path)
        verdict(document | {"low": moved(document["low"], "-" + by), "high": moved(document["high"], by)}, tmp_path)
    refused(document | {"low": document["high"], "high": document["low"]}, tmp_path)
    refused(document | {"low": "Infinity", "high": "Infinity"}, tmp_path)


@pytest.mark.parametrize("about", DOCUMENTS)
def test_every_number_of_a_witness_counts(about: str, tmp_path: Path) -> None:
    for key in ("h", "x", "w"):
        for k, value in enumerate(DOCUMENTS[about].get(key, [])):
            if value == "0" and key != "h":
                continue  # decided by the graph
            for by in ("1e-9", "-1e-9", "1", "-1"):
                forged = copy.deepcopy(DOCUMENTS[about])
                forged[key][k] = moved(value, by)
                if key == "w":  # any that falls will do
                    if abs(Decimal(by)) < 1:
                        verdict(forged, tmp_path)
                    forged[key][k] = "-1"
                refused(forged, tmp_path)


@pytest.mark.parametrize("about", DOCUMENTS)
def test_another_chain_is_another_digest(about: str, tmp_path: Path) -> None:
    chain = DOCUMENTS[about]["chain"]
    rows = np.frombuffer(base64.b64decode(chain["log_probs"]), chain["dtype"])
    for k in range(len(rows)):
        changed = rows.copy()
        changed[k] = np.nextafter(rows[k], rows.dtype.type(-9)) if np.isfinite(rows[k]) else -1
        packed = base64.b64encode(changed.tobytes()).decode()
        assert "digest" in refused(DOCUMENTS[about] | {"chain": chain | {"log_probs": packed}}, tmp_path)
    swapped = "float32" if chain["dtype"] == "float64" else "float64"
    for other in ({"vocab": chain["vocab"][::-1]}, {"dtype": swapped}, {"context_length": 2}):
        refused(DOCUMENTS[about] | {"chain": chain | other}, tmp_path)


def test_arrows_that_leave_the_states_and_models_without_arrows_are_refused(tmp_path: Path) -> None:
    some = base64.b64encode(bytes([1] * 7 + [0])).decode()
    assert "leaves" in refused(SINGLE["entropy rate"] | {"states": some}, tmp_path)
    model = np.zeros((8, 2))
    model[3, 0] = -np.inf
    entry = prove.entropy_rate(from_logits(model, 3)).document["chain"]
    assert "arrows" in refused(SINGLE["KL rate"] | {"model": entry}, tmp_path)
    assert "surely" in refused(SINGLE["ever"] | {"about": "mean time"}, tmp_path)
    other = prove.entropy_rate(from_logits(np.zeros((4, 2)), 2)).document["chain"]
    assert "same states" in refused(SINGLE["KL rate"] | {"model": other}, tmp_path)


def test_a_part_of_the_chain_is_named_as_such(tmp_path: Path) -> None:
    apart = from_logits(np.array([[0, -np.inf], [-np.inf, 0]]))
    statement = prove.entropy_rate(apart, states=[1]).proved.statement
    assert 'every stationary distribution on "b" lies' in statement
    assert "every stationary distribution lies" in prove.entropy_rate(apart).proved.statement
    dying = from_logits(np.array([[0, 0], [-np.inf, 0]]))
    assert "every stationary distribution lies" in prove.entropy_rate(dying).proved.statement  # a dies out


@pytest.mark.parametrize("dtype", FLOATS)
def test_what_is_proved_is_about_the_rows_as_stored(dtype: type, tmp_path: Path) -> None:
    given = Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1)
    chain = Chain(log_probs=given.log_probs.astype(dtype), vocab=given.vocab, context_length=1)
    certificate = prove.mean_first_passage_time(chain, "b", start=0)
    off = abs(exact_passage(exact_matrix(chain), np.array([False, True]))[1][0] - 10)
    assert off > (1e-8 if dtype is np.float32 else 1e-18)  # .9 is no double, and its logarithm was rounded
    assert abs(abs(certificate.low - 10) - off) < 1e-17
    certificate.save(tmp_path / "proof.json")
    assert verdict(certificate.document, tmp_path / "..") == certificate.proved


HOSTILE: dict[str, Any] = {
    "empty": b"",
    "no text": b"\xff\xfe\0",
    "no object": b"[]",
    "deep": b"[" * 10**6,
    "deeper": b'{"a":' * 10**5,
    "twice": b'{"format": "finitegpt proof 1", "format": "finitegpt proof 1"}',
    "long int": b'{"format": ' + b"9" * 10**6 + b"}",
    "nan": b'{"format": NaN}',
    "many": b"[" + b"0," * 5 * 10**6 + b"0]",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_at_once(name: str, tmp_path: Path) -> None:
    refused(HOSTILE[name], tmp_path)


def test_files_that_are_none_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (tmp_path, tmp_path / "none", Path("/dev/zero"), "", "a\0b", "a" * 10**5):
        with pytest.raises(Refused):
            check(path)
    monkeypatch.setattr(checker, "MOST_BYTES", 100)
    refused(SINGLE["mass"], tmp_path)


WRONG = [None, True, -1, 0, 1.5, 2**63, 2**70, "", "NaN", "-Infinity", "1e999999999999", "9" * 10**6, "٣", [], {}]
WRONG += [["1"] * 7, ["1e999999999999"] * 8, [1] * 8, [None] * 8, ["NaN"] * 8, ["sNaN"] * 8, ["Infinity"] * 8, "AAAA"]
WRONG += [base64.b64encode(np.full(8, x).tobytes()).decode() for x in (np.nan, np.inf, -1.0)]


@settings(max_examples=400)
@given(about=st.sampled_from([*DOCUMENTS]), data=st.data())
def test_wrong_types_sizes_and_numbers_are_refused(
    about: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    document = copy.deepcopy(DOCUMENTS[about])
    place = document
    if data.draw(st.booleans()):
        place = document["chain"]
    key = data.draw(st.sampled_from(sorted(place)))
    value = data.draw(st.sampled_from(WRONG))
    place[key] = value
    folder = tmp_path_factory.mktemp("wrong")
    try:
        proved = verdict(document, folder)
    except Refused:
        refused(document, folder)
    else:  # the claim is wider, or about another start
        assert key in ("low", "high", "digits"), (key, value)
        assert_true(document, proved)


def assert_true(document: dict[str, Any], proved: checker.Proved, slack: Decimal = Decimal("1e-40")) -> None:
    """Judges a statement by the oracle, from the file's own numbers."""
    entry = document["chain"]
    rows = np.frombuffer(base64.b64decode(entry["log_probs"]), "<f4" if entry["dtype"] == "float32" else "<f8")
    n, V = len(entry["vocab"]) ** entry["context_length"], len(entry["vocab"])
    probs = exact_rows(rows.reshape(n, V))
    P = np.full((n, n), Decimal(0), object)
    for i in range(n):
        for y in range(V):
            P[i, (i * V + y) % n] += probs[i, y]
    red = np.array(list(base64.b64decode(document["red"])), bool) if "red" in document else np.ones(n, bool)
    start = list(base64.b64decode(document["start"])) if "start" in document else [1] * n
    hit, times = exact_passage(P, red)
    if document["about"] in ("ever", "mean time"):
        found = hit if document["about"] == "ever" else times
        values = [value for first, value in zip(start, found, strict=True) if first]
    else:
        f = np.array([exact_entropy(row) for row in probs], object)
        if document["about"] == "mass":
            f = np.array([Decimal(int(r)) for r in red], object)
        if document["about"] == "KL rate":
            other = np.frombuffer(base64.b64decode(document["model"]["log_probs"]), document["model"]["dtype"])
            pairs = zip(probs, exact_rows(other.reshape(n, V)), strict=True)
            f = np.array(
                [
                    sum(
                        (a * (a / b).ln() if b else Decimal("Infinity") for a, b in zip(p, q, strict=True) if a),
                        Decimal(0),
                    )
                    for p, q in pairs
                ]
            )
        inside = list(base64.b64decode(document["states"])) if "states" in document else [1] * n
        values = exact_averages(P, f, np.array(inside, bool))
    for value in values:
        room = abs(value) * slack
        assert Decimal(proved.low) <= value + room
        assert value - room <= Decimal(proved.high)


@settings(max_examples=100)
@given(chain=chains(), about=st.sampled_from([*SINGLE]), seed=SEEDS)
def test_whatever_the_witness_what_it_proves_is_true(chain: Chain, about: str, seed: int) -> None:
    rng, n = np.random.default_rng(seed), chain.n_states

    def packed(values: np.ndarray) -> str:
        return base64.b64encode(values.tobytes()).decode()

    red = rng.random(n) < rng.choice([0.1, 0.5])
    red[rng.integers(n)] = True
    solved = prove.hitting_probability(chain, red, start=0).document | prove.mass(chain, red).document
    document = solved | {"about": about, "low": "0", "high": "Infinity", "digits": int(rng.integers(20, 60))}
    document["start"] = packed(((rng.random(n) < 0.2) | (np.arange(n) == 0)).astype(np.uint8))
    document["model"] = solved["chain"]  # and itself, of which it is 0 away
    if about == "KL rate":
        other = Chain(
            log_probs=chain.log_probs[rng.permutation(n)], vocab=chain.vocab, context_length=chain.context_length
        )
        document["model"] = prove.hitting_probability(other, [0]).document["chain"]
    for key in ("h", "x", "w"):
        if rng.random() < 0.8:
            scale = 10.0 ** rng.choice([-300, -20, -3, 0, 3, 200])
            document[key] = packed((np.abs, np.negative, np.asarray)[rng.integers(3)](rng.normal(size=n) * scale))
        elif rng.random() < 0.5 and isinstance(document[key], list):
            document[key] = [
                str(Decimal(x) * Decimal(1 + rng.choice([1e-3, 1e-12]) * rng.normal())) for x in document[key]
            ]
    if rng.random() < 0.5:
        document.pop("states", None)
    try:
        proof = Proof(document)
    except Refused:
        return
    proved = checker.Proved("", str(proof.low), str(proof.high), "")
    with localcontext(prec=400):
        assert_true(document, proved)


def forged(about: str, rows: Any, dtype: str = "float64", **changes: Any) -> dict[str, Any]:
    """A file about a chain of one token that no `Chain` need accept, with its digest."""
    floats = np.asarray(rows, dtype).tobytes()
    entry: dict[str, Any] = {"vocab": list("abcdefgh"[: len(rows)]), "context_length": 1, "dtype": dtype}
    entry |= {key: changes.pop(key) for key in [*entry] if key in changes}
    head = json.dumps([entry["dtype"], entry["context_length"], entry["vocab"]], separators=(",", ":"))
    digest = hashlib.sha256(b"finitegpt chain\n" + head.encode() + b"\n" + floats).hexdigest()
    entry |= {"log_probs": base64.b64encode(floats).decode(), "sha256": digest}
    file = {"format": checker.FORMAT, "about": about, "low": "0", "high": "Infinity", "digits": 28, "chain": entry}
    return file | {key: masked(*value) if isinstance(value, tuple) else value for key, value in changes.items()}


def masked(*flags: int) -> str:
    return base64.b64encode(bytes(flags)).decode()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_arrow_at_the_floor_is_one_and_below_it_is_none(dtype: str, tmp_path: Path) -> None:
    below = np.nextafter(np.dtype(dtype).type(-708), np.dtype(dtype).type(-np.inf))
    asked: dict[str, Any] = {"red": (0, 0, 1), "start": (1, 0, 0), "x": ["0"] * 3, "w": ["1e-300"] * 3, "high": "0"}
    for arrow, never in ((-708.0, False), (below, True)):
        rows = [[-np.inf, 0, arrow], [-np.inf, 0, -np.inf], [-np.inf, -np.inf, 0]]
        document = forged("ever", rows, dtype, **asked)
        if never:
            assert "[0, 0]" in verdict(document, tmp_path).statement
        else:
            refused(document, tmp_path)  # it is 3.3e-308
            verdict(document | {"low": "3.30e-308", "high": "3.32e-308", "x": ["3.3075e-308", "0", "0"]}, tmp_path)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 708.1, 1e308])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_that_are_no_logarithms_are_refused(bad: float, dtype: str, tmp_path: Path) -> None:
    with np.errstate(over="ignore"):
        for k in range(4):
            rows = np.zeros(4)
            rows[k] = bad
            refused(forged("entropy rate", rows.reshape(2, 2), dtype, h=["0", "0"]), tmp_path)
    for row in ([-np.inf, -np.inf], [-709, -np.inf], [np.nan, 0], [0, -np.nan]):
        refused(forged("entropy rate", [[0, 0], row], dtype, h=["0", "0"]), tmp_path)


def test_rows_are_normalised_whatever_they_sum_to(tmp_path: Path) -> None:
    for level in (708, -0.0, -700):
        document = forged("entropy rate", np.full((2, 2), level), h=["0", "0"], low=".693147180", high=".693147181")
        verdict(document, tmp_path)
        refused(document | {"low": "0.6931471806"}, tmp_path)


def test_a_metastable_chain_is_not_proved_by_what_nearly_solves_it(tmp_path: Path) -> None:
    rows = [[0, -690.0], [-691.0, 0]]  # in a 27 %, in b 73 %: P h - h is some 1e-300 for any h of human size
    asked: dict[str, Any] = {"red": (0, 1), "start": (1, 0), "digits": 28}
    for h in (["0", "0"], ["0", "1e280"], ["0", "1e299"], ["-1e310", "1e310"]):
        for claim in ({"low": "0.3"}, {"high": "0.2"}, {"low": ".5", "high": ".5"}):
            refused(forged("mass", rows, **asked | {"h": h} | claim), tmp_path)
    for x in ("0", "1", "1e299", "3e299"):  # the time is 4.7e299
        for w in ("1e-300", "1", "1e300"):
            refused(forged("mean time", rows, **asked, x=[x, "0"], w=[w, "0"], high="4e299"), tmp_path)


@settings(max_examples=40)
@given(about=st.sampled_from([*SINGLE]), dtype=st.sampled_from(FLOATS), seed=SEEDS)
def test_in_twenty_digits_the_best_witness_still_proves_what_is_true(about: str, dtype: type, seed: int) -> None:
    rng = np.random.default_rng(seed)
    chain, model = (from_logits(rng.normal(size=(3, 3)), 1, dtype) for _ in range(2))
    made = {
        "entropy rate": lambda: prove.entropy_rate(chain),
        "KL rate": lambda: prove.kl_rate(chain, model),
        "mass": lambda: prove.mass(chain, "a"),
        "ever": lambda: prove.hitting_probability(leaking, "b", start=0),
        "mean time": lambda: prove.mean_first_passage_time(chain, "b", start=0),
    }
    leaking = from_logits(np.where([[1, 1, 1], [0, 1, 0], [0, 0, 1]], rng.normal(size=(3, 3)), -np.inf), 1, dtype)
    document = made[about]().document | {"digits": 20}
    proof = Proof(document)
    assert 0 < proof.high - proof.low < Decimal("1e-15") * proof.high
    with localcontext(prec=80):
        assert_true(document, checker.Proved("", str(proof.low), str(proof.high), ""), Decimal(0))


@settings(max_examples=100)
@given(seed=SEEDS)
def test_a_mean_is_rounded_outward(seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(3, 3))
    proof = Proof(forged("mass", logits, digits=20, h=["0"] * 3))
    with localcontext(prec=60):
        weights = [Decimal(x).exp() for x in logits[0].tolist()]
        for h in ([0, -1, 0], [0, 1, 0], [1, -1, 0], [0, 3, -1], [-2, 2, 2]):
            truth = sum((w * (y - h[0]) for w, y in zip(weights, h, strict=True)), Decimal(0)) / sum(weights)
            row, found = proof._row(proof.P, 0), []
            for sign in (1, -1):
                found.append(sign * proof._rise(0, row, [Decimal(sign * x) for x in h], [Decimal(0)] * 3))
            assert found[0] <= truth <= found[1]
            assert found[1] - found[0] < Decimal("1e-17")


@settings(max_examples=100)
@given(seed=SEEDS, level=st.sampled_from([-600.0, 0.0, 600.0]))
def test_a_logarithm_is_rounded_outward(seed: int, level: float) -> None:
    logits = np.random.default_rng(seed).normal(size=(3, 3)) + level
    proof = Proof(forged("mass", logits, digits=20, h=["0"] * 3))
    with localcontext(prec=60):
        total = sum(Decimal(x).exp() for x in logits[0].tolist())
        for y, (low, high) in proof._row(proof.P, 0)[0].items():
            assert low <= Decimal(float(logits[0, y])) - Decimal(total).ln() <= high


def test_an_error_is_rounded_outward(tmp_path: Path) -> None:
    """The time is 1, x is 0, and c = 1 / 3 times w = 3 must not be less."""
    rows = [[-np.inf, 0], [0, 0]]
    asked: dict[str, Any] = {"red": (0, 1), "start": (1, 0), "x": ["0", "0"], "w": ["3", "0"]}
    refused(forged("mean time", rows, **asked, high="0.9999999999999999999999999999999"), tmp_path)
    assert Proof(forged("mean time", rows, **asked)).high >= 1


def test_a_mean_of_equal_numbers_is_that_number(tmp_path: Path) -> None:
    verdict(forged("mass", np.random.default_rng(0).normal(size=(3, 3)), h=["0"] * 3, low="1", high="1"), tmp_path)


def test_red_states_are_reached_surely_though_they_lead_astray(tmp_path: Path) -> None:
    rows = [[0, 0, -np.inf], [-np.inf, 0, 0], [-np.inf, -np.inf, 0]]  # a, then b, then c for ever
    asked: dict[str, Any] = {"red": (0, 1, 0), "x": ["2", "0", "0"], "w": ["2", "0", "0"]}
    exact = {"low": "1.99999999", "high": "2.00000001"}
    verdict(forged("mean time", rows, **asked, start=(1, 0, 0), **exact), tmp_path)
    verdict(forged("ever", rows, **asked, start=(1, 0, 0), low="1", high="1"), tmp_path)
    verdict(forged("ever", rows, **asked, start=(0, 0, 1), low="0", high="0"), tmp_path)
    for start in ((0, 0, 1), (1, 0, 1)):
        refused(forged("mean time", rows, **asked, start=start), tmp_path)


def test_witnesses_that_are_zero_or_less_prove_nothing(tmp_path: Path) -> None:
    zero = base64.b64encode(np.full(2, -0.0).tobytes()).decode()
    for w in (zero, ["-0", "0"], ["0", "0"], ["-1", "1"], ["1e-999999999999999999", "0"]):
        refused(forged("mean time", np.zeros((2, 2)), red=(0, 1), start=(1, 0), x=["5", "0"], w=w, low="3"), tmp_path)


FAR = ["1e999999999999999999", "-1e999999999999999999", "1e-999999999999999999", "9" * 10**6, "1e" + "9" * 30]


@pytest.mark.parametrize("number", FAR)
def test_numbers_at_the_ends_of_decimals_prove_nothing(number: str, tmp_path: Path) -> None:
    for key in ("h", "x", "w"):
        for about in ("entropy rate", "mean time"):
            file = {"red": (0, 1), "start": (1, 0), "h": ["0", "0"], "x": ["3", "0"], "w": ["3", "0"]} | {"low": "2.5"}
            refused(forged(about, np.zeros((2, 2)), **file | {key: [number, "1"]}), tmp_path)


def test_a_statement_is_one_line_of_plain_text(tmp_path: Path) -> None:
    for low in ("0", " 0", "0\n", "٠", "0_0", "-0", "0e-5", 0, "-1e5", "-Infinity", [0, [0], 0]):
        for vocab in (["\n", "\x1b"], ['"', "\u202e"], ["", "a b"], ["\ud800", "b"], ["٣", "3"], ["{red}", "%s"]):
            document = forged("mass", np.zeros((2, 2)), red=(0, 1), h=["0", "0"], low=low, vocab=vocab)
            try:
                statement = verdict(document, tmp_path).statement
            except Refused:
                continue
            assert statement.isascii()
            assert statement.isprintable()


@pytest.mark.parametrize(
    "low", ["0.51", "٠.٥١", "NaN", "sNaN", "Infinity", "1e400", 1, True, "0x0", "0,4", "", None, {}]
)
def test_a_claim_that_is_no_number_or_too_much_is_refused(low: Any, tmp_path: Path) -> None:
    refused(forged("mass", np.zeros((2, 2)), red=(0, 1), h=["0", "0"], low=low), tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        *({"context_length": L} for L in (True, 1.0, "1", 0, -1, 65, None, 2**70, [1])),
        *({"vocab": vocab} for vocab in ("ab", ["a", "a"], [], ["a"], ["a", 1], ["a", None], {"a": 1, "b": 2})),
        *({"dtype": dtype} for dtype in ("float16", "<f8", None, [])),
        *({"digits": digits} for digits in (True, 28.0, "28", 19, 1001, -28, 1e400, None, [28], 10**4000)),
        *({"red": red} for red in ((0, 0), (0, 2), (1,), (0, 1, 0), (0, 255))),
        *({"states": states} for states in ((0, 0), (1, 0), (0, 1), (2, 2), (1,))),
        *({"start": start} for start in ((0, 0), (3, 0), [1, 0])),
        *({"h": h} for h in (["0"], ["0"] * 3, ["0", "NaN"], ["0", "Infinity"], ["0", None], [0.5, "sNaN"], "", {})),
        *({"about": about} for about in ("within", "mass ", "Mass", None, [], ["mass"])),
        {"format": "finitegpt proof 2"},
    ],
)
def test_one_wrong_entry_is_refused(change: dict[str, Any], tmp_path: Path) -> None:
    good: dict[str, Any] = {"red": (0, 1), "start": (1, 0), "h": ["0", "0"]}
    verdict(forged("mass", np.zeros((2, 2)), **good), tmp_path)
    about = change.get("about", "mass")
    refused(forged(about, np.zeros((2, 2)), **good | {k: v for k, v in change.items() if k != "about"}), tmp_path)


def test_base64_is_strict(tmp_path: Path) -> None:
    text = forged("mass", np.zeros((2, 2)), red=(0, 1), h=["0", "0"])
    for change in (" {}", "{}\n", "{}=", "{}AAAA", "={}", "-{}"):
        chain = text["chain"] | {"log_probs": change.format(text["chain"]["log_probs"])}
        refused(text | {"chain": chain}, tmp_path)
        refused(text | {"red": change.format(text["red"])}, tmp_path)


def test_a_key_is_there_once_at_every_depth(tmp_path: Path) -> None:
    text = json.dumps(forged("mass", np.zeros((2, 2)), red=(0, 1), h=["0", "0"]))
    verdict(text.encode(), tmp_path)
    for key in ("low", "about", "red", "dtype", "vocab"):
        assert "once" in refused(text.replace(f'"{key}":', f'"{key}": "0", "{key}":', 1).encode(), tmp_path)
        assert "once" in refused(
            text.replace(f'"{key}":', f'"\\u{ord(key[0]):04x}{key[1:]}": 0, "{key}":').encode(), tmp_path
        )


def test_a_closed_set_names_the_laws_on_it_and_no_others(tmp_path: Path) -> None:
    apart = np.where(np.eye(3), 0, -np.inf)
    asked: dict[str, Any] = {"red": (0, 1, 0), "h": ["0"] * 3}
    assert 'on "a"' in verdict(forged("mass", apart, **asked, states=(1, 0, 0), high="0"), tmp_path).statement
    assert 'on "a" "b"' in verdict(forged("mass", apart, **asked, states=(1, 1, 0)), tmp_path).statement
    refused(forged("mass", apart, **asked, states=(1, 1, 0), high="0"), tmp_path)
    refused(forged("mass", apart, **asked, high="0"), tmp_path)


def test_what_the_caller_has_set_for_decimals_changes_nothing(tmp_path: Path) -> None:
    with localcontext(Context(1, traps=[])):
        for about, document in SINGLE.items():
            assert verdict(document, tmp_path).low == document["low"], about
            refused(document | {"low": document["high"], "high": document["low"]}, tmp_path)
        for low in ("NaN", "sNaN", "no number"):
            refused(SINGLE["mass"] | {"low": low}, tmp_path)


@pytest.mark.parametrize("about", DOCUMENTS)
def test_a_file_cut_short_is_refused(about: str, tmp_path: Path) -> None:
    whole = json.dumps(DOCUMENTS[about]).encode()
    for size in range(0, len(whole), 7):
        refused(whole[:size], tmp_path)


@pytest.mark.parametrize("about", DOCUMENTS)
def test_random_damage_is_refused_or_leaves_what_is_true(about: str, tmp_path: Path) -> None:
    whole, rng = json.dumps(DOCUMENTS[about]).encode(), random.Random(0)
    accepted = 0
    for _ in range(700):
        damaged = bytearray(whole)
        for _ in range(rng.choice([1, 1, 2, 5])):
            k = rng.randrange(len(whole))
            damaged[k] = rng.choice(
                [damaged[k] ^ 1 << rng.randrange(8), rng.randrange(32, 127), rng.choice(b"0123456789")]
            )
        try:
            proved = verdict(bytes(damaged), tmp_path)
        except Refused:
            continue
        accepted += 1
        assert_true(json.loads(damaged), proved)
    assert accepted < 500


def test_it_is_alone(tmp_path: Path) -> None:
    shutil.copy(SOURCE, tmp_path / "check.py")
    (tmp_path / "good.json").write_text(json.dumps(SINGLE["ever"]))
    (tmp_path / "bad.json").write_text(json.dumps(SINGLE["ever"] | {"low": "0.9"}))

    def alone(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-S", "check.py", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    good = alone("good.json")
    assert (good.returncode, good.stderr, good.stdout.count("\n")) == (0, "", 1)
    assert good.stdout.startswith('proved: the probability of ever reaching "b" from "a" lies in [')
    for arguments in (("bad.json",), (), ("none",), ("good.json", "good.json")):
        bad = alone(*arguments)
        assert (bad.returncode, bad.stdout, bad.stderr.count("\n")) == (1, "", 1)
        assert bad.stderr.startswith("refused: expected ")


def test_it_imports_the_standard_library_alone_and_is_short() -> None:
    for node in ast.walk(ast.parse(SOURCE.read_text())):
        if isinstance(node, ast.Import):
            assert {alias.name for alias in node.names} <= sys.stdlib_module_names
        if isinstance(node, ast.ImportFrom):
            assert node.module is not None
            assert node.module.partition(".")[0] in sys.stdlib_module_names
    assert SOURCE.read_text().count("\n") <= 200  # with what is said to the referee


def test_values_near_the_end_of_double_precision(tmp_path: Path) -> None:
    tiny = from_logits(np.array([[0, -700, -np.inf], [0, -np.inf, -700], [0, 0, 0.0]]))
    certificate = prove.mean_first_passage_time(tiny, "c", start=0)
    truth = exact_passage(exact_matrix(tiny), np.array([False, False, True]))[1][0]
    assert truth > Decimal("1e600")
    assert certificate.low <= truth <= certificate.high
    assert certificate.narrow


def test_the_prover_refuses_what_is_too_large() -> None:
    with pytest.raises(InputError, match="same vocabulary"):
        prove.kl_rate(from_logits(np.zeros((8, 2)), 3), Chain.from_probs([[0.5, 0.5]] * 2, "xy", 1))
    with pytest.raises(TooLargeError, match="arrows"):
        prove.entropy_rate(from_logits(np.zeros((2**22, 2)), 22))
