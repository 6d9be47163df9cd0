"""Red states: will a chain ever get into a state it should not be in?

Reachability in the sense of model checking (Baier and Katoen 2008, chapter 10), for sets of states given by patterns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finitegpt import markup, words
from finitegpt.analysis.bound import ROUNDING, Bound
from finitegpt.analysis.hitting import hitting_probabilities, in_time, mean_first_passage_times
from finitegpt.analysis.patterns import select
from finitegpt.analysis.starts import start_distribution, token_count
from finitegpt.analysis.survival import hazard, survival_rate
from finitegpt.arguments import array, shown
from finitegpt.errors import InputError
from finitegpt.startup import ContextOperator, first_successors, of_contexts
from finitegpt.states import visible

HORIZONS = (10, 100, 1000)
"""In tokens; of large chains, 2**18 states and more, the first two."""

_MANY = 4096  # up to so many states, entries are counted by the engine's kernel


@dataclass(frozen=True, slots=True)
class Arrow:
    """One arrow into red, and its share of all first entries within a horizon."""

    state: str
    token: str
    probability: float
    share: Bound


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class RedStates:
    """What is known of a set of red states, for a chain that starts outside it."""

    patterns: tuple[str, ...]
    n_red: int
    start_in_red: float
    """How much of the start is red already; the rest of this is about the other part."""
    ever: Bound
    """The probability of ever being in a red state."""
    within: dict[int, Bound]
    """The same within so many tokens."""
    survival: Bound
    """The probability of avoiding red for one more token, once it has long been avoided."""
    hazard: Bound
    """1 - survival: right relatively, also where it is tiny."""
    mean_time: Bound
    """Mean tokens until red; infinite where it may never be reached."""
    arrow: Arrow | None
    """The arrow by which most first entries come within the longest horizon; None if none come."""

    def __repr__(self) -> str:
        named = visible(" ".join(self.patterns)) if self.patterns else words.count(self.n_red, "state")
        named = named if len(named) <= 24 else f"{named[:24]}..."
        return f"RedStates({named}: ever {self.ever}, after {self.mean_time} tokens in the mean, hazard {self.hazard})"

    def _repr_html_(self) -> str:
        """A table for notebooks."""
        rows = [("ever", str(self.ever))]
        rows += [(f"within {words.count(n, 'token')}", str(bound)) for n, bound in self.within.items()]
        rows += [("mean tokens until then", str(self.mean_time)), ("hazard", str(self.hazard))]
        if self.arrow:
            entry = f"{visible(self.arrow.state)} + {visible(self.arrow.token)}"
            rows.append(("most first entries", f"{entry}, {words.percent(*_ends(self.arrow.share))}"))
        return markup.table(f"red: {visible(' '.join(self.patterns)) or self.n_red}", ("", ""), rows)


@of_contexts
def red_states(
    chain: ContextOperator,
    red: str | Sequence[str] | ArrayLike,
    *,
    start: ArrayLike | None = None,
    horizons: Sequence[int] | None = None,
) -> RedStates:
    """Reachability of the states that `red` describes, from a start distribution (V**L,); see `start_distribution`.

    Of a chain with its start-up contexts (`with_startup`), from those too, and they can be red: `start="1"` is a text
    that begins so.

    >>> from finitegpt import Chain
    >>> chain = Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1)
    >>> red = red_states(chain, "b", start=[1, 0], horizons=[2])
    >>> red.ever.value, round(red.within[2].value, 6), red.arrow.state
    (1.0, 0.19, 'a')
    """
    mask = select(chain, red)
    first = start_distribution(chain, start)
    if horizons is None:
        horizons = HORIZONS if chain.n_states < 2**18 else HORIZONS[:2]
    known = array(horizons)
    if known.ndim != 1:
        raise InputError(f"expected horizons as several numbers of tokens, got {shown(horizons)}; try [10, 100]")
    horizons = [token_count(tokens) for tokens in known.tolist()]
    if mask.all():
        raise InputError("expected some states that are not red, got none; try another pattern")
    inside = float(first[mask].sum())
    if inside <= 1 - 1e-12:
        first = np.where(mask, 0.0, first) / float(first[~mask].sum())
    elif start is None:
        first = ~mask / (~mask).sum()  # all of the data is red, so from anywhere else
    else:
        raise InputError("expected a start outside the red states, got one inside; try another start or pattern")
    ever = hitting_probabilities(chain, mask)
    sure = bool((ever.low[first > 0] == 1).all())
    never = Bound(np.inf, np.inf, np.inf)
    time = mean_first_passage_times(chain, mask).mean(first).within(1.0, np.inf) if sure else never
    within, arrow = _entries(chain, mask, first, horizons)
    named = np.atleast_1d(array(red))
    return RedStates(
        patterns=tuple(map(str, named.tolist())) if named.dtype.kind in "UO" else (),
        n_red=int(mask.sum()),
        start_in_red=inside,
        ever=ever.mean(first).within(0.0, 1.0),
        within=within,
        survival=survival_rate(chain, mask),
        hazard=hazard(chain, mask),
        mean_time=time,
        arrow=arrow,
    )


def _ends(bound: Bound) -> tuple[float, float, float]:
    return bound.value, bound.low, bound.high


def _entries(
    chain: ContextOperator,
    red: NDArray[np.bool_],
    first: NDArray[np.float64],
    horizons: Sequence[int],
    method: Literal["kernel", "steps"] | None = None,
) -> tuple[dict[int, Bound], Arrow | None]:
    """The probability of a first entry within each horizon, and the arrow with the largest share of all of them.

    The start goes forward and is taken out where it enters: nothing is subtracted, so small probabilities are right
    relatively. By a kernel of the engine, as on the page, or by steps of the chain where there are many states.
    """
    longest, n, V = max(horizons, default=0), chain.n_states, chain.vocab_size
    if method == "kernel" or (method is None and n <= _MANY):
        entered, low, high, visits = chain.graph.enter(red, first, longest)
        start = 128 * ROUNDING  # the sums by which the start was divided, each pairwise
        bounds = {}
        for k in horizons:
            least, most = (max(0.0, low[k] * (1 - start) - 5e-324), min(1.0, high[k] * (1 + start)))
            bounds[k] = Bound(min(max(entered[k], least), most), least, most if high[k] > 0 else 0.0)
    else:
        entered, visits, bounds = _stepped(chain, red, first, horizons)
    to = first_successors(chain)
    best = (0.0, 0, 0)
    for token in range(V):
        source = np.flatnonzero(red[to + token] & (visits > 0))
        if len(source):
            flow = visits[source] * chain.probs[source, token]
            k = int(flow.argmax())
            best = max(best, (float(flow[k]), int(source[k]), token))
    flow, state, token = best
    total = float(entered[longest])
    if total == 0 or flow == 0:
        return bounds, None
    # A visit is at most so many steps of at most V arrows into a state, and each visit is added up.
    off = longest * ((V + 18) * ROUNDING + chain.rounding) + chain.rounding + (n + 64) * ROUNDING
    lost = (longest + 1) ** 2 * (n * V + 1) * 5e-324
    least = max(0.0, flow * (1 - off) - lost) / (total * (1 + off) + lost)
    most = (flow * (1 + off) + lost) / (total * (1 - off) - lost) if total * (1 - off) > 2 * lost else 1.0
    share = Bound(min(1.0, flow / total), least * (1 - 8 * ROUNDING), most * (1 + 8 * ROUNDING)).within(0.0, 1.0)
    return bounds, Arrow(chain.label(state), chain.vocab[token], float(chain.probs[state, token]), share)


def _stepped(
    chain: ContextOperator, red: NDArray[np.bool_], first: NDArray[np.float64], horizons: Sequence[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64], dict[int, Bound]]:
    """What `Graph.enter` finds, by steps of the chain."""
    outside, longest = (~red).astype(np.float64), max(horizons, default=0)
    at, new, visits = first.copy(), np.empty_like(first), np.zeros_like(first)
    entered = np.zeros(longest + 1)
    for step in range(1, longest + 1):
        visits += at
        chain.push(at, out=new)
        entered[step] = entered[step - 1] + float(new[red].sum())
        np.multiply(new, outside, out=at)
    # Relative, since nothing is subtracted, but for what is too small for double precision.
    slack = longest * ((chain.vocab_size + 18) * ROUNDING + chain.rounding) + (chain.n_states + 64) * ROUNDING
    lost = longest * chain.n_states * chain.vocab_size * 5e-324
    bounds = {}
    for n in horizons:
        value = float(entered[n])
        low, high = value * (1 - slack) - lost, value * (1 + slack) + lost
        if value == 0 and not in_time(chain, red, n)[first > 0].any():
            high = 0.0
        bounds[n] = Bound(value, low, high).within(0.0, 1.0)
    return entered, visits, bounds
