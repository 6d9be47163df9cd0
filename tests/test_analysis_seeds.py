"""Many models beside one truth: each as `compare` has it, their mean and how far apart they are in exact numbers."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finitegpt import Chain, InputError, TrainConfig, train_many
from finitegpt.analysis import Bounds, Sample, compare, compare_many, extended, stationary_distribution
from finitegpt.analysis import seeds as module
from finitegpt.sources import golden_mean
from oracles import random_chain

NAMES = ("kl_rate", "cross_entropy", "free_entropy_rate", "total_variation", "mean_total_variation")


def sample(values: list[float], off: list[float], why: str = "") -> Sample:
    middle, far = np.array(values, float), np.array(off, float)
    return Sample(values=Bounds(middle, middle - far, middle + far, why))


def test_each_is_a_comparison_of_its_own() -> None:
    truth = random_chain("dense", 2, 3, 0)
    models = [
        replace(random_chain("dense", 2, 2 + k % 3, k), counts=np.arange(2 ** (2 + k % 3)) % 3) for k in range(1, 6)
    ]
    found = compare_many(truth, iter(models))
    assert len(found) == 5
    for k, model in enumerate(models):
        one = compare(truth, model)
        for name in NAMES:
            assert getattr(found, name).values.at(k) == getattr(one, name)
        assert found.true_entropy_rate.value == pytest.approx(one.true_entropy_rate.value, rel=1e-12)
    # Those of longer contexts than their counts are for say nothing of what was seen.
    assert (found.seen, found.never_seen, found.never_seen_mass) == (None, None, None)
    longest = models[1::3]
    assert compare_many(truth, longest).seen is not None


def test_an_ensemble_beside_its_source() -> None:
    source = golden_mean()
    ensemble = train_many(source.sample(300, seed=1), config=TrainConfig(steps=30), seeds=range(4))
    counts, truth = ensemble.data.counts(), source.predictor(3)
    found = compare_many(truth, ensemble.log_probs, counts=counts)
    chains = [Chain(log_probs=rows, vocab=("0", "1"), context_length=3, counts=counts) for rows in ensemble.log_probs]
    for k, chain in enumerate(chains):
        one = compare(truth, chain)
        assert found.kl_rate.values.at(k) == one.kl_rate
        assert found.seen is not None
        assert found.seen.values.at(k) == one.seen
        assert found.never_seen_mass is not None
        assert found.never_seen_mass.values.at(k) == one.never_seen_mass
    rates = found.kl_rate.values.values
    assert found.kl_rate.mean.value == pytest.approx(rates.mean(), rel=1e-14)
    assert found.kl_rate.spread.value == pytest.approx(rates.std(), rel=1e-12)
    assert max(found.kl_rate.mean.error, found.kl_rate.spread.error) < 1e-12


@given(values=st.lists(st.floats(0, 1e3), min_size=1, max_size=9), size=st.floats(-18, 0), seed=st.integers(0, 999))
def test_means_and_spreads_are_inside_their_intervals(values: list[float], size: float, seed: int) -> None:
    """Whatever the numbers are within their intervals."""
    off = (np.random.default_rng(seed).random(len(values)) * 10**size).tolist()
    found = sample(values, off)
    rng = np.random.default_rng(seed)
    for trial in range(4):
        signs = rng.choice([-1, 1], len(values)) if trial else np.zeros(len(values))
        ends = {-1: found.values.low, 0: found.values.values, 1: found.values.high}
        exact = [Fraction(float(ends[int(sign)][k])) for k, sign in enumerate(signs)]
        mean = sum(exact) / len(exact)
        assert Fraction(found.mean.low) <= mean <= Fraction(found.mean.high)
        square = sum((x - mean) ** 2 for x in exact) / len(exact)
        assert found.spread.low <= 0 or Fraction(found.spread.low) ** 2 <= square
        assert square <= Fraction(found.spread.high) ** 2
    assert found.mean.error <= (1 + 1e-14) * max(off) + 1e-14 * max(values) + 1e-300
    assert found.spread.error <= 1.01 * max(off) + 1e-14 * max(values) + 1e-300


def test_spreads_of_numbers_alike_are_next_to_nothing() -> None:
    assert sample([3.0], [0.1]).spread == sample([1.0], [0.0]).spread
    assert sample([3.0], [0.1]).spread.high == 0
    alike = sample([0.1, 0.1, 0.1], [0, 0, 0]).spread
    assert 0 <= alike.low <= alike.value <= alike.high < 1e-15


def test_a_model_that_costs_infinitely_much() -> None:
    truth = Chain.from_probs([[0.5, 0.5], [0.5, 0.5]], "ab", 1)
    never = Chain.from_probs([[1, 0], [0.5, 0.5]], "ab", 1)
    found = compare_many(truth, [truth, never])
    assert found.kl_rate.values.values.tolist() == [0, np.inf]
    assert (found.kl_rate.mean.low, found.kl_rate.mean.value) == (np.inf, np.inf)
    assert found.kl_rate.spread.value == np.inf
    assert not found.kl_rate.spread.certified
    assert found.mean_total_variation.mean.value == pytest.approx(0.125)


def test_numbers_that_are_not_certified_have_a_mean_that_is_not() -> None:
    found = Sample(
        values=Bounds(np.array([1.0, 3.0]), np.array([1.0, -np.inf]), np.array([1.0, np.inf]), "for a reason")
    )
    for bound, value in ((found.mean, 2.0), (found.spread, 1.0)):
        assert bound.value == value
        assert not bound.certified
        assert bound.why == "for a reason"
    half = Sample(values=Bounds(np.array([1.0, 3.0]), np.array([1.0, 2.0]), np.array([1.0, np.inf])))
    assert (half.mean.low, half.mean.high) == (pytest.approx(1.5), np.inf)


def test_the_law_of_the_truth_is_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    truth, calls = random_chain("dense", 2, 2, 0), []

    def counted(chain: Chain) -> object:
        calls.append(chain.n_states)
        return stationary_distribution(chain)

    monkeypatch.setattr(module, "stationary_distribution", counted)
    models = [random_chain("dense", 2, L, 1) for L in (2, 3, 1, 3, 2)]
    compare_many(truth, models)
    assert calls == [4, 8]
    calls.clear()
    compare_many(truth, models, stationary_distribution(truth))
    assert calls == [8]


def test_rows_of_other_lengths_are_chains_too() -> None:
    truth = random_chain("dense", 3, 2, 0)
    for L in (1, 2, 3):
        rows = np.stack([random_chain("dense", 3, L, 2 * k).log_probs for k in range(2)])
        found = compare_many(truth, rows)
        expected = compare(truth, Chain(log_probs=rows[1], vocab=truth.vocab, context_length=L))
        assert found.kl_rate.values.at(1) == expected.kl_rate
    assert compare_many(truth, [extended(truth, 3)]).kl_rate.values.high[0] < 1e-20


@pytest.mark.parametrize("shape", [(2, 8, 2), (9, 3), (2, 9, 4), (2, 8, 3), (2, 0, 3), (2, 3, 9, 3)])
def test_rows_of_no_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="an ensemble's log_probs"):
        compare_many(random_chain("dense", 3, 2, 0), np.zeros(shape, np.float32))


def test_nothing_and_one_thing_are_refused() -> None:
    truth = random_chain("dense", 3, 2, 0)
    for models in ([], np.zeros((0, 9, 3), np.float32)):
        with pytest.raises(InputError, match="at least one model"):
            compare_many(truth, models)
    with pytest.raises(InputError, match="several models, got Chain"):
        compare_many(truth, truth)  # type: ignore[arg-type]
