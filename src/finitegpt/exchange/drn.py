"""Storm's explicit format, DRN: states with labels, and their arrows, in text.

`storm --explicit-drn FILE` and `stormpy.build_model_from_drn(FILE)` read it. In comments, which they skip, stand the
vocabulary and each state's text, count and logarithms, so that a chain is read back bit for bit. A file without them,
as Storm writes it, is a chain whose states are any, named 0, 1, 2, ..., and each a token of its own.

Format: as Storm's DirectEncodingParser reads it and its DirectEncodingExporter writes it, https://www.stormchecker.org.
"""

import json
import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from finitegpt import states
from finitegpt.arguments import shown
from finitegpt.errors import FileError, InputError
from finitegpt.exchange.arrows import labels as texts
from finitegpt.exchange.csr import from_arrows
from finitegpt.exchange.parts import PRECISIONS, Parts, Stored, agrees, is_one, probabilities, rounded
from finitegpt.exchange.streams import lines, text_to

Masks = Mapping[str, NDArray[np.bool_]]
"""Sets of states, by label."""

_ROUNDED = 1e-9  # how far off ten digits let a sum be

_PLAIN = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_STATE = re.compile(r"state\s+(\d{1,18})((?:\s.*)?)")
_ARROW = re.compile(r"(\d{1,18})\s*:\s*(\S+)")
_LABEL = re.compile(r'"([^"]+)"|([^\s"]+)')
_DECIMAL = re.compile(r"\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?", re.ASCII)
_RATIO = re.compile(r"(\d{1,4000})/(\d{1,4000})", re.ASCII)


def write_drn(chain: Stored, file: TextIO | str | Path, labels: Masks, *, exact: bool = False) -> None:
    """Writes a DTMC in which each label, `init` among them, stands at the states of its mask.

    Probabilities are written with all digits of their doubles, which may sum to one but for the last of them, as Storm
    lets pass; with `exact`, as fractions that sum to one, for its exact engine.
    """
    require_labels(labels)
    probs, log_probs, vocab, L = chain.probs, chain.log_probs, chain.vocab, chain.context_length
    n, V = probs.shape
    targets = states.first_successors(np.arange(n), V, L).tolist()
    written = [(name if _PLAIN.fullmatch(name) else f'"{name}"', mask.tolist()) for name, mask in labels.items()]
    noted = {"vocab": list(vocab), "context_length": L, "precision": log_probs.dtype.name}
    with text_to(file) as stream:
        stream.write(
            "// A chain of FiniteGPT. In comments: its vocabulary; each state's text, count, log-probabilities.\n"
        )
        stream.write(f"// {json.dumps(noted)}\n@type: DTMC\n@parameters\n\n@reward_models\n\n")
        stream.write(f"@nr_states\n{n}\n@nr_choices\n{n}\n@model\n")
        for id, text in enumerate(texts(vocab, L)):
            count = None if chain.counts is None else int(chain.counts[id])
            stream.write(" ".join([f"state {id}", *(name for name, mask in written if mask[id])]) + "\n")
            stream.write(f"// {json.dumps([text, count, log_probs[id].tolist()])}\n\taction 0\n")
            for token, p in _numbers(probs[id].tolist(), exact):
                stream.write(f"\t\t{targets[id] + token} : {p}\n")


def require_labels(labels: Masks) -> None:
    """InputError for names that cannot be written and read back."""
    for name in labels:
        if not isinstance(name, str) or not name.isprintable() or not name.strip() or '"' in name:
            raise InputError(f"expected labels without quotation marks or line ends, got {shown(name)}; try 'red'")


def _numbers(row: list[float], exact: bool) -> Iterator[tuple[int, str]]:
    """The arrows of a row that are not zero."""
    whole = sum(map(Fraction, row)) if exact else Fraction(1)
    for token, p in enumerate(row):
        if p > 0:
            yield token, str(Fraction(p) / whole) if exact else repr(p)


def read_drn(file: TextIO | str | Path) -> tuple[Parts, dict[str, NDArray[np.bool_]]]:
    """The chain of a DTMC, and its labels; FileError with the line where it is none.

    Rows that sum to one to 1e-9 alone, of the ten digits that Storm writes, are divided by their sums. Rewards and the
    names of actions are left out; intervals and parameters are refused.
    """
    reading = _Reading()
    with lines(file) as found:
        for number, line in enumerate(found, 1):
            reading.take(number, line.strip())
    return reading.parts(), reading.masks()


