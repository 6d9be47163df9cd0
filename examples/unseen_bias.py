"""What does a GPT say after contexts that it has never seen? A thousand seeds of the notebook.

The data `111101111011110` never show 000, 001, 010 and 100, so nothing there is learned from examples: whatever a
trained GPT says is its inductive bias. With seed 1337 the notebook has P(1|000) = .7316. Is that the architecture, or
was it that seed? Every seed is a training of its own, with weights drawn as PyTorch would draw them.
"""

from pathlib import Path

import numpy as np
from table import Row, arguments, show, write

import finitegpt
from finitegpt import Data, TrainConfig
from finitegpt.data import NOTEBOOK_SEQUENCE
from finitegpt.picture import seed_spread

PUBLISHED = {"000": 0.7316, "001": 0.7814, "010": 0.7578, "100": 0.7475}  # after states never seen, seed 1337


def main(short: bool, out: Path) -> list[Row]:
    """Trains all seeds and tells what they agree on."""
    data = Data.from_text(NOTEBOOK_SEQUENCE, context_length=3)
    seeds = range(1_000, 1_100) if short else range(1_000, 2_000)  # the thousand have 1337 among them
    before = finitegpt.train_many(data, config=TrainConfig(steps=0), seeds=seeds).probs[:, :, 1]  # (seeds, states)
    ensemble = finitegpt.train_many(data, seeds=seeds)
    after = ensemble.probs[:, :, 1]

    notebook = finitegpt.train().chain  # seed 1337
    rows = [
        Row(f"seed 1337: P(1|{state})", value, float(notebook.probs[notebook.id(state), 1]))
        for state, value in PUBLISHED.items()
    ]
    counts = data.counts()
    for state in np.argsort(counts > 0, kind="stable").tolist():
        name = f"{len(seeds):,} seeds: P(1|{notebook.label(state)}), " + ("seen" if counts[state] else "never seen")
        mean, deviation = after[:, state].mean(), after[:, state].std()
        rows.append(Row(name, None, f"{mean:.4f} ± {deviation:.4f}"))

    zeros = notebook.id("000")
    rows.append(Row("seeds with P(1|000) > 1/2", None, int((after[:, zeros] > 0.5).sum())))
    rows.append(Row("seeds with P(1|000) > 1/2, before training", None, int((before[:, zeros] > 0.5).sum())))
    rows.append(Row("mean P(1|000)", None, float(after[:, zeros].mean())))
    rows.append(Row("mean P(1|000), before training", None, float(before[:, zeros].mean())))
    rows.append(Row("mean deviation over seeds, never seen", None, float(after[:, counts == 0].std(0).mean())))
    rows.append(Row("mean deviation over seeds, seen", None, float(after[:, counts > 0].std(0).mean())))
    follows = data.tokens[data.context_length :]
    rows.append(Row("share of 1 among the 12 tokens to predict", 9 / 12, float((follows == 1).mean())))

    show("After contexts that were never seen", rows)
    write(out, "unseen-bias.svg", seed_spread(ensemble))
    return rows


if __name__ == "__main__":
    main(*arguments())
