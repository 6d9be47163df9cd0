"""What is said of an analysed chain, section by section, as plain text in tables: for the terminal and for a page."""

from dataclasses import dataclass

import numpy as np

from finitegpt.analysis import Bound, RedStates
from finitegpt.picture.graph import percent
from finitegpt.report.layout import count
from finitegpt.states import visible
from finitegpt.summary import Decoding, RecurrentClass, Summary

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


def sections(summary: Summary) -> list[Section]:
    """All sections, in the order in which they are read."""
    found = [_long_run(summary), _random(summary), _compared(summary), _memory(summary), _mixing(summary)]
    found += [_red(red) for red in summary.red]
    found += [_machine(summary), _decodings(summary)]
    if summary.n_recurrent > 1:
        found.insert(0, _classes(summary))
    return [section for section in found if section is not None]


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


def brief(bound: Bound) -> str:
    """A number to at most six digits, and an interval or a word where it is not proved to them.

    >>> brief(Bound.around(0.4620981, 1e-12)), brief(Bound(0.25)), brief(Bound(2.0, 1.0, 4.0))
    ('0.462098', '0.25 (uncertified)', '2 (1 to 4)')
    """
    if np.isposinf(bound.value) and np.isposinf(bound.low):
        return "infinite"
    if not bound.certified:
        return f"{bound.value:.6g} (uncertified)"
    if bound.error <= 1e-6 * max(abs(bound.value), 1e-3):
        return f"{bound.value:.6g}"
    return f"{bound.value:.6g} ({bound.low:.6g} to {bound.high:.6g})"


def top_states(summary: Summary) -> list[tuple[int, float]]:
    """The most frequent states in the long run, and how much of the time is spent in them."""
    law, ids = summary.law, summary.top_states
    return list(zip(ids, law.probs[np.searchsorted(law.states, ids)].tolist(), strict=True))


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
    )


def _class(summary: Summary, k: int, end: RecurrentClass) -> list[str]:
    label = visible(summary.chain.label(int(end.law.states[np.argmax(end.law.probs)])))
    return [str(k + 1), f"{len(end.law.states):,}", str(end.period), percent(end.weight.value), label]


def _long_run(summary: Summary) -> Section:
    chain, law = summary.chain, summary.law
    proved = f"total variation error at most {law.error:.0e}" if law.error else "exact"
    which = ", of the likeliest class" if summary.n_recurrent > 1 else ""
    rows = []
    for id, p in top_states(summary):
        seen = [] if chain.counts is None else [f"{int(chain.counts[id]):,}" if chain.counts[id] else "never"]
        rows.append([visible(chain.label(id)), _share(p), *seen])
    return Section(
        name="long run",
        title="in the long run",
        note=f"stationary law{which} by {law.method}, {proved if law.certified else 'uncertified'}",
        head=["state", "time there", *([] if chain.counts is None else ["times in the data"])],
        rows=rows,
    )


def _random(summary: Summary) -> Section:
    rows = [("entropy rate of the chain", summary.entropy_rate)]
    if summary.source_entropy_rate is not None:
        low, high = summary.source_entropy_rate
        rows.append((f"of its source, {summary.source}", Bound((low + high) / 2, low, high)))
    if summary.data_entropy is not None:
        rows.append(("of the data, given a context", _exactly(summary.data_entropy)))
    if summary.data_cross_entropy is not None:
        rows.append(("loss on the data", _exactly(summary.data_cross_entropy)))
    rows.append(("uniform guess", _exactly(float(np.log(summary.chain.vocab_size)))))
    return Section(
        name="random",
        title="how random",
        note="entropies a token",
        head=["", "nats", "bits"],
        rows=[[name, brief(value), brief(value.scaled(1 / np.log(2)))] for name, value in rows],
    )


def _compared(summary: Summary) -> Section | None:
    found = summary.comparison
    if found is None:
        return None
    rows = [["KL rate, what the model costs", brief(found.kl_rate)]]
    if found.seen is not None and found.never_seen is not None and found.never_seen_mass is not None:
        rows += [
            ["  on states the data shows", brief(_exactly(found.seen))],
            ["  on others", brief(_exactly(found.never_seen))],
            ["  time spent on those", percent(found.never_seen_mass)],
        ]
    rows += [
        ["best possible with this context", brief(found.true_entropy_rate)],
        ["cross-entropy of the model", brief(found.cross_entropy)],
        ["entropy rate of the model by itself", brief(found.free_entropy_rate)],
        ["distance of the stationary laws", brief(found.total_variation)],
    ]
    return Section(
        name="compared",
        title=f"against {summary.against}",
        note="as if it were the truth",
        head=["", "nats"],
        rows=rows,
    )


