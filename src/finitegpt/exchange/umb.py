"""UMB, the unified Markov binary format that Storm, PRISM and Modest read: an archive of an index and arrays.

Probabilities are doubles, so a model checker has them to the bit. Among the tool's parameters in the index, which is
where others pass them over, stand the vocabulary, the logarithms as they are stored, and the counts. A file without
them is a chain whose states are any, named 0, 1, 2, ..., each a token of its own.

Format: "Specification of the UMB Format", version 1.0, https://github.com/pmc-tools/umb, 2026.
"""

import base64
import io
import json
import lzma
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from finitegpt import states
from finitegpt.errors import FileError
from finitegpt.exchange.csr import from_arrows
from finitegpt.exchange.drn import require_labels
from finitegpt.exchange.parts import PRECISIONS, Parts, Stored, agrees, probabilities
from finitegpt.exchange.streams import read_bytes, write_bytes
from finitegpt.limits import require_memory

Masks = Mapping[str, NDArray[np.bool_]]

_TOOL = "FiniteGPT"
_VERSIONS = (0, 1)
_DAMAGED = "try the file as it was"
_WORD = 64  # bits, in which sets of states are packed


def write_umb(chain: Stored, file: BinaryIO | str | Path, labels: Masks) -> None:
    """Writes a DTMC in which each label stands at the states of its mask; `init` says where it starts.

    The same chain gives the same bytes.
    """
    require_labels(labels)
    probs, (n, V) = chain.probs, chain.probs.shape
    there = probs > 0
    targets = states.successors(states.every(V, chain.context_length), V, chain.context_length)
    init = labels.get("init", np.zeros(n, bool))
    files = {
        "state-is-initial.bin": _bits(init),
        "choice-to-branches.bin": np.concatenate([[0], np.cumsum(there.sum(1))]).astype("<u8").tobytes(),
        "branch-to-target.bin": targets[there].astype("<u8").tobytes(),
        "branch-to-probability.bin": probs[there].astype("<f8").tobytes(),
    }
    marks = {}
    for k, (name, mask) in enumerate((name, mask) for name, mask in labels.items() if name != "init"):
        kind = {"type": "bool", "size": 1}
        marks[f"label-{k}"] = {"alias": name, "applies-to": ["states"], "type": kind}
        files[f"annotations/aps/label-{k}/states/values.bin"] = _bits(mask)
    index = {
        "format-version": 1,
        "format-revision": 0,
        "file-data": {
            "tool": _TOOL,
            "parameters": {
                "vocab": list(chain.vocab),
                "context_length": chain.context_length,
                "precision": chain.log_probs.dtype.name,
                "log_probs": _text(chain.log_probs),
                "counts": None if chain.counts is None else _text(chain.counts.astype(np.int64)),
            },
        },
        "transition-system": {
            "time": "discrete",
            "#players": 0,
            "#states": n,
            "#initial-states": int(init.sum()),
            "#choices": n,
            "#choice-actions": 0,
            "#branches": int(there.sum()),
            "#branch-actions": 0,
            "#observations": 0,
            "branch-probability-type": {"type": "double", "size": 64},
        },
        **({"annotations": {"aps": marks}} if marks else {}),
    }
    write_bytes(_archive({"index.json": json.dumps(index, indent=1).encode(), **files}), file)


def read_umb(file: BinaryIO | str | Path) -> tuple[Parts, dict[str, NDArray[np.bool_]]]:
    """The chain of a DTMC, and its labels, `init` among them; FileError where it is none.

    Probabilities are doubles, or fractions of 64 bits each. Arrows to the same state add up; rewards are left out.
    """
    files = _unpacked(read_bytes(file))
    index = _index(files)
    system = _part(index, "transition-system")
    if system.get("time") != "discrete" or system.get("#players") != 0 or system.get("#observations", 0) != 0:
        raise FileError("expected a DTMC, of discrete time and without players, got another; try another model")
    n, m = (system.get(name) for name in ("#states", "#branches"))
    if type(n) is not int or type(m) is not int or n < 1 or m < n or system.get("#choices") != n:
        raise FileError(f"expected states with one choice each, and as many branches at least, got others; {_DAMAGED}")
    every = np.arange(n + 1).astype("<u8").tobytes()
    if files.get("state-to-choices.bin", every) != every:
        raise FileError(f"expected one choice for each state, got others; {_DAMAGED}")
    firsts = (
        _array(files, "choice-to-branches.bin", "<u8", n + 1) if "choice-to-branches.bin" in files else np.arange(n + 1)
    )
    columns = _array(files, "branch-to-target.bin", "<u8", m)
    if firsts[0] != 0 or firsts[-1] != m or (firsts[1:] < firsts[:-1]).any() or columns.max() >= n:
        raise FileError(f"expected branches in the order of states, and to states below {n}, got others; {_DAMAGED}")
    rows = np.repeat(np.arange(n), np.diff(firsts.astype(np.int64)))
    values = _numbers(files, _part(system, "branch-probability-type"), m)
    arrows = (n, rows, columns.astype(np.int64), values)
    facts = _part(index, "file-data", optional=True)
    parts = _to_the_bit(arrows, facts.get("parameters")) if facts.get("tool") == _TOOL else from_arrows(*arrows)
    return parts, _labels(files, index, n)


