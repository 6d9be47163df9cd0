"""The loss of a training by step, beside that on validation data, and the learning rate where it changes."""

from collections.abc import Sequence

from finitegpt.errors import InputError
from finitegpt.picture.plots import Point, numbered, plot


def loss_curve(
    losses: Sequence[float],
    marks: Sequence[tuple[str, float]] = (),
    *,
    validation: Sequence[Point] = (),
    kept: int | None = None,
    rates: Sequence[float] = (),
) -> str:
    """SVG of the loss in nats before each step, with named horizontal lines such as the uniform guess.

    `validation` has the steps done at each look and the loss found; the look after `kept` steps has a ring. `rates`,
    the learning rate of each step, are drawn below unless all are equal. InputError without a loss.
    """
    if len(losses) == 0:
        raise InputError("expected at least one loss, got none; try training for a step")
    series: list[tuple[str, list[Point]]] = [("training", numbered(losses))]
    if validation:
        series.append(("validation", list(validation)))
    ring = next(((f"kept: step {step:,}", (step, loss)) for step, loss in validation if step == kept), None)
    below = ("learning rate", numbered(rates)) if len(set(map(float, rates))) > 1 else None
    return plot(
        "Training loss" if not validation else "Loss",
        series,
        across="step",
        up="nats",
        marks=marks,
        ring=ring,
        below=below,
    )
