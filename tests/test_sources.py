"""Sources: their known figures, and each fast method against one that can be read in a glance."""

import unicodedata
from collections import Counter
from decimal import Decimal
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finitegpt import Data, InputError, TooLargeError
from finitegpt.analysis import compare, entropy_rate
from finitegpt.sources import (
    NAMES,
    TRANSFORMS,
    Source,
    belief,
    bernoulli,
    even,
    golden_mean,
    markov,
    mess3,
    mixture,
    ngram,
    parse,
    periodic,
    rrxor,
    sns,
    transform,
    two_state,
    z1r,
)
from oracles import exact_law
from strategies import SEEDS

LN2 = np.log(2)
ALL = [
    "bernoulli",
    "bernoulli:0.3",
    "bernoulli:0",
    "even",
    "even:0.3",
    "golden_mean",
    "golden_mean:1e-05",
    "mess3",
    "mess3:0.05,0.85",
    "rrxor",
    "sns",
    "sns:0.8,0.3",
    "two_state:0.5,0.8",
    "z1r",
    "periodic:011",
    "periodic:a%2B%20%3A%25%28é",
    "markov:0.1,0.9/0.5,0.5",
    "markov:1,0/0.5,0.5/1,0/0.3,0.7",
    "markov:0.1,0.9/0.5,0.5:%2A,%2B",
    "markov:0.1,0.9/0.5,0.5:the,cat",
    "golden_mean+even",
    "0.3*golden_mean+0.7*mess3",
    "(golden_mean+even)+z1r",
    "1*(0.25*z1r+0.75*periodic:0)+2e16*periodic:1",
]


def entropy(p: float) -> float:
    return float(-sum(x * np.log(x) for x in (p, 1 - p) if x))


# --- known figures


@pytest.mark.parametrize(
    ("source", "rate", "memory"),
    [
        (bernoulli(0.3), entropy(0.3), [entropy(0.3), entropy(0.3)]),
        (golden_mean(), 2 / 3 * LN2, [0.636514, 0.462098, 0.462098]),
        (golden_mean(0.3), entropy(0.3) / 1.3, [entropy(0.3 / 1.3), entropy(0.3) / 1.3]),
        (even(), 2 / 3 * LN2, [0.636514, 0.605939, 0.549306]),
        (even(0.3), entropy(0.3) / 1.3, [entropy(0.6 / 1.3)]),
        (two_state(0.5, 0.8), 0.619015, [0.666278, 0.619015, 0.619015]),
        (markov([[0.5, 0.5], [0.8, 0.2]]), 0.619015, [0.666278, 0.619015]),
        (rrxor(), 2 / 3 * LN2, [LN2, LN2]),
        (z1r(), 1 / 3 * LN2, [LN2, entropy(1 / 3), 2 / 3 * LN2, 1 / 3 * LN2]),
        (periodic("011"), 0, [entropy(1 / 3), 2 / 3 * LN2, 0]),
        (periodic("0"), 0, [0, 0]),
        (mixture([periodic("0"), periodic("1")]), 0, [LN2, 0]),
        (mixture([bernoulli(), periodic("a")], [1, 3]), LN2 / 4, [entropy(0.25) + LN2 / 4, LN2 / 4]),
        (mixture([golden_mean(), even()]), 2 / 3 * LN2, [LN2]),
    ],
    ids=lambda value: value.name if isinstance(value, Source) else None,
)
def test_known_entropies(source: Source, rate: float, memory: list[float]) -> None:
    low, high = source.entropy_rate
    assert high - low < 1e-12
    assert low <= rate + 1e-6
    assert high >= rate - 1e-6
    assert source.memory(len(memory) - 1) == pytest.approx(memory, abs=1e-6)


def test_mess3_to_six_digits() -> None:
    low, high = belief.entropy_rate(mess3().transitions, mess3().start, 2**17)
    assert 1.0888875 < low < high < 1.0888885
    assert high - low < 1e-6


