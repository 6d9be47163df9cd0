"""Many ES modules as one plain script, which also works from a disk, where browsers load no modules."""

import re
from pathlib import Path, PurePosixPath

_HERE = Path(__file__).parent
_IMPORT = re.compile(r'^import (\{[^}]*\}) from "(\.[\w./]*)\.js";\n', re.M)
_COMMENT = re.compile(r"^ *(?:/\*\*(?:[^*]|\*(?!/))*\*/|//.*)\n", re.M)
"""A comment that has its lines to itself: the page leaves it out, as it does indentation."""
_EXPORT = re.compile(r"^export (?:async )?(?:function|class|const) (\w+)", re.M)


def bundle(*entries: str) -> str:
    """The modules, and all that they import, by names such as `views/graph`: each after those it needs.

    Each is in a function of its own, so that its names stay its own; `modules["views/graph"]` has what it exports.
    """
    placed: dict[str, str] = {}
    for entry in entries:
        _place(entry, placed, ())
    return "const modules = {};\n" + "".join(placed.values())


def _place(name: str, placed: dict[str, str], waiting: tuple[str, ...]) -> None:
    if name in placed:
        return
    if name in waiting:
        raise ValueError(f"expected modules that import one way, got {' -> '.join((*waiting, name))}")
    text = (_HERE / f"{name}.js").read_text(encoding="utf-8")
    for _, path in _IMPORT.findall(text):
        _place(_resolved(name, path), placed, (*waiting, name))
    text = _IMPORT.sub(lambda found: f'const {found[1]} = modules["{_resolved(name, found[2])}"];\n', text)
    exports = ", ".join(_EXPORT.findall(text))
    text = re.sub(r"^(?:export | +)", "", _COMMENT.sub("", text), flags=re.M)
    placed[name] = f'(() => {{\n{text}modules["{name}"] = {{ {exports} }};\n}})();\n'


def _resolved(name: str, path: str) -> str:
    """The name of a module that another imports by a relative path."""
    parts: list[str] = []
    for part in (PurePosixPath(name).parent / path).parts:
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)
