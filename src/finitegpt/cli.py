"""The command line: thin commands over the library."""

import io
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, CycloptsError, Parameter

from finitegpt import states
from finitegpt.chain import Rows
from finitegpt.config import GPTConfig, TrainConfig
from finitegpt.data import NOTEBOOK_CONTEXT_LENGTH, NOTEBOOK_SEQUENCE, Data
from finitegpt.decode import decode_rows
from finitegpt.ensemble import Ensemble, train_many
from finitegpt.errors import FileError, FiniteGPTError, InputError
from finitegpt.files import new_folder, numbered_folder, read_text
from finitegpt.train import Run, train

if TYPE_CHECKING:
    from rich.console import Console

app = App(
    name="finitegpt",
    help="Train a GPT small enough to be computed whole: every context a state, every next token an arrow.",
    version_flags=["--version"],
    suppress_keyboard_interrupt=False,
)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Decoding:
    """How next tokens are chosen."""

    temperature: float | None = None
    "Divide log-probabilities by this, above 0."
    top_k: int | None = None
    "Keep the K most probable tokens."
    top_p: float | None = None
    "Keep the most probable tokens until they reach P."
    greedy: Annotated[bool, Parameter(negative="")] = False
    "Always take the most probable token."

    def __call__(self, rows: Rows) -> Rows:
        """The rows of log-probabilities (n, V), decoded."""
        return decode_rows(rows, temperature=self.temperature, top_k=self.top_k, top_p=self.top_p, greedy=self.greedy)


Flag = Annotated[bool, Parameter(negative="")]
Sign = Annotated[str | None, Parameter(allow_leading_hyphen=True)]  # text that may begin with a dash


@app.command(name="train")
def train_command(
    sequence: str | None = None,
    /,
    *,
    text: Sign = None,
    vocab: Sign = None,
    context_length: int = NOTEBOOK_CONTEXT_LENGTH,
    n_layer: int = 4,
    n_head: int = 4,
    n_embd: int = 16,
    bias: Flag = False,
    loss: Literal["last", "all"] = "last",
    steps: int = 50,
    lr: float = 1e-3,
    weight_decay: float = 0.1,
    seed: int = 1337,
    seeds: str | None = None,
    batch_size: int | None = None,
    out: Path | None = None,
    keep_steps: Flag = False,
    json: Flag = False,
) -> None:
    """Train a GPT on a sequence and show the Markov chain it becomes.

    With no SEQUENCE this is the notebook's experiment. The run is saved to --out, or to a new folder under runs/;
    with --json only to --out, or where tables are too long to print.

    Parameters
    ----------
    sequence
        The training data, one token a character. Write -- before one that begins with a dash.
    text
        A UTF-8 file to train on instead, or - for standard input; a line end at its very end is left out.
    vocab
        The tokens, in order; by default the distinct characters of the data, sorted.
    context_length
        Tokens that the model sees.
    n_layer
        Layers.
    n_head
        Attention heads a layer; divides --n-embd.
    n_embd
        Width of the residual stream.
    bias
        Give linear layers a bias.
    loss
        Learn the last token of each window, or every token.
    steps
        AdamW steps.
    lr
        Learning rate.
    weight_decay
        Decoupled weight decay.
    seed
        Seed of the weights and of mini-batches, as in PyTorch.
    seeds
        Train once for each seed of a range such as 0:1000, and report what the seeds agree on.
    batch_size
        Random windows a step; by default all of them, or 256 where more than 4,096 differ.
    out
        A new folder for the run.
    keep_steps
        Save the chain after every step, too.
    json
        Print one JSON object and nothing else.
    """
    if sequence is not None and text is not None:
        raise InputError("expected a SEQUENCE or --text, got both; try one of them")
    if text is not None:
        sequence = read_text(None if text == "-" else Path(text))
        sequence = sequence.removeprefix("\ufeff").removesuffix("\n").removesuffix("\r")
    data = Data.from_text(
        NOTEBOOK_SEQUENCE if sequence is None else sequence, context_length=context_length, vocab=vocab
    )
    model = GPTConfig(
        vocab_size=len(data.vocab),
        context_length=context_length,
        n_layer=n_layer,
        n_head=n_head,
        n_embd=n_embd,
        bias=bias,
    )
    config = TrainConfig(steps=steps, lr=lr, weight_decay=weight_decay, seed=seed, batch_size=batch_size, loss=loss)

    from finitegpt import report

    if seeds is not None:
        _train_seeds(data, model, config, _seed_range(seeds), out, keep_steps, json)
        return

    def run_training() -> Run:
        with _progress(steps, "training") as update:
            return train(
                data,
                model,
                config,
                keep_steps=keep_steps,
                progress=update and (lambda done, loss: update(done, f"loss {loss:.4f}")),
            )

    if json and out is None and report.is_small(model) and not keep_steps:
        _print_json(report.train_json(run_training(), {}))
        return
    from finitegpt.output import write_run

    with _run_folder(out) as (out, partial):
        run = run_training()
        pictures = write_run(run, partial)
    files = {"run": str(out), **{name: str(out / file) for name, file in pictures.items()}}
    if json:
        _print_json(report.train_json(run, files))
    else:
        report.print_training(_console(), run, files)


