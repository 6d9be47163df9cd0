"""The same work as somebody without FiniteGPT would write it: in PyTorch, and for chains in QuantEcon and SciPy."""

import numpy as np
import torch
from scipy.sparse import csr_array
from scipy.sparse.linalg import eigs

from finitegpt.chain import Chain
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


def seeds_by_vmap(gpts: list[GPT], steps: int = 50) -> None:
    """The same training of many seeds at once: torch.func.vmap over gradients, AdamW on stacked tensors."""
    tokens = [int(sign) for sign in NOTEBOOK_SEQUENCE]
    X = torch.tensor([tokens[i : i + 3] for i in range(len(tokens) - 3)])
    Y = torch.tensor(tokens[3:])
    shape = gpts[0]
    stacked = [dict(gpt.named_parameters()) for gpt in gpts]
    params = {name: torch.stack([one[name].detach() for one in stacked]) for name in stacked[0]}

    def loss(one: dict[str, torch.Tensor]) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(torch.func.functional_call(shape, one, (X,), tie_weights=True), Y)

    gradient = torch.func.vmap(torch.func.grad(loss))
    first = {name: torch.zeros_like(p) for name, p in params.items()}
    second = {name: torch.zeros_like(p) for name, p in params.items()}
    for step in range(1, steps + 1):
        for name, g in gradient(params).items():
            first[name].lerp_(g, 0.1)
            second[name].mul_(0.999).addcmul_(g, g, value=0.001)
            size = (second[name] / (1 - 0.999**step)).sqrt_().add_(1e-8)
            params[name].mul_(1 - 1e-4).addcdiv_(first[name], size, value=-1e-3 / (1 - 0.9**step))


def notebook_states(gpt: GPT, ids: range | None = None) -> list[list[float]]:
    """The notebook's way to the chain: one state after the other."""
    V, L = gpt.config.vocab_size, gpt.config.context_length
    rows = []
    with torch.no_grad():
        for id in ids or range(V**L):
            context = [id // V**k % V for k in reversed(range(L))]
            rows.append(torch.softmax(gpt(torch.tensor([context]))[0], -1).tolist())
    return rows


def batched_chain(gpt: GPT, states: int, batch: int = 1024) -> torch.Tensor:
    """The first states of the chain, a batch of whole contexts at a time: every shared prefix computed again."""
    V, L = gpt.config.vocab_size, gpt.config.context_length
    powers = V ** torch.arange(L - 1, -1, -1)
    with torch.inference_mode():
        ids = torch.arange(states).split(batch)
        return torch.cat([gpt(part[:, None] // powers % V).log_softmax(-1) for part in ids])


def prefix_shared_chain(gpt: GPT, subtree: int = 1024) -> torch.Tensor:
    """The whole chain, level by level: one new token for every prefix, keys and values of its ancestors gathered.

    The tree is cut at a level from which a subtree fits in the cache, and walked subtree by subtree.
    """
    V, L = gpt.config.vocab_size, gpt.config.context_length
    top = next(t for t in range(L) if V ** (L - t) <= subtree)
    rows = []
    with torch.inference_mode():
        x, keys = torch.zeros(1, 0), [torch.zeros(1, 2, gpt.config.n_head, 0, 0)] * gpt.config.n_layer
        for t in range(top):
            x, keys = _grow(gpt, keys, t)
        for root in range(V**top):
            own = [k[root : root + 1] for k in keys]
            for t in range(top, L):
                x, own = _grow(gpt, own, t)
            rows.append(gpt.lm_head(gpt.transformer["ln_f"](x)).log_softmax(-1))
    return torch.cat(rows)


def _grow(gpt: GPT, keys: list[torch.Tensor], t: int) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """From the keys and values (n, 2, n_head, t, size) of all prefixes of t tokens to those of t + 1 tokens."""
    V, C, H = gpt.config.vocab_size, gpt.config.n_embd, gpt.config.n_head
    n = len(keys[0])
    x = (gpt.transformer["wte"].weight + gpt.transformer["wpe"].weight[t]).repeat(n, 1)  # (n V, C)
    grown = []
    for block, old in zip(gpt.transformer["h"], keys, strict=True):
        q, k, v = block.attn.c_attn(block.ln_1(x)).view(n * V, 3, H, C // H).unbind(1)
        new = torch.stack([k, v], 1)[:, :, :, None]  # (n V, 2, H, 1, size)
        past = old.repeat_interleave(V, 0) if t else new[:, :, :, :0]
        both = torch.cat([past, new], 3)
        y = torch.nn.functional.scaled_dot_product_attention(q[:, :, None], both[:, 0], both[:, 1])
        x = x + block.attn.c_proj(y.reshape(n * V, C))
        x = x + block.mlp(block.ln_2(x))
        grown.append(both)
    return x, grown


def gth_of_quantecon(matrix: np.ndarray) -> np.ndarray:
    """The stationary law by QuantEcon's elimination, compiled by Numba."""
    from quantecon.markov import gth_solve

    return gth_solve(matrix)


def largest_eigenvector(matrix: csr_array) -> np.ndarray:
    """The stationary law as the left eigenvector of the largest eigenvalue, by SciPy's Arnoldi iteration."""
    n = matrix.shape[0]
    _, vectors = eigs(matrix.T.tocsr(), k=1, which="LM", v0=np.full(n, 1 / n))
    pi = np.abs(vectors[:, 0].real)
    return pi / pi.sum()


def power_iteration(chain: Chain, steps: int) -> np.ndarray:
    """What one would try first."""
    pi = np.full(chain.n_states, 1 / chain.n_states)
    for _ in range(steps):
        pi = chain.push(pi)
    return pi


if __name__ == "__main__":
    print(notebook_states(notebook_loop()))