@pytest.mark.parametrize(("p", "q"), [(0.5, 0.5), (0.8, 0.3), (0.3, 0.9)])
def test_the_simple_nonunifilar_source_is_a_renewal_process(p: float, q: float) -> None:
    """Its entropy rate is the entropy of the number of 1s between two 0s, divided by the mean time between them."""
    n = np.arange(1, 600)
    between = np.array([sum(p**a * q ** (k - 1 - a) for a in range(k)) for k in n]) * (1 - p) * (1 - q)
    rate = -(between * np.log(between)).sum() / (between * (n + 1)).sum()
    low, high = sns(p, q).entropy_rate
    assert low - 1e-12 <= rate <= high + 1e-12
    assert high - low < 1e-8
    assert not sns(p, q).is_unifilar


def test_which_sources_are_unifilar() -> None:
    unifilar = {name for name in ALL if parse(name).is_unifilar}
    assert set(ALL) - unifilar == {"sns", "sns:0.8,0.3", "mess3", "mess3:0.05,0.85", "0.3*golden_mean+0.7*mess3"}


def test_the_best_predictor_of_the_golden_mean() -> None:
    chain = golden_mean().predictor(2)
    # 11 never happens: its row is that of 1.
    np.testing.assert_allclose(chain.probs, [[0.5, 0.5], [1, 0], [0.5, 0.5], [1, 0]])
    assert chain.startup is not None
    np.testing.assert_allclose(np.exp(chain.startup[0]), [[0.5, 0.5], [1, 0]])


def test_memory_beyond_what_words_could_be_listed() -> None:
    memory = even().memory(300)
    assert (np.diff(memory) < 1e-12).all()
    assert memory[-1] == pytest.approx(2 / 3 * LN2, abs=1e-9)


def test_a_chain_of_many_hidden_states() -> None:
    P = np.random.default_rng(0).dirichlet([1, 1], 64)
    source = markov(P)
    np.testing.assert_allclose(source.predictor(6).probs, P, rtol=1e-12)
    assert source.memory(7)[6:] == pytest.approx(sum(source.entropy_rate) / 2, abs=1e-12)


def test_words_whose_probability_underflows_are_not_impossible() -> None:
    rare = bernoulli(1e-200)
    assert rare.word_probs(2)[3] == 0
    np.testing.assert_array_equal(rare.predictor(2).log_probs[3], rare.predictor(2).log_probs[0])
    np.testing.assert_array_equal(two_state(1e-200, 1e-200).beliefs(4)[5], [0, 1])


# --- against the definitions


@st.composite
def hidden_markov_models(draw: st.DrawFn) -> Source:
    """Random ones, with many arrows missing."""
    V, K = draw(st.integers(2, 3)), draw(st.integers(1, 4))
    rows = st.lists(st.sampled_from([0, 0, 0, 1, 2, 5]), min_size=V * K, max_size=V * K).filter(any)
    table = np.array([draw(rows) for _ in range(K)], np.float64).reshape(K, V, K)
    transitions = (table / table.sum((1, 2), keepdims=True)).transpose(1, 0, 2)
    far = (transitions.sum(0) + np.eye(K)) / 2
    for _ in range(40):
        far = far @ far
        far /= far.sum(1, keepdims=True)
    return Source(name="random", vocab=tuple("abc"[:V]), transitions=transitions.copy(), start=far.mean(0))


def naive_probs(source: Source, longest: int) -> dict[str, float]:
    """Probabilities of all words of up to `longest` tokens, one hidden state at a time."""
    hidden = range(len(source.start))
    alphas = {"": source.start.tolist()}
    T = {symbol: matrix.tolist() for symbol, matrix in zip(source.vocab, source.transitions, strict=True)}
    for length in range(longest):
        for word in [word for word in alphas if len(word) == length]:
            for symbol in source.vocab:
                alphas[word + symbol] = [sum(alphas[word][i] * T[symbol][i][j] for i in hidden) for j in hidden]
    return {word: sum(alpha) for word, alpha in alphas.items()}


