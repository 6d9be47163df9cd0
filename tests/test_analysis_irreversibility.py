"""The text read backwards, and whether it can be told from the text, against ball arithmetic."""

import itertools
import math

import numpy as np
import pytest
from flint import arb

import kinds
from finitegpt import Chain, InputError, states
from finitegpt.analysis import (
    Bound,
    StationaryDistribution,
    entropy_production,
    extended,
    is_reversible,
    stationary_distribution,
    stationary_distributions,
)
from finitegpt.analysis.backward import backward, words_of
from finitegpt.analysis.cycles import is_balanced
from finitegpt.decoding import temperature
from finitegpt.reversal import time_reversal
from oracles import from_logits, random_chain

SMALL = 64
KINDS = [name for name in kinds.KINDS if not name.startswith(("large", "many"))]
THREE = Chain.from_probs([[0, 0.9, 0.1], [0.1, 0, 0.9], [0.9, 0.1, 0]], "abc", 1)


class Truth:
    """The words of one class of a chain, and what comes before them, by definition."""

    def __init__(self, case: kinds.Case, meaning: str, which: int) -> None:
        exact, chain = case.exact(meaning, 700), case.chain
        self.V, self.L, self.n = chain.vocab_size, chain.context_length, chain.n_states
        rows, self.pi = exact.lift(list(exact.rows)), exact.laws[which]
        self.J = [self.pi[w // self.V] * rows[w // self.V][w % self.V] for w in range(self.n * self.V)]

    def turned(self, word: int, length: int) -> int:
        result = 0
        for _ in range(length):
            word, token = divmod(word, self.V)
            result = result * self.V + token
        return result

    def production(self) -> arb | float:
        """The sum of J ln(p / q), as differences of words of L + 1 tokens and of L."""
        total = arb(0)
        for w, J in enumerate(self.J):
            other = self.J[self.turned(w, self.L + 1)]
            if J > 0 and not other > 0:
                return math.inf
            if J > 0:
                c = w // self.V
                total += J * ((J / other) * (self.pi[self.turned(c, self.L)] / self.pi[c])).log()
        return total


def holds(bound: Bound, truth: arb | float) -> bool:
    if isinstance(truth, float):
        return bound.low == bound.value == bound.high == truth
    return bound.low <= bound.value <= bound.high and not (arb(bound.low) > truth or arb(bound.high) < truth)


def cases(name: str, many: int = 3):
    """A few chains of a kind, their laws, and what is true of each."""
    for seed in range(many):
        case = kinds.KINDS[name](np.random.default_rng(seed))
        if case.chain.n_states <= SMALL:
            laws = stationary_distributions(case.chain)
            for meaning, which in itertools.product(case.meanings, range(min(2, len(laws)))):
                yield case.chain, laws[which], Truth(case, meaning, which)


@pytest.mark.parametrize("name", KINDS)
def test_words_and_what_comes_before_them(name: str) -> None:
    for chain, law, truth in cases(name):
        words, back = words_of(chain, law), backward(chain, law)
        V, n, unit = truth.V, truth.n, 4 * 2.0**-53
        for w, J in enumerate(truth.J):
            assert holds(words.at(w), J)
            assert words.there.flat[w] == bool(J > 0)
            if J > 0:
                off = float(words.off[w // V]) + unit * (abs(words.logs.flat[w]) + 1)
                assert not abs(arb(float(words.logs.flat[w])) - J.log()) > off
        for x, c in itertools.product(range(V), range(n)):
            at = truth.turned(c, truth.L), x
            J = truth.J[x * n + c]
            assert back.there[at] == bool(J > 0)
            if J > 0:
                q, found = (J / truth.pi[c]).log(), float(back.rows[at])
                assert not abs(arb(found) - q) > float(back.off[at[0]]) + unit * abs(found)
                assert back.off[at[0]] < 1e-9
            else:
                assert found_nowhere(truth, c) or back.rows[at] == -np.inf


def found_nowhere(truth: Truth, context: int) -> bool:
    return not truth.pi[context] > 0


@pytest.mark.parametrize("name", KINDS)
def test_the_entropy_production_is_inside_its_interval(name: str) -> None:
    for chain, law, truth in cases(name):
        exact, found = truth.production(), entropy_production(chain, law)
        assert holds(found, exact)
        assert found.certified or found.high == math.inf
        if not math.isinf(found.high):
            assert found.high - found.low <= 1e-9 * float(exact) + 1e-24


@pytest.mark.parametrize("name", KINDS)
def test_what_is_proved_of_reversibility_is_true(name: str) -> None:
    for chain, law, truth in cases(name):
        found = is_reversible(chain, law)
        alike = all(J.overlaps(truth.J[truth.turned(w, truth.L + 1)]) for w, J in enumerate(truth.J))
        assert found.reversible == bool(found) == alike
        assert found.certified or (found.why and name == "equal rows")
        if not alike:
            assert found.forward is not None
            assert found.backward is not None
            assert found.forward.low > found.backward.high or found.forward.value < 1e-290
            word = int(states.ids([chain.vocab.index(x) for x in found.word], truth.V))
            assert holds(found.forward, truth.J[word])
            assert holds(found.backward, truth.J[truth.turned(word, truth.L + 1)])


def test_two_tokens_leave_no_choice_but_three_of_context_do() -> None:
    for L in (1, 2):
        chain = random_chain("dense", 2, L, 3)
        assert is_reversible(chain).certified
        assert is_reversible(chain)
        assert entropy_production(chain) == Bound(0.0, 0.0, 0.0)
    assert not is_reversible(random_chain("dense", 2, 3, 3))


def test_float32_rows_are_judged_exactly() -> None:
    even = np.log(np.float32([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.25, 0.25, 0.5]]))
    chain = Chain(log_probs=even, vocab=("a", "b", "c"), context_length=1)
    assert is_reversible(chain).certified
    for L in (2, 3):  # whose older tokens say nothing
        assert is_reversible(extended(chain, L)) == is_reversible(chain)
        assert entropy_production(extended(chain, L)) == Bound(0.0, 0.0, 0.0)
    off = even.copy()
    off[0, 1] = np.nextafter(off[0, 1], np.float32(0))
    found = is_reversible(Chain(log_probs=off, vocab=("a", "b", "c"), context_length=1))
    assert (found.reversible, found.certified) == (False, True)
    wide = Chain.from_probs([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.25, 0.25, 0.5]], "abc", 1)
    found = is_reversible(wide)
    assert (found.reversible, found.certified) == (True, False)
    assert "no digits prove" in found.why
    assert entropy_production(wide).high < 1e-24


def test_longer_contexts_that_are_alike_by_symmetry() -> None:
    # p(y | a b) depends on a and y alike and on b: J(a b y) = J(y b a).
    rng = np.random.default_rng(1)
    s = rng.normal(size=(3, 3, 3))
    weights = s + s.transpose(2, 1, 0)
    rows = np.log(np.float32(np.full((3, 3, 3), 1 / 3)))
    found = is_reversible(Chain(log_probs=rows.reshape(9, 3), vocab=("a", "b", "c"), context_length=2))
    assert (found.reversible, found.certified) == (True, True)
    # Rows with the same numbers, and so the same sums: each token is followed by itself or by any other.
    table = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]], np.float32)
    logs = np.stack([table + 2 * (np.arange(3) == b)[:, None] * 0 for b in range(3)], 1).reshape(9, 3)
    chain = from_logits(logs, 2)
    assert is_balanced(chain.log_probs, np.ones((9, 3), bool), 2)
    assert is_reversible(chain).certified
    assert not is_balanced(from_logits(weights.reshape(9, 3), 2).log_probs, np.ones((9, 3), bool), 2)


