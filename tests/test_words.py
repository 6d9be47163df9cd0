"""What is written of a number is true of every number in its interval."""

import math
import re
from dataclasses import replace
from fractions import Fraction
from io import StringIO

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console

from finitegpt import Chain, InputError
from finitegpt.analysis import Bound
from finitegpt.page import strings
from finitegpt.report.analysis import print_analysis, summary_json
from finitegpt.report.sections import sections
from finitegpt.summary import summarise
from finitegpt.words import WORDS, number, percent, tokens, upward

INF = math.inf
ANY = st.floats(allow_nan=False, allow_infinity=False)
NUMBER = r"-?\d+(?:\.\d+)?(?:e-?\d+)?"

Claim = tuple[Fraction | float, Fraction | float]


def unit(text: str) -> Fraction:
    """The last digit's unit."""
    mantissa, _, exponent = text.partition("e")
    return Fraction(10) ** (int(exponent or 0) - len(mantissa.partition(".")[2]))


def significant(text: str) -> int:
    digits = text.lstrip("-").partition("e")[0].replace(".", "").lstrip("0")
    return len(digits)


def claim(text: str) -> Claim:
    """What a text says: the interval that it is read as."""
    if text == "infinite":
        return INF, INF
    if text == "-infinite":
        return -INF, -INF
    if re.fullmatch(NUMBER, text):
        half = unit(text) / 2 if text != "0" else 0
        return Fraction(text) - half, Fraction(text) + half
    for pattern, read in (
        (rf"({NUMBER}) ± ({NUMBER})", lambda x, e: (x - e, x + e)),
        (rf"({NUMBER}) to ({NUMBER})", lambda x, y: (x, y)),
        (rf"below ({NUMBER})", lambda x: (Fraction(0), x)),
        (rf"at least ({NUMBER})", lambda x: (x, INF)),
        (rf"at most ({NUMBER})", lambda x: (-INF, x)),
        (r".* \(uncertified\)", lambda: (-INF, INF)),
    ):
        if found := re.fullmatch(pattern, text):
            return read(*map(Fraction, found.groups()))
    raise AssertionError(text)


def is_true(text: str, low: float, high: float, scale: int = 1) -> bool:
    below, above = claim(text)
    a, b = (x if math.isinf(x) else Fraction(x) * scale for x in (low, high))
    return below <= a and b <= above


@st.composite
def intervals(draw: st.DrawFn) -> tuple[float, float, float]:
    """Around any number, as narrow or as wide as it happens: by far, by last digits, or not at all."""
    kind = draw(st.sampled_from(["any", "near", "plain", "exact", "zero", "side"]))
    x = draw(st.one_of(ANY, st.floats(-10, 10), st.integers(-(10**7), 10**7).map(float)))
    if kind == "any":
        low, high = sorted((x, draw(ANY)))
    elif kind == "near":
        error = abs(x) * 10 ** draw(st.floats(-17, 1))
        low, high = x - error, x + error * draw(st.floats(0, 1))
    elif kind == "plain":  # ends with few digits, where ties are
        step = 10.0 ** draw(st.integers(-8, 3))
        middle = draw(st.integers(-20_000, 20_000)) / 2 * step
        low, high = middle - draw(st.integers(0, 20)) / 2 * step, middle + draw(st.integers(0, 20)) / 2 * step
    elif kind == "zero":
        low, high = 0.0, abs(x) * 10 ** draw(st.floats(-320, 0))
    else:
        low = high = x
    if kind == "side":
        low, high = draw(st.sampled_from([(x, INF), (-INF, x), (-INF, INF), (INF, INF), (-INF, -INF), (0.0, INF)]))
    low, high = min(low, high), max(low, high)
    return draw(st.sampled_from([low, high, 0.25])), low, high


@settings(max_examples=3000)
@example((1.0, math.nextafter(1, 0), 1.0))
@example((0.0, -5e-324, 5e-324))
@example((0.0, -1.7e308, 1.7e308))
@example((0.0, 0.99999949, 0.9999995))
@example((0.0, 9.9999995, 9.9999996))
@given(intervals())
def test_whatever_is_written_is_true_of_all_that_the_interval_holds(interval: tuple[float, float, float]) -> None:
    value, low, high = interval
    text = number(value, low, high)
    assert is_true(text, low, high), (text, low, high)
    assert all(significant(part) <= 6 for part in re.findall(NUMBER, text) if not part.endswith("00")), text
    if high < 0 < -low < INF:  # the same with a sign
        assert number(-value, -high, -low).count("±") == text.count("±")


