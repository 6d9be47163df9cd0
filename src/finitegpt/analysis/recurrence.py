"""How long a chain takes to come back: to a state, from one state to another and back, and from everywhere to anywhere.

Mean first passage times are m_ij, with m_jj = 0. A state j has a mean recurrence time of 1 / pi_j (Kac 1947), and
commute times are m_ij + m_ji = N_jj / pi_j, where N_jj counts the visits to j before i of a chain that starts in j. So
one elimination gives those from a state to all others, and Kemeny's constant as the sum of N_jj less m_ji in the mean.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from finitegpt.analysis.bound import Bound, Bounds
from finitegpt.analysis.classes import communicating_classes
from finitegpt.analysis.entropy import by_law
from finitegpt.analysis.hitting import mean_first_passage_times
from finitegpt.analysis.patterns import select_one
from finitegpt.analysis.starts import law_of
from finitegpt.analysis.stationary import StationaryDistribution, right_relatively, stationary_distributions
from finitegpt.analysis.sums import around
from finitegpt.errors import TooLargeError
from finitegpt.graph import Floats
from finitegpt.operator import Operator, of_operator

_MOST_PRODUCTS = 1e10  # a minute's work


@of_operator
def mean_recurrence_times(chain: Operator, law: StationaryDistribution | None = None) -> Bounds:
    """The mean number of tokens (V**L,) until a state is come back to: infinite for states that are not surely.

    1 over its probability in the long run (Kac 1947). `law` is the stationary distribution of one recurrent class,
    where that is known already; those of others are computed.

    >>> from finitegpt import Chain
    >>> mean_recurrence_times(Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1)).values.round(6).tolist()
    [1.2, 6.0]
    """
    laws = [law_of(chain, law)] if law is not None else []
    if not laws or int(communicating_classes(chain).recurrent.sum()) > 1:
        known = {int(one.states[0]): one for one in laws}
        laws = [known.get(int(one.states[0]), one) for one in stationary_distributions(chain)]
    values, low, high = np.full((3, chain.n_states), np.inf)
    why = ""
    for one in laws:
        if one.method == "cycle":
            for ends in (values, low, high):
                ends[one.states] = len(one.states)
            continue
        sharp = right_relatively(chain, one)
        probs = sharp.each()
        with np.errstate(divide="ignore", over="ignore"):
            times, above, below = (1 / x[one.states] for x in (probs.values, probs.low, probs.high))
        below = np.nextafter(np.where(probs.high[one.states] > 0, below, 0.0), 0.0).clip(1)
        low[one.states], high[one.states] = below, np.nextafter(above, np.inf)
        values[one.states] = times.clip(below, high[one.states])
        why = why or sharp.why
    return Bounds(values, low, high, why)


@of_operator
def commute_time(chain: Operator, a: str | ArrayLike, b: str | ArrayLike) -> Bound:
    """The mean number of tokens from state `a` to `b` and back, m_ab + m_ba; infinite where that is not for certain.

    States are ids, or text. Chandra et al. (1989), The electrical resistance of a graph captures its commute and cover
    times.

    >>> from finitegpt import Chain
    >>> commute_time(Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1), "a", "b").value.__round__(6)
    12.0
    """
    one, other = select_one(chain, a), select_one(chain, b)
    there = mean_first_passage_times(chain, [other]).at(one)
    return there.plus(mean_first_passage_times(chain, [one]).at(other))


@of_operator
def commute_times(chain: Operator, state: str | ArrayLike) -> Bounds:
    """The mean numbers of tokens from a state to each (V**L,) and back; TooLargeError beyond some 2**15 states.

    >>> from finitegpt import Chain
    >>> commute_times(Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1), "a").values.round(6).tolist()
    [0.0, 12.0]
    """
    one, classes = select_one(chain, state), communicating_classes(chain)
    which = int(classes.label[one])
    times = np.where(np.arange(chain.n_states) == one, 0.0, np.inf)
    members = classes[which]
    if not classes.recurrent[which] or len(members) == 1:
        return Bounds(times, times, times)
    visits, off = _returns(chain, members, one, "try commute_time, of a pair")
    inside = np.zeros(chain.n_states, bool)
    inside[members] = True
    probs, relative = chain.graph.stationary(inside, _MOST_PRODUCTS)
    pi, own = around(probs, relative), around(visits, off)
    others = members[members != one]
    values, low, high = times.copy(), times.copy(), times.copy()
    with np.errstate(divide="ignore", over="ignore"):
        values[others] = own.values[others] / pi.values[others]
        low[others] = np.nextafter(own.low[others] / np.maximum(pi.high[others], pi.values[others]), 0.0).clip(2)
        high[others] = np.nextafter(own.high[others] / pi.low[others], np.inf)
    return Bounds(values.clip(low, high), low, high)


@of_operator
def kemeny_constant(chain: Operator, law: StationaryDistribution | None = None) -> Bound:
    """How long, in the mean, to a state drawn from the long run: the sum over j of pi_j m_ij, the same for every i.

    With m_jj = 0 (Kemeny and Snell 1960), so that it is the trace of the fundamental matrix less 1, and the sum over
    all other eigenvalues than 1 of 1 / (1 - eigenvalue). Others count m_jj = 1 / pi_j, which makes it larger by 1.
    PyDTMC's `kemeny_constant` is something else: the trace of (I - Q)**-1 among the transient states of a chain that is
    absorbed, the sum of their `expected_visits` to themselves.

    Of a chain with transient states, it is that of the class that `law` is of. TooLargeError beyond some 2**15 states.

    >>> from finitegpt import Chain
    >>> kemeny_constant(Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1)).value.__round__(6)
    1.666667
    """
    law = law_of(chain, law)
    m = len(law.states)
    least = (m - 1) / 2  # no eigenvalue has a modulus above 1, so that each term has a real part of at least 1/2
    if law.method == "cycle":
        return Bound(least, least, least)
    law = right_relatively(chain, law)
    often = int(law.states[law.probs.argmax()])
    visits, off = _returns(chain, law.states, often, "try a shorter context")
    part = np.full(chain.n_states, -2)
    part[law.states] = -1
    part[often] = 0
    found = chain.graph.absorb(part, 1, gains=np.ones(chain.n_states))
    own, times = around(visits[law.states], off), around(found.sums[law.states], found.error)
    # From the long run to `often`: at most 1 / pi_often times the constant, and nearly always less than a few times.
    mean = Bound(
        by_law(law, times.values)[0],
        by_law(law, times.low)[1],
        by_law(law, times.high)[2] if np.isfinite(times.high).all() else math.inf,
    )
    trace = Bound(_total(own.values), math.nextafter(_total(own.low), 0.0), math.nextafter(_total(own.high), math.inf))
    return trace.plus(Bound(-mean.value, -mean.high, -mean.low)).within(least, math.inf)


def _returns(chain: Operator, members: np.ndarray, end: int, instead: str) -> tuple[Floats, float]:
    """How often each of the members but `end` is visited from itself before that."""
    part = np.full(chain.n_states, -2)
    part[members] = -1
    part[end] = 0
    try:
        return chain.graph.returns(part, _MOST_PRODUCTS)
    except TooLargeError:
        raise TooLargeError(
            f"expected a class that can be eliminated in {_MOST_PRODUCTS:.0e} products, got {len(members):,} states; "
            f"{instead}"
        ) from None


def _total(values: Floats) -> float:
    """The sum of numbers of 1 and more, or 0, rounded once; infinite where double precision does not hold it."""
    return math.fsum((values * 2.0**-64).tolist()) * 2.0**64
