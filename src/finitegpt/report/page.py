"""What `analyze` says as one HTML page with pictures: no scripts, nothing loaded from elsewhere, ready to be mailed."""

import math
from html import escape

import numpy as np

from finitegpt.analysis import approach, extended
from finitegpt.picture import curves, loss_curve, machine_graph, state_graph
from finitegpt.picture.automaton import LARGEST_MACHINE
from finitegpt.picture.graph import LARGEST_GRAPH, LARGEST_VOCABULARY, percent
from finitegpt.report.analysis import brief, decoding_end, ends_in
from finitegpt.states import visible
from finitegpt.summary import Summary
from finitegpt.train import Run

_STYLE = """
:root { color-scheme: light; }
body { margin: 0 auto; max-width: 54rem; padding: 1.5rem 1rem 4rem; color: #1f2430; background: #fff;
  font: 1rem/1.5 Roboto, "Helvetica Neue", Arial, "Noto Sans", sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2.25rem 0 .25rem; }
p { margin: .25rem 0 .75rem; } .note { color: #5b6472; }
.wide { overflow-x: auto; } svg { display: block; max-width: 100%; height: auto; margin: .75rem auto; }
@media (max-width: 34rem) { svg { max-width: none; width: 34rem; } }
table { border-collapse: collapse; margin: .5rem 0; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 500; color: #5b6472; } td, th { padding: .15rem 1.4rem .15rem 0; }
td:first-child { font-weight: 500; white-space: nowrap; }
code { font-family: ui-monospace, Menlo, Consolas, monospace; }
"""

Rows = list[list[str]]


def analysis_page(summary: Summary, run: Run) -> str:
    """The page, as HTML text."""
    chain = summary.chain
    title = f"A GPT as a Markov chain: {chain.n_states:,} states"
    how = f", decoded with {summary.decoding}" if summary.decoding else ""
    data = f"drawn from the source {summary.source}" if summary.source else f"{len(run.data.tokens):,} tokens"
    intro = (
        f"{run.model.config.n_params:,} parameters, trained for {len(run.losses):,} steps on data {data}; every "
        f"context of {chain.context_length} tokens over {len(chain.vocab)} symbols is a state{how}."
    )
    parts = [f"<h1>{escape(title)}</h1>", f"<p>{escape(intro)}</p>"]
    for section in (_graph, _long_run, _random, _compared, _memory, _mixing, _red, _machine, _decodings, _losses):
        parts += section(summary, run)
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title><style>{_STYLE}</style>",
            "<body>",
            *parts,
            '<p class="note">Entropies in nats a token, times in tokens. A number without a mark is proved to the '
            "digits shown; where an interval or the word uncertified follows, that is what is known.</p>",
            "</body></html>\n",
        ]
    )


def _graph(summary: Summary, run: Run) -> list[str]:
    chain = summary.chain
    if chain.n_states > LARGEST_GRAPH or chain.vocab_size > LARGEST_VOCABULARY:
        return []
    title = summary.decoding or f"after {len(run.losses):,} steps"
    return ["<h2>The chain</h2>", _picture(state_graph([(title, chain)]))]


def _long_run(summary: Summary, run: Run) -> list[str]:
    chain, law, rows = summary.chain, summary.law, []
    for id in summary.top_states:
        p = float(law.probs[np.searchsorted(law.states, id)])
        seen = [] if chain.counts is None else [f"{int(chain.counts[id]):,}" if chain.counts[id] else "never"]
        rows.append([visible(chain.label(id)), f"{100 * p:.3g} %", *seen])
    head = ["state", "time there", *([] if chain.counts is None else ["in the data"])]
    proved = f"wrong by at most {law.error:.0e} in total variation" if law.error else "exact"
    ends = (
        f"It ends in {ends_in(summary)}. The stationary law, by {law.method}, is "
        f"{proved if law.certified else 'uncertified'}."
    )
    return ["<h2>In the long run</h2>", f"<p>{escape(ends)}</p>", _table(head, rows)]


def _random(summary: Summary, run: Run) -> list[str]:
    rows = [
        ["entropy rate of the chain", brief(summary.entropy_rate), brief(summary.entropy_rate.scaled(1 / math.log(2)))]
    ]
    known = [
        (f"of its source, {summary.source}", summary.source_entropy_rate and sum(summary.source_entropy_rate) / 2),
        ("of the data, given a context", summary.data_entropy),
        ("loss on the data", summary.data_cross_entropy),
        ("uniform guess", math.log(summary.chain.vocab_size)),
    ]
    rows += [[name, f"{value:.6g}", f"{value / math.log(2):.6g}"] for name, value in known if value is not None]
    return ["<h2>How random</h2>", _table(["a token", "nats", "bits"], rows)]


