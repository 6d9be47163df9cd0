"""The same work as somebody without FiniteGPT would write it, in PyTorch."""

import torch

from finitegpt.config import GPTConfig
from finitegpt.data import NOTEBOOK_SEQUENCE
from finitegpt.torch import GPT

NOTEBOOK = GPTConfig(vocab_size=2, context_length=3)


def notebook_loop(steps: int = 50, seed: int = 1337) -> GPT:
    """The notebook's training: eager, full batch."""
    tokens = [int(sign) for sign in NOTEBOOK_SEQUENCE]
    X = torch.tensor([tokens[i : i + 3] for i in range(len(tokens) - 3)])
    Y = torch.tensor(tokens[3:])
    torch.manual_seed(seed)
    gpt = GPT(NOTEBOOK)
    adamw = torch.optim.AdamW(gpt.parameters(), lr=1e-3, weight_decay=1e-1)
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(gpt(X), Y)
        loss.backward()
        adamw.step()
        adamw.zero_grad()
    return gpt


def notebook_states(gpt: GPT) -> list[list[float]]:
    """The notebook's way to the chain: one state after the other."""
    V, L = gpt.config.vocab_size, gpt.config.context_length
    rows = []
    with torch.no_grad():
        for id in range(V**L):
            context = [id // V**k % V for k in reversed(range(L))]
            rows.append(torch.softmax(gpt(torch.tensor([context]))[0], -1).tolist())
    return rows


if __name__ == "__main__":
    print(notebook_states(notebook_loop()))
