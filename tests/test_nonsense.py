"""Whatever is asked with nonsense, there is a clear error of ours or a right answer: no other error, and no hang.

Every public function and method is called, found by looking; its other arguments are sensible, by their names.
"""

import inspect
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import finitegpt
from finitegpt import (
    Chain,
    Data,
    Ensemble,
    FiniteGPTError,
    GPTConfig,
    Model,
    Run,
    analysis,
    checkpoints,
    sources,
    train,
)
from finitegpt.analysis import Bound, Bounds, Classes, Machine, Memory, StationaryDistribution, TopStates
from finitegpt.next_token import NextToken
from finitegpt.sources import Source

CHAIN = Chain.from_probs([[0.5, 0.5], [0.25, 0.75]] * 4, "01", 3)
DATA = Data.from_text("111101111011110", context_length=3)
RUN = train(steps=3, keep_steps=True)
ENSEMBLE = finitegpt.train_many(DATA, seeds=range(2), steps=2, n_layer=1)
LAW = CHAIN.stationary_distribution

SENSIBLE: dict[str, Any] = {
    "a": "0",
    "after": "101",
    "alpha": 0.5,
    "chain": CHAIN,
    "config": None,
    "context": "101",
    "context_length": 3,
    "contexts": [[0, 1]],
    "count": 1,
    "data": DATA,
    "distribution": [1 / 8] * 8,
    "error": 0.1,
    "factor": 2.0,
    "folder": "/nonexistent/run",
    "function": np.arange(8.0),
    "horizons": [2, 5],
    "high": 1.0,
    "id": 5,
    "k": 2,
    "log_probs": CHAIN.log_probs,
    "low": 0.0,
    "members": np.arange(8),
    "model": CHAIN,
    "n": 3,
    "named": RUN.model.named,
    "other": Bound(1.0, 1.0, 1.0),
    "p": 0.5,
    "pattern": "11?",
    "probs": [[0.5, 0.5]] * 8,
    "red": "000",
    "run": RUN,
    "seed": 1,
    "seeds": range(2),
    "start": "101",
    "state": "101",
    "step": 1,
    "symbols": "0110",
    "targets": "000",
    "text": "0110",
    "token": "1",
    "tokens": 3,
    "trajectory": RUN.trajectory,
    "truth": CHAIN,
    "value": 0.5,
    "values": np.arange(8.0),
    "vocab": "01",
    "which": "11?",
    "x": 0.5,
    "matrix": [[0.5, 0.5]] * 2,
    "sequences": ["0110", "10"],
    "source": sources.even(),
    "sources": [sources.even(), sources.golden_mean()],
    "texts": ["0110", "10"],
    "word": "011",
    "name": "even",
    "length": 3,
}
STATE_DICT = {**RUN.model.named, "lm_head.weight": RUN.model.named["transformer.wte.weight"]}
GPT2_CONFIG = {"n_head": 4, "activation_function": "gelu"}
PARTICULAR: dict[str, dict[str, Any]] = {
    **{
        f"finitegpt.checkpoints.from_{name}": {"checkpoint": STATE_DICT, "n_head": 4}
        for name in ("mingpt", "makemore", "build_nanogpt")
    },
    "finitegpt.checkpoints.from_nanogpt": {"checkpoint": STATE_DICT, "n_head": 4, "activation": "gelu"},
    "finitegpt.checkpoints.from_hugging_face": {"model": STATE_DICT, "config": GPT2_CONFIG},
    "finitegpt.checkpoints.from_microgpt": {"state_dict": {"wte": [[0.5]]}, "n_head": 1, "activation": "relu"},
    "finitegpt.sources.transform": {"name": "characters"},
    "finitegpt.sources.Source": {"start": np.ones(1), "transitions": np.full((2, 1, 1), 0.5)},
    "finitegpt.train": {"model": None, "steps": 2},
    "finitegpt.train_many": {"model": None, "steps": 2},
    "finitegpt.sources.transform_all": {"name": "characters"},
    "finitegpt.sources.Dirichlet": {"order": 1, "start": np.full(2, 0.5)},
    "Data.from_tokens": {"tokens": [0, 1, 1, 0, 1]},
    "Data.count_windows": {"loss": "last"},
    "Source.begun": {"start": [1, 0]},
    "Dirichlet.begun": {"start": [0.5, 0.5]},
    "Model.init": {"config": RUN.model.config},
    "Model.from_named": {"config": RUN.model.config},
    "Ensemble.chain": {"seed": 0},
    "finitegpt.chain_of": {"log_probs": lambda contexts: np.zeros((len(contexts), 2))},
}
OBJECTS: dict[type, Any] = {
    Chain: CHAIN,
    Data: DATA,
    Run: RUN,
    Model: RUN.model,
    Ensemble: ENSEMBLE,
    StationaryDistribution: LAW,
    TopStates: LAW.top(3),
    Bound: CHAIN.entropy_rate,
    Bounds: CHAIN.hitting_probabilities("000"),
    Classes: CHAIN.communicating_classes,
    Memory: CHAIN.memory,
    Machine: CHAIN.machine(),
    NextToken: CHAIN["101"],
    Source: sources.golden_mean(),
    sources.Dirichlet: sources.dirichlet(2),
}
READ = ("__getitem__", "__contains__", "__lt__", "__ge__")
CALLED = ("progress", "decode", "log_probs", "function", "of")
SKIPPED = ("write", "save", "write_csv", "shown")


