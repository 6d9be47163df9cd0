"""What commands share: the app they belong to, their options, progress and output."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from finitegpt.decoding import decode_rows
from finitegpt.errors import InputError
from finitegpt.files import new_folder, numbered_folder
from finitegpt.rows import Rows
from finitegpt.training import Run

if TYPE_CHECKING:
    from rich.console import Console

    from finitegpt.chain import Chain

app = App(
    name="finitegpt",
    help="Train a GPT small enough to be computed whole: every context a state, every next token an arrow.",
    version_flags=["--version"],
    suppress_keyboard_interrupt=False,
)

Flag = Annotated[bool, Parameter(negative="")]
Sign = Annotated[str | None, Parameter(allow_leading_hyphen=True)]  # text that may begin with a dash
Update = Callable[[int, str], None]
"""Told how much is done, and a note."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Decoding:
    """How next tokens are chosen."""

    temperature: float | None = None
    "Divide log-probabilities by this, above 0."
    top_k: int | None = None
    "Keep the K most probable tokens."
    top_p: float | None = None
    "Keep the most probable tokens until they reach P."
    greedy: Annotated[bool, Parameter(negative="")] = False
    "Always take the most probable token."

    def __call__(self, rows: Rows) -> Rows:
        """The rows of log-probabilities (n, V), decoded."""
        return decode_rows(rows, temperature=self.temperature, top_k=self.top_k, top_p=self.top_p, greedy=self.greedy)

    @property
    def title(self) -> str:
        """These options in words; empty where none is given."""
        parts = [f"temperature {self.temperature:g}"] if self.temperature is not None else []
        parts += [f"top-k {self.top_k}"] if self.top_k is not None else []
        parts += [f"top-p {self.top_p:g}"] if self.top_p is not None else []
        return ", ".join(parts + ["greedy"] * self.greedy)


@contextmanager
def run_folder(out: Path | None) -> Iterator[tuple[Path, Path]]:
    """The folder that a run will have, --out or the next of runs/001, runs/002, ..., and where to fill it."""
    if out is None:
        with numbered_folder(Path("runs")) as paths:
            yield paths
    else:
        with new_folder(out) as partial:
            yield out, partial


def truth_of(against: str, run: Run) -> "tuple[str, Chain]":
    """Another run's chain, or the best predictor of a source with as much context."""
    from finitegpt.sources import parse

    if (Path(against) / "run.json").is_file():
        other = Run.load(Path(against))
        return against, other.model.chain(counts=other.data.counts())
    if Path(against).exists():
        raise InputError(f"expected a run or a source, got {against!r}, which is neither; try the folder of a run")
    source = parse(against)
    if not source.stationary:
        raise InputError(f"expected a stationary source, got {against!r}, which has a beginning; try another, or none")
    return against, source.predictor(run.model.config.context_length)


@contextmanager
def progress(total: int | None, what: str) -> Iterator[Callable[[int, str], None] | None]:
    """A progress bar on a terminal, updated with how much is done and a note; None elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = [TextColumn(what), BarColumn(), *([MofNCompleteColumn(), TimeRemainingColumn()] if total else [])]
    with Progress(*columns, TextColumn("{task.fields[note]}"), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total, note="")
        yield lambda done, note: bar.update(task, completed=done, note=note)


def console() -> "Console":
    """Where reports go."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=False)


def as_json(value: dict[str, Any]) -> str:
    """One line of JSON, in ASCII where the terminal knows no more."""
    plain = (getattr(sys.stdout, "encoding", None) or "ascii").lower() not in ("utf-8", "utf8")
    return json.dumps(value, ensure_ascii=plain, allow_nan=False)


def print_json(value: dict[str, Any]) -> None:
    """Prints one JSON object and nothing else."""
    print(as_json(value))
