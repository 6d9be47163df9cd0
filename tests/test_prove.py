"""Proofs hold the truth, are accepted, and are narrow where double precision or a hundred digits can make them so."""

import hashlib
import json
from decimal import Decimal, localcontext
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finitegpt import Chain, FileError, InputError, prove
from finitegpt.analysis import compare, entropy_rate, recurrent_classes, stationary_distribution
from finitegpt.check import check
from finitegpt.prove import Certificate, chain_digest, decimals
from oracles import KINDS, chains, exact_averages, exact_entropy, exact_matrix, exact_passage, exact_rows

from oracles import from_logits, random_chain  # isort: skip
from strategies import SEEDS

HOLES = -np.inf
METASTABLE = from_logits(
    np.array([[0, -1, -300, HOLES], [-1, -2, HOLES, HOLES], [-301, HOLES, 0, 0.5], [HOLES, HOLES, 1, 0]])
)
"""Two wells of two states."""
RIGHT = exact_averages(exact_matrix(METASTABLE), np.array([Decimal(k) for k in (0, 0, 1, 1)], object))[0]


def assert_holds(certificate: Certificate, truths: list[Decimal], folder: pytest.TempPathFactory) -> None:
    path = folder.mktemp("proof") / "proof.json"
    certificate.save(path)
    assert check(path) == certificate.proved
    for truth in truths:
        room = abs(truth) * Decimal("1e-45")
        assert certificate.low <= truth + room
        assert truth - room <= certificate.high


