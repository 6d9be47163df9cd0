"""A GPT with two tokens and a context of three, as a Markov chain: are the published figures reproduced?

The experiment that the package starts from: 8 states, 12,656 weights, 50 steps on `111101111011110`. First its figures
as published. Then the same model, trained until nothing changes: the data determine what follows every state that they
show, so the limit is known in closed form. 0s come after three or four 1s: P(1|111) = 1/2, all other arrows that are
seen are certain, and

    pi(111) = 2/5,   pi(011) = pi(110) = pi(101) = 1/5,   entropy rate = pi(111) ln 2 = (2/5) ln 2.
"""

import math
from pathlib import Path

from table import Row, arguments, show, write

import finitegpt
from finitegpt import TrainConfig
from finitegpt.analysis import entropy_rate, stationary_distribution
from finitegpt.picture import state_graph

LOSSES = {0: 0.663539, 1: 0.639351, 10: 0.596775, 20: 0.571517, 30: 0.561953, 40: 0.535998, 49: 0.469983}
TRAINED = {
    "000": 0.7316, "001": 0.7814, "010": 0.7578, "011": 0.7956, "100": 0.7475, "101": 0.7929, "110": 0.7799,
    "111": 0.4536,
}  # fmt: skip
LIMIT = {"111": 2 / 5, "011": 1 / 5, "110": 1 / 5, "101": 1 / 5}


def main(short: bool, out: Path) -> list[Row]:
    """The notebook, then the notebook trained to convergence."""
    run = finitegpt.train()  # with no arguments: the notebook's data, model, seed and 50 steps
    chain = run.chain
    rows = [Row("weights", 12656, run.model.config.n_params)]
    rows += [Row(f"loss at step {step}", value, float(run.losses[step])) for step, value in LOSSES.items()]
    rows += [Row(f"P(1|{state})", value, float(chain.probs[chain.id(state), 1])) for state, value in TRAINED.items()]

    # Weight decay would keep the logits small for ever, and the certain arrows from becoming certain.
    longer = TrainConfig(steps=3_000 if short else 60_000, lr=1e-2 if short else 1e-3, weight_decay=0.0)
    limit = finitegpt.train(config=longer).chain
    law = stationary_distribution(limit)
    for state, value in LIMIT.items():
        rows.append(Row(f"converged: pi({state})", value, float(law.dense()[limit.id(state)])))
    rows.append(Row("converged: entropy rate, nats", 2 / 5 * math.log(2), entropy_rate(limit, law).value))

    show("A GPT as a finite-state Markov chain", rows)
    titles = ["before training", f"after {run.train.steps} steps", f"after {longer.steps:,} steps"]
    write(out, "notebook.svg", state_graph(list(zip(titles, [run.initial_chain, chain, limit], strict=True))))
    return rows


if __name__ == "__main__":
    main(*arguments())
