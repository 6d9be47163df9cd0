"""The experiments of link/presets.js, and the links that open them; tests compare both."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from finitegpt import sources
from finitegpt.config import GPTConfig, TrainConfig
from finitegpt.training import Run, train

_FIELD = re.compile(r'\{ key: "(\w+)", type: "\w+", start: ("[^"]*"|[-\w.]+)')
_FIELDS = (Path(__file__).parent / "link" / "fields.js").read_text(encoding="utf-8")

START: dict[str, object] = {key: json.loads(value) for key, value in _FIELD.findall(_FIELDS)}
"""What the page opens with: the notebook's experiment, by the names of link/fields.js and in its order."""

_PASSAGE = (
    "A chain remembers only where it stands. What it says next depends on the last few signs and on nothing else. "
    "Markov took a novel in verse, counted its vowels and consonants by hand, twenty thousand of them, and found that "
    "the past is felt for a moment and then forgotten. Put a text of your own here and see how much of it is left when "
    "every letter is one of two."
)
_RHYME = "Row, row, row your boat, gently down the stream. Merrily, merrily, merrily, merrily, life is but a dream."
_POEM = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"
_MODEL = {"layers": "n_layer", "heads": "n_head", "width": "n_embd"}
_TRAINING = {"steps": "steps", "lr": "lr", "decay": "weight_decay", "seed": "seed"}


def presets() -> dict[str, dict[str, object]]:
    """What each preset changes of the start."""
    even = _sequence(lambda past: "1" if re.search(r"(^|0)1(11)*$", past) or _coin(past) else "0", 160)
    return {
        "notebook": {},
        "converged": {"steps": 1500},
        "golden": {"data": _sequence(_golden, 120), "context": 4, "layers": 2, "steps": 300, "lr": 0.003},
        "even": {"data": even, "context": 4, "layers": 1, "steps": 300, "lr": 0.002},
        "three": {"data": "011" * 10, "context": 3, "layers": 2, "steps": 150, "lr": 0.003},
        "thue": {"data": _thue(128), "context": 4, "layers": 2, "steps": 200},
        "vowels": {"data": _PASSAGE, "transform": "vowels", "context": 4, "layers": 2, "steps": 300, "lr": 0.003},
        "abc": {"data": "abcabcaabbccabcacbabc", "context": 2, "layers": 2, "steps": 150, "lr": 0.003},
        "rhyme": {"data": _RHYME, "transform": "words", "context": 2, "layers": 1, "steps": 200, "lr": 0.003},
        "poem": {"data": _POEM, "context": 2, "layers": 2, "steps": 200, "lr": 0.003},
        "bigger": {"data": _sequence(_golden, 400), "context": 10, "layers": 1, "steps": 200},
    }


def trained(changes: dict[str, object]) -> Run:
    """The run of a preset, as the page trains it."""
    values = START | changes
    symbols = sources.transform(str(values["data"]), str(values["transform"]))
    model = {name: values[key] for key, name in _MODEL.items()}
    config = GPTConfig(vocab_size=len(set(symbols)), context_length=values["context"], **model)  # pyright: ignore
    return train(symbols, config, TrainConfig(**{name: values[key] for key, name in _TRAINING.items()}))  # pyright: ignore


def link(wanted: dict[str, object], first: dict[str, object] | None = None) -> str:
    """What stands behind the # of a page, for values that differ from the start.

    `first` is what the page opens with, by default the start.

    >>> link({"steps": 1500, "data": "0 1"})
    'data=0%201&steps=1500'
    """
    begins, values = START | (first or {}), START | wanted
    changed = {key: value for key, value in values.items() if value != begins[key]}
    return "&".join(f"{key}={_written(value)}" for key, value in changed.items())


def _written(value: object) -> str:
    text = str(int(value)) if isinstance(value, bool) else str(value)
    return quote(text, safe="!'()*-._~")


def _sequence(after: Callable[[str], str], n: int) -> str:
    past = "0"
    while len(past) < n:
        past += after(past)
    return past


def _golden(past: str) -> str:
    """After a 1 always a 0."""
    return "0" if past.endswith("1") or not _coin(past) else "1"


def _coin(past: str) -> bool:
    """A coin that is the same for the same past: FNV-1a, and a last stir."""
    value = 2166136261
    for sign in past[-24:]:
        value = (value ^ ord(sign)) * 16777619 % 2**32
    value ^= value >> 13
    value = value * 0x5BD1E995 % 2**32
    return bool((value ^ value >> 15) & 1)


def _thue(n: int) -> str:
    word = "0"
    while len(word) < n:
        word += word.translate(str.maketrans("01", "10"))
    return word[:n]
