"""`make bench`: ours beside its peers, all in one run, as ratios; also written to benchmarks/RESULTS.md."""

import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from browser import the_page
from measure import Result, compare, seconds
from peers import (
    batched_chain,
    gth_of_quantecon,
    largest_eigenvector,
    notebook_loop,
    notebook_states,
    power_iteration,
    prefix_shared_chain,
    seeds_by_vmap,
)
from quantecon.markov import MarkovChain
from rich.console import Console
from rich.table import Table
from training import training

import finitegpt
from finitegpt import Chain, GPTConfig, Model, TrainConfig, states
from finitegpt.analysis import communicating_classes, stationary_distribution
from finitegpt.analysis import machine as smallest_machine
from finitegpt.analysis.aggregation import aggregate
from finitegpt.engine import Engine
from finitegpt.graph import Graph
from finitegpt.library import builds
from finitegpt.sources import golden_mean
from finitegpt.torch import GPT, from_model
from finitegpt.walk import walk

HERE = Path(__file__).parent
HEADER = ["work", "against", "median", "min to max", "goal", "ours"]


def notebook() -> Iterator[Result]:
    loop = "the same loop in PyTorch, eager"
    yield compare("the notebook's 50 steps", finitegpt.train, loop, notebook_loop, goal=40)

    def run(*command: str) -> None:
        subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)

    yield compare(
        "a whole process, `finitegpt train --json`",
        lambda: run("-m", "finitegpt.cli", "train", "--json"),
        "a process that imports torch and runs the notebook",
        lambda: run(str(HERE / "peers.py")),
        goal=5,
        pairs=5,
    )