def test_a_word_without_a_reverse_is_certain_whatever_is_known_of_the_law() -> None:
    chain = Chain.from_probs([[0.5, 0.5, 0], [0, 0.5, 0.5], [0.5, 0, 0.5]], "abc", 1)
    law = stationary_distribution(chain)
    unknown = StationaryDistribution(
        states=law.states, probs=law.probs, n_states=3, error=math.inf, residual=0.0, method="power", why="so it is"
    )
    for known in (law, unknown):
        found = is_reversible(chain, known)
        assert (found.reversible, found.certified) == (False, True)
        assert found.word in ("ab", "bc", "ca")
        assert found.backward == Bound(0.0, 0.0, 0.0)
        assert entropy_production(chain, known).low == math.inf
    assert not entropy_production(THREE, unknown).certified
    assert entropy_production(THREE, unknown).why == "so it is"
    found = is_reversible(THREE, unknown)
    assert (found.reversible, found.certified) == (False, False)
    assert "not known well enough" in found.why


def test_the_formula_of_textbooks() -> None:
    P, pi = THREE.probs, stationary_distribution(THREE).dense()
    J = pi[:, None] * P
    there = J > 0
    expected = (J[there] * np.log(J[there] / J.T[there])).sum()
    assert expected == pytest.approx(0.8 * math.log(9), rel=1e-12)
    assert entropy_production(THREE).value == pytest.approx(expected, rel=1e-12)


