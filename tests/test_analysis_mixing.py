"""Mixing times, each method, against ball arithmetic and chains whose time is known."""

import math
import zlib
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

pytest.importorskip("flint", reason="the truth comes from python-flint, which is not installed")

import balls
from finitegpt import Chain, InputError, TooLargeError
from finitegpt.analysis import (
    extended,
    mixing_time,
    recurrent_classes,
    spectral_gap,
    stationary_distribution,
    total_variation,
)
from finitegpt.analysis import mixing as functions
from finitegpt.analysis.mixing import LARGEST_DOUBLE, LARGEST_FIXED
from finitegpt.engine import Engine
from kinds import KINDS, RARE, Case
from oracles import from_logits, random_chain

SMALL = [name for name in KINDS if name not in RARE and name not in ("absorbing", "reducible")]


def case_of(kind: str, index: int) -> Case | None:
    """A random chain of a kind, if it has one recurrent class."""
    case = KINDS[kind](np.random.default_rng([7, zlib.crc32(kind.encode()), index]))
    return case if case.looks_back is None and len(recurrent_classes(case.chain)) == 1 and case.rows <= 32 else None


def is_inside(exact: balls.Exact, low: float, high: float, epsilon: float) -> bool:
    """Whether the truth is nowhere outside; ends beyond 2**200 are too far to look at."""
    truth = balls.Mixing(exact, epsilon)
    below = truth.less(low) if low < 2.0**200 else False
    above = truth.more(high) if high < 2.0**200 else False
    return not below and not above


def hardly_changing(rare: float) -> Chain:
    return from_logits(np.array([[0.0, rare], [rare, 0.0]]))


def with_rows(p: list[list[float]]) -> Chain:
    return Chain.from_probs(p, "abcdefgh"[: len(p)], 1)


@pytest.mark.parametrize("kind", SMALL)
def test_every_method_holds_the_truth(kind: str) -> None:
    found = [(index, case) for index in range(10) if (case := case_of(kind, index)) is not None][:2]
    assert found
    for index, case in found:
        exact = case.exact("stored", 640)
        for epsilon in (0.25, 0.01):
            best = mixing_time(case.chain, epsilon)
            if exact.period > 1:
                assert best.low == math.inf
                continue
            for method in ("fixed", "double", "bounds"):
                found = mixing_time(case.chain, epsilon, method=method)
                assert found.low <= found.value <= found.high
                assert max(found.low, best.low) <= min(found.high, best.high)
                assert is_inside(exact, found.low, found.high, epsilon), (index, method)
            # What was meant by rows of float64 is known to a rounding, which adds up over long times.
            if best.low < (2.0**1000 if case.chain.log_probs.dtype == np.float32 else 1e6):
                assert best.high <= best.low * (1 + 2.0**-51) or best.high == best.low + 1, (index, best)


@pytest.mark.parametrize("kind", ["dense", "exact law", "walk", "doubly stochastic", "trained .1", "cold doubles"])
def test_times_that_a_double_holds_are_exact(kind: str) -> None:
    exact = 0
    for index in range(6):
        case = case_of(kind, index)
        assert case is not None
        most = 2.0**52 if case.chain.log_probs.dtype == np.float32 else 1e6
        if (found := mixing_time(case.chain, method="fixed")).high < most:
            assert found.low == found.high
            exact += 1
    assert exact > 1


@pytest.mark.parametrize("epsilon", [0.25, 0.01, 0.4])
@pytest.mark.parametrize("rare", [-3, -30, -90, -200, -350, -600, -700])
def test_two_states_that_hardly_change(rare: float, epsilon: float) -> None:
    chain = hardly_changing(rare)
    balls.ctx.prec = 3000
    p = balls.of_logs(chain.log_probs, 2, 3000).rows[0][1]
    truth = (balls.arb(2 * epsilon).log() / (1 - 2 * p).log()).ceil()
    for method in ("fixed", "bounds"):
        found = mixing_time(chain, epsilon, method=method)
        assert not truth < balls.arb(found.low)
        assert not truth > balls.arb(found.high)
        assert found.high / found.low < (1 + 2.0**-51 if method == "fixed" else 60)


