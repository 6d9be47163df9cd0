"""Priors, beginnings and exact laws: against fractions, brute force and long samples."""

from collections.abc import Callable
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finitegpt import Data, InputError, TooLargeError, train
from finitegpt.sources import Dirichlet, Source, dirichlet, even, golden_mean, markov, mess3, mixture, parse
from finitegpt.startup import with_startup

PRIORS = [
    dirichlet(2),
    dirichlet(3, alpha=0.5),
    dirichlet("ab", alpha=2, order=2),
    dirichlet(["the", "cat"], alpha=1e-3, start=[0.25, 0.75]),
]
BEGUN = [
    even().begun([1, 0]),
    mixture([golden_mean(), even()]).begun([0.5, 0, 0.25, 0.25]),
    markov([[0.1, 0.9], [0.5, 0.5]], "ab", first=[0.25, 0.75]),
    mixture([markov([[1, 0], [0, 1]], first=[0.5, 0.5]), markov([[0.5, 0.5], [1, 0]], first=[1, 0])], [1, 2]),
]


def rising(x: Fraction, n: int) -> Fraction:
    """x (x + 1) ... (x + n - 1)."""
    found = Fraction(1)
    for k in range(n):
        found *= x + k
    return found


def by_definition(prior: Dirichlet, word: tuple[int, ...]) -> Fraction:
    """The Dirichlet-multinomial distribution of what follows each word of r tokens, and the first r tokens."""
    V, r, alpha = len(prior.vocab), prior.order, Fraction(prior.alpha)
    found = Fraction(1)
    for token in word[:r]:
        found *= Fraction(float(prior.start[token]))
    pairs = [(word[k - r : k], word[k]) for k in range(r, len(word))]
    for context in {context for context, _ in pairs}:
        after = [token for other, token in pairs if other == context]
        for token in range(V):
            found *= rising(alpha, after.count(token))
        found /= rising(V * alpha, len(after))
    return found


@pytest.mark.parametrize("prior", PRIORS, ids=lambda prior: prior.name)
@pytest.mark.parametrize("length", [0, 1, 2, 5])
def test_words_have_the_probabilities_of_the_dirichlet_multinomial(prior: Dirichlet, length: int) -> None:
    exact = [by_definition(prior, word) for word in product(range(len(prior.vocab)), repeat=length)]
    np.testing.assert_allclose(prior.word_probs(length), [float(p) for p in exact], rtol=1e-13)
    assert float(sum(exact)) == pytest.approx(1)


def test_edelmans_chains() -> None:
    """Two tokens, alpha 1, a uniform first token: the last of nine tokens costs Bayes .559416 nats."""
    prior = dirichlet(2)
    losses = prior.bayes_losses(9)
    assert losses[8] == pytest.approx(0.559416, abs=5e-7)
    probs = prior.word_probs(9).reshape(-1, 2)
    ones = np.array([bin(k).count("1") for k in range(256)])
    unigram = np.stack([9 - ones, ones + 1], 1) / 10
    assert -(probs * np.log(unigram)).sum() == pytest.approx(0.61195, abs=1e-5)
    assert Data.from_source(prior, context_length=8).entropy == pytest.approx(losses[8], abs=1e-12)


@pytest.mark.parametrize("process", [*PRIORS, *BEGUN, even()], ids=lambda one: one.name)
def test_what_is_said_of_a_beginning_is_said_of_its_words(process: Source | Dirichlet) -> None:
    V, L = len(process.vocab), 4
    probs = process.word_probs(L + 1).reshape(-1, V)
    before, predictor = process.word_probs(L), process.predictor(L)
    np.testing.assert_allclose(probs.sum(1), before, atol=1e-15)
    possible = before > 1e-300
    np.testing.assert_allclose(predictor.probs[possible], (probs / np.where(before > 0, before, 1)[:, None])[possible])
    assert predictor.startup is not None
    for k, rows in enumerate(predictor.startup, 1):
        first, longer = process.word_probs(k), process.word_probs(k + 1).reshape(-1, V)
        np.testing.assert_allclose(np.exp(rows) * first[:, None], longer, atol=1e-12)
    entropies = [-sum(p * np.log(p) for p in process.word_probs(k) if p > 0) for k in range(L + 2)]
    np.testing.assert_allclose(process.bayes_losses(L + 1), np.diff(entropies), atol=1e-12)
    again = parse(process.name)
    assert (again.name, again.vocab) == (process.name, process.vocab)
    np.testing.assert_array_equal(again.word_probs(3), process.word_probs(3))


@pytest.mark.parametrize("process", [*PRIORS, *BEGUN, mess3()], ids=lambda one: one.name)
def test_sequences_are_drawn_as_their_words_are_probable(process: Source | Dirichlet) -> None:
    texts = process.sample_sequences(20_000, 3, seed=1)
    words = [
        "".join(word) if max(map(len, process.vocab)) == 1 else " ".join(word)
        for word in product(process.vocab, repeat=3)
    ]
    shares = [texts.count(word) / len(texts) for word in words]
    np.testing.assert_allclose(shares, process.word_probs(3), atol=0.015)
    assert process.sample_sequences(5, 3, seed=1) == process.sample_sequences(5, 3, seed=1)
    assert process.sample_sequences(0, 3) == []


