"""A model is anything that maps contexts to next-token log-probabilities; from one comes its chain."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finitegpt import parts, states, weights, words
from finitegpt.arguments import array, flag, numbers, require_function, required, shown, whole
from finitegpt.chain import Chain
from finitegpt.config import GPTConfig
from finitegpt.engine import Engine, Switches
from finitegpt.errors import InputError
from finitegpt.inspection import Inspection, inspect, inspect_in_turn
from finitegpt.lens import lens
from finitegpt.limits import allocate, require_memory, require_room
from finitegpt.naming import Names, shortened
from finitegpt.parallel import ordered, ranges, require_executor
from finitegpt.population import Population, weighted
from finitegpt.rows import Rows
from finitegpt.symbols import require_symbols, symbols_of
from finitegpt.walk import walk

Tokens = Sequence[int] | NDArray[np.integer]
_PIECE = 1024


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Model:
    """A GPT: its shape, its vocabulary and its weights (n_params,), flat in nanoGPT's order.

    >>> Model.init(GPTConfig(vocab_size=2, context_length=3), "01", seed=0)
    Model('01', contexts of 3, 12,656 parameters: 4 layers of 4 heads, width 16)
    """

    config: GPTConfig
    vocab: tuple[str, ...]
    weights: NDArray[np.float32]
    switches: Switches | None = None
    """Which heads and MLPs are off, or have something in their place; see `without`."""

    def __post_init__(self) -> None:
        required("config", self.config, GPTConfig, instead="GPTConfig(vocab_size=2, context_length=3)")
        object.__setattr__(self, "vocab", symbols_of(self.vocab))
        require_symbols(self.vocab)
        if len(self.vocab) != self.config.vocab_size:
            raise InputError(
                f"expected {self.config.vocab_size} symbols, got a vocabulary of {len(self.vocab)}; try another"
            )
        kind, shape = np.float32, (self.config.n_params,)
        if not isinstance(self.weights, np.ndarray) or self.weights.shape != shape or self.weights.dtype != kind:
            raise InputError(
                f"expected {self.config.n_params} float32 weights, got {shown(self.weights)}; try Model.from_named"
            )
        if self.switches is not None:
            parts.require(self.config, self.switches)

    def __repr__(self) -> str:
        config, L = self.config, self.config.context_length
        layers, heads = words.count(config.n_layer, "layer"), words.count(config.n_head, "head")
        of = f"{config.n_params:,} parameters: {layers} of {heads}, width {config.n_embd}"
        changed = f"; {parts.described(self.switches)}" if self.switches else ""
        return f"Model({shortened(self.vocab)}, contexts of {L}, {of}{changed})"

    @classmethod
    def init(cls, config: GPTConfig, vocab: "str | tuple[str, ...]", *, seed: int) -> "Model":
        """The untrained model that PyTorch would draw after `torch.manual_seed(seed)`."""
        required("config", config, GPTConfig, instead="GPTConfig(vocab_size=2, context_length=3)")
        seed = whole("seed", seed, 0, 2**32 - 1)
        return cls(config=config, vocab=symbols_of(vocab), weights=Engine().init(config, seed))

    @classmethod
    def from_named(cls, config: GPTConfig, vocab: "str | tuple[str, ...]", named: Mapping[str, Any]) -> "Model":
        """A model of named tensors, such as a nanoGPT `state_dict` turned to arrays."""
        required("config", config, GPTConfig, instead="GPTConfig(vocab_size=2, context_length=3)")
        required("named", named, Mapping, instead="Model.named")
        return cls(config=config, vocab=symbols_of(vocab), weights=weights.flatten(config, named))

    @property
    def named(self) -> dict[str, NDArray[np.float32]]:
        """The weights by name, as views; InputError where parts of the model are off, since weights do not say so."""
        if self.switches is not None:
            raise InputError(
                f"expected a model with all its parts, got one that is {parts.described(self.switches)}; "
                "try the model that it was made of"
            )
        return weights.views(self.config, self.weights)

    def log_probs(self, contexts: ArrayLike, *, switches: ArrayLike | None = None) -> Rows:
        """Next-token log-probabilities in nats (n, V) of contexts (n, k) of 1 to L tokens, or as texts."""
        rows = self._tokens(contexts)
        if rows.ndim != 2:
            raise InputError(f"expected contexts of shape (n, k), got {rows.shape}; try [[0, 1]]")
        return _finite(Engine().predict(self.config, self.weights, rows, switches=self._switched(switches)))

    @overload
    def inspect(self, contexts: ArrayLike, *, switches: ArrayLike | None = None, of: None = None) -> Inspection: ...

    @overload
    def inspect(
        self, contexts: ArrayLike, *, switches: ArrayLike | None = None, of: Callable[[Inspection], ArrayLike]
    ) -> NDArray[Any]: ...

    def inspect(
        self,
        contexts: ArrayLike,
        *,
        switches: ArrayLike | None = None,
        of: Callable[[Inspection], ArrayLike] | None = None,
    ) -> Inspection | NDArray[Any]:
        """Attention, heads, residual stream and logits for one context of 1 to L tokens, or for many of a length.

        One is (k,) or a text, many are (n, k) or a list of texts, and then all arrays have a first axis of n. What
        is too large to hold at once is asked for by a function `of` the inside of m of the contexts, for some after the
        other: what it returns (m, ...) is put together.

        >>> model = Model.init(GPTConfig(vocab_size=2, context_length=3), "01", seed=0)
        >>> model.inspect(["101", "110"])
        Inspection(2 contexts, 3 tokens, 4 layers, 4 heads, width 16)
        >>> model.inspect(["101", "110"], of=lambda inside: inside.residual[:, -1, -1]).shape
        (2, 16)
        """
        require_function("of", of)
        rows, on = self._tokens(contexts), self._switched(switches)
        if rows.ndim not in (1, 2):
            raise InputError(f"expected contexts of shape (k,) or (n, k), got {rows.shape}; try [0, 1]")
        many = rows if rows.ndim == 2 else rows[None]
        if of is None:
            inside = inspect(self.config, self.weights, many, on)
            return inside.first if rows.ndim == 1 else inside
        pieces = inspect_in_turn(self.config, self.weights, many, on)
        found = np.concatenate([_rowwise(of, piece) for piece in pieces])
        return found[0] if rows.ndim == 1 else found

    def logit_lens(self, contexts: ArrayLike, *, switches: ArrayLike | None = None) -> Rows:
        """What the output layer would say at every depth: log-probabilities in nats (2 n_layer + 1, k, V).

        Of the residual stream after the embedding and after every attention and every MLP, at each of the k tokens of
        a context; of many contexts (n, 2 n_layer + 1, k, V). At the last depth and token they are `log_probs`.
        nostalgebraist, "interpreting GPT: the logit lens" (2020).

        >>> model = Model.init(GPTConfig(vocab_size=2, context_length=3), "01", seed=0)
        >>> bool(np.allclose(model.logit_lens("101")[-1, -1], model.log_probs(["101"])[0], atol=1e-6))
        True
        """
        rows, config = self._tokens(contexts), self.config
        size = 4 * rows.size * (2 * config.n_layer + 1) * config.vocab_size
        require_memory(size, "what every depth would say", "fewer contexts")
        return _finite(
            self.inspect(rows, switches=switches, of=lambda inside: lens(config, self.weights, inside.residual))
        )

    def without(self, *, heads: ArrayLike = (), mlps: ArrayLike = (), mean: Population | None = None) -> "Model":
        """The model with some heads, as pairs of a layer and a head, and the MLPs of some layers off.

        What they give is zero; a bias that is added to what all heads of a layer give together stays. With a `mean` it
        is what they give in the mean in this model, at each position: the exact mean over all V**L states by a
        distribution (V**L,), such as `chain.stationary_distribution` or `source.word_probs(L)`, or that of a chain; or,
        where there are too many states, over contexts (n, L) by weights (n,), given as a pair. Shorter contexts have
        the means of their positions too, which see only what lies before them.

        >>> model = Model.init(GPTConfig(vocab_size=2, context_length=3), "01", seed=0)
        >>> model.without(heads=[(0, 2)], mlps=[1])
        Model('01', contexts of 3, 12,656 parameters: 4 layers of 4 heads, width 16; off: head (0, 2), MLP 1)
        >>> model.without(heads=[(0, 2)], mean=model.chain()).chain()
        Chain('01', 2**3 = 8 states, float32)
        """
        config = self.config
        which = parts.chosen(config, heads, mlps)
        means = None if mean is None else parts.means(self._inside(mean))
        return replace(self, switches=parts.off(self.switches or parts.every(config), which, means))

    def _inside(self, mean: Population) -> Iterator[tuple[Inspection, NDArray[np.float64]]]:
        """The inside of full contexts, some after the other, with their weights."""
        for contexts, share in weighted(self.names, mean, self._tokens):
            done = 0
            for inside in inspect_in_turn(self.config, self.weights, contexts, self.switches):
                yield inside, share[done : done + len(inside.logits)]
                done += len(inside.logits)

    def chain(
        self,
        *,
        switches: ArrayLike | None = None,
        counts: NDArray[np.int64] | None = None,
        startup: bool | None = None,
        executor: Executor | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Chain:
        """The whole chain. `switches` (n_layer, n_head + 1) are factors of what heads and, last, MLPs give.

        `startup` asks for the start-up contexts too, which are nearly as many again; by default they are there up to
        65,536 states.
        States are computed by `executor`, or by a thread for each core; the result does not depend on it. `progress`
        is called with the states done and their number. A chain that would not fit in memory twice is mapped to a
        temporary file; TooLargeError where there is no room for that either.
        """
        require_function("progress", progress)
        require_executor(executor)
        V, L, on = self.config.vocab_size, self.config.context_length, self._switched(switches)
        require_chain(V, L)
        wanted = V**L <= _PIECE * 64 if startup is None else flag("startup", startup)
        rows = tuple(self._rows(V**k, k, on, executor, None) for k in range(1, L)) if wanted else None
        last = self._rows(V**L, L, on, executor, progress)
        return Chain(log_probs=last, vocab=self.vocab, context_length=L, startup=rows, counts=counts)

    def _rows(
        self,
        n: int,
        length: int,
        switches: Switches | None,
        executor: Executor | None,
        progress: Callable[[int, int], None] | None,
    ) -> Rows:
        config = self.config
        out = allocate((n, config.vocab_size), np.float32, "the chain", "a shorter context")
        if n <= _PIECE:
            return _finite(Engine().evaluate(config, self.weights, 0, n, length=length, switches=switches, out=out))
        # About a tenth of a second each; whole multiples of what the engine computes at once.
        piece = _PIECE * max(1, min(64, 2**29 // (config.n_params * _PIECE)))
        work = partial(_evaluate, config, self.weights, length, switches)
        done = 0
        for rows in ordered(work, ranges(n, piece), executor=executor):
            out[done : done + len(rows)] = rows
            done += len(rows)
            if progress:
                progress(done, n)
        return _finite(out)

    def _tokens(self, values: Any) -> NDArray[np.int32]:
        if isinstance(values, str):
            return np.array(self.names.tokens(values), np.int32)
        found = array(values)
        if found.dtype.kind in "UT":
            if found.ndim != 1:
                raise InputError(
                    f"expected contexts as a list of texts, got {shown(values)}; try {[self.names.label(0)]}"
                )
            texts = [self.names.tokens(text) for text in found.reshape(-1).tolist()]
            if len({len(tokens) for tokens in texts}) > 1:
                raise InputError("expected contexts of the same length, got several; try one length after the other")
            return np.array(texts, np.int32)
        if found.dtype.kind not in "iu" or (
            found.size and not 0 <= int(found.min()) <= int(found.max()) < self.config.vocab_size
        ):
            raise InputError(
                f"expected tokens from 0 to {self.config.vocab_size - 1}, got {shown(values)}; try [[0, 1]]"
            )
        return found.astype(np.int32)

    def _switched(self, values: ArrayLike | None) -> Switches | None:
        """The model's own switches, and factors on top of them."""
        if values is None:
            return self.switches
        found = numbers("switches", values, instead="ones of shape (n_layer, n_head + 1)")
        if not np.isfinite(found).all():
            raise InputError("expected finite switches, got others; try ones")
        factors = Switches(np.ascontiguousarray(found, np.float32))
        parts.require(self.config, factors)
        return parts.times(self.switches, factors.scale) if self.switches else factors

    @property
    def names(self) -> Names:
        """What the states of its chain are called."""
        return Names(self.vocab, self.config.context_length)

    @overload
    def sample(
        self,
        start: str,
        n: int,
        *,
        seed: int = 0,
        decode: Callable[[Rows], Rows] | None = None,
        until: str | None = None,
    ) -> str: ...

    @overload
    def sample(
        self,
        start: Tokens,
        n: int,
        *,
        seed: int = 0,
        decode: Callable[[Rows], Rows] | None = None,
        until: str | None = None,
    ) -> list[int]: ...

    def sample(
        self,
        start: str | Tokens,
        n: int,
        *,
        seed: int = 0,
        decode: Callable[[Rows], Rows] | None = None,
        until: str | None = None,
    ) -> list[int] | str:
        """A start and `n` tokens that follow it, for models too large to have a chain: text for text, else tokens.

        The start may have any length, of which the last L tokens are seen. `decode` changes each row (1, V). It ends
        with the symbol `until`, such as an eos, where that comes before.

        >>> model = Model.init(GPTConfig(vocab_size=2, context_length=3), "01", seed=0)
        >>> model.sample("101", 4), model.sample([1, 0, 1], 4)
        ('1011000', [1, 0, 1, 1, 0, 0, 0])
        """
        require_function("decode", decode)
        tokens = self._tokens(start)
        if not tokens.size:
            raise InputError("expected a start of at least one token, got none; try one of the vocabulary")
        if tokens.ndim != 1:
            raise InputError(f"expected a start as text or as tokens (k,), got {shown(start)}; try [0, 1]")

        def next_row(window: NDArray[np.int64]) -> Rows:
            row = self.log_probs(window[None])
            return (decode(row) if decode else row)[0]

        end = None if until is None else self.names.token(until)
        walked = walk(next_row, tokens.tolist(), n, self.config.context_length, seed, end)
        return states.text(walked, self.vocab) if isinstance(start, str) else walked


