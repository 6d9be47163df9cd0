"""The logit lens: what the output layer would say of the residual stream before the last layer has added to it.

nostalgebraist, "interpreting GPT: the logit lens" (2020), https://www.lesswrong.com/posts/AcKRB8wDpdaN6v6ru.
"""

import numpy as np
from numpy.typing import NDArray

from finitegpt import weights
from finitegpt.config import GPTConfig

_EPS = 1e-5


def lens(config: GPTConfig, flat: NDArray[np.float32], residual: NDArray[np.float32]) -> NDArray[np.float32]:
    """Log-probabilities in nats (..., V) that the final norm and the head make of a residual stream (..., C)."""
    named = weights.views(config, flat)
    head = named["transformer.wte.weight" if config.tied else "lm_head.weight"].astype(np.float64)
    x = residual.astype(np.float64)
    logits = (_normed(config, named, x) if config.final_norm else x) @ head.T
    logits -= logits.max(-1, keepdims=True)
    return (logits - np.log(np.exp(logits).sum(-1, keepdims=True))).astype(np.float32)


def _normed(config: GPTConfig, named: dict[str, NDArray[np.float32]], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """LayerNorm (Ba, Kiros and Hinton 2016) or RMSNorm (Zhang and Sennrich 2019), as the config says."""
    if config.norm == "layernorm":
        x = x - x.mean(-1, keepdims=True)
    x = x / np.sqrt((x * x).mean(-1, keepdims=True) + _EPS)
    if config.norm_weight:
        x = x * named["transformer.ln_f.weight"]
    return x + named["transformer.ln_f.bias"] if config.norm == "layernorm" else x
