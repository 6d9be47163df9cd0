"""Files by name or already open, and packages that may be missing."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from finitegpt.arguments import shown
from finitegpt.errors import FileError, InputError
from finitegpt.files import new_file, read_text

_MARK = "\ufeff"  # spreadsheets begin a file with it


@contextmanager
def lines(file: TextIO | str | Path) -> Iterator[Iterator[str]]:
    """The lines of a text, with the ends they have; FileError for what cannot be read or is no UTF-8."""
    if isinstance(file, str | Path):
        with lines(io.StringIO(read_text(_path(file)), newline="")) as found:
            yield found
        return
    try:
        is_text = isinstance(file.read(0), str)
    except (AttributeError, TypeError, ValueError, OSError):
        is_text = False
    if not is_text:
        raise InputError("expected a file's name or a file open to read text, got another; try 'chain.csv'")
    yield _lines(file)


def _lines(file: TextIO) -> Iterator[str]:
    try:
        for i, line in enumerate(file):
            yield line.removeprefix(_MARK) if i == 0 else line
    except UnicodeDecodeError as error:
        raise FileError(f"expected UTF-8 text, got {error.reason!r}; try saving it as UTF-8") from None


@contextmanager
def text_to(file: TextIO | str | Path) -> Iterator[TextIO]:
    """Where to write text: an open file, or a name that appears whole or not at all."""
    if isinstance(file, str | Path):
        with new_file(_path(file)) as partial, partial.open("w", encoding="utf-8", newline="") as stream:
            yield stream
    elif hasattr(file, "write") and hasattr(file, "flush") and not isinstance(file, io.RawIOBase | io.BufferedIOBase):
        yield file
    else:
        raise InputError("expected a file's name or a file open to write text, got another; try 'chain.csv'")


def read_bytes(file: BinaryIO | str | Path) -> bytes:
    """All of a file; FileError where it cannot be read."""
    try:
        content = _path(file).read_bytes() if isinstance(file, str | Path) else file.read()
    except OSError as error:
        raise FileError(f"expected to read {str(file)!r}, got {error.strerror!r}; try another file") from None
    except (AttributeError, TypeError):
        content = None
    if not isinstance(content, bytes):
        raise InputError("expected a file's name or a file open to read bytes, got another; try 'chain.umb'")
    return content


def write_bytes(content: bytes, file: BinaryIO | str | Path) -> None:
    """To an open file, or to a name that appears whole or not at all."""
    if isinstance(file, str | Path):
        with new_file(_path(file)) as partial:
            partial.write_bytes(content)
    elif hasattr(file, "write") and hasattr(file, "flush") and not isinstance(file, io.TextIOBase):
        file.write(content)
    else:
        raise InputError("expected a file's name or a file open to write bytes, got another; try 'chain.umb'")


def _path(name: str | Path) -> Path:
    if "\0" in str(name) or not Path(name).name:
        raise InputError(f"expected a file's name, got {shown(str(name))}; try 'chain.csv'")
    return Path(name)


def package(name: str, install: str | None = None) -> Any:
    """A package that is needed for one format alone; InputError that says how to get it where it is missing."""
    try:
        return import_module(name)
    except ImportError:
        raise InputError(
            f"expected the package {name} for its format, got none installed; try pip install {install or name}"
        ) from None