def _evaluate(
    config: GPTConfig,
    weights: NDArray[np.float32],
    length: int,
    switches: Switches | None,
    states: tuple[int, int],
) -> Rows:
    return Engine().evaluate(config, weights, *states, length=length, switches=switches)


def chain_of(
    log_probs: Callable[[NDArray[np.int64]], ArrayLike], vocab: "str | tuple[str, ...]", context_length: int
) -> Chain:
    """The chain of any model: a function from contexts (n, L) to log-probabilities in nats (n, V).

    It is normalised, kept in float64, and called with at most 4,096 contexts at once.
    """
    vocab, context_length = symbols_of(vocab), whole("context_length", context_length, 1)
    V = len(vocab)
    if not callable(log_probs) or not V:
        raise InputError(
            f"expected a function of contexts and a vocabulary, got {shown(log_probs)} and {shown(vocab)}; "
            "try a model's log_probs"
        )
    require_chain(V, context_length, np.float64)
    n = V**context_length
    rows = allocate((n, V), np.float64, "the chain", "a shorter context")
    for first in range(0, n, 4096):
        ids = np.arange(first, min(first + 4096, n))
        found = log_probs(states.contexts(ids, V, context_length))
        part = numbers("log-probabilities", found, instead="an array (n, V)")
        if part.shape != (len(ids), V) or not (np.isfinite(part).any(1) & ~np.isnan(part).any(1)).all():
            raise InputError(
                f"expected log-probabilities of shape {(len(ids), V)} with a finite one in each row, got others of "
                f"shape {part.shape}; try another function"
            )
        rows[ids] = part - np.logaddexp.reduce(part, axis=1, keepdims=True)
    return Chain(log_probs=rows, vocab=vocab, context_length=context_length)


def _rowwise(function: Callable[[Inspection], ArrayLike], inside: Inspection) -> NDArray[Any]:
    found, m = array(function(inside)), len(inside.logits)
    if found.shape[:1] != (m,):
        raise InputError(
            f"expected an array ({m}, ...) of {m} contexts, got {shown(found)}; try lambda inside: inside.logits"
        )
    return found


def _finite(rows: Rows) -> Rows:
    if not np.isfinite(rows.sum(dtype=np.float64)):
        raise InputError("expected weights that make finite probabilities, got others; try a smaller learning rate")
    return rows


def require_chain(
    vocab_size: int, context_length: int, dtype: type[np.float32] | type[np.float64] = np.float32
) -> None:
    """TooLargeError where neither memory nor the disk has room for a chain of this shape."""
    states.require_enumerable(vocab_size, context_length)
    what = f"a chain of {vocab_size}**{context_length} states"
    size = np.dtype(dtype).itemsize * states.n_states(vocab_size, context_length) * vocab_size
    require_room(size, what, "a shorter context")
