"""GPTs by the layouts that other projects publish, written here anew: the judges of conversions.

Names and shapes of tensors are theirs; what is computed follows Radford et al. 2019, "Language Models are Unsupervised
Multitask Learners", and for microgpt its page, http://karpathy.github.io/2026/02/12/microgpt/.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn


class Shape(NamedTuple):
    """By nanoGPT's names."""

    block_size: int
    vocab_size: int
    n_layer: int
    n_head: int
    n_embd: int


SHAPES = (Shape(5, 3, 2, 2, 8), Shape(3, 2, 4, 4, 16), Shape(6, 7, 1, 3, 12), Shape(1, 4, 3, 1, 5))


def exact(x: Tensor) -> Tensor:
    """x times the share of the normal distribution below it."""
    return x * (1 + torch.erf(x / math.sqrt(2))) / 2


def by_tanh(x: Tensor) -> Tensor:
    """As GPT-2 has it."""
    return x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2


class Attention(nn.Module):
    def __init__(self, shape: Shape, bias: bool, mask: bool) -> None:
        super().__init__()
        self.heads, C = shape.n_head, shape.n_embd
        self.c_attn, self.c_proj = nn.Linear(C, 3 * C, bias=bias), nn.Linear(C, C, bias=bias)
        if mask:
            self.register_buffer("bias", torch.ones(1, 1, shape.block_size, shape.block_size).tril())

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.c_attn(x).chunk(3, -1))
        return self.c_proj(
            nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(-2)
        )


class Block(nn.Module):
    def __init__(self, shape: Shape, bias: bool, mask: bool, gelu: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        C, self.gelu = shape.n_embd, gelu
        self.ln_1, self.ln_2 = nn.LayerNorm(C, bias=bias), nn.LayerNorm(C, bias=bias)
        self.attn = Attention(shape, bias, mask)
        self.mlp = nn.ModuleDict({"c_fc": nn.Linear(C, 4 * C, bias=bias), "c_proj": nn.Linear(4 * C, C, bias=bias)})

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp["c_proj"](self.gelu(self.mlp["c_fc"](self.ln_2(x))))


@dataclass(frozen=True)
class Project:
    """What one of them has."""

    gelu: Callable[[Tensor], Tensor]
    bias: bool
    tied: bool
    masks: bool


PROJECTS = {
    "nanogpt": Project(exact, bias=True, tied=True, masks=False),
    "nanogpt without biases": Project(exact, bias=False, tied=True, masks=False),
    "nanogpt of April 2023": Project(by_tanh, bias=True, tied=True, masks=True),
    "nanogpt of its first week": Project(by_tanh, bias=True, tied=False, masks=True),
    "build-nanogpt": Project(by_tanh, bias=True, tied=True, masks=False),
    "mingpt": Project(by_tanh, bias=True, tied=False, masks=True),
    "makemore": Project(by_tanh, bias=True, tied=False, masks=True),
}


class GPT(nn.Module):
    """Of nanoGPT's family, with weights that are larger than a fresh model's, so that every part shows."""

    def __init__(self, shape: Shape, project: Project, seed: int = 0) -> None:
        super().__init__()
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(shape.vocab_size, shape.n_embd),
                "wpe": nn.Embedding(shape.block_size, shape.n_embd),
                "h": nn.ModuleList(
                    Block(shape, project.bias, project.masks, project.gelu) for _ in range(shape.n_layer)
                ),
                "ln_f": nn.LayerNorm(shape.n_embd, bias=project.bias),
            }
        )
        self.lm_head = nn.Linear(shape.n_embd, shape.vocab_size, bias=False)
        if project.tied:
            self.lm_head.weight = self.transformer["wte"].weight
        disturb(self, seed)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.transformer["wte"](tokens) + self.transformer["wpe"](torch.arange(tokens.shape[1]))
        for block in self.transformer["h"]:
            x = block(x)
        return self.lm_head(self.transformer["ln_f"](x))


