"""How long a chain remembers where it began: the tokens until, from any start, it is near its stationary law.

By what the chain is like:

- `fixed`, up to 64 states: powers of the chain in fixed point, of as many bits as it takes (`engine/mixing.c`), so that
  the time is exact up to 2**53 tokens, and beyond it as exact as a double;
- `double`, up to 1,024 states: the same in double precision, exact to what rounding allows after so many steps;
- `bounds`, while elimination goes: from below by sets that are hard to leave, from above by how soon a state is visited
  and what is forgotten there, and by copies that meet. A wide interval, but a true one, however long the time is.

Where what is stored is only nearly what is meant (`Chain.rounding`), so is each step: rows within `rounding`
relatively leave t steps within t * rounding / 2 in total variation.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from finitegpt.analysis.bound import ROUNDING, Bound
from finitegpt.analysis.classes import period
from finitegpt.analysis.starts import law_of
from finitegpt.analysis.stationary import LARGEST_GTH, MOST_PRODUCTS, StationaryDistribution
from finitegpt.analysis.survival import hazard
from finitegpt.arguments import choice, number
from finitegpt.engine import Engine
from finitegpt.errors import InputError, TooLargeError
from finitegpt.graph import MOST, Graph
from finitegpt.operator import Operator
from finitegpt.rows import RowOperator
from finitegpt.startup import ContextOperator, StartupOperator, of_contexts

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]
Method = Literal["fixed", "double", "bounds"]

LARGEST_FIXED, LARGEST_DOUBLE = 64, 1024
_PRODUCTS = 1e9
_QUICK = 1e8  # products of an elimination that is one of several
_WORK = 2**27
_LOOKS = (1, 8, 64, 512, 4096)
_SETS = 24
_SLACK = 1e-12
_WHY = "no state was found from where all is forgotten soon; a higher temperature or a shorter context would help"
_BEYOND = "the time is beyond what a double holds; a higher temperature would help"


@of_contexts
def mixing_time(
    chain: ContextOperator,
    epsilon: float = 0.25,
    law: StationaryDistribution | None = None,
    *,
    method: Method | None = None,
) -> Bound:
    """Tokens until, from any start, the chain is within `epsilon` of its stationary law in total variation.

    Infinite for periodic chains. `method` is `fixed`, `double` or `bounds` (TooLargeError where there are too many
    states for it); by default the best of those that suit the chain. Start-up contexts are starts where they are states
    (`with_startup`). Levin and Peres, Markov Chains and Mixing Times (2017), 4.5.

    >>> from finitegpt import Chain
    >>> mixing_time(Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1)).value
    2.0
    """
    epsilon = number("epsilon", epsilon, instead=0.25)
    if not 0 < epsilon < 1:
        raise InputError(f"expected an epsilon between 0 and 1, got {epsilon}; try 0.25")
    if method is not None:
        choice("method", method, get_args(Method), instead="bounds")
    most = {"fixed": LARGEST_FIXED, "double": LARGEST_DOUBLE}.get(method or "", chain.n_states)
    if chain.n_states > most:
        raise TooLargeError(f"expected at most {most:,} states, got {chain.n_states:,}; try the method bounds")
    law = law_of(chain, law)
    if isinstance(chain, StartupOperator):
        return _with_startup(chain, epsilon, law, method)
    d = period(chain, law.states)
    if d > 1 and Fraction(float(epsilon)) < 1 - Fraction(1, d):  # it goes round for ever, that far away
        return Bound(np.inf, np.inf, np.inf)
    low, high = 0.0, math.inf
    for one in [method] if method else ["fixed", "double", "bounds"]:
        if one == "fixed" and chain.n_states <= LARGEST_FIXED:
            found = _fixed(chain, epsilon, law)
        elif one == "double" and LARGEST_DOUBLE >= chain.n_states > (0 if method else LARGEST_FIXED):
            found = _double(chain, epsilon, law)
        elif one == "bounds":
            found = _bounds(chain, epsilon, law, MOST_PRODUCTS if method else _QUICK)
        else:
            continue
        low, high = max(low, found[0]), min(high, found[1])
        if high < math.inf:
            break
    assert low <= high, f"a mixing time from {low} to {high}"
    return Bound(low, low, high, why="" if high < math.inf else _BEYOND if low > 2.0**1000 else law.why or _WHY)


def _with_startup(chain: StartupOperator, epsilon: float, law: StationaryDistribution, method: Method | None) -> Bound:
    """From a start-up context, a full one is reached within L-1 tokens, after which its time is no longer than any."""
    full = mixing_time(chain.chain, epsilon, replace(law, n_states=chain.chain.n_states), method=method)
    low, high = full.low, _sure(full.high + chain.context_length - 1)
    if low < high < math.inf and method != "bounds" and chain.n_states <= LARGEST_DOUBLE:
        found = _double(chain, epsilon, law)
        low, high = max(low, found[0]), min(high, found[1])
    return Bound(low, low, high, why=full.why)


def _fixed(chain: RowOperator, epsilon: float, law: StationaryDistribution) -> tuple[float, float]:
    rounding = chain.rounding if chain.log_probs.dtype == np.float64 else 0.0  # float32 is what is meant, exactly
    return Engine().mixing(chain.log_probs, law.dense(), min(law.error, 1.0), rounding, epsilon, _PRODUCTS)


def _double(chain: Operator, epsilon: float, law: StationaryDistribution) -> tuple[float, float]:
    """Between the least numbers of steps whose distance is not surely above, and surely at most, `epsilon`.

    Powers of two first, then the bits below. A row of a product of matrices that are right within e and f, relatively,
    is within e + f and a rounding for each of its terms, since nothing is subtracted: t steps are within t times one.
    """
    if not law.certified:
        return 0.0, math.inf
    pi, n = law.dense(), chain.n_states
    graph = chain.graph
    from scipy.sparse import csr_array  # only when it is needed

    matrix = csr_array((graph.probs, graph.to, graph.first), shape=(n, n)).toarray()
    step = 1.01 * (chain.rounding + (chain.width + 16 + n) * ROUNDING) + n * n * 1e-320

    def far(power: Floats, steps: int, sign: int) -> bool:
        """Whether it is far, by more than all that may be wrong (sign 1), or unless it is less by that (-1)."""
        wrong = law.error + steps * step + 4 * n * ROUNDING
        return bool(0.5 * np.abs(power - pi).sum(1).max() > epsilon + sign * wrong)

    def first(sign: int) -> float:
        if not far(np.eye(n), 0, sign):
            return 0.0
        while far(powers[-1], 2 ** (len(powers) - 1), sign):
            if 2 ** len(powers) * step > 1:
                return 2.0 ** (len(powers) - 1) + 1 if sign > 0 else math.inf
            powers.append(powers[-1] @ powers[-1])
        last = next(k for k in range(len(powers)) if not far(powers[k], 2**k, sign))
        steps, at = 0, np.eye(n)
        for k in range(last - 1, -1, -1):
            ahead = at @ powers[k]
            if far(ahead, steps + 2**k, sign):
                steps, at = steps + 2**k, ahead
        return float(steps + 1)

    powers = [matrix]
    return first(1), first(-1)


# Bounds


def _bounds(chain: RowOperator, epsilon: float, law: StationaryDistribution, most: float) -> tuple[float, float]:
    L, beta = chain.overlap()
    high = math.inf
    if beta > 0:
        high = L * _halvings(epsilon, beta)
    low = 0.0
    if law.certified:
        pi = law.dense()
        for start in (int(pi.argmax()), int(pi.argmin()), 0, chain.n_states - 1):
            low = max(low, _seen(chain, start, pi, law.error, epsilon, min(8 * L, 400)))
    if chain.n_states <= LARGEST_GTH:
        try:
            visits = _visits(chain, law, most)
            high = min(high, _by_visits(visits, epsilon, law, most))
        except TooLargeError:
            visits = None
        low = max(low, _by_sets(chain, epsilon, law, None if visits is None else visits.times))
    return min(low, high), high


def step_error(chain: Operator) -> float:
    """How far a step of a distribution can be off, in total variation, and relatively."""
    return 1.01 * (chain.rounding + (chain.width + 16) * ROUNDING)


def _seen(chain: RowOperator, start: int, pi: Floats, error: float, epsilon: float, steps: int) -> float:
    """The first number of steps that is not seen to be far from the law."""
    at = np.zeros(chain.n_states)
    at[start] = 1.0
    far = 0
    for t in range(steps + 1):
        if 0.5 * float(np.abs(at - pi).sum()) - error - t * step_error(chain) - 4 * len(pi) * ROUNDING > epsilon:
            far = t + 1
        at = chain.push(at)
    return float(far)


def _by_sets(chain: RowOperator, epsilon: float, law: StationaryDistribution, times: Floats | None) -> float:
    """From below, by sets A that are hard to leave.

    A chain that starts by the law among A is outside of A after t steps with at most t * flow / pi(A), the flow being
    what leaves A in a step of the law; so it is 1 - t flow / pi(A) - pi(A) from the law at least. And from some start
    it has stayed in A with (1 - h)**t at least, h being the hazard of the others.
    """
    if not np.isfinite(law.relative):
        return 0.0
    graph, pi, best = chain.graph, law.dense(), 0.0
    slack = law.relative + graph.rounding + (len(graph.to) + 16) * ROUNDING
    ranked: list[tuple[float, int, Mask]] = []
    for k, A in enumerate(_sets(graph, pi, times)):
        inside, outside = law.mass(A), law.mass(~A)
        if not inside.low > 1e-290 or outside.low <= epsilon:
            continue
        leaving = A[graph.source] & ~A[graph.to]
        flow = float((pi[graph.source[leaving]] * graph.probs[leaving]).sum()) * (1 + 2 * slack) + 1e-300
        time = (outside.low - epsilon) * inside.low / flow * (1 - _SLACK)
        best = max(best, time)
        ranked.append((time, k, A))
    if chain.n_states <= LARGEST_DOUBLE:
        for _, _, A in sorted(ranked, reverse=True)[:2]:
            h = hazard(chain, ~A).high
            stay = epsilon + law.mass(A).high
            if 0 < h < 1 and stay < 1:
                best = max(best, math.log(1 / stay) / -math.log1p(-h) * (1 - _SLACK))
    return float(math.ceil(best)) if 0 < best < MOST else 0.0


def _sets(graph: Graph, pi: Floats, times: Floats | None) -> Iterator[Mask]:
    """Sets that may be hard to leave: from where it is long to the most probable state; basins of the map to the most
    probable arrow, alone, and all but the heaviest."""
    if times is not None:
        ordered = np.sort(times)[::-1]
        gaps = np.log2(np.maximum(ordered, 0.5))
        gaps = gaps[:-1] - gaps[1:]
        for k in np.argsort(-gaps, kind="stable")[:_SETS].tolist():
            yield times >= ordered[k]
    n = graph.n_states
    order = np.lexsort((-graph.probs, graph.source))
    ahead = graph.to[order[graph.first[:-1]]].astype(np.int64)
    at = ahead
    for _ in range(n.bit_length()):  # 2**k steps, which is into the cycles
        at = at[at]
    label = np.unique(_cycles(ahead, at), return_inverse=True)[1]
    masses = np.bincount(label, pi)
    by_mass = np.argsort(-masses, kind="stable")
    heaviest = np.zeros(n, bool)
    for k in by_mass[:_SETS].tolist():
        yield label == k
        heaviest |= label == k
        if not heaviest.all():
            yield ~heaviest.copy()


def _cycles(ahead: NDArray[np.int64], at: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each state, the least of the cycle that it is led to."""
    least = np.full(len(at), -1)
    for start in np.unique(at).tolist():
        if least[start] >= 0:
            continue
        cycle, here = [start], int(ahead[start])
        while here != start:
            cycle.append(here)
            here = int(ahead[here])
        least[cycle] = min(cycle)
    return least[at]


