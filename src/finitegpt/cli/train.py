"""finitegpt train: from a sequence, a file or a source to a run."""

from pathlib import Path

from finitegpt import states
from finitegpt.cli.data import data_of_documents, data_of_source, data_of_text, validation_of
from finitegpt.cli.settings import ModelOptions, TrainingOptions, ValidationOptions, train_config
from finitegpt.cli.shared import Flag, Sign, Update, app, as_json, console, print_json, progress, run_folder
from finitegpt.config import GPTConfig, TrainConfig
from finitegpt.data import Data
from finitegpt.ensemble import Ensemble, train_many
from finitegpt.errors import InputError
from finitegpt.run import Run
from finitegpt.training import train

_MODEL, _TRAINING, _VALIDATION = ModelOptions(), TrainingOptions(), ValidationOptions()


@app.command(name="train")
def train_command(
    sequence: str | None = None,
    /,
    *,
    text: Sign = None,
    transform: str | None = None,
    source: str | None = None,
    length: int | None = None,
    exact: Flag = False,
    documents: Path | None = None,
    bos: Sign = None,
    eos: Sign = None,
    vocab: Sign = None,
    model: ModelOptions = _MODEL,
    training: TrainingOptions = _TRAINING,
    validation: ValidationOptions = _VALIDATION,
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
    transform
        What to make of the text: characters, letters, bits, vowels (and consonants), dna, or words:5, those that occur
        5 times or more.
    source
        A process with a known law to draw the data from: even, golden_mean, mess3, bernoulli:0.3, periodic:011, ...
    length
        Tokens to draw from the source; 10,000 by default. Of one with a beginning, such as a prior over chains, as many
        sequences of --context-length tokens and one more as they make.
    exact
        Train on the source's exact law: every possible word of --context-length tokens and one more, counted by its
        probability, and no sample.
    documents
        A UTF-8 file of documents, one a line, empty lines left out; or a folder, each file of which is one. Windows
        never cross from one into the next.
    bos
        A sign put before every document, and where `finitegpt sample` begins.
    eos
        A sign put after every document, and where `finitegpt sample` ends; may be the same.
    vocab
        The tokens, in order; by default the distinct characters of the data, sorted.
    out
        A new folder for the run.
    keep_steps
        Save the chain after every step, too.
    json
        Print one JSON object and nothing else.
    """
    what = {"SEQUENCE": sequence, "--text": text, "--documents": documents, "--source": source}
    _require_one(what, {"--length": length, "--exact": exact or None}, {"--bos": bos, "--eos": eos})
    L = model.context_length
    if source is not None:
        if transform is not None or vocab is not None:
            raise InputError("expected a source as it is, got --transform or --vocab; try leaving that out")
        data = data_of_source(source, length, exact, L, training.seed)
    elif documents is not None:
        data = data_of_documents(documents, transform, bos, eos, vocab, L)
    else:
        data = data_of_text(sequence, text, transform, vocab, L)
    held_out = validation_of(validation, data, source is not None, documents is not None, transform)
    shape, config = model.config(len(data.vocab)), train_config(training, validation)

    from finitegpt import report

    if training.seeds is not None:
        if held_out is not None:
            raise InputError("expected one seed with --validation, got --seeds; try --seed")
        _train_seeds(data, shape, config, _seed_range(training.seeds), out, keep_steps, json)
        return

    def run_training() -> Run:
        with progress(config.steps, "training") as update:
            tell = update and _Notes(update)
            return train(
                data,
                shape,
                config,
                validation=held_out,
                keep_steps=keep_steps,
                progress=tell and tell.trained,
                validated=tell and tell.validated,
            )

    if json and out is None and report.is_small(shape) and not keep_steps:
        print_json(report.train_json(run_training(), {}))
        return
    from finitegpt.output import write_run

    with run_folder(out) as (out, partial):
        run = run_training()
        pictures = write_run(run, partial)
    files = {"run": str(out), **{name: str(out / file) for name, file in pictures.items()}}
    if json:
        print_json(report.train_json(run, files))
    else:
        report.print_training(console(), run, files)


def _require_one(what: dict[str, object], of_source: dict[str, object], of_documents: dict[str, object]) -> None:
    """InputError where more than one thing to train on is given, or an option of another one."""
    given = [name for name, value in what.items() if value is not None]
    if len(given) > 1:
        raise InputError(f"expected one of {', '.join(what)}, got {' and '.join(given)}; try one of them")
    wants = {"--source": (of_source, "--source even"), "--documents": (of_documents, "--documents FILE")}
    for need, (options, example) in wants.items():
        strange = next((name for name, value in options.items() if value is not None), None)
        if strange is not None and what[need] is None:
            raise InputError(f"expected {need} with {strange}, got none; try {example}")


class _Notes:
    """What a progress bar says beside how much is done: the last loss, and the last validation loss."""

    def __init__(self, update: Update) -> None:
        self.update, self.losses = update, dict[str, float]()

    def trained(self, done: int, loss: float) -> None:
        """After steps."""
        self._tell(done, "loss", loss)

    def validated(self, done: int, loss: float) -> None:
        """After a look."""
        self._tell(done, "validation", loss)

    def _tell(self, done: int, name: str, loss: float) -> None:
        self.losses[name] = loss
        self.update(done, ", ".join(f"{name} {self.losses[name]:.4f}" for name in sorted(self.losses)))


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
        with progress(len(seeds), "seeds") as update:
            tell = update and (lambda done, _: update(done, ""))
            return train_many(data, model, config, seeds=seeds, keep_steps=keep_steps, progress=tell)

    if json and out is None and not keep_steps:
        print_json(report.ensemble_json(run_training(), {}))
        return
    with run_folder(out) as (out, partial):
        ensemble = run_training()
        saved = write_ensemble(ensemble, partial)
        files = {"ensemble": str(out), **{name: str(out / file) for name, file in saved.items()}}
        result = report.ensemble_json(ensemble, files)
        (partial / "ensemble.json").write_text(as_json(result) + "\n", encoding="utf-8")
    if json:
        print_json(result)
    else:
        report.print_ensemble(console(), ensemble, files)
