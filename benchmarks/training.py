"""Training beside PyTorch: nanoGPT's model in eager mode with scaled_dot_product_attention, one thread each and all."""

import ctypes
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from measure import Result, compare, seconds
from torch import nn
from torch.nn import functional as F  # noqa: N812

from finitegpt import GPTConfig
from finitegpt.descent import Descent
from finitegpt.engine import Engine, Optimizer, Windows
from finitegpt.library import builds

HERE = Path(__file__).parent

SHAPES = {  # name: V, L, layers, heads, d, windows a step, every position, steps at once, goal
    "the notebook's shape": (2, 3, 4, 4, 16, 12, False, 50, None),
    "grokking: V=113, L=3, d=128": (113, 3, 1, 4, 128, 512, False, 4, None),
    "mess3: V=3, L=10, 4 layers, d=64": (3, 10, 4, 1, 64, 256, True, 3, None),
    "makemore: V=27, L=16, 4 layers, d=64": (27, 16, 4, 4, 64, 32, True, 8, None),
    "Edelman: V=3, L=100, 2 layers, d=16": (3, 100, 2, 1, 16, 64, True, 4, 1.5),
    "nanoGPT's CPU config: V=65, L=64, 4 layers, d=128, 12 windows": (65, 64, 4, 4, 128, 12, True, 4, 1.5),
    "L=32, 2 layers, d=128": (65, 32, 2, 4, 128, 16, True, 4, 1.5),
    "L=32, 2 layers, d=256": (65, 32, 2, 4, 256, 16, True, 3, 1.5),
    "L=256, 1 layer, d=16": (2, 256, 1, 1, 16, 16, True, 6, 2.0),
    "L=512, 1 layer, d=16": (2, 512, 1, 1, 16, 16, True, 4, 2.0),
    "Makkuva: L=1024, 1 layer, d=8": (2, 1024, 1, 1, 8, 16, True, 2, 2.0),
}


class Attention(nn.Module):
    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.heads = config.n_head
        self.c_attn = nn.Linear(config.n_embd, 3 * config.n_embd, bias=False)
        self.c_proj = nn.Linear(config.n_embd, config.n_embd, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        B, T, C = x.shape
        q, k, v = (part.view(B, T, self.heads, -1).transpose(1, 2) for part in self.c_attn(x).split(C, 2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(y.transpose(1, 2).reshape(B, T, C))


class Block(nn.Module):
    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        C = config.n_embd
        self.ln_1, self.attn, self.ln_2 = nn.LayerNorm(C), Attention(config), nn.LayerNorm(C)
        self.mlp = nn.Sequential(nn.Linear(C, 4 * C, bias=False), nn.GELU(), nn.Linear(4 * C, C, bias=False))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Peer(nn.Module):
    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.wte = nn.Embedding(config.vocab_size, config.n_embd)
        self.wpe = nn.Embedding(config.context_length, config.n_embd)
        self.blocks = nn.Sequential(*(Block(config) for _ in range(config.n_layer)))
        self.ln_f = nn.LayerNorm(config.n_embd)

    def forward(self, tokens: torch.Tensor, every: bool) -> torch.Tensor:
        x = self.blocks(self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1])))
        return self.ln_f(x if every else x[:, -1]) @ self.wte.weight.T


def one(name: str, threads: int) -> Iterator[Result]:
    """One shape, on so many threads each; and our own threads beside one of them."""
    V, L, layers, heads, d, batch, every, steps, goal = SHAPES[name]
    config = GPTConfig(vocab_size=V, context_length=L, n_layer=layers, n_head=heads, n_embd=d)
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, V, 20_000).astype(np.int32)
    starts = rng.integers(0, len(tokens) - L, batch)
    X, Y = (torch.from_numpy(np.stack([tokens[s + k : s + k + L] for s in starts])).long() for k in (0, 1))
    Y = Y if every else Y[:, -1]
    torch.set_num_threads(threads)
    peer = Peer(config)
    adamw = torch.optim.AdamW(peer.parameters(), lr=1e-3, weight_decay=0.1)

    def theirs() -> None:
        for _ in range(steps):
            loss = F.cross_entropy(peer(X, every).reshape(-1, V), Y.reshape(-1))
            adamw.zero_grad()
            loss.backward()
            adamw.step()

    def stepping(threads: int) -> Callable[[], object]:
        weights, moments = Engine().init(config, 0), np.zeros((2, config.n_params), np.float32)
        descent, windows = Descent(config, batch, threads=threads), Windows(tokens, starts, every_position=every)
        rates = np.full(steps, 1e-3)
        return lambda: descent.take(
            windows, rates=rates, optimizer=Optimizer(), first=0, weights=weights, moments=moments
        )

    ours = stepping(threads)
    on = "one thread each" if threads == 1 else f"{threads} threads each"

    ours(), theirs()
    times = []
    for _ in range(7):
        time.sleep(0.3)  # OpenMP's threads go on spinning for a while
        times.append((seconds(ours), seconds(theirs)))
    yield Result(
        f"training, {name}",
        f"PyTorch, {on}",
        "" if goal is None else f"{goal:g} times",
        [peer / own for own, peer in times],
        ours=statistics.median(own for own, _ in times),
    )
    if threads > 1:
        time.sleep(0.5)
        alone = stepping(1)
        yield compare(f"training, {name}", ours, "ourselves on one thread", alone, goal=1.7)


