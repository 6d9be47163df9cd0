"""Most probable texts against all texts, ball arithmetic and SciPy's shortest paths."""

import itertools
import math

import numpy as np
import pytest
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

import kinds
from finitegpt import Chain, InputError
from finitegpt.analysis import Path, hitting_probabilities, most_probable_path, sequence_log_probability
from finitegpt.decoding import greedy
from oracles import SYMBOLS, chains, from_logits, random_chain, some_states
from strategies import SEEDS

KINDS = [name for name in kinds.KINDS if not name.startswith(("large", "many"))]


def follows(chain: Chain, path: Path) -> None:
    """Whether the states are those of the text."""
    at = int(path.states[0])
    for token, state in zip(chain.tokens(path.text), path.states[1:].tolist(), strict=True):
        at = (at * chain.vocab_size + token) % chain.n_states
        assert at == state


def assert_holds(path: Path, found: arb, others: list[arb]) -> None:
    """The path's probability, and by how much it is ahead of the best of all others."""
    assert not arb(path.log_probability.low) > found.log()
    assert not arb(path.log_probability.high) < found.log()
    possible = [p for p in others if p > 0]
    if not possible:
        assert path.gap.low == math.inf
        return
    best = possible[0]
    for p in possible[1:]:
        best = best.max(p)
    ahead = (found / best).log()
    assert not arb(path.gap.low) > ahead
    assert not arb(path.gap.high) < ahead
    assert path.gap.high - path.gap.low < 1e-9 * (1 + abs(path.gap.value))
    assert float(ahead) > -1e-9


@pytest.mark.parametrize("name", KINDS)
def test_no_text_of_its_length_is_more_probable(name: str) -> None:
    for seed in range(4):
        rng = np.random.default_rng(seed)
        case = kinds.KINDS[name](rng)
        chain = case.chain
        n, V = chain.n_states, chain.vocab_size
        tokens = int(math.log(600) / math.log(max(V, 2)))
        if n > 64 or len(chain.vocab) > len(SYMBOLS) or tokens < 1:
            continue
        start = int(rng.integers(n))
        path = most_probable_path(chain, start, tokens)
        follows(chain, path)
        assert len(path.states) == tokens + 1
        for meaning in case.meanings:
            exact = case.exact(meaning, 300)
            rows, worth = exact.lift(list(exact.rows)), {}
            for text in itertools.product(range(V), repeat=tokens):
                p, at = arb(1), start
                for token in text:
                    p *= rows[at][token]
                    at = (at * V + token) % n
                worth["".join(chain.vocab[token] for token in text)] = p
            found = worth.pop(path.text)
            assert_holds(path, found, list(worth.values()))


@settings(max_examples=60)
@given(chain=chains(), seed=SEEDS)
def test_shortest_paths_are_scipys(chain: Chain, seed: int) -> None:
    mask = some_states(chain, seed)
    start = int(np.random.default_rng(seed).integers(chain.n_states))
    if hitting_probabilities(chain, mask).high[start] == 0:
        with pytest.raises(InputError, match="can be reached"):
            most_probable_path(chain, start, targets=mask)
        return
    path = most_probable_path(chain, start, targets=mask)
    follows(chain, path)
    assert mask[path.states].tolist() == [False] * (len(path.states) - 1) + [True]
    matrix = chain.to_csr().toarray()
    there = matrix > 0
    matrix[there] = np.maximum(-np.log(matrix[there]), 1e-300)
    lengths = csr_array(matrix)  # where 1e-300 is an arrow
    peer = dijkstra(lengths, indices=start)[mask].min()
    assert -path.log_probability.value == pytest.approx(peer, rel=1e-9, abs=1e-9)
    assert path.gap.high >= -1e-9


@settings(max_examples=30)
@given(seed=SEEDS, V=st.integers(2, 3))
def test_how_far_a_path_to_a_target_is_ahead(seed: int, V: int) -> None:
    # All paths of up to 12 arrows: longer ones are less probable, as every arrow has at most .6.
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(V, 9.0), V**2).clip(0.05, 0.6)
    chain = Chain.from_probs(p / p.sum(1, keepdims=True), SYMBOLS[:V], 2)
    start, target = 0, int(rng.integers(1, V**2))
    path = most_probable_path(chain, start, targets=[target])
    worth, front = {}, {"": (start, 1.0)}
    for _ in range(12):
        ahead = {}
        for text, (at, weight) in front.items():
            for token in range(V):
                to, p_to = (at * V + token) % V**2, weight * chain.probs[at, token]
                (worth if to == target else ahead)[text + SYMBOLS[token]] = (to, p_to)
        best = sorted((w for _, w in worth.values()), reverse=True)[:2]
        front = {text: x for text, x in ahead.items() if len(best) < 2 or x[1] > best[1]}
    best = sorted((w for _, w in worth.values()), reverse=True)
    assert worth[path.text][1] == pytest.approx(best[0], rel=1e-12)
    assert path.gap.low - 1e-12 <= math.log(best[0] / best[1]) <= path.gap.high + 1e-12


def test_greedy_is_not_always_best() -> None:
    chain = Chain.from_probs([[0, 0.6, 0.4], [0.5, 0.25, 0.25], [0, 0, 1]], "abc", 1)
    path = most_probable_path(chain, "a", 3)
    assert path.text == "ccc"
    assert path.log_probability.value == pytest.approx(math.log(0.4))
    assert path.gap.low > 0
    assert greedy(chain).sample(3, start="a")[1:] == "bab"


