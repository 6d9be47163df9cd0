"""The command line: thin commands over the library, one module each."""

import io
import sys

from cyclopts import CycloptsError

from finitegpt.cli import analyze, page, prove, sample, show, size, train  # noqa: F401 - each adds its command to the app
from finitegpt.cli.shared import app
from finitegpt.errors import FileError, FiniteGPTError

__all__ = ["app", "main"]


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code, 2 for bad input."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a sign shows another
    try:
        app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
        if sys.stdout is not None:
            sys.stdout.flush()
        return 0
    except CycloptsError as error:
        message = " ".join(str(error).split())
        return _fail(f"{message.rstrip('.')}; try finitegpt --help")
    except FiniteGPTError as error:
        return _fail(str(error))
    except BrokenPipeError:
        sys.stderr.close()  # whoever read us has gone; there is nobody to tell
        return 1
    except OSError as error:
        return _fail(str(FileError(f"expected to read and write files, got {error.strerror or error}; try elsewhere")))
    except MemoryError:
        return _fail("expected enough memory, got too little; try a smaller model or a shorter context")
    except KeyboardInterrupt:
        return _fail("stopped", code=130)


def _fail(message: str, code: int = 2) -> int:
    print(f"finitegpt: {' '.join(message.split())}", file=sys.stderr)
    return code
