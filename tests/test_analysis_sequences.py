"""Probabilities of texts against ball arithmetic, and what must be so."""

import itertools
import math

import numpy as np
import pytest
from flint import arb
from hypothesis import given, settings

import balls
import kinds
from finitegpt import Chain, Data, InputError, Run
from finitegpt.analysis import (
    Bound,
    StationaryDistribution,
    cross_entropy,
    sequence_log_probability,
    sequence_probability,
    stationary_distribution,
    stationary_distributions,
)
from oracles import SYMBOLS, chains, from_logits, random_chain
from strategies import SEEDS

KINDS = [name for name in kinds.KINDS if not name.startswith(("large", "many"))]
TWO = Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1)


def along(rows: list, state: int, tokens: list[int]) -> arb:
    """The product of the probabilities of a path of states."""
    p, V = arb(1), len(rows[0])
    for token in tokens:
        p *= rows[state][token]
        state = (state * V + token) % len(rows)
    return p


def assert_holds(found: Bound, log: Bound, truth: arb) -> None:
    assert found.low <= found.value <= found.high
    if not truth > 0:
        assert found == Bound(0.0, 0.0, 0.0)
        assert log == Bound(-math.inf, -math.inf, -math.inf)
        return
    assert not arb(found.low) > truth
    assert not arb(found.high) < truth
    assert found.value > 0
    assert not arb(log.low) > truth.log()
    assert not arb(log.high) < truth.log()


@pytest.mark.parametrize("name", KINDS)
def test_probabilities_are_inside_their_intervals(name: str) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        case = kinds.KINDS[name](rng)
        chain = case.chain
        n, V = chain.n_states, chain.vocab_size
        if n > 64 or len(chain.vocab) > len(SYMBOLS):
            continue
        for meaning in case.meanings:
            exact = case.exact(meaning, 500)
            rows = exact.lift(list(exact.rows))
            for length in (1, 2, 3, 5, 40):
                state = int(rng.integers(n))
                tokens, at = [], state  # mostly what can be
                for _ in range(length):
                    there = np.flatnonzero(chain.support[at]) if rng.random() < 0.98 else np.arange(V)
                    tokens.append(int(rng.choice(there)))
                    at = (at * V + tokens[-1]) % n
                text = "".join(chain.vocab[token] for token in tokens)
                for start in (chain.label(state), state):
                    truth = along(rows, state, tokens)
                    found = sequence_probability(chain, text, start)
                    log = sequence_log_probability(chain, text, start)
                    assert_holds(found, log, truth)
                    if truth > 0:
                        assert log.high - log.low <= 1e-12 * -log.value + 1e-300
                for law, pi in zip(stationary_distributions(chain)[:2], exact.laws, strict=False):
                    truth = balls.total(p * along(rows, k, tokens) for k, p in enumerate(pi) if p > 0)
                    found = sequence_probability(chain, text, law=law)
                    log = sequence_log_probability(chain, text, law=law)
                    assert_holds(found, log, truth)
                    assert found.high - found.low <= 1e-9 * found.value + 1e-290
                begun = rng.dirichlet(np.full(n, 0.2))
                share = [arb(float(x)) for x in begun]
                truth = balls.total(p * along(rows, k, tokens) for k, p in enumerate(share)) / balls.total(share)
                assert_holds(
                    sequence_probability(chain, text, begun), sequence_log_probability(chain, text, begun), truth
                )


@settings(max_examples=40)
@given(chain=chains(), seed=SEEDS)
def test_all_texts_of_a_length_are_one(chain: Chain, seed: int) -> None:
    start = int(seed % chain.n_states)
    length = 3 if chain.vocab_size < 4 else 2
    texts = ["".join(text) for text in itertools.product(chain.vocab, repeat=length)]
    for begin in (start, chain.label(start), np.random.default_rng(seed).dirichlet(np.ones(chain.n_states))):
        assert math.fsum(sequence_probability(chain, text, begin).value for text in texts) == pytest.approx(1)
    for law in stationary_distributions(chain)[:2]:
        assert math.fsum(sequence_probability(chain, text, law=law).value for text in texts) == pytest.approx(1)


