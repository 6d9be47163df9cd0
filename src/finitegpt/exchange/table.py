"""CSV, a row an arrow."""

import csv
from collections.abc import Sequence
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from finitegpt import states


def write_table(
    probs: NDArray[np.float64],
    log_probs: NDArray[np.floating],
    vocab: Sequence[str],
    context_length: int,
    counts: NDArray[np.int64] | None,
    file: TextIO,
) -> None:
    """Writes a row an arrow: state, next token, successor, probability, its natural logarithm, and the count."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["state", "next", "to", "probability", "log_probability", "count"])
    for id in range(len(probs)):
        targets = states.successors(id, len(vocab), context_length)
        for token, symbol in enumerate(vocab):
            writer.writerow(
                [
                    states.label(id, vocab, context_length),
                    symbol,
                    states.label(int(targets[token]), vocab, context_length),
                    repr(float(probs[id, token])),
                    repr(float(log_probs[id, token])),
                    "" if counts is None else int(counts[id]),
                ]
            )