@dataclass(frozen=True, eq=False, slots=True)
class _Visits:
    """A state, and how long it takes on average to come there."""

    chain: RowOperator
    graph: Graph
    state: int
    times: Floats
    """From each state (n,), 0 there; right within an error that `time` includes."""
    time: float
    """At most, from anywhere; infinite where nothing is proved."""


def _visits(chain: RowOperator, law: StationaryDistribution, most: float) -> _Visits:
    """Of the most probable state."""
    r = int(law.dense().argmax())
    part = np.full(chain.n_states, -1)
    part[r] = 0
    found = chain.graph.absorb(part, 1, gains=np.ones(chain.n_states), most=most)
    longest = float(found.sums.max(initial=0.0))
    sure = found.error < 0.1 and longest < MOST
    return _Visits(chain, chain.graph, r, found.sums, max(1.0, longest * (1 + 2 * found.error)) if sure else math.inf)


def _by_visits(visits: _Visits, epsilon: float, law: StationaryDistribution, most: float) -> float:
    """From above, by visits of one state r, that come after at most H steps in the mean, from anywhere.

    T, the first visit, is after s with at most q = H / (s + 1), and with at most exp(-j) where s = j ceil(e H) (Markov;
    every e H steps anew). At a time t later than T by at least t0, the chain is as one that has run from r for t - T,
    and

    - is within eta of the law if one is after t0, since that distance never grows. So t0 + s is enough if
      q + (1 - q) eta <= epsilon;
    - is anywhere with at least a (1 - delta)**(t - T) nu, if r is left by t0 steps with at least a nu, and a step keeps
      (1 - delta) nu of nu. So any two starts have kappa = (1 - q) a (1 - delta)**t in common after t = t0 + s
      steps, and k t are enough if (1 - kappa)**k <= epsilon (Doeblin).
    """
    if visits.time == math.inf:
        return math.inf
    chain, r, pi, n = visits.chain, visits.state, law.dense(), visits.chain.n_states
    best, x, t = math.inf, np.zeros(n), 0
    x[r] = 1.0
    for t0 in _LOOKS:
        if t0 * n * chain.width > _WORK:
            break
        for _ in range(t0 - t):
            x = chain.push(x)
        t = t0
        if law.certified:
            eta = 0.5 * float(np.abs(x - pi).sum()) + law.error + t0 * step_error(chain) + 4 * n * ROUNDING
            best = min(best, _once_near(visits.time, t0, eta, epsilon))
        ratio = np.divide(x, pi, out=np.zeros(n), where=pi > 1e-150)
        seen = set()
        for share in (0.5, 0.01, 0.0):
            W = ratio > share * ratio[r]
            W[r] = True
            if W.tobytes() not in seen:
                seen.add(W.tobytes())
                best = min(best, _among(visits, W, t0, epsilon, most))
    return best


