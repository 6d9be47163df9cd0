"""Proofs that travel: a claim about a chain, the chain, and a witness, in a file that `check.py` verifies alone.

- `claims`: what can be proved, a function each
- `decimals`: witnesses for chains of up to 128 states, of as many digits as a narrow interval needs
- `doubles`: witnesses for larger ones in double precision: metastable ones among these get wide intervals, which say so
- `document`: what the file holds; `certificate`: the interval that is proved by it

A witness is a function of the states: of averages h, which evens out what is earned from each state on; of passages the
solution x of their equation, and a w > 0 that falls along the way. `check.py` says why these prove an interval.

What is proved is what the checker finds from the witness, rounded outward, so a bad witness makes a wide interval and
never a wrong one. It is about the rows as stored, float32 or float64: a law that was given by probabilities was rounded
when it was stored, and that is not in the interval.
"""

from finitegpt.prove.certificate import Certificate
from finitegpt.prove.claims import SMALL, entropy_rate, hitting_probability, kl_rate, mass, mean_first_passage_time
from finitegpt.prove.document import chain_digest

__all__ = [
    "SMALL",
    "Certificate",
    "chain_digest",
    "entropy_rate",
    "hitting_probability",
    "kl_rate",
    "mass",
    "mean_first_passage_time",
]
