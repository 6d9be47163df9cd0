"""What is left of in-context learning when a head is switched off? A new Markov chain for every sequence.

Edelman et al. (2024), "The evolution of statistical induction heads: in-context learning Markov chains": every sequence
has a two-state chain of its own, its rows drawn uniformly, so that nothing can be learned by heart but how to learn.
Bayes' predictor is the statistical induction head: of the tokens that came after tokens like the last one, how many
were 1, plus one, over all of them, plus two. Who counts the 1s only, whatever they follow, is left with more.

They trained on samples. Here a GPT of two layers of two heads is trained on the law itself, all 512 words of 9 tokens
by their probabilities (the first token is uniform), so that what is said of it is exact: the loss of the last token,
Bayes' loss, and the loss with each head off, at zero or at its mean.

The loss that a model falls back to does not tell what it has become. With seed 0 there are two heads without which the
loss is that of counting, to 2e-4 nats. Yet KL(counts || GPT) is then 0.025 and 0.043 nats, where KL(counts || Bayes) is
0.055: it does not count. With seed 1 and head (0, 0) off the GPT is nearer to counting, 0.011, but not by its loss.
Which head matters, and how much, differs from seed to seed. On its way down, too, the GPT of seed 0 passes by the loss
of counting without a pause; it is nearest to counting soon after, but never nearer than 0.0127.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from table import Row, arguments, show, write

import finitegpt
from finitegpt import GPTConfig, Model, TrainConfig, states
from finitegpt.picture import curves, svg
from finitegpt.sources import Dirichlet, dirichlet

L = 8
EARLY = 200  # steps of the pictures

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Off:
    """The GPT without a head: its loss with nothing in its place, and with the head's mean."""

    seed: int
    head: tuple[int, int]
    zero: float
    mean: float
    apart: float
    """KL(counts || GPT) in nats with nothing in the head's place: how far it is from the predictions of counting."""


def main(short: bool, out: Path) -> list[Row]:
    """Trains a GPT for each seed, and switches off its heads."""
    prior = dirichlet(2)
    steps, seeds, within = (300, 1, 1e-3) if short else (1_000, 5, 1e-4)
    shape = GPTConfig(vocab_size=2, context_length=L, n_layer=2, n_head=2, n_embd=32)
    words = prior.word_probs(L + 1).reshape(-1, 2)  # (contexts, the token that follows)
    bayes, counting = prior.predictor(L).probs, by_counting(words)
    best, counted = cross_entropy(words, np.log(bayes)), cross_entropy(words, np.log(counting))
    ones = ones_of(L)
    laplace = np.stack([L - ones + 1, ones + 1], 1) / (L + 2)
    rows = [
        Row("Bayes: loss, nats", 0.559416, best),
        Row("counts of tokens alone: loss, nats", 0.60985, counted),
        Row("(1s + 1) / (tokens + 2): loss, nats", 0.61195, cross_entropy(words, np.log(laplace))),
        Row("KL(Bayes || counts), nats", None, divergence(words, bayes, np.log(counting))),
        Row("KL(counts || Bayes), nats", None, divergence(words, counting, np.log(bayes))),
    ]

    every: list[Off] = []
    for seed in range(seeds):
        settings = TrainConfig(
            steps=steps, lr=3e-3, warmup=50, decay="cosine", min_lr=3e-5, weight_decay=0.0, seed=seed
        )
        run = finitegpt.train(prior, shape, settings, keep_steps=seed == 0)
        reached = loss(prior, run.model)
        rows.append(Row(f"seed {seed}: loss, nats", best, reached))
        if reached > best + within:
            raise RuntimeError(
                f"expected a GPT within {within} nats of Bayes, got {reached - best:.6f} with seed {seed}"
            )
        every += (found := without_each(prior, run.model, seed, counting))
        for off in found:
            name = f"seed {seed}: head {off.head}"
            rows.append(Row(f"{name} off: loss, nats", None, off.zero))
            rows.append(Row(f"{name} at its mean: loss, nats", None, off.mean))
            rows.append(Row(f"{name} off: KL(counts || GPT), nats", None, off.apart))
        if seed == 0:
            first = loss(prior, run.initial_model)
            rows.append(Row("seed 0: training loss of the first step, nats", first, float(run.losses[0])))
            chains = [np.log(run.chain_at(step).probs) for step in range(steps)]
            from_bayes, from_counts = ([divergence(words, p, q) for q in chains] for p in (bayes, counting))
            near = int(np.argmin(from_counts))
            rows.append(Row("seed 0: nearest to counts before step", None, near))
            rows.append(Row("seed 0: KL(counts || GPT) then, nats", None, from_counts[near]))
            rows.append(Row("seed 0: its loss then, nats", None, float(run.losses[near])))
            marks = [("Bayes", best), ("counts of tokens alone", counted)]
            picture = curves(
                "Expected loss of the last token before each step, seed 0",
                [("GPT", run.losses[:EARLY].tolist())],
                across="step",
                up="nats",
                marks=marks,
            )
            write(out, "in-context.svg", picture)
            picture = curves(
                "KL(predictor || GPT) before each step, seed 0",
                [("Bayes", from_bayes[:EARLY]), ("counts of tokens alone", from_counts[:EARLY])],
                across="step",
                up="nats",
            )
            write(out, "in-context-distance.svg", picture)

    show("In-context learning without a head", rows)
    write(out, "in-context-heads.svg", heads(every, best, counted))
    return rows


