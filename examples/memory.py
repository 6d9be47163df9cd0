"""How much memory does a source need, and does a GPT trained on it use as much? Golden mean and even process.

Both sources flip a coin for 2/3 of their tokens, so both have the entropy rate 2/3 ln 2. The golden mean (no two 1s in
a row) is a Markov chain: one token of memory is enough. The even process (1s come in blocks of even length) needs to
count, so that h_k, the entropy of a token given the k before it, keeps falling; with a context of L tokens h_L is the
best possible (Weiss 1973; Crutchfield and Feldman 2003).

A GPT sees a sample only. Its chain has the memory curve, the distance from the truth (the Kullback-Leibler rate, with
its certificate) and the smallest machine, all of them computed and not estimated.
"""

from pathlib import Path

from table import Row, arguments, show, write

import finitegpt
from finitegpt import Data, GPTConfig, TrainConfig
from finitegpt.analysis import compare, machine, memory
from finitegpt.picture import curves, machine_graph
from finitegpt.sources import Source, even, golden_mean

FORGIVEN = 0.05  # a machine may cost so many nats a token, and be wrong about states of so much probability


def main(short: bool, out: Path) -> list[Row]:
    """One GPT for each source."""
    rows, lines = [], []
    for source, L in ((golden_mean(), 4), (even(), 12)):
        chain = trained(source, L, tokens=200_000 if short else 1_000_000, steps=800 if short else 2_000)
        truth = source.predictor(L)  # the chain that reaches h_L

        exact, ours = source.memory(L), memory(chain).h
        for k in (0, 1, 2, 3, L):
            rows.append(Row(f"{source.name}: h_{k}, nats", float(exact[k]), float(ours[k])))
        lines += [(source.name, exact.tolist()), (f"{source.name}, GPT", ours.tolist())]

        found = compare(truth, chain)
        rows.append(Row(f"{source.name}: KL rate, nats", 0.0, found.kl_rate.value))
        rows.append(Row(f"{source.name}: it is at most", None, found.kl_rate.high))
        best_loss, loss = found.true_entropy_rate.value, found.cross_entropy.value
        rows.append(Row(f"{source.name}: loss on the source, nats", best_loss, loss))

        smallest, best = machine(chain, tolerance=FORGIVEN), machine(truth, tolerance=FORGIVEN)
        rows.append(Row(f"{source.name}: states of the machine", len(best), len(smallest)))
        for state, name in enumerate(best.names):
            own = float(smallest.probs[smallest.names.index(name), 1]) if name in smallest.names else "no such state"
            rows.append(Row(f"{source.name}: P(1) in its state {name}", float(best.probs[state, 1]), own))
        title = f"{source.name}: what a GPT came down to"
        write(out, f"memory-{source.name}.svg", machine_graph(smallest, title))

    show("Tokens of memory", rows)
    rate = golden_mean().entropy_rate[0]
    picture = curves(
        "h_k", lines, across="k, tokens of memory", up="entropy of the next token, nats", marks=[("entropy rate", rate)]
    )
    write(out, "memory.svg", picture)
    return rows


def trained(source: Source, context_length: int, tokens: int, steps: int) -> finitegpt.Chain:
    """The chain of a GPT of two layers, trained on a sample."""
    data = Data.from_text(source.sample(tokens, seed=1), context_length=context_length, source=source.name)
    shape = GPTConfig(vocab_size=2, context_length=context_length, n_layer=2, n_head=2, n_embd=16)
    return finitegpt.train(data, shape, TrainConfig(steps=steps, lr=3e-3, weight_decay=0.0)).chain


if __name__ == "__main__":
    main(*arguments())
