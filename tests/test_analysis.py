"""Chains that everyone knows, and what cannot be asked."""

import numpy as np
import pytest

import finitegpt
from finitegpt import Chain, Data, FiniteGPTError, InputError, TooLargeError
from finitegpt.analysis import (
    absorption_probabilities,
    absorption_weights,
    approach,
    average,
    compare,
    cross_entropy,
    cyclic_classes,
    eigenvalues,
    entropy_rate,
    extended,
    hitting_probabilities,
    implied_timescales,
    machine,
    match,
    mean_first_passage_times,
    memory,
    mixing_time,
    period,
    recurrent_classes,
    red_states,
    select,
    spectral_gap,
    stationary_distribution,
    stationary_distributions,
    survival_rate,
    total_variation,
)
from finitegpt.sources import bernoulli, even, golden_mean, periodic, two_state
from oracles import SYMBOLS, random_chain

LN2 = float(np.log(2))


def markov(matrix: list[list[float]]) -> Chain:
    """Any Markov chain is a chain with contexts of one token."""
    return Chain.from_probs(matrix, SYMBOLS[: len(matrix)], 1)


def copying(V: int, L: int) -> Chain:
    """Says for ever again what it said L tokens ago."""
    return Chain.from_probs(np.eye(V)[np.arange(V**L) // V ** (L - 1)], SYMBOLS[:V], L)


def gambler(p: float, n: int) -> Chain:
    """Wins one with probability p, loses one otherwise, and stops at 0 and at n."""
    matrix = np.eye(n + 1)
    for k in range(1, n):
        matrix[k, k] = 0
        matrix[k, k + 1], matrix[k, k - 1] = p, 1 - p
    return markov(matrix.tolist())


TWO = markov([[0.9, 0.1], [0.5, 0.5]])
THREE_CYCLE = markov([[0, 1, 0], [0, 0, 1], [1, 0, 0]])
TWO_ENDS = markov([[1, 0, 0], [0, 1, 0], [0.3, 0.2, 0.5]])


@pytest.mark.parametrize(("p", "q"), [(0.1, 0.5), (0.3, 0.3), (1e-6, 0.2), (0.9, 0.8)])
def test_two_states(p: float, q: float) -> None:
    chain = markov([[1 - p, p], [q, 1 - q]])
    law = stationary_distribution(chain)
    np.testing.assert_allclose(law.probs, [q / (p + q), p / (p + q)], rtol=1e-6)
    np.testing.assert_allclose(eigenvalues(chain), [1, 1 - p - q], rtol=1e-6)
    assert spectral_gap(chain).value == pytest.approx(1 - abs(1 - p - q), abs=1e-7)
    np.testing.assert_allclose(implied_timescales(chain), [-1 / np.log(abs(1 - p - q))], rtol=1e-5)
    entropies = [-x * np.log(x) - (1 - x) * np.log(1 - x) for x in (p, q)]
    assert entropy_rate(chain).value == pytest.approx(law.probs @ entropies, rel=1e-6)
    assert mean_first_passage_times(chain, "b").values[0] == pytest.approx(1 / p, rel=1e-6)
    assert survival_rate(chain, "b").value == pytest.approx(1 - p, abs=1e-7)
    worst = max(law.probs) * np.abs(1 - p - q) ** np.arange(6)
    np.testing.assert_allclose(total_variation(chain, 5).values, worst, atol=1e-6)


def test_a_cycle_of_three() -> None:
    assert period(THREE_CYCLE) == 3
    members = recurrent_classes(THREE_CYCLE)[0]
    assert [ids.tolist() for ids in cyclic_classes(THREE_CYCLE, members)] == [[0], [1], [2]]
    roots = np.exp(2j * np.pi * np.array([0, 1, -1]) / 3)
    np.testing.assert_allclose(eigenvalues(THREE_CYCLE), roots, atol=1e-12)
    law = stationary_distribution(THREE_CYCLE)
    np.testing.assert_array_equal(law.probs, [1 / 3] * 3)
    assert law.method == "cycle"
    assert 0 < law.error < 1e-16  # 1/3 is not a double
    rate = entropy_rate(THREE_CYCLE)
    assert (rate.value, rate.low) == (0, 0)
    assert rate.high < 1e-13
    assert mixing_time(THREE_CYCLE).value == np.inf
    assert implied_timescales(THREE_CYCLE).tolist() == [np.inf, np.inf]
    assert mean_first_passage_times(THREE_CYCLE, "c").values.tolist() == [2, 1, 0]
    assert total_variation(THREE_CYCLE, 4).values.tolist() == pytest.approx([2 / 3] * 5)


def test_the_gamblers_ruin() -> None:
    chain, r, k = gambler(0.4, 5), 0.6 / 0.4, np.arange(6)
    rich = hitting_probabilities(chain, [5])
    np.testing.assert_allclose(rich.values[1:5], [0.075829, 0.189573, 0.360190, 0.616114], atol=1e-6)
    np.testing.assert_allclose(rich.values, (1 - r**k) / (1 - r**5), atol=1e-6)
    poor, also_rich = absorption_probabilities(chain)
    np.testing.assert_array_equal(also_rich.values, rich.values)
    np.testing.assert_allclose(poor.values + rich.values, 1, atol=1e-15)
    assert len(stationary_distributions(chain)) == 2
    ends = mean_first_passage_times(chain, [0, 5]).values
    np.testing.assert_allclose(ends, k / 0.2 - 5 / 0.2 * rich.values, atol=1e-5)
    assert np.isinf(mean_first_passage_times(chain, [5]).low[:5]).all()


def test_two_ends_for_one_state() -> None:
    first, second = absorption_probabilities(TWO_ENDS)
    np.testing.assert_allclose([first.values, second.values], [[1, 0, 0.6], [0, 1, 0.4]], atol=1e-7)
    np.testing.assert_allclose(absorption_weights(TWO_ENDS, [0.5, 0, 0.5]).values, [0.8, 0.2], atol=1e-7)
    assert [law.states.tolist() for law in stationary_distributions(TWO_ENDS)] == [[0], [1]]
    with pytest.raises(InputError, match="expected a chain with one recurrent class, got 2"):
        stationary_distribution(TWO_ENDS)


@pytest.mark.parametrize(("V", "L"), [(2, 6), (3, 3), (5, 2), (7, 1)])
def test_a_uniform_chain(V: int, L: int) -> None:
    chain = Chain.from_probs(np.full((V**L, V), 1 / V), SYMBOLS[:V], L)
    law = stationary_distribution(chain)
    np.testing.assert_allclose(law.probs, float(V) ** -L, rtol=1e-14)
    assert entropy_rate(chain).value == pytest.approx(np.log(V), rel=1e-14)
    np.testing.assert_allclose(memory(chain).h, np.log(V), rtol=1e-13)
    assert memory(chain).tokens() == 0
    assert len(machine(chain)) == 1
    # A word that cannot overlap itself comes V**L tokens after the beginning of a text, and here L are there already.
    waits = mean_first_passage_times(chain, SYMBOLS[1] * (L - 1) + SYMBOLS[0]).values
    assert float(law.probs @ waits) == pytest.approx(V**L - L)


@pytest.mark.parametrize("p", [0.5, 0.3])
def test_independent_tokens_are_forgotten_in_exactly_as_many_steps_as_a_context_has(p: float) -> None:
    for L in (1, 3, 6):
        chain = bernoulli(p).predictor(L)
        assert eigenvalues(chain).tolist() == [1]
        assert spectral_gap(chain).value == 1
        assert implied_timescales(chain).tolist() == []
        curve = total_variation(chain, L + 1).values
        assert (curve[:L] > 0.01).all()
        np.testing.assert_allclose(curve[L:], 0, atol=1e-12)
        time = mixing_time(chain, 1e-6)
        assert (time.low, time.value, time.high) == (L, L, L)


def test_the_notebooks_chain_when_it_has_converged() -> None:
    # Two kinds of states: after 111 a 0 and a 1 are as probable as each other; elsewhere the sequence says it.
    probs = np.zeros((8, 2))
    for context, token in [("000", 1), ("001", 1), ("010", 1), ("100", 1), ("011", 1), ("110", 1), ("101", 1)]:
        probs[int(context, 2), token] = 1
    probs[7] = 0.5
    chain = Chain.from_probs(probs, "01", 3)
    law = stationary_distribution(chain)
    np.testing.assert_allclose(law.dense()[[7, 6, 5, 3]], [0.4, 0.2, 0.2, 0.2], rtol=1e-14)
    assert set(law.states.tolist()) == {3, 5, 6, 7}
    rate = entropy_rate(chain)
    assert rate.value == pytest.approx(0.4 * LN2, rel=1e-7)
    assert rate.certified
    assert rate.error < 1e-12


def test_the_notebook_has_one_aperiodic_class(notebook: finitegpt.Run) -> None:
    chain = notebook.chain
    assert [len(ids) for ids in recurrent_classes(chain)] == [8]
    assert period(chain) == 1
    law = stationary_distribution(chain)
    np.testing.assert_allclose(chain.push(law.probs), law.probs, rtol=1e-12)
    assert law.error < 1e-12
    assert law.mass(match(chain, "111")).low <= law.probs[7] <= law.mass(match(chain, "111")).high


@pytest.mark.parametrize("L", [1, 3, 12])
def test_the_golden_mean(L: int) -> None:
    chain = golden_mean().predictor(L)
    assert entropy_rate(chain).value == pytest.approx(2 / 3 * LN2, rel=1e-9)
    curve = memory(chain)
    np.testing.assert_allclose(curve.h[1:], 0.462098, atol=1e-6)
    assert curve.h[0] == pytest.approx(0.636514, abs=1e-6)
    assert curve.tokens() == 1
    found = machine(chain)
    assert found.names == ("0", "1")
    np.testing.assert_allclose(found.probs, [[0.5, 0.5], [1, 0]], atol=1e-7)
    np.testing.assert_array_equal(found.next, [[0, 1], [0, -1]])
    np.testing.assert_allclose(found.mass.values, [2 / 3, 1 / 3], atol=0.01)  # so much may be left out
    assert found.ignored.value <= 0.01
    assert found.error.high < 1e-12


def test_the_even_process_needs_ever_more_tokens() -> None:
    curve = memory(even().predictor(8)).h
    np.testing.assert_allclose(curve[:4], even().memory(3), atol=1e-6)
    np.testing.assert_allclose(curve[:3], [0.636514, 0.605939, 0.549306], atol=1e-6)
    assert (np.diff(curve) < 1e-9).all()
    assert curve[-1] > 2 / 3 * LN2


def test_a_source_of_two_states() -> None:
    source = two_state(0.5, 0.8)
    curve = memory(source.predictor(2)).h
    np.testing.assert_allclose(curve, [0.666278, 0.619015, 0.619015], atol=1e-6)


def test_a_word_for_ever() -> None:
    chain = periodic("011").predictor(4)
    law = stationary_distributions(chain)[0]
    assert (law.method, len(law.states)) == ("cycle", 3)
    assert period(chain, law.states) == 3


DENSE = random_chain("dense", 2, 3, 0)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: stationary_distribution(TWO_ENDS),
        lambda: entropy_rate(TWO_ENDS),
        lambda: memory(TWO_ENDS),
        lambda: machine(TWO_ENDS),
        lambda: compare(TWO_ENDS, TWO_ENDS),
        lambda: mixing_time(TWO_ENDS),
        lambda: total_variation(TWO_ENDS, 3),
        lambda: average(TWO, [1.0]),
        lambda: average(TWO, [[1.0, 2.0]]),
        lambda: average(TWO, [np.nan, 1]),
        lambda: machine(TWO, tolerance=0),
        lambda: machine(TWO, tolerance=1),
        lambda: machine(TWO, tolerance=np.nan),
        lambda: machine(random_chain("dense", 2, 11, 0), tolerance=1e-9),
        lambda: eigenvalues(TWO, 0),
        lambda: mixing_time(TWO, 0),
        lambda: mixing_time(TWO, 1),
        lambda: mixing_time(TWO, np.nan),
        lambda: total_variation(random_chain("dense", 2, 13, 0), 3),
        lambda: hitting_probabilities(TWO, "c"),
        lambda: hitting_probabilities(TWO, [2]),
        lambda: hitting_probabilities(TWO, [-1]),
        lambda: hitting_probabilities(TWO, []),
        lambda: hitting_probabilities(TWO, [0.5]),
        lambda: hitting_probabilities(TWO, np.zeros(2, bool)),
        lambda: hitting_probabilities(TWO, np.ones(3, bool)),
        lambda: hitting_probabilities(TWO, "b", within=-1),
        lambda: mean_first_passage_times(TWO, ""),
        lambda: survival_rate(TWO, "ab"),
        lambda: select(TWO, ["a", "c"]),
        lambda: absorption_probabilities(copying(2, 15)),
        lambda: red_states(TWO, "b", start=[0, 1]),
        lambda: red_states(TWO, "b", start=[0.5, 0.6]),
        lambda: red_states(TWO, "b", start=[1.5, -0.5]),
        lambda: red_states(TWO, "b", start=[1.0]),
        lambda: red_states(TWO, "?"),
        lambda: red_states(TWO, "b", start=[1, 0], horizons=[-1]),
        lambda: compare(TWO, THREE_CYCLE),
        lambda: extended(DENSE, 2),
        lambda: extended(DENSE, 40),
        lambda: approach(DENSE, np.zeros((3, 2, 2), np.float32)),
        lambda: approach(DENSE, np.zeros((8, 2), np.float32)),
        lambda: cross_entropy(DENSE, Data.from_text("abab", context_length=2)),
        lambda: cross_entropy(DENSE, Data.from_text("0101", context_length=3)),
    ],
)
def test_what_cannot_be_asked_is_said_in_one_line(ask) -> None:
    with pytest.raises(FiniteGPTError) as caught:
        ask()
    said = str(caught.value)
    assert "\n" not in said
    assert said.startswith("expected ")
    assert "got " in said
    assert "try " in said


