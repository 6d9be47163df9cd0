"""finitegpt analyze: what the chain of a run says, with certificates."""

from functools import partial
from pathlib import Path

from finitegpt.cli.shared import Decoding, Flag, app, console, print_json, progress, truth_of
from finitegpt.errors import FileError, InputError
from finitegpt.run import Run


@app.command
def analyze(
    run: Path,
    /,
    *,
    red: list[str] | None = None,
    against: str | None = None,
    report: Path | None = None,
    decoding: Decoding | None = None,
    json: Flag = False,
) -> None:
    """Say what the chain of a run means: where it ends, how random it is, what it remembers, what it can reach.

    Every number is exact to the digits shown, or says that it is uncertified.

    Parameters
    ----------
    run
        The folder of a run.
    red
        A pattern of states that should not be reached: 11? begins with 11, *000 ends in 000. May be given several
        times.
    against
        Another run, or a source such as even, to take for the truth; by default the source of the run's data,
        if it is stationary.
    report
        A new HTML file for the same with pictures.
    json
        Print one JSON object and nothing else.
    """
    from finitegpt import summary
    from finitegpt.report import analysis as said
    from finitegpt.sources import Source, parse

    loaded = Run.load(run)
    if report is not None and report.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"expected a report ending in .html, got {str(report)!r}; try report.html")
    try:
        source = parse(loaded.data.source) if loaded.data.source else None
    except InputError:
        raise FileError(
            f"expected a run of a known source, got {loaded.data.source!r} in its run.json; try training it again"
        ) from None
    if not isinstance(source, Source) or not source.stationary:
        source = None  # what is known of one with a beginning is not of the long run
    truth = None if against is None else truth_of(against, loaded)
    n = loaded.model.config.vocab_size**loaded.model.config.context_length
    with progress(n, "states") as update:
        chain = loaded.model.chain(
            counts=loaded.data.counts(), progress=update and (lambda done, total: update(done, ""))
        )
    with progress(None, "analysis") as tell:
        found = summary.summarise(
            chain.map_rows(decoding) if decoding else chain,
            decoding=decoding.title if decoding else "",
            data=loaded.data,
            source=source,
            against=truth,
            red=red or (),
            progress=None if tell is None else partial(tell, 0),
        )
    files = {}
    if report is not None:
        from finitegpt.output import write_report

        write_report(found, loaded, report)
        files = {"report": str(report)}
    if json:
        print_json(said.summary_json(found, files))
    else:
        said.print_analysis(console(), found, files)
