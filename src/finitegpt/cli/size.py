"""finitegpt size: how many states a GPT has, and how much one of them remembers."""

from typing import Literal

from finitegpt import states
from finitegpt.cli.shared import Flag, app, console, print_json
from finitegpt.data import NOTEBOOK_CONTEXT_LENGTH
from finitegpt.errors import InputError

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
        print_json({"sizes": rows})
    else:
        report.print_sizes(console(), rows)
