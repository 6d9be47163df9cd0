"""Texts turned into few symbols, so that their chains are small."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from finitegpt.arguments import shown
from finitegpt.errors import InputError

RARE = "*"
"""What `words:N` puts for words that occur less than N times."""

_VOWELS = frozenset("aeiouæœøıаеиоуыэюяієѣѵѧѫ")
_SILENT = frozenset("ъь")
_CONSONANTS = frozenset("йў")  # not vowels with a breve, which they are made of


def transform(text: str, name: str) -> str | list[str]:
    """The text as symbols: characters joined, or a list of words; `Data.from_symbols` takes both.

    - `characters`: as it is
    - `letters`: a to z without case or accents, and one space for anything between them (Shannon 1951)
    - `bits`: 0 and 1, eight for every byte of UTF-8, most significant first
    - `vowels`: `v` for vowels, `c` for consonants, of Latin and Cyrillic letters; `y` is a consonant, and the hard and
      soft signs are left out, as Markov did with Eugene Onegin (1913)
    - `dna`: A, C, G and T without case; header lines of FASTA and everything else are left out
    - `words`: without case; `words:5` has `*` for those that occur less than 5 times

    Raises InputError on another name, and where nothing is left.

    >>> transform("Ça va?", "letters"), transform("Onegin", "vowels"), transform("The cat. The dog!", "words:2")
    ('ca va', 'vcvcvc', ['the', '*', 'the', '*'])
    """
    for value in (text, name):
        if not isinstance(value, str):
            raise InputError(f"expected a text and the name of a transform, got {shown(value)}; try characters")
    kind, colon, least = name.partition(":")
    if kind == "words" and (not colon or (least.isascii() and least.isdigit())):
        symbols: str | list[str] = _words(text, int(least[:18] or 1))
    elif name in _PLAIN:
        symbols = _PLAIN[name](text)
    else:
        raise InputError(f"expected a transform, got {name!r}; try one of {', '.join(TRANSFORMS)}, words:5")
    if not symbols:
        raise InputError(f"expected a text with {kind} in it, got one without; try characters")
    return symbols


def transform_all(texts: Sequence[str], name: str) -> list[str | list[str]]:
    """Several texts as symbols, one after the other; what is rare, as in `words:5`, is so in all of them together.

    >>> transform_all(["The cat.", "The dog!"], "words:2")
    [['the', '*'], ['the', '*']]
    """
    if isinstance(texts, str) or not isinstance(texts, Sequence):
        raise InputError(f"expected a list of texts, got {shown(texts)}; try transform for one")
    if not isinstance(name, str) or name.partition(":")[0] != "words":
        return [transform(text, name) for text in texts]
    transform("word", name)  # checks the name
    found = [list(transform(text, "words")) for text in texts]
    counts, least = Counter(word for one in found for word in one), int(name.partition(":")[2][:18] or 1)
    return [[word if counts[word] >= least else RARE for word in one] for one in found]


def _letters(text: str) -> str:
    base = "".join(sign for sign in unicodedata.normalize("NFD", text.casefold()) if not unicodedata.combining(sign))
    return " ".join(re.findall("[a-z]+", base))


def _bits(text: str) -> str:
    try:
        raw = np.frombuffer(text.encode(), np.uint8)
    except UnicodeEncodeError:
        raise InputError("expected Unicode text, got bytes that are none; try saving it as UTF-8") from None
    return (np.unpackbits(raw) + ord("0")).tobytes().decode("ascii")


def _vowels(text: str) -> str:
    plain = unicodedata.normalize("NFC", text.casefold())
    return plain.translate({ord(sign): _vowel(sign) for sign in set(plain)})


def _vowel(sign: str) -> str:
    if sign in _CONSONANTS:
        return "c"
    base = unicodedata.normalize("NFD", sign)[0]
    if base in _VOWELS:
        return "v"
    known = base.isalpha() and unicodedata.name(base, "").startswith(("LATIN", "CYRILLIC"))
    return "c" if known and base not in _SILENT else ""


def _dna(text: str) -> str:
    lines = (line for line in text.splitlines() if not line.startswith((">", ";")))
    return re.sub("[^ACGT]+", "", "".join(lines).upper())


def _words(text: str, least: int) -> list[str]:
    found = re.findall(r"[^\W_]+(?:['’][^\W_]+)*", unicodedata.normalize("NFC", text.casefold()))
    counts = Counter(found)
    return [word if counts[word] >= least else RARE for word in found]


_PLAIN: dict[str, Callable[[str], str]] = {
    "characters": str,
    "letters": _letters,
    "bits": _bits,
    "vowels": _vowels,
    "dna": _dna,
}

TRANSFORMS = (*_PLAIN, "words")
"""The names that `transform` knows; `words` takes a least count after a colon."""
