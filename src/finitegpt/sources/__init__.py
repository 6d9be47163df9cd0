"""Processes whose exact law is known, n-gram chains of a text, and texts turned into few symbols.

- source: a stationary process over a vocabulary, given as a hidden Markov model whose arrows emit the tokens
- h_L: entropy in nats of the next token given the L before it, H(x_L | x_0 .. x_{L-1}); no model with a context of L
  tokens can have a lower expected loss
- entropy rate h: what h_L falls to as L grows, the loss that no model can beat
- predictor: the chain that reaches h_L, whose row i is the exact P(next token | state i)
- belief: how probable each hidden state is, given the tokens so far
- unifilar: hidden state and token say which hidden state comes next, so that a hidden state once known stays known
- mixture: one of several sources, chosen once and for ever; its entropy rate is the mean of theirs
- beginning: a source that does not begin in its long run has one; then what is said is of its first tokens
- prior: a distribution over chains, a new one for every sequence; `mixture` is a finite one, `dirichlet` is over all
"""

from finitegpt.sources.empirical import ngram
from finitegpt.sources.known import (
    bernoulli,
    even,
    golden_mean,
    markov,
    mess3,
    mixture,
    periodic,
    rrxor,
    sns,
    two_state,
    z1r,
)
from finitegpt.sources.names import NAMES, parse
from finitegpt.sources.prior import Dirichlet, dirichlet
from finitegpt.sources.source import Source
from finitegpt.sources.transforms import TRANSFORMS, transform, transform_all

__all__ = [
    "NAMES",
    "TRANSFORMS",
    "Dirichlet",
    "Source",
    "bernoulli",
    "dirichlet",
    "even",
    "golden_mean",
    "markov",
    "mess3",
    "mixture",
    "ngram",
    "parse",
    "periodic",
    "rrxor",
    "sns",
    "transform",
    "transform_all",
    "two_state",
    "z1r",
]