@settings(max_examples=500)
@given(intervals())
def test_shares_too(interval: tuple[float, float, float]) -> None:
    value, low, high = (min(max(x, 0.0), 1.0) for x in interval)
    text = percent(value, low, high)
    assert text.endswith(" %") or (low, high) == (0, 1)
    assert is_true(text.replace(" %", ""), low, high, 100), (text, low, high)


@settings(max_examples=500)
@given(middle=st.floats(1e-3, 1e3), relative=st.floats(-16, -4.7).map(lambda e: 10**e))
def test_digits_are_shown_where_they_are_proved(middle: float, relative: float) -> None:
    text = number(middle, middle * (1 - relative), middle * (1 + relative))
    assert re.fullmatch(NUMBER, text), text
    assert significant(text) >= min(6, math.floor(-math.log10(4.1 * relative)) - 1)
    wide = number(middle, middle * (1 - 0.03), middle * (1 + 0.03))
    assert re.fullmatch(rf"{NUMBER} ± {NUMBER}", wide)
    _, error = wide.split(" ± ")
    assert float(error) <= 1.51 * 0.03 * middle  # no wider than it must be
    assert re.fullmatch(rf"{NUMBER} to {NUMBER}", number(middle, middle / 2, middle * 2))


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (1, 1, "1"),
        (0, 0, "0"),
        (-0.0, 0.0, "0"),
        (-2, -2, "-2"),
        (0.1, 0.1, "0.1"),
        (371000, 371000, "371000"),
        (1 / 3, 1 / 3, "0.333333"),
        (0.9999999999999999, 1, "1.00000"),
        (0.30000000000000004, 0.30000000000000004, "0.300000"),  # not the double next to 0.3
        (2.0000001, 2.0000001, "2.00000"),
        (1.81123e-26, 1.81123e-26, "1.81123e-26"),
        (1e308, 1e308, "1e308"),
        (5e-324, 5e-324, "4.94066e-324"),
        (0, 5e-324, "below 5e-324"),
        (0, 4.95e-15, "below 5e-15"),
        (0, 0.8, "0 to 0.801"),
        (0.125, 0.75, "0.125 to 0.75"),
        (0.4, 0.5, "0.4 to 0.5"),
        (0.4, 0.48, "0.44 ± 0.04"),
        (-1, 0.5, "-1 to 0.5"),
        (0.44, 0.48, "0.46 ± 0.02"),
        (-0.48, -0.44, "-0.46 ± 0.02"),
        (1.79e-26, 1.83e-26, "1.81e-26 ± 2e-28"),
        (123400, 123490, "1.23e5"),
        (371.9, INF, "at least 371"),
        (-INF, -2.5, "at most -2.5"),
        (INF, INF, "infinite"),
        (-INF, -INF, "-infinite"),
        (0, INF, "0.25 (uncertified)"),
        (-INF, INF, "0.25 (uncertified)"),
    ],
)
def test_as_it_is_read(low: float, high: float, text: str) -> None:
    assert number(0.25, low, high) == text


def test_what_nothing_is_known_of() -> None:
    assert number(INF) == "infinite (uncertified)"
    assert number(-INF) == "-infinite (uncertified)"
    assert number(0.0) == "0 (uncertified)"
    assert number(1.234567890) == "1.23457 (uncertified)"
    assert percent(0.123456) == "12.3 % (uncertified)"
    assert percent(0.123456, 0, 1) == "12.3 % (uncertified)"


def test_a_sure_share_and_one_that_only_seems_so_differ() -> None:
    assert percent(1, 1, 1) == "100 %"
    assert percent(1, 1 - 1e-15, 1) == "100.0 %"
    assert percent(0, 0, 0) == "0 %"
    assert percent(0, 0, 1e-15) == "below 1.1e-13 %"
    assert percent(0.5, 0.445, 0.475) == "46 ± 2 %"
    assert percent(0.6665, 0.6665 - 1e-9, 0.6665 + 1e-9) == "66.65 %"  # no nearer to 66.6 than to 66.7
    assert percent(0.5, 0.1, 0.75) == "10 to 75 %"


