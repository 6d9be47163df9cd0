"""How random each generated token is: against ball arithmetic and all texts that can follow."""

from itertools import product

import numpy as np
import pytest
from flint import arb

from balls import dot, of_logs, of_probs, total
from finitegpt import Chain, InputError
from finitegpt.analysis import entropy_curve, entropy_rate, stationary_distribution
from finitegpt.sources import golden_mean
from kinds import KINDS, RARE
from oracles import from_logits, random_chain

TOKENS = 9


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in RARE])
def test_every_entropy_is_inside_its_interval(kind: str) -> None:
    for seed in range(3):
        case = KINDS[kind](np.random.default_rng(seed))
        chain, rng = case.chain, np.random.default_rng(seed)
        if chain.n_states > 200 or case.rows != chain.n_states:
            continue
        one, weights = int(rng.integers(chain.n_states)), rng.random(chain.n_states) + 1e-3
        weights /= weights.sum()
        for meaning in case.meanings:
            exact = case.exact(meaning, 3000)
            whole = total(arb(x) for x in weights.tolist())
            for start in (one, weights):
                at = [arb(x) / whole for x in weights.tolist()]
                if isinstance(start, int):
                    at = [arb(int(k == start)) for k in range(chain.n_states)]
                found = entropy_curve(chain, TOKENS, start)
                assert found.values.shape == (TOKENS,)
                for k in range(TOKENS):
                    truth = dot(at, exact.row_entropies)
                    assert not truth < arb(found.low[k])
                    assert not truth > arb(found.high[k])
                    assert found.high[k] - found.low[k] <= 1e-10 * found.values[k] + 1e-300
                    at = exact.push(at)


@pytest.mark.parametrize("seed", range(3))
def test_the_sum_is_the_entropy_of_all_texts_that_follow(seed: int) -> None:
    V, L, tokens, state = 2, 3, 5, seed + 2
    chain = random_chain("dense", V, L, seed)
    rows = of_logs(chain.log_probs, chain.n_states, 200).rows
    whole = arb(0)
    for text in product(range(V), repeat=tokens):
        p, at = arb(1), state
        for token in text:
            p, at = p * rows[at][token], at * V % chain.n_states + token
        whole -= p * p.log()
    assert abs(arb(float(entropy_curve(chain, tokens, state).values.sum())) - whole) < 1e-13


def test_from_the_stationary_distribution_it_is_the_entropy_rate_from_the_first_token_on() -> None:
    chain = random_chain("dense", 3, 2, 0)
    law = stationary_distribution(chain)
    np.testing.assert_allclose(entropy_curve(chain, 50, law.dense()).values, entropy_rate(chain).value, rtol=1e-12)
    assert entropy_curve(chain, 400, 0).values[-1] == pytest.approx(entropy_rate(chain).value, rel=1e-10)


def test_the_golden_mean_by_hand() -> None:
    chain = golden_mean().predictor(1)  # after 1 comes 0, then a fair token, ...
    np.testing.assert_allclose(entropy_curve(chain, 4, 1).values, np.log(2) * np.array([0, 1, 0.5, 0.75]), rtol=1e-14)
    first = entropy_curve(chain, 4, 1)
    assert (first.low[0], first.high[0]) == (0, 0)
    default = entropy_curve(chain, 2)
    assert default.values[0] == pytest.approx(np.log(2) / 2)


def test_nothing_is_zero_but_by_the_graph() -> None:
    """A thousand steps along sure arrows, then a fair token; and a branch too improbable for double precision."""
    n = 40
    ring = np.zeros((n, n))
    ring[np.arange(n), (np.arange(n) + 1) % n] = 1.0
    ring[n - 1] = 0.5 * (np.arange(n) < 2)
    chain = Chain.from_probs(ring, tuple(f"t{k}" for k in range(n)), 1)
    found = entropy_curve(chain, n + 1, 0)
    assert found.values[: n - 1].tolist() == found.high[: n - 1].tolist() == [0.0] * (n - 1)
    assert found.low[n - 1] > 0.69
    cycle = entropy_curve(Chain.from_probs(np.roll(np.eye(3), 1, 1), "abc", 1), 1000)
    assert not cycle.high.any()
    deep = from_logits(np.array([[0, -600.0, -900, -900], [-900, -900, 0, -900], [0, -900, -900, -600], [0, 0, 0, 0]]))
    found = entropy_curve(deep, 6, 0)
    assert (found.values[1:] > 0).all()
    slow = from_logits(np.array([[0, -400.0, -900], [0, -900, -400], [0, 0, 0]], float), dtype=np.float64)
    assert (entropy_curve(slow, 4, 0).high > 0).all()


def test_the_shortest() -> None:
    chain = random_chain("dense", 2, 2, 0)
    assert len(entropy_curve(chain, 0).values) == 0
    assert entropy_curve(chain, 1, 3).values.tolist() == [chain.row_entropy()[3]]
    one = entropy_curve(Chain.from_probs([[1.0]], "a", 1), 2)
    assert one.high.tolist() == [0, 0]
    fair = entropy_curve(Chain.from_probs([[0.5, 0.5]] * 2, "ab", 1), 3)
    assert fair.high.max() <= np.nextafter(np.log(2), 1)


@pytest.mark.parametrize("tokens", [-1, 1.5, "3", True])
def test_numbers_of_tokens_that_are_none_are_refused(tokens: object) -> None:
    with pytest.raises(InputError, match="whole number"):
        entropy_curve(random_chain("dense", 2, 2, 0), tokens)  # type: ignore[arg-type]


def test_starts_that_are_none_are_refused() -> None:
    with pytest.raises(InputError, match="expected a start"):
        entropy_curve(random_chain("dense", 2, 2, 0), 3, [0.5, 0.5])


def test_what_no_double_holds_may_be_there_from_the_first_token_on() -> None:
    chain = Chain.from_probs([[1, 0, 0], [0, 1 - 1e-20, 1e-20], [0, 0, 1]], "abc", 1)
    found = entropy_curve(chain, 3, [1.0, 1e-310, 0.0])
    assert found.values.tolist() == found.low.tolist() == [0, 0, 0]
    assert (found.high > 1e-328).all()
    assert entropy_curve(chain, 3, [1.0, 0.0, 0.0]).high.tolist() == [0, 0, 0]


def test_the_rounding_of_every_arrow_on_the_way_counts() -> None:
    """Stays with a probability whose logarithm is as much off as a stored one can be, or is gone for ever."""
    tokens = 190
    p = max((0.03 * (1 + k / 997) for k in range(997)), key=lambda p: abs(float(arb(p).log() - arb(float(np.log(p))))))
    rows = np.array([[1.0, 0.0], [1 - p, p]])
    found, exact = entropy_curve(Chain.from_probs(rows, "ab", 1), tokens, 1), of_probs(rows, 2, 300)
    at = [arb(0), arb(1)]
    for k in range(tokens):
        truth = dot(at, exact.row_entropies)
        assert not truth < arb(found.low[k])
        assert not truth > arb(found.high[k])
        at = exact.push(at)
    assert found.values[-1] > 0
