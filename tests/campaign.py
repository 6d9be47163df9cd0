"""The campaign: thousands of random chains of every kind, and no certified interval may exclude the truth.

    python tests/campaign.py --chains 10000 --seed 0 --workers 2
    python tests/campaign.py --kinds tree --seed 0 --only 17      # one chain again

The truth is that of `balls`, which is not ours, about the chain as it is stored, and also about the doubles it was made
of where a caller gave them. A claim is an interval (a Bound, each of Bounds, a law with its distance) or a text with ±.
It is wrong if the whole ball lies outside, on either side, by however little; a ball that still straddles an end at the
highest precision touches it, which is counted but no fault.
"""

import argparse
import os
import re
import sys
import time
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from flint import arb, ctx

from balls import INFINITE, Ball, Exact, Mixing, Radius, ball, dot, share, total
from finitegpt import Chain, TooLargeError, analysis
from finitegpt.decoding import temperature, top_k
from kinds import KINDS, RARE, Case, Rng

BITS = (192, 640, 2400)
_NARROW = 1e-6
_NUMBER = r"[-+]?\d+\.?\d*(?:e[-+]?\d+)?"

Compared = Ball | Mixing | Radius
"""What says of a number whether the truth is `less` or `more`."""
Kind = Callable[[arb | float], Ball]


@dataclass(frozen=True)
class Claim:
    """Intervals, and the truth of each as a function of an `Exact`."""

    intervals: list[tuple[float, float, float]]
    """Value, low, high."""
    truth: Callable[[Exact], list[Compared]]
    texts: list[str] = field(default_factory=list)
    meanings: tuple[str, ...] = ("stored", "given")
    absolute: bool = False
    """Whether widths are what they are: for distances."""


@dataclass(frozen=True)
class Record:
    """What came of a question about a chain."""

    kind: str
    index: int
    question: str
    certified: bool
    width: float
    """The widest interval: of what it is about, where that is below 1e-3 or above 1."""
    off: float
    """How far a value without a certificate is from the truth, likewise."""
    touches: bool
    faults: tuple[str, ...]
    warned: str = ""
    """A warning that the library let through: no fault of the interval."""


def of_bound(bound: analysis.Bound, truth: Callable[[Exact], Compared]) -> Claim:
    interval = (float(bound.value), float(bound.low), float(bound.high))
    return Claim([interval], lambda exact: [truth(exact)], [str(bound)])


def of_bounds(bounds: analysis.Bounds, truth: Callable[[Exact], list[arb | float]], kind: Kind = Ball) -> Claim:
    intervals = np.stack([bounds.values, bounds.low, bounds.high], 1).tolist()
    texts = [str(bounds.at(k)) for k in range(min(len(intervals), 32))]
    return Claim([tuple(x) for x in intervals], lambda exact: [kind(x) for x in truth(exact)], texts)


def of_values(values: object, truth: Callable[[Exact], list[arb | float]], kind: Kind = Ball) -> Claim:
    """Bounds, or numbers that claim nothing."""
    if hasattr(values, "low"):
        return of_bounds(values, truth, kind)
    intervals = [(float(x), -INFINITE, INFINITE) for x in np.asarray(values)]
    return Claim(intervals, lambda exact: [kind(x) for x in truth(exact)])


# The questions. Each draws what it asks about, asks, and yields claims.


def laws(case: Case, rng: Rng) -> Iterator[tuple[str, Claim]]:
    found = analysis.stationary_distributions(case.chain)

    def distance(exact: Exact) -> list[Compared]:
        if len(exact.laws) != len(found):
            return [Ball(INFINITE)] * len(found)
        return [
            share(total(abs(arb(p) - q) for p, q in zip(law.dense().tolist(), pi, strict=True)) / 2)
            for law, pi in zip(found, exact.laws, strict=True)
        ]

    yield "law", Claim([(0.0, 0.0, float(law.error)) for law in found], distance, absolute=True)
    which = rng.random(case.chain.n_states) < 0.5
    mask = [arb(int(x)) for x in which]
    for k, law in enumerate(found):
        yield (
            "mass",
            of_bound(law.mass(which), lambda exact, k=k: share(dot(mask, exact.laws[k]))),
        )
        relative = float(getattr(law, "relative", INFINITE))
        if hasattr(law, "relative"):

            def ratio(exact: Exact, k: int = k, law: analysis.StationaryDistribution = law) -> list[Compared]:
                far = arb(0)
                for p, q in zip(law.dense().tolist(), exact.laws[k], strict=True):
                    if p == 2.0**-1022 and q <= p:  # all that double precision can say
                        continue
                    if p > 0 and q > 0:
                        far = far.max(min(abs(arb(p) / q - 1), abs(q / arb(p) - 1), key=lambda x: float(x.mid())))
                    elif p > 0 or q > 0:
                        return [Ball(INFINITE)]
                return [Ball(far)]

            yield "law, each", Claim([(0.0, 0.0, relative)], ratio, absolute=True)


