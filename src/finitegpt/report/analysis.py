"""What `analyze` says of a chain, for people and as JSON."""

from typing import Any

import numpy as np
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from finitegpt.analysis import Bound
from finitegpt.picture.graph import percent
from finitegpt.report.layout import COLOURS, count, facts, indent, section
from finitegpt.states import visible
from finitegpt.summary import Decoding, RecurrentClass, Summary

_MACHINE = 12
_CLASSES = 6


def summary_json(summary: Summary, files: dict[str, str]) -> dict[str, Any]:
    """The summary as plain values. Entropies in nats a token, times in tokens; infinite numbers are null."""
    chain = summary.chain
    result: dict[str, Any] = {
        "vocab": list(chain.vocab),
        "context_length": chain.context_length,
        "states": chain.n_states,
        "decoding": summary.decoding or None,
        "communicating_classes": summary.n_classes,
        "transient_states": summary.n_transient,
        "recurrent_classes": summary.n_recurrent,
        "classes": [
            {
                "size": len(end.law.states),
                "period": end.period,
                "weight": _bound(end.weight),
                "first_state": chain.label(int(end.law.states[0])),
                "stationary": {
                    "total_variation_error": _finite(end.law.error),
                    "certified": end.law.certified,
                    "residual": _finite(end.law.residual),
                    "method": end.law.method,
                },
            }
            for end in summary.classes
        ],
        "top_states": [
            {
                "state": chain.label(id),
                "probability": p,
                **({} if chain.seen is None else {"seen": bool(chain.seen[id])}),
            }
            for id, p in _top(summary)
        ],
        "entropy_rate": _bound(summary.entropy_rate),
        "data_entropy": summary.data_entropy,
        "data_cross_entropy": _finite(summary.data_cross_entropy),
        "source": summary.source,
        "source_entropy_rate": summary.source_entropy_rate and list(summary.source_entropy_rate),
        "memory": {
            "h": summary.memory.h.tolist(),
            "error": _finite(summary.memory.error),
            "tokens": summary.memory.tokens(),
            "true_h": None if summary.true_memory is None else summary.true_memory.tolist(),
        },
        "eigenvalues": [[float(value.real), float(value.imag)] for value in summary.eigenvalues],
        "timescales": [_finite(value) for value in summary.timescales.tolist()],
        "mixing_time": _bound(summary.mixing_time),
        "total_variation": summary.total_variation.tolist(),
        "red": [_red_json(red) for red in summary.red],
        "machine": None,
        "comparison": None,
        "decodings": [
            {
                "name": row.name,
                "entropy_rate": _bound(row.entropy_rate),
                "recurrent_classes": row.recurrent,
                "recurrent_states": row.recurrent_states,
                "cycle": row.cycle,
                "red_within_100": row.red and _bound(row.red),
            }
            for row in summary.decodings
        ],
    }
    if summary.machine is not None:
        found = summary.machine
        result["machine"] = {
            "states": list(found.names),
            "probs": found.probs.tolist(),
            "next": found.next.tolist(),
            "mass": found.mass.tolist(),
            "ignored": found.ignored,
            "kl_rate": found.kl_rate,
        }
    if summary.comparison is not None:
        against = summary.comparison
        result["comparison"] = {
            "against": summary.against,
            "kl_rate": _bound(against.kl_rate),
            "kl_rate_seen": _finite(against.seen),
            "kl_rate_never_seen": _finite(against.never_seen),
            "never_seen_mass": against.never_seen_mass,
            "true_entropy_rate": _bound(against.true_entropy_rate),
            "cross_entropy": _bound(against.cross_entropy),
            "free_entropy_rate": _bound(against.free_entropy_rate),
            "total_variation": _bound(against.total_variation),
        }
    return {**result, **({"files": files} if files else {})}


def print_analysis(console: Console, summary: Summary, files: dict[str, str]) -> None:
    """One readable page."""
    for part in (_ends, _entropies, _comparison, _memory, _mixing, _red, _machine, _decodings):
        part(console, summary)
    if files:
        console.print("", facts(*((name, Text(path)) for name, path in files.items())))