def test_ties_go_to_fewer_tokens_and_the_first_of_the_vocabulary() -> None:
    even = Chain.from_probs(np.full((4, 2), 0.5), "ab", 2)
    path = most_probable_path(even, "bb", 5)
    assert path.text == "aaaaa"
    assert path.gap.low <= 0 <= path.gap.high
    assert path.gap.high < 1e-12
    assert most_probable_path(even, "bb", targets=["aa", "ab"]).text == "aa"
    # .2 * .3 * .4 in any order: sums of logarithms would differ in their last digits
    p = np.zeros((8, 8))
    for (b, c), factors in (((1, 2), (0.2, 0.3, 0.4)), ((3, 4), (0.4, 0.2, 0.3)), ((5, 6), (0.3, 0.4, 0.2))):
        p[0, b], p[b, c], p[c, 7] = factors
    p[:, 0] += 1 - p.sum(1)
    chain = Chain.from_probs(p / p.sum(1, keepdims=True), SYMBOLS[:8], 1)
    path = most_probable_path(chain, "a", targets="h")
    assert path.text == "bch"
    assert abs(path.gap.value) < 1e-12
    # one arrow of a half, or one and a sure one
    p = [[0, 0.5, 0, 0.5], [0, 0, 0, 1], [1, 0, 0, 0], [1, 0, 0, 0]]
    assert most_probable_path(Chain.from_probs(p, "abcd", 1), "a", targets="d").text == "d"
    # one arrow of a quarter, or two of a half
    p = [[0, 0.5, 0.25, 0.25], [0, 0, 0.5, 0.5], [1, 0, 0, 0], [1, 0, 0, 0]]
    assert most_probable_path(Chain.from_probs(p, "abcd", 1), "a", targets="d").text == "d"


def test_a_wait_that_costs_nothing_is_not_gone_round() -> None:
    logits = np.array([[0, -60.0], [0, 0]])
    chain = from_logits(logits, 1, np.float64)
    path = most_probable_path(chain, "a", targets="b")
    assert path.text == "b"
    assert path.gap.low <= math.exp(-60) <= path.gap.high
    assert path.gap.high < 1e-9


def test_the_only_path_is_infinitely_ahead() -> None:
    chain = Chain.from_probs([[0, 1], [1, 0]], "ab", 1)
    for path in (most_probable_path(chain, "a", 4), most_probable_path(chain, "a", targets="b")):
        assert path.gap.low == math.inf
        assert path.log_probability.low == path.log_probability.high == 0
    there = most_probable_path(chain, "a", targets="a")
    assert (there.text, there.states.tolist(), there.log_probability.low) == ("", [0], 0)
    assert most_probable_path(chain, "b", 0).text == ""
    assert most_probable_path(Chain.from_probs([[1.0]], "a", 1), 0, 3).text == "aaa"


def test_deep_wells_and_long_ways() -> None:
    # A corridor of 300 states with arrows of 1e-300 each.
    n = 300
    p = np.zeros((n, n))
    p[np.arange(n), np.arange(n)] = 1.0
    p[np.arange(n - 1), np.arange(1, n)] = 1e-300
    chain = Chain.from_probs(p, tuple(f"t{k}" for k in range(n)), 1)
    path = most_probable_path(chain, 0, targets=[n - 1])
    assert len(path.states) == n
    assert path.log_probability.value == pytest.approx((n - 1) * math.log(1e-300), rel=1e-12)
    long = most_probable_path(random_chain("dense", 2, 6, 2), 0, 5000)
    assert long.log_probability.certified
    assert long.gap.high - long.gap.low < 1e-6


def test_starts_and_words() -> None:
    chain = Chain.from_probs([[0.1, 0.9]] * 2 + [[0.8, 0.2]] * 2, ("the", "cat"), 2)
    path = most_probable_path(chain, "cat the cat", 2)
    assert path.text == "cat the"
    assert path.states.tolist() == [1, 3, 2]
    assert path.log_probability == sequence_log_probability(chain, path.text, "the cat")


@pytest.mark.parametrize(
    "call",
    [
        lambda chain: most_probable_path(chain, "a"),
        lambda chain: most_probable_path(chain, "a", 3, targets="b"),
        lambda chain: most_probable_path(chain, "", 3),
        lambda chain: most_probable_path(chain, "x", 3),
        lambda chain: most_probable_path(chain, 2, 3),
        lambda chain: most_probable_path(chain, -1, 3),
        lambda chain: most_probable_path(chain, None, 3),
        lambda chain: most_probable_path(chain, True, 3),
        lambda chain: most_probable_path(chain, "a", -3),
        lambda chain: most_probable_path(chain, "a", 2.5),
        lambda chain: most_probable_path(chain, "a", targets="x"),
        lambda chain: most_probable_path(chain, "a", targets=[7]),
    ],
)
def test_what_cannot_be_asked_is_refused(call) -> None:
    with pytest.raises(InputError, match=r"expected .* try"):
        call(Chain.from_probs([[0.4, 0.6], [0.5, 0.5]], "ab", 1))
