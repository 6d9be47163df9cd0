import os
import signal
import threading
from dataclasses import fields, replace
from pydoc_data.topics import topics

import numpy as np
import pytest

from finitegpt import Data, GPTConfig, InputError, Run, TooLargeError, TrainConfig, train, train_many
from finitegpt.recipe import FULL_BATCH, MINI_BATCH, Settings

INITIAL = """
000 0.4963349997997284 0.5036649107933044
001 0.4515703618526459 0.5484296679496765
010 0.49648362398147583 0.5035163760185242
011 0.45181113481521606 0.5481888651847839
100 0.4961162209510803 0.5038837194442749
101 0.4517717957496643 0.5482282042503357
110 0.4962802827358246 0.5037197470664978
111 0.4520467519760132 0.5479532480239868
"""
FINAL = {"000": 0.7316, "001": 0.7814, "010": 0.7578, "011": 0.7956}
FINAL |= {"100": 0.7475, "101": 0.7929, "110": 0.7799, "111": 0.4536}
LOSSES = {0: 0.663539, 1: 0.639351, 2: 0.628008, 3: 0.623187, 4: 0.619863}
LOSSES |= {10: 0.596775, 20: 0.571517, 30: 0.561953, 40: 0.535998, 49: 0.469983}


def test_the_notebooks_published_figures(notebook: Run) -> None:
    for line, row in zip(INITIAL.split("\n")[1:], notebook.initial_chain.probs, strict=False):
        np.testing.assert_allclose(row, [float(p) for p in line.split()[1:]], atol=1e-6)
    for step, loss in LOSSES.items():
        assert notebook.losses[step] == pytest.approx(loss, abs=1e-5)
    for state, p in FINAL.items():
        assert notebook.chain.probs[notebook.chain.id(state), 1] == pytest.approx(p, abs=1e-4)


def test_trained_to_convergence_the_seen_states_are_the_datas() -> None:
    chain = train(config=TrainConfig(steps=1500)).chain
    for state, p in {"011": 1, "101": 1, "110": 1, "111": 0.5}.items():
        assert chain.probs[chain.id(state), 1] == pytest.approx(p, abs=0.01)
    pi = np.full(8, 1 / 8)
    for _ in range(2000):
        pi = chain.push(pi)
    assert pi[[3, 5, 6, 7]] == pytest.approx([0.2, 0.2, 0.2, 0.4], abs=0.01)


def test_the_same_seed_is_the_same_run() -> None:
    one, other = (train("0110100110010110", config=TrainConfig(batch_size=3)) for _ in range(2))
    np.testing.assert_array_equal(one.model.weights, other.model.weights)
    different = train("0110100110010110", config=TrainConfig(batch_size=3, seed=1))
    assert not np.array_equal(one.losses, different.losses)


def test_the_trajectory_begins_before_training_and_ends_with_the_chain() -> None:
    run = train(keep_steps=True)
    assert run.trajectory is not None
    assert run.trajectory.shape == (51, 8, 2)
    np.testing.assert_array_equal(run.trajectory[0], run.initial_chain.log_probs)
    np.testing.assert_array_equal(run.trajectory[-1], run.chain.log_probs)


def test_no_steps_leave_the_model_as_it_was_drawn() -> None:
    run = train(config=TrainConfig(steps=0))
    assert len(run.losses) == 0
    np.testing.assert_array_equal(run.model.weights, run.initial_model.weights)


def test_text_of_real_size_is_learned_in_mini_batches() -> None:
    text = "\n".join(topics[name] for name in sorted(topics))[:300_000]
    seen = []
    run = train(
        text,
        GPTConfig(vocab_size=len(set(text)), context_length=8),
        TrainConfig(steps=150, lr=5e-3, loss="all"),
        progress=lambda done, loss: seen.append((done, loss)),
    )
    assert run.train.batch_size == MINI_BATCH
    assert len(run.data.distinct[0]) > FULL_BATCH
    assert run.losses[0] == pytest.approx(np.log(len(run.data.vocab)), abs=0.2)
    assert run.losses[-1] < 0.75 * run.losses[0]
    assert seen[-1] == (150, run.losses[-1])


