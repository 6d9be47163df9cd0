"""What `train` and `show` say of a run, for people and as JSON."""

import math
from typing import Any

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from finitegpt import states
from finitegpt.chain import Chain
from finitegpt.config import GPTConfig
from finitegpt.ensemble import Ensemble
from finitegpt.picture.graph import percent
from finitegpt.states import visible
from finitegpt.train import Run

LARGEST_TABLE = 4096
"""Chains of more states than this are left out of JSON, and are not computed just to be printed."""

_LARGEST_NUMBERS = 2**20
_ROWS = 32
_BAR = 7
_TAIL = 16
_COLOURS = ("blue", "dark_orange", "green", "magenta", "yellow", "cyan", "red", "white")


def is_small(config: GPTConfig) -> bool:
    """Whether all states of a model's chain are listed: few enough, and few enough numbers in all."""
    n = states.n_states(config.vocab_size, config.context_length)
    return n <= LARGEST_TABLE and n * config.vocab_size <= _LARGEST_NUMBERS


def train_json(run: Run, files: dict[str, str]) -> dict[str, Any]:
    """The run as plain values; rows in the order of state ids. `files` says what was saved where."""
    config = run.model.config
    result: dict[str, Any] = {
        "n_params": config.n_params,
        "vocab": list(run.model.vocab),
        "context_length": config.context_length,
        "model": config.to_dict(),
        "train": run.train.to_dict(),
        "windows": run.data.n_windows,
        "data_entropy": run.data.entropy,
        "losses": run.losses.tolist(),
        "state_space": state_space(config.vocab_size, config.context_length),
    }
    if is_small(run.model.config):
        result["initial"] = run.initial_chain.probs.tolist()
        result.update(chain_json(run.chain))
    if files:
        result["files"] = files
    return result


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


def ensemble_json(ensemble: Ensemble, files: dict[str, str]) -> dict[str, Any]:
    """An ensemble as plain values; rows in the order of state ids, quantiles by name."""
    config, counts = ensemble.model, ensemble.data.counts()
    spread, seen = ensemble.spread(), counts > 0
    names = ("5%", "25%", "50%", "75%", "95%")
    return {
        "n_params": config.n_params,
        "vocab": list(ensemble.data.vocab),
        "context_length": config.context_length,
        "model": config.to_dict(),
        "train": ensemble.train.to_dict(),
        "seeds": list(ensemble.seeds),
        "final_losses": ensemble.losses[:, -1].tolist() if ensemble.losses.size else [],
        "states": [
            {"state": states.label(id, ensemble.data.vocab, config.context_length), "count": count, "seen": count > 0}
            for id, count in enumerate(counts.tolist())
        ],
        "mean": ensemble.probs.mean(0).tolist(),
        "standard_deviation": spread.tolist(),
        "quantiles": dict(zip(names, ensemble.quantiles().tolist(), strict=True)),
        "mean_standard_deviation": {
            "seen": float(spread[seen].mean()) if seen.any() else None,
            "never_seen": float(spread[~seen].mean()) if not seen.all() else None,
        },
        "state_space": state_space(config.vocab_size, config.context_length),
        **({"files": files} if files else {}),
    }


def print_ensemble(console: Console, ensemble: Ensemble, files: dict[str, str]) -> None:
    """What seeds agree on: every state's most probable tokens with their spread, seen and never-seen states apart."""
    data, mean, spread = ensemble.data, ensemble.probs.mean(0), ensemble.spread()
    low, *_, high = ensemble.quantiles()
    counts = data.counts()
    console.print(
        _facts(
            ("seeds", f"{len(ensemble.seeds):,}, from {ensemble.seeds[0]} to {ensemble.seeds[-1]}"),
            ("model", f"{ensemble.model.n_params:,} parameters, {_count(ensemble.train.steps, 'step')}"),
        )
    )
    for title, ids in (("seen", np.flatnonzero(counts)), ("never seen", np.flatnonzero(counts == 0))):
        if len(ids) == 0:
            continue
        console.print(_section(f"{title} in the data", f"mean standard deviation {spread[ids].mean():.4f}"))
        table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0))
        for name in ("state", "next", "mean", "deviation", "5% to 95% of seeds"):
            table.add_column(name, justify="left" if name in ("state", "next") else "right", no_wrap=True)
        rows = [(id, token) for id in ids.tolist() for token in range(len(data.vocab))]
        for id, token in rows[: 2 * _ROWS]:
            name = states.label(id, data.vocab, data.context_length) if token == 0 else ""
            interval = f"{low[id, token]:.3f} to {high[id, token]:.3f}"
            table.add_row(
                Text(visible(name), style="bold"),
                Text(visible(data.vocab[token]), style=_COLOURS[token % len(_COLOURS)]),
                f"{mean[id, token]:.3f}",
                f"{spread[id, token]:.3f}",
                interval,
            )
        more = len(rows) - 2 * _ROWS
        note = [Text(f"and {more:,} more arrows: --json has them all", style="dim")] if more > 0 else []
        console.print(_indent(Group(table, *note)))
    if files:
        console.print("", _facts(*((name, Text(path)) for name, path in files.items())))


