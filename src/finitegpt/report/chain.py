"""What `show` says of a chain, and the table of its states."""

from typing import Any

import numpy as np
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from finitegpt import states
from finitegpt.chain import Chain
from finitegpt.config import GPTConfig
from finitegpt.picture.graph import percent
from finitegpt.report.layout import COLOURS, indent
from finitegpt.states import visible

LARGEST_TABLE = 4096
"""Chains of more states than this are left out of JSON, and are not computed just to be printed."""
ROWS = 32
"""So many states are printed."""

_LARGEST_NUMBERS = 2**20
_BAR = 7


def is_small(config: GPTConfig) -> bool:
    """Whether all states of a model's chain are listed: few enough, and few enough numbers in all."""
    n = states.n_states(config.vocab_size, config.context_length)
    return n <= LARGEST_TABLE and n * config.vocab_size <= _LARGEST_NUMBERS


def chain_json(chain: Chain) -> dict[str, Any]:
    """Probabilities and states of a chain, in the order of state ids."""
    listed: list[dict[str, Any]] = [{"state": name} for name in chain.labels]
    if chain.counts is not None:
        for row, count in zip(listed, chain.counts.tolist(), strict=True):
            row.update(count=count, seen=count > 0)
    return {"probs": chain.probs.tolist(), "states": listed}


def state_space(vocab_size: int, context_length: int) -> dict[str, int]:
    """How many contexts there are: of full length, and of every length from 1."""
    return {
        "full_length": states.n_states(vocab_size, context_length),
        "all_lengths": states.n_contexts(vocab_size, context_length),
    }


def print_chain(console: Console, chain: Chain) -> None:
    """The table of states of one chain."""
    table = state_table(chain)
    table.add_column("next")
    shown = most_seen(chain)
    for id in shown:
        table.add_row(*state(chain, id), row(chain, id, wide=True))
    console.print(Group(indent(table), *more(chain.n_states - len(shown))))


def state_table(chain: Chain) -> Table:
    """A table with a row a state, without the columns about it."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("state", no_wrap=True)
    if chain.counts is not None:
        table.add_column("seen", justify="right", no_wrap=True, min_width=5)
    return table


def state(chain: Chain, id: int) -> list[Text]:
    """The first cells of such a row."""
    name = visible(chain.label(id))
    if chain.counts is None:
        return [Text(name, style="bold")]
    count = int(chain.counts[id])
    return [Text(name, style="bold" if count else "dim"), Text(f"{count:,}" if count else "never", style="dim")]


def most_seen(chain: Chain) -> list[int]:
    """All states of a small chain; the most frequent ones of a larger."""
    if chain.n_states <= ROWS or chain.counts is None:
        return list(range(min(chain.n_states, ROWS)))
    return sorted(np.argsort(-chain.counts, kind="stable")[:ROWS].tolist())


def more(n: int) -> list[Text]:
    """The line that says how many states are not shown."""
    return [Text(f"and {n:,} more states: finitegpt show RUN --to chain.csv", style="dim")] if n else []


def row(chain: Chain, id: int, *, wide: bool) -> Text:
    """The next tokens of a state: a bar for each where they are few, the most probable where they are many."""
    row, text = chain.probs[id], Text()
    bars = chain.vocab_size <= (3 if wide else 2)
    tokens = range(chain.vocab_size) if chain.vocab_size <= 3 else np.argsort(-row, kind="stable")[:4]
    width = _BAR if chain.vocab_size == 2 else 4
    for token in tokens:
        p, colour = float(row[token]), COLOURS[int(token) % len(COLOURS)]
        text.append(visible(chain.vocab[token]), style=f"bold {colour}")
        text.append(f" {percent(p):>4} ")
        if bars:
            text.append(f"{_bar(p, width)} ", style=colour)
    text.rstrip()
    return text


def _bar(p: float, width: int) -> str:
    """
    >>> _bar(0.5, 4)
    '██  '
    """
    eighths = round(p * width * 8)
    return ("█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()).ljust(width)
