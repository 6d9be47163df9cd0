"""Reading and writing without half-finished results: everything appears under its name whole, or not at all."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from finitegpt.arguments import shown
from finitegpt.errors import FileError, InputError


def folder_path(name: str | os.PathLike[str]) -> Path:
    """A folder by its name; InputError for what is no name."""
    if not isinstance(name, str | os.PathLike) or not str(name) or "\0" in str(name):
        raise InputError(f"expected the name of a folder, got {shown(name)}; try 'my-run'")
    return Path(name)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, which gets its name when the block ends well and disappears when it does not.

    It is made at once, so that a place that cannot be written to is found before any work is done.
    """
    if _is_taken(path):
        raise FileError(f"expected a new folder, got {str(path)!r} which exists; try another name")
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    with _clear_errors(path):
        partial.mkdir(parents=True)
        try:
            yield partial
            if _is_taken(path):
                raise FileError(f"expected a new folder, got {str(path)!r} which exists by now; try another name")
            if path.exists():
                path.rmdir()
            partial.rename(path)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise


def _is_taken(path: Path) -> bool:
    """Whether something is there that would be lost; an empty folder would not."""
    return path.is_symlink() or (path.exists() and not (path.is_dir() and not any(path.iterdir())))


@contextmanager
def numbered_folder(parent: Path) -> Iterator[tuple[Path, Path]]:
    """The first free one of 001, 002, ... in a folder, and where to fill it, as `new_folder` does.

    The number is taken at once, so two programs never get the same.
    """
    with _clear_errors(parent):
        parent.mkdir(parents=True, exist_ok=True)
        number = 1
        while True:
            path = parent / f"{number:03}"
            try:
                path.mkdir()
                break
            except FileExistsError:
                number += 1
    try:
        with new_folder(path) as partial:
            yield path, partial
    except BaseException:
        with suppress(OSError):
            path.rmdir()
        raise


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A temporary path to write to, which replaces `path` when the block ends well and is removed when it does not."""
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    with _clear_errors(path):
        if path.is_dir():
            raise FileError(f"expected a file name, got the folder {str(path)!r}; try {str(path / 'chain.svg')!r}")
        try:
            yield partial
            partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


@contextmanager
def _clear_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except FileError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise FileError(f"expected to write {str(path)!r}, got {reason!r}; try another place") from None


def read_text(path: Path | None) -> str:
    """The text of a UTF-8 file, or of standard input for None, to the letter."""
    name = "standard input" if path is None else repr(str(path))
    if path is None and sys.stdin is None:
        raise FileError("expected standard input, got it closed; try --text FILE")
    try:
        raw = sys.stdin.buffer.read() if path is None else path.read_bytes()
    except OSError as error:
        raise FileError(f"expected to read {name}, got {error.strerror!r}; try another file") from None
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise FileError(
            f"expected UTF-8 text in {name}, got the byte 0x{raw[error.start]:02x} at position {error.start + 1}; "
            "try saving it as UTF-8"
        ) from None
