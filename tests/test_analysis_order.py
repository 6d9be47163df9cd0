"""The order of a text's own chain: against loops over its words, SciPy's tables, and texts whose order is known."""

from collections import Counter
from decimal import Decimal

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from finitegpt import Data, InputError
from finitegpt.analysis import MarkovOrder, cross_entropy, data_entropy, markov_order
from finitegpt.sources import bernoulli, even, golden_mean, markov, ngram, two_state

TEXTS = st.text("abc", min_size=12, max_size=200).filter(lambda text: len(set(text)) > 1)


@settings(max_examples=60)
@given(text=TEXTS, K=st.integers(0, 4))
def test_likelihoods_are_those_of_counted_words(text: str, K: int) -> None:
    found, V, n, before = markov_order(text, K), len(set(text)), len(text) - K, None
    assert found.n_tokens == n
    for k in range(K + 1):
        pairs = Counter(text[t - k : t + 1] for t in range(K, len(text)))
        words = Counter(text[t - k : t] for t in range(K, len(text)))
        exact = sum((c * (Decimal(c) / words[w[:-1]]).ln() for w, c in pairs.items()), Decimal(0))
        assert Decimal(found.log_likelihood.low[k]) <= exact <= Decimal(found.log_likelihood.high[k])
        if before is not None:
            gain = 2 * (exact - before)
            assert (
                Decimal(found.statistic.low[k - 1]) - Decimal("1e-40") <= gain <= Decimal(found.statistic.high[k - 1])
            )
        before, size = exact, V**k * (V - 1)
        assert found.parameters[k] == size
        for bounds, price in ((found.bic, Decimal(n).ln()), (found.aic, Decimal(2))):
            truth = -2 * exact + price * size
            assert Decimal(bounds.low[k]) <= truth <= Decimal(bounds.high[k])
            assert bounds.high[k] - bounds.low[k] <= 1e-13 * bounds.values[k]


@settings(max_examples=60)
@given(text=TEXTS, K=st.integers(1, 3))
def test_tests_are_those_of_a_table_for_each_word(text: str, K: int) -> None:
    """SciPy's G test of the token before a word and the one after it, summed over words."""
    found = markov_order(text, K)
    for k in range(K):
        statistic, freedom = 0.0, 0
        for word in {text[t - k : t] for t in range(K, len(text))}:
            places = [t for t in range(K, len(text)) if text[t - k : t] == word]
            before, after = sorted({text[t - k - 1] for t in places}), sorted({text[t] for t in places})
            table = np.zeros((len(before), len(after)))
            for t in places:
                table[before.index(text[t - k - 1]), after.index(text[t])] += 1
            part = scipy.stats.chi2_contingency(table, correction=False, lambda_="log-likelihood")
            statistic, freedom = statistic + part.statistic, freedom + part.dof
        assert found.freedom[k] == freedom
        assert found.statistic.values[k] == pytest.approx(statistic, abs=1e-9)
        assert found.statistic.low[k] <= statistic + 1e-9
        expected = scipy.stats.chi2.sf(found.statistic.values[k], freedom) if freedom else 1.0
        assert found.p_values[k] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("source", "order"),
    [
        (bernoulli(0.3), 0),
        (two_state(0.2, 0.7), 1),
        (golden_mean(), 1),
        (markov([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.7, 0.3]]), 2),
    ],
)
def test_the_order_of_a_known_chain_is_found(source, order: int) -> None:
    found = markov_order(source.sample(20_000, seed=1), 6)
    assert (found.by_bic, found.by_test()) == (order, order)
    assert found.by_aic >= order


def test_no_order_is_enough_for_the_even_process() -> None:
    found = markov_order(even().sample(50_000, seed=0), 5)
    assert (found.by_bic, found.by_aic, found.by_test()) == (5, 5, 5)


def test_chance_rejects_as_often_as_the_level_says() -> None:
    p = np.array([markov_order(bernoulli(0.4).sample(400, seed=seed), 1).p_values[0] for seed in range(300)])
    assert 0.02 < (p < 0.05).mean() < 0.09
    assert scipy.stats.kstest(p, "uniform").pvalue > 0.001


def test_the_longest_order_is_the_entropy_of_the_data_and_the_loss_of_its_n_grams() -> None:
    data = Data.from_text(golden_mean().sample(500, seed=2), context_length=4)
    found = markov_order(data)
    assert len(found.log_likelihood.values) == 5
    mean = -found.log_likelihood.values[4] / found.n_tokens
    assert mean == pytest.approx(data_entropy(data).value, rel=1e-13)
    assert mean == pytest.approx(cross_entropy(ngram(data, smoothing="none"), data).value, rel=1e-12)


def order_of(bic: list[float], p: list[float]) -> MarkovOrder:
    found = markov_order("0110100110010110", len(p))
    values = np.array(bic, float)
    kept = type(found.bic)(values, values, values)
    return MarkovOrder(
        **{name: getattr(found, name) for name in ("n_tokens", "log_likelihood", "parameters", "statistic", "freedom")},
        bic=kept,
        aic=kept,
        p_values=np.array(p),
    )


def test_what_each_answer_chooses() -> None:
    found = order_of([3, 2, 2, 4], [0.5, 0.001, 0.02])
    assert (found.by_bic, found.by_aic) == (1, 1)
    assert found.by_test() == 2  # 0.02 is no rejection among three
    assert found.by_test(0.07) == 3
    assert found.by_test(0.002) == 0
    assert order_of([1], []).by_test() == 0


def test_short_and_long() -> None:
    assert markov_order("01", 1).log_likelihood.values.tolist() == [0, 0]
    assert markov_order("01", 1).p_values.tolist() == [1]
    assert markov_order("0110", 0).p_values.shape == (0,)
    assert len(markov_order("0110100110").parameters) == 4
    words = Data.from_symbols([f"w{k % 7}" for k in range(500)], context_length=400)
    deep = markov_order(words)  # more parameters than double precision has numbers
    assert deep.parameters[-1] == np.inf
    assert deep.by_bic == 1
    assert deep.bic.low[-1] == deep.bic.values[-1] == deep.bic.high[-1] == np.inf
    alone = markov_order(words, 499)
    assert alone.n_tokens == 1
    assert alone.by_bic == 0


@pytest.mark.parametrize("order", [-1, 1.5, True, "2"])
def test_orders_that_are_none_are_refused(order: object) -> None:
    with pytest.raises(InputError, match="expected an order"):
        markov_order("0110", order)  # type: ignore[arg-type]


def test_texts_that_say_nothing_are_refused() -> None:
    with pytest.raises(InputError, match="a smaller order"):
        markov_order("0110", 4)
    with pytest.raises(InputError, match="at least two tokens"):
        markov_order("0000", 1)
    with pytest.raises(InputError, match="level"):
        markov_order("0110", 1).by_test(0)
