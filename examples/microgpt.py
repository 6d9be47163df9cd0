"""microgpt in our engine: its weights, its losses, the names it makes up, and what can be asked of its chain.

microgpt (Karpathy, February 2026; http://karpathy.github.io/2026/02/12/microgpt/) is a GPT in 200 lines of plain Python
that trains on one name a step, a thousand times: 4,192 parameters, RMSNorm, ReLU, an untied head, Adam, all drawn by
Python's own generator after `random.seed(42)`. The engine begins with the same weights and sees the same names in the
same order, so that its losses are those that the script prints, and the names drawn from it by the same generator are
those of the script. The judge here is a GPT in plain Python and double precision of our own, `scalar_gpt.py`.

makemore's names are not ours to copy; with `--documents names.txt` the published losses and names stand beside ours.
Without, the names are those of `names.py`.

The chain of a context of 16 letters has 27**16 states. With one of 3, the same recipe makes a chain of 19,683, and
exact answers, at a temperature of 1 and at the 0.5 that the script samples with. (Windows move along the names there;
the script with a block size of 3 would see no more than their first letters.)
"""

import math
import random
import time
from itertools import islice
from pathlib import Path

import numpy as np
import scalar_gpt
from names import END, lengths, log_probabilities, most_probable, names_of, next_token
from table import Row, arguments_and_documents, show, write

import finitegpt
from finitegpt import Data, Model, Run, temperature
from finitegpt.checkpoints import from_microgpt
from finitegpt.picture import curves

BLOCK, STEPS, LR, BETAS = 16, 1_000, 0.01, (0.85, 0.99)
MAKEMORE = 32_033
LOSSES = (3.3660, 3.4243, 3.1778, 3.0664, 3.2209, 2.9452, 3.2894, 3.3245, 2.8990, 3.2229, 2.7964, 2.9345, 3.0544)
"""What is published of the script's output on makemore's names: the first losses, and the 20 names it makes up."""
MADE_UP = (
    *("kamon", "ann", "karai", "jaire", "vialan", "karia", "yeran", "anna", "areli", "kaina"),
    *("konna", "keylen", "liole", "alerin", "earan", "lenne", "kana", "lara", "alela", "anton"),
)


def main(short: bool, out: Path, documents: Path | None = None) -> list[Row]:
    """The script's training, the same in plain Python, then a context of 3."""
    generator = random.Random(42)
    names = names_of(documents)
    generator.shuffle(names)
    vocab = "".join(sorted(set("".join(names)))) + END
    state = weights(generator, len(vocab), BLOCK)
    data, model = prepared(names, vocab, state, BLOCK)
    began = time.process_time()
    run = trained(data, model)
    ours = time.process_time() - began
    rows = [Row("names", None, len(names)), Row("parameters", 4_192, run.model.config.n_params)]
    if len(names) == MAKEMORE:
        rows += [Row(f"published loss of step {k}", p, float(run.losses[k - 1])) for k, p in enumerate(LOSSES, 1)]

    steps = 24 if short else STEPS
    tokens = [[vocab.index(letter) for letter in f"{END}{name}{END}"] for name in names[:STEPS]]
    began = time.process_time()
    plain = list(islice(scalar_gpt.losses(state, tokens, STEPS, LR, BETAS), steps))
    slow = (time.process_time() - began) / steps * STEPS
    off = np.abs(run.losses[:steps] - plain)
    rows += [Row(f"loss of step {k}, beside plain Python", plain[k - 1], float(run.losses[k - 1])) for k in (1, steps)]
    rows.append(Row(f"largest difference in {steps:,} steps, millionths of a nat", 0.0, float(1e6 * off.max())))
    rows.append(Row("mean loss of the last 100 steps", None, float(run.losses[-100:].mean())))
    rows.append(Row("seconds of processor for 1,000 steps, beside plain Python", slow, ours))
    rows.append(Row("times faster than plain Python", None, f"{slow / ours:,.0f}"))
    made_up = [sample(run.model, generator, T=0.5) for _ in range(20)]
    for k in range(0, 20, 5):
        five, theirs = (" ".join(some[k : k + 5]) for some in (made_up, MADE_UP))
        rows.append(Row(f"names {k + 1} to {k + 5} made up, T = 0.5", theirs if len(names) == MAKEMORE else None, five))

    known, seen = sorted(set(names)), sorted(set(names[:STEPS]))
    small = trained(*prepared(names, vocab, weights(random.Random(42), len(vocab), 3), 3))
    rows.append(Row("context of 3: states", len(vocab) ** 3, small.chain.n_states))
    size = np.bincount([len(name) for name in names], minlength=6) / len(names)
    for T in (1.0, 0.5):
        rows.append(Row(f"T = {T}: P(one of all names)", None, share(run.model, known, T)))
        rows.append(Row(f"T = {T}: P(one of the {len(seen):,} trained on)", None, share(run.model, seen, T)))
        title, exact = f"context of 3, T = {T}", lengths(temperature(small.chain, T), 400)
        name, p = next(most_probable(small.model, T))
        rows += [
            Row(f"{title}: P(one of all names)", None, share(small.model, known, T)),
            Row(f"{title}: P(one of the {len(seen):,} trained on)", None, share(small.model, seen, T)),
            Row(f"{title}: P(at most 400 letters)", 1.0, float(exact.sum())),
            Row(f"{title}: P(at most 5 letters), beside the data", float(size[:6].sum()), float(exact[:6].sum())),
            Row(f"{title}: P({name!r}), the most probable", None, p),
        ]

    show("microgpt", rows)
    tenths = range(1, 16)
    lines = [
        (title, [math.nan, *(share(model, which, T / 10) for T in tenths)])
        for title, model, which in (
            ("all names", run.model, known),
            (f"the {len(seen):,} trained on", run.model, seen),
            ("all names, context of 3", small.model, known),
        )
    ]
    picture = curves("Names made up that are in the data", lines, across="temperature, in tenths", up="probability")
    write(out, "microgpt.svg", picture)
    return rows