def _ends(console: Console, summary: Summary) -> None:
    chain, law = summary.chain, summary.law
    console.print(
        facts(
            ("states", f"{chain.n_states:,}, contexts of {count(chain.context_length, 'token')}"),
            *([("decoding", summary.decoding)] if summary.decoding else []),
            ("ends in", ends_in(summary)),
        )
    )
    if summary.n_recurrent > 1:
        table = _table("class", "states", "period", "ends there", "for example")
        for k, end in enumerate(summary.classes[:_CLASSES]):
            table.add_row(*_class_row(summary, k, end))
        more = summary.n_recurrent - _CLASSES
        console.print(indent(Group(table, *([Text(f"and {more:,} more", style="dim")] if more > 0 else []))))
    exact = f"total variation error at most {law.error:.0e}" if law.error else "exact"
    note = exact if law.certified else "uncertified"
    console.print(section("in the long run", f"stationary law by {law.method}, {note}"))
    table = _table("state", "time there", *([] if chain.seen is None else ["in the data"]))
    for id, p in _top(summary):
        seen = [] if chain.counts is None else [f"{int(chain.counts[id]):,}" if chain.counts[id] else "never"]
        table.add_row(Text(visible(chain.label(id)), style="bold"), _share(p), *seen)
    console.print(indent(table))


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


def _class_row(summary: Summary, k: int, end: RecurrentClass) -> list[str | Text]:
    label = visible(summary.chain.label(int(end.law.states[np.argmax(end.law.probs)])))
    return [str(k + 1), f"{len(end.law.states):,}", str(end.period), str(percent(end.weight.value)), Text(label)]


def _entropies(console: Console, summary: Summary) -> None:
    table = _table("", "nats", "bits")
    rows = [("entropy rate of the chain", summary.entropy_rate)]
    if summary.source_entropy_rate is not None:
        low, high = summary.source_entropy_rate
        rows.append((f"of its source, {summary.source}", Bound((low + high) / 2, low, high)))
    if summary.data_entropy is not None:
        rows.append(("of the data, given a context", _exactly(summary.data_entropy)))
    if summary.data_cross_entropy is not None:
        rows.append(("loss on the data", _exactly(summary.data_cross_entropy)))
    rows.append(("uniform guess", _exactly(float(np.log(summary.chain.vocab_size)))))
    for name, value in rows:
        table.add_row(name, brief(value), brief(value.scaled(1 / np.log(2))))
    console.print(section("how random", "a token"), indent(table))


def _comparison(console: Console, summary: Summary) -> None:
    found = summary.comparison
    if found is None:
        return
    table = _table("", "nats")
    table.add_row("KL rate, what the model costs", brief(found.kl_rate))
    if found.seen is not None and found.never_seen is not None and found.never_seen_mass is not None:
        table.add_row("  on states the data shows", brief(_exactly(found.seen)))
        table.add_row("  on others", brief(_exactly(found.never_seen)))
        table.add_row("  time spent on those", percent(found.never_seen_mass))
    table.add_row("best possible with this context", brief(found.true_entropy_rate))
    table.add_row("cross-entropy of the model", brief(found.cross_entropy))
    table.add_row("entropy rate of the model by itself", brief(found.free_entropy_rate))
    table.add_row("distance of the stationary laws", brief(found.total_variation))
    console.print(section(f"against {summary.against}", "as if it were the truth"), indent(table))


def _memory(console: Console, summary: Summary) -> None:
    h, true = summary.memory.h, summary.true_memory
    used = summary.memory.tokens()
    shown = sorted({*range(min(len(h), 5)), used, len(h) - 1})
    table = _table("tokens known", *map(str, shown))
    table.add_row("entropy", *(f"{h[k]:.4f}" for k in shown))
    if true is not None:
        table.add_row("the source's", *(f"{true[k]:.4f}" for k in shown))
    note = f"within 0.001 nats of all {len(h) - 1} from {count(used, 'token')} on"
    console.print(section("memory", note), indent(table))


def _mixing(console: Console, summary: Summary) -> None:
    pairs: list[tuple[str, str | Text]] = []
    if summary.n_recurrent == 1:
        pairs.append(
            ("mixing time", f"{_tokens(summary.mixing_time)} (within 1/4 of the stationary law from any start)")
        )
    sizes = [f"{value:.3g}" for value in summary.timescales[:5] if np.isfinite(value)]
    if sizes:
        pairs.append(("time scales", ", ".join(sizes) + " tokens (uncertified)"))
    curve = summary.total_variation
    marks = [n for n in (0, 1, 2, 5, 10, 20, 50) if n < len(curve)]
    pairs.append(("distance", ",  ".join(f"{curve[n]:.3g} after {n}" for n in marks)))
    console.print(section("mixing", "from the data's contexts to the stationary law"), indent(facts(*pairs)))


