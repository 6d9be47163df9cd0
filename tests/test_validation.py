"""Validation: what is held out, what its loss is, what is kept, when training ends; and how that goes on."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from finitegpt import Data, FileError, GPTConfig, InputError, Model, Run, TrainConfig, train, train_many, watch
from finitegpt.engine import Engine, Windows
from finitegpt.torch import from_model
from finitegpt.validation import Validation, split
from strategies import configs

TEXT = "0110100110010110" * 6
RNG = np.random.default_rng(3)
NOISE = "".join(RNG.choice(list("01"), 300))
"""Nothing to be learned but by heart: validation losses rise."""
OVERFIT = {"validation": 0.4, "steps": 60, "lr": 0.03, "n_layer": 1, "validate_every": 5}


def by_torch(model: Model, data: Data, loss: str) -> float:
    """The mean over all windows, one by one, by definition."""
    L, tokens = data.context_length, torch.from_numpy(data.tokens.astype(np.int64))
    X, Y = (torch.stack([tokens[i + k : i + k + L] for i in range(len(tokens) - L)]) for k in (0, 1))
    with torch.no_grad():
        logits = from_model(model).double()(X, every_position=True)
    if loss == "last":
        logits, Y = logits[:, -1], Y[:, -1]
    return torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), Y.reshape(-1)).item()


@given(
    config=configs(most_states=256, least_width=4),
    n=st.integers(1, 80),
    seed=st.integers(0, 99),
    loss=st.sampled_from(["last", "all"]),
)
@settings(max_examples=25)
@pytest.mark.parametrize("most", [1, 40, 2**14])
def test_the_loss_is_the_mean_over_all_windows(config: GPTConfig, n: int, seed: int, loss: str, most: int) -> None:
    vocab = "0123456"[: config.vocab_size]
    tokens = np.random.default_rng(seed).integers(0, config.vocab_size, n + config.context_length)
    data = Data.from_tokens(tokens, context_length=config.context_length, vocab=vocab)
    model = Model.init(config, vocab, seed=seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watch, "_TOKENS", most)
        found = watch.loss_on(data, config, TrainConfig(loss=loss, batch_size=3), model.weights)  # type: ignore[arg-type]
    assert found == pytest.approx(by_torch(model, data, loss), rel=1e-5)


@given(seed=st.integers(0, 999), every=st.booleans(), most=st.integers(1, 30))
@settings(max_examples=25)
def test_pieces_count_by_what_they_predict(seed: int, every: bool, most: int) -> None:
    """Windows of several lengths and weights, and tokens that count more or less or not at all."""
    rng = np.random.default_rng(seed)
    config, n = GPTConfig(vocab_size=3, context_length=4, n_layer=1, n_embd=8), 12
    tokens = rng.integers(0, 3, 40).astype(np.int32)
    windows = Windows(
        tokens,
        rng.integers(0, 36, n),
        rng.integers(1, 5, n).astype(np.int32),
        rng.random(n).astype(np.float32),
        (rng.random(40) * (rng.random(40) < 0.7)).astype(np.float32),
        every,
    )
    weights = Engine().init(config, seed) * np.float32(3)
    data = Data.from_tokens(tokens, context_length=4, vocab="012")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watch, "_TOKENS", most)
        patch.setattr(watch, "windows_of", lambda *_: windows)
        found = watch.loss_on(data, config, TrainConfig(), weights)
    assert found == pytest.approx(Engine().loss(config, windows, weights), rel=1e-6)


@pytest.mark.parametrize("loss", ["last", "all"])
def test_looks_are_before_training_at_intervals_and_after_it(loss: str) -> None:
    run = train(TEXT, validation=0.25, steps=7, validate_every=3, loss=loss, keep_steps=True)
    assert run.validation is not None
    assert run.validation.steps.tolist() == [0, 3, 6, 7]
    held_out = run.validation.data
    assert (run.data.text, held_out.text) == (TEXT[:72], TEXT[72:])
    assert run.validation.losses[0] == pytest.approx(by_torch(run.initial_model, held_out, loss), rel=1e-5)
    assert run.validation.losses[-1] == pytest.approx(by_torch(run.model, held_out, loss), rel=1e-5)
    shorter = train(run.data, steps=3, loss=loss)
    assert run.validation.losses[1] == pytest.approx(by_torch(shorter.model, held_out, loss), rel=1e-5)
    without = train(run.data, steps=7, loss=loss)  # looking changes nothing
    np.testing.assert_array_equal(run.losses, without.losses)
    np.testing.assert_array_equal(run.model.weights, without.model.weights)


@pytest.mark.parametrize(("steps", "every"), [(100, 5), (59, 2), (19, 1), (0, 1)])
def test_a_twentieth_of_the_steps_lies_between_looks(steps: int, every: int) -> None:
    run = train(TEXT, validation=0.5, steps=steps, n_layer=1, n_embd=4)
    assert run.train.validate_every == every
    assert run.validation is not None
    assert run.validation.steps.tolist() == sorted({*range(0, steps + 1, every), steps})


def test_the_batch_size_is_that_of_what_is_trained_on() -> None:
    noise = "".join(np.random.default_rng(1).choice(list("0123456789"), 6000))
    assert train(noise, steps=0, context_length=5).train.batch_size == 256
    assert train(noise, steps=0, context_length=5, validation=0.5).train.batch_size is None


def test_validation_data_as_callers_have_it() -> None:
    data = Data.from_text(TEXT, context_length=3)
    given = Data.from_text("01101", context_length=3)
    expected = train(data, validation=given, steps=2).validation
    assert expected is not None
    for one in ("01101", [0, 1, 1, 0, 1], np.array([0, 1, 1, 0, 1]), ["0", "1", "1", "0", "1"]):
        found = train(TEXT, validation=one, steps=2).validation
        assert found is not None
        assert found.data == given
        np.testing.assert_array_equal(found.losses, expected.losses)


def test_numbers_mean_in_validation_what_they_mean_in_the_data() -> None:
    numbers = [1, 2, 1, 1, 2, 2, 1, 2, 1]
    named = train(numbers, validation=[2, 1, 1, 2, 1], steps=0).validation
    assert named is not None
    assert named.data.text == "21121"
    placed = train(Data.from_tokens(numbers, context_length=3), validation=[1, 0, 0, 1, 0], steps=0).validation
    assert placed is not None
    assert placed.data.text == "21121"
    with pytest.raises(InputError, match="expected only the characters"):
        train(numbers, validation=[1, 2, 3, 1, 2], steps=0)


def test_a_share_is_the_end_of_the_data() -> None:
    words = ["the", "cat", "a", "the", "cat", "the", "cat", "a", "a", "the"]
    data = Data.from_symbols(words, context_length=1, source="periodic:0")
    first, last = split(data, 0.3)
    assert (first.text, last.text) == ("the cat a the cat the cat", "a a the")
    assert first.vocab == last.vocab == data.vocab
    assert (first.context_length, last.source) == (1, "periodic:0")
    np.testing.assert_array_equal(np.concatenate([first.tokens, last.tokens]), data.tokens)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"validation": 0.0}, r"a share of the data between 0 and 1 for validation, got 0\.0"),
        ({"validation": 1}, r"between 0 and 1 .* got 1\.0; try 0\.1"),
        ({"validation": -0.1}, "between 0 and 1"),
        ({"validation": 10**400}, "between 0 and 1"),
        ({"validation": float("nan")}, "between 0 and 1"),
        ({"validation": True}, "validation data or a share, got True"),
        ({"validation": 0.99}, "more than 3 tokens to train on and to validate on, got 0 and 96"),
        ({"validation": 0.03}, "more than 3 tokens to train on and to validate on, got 93 and 3"),
        ({"validation": "01" * 50}, "no longer than the data, got 100 tokens beside 96; try the other way round"),
        ({"validation": "0120"}, "expected only the characters"),
        ({"validation": "011"}, "longer than the context length"),
        ({"validation": Data.from_text("0110", context_length=2)}, "of the same vocabulary and context length"),
        ({"validation": Data.from_text("abab", context_length=3)}, "of the same vocabulary and context length"),
        ({"validation": train}, "expected tokens as a text"),
        ({"keep": "best"}, r"validation data with keep='best', got no such data; try train\(..., validation=0.1\)"),
        ({"patience": 3}, "validation data with patience=3"),
        ({"validate_every": 3}, "validation data with validate_every=3"),
        ({"validation": 0.5, "validate_every": 0}, "validate_every to be at least 1"),
        ({"validated": 5}, "validated to be a function"),
        ({"dropout": 0.1}, "training without dropout, got dropout: under random masks"),
        ({"min_lr": 1e-5}, "a decay with min_lr 1e-05, got none"),
        ({"min_lr": 1.0, "decay": "cosine"}, "min_lr to be at most lr, got 1 and 0.001; try 0.0001"),
        ({"batches": "in_turn"}, "a batch size with batches, got all windows"),
        ({"batch_seed": 5}, "a batch size with batch_seed, got all windows"),
        ({"batch_seed": 5, "batches": "in_turn", "batch_size": 2}, "batches that are drawn with batch_seed"),
    ],
)
def test_what_cannot_be_asked(settings: dict, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        train(TEXT, **settings)
    assert "\n" not in str(caught.value)


def test_the_best_is_kept() -> None:
    last, best = (train(NOISE, **OVERFIT, keep=keep, keep_steps=True) for keep in ("last", "best"))
    assert last.validation is not None
    assert best.validation is not None
    np.testing.assert_array_equal(last.validation.losses, best.validation.losses)
    assert best.kept == best.validation.steps[np.argmin(best.validation.losses)]
    assert 0 < best.kept < 60 == last.kept  # it learns, and then too much
    shorter = train(last.data, steps=best.kept, lr=0.03, n_layer=1)
    np.testing.assert_array_equal(best.model.weights, shorter.model.weights)
    assert best.ended is not None
    assert last.ended is None
    np.testing.assert_array_equal(best.ended, last.model.weights)
    np.testing.assert_array_equal(best.moments, last.moments)  # type: ignore[arg-type]
    np.testing.assert_array_equal(best.losses, last.losses)
    np.testing.assert_array_equal(best.trajectory, last.trajectory)  # type: ignore[arg-type]
    assert f"validation {best.validation.losses.min():.4f} at step {best.kept}" in repr(best)
    assert f"validation {last.validation.losses[-1]:.4f} at step 60" in repr(last)


def test_the_best_may_be_the_last_and_the_first() -> None:
    learns = train(TEXT, validation=0.25, steps=20, keep="best")
    assert (learns.kept, learns.ended) == (20, None)
    worse = train("0" * 42 + "01" * 14, validation=0.4, steps=4, lr=0.5, keep="best")
    assert worse.kept == 0
    np.testing.assert_array_equal(worse.model.weights, worse.initial_model.weights)


@pytest.mark.parametrize("patience", [1, 3])
def test_patience_ends_training_after_so_many_looks_without_a_lower_loss(patience: int) -> None:
    run, whole = train(NOISE, **OVERFIT, patience=patience), train(NOISE, **OVERFIT)
    assert run.validation is not None
    assert whole.validation is not None
    losses = whole.validation.losses
    ends = next(k for k in range(len(losses)) if k - np.argmin(losses[: k + 1]) >= patience)
    assert len(run.losses) == 5 * ends < 60
    np.testing.assert_array_equal(run.validation.losses, losses[: ends + 1])
    with pytest.raises(InputError, match=f"lost its patience of {patience}; try a new training"):
        train(run)
    assert len(train(run, steps=0).losses) == len(run.losses)


def interrupt_at(step: int):
    def progress(done: int, loss: float) -> None:
        if done >= step:
            os.kill(os.getpid(), signal.SIGINT)

    return progress


def same(one: Run, other: Run) -> None:
    assert one.validation is not None
    assert other.validation is not None
    for name in ("losses", "moments", "ended", "trajectory"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    np.testing.assert_array_equal(one.model.weights, other.model.weights)
    np.testing.assert_array_equal(one.validation.steps, other.validation.steps)
    np.testing.assert_array_equal(one.validation.losses, other.validation.losses)
    assert one.train == other.train


@pytest.mark.parametrize("keep", ["last", "best"])
@pytest.mark.parametrize("stop", [33, 40])
def test_going_on_with_validation_is_one_training(tmp_path: Path, keep: str, stop: int) -> None:
    how = {**OVERFIT, "keep": keep, "batch_size": 7}
    whole = train(NOISE, **how)
    begun = train(NOISE, **{**how, "steps": stop})
    assert begun.validation is not None
    assert begun.validation.steps[-1] == stop
    assert begun.kept < stop or keep == "last"
    begun.save(tmp_path / "run")
    same(train(Run.load(tmp_path / "run"), steps=60 - stop), whole)
    same(train(begun, steps=0), begun)


@pytest.mark.parametrize("keep", ["last", "best"])
def test_stopped_early_it_goes_on_with_decay_and_validation_as_one_training(keep: str) -> None:
    how = {**OVERFIT, "steps": 2000, "n_embd": 4, "decay": "cosine", "warmup": 100, "validate_every": 400, "keep": keep}
    stopped = train(NOISE, progress=interrupt_at(700), **how)
    done = len(stopped.losses)
    assert 700 <= done < 2000
    assert stopped.validation is not None
    assert stopped.validation.steps[-1] == done
    whole = train(NOISE, **how)
    same(train(stopped), whole)
    same(train(stopped, steps=2000 - done), whole)
    with pytest.raises(InputError, match=rf"with cosine decay over 2,000 steps, not {done + 5:,}; try train\(run\)"):
        train(stopped, steps=5)
    with pytest.raises(InputError, match=r"not 2,005; try a new training of all steps"):
        train(whole, steps=5)


def test_a_look_of_the_shorter_training_stays_where_its_weights_are_kept() -> None:
    begun = train(TEXT, validation=0.25, steps=7, validate_every=5, keep="best", lr=0.01)
    assert begun.kept == 7
    on = train(begun, steps=4)
    assert on.validation is not None
    assert on.validation.steps.tolist() == [0, 5, 7, 10, 11]


def test_rates_that_a_longer_training_would_not_have_had(notebook: Run) -> None:
    begun = train(TEXT, steps=4, warmup=6, decay="linear")  # so far only warm-up
    same_losses = train(TEXT, steps=10, warmup=6, decay="linear").losses
    np.testing.assert_array_equal(train(begun, steps=6).losses, same_losses)
    with pytest.raises(InputError, match="linear decay over 10 steps, not 11"):
        train(train(begun, steps=6), steps=1)
    warmed = train(TEXT, steps=4, warmup=2)
    np.testing.assert_array_equal(train(warmed, steps=3).losses, train(TEXT, steps=7, warmup=2).losses)


def test_looks_are_told(notebook: Run) -> None:
    seen: list[tuple[int, float]] = []
    run = train(TEXT, validation=0.5, steps=6, validate_every=2, validated=lambda done, loss: seen.append((done, loss)))
    assert run.validation is not None
    assert seen == list(zip(run.validation.steps.tolist(), run.validation.losses.tolist(), strict=True))


def test_a_run_with_validation_survives_the_disk(tmp_path: Path) -> None:
    run = train(NOISE, **OVERFIT, keep="best", patience=3)
    run.save(tmp_path / "run")
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"validation.txt", "ended.safetensors"} < names
    again = Run.load(tmp_path / "run")
    same(again, run)
    assert (again.kept, again.validation.data) == (run.kept, run.validation.data)  # type: ignore[union-attr]


@pytest.mark.parametrize("file", ["ended.safetensors", "validation.txt"])
def test_missing_or_changed_files_of_validation_are_damage(tmp_path: Path, file: str) -> None:
    train(NOISE, **OVERFIT, keep="best").save(tmp_path / "run")
    path = tmp_path / "run" / file
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(FileError, match="an undamaged run"):
        Run.load(tmp_path / "run")
    path.unlink()
    with pytest.raises(FileError, match=r"expected .*got"):
        Run.load(tmp_path / "run")


def test_looks_made_by_hand_are_checked() -> None:
    run = train(TEXT, validation=0.5, steps=4, validate_every=2)
    looks = run.validation
    assert looks is not None
    for wrong in (
        {"data": TEXT},
        {"steps": [0, 2, 4]},
        {"steps": np.array([0, 4, 2])},
        {"steps": np.array([-1, 2, 4])},
        {"steps": np.array([0, 2])},
        {"losses": np.array([1.0, np.nan, 1.0])},
        {"steps": np.zeros(0, np.int64), "losses": np.zeros(0)},
    ):
        with pytest.raises(InputError, match=r"expected .*got .*; try"):
            replace(looks, **wrong)  # type: ignore[arg-type]
    late = Validation(data=looks.data, steps=np.array([0, 5]), losses=np.ones(2))
    for wrong in ({"validation": late}, {"train": replace(run.train, keep="best"), "validation": None}):
        with pytest.raises(InputError, match=r"expected .*got .*; try"):
            replace(run, **wrong)
    with pytest.raises(InputError, match="the weights after the last step"):
        replace(run, ended=run.model.weights)


# --- training that begins with given weights


def test_training_begins_with_given_weights(tmp_path: Path) -> None:
    first = train(TEXT, steps=10, n_layer=1, seed=5)
    run = train(TEXT, first.model, steps=6, lr=0.01, keep_steps=True)
    assert run.losses[0] == pytest.approx(by_torch(first.model, run.data, "last"), rel=1e-5)
    np.testing.assert_array_equal(run.initial_model.weights, first.model.weights)
    np.testing.assert_array_equal(run.initial_chain.log_probs, first.chain.log_probs)
    np.testing.assert_array_equal(run.trajectory[0], first.chain.log_probs)  # type: ignore[index]
    assert not np.array_equal(run.model.weights, first.model.weights)
    run.save(tmp_path / "run")
    again = Run.load(tmp_path / "run")
    np.testing.assert_array_equal(again.initial_model.weights, first.model.weights)
    on = train(again, steps=4)
    np.testing.assert_array_equal(on.losses, train(TEXT, first.model, steps=10, lr=0.01).losses)
    np.testing.assert_array_equal(on.initial_model.weights, first.model.weights)
    (tmp_path / "run" / "initial.safetensors").unlink()
    with pytest.raises(FileError, match="as they were written"):  # else it would seem to begin with its seed
        Run.load(tmp_path / "run")


def test_given_weights_bring_their_vocabulary() -> None:
    model = Model.init(GPTConfig(vocab_size=4, context_length=2, n_layer=1), "0123", seed=1)
    for data in ("010101", [0, 1, 0, 1, 0, 1]):
        run = train(data, model, steps=1)
        assert (run.data.vocab, run.data.context_length) == (tuple("0123"), 2)
        assert run.data.tokens.tolist() == [0, 1, 0, 1, 0, 1]
    numbers = train([3, 0, 3, 0, 3], model, steps=0, validation=[0, 3, 0])
    assert numbers.validation is not None
    assert numbers.validation.data.text == "030"
    for data, more, message in (
        ("0123401", {}, "only the characters"),
        (Data.from_text("abcdabcd", context_length=2), {}, "data over the model's vocabulary '0123', got one over"),
        (Data.from_text("0101", context_length=2), {}, "a model for 2 tokens"),
        ("010101", {"n_layer": 2}, "expected n_layer on its own or in model, got both; try leaving that out"),
        ("010101", {"context_length": 3}, "one context length"),
    ):
        with pytest.raises(InputError, match=message):
            train(data, model, **more)
    with pytest.raises(InputError, match="a shape whose weights each seed draws"):
        train_many("0101", model, seeds=range(2))  # type: ignore[arg-type]


def test_given_weights_change_no_batches() -> None:
    drawn = train(TEXT, steps=5, batch_size=3, seed=8)
    given = train(TEXT, drawn.initial_model, steps=5, batch_size=3, seed=8)
    np.testing.assert_array_equal(given.losses, drawn.losses)


# --- folders of older versions

LATER = ("betas", "warmup", "decay", "min_lr", "clip", "decay_matrices", "batches", "batch_seed", "validate_every")
LATER += ("keep", "patience")


def test_older_runs_go_on_with_a_generator_of_their_own(tmp_path: Path) -> None:
    import json

    how = {"batch_size": 3, "n_layer": 1, "seed": 21}
    whole = train(TEXT, steps=12, batch_seed=21, **how)  # as the older version drew
    train(TEXT, steps=5, batch_seed=21, **how).save(tmp_path / "run")
    path = tmp_path / "run" / "run.json"
    facts = json.loads(path.read_text())
    for name in LATER:
        del facts["train"][name]
    del facts["sha256"]
    path.write_text(json.dumps(facts))
    again = Run.load(tmp_path / "run")
    assert again.train == TrainConfig(steps=5, batch_seed=21, batch_size=3, seed=21)
    on = train(again, steps=7)
    np.testing.assert_array_equal(on.losses, whole.losses)
    np.testing.assert_array_equal(on.model.weights, whole.model.weights)
    assert not np.array_equal(train(TEXT, steps=12, **how).losses, whole.losses)
    old = {key: value for key, value in TrainConfig().to_dict().items() if key not in LATER}
    assert TrainConfig.from_dict(old) == TrainConfig()  # full batches draw nothing


def test_sequences_are_split_between_two_of_them_with_weights_and_masks() -> None:
    masks = [[1, 0.5], [0.25, 1, 0], [0.75, 1], [0, 1, 0.125]]
    texts, weights = ["ab", "bab", "ba", "aab"], [1.0, 2.0, 3.0, 4.0]
    data = Data.from_sequences(texts, context_length=2, weights=weights, masks=masks, bos=".", eos=".")
    parts = split(data, 0.5)
    for part, own in zip(parts, (slice(2), slice(2, None)), strict=True):
        ends = {"bos": ".", "eos": ".", "vocab": data.vocab, "context_length": 2}
        assert part == Data.from_sequences(texts[own], weights=weights[own], masks=masks[own], **ends)
    assert parts[0].tokens.tolist() + parts[1].tokens.tolist() == data.tokens.tolist()
    with pytest.raises(InputError, match="sequences to train on and to validate on, got 0 and 4"):
        split(data, 0.9)


def test_validation_of_sequences_is_read_as_the_data_and_kept(here: Path) -> None:
    data = Data.from_sequences(["abba", "bab", "ab"], context_length=2, bos=".", eos=".")
    run = train(data, validation=["ba", "a"], steps=2)
    assert run.validation is not None
    assert run.validation.data == Data.from_sequences(["ba", "a"], context_length=2, vocab=data.vocab, bos=".", eos=".")
    run.save("run")
    again = Run.load("run").validation
    assert again is not None
    assert again.data == run.validation.data
