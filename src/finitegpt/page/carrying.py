"""What the page needs to show a run, and to train it again."""

import base64
from itertools import pairwise

from finitegpt.batches import generator_of, windows_of
from finitegpt.data import Data, vocabulary
from finitegpt.engine import Engine
from finitegpt.errors import InputError
from finitegpt.model import Model
from finitegpt.page.limits import LIMITS
from finitegpt.run import Run
from finitegpt.states import is_spaced

_MOST_DATA = 100_000
_SAME = 1e-4
"""How far two first losses of the same training can be apart, by rounding, in nats."""


def carried(run: Run) -> dict[str, object]:
    """Values by the names of link/fields.js, weights, losses, and why the page cannot train it again, if it cannot."""
    model, config = run.model.config, run.train
    states = model.vocab_size**model.context_length
    edge = _edge(run.data)
    if is_spaced(run.model.vocab):
        raise InputError("expected a run over characters, got one over words; try analyze --report")
    sizes = {
        "different tokens": (model.vocab_size, LIMITS["MOST_TOKENS"]),
        "arrows": (states * model.vocab_size, LIMITS["MOST_ARROWS"]),
        "layers": (model.n_layer, LIMITS["MOST_LAYERS"]),
        "heads": (model.n_head, LIMITS["MOST_HEADS"]),
        "width": (model.n_embd, LIMITS["MOST_WIDTH"]),
        "steps": (config.steps, LIMITS["MOST_STEPS"]),
        "windows a batch": (config.batch_size or 0, LIMITS["MOST_BATCH"]),
        "characters": (len(run.data.tokens), _MOST_DATA),
    }
    large = [f"{most:,} {name}, got {size:,}" for name, (size, most) in sizes.items() if size > most]
    if large:
        raise InputError(f"expected at most {'; '.join(large)}; try a smaller run, or analyze --report")
    texts = _texts(run.data)
    known = vocabulary("".join(texts))
    own = run.model.vocab == (known if not edge or edge in known else (*known, edge))
    values = {
        "data": "\n".join(texts),
        "edge": edge,
        "vocab": "" if own else "".join(run.model.vocab),
        "context": model.context_length,
        "layers": model.n_layer,
        "heads": model.n_head,
        "width": model.n_embd,
        "bias": model.bias,
        "tied": model.tied,
        "activation": model.activation,
        "norm": model.norm if model.norm_weight else "rmsnorm_plain",
        "embnorm": model.embedding_norm,
        "finalnorm": model.final_norm,
        "loss": config.loss,
        "steps": len(run.losses),
        "lr": config.lr,
        "decay": config.weight_decay,
        "seed": config.seed,
        "batch": config.batch_size or 0,
        "batchseed": -1 if config.batch_seed is None else config.batch_seed,
        "warmup": config.warmup,
        "schedule": config.decay,
        "minlr": config.min_lr,
        "clip": config.clip or 0,
        "beta1": config.betas[0],
        "beta2": config.betas[1],
        "matrices": config.decay_matrices,
    }
    weights = base64.b64encode(run.model.weights.astype("<f4").tobytes()).decode()
    return {"values": values, "weights": weights, "losses": run.losses.tolist(), **_again(run)}


def _edge(data: Data) -> str:
    """The sign at both ends of each document; none where the data is one text.

    InputError for sequences that are no lines with such a sign: the page has no others.
    """
    borders = data.borders
    if borders is None:
        return ""
    sign = borders.bos
    plain = borders.weights is None and borders.mask is None and borders.beginnings and not borders.exact
    lines = int(borders.lengths.min()) > 2 and "\n" not in data.vocab
    if not plain or not lines or sign is None or sign != borders.eos or len(sign) > 1 or sign.isspace():
        raise InputError(
            "expected a run of one text, or of documents, one a line, with the same sign as bos and eos, got one of "
            "other sequences; try analyze --report"
        )
    return sign


def _texts(data: Data) -> list[str]:
    """The one text, or each document without its ends."""
    if data.borders is None:
        return ["".join(data.vocab[token] for token in data.tokens)]
    ends = pairwise(data.borders.firsts.tolist())
    return ["".join(data.vocab[token] for token in data.tokens[first + 1 : end - 1]) for first, end in ends]


def _again(run: Run) -> dict[str, str | None]:
    """Why the page cannot train a run again, as a key of the strings."""
    config, done, data = run.train, len(run.losses), run.data
    _, after = Engine().begin(run.model.config, config.seed)
    if config.batches != "random" and config.batch_size:
        return {"fixed": "fixed.batches"}
    if config.keep == "best":
        return {"fixed": "fixed.kept"}
    if config.decay != "constant" and done < config.steps:
        return {"fixed": "fixed.stopped"}
    if run.given is not None:
        return {"fixed": "fixed.start"}
    first = windows_of(data, config, 1, generator_of(data, config, after))
    drawn = Model.init(run.model.config, run.model.vocab, seed=config.seed)
    if done and abs(Engine().loss(drawn.config, first, drawn.weights) - run.losses[0]) > _SAME:
        return {"fixed": "fixed.start"}
    return {"fixed": None}
