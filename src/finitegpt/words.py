"""How numbers are written: every digit that is shown is proved.

A number is known by an interval from `low` to `high`. What is written of it depends on the interval alone, and is true
of every number in it:

- `0.462098`: right to within half a unit of the last digit, three to six digits;
- `0.46 ± 0.02`, where it is known to less than three digits, and `0.1 to 0.8`, where the interval is wide;
- `below 5e-15`, `at least 371`, `at most -2`, where one side is all that is known, and `infinite`;
- `0.25 (uncertified)`, where nothing is: only then is the computed value looked at.

All of it in whole numbers, so that numbers.js of the page writes the same, digit for digit.
"""

import math

from finitegpt.errors import InputError

WORDS = {
    "uncertified": "{x} (uncertified)",
    "unknown": "unknown",
    "error": "{x} ± {error}",
    "range": "{low} to {high}",
    "below": "below {x}",
    "least": "at least {x}",
    "most": "at most {x}",
    "infinite": "infinite",
}
"""The words beside numbers; the page has them in every language, with `number.` before the key."""

DIGITS = 6
"""So many significant digits at most."""

_FEWEST = 3
_SHARE = 3
_TINY = 1e-3  # what lies between 0 and less than this is `below`: no double there has two digits alone


def number(value: float, low: float = -math.inf, high: float = math.inf) -> str:
    """A number that is proved to lie between `low` and `high`; `value` counts where they are infinite.

    InputError for what is no number or no interval.

    >>> number(0.4620981, 0.4620981 - 1e-12, 0.4620981 + 1e-12), number(0.46, 0.447, 0.474), number(2.0, 1.0, 4.0)
    ('0.462098', '0.46 ± 0.02', '1 to 4')
    >>> number(1.8e-26, 0.0, 4.95e-15), number(371.6, 371.6), number(0.25), number(1.0, 1.0, 1.0)
    ('below 5e-15', 'at least 371', '0.25 (uncertified)', '1')
    """
    return _written(value, low, high, 1, "", DIGITS)


def percent(value: float, low: float = -math.inf, high: float = math.inf) -> str:
    """A share in percent, to three digits; an interval from 0 to 1 says nothing of it.

    >>> percent(2 / 3, 0.66666, 0.66667), percent(0.5, 0.48, 0.52), percent(0.0, 0.0, 1e-9), percent(0.25)
    ('66.7 %', '50 ± 3 %', 'below 1.1e-7 %', '25 % (uncertified)')
    """
    if low <= 0 and high >= 1:
        low, high = -math.inf, math.inf
    return _written(value, low, high, 100, " %", _SHARE)


def tokens(low: float, high: float) -> str:
    """A time in whole tokens that is proved to lie between two.

    >>> tokens(371, 371), tokens(12, 4096), tokens(371, math.inf), tokens(math.inf, math.inf)
    ('371 tokens', '12 to 4,096 tokens', '371 tokens or more', 'none, it never settles')
    """
    if low == math.inf:
        return "none, it never settles"
    if high == math.inf:
        return f"{math.floor(low):,} tokens or more" if low > 0 else WORDS["unknown"]
    least, most = math.floor(low), math.ceil(high)
    if least == most:
        return count(least, "token")
    return f"{least:,} to {most:,} tokens" if most < 10**15 else f"{number(low, low, high)} tokens"


def count(n: int, noun: str) -> str:
    """A number and what it counts.

    >>> count(1, "state"), count(4096, "state")
    ('1 state', '4,096 states')
    """
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def short(n: int) -> str:
    """A number of states, rounded where it is long.

    >>> short(1048576), short(50257**2048)
    ('1,048,576', '1.1e9628')
    """
    if n < 10**15:
        return f"{n:,}"
    exponent, fraction = divmod(math.log10(n), 1)
    return f"{10**fraction:.1f}e{exponent:.0f}"


def upward(x: float) -> str:
    """A bound above 0, such as an error: to two digits, never less than it is.

    >>> upward(3.141e-14), upward(0.25)
    ('3.2e-14', '0.25')
    """
    if not 0 <= x < math.inf:
        raise InputError(f"expected a number of 0 or more, got {x}; try its absolute value")
    return _bound(*x.as_integer_ratio(), digits=2, up=True)


