"""Does a GPT hold beliefs about the hidden state of its source? The mess3 process.

Shai et al. (2024), "Transformers represent belief state geometry in their residual stream": who predicts a hidden
Markov model as well as possible must keep P(hidden state | tokens so far), the belief. On mess3 the beliefs fill a
fractal in a triangle. In a trained GPT they can be read off the residual stream by linear regression.

They regressed on samples; with L tokens of context there are 3**L contexts, and each has an exact belief and an exact
probability, so R**2 here is that of the whole population.

An R**2 near 1 means less than it seems. The tokens themselves, one-hot, explain most of the variance, and the stream of
a GPT that was never trained more still: it is a random mixture of all tokens and places, in which even the fractal can
be found. What training adds is seen in what is left unexplained.
"""

from pathlib import Path

import numpy as np
from table import Row, arguments, show, write

import finitegpt
from finitegpt import Data, GPTConfig, Model, TrainConfig, states
from finitegpt.analysis import compare
from finitegpt.picture import svg
from finitegpt.sources import Source, mess3

SIDE, GAP, TOP = 300.0, 60.0, 112.0
CORNERS = np.array([[0.5, 0.0], [0.0, 0.866], [1.0, 0.866]]) * SIDE
HUES = np.array([[213, 94, 0], [0, 114, 178], [0, 158, 115]])  # of the three hidden states


def main(short: bool, out: Path) -> list[Row]:
    """mess3 as in `Source.mess3`, and a less noisy one whose fractal is plainer."""
    L, width, steps = (5, 32, 400) if short else (7, 64, 2_000)
    rows = []
    for source, known in ((mess3(), 1.088888), (mess3(0.05, 0.85), None)):
        data = Data.from_text(source.sample(100_000 if short else 1_000_000, seed=0), context_length=L)
        shape = GPTConfig(vocab_size=3, context_length=L, n_layer=2, n_head=2, n_embd=width)
        settings = TrainConfig(steps=steps, lr=2e-3 if short else 1e-3, weight_decay=0.0, batch_size=256)
        run = finitegpt.train(data, shape, settings)

        name = source.name
        found = compare(source.predictor(L), run.chain)
        if known:
            rows.append(Row(f"{name}: entropy rate, nats", known, sum(source.entropy_rate) / 2))
        rows.append(Row(f"{name}: loss with {L} tokens, nats", float(source.memory(L)[-1]), found.cross_entropy.value))

        contexts = states.contexts(np.arange(3**L), 3, L)  # (3**L, L)
        beliefs, share = source.beliefs(L), source.word_probs(L)
        features = {
            "the last token": np.eye(3)[contexts[:, -1]],
            "all tokens": np.eye(3)[contexts].reshape(3**L, -1),
            "the untrained GPT": residual(run.initial_model, contexts),
            "the trained GPT": residual(run.model, contexts),
            "its probabilities": run.chain.probs,
        }
        read = {what: regressed(X, beliefs, share) for what, X in features.items()}
        # Each hidden state has its own law of the next token, so that exact probabilities are beliefs in disguise.
        best = regressed(source.predictor(L).probs, beliefs, share)
        rows.append(Row(f"{name}: R^2 from the exact probabilities", 1.0, explained(best, beliefs, share)))
        rows += [Row(f"{name}: R^2 from {what}", None, explained(read[what], beliefs, share)) for what in features]

        panels = {"exact": beliefs} | {
            f"read from {what}": read[what] for what in ("the untrained GPT", "the trained GPT")
        }
        write(out, f"{name.replace(':', '-').replace(',', '-')}.svg", triangles(source, panels, beliefs))

    show("Beliefs in the residual stream", rows)
    return rows


def residual(model: Model, contexts: np.ndarray) -> np.ndarray:
    """The residual stream after the last layer, at the last token of each context (n, C)."""
    return np.stack([model.inspect(context).residual[-1, -1] for context in contexts]).astype(np.float64)


def regressed(X: np.ndarray, beliefs: np.ndarray, share: np.ndarray) -> np.ndarray:
    """The beliefs (n, K) as linear functions of features (n, C) and 1, by least squares weighted with `share` (n,)."""
    A = np.column_stack([X, np.ones(len(X))])
    root = np.sqrt(share)[:, None]
    return A @ np.linalg.lstsq(root * A, root * beliefs, rcond=None)[0]


def explained(read: np.ndarray, beliefs: np.ndarray, share: np.ndarray) -> float:
    """R**2: the part of the variance of the beliefs that the regression explains."""
    left = share @ ((beliefs - read) ** 2).sum(1)
    return float(1 - left / (share @ ((beliefs - share @ beliefs) ** 2).sum(1)))


def triangles(source: Source, panels: dict[str, np.ndarray], beliefs: np.ndarray) -> str:
    """SVG of the panels side by side: a point for each context, coloured by its exact belief."""
    colours = ["rgb({}, {}, {})".format(*row) for row in (beliefs @ HUES).astype(int).tolist()]
    body = [
        svg.text(
            f"Beliefs of {source.name} after {len(beliefs):,} contexts",
            GAP,
            24,
            17,
            text_anchor="start",
            font_weight="bold",
        )
    ]
    for k, (title, points) in enumerate(panels.items()):
        left = GAP + k * (SIDE + GAP)
        frame = " ".join(f"{x:.1f},{y:.1f}" for x, y in CORNERS)
        dots = [svg.element("polygon", points=frame, fill="none", stroke=svg.FAINT)]
        for (x, y), colour in zip(points @ CORNERS, colours, strict=True):
            dots.append(svg.element("circle", cx=x, cy=y, r=1.7, fill=colour, fill_opacity=0.75))
        body.append(svg.text(title, left + SIDE / 2, 66, 14, font_weight="bold"))
        body.append(svg.element("g", "\n".join(dots), transform=f"translate({left:.0f} {TOP:.0f})"))
    return svg.document(GAP + len(panels) * (SIDE + GAP), TOP + 0.866 * SIDE + GAP, body, f"Beliefs of {source.name}")


if __name__ == "__main__":
    main(*arguments())
