"""`make bench`: ours beside its peers, all in one run, as ratios; also written to benchmarks/RESULTS.md."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import torch
from measure import Ratio, compare
from peers import notebook_loop, notebook_states
from rich.console import Console
from rich.table import Table

import finitegpt
from finitegpt.engine import builds

HERE = Path(__file__).parent
HEADER = ["work", "peer", "times faster", "min to max", "goal", "ours"]


def train_fifty_steps() -> Ratio:
    return compare(
        "the notebook's 50 steps", finitegpt.train, "the same loop in PyTorch, eager", notebook_loop, goal=20
    )


def whole_process() -> Ratio:
    def run(*command: str) -> None:
        subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)

    return compare(
        "a whole process, `finitegpt train --json`",
        lambda: run("-m", "finitegpt.cli", "train", "--json"),
        "a process that imports torch and runs the notebook",
        lambda: run(str(HERE / "peers.py")),
        goal=5,
        pairs=5,
    )


def small_chain() -> Ratio:
    run, gpt = finitegpt.train(), notebook_loop()
    return compare(
        "the chain of the 8 states", run.model.chain, "PyTorch, state by state", lambda: notebook_states(gpt), goal=None
    )


def machine() -> str:
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, PyTorch "
        f"{torch.__version__} on {torch.get_num_threads()} threads, engine build {builds()[0]}"
    )


def main() -> None:
    results = [benchmark() for benchmark in (train_fifty_steps, whole_process, small_chain)]
    table = Table(*HEADER, title=machine())
    for result in results:
        table.add_row(*result.row)
    Console(width=140).print(table)
    lines = [HEADER, ["---"] * len(HEADER), *(result.row for result in results)]
    text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    (HERE / "RESULTS.md").write_text(
        "# What `make bench` measured last\n\n"
        "Ours and its peer run in turn in one process; a ratio is that of one pair of runs.\n\n"
        f"{text}\n\n{machine()}\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
