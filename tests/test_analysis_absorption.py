"""Where chains end, against exact elimination."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings

from finitegpt import Chain
from finitegpt.analysis import absorption, absorption_probabilities, absorption_weights, recurrent_classes
from oracles import assert_inside, chains, decimals, exact_matrix, exact_passage
from strategies import SEEDS


@settings(max_examples=60)
@given(chain=chains(("top_k", "top_p", "greedy", "periodic", "sparse", "matrix")), seed=SEEDS)
def test_every_chain_ends_in_one_class(chain: Chain, seed: int) -> None:
    P, classes, ends = exact_matrix(chain), recurrent_classes(chain), absorption_probabilities(chain)
    assert len(ends) == len(classes)
    np.testing.assert_allclose(sum(end.values for end in ends), 1, atol=1e-9)
    start = np.random.default_rng(seed).dirichlet(np.full(chain.n_states, 0.3))
    weights = absorption_weights(chain, start)
    truth, begun = [], decimals(start) / sum(decimals(start))
    for members, end in zip(classes, ends, strict=True):
        target = np.isin(np.arange(chain.n_states), members)
        exact = exact_passage(P, target)[0]
        assert_inside(exact, end)
        truth.append(sum(begun * exact, Decimal(0)))
    assert_inside(np.array(truth, object), weights)
    start_copy = start.copy()
    absorption_weights(chain, start)
    np.testing.assert_array_equal(start, start_copy)


def test_who_has_not_ended_yet_may_end_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = Chain.from_probs([[1 - 1e-6, 5e-7, 5e-7], [0, 1, 0], [0, 0, 1]], "abc", 1)
    monkeypatch.setattr(absorption, "LARGEST_GTH", 0)
    found = absorption_weights(chain, 0)
    assert (found.low < 0.01).all()
    assert (found.high > 0.98).all()
    assert "higher temperature" in found.why
