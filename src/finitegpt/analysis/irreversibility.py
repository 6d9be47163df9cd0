"""The arrow of time in a text: whether it reads the same backwards, and how fast it shows that it does not.

Two things are called reversible, and they differ. Here it is the text: every word is as probable as the same word read
backwards. Then no statistic of the text tells its direction. In textbooks it is the chain on its states, by detailed
balance, pi(i) P(i, j) = pi(j) P(j, i); a chain over contexts of several tokens never has that, unless it hardly moves:
`ab` is followed by `bc`, and `bc` never by `ab`. With contexts of one token both are the same (Kolmogorov 1936).
"""

import math
from dataclasses import dataclass

import numpy as np

from finitegpt import states
from finitegpt.analysis.backward import Words, backward, exact_law, words_of
from finitegpt.analysis.bound import ROUNDING, Bound
from finitegpt.analysis.cycles import is_balanced, is_forced
from finitegpt.analysis.divergence import divergence
from finitegpt.analysis.entropy import average, doubt
from finitegpt.analysis.spectrum import shortened
from finitegpt.analysis.stationary import StationaryDistribution
from finitegpt.rows import LEAST, RowOperator, of_rows

_FORCED, _BALANCED = 4096, 2**17  # so many words are looked at in about a second
_ALIKE, _LOST = 1e-9, 1e-300
_UNKNOWN = "the probabilities of words are not known well enough; a shorter context or a higher temperature would help"
_EQUAL = "words and their reverses are as probable as each other to all digits, which no digits prove"


@dataclass(frozen=True, kw_only=True)
class Reversibility:
    """Whether a text reads the same backwards. True and false as what it says."""

    reversible: bool
    certified: bool
    """Whether that is proved."""
    word: str = ""
    """Where it is not reversible, the word of L + 1 tokens that shows it most."""
    forward: Bound | None = None
    """The probability of that word."""
    backward: Bound | None = None
    """The probability of the word read backwards."""
    why: str = ""
    """Where nothing is proved, why."""

    def __bool__(self) -> bool:
        return self.reversible


@of_rows
def is_reversible(chain: RowOperator, law: StationaryDistribution | None = None) -> Reversibility:
    """Whether the text of the long run reads the same backwards: every word as probable as its reverse.

    `law` is the chain's only stationary distribution unless given. That it does not is proved by a word without a
    reverse, or by intervals of two probabilities that are apart. That it does is proved where the arrows leave no
    choice, as with two tokens and a context of up to two of them, and for float32 rows by Kolmogorov's criterion in
    exact numbers; rows of float64 are logarithms that have been rounded, so that it then stays uncertified.

    >>> from finitegpt import Chain
    >>> bool(is_reversible(Chain.from_probs([[0.9, 0.1], [0.5, 0.5]], "ab", 1)))
    True
    >>> found = is_reversible(Chain.from_probs([[0, 0.9, 0.1], [0.1, 0, 0.9], [0.9, 0.1, 0]], "abc", 1))
    >>> found.reversible, found.certified, found.word, str(found.forward), str(found.backward)
    (False, True, 'ab', '0.300000', '0.0333333')
    """
    law = exact_law(chain, law)
    return _judged(chain, law, words_of(chain, law))


