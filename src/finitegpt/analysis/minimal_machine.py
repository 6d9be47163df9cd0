"""The smallest machine that does what a chain does, within a tolerance.

States whose futures agree are one: they give the same next-token probabilities, and by every token they lead to states
that agree again. That is how a deterministic automaton is minimised (Moore 1956), with probabilities in place of
acceptance; of an exact chain it yields the recurrent causal states of computational mechanics (Crutchfield and Young
1989).

A trained chain agrees with nothing exactly, so a tolerance says what is forgiven: predicting with the machine may cost
so many nats a token, and states that together hold so much probability may be left out or led to the wrong state. What
is said of a machine speaks of the one that was found; its numbers are those of the causal states where nothing had to
be forgiven, that is, where `kl_rate` and `ignored` are next to nothing.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finitegpt import markup, states, words
from finitegpt.analysis.bound import ROUNDING, Bound, Bounds
from finitegpt.analysis.divergence import divergence
from finitegpt.analysis.entropy import mean_by_law
from finitegpt.analysis.partition import LARGEST, alike, ranked, refine
from finitegpt.analysis.starts import law_of
from finitegpt.analysis.stationary import StationaryDistribution
from finitegpt.analysis.used_memory import conditional_entropy, entropy_slack
from finitegpt.arguments import number
from finitegpt.errors import InputError, TooLargeError
from finitegpt.rows import RowOperator, of_rows
from finitegpt.states import visible

_OWN = 0.98
_APART = (0.5, 0.35, 0.25, 0.15, 0.1, 0.05, 0.025, 0.01, 0.003, 0.001)
_FINER = (1e-4, 1e-5, 1e-6, 1e-8, 1e-10, 1e-12)  # where the tolerance is too small for all of those


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Machine:
    """A machine of m states, the most probable first: emits a token, and the token says which state is next."""

    vocab: tuple[str, ...]
    label: NDArray[np.int32]
    """The machine's state for each state of the chain (V**L,); -1 for the rare ones that are left out."""
    probs: NDArray[np.float64]
    """Next-token probabilities (m, V): the machine's own, just as they are. `error` and `kl_rate` are about these."""
    next: NDArray[np.int32]
    """The state that follows (m, V), or -1 where the token is never seen there."""
    mass: Bounds
    """How much stationary probability each state of the machine stands for (m,)."""
    ignored: Bound
    """The stationary probability of the states that are left out, or that the machine leads to another state."""
    error: Bound
    """No next-token probability differs by more than this between a state that is kept and its machine state."""
    kl_rate: Bound
    """What it costs to predict with the machine's probabilities, in nats a token, over the kept states."""
    names: tuple[str, ...]
    """For each state, a short ending of contexts that tells it: hardly any other state has it."""

    def __len__(self) -> int:
        return len(self.probs)

    def __repr__(self) -> str:
        shown = [visible(name)[:12] for name in self.names[:5]]
        more = ", ..." if len(self) > 5 else ""
        return (
            f"Machine({words.count(len(self), 'state')}: {', '.join(shown)}{more}; costs {self.kl_rate} nats a token)"
        )

    @property
    def statistical_complexity(self) -> Bound:
        """How much the machine remembers of the past: the entropy of its state in nats, of a context that is kept.

        Where the machine is exact, the statistical complexity of the process (Crutchfield and Young 1989). `in_bits()`
        of it is in bits.

        >>> from finitegpt import Chain
        >>> golden = Chain.from_probs([[0.5, 0.5], [1, 0]], "01", 1)
        >>> print(machine(golden).statistical_complexity.in_bits())
        0.918296
        """
        if len(self) == 1:
            return Bound(0.0, 0.0, 0.0)
        mass = self.mass
        value = conditional_entropy(mass.values[None]) / math.fsum(mass.values)
        if not np.isfinite(mass.error):
            return Bound(value, why=mass.why)
        # Before it is divided by the sum, it grows with every mass.
        low, high = (conditional_entropy(ends[None]) for ends in (mass.low, mass.high))
        least, most = math.fsum(mass.low), min(1.0, math.fsum(mass.high))
        slack = entropy_slack(1, len(self)) + 4 * ROUNDING
        low, high = low / most * (1 - slack), high / least * (1 + slack) if least > 0 else np.inf
        return Bound(value, low, high).within(0.0, math.nextafter(math.log(len(self)), np.inf))

    def _repr_html_(self) -> str:
        """A table for notebooks: what each state emits, and which state comes then."""

        def arrow(k: int, token: int) -> str:
            p, to = float(self.probs[k, token]), int(self.next[k, token])
            return "" if p == 0 else f"{p:.3g}" + ("" if to < 0 else f" → {visible(self.names[to])}")

        tokens = range(min(len(self.vocab), 8))
        head = ("state", "mass", *(visible(self.vocab[token]) for token in tokens))
        rows = (
            (visible(self.names[k]), str(self.mass.at(k)), *(arrow(k, token) for token in tokens))
            for k in range(len(self))
        )
        return markup.table(repr(self), head, rows, total=len(self))