@pytest.mark.parametrize(("L", "epsilon", "truth"), [(3, 0.5, 2), (3, 0.75, 1), (3, 0.875, 0), (4, 0.5, 3)])
def test_a_distance_of_exactly_epsilon_is_near_enough(L: int, epsilon: float, truth: int) -> None:
    chain = Chain(log_probs=np.full((2**L, 2), np.log(np.float32(0.5))), vocab=("a", "b"), context_length=L)
    for at, expected in (
        (epsilon, truth),
        (math.nextafter(epsilon, 0), truth + 1),
        (math.nextafter(epsilon, 1), truth),
    ):
        found = mixing_time(chain, at)
        assert (found.low, found.high) == (expected, expected)
    rows = np.float32([[0, -np.inf], [np.log(0.5)] * 2])
    halving = Chain(log_probs=rows, vocab=("a", "b"), context_length=1)  # a law that is known exactly
    assert [mixing_time(halving, x).high for x in (0.25, math.nextafter(0.25, 0))] == [2, 3]
    assert mixing_time(halving, 0.25).low == 2
    meant = with_rows([[1, 0], [0.5, 0.5]])  # of logarithms that were rounded
    assert (mixing_time(meant, 0.25).low, mixing_time(meant, 0.25).high) == (2, 3)


def test_a_law_that_is_wrong_within_its_error_is_allowed_for() -> None:
    chain = from_logits(np.array([[0.0, -8], [-6, 0]]))
    law = stationary_distribution(chain).dense()
    truth = mixing_time(chain).value
    rows = chain.log_probs
    assert Engine().mixing(rows, law, 1e-15, 0.0, 0.25) == (truth, truth)
    for sign in (1, -1):
        off = law + sign * np.array([1e-3, -1e-3])
        assert Engine().mixing(rows, off, 1e-3, 0.0, 0.25) == (truth, truth)  # powers tell the law
        low, high = Engine().mixing(rows, off, 1e-3, 1e-300, 0.25)  # where they are not what is meant, they do not
        assert low <= truth <= high
        assert 0.005 * truth < high - low < 0.01 * truth


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("method", ["fixed", "double", "bounds"])
def test_every_method_allows_for_a_law_that_is_off(method: str, sign: int) -> None:
    chain, off = with_rows([[0.97, 0.03], [0.02, 0.98]]), 0.05
    law = stationary_distribution(chain)
    wrong = replace(law, probs=law.probs + sign * np.array([off, -off]), error=off, relative=math.inf)
    for epsilon in (0.5, 0.25, 0.1):
        truth = math.ceil(math.log(epsilon / 0.6) / math.log(0.95))
        found = mixing_time(chain, epsilon, wrong, method=method)  # type: ignore[arg-type]
        assert found.low <= truth <= found.high


def test_how_near_a_state_comes_allows_for_a_law_that_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    chain, far = with_rows([[0.999, 0.001], [0.002, 0.998]]), {}
    monkeypatch.setattr(functions, "_once_near", lambda H, t0, eta, epsilon: far.setdefault(t0, eta) + math.inf)
    law = stationary_distribution(chain)
    claimed = np.array([0.999, 0.001])  # where the chain is after one token
    wrong = replace(law, probs=claimed, error=claimed[0] - law.probs[0], relative=math.inf)
    mixing_time(chain, law=wrong, method="bounds")
    for t0, eta in far.items():
        assert eta >= 0.997**t0 / 3
    assert far[1] < 0.997 / 3 + 1e-9


@pytest.mark.parametrize("rounding", [1e-3, 1e-5, 1e-9])
def test_what_was_meant_may_differ_from_what_is_stored(rounding: float) -> None:
    rng = np.random.default_rng(3)
    p = np.array([[0.99, 0.01], [0.002, 0.998]])
    logs = np.log(p)
    law = np.array([0.002, 0.01]) / 0.012
    error = 2 * rounding
    low, high = Engine().mixing(logs, law, error, rounding, 0.25)
    for sign in (*np.array([[1, -1], [-1, 1], [1, 1]]), *rng.uniform(-1, 1, (5, 2))):
        meant = p.copy()  # the rarer of each row within rounding, relatively, and so the other
        meant[0, 1] *= 1 + sign[0] * rounding
        meant[1, 0] *= 1 + sign[1] * rounding
        meant[0, 0], meant[1, 1] = 1 - meant[0, 1], 1 - meant[1, 0]
        exact = balls.of_probs(meant, 2, 192)
        assert is_inside(exact, low, high, 0.25)
    stored = balls.of_logs(logs, 2, 192)
    assert is_inside(stored, low, high, 0.25)
    assert high <= low * (1 + 1000 * rounding) + 1


def test_every_step_may_be_off_by_the_rounding() -> None:
    logs, law, rounding = np.log(np.array([[0.99, 0.01], [0.002, 0.998]])), np.array([1, 5]) / 6, 1e-4
    low, high = Engine().mixing(logs, law, 0.0, rounding, 0.25)
    t = np.arange(1000)
    distance = 5 / 6 * 0.988**t
    off = t * rounding / 2
    assert low == int((distance > 0.25 + off).sum())
    assert high == int((distance > 0.25 - off).sum())
    assert high - low >= 2