def test_longer_contexts_change_nothing() -> None:
    chain = random_chain("dense", 3, 1, 4)
    short, long = entropy_production(chain), entropy_production(extended(chain, 3))
    assert max(short.low, long.low) <= min(short.high, long.high)


def test_small_productions_are_right_relatively() -> None:
    for tilt in (1e-3, 1e-6, 1e-9):
        p = np.full((3, 3), 1 / 3) + tilt * np.array([[0, 1, -1], [-1, 0, 1], [1, -1, 0]])
        found = entropy_production(Chain.from_probs(p, "abc", 1))
        assert found.high - found.low < 1e-3 * min(1, 1e-9 / tilt) * found.value + 1e-12 * found.value
        assert found.value == pytest.approx(12 * tilt**2, rel=1e-5)
    cold = temperature(random_chain("dense", 2, 4, 11), 0.15)
    found = entropy_production(cold)
    assert found.high - found.low < 1e-9 * found.value


def test_rare_arrows_back_that_doubles_do_not_hold() -> None:
    # a -> b -> c -> a, and rarely back; b waits, so that before b there was c with a probability below 1e-307.
    rows = np.array([[-np.inf, 0, -300], [-300, 0, -20], [0, -700, -np.inf]])
    for kind in (np.float32, np.float64):
        chain = from_logits(rows, 1, kind)
        law = stationary_distribution(chain)
        back = backward(chain, law)
        assert back.there.sum() == 7
        assert (back.rows[back.there] < -708).sum() == 1
        truth, found = Truth(kinds.Case(chain), "stored", 0).production(), entropy_production(chain)
        assert holds(found, truth)
        assert found.certified
        assert found.high - found.low < 1e-9 * found.value
        assert time_reversal(chain).support.sum() == 6


@pytest.mark.parametrize("seed", range(8))
def test_what_is_known_of_the_law_is_in_the_interval(seed: int) -> None:
    # A law that is off by as much as it says.
    chain = random_chain("dense", 3, 2, seed)
    law = stationary_distribution(chain)
    tilt = np.random.default_rng(seed).choice([-1, 1], 9)
    rough = StationaryDistribution(
        states=law.states,
        probs=law.probs * (1 + 0.9e-3 * tilt),
        n_states=9,
        error=1e-3,
        relative=1e-3,
        residual=0.0,
        method="gth",
    )
    truth = Truth(kinds.Case(chain), "stored", 0)
    found, words = entropy_production(chain, rough), words_of(chain, rough)
    assert holds(found, truth.production())
    assert found.high - found.low < 0.1
    for w, J in enumerate(truth.J):
        assert holds(words.at(w), J)
    judged = is_reversible(chain, rough)
    assert judged.certified
    assert not judged


def test_differences_that_no_interval_sees() -> None:
    # Along a b c there is 1e-30 more than along a c b, in numbers that are stored exactly.
    rows = np.float32([[-80, -1e-30, -80], [-2e-30, -80, -80], [-80, -80, 0]])
    chain = Chain(log_probs=rows, vocab=("a", "b", "c"), context_length=1)
    found = is_reversible(chain)
    assert (found.reversible, found.certified) == (False, True)
    assert entropy_production(chain).low == 0 < entropy_production(chain).high < 1e-24
    # Of longer contexts that would be no proof: sums of exponentials are numbers that nobody knows.
    longer = np.tile(rows, (3, 1))
    longer[1, 1] = -79.0
    found = is_reversible(Chain(log_probs=longer, vocab=("a", "b", "c"), context_length=2))
    assert not found.certified or not found.reversible


def test_many_classes_need_a_law() -> None:
    chain = Chain.from_probs(np.eye(2), "ab", 1)
    for function in (is_reversible, entropy_production, time_reversal):
        with pytest.raises(InputError, match="one recurrent class"):
            function(chain)
    law = stationary_distributions(chain)[1]
    assert is_reversible(chain, law).certified
    assert entropy_production(chain, law) == Bound(0.0, 0.0, 0.0)
    assert time_reversal(chain, law).probs.tolist() == [[0.5, 0.5], [0, 1]]


def test_one_state() -> None:
    chain = Chain.from_probs([[1.0]], "a", 1)
    assert is_reversible(chain).certified
    assert entropy_production(chain) == Bound(0.0, 0.0, 0.0)
    assert time_reversal(chain).probs.tolist() == [[1.0]]


def test_large_chains() -> None:
    chain = random_chain("dense", 2, 12, 3)
    found = entropy_production(chain)
    assert found.certified
    assert found.error < 1e-6 * found.value
    assert is_reversible(chain).certified
