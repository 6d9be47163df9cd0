"""FiniteGPT: a GPT small enough to be computed whole. Sequence -> model -> chain -> analysis -> picture."""

from finitegpt.chain import Chain
from finitegpt.config import GPTConfig, TrainConfig
from finitegpt.data import Data
from finitegpt.decoding import decode, greedy, temperature, top_k, top_p
from finitegpt.ensemble import Ensemble, train_many
from finitegpt.errors import FileError, FiniteGPTError, InputError, TooLargeError
from finitegpt.model import Model, chain_of
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
    "chain_of",
    "decode",
    "greedy",
    "temperature",
    "top_k",
    "top_p",
    "train",
    "train_many",
]


def _shown(run: Run) -> str:
    from finitegpt.page import frame  # only when it is asked for

    return frame(run)


Run.shown = staticmethod(_shown)
