"""What `size` says."""

from typing import Any

from rich.console import Console
from rich.table import Table


def print_sizes(console: Console, rows: list[dict[str, Any]]) -> None:
    """How large state spaces are, and how much one state remembers."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("", "tokens", "context", "states", "bits each", "bytes", "as much as"):
        table.add_column(name, justify="left" if name in ("", "as much as") else "right", no_wrap=True)
    for row in rows:
        table.add_row(
            row["name"],
            f"{row['vocab_size']:,}",
            f"{row['context_length']:,}",
            row["states"],
            f"{row['bits']:,.0f}",
            f"{row['bytes']:,.0f}" if row["bytes"] >= 1 else f"{row['bytes']:.3g}",
            row["like"],
        )
    console.print(table)