@pytest.mark.parametrize("rare", np.linspace(-38.45, -37.85, 12).tolist())
def test_whole_numbers_that_no_double_holds_are_rounded_outward(rare: float) -> None:
    chain = hardly_changing(rare)
    balls.ctx.prec = 400
    p = balls.of_logs(chain.log_probs, 2, 400).rows[0][1]
    truth = (balls.arb(0.5).log() / (1 - 2 * p).log()).ceil()
    found = mixing_time(chain)
    assert 2.0**53 < found.low < found.high < 2.0**54
    assert truth > balls.arb(found.low)
    assert truth <= balls.arb(found.high)


def test_what_leaves_a_set_counts_for_as_long_as_one_waits() -> None:
    chain = with_rows([[0.75, 0.25], [0.5, 0.5]])
    visits = functions._visits(chain, stationary_distribution(chain), 1e9)
    assert visits.state == 0
    assert visits.time == pytest.approx(2)
    expected = np.inf
    for factor in (1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0):
        s = math.ceil(2 * factor + 1e-9)
        kappa = (1 - 2 / (s + 1)) * 0.75 * 0.75 ** (1 + s)
        expected = min(expected, (1 + s) * math.ceil(math.log(0.25) / math.log1p(-kappa)))
    found = functions._among(visits, np.array([True, False]), 1, 0.25, 1e9)
    assert expected <= found <= expected + 8


def test_rows_in_double_precision_are_read_as_they_are() -> None:
    logs = np.log(np.array([[0.9, 0.1], [0.3, 0.7]])) + np.array([[1e-9], [-1e-9]])  # normalised when read
    logs[0] += 5.0
    exact = balls.of_logs(logs, 2, 640)
    law = np.array([float(x.mid()) for x in exact.laws[0]])
    for epsilon in np.geomspace(1e-8, 0.7, 40).tolist():
        low, high = Engine().mixing(logs, law, 1e-15, 0.0, epsilon)
        assert low == high
        assert is_inside(exact, low, high, epsilon)


def test_less_work_finds_less_but_nothing_wrong() -> None:
    case = case_of("wells", 1) or case_of("wells", 2)
    assert case is not None
    law = stationary_distribution(case.chain)
    exact = case.exact("stored", 640)
    for most in (1e3, 1e5, 1e6, 1e7):
        low, high = Engine().mixing(case.chain.log_probs, law.dense(), law.error, 0.0, 0.25, most)
        assert low <= high
        assert is_inside(exact, low, high, 0.25)


def test_times_beyond_a_double_are_known_from_below() -> None:
    no = -np.inf
    chain = from_logits(np.array([[0, -700, no, no], [0, no, -700, no], [no, no, 0, -700], [-700, no, 0, no]]))
    found = mixing_time(chain, 1e-3)
    assert found.low > 2.0**1000
    assert found.high == math.inf
    assert "beyond" in found.why


def test_transient_states_are_starts() -> None:
    chain = with_rows([[1, 0], [0.001, 0.999]])
    p = Fraction(float(np.exp(np.float64(chain.log_probs[1, 1]))))
    found = mixing_time(chain)
    assert found.low == found.high == math.ceil(math.log(0.25) / math.log(p))
    bounds = mixing_time(chain, method="bounds")
    assert bounds.low <= found.value <= bounds.high < 4 * found.value


def test_a_periodic_chain_is_never_mixed_unless_its_parts_are_near_enough() -> None:
    cycle = with_rows([[0, 1, 0], [0, 0, 1], [1, 0, 0]])
    two_thirds = 2 / 3
    below, above = (math.nextafter(two_thirds, end) for end in (0, 1))
    assert mixing_time(cycle, below).low == math.inf
    assert mixing_time(cycle, above).high == 0
    assert mixing_time(with_rows([[0, 1], [1, 0]]), 0.5).high == 0  # exactly as far as its parts are


