"""Where a chain starts, and which stationary distribution is meant: what callers may leave out, and checks of the rest.

A start is the same everywhere: in `start_distribution`, `red_states`, `absorption_weights`, `total_variation`,
`Chain.sample` and in what `analyze` says. It may be

- a state as text, such as `111`, or as its id;
- a distribution over all states;
- left out: then the chain starts as its data has it, each state as often as it is the context of a window there; all
  states alike where the data is not known.

Only `mixing_time` and, unless it is given a start, `total_variation` look at the worst of all; and a proof, which is
about one state, takes the one that the data has most often. `finitegpt sample` begins with the data's first context, or
its bos.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finitegpt.analysis.long_run import StationaryDistribution
from finitegpt.analysis.stationary import stationary_distribution
from finitegpt.arguments import array, is_whole, required, shown
from finitegpt.errors import InputError
from finitegpt.operator import Operator, of_operator
from finitegpt.rows import RowOperator
from finitegpt.startup import StartupOperator


@of_operator
def start_distribution(chain: Operator, start: ArrayLike | None = None) -> NDArray[np.float64]:
    """A start (V**L,): a state as text or as its id, a distribution, or by default the data's states by their counts.

    With start-up contexts (`with_startup`), it is else one token, as often as it begins a window of the data.

    >>> from finitegpt import Chain
    >>> start_distribution(Chain.from_probs([[0.5, 0.5]] * 4, "01", 2), "01").tolist()
    [0.0, 1.0, 0.0, 0.0]
    """
    n = chain.n_states
    if start is None and isinstance(chain, StartupOperator):
        return chain.first_tokens
    if start is None:
        counts = chain.counts if isinstance(chain, RowOperator) else None
        if counts is None or not counts.any():
            return np.full(n, 1 / n)
        return counts / counts.sum()
    values = array(start)
    if values.ndim == 0 and values.dtype.kind in "iuUT":
        pi = np.zeros(n)
        pi[state_id(chain, values.item())] = 1.0
        return pi
    if values.shape != (n,) or values.dtype.kind not in "iuf":
        raise InputError(f"expected a start as a state or as {n} probabilities, got {shown(start)}; try 0")
    if not (values >= 0).all() or not abs(float(values.sum()) - 1) < 1e-6:
        raise InputError("expected a start of probabilities that sum to one, got others; try dividing by their sum")
    return values / values.sum(dtype=np.float64)


def state_id(chain: Operator, state: Any) -> int:
    """The id of a state given as text, where states have names, or as its id; InputError if it is none."""
    if isinstance(chain, RowOperator) or (isinstance(chain, StartupOperator) and isinstance(state, str)):
        return chain.id(state)
    if not is_whole(state) or not 0 <= state < chain.n_states:
        raise InputError(f"expected a state from 0 to {chain.n_states - 1}, got {shown(state)}; try 0")
    return int(state)


def law_of(chain: Operator, law: StationaryDistribution | None) -> StationaryDistribution:
    """The law given, or the chain's only one; InputError where it is that of another chain, or there are several."""
    if law is None:
        return stationary_distribution(chain)
    required("law", law, StationaryDistribution, instead="leaving it out")
    if law.n_states != chain.n_states:
        raise InputError(
            f"expected a law of a chain of {chain.n_states} states, got one of {law.n_states}; try leaving it out"
        )
    if law.certified:
        pi = law.dense()
        # A step changes a law that is off by `error` by at most twice as much; and what is summed is rounded.
        moved = 0.5 * float(np.abs(chain.push(pi) - pi).sum())
        if moved > 2 * law.error + 2 * chain.rounding + (4 * chain.width + 128) * 2.0**-53:
            raise InputError(
                f"expected the law of this chain, got one that a step moves by {moved:.1e}; try leaving it out"
            )
    return law


def token_count(value: int) -> int:
    """A number of tokens; InputError unless it is a whole one of 0 or more."""
    if not is_whole(value) or value < 0:
        raise InputError(f"expected a whole number of tokens of 0 or more, got {shown(value)}; try 100")
    return int(value)
