"""Everything that `analyze` says of a chain, gathered in one place: the answers of `analysis`, decoded or not."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finitegpt import states
from finitegpt.analysis import (
    Bound,
    Bounds,
    Comparison,
    Machine,
    MarkovOrder,
    Memory,
    RedStates,
    StationaryDistribution,
    absorption_weights,
    communicating_classes,
    compare,
    cross_entropy,
    data_entropy,
    eigenvalues,
    entropy_rate,
    excess_entropy,
    hitting_probabilities,
    machine,
    markov_order,
    memory,
    mixing_time,
    period,
    red_states,
    start_distribution,
    stationary_distributions,
    total_variation,
)
from finitegpt.analysis.on_data import fits
from finitegpt.analysis.spectrum import timescales
from finitegpt.chain import Chain
from finitegpt.data import Data
from finitegpt.decoding import greedy, temperature
from finitegpt.errors import TooLargeError
from finitegpt.sources import Source

TOP_STATES = 12
DECODINGS: dict[str, Callable[[Chain], Chain]] = {
    "T = 1": lambda chain: chain,
    "T = 0.7": lambda chain: temperature(chain, 0.7),
    "T = 0.3": lambda chain: temperature(chain, 0.3),
    "greedy": greedy,
}
"""What is compared with the chain as it is."""

_MOST_CLASSES = 64
_HORIZON = 100
_CURVE = 64
_REGULAR = 2**16
_WORDS = 2**22


@dataclass(frozen=True, eq=False, kw_only=True)
class RecurrentClass:
    """One class that the chain may end in."""

    law: StationaryDistribution
    period: int
    weight: Bound
    """The probability of ending in it, from the start distribution."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Decoding:
    """What one way of decoding makes of a chain."""

    name: str
    entropy_rate: Bound
    """Over all recurrent classes, by how probable it is to end in them. Nats a token."""
    recurrent: int
    """How many recurrent classes there are."""
    recurrent_states: int
    cycle: int | None
    """The length of the cycle that the heaviest class is, or None where it is none."""
    red: Bound | None
    """The probability of a red state within 100 tokens, where red states are given."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Summary:
    """What there is to say of a chain. Entropies in nats a token, times in tokens."""

    chain: Chain
    decoding: str
    """How the chain was decoded, in words; empty where it was not."""
    n_classes: int
    n_transient: int
    classes: list[RecurrentClass]
    """The recurrent classes, the most probable end first; at most 64 of them."""
    n_recurrent: int
    n_startup: int | None
    """How many start-up contexts there are, all of them transient; None where their rows are not known."""
    entropy_rate: Bound
    """Over all recurrent classes, by how probable it is to end in them."""
    data_entropy: Bound | None
    """Of the next token given L tokens, in the data itself."""
    data_cross_entropy: Bound | None
    source: str | None
    source_entropy_rate: tuple[float, float] | None
    """Bounds of the source's entropy rate, the loss that no model can beat."""
    against: str | None
    truth: Chain | None
    """What is taken for the truth: `against`, as a chain."""
    comparison: Comparison | None
    memory: Memory
    """Of the most probable class, as all that follows."""
    true_memory: Memory | None
    """The source's own."""
    excess_entropy: Bound | None
    """None where there are more than 65,536 states."""
    order: MarkovOrder | None
    """Of the data's own chain; None where it is not given, or too long to be gone through again and again."""
    eigenvalues: NDArray[np.complex128]
    mixing_time: Bound
    total_variation: Bounds
    """From the start distribution, after n tokens."""
    machine: Machine | None
    """None where it would have too many states."""
    red: list[RedStates]
    decodings: list[Decoding]

    @property
    def law(self) -> StationaryDistribution:
        """The stationary distribution of the most probable class."""
        return self.classes[0].law

    @property
    def top_states(self) -> list[int]:
        """The most frequent states in the long run, by id."""
        return self.law.top(TOP_STATES).ids.tolist()

    @property
    def timescales(self) -> NDArray[np.float64]:
        """-1 / ln|eigenvalue| in tokens of those after the first."""
        return timescales(self.eigenvalues, self.chain.n_states)