def test_long_data_of_few_states_stays_full_batch() -> None:
    run = train("0110" * 20_000)
    assert run.train.batch_size is None


def test_ctrl_c_keeps_what_was_reached() -> None:
    def interrupt(done: int, loss: float) -> None:
        if done >= 20:
            os.kill(os.getpid(), signal.SIGINT)

    run = train(config=TrainConfig(steps=10**7), progress=interrupt)
    done = len(run.losses)
    assert 20 <= done < 10**7
    whole = train(config=TrainConfig(steps=done))
    np.testing.assert_array_equal(run.model.weights, whole.model.weights)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_training_in_another_thread() -> None:
    runs: list[Run] = []
    thread = threading.Thread(target=lambda: runs.append(train()))
    thread.start()
    thread.join()
    np.testing.assert_array_equal(runs[0].losses, train().losses)


def test_a_learning_rate_that_diverges_is_said_so() -> None:
    with pytest.raises(InputError, match="a finite loss, got none at step"):
        train(config=TrainConfig(lr=1e30, steps=100))


def test_model_and_data_must_fit() -> None:
    data = Data.from_text("0110", context_length=1)
    with pytest.raises(InputError, match="one context length, got 2 of the model and 1 of the data"):
        train(data, GPTConfig(vocab_size=2, context_length=2))
    with pytest.raises(InputError, match=r"try GPTConfig\(vocab_size=2, context_length=1\)"):
        train(data, GPTConfig(vocab_size=3, context_length=1))
    with pytest.raises(TooLargeError, match="the chain after every step"):
        train("01" * 50, config=TrainConfig(steps=10**9), context_length=20, keep_steps=True)


TEXT = "0110100110010110"


def test_settings_may_be_given_one_by_one() -> None:
    run = train(TEXT, steps=5, n_layer=1, n_embd=8, lr=0.01, context_length=2)
    shape = GPTConfig(vocab_size=2, context_length=2, n_layer=1, n_embd=8)
    other = train(TEXT, shape, TrainConfig(steps=5, lr=0.01))
    assert (run.model.config, run.train) == (shape, other.train)
    np.testing.assert_array_equal(run.model.weights, other.model.weights)
    both = train(TEXT, shape, steps=5, lr=0.01, context_length=2)
    np.testing.assert_array_equal(both.losses, run.losses)
    assert train(TEXT, config=TrainConfig(steps=1), n_layer=1, vocab_size=2).model.config.n_layer == 1
    listed = train([0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0, 1, 1, 0], steps=2)
    np.testing.assert_array_equal(listed.losses, train(TEXT, steps=2).losses)


def test_every_field_of_the_configurations_is_a_setting() -> None:
    names = {field.name for kind in (GPTConfig, TrainConfig) for field in fields(kind)}
    assert set(Settings.__annotations__) == names - {"context_length"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"step": 5}, r"expected settings of .*, got 'step'; try steps"),
        ({"layers": 5}, r"got 'layers'; try n_layer"),
        ({"config": TrainConfig(), "steps": 5}, r"expected steps on its own or in config, got both"),
        ({"config": TrainConfig(), "steps": 5, "lr": 1.0}, r"expected lr, steps on its own or in config, got both"),
        (
            {"model": GPTConfig(vocab_size=2, context_length=3), "n_layer": 1},
            r"n_layer on its own or in model",
        ),
        (
            {"model": GPTConfig(vocab_size=2, context_length=4), "context_length": 3},
            r"expected one context length, got 3 of context_length and 4 of the model; try leaving one out",
        ),
        (
            {"data": Data.from_text(TEXT, context_length=2), "context_length": 3},
            r"got 3 of context_length and 2 of the data",
        ),
        ({"vocab_size": 3}, r"expected a model for 2 tokens"),
        ({"model": TrainConfig()}, r"expected model as GPTConfig, got TrainConfig"),
        ({"config": 50}, r"expected config as TrainConfig, got 50"),
        ({"steps": "many"}, r"expected steps to be a whole number"),
        ({"context_length": 2.5}, r"expected context_length to be a whole number"),
        ({"data": (k for k in [0, 1, 0, 1])}, r"expected tokens as a text"),
        ({"progress": 5}, r"expected progress to be a function"),
        ({"keep_steps": "yes"}, r"expected keep_steps to be true or false"),
    ],
)
def test_contradictions_are_named(arguments: dict, message: str) -> None:
    for function, more in ((train, {}), (train_many, {"seeds": range(2)})):
        with pytest.raises(InputError, match=message):
            function(**{"data": TEXT, **arguments, **more})


