"""Which build of the engine is loaded, and what its kernels take. `engine/engine.h` says what each does."""

import ctypes
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

_FOLDER = Path(__file__).parent / "_engine"
_SUFFIX = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")


class Config(ctypes.Structure):
    """fg_config."""

    _fields_ = [
        (name, ctypes.c_int32)
        for name in (
            *("vocab_size", "context_length", "n_layer", "n_head", "n_embd", "bias", "tied", "activation"),
            *("norm", "embedding_norm", "final_norm"),
        )
    ]


class Windows(ctypes.Structure):
    """fg_windows."""

    _fields_ = [
        ("tokens", ctypes.c_void_p),
        ("mask", ctypes.c_void_p),
        ("starts", ctypes.c_void_p),
        ("lengths", ctypes.c_void_p),
        ("weights", ctypes.c_void_p),
        ("batch", ctypes.c_int64),
        ("fresh", ctypes.c_int32),
        ("every_position", ctypes.c_int32),
    ]


class Switches(ctypes.Structure):
    """fg_switches."""

    _fields_ = [("scale", ctypes.c_void_p), ("shift", ctypes.c_void_p)]


class Optimizer(ctypes.Structure):
    """fg_optimizer."""

    _fields_ = [
        ("rates", ctypes.c_void_p),
        ("beta1", ctypes.c_double),
        ("beta2", ctypes.c_double),
        ("weight_decay", ctypes.c_double),
        ("clip", ctypes.c_double),
        ("matrices", ctypes.c_int32),
    ]


class Chain(ctypes.Structure):
    """fg_chain."""

    _fields_ = [
        ("vocab_size", ctypes.c_int64),
        ("suffixes", ctypes.c_int64),
        ("log_probs", ctypes.c_void_p),
        ("wide", ctypes.c_int32),
    ]


class _Pointer:
    """An argument that is an array, a structure or None, which its caller holds until the call ends.

    Where an array lies is asked of its interface: `value.ctypes` takes four times as long.
    """

    @classmethod
    def from_param(cls, value: Any) -> Any:
        return ctypes.c_void_p(value.__array_interface__["data"][0]) if isinstance(value, np.ndarray) else value


_ARGUMENTS = {
    "p": _Pointer,
    "i": ctypes.c_int32,
    "u": ctypes.c_uint32,
    "l": ctypes.c_int64,
    "d": ctypes.c_double,
    "": None,
}
_SIGNATURES = {  # kernel -> what it returns, its arguments
    "fg_n_params": ("l", "p"),
    "fg_workspace": ("l", "pl"),
    "fg_init": ("", "pupp"),
    "fg_seed": ("", "up"),
    "fg_randint": ("", "plup"),
    "fg_parts": ("l", "pl"),
    "fg_gradient": ("d", "ppllppp"),
    "fg_square": ("d", "plpll"),
    "fg_update": ("", "ppdldlpllppp"),
    "fg_train": ("", "pppllpppppp"),
    "fg_loss": ("d", "pppp"),
    "fg_evaluate": ("", "pppillpp"),
    "fg_predict": ("", "pppiplpp"),
    "fg_inspect": ("", "pppiplppppp"),
    "fg_push": ("", "ppllp"),
    "fg_pull": ("", "ppllp"),
    "fg_entropy": ("", "pllp"),
    "fg_check": ("d", "pll"),
    "fg_walk": ("", "llpllpp"),
    "fg_change": ("d", "lpp"),
    "fg_rounding": ("d", "p"),
    "fg_overlap": ("d", "ppp"),
    "fg_arrows": ("l", "ppppp"),
    "fg_classes": ("i", "pppp"),
    "fg_period": ("l", "ppipp"),
    "fg_reach": ("", "pppp"),
    "fg_plan": ("l", "ppppp"),
    "fg_plan_space": ("l", "pl"),
    "fg_eliminate_space": ("l", "plll"),
    "fg_stationary": ("d", "ppplldppp"),
    "fg_settle": ("d", "ppi"),
    "fg_unbalanced_space": ("l", "l"),
    "fg_unbalanced": ("d", "pplp"),
    "fg_absorb": ("d", "ppplll" + "dpplp" + "ppp"),
    "fg_visits": ("d", "ppplll" + "dppp"),
    "fg_returns": ("d", "ppplll" + "dpp"),
    "fg_returns_space": ("l", "plll"),
    "fg_average": ("", "lppddp"),
    "fg_masses": ("", "lpplp"),
    "fg_enter": ("", "pppld" + "ppppp"),
    "fg_mixing_space": ("l", "l"),
    "fg_mixing": ("", "ppddddpp"),
    "fg_cpu_level": ("i", ""),
}


@cache
def builds() -> tuple[str, ...]:
    """The builds of the engine in this installation that this processor can run, the fastest first."""
    names = sorted((path.stem for path in _FOLDER.glob(f"engine-*{_SUFFIX}")), reverse=True)
    if not names:
        raise ImportError("the engine is not built; install finitegpt with pip, or run python hatch_build.py")
    level = load(names[-1]).fg_cpu_level()
    return tuple(name for name in names if int(name.removeprefix("engine-")) <= level)


@cache
def load(name: str | Path) -> ctypes.CDLL:
    """A build by name, or a library by its path, with the signatures of its kernels."""
    library = ctypes.CDLL(str(name if isinstance(name, Path) else _FOLDER / (name + _SUFFIX)))
    for function, (result, arguments) in _SIGNATURES.items():
        getattr(library, function).restype = _ARGUMENTS[result]
        getattr(library, function).argtypes = [_ARGUMENTS[letter] for letter in arguments]
    return library


@cache
def default() -> ctypes.CDLL:
    """The fastest build that this processor runs."""
    return load(builds()[0])