def ones_of(length: int) -> NDArray[np.int64]:
    """How many of the tokens of each context are 1."""
    return states.contexts(np.arange(2**length), 2, length).sum(1)


def by_counting(words: Floats) -> Floats:
    """P(next token | how many 1s the context has) (2**L, 2): the best that can be said without their order."""
    ones = ones_of(L)
    sums = np.zeros((L + 1, 2))
    np.add.at(sums, ones, words)
    return (sums / sums.sum(1, keepdims=True))[ones]


def loss(prior: Dirichlet, model: Model) -> float:
    """The expected loss in nats of the last token of a word of L + 1."""
    return cross_entropy(prior.word_probs(L + 1).reshape(-1, 2), np.log(model.chain().probs))


def cross_entropy(words: Floats, log_probs: Floats) -> float:
    """Of the token that follows each context, under probabilities (contexts, 2) of both together."""
    return -float((words * log_probs).sum())


def divergence(words: Floats, probs: Floats, log_probs: Floats) -> float:
    """The expected Kullback-Leibler divergence in nats of a model's rows from a predictor's, KL(predictor || model).

    Of Bayes' predictor, that is by how much the model's loss is above the best.
    """
    return float((words.sum(1, keepdims=True) * probs * (np.log(probs) - log_probs)).sum())


def without_each(prior: Dirichlet, model: Model, seed: int, counting: Floats) -> list[Off]:
    """Each head off in turn."""
    words, contexts = prior.word_probs(L + 1).reshape(-1, 2), prior.word_probs(L)
    found = []
    for layer, head in np.ndindex(model.config.n_layer, model.config.n_head):
        zero = model.without(heads=[(layer, head)])
        mean = model.without(heads=[(layer, head)], mean=contexts)
        found.append(
            Off(
                seed=seed,
                head=(layer, head),
                zero=loss(prior, zero),
                mean=loss(prior, mean),
                apart=divergence(words, counting, np.log(zero.chain().probs)),
            )
        )
    return found


def heads(every: list[Off], best: float, counted: float) -> str:
    """SVG of a line for each head of each seed: a dot at its loss when off, a ring where it is at its mean."""
    left, wide, line, top = 130.0, 560.0, 19.0, 92.0
    high = max(max(off.zero, off.mean) for off in every) + 0.01
    low = best - 0.01
    bottom = top + line * len(every)

    def x(value: float) -> float:
        return left + wide * (value - low) / (high - low)

    body = [
        svg.text("Loss of the last token without a head", 24, 24, 16, text_anchor="start", font_weight="bold"),
    ]
    for name, value in (("Bayes", best), ("counts of tokens alone", counted)):
        body.append(svg.text(f"{name}: {value:.4f}", x(value) - 4, top - 26, 12, text_anchor="start", fill=svg.SOFT))
        body.append(
            svg.element(
                "line", x1=x(value), y1=top - 14, x2=x(value), y2=bottom, stroke=svg.SOFT, stroke_dasharray="6 4"
            )
        )
    for name, at in (("off", left + wide - 130), ("at its mean", left + wide - 72)):
        body += [mark(name == "off", at - 12, 24, svg.SOFT), svg.text(name, at, 24, 13, text_anchor="start")]
    for k, off in enumerate(every):
        y, colour = top + line * k + line / 2, svg.PALETTE[off.seed % len(svg.PALETTE)]
        body.append(svg.text(f"seed {off.seed}, head {off.head}", 24, y, 12, text_anchor="start", fill=colour))
        body.append(svg.element("line", x1=left, y1=y, x2=left + wide, y2=y, stroke=svg.FAINT))
        body += [mark(True, x(off.zero), y, colour), mark(False, x(off.mean), y, colour)]
    for tick in np.arange(np.ceil(low * 50) / 50, high, 0.02).tolist():
        body.append(svg.text(f"{tick:.2f}", x(tick), bottom + 16, 12, fill=svg.SOFT))
    body.append(svg.text("nats", left + wide, bottom + 34, 12, text_anchor="end", fill=svg.SOFT))
    return svg.document(left + wide + 30, bottom + 54, body, "Loss of the last token without a head")


def mark(dot: bool, x: float, y: float, colour: str) -> str:
    """A dot, or a ring that a dot fits in."""
    if dot:
        return svg.element("circle", cx=x, cy=y, r=4, fill=colour)
    return svg.element("circle", cx=x, cy=y, r=6, fill="none", stroke=colour, stroke_width=1.6)


if __name__ == "__main__":
    main(*arguments())
