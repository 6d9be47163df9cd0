"""What commands leave on disk besides a run itself: chains as files of several kinds, and pictures."""

import math
from collections.abc import Callable
from pathlib import Path

from finitegpt import states
from finitegpt.chain import Chain
from finitegpt.ensemble import Ensemble
from finitegpt.errors import FileError
from finitegpt.files import new_file
from finitegpt.picture import seed_spread, state_graph, to_png
from finitegpt.picture.graph import LARGEST_GRAPH, LARGEST_VOCABULARY
from finitegpt.picture.spread import LARGEST_SPREAD
from finitegpt.report.page import analysis_page, run_losses
from finitegpt.run import Run
from finitegpt.summary import Summary


def _write_graph(chain: Chain, title: str, path: Path) -> None:
    svg = state_graph([(title, chain)])
    if path.suffix.lower() == ".svg":
        path.write_text(svg, encoding="utf-8")
    else:
        path.write_bytes(to_png(svg))


def _write_dot(chain: Chain, title: str, path: Path) -> None:
    path.write_text(chain.to_graphviz().source, encoding="utf-8")


def _write_csv(chain: Chain, title: str, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        chain.write_csv(file)


WRITERS: dict[str, Callable[[Chain, str, Path], None]] = {
    ".svg": _write_graph,
    ".png": _write_graph,
    ".dot": _write_dot,
    ".csv": _write_csv,
}


def write_chain(chain: Chain, title: str, to: Path) -> None:
    """Writes a chain to a file of the kind its name says, whole or not at all; `title` heads a picture."""
    with new_file(to) as partial:
        named = partial.with_suffix(partial.suffix + to.suffix)
        WRITERS[to.suffix.lower()](chain, title, named)
        named.replace(partial)


def write_run(run: Run, folder: Path) -> dict[str, str]:
    """Writes a run and its pictures into a folder that is there; returns which picture is in which file."""
    run.write(folder)
    config, done = run.model.config, len(run.losses)
    files = {}
    n = states.n_states(config.vocab_size, config.context_length)
    if n <= LARGEST_GRAPH and config.vocab_size <= LARGEST_VOCABULARY:
        after = f"after {done:,} step{'' if done == 1 else 's'}"
        svg = state_graph([("before training", run.initial_chain), (after, run.chain)])
        (folder / "chain.svg").write_text(svg, encoding="utf-8")
        files["picture"] = "chain.svg"
    if done:
        marks = [("uniform guess", math.log(config.vocab_size))]
        if run.train.loss == "last":
            marks.append(
                (
                    "best possible on this data" if run.validation is None else "best possible in training",
                    run.data.entropy,
                )
            )
        (folder / "loss.svg").write_text(run_losses(run, marks), encoding="utf-8")
        files["loss curve"] = "loss.svg"
    return files


def write_ensemble(ensemble: Ensemble, folder: Path) -> dict[str, str]:
    """Writes an ensemble, and its picture where it can be drawn; returns what is in which file."""
    ensemble.write(folder)
    files = {"arrays": "ensemble.safetensors"}
    V, L = ensemble.model.vocab_size, ensemble.model.context_length
    if V * states.n_states(V, L) <= LARGEST_SPREAD:
        (folder / "spread.svg").write_text(seed_spread(ensemble), encoding="utf-8")
        files["picture"] = "spread.svg"
    return files


def write_report(summary: Summary, run: Run, to: Path) -> None:
    """Writes the page of an analysis to a new file, whole or not at all; FileError where there is one."""
    if to.exists():
        raise FileError(f"expected a new file, got {str(to)!r} which exists; try another name")
    with new_file(to) as partial:
        partial.write_text(analysis_page(summary, run), encoding="utf-8")
