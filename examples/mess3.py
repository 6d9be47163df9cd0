"""Does a GPT hold beliefs about the hidden state of its source? The mess3 process.

Shai et al. (2024), "Transformers represent belief state geometry in their residual stream": who predicts a hidden
Markov model as well as possible must keep P(hidden state | tokens so far), the belief. On mess3 the beliefs fill a
fractal in a triangle. In a trained GPT they can be read off the residual stream by linear regression.

They trained and regressed on samples. Here both are exact: with L tokens of context there are 3**L contexts, each with
a belief and a probability, and every step of the training sees every window with its probability. That matters: all
that the past of mess3 says about a token is 0.0097 nats, 78 % of it in the last token alone. Trained on mini-batches of
a million sampled tokens, a GPT here stayed at 1.090965 nats, which is worth 1.06 tokens of context. So the loss is told
in tokens of context, the k whose exact h_k it reaches, and nothing is drawn below 4.3 of them.

An R**2 near 1 means less than it seems. The tokens themselves, one-hot, explain most of the variance, and the stream of
a GPT that was never trained more still: it is a random mixture of all tokens and places, in which even the fractal can
be found. What training adds is seen in what is left unexplained. Nor must the stream hold more than the GPT says: each
hidden state of mess3 has its own law of the next token, so that exact probabilities are beliefs in disguise.
"""

from pathlib import Path

import numpy as np
from table import Row, arguments, show, write

import finitegpt
from finitegpt import GPTConfig, TrainConfig, probe, states
from finitegpt.picture import curves, simplex
from finitegpt.sources import Source, mess3

NEEDED = 4.3  # tokens of context


def main(short: bool, out: Path) -> list[Row]:
    """mess3 as in `sources.mess3`, and a less noisy one whose fractal is plainer."""
    L, layers, width, steps, lr = (5, 2, 32, 400, 3e-3) if short else (7, 4, 64, 400, 2e-3)
    shape = GPTConfig(vocab_size=3, context_length=L, n_layer=layers, n_head=4, n_embd=width)
    settings = TrainConfig(steps=steps, lr=lr, warmup=50, decay="cosine", min_lr=lr / 100, weight_decay=0.0)
    rows = []
    for source, known in ((mess3(), 1.088888), (mess3(0.05, 0.85), None)):
        name, run = source.name, finitegpt.train(source, shape, settings)
        if known:
            rows.append(Row(f"{name}: entropy rate, nats", known, sum(source.entropy_rate) / 2))
        words = source.word_probs(L + 1).reshape(-1, 3)  # (contexts, the token that follows)
        loss = -float((words * np.log(run.chain.probs)).sum())
        tokens = tokens_of_context(source, loss, L)
        rows.append(Row(f"{name}: expected loss with {L} tokens, nats", float(source.memory(L)[-1]), loss))
        rows.append(Row(f"{name}: tokens of context", float(L), tokens))
        if tokens < NEEDED:
            raise RuntimeError(f"expected a GPT worth {NEEDED} tokens of context on {name}, got one worth {tokens:.2f}")

        found = probe(run, source)
        contexts = states.contexts(np.arange(3**L), 3, L)  # (3**L, L)
        r2 = {
            "the exact probabilities": explained(source.predictor(L).probs, found.beliefs, found.weights),
            "the last token": explained(np.eye(3)[contexts[:, -1]], found.beliefs, found.weights),
            "all tokens": found.tokens,
            "the untrained GPT": float(found.untrained[-1]),
            "the trained GPT": float(found.r2[-1]),
            "its probabilities": explained(run.chain.probs, found.beliefs, found.weights),
        }
        exact = {"the exact probabilities": 1.0}
        rows += [Row(f"{name}: R^2 from {what}", exact.get(what), value) for what, value in r2.items()]
        for depth, (trained, untrained) in enumerate(zip(found.r2, found.untrained, strict=True)):
            at = f"{name}: R^2 at depth {depth}"
            rows += [Row(f"{at}, trained", None, float(trained)), Row(f"{at}, untrained", None, float(untrained))]

        file = name.replace(":", "-").replace(",", "-")
        panels = [("exact", found.beliefs)]
        for what, read, r2_last in (
            ("untrained GPT", found.read_untrained, found.untrained[-1]),
            ("trained GPT", found.read, found.r2[-1]),
        ):
            panels.append((f"{what}, {1 - r2_last:.2%} unexplained", read))
        title = f"Beliefs of {name} after {3**L:,} contexts of {L} tokens; the GPT is worth {tokens:.2f} of them"
        write(out, f"{file}.svg", simplex(panels, title=title))
        left = [("trained", (1 - found.r2).tolist()), ("untrained", (1 - found.untrained).tolist())]
        picture = curves(
            f"Beliefs of {name}: variance that the stream leaves unexplained",
            left,
            across="depth: the embedding, then every attention and every MLP",
            up="1 - R²",
            marks=[("all tokens, one-hot", 1 - found.tokens)],
            logarithmic=True,
        )
        write(out, f"{file}-depth.svg", picture)

    show("Beliefs in the residual stream", rows)
    return rows


def tokens_of_context(source: Source, loss: float, most: int) -> float:
    """The k, between whole ones by a straight line, whose exact h_k in nats is this loss."""
    h = source.memory(most)  # falls with k
    return float(np.interp(-loss, -h, np.arange(most + 1)))


def explained(X: np.ndarray, beliefs: np.ndarray, share: np.ndarray) -> float:
    """R**2 of the linear regression of beliefs (n, K) on features (n, C) and 1, weighted with `share` (n,)."""
    A = np.column_stack([X, np.ones(len(X))])
    root = np.sqrt(share)[:, None]
    read = A @ np.linalg.lstsq(root * A, root * beliefs, rcond=None)[0]
    left = share @ ((beliefs - read) ** 2).sum(1)
    return float(1 - left / (share @ ((beliefs - share @ beliefs) ** 2).sum(1)))


if __name__ == "__main__":
    main(*arguments())
