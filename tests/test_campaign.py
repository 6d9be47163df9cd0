"""A sample of the campaign: random chains of every kind, whose certified intervals must contain the truth."""

import pytest

pytest.importorskip("flint", reason="the truth comes from python-flint, which is not installed")

import campaign
from kinds import KINDS

CHAINS = 7


@pytest.mark.parametrize("kind", KINDS)
def test_certified_intervals_contain_the_truth(kind: str):
    count = CHAINS if kind not in campaign.RARE else 1
    records = campaign.run([(kind, index) for index in range(count)], seed=1)
    assert len({record.question for record in records}) > 10
    assert [f"{r.index}: {r.question}: {fault}" for r in records for fault in r.faults] == []


def test_an_interval_that_excludes_the_truth_is_found():
    claim = campaign.Claim([(0.5, 0.5, 0.6)], lambda exact: [campaign.Ball(campaign.arb(1) / 3)])
    faults, touches, _, _ = campaign.judge(claim, lambda bits: None)
    assert len(faults) == 1
    assert not touches


def test_an_end_that_the_truth_may_be_on_is_touched():
    third = campaign.Claim(
        [(1 / 3, 1 / 3, 1.0)], lambda exact: [campaign.Ball(campaign.arb(2) / 3 - campaign.arb(1) / 3)]
    )
    assert campaign.judge(third, lambda bits: None)[:2] == ([], False)
    half = campaign.Claim(
        [(0.5, 0.5, 1.0)], lambda exact: [campaign.Ball((campaign.arb(1) / 3 + campaign.arb(2) / 3) / 2)]
    )
    assert campaign.judge(half, lambda bits: None)[:2] == ([], True)


def test_a_text_is_a_claim_too():
    claim = campaign.Claim([(0.3, 0.2, 0.4)], lambda exact: [campaign.Ball(campaign.arb(1) / 3)], ["0.30 ± 0.03"])
    faults, *_ = campaign.judge(claim, lambda bits: None)
    assert "printed" in faults[0]
