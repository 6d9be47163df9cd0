"""Arrow tables, a row an arrow as in CSV, for what reads them: pandas, Polars, DuckDB, Parquet files."""

from typing import Any

from finitegpt.errors import InputError
from finitegpt.exchange.listing import COLUMNS, Listing, arrows, parts, rows_of
from finitegpt.exchange.parts import Parts, Stored
from finitegpt.exchange.streams import package


def arrow_table(chain: Stored, *, startup: bool = False) -> Any:
    """A `pyarrow.Table` of the columns that `write_table` writes; logarithms are of the type they are stored in.

    With `startup`, the rows of start-up contexts follow; InputError where the chain has none, and without pyarrow.
    """
    pyarrow = package("pyarrow", "finitegpt[arrow]")
    pieces, V = rows_of(chain, startup=startup), len(chain.vocab)
    names = list(zip(*arrows(chain.vocab, chain.context_length, startup=startup), strict=True))
    precision = chain.log_probs.dtype.name
    counts = [[None] * len(rows) * V if given is None else given.repeat(V).tolist() for rows, _, given in pieces]
    columns = {
        "state": pyarrow.array(names[0], pyarrow.string()),
        "next": pyarrow.array(names[1], pyarrow.string()),
        "to": pyarrow.array(names[2], pyarrow.string()),
        "probability": pyarrow.chunked_array([probs.reshape(-1) for probs, *_ in pieces], pyarrow.float64()),
        "log_probability": pyarrow.chunked_array([rows.reshape(-1) for _, rows, _ in pieces]),
        "count": pyarrow.chunked_array(counts, pyarrow.int64()),
    }
    return pyarrow.table(columns, metadata={"precision": precision})


def read_arrow(table: Any) -> Parts:
    """The chain of such a table, or of whatever gives its columns as Arrow does: a data frame of pandas or Polars.

    Bit for bit. FileError with the row where it is no chain, InputError for what is no table, and without pyarrow.
    """
    pyarrow = package("pyarrow", "finitegpt[arrow]")
    try:
        found = table if isinstance(table, pyarrow.Table) else pyarrow.table(table)
    except (TypeError, ValueError, pyarrow.ArrowException):
        raise InputError("expected a table of Arrow, got another; try to_arrow") from None
    columns = {name: found[name] for name in COLUMNS if found.column_names.count(name) == 1}
    if "state" not in columns or "next" not in columns:
        raise InputError(
            f"expected columns {', '.join(COLUMNS)}, got {', '.join(found.column_names)[:200]!r}; try to_arrow"
        )
    texts = {name: _texts(columns[name], name) for name in ("state", "next", "to") if name in columns}
    logs = columns.get("log_probability")
    single = logs is not None and pyarrow.types.is_float32(logs.type)
    return parts(
        Listing(
            states=texts["state"],
            tokens=texts["next"],
            to=texts.get("to"),
            probs=_numbers(columns.get("probability"), "probability"),
            log_probs=_numbers(logs, "log_probability"),
            counts=_counts(columns.get("count")),
            precision="float32" if single else "float64",
        )
    )


def _texts(column: Any, name: str) -> list[str]:
    values = column.to_pylist()
    for row, value in enumerate(values):
        if not isinstance(value, str):
            raise InputError(f"expected texts as {name}, got {value!r} in row {row + 1}; try to_arrow")
    return values


def _numbers(column: Any, name: str) -> list[float] | None:
    values = None if column is None else column.to_pylist()
    for row, value in enumerate(values or ()):
        if not isinstance(value, float) or value != value:
            raise InputError(f"expected numbers as {name}, got {value!r} in row {row + 1}; try to_arrow")
    return values


def _counts(column: Any) -> list[int | None] | None:
    """Whole numbers, also as data frames hold them beside missing ones."""
    values = None if column is None else column.to_pylist()
    for row, value in enumerate(values or ()):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise InputError(f"expected whole numbers as count, got {value!r} in row {row + 1}; try to_arrow")
    return values