def entropy(case: Case, rng: Rng) -> Iterator[tuple[str, Claim]]:
    for k, law in enumerate(_some(analysis.stationary_distributions(case.chain))):
        bound = analysis.entropy_rate(case.chain, law)
        yield "entropy rate", of_bound(bound, lambda exact, k=k: Ball(dot(exact.laws[k], exact.row_entropies)))


def average(case: Case, rng: Rng) -> Iterator[tuple[str, Claim]]:
    f = rng.normal(size=case.chain.n_states) * rng.choice([1e-100, 1.0, 1e6])
    if rng.random() < 0.3:
        f = np.exp(-np.abs(rng.normal(size=len(f)) * 100))
    values = f.tolist()
    for k, law in enumerate(_some(analysis.stationary_distributions(case.chain))):
        bound = analysis.average(case.chain, f, law)
        yield "average", of_bound(bound, lambda exact, k=k: Ball(dot(exact.laws[k], [arb(x) for x in values])))


def memory(case: Case, rng: Rng) -> Iterator[tuple[str, Claim]]:
    for k, law in enumerate(_some(analysis.stationary_distributions(case.chain))):
        found = analysis.memory(case.chain, law)
        bounds = [found.at(j) for j in range(case.chain.context_length + 1)]
        yield (
            "memory",
            Claim(
                [(float(b.value), float(b.low), float(b.high)) for b in bounds],
                lambda exact, k=k: [Ball(h) for h in exact.memory(exact.laws[k])],
                [str(b) for b in bounds],
            ),
        )


def regularity(case: Case, rng: Rng) -> Iterator[tuple[str, Claim]]:
    """What the past tells of the future, and what a machine remembers of it."""

    def gaps(exact: Exact, k: int) -> list[arb]:
        h = exact.memory(exact.laws[k])
        return [x - h[-1] for x in h]

    def state_entropy(exact: Exact, k: int, label: list[int]) -> arb:
        masses = [arb(0)] * (max(label) + 1)
        for one, mass in zip(label, exact.laws[k], strict=True):
            if one >= 0:
                masses[one] += mass
        kept = total(masses)
        return -total(x / kept * (x / kept).log() for x in masses if x > 0)

    for k, law in enumerate(_some(analysis.stationary_distributions(case.chain))):
        found = analysis.entropy_convergence(case.chain, law)
        yield "entropy convergence", of_bounds(found, lambda exact, k=k: gaps(exact, k))
        bound = analysis.excess_entropy(case.chain, law)
        yield "excess entropy", of_bound(bound, lambda exact, k=k: Ball(total(gaps(exact, k))))
        weighted = analysis.transient_information(case.chain, law)
        yield (
            "transient information",
            of_bound(weighted, lambda exact, k=k: Ball(total((j + 1) * x for j, x in enumerate(gaps(exact, k))))),
        )
        try:
            machine = analysis.machine(case.chain, law)
        except TooLargeError:
            continue
        label = machine.label.tolist()
        yield (
            "statistical complexity",
            of_bound(
                machine.statistical_complexity,
                lambda exact, k=k, label=label: Ball(state_entropy(exact, k, label)),
            ),
        )


