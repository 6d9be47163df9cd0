"""Do one-layer GPTs learn a two-state Markov chain, or do they stay at the frequency of its tokens?

Makkuva et al. (2024), "Attention with Markov": with P(1|0) = p and P(0|1) = q, one layer can predict as well as the
chain allows (the bigram loss), but where p + q > 1 and the embedding is also the output layer (tied), the loss has a
bad local minimum at the unigram loss. Untied, or with p + q < 1, that point is a saddle, which training leaves.

Here with a context of 4 tokens, where the paper has 1,024, and with the exact expected loss of the trained chain.
- "GPT": nanoGPT's model and AdamW, tied as our engine has it, and untied in PyTorch
- "bare": the model of the paper's theorems, with one vector for the token 1, none for 0, no layer norm and a single
  logit, begun near the critical point and trained by plain gradient descent

What we find: the bare model does what the theorems say, and is caught in one case of four. The GPT gets away in all,
but in that one case only after a plateau.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from table import Row, arguments, show, write

import finitegpt
from finitegpt import Chain, Data, GPTConfig, TrainConfig, chain_of
from finitegpt.analysis import compare
from finitegpt.picture import curves
from finitegpt.sources import two_state

try:
    import torch
    from torch.nn.functional import cross_entropy, relu

    from finitegpt.torch import GPT

    torch.set_num_threads(1)  # a second thread costs more than it brings on tensors as small as these
except ImportError:
    torch = None

L, C = 4, 8
LR, DECAY = 2e-3, 1e-3  # of AdamW


def main(short: bool, out: Path) -> list[Row]:
    """Every model from several seeds, on samples of two chains."""
    seeds, steps = (2, 220) if short else (5, 600)
    rows, lines, marks = [], [], []
    for p, q in ((0.2, 0.3), (0.5, 0.8)):
        source = two_state(p, q)
        unigram, bigram = source.memory(1).tolist()
        halfway = (unigram + bigram) / 2
        title = f"p + q = {p + q:g}"
        rows.append(Row(f"{title}: unigram loss", coin(p / (p + q)), unigram))
        rows.append(Row(f"{title}: bigram loss", (q * coin(p) + p * coin(q)) / (p + q), bigram))
        models: dict[str, Callable[..., tuple[Chain, np.ndarray]]] = {"GPT, tied": engine_gpt}
        if torch and (p + q > 1 or not short):
            models |= {"GPT, untied": torch_gpt, "bare, tied": partial(bare, tied=True)}
            models |= {"bare, untied": partial(bare, tied=False)}
        data = Data.from_text(source.sample(200_000, seed=0), context_length=L)
        for name, trained in models.items():
            runs = [trained(data, seed, steps) for seed in range(seeds)]
            found = [compare(source.predictor(L), chain).cross_entropy.value for chain, _ in runs]
            kind = "local minimum" if name.endswith(", tied") and p + q > 1 else "saddle"
            left = sum(loss < halfway for loss in found)
            rows.append(Row(f"{title}: {name}: loss, median of {seeds} seeds", bigram, float(np.median(found))))
            rows.append(Row(f"{title}: {name}: unigram loss is left by", kind, f"{left} of {seeds} seeds"))
            plateau = np.median([np.argmax(np.append(losses, 0.0) < halfway) for _, losses in runs])
            rows.append(Row(f"{title}: {name}: steps until halfway", None, int(plateau) if left else "never"))
            if p + q > 1:
                lines.append((name, np.median([losses for _, losses in runs], axis=0).tolist()))
                marks = [("unigram", unigram), ("bigram", bigram)]
    if not torch:
        rows.append(Row("GPT, untied; bare", None, "need PyTorch, which is not installed"))

    show("One layer on a two-state Markov chain", rows)
    picture = curves("p + q = 1.3", lines, across="step", up="loss in nats, median of seeds", marks=marks)
    write(out, "markov-one-layer.svg", picture)
    return rows


def coin(p: float) -> float:
    """The entropy of a coin in nats."""
    return float(-p * np.log(p) - (1 - p) * np.log(1 - p))


def shape() -> GPTConfig:
    """One layer with one head."""
    return GPTConfig(vocab_size=2, context_length=L, n_layer=1, n_head=1, n_embd=C)


def engine_gpt(data: Data, seed: int, steps: int) -> tuple[Chain, np.ndarray]:
    """The engine's GPT, whose embedding is its output layer."""
    run = finitegpt.train(data, shape(), TrainConfig(steps=steps, lr=LR, weight_decay=DECAY, seed=seed, loss="all"))
    return run.chain, run.losses


def torch_gpt(data: Data, seed: int, steps: int) -> tuple[Chain, np.ndarray]:
    """The same GPT with an output layer of its own."""
    torch.manual_seed(seed)
    model = GPT(shape())
    model.lm_head.weight = torch.nn.Parameter(0.02 * torch.randn(2, C))
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=DECAY)
    return descend(partial(model, every_position=True), optimizer, data, steps)


def bare(data: Data, seed: int, steps: int, *, tied: bool) -> tuple[Chain, np.ndarray]:
    """Attention and a ReLU layer on x_n e + p_n; the logit of a 1 is a . y_n + b, with a = e where tied."""
    torch.manual_seed(seed)
    sizes = {
        "e": (C,),
        "a": (C,),
        "place": (L, C),
        "qkv": (3 * C, C),
        "mix": (C, C),
        "up": (4 * C, C),
        "down": (C, 4 * C),
    }
    e, a, place, qkv, mix, up, down = weights = [torch.nn.Parameter(0.001 * torch.randn(n)) for n in sizes.values()]
    b = torch.nn.Parameter(torch.zeros(1))
    a = e if tied else a

    def logits(tokens: Any) -> Any:
        x = tokens[..., None] * e + place[: tokens.shape[1]]  # (B, T, C)
        query, key, value = (x @ qkv.T).chunk(3, -1)
        later = torch.ones(tokens.shape[1], tokens.shape[1], dtype=torch.bool).triu(1)
        attention = (query @ key.mT / C**0.5).masked_fill(later, -torch.inf).softmax(-1)
        x = x + attention @ value @ mix.T
        x = x + relu(x @ up.T) @ down.T
        one = x @ a + b  # (B, T)
        return torch.stack([torch.zeros_like(one), one], -1)

    return descend(logits, torch.optim.SGD([*weights, b], lr=0.5), data, steps)


def descend(logits: Callable[..., Any], optimizer: Any, data: Data, steps: int) -> tuple[Chain, np.ndarray]:
    """Steps on all windows and every position, as the engine takes them; the chain, and the loss before each step."""
    starts, counts = data.distinct
    windows = torch.from_numpy(np.stack([data.tokens[start : start + L + 1] for start in starts])).long()
    share = torch.from_numpy(counts / counts.sum()).float()
    losses = np.empty(steps)
    for step in range(steps):
        each = cross_entropy(logits(windows[:, :-1]).mT, windows[:, 1:], reduction="none")  # (windows, L)
        loss = share @ each.mean(1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses[step] = loss.item()
    with torch.no_grad():
        chain = chain_of(lambda contexts: logits(torch.from_numpy(contexts))[:, -1].log_softmax(-1), data.vocab, L)
    return chain, losses


if __name__ == "__main__":
    main(*arguments())
