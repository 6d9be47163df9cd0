"""One training on several threads: the same numbers, bit for bit."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from finitegpt import GPTConfig, train
from finitegpt.descent import Descent
from finitegpt.engine import Engine, Optimizer, Windows
from finitegpt.parallel import is_worker, ordered

SHORT = GPTConfig(vocab_size=3, context_length=4, n_layer=2, n_head=2, n_embd=8)
LONG = GPTConfig(vocab_size=5, context_length=70, n_layer=2, n_head=2, n_embd=12, bias=True, tied=False)


def descended(config: GPTConfig, batch: int, threads: int | None, optimizer: Optimizer, *, keep: bool = False) -> list:
    tokens = np.random.default_rng(0).integers(0, config.vocab_size, 3000).astype(np.int32)
    starts = np.random.default_rng(1).integers(0, 3000 - config.context_length, (3, batch))
    weights, moments = Engine().init(config, 0), np.zeros((2, config.n_params), np.float32)
    chains = np.empty((3, config.vocab_size**config.context_length, config.vocab_size), np.float32) if keep else None
    losses = Descent(config, batch, threads=threads).take(
        Windows(tokens, starts, every_position=True),
        rates=np.array([1e-2, 2e-2, 1e-3]),
        optimizer=optimizer,
        first=2,
        weights=weights,
        moments=moments,
        chains=chains,
    )
    return [losses, weights, moments] + ([] if chains is None else [chains])


@pytest.mark.parametrize(("config", "batch", "keep"), [(SHORT, 900, True), (LONG, 13, False), (LONG, 40, False)])
@pytest.mark.parametrize("optimizer", [Optimizer(), Optimizer(0.3, (0.8, 0.99), clip=0.01, matrices=True)])
def test_any_number_of_threads(config: GPTConfig, batch: int, keep: bool, optimizer: Optimizer) -> None:
    assert Engine().parts(config, batch) > 2
    one = descended(config, batch, 1, optimizer, keep=keep)
    for threads in (2, 3, None):
        for mine, theirs in zip(descended(config, batch, threads, optimizer, keep=keep), one, strict=True):
            np.testing.assert_array_equal(mine, theirs)


def test_parts_are_about_sizes_alone() -> None:
    engine = Engine()
    assert engine.parts(SHORT, 12) == 1  # too little work
    assert engine.parts(LONG, 1) == 1  # a window is never cut
    assert engine.parts(LONG, 3) <= 3
    huge = GPTConfig(vocab_size=5, context_length=70, n_layer=12, n_head=8, n_embd=1024)
    assert engine.parts(huge, 64) == 1  # whose gradients would fill the memory


def test_a_training_within_a_thread_takes_no_threads_of_its_own() -> None:
    assert not is_worker()
    assert list(ordered(lambda _: is_worker(), range(3))) == [True] * 3
    shape = GPTConfig(vocab_size=2, context_length=40, n_layer=2, n_head=2, n_embd=64)
    text = "0110100110010110" * 20

    def losses(seed: int) -> np.ndarray:
        return train(text, shape, steps=2, seed=seed, batch_size=32, loss="all").losses

    alone = [losses(seed) for seed in range(4)]
    np.testing.assert_array_equal(list(ordered(losses, range(4))), alone)  # which would wait for ever
    with ThreadPoolExecutor(2) as pool:
        np.testing.assert_array_equal(list(pool.map(losses, range(4))), alone)
