"""How many of the names that a GPT makes up are new? Computed, not counted in a sample.

makemore (Karpathy 2022) trains a small GPT on 32,033 names, one a line, and lets it make up more of them. Some of those
are in the data, and so far one had to draw a sample to see how many. But a name has a probability: the product of those
of its letters and of its end, each given what is before it. So the sum over all names of the data is the exact share of
generated names that are in it, whatever the context. Where the context is short, the GPT is a Markov chain, and pushed
on from the beginning it says how long names are. The most probable new names are found by a best-first search over
beginnings: none is missed, since no name is more probable than a beginning of it.

makemore's names are not ours to copy; `--documents names.txt` takes them. Without, the names are some that come with
every Python: the words of 3 to 15 letters in the names that Unicode 3.2 gives to characters, such as "omega", "aleph",
"chattawa" and "teardrop". A tenth of the names is held out.
"""

import heapq
import random
import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from table import Row, arguments_and_documents, show, write

import finitegpt
from finitegpt import Chain, Data, Model, Run
from finitegpt.picture import curves
from finitegpt.startup import with_startup

END = "."  # begins and ends a name, as in makemore


def main(short: bool, out: Path, documents: Path | None = None) -> list[Row]:
    """A GPT with a short context, whose chain is small, and one that sees whole names."""
    names = names_of(documents)
    random.Random(0).shuffle(names)
    longest = max(map(len, names))
    rows = [Row("names", None, len(names)), Row("distinct names", None, len(set(names)))]
    every = np.bincount([len(name) for name in names]) / len(names)
    lines = [("the data", every.tolist())]
    for L in (3 if short else 4, longest + 1):
        run = trained(names, L, longest, short)
        short_context = longest >= L
        told = f"context of {L}" if short_context else "whole names"
        rows += shares(told, run, 2_000 if short else 20_000)
        if short_context:
            chain = run.model.chain(startup=True)
            exact = lengths(chain, 20 * longest)
            rows.append(Row(f"{told}: states of the chain", None, chain.n_states))
            rows.append(Row(f"{told}: P(at most {20 * longest} letters)", 1.0, float(exact.sum())))
            mean = [float(p @ np.arange(len(p))) for p in (every, exact)]
            rows.append(Row(f"{told}: mean length, beside that of the data", *mean))
            lines.append((f"a GPT with a context of {L}", exact[: longest + 4].tolist()))

    show("Names, and new ones", rows)
    write(out, "names.svg", curves("How long names are", lines, across="letters", up="probability"))
    return rows


def names_of(documents: Path | None) -> list[str]:
    """The lines of a file; or the words in Unicode's names of characters, ideographs and syllables left out."""
    if documents is not None:
        return [line.strip() for line in documents.read_text(encoding="utf-8").splitlines() if line.strip()]
    titles = (unicodedata.ucd_3_2_0.name(chr(code), "") for code in range(0x110000))
    words = {word for title in titles if not title.startswith(("CJK", "HANGUL", "YI ")) for word in title.split()}
    return sorted(word.lower() for word in words if re.fullmatch("[A-Z]{3,15}", word))


def trained(names: Sequence[str], context_length: int, longest: int, short: bool) -> Run:
    """A GPT of two layers, the best by its loss on the last tenth of the names."""
    whole = context_length > longest  # so that every name is one window
    vocab = "".join(sorted(set("".join(names)))) + END
    return finitegpt.train(
        Data.from_sequences(names, context_length=context_length, vocab=vocab, bos=END, eos=END),
        validation=0.1,
        keep="best",
        n_layer=2,
        n_embd=32 if short else 64,
        steps=600 if short else 4_000,
        batch_size=64 if whole else 512,
        loss="all" if whole else "last",
        lr=3e-3,
        warmup=20,
        decay="cosine",
        decay_matrices=True,
    )


