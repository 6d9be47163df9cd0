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
    first = states.text(loaded.data.tokens[:L], vocab) if start is None else start
    walked = loaded.model.sample(tokenize(first, vocab).tolist(), n, seed=seed, decode=decoding)
    text = states.text(walked, vocab)
    if json:
        print_json({"start": first, "text": text, "n": n, "seed": seed})
    else:
        print(text)
