"""What `train --seeds` says of an ensemble, for people and as JSON."""

from typing import Any

import numpy as np
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from finitegpt import states
from finitegpt.ensemble import Ensemble
from finitegpt.report.chain import ROWS, state_space
from finitegpt.report.layout import COLOURS, facts, indent, section
from finitegpt.states import visible
from finitegpt.words import count


def ensemble_json(ensemble: Ensemble, files: dict[str, str]) -> dict[str, Any]:
    """An ensemble as plain values; rows in the order of state ids, quantiles by name."""
    config, counts = ensemble.model, ensemble.data.counts()
    spread, seen = ensemble.spread(), counts > 0
    names = ("5%", "25%", "50%", "75%", "95%")
    return {
        "n_params": config.n_params,
        "vocab": list(ensemble.data.vocab),
        "context_length": config.context_length,
        "model": config.to_dict(),
        "train": ensemble.train.to_dict(),
        "seeds": list(ensemble.seeds),
        "final_losses": ensemble.losses[:, -1].tolist() if ensemble.losses.size else [],
        "states": [
            {"state": states.label(id, ensemble.data.vocab, config.context_length), "count": count, "seen": count > 0}
            for id, count in enumerate(counts.tolist())
        ],
        "mean": ensemble.probs.mean(0).tolist(),
        "standard_deviation": spread.tolist(),
        "quantiles": dict(zip(names, ensemble.quantiles().tolist(), strict=True)),
        "mean_standard_deviation": {
            "seen": float(spread[seen].mean()) if seen.any() else None,
            "never_seen": float(spread[~seen].mean()) if not seen.all() else None,
        },
        "state_space": state_space(config.vocab_size, config.context_length),
        **({"files": files} if files else {}),
    }


def print_ensemble(console: Console, ensemble: Ensemble, files: dict[str, str]) -> None:
    """What seeds agree on: every state's most probable tokens with their spread, seen and never-seen states apart."""
    data, mean, spread = ensemble.data, ensemble.probs.mean(0), ensemble.spread()
    low, *_, high = ensemble.quantiles()
    counts = data.counts()
    console.print(
        facts(
            ("seeds", f"{len(ensemble.seeds):,}, from {ensemble.seeds[0]} to {ensemble.seeds[-1]}"),
            ("model", f"{ensemble.model.n_params:,} parameters, {count(ensemble.train.steps, 'step')}"),
        )
    )
    for title, ids in (("seen", np.flatnonzero(counts)), ("never seen", np.flatnonzero(counts == 0))):
        if len(ids) == 0:
            continue
        console.print(section(f"{title} in the data", f"mean standard deviation {spread[ids].mean():.4f}"))
        table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0))
        for name in ("state", "next", "mean", "deviation", "5% to 95% of seeds"):
            table.add_column(name, justify="left" if name in ("state", "next") else "right", no_wrap=True)
        rows = [(id, token) for id in ids.tolist() for token in range(len(data.vocab))]
        for id, token in rows[: 2 * ROWS]:
            name = states.label(id, data.vocab, data.context_length) if token == 0 else ""
            interval = f"{low[id, token]:.3f} to {high[id, token]:.3f}"
            table.add_row(
                Text(visible(name), style="bold"),
                Text(visible(data.vocab[token]), style=COLOURS[token % len(COLOURS)]),
                f"{mean[id, token]:.3f}",
                f"{spread[id, token]:.3f}",
                interval,
            )
        more = len(rows) - 2 * ROWS
        note = [Text(f"and {more:,} more arrows: --json has them all", style="dim")] if more > 0 else []
        console.print(indent(Group(table, *note)))
    if files:
        console.print("", facts(*((name, Text(path)) for name, path in files.items())))