def _memory(summary: Summary) -> Section:
    h, true, used = summary.memory.h, summary.true_memory, summary.memory.tokens()
    shown = sorted({*range(min(len(h), 5)), used, len(h) - 1})
    rows = [["entropy", *(f"{h[k]:.4f}" for k in shown)]]
    if true is not None:
        rows.append(["the source's", *(f"{true[k]:.4f}" for k in shown)])
    return Section(
        name="memory",
        title="memory",
        note=f"within 0.001 nats of all {len(h) - 1} from {count(used, 'token')} on",
        head=["tokens known", *map(str, shown)],
        rows=rows,
    )


def _mixing(summary: Summary) -> Section:
    rows = []
    if summary.n_recurrent == 1:
        rows.append(["mixing time", f"{_tokens(summary.mixing_time)}, from any start to within 1/4"])
    sizes = [f"{value:.3g}" for value in summary.timescales[:5] if np.isfinite(value)]
    if sizes:
        rows.append(["time scales", ", ".join(sizes) + " tokens (uncertified)"])
    curve = summary.total_variation
    marks = [n for n in (0, 2, 5, 10, 20) if n < len(curve.values)]
    rows.append(["distance", ",  ".join(f"{brief(curve.at(n))} after {n}" for n in marks)])
    return Section(
        name="mixing",
        title="mixing",
        note="from the data's contexts to the stationary law",
        head=[],
        rows=rows,
    )


def _red(red: RedStates) -> Section:
    rows = [["ever", brief(red.ever)], *([f"within {n:,} tokens", brief(bound)] for n, bound in red.within.items())]
    rows.append(["avoided once more", brief(red.survival)])
    if np.isfinite(red.mean_time.value):
        rows.append(["on average after", f"{brief(red.mean_time)} tokens"])
    if red.arrow is not None:
        where = f"{visible(red.arrow.state)} -> {visible(red.arrow.token)}"
        rows.append(["mostly by", f"{where}, {percent(red.arrow.share)} of first entries"])
    return Section(
        name="red",
        title=f"red states {' '.join(map(visible, red.patterns))}",
        note=f"{red.n_red:,} of them; from the data's other states",
        head=[],
        rows=rows,
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
        rows.append([visible(found.names[k]), _share(float(found.mass[k])), ",  ".join(ways)])
    more = len(found) - _MACHINE
    cost = f"costs {found.kl_rate:.2g} nats a token, {percent(found.ignored)} of the time left out"
    return Section(
        name="machine",
        title=title,
        note=f"that costs at most 0.01 nats: {count(len(found), 'state')}",
        head=["ends in", "time there", "next"],
        rows=rows,
        after=(f"and {more:,} more states; " if more > 0 else "") + cost,
    )


def _decodings(summary: Summary) -> Section:
    red = summary.red != []
    rows = [
        [row.name, brief(row.entropy_rate), _decoding_end(row), *([brief(row.red)] if row.red else [])]
        for row in summary.decodings
    ]
    return Section(
        name="decoding",
        title="decoding",
        note="what it makes of the chain",
        head=["", "entropy rate", "ends in", *(["red within 100"] if red else [])],
        rows=rows,
    )


def _decoding_end(row: Decoding) -> str:
    if row.recurrent > 1:
        cycle = f", likeliest a cycle of {row.cycle:,}" if row.cycle else ""
        return f"{row.recurrent:,} classes{cycle}"
    if row.cycle == 1:
        return "one state"
    return f"a cycle of {row.cycle:,}" if row.cycle else f"{row.recurrent_states:,} states"


def _tokens(bound: Bound) -> str:
    if np.isinf(bound.low):
        return "none, it never settles"
    if bound.low == bound.high:
        return count(int(bound.value), "token")
    return (
        f"{bound.low:,.0f} to {bound.high:,.4g} tokens"
        if np.isfinite(bound.high)
        else f"{bound.low:,.0f} tokens or more"
    )


def _share(p: float) -> str:
    return f"{100 * p:.3g} %"


def _exactly(value: float) -> Bound:
    return Bound(value, value, value)
