"""Documents and exact laws on the command line."""

import json
from pathlib import Path

import pytest

import finitegpt
from finitegpt.cli import main


def call(capsys: pytest.CaptureFixture[str], line: str) -> str:
    assert main(line.split()) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


FAST = "--steps 2 --n-layer 1"


def test_documents_one_a_line(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "names").write_bytes(b"\xef\xbb\xbfemma\r\n\r\nava\nmia")
    line = f"train --documents names --bos . --eos . --loss all {FAST} --out run --json"
    result = json.loads(call(capsys, line))
    data = finitegpt.Run.load(here / "run").data
    assert data == finitegpt.Data.from_sequences(["emma", "ava", "mia"], context_length=3, bos=".", eos=".")
    assert (result["sequences"], result["windows"]) == (3, 7)
    assert (here / "run" / "data.txt").read_text() == "emma\nava\nmia\n"
    assert "3 sequences of 16 tokens, 7 windows of up to 3" in call(
        capsys, f"train --documents names --bos . --eos . --loss all {FAST}"
    )


def test_what_is_done_with_a_run_of_documents(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "names").write_text("ab\nb\n")
    call(capsys, "train --documents names --bos . --eos . --steps 150 --lr 0.01 --out run")
    assert set(call(capsys, "sample run -n 6").splitlines()) == {"ab", "b"}
    assert call(capsys, "sample run -n 2 --start a") == "ab\nab\n"
    found = json.loads(call(capsys, "sample run -n 2 --json"))
    assert found["text"] == "".join(f"{one}\n" for one in found["documents"])
    assert len(found["documents"]) == 2
    assert "loss on the data" in call(capsys, "analyze run")
    assert "." in call(capsys, "show run")
    call(capsys, "analyze run --report report.html --json")
    assert "in 2 sequences" in (here / "report.html").read_text()
    assert main(["export", "run", "page.html"]) == 0
    call(capsys, f"train --documents names --bos . {FAST} --out begun")
    assert main(["export", "begun", "begun.html"]) == 2
    assert "got one of other sequences" in capsys.readouterr().err
    assert not (here / "begun.html").exists()
    found = json.loads(call(capsys, f"train --documents names --bos . --seeds 0:2 {FAST} --out many --json"))
    assert finitegpt.Ensemble.load(here / "many").data.borders is not None


def test_a_folder_is_a_document_a_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "texts").mkdir()
    (here / "texts" / "b").write_text("The cat.\nThe dog.\n")
    (here / "texts" / "a").write_text("A cat!")
    call(capsys, f"train --documents texts --transform words:2 {FAST} --context-length 1 --out run")
    data = finitegpt.Run.load(here / "run").data
    assert data.text == "* cat\nthe cat the *\n"
    call(capsys, f"train --documents texts --transform letters --eos . {FAST} --out other")
    assert finitegpt.Run.load(here / "other").data.text == "a cat\nthe cat the dog\n"
    out = call(capsys, "sample other -n 500")
    assert out.strip().endswith(".")


def test_the_exact_law_of_a_source(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = call(capsys, f"train --source golden_mean --exact {FAST} --out run")
    assert "8 words of 4 tokens, by their exact probabilities" in out
    run = finitegpt.Run.load(here / "run")
    assert run.data == finitegpt.Data.from_source(finitegpt.sources.golden_mean(), context_length=3)
    assert "against golden_mean" in call(capsys, "analyze run")
    call(capsys, f"train --source dirichlet:2 --exact {FAST} --out prior")
    assert "against" not in call(capsys, "analyze prior")
    call(capsys, f"train --source even@1,0 --length 103 {FAST} --out begun")
    borders = finitegpt.Run.load(here / "begun").data.borders
    assert borders is not None
    assert (borders.m, borders.n) == (25, 100)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--bos .", "expected --documents with --bos"),
        ("01 --exact", "expected --source with --exact"),
        ("01 --length 5", "expected --source with --length"),
        ("01 --documents names", "got SEQUENCE and --documents"),
        ("--source even --exact --length 9", "--exact or --length"),
        ("--source even --exact --context-length 30", "words of 31 tokens"),
        ("--source dirichlet:2 --length 3", "--length above the context length"),
        ("--source even --transform bits", "a source as it is"),
        ("--documents nowhere", "to read 'nowhere'"),
        ("--documents empty", "with none"),
        ("--documents blank", "got none in 'blank'"),
        ("--documents binary", "got a binary file"),
        ("--documents nested", "got the folder 'inner'"),
        ("--documents names", "got 1 in number 2"),
        ("--documents names --transform dna", "text with dna"),
    ],
)
def test_bad_data(here: Path, capsys: pytest.CaptureFixture[str], line: str, message: str) -> None:
    (here / "names").write_text("ab\nb\n")
    (here / "blank").write_text("\n\n")
    (here / "binary").write_bytes(b"ab\0\nab")
    (here / "empty").mkdir()
    (here / "nested" / "inner").mkdir(parents=True)
    assert main(["train", *line.split(), *FAST.split()]) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert err.count("\n") == 1
    assert out == ""
