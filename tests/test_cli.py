"""The contracts that others script against, in process; and a few runs of the real command."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import finitegpt
from finitegpt.cli import app, main


@pytest.fixture
def run(here: Path) -> str:
    """A trained run in the working folder."""
    finitegpt.train(config=finitegpt.TrainConfig(steps=5)).save(here / "run")
    return "run"


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_train_json_is_the_notebooks_experiment(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = json.loads(call(capsys, "train", "--json"))
    assert result["n_params"] == 12_656
    assert result["vocab"] == ["0", "1"]
    assert result["context_length"] == 3
    assert len(result["losses"]) == 50
    assert result["losses"][0] == pytest.approx(0.663539, abs=1e-5)
    assert result["initial"][0] == pytest.approx([0.496335, 0.503665], abs=1e-6)
    assert result["probs"][5][1] == pytest.approx(0.7929, abs=1e-4)
    assert result["states"][0] == {"state": "000", "count": 0, "seen": False}
    assert result["states"][7] == {"state": "111", "count": 6, "seen": True}
    assert result["state_space"] == {"full_length": 8, "all_lengths": 14}
    assert list(here.iterdir()) == []


def test_train_tells_a_newcomer_what_happened(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = call(capsys, "train")
    for words in ("111 -> 1", "12,656 parameters", "8 states (14 with", "0.6635", "0.4700", "000 001 010 100", "79%"):
        assert words in out
    assert "runs/001/chain.svg" in out.replace(os.sep, "/")
    assert max(map(len, call(capsys, "train", "abcabcaabbcc", "--context-length", "2").splitlines())) <= 80
    names = {path.name for path in (here / "runs" / "001").iterdir()}
    assert names == {"run.json", "data.txt", "model.safetensors", "moments.safetensors", "chain.svg", "loss.svg"}
    assert max(len(line) for line in out.splitlines()) <= 80
    call(capsys, "train")
    assert (here / "runs" / "003").is_dir()


def test_tables_too_long_for_json_are_saved_instead(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = json.loads(call(capsys, "train", "01" * 20, "--context-length", "13", "--steps", "1", "--json"))
    assert not {"initial", "probs", "states"} & result.keys()
    assert result["state_space"]["full_length"] == 8192
    assert finitegpt.Run.load(here / result["files"]["run"]).chain.n_states == 8192


def test_every_option_of_train_reaches_the_run(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = "train 0102 --vocab 210 --context-length 2 --n-layer 1 --n-head 2 --n-embd 6 --bias --loss all --steps 3"
    line += " --lr 0.01 --weight-decay 0 --seed 5 --batch-size 2 --out out --keep-steps --json"
    result = json.loads(call(capsys, *line.split()))
    saved = finitegpt.Run.load(here / "out")
    assert saved.model.config == finitegpt.GPTConfig(
        vocab_size=3, context_length=2, n_layer=1, n_head=2, n_embd=6, bias=True
    )
    assert saved.train == finitegpt.TrainConfig(steps=3, lr=0.01, weight_decay=0, seed=5, batch_size=2, loss="all")
    assert saved.model.vocab == ("2", "1", "0")
    assert saved.trajectory is not None
    assert result["files"]["run"] == "out"


def test_every_new_option_of_train_reaches_the_run(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "other").write_text("0110\n")
    line = "train 0110100110010110 --untied --activation gelu-tanh --norm rmsnorm --no-norm-weight --embedding-norm"
    line += " --no-final-norm --betas 0.8 0.95 --warmup 2 --decay cosine --min-lr 1e-4 --clip 1.5 --decay-matrices"
    line += " --batch-size 2 --batch-seed 5 --validation other --validate-every 4 --keep best --patience 50"
    result = json.loads(call(capsys, *line.split(), "--steps", "9", "--out", "out", "--json"))
    saved = finitegpt.Run.load(here / "out")
    assert saved.model.config == finitegpt.GPTConfig(
        vocab_size=2,
        context_length=3,
        tied=False,
        activation="gelu_tanh",
        norm="rmsnorm",
        norm_weight=False,
        embedding_norm=True,
        final_norm=False,
    )
    assert saved.train == finitegpt.TrainConfig(
        steps=9,
        batch_size=2,
        betas=(0.8, 0.95),
        warmup=2,
        decay="cosine",
        min_lr=1e-4,
        clip=1.5,
        decay_matrices=True,
        batch_seed=5,
        validate_every=4,
        keep="best",
        patience=50,
    )
    assert saved.validation is not None
    assert saved.validation.data.text == "0110"
    looks = {"tokens": 4, "steps": [0, 4, 8, 9], "losses": saved.validation.losses.tolist()}
    assert (result["validation"], result["kept_step"]) == (looks, saved.kept)
    in_turn = json.loads(call(capsys, "train", "0110100", "--batches", "in-turn", "--batch-size", "2", "--json"))
    assert in_turn["train"]["batches"] == "in_turn"
    assert "validation" not in in_turn


def test_validation_is_told_and_drawn(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "".join(np.random.default_rng(3).choice(list("01"), 300))
    (here / "text").write_text(text)
    line = (
        "train --text text --validation .4 --steps 60 --lr .03 --n-layer 1 --keep best --validate-every 5 --patience 4"
    )
    line += " --warmup 3 --decay linear --clip 1 --betas 0.9 0.95 --decay-matrices --out out"
    out = call(capsys, *line.split())
    run = finitegpt.Run.load(here / "out")
    assert run.validation is not None
    for words in (
        "120 tokens, all 117 windows, every 5 steps",
        "0.03, after 3 steps of warm-up, linear decay to 0",
        "betas 0.9 and 0.95, gradients clipped to 1, decay of matrices alone",
        f"stopped after {len(run.losses)} of 60 steps, 4 looks without a lower validation loss",
        f"kept: the weights after {run.kept} steps, with the lowest validation loss, {run.validation.losses.min():.4f}",
        "best possible in training",
    ):
        assert words in " ".join(out.split())
    assert max(len(line) for line in out.splitlines()) <= 80
    rows = {
        line.split()[0]: line.split()[1:] for line in out.splitlines() if line.startswith(("  step", "  loss", "  val"))
    }
    looks = dict(zip(run.validation.steps.tolist(), run.validation.losses, strict=True))
    assert rows["validation"] == [f"{looks[int(step)]:.4f}" for step in rows["step"]]
    assert rows["loss"] == [f"{run.losses[int(step)]:.4f}" for step in rows["step"][:-1]]
    assert str(run.kept) in rows["step"]
    assert f"kept: step {run.kept}" in (here / "out" / "loss.svg").read_text()
    last = call(capsys, "train", text[:50], "--validation", "0.3", "--steps", "2", "--out", "last")
    assert "after every step" in last
    assert "kept" not in last


def test_progress_tells_both_losses(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from contextlib import nullcontext

    notes: list[tuple[int, str]] = []
    bar = nullcontext(lambda done, note: notes.append((done, note)))
    monkeypatch.setattr("finitegpt.cli.train.progress", lambda *_: bar)
    assert main(["train", "--steps", "2", "--validate-every", "2", "--validation", "0.4", "--json"]) == 0
    found = finitegpt.train(steps=2, validate_every=2, validation=0.4)
    assert found.validation is not None
    before, after = (f"validation {loss:.4f}" for loss in found.validation.losses)
    assert notes[0] == (0, before)
    assert (1, f"loss {found.losses[0]:.4f}, {before}") in notes
    assert notes[-1] == (2, f"loss {found.losses[1]:.4f}, {after}")


def test_validation_of_words_is_of_words(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "text").write_text("the cat the dog a cat the cat a dog the dog")
    (here / "other").write_text("The dog, a cat\n")
    line = "train --text text --transform words:1 --context-length 1 --steps 1 --validation other --out out --json"
    call(capsys, *line.split())
    found = finitegpt.Run.load(here / "out").validation
    assert found is not None
    assert found.data.text == "the dog a cat"


def test_seeds_report_what_is_learned_and_what_is_luck(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = json.loads(call(capsys, "train", "--seeds", "3:9", "--steps", "5", "--json"))
    assert result["seeds"] == [3, 4, 5, 6, 7, 8]
    ensemble = finitegpt.train_many("111101111011110", config=finitegpt.TrainConfig(steps=5), seeds=range(3, 9))
    np.testing.assert_allclose(result["standard_deviation"], ensemble.spread())
    np.testing.assert_allclose(result["quantiles"]["95%"], ensemble.quantiles((0.95,))[0])
    seen = ensemble.data.counts() > 0
    assert result["mean_standard_deviation"]["never_seen"] == pytest.approx(ensemble.spread()[~seen].mean())
    assert list(here.iterdir()) == []
    out = call(capsys, "train", "--seeds", "0:4", "--steps", "5", "--out", "many")
    assert "never seen in the data" in out
    assert max(len(line) for line in out.splitlines()) <= 80
    saved = {"settings.json", "data.txt", "ensemble.safetensors"}
    assert {path.name for path in (here / "many").iterdir()} == saved | {"ensemble.json", "spread.svg"}
    assert finitegpt.Ensemble.load(here / "many").seeds == (0, 1, 2, 3)


def test_text_from_a_file_and_from_standard_input(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "text").write_bytes(b"0110100110010110\r\n")
    from_file = json.loads(call(capsys, "train", "--text", "text", "--json"))
    with (here / "text").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        from_stdin = json.loads(call(capsys, "train", "--text", "-", "--json"))
    direct = json.loads(call(capsys, "train", "0110100110010110", "--json"))
    assert from_file == from_stdin == direct


def test_values_that_begin_with_a_dash(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = json.loads(call(capsys, "train", "--vocab", "-+", "--json", "--", "-+-+--++-"))
    assert result["vocab"] == ["-", "+"]
    assert result["states"][0]["state"] == "---"


def test_show_prints_the_decoded_chain(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "never" in call(capsys, "show", run)
    shown = json.loads(call(capsys, "show", run, "--temperature", "0.5", "--json"))
    chain = finitegpt.temperature(finitegpt.Run.load(run).chain, 0.5)
    np.testing.assert_allclose(shown["probs"], chain.probs)
    greedy = json.loads(call(capsys, "show", run, "--greedy", "--json"))
    assert {p for row in greedy["probs"] for p in row} == {0.0, 1.0}


def test_show_of_a_state_space_too_large_to_list(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, config = finitegpt.Data.from_text("01" * 50, context_length=70), finitegpt.TrainConfig(steps=1)
    finitegpt.train(data, config=config).save(here / "run")
    result = json.loads(call(capsys, "show", "run", "--json"))
    assert result["state_space"]["full_length"] == 2**70
    assert "probs" not in result


@pytest.mark.parametrize(
    ("name", "start"), [("a.svg", b"<svg"), ("a.png", b"\x89PNG"), ("a.dot", b"digraph"), ("a.csv", b"state,next")]
)
def test_show_writes_files(run: str, here: Path, capsys: pytest.CaptureFixture[str], name: str, start: bytes) -> None:
    assert name in call(capsys, "show", run, "--to", name)
    assert (here / name).read_bytes().startswith(start)
    assert sorted(path.name for path in here.iterdir()) == sorted([name, "run"])


def test_sample(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "sample", run).startswith("111")
    first = call(capsys, "sample", run, "-n", "40", "--start", "0", "--seed", "3").strip()
    assert len(first) == 41
    assert first == call(capsys, "sample", run, "-n", "40", "--start", "0", "--seed", "3").strip()
    assert first != call(capsys, "sample", run, "-n", "40", "--start", "0", "--seed", "4").strip()
    result = json.loads(call(capsys, "sample", run, "--greedy", "--json"))
    chain = finitegpt.greedy(finitegpt.Run.load(run).chain)
    assert result["text"] == chain.sample(20, start="111")


def test_size(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = {row["name"]: row for row in json.loads(call(capsys, "size", "--json"))["sizes"]}
    assert round(sizes["gpt2"]["bits"]) == 15_992
    assert round(sizes["gpt3"]["bytes"]) == 7_996
    assert round(sizes["gpt4"]["bytes"]) == 63_967
    own = json.loads(call(capsys, "size", "--vocab-size", "50257", "--context-length", "2048", "--json"))
    assert round(own["sizes"][0]["bits"]) == 31_984
    assert "Commodore 64" in call(capsys, "size", "gpt4")


BAD = [
    (["train", ""], "an empty one"),
    (["train", "11"], "longer than the context length"),
    (["train", "11111111"], "at least two tokens"),
    (["train", "0120", "--vocab", "01"], "got '2' at position 3"),
    (["train", "0101", "--text", "x"], "got SEQUENCE and --text"),
    (["train", "--n-head", "3"], "n_head to divide n_embd"),
    (["train", "--n-layer", "1000000000"], "at most 1,024"),
    (["train", "--n-embd", "16384", "--n-layer", "1024", "--n-head", "1"], "TiB"),
    (["train", "--keep-steps", "--context-length", "40", "--text", "long.txt"], "EiB|more than 1024 PiB|TiB|PiB"),
    (["train", "--text", "missing.txt"], "No such file"),
    (["train", "--text", "."], "Is a directory"),
    (["train", "--text", "binary"], "UTF-8"),
    (["train", "--steps", "many"], "--steps"),
    (["train", "--steps", "-1"], "at least 0"),
    (["train", "--lr", "1e30"], "finite loss"),
    (["train", "--lr", "inf"], "finite number"),
    (["train", "--out", "run"], "exists"),
    (["train", "--out", "/proc/nowhere"], "expected to write"),
    (["train", "--loss", "middle"], "--loss"),
    (["train", "--quick"], "--quick"),
    (["train", "01010", "extra"], "extra"),
    (["train", "--lr", "1e15", "--steps", "1"], "finite"),
    (["train", "0101", "--vocab", "01\udcff"], "Unicode"),
    (["sample", "run", "--start", "1\udcff"], "got"),
    (["sample", "run", "--seed", "-1"], "a seed of 0 or more"),
    (["train", "--steps", "100000000000000000"], "fewer steps"),
    (["sample", "run", "-n", "100000000000000"], "fewer tokens"),
    (["train", "--seeds", "5"], "a range of seeds"),
    (["train", "--seeds", "0:2", "--validation", "0.3"], "one seed with --validation"),
    (["train", "--seeds", "0:2", "--keep", "best"], "validation data with keep='best'"),
    (["train", "--validation", "2"], "a share of the data between 0 and 1"),
    (["train", "--validation", "missing.txt"], "No such file"),
    (["train", "--validation", "long.txt"], "no longer than the data"),
    (["train", "--validation", "long.txt", "--source", "even"], "a share of what is drawn for --validation"),
    (["train", "--patience", "3"], "validation data with patience=3"),
    (["train", "--betas", "0.9", "1"], "betas below 1"),
    (["train", "--betas", "0.9"], "--betas"),
    (["train", "--min-lr", "0.0001"], "a decay with min_lr"),
    (["train", "--decay", "fast"], "--decay"),
    (["train", "--dropout", "0.1"], "--dropout"),
    (["train", "--no-norm-weight"], "a weight in LayerNorm"),
    (["train", "--seeds", "7:3"], "a range of seeds"),
    (["train", "--seeds", "0:2", "--context-length", "13"], "at most 4,096 states"),
    (["train", "--seeds", "0:2", "--lr", "1e30"], "finite loss"),
    (["show", "missing"], "run.json"),
    (["show", "."], "run.json"),
    (["show", "run", "--to", "chain.gif"], "ending in .svg"),
    (["show", "run", "--to", "missing/chain.svg"], "No such file"),
    (["show", "run", "--to", "run"], "ending in .svg"),
    (["show", "run", "--to", "folder.svg"], "got the folder"),
    (["show", "run", "--temperature", "0"], "above 0"),
    (["show", "run", "--top-p", "2"], "top-p"),
    (["sample", "run", "-n", "-1"], "0 or more"),
    (["sample", "run", "--start", "2"], "got '2'"),
    (["sample", "run", "--start", ""], "at least one token"),
    (["size", "gpt5"], "gpt5"),
    (["size", "gpt2", "--vocab-size", "2", "--context-length", "3"], "got both"),
    (["size", "--vocab-size", "2"], "got one of them"),
    (["size", "--vocab-size", "1", "--context-length", "3"], "at least 2"),
    (["fly"], "fly"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[" ".join(arguments)[:40] for arguments, _ in BAD])
def test_bad_input_is_one_line_and_changes_nothing(
    run: str, here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    import re

    (here / "binary").write_bytes(bytes(range(256)))
    (here / "long.txt").write_text("01" * 100)
    (here / "folder.svg").mkdir()
    before = {path: path.stat().st_mtime_ns for path in here.rglob("*") if path.is_file()}
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert re.search(message, err)
    assert "try " in err
    assert {path: path.stat().st_mtime_ns for path in here.rglob("*") if path.is_file()} == before


def test_a_full_disk_is_one_line(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("finitegpt.weights.save", full)
    assert main(["train", "--out", "run"]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert list(here.iterdir()) == []


def test_every_command_and_option_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    commands = [name for name in app if not name.startswith("-")]
    assert set(commands) == {"train", "show", "sample", "size", "analyze", "prove", "check", "play", "export"}
    for name in commands:
        explained = call(capsys, name, "--help")
        for argument in app[name].assemble_argument_collection(parse_docstring=True):
            if argument.show:
                assert argument.parameter.help, f"{name} {argument.name} has no help"
                assert argument.parameter.help.split()[0] in explained


# --- the real command


def command(*arguments: str, **options: object) -> subprocess.Popen[str]:
    line = [sys.executable, "-m", "finitegpt.cli", *arguments]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)  # type: ignore[call-overload]


def test_the_program_returns_its_exit_code(here: Path) -> None:
    process = command("train", "111")
    out, err = process.communicate()
    assert (process.returncode, out, err.count("\n")) == (2, "", 1)


def test_two_programs_at_once_get_two_folders(here: Path) -> None:
    slow, fast = command("train", "--steps", "20000"), command("train", "--steps", "1")
    for process in (slow, fast):
        _, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, "")
    steps = sorted(len(finitegpt.Run.load(path).losses) for path in (here / "runs").iterdir())
    assert steps == [1, 20000]


def test_output_that_cannot_show_every_sign(here: Path) -> None:
    process = command("train", "--json", "éhéhéh", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert json.loads(out)["vocab"] == ["h", "é"]
    process = command("train", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "")


def test_ctrl_c_saves_what_was_reached(here: Path) -> None:
    process = command("train", "--steps", "100000000", "--out", "run")
    while not any(here.glob(".run.partial-*")):
        time.sleep(0.05)
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    assert "stopped after" in out
    assert len(finitegpt.Run.load(here / "run").losses) > 0


def test_ctrl_c_ends_long_work_at_once(here: Path) -> None:
    data, config = finitegpt.Data.from_text("01" * 20, context_length=26), finitegpt.TrainConfig(steps=0)
    finitegpt.train(data, config=config).save(here / "long")
    process = command("show", "long", "--to", "chain.csv")
    time.sleep(4)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (130, "", "finitegpt: stopped\n")
    assert not (here / "chain.csv").exists()


def test_a_reader_that_goes_away_is_no_traceback(here: Path) -> None:
    process = command("train")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process, process.stderr:
        assert "Traceback" not in process.stderr.read()


def test_importing_is_light() -> None:
    heavy = ("torch", "scipy", "networkx", "graphviz")
    code = f"import sys, finitegpt.cli, finitegpt.report; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"


@pytest.fixture
def golden(here: Path) -> str:
    """A run trained on a source, with the chain after every step."""
    line = "train --source golden-mean --length 2000 --context-length 4 --n-layer 1 --steps 40 --lr 1e-2 --keep-steps"
    main([*line.split(), "--out", "golden", "--json"])
    return "golden"


def test_a_source_is_drawn_from_and_remembered(golden: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    run = finitegpt.Run.load(golden)
    assert run.data.source == "golden_mean"
    assert len(run.data.tokens) == 2000
    assert "11" not in run.data.text


def test_a_text_is_transformed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "text.txt").write_text("Call me Ishmael. Some years ago", encoding="utf-8")
    result = json.loads(call(capsys, "train", "--text", "text.txt", "--transform", "vowels", "--steps", "1", "--json"))
    assert result["vocab"] == ["c", "v"]
    (here / "words.txt").write_text("the cat and the dog and the cow " * 4, encoding="utf-8")
    call(capsys, "train", "--text", "words.txt", "--transform", "words:8", "--context-length", "2", "--steps", "1")
    out = call(capsys, "sample", "runs/001", "-n", "5")
    assert len(out.split()) == 7
    assert "the" in call(capsys, "show", "runs/001")


def test_analyze_says_what_a_chain_means(golden: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    out = call(capsys, "analyze", golden, "--red", "*11")
    for words in (
        "16 states, aperiodic",
        "golden_mean",
        "0.462098",
        "KL rate",
        "memory",
        "mixing time",
        "excess entropy",
        "order of the text's own chain: 1 by BIC",
        "on average",
        "remembers",
        "red states *11",
        "machine",
        "greedy",
    ):
        assert words in " ".join(out.split())
    assert max(len(line) for line in out.splitlines()) <= 80


def test_analyze_json_has_every_number_with_its_certificate(golden: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    result = json.loads(call(capsys, "analyze", golden, "--red", "*11", "--red", "1??1", "--json"))
    rate = result["entropy_rate"]
    assert rate["certified"]
    assert rate["low"] <= rate["value"] <= rate["high"]
    assert result["recurrent_classes"] == 1
    assert result["classes"][0]["stationary"]["certified"]
    assert result["comparison"]["against"] == "golden_mean"
    assert result["comparison"]["cross_entropy"]["value"] > result["source_entropy_rate"][0]
    assert len(result["memory"]["h"]) == 5
    assert result["memory"]["excess_entropy_bound"]["certified"]
    assert result["machine"]["statistical_complexity_bound"]["certified"]
    assert result["comparison"]["mean_total_variation"]["certified"]
    assert result["markov_order"]["by_bic"] == 1
    assert len(result["markov_order"]["bic"]) == 5
    assert [row["patterns"] for row in result["red"]] == [["*11"], ["1??1"]]
    assert [row["name"] for row in result["decodings"]] == ["T = 1", "T = 0.7", "T = 0.3", "greedy"]
    assert result["decodings"][3]["entropy_rate"]["value"] == 0


def test_analyze_takes_a_run_or_a_source_for_the_truth(
    golden: str, run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    itself = json.loads(call(capsys, "analyze", run, "--against", run, "--json"))
    assert itself["comparison"]["kl_rate"]["value"] == 0
    shorter = json.loads(call(capsys, "analyze", golden, "--against", run, "--json"))
    assert shorter["comparison"]["kl_rate"]["value"] > 0
    assert json.loads(call(capsys, "analyze", run, "--json"))["comparison"] is None
    assert "against even" in call(capsys, "analyze", golden, "--against", "even")


def test_analyze_of_a_greedy_chain_ends_in_a_cycle(golden: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    result = json.loads(call(capsys, "analyze", golden, "--greedy", "--json"))
    assert result["entropy_rate"]["value"] == 0
    assert all(row["size"] == row["period"] for row in result["classes"])
    assert "cycle" in call(capsys, "analyze", golden, "--greedy")


def test_the_report_is_one_page_that_loads_nothing(golden: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    call(capsys, "analyze", golden, "--red", "*11", "--report", "report.html")
    page = (here / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") >= 5
    for word in ("<script", "http:", "https:", "src=", "@import", "url("):
        assert word not in page.replace("http://www.w3.org/2000/svg", "")
    assert "default-src 'none'" in page
    assert main(["analyze", golden, "--report", "report.html"]) == 2
    assert "exists" in capsys.readouterr().err


def test_bad_input_to_analyze_is_one_line(golden: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    for arguments, words in (
        (["analyze", "nothing"], "nothing"),
        (["analyze", golden, "--red", "2"], "got '2'"),
        (["analyze", golden, "--red", "11111"], "describes none"),
        (["analyze", golden, "--against", "odd"], "expected a source"),
        (["analyze", golden, "--against", "."], "neither"),
        (["analyze", golden, "--against", "mess3"], "same vocabulary"),
        (["analyze", golden, "--report", "report.pdf"], ".html"),
        (["train", "--source", "odd"], "expected a source"),
        (["train", "--source", "even", "--text", "x"], "got --text and --source"),
        (["train", "--length", "5"], "--source with --length"),
        (["train", "--source", "even", "--length", "3"], "longer than the context"),
        (["train", "--source", "even", "--vocab", "01"], "as it is"),
        (["train", "0101", "--transform", "vowel"], "expected a transform"),
    ):
        assert main(arguments) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert words in err
        assert "try " in err


def test_a_run_of_a_source_that_is_none_is_damaged(golden: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = here / golden / "run.json"
    facts.write_text(facts.read_text(encoding="utf-8").replace('"golden_mean"', '"bogus*"'), encoding="utf-8")
    capsys.readouterr()
    assert main(["analyze", golden]) == 2
    assert "known source, got 'bogus*'" in capsys.readouterr().err


# --- proofs


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--entropy-rate"], "entropy rate"),
        (["--against", "golden_mean"], "KL rate"),
        (["--red", "*11"], "ever reaching"),
        (["--red", "*11", "--start", "0000"], 'from "0000"'),
        (["--red", "*11", "--mean-time", "--temperature", "0.7"], "mean number of tokens"),
        (["--red", "*11", "--mass"], "mass of"),
    ],
)
def test_a_number_is_proved_and_checked(
    golden: str, here: Path, capsys: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    out = call(capsys, "prove", golden, *options, "--out", "proof.json")
    statement, written = out.splitlines()
    assert words in statement
    assert written == "wrote proof.json"
    assert call(capsys, "check", "proof.json") == statement + "\n"
    result = json.loads(call(capsys, "prove", golden, *options, "--out", "again.json", "--json"))
    assert result["narrow"]
    assert result["files"] == {"proof": "again.json"}
    assert json.loads(call(capsys, "check", "again.json", "--json"))["statement"] == statement == result["statement"]
    assert (here / "again.json").read_bytes() == (here / "proof.json").read_bytes()


def test_bad_input_to_prove_and_check_is_one_line(
    golden: str, here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = ["--out", "proof.json"]
    for arguments, words in [
        (["prove", golden, *out], "one of --red"),
        (["prove", golden, "--red", "*11", "--entropy-rate", *out], "one of --red"),
        (["prove", golden, "--entropy-rate", "--mass", *out], "expected --red with"),
        (["prove", golden, "--red", "*11", "--mass", "--mean-time", *out], "expected --red with"),
        (["prove", golden, "--red", "2", *out], "got '2'"),
        (["prove", golden, "--red", "*11", "--start", "2", *out], "got '2'"),
        (["prove", golden, "--red", "*111", "--mean-time", "--greedy", *out], "surely"),
        (["prove", golden, "--against", "golden_mean", "--greedy", *out], "infinite"),
        (["prove", golden, "--entropy-rate"], "--out"),
        (["prove", golden, "--entropy-rate", "--out", golden], "exists"),
        (["prove", golden, "--entropy-rate", "--out", "none/proof.json"], "expected to write"),
        (["check", "none"], "a file of up to"),
        (["check", golden], "a file of up to"),
        (["check", f"{golden}/run.json"], "expected"),
    ]:
        assert main(arguments) == 2, arguments
        out_, err = capsys.readouterr()
        assert (out_, err.count("\n")) == ("", 1)
        assert words in err
        assert not (here / "proof.json").exists()


def test_a_wide_interval_says_so(
    golden: str, here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finitegpt.prove.claims.SMALL", 1)
    monkeypatch.setattr("finitegpt.prove.doubles._STEPS", 1)
    monkeypatch.setattr("finitegpt.prove.doubles.LARGEST_GTH", 1)
    out = call(capsys, "prove", golden, "--entropy-rate", "--out", "proof.json")
    assert "the interval is wide" in out
    call(capsys, "check", "proof.json")
