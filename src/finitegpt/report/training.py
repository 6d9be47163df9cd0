"""What `train` says of a run, for people and as JSON."""

from typing import Any

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from finitegpt import states
from finitegpt.config import GPTConfig, TrainConfig
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
        **_validation_json(run),
        "state_space": state_space(config.vocab_size, config.context_length),
    }
    if is_small(run.model.config):
        result["initial"] = run.initial_chain.probs.tolist()
        result.update(chain_json(run.chain))
    if files:
        result["files"] = files
    return result


def _validation_json(run: Run) -> dict[str, Any]:
    seen = run.validation
    if seen is None:
        return {}
    looks = {"tokens": len(seen.data.tokens), "steps": seen.steps.tolist(), "losses": seen.losses.tolist()}
    return {"validation": looks, "kept_step": run.kept}


def print_training(console: Console, run: Run, files: dict[str, str]) -> None:
    """What a newcomer wants to know after training."""
    config = run.model.config
    V, L = config.vocab_size, config.context_length
    batch = run.train.batch_size
    seen = "all in every step" if batch is None else f"{count(batch, 'random one')} a step"
    if batch is not None and run.train.batches == "in_turn":
        seen = f"the next {batch:,} in each step" if batch > 1 else "the next one in each step"
    position = "the last token" if run.train.loss == "last" else "every token"
    full, every = state_space(V, L).values()
    sizes = [count(config.n_layer, "layer"), count(config.n_head, "head"), f"width {config.n_embd}"]
    sizes += ["biases"] * config.bias
    console.print(
        facts(
            ("data", f"{_size(run)}, {seen}"),
            *_held_out(run),
            ("for example", _examples(run)),
            ("model", f"{', '.join([*sizes, *_kind(config)])}: {config.n_params:,} parameters"),
            *_optimizer(run.train),
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
    seen = run.validation
    points = list(range(n)) if seen is None else seen.steps.tolist()
    last = len(points) - 1
    chosen = {0, *(round(k * last / 5) for k in range(1, 5)), last}
    if seen is not None and run.train.keep == "best":
        chosen.add(seen.best)
    marks = [points[k] for k in sorted(chosen)]
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0))
    table.add_column("step")
    for mark in marks:
        table.add_column(f"{mark:,}", justify="right")
    # Each is the loss before that step; after the last there is no loss of training.
    table.add_row("loss", *(f"{run.losses[mark]:.4f}" if mark < n else "" for mark in marks))
    if seen is not None:
        table.add_row("validation", *(f"{seen.losses[k]:.4f}" for k in sorted(chosen)))
    notes = [f"uniform guess {np.log(run.model.config.vocab_size):.4f}"]
    if run.train.loss == "last":
        where = "on this data" if seen is None else "in training"
        notes.append(f"best possible {where} {run.data.entropy:.4f}")
    if n < run.train.steps:
        notes.append(f"stopped after {n:,} of {run.train.steps:,} steps")
        patience = run.train.patience
        if seen is not None and patience is not None and seen.without_lower >= patience:
            notes[-1] += f", {count(patience, 'look')} without a lower validation loss"
    lines: list[RenderableType] = [table, Text(", ".join(notes), style="dim")]
    if seen is not None and run.train.keep == "best":
        lowest = f"the lowest validation loss, {seen.losses[seen.best]:.4f}"
        lines.append(Text(f"kept: the weights after {count(run.kept, 'step')}, with {lowest}"))
    return indent(Group(*lines))


def _held_out(run: Run) -> list[tuple[str, str | Text]]:
    """What is validated on."""
    if run.validation is None:
        return []
    data, every = run.validation.data, run.train.validate_every or 1
    often = "after every step" if every == 1 else f"every {every:,} steps"
    said = f"{count(len(data.tokens), 'token')}, all {count(data.count_windows(run.train.loss), 'window')}, {often}"
    return [("validation", said)]


def _kind(config: GPTConfig) -> list[str]:
    """What sets a model apart from GPT-2 as nanoGPT has it."""
    kinds = [] if config.tied else ["untied"]
    kinds += (
        []
        if config.activation == "gelu"
        else [config.activation.replace("gelu_tanh", "tanh GELU").replace("relu", "ReLU")]
    )
    kinds += [] if config.norm == "layernorm" else ["RMSNorm" if config.norm_weight else "RMSNorm without weight"]
    return kinds + ["normed embedding"] * config.embedding_norm + ["no last norm"] * (not config.final_norm)


def _optimizer(config: TrainConfig) -> list[tuple[str, str | Text]]:
    """How the optimiser differs from the notebook's."""
    rate = [f"{config.lr:g}"]
    if config.warmup:
        rate.append(f"after {count(config.warmup, 'step')} of warm-up")
    if config.decay != "constant":
        rate.append(f"{config.decay} decay to {config.min_lr:g}")
    own = [] if config.betas == TrainConfig().betas else ["betas {:g} and {:g}".format(*config.betas)]
    own += [] if config.clip is None else [f"gradients clipped to {config.clip:g}"]
    own += ["decay of matrices alone"] * config.decay_matrices
    found: list[tuple[str, str | Text]] = [("learning rate", ", ".join(rate))] if len(rate) > 1 else []
    return found + ([("optimiser", ", ".join(own))] if own else [])


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