class _Reading:
    """What has been read so far."""

    def __init__(self) -> None:
        self.header: dict[str, str] = {}
        self.open: str | None = None  # what the next line says
        self.is_model = False
        self.noted: dict[str, Any] | None = None
        self.notes: dict[int, list[Any]] = {}
        self.begins: list[int] = []  # the line of each state
        self.acts = False
        self.found: list[tuple[int, int, float]] = []  # state, successor, probability
        self.marked: dict[str, list[int]] = {}

    def take(self, number: int, line: str) -> None:
        """The next line."""
        if line.startswith("//"):
            self._note(number, line[2:].strip())
        elif self.open is not None:
            if self.open == "@parameters" and line:
                raise FileError(f"expected no parameters in line {number}, got {line[:80]!r}; try a model without")
            self.header[self.open], self.open = line, None
        elif not line:
            pass
        elif not self.is_model:
            self._head(number, line)
        elif line.startswith("state"):
            self._state(number, line)
        elif line.startswith("action"):
            if not self.begins or self.acts:
                raise FileError(f"expected one action a state, got another in line {number}; try a DTMC")
            self.acts = True
        else:
            self._arrow(number, line)

    def _note(self, number: int, text: str) -> None:
        """Comments of ours are JSON: an object that says what the chain is, an array for each state."""
        if text[:1] not in ("{", "["):
            return
        try:
            note = json.loads(text)
        except (ValueError, RecursionError):
            note = None
        if isinstance(note, dict) and note.keys() == {"vocab", "context_length", "precision"} and not self.is_model:
            self.noted = note
        elif isinstance(note, list) and self.begins:
            self.notes[len(self.begins) - 1] = note
        elif self.noted is not None:
            raise FileError(f"expected a comment as write_drn writes it in line {number}, got another; try without it")

    def _head(self, number: int, line: str) -> None:
        name, colon, value = line.partition(":")
        if line == "@model":
            self.is_model = True
        elif colon and name in ("@type", "@value_type"):
            self.header[name] = value.strip()
        elif line in ("@parameters", "@reward_models", "@nr_states", "@nr_choices"):
            self.open = line
        else:
            raise FileError(f"expected a header of DRN in line {number}, got {line[:80]!r}; try @type: DTMC")
        if self.header.get("@type", "DTMC").upper() != "DTMC":
            raise FileError(f"expected a DTMC in line {number}, got {value.strip()!r}; try another model")

    def _state(self, number: int, line: str) -> None:
        match = _STATE.fullmatch(line)
        if match is None or int(match[1]) != len(self.begins):
            raise FileError(
                f"expected state {len(self.begins)} in line {number}, got {line[:80]!r}; try the file as it was"
            )
        rest = match[2].strip()
        if rest.startswith("["):
            rest = rest.partition("]")[2]
        for quoted, plain in _LABEL.findall(rest):
            self.marked.setdefault(quoted or plain, []).append(len(self.begins))
        self.begins.append(number)
        self.acts = False

    def _arrow(self, number: int, line: str) -> None:
        match = _ARROW.fullmatch(line)
        p = None if match is None else _value(match[2])
        if match is None or p is None or not self.acts:
            raise FileError(f"expected an arrow such as '3 : 0.5' in line {number}, got {line[:80]!r}; try a DTMC")
        self.found.append((len(self.begins) - 1, int(match[1]), p))

    def masks(self) -> dict[str, NDArray[np.bool_]]:
        """The states of each label."""
        masks = {name: np.zeros(len(self.begins), bool) for name in self.marked}
        for name, ids in self.marked.items():
            masks[name][ids] = True
        return masks

    def parts(self) -> Parts:
        """The chain."""
        n, said = len(self.begins), self.header.get("@nr_states", "").strip()
        if not n or said != str(n):
            raise FileError(f"expected {said or 'some'} states, got {n}; try the whole file")
        rows, columns, values = (np.array([arrow[k] for arrow in self.found]) for k in range(3))
        sums = np.asarray(np.bincount(rows, values, n) if len(rows) else np.zeros(n), np.float64)
        self._require(np.abs(sums - 1) <= _ROUNDED, "probabilities that sum to one to 1e-9")
        values = values / np.where(is_one(sums[:, None]), 1, sums)[rows]
        self._require(np.bincount(rows, columns >= n, n) == 0, f"arrows to states below {n}")
        if self.noted is None:
            return from_arrows(n, rows, columns, values)
        vocab, L, precision = self.noted["vocab"], self.noted["context_length"], self.noted["precision"]
        texts_alone = isinstance(vocab, list) and all(isinstance(symbol, str) for symbol in vocab)
        if not texts_alone or type(L) is not int or precision not in PRECISIONS:
            raise FileError("expected a vocabulary, a context length and a precision, got others; try without comments")
        parts = from_arrows(n, rows, columns, values, vocab, L)
        return self._with_notes(parts, precision)

    def _with_notes(self, parts: Parts, precision: str) -> Parts:
        n, V = parts.log_probs.shape
        logs = np.zeros((n, V))
        counts: list[int | None] = []
        for id, text in enumerate(texts(parts.vocab, parts.context_length)):
            note = self.notes.get(id, [])
            if not _is_note(note, text, V):
                raise FileError(
                    f"expected a comment on state {text!r} after line {self.begins[id]}, got another; try the file as "
                    "it was"
                )
            counts.append(note[1])
            logs[id] = note[2]
        stored = rounded(logs, precision)
        self._require(agrees(stored, probabilities(parts.log_probs)), "probabilities as the comment says")
        whole = None not in counts
        return Parts(
            log_probs=stored,
            vocab=parts.vocab,
            context_length=parts.context_length,
            counts=np.array(counts, np.int64) if whole else None,
        )

    def _require(self, good: NDArray[np.bool_], what: str) -> None:
        if not good.all():
            id = int(np.argmin(good))
            raise FileError(f"expected {what} after line {self.begins[id]}, got others; try the file as it was")


def _is_note(note: list[Any], text: str, V: int) -> bool:
    """Whether a comment is a state's text, its count or null, and its logarithms."""
    if len(note) != 3 or note[0] != text or not isinstance(note[2], list) or len(note[2]) != V:
        return False
    count = note[1]
    if count is not None and (type(count) is not int or not 0 <= count < 2**63):
        return False
    return all(type(x) is float for x in note[2])


def _value(text: str) -> float | None:
    """A decimal or a fraction, rounded once; None for anything else."""
    if _DECIMAL.fullmatch(text):
        return float(text)
    match = _RATIO.fullmatch(text)
    if match is None or not int(match[2]):
        return None
    try:
        return float(Fraction(int(match[1]), int(match[2])))
    except OverflowError:
        return None
