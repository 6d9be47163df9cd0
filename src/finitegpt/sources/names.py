"""Sources by name, as they are typed: `even`, `mess3:0.15,0.6`, `0.3*golden_mean+0.7*even`."""

from collections.abc import Callable
from urllib.parse import unquote

from finitegpt.arguments import shown
from finitegpt.errors import InputError
from finitegpt.sources import known
from finitegpt.sources.prior import Dirichlet, dirichlet
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

NAMES = (*_KINDS, "dirichlet", "markov", "periodic")
"""The names that `parse` knows."""

_DEEPEST = 20


def parse(name: str) -> Source | Dirichlet:
    """The source or the prior of a name; `parse(source.name)` is the same again.

    Parameters follow a colon: `bernoulli:0.3`, `periodic:011`. The rows of a `markov` chain are set apart by slashes,
    and a second colon gives its vocabulary: `markov:0.1,0.9/0.5,0.5:a,b`. A plus sign mixes sources, with weights if
    wanted: `golden_mean+even`, `0.3*even+0.7*z1r`. An at sign gives the probabilities of the hidden states with which
    a source begins: `even@1,0`; a third colon, those of the first token of a chain: `markov:0.1,0.9/0.5,0.5::1,0`. A
    Dirichlet prior has the number of tokens, alpha and the order: `dirichlet:2,0.5,1`, then a vocabulary after a colon
    and its first tokens after an at sign. A sign that would be misread is written as in a link: %2B for +.
    Hyphens do for underscores. Raises InputError on anything else.

    >>> parse("golden-mean:0.3").name
    'golden_mean:0.3'
    """
    if not isinstance(name, str):
        raise InputError(f"expected the name of a source, got {shown(name)}; try one of {', '.join(NAMES)}")
    return _parse(name, _DEEPEST)


def _parse(name: str, depth: int) -> Source | Dirichlet:
    if depth == 0:
        raise InputError(f"expected at most {_DEEPEST} mixtures inside each other, got more; try fewer parentheses")
    terms = [_term(term, name) for term in _split(name)]
    if len(terms) == 1 and terms[0][0] is None:
        whole, at, start = terms[0][1].rpartition("@")
        if at and ")" not in start:
            return _parse(whole, depth - 1).begun(_numbers(start, name))
        return _parse(inner, depth - 1) if (inner := _inside(terms[0][1])) else _single(terms[0][1])
    weights = [weight for weight, _ in terms if weight is not None]
    if weights and len(weights) < len(terms):
        raise InputError(f"expected a weight for every source or for none, got {name!r}; try 0.3*golden_mean+0.7*even")
    sources = [_parse(source, depth - 1) for _, source in terms]
    return known.mixture(sources, weights or None)  # type: ignore[arg-type]  (it refuses a prior)


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


def _single(name: str) -> Source | Dirichlet:
    kind, _, rest = (part.strip() for part in name.partition(":"))
    kind = kind.replace("-", "_")
    if kind == "periodic":
        return known.periodic(unquote(rest))
    if kind == "markov":
        rows, colon, vocab = rest.partition(":")
        vocab, begins, first = vocab.partition(":")
        matrix = [_numbers(row, name) for row in rows.split("/")]
        if len({len(row) for row in matrix}) > 1:
            raise InputError(f"expected rows of the same length, got {name!r}; try markov:0.1,0.9/0.5,0.5")
        symbols = [unquote(symbol) for symbol in vocab.split(",")] if vocab or (colon and not begins) else None
        return known.markov(matrix, symbols, _numbers(first, name) if begins else None)
    if kind == "dirichlet":
        return _dirichlet(rest, name)
    if kind not in _KINDS:
        raise InputError(f"expected a source, got {name!r}; try one of {', '.join(NAMES)}")
    make, least, most = _KINDS[kind]
    values = _numbers(rest, name) if rest else []
    if not least <= len(values) <= most:
        wanted = str(most) if least == most else f"{least} to {most}"
        example = f"{kind}:{','.join(['0.5'] * most)}" if most else kind
        raise InputError(f"expected {wanted} numbers for {kind}, got {len(values)} in {name!r}; try {example}")
    return make(*values)


def _dirichlet(rest: str, name: str) -> Dirichlet:
    values, colon, vocab = rest.partition(":")
    V, alpha, order = [*(_numbers(values, name) if values else []), *(None,) * 3][:3]
    if values.count(",") > 2 or not all(x is None or x.is_integer() for x in (V, order)):
        raise InputError(f"expected a number of tokens, alpha and an order, got {name!r}; try dirichlet:2,1,1")
    symbols = [unquote(symbol) for symbol in vocab.split(",")] if colon else int(2 if V is None else V)
    if colon and len(symbols) != V:  # type: ignore[arg-type]
        raise InputError(f"expected as many symbols as tokens, got {name!r}; try dirichlet:2,1,1:a,b")
    return dirichlet(symbols, 1.0 if alpha is None else alpha, 1 if order is None else int(order))


def _numbers(text: str, name: str) -> list[float]:
    try:
        return [float(number) for number in text.split(",")]
    except ValueError:
        raise InputError(f"expected numbers, got {text!r} in {name!r}; try bernoulli:0.3") from None