def training() -> Iterator[Result]:
    """Every shape in a process of its own: PyTorch's threads would disturb what comes after."""
    for name in SHAPES:
        for threads in sorted({1, os.cpu_count() or 1}):
            script = (
                f"import sys; sys.path.insert(0, {str(HERE)!r}); import pickle, training\n"
                f"sys.stdout.buffer.write(pickle.dumps(list(training.one({name!r}, {threads}))))"
            )
            yield from pickle.loads(subprocess.check_output([sys.executable, "-c", script]))
    yield from memory()
    yield from products()


def memory() -> Iterator[Result]:
    """One long context, evaluated and trained on."""
    script = (
        "import numpy as np, finitegpt as f\n"
        "from finitegpt.engine import Engine, Windows\n"
        "def peak(): return int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0]) * 1024\n"
        "tokens = np.random.default_rng(0).integers(0, 2, 2**14).astype(np.int32); engine = Engine()\n"
        "small, first = f.GPTConfig(vocab_size=2, context_length=64), Windows(tokens, np.zeros(1, int))\n"
        "engine.gradient(small, first, engine.init(small, 0))\n"  # everything is loaded
        "config = f.GPTConfig(vocab_size=2, context_length=2**13); weights = engine.init(config, 0); before = peak()\n"
        "engine.predict(config, weights, tokens[None, : 2**13])\n"
        "middle = peak(); engine.gradient(config, Windows(tokens, np.zeros(1, int), every_position=True), weights)\n"
        "print((middle - before) / 1e6, (peak() - before) / 1e6)"
    )
    evaluated, trained = map(float, subprocess.check_output([sys.executable, "-c", script], text=True).split())
    yield Result("memory, one context of 8,192 tokens, evaluated", "itself", "below 100 MB", [evaluated], " MB")
    yield Result("memory, one context of 8,192 tokens, its gradient", "itself", "below 100 MB", [trained], " MB")


def products() -> Iterator[Result]:
    """The engine's products of a matrix with activations, compiled alone, beside torch.mm on one thread."""
    sys.path.insert(0, str(HERE.parent))
    from hatch_build import FLAGS, SHARED, targets

    rows, columns, blocks, lanes = 1024, 256, 96, 16
    engine = HERE.parent / "engine"
    source = (
        f'#include "{engine / "linear.h"}"\n'
        '__attribute__((visibility("default"))) void run(const float *w, const float *x, float *y) {'
        f"matrix m = {{{rows}, {columns}, w, 0}};"
        f"for (int b = 0; b < {blocks}; b += 6)"
        f"linear(m, 6, (const vf *)x + b * {columns}, {columns}, (vf *)y + b * {rows}, {rows}); }}\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "run.c").write_text(source)
        build = next(flags for name, flags in targets().items() if name.startswith(builds()[0] + "."))
        flags = [flag for flag in build if flag not in SHARED]
        files = [str(Path(folder) / "run.c"), str(engine / "linear.c"), "-o", f"{folder}/run.so"]
        subprocess.run([sys.executable, "-m", "ziglang", "cc", *FLAGS, *SHARED, *flags, *files], check=True)
        library = ctypes.CDLL(f"{folder}/run.so")
    torch.set_num_threads(1)
    w, x = torch.randn(rows, columns), torch.randn(blocks * lanes, columns)
    y = torch.empty(blocks * rows * lanes)

    def ours() -> None:
        for _ in range(10):
            library.run(*(ctypes.c_void_p(tensor.data_ptr()) for tensor in (w, x, y)))

    def theirs() -> None:
        for _ in range(10):
            torch.mm(x, w.T)

    ours(), theirs()
    shares = [100 * seconds(theirs) / seconds(ours) for _ in range(9)]
    yield Result("linear, 256 to 1,024 features", "torch.mm on one thread", "80 %", shares, " %")
    torch.set_num_threads(os.cpu_count() or 1)