def test_a_family_of_chains_is_a_mixture_of_their_words() -> None:
    chains = [markov([[p, 1 - p], [0.5, 0.5]], first=[0.5, 0.5]) for p in (0.1, 0.8)]
    family = mixture(chains, [1, 3])
    wanted = 0.25 * chains[0].word_probs(4) + 0.75 * chains[1].word_probs(4)
    np.testing.assert_allclose(family.word_probs(4), wanted, atol=1e-15)
    assert not family.stationary


def test_what_needs_a_stationary_source_is_refused_of_others() -> None:
    source = even().begun([1, 0])
    asked: list[Callable[[], object]] = [
        lambda: source.entropy_rate,
        lambda: source.memory(3),
        lambda: source.memory_bounds(3),
    ]
    for ask in asked:
        with pytest.raises(InputError, match=r"expected a stationary source for .*, got one with a beginning; try"):
            ask()
    assert source.sample(3, seed=5)[0] in "01"
    assert {even().begun([0, 1]).sample(1, seed=k) for k in range(20)} == {"1"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("even@1", r"start \(K,\)"),
        ("even@0.5,0.6", "sum to one"),
        ("even@x", "expected numbers, got 'x'"),
        ("dirichlet:1", "at least 2"),
        ("dirichlet:2,0", "alpha above 0"),
        ("dirichlet:2,1,0", "at least 1"),
        ("dirichlet:2.5", "a number of tokens, alpha and an order"),
        ("dirichlet:2,1,1,1", "a number of tokens, alpha and an order"),
        ("dirichlet:3:a,b", "as many symbols as tokens"),
        ("dirichlet:2@1", "a start of 2 probabilities"),
        ("dirichlet:2+even", "several sources"),
        ("markov:0.1,0.9/0.5,0.5::1", "2 probabilities of the first token"),
        ("markov:0.1,0.9/0.5,0.5/0.5,0.5/1,0::1,0", "rows of order 1"),
    ],
)
def test_names_that_are_none(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse(name)


@settings(max_examples=20)
@given(p=st.floats(0.05, 0.95), L=st.integers(1, 4))
def test_the_exact_law_of_a_source_is_every_word_by_its_probability(p: float, L: int) -> None:
    source = even(p)
    data = Data.from_source(source, context_length=L)
    probs = source.word_probs(L + 1)
    assert data.text.split() == [f"{id:0{L + 1}b}" for id in np.flatnonzero(probs)]
    assert data.entropy == pytest.approx(source.memory(L)[-1], abs=1e-12)
    assert (data.counts() > 0).tolist() == (source.word_probs(L) > 0).tolist()
    predictor = source.predictor(L)
    assert predictor.cross_entropy(data).value == pytest.approx(source.memory(L)[-1], abs=1e-12)


@pytest.mark.parametrize("source", [mess3(), golden_mean()], ids=lambda one: one.name)
def test_training_on_the_exact_law_begins_at_the_models_cross_entropy(source: Source) -> None:
    run = train(source, context_length=3, steps=60, lr=0.01, n_layer=1)
    best = source.memory(3)[-1]
    start = source.predictor(3).compare(run.initial_chain).cross_entropy
    assert run.losses[0] == pytest.approx(start.value, abs=1e-5)
    assert (run.losses > best - 1e-6).all()
    assert run.losses[-1] < run.losses[0]
    assert run.train.batch_size is None
    assert run.data.source == source.name
    drawn = Data.from_text(source.sample(100_000, seed=2), context_length=3, vocab=source.vocab)
    assert run.initial_chain.cross_entropy(drawn).value == pytest.approx(run.losses[0], abs=0.005)


def test_every_position_of_a_prior_costs_what_bayes_says_at_least() -> None:
    prior, L = dirichlet(2), 4
    run = train(prior, context_length=L, loss="all", steps=1, n_layer=1)
    whole, expected = with_startup(run.initial_chain), 0.0
    for k in range(1, L + 1):
        words = prior.word_probs(k + 1).reshape(-1, 2)
        expected -= (words * np.log(whole.probs[whole.ids_of_length(k)])).sum() / L
    assert run.losses[0] == pytest.approx(expected, abs=1e-5)
    assert run.losses[0] > prior.bayes_losses(L + 1)[1:].mean()


def test_all_words_are_seen_in_every_step_however_many_they_are() -> None:
    run = train(mess3(), context_length=7, steps=1, n_layer=1, n_head=1, n_embd=4)
    assert run.train.batch_size is None
    assert len(run.data.merged("last").starts) == 3**8
    with pytest.raises(TooLargeError, match=r"at most 4,194,304 words of 23 tokens.*try sampling"):
        train(even(), context_length=22)
    with pytest.raises(InputError, match="expected a source"):
        Data.from_source("even", context_length=2)  # type: ignore[arg-type]