def curve(case: Case, rng: Rng) -> Iterator[tuple[str, Claim]]:
    """The entropy of each generated token."""
    if case.looks_back is not None or case.rows > 32:
        return
    start, tokens = _start(case, rng), int(rng.integers(1, 12))

    def entropies(exact: Exact) -> list[arb]:
        at, found = _normal(start, exact.n), []
        for _ in range(tokens):
            found.append(dot(at, exact.row_entropies))
            at = exact.push(at)
        return found

    yield "entropy curve", of_bounds(analysis.entropy_curve(case.chain, tokens, start), entropies)


def hitting(case: Case, rng: Rng) -> Iterator[tuple[str, Claim]]:
    target = _target(case, rng)
    yield (
        "hitting",
        of_bounds(analysis.hitting_probabilities(case.chain, target), lambda exact: exact.hitting(target), share),
    )


def within(case: Case, rng: Rng) -> Iterator[tuple[str, Claim]]:
    target, tokens = _target(case, rng), int(rng.choice([0, 1, 2, 5, 30]))
    found = analysis.hitting_probabilities(case.chain, target, within=tokens)
    yield "within", of_bounds(found, lambda exact: exact.within(target, tokens), share)


def passage(case: Case, rng: Rng) -> Iterator[tuple[str, Claim]]:
    target = _target(case, rng)
    yield (
        "first passage",
        of_bounds(analysis.mean_first_passage_times(case.chain, target), lambda exact: exact.passage(target)),
    )


def survival(case: Case, rng: Rng) -> Iterator[tuple[str, Claim]]:
    target = _target(case, rng)
    yield "survival", of_bound(analysis.survival_rate(case.chain, target), lambda exact: exact.survival(target))


def absorption(case: Case, rng: Rng) -> Iterator[tuple[str, Claim]]:
    """Probabilities from every state, and weights from one start."""

    def ends(exact: Exact, part: list[int]) -> list[arb]:
        mask = np.zeros(exact.m, bool)
        mask[part] = True
        return exact.hitting(mask)

    for k, bounds in enumerate(_some(analysis.absorption_probabilities(case.chain))):
        yield "absorption", of_bounds(bounds, lambda exact, k=k: ends(exact, exact.classes[k]), share)
    start = _start(case, rng)
    yield (
        "absorption weights",
        of_bounds(
            analysis.absorption_weights(case.chain, start),
            lambda exact: [dot(_normal(start, exact.n), ends(exact, part)) for part in exact.classes],
            share,
        ),
    )


def red(case: Case, rng: Rng) -> Iterator[tuple[str, Claim]]:
    mask = _target(case, rng)
    if mask.all():
        return
    start, tokens = np.where(mask, 0.0, rng.random(case.chain.n_states) + 1e-3), int(rng.choice([1, 3, 20]))
    if rng.random() < 0.5:
        start = (np.arange(len(mask)) == int(np.flatnonzero(~mask)[0])).astype(float)
    start /= start.sum()
    found = analysis.red_states(case.chain, mask, start=start, horizons=[tokens])

    def mean(exact: Exact, values: list[arb | float], kind: Kind = Ball) -> Ball:
        used = [(x, value) for x, value in zip(_normal(start, exact.n), values, strict=True) if x > 0]
        if any(isinstance(value, float) for _, value in used):
            return Ball(INFINITE)
        return kind(total(x * value for x, value in used))

    yield "red, ever", of_bound(found.ever, lambda exact: mean(exact, exact.hitting(mask), share))
    yield "red, within", of_bound(found.within[tokens], lambda exact: mean(exact, exact.within(mask, tokens), share))
    yield "red, time", of_bound(found.mean_time, lambda exact: mean(exact, exact.passage(mask)))
    yield "red, survival", of_bound(found.survival, lambda exact: exact.survival(mask))


def mixing(case: Case, rng: Rng) -> Iterator[tuple[str, Claim]]:
    if case.looks_back is not None or case.rows > 32 or len(analysis.recurrent_classes(case.chain)) > 1:
        return
    epsilon = float(rng.choice([0.25, 0.25, 0.01]))
    bound = analysis.mixing_time(case.chain, epsilon)
    ends = [x for x in (bound.low, bound.high) if np.isfinite(x)]
    if max(ends, default=0) > (2.0**200 if case.rows <= 8 else 2.0**64):
        return  # too many squarings
    yield "mixing time", of_bound(bound, lambda exact: Mixing(exact, epsilon))


