"""Chains of texts read backwards: what they must have in common with the texts."""

import math

import numpy as np
import pytest
from hypothesis import given, settings

from finitegpt import Chain, states
from finitegpt.analysis import entropy_production, entropy_rate, stationary_distribution, stationary_distributions
from finitegpt.reversal import time_reversal
from oracles import chains, random_chain


@settings(max_examples=40)
@given(chain=chains(("dense", "copy", "periodic")))
def test_the_reverse_of_the_reverse_is_the_chain(chain: Chain) -> None:
    if len(stationary_distributions(chain)) > 1:
        return
    back = time_reversal(chain)
    law, turned = stationary_distribution(chain), states.reversed_ids(chain.vocab_size, chain.context_length)
    np.testing.assert_allclose(stationary_distribution(back).dense(), law.dense()[turned], rtol=1e-9, atol=1e-300)
    again = time_reversal(back)
    np.testing.assert_allclose(again.probs[law.states], chain.probs[law.states], rtol=1e-9, atol=1e-300)
    assert (back.startup, back.counts) == (None, None)
    assert entropy_rate(back).value == pytest.approx(entropy_rate(chain).value, rel=1e-9, abs=1e-12)
    forth, there = entropy_production(chain), entropy_production(back)
    assert (math.isinf(forth.value) and math.isinf(there.value)) or forth.low <= there.high + 1e-9


def test_a_text_and_its_reverse_count_alike() -> None:
    chain = random_chain("dense", 3, 2, 5)
    text = chain.sample(200_000, seed=3)[::-1]
    back = time_reversal(chain)
    for context in ("ab", "ca"):
        for token, name in enumerate(chain.vocab):
            share = sum(text.startswith(context + name, k) for k in range(len(text))) / text.count(context)
            assert back.probs[back.id(context), token] == pytest.approx(share, abs=0.02)


def test_contexts_that_never_are_lead_anywhere() -> None:
    # From aa on everything is b c b c ...
    p = np.full((9, 3), 1 / 3)
    p[[2, 5, 8]], p[[1, 4, 7]] = [0, 1, 0], [0, 0, 1]
    chain = Chain.from_probs(p, "abc", 2)
    back = time_reversal(chain)
    assert back.probs[back.id("cb")].tolist() == [0, 0, 1]
    assert back.probs[back.id("aa")] == pytest.approx([1 / 3] * 3)
    assert [ids.tolist() for ids in (law.states for law in stationary_distributions(back))] == [[5, 7]]
