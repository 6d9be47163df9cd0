"""CSV, a row an arrow, with all digits: what is written is read back bit for bit."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from finitegpt.errors import FileError
from finitegpt.exchange.listing import COLUMNS, Listing, arrows, parts, rows_of
from finitegpt.exchange.parts import Parts, Stored
from finitegpt.exchange.streams import lines, text_to

_NEEDED = ("state", "next")
_DAMAGED = "try the file as write_csv wrote it"


def write_table(chain: Stored, file: TextIO | str | Path, *, startup: bool = False) -> None:
    """Writes a row an arrow: state, next token, successor, probability, its natural logarithm, count, and precision.

    With `startup`, the rows of start-up contexts follow; InputError where the chain has none.
    """
    pieces, precision = rows_of(chain, startup=startup), chain.log_probs.dtype.name
    named = arrows(chain.vocab, chain.context_length, startup=startup)
    # A carriage return alone is a line's end to readers, and not to this writer: then every text gets quotation marks.
    quoting = csv.QUOTE_NONNUMERIC if any("\r" in symbol for symbol in chain.vocab) else csv.QUOTE_MINIMAL
    with text_to(file) as stream:
        writer = csv.writer(stream, lineterminator="\n", quoting=quoting)
        writer.writerow(COLUMNS)
        for probs, log_probs, counts in pieces:
            for id in range(len(probs)):
                count = "" if counts is None else int(counts[id])
                row = zip(probs[id].tolist(), log_probs[id].tolist(), strict=True)
                writer.writerows((*next(named), p, log_p, count, precision) for p, log_p in row)


def read_table(file: TextIO | str | Path) -> Parts:
    """The chain of such a table, bit for bit; FileError with the line where it is none.

    Columns may be in any order, and others beside them. Without `log_probability` the rows are those of `probability`,
    in float64; without `precision`, in float32 if all logarithms are.
    """
    with lines(file) as text:
        rows = _rows(text)
        _, header = next(rows, (1, []))
        columns = _columns(header)
        ends: list[int] = []
        found: dict[str, list[str]] = {name: [] for name in columns}
        for line, row in rows:
            if len(row) != len(header):
                raise FileError(f"expected {len(header)} columns in line {line}, got {len(row)}; {_DAMAGED}")
            ends.append(line)
            for name, place in columns.items():
                found[name].append(row[place])

    def numbers(name: str) -> list[float] | None:
        return [_number(x, name, ends[i]) for i, x in enumerate(found[name])] if name in found else None

    if "log_probability" not in columns:  # one that the page may have saved
        found |= {name: [_bare(text) for text in found[name]] for name in _NEEDED}
    counts = [_count(x, ends[i]) for i, x in enumerate(found["count"])] if "count" in found else None
    for i, x in enumerate(found.get("precision", ())):
        if x != found["precision"][0]:
            raise FileError(f"expected {found['precision'][0]!r} in line {ends[i]}, got {x!r}; {_DAMAGED}")
    return parts(
        Listing(
            states=found["state"],
            tokens=found["next"],
            to=found.get("to"),
            probs=numbers("probability"),
            log_probs=numbers("log_probability"),
            counts=counts,
            precision=next(iter(found.get("precision", ())), None),
            where=lambda row: f"line {ends[row]}",
        )
    )


def _rows(text: Iterator[str]) -> Iterator[tuple[int, list[str]]]:
    """Rows with the number of their last line, without empty ones."""
    reader = csv.reader(text, strict=True)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        raise FileError(f"expected a row of CSV in line {reader.line_num}, got {error}; {_DAMAGED}") from None


def _columns(header: list[str]) -> dict[str, int]:
    columns = {name: place for place, name in enumerate(header) if name in COLUMNS}
    for name in _NEEDED:
        if header.count(name) != 1:
            raise FileError(f"expected columns {', '.join(COLUMNS)}, got {', '.join(header)[:200]!r}; {_DAMAGED}")
    return columns


def _bare(text: str) -> str:
    """Without the apostrophe that keeps spreadsheets from running a cell that begins with = + - or @."""
    return text[1:] if re.match(r"'+[=+\-@\t\r]", text) else text


def _number(text: str, name: str, line: int) -> float:
    try:
        value = float(text.replace("_", "?"))  # Python would let it pass
    except ValueError:
        value = float("nan")
    if value != value:
        raise FileError(f"expected a number as {name} in line {line}, got {text!r}; {_DAMAGED}")
    return value


def _count(text: str, line: int) -> int | None:
    if text.isdecimal() and text.isascii() and len(text) < 20:
        return int(text)
    if text:
        raise FileError(f"expected a count in line {line}, got {text!r}; {_DAMAGED}")
    return None