def test_a_context_is_as_probable_as_its_state() -> None:
    chain = random_chain("dense", 3, 3, 1)
    pi = stationary_distribution(chain).dense()
    for state in (0, 5, 26):
        assert sequence_probability(chain, chain.label(state)).value == pytest.approx(pi[state], rel=1e-12)
    assert sequence_probability(chain, "a").value == pytest.approx(pi[::3].sum(), rel=1e-12)


def test_long_texts_do_not_underflow() -> None:
    text = TWO.sample(100_000, start="a", seed=1)[1:]
    log = sequence_log_probability(TWO, text, "a")
    loss = cross_entropy(TWO, Data.from_text("a" + text, context_length=1))
    assert -log.value / 100_000 == pytest.approx(loss.value, rel=1e-12)
    assert log.high - log.low < 1e-9
    found = sequence_probability(TWO, text, "a")
    assert 0 < found.value <= found.high < 1e-300
    assert found.low == 0


def test_what_is_nearly_sure_lacks_little() -> None:
    chain = from_logits([[0, -50], [0, -50]], 1, np.float64)
    log = sequence_log_probability(chain, "a" * 10, "a")
    assert -log.value == pytest.approx(10 * math.exp(-50), rel=1e-12)
    assert -log.high > 0
    assert log.high - log.low < 1e-10 * -log.value


def test_nothing_is_sure_and_what_cannot_be_has_no_probability() -> None:
    chain = Chain.from_probs([[0, 1], [0.5, 0.5]], "ab", 1)
    assert sequence_probability(chain, "") == sequence_probability(chain, "b", "a") == Bound(1.0, 1.0, 1.0)
    assert sequence_probability(chain, "baa", "a") == Bound(0.0, 0.0, 0.0)
    assert sequence_probability(chain, "aa") == Bound(0.0, 0.0, 0.0)
    assert sequence_probability(chain, "aab") == Bound(0.0, 0.0, 0.0)


def test_short_starts_use_the_startup_rows(notebook: Run) -> None:
    chain = notebook.chain
    assert chain.startup is not None
    first, second = (np.exp(rows.astype(float)) for rows in chain.startup)
    first, second = (rows / rows.sum(1, keepdims=True) for rows in (first, second))
    expected = first[1, 0] * second[2, 1] * chain.probs[chain.id("101"), 1]
    assert sequence_probability(chain, "011", "1").value == pytest.approx(expected, rel=1e-12)
    assert sequence_probability(chain, "0", "1").value == pytest.approx(first[1, 0], rel=1e-12)
    whole = sequence_probability(chain, "11", "0101")
    assert whole == sequence_probability(chain, "11", "101")
    bare = Chain(log_probs=chain.log_probs, vocab=chain.vocab, context_length=3)
    for start in ("1", "", "10"):
        with pytest.raises(InputError, match="a start of 3 tokens"):
            sequence_probability(bare, "0", start)


def test_an_uncertified_law_proves_nothing() -> None:
    law = stationary_distribution(TWO)
    unknown = StationaryDistribution(
        states=law.states, probs=law.probs, n_states=2, error=math.inf, residual=0.0, method="power", why="so it is"
    )
    for function in (sequence_probability, sequence_log_probability):
        for text in ("ab", "a"):
            found = function(TWO, text, law=unknown)
            assert not found.certified
            assert found.why == "so it is"
            assert found.value == pytest.approx(function(TWO, text).value)
    assert sequence_probability(TWO, "ab", "a", unknown).certified


@pytest.mark.parametrize("bad", [5, None, ["a"], b"a", "abc"])
def test_what_is_no_text_is_refused(bad: object) -> None:
    with pytest.raises(InputError, match="expected"):
        sequence_probability(TWO, bad)  # type: ignore[arg-type]
    if bad is not None:
        with pytest.raises(InputError, match="expected"):
            sequence_probability(TWO, "a", bad)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="one recurrent class"):
        sequence_probability(Chain.from_probs(np.eye(2), "ab", 1), "a")