def weights(generator: random.Random, vocab_size: int, block_size: int) -> dict[str, scalar_gpt.Matrix]:
    """The script's first weights, in the order in which it draws them."""
    C = 16
    shapes = {"wte": (vocab_size, C), "wpe": (block_size, C), "lm_head": (vocab_size, C)}
    shapes |= {f"layer0.attn_w{letter}": (C, C) for letter in "qkvo"}
    shapes |= {"layer0.mlp_fc1": (4 * C, C), "layer0.mlp_fc2": (C, 4 * C)}
    return {
        name: [[generator.gauss(0, 0.08) for _ in range(columns)] for _ in range(rows)]
        for name, (rows, columns) in shapes.items()
    }


def prepared(
    names: list[str], vocab: str, state: dict[str, scalar_gpt.Matrix], context_length: int
) -> tuple[Data, Model]:
    """The first names, as many as can be seen, and the model with these weights."""
    data = Data.from_sequences(names[:STEPS], context_length=context_length, vocab=vocab, bos=END, eos=END)
    return data, from_microgpt(state, vocab, n_head=scalar_gpt.N_HEAD, activation="relu")


def trained(data: Data, model: Model) -> Run:
    """One name a step; where names are cut into windows, the next 8 of them, about as many as a name has tokens."""
    whole = data.context_length == BLOCK
    return finitegpt.train(
        data,
        model,
        steps=STEPS,
        lr=LR,
        betas=BETAS,
        weight_decay=0.0,
        decay="linear",
        batches="in_turn",
        batch_size=1 if whole else 8,
        loss="all" if whole else "last",
    )


def sample(model: Model, generator: random.Random, T: float) -> str:
    """A name, drawn as the script draws it."""
    tokens = [len(model.vocab) - 1]
    while len(tokens) <= BLOCK:
        probs = np.exp(next_token(model, np.array([tokens]), T)[0]).tolist()
        tokens += generator.choices(range(len(probs)), probs)
        if tokens[-1] == tokens[0]:
            return "".join(model.vocab[token] for token in tokens[1:-1])
    return "".join(model.vocab[token] for token in tokens[1:])


def share(model: Model, known: list[str], T: float) -> float:
    """The exact probability that a generated name is one of these."""
    return float(np.exp(log_probabilities(model, known, T)).sum())


if __name__ == "__main__":
    main(*arguments_and_documents())
