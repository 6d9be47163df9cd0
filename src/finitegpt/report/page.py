"""What `analyze` says as one HTML page with pictures: no scripts, nothing loaded from elsewhere, ready to be mailed."""

import math
from collections.abc import Callable, Sequence
from html import escape

import numpy as np

from finitegpt.analysis import approach, extended
from finitegpt.picture import curves, loss_curve, machine_graph, state_graph
from finitegpt.picture.automaton import LARGEST_MACHINE
from finitegpt.picture.graph import LARGEST_GRAPH, LARGEST_VOCABULARY
from finitegpt.report.sections import Section, all_lengths, ends_in, sections, spoken_of
from finitegpt.run import Run
from finitegpt.summary import Summary

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
td:first-child { font-weight: 500; white-space: pre; }
code { font-family: ui-monospace, Menlo, Consolas, monospace; }
"""


def analysis_page(summary: Summary, run: Run) -> str:
    """The page, as HTML text."""
    chain = summary.chain
    title = f"A GPT as a Markov chain: {chain.n_states:,} states"
    how = f", decoded with {summary.decoding}" if summary.decoding else ""
    data = f"drawn from the source {summary.source}" if summary.source else f"of {len(run.data.tokens):,} tokens"
    data += "" if run.data.borders is None else f" in {run.data.borders.m:,} sequences"
    intro = (
        f"{run.model.config.n_params:,} parameters, trained for {len(run.losses):,} steps on data {data}. Every "
        f"context of {chain.context_length} tokens over {len(chain.vocab)} symbols is a state{how}. It ends in "
        f"{ends_in(summary)}."
    )
    if startup := all_lengths(summary):
        intro += f" With shorter contexts, on the way to the first full one: {startup}."
    parts = [f"<h1>{escape(title)}</h1>", f"<p>{escape(intro)}</p>", *_graph(summary, run)]
    for section in sections(summary):
        parts += [f"<h2>{escape(section.title[:1].upper() + section.title[1:])}</h2>", f"<p>{escape(section.note)}</p>"]
        picture = _PICTURES.get(section.name)
        parts += picture(summary, run) if picture else []
        parts.append(_table(section))
        parts += [f'<p class="note">{escape(section.after)}</p>'] if section.after else []
    parts += _losses(run)
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
            '<p class="note">Entropies in nats a token, times in tokens. A number without a mark is proved to '
            "half a unit of its last digit; elsewhere an interval or the word uncertified says what is known. Whole "
            f"percents of arrows, and the marks of pictures, are rounded and not proved. {spoken_of(chain)}</p>",
            "</body></html>\n",
        ]
    )


def _graph(summary: Summary, run: Run) -> list[str]:
    chain = summary.chain
    if chain.n_states > LARGEST_GRAPH or chain.vocab_size > LARGEST_VOCABULARY:
        return []
    title = summary.decoding or f"after {len(run.losses):,} steps"
    return ["<h2>The chain</h2>", _picture(state_graph([(title, chain)]))]


def _approach(summary: Summary, run: Run) -> list[str]:
    """How training came nearer to the truth, where the chains of all steps were kept."""
    if run.trajectory is None or summary.truth is None or summary.decoding:
        return []
    truth, L = summary.truth, run.model.config.context_length
    if truth.context_length > L:
        return []
    curve = approach(truth if truth.context_length == L else extended(truth, L), run.trajectory).values.tolist()
    if not any(math.isfinite(value) and value > 0 for value in curve):
        return []
    lines = [("KL rate", curve)]
    return [_picture(curves("Towards the truth", lines, across="step", up="nats a token", logarithmic=True))]


def _memory(summary: Summary, run: Run) -> list[str]:
    lines = [("the chain", summary.memory.h.tolist())]
    if summary.true_memory is not None:
        lines.append((f"its source, {summary.source}", summary.true_memory.h.tolist()))
    return [_picture(curves("Entropy of the next token", lines, across="tokens known", up="nats"))]


def _mixing(summary: Summary, run: Run) -> list[str]:
    curve = summary.total_variation
    unproved = not np.isfinite(curve.error)
    distance = np.where(curve.low > 0 if not unproved else curve.values > 1e-15, curve.values, 0.0).tolist()
    positive = sum(value > 0 for value in distance)
    if positive == 0:
        return []
    title = "From the data's contexts to the stationary distribution"
    line = [("distance", distance)]
    return [_picture(curves(title, line, across="tokens", up="total variation", logarithmic=positive > 2))]


def _machine(summary: Summary, run: Run) -> list[str]:
    found = summary.machine
    if found is None or len(found) > LARGEST_MACHINE or len(found.vocab) > LARGEST_VOCABULARY:
        return []
    return [_picture(machine_graph(found, "1 state" if len(found) == 1 else f"{len(found)} states"))]


def _losses(run: Run) -> list[str]:
    if len(run.losses) == 0:
        return []
    marks = [("uniform guess", math.log(len(run.data.vocab)))]
    return ["<h2>Training</h2>", _picture(run_losses(run, marks))]


def run_losses(run: Run, marks: Sequence[tuple[str, float]]) -> str:
    """SVG of the losses of a run, with its validation and its learning rates."""
    seen, done = run.validation, len(run.losses)
    return loss_curve(
        run.losses.tolist(),
        marks,
        validation=[] if seen is None else list(zip(seen.steps.tolist(), seen.losses.tolist(), strict=True)),
        kept=run.kept if run.train.keep == "best" else None,
        rates=run.train.rates(0, done).tolist(),
    )


_PICTURES: dict[str, Callable[[Summary, Run], list[str]]] = {
    "compared": _approach,
    "memory": _memory,
    "mixing": _mixing,
    "machine": _machine,
}
"""The pictures that go with a section."""


def _table(section: Section) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in section.head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in section.rows)
    head = f"<thead><tr>{top}</tr></thead>" if any(section.head) else ""
    return f'<div class="wide"><table>{head}<tbody>{body}</tbody></table></div>'


def _picture(svg: str) -> str:
    return f'<div class="wide">{svg}</div>'