@of_rows
def entropy_production(chain: RowOperator, law: StationaryDistribution | None = None) -> Bound:
    """How fast a text shows its direction, in nats a token: the KL rate of the text to the text read backwards.

    That is the mean of ln(p / q), q being the probability of the next token in the text read backwards (Seifert 2005;
    Roldan and Parrondo 2010): 0 for a text that reads the same backwards, infinite where a word has no reverse. With
    contexts of one token it is the sum of pi_i P_ij ln(pi_i P_ij / (pi_j P_ji)). Right relatively unless it is as small
    as the square of what probabilities are off by. `law` as above.

    >>> from finitegpt import Chain
    >>> chain = Chain.from_probs([[0, 0.75, 0.25], [0.25, 0, 0.75], [0.75, 0.25, 0]], "abc", 1)
    >>> round(entropy_production(chain).value, 6), round(0.5 * math.log(3), 6)
    (0.549306, 0.549306)
    """
    law = exact_law(chain, law)
    words = words_of(chain, law)
    back = backward(chain, law, words)
    inside = law.inside
    if (words.there & ~back.there).any():
        return Bound(math.inf, math.inf, math.inf)
    # Of an arrow that double precision does not hold, what its logarithm is below LEAST is added afterwards.
    below = words.there & (back.rows < LEAST)
    rows = np.where(below, LEAST, back.rows)
    values, error = divergence(chain.log_probs, rows)
    p, q = np.where(words.there, chain.probs, 0.0), np.where(words.there, np.exp(rows), 0.0)
    more = np.where(below, p * (LEAST - back.rows.clip(-1e300)), 0.0).sum(1)
    # Logarithms off by d change a divergence by d times the sum of |p - q|, and by d**2 times what q has besides its
    # most probable token: rows sum to one, so that token's probability is known by the others'.
    d, u = back.off, chain.rounding + (chain.vocab_size + 32) * ROUNDING
    each, top = np.arange(len(q)), q.argmax(1)
    p[each, top] = q[each, top] = 0.0
    apart, rest, both = np.abs(p - q).sum(1), q.sum(1), (p + q).sum(1)
    with np.errstate(invalid="ignore", over="ignore"):
        wrong = np.where(d > 0, d * (2 * apart + 2 * u * both + 9 * d * rest), 0.0) + (d + 2 * u) * more
        wrong += _LOST * (more > 0)
    wrong[d > 0.1] = np.inf
    values, error = np.where(inside, values + more, 0.0), np.where(inside, error + wrong, 0.0)
    mean = average(chain, values, law)
    if not np.isfinite(error).all():
        return Bound(mean.value, why=law.why or _UNKNOWN)
    found = mean.widened(doubt(law, error)).within(0.0, math.inf)
    if found.low == 0:
        judged = _judged(chain, law, words)
        if judged.reversible and judged.certified:
            return Bound(0.0, 0.0, 0.0)
    return found


def _judged(chain: RowOperator, law: StationaryDistribution, words: Words) -> Reversibility:
    there, logs = words.there.reshape(-1), words.logs.reshape(-1)
    turned = states.reversed_ids(chain.vocab_size, chain.context_length + 1)
    oneway = there & ~there[turned]
    if oneway.any():
        return _shown(chain, words, int(np.argmax(np.where(oneway, logs, -np.inf))), True)
    with np.errstate(invalid="ignore"):
        gap = np.where(there, logs - logs[turned], 0.0)
        off = np.where(there, np.repeat(words.off, chain.vocab_size) + 4 * ROUNDING * (np.abs(logs) + 1), 0.0)
        sure = np.nan_to_num(gap - off - off[turned], nan=-np.inf)
    if sure.max() > 0:
        more = np.exp(logs) * -np.expm1(-sure.clip(0))  # at least by so much it is more probable than its reverse
        return _shown(chain, words, int(np.argmax(more if more.max() > 0 else sure)), True)
    exact = _exactly(chain, law)
    if exact:
        return Reversibility(reversible=True, certified=True)
    apart = float(np.nansum(np.abs(np.expm1(-np.abs(gap))) * np.exp(logs)))
    if exact is False or apart > _ALIKE:
        return _shown(chain, words, int(np.nanargmax(gap)), exact is False)
    return Reversibility(reversible=True, certified=False, why=_EQUAL if np.isfinite(off).all() else _UNKNOWN)


def _exactly(chain: RowOperator, law: StationaryDistribution) -> bool | None:
    """What the rows alone say of words that all have a reverse; None where that is nothing."""
    short = shortened(chain)
    n, L = short.n_states, short.context_length
    inside = np.zeros(n, bool)
    inside[law.states % n] = True
    there = short.support & inside[:, None]
    many = int(there.sum())
    if many <= _FORCED and is_forced(there, L):
        return True
    if short.log_probs.dtype == np.float32 and many <= (_BALANCED if L == 1 else _FORCED):
        balanced = is_balanced(short.log_probs, there, L)
        return balanced if balanced or L == 1 else None
    return None


def _shown(chain: RowOperator, words: Words, word: int, certified: bool) -> Reversibility:
    V, L = chain.vocab_size, chain.context_length
    other = int(states.ids(states.contexts(word, V, L + 1)[::-1], V))
    return Reversibility(
        reversible=False,
        certified=certified,
        word=states.label(word, chain.vocab, L + 1),
        forward=words.at(word),
        backward=words.at(other),
        why="" if certified else _UNKNOWN,
    )
