"""How likely states go on being avoided, against exact spectral radii."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings

from finitegpt import Chain
from finitegpt.analysis import hazard, survival_rate
from oracles import chains, exact_matrix, is_above_radius, some_states
from strategies import SEEDS


@settings(max_examples=60)
@given(chain=chains(), seed=SEEDS)
def test_the_survival_rate_is_a_spectral_radius(chain: Chain, seed: int) -> None:
    target = some_states(chain, seed)
    rate, Q = survival_rate(chain, target), exact_matrix(chain)[np.ix_(~target, ~target)]
    room = Decimal("1e-30")
    assert is_above_radius(Q, Decimal(rate.high) + room)
    assert target.all() or not is_above_radius(Q, Decimal(rate.low) - room)
    assert 0 <= rate.value <= 1


@settings(max_examples=60)
@given(chain=chains(("dense", "top_k", "top_p", "sparse", "matrix")), seed=SEEDS)
def test_the_survival_rate_says_something(chain: Chain, seed: int) -> None:
    target = some_states(chain, seed)
    radius = np.abs(np.linalg.eigvals(chain.to_csr().toarray()[np.ix_(~target, ~target)])).max(initial=0)
    rate = survival_rate(chain, target)
    assert rate.value == pytest.approx(radius, abs=1e-4)


def test_the_survival_rate_of_two_rooms_is_that_of_the_better_one() -> None:
    chain = Chain.from_probs([[0.9, 0, 0.1], [0, 0.1, 0.9], [0.3, 0.3, 0.4]], "abc", 1)
    rate = survival_rate(chain, "c")
    assert rate.value == pytest.approx(0.9, abs=1e-6)
    assert rate.error < 1e-6


def test_what_is_never_left_has_no_hazard() -> None:
    chain = Chain.from_probs([[1, 0, 0], [0, 1, 0], [0.3, 0.2, 0.5]], "abc", 1)
    leaving, staying = hazard(chain, "a"), survival_rate(chain, "a")
    assert (leaving.low, leaving.high) == (0, 0)
    assert (staying.low, staying.high) == (1, 1)
