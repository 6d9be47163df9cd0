"""Sources by name, as they are typed: `even`, `mess3:0.15,0.6`, `0.3*golden_mean+0.7*even`."""

from collections.abc import Callable
from urllib.parse import unquote

from finitegpt.arguments import shown
from finitegpt.errors import InputError
from finitegpt.sources import known
from finitegpt.sources.source import Source

_KINDS: dict[str, tuple[Callable[..., Source], int, int]] = {
    "bernoulli": (known.bernoulli, 0, 1),
    "even": (known.even, 0, 1),
    "golden_mean": (known.golden_mean, 0, 1),
    "mess3": (known.mess3, 0, 2),
    "rrxor": (known.rrxor, 0, 0),
    "sns": (known.sns, 0, 2),
    "two_state": (known.two_state, 2, 2),
    "z1r": (known.z1r, 0, 0),
}
"""Sources whose parameters are numbers, with the least and the most of them."""

NAMES = (*_KINDS, "markov", "periodic")
"""The names that `parse` knows."""

_DEEPEST = 20


def parse(name: str) -> Source:
    """The source of a name; `parse(source.name)` is the same source again.

    Parameters follow a colon: `bernoulli:0.3`, `periodic:011`. The rows of a `markov` chain are set apart by slashes,
    and a second colon gives its vocabulary: `markov:0.1,0.9/0.5,0.5:a,b`. A plus sign mixes sources, with weights if
    wanted: `golden_mean+even`, `0.3*even+0.7*z1r`. A sign that would be misread is written as in a link: %2B for +.
    Hyphens do for underscores. Raises InputError on anything else.

    >>> parse("golden-mean:0.3").name
    'golden_mean:0.3'
    """
    if not isinstance(name, str):
        raise InputError(f"expected the name of a source, got {shown(name)}; try one of {', '.join(NAMES)}")
    return _parse(name, _DEEPEST)


def _parse(name: str, depth: int) -> Source:
    if depth == 0:
        raise InputError(f"expected at most {_DEEPEST} mixtures inside each other, got more; try fewer parentheses")
    terms = [_term(term, name) for term in _split(name)]
    if len(terms) == 1 and terms[0][0] is None:
        return _parse(inner, depth - 1) if (inner := _inside(terms[0][1])) else _single(terms[0][1])
    weights = [weight for weight, _ in terms if weight is not None]
    if weights and len(weights) < len(terms):
        raise InputError(f"expected a weight for every source or for none, got {name!r}; try 0.3*golden_mean+0.7*even")
    sources = [_parse(source, depth - 1) for _, source in terms]
    return known.mixture(sources, weights or None)


def _split(name: str) -> list[str]:
    """The terms between plus signs that are outside parentheses."""
    terms, depth = [""], 0
    for sign in name:
        depth += (sign == "(") - (sign == ")")
        if depth < 0:
            break
        if sign == "+" and depth == 0:
            terms.append("")
        else:
            terms[-1] += sign
    if depth:
        raise InputError(f"expected parentheses in pairs, got {name!r}; try (golden_mean+even)+z1r")
    return [term.strip() for term in terms]


def _term(term: str, name: str) -> tuple[float | None, str]:
    head, star, rest = term.partition("*")
    if not star or "(" in head:
        return None, term
    numbers = _numbers(head, name)
    if len(numbers) > 1:
        raise InputError(f"expected one weight for each source, got {head!r}; try 0.3*golden_mean+0.7*even")
    return numbers[0], rest.strip()


def _inside(term: str) -> str:
    return term[1:-1] if term.startswith("(") and term.endswith(")") else ""


def _single(name: str) -> Source:
    kind, _, rest = (part.strip() for part in name.partition(":"))
    kind = kind.replace("-", "_")
    if kind == "periodic":
        return known.periodic(unquote(rest))
    if kind == "markov":
        rows, colon, vocab = rest.partition(":")
        matrix = [_numbers(row, name) for row in rows.split("/")]
        if len({len(row) for row in matrix}) > 1:
            raise InputError(f"expected rows of the same length, got {name!r}; try markov:0.1,0.9/0.5,0.5")
        return known.markov(matrix, [unquote(symbol) for symbol in vocab.split(",")] if colon else None)
    if kind not in _KINDS:
        raise InputError(f"expected a source, got {name!r}; try one of {', '.join(NAMES)}")
    make, least, most = _KINDS[kind]
    values = _numbers(rest, name) if rest else []
    if not least <= len(values) <= most:
        wanted = str(most) if least == most else f"{least} to {most}"
        example = f"{kind}:{','.join(['0.5'] * most)}" if most else kind
        raise InputError(f"expected {wanted} numbers for {kind}, got {len(values)} in {name!r}; try {example}")
    return make(*values)


def _numbers(text: str, name: str) -> list[float]:
    try:
        return [float(number) for number in text.split(",")]
    except ValueError:
        raise InputError(f"expected numbers, got {text!r} in {name!r}; try bernoulli:0.3") from None