def print_training(console: Console, run: Run, files: dict[str, str]) -> None:
    """What a newcomer wants to know after training."""
    config, data = run.model.config, run.data
    V, L = config.vocab_size, config.context_length
    batch = run.train.batch_size
    seen = "all in every step" if batch is None else f"{_count(batch, 'random one')} a step"
    windows = _count(data.n_windows, "window")
    position = "the last token" if run.train.loss == "last" else "every token"
    full, every = state_space(V, L).values()
    sizes = [_count(config.n_layer, "layer"), _count(config.n_head, "head"), f"width {config.n_embd}"]
    sizes += ["biases"] * config.bias
    console.print(
        _facts(
            ("data", f"{_count(len(data.tokens), 'token')}, {windows} of {L} and the next, {seen}"),
            ("for example", _examples(run)),
            ("model", f"{', '.join(sizes)}: {config.n_params:,} parameters"),
            (
                "state space",
                f"{V}**{L} = {short(full)} states ({short(every)} with shorter contexts), "
                f"{states.bits_per_state(V, L):,.4g} bits each",
            ),
        )
    )
    console.print(_section("training", f"loss of {position}, in nats"), _losses(run))
    if is_small(run.model.config):
        console.print(
            _section("the chain", "what follows each state, before and after training"),
            _indent(_comparison(run)),
        )
        unseen = [visible(name) for name, count in zip(run.chain.labels, run.data.counts(), strict=True) if not count]
        if unseen:
            names = " ".join(unseen[:8]) + (" ..." if len(unseen) > 8 else "")
            console.print(
                _indent(
                    Text(
                        f"{len(unseen)} of {run.chain.n_states} states never occur in the data: {names}\n"
                        "What follows them is not learned from the data; it is what the architecture makes of it.",
                        style="dim",
                    )
                )
            )
    console.print(_section("a walk", f"{_sample(run)}"))
    if files:
        console.print(_facts(*((name, Text(path)) for name, path in files.items())))


def print_chain(console: Console, chain: Chain) -> None:
    """The table of states of one chain."""
    table = _table(chain)
    table.add_column("next")
    shown = _most_seen(chain)
    for id in shown:
        table.add_row(*_state(chain, id), _row(chain, id, wide=True))
    console.print(Group(_indent(table), *_more(chain.n_states - len(shown))))


