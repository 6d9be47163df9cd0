"""What a machine keeps of the past that the future never shows.

A machine's state holds C nats, of which the future can tell E at most, the excess entropy. The rest is the crypticity:
the entropy of the state, all of the future known (Mahoney, Ellison and Crutchfield 2009). A chain forgets what was
before its context, so L tokens of the future are as good as all of it: given those, no later token tells more.
"""

import math

import numpy as np

from finitegpt.analysis.bound import ROUNDING, Bound
from finitegpt.analysis.minimal_machine import Machine, machine
from finitegpt.analysis.starts import law_of
from finitegpt.analysis.stationary import StationaryDistribution
from finitegpt.analysis.used_memory import conditional_entropy, continuity, entropy_slack, lost_below
from finitegpt.arguments import required
from finitegpt.errors import InputError, TooLargeError
from finitegpt.limits import require_memory
from finitegpt.rows import RowOperator, of_rows

MOST_STEPS = 2**35
"""Arrows that are followed at most: for each state of the machine, L steps of the chain."""


@of_rows
def crypticity(chain: RowOperator, found: Machine | None = None, law: StationaryDistribution | None = None) -> Bound:
    """The entropy in nats of a machine's state, given all tokens from then on, of contexts that are kept.

    `found` is a machine of the chain, by default `machine(chain, law)`. Where it is exact, this is its
    `statistical_complexity` less the chain's `excess_entropy`; where it is not, the complexity less this is what its
    state says of the future. TooLargeError where chain and machine together are too much work.

    >>> from finitegpt import Chain
    >>> golden = Chain.from_probs([[0.5, 0.5], [1, 0]], "01", 1)
    >>> print(crypticity(golden).in_bits())
    0.666667
    """
    if found is not None:
        required("found", found, Machine, instead="machine(chain)")
    law = law_of(chain, law)
    found = machine(chain, law) if found is None else found
    if found.label.shape != (chain.n_states,) or found.vocab != chain.vocab:
        raise InputError(
            f"expected a machine of a chain of {chain.n_states} states, got one of {len(found.label)}; "
            "try machine(chain)"
        )
    n, m, L, V = chain.n_states, len(found), chain.context_length, chain.vocab_size
    if n * m * L * V > MOST_STEPS:
        raise TooLargeError(
            f"expected at most {MOST_STEPS:,} arrows to follow, got {n * m * L * V:,}; try a larger tolerance"
        )
    require_memory(32 * n * m, "the states of a machine and of the chain", "a larger tolerance")
    pi, label = law.dense(), found.label
    if not pi[label >= 0].any():
        raise InputError("expected a machine of this class of the chain, got another's; try machine(chain, law)")
    joint = np.empty((n, m))  # of the L tokens that follow, and where the machine was before them
    for k in range(m):
        at = np.where(label == k, pi, 0.0)
        for _ in range(L):
            at = chain.push(at)
        joint[:, k] = at
    kept = law.mass(label >= 0)
    value, lost = conditional_entropy(joint), m * lost_below(chain, law)
    steps = L * (chain.rounding + (V + 16) * ROUNDING)
    # The law's share of what is kept is not one, so that both may be off by as much: twice the distance.
    off = min(1.01 * (law.relative + steps) * value, continuity(2 * (law.error + steps + 1e-14), m))
    off += entropy_slack(n, m) * value + lost
    if not law.certified:
        return Bound(value / kept.value, why=law.why)
    low, high = max(0.0, value - off) / kept.high, (value + off) / kept.low if kept.low > 0 else math.inf
    most = math.nextafter(math.log(m), math.inf) if m > 1 else 0.0
    return Bound(value / kept.value, low * (1 - 4 * ROUNDING), high * (1 + 4 * ROUNDING)).within(0.0, most)