@given(source=hidden_markov_models(), L=st.integers(1, 4))
def test_word_probabilities_predictor_and_memory_by_definition(source: Source, L: int) -> None:
    probs = naive_probs(source, L + 1)
    words = ["".join(word) for word in product(source.vocab, repeat=L)]
    np.testing.assert_allclose(source.word_probs(L), [probs[word] for word in words], atol=1e-14)
    chain = source.predictor(L)
    assert chain.log_probs.dtype == np.float64
    for length, rows in enumerate([*(chain.startup or ()), chain.log_probs], start=1):
        for word, row in zip(product(source.vocab, repeat=length), rows, strict=True):
            suffix = "".join(word)
            while probs[suffix] == 0:
                suffix = suffix[1:]
            expected = [probs[suffix + symbol] / probs[suffix] for symbol in source.vocab]
            np.testing.assert_allclose(np.exp(row), expected, rtol=1e-12)
    blocks = [
        -sum(p * np.log(p) for word, p in probs.items() if len(word) == length and p > 0) for length in range(L + 2)
    ]
    np.testing.assert_allclose(source.memory(L), np.diff(blocks), atol=1e-12)


@given(source=hidden_markov_models())
def test_bounds_of_the_entropy_rate_and_monotone_memory(source: Source) -> None:
    low, high = belief.entropy_rate(source.transitions, source.start, 2**10)
    memory = source.memory(6)
    assert 0 <= low <= high
    assert low <= memory[-1] + 1e-12
    assert (np.diff(memory) < 1e-12).all()
    if source.is_unifilar:
        assert high - low < 1e-12


@given(source=hidden_markov_models(), L=st.integers(0, 4))
def test_beliefs_say_what_comes_next(source: Source, L: int) -> None:
    beliefs = source.beliefs(L)
    np.testing.assert_allclose(beliefs.sum(1), 1)
    np.testing.assert_allclose(source.word_probs(L) @ beliefs, source.start, atol=1e-9)
    if L:
        np.testing.assert_allclose(beliefs @ source.transitions.sum(2).T, source.predictor(L).probs, atol=1e-14)


@pytest.mark.parametrize("source", [even(), mess3(), sns(), rrxor(), markov([[0.2, 0.8]] * 4)], ids=lambda s: s.name)
def test_samples_show_words_as_often_as_they_should(source: Source) -> None:
    text = source.sample(30_000, seed=1)
    assert len(text) == 30_000
    data = Data.from_text(text, context_length=3, vocab=source.vocab)
    np.testing.assert_allclose(data.counts() / data.n_windows, source.word_probs(3), atol=0.015)
    assert source.sample(50, seed=3) == source.sample(50, seed=3) != source.sample(50, seed=4)


def test_samples_of_special_sources() -> None:
    assert periodic("011").sample(9, seed=0) in ("011" * 3, "110" * 3, "101" * 3)
    assert {mixture([periodic("0"), periodic("1")]).sample(5, seed) for seed in range(20)} == {"00000", "11111"}
    assert golden_mean().sample(0) == ""
    assert set(parse("markov:0.1,0.9/0.5,0.5:a,cat").sample(50).split()) == {"a", "cat"}


# --- names


@pytest.mark.parametrize("name", ALL)
def test_a_name_gives_its_source_back(name: str) -> None:
    source = parse(name)
    again = parse(source.name)
    assert (again.name, again.vocab) == (source.name, source.vocab)
    np.testing.assert_array_equal(again.transitions, source.transitions)
    np.testing.assert_array_equal(again.start, source.start)


@settings(max_examples=50)
@given(
    word=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9).filter(
        lambda word: word.split() == [word]
    ),
    p=st.floats(0, 1),
    weight=st.floats(1e-300, 1e300),
)
def test_names_of_any_parameters(word: str, p: float, weight: float) -> None:
    source = mixture([periodic(word), mixture([even(p), markov([[p, 1 - p]], ["+", "a(*"])])], [weight, 1])
    again = parse(source.name)
    assert (again.name, again.vocab) == (source.name, source.vocab)
    np.testing.assert_array_equal(again.transitions, source.transitions)
    np.testing.assert_array_equal(again.start, source.start)


