"""What is meant may differ from what is stored, by `rounding`: every interval holds both.

Here it is as much as 1e-5, so that an interval that forgets it, anywhere, excludes what may be meant.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from finitegpt import Chain
from finitegpt.analysis import (
    absorption,
    absorption_weights,
    average,
    entropy_rate,
    hazard,
    hitting,
    hitting_probabilities,
    mean_first_passage_times,
    memory,
    mixing,
    mixing_time,
    red,
    red_states,
    stationary_distribution,
    survival,
    survival_rate,
    total_variation,
)
from finitegpt.analysis.stationary import StationaryDistribution
from finitegpt.graph import Graph
from oracles import random_chain

R = 1e-5
ENDS = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0.3, 0.2, 0.1, 0.4], [0.1, 0.3, 0.3, 0.3]])


@pytest.fixture(autouse=True)
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chains whose probabilities are meant within R of what is stored, relatively."""
    monkeypatch.setattr(Chain, "rounding", property(lambda chain: R))


def meant(chain: Chain, seed: int) -> np.ndarray:
    """A matrix that the chain may stand for: of each row, some arrows a little more and others less."""
    rng, P = np.random.default_rng(seed), chain.to_csr().toarray()
    for k, row in enumerate(P):
        order = rng.permutation(np.flatnonzero(row))
        for a, b in zip(order[::2], order[1::2], strict=False):
            moved = 0.99 * R * min(row[a], row[b])
            P[k, a], P[k, b] = row[a] + moved, row[b] - moved
    return P


def law_of(P: np.ndarray) -> np.ndarray:
    pi = np.linalg.solve(np.vstack([(P.T - np.eye(len(P)))[1:], np.ones(len(P))]), np.eye(len(P))[-1])
    return pi


def times(P: np.ndarray, target: np.ndarray) -> np.ndarray:
    out = ~target
    result = np.zeros(len(P))
    result[out] = np.linalg.solve(np.eye(out.sum()) - P[np.ix_(out, out)], np.ones(out.sum()))
    return result


def hits(P: np.ndarray, target: np.ndarray, open_: np.ndarray) -> np.ndarray:
    result = target.astype(float)
    Q = P[np.ix_(open_, open_)]
    result[open_] = np.linalg.solve(np.eye(open_.sum()) - Q, P[np.ix_(open_, target)].sum(1))
    return result


def within(P: np.ndarray, target: np.ndarray, tokens: int) -> np.ndarray:
    x = target.astype(float)
    for _ in range(tokens):
        x = np.where(target, 1.0, P @ x)
    return x


def assert_all(holds: Callable[[np.ndarray], tuple[object, object, object]], chain: Chain) -> None:
    """Whatever is meant is inside, and the numbers differ by more than rounding, so that this says something."""
    stands_for = [meant(chain, seed) for seed in range(6)]
    truths = []
    for P in stands_for:
        low, truth, high = (np.asarray(x, float) for x in holds(P))
        assert (low <= truth).all()
        assert (truth <= high).all()
        truths.append(truth)
    assert max(np.abs(truth - truths[0]).max() for truth in truths) > 1e-9


CHAIN = random_chain("dense", 3, 2, 4)
TARGET = np.arange(9) == 4
BOTH_WAYS = pytest.mark.parametrize("largest", [hitting.LARGEST_GTH, 0], ids=["elimination", "iteration"])


@pytest.mark.parametrize("method", ["gth", "power"])
def test_laws_and_averages(method: str) -> None:
    chain = replace(CHAIN)
    law = stationary_distribution(chain, method=method)  # type: ignore[arg-type]
    f = np.arange(9) % 4 - 1.5

    def distance(P: np.ndarray) -> tuple:
        return 0, 0.5 * np.abs(law.dense() - law_of(P)).sum(), law.error

    assert_all(distance, chain)
    found = average(chain, f, law)
    assert_all(lambda P: (found.low, law_of(P) @ f, found.high), chain)


def test_averages_by_value_iteration_alone() -> None:
    chain = replace(CHAIN)
    law = replace(stationary_distribution(chain), error=np.inf, relative=np.inf)
    f = np.arange(9) % 4 - 1.5
    found = average(chain, f, law)
    assert found.error < 1e-3
    assert_all(lambda P: (found.low, law_of(P) @ f, found.high), chain)


def test_masses() -> None:
    chain = replace(CHAIN)
    for which in (TARGET, ~TARGET):
        found = stationary_distribution(chain).mass(which)
        assert_all(lambda P, w=which, b=found: (b.low, law_of(P)[w].sum(), b.high), chain)
    each = stationary_distribution(chain).each()
    assert_all(lambda P: (each.low, law_of(P), each.high), chain)