def _seed_range(text: str) -> range:
    """The seeds that A:B means: A, A + 1, ... B - 1."""
    first, colon, last = text.partition(":")
    if not (colon and first.isdecimal() and last.isdecimal() and int(first) < int(last) <= 2**32):
        raise InputError(f"expected a range of seeds, got {text!r}; try 0:1000")
    return range(int(first), int(last))


def _train_seeds(
    data: Data, model: GPTConfig, config: TrainConfig, seeds: range, out: Path | None, keep_steps: bool, json: bool
) -> None:
    from finitegpt import report
    from finitegpt.output import write_ensemble

    if not report.is_small(model):
        n = states.n_states(model.vocab_size, model.context_length)
        raise InputError(
            f"expected at most {report.LARGEST_TABLE:,} states to compare over seeds, got {report.short(n)}; "
            "try a shorter context, or finitegpt.train_many"
        )

    def run_training() -> Ensemble:
        with _progress(len(seeds), "seeds") as update:
            progress = update and (lambda done, _: update(done, ""))
            return train_many(data, model, config, seeds=seeds, keep_steps=keep_steps, progress=progress)

    if json and out is None and not keep_steps:
        _print_json(report.ensemble_json(run_training(), {}))
        return
    with _run_folder(out) as (out, partial):
        ensemble = run_training()
        saved = write_ensemble(ensemble, partial)
        files = {"ensemble": str(out), **{name: str(out / file) for name, file in saved.items()}}
        result = report.ensemble_json(ensemble, files)
        (partial / "ensemble.json").write_text(_as_json(result) + "\n", encoding="utf-8")
    if json:
        _print_json(result)
    else:
        report.print_ensemble(_console(), ensemble, files)


@app.command
def show(run: Path, /, *, to: Path | None = None, decoding: Decoding | None = None, json: Flag = False) -> None:
    """Show the chain of a run: on the terminal, or as a file.

    Parameters
    ----------
    run
        The folder of a run.
    to
        A file to write: .svg, .png, .dot or .csv.
    json
        Print one JSON object and nothing else.
    """
    from finitegpt.output import WRITERS, write_chain

    loaded = Run.load(run)
    if to is not None and to.suffix.lower() not in WRITERS:
        raise InputError(f"expected a file ending in {', '.join(WRITERS)}, got {str(to)!r}; try chain.svg")
    from finitegpt import report

    config = loaded.model.config
    space = report.state_space(config.vocab_size, config.context_length)
    facts = {"vocab": list(loaded.model.vocab), "context_length": config.context_length, "state_space": space}
    if json and to is None and not report.is_small(config):
        _print_json(facts)
        return
    with _progress(space["full_length"], "states") as update:
        chain = loaded.model.chain(
            counts=loaded.data.counts(), progress=update and (lambda done, total: update(done, ""))
        )
    chain = chain.map_rows(decoding) if decoding else chain
    if to is not None:
        write_chain(chain, _title(decoding), to)
    if json:
        rows = report.chain_json(chain) if report.is_small(config) else {}
        _print_json({**facts, **rows, **({"files": {"chain": str(to)}} if to else {})})
    elif to is not None:
        print(f"wrote {to}")
    else:
        report.print_chain(_console(), chain)


@app.command
def sample(
    run: Path,
    /,
    *,
    n: Annotated[int, Parameter(name=["-n", "--n"])] = 20,
    start: Sign = None,
    seed: int = 0,
    decoding: Decoding | None = None,
    json: Flag = False,
) -> None:
    """Walk the chain of a run: print a start and the tokens that follow it.

    Parameters
    ----------
    run
        The folder of a run.
    n
        Tokens to draw.
    start
        The context to start from, of any length; by default the first of the data.
    seed
        Seed of the walk.
    json
        Print one JSON object and nothing else.
    """
    from finitegpt.data import tokenize

    loaded = Run.load(run)
    vocab, L = loaded.model.vocab, loaded.model.config.context_length
    if start == "":
        raise InputError("expected a start of at least one token, got an empty one; try leaving --start out")
    first = loaded.data.text[:L] if start is None else start
    walked = loaded.model.sample(tokenize(first, vocab).tolist(), n, seed=seed, decode=decoding)
    text = "".join(vocab[token] for token in walked)
    if json:
        _print_json({"start": first, "text": text, "n": n, "seed": seed})
    else:
        print(text)


