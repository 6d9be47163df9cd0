"""The model of the theorems of Makkuva et al. (2024) in NumPy: one layer, no layer norm, one logit.

A token x at place n is x e + p_n, with one vector e for the token 1. One head and a ReLU layer are added to it, and the
logit of a 1 is a . y_n + b, with a = e where the model is tied. It is no `GPTConfig`, so its gradient is here, by hand.
"""

import numpy as np

from finitegpt import Chain, chain_of, states
from finitegpt.sources import Source

C = 8
RATE = 0.5  # of gradient descent

Weights = dict[str, np.ndarray]


def begun(context_length: int, seed: int, tied: bool, deviation: float = 0.001) -> Weights:
    """Weights near the critical point, where all are zero; without "a" where it is e."""
    shapes = {"e": (C,), "a": (C,), "place": (context_length, C), "q": (C, C), "k": (C, C), "v": (C, C)}
    shapes |= {"mix": (C, C), "up": (4 * C, C), "down": (C, 4 * C)}
    draw = np.random.default_rng(seed)
    weights = {name: deviation * draw.standard_normal(shape) for name, shape in shapes.items()} | {"b": np.zeros(())}
    return {name: weight for name, weight in weights.items() if name != "a" or not tied}


def learned(source: Source, context_length: int, seed: int, tied: bool, steps: int) -> tuple[Chain, np.ndarray]:
    """Gradient descent on the exact law of a source: the chain, and the expected loss before each step (steps,)."""
    windows = states.contexts(np.arange(2 ** (context_length + 1)), 2, context_length + 1)
    share = source.word_probs(context_length + 1)
    weights, losses = begun(context_length, seed, tied), np.empty(steps)
    for step in range(steps):
        losses[step], slopes = loss_and_gradient(weights, windows, share)
        weights = {name: weight - RATE * slopes[name] for name, weight in weights.items()}
    return chain_of(lambda contexts: log_probs(weights, contexts), source.vocab, context_length), losses


def log_probs(weights: Weights, contexts: np.ndarray) -> np.ndarray:
    """Of both tokens after contexts (n, L), in nats (n, 2)."""
    one = forward(weights, contexts)["one"][:, -1]
    return -np.logaddexp(0, np.stack([one, -one], 1))


def forward(weights: Weights, tokens: np.ndarray) -> dict[str, np.ndarray]:
    """All that is computed on tokens (n, T), the logits of a 1 (n, T) last."""
    T = tokens.shape[1]
    x = tokens[..., None] * weights["e"] + weights["place"][:T]  # (n, T, C)
    q, k, v = (x @ weights[name].T for name in "qkv")
    scores = np.where(np.tri(T, dtype=bool), q @ k.swapaxes(1, 2) / C**0.5, -np.inf)  # (n, T, T)
    attention = np.exp(scores - scores.max(-1, keepdims=True))
    attention /= attention.sum(-1, keepdims=True)
    heads = attention @ v
    mixed = x + heads @ weights["mix"].T
    above = np.maximum(mixed @ weights["up"].T, 0)  # (n, T, 4 C)
    y = mixed + above @ weights["down"].T
    one = y @ weights.get("a", weights["e"]) + weights["b"]
    names = ("x", "q", "k", "v", "attention", "heads", "mixed", "above", "y", "one")
    return dict(zip(names, (x, q, k, v, attention, heads, mixed, above, y, one), strict=True))


def loss_and_gradient(weights: Weights, windows: np.ndarray, share: np.ndarray) -> tuple[float, Weights]:
    """The mean loss in nats over all places of windows (n, T + 1) that count by `share` (n,), and its gradient."""
    tokens, follows = windows[:, :-1], windows[:, 1:]
    found = forward(weights, tokens)
    x, q, k, v, attention, heads, mixed, above, y, one = found.values()
    counts = np.broadcast_to(share[:, None] / tokens.shape[1], tokens.shape)
    loss = float((counts * (np.logaddexp(0, one) - follows * one)).sum())

    def product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return np.einsum("nti,ntj->ij", left, right)

    d_one = counts * (1 / (1 + np.exp(-one)) - follows)
    d_y = d_one[..., None] * weights.get("a", weights["e"])
    d_above = d_y @ weights["down"] * (above > 0)
    d_mixed = d_y + d_above @ weights["up"]
    d_heads = d_mixed @ weights["mix"]
    d_attention = d_heads @ v.swapaxes(1, 2)
    d_scores = attention * (d_attention - (d_attention * attention).sum(-1, keepdims=True)) / C**0.5
    d = {"q": d_scores @ k, "k": d_scores.swapaxes(1, 2) @ q, "v": attention.swapaxes(1, 2) @ d_heads}
    d_x = d_mixed + sum(d[name] @ weights[name] for name in "qkv")
    output = np.einsum("nt,nti->i", d_one, y)
    slopes = {"e": np.einsum("nt,nti->i", tokens, d_x), "a": output, "place": d_x.sum(0), "b": d_one.sum()}
    slopes |= {name: product(d[name], x) for name in "qkv"}
    slopes |= {"mix": product(d_mixed, heads), "up": product(d_above, mixed), "down": product(d_y, above)}
    if "a" not in weights:
        slopes["e"] = slopes["e"] + slopes.pop("a")
    return loss, slopes
