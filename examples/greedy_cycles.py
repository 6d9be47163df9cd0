"""Where does greedy decoding end? Always in a cycle.

Lower the temperature of a GPT and its chain gets surer; at the limit every state has one arrow, to its most probable
token, so that from wherever it begins it runs into a cycle and repeats itself for ever (the "degeneration" that
Holtzman et al. 2020 describe in large models is, in a finite-state machine, a theorem). Here the cycles are all found,
with the exact probability of ending in each, for a process whose exact law is known and for English text, the help
pages that come with Python.
"""

from pathlib import Path
from pydoc_data.topics import topics

import numpy as np
from table import Row, arguments, show, write

import finitegpt
from finitegpt import Chain, Data, GPTConfig, TrainConfig, greedy, states, temperature
from finitegpt.analysis import (
    absorption_weights,
    cyclic_classes,
    entropy_rate,
    recurrent_classes,
    stationary_distribution,
)
from finitegpt.picture import state_graph
from finitegpt.sources import mess3, transform

COLDER = (1.0, 0.7, 0.3, 0.1)


def main(short: bool, out: Path) -> list[Row]:
    """mess3, beside its exact predictor; vowels and consonants; letters."""
    steps = 500 if short else 3_000
    text = " ".join(topics.values())
    source = mess3()
    rows: list[Row] = []
    sample = source.sample(50_000 if short else 500_000, seed=0)
    report(rows, "mess3", trained(sample, 4, steps), exact=source.predictor(4))
    vowels = trained(transform(text, "vowels"), 4, steps)
    report(rows, "vowels", vowels)
    report(rows, "letters", trained(transform(text, "letters"), 2 if short else 3, steps))

    show("Greedy decoding ends in cycles", rows)
    graphs = [("vowels and consonants, T = 1", vowels), ("greedy", greedy(vowels))]
    write(out, "greedy-cycles.svg", state_graph(graphs))
    return rows


def trained(symbols: str | list[str], context_length: int, steps: int) -> Chain:
    """The chain of a GPT of two layers."""
    data = Data.from_symbols(symbols, context_length=context_length)
    shape = GPTConfig(vocab_size=len(data.vocab), context_length=context_length, n_layer=2, n_head=2, n_embd=32)
    return finitegpt.train(data, shape, TrainConfig(steps=steps, lr=2e-3, weight_decay=0.0)).chain


def report(rows: list[Row], name: str, chain: Chain, exact: Chain | None = None) -> None:
    """Rows for a chain at falling temperature, beside an exact one if there is one."""
    for T in COLDER:
        known = None if exact is None else entropy_rate(temperature(exact, T)).value
        rows.append(Row(f"{name}: entropy rate at T = {T}, nats", known, entropy_rate(temperature(chain, T)).value))
    cold = greedy(chain)
    n = cold.n_states
    rows.append(Row(f"{name}: greedy: states with one arrow", n, int((cold.support.sum(1) == 1).sum())))
    on_cycles = sum(len(members) for members in recurrent_classes(cold))
    rows.append(Row(f"{name}: greedy: states on cycles", len(images(cold)), on_cycles))
    found, known = ends(chain), {} if exact is None else ends(exact)
    rows.append(Row(f"{name}: greedy: cycles", len(known) or None, len(found)))
    for cycle in sorted(found | known, key=lambda cycle: -found.get(cycle, 0.0)):
        title = f"{name}: greedy: P(ends in {cycle!r}, period {len(cycle)})"
        rows.append(Row(title, known.get(cycle, 0.0) if known else None, found.get(cycle, 0.0)))
    rows.append(Row(f"{name}: greedy: these together", 1.0, sum(found.values())))


def ends(chain: Chain) -> dict[str, float]:
    """Each cycle of the greedy chain as its text, and the probability of ending in it.

    The start is wherever the chain is after running for long at T = 1.
    """
    cold = greedy(chain)
    weights = absorption_weights(cold, stationary_distribution(chain).dense()).values
    cycles = {}
    for members, weight in zip(recurrent_classes(cold), weights, strict=True):
        visited = [int(state) for part in cyclic_classes(cold, members) for state in part]  # one state a part
        cycles["".join(chain.label(state)[-1] for state in visited)] = float(weight)
    return cycles


def images(cold: Chain) -> np.ndarray:
    """The states that are still visited after any number of tokens, by following the one arrow of each.

    Where every state has one arrow, these are the states on cycles: what `recurrent_classes` has to agree with.
    """
    ids = np.arange(cold.n_states)
    after = states.successors(ids, cold.vocab_size, cold.context_length)[ids, cold.log_probs.argmax(1)]
    for _ in range(cold.n_states.bit_length()):
        after = after[after]  # 2, 4, 8, ... tokens at once, until more than there are states
    return np.unique(after)


if __name__ == "__main__":
    main(*arguments())