@pytest.mark.parametrize("rare", [-20, -100, -300])
def test_two_wells_of_many_states_have_bounds(rare: float) -> None:
    n = 80
    logits = np.where(np.arange(n)[:, None] // 40 == np.arange(n) // 40, 0.0, rare)
    chain = Chain(
        log_probs=np.ascontiguousarray(logits - np.log(40), np.float32),
        vocab=tuple(f"t{k}" for k in range(n)),
        context_length=1,
    )
    balls.ctx.prec = 1000
    p = 1 / (1 + (-balls.arb(float(chain.log_probs[0, 79])) + balls.arb(float(chain.log_probs[0, 0]))).exp())
    truth = (balls.arb(0.5).log() / (1 - 2 * p).log()).ceil()
    found = mixing_time(chain)
    assert not truth < balls.arb(found.low)
    assert not truth > balls.arb(found.high)
    assert found.high < 200 * found.low


def test_methods_suit_sizes() -> None:
    assert (LARGEST_FIXED, LARGEST_DOUBLE) == (64, 1024)
    at, above = random_chain("dense", 2, 6, 0), random_chain("dense", 2, 7, 0)
    times = [mixing_time(at, method=method).value for method in ("fixed", "double")]
    assert times[0] == times[1] == mixing_time(at).value
    with pytest.raises(TooLargeError, match="at most 64"):
        mixing_time(above, method="fixed")
    assert mixing_time(above).low == mixing_time(above, method="double").high
    with pytest.raises(TooLargeError, match="at most 1,024"):
        mixing_time(random_chain("dense", 2, 11, 0), method="double")
    found = mixing_time(random_chain("dense", 2, 11, 0))
    assert 0 < found.low <= found.high < math.inf
    with pytest.raises(InputError, match="a method of fixed"):
        mixing_time(at, method="exact")  # type: ignore[arg-type]


def test_double_precision_knows_what_it_does_not() -> None:
    for rare in (-14, -20, -27, -32):
        chain = hardly_changing(rare)
        truth = mixing_time(chain, method="fixed").value
        found = mixing_time(chain, method="double")
        assert found.low <= truth <= found.high
        if rare < -15:
            assert found.low < truth < found.high


def test_once_near_is_markovs_inequality() -> None:
    assert functions._once_near(10.0, 5, 0.0, 0.25) in range(45, 48)  # 5 + 10 / .25
    assert functions._once_near(10.0, 5, 0.1, 0.25) in range(61, 64)  # twice 28 tokens: exp(-2) is less than .15 / .9
    assert functions._once_near(10.0, 5, 0.25, 0.25) == math.inf
    assert functions._once_near(10.0, 0, 0.0, 1e-9) in range(21 * 28, 21 * 28 + 22)  # anew every 10 e


@pytest.mark.parametrize("kind", ["trained", "top-k", "tiny", "copy", "walk", "exact law", "sparse", "cold doubles"])
def test_curves_hold_the_truth(kind: str) -> None:
    for index in range(4):
        case = case_of(kind, index)
        if case is None:
            continue
        exact = case.exact("stored", 192)
        curve = total_variation(case.chain, 6)
        for n in range(7):
            assert curve.low[n] <= curve.values[n] <= curve.high[n]
            assert not exact.distance(n) < balls.arb(float(curve.low[n]))
            assert not exact.distance(n) > balls.arb(float(curve.high[n]))
        assert curve.error < 1e-11


def test_a_curve_errs_by_its_law_and_by_every_step() -> None:
    chain = random_chain("dense", 2, 3, 1)
    law = stationary_distribution(chain)
    curve = total_variation(chain, 200, 0, law)
    wide = (curve.high - curve.values)[[0, 200]]
    assert wide[0] >= law.error
    assert wide[1] >= law.error + 200 * chain.rounding / 2
    uncertified = type(law)(**{**law.__dict__, "error": math.inf, "why": "so"})
    unknown = total_variation(chain, 3, 0, uncertified)
    assert unknown.why == "so"
    assert np.isinf([unknown.low, unknown.high]).all()


def test_a_gap_does_not_depend_on_tokens_that_nothing_depends_on() -> None:
    chain = with_rows([[0.8, 0.2], [0.5, 0.5]])
    for L in (1, 2, 9, 20):
        gap = spectral_gap(extended(chain, L))
        assert gap.value == pytest.approx(0.7, abs=1e-7)
        assert not gap.certified
    alone = spectral_gap(Chain.from_probs(np.tile([0.3, 0.7], (16, 1)), "ab", 4))
    assert (alone.low, alone.high) == (1, 1)


def test_a_gap_is_not_one_where_that_is_not_known() -> None:
    # Three independent letters as one token of eight: zero in blocks of three.
    words = Chain.from_probs(np.tile([0.3, 0.7], (8, 1)), "ab", 3)
    gap = spectral_gap(with_rows(words.to_csr().toarray().tolist()))
    assert gap.value == pytest.approx(1 - 2 * np.finfo(float).eps ** (1 / 3), rel=1e-12)
    assert "cannot be told from zero" in gap.why
