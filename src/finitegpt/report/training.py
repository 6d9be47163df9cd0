"""What `train` says of a run, for people and as JSON."""

from typing import Any

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from finitegpt import states
from finitegpt.report.chain import chain_json, is_small, more, most_seen, row, state, state_space, state_table
from finitegpt.report.layout import TAIL, facts, indent, section, tail
from finitegpt.run import Run
from finitegpt.states import visible
from finitegpt.words import count, short


def train_json(run: Run, files: dict[str, str]) -> dict[str, Any]:
    """The run as plain values; rows in the order of state ids. `files` says what was saved where."""
    config = run.model.config
    result: dict[str, Any] = {
        "n_params": config.n_params,
        "vocab": list(run.model.vocab),
        "context_length": config.context_length,
        "model": config.to_dict(),
        "train": run.train.to_dict(),
        "windows": run.data.count_windows(run.train.loss),
        **({} if run.data.borders is None else {"sequences": run.data.borders.m}),
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


def print_training(console: Console, run: Run, files: dict[str, str]) -> None:
    """What a newcomer wants to know after training."""
    config = run.model.config
    V, L = config.vocab_size, config.context_length
    batch = run.train.batch_size
    order = "random one" if run.train.batches == "random" else "one"
    seen = "all in every step" if batch is None else f"{count(batch, order)} a step"
    seen += ", in turn" if batch is not None and run.train.batches == "in_turn" else ""
    position = "the last token" if run.train.loss == "last" else "every token"
    full, every = state_space(V, L).values()
    sizes = [count(config.n_layer, "layer"), count(config.n_head, "head"), f"width {config.n_embd}"]
    sizes += ["biases"] * config.bias
    console.print(
        facts(
            ("data", f"{_size(run)}, {seen}"),
            ("for example", _examples(run)),
            ("model", f"{', '.join(sizes)}: {config.n_params:,} parameters"),
            (
                "state space",
                f"{V}**{L} = {short(full)} states ({short(every)} with shorter contexts), "
                f"{states.bits_per_state(V, L):,.4g} bits each",
            ),
        )
    )
    console.print(section("training", f"loss of {position}, in nats"), _losses(run))
    if is_small(run.model.config):
        console.print(
            section("the chain", "what follows each state, before and after training"),
            indent(_comparison(run)),
        )
        unseen = [visible(name) for name, count in zip(run.chain.labels, run.data.counts(), strict=True) if not count]
        if unseen:
            names = " ".join(unseen[:8]) + (" ..." if len(unseen) > 8 else "")
            console.print(
                indent(
                    Text(
                        f"{len(unseen)} of {run.chain.n_states} states never occur in the data: {names}\n"
                        "What follows them is not learned from the data; it is what the architecture makes of it.",
                        style="dim",
                    )
                )
            )
    console.print(section("a walk", f"{_sample(run)}"))
    if files:
        console.print(facts(*((name, Text(path)) for name, path in files.items())))


def _size(run: Run) -> str:
    """How much data there is, and how many windows of it."""
    data, L = run.data, run.data.context_length
    listed = data.windows(run.train.loss)
    most = L if listed.lengths is None else f"up to {L}"
    windows = f"{count(len(listed.starts), 'window')} of {most} and the next"
    if data.borders is None:
        return f"{count(len(data.tokens), 'token')}, {windows}"
    if data.is_exact:
        return f"{count(data.borders.m, 'word')} of {L + 1} tokens, by their exact probabilities"
    return f"{count(data.borders.m, 'sequence')} of {count(len(data.tokens), 'token')}, {windows}"


def _examples(run: Run) -> Text:
    data, L = run.data, run.data.context_length
    shown, listed = [], data.windows(run.train.loss)
    lengths = [L] * 64 if listed.lengths is None else listed.lengths[:64].tolist()
    begun = zip(listed.starts[:64].tolist(), lengths, strict=False)
    windows = [data.tokens[i : i + length + 1].tolist() for i, length in begun]
    for *context, token in dict.fromkeys(map(tuple, windows)):
        shown.append(f"{tail(states.text(context, data.vocab))} -> {visible(data.vocab[token])}")
    few = max(1, 48 // (min(L, TAIL) + 8))
    return Text("   ".join(shown[:few]) + ("   ..." if len(shown) > few else ""))


def _losses(run: Run) -> Padding:
    n = len(run.losses)
    if n == 0:
        return indent(Text("no steps: the model is as it was drawn"))
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
    return indent(Group(table, Text(", ".join(notes), style="dim")))


def _comparison(run: Run) -> RenderableType:
    before, after = run.initial_chain, run.chain
    table = state_table(after)
    table.add_column("before", no_wrap=True)
    table.add_column("after", no_wrap=True)
    shown = most_seen(after)
    for id in shown:
        table.add_row(*state(after, id), row(before, id, wide=False), row(after, id, wide=False))
    return Group(table, *more(after.n_states - len(shown)))


def _sample(run: Run) -> str:
    """Forty tokens after the data's first context, or fewer where an eos comes before."""
    start, until = run.data.first_context, None if run.data.borders is None else run.data.borders.eos
    walked = run.model.sample(start, 40, seed=run.train.seed, until=until)
    first, rest = (states.text(part, run.model.vocab) for part in (walked[: len(start)], walked[len(start) :]))
    return f"from {tail(first)}: {visible(rest)}"