def test_names_as_people_type_them() -> None:
    assert parse(" golden-mean ").name == "golden_mean"
    assert parse("mess3:0.15,0.6").name == "mess3"
    assert parse("bernoulli: 0.30").name == "bernoulli:0.3"
    assert parse("0.5*even + 0.5*z1r").name == "even+z1r"
    assert {name.partition(":")[0] for name in ALL if "+" not in name} == set(NAMES) - {"dirichlet"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "try one of bernoulli"),
        ("odd", "got 'odd'; try one of bernoulli, even, golden_mean"),
        ("even:x", "expected numbers, got 'x'"),
        ("even:0.1,0.2", "0 to 1 numbers for even, got 2"),
        ("two_state", "2 numbers for two_state, got 0"),
        ("two_state:0,0", "p or q above 0"),
        ("rrxor:0.5", "0 numbers for rrxor"),
        ("bernoulli:1.5", "p from 0 to 1, got 1.5"),
        ("bernoulli:nan", "p from 0 to 1"),
        ("mess3:0.6,0.5", "x from 0 to 0.5"),
        ("sns:1,1", "p or q below 1"),
        ("periodic:", "expected a word"),
        ("markov:", "expected numbers"),
        ("markov:0.5,0.5/1", "rows of the same length"),
        ("markov:0.5,0.6/1,0", "sum to one"),
        ("markov:1,0/0,1", "one stationary law"),
        ("markov:0.5,0.5/0.5,0.5/0.5,0.5", "a row for each word"),
        ("markov:0.5,0.5:a", "2 symbols"),
        ("markov:0.5,0.5:a,a", "'a' twice"),
        ("even+", "got ''"),
        ("2*even", "at least two sources"),
        ("0.3*even+z1r", "a weight for every source"),
        ("0*even+1*z1r", "weights above 0"),
        ("1,2*even+1*z1r", "one weight"),
        ("(even+z1r", "parentheses in pairs"),
        ("(" * 5000 + "even" + ")" * 5000, "at most 20"),
    ],
)
def test_names_that_are_none(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parse(name)
    assert "\n" not in str(caught.value)


def test_what_is_no_source() -> None:
    good = {"name": "x", "vocab": ("0", "1"), "transitions": np.full((2, 1, 1), 0.5), "start": np.ones(1)}
    Source(**good)
    for change, message in [
        ({"vocab": ("0", "0")}, "twice"),
        ({"vocab": ("a b", "c")}, "without spaces"),
        ({"vocab": ("0",)}, "shapes"),
        ({"start": np.full(2, 0.5)}, "shapes"),
        ({"start": np.ones(1, np.float32)}, "float64"),
        ({"transitions": np.full((2, 1, 1), 0.6)}, "sum to one"),
        ({"transitions": np.full((2, 1, 1), np.nan)}, "sum to one"),
        ({"start": np.full(1, 0.5)}, "a start of probabilities"),
        ({"transitions": even().transitions, "start": np.full(2, 0.5)}, "stationary"),
    ]:
        with pytest.raises(InputError, match=message):
            Source(**{**good, **change})


def test_what_no_source_can_be_asked() -> None:
    source = even()
    for call in (
        lambda: source.memory(-1),
        lambda: source.word_probs(-1),
        lambda: source.predictor(0),
        lambda: source.sample(-1),
        lambda: source.sample(1, seed=-1),
    ):
        with pytest.raises(InputError, match="or more"):
            call()
    for call in (
        lambda: source.word_probs(60),
        lambda: source.predictor(8000),
        lambda: source.predictor(10**9),
        lambda: markov(np.full((2**11, 2), 0.5)),
        lambda: periodic("01" * 600),
    ):
        with pytest.raises(TooLargeError):
            call()
    with pytest.raises(InputError, match="2 weights above 0"):
        mixture([even(), even()], [1])
    with pytest.raises(InputError, match="a vocabulary for more than 36"):
        markov(np.full((1, 40), 1 / 40))


# --- n-grams


def naive_ngram(text: str, vocab: tuple[str, ...], context: str, smoothing: str, alpha: float) -> list[float]:
    k, V = len(context), len(vocab)
    follow = Counter(text[i + k] for i in range(len(text) - k) if text[i : i + k] == context)
    n, t = follow.total(), len(follow)
    if smoothing == "additive":
        return [(follow[x] + alpha) / (n + alpha * V) for x in vocab]
    shorter = naive_ngram(text, vocab, context[1:], smoothing, alpha) if context else [1 / V] * V
    if n == 0:
        return shorter
    if smoothing == "none":
        return [follow[x] / n for x in vocab]
    return [(follow[x] + t * p) / (n + t) for x, p in zip(vocab, shorter, strict=True)]


@given(
    text=st.text("abc", min_size=5, max_size=40).filter(lambda text: len(set(text)) > 1),
    L=st.integers(1, 4),
    smoothing=st.sampled_from(["witten-bell", "additive", "none"]),
    alpha=st.floats(0.01, 5),
)
def test_ngrams_are_counts(text: str, L: int, smoothing, alpha: float) -> None:
    data = Data.from_text(text, context_length=L)
    chain = ngram(data, smoothing=smoothing, alpha=alpha)
    np.testing.assert_array_equal(chain.counts, data.counts())
    for length, rows in enumerate([*(chain.startup or ()), chain.log_probs], start=1):
        for context, row in zip(product(data.vocab, repeat=length), rows, strict=True):
            expected = naive_ngram(text, data.vocab, "".join(context), smoothing, alpha)
            np.testing.assert_allclose(np.exp(row), expected, rtol=1e-12)


def test_ngrams_of_a_source_approach_its_predictor() -> None:
    source = two_state(0.5, 0.8)
    chain = ngram(source.sample(40_000), context_length=2)
    np.testing.assert_allclose(chain.probs, source.predictor(2).probs, atol=0.02)


def test_ngrams_that_are_none() -> None:
    with pytest.raises(InputError, match="witten-bell, additive, none"):
        ngram("0101", context_length=1, smoothing="kneser-ney")  # type: ignore[arg-type]
    for alpha in (0, -1, np.nan, np.inf):
        with pytest.raises(InputError, match="alpha above 0"):
            ngram("0101", context_length=1, smoothing="additive", alpha=alpha)
    with pytest.raises(TooLargeError, match="a shorter context"):
        ngram("01" * 50, context_length=60)


# --- transforms


@pytest.mark.parametrize(
    ("name", "text", "symbols"),
    [
        ("characters", "a B\n", "a B\n"),
        ("letters", "  Ça VA?\n\nStraße, 2 naïve", "ca va strasse naive"),
        ("bits", "Aé", "01000001" + "1100001110101001"),
        ("vowels", "The quick, éà ŷ 12!", "ccvcvvccvvc"),
        ("vowels", "Мой дядя самых честных правил", "cvccvcvcvcvccvcccvcccvcvc"),
        ("vowels", "объём мой ў", "vcvccvcc"),
        ("vowels", "αβγ a", "v"),
        ("dna", ">chr1 CAT\nACgt\nNNxA\n;note\nTT", "ACGTATT"),
        ("words", "The cat's hat. THE 2 cats_", ["the", "cat's", "hat", "the", "2", "cats"]),
        ("words:2", "The cat. The dog!", ["the", "*", "the", "*"]),
    ],
)
def test_transforms(name: str, text: str, symbols: str | list[str]) -> None:
    assert transform(text, name) == symbols


@pytest.mark.parametrize("name", TRANSFORMS)
def test_every_transform_makes_data(name: str) -> None:
    data = Data.from_symbols(transform("A cat, a gnat; tag it!", name), context_length=2)
    assert ngram(data).n_states == len(data.vocab) ** 2


def test_vowels_do_not_depend_on_how_accents_are_encoded() -> None:
    for text in ("мой", "éa", "ŷў"):
        assert transform(unicodedata.normalize("NFD", text), "vowels") == transform(text, "vowels")


@pytest.mark.parametrize("name", ["", "upper", "words:", "words:-1", "words:x", "bits:2", "words:²"])
def test_transforms_that_are_none(name: str) -> None:
    with pytest.raises(InputError, match="try one of characters, letters"):
        transform("text", name)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_texts_with_nothing_left(name: str) -> None:
    with pytest.raises(InputError, match="got one without"):
        transform("" if name in ("characters", "bits") else "?! ", name)


def test_bits_of_bytes_that_are_no_text() -> None:
    with pytest.raises(InputError, match="Unicode"):
        transform("\udcff", "bits")


def _exact_entropy(*p: Decimal) -> Decimal:
    return sum((-x * x.ln() for x in p if x > 0), Decimal(0))


P = [[0.7, 0.2, 0.1], [0.05, 0.9, 0.05], [1 / 3, 1 / 3, 1 / 3]]


def _exact_markov(rows: list[list[float]]) -> Decimal:
    exact = np.array([[Decimal(x) for x in row] for row in rows], object)
    exact = exact / exact.sum(1, keepdims=True)
    return sum((w * _exact_entropy(*row) for w, row in zip(exact_law(exact), exact, strict=True)), Decimal(0))


@pytest.mark.parametrize(
    ("source", "rate"),
    [
        (golden_mean(0.3), _exact_entropy(Decimal("0.3"), Decimal("0.7")) / Decimal("1.3")),
        (golden_mean(0.7), _exact_entropy(Decimal("0.3"), Decimal("0.7")) / Decimal("1.7")),
        (bernoulli(0.3), _exact_entropy(Decimal("0.3"), Decimal("0.7"))),
        (even(0.1), _exact_entropy(Decimal("0.1"), Decimal("0.9")) / Decimal("1.1")),
        (markov(P), _exact_markov(P)),
        (markov([[0.9, 0.1], [0.5, 0.5]]), _exact_markov([[0.9, 0.1], [0.5, 0.5]])),
        (mixture([bernoulli(0.3), periodic("01")], [0.5, 0.5]), _exact_entropy(Decimal("0.3"), Decimal("0.7")) / 2),
    ],
    ids=lambda value: value.name if isinstance(value, Source) else None,
)
def test_a_source_and_its_predictor_hold_the_same_truth(source: Source, rate: Decimal) -> None:
    """By closed forms, to fifty digits."""
    low, high = source.entropy_rate
    assert Decimal(low) <= rate <= Decimal(high)
    assert high - low < 1e-12
    _, below, above = source.memory_bounds(6)
    assert (above - below < 1e-12).all()
    assert Decimal(float(above[-1])) >= rate
    if "+" not in source.name and not source.name.startswith("even"):
        chain = source.predictor(3)
        assert chain.log_probs.dtype == np.float64
        bound = entropy_rate(chain)
        assert max(low, bound.low) <= min(high, bound.high)
        assert Decimal(bound.low) <= rate <= Decimal(bound.high)
        assert Decimal(float(below[-1])) <= rate <= Decimal(float(above[-1]))
        assert compare(chain, source.predictor(4)).kl_rate.low == 0


@settings(max_examples=25)
@given(seed=SEEDS, V=st.integers(2, 3), K=st.integers(1, 4))
def test_memories_of_hidden_processes_hold_sums_over_words(seed: int, V: int, K: int) -> None:
    """h_k as a difference of entropies of words, each in decimals from the start that is stationary to rounding."""
    rng = np.random.default_rng(seed)
    T = rng.dirichlet(np.full(V * K, 0.5), K).reshape(K, V, K).transpose(1, 0, 2).copy()
    T[T < 1e-6] = 0
    T += 1e-3 * (rng.random((V, 1, 1)) + np.eye(K)[(np.arange(K) + 1) % K])
    T /= T.sum((0, 2))[:, None]
    exact = np.array([Decimal(float(x)) for x in T.reshape(-1)], object).reshape(T.shape)
    exact = exact / exact.sum((0, 2))[:, None]
    pi = exact_law(exact.sum(0))
    source = Source(name="x", vocab=tuple("abc"[:V]), transitions=T, start=np.array(pi, float))
    words, blocks = [pi], [Decimal(0)]
    for _ in range(5):
        words = [word @ exact[y] for word in words for y in range(V)]
        blocks.append(_exact_entropy(*(word.sum() for word in words)))
    _, low, high = source.memory_bounds(4)
    for k in range(5):
        assert Decimal(float(low[k])) <= blocks[k + 1] - blocks[k] <= Decimal(float(high[k]))
        assert high[k] - low[k] < 1e-12
    below, above = belief.entropy_rate(T, source.start, 2**8)
    assert Decimal(below) <= blocks[5] - blocks[4]
    assert below <= above