_GPTS = {  # name -> (tokens, context, a machine with as much memory); sizes as the notebook's article takes them
    "gpt2": (50257, 1024, "a typed page"),
    "gpt3": (50257, 4096, "an Atari 800"),
    "gpt4": (50257, 32768, "a Commodore 64"),
}


@app.command
def size(
    name: Literal["gpt2", "gpt3", "gpt4"] | None = None,
    /,
    *,
    vocab_size: int | None = None,
    context_length: int | None = None,
    json: Flag = False,
) -> None:
    """How many states a GPT has, and how many bits one of them remembers.

    Parameters
    ----------
    name
        One of the known models; with neither a name nor sizes, all of them and the notebook's.
    vocab_size
        Tokens.
    context_length
        Tokens that the model sees.
    json
        Print one JSON object and nothing else.
    """
    from finitegpt import report

    if name is not None and (vocab_size, context_length) != (None, None):
        raise InputError("expected a name or sizes, got both; try one of them")
    if (vocab_size is None) != (context_length is None):
        raise InputError("expected both --vocab-size and --context-length, got one of them; try giving the other")
    if vocab_size is not None and context_length is not None:
        if not (2 <= vocab_size <= 10**9 and 1 <= context_length <= 10**6):
            raise InputError(
                f"expected at least 2 tokens and a context of at least 1, got {vocab_size} and {context_length}; "
                "try 50257 and 1024"
            )
        chosen = {"yours": (vocab_size, context_length, "")}
    else:
        chosen = {"the notebook": (2, NOTEBOOK_CONTEXT_LENGTH, "three coins"), **_GPTS}
        chosen = chosen if name is None else {name: _GPTS[name]}
    rows = []
    for model, (V, L, like) in chosen.items():
        bits = states.bits_per_state(V, L)
        number = report.short(states.n_states(V, L))
        row = {"name": model, "vocab_size": V, "context_length": L, "states": number, "bits": bits, "bytes": bits / 8}
        rows.append({**row, "like": like})
    if json:
        _print_json({"sizes": rows})
    else:
        report.print_sizes(_console(), rows)


def _title(decoding: Decoding | None) -> str:
    if decoding is None:
        return "the chain"
    parts = [f"temperature {decoding.temperature:g}"] if decoding.temperature is not None else []
    parts += [f"top-k {decoding.top_k}"] if decoding.top_k is not None else []
    parts += [f"top-p {decoding.top_p:g}"] if decoding.top_p is not None else []
    return ", ".join(parts + ["greedy"] * decoding.greedy) or "the chain"


@contextmanager
def _run_folder(out: Path | None) -> Iterator[tuple[Path, Path]]:
    """The folder that a run will have, --out or the next of runs/001, runs/002, ..., and where to fill it."""
    if out is None:
        with numbered_folder(Path("runs")) as paths:
            yield paths
    else:
        with new_folder(out) as partial:
            yield out, partial


@contextmanager
def _progress(total: int, what: str) -> Iterator[Callable[[int, str], None] | None]:
    """A progress bar on a terminal, updated with how much is done and a note; None elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.fields[note]}"), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total, note="")
        yield lambda done, note: bar.update(task, completed=done, note=note)


def _console() -> "Console":
    from rich.console import Console

    return Console(highlight=False, soft_wrap=False)


def _as_json(value: dict[str, Any]) -> str:
    plain = (getattr(sys.stdout, "encoding", None) or "ascii").lower() not in ("utf-8", "utf8")
    return json.dumps(value, ensure_ascii=plain, allow_nan=False)


def _print_json(value: dict[str, Any]) -> None:
    print(_as_json(value))


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code, 2 for bad input."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a sign shows another
    try:
        app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
        if sys.stdout is not None:
            sys.stdout.flush()
        return 0
    except CycloptsError as error:
        message = " ".join(str(error).split())
        return _fail(f"{message.rstrip('.')}; try finitegpt --help")
    except FiniteGPTError as error:
        return _fail(str(error))
    except BrokenPipeError:
        sys.stderr.close()  # whoever read us has gone; there is nobody to tell
        return 1
    except OSError as error:
        return _fail(str(FileError(f"expected to read and write files, got {error.strerror or error}; try elsewhere")))
    except MemoryError:
        return _fail("expected enough memory, got too little; try a smaller model or a shorter context")
    except KeyboardInterrupt:
        return _fail("stopped", code=130)


def _fail(message: str, code: int = 2) -> int:
    print(f"finitegpt: {' '.join(message.split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
