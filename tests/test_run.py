"""Runs: what survives the disk, what is damaged, and what a notebook shows."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from finitegpt import Data, FileError, GPTConfig, InputError, Run, TrainConfig, train


def test_a_run_survives_the_disk(tmp_path: Path) -> None:
    run = train("ab\nba  ab\nb", config=TrainConfig(steps=3), keep_steps=True)
    run.save(tmp_path / "run")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]
    again = Run.load(tmp_path / "run")
    assert (again.data.text, again.train, again.model.config, again.model.vocab) == (
        run.data.text,
        run.train,
        run.model.config,
        run.model.vocab,
    )
    np.testing.assert_array_equal(again.model.weights, run.model.weights)
    np.testing.assert_array_equal(again.losses, run.losses)
    np.testing.assert_array_equal(again.trajectory, run.trajectory)  # type: ignore[arg-type]
    np.testing.assert_array_equal(again.moments, run.moments)  # type: ignore[arg-type]
    on = train(again, steps=2)
    np.testing.assert_array_equal(on.losses, train(run, steps=2).losses)
    with pytest.raises(FileError, match="exists; try another name"):
        run.save(tmp_path / "run")


@pytest.mark.parametrize("text", ["ab\n", "ab\r\n", "a\nb\n\n", "\ufeffab", "a\rb\r"])
def test_line_ends_in_data_survive_the_disk(tmp_path: Path, text: str) -> None:
    run = train(text * 3, config=TrainConfig(steps=1), context_length=1)
    run.save(tmp_path / "run")
    assert Run.load(tmp_path / "run").data.text == text * 3


def test_words_and_the_name_of_a_source_survive_the_disk(tmp_path: Path) -> None:
    data = Data.from_symbols(["the", "cat", "a", "cat", "the", "cat", "a"], context_length=1, source="periodic:0")
    train(data, config=TrainConfig(steps=1)).save(tmp_path / "run")
    again = Run.load(tmp_path / "run").data
    assert (again.text, again.vocab, again.source) == (data.text, ("a", "cat", "the"), "periodic:0")
    np.testing.assert_array_equal(again.tokens, data.tokens)


def test_runs_of_older_versions_have_no_source(tmp_path: Path, notebook: Run) -> None:
    notebook.save(tmp_path / "run")
    change_json(data={"sha256": notebook.data.digest, "tokens": 15})(tmp_path / "run")
    assert Run.load(tmp_path / "run").data.source is None


def test_runs_of_older_versions_have_no_moments(tmp_path: Path, notebook: Run) -> None:
    notebook.save(tmp_path / "run")
    (tmp_path / "run" / "moments.safetensors").unlink()
    drop("sha256")(tmp_path / "run")
    again = Run.load(tmp_path / "run")
    assert again.moments is None
    np.testing.assert_array_equal(again.model.weights, notebook.model.weights)


def change_json(**values: object):
    def damage(folder: Path) -> None:
        facts = json.loads((folder / "run.json").read_text())
        (folder / "run.json").write_text(json.dumps({**facts, **values}))

    return damage


def drop(*names: str):
    def damage(folder: Path) -> None:
        facts = json.loads((folder / "run.json").read_text())
        (folder / "run.json").write_text(json.dumps({key: facts[key] for key in facts.keys() - set(names)}))

    return damage


def write(name: str, content: bytes):
    return lambda folder: (folder / name).write_bytes(content)


def cut(name: str, size: int):
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:size])


DAMAGES = {
    "no run.json": lambda folder: (folder / "run.json").unlink(),
    "no weights": lambda folder: (folder / "model.safetensors").unlink(),
    "no data": lambda folder: (folder / "data.txt").unlink(),
    "not JSON": write("run.json", b"{"),
    "deep JSON": write("run.json", b"[" * 100_000),
    "not UTF-8": write("run.json", b"\xff"),
    "a list": write("run.json", b"[]"),
    "another format": change_json(format="finitegpt run 99"),
    "no model": change_json(model=None),
    "a model of other fields": change_json(model={"vocab_size": 2}),
    "a model of another shape": change_json(model=GPTConfig(vocab_size=2, context_length=4).to_dict()),
    "a huge model": change_json(model=GPTConfig(vocab_size=2, context_length=3, n_embd=2**14).to_dict()),
    "text for a number": change_json(train={**TrainConfig().to_dict(), "steps": "50"}),
    "losses that are no numbers": change_json(losses=["a"]),
    "losses that are none": change_json(losses=None),
    "losses that are not finite": change_json(losses=[1e400]),
    "losses beyond floats": lambda folder: change_json(losses=[10**400])(folder),
    "another vocabulary": change_json(vocab=["a", "b"]),
    "a vocabulary of numbers": change_json(vocab=[0, 1]),
    "symbols with spaces": change_json(vocab=["0 1", "1"]),
    "no digest": change_json(data={}),
    "a source that is no name": change_json(
        data={"sha256": Data.from_text("110", context_length=1).digest, "source": 1}
    ),
    "other data": write("data.txt", b"111101111011111"),
    "empty weights": write("model.safetensors", b""),
    "half the weights": cut("model.safetensors", 20_000),
    "half a header": cut("model.safetensors", 100),
    "a header that promises too much": write("model.safetensors", b"\xff" * 64),
    "moments that are none": write("moments.safetensors", b"hello"),
    "half the moments": cut("moments.safetensors", 50_000),
    "moments of another model": lambda folder: shutil.copy(
        folder / "model.safetensors", folder / "moments.safetensors"
    ),
    "a trajectory that is none": write("trajectory.safetensors", b"hello"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damaged_runs_are_one_clear_line(tmp_path: Path, notebook: Run, damage) -> None:
    notebook.save(tmp_path / "run")
    damage(tmp_path / "run")
    with pytest.raises(FileError, match=r"expected .*got") as caught:
        Run.load(tmp_path / "run")
    assert "\n" not in str(caught.value)


def test_weights_that_are_not_finite(tmp_path: Path, notebook: Run) -> None:
    from safetensors.numpy import load_file, save_file

    notebook.save(tmp_path / "run")
    path = tmp_path / "run" / "model.safetensors"
    tensors = load_file(path)
    tensors["transformer.wte.weight"][0, 0] = np.nan
    save_file(tensors, path)
    with pytest.raises(FileError, match="finite"):
        Run.load(tmp_path / "run")


def test_a_failed_save_leaves_nothing(tmp_path: Path, notebook: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("finitegpt.weights.save", full)
    with pytest.raises(FileError, match="No space left on device"):
        notebook.save(tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_notebook_shows_the_page(notebook: Run) -> None:
    assert (notebook._repr_html_() or "").startswith("<iframe srcdoc=")
    large = train("01" * 50, config=TrainConfig(steps=1), context_length=13)
    assert (large._repr_html_() or "").startswith("<iframe srcdoc=")
    larger = train("01" * 50, config=TrainConfig(steps=1), context_length=60, n_layer=1)
    assert (larger._repr_html_() or "").startswith("<p>expected at most 9,007,199,254,740,991 arrows")


def test_the_chain_after_a_step(notebook: Run) -> None:
    run = train(steps=4, keep_steps=True)
    assert run.trajectory is not None
    for step in range(5):
        chain = run.chain_at(step)
        np.testing.assert_array_equal(chain.log_probs, run.trajectory[step])
        np.testing.assert_array_equal(chain.counts, run.chain.counts)  # type: ignore[arg-type]
    assert dict(run.chain_at(4)["101"]) == dict(run.chain["101"])
    assert dict(run.chain_at(0)["101"]) == dict(run.initial_chain["101"])
    for wrong, message in ((-1, "at least 0"), (5, "at most 4, got 5; try 4"), (1.0, "whole number"), (None, "whole")):
        with pytest.raises(InputError, match=message):
            run.chain_at(wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="try keep_steps=True"):
        notebook.chain_at(0)


def test_runs_made_by_hand_are_checked(notebook: Run) -> None:
    rows = np.zeros((51, 8, 2), np.float32)
    for change in (
        {"losses": [1.0]},
        {"losses": np.zeros((2, 2))},
        {"trajectory": rows[:50]},
        {"trajectory": rows.astype(np.float64)},
        {"moments": np.zeros((2, 5), np.float32)},
        {"data": "0110"},
        {"data": Data.from_text("0110", context_length=1)},
        {"train": None},
        {"model": notebook.chain},
    ):
        with pytest.raises(InputError, match=r"expected .*got .*; try"):
            replace(notebook, **change)


@pytest.mark.parametrize("name", [None, 5, "", "a\0b", b"run"])
def test_names_of_folders_that_are_none(notebook: Run, name) -> None:
    for use in (Run.load, notebook.save):
        with pytest.raises(InputError, match="expected the name of a folder"):
            use(name)
