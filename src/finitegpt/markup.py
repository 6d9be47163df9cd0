"""Small tables as HTML: what notebooks show of results."""

import html
from collections.abc import Iterable, Sequence
from itertools import islice

ROWS = 32
"""More rows than this are left out, and it is said how many."""


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[object]], *, total: int | None = None) -> str:
    """A table of texts; the first column names the row. `total` is how many rows there are, if not all are given.

    >>> table("law", ("state", "probability"), [("11", "0.5"), ("<0", "0.5")], total=3).count("<tr>")
    4
    """
    given = list(islice(rows, ROWS + 1))
    left = (len(given) if total is None else total) - min(len(given), ROWS)
    lines = [_row("th", head), *(_row("td", row) for row in given[:ROWS])]
    if left > 0:
        lines.append(f'<tr><td colspan="{len(head)}">{left:,} more</td></tr>')
    return f"<table><caption>{_text(caption)}</caption>{''.join(lines)}</table>"


def _row(cell: str, values: Sequence[object]) -> str:
    return f"<tr>{''.join(f'<{cell}>{_text(value)}</{cell}>' for value in values)}</tr>"


def _text(value: object) -> str:
    return html.escape(str(value))