def test_a_law_of_two_states_may_be_off_by_half_of_what_both_arrows_are() -> None:
    chain = Chain.from_probs([[0.9, 0.1], [0.1, 0.9]], "ab", 1)
    up, down = 0.1 * (1 + R), 0.1 * (1 - R)
    off = up / (up + down) - 0.5
    assert off < stationary_distribution(chain).error < 5 * off


def rows_of(P: np.ndarray, chain: Chain) -> np.ndarray:
    n, V = chain.n_states, chain.vocab_size
    return np.stack([P[k, k * V % n : k * V % n + V] for k in range(n)])


def entropies(P: np.ndarray) -> np.ndarray:
    return -(P * np.log(np.where(P > 0, P, 1))).sum(1)


def test_entropy_rates_and_memory() -> None:
    chain = replace(CHAIN)
    rate, curve = entropy_rate(chain), memory(chain)
    assert_all(lambda P: (rate.low, law_of(P) @ entropies(P), rate.high), chain)

    def h(P: np.ndarray) -> tuple:
        joint, values = law_of(P)[:, None] * rows_of(P, chain), []
        for _ in range(chain.context_length + 1):
            values.append(-(joint * np.log(joint / joint.sum(1, keepdims=True))).sum())
            joint = joint.reshape(3, -1, 3).sum(0) if len(joint) > 1 else joint
        return curve.low, values[::-1], curve.high

    assert_all(h, chain)


def test_one_row_that_is_nearly_sure() -> None:
    chain = Chain.from_probs([[1 - 1e-8, 1e-8], [1 - 1e-8, 1e-8]], "ab", 1)
    rate = entropy_rate(chain)
    p = 1e-8 * (1 + 0.99 * R * np.array([-1, 1]))
    for x in p:
        truth = -x * np.log(x) - (1 - x) * np.log1p(-x)
        assert rate.low <= truth <= rate.high


@BOTH_WAYS
def test_hitting_and_passage(largest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hitting, "LARGEST_GTH", largest)
    chain = replace(CHAIN)
    time = mean_first_passage_times(chain, TARGET)
    assert_all(lambda P: (time.low, times(P, TARGET), time.high), chain)
    ends = Chain.from_probs(ENDS, "abcd", 1)
    open_, first = np.arange(4) > 1, np.arange(4) == 0
    ever = hitting_probabilities(ends, first)
    assert_all(lambda P: (ever.low, hits(P, first, open_), ever.high), ends)
    for tokens in (1, 3, 20):
        soon = hitting_probabilities(chain, TARGET, within=tokens)
        assert_all(lambda P, soon=soon, tokens=tokens: (soon.low, within(P, TARGET, tokens), soon.high), chain)


@BOTH_WAYS
def test_where_chains_end(largest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(absorption, "LARGEST_GTH", largest)
    chain, start = Chain.from_probs(ENDS, "abcd", 1), np.array([0.1, 0.2, 0.3, 0.4])
    found = absorption_weights(chain, start)

    def ends(P: np.ndarray) -> tuple:
        to_a = start @ hits(P, np.arange(4) == 0, np.arange(4) > 1)
        return found.low, [to_a, 1 - to_a], found.high

    assert_all(ends, chain)


@BOTH_WAYS
def test_survival_and_hazard(largest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survival, "LARGEST_GTH", largest)
    chain = replace(CHAIN)
    rate, leaving = survival_rate(chain, TARGET), hazard(chain, TARGET)
    assert rate.error < 1e-3

    def radius(P: np.ndarray) -> float:
        return float(np.abs(np.linalg.eigvals(P[np.ix_(~TARGET, ~TARGET)])).max())

    assert_all(lambda P: (rate.low, radius(P), rate.high), chain)
    assert_all(lambda P: (leaving.low, 1 - radius(P), leaving.high), chain)


def test_leaving_one_state_is_as_likely_as_its_arrows_are() -> None:
    leaving = hazard(Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1), "b")
    assert leaving.low <= 0.1 * (1 - R) < 0.1 * (1 + R) <= leaving.high
    assert leaving.error < 1e-5


