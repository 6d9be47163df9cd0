"""How far chains are from each other, against sums over exact rows."""

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import given, settings
from hypothesis import strategies as st

import finitegpt
from balls import INFINITE, of_logs, of_probs, total
from finitegpt import Chain, Data, TooLargeError, TrainConfig
from finitegpt.analysis import (
    Bound,
    approach,
    compare,
    cross_entropy,
    data_entropy,
    extended,
    recurrent_classes,
    stationary_distribution,
)
from finitegpt.analysis.divergence import divergence, row_divergence, variation
from finitegpt.sources import even, golden_mean
from oracles import chains, exact_dense_law, exact_entropy, exact_rows, from_logits, random_chain
from strategies import SEEDS


def exact_kl(truth: Chain, model: Chain) -> Decimal:
    """Of chains with contexts of the same length."""
    pi, total = exact_dense_law(truth, recurrent_classes(truth)[0]), Decimal(0)
    for weight, p, q in zip(pi, exact_rows(truth.log_probs), exact_rows(model.log_probs), strict=True):
        for x, y in zip(p, q, strict=True):
            if weight > 0 and x > 0:
                total += weight * x * (x / y).ln() if y > 0 else Decimal("Infinity")
    return total


@settings(max_examples=40)
@given(truth=chains(("dense", "sharp", "copy", "top_k", "periodic")), noise=st.floats(-8, 1), seed=SEEDS)
def test_the_kl_rate_is_inside_its_interval(truth: Chain, noise: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    if len(recurrent_classes(truth)) > 1:
        return
    finite = np.where(truth.support, truth.log_probs.astype(float), -20.0)
    model = from_logits(finite + 10**noise * rng.normal(size=finite.shape), truth.context_length)
    found, exact = compare(truth, model), exact_kl(truth, model)
    assert Decimal(found.kl_rate.low) <= exact <= Decimal(found.kl_rate.high)
    assert found.contributions.values.sum() == pytest.approx(found.kl_rate.value, rel=1e-9, abs=1e-13)
    assert found.cross_entropy.value == pytest.approx(found.kl_rate.value + found.true_entropy_rate.value)
    pi = exact_dense_law(truth, recurrent_classes(truth)[0])
    rows = np.array([exact_entropy(row) for row in exact_rows(truth.log_probs)], object)
    cross = exact + sum(pi * rows, Decimal(0))
    assert Decimal(found.cross_entropy.low) <= cross <= Decimal(found.cross_entropy.high)
    theirs = exact_dense_law(model, recurrent_classes(model)[0])
    distance = sum(abs(pi - theirs), Decimal(0)) / 2
    assert Decimal(found.total_variation.low) - Decimal("1e-15") <= distance
    assert distance <= Decimal(found.total_variation.high) + Decimal("1e-15")
    apart = abs(exact_rows(truth.log_probs) - exact_rows(model.log_probs)).sum(1) / 2
    mean = sum(pi * apart, Decimal(0))
    assert Decimal(found.mean_total_variation.low) <= mean <= Decimal(found.mean_total_variation.high)
    assert found.mean_total_variation.error < 1e-12


def test_a_chain_is_nothing_from_itself() -> None:
    chain = random_chain("dense", 3, 2, 0)
    found = compare(chain, chain)
    assert (found.kl_rate.value, found.total_variation.value) == (0, 0)
    assert found.mean_total_variation == Bound(0, 0, 0)
    assert not found.contributions.values.any()
    assert found.free_entropy_rate == found.true_entropy_rate


def test_a_model_that_rules_out_what_happens_costs_infinitely_much() -> None:
    truth = Chain.from_probs([[0.5, 0.5], [0.5, 0.5]], "ab", 1)
    model = Chain.from_probs([[1, 0], [0.5, 0.5]], "ab", 1)
    found = compare(truth, model)
    assert found.kl_rate.low == found.kl_rate.value == found.kl_rate.high == np.inf
    assert found.cross_entropy.value == np.inf
    assert found.contributions.values.tolist() == [np.inf, 0]
    curve = approach(truth, np.stack([model.log_probs, truth.log_probs]))
    assert curve.values.tolist() == [np.inf, 0]
    assert (curve.low[0], curve.high[0]) == (np.inf, np.inf)
    back = compare(model, truth)  # b is never seen, so that its row does not matter
    assert back.kl_rate.value == pytest.approx(np.log(2))


@settings(max_examples=25)
@given(seed=SEEDS, more=st.integers(0, 3))
def test_longer_contexts_that_are_not_looked_at_change_nothing(seed: int, more: int) -> None:
    truth, model = random_chain("dense", 2, 2, seed), random_chain("dense", 2, 2, seed + 1)
    expected = compare(truth, model)
    for pair in ((extended(truth, 2 + more), model), (truth, extended(model, 2 + more))):
        found = compare(*pair)
        assert found.contributions.values.shape == (2 ** (2 + more),)
        for name in ("kl_rate", "true_entropy_rate", "free_entropy_rate", "cross_entropy"):
            assert getattr(found, name).value == pytest.approx(getattr(expected, name).value, rel=1e-9)
    # The laws are over longer contexts then, which tell more apart.
    assert found.total_variation.value >= expected.total_variation.value - 1e-12


@given(chain=chains(("dense", "top_k")), more=st.integers(0, 2))
def test_an_extended_chain_says_the_same_after_every_context(chain: Chain, more: int) -> None:
    longer = extended(chain, chain.context_length + more)
    ids = np.arange(longer.n_states)
    np.testing.assert_array_equal(longer.log_probs, chain.log_probs[ids % chain.n_states])
    assert (longer.startup, longer.counts) == (None, None)


@settings(max_examples=15)
@given(seed=SEEDS)
def test_parts_on_seen_and_never_seen_states_add_up(seed: int) -> None:
    truth, model = random_chain("dense", 2, 3, seed), random_chain("dense", 2, 3, seed + 1)
    counts = np.random.default_rng(seed).integers(0, 2, 8)
    found = compare(truth, replace(model, counts=counts))
    assert found.seen is not None
    assert found.never_seen is not None
    assert found.seen.value + found.never_seen.value == pytest.approx(found.kl_rate.value)
    assert found.seen.value == pytest.approx(found.contributions.values[counts > 0].sum())
    assert compare(truth, model).seen is None
    assert compare(truth, model).never_seen_mass is None
    everything = compare(truth, replace(model, counts=counts * 0 + 1))
    assert (everything.never_seen, everything.never_seen_mass) == (Bound(0, 0, 0), Bound(0, 0, 0))


def test_a_run_approaches_its_source() -> None:
    source = golden_mean()
    data = Data.from_text(source.sample(4000, seed=1), context_length=3)
    run = finitegpt.train(data, config=TrainConfig(steps=120), keep_steps=True)
    truth = source.predictor(3)
    assert run.trajectory is not None
    bounds = approach(truth, run.trajectory)
    curve = bounds.values
    assert len(curve) == 121
    assert curve[-1] < 0.1 * curve[0]
    assert curve[0] == pytest.approx(compare(truth, run.initial_chain).kl_rate.value, rel=1e-5)
    assert curve[-1] == pytest.approx(compare(truth, run.chain).kl_rate.value, rel=1e-5)
    assert cross_entropy(run.chain, data).value == pytest.approx(
        compare(truth, run.chain).cross_entropy.value, abs=0.05
    )


@settings(max_examples=30)
@given(truth=chains(("dense", "sharp", "top_k", "periodic")), noise=st.floats(-8, 1), seed=SEEDS)
def test_every_step_of_an_approach_is_inside_its_interval(truth: Chain, noise: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    if len(recurrent_classes(truth)) > 1:
        return
    finite = np.where(truth.support, truth.log_probs.astype(float), -20.0)
    models = [
        from_logits(finite + step * 10**noise * rng.normal(size=finite.shape), truth.context_length)
        for step in range(3)
    ]
    found = approach(truth, np.stack([model.log_probs for model in models]))
    for k, model in enumerate(models):
        assert Decimal(found.low[k]) <= exact_kl(truth, model) <= Decimal(found.high[k])
        assert found.values[k] == pytest.approx(compare(truth, model).kl_rate.value, rel=1e-9, abs=1e-20)
    finished = found.high - found.low
    assert (finished <= 1e-11 * found.values + 1e-11 * found.values**0.5 + 1e-22).all()


def test_an_approach_by_a_law_that_is_not_certified_is_not_certified() -> None:
    truth = random_chain("dense", 2, 3, 0)
    blind = replace(stationary_distribution(truth), error=np.inf, relative=np.inf, why="for a reason")
    found = approach(truth, np.stack([random_chain("dense", 2, 3, 2).log_probs, truth.log_probs]), blind)
    assert found.why == "for a reason"
    assert found.low.tolist() == [-np.inf, -np.inf]
    empty = approach(truth, np.zeros((0, 8, 2), np.float32))
    assert empty.values.shape == empty.low.shape == (0,)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_without_a_token_in_common_are_one_apart(dtype: type) -> None:
    first, second = (np.array([row], dtype) for row in ([0.0, -np.inf, -800.0], [-np.inf, 0.0, -709.0]))
    value, error = variation(first, second)
    assert abs(value[0] - 1) <= error[0] < 1e-13
    assert [x[0] for x in variation(first, np.array([[0.0, -np.inf, -np.inf]], dtype))] == [0, 0]


def test_rows_as_alike_as_can_be_are_told_apart() -> None:
    """Against balls, and both meanings of float64; an error in the bound of a row would show here."""
    rng = np.random.default_rng(0)
    ctx.prec = 400
    for trial in range(300):
        V, n = int(rng.integers(1, 6)), 8
        logits = rng.normal(size=(n, V)) * rng.choice([0.1, 1, 30, 300])
        other = logits + rng.normal(size=(n, V)) * 10 ** rng.uniform(-17, 1)
        given = [np.exp(x - x.max(1, keepdims=True)) for x in (logits, other)]
        given = [p / p.sum(1, keepdims=True) for p in given]
        with np.errstate(divide="ignore"):
            single, double = ([np.log(p).astype(kind) for p in given] for kind in (np.float32, np.float64))
        stored = [single, double, [single[0], double[1]], [double[0], single[1]]][trial % 4]
        rows = [of_logs(x, n, 400) for x in stored]
        cases = [(rows[0], rows[1], (stored[0] == stored[1]).all(1))]
        if trial % 4 == 1 and min(p.min() for p in given) > 1e-300:  # above the floor
            cases.append((of_probs(given[0], n, 400), of_probs(given[1], n, 400), np.zeros(n, bool)))
        value, error = divergence(*stored)
        apart, off = variation(*stored)
        for p, q, same in cases:
            for k, (x, y) in enumerate(zip(p.rows, q.rows, strict=True)):
                exact = total(abs(a - b) for a, b in zip(x, y, strict=True)) / 2
                assert not abs(arb(apart[k]) - exact) > arb(off[k])
            for k, exact in enumerate(p.divergence(q, same)):
                if exact == INFINITE:
                    assert (value[k], error[k]) == (INFINITE, 0)
                else:
                    assert not abs(arb(value[k]) - exact) > arb(error[k])
        kept = np.isfinite(value)
        assert (error[kept] <= 1e-12 * (value[kept] + value[kept] ** 0.5) + 1e-24).all()
        assert (off <= 1e-14 * (3 if trial % 4 == 0 else 600)).all()


@given(seed=SEEDS)
def test_everything_of_a_comparison_is_certified(seed: int) -> None:
    truth = random_chain("dense", 2, 3, seed | 1)
    model = replace(random_chain("dense", 2, 2, seed & ~1), counts=np.array([0, 1, 2, 0]))
    assert (truth.log_probs.dtype, model.log_probs.dtype) == (np.float64, np.float32)
    found = compare(truth, extended(model, 3))
    assert (found.seen, found.never_seen_mass) == (None, None)
    found = compare(truth, replace(extended(model, 3), counts=np.arange(8) % 3))
    names = ("kl_rate", "seen", "never_seen", "never_seen_mass", "cross_entropy", "total_variation")
    for name in (*names, "mean_total_variation"):
        assert 0 <= getattr(found, name).error < 1e-12
    assert found.contributions.error < 1e-12
    assert found.seen.plus(found.never_seen).low <= found.kl_rate.high


@given(seed=SEEDS, n=st.integers(0, 40))
def test_cross_entropy_is_a_loop_over_the_data(seed: int, n: int) -> None:
    chain = random_chain("dense", 3, 2, seed)
    text = chain.sample(n + 1, seed=seed)
    data = Data.from_text(text, context_length=2, vocab="abc")
    rows, found = exact_rows(chain.log_probs), cross_entropy(chain, data)
    losses = [-rows[chain.id(text[k - 2 : k]), "abc".index(text[k])].ln() for k in range(2, len(text))]
    mean = sum(losses, Decimal(0)) / len(losses)
    assert Decimal(found.low) <= mean <= Decimal(found.high)
    assert found.error <= 1e-13 * found.value


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_loss_of_nearly_nothing_is_known_relatively(dtype: type) -> None:
    for rare in (1e-9, 1e-30, 1e-300):
        chain = from_logits(np.array([[np.log(rare), 0.0], [0.0, -800.0]]), dtype=dtype)
        rows = exact_rows(chain.log_probs)
        for text in ("ab", "ba", "aab", "aba"):
            found = cross_entropy(chain, Data.from_text(text, context_length=1, vocab="ab"))
            pairs = [("ab".index(x), "ab".index(y)) for x, y in pairwise(text)]
            mean = sum((-rows[pair].ln() for pair in pairs), Decimal(0)) / len(pairs)
            if rare > 1e-40:  # fifty digits of the oracle
                assert (
                    Decimal(found.low) * (1 - Decimal("1e-15")) <= mean <= Decimal(found.high) * (1 + Decimal("1e-15"))
                )
            assert found.error <= 1e-12 * found.value


@given(seed=SEEDS, n=st.integers(0, 300), L=st.integers(1, 3))
def test_the_entropy_of_data_is_that_of_its_counts(seed: int, n: int, L: int) -> None:
    text = random_chain("sharp", 2, 3, seed).sample(n + L, seed=seed)
    data = Data.from_text(text, context_length=L, vocab="ab")
    pairs = Counter(text[k : k + L + 1] for k in range(len(text) - L))
    contexts = Counter(text[k : k + L] for k in range(len(text) - L))
    exact = sum((c * (Decimal(contexts[w[:-1]]) / c).ln() for w, c in pairs.items()), Decimal(0)) / (len(text) - L)
    found = data_entropy(data)
    assert Decimal(found.low) <= exact <= Decimal(found.high)
    assert found.error <= 1e-14 * found.value


def test_contexts_that_have_no_numbers_prove_nothing() -> None:
    data = Data.from_text("01101001" * 20, context_length=70)
    assert not data_entropy(data).certified
    assert "hash" in data_entropy(data).why


def test_cross_entropy_of_what_cannot_happen_is_infinite() -> None:
    chain = Chain.from_probs([[1, 0], [0.5, 0.5]], "01", 1)
    assert cross_entropy(chain, Data.from_text("0011", context_length=1)).low == np.inf


def test_more_memory_comes_closer_to_a_truth_that_needs_it() -> None:
    truth = even().predictor(8)
    rates = [compare(truth, even().predictor(L)).kl_rate for L in (1, 2, 4, 6, 8)]
    assert [rate.value for rate in rates] == sorted((rate.value for rate in rates), reverse=True)
    assert rates[-1].value == 0
    h = even().memory(8)
    np.testing.assert_allclose([rate.value for rate in rates], h[[1, 2, 4, 6, 8]] - h[8], atol=1e-6)


@given(chain=chains(("dense", "sharp", "top_k")))
def test_rows_of_either_precision_are_compared(chain: Chain) -> None:
    single, double = (chain.log_probs.astype(dtype) for dtype in (np.float32, np.float64))
    np.testing.assert_allclose(row_divergence(single, double), 0, atol=1e-6)
    np.testing.assert_allclose(row_divergence(double, single), 0, atol=1e-6)
    longer = extended(chain, chain.context_length + 1)
    assert longer.log_probs.dtype == chain.log_probs.dtype
    np.testing.assert_array_equal(longer.log_probs[: chain.n_states], chain.log_probs)


def test_longer_contexts_without_end_are_refused_at_once() -> None:
    with pytest.raises(TooLargeError, match="a shorter context"):
        extended(Chain.from_probs([[0.5, 0.5]] * 2, "ab", 1), 2**63)