@pytest.mark.parametrize(
    "ask",
    [
        lambda: total_variation(TWO, 2, start=99),
        lambda: total_variation(TWO, 2, start=-1),
        lambda: total_variation(TWO, 2, start=0.5),
        lambda: total_variation(TWO, 2, start=[1, 2, 3]),
        lambda: total_variation(TWO, 2, start=[0.5, 0.6]),
        lambda: total_variation(TWO, 2, start=[0.5, 0.50001]),
        lambda: total_variation(TWO, -2),
        lambda: absorption_weights(TWO, [1.0, 2.0, 3.0]),
        lambda: absorption_weights(TWO, [-1.0, 5.0]),
        lambda: hitting_probabilities(TWO, "b", within=2.5),  # type: ignore[arg-type]
        lambda: red_states(TWO, "b", start=[1, 0], horizons=[2.5]),  # type: ignore[list-item]
        lambda: red_states(TWO, "b", start=[np.nan, 1]),
        lambda: entropy_rate(TWO, stationary_distribution(DENSE)),
        lambda: memory(TWO, stationary_distribution(DENSE)),
        lambda: mixing_time(DENSE, law=stationary_distribution(TWO)),
        lambda: stationary_distribution(TWO).mass([True]),
        lambda: cyclic_classes(TWO_ENDS, [2]),  # type: ignore[arg-type]
        lambda: period(TWO_ENDS, []),  # type: ignore[arg-type]
    ],
)
def test_wrong_starts_laws_and_numbers_are_refused_in_one_line_too(ask) -> None:
    test_what_cannot_be_asked_is_said_in_one_line(ask)


def test_what_is_too_large_says_what_to_do_instead() -> None:
    chain = copying(2, 15)
    with pytest.raises(TooLargeError, match="try absorption_weights"):
        absorption_probabilities(chain)
    weights = absorption_weights(chain, np.full(2**15, 2.0**-15))
    assert len(weights.values) == 2192  # necklaces of 15 beads in two colours
    assert weights.values.sum() == pytest.approx(1)
    with pytest.raises(TooLargeError, match="try a start"):
        total_variation(random_chain("dense", 2, 13, 0), 3)
