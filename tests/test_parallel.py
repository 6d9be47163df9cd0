import threading
import time
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finitegpt import GPTConfig, InputError, Model, TooLargeError, TrainConfig, limits, train, train_many
from finitegpt.parallel import ordered, ranges


@given(total=st.integers(0, 100), size=st.integers(1, 30))
def test_ranges_cover_everything_once(total: int, size: int) -> None:
    pieces = ranges(total, size)
    assert [k for first, count in pieces for k in range(first, first + count)] == list(range(total))
    assert all(0 < count <= size for _, count in pieces)


def test_results_come_in_order_however_long_each_takes() -> None:
    def slow_first(k: int) -> int:
        time.sleep(0.02 if k % 5 == 0 else 0)
        return k

    assert list(ordered(slow_first, range(40))) == list(range(40))


def test_few_items_are_under_way_at_once() -> None:
    begun: list[int] = []
    with ThreadPoolExecutor(2) as pool:
        results = ordered(begun.append, range(10_000), executor=pool)
        next(results)
        assert len(begun) < 200
        results.close()


def test_an_error_ends_the_work_and_cancels_the_rest() -> None:
    done = []

    def fail_at_three(k: int) -> None:
        done.append(k)
        time.sleep(0.01)
        if k == 3:
            raise InputError("no")

    with pytest.raises(InputError, match="no"):
        list(ordered(fail_at_three, range(1000)))
    assert len(done) < 100


MODEL = Model.init(GPTConfig(vocab_size=2, context_length=16, n_layer=2, n_embd=8), "01", seed=3)


def executors() -> dict[str, Executor]:
    return {
        "one thread": ThreadPoolExecutor(1),
        "five threads": ThreadPoolExecutor(5),
        "processes": ProcessPoolExecutor(2, mp_context=get_context("spawn")),
    }


@pytest.mark.parametrize("name", executors())
def test_a_chain_is_the_same_bit_for_bit_for_any_workers(name: str) -> None:
    with executors()[name] as executor:
        chain = MODEL.chain(executor=executor)
    np.testing.assert_array_equal(chain.log_probs, MODEL.chain().log_probs)


def test_progress_of_a_chain_reaches_its_end() -> None:
    seen: list[tuple[int, int]] = []
    MODEL.chain(progress=lambda done, total: seen.append((done, total)), startup=False)
    assert seen[-1] == (2**16, 2**16)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_push_and_pull_by_threads_are_those_of_one_call() -> None:
    model = Model.init(GPTConfig(vocab_size=2, context_length=19, n_layer=1, n_head=1, n_embd=4), "01", seed=0)
    chain = model.chain(startup=False)
    rng = np.random.default_rng(0)
    pi, f = rng.dirichlet(np.ones(chain.n_states)), rng.normal(size=chain.n_states)
    p = chain.probs
    np.testing.assert_allclose(chain.push(pi), (pi[:, None] * p).reshape(2, -1, 2).sum(0).reshape(-1), rtol=1e-12)
    np.testing.assert_allclose(
        chain.pull(f), (p.reshape(2, -1, 2) * f.reshape(1, -1, 2)).sum(2).reshape(-1), atol=1e-12
    )
    np.testing.assert_array_equal(chain.push(pi), chain.push(pi))
    np.testing.assert_allclose(chain.row_entropy(), -(p * np.log(p)).sum(1), rtol=1e-12)


def test_large_chains_are_mapped_to_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = GPTConfig(vocab_size=2, context_length=18, n_layer=1, n_head=1, n_embd=4)
    model = Model.init(shape, "01", seed=0)
    expected = model.chain(startup=False).log_probs
    monkeypatch.setattr(limits, "_SMALL", 1)
    monkeypatch.setattr(limits, "available_bytes", lambda: 6 * expected.nbytes // 4)
    mapped = model.chain(startup=False).log_probs
    assert isinstance(mapped, np.memmap)
    np.testing.assert_array_equal(mapped, expected)


def test_chains_that_fit_nowhere_are_refused_with_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TooLargeError, match=r"2\*\*55 states to fit in memory, got 256\.0 PiB"):
        Model.init(GPTConfig(vocab_size=2, context_length=55), "01", seed=0).chain()


# --- ensembles

TEXT = "0110100110010110"
SHORT = TrainConfig(steps=4, batch_size=3)


@pytest.mark.parametrize("name", executors())
def test_an_ensemble_is_one_training_for_each_seed_whatever_the_workers(name: str) -> None:
    with executors()[name] as executor:
        ensemble = train_many(TEXT, config=SHORT, seeds=[5, 0, 9], executor=executor)
    assert ensemble.seeds == (5, 0, 9)
    for k, seed in enumerate(ensemble.seeds):
        run = train(TEXT, config=TrainConfig(steps=4, batch_size=3, seed=seed))
        np.testing.assert_array_equal(ensemble.losses[k], run.losses)
        np.testing.assert_array_equal(ensemble.log_probs[k], run.chain.log_probs)


def test_every_steps_chain_on_request() -> None:
    ensemble = train_many(TEXT, config=SHORT, seeds=range(2), keep_steps=True)
    assert ensemble.trajectories is not None
    assert ensemble.trajectories.shape == (2, 5, 8, 2)
    np.testing.assert_array_equal(ensemble.trajectories[:, -1], ensemble.log_probs)
    np.testing.assert_array_equal(
        ensemble.trajectories[1, 0], train(TEXT, config=TrainConfig(seed=1)).initial_chain.log_probs
    )


def test_spread_and_quantiles_by_their_definition() -> None:
    ensemble = train_many(TEXT, config=SHORT, seeds=range(20))
    probs = np.exp(ensemble.log_probs.astype(float))
    np.testing.assert_allclose(ensemble.spread(), np.sqrt(((probs - probs.mean(0)) ** 2).mean(0)))
    ordered_probs = np.sort(probs, axis=0)
    np.testing.assert_allclose(ensemble.quantiles((0.0, 1.0)), ordered_probs[[0, -1]])
    assert (np.diff(ensemble.quantiles(), axis=0) >= 0).all()


def test_ctrl_c_keeps_the_seeds_that_are_finished() -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    began = time.perf_counter()
    ensemble = train_many(TEXT, config=SHORT, seeds=range(100_000), progress=interrupt)
    assert ensemble.seeds == (0, 1, 2)
    assert len(ensemble.log_probs) == 3
    assert time.perf_counter() - began < 20
    assert threading.active_count() < 20


@pytest.mark.parametrize("seeds", [[], [-1], [0, 2**32], ["a"]])
def test_bad_seeds_are_found_before_any_training(seeds: list) -> None:
    with pytest.raises(InputError):
        train_many(TEXT, seeds=seeds)


def test_ensembles_that_do_not_fit_are_refused() -> None:
    with pytest.raises(TooLargeError, match="fewer seeds"):
        train_many("01" * 30, context_length=20, seeds=range(10**6))