@pytest.mark.parametrize("numbers", [(math.nan, 0, 1), (0, math.nan, 1), (0, 0, math.nan), (0.5, 1, 0), (0, INF, -INF)])
def test_what_is_no_number_is_refused(numbers: tuple[float, float, float]) -> None:
    with pytest.raises(InputError, match=r"expected .* got .* try "):
        number(*numbers)


@settings(max_examples=300)
@given(x=st.floats(0, allow_infinity=False))
def test_bounds_are_rounded_up(x: float) -> None:
    assert Fraction(x) <= Fraction(upward(x)) <= Fraction(x) * Fraction(111, 100)
    assert significant(upward(x)) <= 2 or x >= 100
    for bad in (-1.0, INF, math.nan):
        with pytest.raises(InputError):
            upward(bad)


def test_times_in_tokens() -> None:
    assert tokens(1, 1) == "1 token"
    assert tokens(3.2, 7.5) == "3 to 8 tokens"
    assert tokens(12, 40) == "12 to 40 tokens"
    assert tokens(3, 123456) == "3 to 123,456 tokens"
    assert tokens(3, 1.3e20) == "3 to 1.3e20 tokens"
    assert tokens(0, INF) == "unknown"


def test_the_page_has_the_same_words() -> None:
    english, chinese = strings()["en"], strings()["zh"]
    assert {key.removeprefix("number."): text for key, text in english.items() if key.startswith("number.")} == WORDS
    assert all(chinese[f"number.{key}"] != text for key, text in WORDS.items() if key != "error")


def test_reports_say_each_reason_once() -> None:
    chain = Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1)
    summary = summarise(chain, red=["b"])
    reason = "it mixes too slowly; try a higher temperature"
    unknown = Bound(0.25, why=reason)
    doubtful = replace(summary, entropy_rate=unknown, red=[replace(summary.red[0], ever=unknown, survival=unknown)])
    found = {section.name: section for section in sections(doubtful)}
    assert found["random"].why == found["red"].why == [reason]
    assert found["mixing"].why == []
    assert found["red"].rows[0] == ["ever", "0.25 (uncertified)"]
    out = StringIO()
    print_analysis(Console(file=out, width=80), doubtful, {})
    assert out.getvalue().count(reason) == 2
    said = summary_json(doubtful, {})
    assert said["entropy_rate"] == {"value": 0.25, "low": None, "high": None, "certified": False, "why": reason}


def test_what_json_says_without_a_certificate_is_named() -> None:
    summary = summarise(Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1), red=["b"])
    said = summary_json(summary, {})
    assert {"timescales", "eigenvalues"} <= set(said["uncertified"])
    assert not {"machine.kl_rate", "red.arrow.share", "data_cross_entropy", "memory.true_h"} & set(said["uncertified"])
    assert (said["machine"]["certified"], said["red"][0]["arrow"]["certified"]) == (True, True)
    assert (
        said["machine"]["kl_rate_bound"]["low"]
        <= said["machine"]["kl_rate"]
        <= said["machine"]["kl_rate_bound"]["high"]
    )
    assert said["red"][0]["arrow"]["share_bound"]["certified"]
    assert all(row["certified"] and row["low"] <= row["probability"] <= row["high"] for row in said["top_states"])
    assert [row["value"] for row in said["memory"]["bounds"]] == said["memory"]["h"]


def test_shares_in_reports_are_as_certain_as_their_law() -> None:
    chain = Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1)
    summary = summarise(chain)
    end = summary.classes[0]

    def shown(error: float) -> list[list[str]]:
        doubtful = replace(summary, classes=[replace(end, law=replace(end.law, error=error, relative=INF))])
        return next(section.rows for section in sections(doubtful) if section.name == "long run")

    assert shown(end.law.error) == [["a", "83.3 %"], ["b", "16.7 %"]]
    assert shown(0.01) == [["a", "83.3 ± 1.1 %"], ["b", "16.7 ± 1.1 %"]]
    assert shown(0.3) == [["a", "53.3 to 100 %"], ["b", "0 to 46.7 %"]]
    assert shown(INF) == [["a", "83.3 % (uncertified)"], ["b", "16.7 % (uncertified)"]]