@pytest.mark.parametrize("many", [4096, 0], ids=["kernel", "steps"])
def test_red_states(many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(red, "_MANY", many)
    chain, start = replace(CHAIN), np.where(TARGET, 0, 1 / 8)
    found = red_states(chain, TARGET, start=start, horizons=[1, 30])
    for tokens, bound in found.within.items():
        assert_all(lambda P, b=bound, t=tokens: (b.low, start @ within(P, TARGET, t), b.high), chain)
    assert_all(lambda P: (found.mean_time.low, start @ times(P, TARGET), found.mean_time.high), chain)


def test_first_entries_of_a_graph() -> None:
    chain, start = replace(CHAIN), np.where(TARGET, 0, 1 / 8)
    stored = Graph.of(chain.to_csr().toarray())
    graph = replace(stored, rounding=R)
    _, low, high, _ = graph.enter(TARGET, start, 30)
    for tokens in (1, 30):
        assert_all(lambda P, t=tokens: (low[t], start @ within(P, TARGET, t), high[t]), chain)


def distances(P: np.ndarray, tokens: int, start: np.ndarray) -> np.ndarray:
    pi, found = law_of(P), []
    for _ in range(tokens + 1):
        found.append(0.5 * np.abs(start - pi).sum(-1).max())
        start = start @ P
    return np.array(found)


def test_total_variation() -> None:
    chain = replace(CHAIN)
    for start, at in ((None, np.eye(9)), (3, np.eye(9)[3])):
        found = total_variation(chain, 4, start)
        assert_all(lambda P, f=found, at=at: (f.low, distances(P, 4, at), f.high), chain)


def fair(p: float) -> tuple[Chain, StationaryDistribution]:
    """Two states that change with a probability of p, and their law: whatever p is meant, a half."""
    chain = Chain.from_probs([[1 - p, p], [p, 1 - p]], "ab", 1)
    return chain, replace(stationary_distribution(chain), error=1e-16, relative=1e-16)


@pytest.mark.parametrize("start", [None, 0])
def test_steps_from_a_law_that_is_known(start: int | None) -> None:
    chain, law = fair(0.1)
    found = total_variation(chain, 6, start, law)
    for sign in (-1, 1):
        truth = 0.5 * (1 - 0.2 * (1 + sign * R)) ** np.arange(7)
        assert (found.low <= truth).all()
        assert (truth <= found.high).all()


@pytest.mark.parametrize("method", ["fixed", "double", "bounds"])
def test_mixing_times(method: str) -> None:
    (chain, law), tokens = fair(4e-5), 10_000
    slower, stored, faster = (0.5 * (1 - 8e-5 * (1 + sign * R)) ** tokens for sign in (-1, 0, 1))
    # So that the least change makes it a token more or less.
    below, above = (stored + 0.01 * (end - stored) for end in (faster, slower))
    assert mixing_time(chain, below, law, method=method).low <= tokens  # type: ignore[arg-type]
    assert mixing_time(chain, above, law, method=method).high > tokens  # type: ignore[arg-type]


@pytest.mark.parametrize("relative", [1e-15, np.inf])
@pytest.mark.parametrize("sign", [-1, 1])
def test_memory_of_a_law_that_is_known(relative: float, sign: int) -> None:
    chain, p, q = Chain.from_probs([[0.8, 0.2], [0.5, 0.5]], "ab", 1), 0.2 * (1 + sign * R), 0.5 * (1 - sign * R)
    law = np.array([q, p]) / (p + q)
    known = replace(stationary_distribution(chain), probs=law, error=1e-15, relative=relative)
    h0 = memory(chain, known).at(0)
    assert h0.low <= -(law * np.log(law)).sum() <= h0.high
    assert h0.error < 100 * R


def test_visits_may_take_longer() -> None:
    chain, law = fair(0.1)
    visits = mixing._visits(chain, law, 1e9)
    assert 10 * (1 + R) <= visits.time < 10 * (1 + 20 * R)


def test_copies_meet_no_sooner_than_is_meant() -> None:
    chain = Chain.from_probs([[0.5, 0.5], [0.25, 0.75]], "ab", 1)
    _, beta = chain.overlap()
    assert beta <= 0.5 * (1 - R) + 0.25 * (1 + R)  # the least of each token, where all is against it


@pytest.mark.parametrize("n", [2, 9])
def test_every_arrow_on_the_way_may_be_off(n: int) -> None:
    """Up a ladder that is hard to climb: what is at the top, and who comes there, is off by all arrows together."""
    up, down = 0.01, 0.5
    P = np.diag(np.full(n - 1, up), 1) + np.diag(np.full(n - 1, down), -1)
    P[np.diag_indices(n)] = 1 - P.sum(1)
    law, off = replace(Graph.of(P), rounding=R).stationary(np.ones(n, bool))
    least, most = (((1 + sign * R) / (1 - sign * R)) ** (n - 1) for sign in (-1, 1))
    assert most - 1 <= off <= 4 * (most - 1)
    assert 1 - least <= off
    assert law[-1] > 0
    part = np.where(np.arange(n) == n - 1, 1, -1)
    part[0] = 0
    if n > 2:
        found = replace(Graph.of(P), rounding=R).absorb(part, 2, wanted=2)
        most = ((1 + R) / (1 - R)) ** (n - 3)
        assert most - 1 <= found.error <= 4 * n * R
