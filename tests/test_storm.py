"""Fifty questions to Storm with its sound methods, and to us: the intervals overlap, and ours are narrower.

Storm proves a value to a relative precision that is asked for (Hensel, Junges, Katoen, Quatmann and Volk, The
probabilistic model checker Storm, 2022).
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from finitegpt import Chain
from finitegpt.analysis import (
    average,
    forward_committor,
    hitting_probabilities,
    match,
    mean_first_passage_times,
)

stormpy = pytest.importorskip("stormpy", reason="stormpy is not installed")
developer = pytest.importorskip("stormpy.developer", reason="stormpy has no sound environment")

PRECISION = 1e-6


def some_chain(seed: int) -> Chain:
    """Of 4 to 81 states, from even rows to sharp ones."""
    rng = np.random.default_rng(seed)
    V, L = [(2, 2), (2, 4), (3, 2), (3, 4), (2, 6)][seed % 5]
    logits = rng.normal(size=(V**L, V)) * (1 + seed / 2)
    probs = np.exp(logits - logits.max(1, keepdims=True)) + 1e-4
    probs /= probs.sum(1, keepdims=True)
    return Chain.from_probs(probs, "abc"[:V], L)


def asked(model: Any, formula: str, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The ends of Storm's intervals (n,)."""
    found = stormpy.model_checking(
        *(model, stormpy.parse_properties(formula)[0]),
        only_initial_states=False,
        environment=developer.get_sound_environment(),
    )
    ends = []
    for state in range(n):
        said = found[state]
        if said.has_lower and said.has_upper and said.lower < said.upper:
            ends.append((said.lower, said.upper))
        else:  # where it names none: the precision that was asked for
            ends.append((said.value * (1 - PRECISION), said.value * (1 + PRECISION)))
    low, high = np.array(ends).T
    return low, high


@pytest.mark.parametrize("seed", range(10))
def test_storms_sound_answers_and_ours_overlap(seed: int, tmp_path: Path) -> None:
    chain = some_chain(seed)
    n = chain.n_states
    red, goal = match(chain, "a" * chain.context_length), match(chain, "b" * chain.context_length)
    chain.write_drn(tmp_path / "chain.drn", {"init": [0], "red": red, "goal": goal})
    model = stormpy.build_model_from_drn(str(tmp_path / "chain.drn"))
    share = average(chain, red.astype(float))
    times = mean_first_passage_times(chain, red)
    reach, before = hitting_probabilities(chain, red, within=20), forward_committor(chain, red, goal)
    for formula, low, high in (
        ('P=? [F "red"]', *(np.ones(n),) * 2),
        ('P=? [F<=20 "red"]', reach.low, reach.high),
        ('T=? [F "red"]', times.low, times.high),
        ('P=? [!"red" U "goal"]', before.low, before.high),
        ('LRA=? ["red"]', np.full(n, share.low), np.full(n, share.high)),
    ):
        below, above = asked(model, formula, n)
        assert (below <= high).all(), formula
        assert (low <= above).all(), formula
        assert (high - low <= above - below).all(), formula