def _compared(summary: Summary, run: Run) -> list[str]:
    found = summary.comparison
    if found is None:
        return []
    rows = [["KL rate, what the model costs", brief(found.kl_rate)]]
    if found.seen is not None and found.never_seen is not None and found.never_seen_mass is not None:
        rows += [["on states the data shows", f"{found.seen:.6g}"], ["on others", f"{found.never_seen:.6g}"]]
        rows += [["time spent on those", percent(found.never_seen_mass)]]
    rows += [
        ["best possible with this context", brief(found.true_entropy_rate)],
        ["cross-entropy of the model", brief(found.cross_entropy)],
        ["entropy rate of the model by itself", brief(found.free_entropy_rate)],
        ["distance of the stationary laws", brief(found.total_variation)],
    ]
    body = [f"<h2>Against {escape(str(summary.against))}</h2>", _table(["as if it were the truth", "nats"], rows)]
    if run.trajectory is not None and summary.truth is not None and not summary.decoding:
        truth = summary.truth
        truth = (
            truth
            if truth.context_length == run.model.config.context_length
            else extended(truth, run.model.config.context_length)
        )
        line = ("KL rate", approach(truth, run.trajectory).tolist())
        body.append(_picture(curves("Towards the truth", [line], across="step", up="nats a token", logarithmic=True)))
    return body


def _memory(summary: Summary, run: Run) -> list[str]:
    lines = [("the chain", summary.memory.h.tolist())]
    if summary.true_memory is not None:
        lines.append((f"its source, {summary.source}", summary.true_memory.tolist()))
    text = f"Within 0.001 nats of what all tokens of the context tell from {summary.memory.tokens()} on."
    picture = curves("Entropy of the next token", lines, across="tokens known", up="nats")
    return ["<h2>Memory</h2>", f"<p>{text}</p>", _picture(picture)]


def _mixing(summary: Summary, run: Run) -> list[str]:
    bound = summary.mixing_time
    time = f"{bound.low:,.0f}" if bound.low == bound.high else f"between {bound.low:,.0f} and {bound.high:,.3g}"
    text = "It never settles." if math.isinf(bound.low) else f"Mixing time {time} tokens, from any start to within 1/4."
    if summary.total_variation.max() == 0:
        return ["<h2>Mixing</h2>", f"<p>{text}</p>"]
    logarithmic = bool((summary.total_variation > 1e-15).sum() > 2)
    distance = np.where(summary.total_variation > 1e-15, summary.total_variation, 0.0).tolist()
    picture = curves(
        "From the data's contexts to the stationary law",
        [("distance", distance)],
        across="tokens",
        up="total variation",
        logarithmic=logarithmic,
    )
    return ["<h2>Mixing</h2>", f"<p>{text}</p>", _picture(picture)]


def _red(summary: Summary, run: Run) -> list[str]:
    body = []
    for red in summary.red:
        rows = [["ever", brief(red.ever)], *([f"within {n:,}", brief(bound)] for n, bound in red.within.items())]
        rows.append(["avoided once more", brief(red.survival)])
        if math.isfinite(red.mean_time.value):
            rows.append(["on average after", f"{brief(red.mean_time)} tokens"])
        if red.arrow is not None:
            where = f"{visible(red.arrow.state)} → {visible(red.arrow.token)}"
            rows.append(["mostly by", f"{where}, {percent(red.arrow.share)} of first entries"])
        body += [f"<h2>Red states <code>{escape(' '.join(red.patterns))}</code></h2>", _table(["", ""], rows)]
    return body


def _machine(summary: Summary, run: Run) -> list[str]:
    found = summary.machine
    if found is None or len(found) > LARGEST_MACHINE or len(found.vocab) > LARGEST_VOCABULARY:
        size = "more than 1,024" if found is None else f"{len(found):,}"
        return ["<h2>The smallest machine</h2>", f"<p>It has {size} states: too many to draw.</p>"]
    text = f"Predicting with it costs {found.kl_rate:.2g} nats a token, {percent(found.ignored)} of the time left out."
    return [
        "<h2>The smallest machine</h2>",
        f"<p>{escape(text)}</p>",
        _picture(machine_graph(found, f"{len(found)} states")),
    ]


def _decodings(summary: Summary, run: Run) -> list[str]:
    head = ["", "entropy rate", "ends in", *(["red within 100"] if summary.red else [])]
    rows = [
        [row.name, brief(row.entropy_rate), decoding_end(row), *([brief(row.red)] if row.red else [])]
        for row in summary.decodings
    ]
    return ["<h2>Decoding</h2>", _table(head, rows)]


def _losses(summary: Summary, run: Run) -> list[str]:
    if len(run.losses) == 0:
        return []
    return [
        "<h2>Training</h2>",
        _picture(loss_curve(run.losses.tolist(), [("uniform guess", math.log(len(run.data.vocab)))])),
    ]


def _table(head: list[str], rows: Rows) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _picture(svg: str) -> str:
    return f'<div class="wide">{svg}</div>'
