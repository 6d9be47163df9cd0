"""How reports look: facts in two columns, sections."""

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from finitegpt.states import visible

COLOURS = ("blue", "dark_orange", "green", "magenta", "yellow", "cyan", "red", "white")
"""Of tokens, in order."""

TAIL = 16
"""So much of a long context is shown."""


def facts(*pairs: tuple[str, str | Text]) -> Table:
    """Names and values, one pair a line."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs:
        table.add_row(name, value)
    return table


def section(name: str, note: str) -> Text:
    """The heading of a section."""
    return Text.assemble("\n", (name, "bold"), "  ", (note, "dim" if name != "a walk" else ""))


def indent(content: RenderableType) -> Padding:
    """Content of a section."""
    return Padding(content, (0, 0, 0, 2))


def tail(context: str) -> str:
    """The end of a context, which is all that fits of a long one."""
    return visible(context if len(context) <= TAIL else "…" + context[-TAIL:])
