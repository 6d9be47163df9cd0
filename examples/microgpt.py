"""microgpt in our engine: its weights, its documents, its losses, and what its chain says exactly.

microgpt (Karpathy, February 2026; http://karpathy.github.io/2026/02/12/microgpt/) is a GPT in 200 lines of plain Python
that trains on one name a step, a thousand times: 4,192 parameters, RMSNorm, ReLU, Adam, drawn by Python's own generator
after `random.seed(42)`. The engine begins with the same weights and sees the same names in the same order, so that its
losses are those that the script prints. The judge here is a GPT in plain Python of our own, `scalar_gpt.py`.

makemore's names are not ours to copy; with `--documents names.txt` the published losses stand beside ours. Without, the
names are those of `names.py`, in its short form a few of them.

A chain of 27**16 states is too large to hold. With a context of 3 tokens and windows that move along the name (the
script itself would see no more than the first three letters), the same recipe makes one of 19,683 states, and exact
answers: how many of its names are in the data, and how long they are, at a temperature of 1 and at the 0.5 that the
script samples with.
"""

import random
import time
from itertools import islice
from pathlib import Path

import numpy as np
import scalar_gpt
from names import END, lengths, log_probabilities, most_probable, names_of
from table import Row, arguments_and_documents, show, write

import finitegpt
from finitegpt import Data, Model, Run, temperature
from finitegpt.checkpoints import from_microgpt
from finitegpt.picture import curves

STEPS, LR, BETAS = 1_000, 0.01, (0.85, 0.99)
PUBLISHED = (3.3660, 3.4243, 3.1778, 3.0664, 3.2209, 2.9452, 3.2894, 3.3245, 2.8990, 3.2229, 2.7964, 2.9345, 3.0544)
"""What the script printed first, on its 32,033 names."""


def main(short: bool, out: Path, documents: Path | None = None) -> list[Row]:
    """The script's training, then that of a short context."""
    names, vocab, state = drawn(documents, 16)
    began = time.perf_counter()
    run = trained(names, vocab, state, 16)
    ours = time.perf_counter() - began
    rows = [Row("names", None, len(names)), Row("parameters", 4_192, run.model.config.n_params)]
    if len(names) == 32_033:
        rows += [Row(f"loss before step {k}", p, loss) for k, (p, loss) in enumerate(zip(PUBLISHED, run.losses), 1)]

    steps = 12 if short else STEPS
    tokens = [[vocab.index(letter) for letter in f"{END}{name}{END}"] for name in names]
    began = time.perf_counter()
    plain = list(islice(scalar_gpt.losses(state, tokens, STEPS, LR, BETAS), steps))
    theirs = (time.perf_counter() - began) / steps * STEPS
    off = np.abs(run.losses[:steps] - plain)
    rows.append(Row("loss before the first step", plain[0], float(run.losses[0])))
    rows.append(Row(f"loss before step {steps:,}", plain[-1], float(run.losses[steps - 1])))
    rows.append(Row("largest difference in the first 12 steps, nats", 0.0, float(off[:12].max())))
    if steps > 12:
        rows.append(Row(f"largest difference in {steps:,} steps, nats", 0.0, float(off.max())))
    rows.append(Row("mean loss of the last 100 steps", None, float(run.losses[-100:].mean())))
    rows.append(Row("seconds for 1,000 steps, in plain Python and here", theirs, ours))
    rows.append(Row("times faster than plain Python", None, f"{theirs / ours:,.0f}"))

    known = sorted(set(names))
    for T in (1.0, 0.5):
        rows.append(Row(f"T = {T}: P(a name of the data)", None, share(run.model, known, T)))
    lines = [("the data", np.bincount([len(name) for name in names]) / len(names))]
    small = trained(names, *drawn(documents, 3)[1:], 3)
    rows.append(Row("context of 3: states", 27**3, small.chain.n_states))
    for T in (1.0, 0.5):
        title, exact = f"context of 3, T = {T}", lengths(temperature(small.chain, T), 400)
        rows.append(Row(f"{title}: P(at most 400 letters)", 1.0, float(exact.sum())))
        rows.append(Row(f"{title}: P(at most 5 letters), and of the data", float(lines[0][1][:6].sum()), float(exact[:6].sum())))
        rows.append(Row(f"{title}: P(a name of the data)", None, share(small.model, known, T)))
        name, p = next(most_probable(small.model, T))
        rows.append(Row(f"{title}: the most probable name: {name!r}", None, p))
        lines.append((f"microgpt, {title}", exact[:20]))

    show("microgpt", rows)
    picture = curves("How long microgpt's names are", [(name, p.tolist()) for name, p in lines], across="letters", up="probability")
    write(out, "microgpt.svg", picture)
    return rows


def drawn(documents: Path | None, block_size: int) -> tuple[list[str], str, dict[str, scalar_gpt.Matrix]]:
    """Names in the script's order, the vocabulary with its BOS last, and the weights that it would draw then."""
    generator = random.Random(42)
    names = names_of(documents)
    generator.shuffle(names)
    vocab, C = "".join(sorted(set("".join(names)))) + END, 16

    def matrix(rows: int, columns: int = C) -> scalar_gpt.Matrix:
        return [[generator.gauss(0, 0.08) for _ in range(columns)] for _ in range(rows)]

    state = {"wte": matrix(len(vocab)), "wpe": matrix(block_size), "lm_head": matrix(len(vocab))}
    state |= {f"layer0.attn_w{letter}": matrix(C) for letter in "qkvo"}
    state |= {"layer0.mlp_fc1": matrix(4 * C), "layer0.mlp_fc2": matrix(C, 4 * C)}
    return names, vocab, state


def trained(names: list[str], vocab: str, state: dict[str, scalar_gpt.Matrix], context_length: int) -> Run:
    """A name a step where it is one window; else as many windows of the next names as a name has tokens, about 8."""
    whole = context_length == 16
    return finitegpt.train(
        Data.from_sequences(names, context_length=context_length, vocab=vocab, bos=END, eos=END),
        model=from_microgpt(state, vocab, n_head=4, activation="relu"),
        steps=STEPS,
        lr=LR,
        betas=BETAS,
        weight_decay=0.0,
        decay="linear",
        batches="in_turn",
        batch_size=1 if whole else 8,
        loss="all" if whole else "last",
    )


def share(model: Model, known: list[str], T: float) -> float:
    """The exact probability that a generated name is one of these."""
    return float(np.exp(log_probabilities(model, known, T)).sum())


if __name__ == "__main__":
    main(*arguments_and_documents())