def summarise(
    chain: Chain,
    *,
    decoding: str = "",
    data: Data | None = None,
    source: Source | None = None,
    against: tuple[str, Chain] | None = None,
    red: Sequence[str] = (),
    progress: Callable[[str], None] | None = None,
) -> Summary:
    """Analyses a chain.

    `data` is what the model was trained on; `source`, where that was drawn from; `against`, another chain to take for
    the truth, by default the source's best predictor. `red` are patterns of red states, one set each. `progress` is
    told what is being computed.
    """
    tell = progress or (lambda what: None)
    tell("stationary law")
    start = start_distribution(chain)
    classes, n_classes, n_transient, n_recurrent, entropy = _ends(chain, start)
    law = classes[0].law
    if against is None and source is not None:
        against = source.name, source.predictor(chain.context_length)
    tell("comparison")
    comparison = compare(against[1], chain, model_law=law) if against and n_recurrent == 1 else None
    tell("spectrum")
    values = eigenvalues(chain, 6, law) if n_recurrent == 1 else np.ones(1, np.complex128)
    curve = total_variation(chain, _CURVE, start, law)
    mixing = mixing_time(chain, law=law) if n_recurrent == 1 else Bound(np.inf, np.inf, np.inf)
    tell("machine")
    try:
        smallest = machine(chain, law)
    except TooLargeError:
        smallest = None
    tell("red states")
    found = [red_states(chain, pattern) for pattern in red]
    rows = []
    for name, decode in DECODINGS.items():
        tell(f"decoding, {name}")
        rows.append(_decoded(name, chain if name == "T = 1" else decode(chain), start, list(red), entropy, classes))
    return Summary(
        chain=chain,
        decoding=decoding,
        n_classes=n_classes,
        n_transient=n_transient,
        classes=classes,
        n_recurrent=n_recurrent,
        n_startup=_startup(chain),
        entropy_rate=entropy,
        data_entropy=None if data is None else data_entropy(data),
        data_cross_entropy=None if data is None or not fits(chain, data) else cross_entropy(chain, data),
        source=None if source is None else source.name,
        source_entropy_rate=None if source is None else source.entropy_rate,
        against=None if against is None else against[0],
        truth=None if against is None else against[1],
        comparison=comparison,
        memory=memory(chain, law),
        true_memory=None if source is None else Memory(*source.memory_bounds(chain.context_length)),
        excess_entropy=excess_entropy(chain, law) if chain.n_states <= _REGULAR else None,
        order=None if data is None or not _has_order(data) else markov_order(data),
        eigenvalues=values,
        mixing_time=mixing,
        total_variation=curve,
        machine=smallest,
        red=found,
        decodings=rows,
    )


def _has_order(data: Data) -> bool:
    """Whether the order of the data's own chain can be asked for, in a moment."""
    if len(data.tokens) * data.context_length > _WORDS:
        return False
    borders = data.borders
    return borders is None or (
        borders.weights is None and borders.mask is None and int(borders.lengths.max()) > data.context_length
    )


def _startup(chain: Chain) -> int | None:
    known = chain.startup is not None or chain.context_length == 1
    return states.n_contexts(chain.vocab_size, chain.context_length) - chain.n_states if known else None


def _ends(chain: Chain, start: NDArray[np.float64]) -> tuple[list[RecurrentClass], int, int, int, Bound]:
    """The recurrent classes by weight, how many classes and transient states there are, and the entropy rate."""
    classes = communicating_classes(chain)
    laws = stationary_distributions(chain)
    if len(laws) == 1:
        law = laws[0]
        whole = len(law.states) == chain.n_states
        one = RecurrentClass(law=law, period=1 if whole else period(chain, law.states), weight=Bound(1.0, 1.0, 1.0))
        return [one], len(classes), classes.n_transient, 1, entropy_rate(chain, law)
    weights = absorption_weights(chain, start)
    order = np.argsort(-weights.values, kind="stable").tolist()
    top = math.nextafter(math.log(chain.vocab_size), math.inf)
    total = Bound(0.0, 0.0, 0.0)
    for k in order[:_MOST_CLASSES]:
        total = total.plus(weights.at(k).times(entropy_rate(chain, laws[k])))
    if order[_MOST_CLASSES:]:  # classes that nobody has looked into
        rest = math.nextafter(math.fsum(weights.high[order[_MOST_CLASSES:]].tolist()), math.inf)
        total = total.plus(Bound(0.0, 0.0, rest).times(Bound(0.0, 0.0, top)))
    found = [
        RecurrentClass(law=laws[k], period=period(chain, laws[k].states), weight=weights.at(k))
        for k in order[:_MOST_CLASSES]
    ]
    return found, len(classes), classes.n_transient, len(laws), total.within(0.0, top)


def _decoded(
    name: str, chain: Chain, start: NDArray[np.float64], red: list[str], entropy: Bound, ends: list[RecurrentClass]
) -> Decoding:
    if name == "T = 1":
        n = 1 if len(ends) == 1 else len(stationary_distributions(chain))
    else:
        ends, _, _, n, entropy = _ends(chain, start)
    heaviest = ends[0]
    is_cycle = heaviest.period == len(heaviest.law.states)
    reached = hitting_probabilities(chain, red, within=_HORIZON).mean(start).within(0.0, 1.0) if red else None
    return Decoding(
        name=name,
        entropy_rate=entropy,
        recurrent=n,
        recurrent_states=sum(len(end.law.states) for end in ends),
        cycle=heaviest.period if is_cycle else None,
        red=reached,
    )
