"""Random models and data for Hypothesis."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from finitegpt import GPTConfig
from finitegpt.engine import Windows

SEEDS = st.integers(0, 2**32 - 1)


class Case(NamedTuple):
    """A model's shape, a seed, and windows to train on."""

    config: GPTConfig
    seed: int
    windows: Windows


@st.composite
def configs(draw: st.DrawFn, *, most_states: int = 1024, least_width: int = 1) -> GPTConfig:
    """Shapes of models: V not only powers of two, L, layers and heads from 1, of every kind."""
    vocab_size = draw(st.integers(2, 7))
    longest = max(L for L in range(1, 8) if vocab_size**L <= most_states)
    n_head = draw(st.integers(1, 4))
    norm = draw(st.sampled_from(("layernorm", "layernorm", "rmsnorm")))
    narrowest = -(-least_width // n_head)
    return GPTConfig(
        vocab_size=vocab_size,
        context_length=draw(st.integers(1, longest)),
        n_layer=draw(st.integers(1, 3)),
        n_head=n_head,
        n_embd=n_head * draw(st.integers(narrowest, max(6, narrowest))),
        bias=draw(st.booleans()),
        tied=draw(st.booleans()),
        activation=draw(st.sampled_from(("gelu", "gelu", "gelu_tanh", "relu"))),
        norm=norm,
        norm_weight=norm == "layernorm" or draw(st.booleans()),
        embedding_norm=norm == "rmsnorm" and draw(st.booleans()),
        final_norm=norm == "layernorm" or draw(st.booleans()),
    )


@st.composite
def long_cases(draw: st.DrawFn) -> Case:
    """Windows that share little or nothing, of several lengths, of weights and masks of their own."""
    shape = draw(configs(least_width=4))
    L = draw(st.sampled_from((1, 2, 7, 15, 16, 17, 24, 33, 64, 65, 100)))
    config = replace(shape, context_length=L)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    tokens = rng.integers(0, config.vocab_size, L + rng.integers(2, 300)).astype(np.int32)
    batch = draw(st.integers(1, 40))
    starts, lengths = rng.integers(0, len(tokens) - L, batch), None
    if draw(st.booleans()):
        lengths = rng.integers(1, L + 1, batch).astype(np.int32)
    weights = rng.random(batch).astype(np.float32) if draw(st.booleans()) else None
    mask = None
    if draw(st.booleans()):
        mask = (rng.random(len(tokens)) * (rng.random(len(tokens)) < 0.7)).astype(np.float32)
        mask[starts + (L if lengths is None else lengths)] = 1  # something counts
    every = draw(st.booleans())
    return Case(config, draw(SEEDS), Windows(tokens, starts, lengths, weights, mask, every))


@st.composite
def cases(draw: st.DrawFn, *, most_states: int = 1024) -> Case:
    """Models of at least four features (fewer leave a layer norm next to no gradient) and windows for them."""
    config = draw(configs(most_states=most_states, least_width=4))
    L = config.context_length
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    tokens = rng.integers(0, config.vocab_size, rng.integers(L + 1, 40)).astype(np.int32)
    starts = rng.integers(0, len(tokens) - L, draw(st.integers(1, 40)))
    return Case(config, draw(SEEDS), Windows(tokens, starts, every_position=draw(st.booleans())))
