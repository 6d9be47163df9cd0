"""Random chains of many kinds, each a function of a random generator: the ones that certificates must survive.

Most have 4 to 32 states. Any Markov chain on n states is one with n tokens and contexts of one of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

import balls
from finitegpt import Chain, GPTConfig, InputError, TrainConfig, states, train
from finitegpt.analysis import extended
from finitegpt.decoding import greedy, temperature, top_k, top_p
from oracles import SYMBOLS

Rng = np.random.Generator


@dataclass(frozen=True, eq=False)
class Case:
    """A chain; the probabilities that the caller gave, where these are what is meant; the part that matters."""

    chain: Chain
    given: np.ndarray | None = None
    looks_back: int | None = None
    """How many tokens decide, where that is fewer than those of a context."""

    @property
    def rows(self) -> int:
        L = self.chain.context_length if self.looks_back is None else self.looks_back
        return self.chain.vocab_size**L

    def exact(self, meaning: str, bits: int) -> balls.Exact:
        """The truth about what is stored, or about what was given."""
        if meaning == "given":
            return balls.of_probs(self.given, self.chain.n_states, bits)
        return balls.of_logs(self.chain.log_probs[: self.rows], self.chain.n_states, bits)

    @property
    def meanings(self) -> tuple[str, ...]:
        return ("stored",) if self.given is None else ("stored", "given")


@cache
def _holds_doubles() -> bool:
    try:
        Chain(log_probs=np.log(np.full((2, 2), 0.5)), vocab=("a", "b"), context_length=1)
    except InputError:
        return False
    return True


def _chain(logits: np.ndarray, L: int, rng: Rng) -> Chain:
    """Of any logits (V**L, V), normalised; -inf is no arrow. In double precision now and then, where that is held."""
    top = logits.max(1, keepdims=True)
    with np.errstate(under="ignore"):
        rows = logits - top - np.log(np.exp(logits - top).sum(1, keepdims=True))
    kind = np.float64 if _holds_doubles() and rng.random() < 0.4 else np.float32
    V = logits.shape[1]
    return Chain(log_probs=np.ascontiguousarray(rows, kind), vocab=_vocab(V), context_length=L)


def _vocab(V: int) -> tuple[str, ...]:
    return tuple(SYMBOLS[:V]) if len(SYMBOLS) >= V else tuple(f"t{k}" for k in range(V))


def _of_logs(logs: np.ndarray, rng: Rng) -> Case:
    """Any matrix (n, n) of logarithms of rates; what is left of a row stays where it is, unless all is taken."""
    n = len(logs)
    logs = np.where(np.eye(n, dtype=bool), -np.inf, logs)
    with np.errstate(under="ignore"):
        leaving = np.exp(logs).sum(1)
    stay = np.log1p(-leaving, out=np.full(n, -np.inf), where=leaving < 1)
    logs[np.arange(n), np.arange(n)] = stay
    return Case(_chain(logs, 1, rng))


def _given(p: np.ndarray, L: int) -> Case:
    p = np.asarray(p, np.float64)
    return Case(Chain.from_probs(p, tuple(SYMBOLS[: p.shape[1]]), L), p)


def _size(rng: Rng) -> tuple[int, int]:
    V = int(rng.choice([2, 2, 2, 3, 4]))
    return V, int(rng.integers(1, {2: 6, 3: 4, 4: 3}[V]))


def _exponent(rng: Rng, size: tuple[int, ...] | int, deepest: float = 300) -> np.ndarray:
    return -np.log(10) * rng.uniform(0.3, deepest, size)


def trained(rng: Rng) -> Case:
    V, L = _size(rng)
    text = "".join(rng.choice(list("abcd"[:V]), int(rng.integers(12, 60)), p=rng.dirichlet(np.ones(V))))
    text += "abcd"[:V]
    shape = GPTConfig(vocab_size=V, context_length=L, n_layer=1, n_head=2, n_embd=8)
    steps = TrainConfig(steps=int(rng.integers(1, 60)), lr=float(rng.choice([1e-3, 1e-2])), seed=int(rng.integers(1e6)))
    return Case(train(text, shape, steps).model.chain())


def _tempered(value: float) -> Callable[[Rng], Case]:
    return lambda rng: Case(temperature(trained(rng).chain, value))


def dense(rng: Rng) -> Case:
    V, L = _size(rng)
    return Case(_chain(2 * rng.normal(size=(V**L, V)), L, rng))


def sharp_top_k(rng: Rng) -> Case:
    chain = dense(rng).chain
    return Case(top_k(chain, int(rng.integers(1, chain.vocab_size + 1))))


def sharp_top_p(rng: Rng) -> Case:
    return Case(top_p(dense(rng).chain, float(rng.uniform(0.3, 1))))


def sure(rng: Rng) -> Case:
    return Case(greedy(dense(rng).chain))


def sparse(rng: Rng) -> Case:
    V, L = _size(rng)
    logits = rng.normal(size=(V**L, V)) * rng.choice([0.0, 1.0, 5.0])
    holes = rng.random(logits.shape) < rng.choice([0.2, 0.5, 0.8])
    holes[np.arange(V**L), rng.integers(0, V, V**L)] = False
    return Case(_chain(np.where(holes, -np.inf, logits), L, rng))


def periodic(rng: Rng) -> Case:
    V, L = int(rng.integers(2, 5)), int(rng.integers(1, 3))
    d = int(rng.integers(2, V + 1))
    last = states.contexts(np.arange(V**L), V, L)[:, -1:]
    logits = np.where((np.arange(V) - last - 1) % d == 0, rng.normal(size=(V**L, V)), -np.inf)
    return Case(_chain(logits, L, rng))


def reducible(rng: Rng) -> Case:
    n, parts = int(rng.integers(5, 14)), int(rng.integers(2, 5))
    where = rng.integers(0, parts + 1, n)  # the last are transient
    logits = rng.normal(size=(n, n)) * rng.choice([1.0, 8.0])
    closed = (where[:, None] < parts) & (where[:, None] != where)
    holes = closed | (rng.random((n, n)) < 0.3)
    holes[np.arange(n), np.arange(n)] = False
    return Case(_chain(np.where(holes, -np.inf, logits), 1, rng))


def absorbing(rng: Rng) -> Case:
    """Ways to several ends, some of them by tokens that hardly ever come."""
    n, ends = int(rng.integers(4, 14)), int(rng.integers(2, 4))
    logs = np.where(rng.random((n, n)) < 0.5, np.log(0.3), _exponent(rng, (n, n), float(rng.choice([20, 200, 300]))))
    logs = np.where(rng.random((n, n)) < 2.5 / n, logs - np.log(n), -np.inf)
    logs[:ends] = -np.inf
    logs[rng.integers(ends, n), :ends] = -np.log(n)
    return _of_logs(logs, rng)


def wells(rng: Rng) -> Case:
    n, parts = int(rng.integers(4, 17)), int(rng.integers(2, 4))
    where = np.arange(n) % parts
    depth = float(10 ** rng.uniform(0.5, 2.5))
    return Case(_chain(rng.normal(size=(n, n)) - depth * (where[:, None] != where), 1, rng))


def wells_within(rng: Rng) -> Case:
    n = int(rng.choice([8, 16]))
    depth = np.sort(rng.uniform(5, 230, 3))
    id = np.arange(n)
    levels = sum(depth[k] * ((id[:, None] ^ id) >> k & 1) for k in range(3))
    return Case(_chain(rng.normal(size=(n, n)) - levels, 1, rng))


def _graph(edges: list[tuple[int, int]], n: int, rng: Rng, deepest: float = 300) -> Case:
    logs = np.full((n, n), -np.inf)
    for i, j in edges:
        logs[i, j], logs[j, i] = _exponent(rng, 2, deepest) - np.log(n)
    return _of_logs(logs, rng)


def birth_death(rng: Rng) -> Case:
    n = int(rng.integers(3, 16))
    return _graph([(k, k + 1) for k in range(n - 1)], n, rng)


def tree(rng: Rng) -> Case:
    n = int(rng.integers(3, 16))
    return _graph([(int(rng.integers(0, k)), k) for k in range(1, n)], n, rng, float(rng.choice([20, 150, 300])))


def star(rng: Rng) -> Case:
    n = int(rng.integers(3, 16))
    return _graph([(0, k) for k in range(1, n)], n, rng)


def two_paths(rng: Rng) -> Case:
    """A state that goes out by halves and comes back hardly ever: what elimination weighs last is what counts."""
    n = 5
    logs = np.full((n, n), -np.inf)
    rare = -np.log(10) * rng.uniform(100, 300)
    logs[0, 1] = logs[0, 3] = np.log(0.3)
    logs[1, 2] = logs[3, 4] = np.log(0.5)
    logs[1, 0] = logs[3, 0] = logs[2, 1] = logs[4, 3] = rare
    order = rng.permutation(n) if rng.random() < 0.5 else np.arange(n)
    return _of_logs(logs[np.ix_(order, order)], rng)


def tiny(rng: Rng) -> Case:
    V, L = _size(rng)
    logs = _exponent(rng, (V**L, V))
    logs[np.arange(V**L), rng.integers(0, V, V**L)] = 0.0
    return Case(_chain(logs, L, rng))


def copy(rng: Rng) -> Case:
    V, L = _size(rng)
    oldest = states.contexts(np.arange(V**L), V, L)[:, 0]
    return Case(_chain(0.3 * rng.normal(size=(V**L, V)) + rng.uniform(4, 200) * np.eye(V)[oldest], L, rng))


def one_hot(rng: Rng) -> Case:
    """Some rows, or all, have one arrow."""
    V, L = _size(rng)
    logits = rng.normal(size=(V**L, V))
    sure = rng.random(V**L) < rng.choice([0.5, 0.9, 1.0])
    chosen = rng.integers(0, V, V**L)
    return Case(_chain(np.where(sure[:, None] & (np.arange(V) != chosen[:, None]), -np.inf, logits), L, rng))


def equal_rows(rng: Rng) -> Case:
    V, L = _size(rng)
    row = rng.normal(size=V) * rng.choice([0.0, 1.0, 20.0, 200.0])
    return Case(_chain(np.tile(row, (V**L, 1)), L, rng))


def floor(rng: Rng) -> Case:
    """Logarithms just above and below -708."""
    V, L = _size(rng)
    near = np.float32(-708) + np.float32(2.0**-14) * rng.integers(-3, 4, (V**L, V))
    logs = np.where(rng.random((V**L, V)) < 0.3, rng.uniform(-708, -690, (V**L, V)), near)
    logs[np.arange(V**L), rng.integers(0, V, V**L)] = 0.0
    return Case(_chain(logs, L, rng))


def near_identity(rng: Rng) -> Case:
    n = int(rng.integers(2, 12))
    logs = -np.log(10) * rng.uniform(12, rng.choice([13, 100, 300])) + rng.normal(size=(n, n)) - np.log(n)
    return _of_logs(logs, rng)


def exact_law(rng: Rng) -> Case:
    """Golden mean, independent tokens, Markov chains: doubles to a few decimals, as people write them."""
    kind, digits = int(rng.integers(3)), int(rng.choice([1, 2, 17]))
    p = round(float(rng.uniform(0.05, 0.95)), digits)
    if kind == 0:
        return _given([[1 - p, p], [1.0, 0.0]], 1)
    if kind == 1:
        L = int(rng.integers(1, 5))
        return _given([[1 - p, p]] * 2**L, L)
    V, L = _size(rng)
    rows = rng.dirichlet(np.ones(V), V**L).round(digits).clip(0.05)
    return _given(rows / rows.sum(1, keepdims=True), L)


def doubly_stochastic(rng: Rng) -> Case:
    n, weights = int(rng.integers(2, 9)), rng.dirichlet(np.ones(4))
    return _given(sum(w * np.eye(n)[rng.permutation(n)] for w in weights), 1)


def walk(rng: Rng) -> Case:
    """A walk with drift between two walls, absorbing or not."""
    n, p = int(rng.integers(3, 16)), round(float(rng.uniform(0.05, 0.95)), 2)
    P = np.zeros((n, n))
    for k in range(1, n - 1):
        P[k, k + 1], P[k, k - 1] = p, 1 - p
    for k, inside in ((0, 1), (n - 1, n - 2)):
        if rng.random() < 0.5:
            P[k, k] = 1.0
        else:
            P[k, inside], P[k, k] = p, 1 - p
    return _given(P, 1)


def long_cycle(rng: Rng) -> Case:
    """A cycle of all states, left now and then for another place on it."""
    n = int(rng.integers(3, 30))
    logs = np.full((n, n), -np.inf)
    order = rng.permutation(n)
    logs[order, np.roll(order, -1)] = 0.0
    for i in rng.choice(n, int(rng.integers(1, 4)), replace=False):
        logs[i, rng.integers(n)] = -rng.uniform(2, rng.choice([10, 100, 690]))
    return Case(_chain(logs, 1, rng))


def wide(rng: Rng) -> Case:
    V, L = [(8, 1), (16, 1), (8, 2)][int(rng.choice(3, p=[0.45, 0.45, 0.1]))]
    return Case(_chain(rng.normal(size=(V**L, V)) * rng.choice([1.0, 5.0, 50.0]), L, rng))


def cold_doubles(rng: Rng) -> Case:
    """Given as doubles, from nearly 1 to 1e-300."""
    n = int(rng.integers(2, 9))
    p = np.exp(_exponent(rng, (n, n), float(rng.choice([5, 50, 300]))))
    p[np.arange(n), rng.permutation(n)] = 1.0
    return _given(p / p.sum(1, keepdims=True), 1)


def large(rng: Rng) -> Case:
    """2**10 to 2**12 states of which only the last tokens matter, so that the truth is known."""
    small = [dense, tiny, copy, _tempered(0.03), floor][int(rng.integers(5))]
    chain = small(rng).chain
    while chain.vocab_size == 3:
        chain = small(rng).chain
    L = int(rng.integers(10, 13)) // (chain.vocab_size // 2)
    return Case(extended(chain, L), looks_back=chain.context_length)


def many_states(rng: Rng) -> Case:
    """64 or 128 states, trained and cooled or random."""
    L = int(rng.integers(6, 8))
    if rng.random() < 0.5:
        return Case(_chain(rng.normal(size=(2**L, 2)) * 10 ** rng.uniform(0, 2), L, rng))
    text = "".join(rng.choice(list("ab"), 60)) + "ab"
    steps = TrainConfig(steps=40, lr=1e-2, seed=int(rng.integers(1e6)))
    shape = GPTConfig(vocab_size=2, context_length=L, n_layer=1, n_head=2, n_embd=8)
    return Case(temperature(train(text, shape, steps).model.chain(), float(rng.choice([1, 0.1, 0.03, 0.01]))))


def large_tree(rng: Rng) -> Case:
    """Hundreds of states, and a tree between them, whose elimination makes no new arrows."""
    n = int(rng.integers(200, 500))
    return _graph(
        [(int(rng.integers(max(0, k - 5), k)), k) for k in range(1, n)], n, rng, float(rng.choice([2, 30, 250]))
    )


def large_one_hot(rng: Rng) -> Case:
    """2**10 to 2**12 states, nearly all with one arrow: many recurrent classes, or few, and long ways to them."""
    L = int(rng.integers(10, 13))
    logits = rng.normal(size=(2**L, 2)) * rng.choice([1.0, 30.0])
    sure, chosen = rng.random(2**L) < 0.9, rng.integers(0, 2, 2**L)
    return Case(_chain(np.where(sure[:, None] & (np.arange(2) != chosen[:, None]), -np.inf, logits), L, rng))


KINDS: dict[str, Callable[[Rng], Case]] = {
    "trained": trained,
    "trained .3": _tempered(0.3),
    "trained .1": _tempered(0.1),
    "trained .03": _tempered(0.03),
    "trained .01": _tempered(0.01),
    "dense": dense,
    "top-k": sharp_top_k,
    "top-p": sharp_top_p,
    "greedy": sure,
    "sparse": sparse,
    "periodic": periodic,
    "reducible": reducible,
    "absorbing": absorbing,
    "wells": wells,
    "wells within": wells_within,
    "birth-death": birth_death,
    "tree": tree,
    "star": star,
    "two paths": two_paths,
    "tiny": tiny,
    "copy": copy,
    "one-hot": one_hot,
    "equal rows": equal_rows,
    "floor": floor,
    "near identity": near_identity,
    "exact law": exact_law,
    "doubly stochastic": doubly_stochastic,
    "walk": walk,
    "long cycle": long_cycle,
    "wide": wide,
    "cold doubles": cold_doubles,
    "many states": many_states,
    "large": large,
    "large tree": large_tree,
    "large one-hot": large_one_hot,
}
RARE = {"many states": 0.05, "large": 0.1, "large tree": 0.02, "large one-hot": 0.05}
"""Kinds of which fewer are made, since each takes long."""
