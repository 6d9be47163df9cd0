"""finitegpt sample: a walk along the chain of a run."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from finitegpt import states
from finitegpt.cli.shared import Decoding, Flag, Sign, app, print_json
from finitegpt.errors import InputError
from finitegpt.run import Run


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
    """Walk the chain of a run: print a start and the tokens that follow it, or documents.

    Of a run whose documents have a bos and an eos, -n documents are printed, one a line, each from its bos to its eos;
    a start is how each of them begins. With an eos alone, a walk ends there at the latest.

    Parameters
    ----------
    run
        The folder of a run.
    n
        Tokens to draw, or documents.
    start
        The context to start from, of any length; by default the first of the data: its bos, if it has one.
    seed
        Seed of the walk.
    json
        Print one JSON object and nothing else.
    """
    from finitegpt.data import tokenize
    from finitegpt.lines import joined

    loaded = Run.load(run)
    vocab, borders = loaded.model.vocab, loaded.data.borders
    if start == "":
        raise InputError("expected a start of at least one token, got an empty one; try leaving --start out")
    if borders is not None and borders.bos is not None and borders.eos is not None:
        documents = loaded.sample_sequences(n, start=start or "", seed=seed, decode=decoding)
        text = joined(documents, vocab)
        if json:
            print_json({"start": start or "", "text": text, "documents": documents, "n": n, "seed": seed})
        else:
            print(text, end="")
        return
    first = states.text(loaded.data.first_context, vocab) if start is None else start
    until = None if borders is None else borders.eos
    walked = loaded.model.sample(tokenize(first, vocab).tolist(), n, seed=seed, decode=decoding, until=until)
    text = states.text(walked, vocab)
    if json:
        print_json({"start": first, "text": text, "n": n, "seed": seed})
    else:
        print(text)
