"""Famous processes, each with its exact law."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from finitegpt.arguments import number, numbers, shown
from finitegpt.errors import InputError, TooLargeError
from finitegpt.graph import Graph
from finitegpt.sources.belief import Floats
from finitegpt.sources.source import Source
from finitegpt.sources.spelling import SYMBOLS, escape, number_text
from finitegpt.symbols import require_symbols, symbols_of, vocabulary

_MOST_HIDDEN = 1024


def bernoulli(p: float = 0.5) -> Source:
    """Independent tokens, 1 with probability p. Entropy rate H(p) = -p ln p - (1-p) ln (1-p) (Jakob Bernoulli 1713).

    >>> bernoulli(0.5).memory(1).round(6)
    array([0.693147, 0.693147])
    """
    _require_probabilities(p=p)
    return _binary(_name("bernoulli", (p,), (0.5,)), {(0, 0, 0): 1 - p, (1, 0, 0): p}, [1])


def markov(matrix: ArrayLike, vocab: Sequence[str] | None = None, first: ArrayLike | None = None) -> Source:
    """A Markov chain of order r: `matrix` (V**r, V) has the next token's probabilities after each word of r tokens.

    Entropy rate: the mean entropy of the rows (Shannon 1948). Without a vocabulary the tokens are 0, 1, 2, ... With
    `first` (V,), the probabilities of the first token, a chain of order 1 begins so, and not in its long run. Raises
    InputError where several classes of words each keep to themselves and no `first` is given, for the law then depends
    on the beginning.

    >>> markov([[0.1, 0.9], [0.5, 0.5]]).name
    'markov:0.1,0.9/0.5,0.5'
    """
    P = numbers("rows of probabilities", matrix, instead="[[0.1, 0.9], [0.5, 0.5]]")
    if P.ndim != 2 or P.shape[1] < 2 or not (P >= 0).all() or not np.allclose(P.sum(1), 1, atol=1e-6):
        raise InputError("expected rows of probabilities that sum to one, got others; try [[0.1, 0.9], [0.5, 0.5]]")
    K, V = P.shape
    order = next((r for r in range(64) if V**r >= K), 0)
    if V**order != K:
        raise InputError(f"expected a row for each word, {V} or {V * V} for {V} tokens, got {K}; try {V} rows")
    if vocab is None and len(SYMBOLS) < V:
        raise InputError(f"expected a vocabulary for more than {len(SYMBOLS)} tokens, got none; try giving one")
    symbols = tuple(SYMBOLS[:V]) if vocab is None else symbols_of(vocab)
    if len(symbols) != V:
        raise InputError(f"expected {V} symbols, one a column, got {len(symbols)}; try {SYMBOLS[:V]}")
    require_symbols(symbols)
    _require_few(K)
    transitions = np.zeros((V, K, K))
    words = np.arange(K)
    for token in range(V):
        transitions[token, words, (words * V + token) % K] = P[:, token]
    transitions /= P.sum(1)[:, None]
    rows = "/".join(",".join(map(number_text, row)) for row in P.tolist())
    named = "" if symbols == tuple(SYMBOLS[:V]) else ":" + ",".join(map(escape, symbols))
    if first is not None:
        return _begun(f"markov:{rows}{named or ':'}", symbols, transitions, first)
    start = _stationary(transitions.sum(0))
    return Source(name=f"markov:{rows}{named}", vocab=symbols, transitions=transitions, start=start)


def _begun(name: str, symbols: tuple[str, ...], transitions: Floats, first: ArrayLike) -> Source:
    """A chain of order 1 with one more hidden state, in which it begins."""
    V, K, _ = transitions.shape
    probs = numbers("first", first, instead="[0.5, 0.5]")
    if K != V or probs.shape != (V,) or not (probs >= 0).all() or not abs(probs.sum() - 1) < 1e-6:
        raise InputError(
            f"expected rows of order 1 and {V} probabilities of the first token that sum to one, got {K} rows and "
            f"{shown(first)}; try {[1 / V] * V}"
        )
    longer = np.zeros((V, K + 1, K + 1))
    longer[:, :K, :K] = transitions
    longer[range(V), K, range(V)] = probs / probs.sum()
    name = f"{name}:{','.join(map(number_text, probs.tolist()))}"
    return Source(name=name, vocab=symbols, transitions=longer, start=np.eye(K + 1)[K], stationary=False)


def two_state(p: float, q: float) -> Source:
    """The Markov chain with P(1 after 0) = p and P(0 after 1) = q (Markov 1906).

    Entropy rate (q H(p) + p H(q)) / (p + q); a token is 1 with probability p / (p + q).

    >>> two_state(0.5, 0.8).memory(1).round(6)
    array([0.666278, 0.619015])
    """
    _require_probabilities(p=p, q=q)
    if p == q == 0:
        raise InputError("expected p or q above 0, got a chain that stays where it is; try periodic:0+periodic:1")
    arrows = {(0, 0, 0): 1 - p, (1, 0, 1): p, (0, 1, 0): q, (1, 1, 1): 1 - q}
    return _binary(f"two_state:{number_text(p)},{number_text(q)}", arrows, [q, p])


def golden_mean(p: float = 0.5) -> Source:
    """No two 1s in a row: after a 0, 1 with probability p; after a 1, always 0.

    Entropy rate H(p) / (1 + p), reached with one token of memory. The number of words grows as the golden mean (Parry
    1964; Weiss 1973).
    """
    _require_probabilities(p=p)
    return _binary(_name("golden_mean", (p,), (0.5,)), {(0, 0, 0): 1 - p, (1, 0, 1): p, (0, 1, 0): 1}, [1, p])


def even(p: float = 0.5) -> Source:
    """1s come in pairs, so that every block of them between 0s is even: a pair, with probability p, or a 0.

    Entropy rate H(p) / (1 + p), which no finite memory reaches: a run of 1s does not say where its pairs begin. The
    simplest sofic process that is no Markov chain of any order (Weiss 1973).
    """
    _require_probabilities(p=p)
    return _binary(_name("even", (p,), (0.5,)), {(0, 0, 0): 1 - p, (1, 0, 1): p, (1, 1, 0): 1}, [1, p])


def sns(p: float = 0.5, q: float = 0.5) -> Source:
    """The simple nonunifilar source: hidden states A and B, A -1-> A with probability p, else A -1-> B; B -1-> B with
    probability q, else B -0-> A.

    Only a 0 says where it is. A renewal process without a closed entropy rate, and without a finite predictor
    (Crutchfield 1994; Marzen and Crutchfield 2015).
    """
    _require_probabilities(p=p, q=q)
    if p == q == 1:
        raise InputError("expected p or q below 1, got a source that stays where it is; try sns:0.5,0.5")
    arrows = {(1, 0, 0): p, (1, 0, 1): 1 - p, (1, 1, 1): q, (0, 1, 0): 1 - q}
    return _binary(_name("sns", (p, q), (0.5, 0.5)), arrows, [1 - q, 1 - p])


def rrxor() -> Source:
    """Two random bits, then their exclusive or, for ever: random, random, XOR.

    Entropy rate 2/3 ln 2. Where the triples begin must be found out from the tokens (Crutchfield et al. 2010; Shai et
    al. 2024).
    """
    # 0 before the first bit; 1 and 2 after a first bit of 0 and of 1; 3 and 4 where the exclusive or is 0 and 1.
    arrows = {(0, 0, 1): 0.5, (1, 0, 2): 0.5, (0, 3, 0): 1, (1, 4, 0): 1}
    arrows |= {(0, 1, 3): 0.5, (1, 1, 4): 0.5, (1, 2, 3): 0.5, (0, 2, 4): 0.5}
    return _binary("rrxor", arrows, [2, 1, 1, 1, 1])


def z1r() -> Source:
    """0, then 1, then a random bit, for ever. Entropy rate 1/3 ln 2 (Riechers 2016; Shai et al. 2024)."""
    return _binary("z1r", {(0, 0, 1): 1, (1, 1, 2): 1, (0, 2, 0): 0.5, (1, 2, 0): 0.5}, [1, 1, 1])


def mess3(x: float = 0.15, a: float = 0.6) -> Source:
    """Three hidden states: each goes to each other one with probability x, and the one arrived at emits its own token
    with probability a, else one of the other two.

    The beliefs of an observer form a fractal (Marzen and Crutchfield 2017, whose alpha is a; Shai et al. 2024). No
    closed entropy rate; 1.088888 with these defaults.
    """
    if not 0 <= number("x", x, instead=0.15) <= 0.5:
        raise InputError(f"expected x from 0 to 0.5, got {shown(x)}; try 0.15")
    _require_probabilities(a=a)
    move = np.where(np.eye(3), 1 - 2 * x, x)
    emit = np.where(np.eye(3), a, (1 - a) / 2)  # (hidden state arrived at, token)
    return Source(
        name=_name("mess3", (x, a), (0.15, 0.6)),
        vocab=tuple("012"),
        transitions=move[None] * emit.T[:, None, :],
        start=np.full(3, 1 / 3),
    )


def periodic(word: str) -> Source:
    """One word of characters for ever, begun at any of its tokens. Entropy rate 0.

    >>> periodic("011").memory(2).round(6)
    array([0.636514, 0.462098, 0.      ])
    """
    if not isinstance(word, str) or not word:
        raise InputError(f"expected a word, got {shown(word)}; try '011'")
    vocab = vocabulary(word)
    require_symbols(vocab)
    _require_few(len(word))
    transitions = np.zeros((len(vocab), len(word), len(word)))
    for place, symbol in enumerate(word):
        transitions[vocab.index(symbol), place, (place + 1) % len(word)] = 1
    start = np.full(len(word), 1 / len(word))
    return Source(name=f"periodic:{escape(word)}", vocab=vocab, transitions=transitions, start=start)


def mixture(sources: Sequence[Source], weights: Sequence[float] | None = None) -> Source:
    """One of the sources, chosen once with probabilities in proportion to `weights`, equal ones by default.

    A finite family of chains, so, is a prior: what it says of a sequence's beginning is Bayes' answer, and
    `sample_sequences` chooses anew for each. Not ergodic: no single sequence shows its law. Its vocabulary is all
    tokens of theirs, sorted. Entropy rate: the weighted mean of theirs.

    >>> mixture([golden_mean(), even()]).name
    'golden_mean+even'
    """
    if not isinstance(sources, Sequence) or not all(isinstance(source, Source) for source in sources):
        raise InputError(f"expected several sources, got {shown(sources)}; try [golden_mean(), even()]")
    if len(sources) < 2:
        raise InputError(f"expected at least two sources to mix, got {len(sources)}; try golden_mean+even")
    shares = numbers("weights", [1] * len(sources) if weights is None else weights, instead="[0.3, 0.7]")
    if shares.shape != (len(sources),) or not (shares > 0).all() or not np.isfinite(shares.sum()):
        raise InputError(f"expected {len(sources)} weights above 0, got {shown(weights)}; try 0.3 and 0.7")
    K = sum(len(source.start) for source in sources)
    _require_few(K)
    vocab = tuple(sorted({symbol for source in sources for symbol in source.vocab}))
    transitions, start = np.zeros((len(vocab), K, K)), np.zeros(K)
    first = 0
    for source, share in zip(sources, shares / shares.sum(), strict=True):
        block = slice(first, first := first + len(source.start))
        transitions[[vocab.index(symbol) for symbol in source.vocab], block, block] = source.transitions
        start[block] = share * source.start
    terms = [f"({source.name})" if "+" in source.name else source.name for source in sources]
    stationary = all(source.stationary for source in sources)
    if len(set(shares.tolist())) > 1:
        terms = [f"{number_text(share)}*{term}" for share, term in zip(shares, terms, strict=True)]
    return Source(name="+".join(terms), vocab=vocab, transitions=transitions, start=start, stationary=stationary)


def _binary(name: str, arrows: dict[tuple[int, int, int], float], stay: Sequence[float]) -> Source:
    """A source of 0s and 1s from its (token, from, to) and how long it stays in each hidden state, in proportion."""
    start = np.array(stay, np.float64)
    transitions = np.zeros((2, len(start), len(start)))
    for arrow, p in arrows.items():
        transitions[arrow] = p
    return Source(name=name, vocab=("0", "1"), transitions=transitions, start=start / start.sum())


def _stationary(matrix: Floats) -> Floats:
    """The stationary distribution (K,) of a transition matrix (K, K) with one recurrent class."""
    label, ends = Graph.of(matrix).classes()
    closed = [np.flatnonzero(label == k) for k in np.flatnonzero(ends)]
    if len(closed) > 1:
        raise InputError(
            f"expected a chain with one stationary law, got {len(closed)} classes of words that never meet; "
            "try a mixture of them"
        )
    start = np.zeros(len(matrix))
    among = Graph.of(matrix[np.ix_(closed[0], closed[0])])
    start[closed[0]], _ = among.stationary(np.ones(len(closed[0]), bool))
    return start


def _name(kind: str, values: tuple[float, ...], defaults: tuple[float, ...]) -> str:
    return kind if values == defaults else f"{kind}:{','.join(map(number_text, values))}"


def _require_probabilities(**values: float) -> None:
    for name, value in values.items():
        if not 0 <= number(name, value, instead=0.5) <= 1:
            raise InputError(f"expected {name} from 0 to 1, got {shown(value)}; try 0.5")


def _require_few(K: int) -> None:
    if K > _MOST_HIDDEN:
        raise TooLargeError(f"expected at most {_MOST_HIDDEN:,} hidden states, got {K:,}; try a smaller source")