def _to_the_bit(arrows: tuple[int, Any, Any, Any], noted: Any) -> Parts:
    """The chain as FiniteGPT noted it, which must be that of the arrows."""
    vocab, L, precision, rows, counts = (
        noted.get(name) if isinstance(noted, dict) else None
        for name in ("vocab", "context_length", "precision", "log_probs", "counts")
    )
    if not isinstance(vocab, list) or not all(isinstance(symbol, str) for symbol in vocab) or type(L) is not int:
        raise FileError(f"expected a vocabulary and a context length, got others; {_DAMAGED}")
    if precision not in PRECISIONS:
        raise FileError(f"expected a precision of float32 or float64, got {precision!r}; {_DAMAGED}")
    parts = from_arrows(*arrows, vocab, L)
    n, V = parts.log_probs.shape
    stored = _noted(rows, precision, n * V).reshape(n, V)
    agreed = agrees(stored, probabilities(parts.log_probs))
    if not agreed.all():
        id = int(np.argmin(agreed))
        raise FileError(f"expected probabilities as their logarithms say in state {id}, got others; {_DAMAGED}")
    found = None if counts is None else _noted(counts, "int64", n)
    if found is not None and found.min() < 0:
        raise FileError(f"expected counts of 0 or more, got {found.min()}; {_DAMAGED}")
    return Parts(log_probs=stored, vocab=parts.vocab, context_length=L, counts=found)


def _labels(files: dict[str, bytes], index: dict[str, Any], n: int) -> dict[str, NDArray[np.bool_]]:
    masks = {"init": _mask(files["state-is-initial.bin"], n)} if "state-is-initial.bin" in files else {}
    for id, facts in _part(_part(index, "annotations", optional=True), "aps", optional=True).items():
        alias = facts.get("alias", id) if isinstance(facts, dict) else id
        values = files.get(f"annotations/aps/{id}/states/values.bin")
        masks[str(alias)] = np.zeros(n, bool) if values is None else _mask(values, n)
    return masks


def _text(array: NDArray[Any]) -> str:
    """Numbers, the lowest byte first, as Base64."""
    return base64.b64encode(array.astype(array.dtype.newbyteorder("<")).tobytes()).decode()


def _noted(text: Any, kind: str, count: int) -> NDArray[Any]:
    """The same numbers."""
    try:
        content = base64.b64decode(text, validate=True)
    except (TypeError, ValueError):
        content = b""
    numbers = np.dtype(kind).newbyteorder("<")
    if len(content) != count * numbers.itemsize:
        raise FileError(f"expected {count} numbers of {kind} in Base64, got others; {_DAMAGED}")
    return np.frombuffer(content, numbers).astype(kind)


def _bits(mask: NDArray[np.bool_]) -> bytes:
    """State i at bit i, the least significant first, in whole words."""
    return np.packbits(np.pad(mask, (0, -len(mask) % _WORD)), bitorder="little").tobytes()


def _mask(content: bytes, n: int) -> NDArray[np.bool_]:
    if len(content) != (n + _WORD - 1) // _WORD * 8:
        raise FileError(f"expected a set of {n} states, got {len(content)} bytes; {_DAMAGED}")
    return np.unpackbits(np.frombuffer(content, np.uint8), count=n, bitorder="little").astype(bool)


def _array(files: dict[str, bytes], name: str, kind: str, count: int) -> NDArray[Any]:
    content = files.get(name)
    if content is None or len(content) != count * np.dtype(kind).itemsize:
        got = "none" if content is None else f"{len(content)} bytes"
        raise FileError(f"expected {count} numbers in {name}, got {got}; {_DAMAGED}")
    return np.frombuffer(content, kind)


def _numbers(files: dict[str, bytes], kind: dict[str, Any], count: int) -> NDArray[np.float64]:
    """Probabilities, rounded once where they are fractions."""
    name = "branch-to-probability.bin"
    if kind.get("type") == "double":
        return _array(files, name, "<f8", count).astype(np.float64)
    if kind.get("type") != "rational" or kind.get("size", 128) != 128:
        raise FileError(f"expected probabilities as doubles or as fractions of 128 bits, got {kind}; try doubles")
    above = _array(files, name, "<i8", 2 * count)[::2].tolist()
    below = _array(files, name, "<u8", 2 * count)[1::2].tolist()
    if 0 in below:
        raise FileError(f"expected fractions, got one over 0; {_DAMAGED}")
    return np.array([p / q for p, q in zip(above, below, strict=True)])


def _part(facts: dict[str, Any], name: str, *, optional: bool = False) -> dict[str, Any]:
    found = facts.get(name, {} if optional else None)
    if not isinstance(found, dict):
        raise FileError(f"expected {name!r} in the index, got none; {_DAMAGED}")
    return found


def _index(files: dict[str, bytes]) -> dict[str, Any]:
    try:
        index = json.loads(files.get("index.json", b""))
    except (ValueError, RecursionError):
        index = None
    if not isinstance(index, dict) or index.get("format-version") not in _VERSIONS:
        raise FileError(f"expected the index of UMB, of version 0 or 1, got another; {_DAMAGED}")
    return index


def _archive(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return content.getvalue()


def _unpacked(content: bytes) -> dict[str, bytes]:
    """The files of an archive, compressed or not, in memory alone."""
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:*") as archive:
            for entry in archive:
                if not entry.isfile():
                    continue
                require_memory(sum(map(len, files.values())) + entry.size, "the file", "a smaller model")
                data = archive.extractfile(entry)
                files[entry.name.removeprefix("./")] = b"" if data is None else data.read()
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, UnicodeDecodeError) as error:
        raise FileError(f"expected an archive of UMB, got {str(error) or 'another'!r}; {_DAMAGED}") from None
    except OSError as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"expected an archive of UMB, got {str(error)!r}; {_DAMAGED}") from None
    return files
