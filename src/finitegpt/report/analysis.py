"""What `analyze` says of a chain, for people and as JSON."""

from typing import Any

import numpy as np
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from finitegpt.analysis import Bound, RedStates
from finitegpt.report.layout import facts, indent, section
from finitegpt.report.sections import Section, all_lengths, ends_in, sections, spoken_of, top_bounds, top_states
from finitegpt.summary import Summary

_NAMED = ("long run", "machine")  # sections whose rows are named by states


def summary_json(summary: Summary, files: dict[str, str]) -> dict[str, Any]:
    """The summary as plain values. Entropies in nats a token, times in tokens; infinite numbers are null.

    A number with a certificate has `certified`, `low` and `high` beside it; `uncertified` names those without.
    """
    chain, true = summary.chain, summary.true_memory
    result: dict[str, Any] = {
        "vocab": list(chain.vocab),
        "context_length": chain.context_length,
        "states": chain.n_states,
        "decoding": summary.decoding or None,
        "proved_of": spoken_of(chain),
        "communicating_classes": summary.n_classes,
        "transient_states": summary.n_transient,
        "recurrent_classes": summary.n_recurrent,
        "with_startup": None
        if summary.n_startup is None
        else {
            "states": chain.n_states + summary.n_startup,
            "recurrent_states": chain.n_states - summary.n_transient,
            "transient_states": summary.n_transient + summary.n_startup,
            "startup_contexts": summary.n_startup,
        },
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
                **_ends(share),
                **({} if chain.seen is None else {"seen": bool(chain.seen[id])}),
            }
            for (id, p), share in zip(top_states(summary), top_bounds(summary), strict=True)
        ],
        "entropy_rate": _bound(summary.entropy_rate),
        **_plain("data_entropy", summary.data_entropy),
        **_plain("data_cross_entropy", summary.data_cross_entropy),
        "source": summary.source,
        "source_entropy_rate": summary.source_entropy_rate and list(summary.source_entropy_rate),
        "memory": {
            "h": summary.memory.h.tolist(),
            "error": _finite(summary.memory.error),
            "bounds": [_bound(summary.memory.at(k)) for k in range(len(summary.memory.h))],
            "tokens": summary.memory.tokens(),
            "true_h": true and true.h.tolist(),
            "true_bounds": true and [_bound(true.at(k)) for k in range(len(true.h))],
            **_plain("excess_entropy", summary.excess_entropy),
        },
        "markov_order": summary.order
        and {
            "by_bic": summary.order.by_bic,
            "by_aic": summary.order.by_aic,
            "by_test": summary.order.by_test(),
            **{
                name: [_bound(getattr(summary.order, name).at(k)) for k in range(len(summary.order.parameters))]
                for name in ("log_likelihood", "bic", "aic")
            },
            "p_values": summary.order.p_values.tolist(),
        },
        "eigenvalues": [[float(value.real), float(value.imag)] for value in summary.eigenvalues],
        "timescales": [_finite(value) for value in summary.timescales.tolist()],
        "mixing_time": _bound(summary.mixing_time),
        "total_variation": summary.total_variation.values.tolist(),
        "total_variation_error": _finite(summary.total_variation.error),
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
        "uncertified": [
            *("eigenvalues", "timescales"),
            *(["markov_order.p_values"] if summary.order else []),
        ],
    }
    if summary.machine is not None:
        found = summary.machine
        result["machine"] = {
            "states": list(found.names),
            "probs": found.probs.tolist(),
            "next": found.next.tolist(),
            "mass": found.mass.values.tolist(),
            "mass_bounds": [_bound(found.mass.at(k)) for k in range(len(found))],
            **_plain("ignored", found.ignored),
            **_plain("kl_rate", found.kl_rate),
            **_plain("error", found.error),
            **_plain("statistical_complexity", found.statistical_complexity),
            "certified": found.kl_rate.certified and found.ignored.certified,
        }
    if summary.comparison is not None:
        against = summary.comparison
        result["comparison"] = {
            "against": summary.against,
            "kl_rate": _bound(against.kl_rate),
            **_plain("kl_rate_seen", against.seen),
            **_plain("kl_rate_never_seen", against.never_seen),
            **_plain("never_seen_mass", against.never_seen_mass),
            "true_entropy_rate": _bound(against.true_entropy_rate),
            "cross_entropy": _bound(against.cross_entropy),
            "free_entropy_rate": _bound(against.free_entropy_rate),
            "total_variation": _bound(against.total_variation),
            "mean_total_variation": _bound(against.mean_total_variation),
        }
    return {**result, **({"files": files} if files else {})}


def print_analysis(console: Console, summary: Summary, files: dict[str, str]) -> None:
    """One readable page."""
    chain = summary.chain
    states = f"{chain.n_states:,}, contexts of {chain.context_length} token{'' if chain.context_length == 1 else 's'}"
    decoding = [("decoding", summary.decoding)] if summary.decoding else []
    lengths = [("all lengths", text)] if (text := all_lengths(summary)) else []
    console.print(facts(("states", states), *decoding, ("ends in", ends_in(summary)), *lengths))
    for part in sections(summary):
        console.print(section(part.title, part.note))
        below = [text for text in (part.after, *part.why) if text]
        console.print(indent(Group(_table(part), *(Text(text, style="dim") for text in below))))
    console.print(Text(f"\n{spoken_of(chain)}", style="dim"))
    if files:
        console.print("", facts(*((name, Text(path)) for name, path in files.items())))


def _table(part: Section) -> Table:
    table = Table(
        box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0), show_header=any(part.head), expand=False
    )
    for k in range(len(part.rows[0]) if part.rows else 0):
        table.add_column(part.head[k] if part.head else "", no_wrap=k == 0)
    for row in part.rows:
        table.add_row(
            *(Text(cell, style="bold" if k == 0 and part.name in _NAMED else "") for k, cell in enumerate(row))
        )
    return table


def _finite(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)


def _ends(bound: Bound) -> dict[str, float | bool | str | None]:
    return {key: part for key, part in _bound(bound).items() if key != "value"}


def _bound(bound: Bound) -> dict[str, float | bool | str | None]:
    return {key: _finite(value) if isinstance(value, float) else value for key, value in bound.to_dict().items()}


def _plain(name: str, bound: Bound | None) -> dict[str, Any]:
    """The plain number that it has always been, and its interval under a name of its own."""
    if bound is None:
        return {name: None}
    return {name: _finite(bound.value), f"{name}_bound": _bound(bound)}


def _red_json(red: RedStates) -> dict[str, Any]:
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
            **_plain("share", red.arrow.share),
            "certified": red.arrow.share.certified,
        },
    }
