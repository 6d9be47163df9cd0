"""FiniteGPT: a GPT small enough to be computed whole. Sequence -> model -> chain -> analysis -> picture."""

from finitegpt import analysis, sources
from finitegpt.chain import Chain
from finitegpt.config import GPTConfig, TrainConfig
from finitegpt.data import Data
from finitegpt.decoding import decode, greedy, temperature, top_k, top_p
from finitegpt.ensemble import Ensemble, train_many
from finitegpt.errors import FileError, FiniteGPTError, InputError, TooLargeError
from finitegpt.model import Model, chain_of
from finitegpt.probing import probe
from finitegpt.reversal import time_reversal
from finitegpt.run import Run
from finitegpt.training import train

__all__ = [
    "Chain",
    "Data",
    "Ensemble",
    "FileError",
    "FiniteGPTError",
    "GPTConfig",
    "InputError",
    "Model",
    "Run",
    "TooLargeError",
    "TrainConfig",
    "analysis",
    "chain_of",
    "decode",
    "greedy",
    "probe",
    "sources",
    "temperature",
    "time_reversal",
    "top_k",
    "top_p",
    "train",
    "train_many",
]


def _shown(run: Run) -> str:
    from finitegpt.page import frame  # only when it is asked for

    return frame(run)


def _drawn(chain: Chain) -> str:
    from finitegpt.picture import state_graph

    return state_graph([("", chain)])


Run.shown = staticmethod(_shown)
Chain.shown = staticmethod(_drawn)