def _red(console: Console, summary: Summary) -> None:
    for red in summary.red:
        pairs: list[tuple[str, str | Text]] = [("ever", brief(red.ever))]
        pairs += [(f"within {n:,}", brief(bound)) for n, bound in red.within.items()]
        pairs.append(("avoided once more", brief(red.survival)))
        if np.isfinite(red.mean_time.value):
            pairs.append(("on average after", f"{brief(red.mean_time)} tokens"))
        if red.arrow is not None:
            name = f"{visible(red.arrow.state)} -> {visible(red.arrow.token)}"
            pairs.append(("mostly by", Text(f"{name}, {percent(red.arrow.share)} of first entries")))
        label = " ".join(map(visible, red.patterns))
        console.print(
            section(f"red states {label}", f"{red.n_red:,}; from other states of the data"), indent(facts(*pairs))
        )


def _machine(console: Console, summary: Summary) -> None:
    found = summary.machine
    if found is None:
        console.print(section("machine", "more than 1,024 states within a tolerance of 0.01: no small one"))
        return
    note = f"the smallest that costs at most 0.01 nats: {count(len(found), 'state')}"
    table = _table("after", "time there", "next")
    for k in range(min(len(found), _MACHINE)):
        cell = Text()
        for token, symbol in enumerate(found.vocab):
            if found.next[k, token] >= 0:
                cell.append(visible(symbol), style=f"bold {COLOURS[token % len(COLOURS)]}")
                cell.append(
                    f" {percent(float(found.probs[k, token]))} to {visible(found.names[found.next[k, token]])}   "
                )
        cell.rstrip()
        table.add_row(Text(visible(found.names[k]), style="bold"), _share(float(found.mass[k])), cell)
    more = len(found) - _MACHINE
    rest = [Text(f"and {more:,} more states", style="dim")] if more > 0 else []
    cost = Text(f"costs {found.kl_rate:.2g} nats a token; leaves out {percent(found.ignored)} of the time", style="dim")
    console.print(section("machine", note), indent(Group(table, *rest, cost)))


def _decodings(console: Console, summary: Summary) -> None:
    red = summary.red != []
    table = _table("", "entropy rate", "ends in", *(["red within 100"] if red else []))
    for row in summary.decodings:
        cells = [row.name, brief(row.entropy_rate), decoding_end(row)]
        table.add_row(*cells, *([brief(row.red)] if red and row.red else []))
    console.print(section("decoding", "what it makes of the chain"), indent(table))


def decoding_end(row: Decoding) -> str:
    """Where a decoded chain ends, in a few words."""
    if row.recurrent > 1:
        cycle = f", likeliest a cycle of {row.cycle:,}" if row.cycle else ""
        return f"{row.recurrent:,} classes{cycle}"
    if row.cycle == 1:
        return "one state"
    return f"a cycle of {row.cycle:,}" if row.cycle else f"{row.recurrent_states:,} states"


def brief(bound: Bound) -> str:
    """A number to at most six digits, and a mark where it is not proved to them.

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


def _tokens(bound: Bound) -> str:
    if np.isinf(bound.low):
        return "none, it never settles"
    if bound.low == bound.high:
        return count(int(bound.value), "token")
    return (
        f"{bound.low:,.0f} to {bound.high:,.0f} tokens"
        if np.isfinite(bound.high)
        else f"at least {bound.low:,.0f} tokens"
    )


def _top(summary: Summary) -> list[tuple[int, float]]:
    law = summary.law
    place = np.searchsorted(law.states, summary.top_states)
    return list(zip(summary.top_states, law.probs[place].tolist(), strict=True))


def _share(p: float) -> str:
    return f"{100 * p:.3g} %"


def _exactly(value: float) -> Bound:
    return Bound(value, value, value)


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0))
    for k, name in enumerate(names):
        table.add_column(name, no_wrap=k == 0)
    return table


def _finite(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)


def _bound(bound: Bound) -> dict[str, float | bool | None]:
    return {key: _finite(value) if isinstance(value, float) else value for key, value in bound.to_dict().items()}


def _red_json(red: Any) -> dict[str, Any]:
    return {
        "patterns": list(red.patterns),
        "states": red.n_red,
        "start_in_red": red.start_in_red,
        "ever": _bound(red.ever),
        "within": {str(n): _bound(bound) for n, bound in red.within.items()},
        "survival": _bound(red.survival),
        "mean_time": _bound(red.mean_time),
        "arrow": red.arrow
        and {
            "state": red.arrow.state,
            "token": red.arrow.token,
            "probability": red.arrow.probability,
            "share": red.arrow.share,
        },
    }
