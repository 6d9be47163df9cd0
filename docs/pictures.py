"""Makes the pictures that README.md shows: python docs/pictures.py."""

import math
from pathlib import Path

import finitegpt
from finitegpt.picture import loss_curve, state_graph

FOLDER = Path(__file__).parent


def main() -> None:
    """Writes docs/notebook.svg and docs/loss.svg."""
    run = finitegpt.train()
    graph = state_graph([("before training", run.initial_chain), ("after 50 steps", run.chain)])
    (FOLDER / "notebook.svg").write_text(graph, encoding="utf-8")
    marks = [("uniform guess", math.log(2)), ("best possible on this data", run.data.entropy)]
    (FOLDER / "loss.svg").write_text(loss_curve(run.losses.tolist(), marks), encoding="utf-8")


if __name__ == "__main__":
    main()
