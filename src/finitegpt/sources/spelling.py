"""How names of sources write numbers and symbols, so that `parse` reads them back."""

from urllib.parse import quote

SYMBOLS = "0123456789abcdefghijklmnopqrstuvwxyz"
"""The tokens of a source that is given no vocabulary."""


def number_text(value: float) -> str:
    """The shortest text that reads as the same number; without a plus sign, which would look like a mixture."""
    return repr(float(value)).removesuffix(".0").replace("e+", "e")


def escape(symbols: str) -> str:
    """Percent-encodes signs that mean something in a name."""
    return "".join(sign if sign.isalnum() else quote(sign, safe="_-.") for sign in symbols)
