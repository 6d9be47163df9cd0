"""Ensembles: the chain of a seed, and what survives the disk."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from finitegpt import Data, Ensemble, FileError, GPTConfig, InputError, TooLargeError, TrainConfig, train, train_many

TEXT = "0110100110010110"


@pytest.fixture(scope="module")
def ensemble() -> Ensemble:
    data = Data.from_text(TEXT, context_length=2, source="even")
    return train_many(data, seeds=[7, 3, 11], keep_steps=True, steps=4, n_layer=1)


def test_the_chain_of_a_seed_is_that_of_its_training(ensemble: Ensemble) -> None:
    assert len(ensemble) == 3
    for seed in ensemble.seeds:
        chain, run = ensemble.chain(seed), train(TEXT, context_length=2, steps=4, n_layer=1, seed=seed)
        np.testing.assert_array_equal(chain.log_probs, run.chain.log_probs)
        np.testing.assert_array_equal(chain.counts, run.chain.counts)  # type: ignore[arg-type]
    for wrong in (4, -1, None, "7", 7.0):
        with pytest.raises(InputError, match=r"expected .*got .*; try"):
            ensemble.chain(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("kept", [True, False])
def test_an_ensemble_survives_the_disk_bit_for_bit(tmp_path: Path, ensemble: Ensemble, kept: bool) -> None:
    one = ensemble if kept else replace(ensemble, trajectories=None)
    one.save(tmp_path / "many")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["many"]
    again = Ensemble.load(str(tmp_path / "many"))
    assert (again.data, again.model, again.train, again.seeds) == (one.data, one.model, one.train, one.seeds)
    for name in ("losses", "log_probs", "trajectories"):
        before, after = getattr(one, name), getattr(again, name)
        assert (before is None) == (after is None)
        if before is not None:
            assert before.dtype == after.dtype
            np.testing.assert_array_equal(before.view(np.uint8), after.view(np.uint8))
    with pytest.raises(FileError, match="exists; try another name"):
        one.save(tmp_path / "many")


def test_a_failed_save_leaves_nothing(tmp_path: Path, ensemble: Ensemble, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("finitegpt.weights.save", full)
    with pytest.raises(FileError, match="No space left on device"):
        ensemble.save(tmp_path / "many")
    assert list(tmp_path.iterdir()) == []


def flip(folder: Path) -> None:
    path = folder / "ensemble.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def change(**values: object):
    def damage(folder: Path) -> None:
        path = folder / "settings.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))

    return damage


DAMAGES = {
    "no settings": lambda folder: (folder / "settings.json").unlink(),
    "no arrays": lambda folder: (folder / "ensemble.safetensors").unlink(),
    "no data": lambda folder: (folder / "data.txt").unlink(),
    "not JSON": lambda folder: (folder / "settings.json").write_bytes(b"{"),
    "another format": change(format="finitegpt run 1"),
    "another model": change(model=GPTConfig(vocab_size=2, context_length=3).to_dict()),
    "no model": change(model=None),
    "text for a number": change(train={**TrainConfig().to_dict(), "steps": "4"}),
    "another vocabulary": change(vocab=["a", "b"]),
    "no digests": change(sha256=None),
    "other digests": change(sha256={}),
    "other data": lambda folder: (folder / "data.txt").write_text(TEXT + "0"),
    "one bit": flip,
    "half the arrays": lambda folder: (folder / "ensemble.safetensors").write_bytes(b"\xff" * 64),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damaged_ensembles_are_one_clear_line(tmp_path: Path, ensemble: Ensemble, damage) -> None:
    ensemble.save(tmp_path / "many")
    damage(tmp_path / "many")
    with pytest.raises(FileError, match=r"expected .*got") as caught:
        Ensemble.load(tmp_path / "many")
    assert "\n" not in str(caught.value)


def test_ensembles_made_by_hand_are_checked(ensemble: Ensemble) -> None:
    for wrong in (
        {"seeds": (1, 2)},
        {"seeds": [7, 3, 11]},
        {"losses": ensemble.losses[0]},
        {"losses": ensemble.losses.astype(np.float32)},
        {"log_probs": ensemble.log_probs[:, :3]},
        {"trajectories": ensemble.log_probs},
        {"data": TEXT},
        {"model": GPTConfig(vocab_size=2, context_length=3)},
        {"train": None},
    ):
        with pytest.raises(InputError, match=r"expected .*got .*; try"):
            replace(ensemble, **wrong)


def test_seeds_that_are_none() -> None:
    for seeds, message in (
        ([], "at least one seed"),
        (5, "several seeds"),
        (["1"], "whole number"),
        ([-1], "at least 0"),
        ([2**32], "at most"),
    ):
        with pytest.raises(InputError, match=message):
            train_many(TEXT, seeds=seeds)
    with pytest.raises(TooLargeError, match="at most 8,388,608 seeds"):
        train_many(TEXT, seeds=iter(int, 1))
    with pytest.raises(InputError, match="expected seeds, got seed as well"):
        train_many(TEXT, seeds=range(2), seed=5)
    with pytest.raises(InputError, match="got a run"):
        train_many(train(steps=1), seeds=range(2))  # type: ignore[arg-type]
    assert train_many(TEXT, seeds=(seed for seed in range(2)), steps=1).seeds == (0, 1)


def test_quantiles_that_are_none(ensemble: Ensemble) -> None:
    assert ensemble.quantiles((0.5,)).shape == (1, 4, 2)
    for wrong in ((2.0,), (float("nan"),), (), "median", (-0.1,)):
        with pytest.raises(InputError, match=r"expected .*got .*; try"):
            ensemble.quantiles(wrong)  # type: ignore[arg-type]