def _once_near(H: float, t0: int, eta: float, epsilon: float) -> float:
    if not eta < epsilon:
        return math.inf
    q = (epsilon - eta) / (1 - eta) * (1 - _SLACK)
    return _sure(t0 + min(_whole(H / q), math.ceil(-math.log(q)) * _whole(math.e * H)))


def _among(visits: _Visits, W: Mask, t0: int, epsilon: float, most: float) -> float:
    """By a measure nu on W, the law of a chain that goes to r wherever it would leave W.

    So a step among W keeps it but for a part delta of nu(r), which is what would leave.
    """
    graph, r, n = visits.graph, visits.state, len(W)
    inside = W[graph.source]
    source, to = graph.source[inside].astype(np.int64), graph.to[inside].astype(np.int64)
    stays = W[to]
    keys, where = np.unique(source * n + np.where(stays, to, r), return_inverse=True)
    probs = np.bincount(where, graph.probs[inside]).astype(np.float64)
    first = np.searchsorted(keys // n, np.arange(n + 1)).astype(np.int64)
    rounding = graph.rounding + visits.chain.width * ROUNDING
    among = Graph(first=first, to=(keys % n).astype(np.int32), probs=probs, rounding=rounding)
    label, _ = among.classes()
    members = label == label[r]
    nu, relative = among.stationary(members, most)
    if not relative < 0.1 or nu[members].min() < 1e-150:
        return math.inf
    exits = members[source] & ~stays
    left = float((nu[source[exits]] * graph.probs[inside][exits]).sum())
    slack = 4 * (relative + rounding + (len(keys) + 16) * ROUNDING)
    delta = left / nu[r] * (1 + slack) + (1e-300 if exits.any() else 0.0)
    x = np.zeros(n)
    x[r] = 1.0
    for _ in range(t0):
        x = visits.chain.push(x)
        x[~members] = 0.0
        x[x < 1e-250] = 0.0
    a = float((x[members] / nu[members]).min()) * (1 - slack - t0 * step_error(visits.chain))
    if not a > 0:
        return math.inf
    best = math.inf
    for s in (_whole(visits.time * f) for f in (1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)):
        t = _sure(t0 + s)
        kept = math.exp(t * math.log1p(-delta) * (1 + _SLACK)) if delta < 1 else 0.0
        kappa = (1 - visits.time / (s + 1)) * a * kept * (1 - _SLACK)
        if kappa > 0:
            best = min(best, t * _halvings(epsilon, kappa))
    return _sure(best)


def _halvings(epsilon: float, kappa: float) -> float:
    """How often a part kappa must be lost until at most epsilon is left."""
    if kappa >= 1:
        return 1.0
    return max(1.0, _whole(min(math.log(epsilon) / math.log1p(-kappa), MOST)))


def _sure(steps: float) -> float:
    """Sums and products of whole numbers, which are exact while they are small."""
    return steps if steps < 2.0**52 else steps * (1 + 4 * _SLACK)


def _whole(steps: float) -> float:
    """A whole number of steps that is not less; infinite where that is."""
    return float(math.ceil(steps * (1 + _SLACK))) if steps < 2.0**52 else float(steps) * (1 + 4 * _SLACK)
