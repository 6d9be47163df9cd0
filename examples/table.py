"""What all examples share: a row of the table they end with, how it is printed, and the options they take."""

import argparse
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One line: what is compared, its published or exact value where there is one, and what was measured."""

    name: str
    exact: float | str | None
    ours: float | str


def show(title: str, rows: list[Row]) -> None:
    """Prints the rows under a title, in three columns."""
    lines = [("", "published or exact", "ours"), *((row.name, _text(row.exact), _text(row.ours)) for row in rows)]
    name, exact, ours = (max(len(line[column]) for line in lines) for column in range(3))
    print(f"\n{title}\n")
    for line in lines:
        print(f"  {line[0]:{name}}  {line[1]:>{exact}}  {line[2]:>{ours}}")


def arguments() -> tuple[bool, Path]:
    """`--short` and `--out` of the command line."""
    given = _parser().parse_args()
    return given.short, given.out


def arguments_and_documents() -> tuple[bool, Path, Path | None]:
    """The same, and `--documents` for examples that can be given other data."""
    parser = _parser()
    parser.add_argument("--documents", type=Path, help="a file of names, one a line, in place of those of the example")
    given = parser.parse_args()
    return given.short, given.out, given.documents


def write(out: Path, name: str, svg: str) -> None:
    """Writes a picture into the folder, which is made where it is not there, and says so."""
    out.mkdir(parents=True, exist_ok=True)
    (out / name).write_text(svg, encoding="utf-8")
    print(f"  wrote {out / name}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    parser.add_argument("--short", action="store_true", help="the same with fewer steps, in some seconds")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "pictures", help="folder for the pictures")
    return parser


def _text(value: float | str | None) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else f"{value:,}" if isinstance(value, int) else f"{value:.6f}"