def print_sizes(console: Console, rows: list[dict[str, Any]]) -> None:
    """How large state spaces are, and how much one state remembers."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("", "tokens", "context", "states", "bits each", "bytes", "as much as"):
        table.add_column(name, justify="left" if name in ("", "as much as") else "right", no_wrap=True)
    for row in rows:
        table.add_row(
            row["name"],
            f"{row['vocab_size']:,}",
            f"{row['context_length']:,}",
            row["states"],
            f"{row['bits']:,.0f}",
            f"{row['bytes']:,.0f}" if row["bytes"] >= 1 else f"{row['bytes']:.3g}",
            row["like"],
        )
    console.print(table)


def short(n: int) -> str:
    """A number of states, rounded where it is long.

    >>> short(1048576), short(50257**2048)
    ('1,048,576', '1.1e9628')
    """
    if n < 10**15:
        return f"{n:,}"
    exponent, fraction = divmod(math.log10(n), 1)
    return f"{10**fraction:.1f}e{exponent:.0f}"


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _facts(*pairs: tuple[str, str | Text]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs:
        table.add_row(name, value)
    return table


def _section(name: str, note: str) -> Text:
    return Text.assemble("\n", (name, "bold"), "  ", (note, "dim" if name != "a walk" else ""))


def _indent(content: RenderableType) -> Padding:
    return Padding(content, (0, 0, 0, 2))


def _examples(run: Run) -> Text:
    data, L = run.data, run.data.context_length
    shown = []
    windows = [data.tokens[i : i + L + 1].tolist() for i in range(min(data.n_windows, 64))]
    for *context, token in dict.fromkeys(map(tuple, windows)):
        shown.append(f"{_tail(states.text(context, data.vocab))} -> {visible(data.vocab[token])}")
    few = max(1, 48 // (min(L, _TAIL) + 8))
    return Text("   ".join(shown[:few]) + ("   ..." if len(shown) > few else ""))


def _tail(context: str) -> str:
    """The end of a context, which is all that fits of a long one."""
    return visible(context if len(context) <= _TAIL else "…" + context[-_TAIL:])


def _losses(run: Run) -> Padding:
    n = len(run.losses)
    if n == 0:
        return _indent(Text("no steps: the model is as it was drawn"))
    marks = sorted({0, *(round(k * (n - 1) / 5) for k in range(1, 5)), n - 1})
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0))
    table.add_column("step")
    for mark in marks:
        table.add_column(f"{mark:,}", justify="right")
    table.add_row("loss", *(f"{run.losses[mark]:.4f}" for mark in marks))
    notes = [f"uniform guess {np.log(run.model.config.vocab_size):.4f}"]
    if run.train.loss == "last":
        notes.append(f"best possible on this data {run.data.entropy:.4f}")
    if n < run.train.steps:
        notes.append(f"stopped after {n:,} of {run.train.steps:,} steps")
    return _indent(Group(table, Text(", ".join(notes), style="dim")))


def _table(chain: Chain) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("state", no_wrap=True)
    if chain.counts is not None:
        table.add_column("seen", justify="right", no_wrap=True, min_width=5)
    return table


def _state(chain: Chain, id: int) -> list[Text]:
    name = visible(chain.label(id))
    if chain.counts is None:
        return [Text(name, style="bold")]
    count = int(chain.counts[id])
    return [Text(name, style="bold" if count else "dim"), Text(f"{count:,}" if count else "never", style="dim")]


def _comparison(run: Run) -> RenderableType:
    before, after = run.initial_chain, run.chain
    table = _table(after)
    table.add_column("before", no_wrap=True)
    table.add_column("after", no_wrap=True)
    shown = _most_seen(after)
    for id in shown:
        table.add_row(*_state(after, id), _row(before, id, wide=False), _row(after, id, wide=False))
    return Group(table, *_more(after.n_states - len(shown)))


def _most_seen(chain: Chain) -> list[int]:
    """All states of a small chain; the most frequent ones of a larger."""
    if chain.n_states <= _ROWS or chain.counts is None:
        return list(range(min(chain.n_states, _ROWS)))
    return sorted(np.argsort(-chain.counts, kind="stable")[:_ROWS].tolist())


def _more(n: int) -> list[Text]:
    return [Text(f"and {n:,} more states: finitegpt show RUN --to chain.csv", style="dim")] if n else []


def _row(chain: Chain, id: int, *, wide: bool) -> Text:
    """The next tokens of a state: a bar for each where they are few, the most probable where they are many."""
    row, text = chain.probs[id], Text()
    bars = chain.vocab_size <= (3 if wide else 2)
    tokens = range(chain.vocab_size) if chain.vocab_size <= 3 else np.argsort(-row, kind="stable")[:4]
    width = _BAR if chain.vocab_size == 2 else 4
    for token in tokens:
        p, colour = float(row[token]), _COLOURS[int(token) % len(_COLOURS)]
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


def _sample(run: Run) -> str:
    """Forty tokens after the data's first context."""
    start = run.data.tokens[: run.data.context_length].tolist()
    walked = run.model.sample(start, 40, seed=run.train.seed)
    first, rest = (states.text(part, run.model.vocab) for part in (walked[: len(start)], walked[len(start) :]))
    return f"from {_tail(first)}: {visible(rest)}"