def every_state() -> Iterator[Result]:
    model = Model.init(GPTConfig(vocab_size=2, context_length=20), "01", seed=1337)
    gpt, n = from_model(model), 2**20

    def ours() -> Chain:
        return model.chain(startup=False)

    what = "all 2**20 next-token distributions"
    few = range(12345, 12345 + 256)
    yield compare(
        what, ours, "the notebook's loop, state by state", lambda: notebook_states(gpt, few), goal=1000, part=256 / n
    )
    yield compare(what, ours, "batched PyTorch", lambda: batched_chain(gpt, n // 64), goal=50, part=1 / 64)
    yield compare(what, ours, "prefix-shared PyTorch", lambda: prefix_shared_chain(gpt), goal=20, pairs=3)

    matrix = torch.randn(3072, 3072)
    shares = []
    for _ in range(7):
        peak = 2 * 3072**3 / min(seconds(lambda: matrix @ matrix) for _ in range(3))
        shares.append(100 * operations(model.config) / seconds(ours) / peak)
    yield Result(what, "the peak: a float32 matrix product in PyTorch", "30 %", shares, " %")

    engine = Engine()

    def per_state(L: int) -> float:
        config = GPTConfig(vocab_size=2, context_length=L)
        weights, count = engine.init(config, 0), min(2**L, 2**17)
        times = 1 + 2**17 // count
        return seconds(lambda: [engine.evaluate(config, weights, 0, count) for _ in range(times)]) / times / count

    growth = [per_state(24) / per_state(8) for _ in range(7)]
    yield Result("cost of a state", "L = 24 against L = 8", "below 2 times", growth)

    script = (
        "import finitegpt as f; size = lambda L: f.GPTConfig(vocab_size=2, context_length=L)\n"
        "def peak(): return int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0]) * 1024\n"
        "small = f.Model.init(size(16), '01', seed=0).chain()\n"  # everything is loaded
        "before = peak(); chain = f.Model.init(size(24), '01', seed=0).chain(startup=False)\n"
        "print((peak() - before) / chain.log_probs.nbytes)"
    )
    memory = float(subprocess.check_output([sys.executable, "-c", script], text=True))
    yield Result("peak memory for 2**24 states", "the result itself", "at most 1.3 times", [memory])


def operations(config: GPTConfig) -> float:
    """Multiplications and additions for all states: every prefix once, the last layer's output for states alone."""
    C, L, V = config.n_embd, config.context_length, config.vocab_size
    total = 0.0
    for depth in range(1, L + 1):
        attention = 4 * depth * C
        layers = (config.n_layer - 1) * (24 * C * C + attention)
        last = 24 * C * C + attention + 2 * C * V if depth == L else 4 * C * C
        total += V**depth * (layers + last)
    return total


def one_push() -> Iterator[Result]:
    rng = np.random.default_rng(0)
    p = rng.random((2**24, 2))
    p /= p.sum(1, keepdims=True)
    chain = Chain(log_probs=np.log(p).astype(np.float32), vocab=("0", "1"), context_length=24)
    pi, out = np.full(2**24, 2.0**-24), np.empty(2**24)
    yield compare(
        "one push of a chain of 2**24 states",
        lambda: chain.push(pi, out),
        "NumPy's reshape and sum",
        lambda: (pi[:, None] * p).reshape(2, -1, 2).sum(0).reshape(-1),
        goal=4,
    )
    moved = chain.log_probs.nbytes + pi.nbytes + out.nbytes
    shares = []
    for _ in range(9):
        bandwidth = (p.nbytes // 2 + out.nbytes) / min(seconds(lambda: np.copyto(out, pi)) for _ in range(3))
        shares.append(100 * moved / seconds(lambda: chain.push(pi, out)) / bandwidth)
    yield Result("one push of a chain of 2**24 states", "the bandwidth: NumPy's copy of an array", "50 %", shares, " %")


def many_seeds() -> Iterator[Result]:
    def ours() -> object:
        return finitegpt.train_many(finitegpt.data.NOTEBOOK_SEQUENCE, seeds=range(1000))

    what = "1000 seeds of the notebook's 50 steps"
    yield compare(
        what,
        ours,
        "PyTorch, one after the other",
        lambda: [notebook_loop(seed=s) for s in range(5)],
        goal=50,
        part=5 / 1000,
        pairs=5,
    )
    gpts = []
    for seed in range(250):
        torch.manual_seed(seed)
        gpts.append(GPT(GPTConfig(vocab_size=2, context_length=3)))
    yield compare(
        what,
        ours,
        "torch.func.vmap, without drawing the weights",
        lambda: seeds_by_vmap(gpts),
        goal=4,
        part=1 / 4,
        pairs=3,
    )

    try:
        from jax_peer import seeds_by_jax
    except ImportError:
        return
    models = [Model.init(GPTConfig(vocab_size=2, context_length=3), "01", seed=seed) for seed in range(1000)]
    yield compare(
        what,
        ours,
        "JAX: jit of vmap, compiled before, without drawing the weights",
        seeds_by_jax(models),
        goal=2,
        pairs=3,
    )


def small_chains() -> Iterator[Result]:
    """32 states, the object made anew each time, which keeps nothing; and a long walk."""
    rng = np.random.default_rng(0)
    p = rng.random((32, 32))
    p /= p.sum(1, keepdims=True)
    chain = Chain.from_probs(p, tuple(map(str, range(32))), 1)

    def ours(question: Callable[[Chain], object]) -> Callable[[], object]:
        return lambda: [question(replace(chain)) for _ in range(100)]

    def theirs(question: Callable[[MarkovChain], object]) -> Callable[[], object]:
        return lambda: [question(MarkovChain(p)) for _ in range(100)]

    for what, mine, other in (
        ("stationary distribution", stationary_distribution, lambda mc: mc.stationary_distributions),
        ("communicating classes", communicating_classes, lambda mc: mc.communication_classes),
    ):
        yield compare(f"32 states: {what}", ours(mine), "QuantEcon's MarkovChain", theirs(other), goal=1)

    p = rng.dirichlet(np.ones(2), 2**10)
    chain = Chain.from_probs(p / p.sum(1, keepdims=True), "01", 10)
    first = list(chain.tokens(chain.label(0)))

    def loop() -> list[int]:
        return walk(lambda window: chain.log_probs[states.ids(window, 2)], first, 10**4, 10, 0)

    yield compare(
        "a million tokens of a chain of 2**10 states",
        lambda: chain.sample(10**6, start=chain.label(0)),
        "a loop in Python, token by token",
        loop,
        goal=50,
        part=0.01,
        pairs=3,
    )


def long_run() -> Iterator[Result]:
    def trained(L: int) -> Chain:
        data = finitegpt.Data.from_text(golden_mean().sample(20_000, seed=1), context_length=L)
        shape = GPTConfig(vocab_size=2, context_length=L, n_layer=2)
        return finitegpt.train(data, shape, TrainConfig(steps=300, lr=3e-3, batch_size=256)).model.chain(startup=False)

    small, large = trained(11), trained(20)
    dense = small.to_csr().toarray()
    what = "stationary law, 2**11 states, trained on golden mean"
    yield compare(
        what, lambda: stationary_distribution(small), "QuantEcon's gth_solve", lambda: gth_of_quantecon(dense), goal=100
    )
    pi = gth_of_quantecon(dense)
    law = stationary_distribution(small)
    yield Result(what, "gth_solve: largest relative difference", "", [float(np.abs(law.probs / pi - 1).max())], "")
    yield Result(what, "gth_solve: certified total variation error", "", [law.error], "")
    matrix = large.to_csr()
    what = "stationary law, 2**20 states, trained on golden mean"
    yield compare(
        what,
        lambda: stationary_distribution(large),
        "SciPy's eigs on CSR",
        lambda: largest_eigenvector(matrix),
        goal=20,
        pairs=3,
    )
    ours, theirs = stationary_distribution(large).probs, largest_eigenvector(matrix)
    yield Result(what, "eigs: total variation between the two", "", [0.5 * float(np.abs(ours - theirs).sum())], "")

    copy = copy_chain(10, 1e-9)
    what = "low-temperature copy chain, 2**10 states: largest relative error"
    truth, _ = Graph.of(copy.to_csr().toarray()).stationary(np.ones(2**10, bool))
    start = np.full(2**10, 2.0**-10)
    for name, pi in (
        ("as chosen by us", stationary_distribution(copy).probs),
        ("our aggregation, as for larger chains", aggregate(copy, start, np.arange(2**10))[0]),
        ("10,000 steps of power iteration", power_iteration(copy, 10_000)),
    ):
        yield Result(
            what,
            f"the truth by GTH: {name}",
            "1e-8" if "our" in name else "",
            [float(np.abs(pi / truth - 1).max())],
            "",
        )

    chain = trained(16)
    law = stationary_distribution(chain)
    times = [seconds(lambda: smallest_machine(chain, law)) for _ in range(5)]
    states = len(smallest_machine(chain, law))
    yield Result(f"machine of a 2**16 chain: {states} states", "itself", "below 1 s", times, " s")


def copy_chain(L: int, error: float) -> Chain:
    """Repeats the oldest token, except with a probability of about `error`, other for every state."""
    ids = np.arange(2**L)
    wrong = error * np.exp(np.random.default_rng(0).normal(size=2**L))
    p = np.empty((2**L, 2))
    p[ids, ids >> (L - 1)], p[ids, 1 - (ids >> (L - 1))] = 1 - wrong, wrong
    return Chain.from_probs(p, "01", L)


def machine() -> str:
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, NumPy {np.__version__}, "
        f"PyTorch {torch.__version__} on {torch.get_num_threads()} threads, engine build {builds()[0]}"
    )


def main() -> None:
    every = (notebook, every_state, one_push, many_seeds, training, small_chains, long_run, the_page)
    results = [result for figures in every for result in figures()]
    table = Table(*HEADER, title=machine())
    for result in results:
        table.add_row(*result.row)
    Console(width=150).print(table)
    lines = [HEADER, ["---"] * len(HEADER), *(result.row for result in results)]
    text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    (HERE / "RESULTS.md").write_text(
        "# What `make bench` measured last\n\n"
        "Ours and its peer run in turn in one process. A figure in times says how many times faster ours is, or how\n"
        "many times as much of the other; `ours` is our own median time, for orientation.\n\n"
        f"{text}\n\n{machine()}\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