@pytest.mark.parametrize("batch_size", [None, 3])
@pytest.mark.parametrize("keep_steps", [False, True])
def test_going_on_is_one_training(batch_size: int | None, keep_steps: bool) -> None:
    how = {"batch_size": batch_size, "keep_steps": keep_steps, "n_layer": 1, "lr": 0.01}
    whole = train(TEXT, steps=40, **how)
    begun = train(TEXT, steps=13, **how)
    before = begun.model.weights.copy(), begun.moments.copy()  # type: ignore[union-attr]
    seen = []
    on = train(train(begun, steps=7), steps=20, progress=lambda done, loss: seen.append(done))
    for name in ("losses", "trajectory", "moments"):
        np.testing.assert_array_equal(getattr(on, name), getattr(whole, name))
    np.testing.assert_array_equal(on.model.weights, whole.model.weights)
    assert (on.train, on.data) == (whole.train, whole.data)
    assert seen[-1] == 40
    np.testing.assert_array_equal(begun.model.weights, before[0])  # the run that was begun stays what it is
    np.testing.assert_array_equal(begun.moments, before[1])  # type: ignore[arg-type]
    assert len(train(begun, steps=0).losses) == 13


def test_a_training_that_was_stopped_goes_on_to_its_end() -> None:
    def interrupt(done: int, loss: float) -> None:
        if done >= 5:
            os.kill(os.getpid(), signal.SIGINT)

    how = {"steps": 3000, "batch_size": 2, "n_layer": 1, "n_embd": 4}
    stopped = train(TEXT, progress=interrupt, **how)
    assert len(stopped.losses) < 3000
    on, whole = train(stopped), train(TEXT, **how)
    np.testing.assert_array_equal(on.losses, whole.losses)
    np.testing.assert_array_equal(on.model.weights, whole.model.weights)
    assert on.train == whole.train


def test_what_is_drawn_again_may_be_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finitegpt.batches._REDRAWN", 7)
    begun = train(TEXT, steps=5, batch_size=3)
    np.testing.assert_array_equal(train(begun, steps=5).losses, train(TEXT, steps=10, batch_size=3).losses)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "how many steps to go on, got none"),
        ({"steps": -1}, "steps to be at least 0"),
        ({"steps": 5, "lr": 0.1}, "as it was trained, got lr as well"),
        ({"steps": 5, "context_length": 3}, "got context_length as well"),
        ({"steps": 5, "config": TrainConfig()}, "got config as well"),
        ({"steps": 5, "step": 5}, "got 'step'"),
        ({"steps": 5, "keep_steps": True}, "a run that has kept its steps"),
    ],
)
def test_how_a_run_cannot_go_on(notebook: Run, settings: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        train(notebook, **settings)


def test_a_run_without_moments_cannot_go_on(notebook: Run) -> None:
    with pytest.raises(InputError, match=r"one without, as older folders are; try train\(run.data"):
        train(replace(notebook, moments=None), steps=1)
