"""Steps of one training, on all cores; the same numbers on any number of them."""

import numpy as np
from numpy.typing import NDArray

from finitegpt.config import GPTConfig
from finitegpt.engine import Engine, Optimizer, Windows


def descend(
    shape: GPTConfig,
    windows: Windows,
    *,
    rates: NDArray[np.float64],
    optimizer: Optimizer,
    first: int,
    weights: NDArray[np.float32],
    moments: NDArray[np.float32],
    chains: NDArray[np.float32] | None = None,
) -> NDArray[np.float64]:
    """Takes a step of each of the learning `rates` (steps,), the first being step number `first` from 0 on.

    Returns the loss before each, in nats (steps,). Updates `weights` (n_params,) and `moments` (2, n_params) in place,
    and writes the chain after each step to `chains` (steps, V**L, V) if given.
    """
    return Engine().train(
        shape, windows, rates=rates, optimizer=optimizer, first=first, weights=weights, moments=moments, chains=chains
    )