def disturb(module: nn.Module, seed: int) -> None:
    """Draws every parameter anew: weights of norms around one, all others around zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            mean = 1 if ".ln_" in name and name.endswith("weight") else 0
            parameter.copy_(mean + 0.2 * torch.randn(parameter.shape, generator=generator))


def contexts(shape: Shape, seed: int = 0) -> list[np.ndarray]:
    """Some of every length."""
    rng = np.random.default_rng(seed)
    return [rng.integers(0, shape.vocab_size, (20, k)) for k in range(1, shape.block_size + 1)]


def log_probs(module: Callable[[Tensor], Tensor], tokens: np.ndarray) -> np.ndarray:
    """After the last token, of a module that gives logits after each."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # several would spend their time waiting for each other, with matrices as small as these
    try:
        with torch.no_grad():
            return module(torch.from_numpy(tokens))[:, -1].double().log_softmax(-1).numpy()
    finally:
        torch.set_num_threads(threads)


Matrix = list[list[float]]


def microgpt_weights(shape: Shape, seed: int = 0, scale: float = 0.3) -> dict[str, Matrix]:
    """By microgpt's names."""
    rng, C = random.Random(seed), shape.n_embd

    def matrix(rows: int, columns: int) -> Matrix:
        return [[rng.gauss(0, scale) for _ in range(columns)] for _ in range(rows)]

    found = {"wte": matrix(shape.vocab_size, C), "wpe": matrix(shape.block_size, C)}
    found["lm_head"] = matrix(shape.vocab_size, C)
    for i in range(shape.n_layer):
        for name in ("attn_wq", "attn_wk", "attn_wv", "attn_wo"):
            found[f"layer{i}.{name}"] = matrix(C, C)
        found |= {f"layer{i}.mlp_fc1": matrix(4 * C, C), f"layer{i}.mlp_fc2": matrix(C, 4 * C)}
    return found


def microgpt_log_probs(weights: dict[str, Matrix], n_head: int, tokens: list[int]) -> list[float]:
    """After the last token, in plain Python and double precision."""

    def apply(name: str, x: list[float]) -> list[float]:
        return [math.fsum(a * b for a, b in zip(row, x, strict=True)) for row in weights[name]]

    def normed(x: list[float]) -> list[float]:
        root = math.sqrt(math.fsum(a * a for a in x) / len(x) + 1e-5)
        return [a / root for a in x]

    def plus(x: list[float], y: list[float]) -> list[float]:
        return [a + b for a, b in zip(x, y, strict=True)]

    def softmax(x: list[float]) -> list[float]:
        powers = [math.exp(a - max(x)) for a in x]
        return [a / math.fsum(powers) for a in powers]

    def read(q: list[float], keys: Matrix, values: Matrix) -> list[float]:
        """What one head reads at the last of the positions."""
        scores = [math.fsum(a * b for a, b in zip(q, k, strict=True)) / math.sqrt(len(q)) for k in keys]
        shares = softmax(scores)
        return [math.fsum(s * v[j] for s, v in zip(shares, values, strict=True)) for j in range(len(q))]

    stream = [normed(plus(weights["wte"][token], weights["wpe"][k])) for k, token in enumerate(tokens)]
    size = len(stream[0]) // n_head
    parts = [slice(h * size, (h + 1) * size) for h in range(n_head)]
    for i in range(sum(name.endswith("attn_wq") for name in weights)):
        q, k, v = ([apply(f"layer{i}.attn_w{letter}", normed(x)) for x in stream] for letter in "qkv")
        for t, x in enumerate(stream):
            heads = (read(q[t][p], [a[p] for a in k[: t + 1]], [a[p] for a in v[: t + 1]]) for p in parts)
            x = plus(x, apply(f"layer{i}.attn_wo", [a for head in heads for a in head]))
            inner = [max(0.0, a) for a in apply(f"layer{i}.mlp_fc1", normed(x))]
            stream[t] = plus(x, apply(f"layer{i}.mlp_fc2", inner))
    return [math.log(p) for p in softmax(apply("lm_head", stream[-1]))]
