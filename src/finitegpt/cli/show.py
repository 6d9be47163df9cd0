"""finitegpt show: the chain of a run, on the terminal or as a file."""

from pathlib import Path

from finitegpt.cli.shared import Decoding, Flag, app, console, print_json, progress
from finitegpt.errors import InputError
from finitegpt.run import Run


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
        print_json(facts)
        return
    with progress(space["full_length"], "states") as update:
        chain = loaded.model.chain(
            counts=loaded.data.counts(), progress=update and (lambda done, total: update(done, ""))
        )
    chain = chain.map_rows(decoding) if decoding else chain
    if to is not None:
        write_chain(chain, (decoding and decoding.title) or "the chain", to)
    if json:
        rows = report.chain_json(chain) if report.is_small(config) else {}
        print_json({**facts, **rows, **({"files": {"chain": str(to)}} if to else {})})
    elif to is not None:
        print(f"wrote {to}")
    else:
        report.print_chain(console(), chain)
