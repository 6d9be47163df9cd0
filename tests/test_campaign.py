"""A sample of the campaign: random chains of every kind, whose certified intervals must contain the truth."""

import pytest

pytest.importorskip("flint", reason="the truth comes from python-flint, which is not installed")

import numpy as np
from flint import arb

import campaign
import oracles
from balls import Ball
from kinds import KINDS

CHAINS = 7


@pytest.mark.parametrize("kind", KINDS)
def test_certified_intervals_contain_the_truth(kind: str):
    count = CHAINS if kind not in campaign.RARE else 1
    records = campaign.run([(kind, index) for index in range(count)], seed=1)
    assert len({record.question for record in records}) > 10
    assert [f"{r.index}: {r.question}: {fault}" for r in records for fault in r.faults] == []


def test_an_interval_that_excludes_the_truth_is_found():
    claim = campaign.Claim([(0.5, 0.5, 0.6)], lambda exact: [Ball(arb(1) / 3)])
    faults, touches, _, _ = campaign.judge(claim, lambda bits: None)
    assert len(faults) == 1
    assert not touches


def test_an_end_that_the_truth_may_be_on_is_touched():
    third = campaign.Claim([(1 / 3, 1 / 3, 1.0)], lambda exact: [Ball(arb(2) / 3 - arb(1) / 3)])
    assert campaign.judge(third, lambda bits: None)[:2] == ([], False)
    half = campaign.Claim([(0.5, 0.5, 1.0)], lambda exact: [Ball((arb(1) / 3 + arb(2) / 3) / 2)])
    assert campaign.judge(half, lambda bits: None)[:2] == ([], True)


def test_a_text_is_a_claim_too():
    claim = campaign.Claim([(0.3, 0.2, 0.4)], lambda exact: [Ball(arb(1) / 3)], ["0.30 ± 0.03"])
    faults, *_ = campaign.judge(claim, lambda bits: None)
    assert "printed" in faults[0]


@pytest.mark.parametrize("kind", ["dense", "sparse", "reducible", "tree", "walk", "floor"])
def test_balls_agree_with_decimals(kind: str):
    for seed in range(5):
        case = KINDS[kind](np.random.default_rng(seed))
        exact, P, n = case.exact("stored", 192), oracles.exact_matrix(case.chain), case.chain.n_states
        target = np.arange(n) == seed % n
        for part, law in zip(exact.classes, exact.laws, strict=True):
            expected = oracles.exact_dense_law(case.chain, np.array(part))
            assert all(_near(a, b) for a, b in zip(law, expected, strict=True))
        hit, time = oracles.exact_passage(P, target)
        assert all(_near(a, b) for a, b in zip(exact.hitting(target), hit, strict=True))
        assert all(_near(a, b) for a, b in zip(exact.passage(target), time, strict=True) if b.is_finite())
        within = oracles.decimals(target)
        for _ in range(3):
            within = np.where(target, within, P @ within)
        assert all(_near(a, b) for a, b in zip(exact.within(target, 3), within, strict=True))
        rate = exact.survival(target)
        Q = P[np.ix_(~target, ~target)]
        for level in (0.3, 0.9, 0.999):
            assert rate.less(level) == oracles.is_above_radius(Q, oracles.Decimal(level))


def _near(a: arb, b: oracles.Decimal) -> bool:
    """To forty digits, of probabilities of any size."""
    return bool(abs(a - arb(str(b))) <= arb(str(b)) * arb("1e-40"))
