"""How much of what a source's tokens say about its hidden state can be read off a GPT's residual stream.

Shai, Marzen, Teixeira, Oldenziel and Riechers, "Transformers represent belief state geometry in their residual stream"
(2024), https://arxiv.org/abs/2405.15943: who predicts a hidden Markov model as well as possible must keep
P(hidden state | tokens so far), the belief. They regressed on samples; with V**L contexts, each of which has an exact
belief and an exact probability, R**2 is that of the whole population.

An R**2 near 1 means less than it seems. The tokens themselves, one-hot, explain most of the variance, and the stream of
a GPT that was never trained more still: it is a random mixture of all tokens and places. So both stand beside it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finitegpt import states
from finitegpt.arguments import required, shown, whole
from finitegpt.errors import InputError
from finitegpt.limits import require_memory
from finitegpt.model import Model
from finitegpt.parallel import ranges
from finitegpt.regression import Floats, Regression, condensed, solved
from finitegpt.run import Run
from finitegpt.sources import Source

_AT_ONCE = 2**12
_SEED = 1337


@dataclass(frozen=True, eq=False, slots=True, kw_only=True, repr=False)
class Probe:
    """Beliefs read off the residual stream at the last token of every context, by linear regression.

    R**2 is the part of the variance of beliefs, all K hidden states together, that is explained, over all V**L
    contexts by their probabilities in the source.
    """

    r2: Floats
    """(2 n_layer + 1,): after the embedding and after every attention and every MLP."""
    untrained: Floats
    """(2 n_layer + 1,): of the same model before training."""
    tokens: float
    """Of all tokens of the context, one-hot."""
    depth: int
    """Where in the stream, from 0 to 2 n_layer, the following is read."""
    beliefs: Floats
    """(V**L, K): the exact ones."""
    read: Floats
    """(V**L, K): those read off the model."""
    read_untrained: Floats
    """(V**L, K): those read off the model before training."""
    weights: Floats
    """(V**L,): how probable each context is in the source."""

    def __repr__(self) -> str:
        at, last = self.depth, len(self.r2) - 1
        found = f"R^2 {self.r2[at]:.6f} at depth {at} of {last}"
        return f"Probe({found}, untrained {self.untrained[at]:.6f}, tokens {self.tokens:.6f})"


def probe(run: Run | Model, source: Source, *, depth: int | None = None, untrained: Model | None = None) -> Probe:
    """The exact linear regression of a source's beliefs on the residual stream at every depth, with its controls.

    `depth`, from 0 to 2 n_layer, is where the beliefs of the result are read, by default after the last layer. The
    control is the run's initial model, or `untrained`; for a model alone, one of its shape drawn from seed 1337.
    InputError where the source has another vocabulary, or only one belief; TooLargeError where there are too many
    contexts to list.

    >>> from finitegpt import sources, train
    >>> found = probe(train("1101111011", steps=5), sources.golden_mean())
    >>> found.r2.shape, found.read.shape
    ((9,), (8, 2))
    """
    model = run.model if isinstance(run, Run) else required("run", run, Model, instead="finitegpt.train")
    required("source", source, Source, instead="sources.mess3()")
    config, last = model.config, 2 * model.config.n_layer
    depth = last if depth is None else whole("depth", depth, 0, last)
    if untrained is None:
        untrained = run.initial_model if isinstance(run, Run) else Model.init(config, model.vocab, seed=_SEED)
    if required("untrained", untrained, Model, instead="run.initial_model").config != config:
        raise InputError(f"expected an untrained model of the same shape, got {untrained}; try run.initial_model")
    if source.vocab != model.vocab:
        raise InputError(f"expected a source over the vocabulary of {model}, got {shown(source)}; try another")
    V, L, K = config.vocab_size, config.context_length, len(source.start)
    require_memory(8 * V**L * (4 * K + 4), "beliefs after every context", "a shorter context")
    beliefs, weights = source.beliefs(L), source.word_probs(L)

    def one_hot(contexts: NDArray[np.int64]) -> NDArray[np.floating]:
        return np.eye(V)[contexts].reshape(len(contexts), 1, L * V)

    trained, control = _stream(model), _stream(untrained)
    fits, drawn = (_regressions(features, V, L, beliefs, weights, 2.0**-24) for features in (trained, control))
    return Probe(
        r2=np.array([fit.r2 for fit in fits]),
        untrained=np.array([fit.r2 for fit in drawn]),
        tokens=_regressions(one_hot, V, L, beliefs, weights, 0)[0].r2,
        depth=depth,
        beliefs=beliefs,
        read=_read(trained, V, L, fits[depth], depth),
        read_untrained=_read(control, V, L, drawn[depth], depth),
        weights=weights,
    )


Features = Callable[[NDArray[np.int64]], NDArray[np.floating]]
"""Contexts (m, L) -> their features at every depth (m, depths, C)."""


def _stream(model: Model) -> Features:
    """The residual stream at the last token."""
    return lambda contexts: model.inspect(contexts, of=lambda inside: inside.residual[:, :, -1])


def _regressions(
    features: Features, V: int, L: int, beliefs: Floats, weights: Floats, rounding: float
) -> list[Regression]:
    """One for each depth."""
    condensates: list[Floats | None] = []
    n_features = 0
    for first, count in ranges(V**L, _AT_ONCE):
        some = slice(first, first + count)
        X = features(states.contexts(np.arange(first, first + count), V, L))
        n_features, condensates = X.shape[2], condensates or [None] * X.shape[1]
        condensates = [condensed(X[:, k], beliefs[some], weights[some], R) for k, R in enumerate(condensates)]
    return [solved(R, n_features, rounding=rounding) for R in condensates if R is not None]


def _read(features: Features, V: int, L: int, fit: Regression, depth: int) -> Floats:
    """What a regression makes of every context (V**L, K)."""
    pieces = ranges(V**L, _AT_ONCE)
    return np.concatenate([fit(features(states.contexts(np.arange(a, a + n), V, L))[:, depth]) for a, n in pieces])
