"""The same GPT as a PyTorch module: the judge of the engine, and the way to train on a GPU.

Needs the extra `[torch]`; nothing else imports this module. Readers of nanoGPT will know their way around. Other
people's checkpoints are in `finitegpt.checkpoints`; some of its functions are here too.
"""

import math

import torch
from torch import Tensor, nn

from finitegpt.arguments import required
from finitegpt.checkpoints import from_nanogpt, to_hugging_face
from finitegpt.checkpoints.tensors import arrays, is_tied, weight
from finitegpt.config import GPTConfig
from finitegpt.errors import InputError
from finitegpt.model import Model

__all__ = ["GPT", "GPTConfig", "from_model", "from_nanogpt", "to_hugging_face", "to_model"]


def norm(config: GPTConfig, *, weight: bool = True) -> nn.Module:
    """LayerNorm or RMSNorm as the config says."""
    if config.norm == "layernorm" and weight:
        return nn.LayerNorm(config.n_embd)
    return nn.RMSNorm(config.n_embd, eps=1e-5, elementwise_affine=weight and config.norm_weight)


class CausalSelfAttention(nn.Module):
    """Every position reads what it and those before it offer."""

    mask: Tensor

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.n_head = config.n_head
        self.c_attn = nn.Linear(config.n_embd, 3 * config.n_embd, bias=config.bias)
        self.c_proj = nn.Linear(config.n_embd, config.n_embd, bias=config.bias)
        L = config.context_length
        self.register_buffer("mask", torch.ones(L, L, dtype=torch.bool).tril(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        B, T, C = x.shape
        heads = self.c_attn(x).view(B, T, 3, self.n_head, C // self.n_head)
        q, k, v = heads.permute(2, 0, 3, 1, 4)  # each (B, n_head, T, C / n_head)
        scores = q @ k.transpose(-2, -1) / math.sqrt(C // self.n_head)  # (B, n_head, T, T)
        attention = scores.masked_fill(~self.mask[:T, :T], -math.inf).softmax(-1)
        return self.c_proj((attention @ v).transpose(1, 2).reshape(B, T, C))


class MLP(nn.Module):
    """Four times as wide inside, with a GELU or a ReLU."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.c_fc = nn.Linear(config.n_embd, 4 * config.n_embd, bias=config.bias)
        self.c_proj = nn.Linear(4 * config.n_embd, config.n_embd, bias=config.bias)
        self.activation = {"gelu": nn.GELU(), "gelu_tanh": nn.GELU(approximate="tanh"), "relu": nn.ReLU()}[
            config.activation
        ]

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        return self.c_proj(self.activation(self.c_fc(x)))


class Block(nn.Module):
    """Attention, then MLP, each on the normed stream and added to it."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.ln_1 = norm(config)
        self.attn = CausalSelfAttention(config)
        self.ln_2 = norm(config)
        self.mlp = MLP(config)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    """The notebook's model. Parameters are drawn from PyTorch's global generator: call `torch.manual_seed` first."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(config.vocab_size, config.n_embd),
                "wpe": nn.Embedding(config.context_length, config.n_embd),
                "h": nn.ModuleList([Block(config) for _ in range(config.n_layer)]),
                "ln_f": norm(config) if config.final_norm else nn.Identity(),
            }
        )
        self.lm_head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        if config.tied:
            self.transformer["wte"].weight = self.lm_head.weight  # one tensor, two uses
        self.embedding_norm = norm(config, weight=False) if config.embedding_norm else nn.Identity()
        self.apply(self._draw)
        for name, parameter in self.named_parameters():
            if name.endswith("c_proj.weight"):
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * config.n_layer))

    @staticmethod
    def _draw(module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)

    def forward(self, tokens: Tensor, *, every_position: bool = False) -> Tensor:
        """Next-token logits of tokens (B, T), T <= L: (B, V) after the last, or (B, T, V) after each."""
        positions = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.transformer["wte"](tokens) + self.transformer["wpe"](positions)  # (B, T, C)
        x = self.embedding_norm(x)
        for block in self.transformer["h"]:  # type: ignore[union-attr]
            x = block(x)
        x = self.transformer["ln_f"](x if every_position else x[:, -1])
        return self.lm_head(x)


def from_model(model: Model) -> GPT:
    """A PyTorch module with the weights of an engine model."""
    with torch.random.fork_rng(devices=[]):
        module = GPT(model.config)
    tensors = {name: torch.from_numpy(array.copy()) for name, array in model.named.items()}
    tensors.setdefault("lm_head.weight", tensors["transformer.wte.weight"])
    module.load_state_dict(tensors)
    return module


def to_model(module: GPT, vocab: str | tuple[str, ...]) -> Model:
    """The engine's model with a module's weights, rounded to float32 where they are of another precision.

    InputError where one is NaN or infinite, or where a tied head is no longer the embedding.
    """
    named = arrays(required("module", module, GPT, instead="from_model(model)").state_dict())
    if module.config.tied:
        if not is_tied(named):
            raise InputError("expected the output layer to be the token embedding, got another; try tied=False")
        del named["lm_head.weight"]
    return Model.from_named(module.config, vocab, {name: weight(name, array) for name, array in named.items()})