@settings(max_examples=80)
@given(chain=chains(), seed=SEEDS)
def test_averages(chain: Chain, seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    with localcontext(prec=360):  # p ln p of a p that is nearly 1
        P = exact_matrix(chain)
        entropies = np.array([exact_entropy(row) for row in exact_rows(chain.log_probs)], object)
        truths = exact_averages(P, entropies)
    certificate = prove.entropy_rate(chain)
    assert_holds(certificate, truths, tmp_path_factory)
    assert certificate.narrow or max(truths) - min(truths) > 1e-19
    red = np.random.default_rng(seed).random(chain.n_states) < 0.3
    red[0] = True
    certificate = prove.mass(chain, red)
    assert_holds(certificate, exact_averages(P, np.array([Decimal(int(r)) for r in red], object)), tmp_path_factory)


@settings(max_examples=40)
@given(kind=st.sampled_from(KINDS), V=st.integers(2, 3), seed=SEEDS)
def test_kl_rates(kind: str, V: int, seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    truth, model = random_chain(kind, V, 2, seed), random_chain("dense", V, 3, seed + 1)
    if truth.vocab != model.vocab:
        return
    p, q = np.tile(truth.log_probs, (V ** (3 - truth.context_length), 1)), model.log_probs
    with localcontext(prec=360):
        f = [
            sum((a * (a / b).ln() for a, b in zip(*rows, strict=True) if a), Decimal(0))
            for rows in zip(exact_rows(p), exact_rows(q), strict=True)
        ]
        P = exact_matrix(Chain(log_probs=p, vocab=truth.vocab, context_length=3))
        truths = exact_averages(P, np.array(f, object))
    assert_holds(prove.kl_rate(truth, model), truths, tmp_path_factory)


@settings(max_examples=120)
@given(chain=chains(), seed=SEEDS)
def test_red_states(chain: Chain, seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    rng = np.random.default_rng(seed)
    red = rng.random(chain.n_states) < 0.3
    red[rng.integers(chain.n_states)] = True
    P, start = exact_matrix(chain), int(rng.integers(chain.n_states))
    hit, time = exact_passage(P, red)
    ever = prove.hitting_probability(chain, red, start=start)
    assert_holds(ever, [hit[start]], tmp_path_factory)
    assert ever.high - ever.low <= Decimal("1e-14") * max(ever.high, Decimal("1e-99000"))
    if ever.low == 1:
        certificate = prove.mean_first_passage_time(chain, red, start=start)
        assert_holds(certificate, [time[start]], tmp_path_factory)
        assert certificate.narrow
    else:
        with pytest.raises(InputError, match="surely"):
            prove.mean_first_passage_time(chain, red, start=start)


@pytest.mark.parametrize("kind", ["dense", "top_k", "sharp", "copy", "periodic", "greedy", "sparse"])
def test_large_chains_are_proved_in_double_precision(kind: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    chain, model = random_chain(kind, 2, 9, 3), random_chain("dense", 2, 9, 4)
    small = recurrent_classes(chain)[0]
    rate, found = prove.entropy_rate(chain, states=small), stationary_distribution
    assert rate.document["digits"] < 30
    assert isinstance(rate.document["h"], str)
    assert_holds(rate, [], tmp_path_factory)
    if len(recurrent_classes(chain)) == 1:
        bound = entropy_rate(chain, found(chain))
        assert float(rate.low) <= bound.high
        assert bound.low <= float(rate.high)
        kl = compare(chain, model).kl_rate
        proved = prove.kl_rate(chain, model)
        assert float(proved.low) <= kl.high
        assert kl.low <= float(proved.high)
    if kind in ("dense", "top_k"):
        assert rate.narrow
    red = [1, 77]
    ever = prove.hitting_probability(chain, red)
    assert_holds(ever, [], tmp_path_factory)
    if kind in ("dense", "top_k", "greedy"):
        assert ever.high - ever.low < 1e-9
    if kind == "dense":
        assert ever.low == ever.high == 1
        assert prove.mean_first_passage_time(chain, red).narrow


def test_small_probabilities_of_large_chains_have_many_digits() -> None:
    logits = np.tile([0.0, 0.0], (256, 1))
    logits[0], logits[255] = [0, -np.inf], [-np.inf, 0]  # two traps
    logits[127, 1] = logits[254, 1] = -600  # and hardly a way into the second
    certificate = prove.hitting_probability(from_logits(logits, 8), [255], start=1)
    assert 0 < certificate.high < Decimal("1e-200")
    assert certificate.high - certificate.low < Decimal("1e-9") * certificate.high


def test_a_metastable_chain_is_solved_in_as_many_digits_as_it_needs() -> None:
    certificate = prove.mass(METASTABLE, ["c", "d"])
    assert certificate.narrow
    assert certificate.document["digits"] > 100
    assert certificate.low <= RIGHT <= certificate.high


def test_a_wide_interval_is_written_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decimals, "_DIGITS", (20,))
    certificate = prove.mass(METASTABLE, ["c", "d"])
    assert not certificate.narrow
    assert certificate.low < RIGHT < certificate.high


def test_the_digest_is_that_of_a_documented_form() -> None:
    chain = from_logits(np.zeros((9, 3)), 2)
    assert chain.vocab == ("a", "b", "c")
    form = b'finitegpt chain\n["float32",2,["a","b","c"]]\n' + chain.log_probs.tobytes()
    assert chain_digest(chain) == hashlib.sha256(form).hexdigest()
    assert prove.entropy_rate(chain).proved.sha256 == chain_digest(chain)


def test_a_note_is_kept_and_proves_nothing(tmp_path: Path) -> None:
    certificate = prove.entropy_rate(from_logits(np.zeros((2, 2))), note="temperature 0.5")
    certificate.save(tmp_path / "proof.json")
    assert json.loads((tmp_path / "proof.json").read_text())["note"] == "temperature 0.5"
    assert "temperature" not in certificate.proved.statement


def test_bad_input(tmp_path: Path) -> None:
    chain = from_logits(np.array([[0, -np.inf], [-np.inf, 0]]))
    with pytest.raises(InputError, match="recurrent"):
        prove.entropy_rate(from_logits(np.array([[-np.inf, 0], [-np.inf, 0]])), states=[0])
    with pytest.raises(InputError, match="infinite"):
        prove.kl_rate(from_logits(np.zeros((2, 2))), chain)
    with pytest.raises(InputError, match="surely"):
        prove.mean_first_passage_time(chain, "b", start=0)
    with pytest.raises(InputError, match="from 0 to 1"):
        prove.hitting_probability(chain, "b", start=2)
    certificate = prove.entropy_rate(chain)
    certificate.save(tmp_path / "proof.json")
    with pytest.raises(FileError, match="exists"):
        certificate.save(tmp_path / "proof.json")