def variation(case: Case, rng: Rng) -> Iterator[tuple[str, Claim]]:
    """The distance from the law after so many tokens, from a start or the worst one."""
    if case.looks_back is not None or case.rows > 32 or len(analysis.recurrent_classes(case.chain)) > 1:
        return
    tokens = int(rng.integers(1, 12))
    if rng.random() < 0.5:
        yield (
            "variation, worst",
            of_values(
                analysis.total_variation(case.chain, tokens),
                lambda exact: [exact.distance(k) for k in range(tokens + 1)],
                share,
            ),
        )
        return
    start = _start(case, rng)

    def curve(exact: Exact) -> list[arb]:
        at, distances = _normal(start, exact.n), []
        for _ in range(tokens + 1):
            distances.append(total(abs(p - q) for p, q in zip(at, exact.laws[0], strict=True)) / 2)
            at = exact.push(at)
        return distances

    yield "variation", of_values(analysis.total_variation(case.chain, tokens, start), curve, share)


def comparison(case: Case, rng: Rng) -> Iterator[tuple[str, Claim]]:
    truth = case.chain
    if case.looks_back is not None or case.rows > 32 or len(analysis.recurrent_classes(truth)) > 1:
        return
    model = Case(_other(truth, rng))
    if len(analysis.recurrent_classes(model.chain)) > 1:
        return
    found = analysis.compare(truth, model.chain)
    n = max(truth.n_states, model.chain.n_states)
    longer = [np.tile(x.log_probs, (n // x.n_states, 1)) for x in (truth, model.chain)]
    same = [bool((p == q).all()) for p, q in zip(*longer, strict=True)]
    modelled: dict[int, Exact] = {}

    def other(exact: Exact) -> Exact:
        if exact.bits not in modelled:
            modelled[exact.bits] = model.exact("stored", exact.bits)
        return modelled[exact.bits]

    def weight(exact: Exact) -> list[arb]:
        """Of the contexts of the longer of the two."""
        pi = exact.laws[0]
        while len(pi) < n:
            pi = [mass * p for s, mass in enumerate(pi) for p in exact.rows[s % exact.m]]
        return pi

    def parts(exact: Exact) -> list[arb | float]:
        return [
            arb(0) if not x > 0 else (value if isinstance(value, float) else x * value)
            for x, value in zip(weight(exact), exact.divergence(other(exact), same), strict=True)
        ]

    def rate(exact: Exact) -> arb | float:
        terms = parts(exact)
        return INFINITE if INFINITE in [x for x in terms if isinstance(x, float)] else total(terms)

    def crossed(exact: Exact) -> arb | float:
        kl = rate(exact)
        return kl if isinstance(kl, float) else kl + dot(exact.laws[0], exact.row_entropies)

    def next_tokens(exact: Exact) -> arb:
        rows = [x.rows[k % x.m] for k in range(n) for x in (exact, other(exact))]
        return total(
            mass * total(abs(p - q) for p, q in zip(*pair, strict=True)) / 2
            for mass, pair, alike in zip(weight(exact), zip(rows[::2], rows[1::2], strict=True), same, strict=True)
            if mass > 0 and not alike
        )

    known = ("stored",)  # rows that are the same are the same as stored
    for name, claim in (
        ("KL rate", of_bound(found.kl_rate, lambda exact: Ball(rate(exact)))),
        ("cross-entropy", of_bound(found.cross_entropy, lambda exact: Ball(crossed(exact)))),
        ("KL, each state", of_values(found.contributions, parts)),
        (
            "compare, free",
            of_bound(
                found.free_entropy_rate, lambda exact: Ball(dot(other(exact).laws[0], other(exact).row_entropies))
            ),
        ),
        ("compare, next tokens", of_bound(found.mean_total_variation, lambda exact: share(next_tokens(exact)))),
        (
            "compare, variation",
            of_bound(
                found.total_variation,
                lambda exact: share(
                    total(abs(p - q) for p, q in zip(weight(exact), weight(other(exact)), strict=True)) / 2
                ),
            ),
        ),
    ):
        yield name, Claim(claim.intervals, claim.truth, claim.texts, known)


def recurrence(case: Case, rng: Rng) -> Iterator[tuple[str, Claim]]:
    """How long until a state is come back to, and Kemeny's constant of small classes."""

    def back(exact: Exact) -> list[arb | float]:
        out: list[arb | float] = [INFINITE] * case.chain.n_states
        for pi in exact.laws:
            out = [1 / p if p > 0 else x for p, x in zip(pi, out, strict=True)]
        return out

    yield "recurrence", of_bounds(analysis.mean_recurrence_times(case.chain), back)
    if case.looks_back is None and case.rows <= 32:
        for k, law in enumerate(_some(analysis.stationary_distributions(case.chain))):
            bound = analysis.kemeny_constant(case.chain, law)
            yield "Kemeny's constant", of_bound(bound, lambda exact, k=k: Ball(exact.kemeny(k)))


def gathering(case: Case, rng: Rng) -> Iterator[tuple[str, Claim]]:
    """Rewards until some states are reached, and how far the time until then scatters."""
    target, reward = _target(case, rng), rng.random(case.rows) * rng.choice([1e-100, 1.0, 1e6]) + 1e-200
    found = analysis.expected_reward(case.chain, np.tile(reward, case.chain.n_states // case.rows), target)
    yield "reward", of_bounds(found, lambda exact: exact.gathered(target, [arb(x) for x in reward.tolist()]))
    variances = analysis.first_passage_variances(case.chain, target)
    yield "first passage, variance", of_bounds(variances, lambda exact: exact.spread(target))


def classes(case: Case, rng: Rng) -> Iterator[tuple[str, Claim]]:
    """The graph: how many recurrent classes, of how many states, and the period."""
    if case.looks_back is not None:
        return
    found = [ids.tolist() for ids in analysis.recurrent_classes(case.chain)]
    period = float(analysis.period(case.chain))
    yield (
        "classes",
        Claim(
            [(0.0, 0.0, 0.0), (period, period, period)],
            lambda exact: [Ball(arb(int(exact.classes != found))), Ball(arb(exact.period))],
        ),
    )


def transitions(case: Case, rng: Rng) -> Iterator[tuple[str, Claim]]:
    """From one set of states to another."""
    n = case.chain.n_states
    if case.looks_back is not None or not 2 <= n <= 64:
        return
    kind = rng.choice(3, n, p=[0.6, 0.2, 0.2])
    kind[rng.choice(n, 2, replace=False)] = 1, 2
    source, target = kind == 1, kind == 2
    yield (
        "committor",
        of_bounds(
            analysis.forward_committor(case.chain, source, target), lambda exact: exact.before(target, source), share
        ),
    )
    for k, law in enumerate(_some(analysis.stationary_distributions(case.chain))):
        found = analysis.backward_committor(case.chain, source, target, law)
        yield "committor, backward", of_bounds(found, lambda exact, k=k: exact.last(k, source, target), share)
        if not (source & law.inside).any() or not (target & law.inside).any():
            continue
        flux = analysis.reactive_flux(case.chain, source, target, law)
        arrows = list(zip(flux.origin.tolist(), flux.to.tolist(), strict=True))

        def flows(exact: Exact, k: int = k, arrows: list[tuple[int, int]] = arrows) -> list[arb]:
            pi, first, last = exact.laws[k], exact.before(target, source), exact.last(k, source, target)
            return [pi[i] * last[i] * exact.P[i][j] * first[j] for i, j in arrows]

        def whole(exact: Exact, flows: Callable[[Exact], list[arb]] = flows, to: np.ndarray = flux.to) -> arb:
            return total(x for x, j in zip(flows(exact), to.tolist(), strict=True) if target[j])

        def waiting(exact: Exact, k: int = k) -> arb:
            return dot(exact.laws[k], exact.last(k, source, target))

        yield "flux, gross", of_bounds(flux.gross, flows)
        yield "flux, total", of_bound(flux.total_flux, lambda exact, whole=whole: Ball(whole(exact)))
        yield "flux, rate", of_bound(flux.rate, lambda exact, w=whole, q=waiting: share(w(exact) / q(exact)))
        yield (
            "flux, time",
            of_bound(flux.mean_passage_time, lambda exact, w=whole, q=waiting: Ball(q(exact) / w(exact))),
        )


def blocks(case: Case, rng: Rng) -> Iterator[tuple[str, Claim]]:
    """The chain of blocks of states, as the law of the first class has it, and how far it is from a chain."""
    n = case.chain.n_states
    if case.looks_back is not None or n > 64:
        return
    law = analysis.stationary_distributions(case.chain)[0]
    label = rng.integers(0, min(n, int(rng.integers(1, 5))), n)
    kept = np.unique(label[law.states])
    label = np.searchsorted(kept, label).clip(0, len(kept) - 1)
    many, found = len(kept), analysis.lump(case.chain, label, law)

    def onward(exact: Exact) -> list[list[arb]]:
        return [[total(p for j, p in row.items() if label[j] == k) for k in range(many)] for row in exact.P]

    def matrix(exact: Exact) -> list[arb]:
        pi, moved = exact.laws[0], onward(exact)
        rows = [[i for i in range(n) if label[i] == k] for k in range(many)]
        mass = [total(pi[i] for i in row) for row in rows]
        sure = [[all(label[j] == m for i in row if pi[i] > 0 for j in exact.P[i]) for m in range(many)] for row in rows]
        return [
            arb(1) if sure[k][m] else total(pi[i] * moved[i][m] for i in rows[k]) / mass[k]
            for k in range(many)
            for m in range(many)
        ]

    def gap(exact: Exact) -> arb:
        moved, largest = onward(exact), arb(0)
        for i in range(n):
            for j in range(i):
                if label[i] == label[j]:
                    for k in range(many):
                        there = [any(label[x] == k for x in exact.P[s]) for s in (i, j)]
                        alone = [all(label[x] == k for x in exact.P[s]) for s in (i, j)]
                        if any(there) and not all(alone):
                            largest = largest.max(abs(moved[i][k] - moved[j][k]))
        return largest

    flat = analysis.Bounds(*(x.reshape(-1) for x in (found.matrix.values, found.matrix.low, found.matrix.high)))
    yield "lumped", of_bounds(flat, matrix, share)
    yield "lumpability", of_bound(analysis.lumpability_gap(case.chain, label), lambda exact: share(gap(exact)))


QUESTIONS: tuple[Callable[[Case, Rng], Iterator[tuple[str, Claim]]], ...] = (
    laws,
    entropy,
    average,
    memory,
    regularity,
    curve,
    hitting,
    within,
    passage,
    survival,
    absorption,
    red,
    mixing,
    variation,
    comparison,
    recurrence,
    gathering,
    classes,
    transitions,
    blocks,
)


def _some(items: list, most: int = 3) -> list:
    return items[:most]


def _target(case: Case, rng: Rng) -> np.ndarray:
    """A set of states, one of them or more: decided by the tokens that matter."""
    mask = rng.random(case.rows) < rng.choice([0.0, 0.2, 0.6])
    mask[rng.integers(case.rows)] = True
    return np.tile(mask, case.chain.n_states // case.rows)


def _start(case: Case, rng: Rng) -> int | np.ndarray:
    """A state, or a distribution, whose sum is now and then a little off."""
    if rng.random() < 0.5:
        return int(rng.integers(case.chain.n_states))
    start = rng.random(case.chain.n_states)
    return start / start.sum() * (1 + 4e-7 if rng.random() < 0.2 else 1)


def _normal(start: int | np.ndarray, n: int) -> list[arb]:
    if isinstance(start, int):
        return [arb(int(k == start)) for k in range(n)]
    weights = [arb(x) for x in start.tolist()]
    whole = total(weights)
    return [w / whole for w in weights]


def _other(chain: Chain, rng: Rng) -> Chain:
    """A model to compare a chain with."""
    kind = int(rng.integers(5))
    if kind == 0:
        return temperature(chain, float(rng.choice([0.5, 0.9, 2.0])))
    if kind == 1:
        return top_k(chain, int(rng.integers(1, chain.vocab_size + 1)))
    if kind == 2:
        return chain
    V, L = chain.vocab_size, chain.context_length
    L = max(1, L - 1) if kind == 3 else L
    logits = rng.normal(size=(V**L, V))
    rows = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    return Chain(log_probs=rows.astype(chain.log_probs.dtype), vocab=chain.vocab, context_length=L)


# Judgement


def judge(claim: Claim, exacts: Callable[[int], Exact]) -> tuple[list[str], bool, float, float]:
    """Faults, whether an end is touched, the largest width, and how far values without proof are off."""
    faults, sides = [], []
    for k, (value, low, high) in enumerate(claim.intervals):
        if np.isnan([value, low, high]).any():
            faults.append(f"[{k}] not a number: {value!r} in [{low!r}, {high!r}]")
        elif not low <= value <= high:
            faults.append(f"[{k}] value {value!r} outside its own [{low!r}, {high!r}]")
        sides += [(k, "less", low), (k, "more", high)]
    for k, text in enumerate(claim.texts):
        if found := re.fullmatch(rf"({_NUMBER}) ± ({_NUMBER})", text):
            middle, far = (Fraction(x) for x in found.groups())
            sides += [(k, "less", middle - far), (k, "more", middle + far)]
        elif re.fullmatch(_NUMBER, text):  # right to half a unit of the last digit
            middle, (digits, _, power) = Fraction(text), text.partition("e")
            far = Fraction(10) ** (int(power or 0) - len(digits.partition(".")[2])) / 2
            sides += [(k, "less", middle - far), (k, "more", middle + far)]
    first: list[Compared] = []
    for bits in BITS:
        exact = exacts(bits)
        ctx.prec = bits
        truth = claim.truth(exact)
        first = first or truth
        unsure = []
        for k, side, end in sides:
            answer = getattr(truth[k], side)(end)
            if answer is None:
                unsure.append((k, side, end))
            elif answer:
                where = "above" if side == "more" else "below"
                as_text = f" (printed {claim.texts[k]!r})" if isinstance(end, Fraction) else ""
                value, low, high = claim.intervals[k]
                faults.append(f"[{k}] truth {_shown(truth[k])} {where} {value!r} in [{low!r}, {high!r}]{as_text}")
        sides = unsure
        if not sides:
            break
    ctx.prec = BITS[0]
    width = off = 0.0
    for (value, low, high), x in zip(claim.intervals, first, strict=True):
        width = max(width, _scaled(high, low, x, claim.absolute))
        off = max(off, _scaled(value, None, x, claim.absolute))
    return faults, bool(sides), width, off


def _shown(truth: Compared) -> str:
    if not isinstance(truth, Ball):
        return ""
    return "infinite" if isinstance(truth.value, float) else truth.value.str(17, radius=False)


def _scaled(a: float, b: float | None, truth: Compared, absolute: bool) -> float:
    """|a - b|, or |a - truth|, as a part of the truth where that is small or large."""
    known = isinstance(truth, Ball)
    size = truth.value if known else None
    if isinstance(size, float) or not np.isfinite(a) or (b is not None and not np.isfinite(b)):
        return 0.0 if a == (size if b is None else b) else INFINITE
    if b is None and not known:
        return 0.0
    gap = abs(arb(a) - (size if b is None else ball(b)))
    scale = abs(size) if known else abs(arb(a))
    if not absolute and scale > 0 and (scale < 1e-3 or scale > 1):
        gap = gap / scale
    return abs(float(gap.mid()))


def examine(kind: str, seed: int, index: int) -> list[Record]:
    """Makes a chain, asks, and judges."""
    rng = np.random.default_rng([seed, zlib.crc32(kind.encode()), index])
    case = KINDS[kind](rng)
    made: dict[tuple[str, int], Exact] = {}

    def exact(meaning: str, bits: int) -> Exact:
        key = (meaning, bits)
        if key not in made:
            made[key] = case.exact(meaning, bits)
        return made[key]

    records = []
    for question in QUESTIONS:
        own = np.random.default_rng(rng.integers(2**63))
        try:
            with warnings.catch_warnings(record=True) as heard:
                warnings.simplefilter("always")
                claims = list(question(case, own))
            warned = "; ".join(sorted({str(warning.message) for warning in heard}))
            for name, claim in claims:
                proved = [bool(low == high or np.isfinite([low, high]).all()) for _, low, high in claim.intervals]
                for meaning in case.meanings:
                    if meaning not in claim.meanings:
                        continue
                    faults, touches, width, off = judge(claim, lambda bits, meaning=meaning: exact(meaning, bits))
                    records.append(
                        Record(
                            kind=kind,
                            index=index,
                            question=name if meaning == "stored" else f"{name} (given)",
                            certified=all(proved),
                            width=width,
                            off=0.0 if all(proved) else off,
                            touches=touches,
                            faults=tuple(faults),
                            warned=warned,
                        )
                    )
        except Exception as error:
            fault = f"raised {type(error).__name__}: {error}"
            records.append(Record(kind, index, question.__name__, False, INFINITE, 0.0, False, (fault,)))
    return records


def plan(chains: int, names: Iterable[str]) -> list[tuple[str, int]]:
    """Which chains: as many of each kind, but of those that take long fewer."""
    names = list(names)
    each = chains / sum(RARE.get(name, 1.0) for name in names)
    counts = {name: max(1, round(each * RARE.get(name, 1.0))) for name in names}
    return [(name, k) for k in range(max(counts.values())) for name in names if k < counts[name]]


def run(work: list[tuple[str, int]], seed: int, workers: int = 1) -> list[Record]:
    if workers == 1:
        return [record for kind, index in work for record in examine(kind, seed, index)]
    names, indices = zip(*work, strict=True)
    with ProcessPoolExecutor(workers) as pool:
        done = pool.map(examine, names, [seed] * len(work), indices, chunksize=4)
        return [record for records in done for record in records]


# The table


def table(records: list[Record], keys: tuple[str, ...]) -> str:
    """How often certified, how wide, how far off without, and how often wrong, in Markdown."""
    groups: dict[tuple[str, ...], list[Record]] = {}
    for record in records:
        groups.setdefault(tuple(getattr(record, key) for key in keys), []).append(record)
    head = [*keys, "asked", "certified", "narrow", "median width", "largest", "unproved off", "touch", "WRONG"]
    rows = [head, ["---"] * len(keys) + ["---:"] * (len(head) - len(keys))]
    for key, group in sorted(groups.items()):
        widths = [r.width for r in group if r.certified]
        off = max((r.off for r in group if not r.certified), default=0.0)
        rows.append(
            [
                *key,
                str(len(group)),
                f"{len(widths) / len(group):.0%}",
                f"{sum(w <= _NARROW for w in widths) / len(group):.0%}",
                f"{np.median(widths):.0e}" if widths else "-",
                f"{max(widths):.0e}" if widths else "-",
                f"{off:.0e}" if off else "-",
                str(sum(r.touches for r in group)),
                str(sum(bool(r.faults) for r in group)),
            ]
        )
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chains", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", help="some of them, with commas between: " + ", ".join(KINDS))
    parser.add_argument("--only", type=int, help="one chain of each kind, by its number")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--full", action="store_true", help="also the table of every kind and question")
    options = parser.parse_args()
    names = options.kinds.split(",") if options.kinds else list(KINDS)
    if unknown := set(names) - set(KINDS):
        parser.error(f"expected kinds among {', '.join(KINDS)}; got {', '.join(sorted(unknown))}")
    work = plan(options.chains, names) if options.only is None else [(name, options.only) for name in names]
    began = time.perf_counter()
    records = run(work, options.seed, options.workers)
    wrong = [r for r in records if r.faults]
    print(f"# {len(work):,} chains, {len(records):,} answers, {time.perf_counter() - began:.0f} s\n")
    print("## By question\n\n" + table(records, ("question",)))
    print("\n## By kind\n\n" + table(records, ("kind",)))
    print("\n## Stationary laws by kind\n\n" + table([r for r in records if r.question == "law"], ("kind",)))
    if options.full:
        print("\n## By kind and question\n\n" + table(records, ("kind", "question")))
    again = f"--seed {options.seed} --only"
    warned = {(r.question, r.warned): r for r in records if r.warned}
    for r in warned.values():
        print(f'\nwarned: --kinds "{r.kind}" {again} {r.index}: {r.question}: {r.warned}')
    print(f"\n## Wrong: {len(wrong)} of {len(records):,}\n")
    for r in wrong:
        more = f" (and {len(r.faults) - 1} more)" if len(r.faults) > 1 else ""
        print(f'--kinds "{r.kind}" {again} {r.index}: {r.question}: {r.faults[0]}{more}')
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