@of_rows
def machine(chain: RowOperator, law: StationaryDistribution | None = None, *, tolerance: float = 0.01) -> Machine:
    """The smallest machine found that is equivalent to a chain within a tolerance, for a stationary law.

    `tolerance` is both what the machine may cost, in nats a token, and the probability of the states it may be wrong
    about. The law is the chain's only one unless given. TooLargeError where more than 1,024 states are needed.

    >>> from finitegpt import Chain
    >>> golden = Chain.from_probs([[0.5, 0.5], [1, 0], [0.5, 0.5], [0.5, 0.5]], "01", 2)
    >>> found = machine(golden)
    >>> found.names, found.probs.round(6).tolist(), found.next.tolist()
    (('0', '1'), [[0.5, 0.5], [1.0, 0.0]], [[0, 1], [0, -1]])
    """
    tolerance = number("a tolerance", tolerance, instead=0.01)
    if not 0 < tolerance < 1:
        raise InputError(f"expected a tolerance between 0 and 1, got {tolerance}; try 0.01")
    law = law_of(chain, law)
    kept = _common(law, tolerance / 2)  # ids, the most probable first
    pi = law.dense()[kept]
    probs = np.exp(chain.log_probs[kept], dtype=np.float64)
    probs /= probs.sum(1, keepdims=True)
    place = np.full(chain.n_states, -1, np.int64)
    place[kept] = np.arange(len(kept))
    goals = place[states.successors(kept, chain.vocab_size, chain.context_length)]  # (kept, V); -1: left out
    known_goals = goals.copy()
    goals[probs <= tolerance] = -1
    best = None
    for apart in _APART + _FINER:  # how different the rows of one block may be; what that costs is seen afterwards
        if best is not None and apart in _FINER:
            break
        try:
            block, agreed, forgiven = refine(alike(probs, apart), goals, pi, tolerance / 2)
        except TooLargeError:
            continue
        rows = _means(block, pi, probs)
        cost = _cost(pi, probs, rows[block])
        if cost <= tolerance and (best is None or len(rows) < len(best[1])):
            best = block, rows, cost, agreed, forgiven
    if best is None:
        raise TooLargeError(f"expected a machine of at most {LARGEST:,} states, got more; try a larger tolerance")
    block, rows, _, agreed, _ = best
    lost = np.zeros(chain.n_states, bool)
    lost[kept[(agreed != goals).any(1)]] = True
    goals = agreed
    order = np.argsort(-np.bincount(block, pi), kind="stable")
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    block, rows = rank[block], rows[order]
    following = np.full(rows.shape, -1, np.int32)
    for token in range(chain.vocab_size):
        # Rare tokens have had no say in who is alike, but lead somewhere; the most probable state has the last word.
        for agreed in (known_goals, goals):
            known = np.flatnonzero((agreed[:, token] >= 0) & (probs[:, token] > 0))[::-1]
            following[block[known], token] = block[agreed[known, token]]
    label = np.full(chain.n_states, -1, np.int32)
    label[kept] = block
    return Machine(
        vocab=chain.vocab,
        label=label,
        probs=rows,
        next=following,
        mass=law.masses(label, len(rows)),
        ignored=law.mass((label < 0) | lost),
        error=Bound.around(float(np.abs(probs - rows[block]).max()), chain.rounding + 4 * ROUNDING).within(0.0, 1.0),
        kl_rate=_rate(chain, law, kept, rows[block]),
        names=tuple(_names(chain, kept, block, pi)),
    )


def _means(block: NDArray[np.int64], pi: NDArray[np.float64], probs: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean row of each block (m, V)."""
    return np.stack([np.bincount(block, pi * column) for column in probs.T], 1) / np.bincount(block, pi)[:, None]


def _rate(chain: RowOperator, law: StationaryDistribution, kept: NDArray[np.int64], used: NDArray[np.float64]) -> Bound:
    """What it costs to predict with used rows in the states that are kept, by the law's own certificate."""
    with np.errstate(divide="ignore"):
        found = divergence(chain.log_probs[kept], np.log(used))
    values, error = np.zeros(chain.n_states), np.zeros(chain.n_states)
    values[kept], error[kept] = found
    if np.isinf(values).any():  # rows too small for double precision
        return Bound(np.inf, 0.0, np.inf)
    return mean_by_law(law, values, error)


def _cost(pi: NDArray[np.float64], probs: NDArray[np.float64], used: NDArray[np.float64]) -> float:
    """The mean KL divergence of used rows from true ones, in nats."""
    ratio = np.divide(probs, used, out=np.ones_like(probs), where=probs > 0)
    return max(0.0, float(pi @ (probs * np.log(ratio)).sum(1)))


def _common(law: StationaryDistribution, tolerance: float) -> NDArray[np.int64]:
    """Ids of the states that are kept, the most probable first: all but rare ones that hold `tolerance` together."""
    order = np.argsort(-law.probs, kind="stable")
    beyond = 1 - np.cumsum(law.probs[order])
    return law.states[order[: int(np.argmax(beyond <= tolerance)) + 1]] if tolerance else law.states[order]


def _names(chain: RowOperator, kept: NDArray[np.int64], block: NDArray[np.int64], pi: NDArray[np.float64]) -> list[str]:
    """For each block the most frequent of its shortest endings that are its own, but for a little."""
    m = int(block.max()) + 1
    names = [""] * m
    for length in range(chain.context_length + 1):
        _, ending = ranked(kept % chain.vocab_size**length)
        n, pair = ranked(ending * m + block)
        mass = np.bincount(pair, pi, n)
        first = np.zeros(n, np.int64)
        first[pair[::-1]] = np.arange(len(pair))[::-1]  # a state for each pair of an ending and a block
        own = mass >= _OWN * np.bincount(ending, pi)[ending[first]]
        for k in sorted(np.flatnonzero(own).tolist(), key=lambda k: -mass[k]):
            owner = int(block[first[k]])
            names[owner] = (
                names[owner]
                or states.label(int(kept[first[k]] % chain.vocab_size**length), chain.vocab, length)
                or "any"
            )
        if all(names):
            break
    return names