def shares(told: str, run: Run, drawn: int) -> list[Row]:
    """How probable a generated name is one of the data, one that was held out, or new; and what a sample says."""
    assert run.validation is not None
    names, held_out = run.data.text.splitlines(), run.validation.data.text.splitlines()
    known, others = set(names), set(held_out) - set(names)
    share, other = (float(np.exp(log_probabilities(run.model, sorted(which))).sum()) for which in (known, others))
    loss = -float(log_probabilities(run.model, held_out).sum()) / sum(len(name) + 1 for name in held_out)
    counted = sum(name in known for name in run.sample_sequences(drawn, seed=1)) / drawn
    title = f"{told}: P(a name trained on)"
    rows = [
        Row(f"{told}: parameters", None, run.model.config.n_params),
        Row(f"{told}: loss on names held out, nats a token", float(run.validation.losses[run.validation.best]), loss),
        Row(title, None, share),
        Row(f"{title}, in a sample of {drawn:,}", share, counted),
        Row(f"{title}, standard error of a sample", None, (share * (1 - share) / drawn) ** 0.5),
        Row(f"{told}: P(a name held out)", None, other),
        Row(f"{told}: P(a new name)", None, 1 - share - other),
        Row(f"{told}: P of one trained on over P of one held out", None, share / len(known) / (other / len(others))),
    ]
    new = ((name, p) for name, p in most_probable(run.model) if name not in known | others)
    return rows + [Row(f"{told}: new: {name!r}", None, p) for name, p in islice(new, 5)]


def next_token(model: Model, contexts: NDArray[np.integer], T: float = 1.0) -> NDArray[np.float64]:
    """Log-probabilities (n, V) after contexts (n, k) of 1 to L tokens, normalised in double precision."""
    rows = model.log_probs(contexts).astype(np.float64) / T
    return rows - np.logaddexp.reduce(rows, axis=1, keepdims=True)


def log_probabilities(model: Model, names: Sequence[str], T: float = 1.0) -> NDArray[np.float64]:
    """How probable each name (n,) is to be generated, in nats: of every letter, and of the end."""
    L, place = model.config.context_length, {symbol: k for k, symbol in enumerate(model.vocab)}
    sizes = np.array([len(name) for name in names])
    tokens = np.full((len(names), sizes.max() + 2), place[END])
    for row, name in zip(tokens, names, strict=True):
        row[1 : len(name) + 1] = [place[letter] for letter in name]
    found = np.zeros(len(names))
    for k in range(sizes.max() + 1):
        some = np.flatnonzero(sizes >= k)
        rows = next_token(model, tokens[some, max(0, k + 1 - L) : k + 1], T)
        found[some] += rows[np.arange(len(some)), tokens[some, k + 1]]
    return found


def most_probable(model: Model, T: float = 1.0) -> Iterator[tuple[str, float]]:
    """Every name and its probability, the most probable first."""
    L, end = model.config.context_length, model.vocab.index(END)
    heap = [(0.0, [end])]
    while True:
        surprise, tokens = heapq.heappop(heap)
        if len(tokens) > 1 and tokens[-1] == end:
            yield "".join(model.vocab[token] for token in tokens[1:-1]), float(np.exp(-surprise))
            continue
        for token, log in enumerate(next_token(model, np.array([tokens[-L:]]), T)[0].tolist()):
            heapq.heappush(heap, (surprise - log, [*tokens, token]))


def lengths(chain: Chain, most: int) -> NDArray[np.float64]:
    """The probability (most + 1,) that a generated name has so many letters."""
    whole, end = with_startup(chain), chain.vocab.index(END)
    ended = np.arange(whole.n_states) % chain.vocab_size == end  # contexts of each length begin at a multiple of V
    there = np.zeros(whole.n_states)
    there[whole.id(END)] = 1.0
    found = np.empty(most + 1)
    for letters in range(most + 1):
        there = whole.push(there)
        found[letters] = there[ended].sum()
        there[ended] = 0.0
    return found


if __name__ == "__main__":
    main(*arguments_and_documents())
