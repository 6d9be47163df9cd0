"""What is said of an analysed chain, section by section, as plain text in tables: for the terminal and for a page."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from finitegpt import words
from finitegpt.analysis import Bound, RedStates
from finitegpt.chain import Chain
from finitegpt.picture.graph import percent
from finitegpt.states import visible
from finitegpt.summary import Decoding, RecurrentClass, Summary
from finitegpt.words import count, tokens, upward

_MACHINE = 12
_CLASSES = 6

Rows = list[list[str]]


@dataclass(frozen=True, kw_only=True)
class Section:
    """A heading, what it is about, and a table whose first column names its rows."""

    name: str
    title: str
    note: str
    head: list[str]
    rows: Rows
    after: str = ""
    """What is to be said below the table."""
    why: list[str] = field(default_factory=list)
    """Why numbers in it are not certified, each reason once."""


def sections(summary: Summary) -> list[Section]:
    """All sections, in the order in which they are read."""
    found = [_long_run(summary), _random(summary), _compared(summary), _memory(summary), _mixing(summary)]
    found += [_red(red) for red in summary.red]
    found += [_machine(summary), _decodings(summary)]
    if summary.n_recurrent > 1:
        found.insert(0, _classes(summary))
    return [section for section in found if section is not None]


def spoken_of(chain: Chain) -> str:
    """What chain the certificates speak of: the one that is stored."""
    kind = chain.log_probs.dtype.name
    meant = "" if kind == "float32" else ", the rounding of their logarithms included"
    return f"Proved of the chain as stored: {kind} rows{meant}, each normalised, arrows below 1e-307 absent."


def ends_in(summary: Summary) -> str:
    """Where the chain ends, in a few words."""
    end = summary.classes[0]
    size = len(end.law.states)
    transient = f"; {count(summary.n_transient, 'state')} on the way" if summary.n_transient else ""
    if summary.n_recurrent > 1:
        return f"one of {summary.n_recurrent:,} recurrent classes{transient}"
    if end.period == size:
        return ("one state for ever" if size == 1 else f"a cycle of {size:,} states") + transient
    kind = "aperiodic" if end.period == 1 else f"period {end.period}"
    return f"one class of {count(size, 'state')}, {kind}{transient}"


def all_lengths(summary: Summary) -> str:
    """What states there are with the start-up contexts, in a few words; empty where there are none or none is known."""
    startup, transient = summary.n_startup, summary.n_transient
    if not startup:
        return ""
    n, last = summary.chain.n_states, count(startup, "transient start-up context")
    if transient:
        last = f"{transient + startup:,} transient, {startup:,} of them start-up contexts"
    return f"{n + startup:,} states: {n - transient:,} recurrent, {last}"


def top_states(summary: Summary) -> list[tuple[int, float]]:
    """The most frequent states in the long run, and how much of the time is spent in them."""
    law, ids = summary.law, summary.top_states
    return list(zip(ids, law.probs[np.searchsorted(law.states, ids)].tolist(), strict=True))


def top_bounds(summary: Summary) -> list[Bound]:
    """The same shares with their certificates, in that order."""
    each = summary.law.each()
    return [each.at(id) for id, _ in top_states(summary)]


def _classes(summary: Summary) -> Section:
    rows = [_class(summary, k, end) for k, end in enumerate(summary.classes[:_CLASSES])]
    more = summary.n_recurrent - len(rows)
    return Section(
        name="classes",
        title="where it can end",
        note="once there, it never leaves",
        head=["class", "states", "period", "ends there", "for example"],
        rows=rows,
        after=f"and {more:,} more" if more else "",
        why=_why(end.weight for end in summary.classes[:_CLASSES]),
    )


def _class(summary: Summary, k: int, end: RecurrentClass) -> list[str]:
    label = visible(summary.chain.label(int(end.law.states[np.argmax(end.law.probs)])))
    return [str(k + 1), f"{len(end.law.states):,}", str(end.period), _share(end.weight), label]


def _long_run(summary: Summary) -> Section:
    chain, law = summary.chain, summary.law
    proved = f"total variation error at most {upward(law.error)}" if law.error and law.certified else "exact"
    which = ", of the likeliest class" if summary.n_recurrent > 1 else ""
    rows = []
    for id, share in zip(summary.top_states, top_bounds(summary), strict=True):
        seen = [] if chain.counts is None else [f"{int(chain.counts[id]):,}" if chain.counts[id] else "never"]
        rows.append([visible(chain.label(id)), _share(share), *seen])
    return Section(
        name="long run",
        title="in the long run",
        note=f"stationary distribution{which} by {law.method}, {proved if law.certified else 'uncertified'}",
        head=["state", "time there", *([] if chain.counts is None else ["times in the data"])],
        rows=rows,
    )


def _random(summary: Summary) -> Section:
    rows = [("entropy rate of the chain", summary.entropy_rate)]
    if summary.source_entropy_rate is not None:
        low, high = summary.source_entropy_rate
        rows.append((f"of its source, {summary.source}", Bound((low + high) / 2, low, high)))
    if summary.data_entropy is not None:
        rows.append(("of the data, given a context", summary.data_entropy))
    if summary.data_cross_entropy is not None:
        rows.append(("loss on the data", summary.data_cross_entropy))
    rows.append(("uniform guess", _computed(math.log(summary.chain.vocab_size))))
    return Section(
        name="random",
        title="how random",
        note="entropies a token",
        head=["", "nats", "bits"],
        rows=[[name, str(value), str(value.in_bits())] for name, value in rows],
        why=_why(value for _, value in rows),
    )


def _compared(summary: Summary) -> Section | None:
    found = summary.comparison
    if found is None:
        return None
    numbers = [("KL rate, what the model costs", found.kl_rate)]
    parts = [("  on states the data shows", found.seen), ("  on others", found.never_seen)]
    numbers += [(name, part) for name, part in parts if part is not None]
    rest = [
        ("best possible with this context", found.true_entropy_rate),
        ("cross-entropy of the model", found.cross_entropy),
        ("entropy rate of the model by itself", found.free_entropy_rate),
        ("distance of the stationary distributions", found.total_variation),
        ("distance of the next tokens, on average", found.mean_total_variation),
    ]
    rows = [[name, str(value)] for name, value in numbers]
    if found.never_seen_mass is not None:
        rows.append(["  time spent on those", _share(found.never_seen_mass)])
    rows += [[name, str(value)] for name, value in rest]
    return Section(
        name="compared",
        title=f"against {summary.against}",
        note="as if it were the truth",
        head=["", "nats"],
        rows=rows,
        why=_why(value for _, value in numbers + rest),
    )


def _memory(summary: Summary) -> Section:
    h, true, used = summary.memory.h, summary.true_memory, summary.memory.tokens()
    shown = sorted({*range(min(len(h), 5)), used, len(h) - 1})
    bounds = [summary.memory.at(k) for k in shown]
    columns = [["tokens known", *map(str, shown)], ["entropy", *map(str, bounds)]]
    if true is not None:
        columns.append(["the source's", *(str(true.at(k)) for k in shown)])
    head, *rows = map(list, zip(*columns, strict=True))
    after = []
    if summary.excess_entropy is not None:
        bounds.append(summary.excess_entropy)
        after.append(f"excess entropy, what past and future have in common: {summary.excess_entropy} nats")
    if summary.order is not None:
        found = summary.order
        kinds = (found.by_bic, "BIC"), (found.by_aic, "AIC"), (found.by_test(), "likelihood ratio tests")
        after.append("order of the text's own chain: " + ", ".join(f"{k} by {name}" for k, name in kinds))
    return Section(
        name="memory",
        title="memory",
        note=f"within 0.001 nats of all {len(h) - 1} from {count(used, 'token')} on",
        head=head,
        rows=rows,
        after="; ".join(after),
        why=_why(bounds),
    )


def _mixing(summary: Summary) -> Section:
    rows = []
    if summary.n_recurrent == 1:
        time = tokens(summary.mixing_time.low, summary.mixing_time.high)
        rows.append(["mixing time", f"{time}, from any start to within 1/4"])
    sizes = [f"{value:.3g}" for value in summary.timescales[:5] if np.isfinite(value)]
    if sizes:
        rows.append(["time scales", ", ".join(sizes) + " tokens (uncertified)"])
    curve = summary.total_variation
    marks = [n for n in (0, 2, 5, 10, 20) if n < len(curve.values)]
    rows.append(["distance", ",  ".join(f"{curve.at(n)} after {n}" for n in marks)])
    return Section(
        name="mixing",
        title="mixing",
        note="from the data's contexts to the stationary distribution",
        head=[],
        rows=rows,
        why=_why([*([summary.mixing_time] if summary.n_recurrent == 1 else []), curve.at(0)]),
    )


def _red(red: RedStates) -> Section:
    rows = [["ever", str(red.ever)], *([f"within {n:,} tokens", str(bound)] for n, bound in red.within.items())]
    rows.append(["avoided once more", str(red.survival)])
    if np.isfinite(red.mean_time.value):
        rows.append(["on average after", f"{red.mean_time} tokens"])
    if red.arrow is not None:
        where = f"{visible(red.arrow.state)} -> {visible(red.arrow.token)}"
        rows.append(["mostly by", f"{where}, {_share(red.arrow.share)} of first entries"])
    return Section(
        name="red",
        title=f"red states {' '.join(map(visible, red.patterns))}",
        note=f"{red.n_red:,} of them; from the data's other states",
        head=[],
        rows=rows,
        why=_why([red.ever, *red.within.values(), red.survival, red.mean_time]),
    )


def _machine(summary: Summary) -> Section:
    found = summary.machine
    title = "the smallest machine"
    if found is None:
        note = "more than 1,024 states within a tolerance of 0.01: no small one"
        return Section(name="machine", title=title, note=note, head=[], rows=[])
    rows = []
    for k in range(min(len(found), _MACHINE)):
        ways = [
            f"{visible(symbol)} {percent(float(found.probs[k, token]))} to {visible(found.names[found.next[k, token]])}"
            for token, symbol in enumerate(found.vocab)
            if found.next[k, token] >= 0
        ]
        rows.append([visible(found.names[k]), _share(found.mass.at(k)), ",  ".join(ways)])
    more = len(found) - _MACHINE
    remembered = found.statistical_complexity
    cost = (
        f"costs {found.kl_rate} nats a token, {_share(found.ignored)} of the time left out; remembers {remembered} nats"
    )
    return Section(
        name="machine",
        title=title,
        note=f"that costs at most 0.01 nats: {count(len(found), 'state')}",
        head=["ends in", "time there", "next"],
        rows=rows,
        after=(f"and {more:,} more states; " if more > 0 else "") + cost,
        why=_why([found.kl_rate, found.ignored, remembered]),
    )


def _decodings(summary: Summary) -> Section:
    red = summary.red != []
    rows = [
        [row.name, str(row.entropy_rate), _decoding_end(row), *([str(row.red)] if row.red else [])]
        for row in summary.decodings
    ]
    return Section(
        name="decoding",
        title="decoding",
        note="what it makes of the chain",
        head=["", "entropy rate", "ends in", *(["red within 100"] if red else [])],
        rows=rows,
        why=_why(bound for row in summary.decodings for bound in (row.entropy_rate, row.red) if bound),
    )


def _decoding_end(row: Decoding) -> str:
    if row.recurrent > 1:
        cycle = f", likeliest a cycle of {row.cycle:,}" if row.cycle else ""
        return f"{row.recurrent:,} classes{cycle}"
    if row.cycle == 1:
        return "one state"
    return f"a cycle of {row.cycle:,}" if row.cycle else f"{row.recurrent_states:,} states"


def _share(bound: Bound) -> str:
    return words.percent(bound.value, bound.low, bound.high)


def _computed(value: float) -> Bound:
    """A number that is a formula and no limit: right to the roundings of many terms, which this is far above."""
    return Bound.around(value, 1e-10 * max(1.0, abs(value)) if math.isfinite(value) else 0.0)


def _why(bounds: Iterable[Bound]) -> list[str]:
    """What numbers say of not being certified, each sentence once."""
    return list(dict.fromkeys(bound.why for bound in bounds if bound.why))
