"""Kolmogorov's criterion against all cycles."""

import itertools
from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from finitegpt.analysis.cycles import is_balanced, is_forced
from oracles import from_logits


def cycle_products(rows: np.ndarray) -> bool:
    """Kolmogorov's criterion by going through all cycles of three and four states, in exact numbers."""
    logs = [[Fraction(float(x)) for x in row] for row in rows]
    n = len(logs)
    for length in (3, 4):
        for cycle in itertools.permutations(range(n), length):
            around = list(zip(cycle, (*cycle[1:], cycle[0]), strict=True))
            if sum(logs[i][j] - logs[j][i] for i, j in around):
                return False
    return True


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), n=st.integers(2, 4), spoiled=st.booleans())
def test_kolmogorovs_criterion_in_exact_numbers(seed: int, n: int, spoiled: bool) -> None:
    rng = np.random.default_rng(seed)
    symmetric, potential = rng.integers(-64, 0, (n, n)), rng.integers(-64, 64, n)
    logs = (symmetric + symmetric.T + potential) / 64  # whole numbers of sixty-fourths: exact in float32
    if spoiled:
        logs[0, 1] += 1 / 64
    there = np.ones((n, n), bool)
    rows = logs.astype(np.float32)
    assert is_balanced(rows, there, 1) == cycle_products(rows) == (not spoiled or n == 2)
    chain = from_logits(logs)  # normalised, and rounded, so that it is another one
    assert is_balanced(chain.log_probs, there, 1) == cycle_products(chain.log_probs)


def test_only_short_contexts_of_two_tokens_leave_no_choice() -> None:
    for V, L in ((2, 1), (2, 2), (1, 3)):
        assert is_forced(np.ones((V**L, V), bool), L)
    for V, L in ((3, 1), (2, 3), (3, 2)):
        assert not is_forced(np.ones((V**L, V), bool), L)
    tree = np.array([[1, 1, 1, 0], [1, 0, 0, 0], [1, 0, 0, 1], [0, 0, 1, 1]], bool)
    assert is_forced(tree, 1)
    tree[1, 2] = tree[2, 1] = True  # a cycle of three
    assert not is_forced(tree, 1)


def test_with_longer_contexts_sums_of_rows_count() -> None:
    rng, there = np.random.default_rng(2), np.ones((9, 3), bool)
    s = rng.integers(-32, 0, (3, 3, 3)).astype(np.float32) / 32
    alike = s + s.transpose(2, 1, 0)  # of (a, b, y): words and their reverses have the same numbers
    assert not is_balanced(alike.reshape(9, 3), there, 2)
    even = np.broadcast_to(alike[:1, :1, :1], (3, 3, 3)).reshape(9, 3).copy()
    assert is_balanced(even, there, 2)
    turned = np.stack([np.roll([0, 1, 1], a) for a in range(3)])[:, None, :] * np.ones((3, 3, 3))
    assert is_balanced(turned.reshape(9, 3).astype(np.float32), there, 2)  # all sums the same
