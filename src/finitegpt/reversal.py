"""A text read backwards, as a chain of its own."""

from dataclasses import replace

from finitegpt.analysis.backward import backward, exact_law
from finitegpt.analysis.stationary import StationaryDistribution
from finitegpt.chain import Chain


def time_reversal(chain: Chain, law: StationaryDistribution | None = None) -> Chain:
    """The chain of the text read backwards: the same words, from last token to first (Kelly 1979).

    Its contexts are read in the new direction: where the text has `abc` after `x`, its reverse has `x` after `cba`.
    Rows (V**L, V) are float64, without start-up rows and counts. `law` is the chain's only stationary distribution
    unless given; contexts that this text never has are followed by every token alike, and soon left for ever.

    A probability is right within some 2 * law.relative + 2 * chain.rounding, relatively, where the law is proved to be
    right relatively; `finitegpt.analysis.backward` tells it for each row. Arrows below 1e-307 are lost, as in every
    chain. The reverse of the reverse is the chain again, wherever its text ever is.

    >>> chain = Chain.from_probs([[0, 0.9, 0.1], [0.1, 0, 0.9], [0.9, 0.1, 0]], "abc", 1)
    >>> time_reversal(chain).probs.round(6).tolist()
    [[0.0, 0.1, 0.9], [0.9, 0.0, 0.1], [0.1, 0.9, 0.0]]
    """
    rows = backward(chain, exact_law(chain, law)).rows
    return replace(chain, log_probs=rows, startup=None, counts=None)