def _written(value: float, low: float, high: float, scale: int, unit: str, most: int) -> str:
    value, low, high = float(value), float(low), float(high)
    if math.isnan(value) or not low <= high:
        raise InputError(f"expected a number in an interval, got {value} from {low} to {high}; try without one")
    if low == math.inf or high == -math.inf:
        return ("" if low > 0 else "-") + WORDS["infinite"]
    if high == math.inf:
        if low in (0, -math.inf):
            return WORDS["uncertified"].format(x=_computed(value, scale, most) + unit)
        return WORDS["least"].format(x=_bound(*_ratio(low, scale), digits=_FEWEST, up=False) + unit)
    if low == -math.inf:
        return WORDS["most"].format(x=_bound(*_ratio(high, scale), digits=_FEWEST, up=True) + unit)
    (a, q), (b, other) = _ratio(low, scale), _ratio(high, scale)
    a, b, q = a * other, b * q, q * other  # the interval, in units of 1 / q
    if a == b:
        return _exact(a, q, most) + unit
    if a == 0 and high < _TINY:
        return WORDS["below"].format(x=_bound(b, q, digits=2, up=True) + unit)
    if a > 0 or b < 0:
        top = _exponent(abs(a + b), 2 * q)
        # More digits than asked for where the truth lies between two that are as near as each other.
        for digits in (*range(most, _FEWEST - 1, -1), most + 1):
            plain = _nearest(a, b, q, top + 1 - digits)
            if plain is not None:
                return _plain(plain, top + 1 - digits) + unit
        if 10 * (b - a) <= abs(a + b):
            shown, error = _around(a, b, q)
            return WORDS["error"].format(x=shown, error=error + unit)
    below, above = (_bound(x, q, digits=_FEWEST, up=up) for x, up in ((a, False), (b, True)))
    return WORDS["range"].format(low=below, high=above + unit)


def _ratio(x: float, scale: int) -> tuple[int, int]:
    p, q = x.as_integer_ratio()
    return p * scale, q


def _exponent(p: int, q: int) -> int:
    """The place of the first digit of p / q > 0: 0 for units, -1 for tenths."""
    place = len(str(p)) - len(str(q))
    p, q = _in_units(p, q, place)
    return place if p >= q else place - 1


def _in_units(p: int, q: int, place: int) -> tuple[int, int]:
    """p / q in units of 10**place."""
    return (p * 10**-place, q) if place <= 0 else (p, q * 10**place)


def _nearest(a: int, b: int, q: int, place: int) -> int | None:
    """The whole number of units from which neither end is farther than half a unit."""
    (a, d), (b, _) = _in_units(a, q, place), _in_units(b, q, place)
    n = (a + b + d) // (2 * d)
    return n if 2 * max(b - n * d, n * d - a) <= d else None


def _plain(n: int, place: int) -> str:
    """Digits that are all proved, six at most."""
    if abs(n) == 10**DIGITS:  # rounded up to one more
        n, place = n // 10, place + 1
    return _digits(n, place)


def _exact(a: int, q: int, most: int) -> str:
    """A number that is known: without zeros at its end where its digits are all there are, but for a double's last."""
    if a == 0:
        return "0"
    place = _exponent(abs(a), q) + 1 - most
    (p, d), n = _in_units(a, q, place), _nearest(a, a, q, place) or 0
    return _stripped(n, place) if abs(n * d - p) << 53 <= abs(p) else _plain(n, place)


def _computed(value: float, scale: int, most: int) -> str:
    """A number that nothing is known of: the nearest of so many digits."""
    if value == 0 or math.isinf(value):
        return "0" if value == 0 else ("" if value > 0 else "-") + WORDS["infinite"]
    a, q = _ratio(value, scale)
    place = _exponent(abs(a), q) + 1 - most
    return _stripped(_nearest(a, a, q, place) or 0, place)


def _around(a: int, b: int, q: int) -> tuple[str, str]:
    """The middle of an interval, and an error that reaches both ends: one digit of it, or two where one is wasteful."""
    first = _exponent(b - a, 2 * q)
    n = error = place = 0
    for place in (first, first - 1):
        (low, d), (high, _) = _in_units(a, q, place), _in_units(b, q, place)
        n = (low + high + d) // (2 * d)
        error = -(-max(high - n * d, n * d - low) // d)
        if 4 * error * d <= 3 * (high - low):
            break
    if n % 10 == error % 10 == 0:
        n, error, place = n // 10, error // 10, place + 1
    return _digits(n, place, zeros=True), _digits(error, place, zeros=True)


def _bound(p: int, q: int, *, digits: int, up: bool) -> str:
    """p / q rounded to one side."""
    if p == 0:
        return "0"
    place = _exponent(abs(p), q) + 1 - digits
    p, q = _in_units(p, q, place)
    return _stripped(-(-p // q) if up else p // q, place)


def _stripped(n: int, place: int) -> str:
    """Without zeros at the end of a fraction; those before the point stay."""
    while n and n % 10 == 0:
        n, place = n // 10, place + 1
    return _digits(n, place, zeros=True)


def _digits(n: int, place: int, *, zeros: bool = False) -> str:
    """n * 10**place, with all digits of n; with `zeros`, more may be written before the point."""
    sign, text = "-" if n < 0 else "", str(abs(n))
    first = len(text) - 1 + place
    if not -4 <= first < DIGITS or (place > 0 and not zeros):
        return f"{sign}{text[0]}{'.' if len(text) > 1 else ''}{text[1:]}e{first}"
    if place >= 0:
        return sign + text + "0" * place
    text = text.rjust(1 - place, "0")
    return f"{sign}{text[:place]}.{text[place:]}"