def nonsense() -> Iterator[Any]:
    yield from (None, True, -1, 0, 7, 2**31, 2**70, 10**400, 1.5, -0.5, float("nan"), float("inf"), 1j)
    yield from ("", "x", "1010101", "é\n", "\udcff", "?", "*", "0 1", b"101", object(), int, len, ...)
    yield from ([], [[]], [[1], [2, 3]], [None], ["x"], [-1], [99], [0.5, 0.5], [float("nan")] * 8, ["111", 5])
    yield from ({}, {"a": 1}, {1, 2}, range(3), iter("0110"), (k for k in range(3)), lambda *_: None)
    yield from (np.array(3), np.array("111"), np.zeros((2, 2)), np.zeros(8, bool), np.array([1j]), np.array([None]))
    yield from (np.array([2**63], np.uint64), np.zeros(8), np.full(8, np.nan), np.datetime64("2020-01-01"))
    yield from (CHAIN, DATA, LAW, RUN, GPTConfig, Bound(0.5), np.full((8, 2), np.nan, np.float32))
    yield from (np.zeros((8, 2), np.float16), np.zeros((0, 8)), np.float32(0.3))


def functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    for module in (finitegpt, analysis, checkpoints, sources):
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isfunction(value) or (inspect.isclass(value) and not issubclass(value, Exception)):
                yield f"{module.__name__}.{name}", value
    for kind, one in OBJECTS.items():
        for name in dir(kind):
            if (name.startswith("_") and name not in READ) or name in SKIPPED:
                continue
            value = inspect.getattr_static(kind, name)
            if inspect.isfunction(value) or isinstance(value, classmethod | staticmethod):
                yield f"{kind.__name__}.{name}", getattr(one, name)


def sensible(name: str, function: Callable[..., Any]) -> dict[str, Any]:
    found = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        own = PARTICULAR.get(name, {})
        if parameter.name in own:
            found[parameter.name] = own[parameter.name]
        elif parameter.default is parameter.empty:
            found[parameter.name] = SENSIBLE.get(parameter.name, 1)
    return {**found, **PARTICULAR.get(name, {})}


def too_slow(*_: object) -> None:
    raise TimeoutError


def problem(function: Callable[..., Any], arguments: dict[str, Any]) -> str | None:
    """What goes wrong in a call, other than an error of ours."""
    named = inspect.signature(function).parameters
    given = [arguments[k] for k, one in named.items() if one.kind is one.POSITIONAL_ONLY and k in arguments]
    keywords = {k: v for k, v in arguments.items() if k not in named or named[k].kind is not named[k].POSITIONAL_ONLY}
    signal.setitimer(signal.ITIMER_REAL, 5)
    try:
        function(*given, **keywords)
    except FiniteGPTError as error:
        text = str(error)
        if not text.startswith("expected ") or "\n" in text or "try " not in text or len(text) > 500:
            return f"says {text!r}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return None


@pytest.mark.parametrize(("name", "function"), list(functions()), ids=[name for name, _ in functions()])
def test_nonsense(name: str, function: Callable[..., Any], here: Path) -> None:
    before = signal.signal(signal.SIGALRM, too_slow)
    try:
        usual, found = sensible(name, function), []
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                continue
            for value in nonsense():
                if callable(value) and parameter.name in CALLED:
                    continue  # what a caller's own function raises is the caller's
                wrong = problem(function, {**usual, parameter.name: value})
                if wrong:
                    found.append(f"{parameter.name}={str(value)[:40]!r} of {type(value).__name__}: {wrong[:150]}")
        assert not found, "\n" + "\n".join(found)
    finally:
        signal.signal(signal.SIGALRM, before)
