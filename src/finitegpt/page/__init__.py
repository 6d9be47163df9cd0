"""The page: all of it as one HTML file, that works from a disk and makes no request."""

import base64
import gzip
import hashlib
import html
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from finitegpt import states
from finitegpt.batches import generator_of, windows_of
from finitegpt.data import Data, vocabulary
from finitegpt.engine import Engine, Windows
from finitegpt.errors import InputError
from finitegpt.model import Model
from finitegpt.run import Run
from finitegpt.states import is_spaced

_HERE = Path(__file__).parent
_MOST_DATA = 100_000
_SAME = 1e-4
"""How far two first losses of the same training can be apart, by rounding, in nats."""
_WHAT_IS_SEEN = ("tokens", "starts", "lengths", "weights", "mask")
_WASM = _HERE.parent / "_engine" / "engine.wasm"

_MODULES = (
    *("random", "weights", "state", "data", "chain", "layout", "strings", "numbers", "patterns", "transforms"),
    *("experiment", "training", "view", "safetensors", "imports", "recipe", "presets"),
    *("dom", "graph", "dots", "matrix", "neighbours", "stage", "timeline", "inspector", "concluder", "facts"),
    *("walk", "nudge", "controls", "lessons", "address", "away", "main"),
)
_WORKER = ("random", "weights", "engine", "analysis", "worker")
_START = """
const packed = Uint8Array.from(atob(document.getElementById("wasm").textContent), (sign) => sign.charCodeAt(0));
const unpacked = typeof DecompressionStream === "undefined" ? Promise.resolve(new ArrayBuffer(0))
  : new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
unpacked.then((wasm) => modules.main.start({
  wasm: new Uint8Array(wasm),
  worker: () => new Worker(URL.createObjectURL(new Blob([document.getElementById("worker").textContent]))),
  run: modules.main.carriedRun(document.getElementById("run").textContent),
  strings: JSON.parse(document.getElementById("strings").textContent),
}));
"""


def page(run: Run | None = None) -> str:
    """The whole page as HTML text: styles, strings, modules, the worker and the engine inside.

    It opens with `run`, and carries its data and its weights; without one, it opens with the notebook's experiment.
    InputError where the run is larger than the page can show.
    """
    script = f'"use strict";(() => {{\n{_joined(_MODULES)}{_START}}})();'
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}' 'wasm-unsafe-eval'; style-src 'unsafe-inline'; "
        "worker-src blob:; img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    parts = {
        "policy": policy,
        "style": (_HERE / "style.css").read_text(encoding="utf-8"),
        "run": _inlined(_carried(run)) if run else "",
        "strings": _inlined(strings()),
        "worker": _joined(_WORKER),
        "wasm": base64.b64encode(gzip.compress(_WASM.read_bytes(), mtime=0)).decode(),
        "script": script,
    }
    template = (_HERE / "index.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], template)


def frame(run: Run) -> str:
    """The page with a run, as a frame in another page: what a notebook shows of the run."""
    return (
        f'<iframe srcdoc="{html.escape(page(run))}" style="width: 100%; height: 46rem; border: 0" '
        'title="FiniteGPT" allow="clipboard-write"></iframe>'
    )


def _carried(run: Run) -> dict[str, object]:
    """What the page needs to show a run, and to train it again: values by the names of state.js."""
    model, config = run.model.config, run.train
    states = model.vocab_size**model.context_length
    if run.data.borders is not None:
        raise InputError("expected a run of one text, got one of sequences; try analyze --report")
    if is_spaced(run.model.vocab):
        raise InputError("expected a run over characters, got one over words; try analyze --report")
    large = model.vocab_size > 64 or states > 4096 or max(model.n_layer, model.n_head) > 8 or model.n_embd > 128
    if large or len(run.data.tokens) > _MOST_DATA or config.steps > 5000 or (config.batch_size or 0) > 4096:
        raise InputError(
            "expected a run that the page can show, of at most 64 tokens, 4,096 states, 8 layers and heads, a width of "
            f"128, 5,000 steps, batches of 4,096 and {_MOST_DATA:,} characters, got a larger one; "
            "try a smaller run, or analyze --report"
        )
    text = "".join(run.model.vocab[token] for token in run.data.tokens)
    own = run.model.vocab == vocabulary(text)
    values = {
        "data": text,
        "vocab": "" if own else "".join(run.model.vocab),
        "context": model.context_length,
        "layers": model.n_layer,
        "heads": model.n_head,
        "width": model.n_embd,
        "bias": model.bias,
        "tied": model.tied,
        "activation": model.activation,
        "norm": model.norm if model.norm_weight else "rmsnorm_plain",
        "embnorm": model.embedding_norm,
        "finalnorm": model.final_norm,
        "loss": config.loss,
        "steps": len(run.losses),
        "lr": config.lr,
        "decay": config.weight_decay,
        "seed": config.seed,
        "batch": config.batch_size or 0,
        "batchseed": -1 if config.batch_seed is None else config.batch_seed,
        "warmup": config.warmup,
        "schedule": config.decay,
        "minlr": config.min_lr,
        "clip": config.clip or 0,
        "beta1": config.betas[0],
        "beta2": config.betas[1],
        "matrices": config.decay_matrices,
    }
    weights = base64.b64encode(run.model.weights.astype("<f4").tobytes()).decode()
    return {"values": values, "weights": weights, "losses": run.losses.tolist(), **_again(run)}


def _again(run: Run) -> dict[str, object]:
    """Why the page cannot train a run again, as a key of the strings, and what was seen where it cannot tell that."""
    config, done, data = run.train, len(run.losses), run.data
    _, after = Engine().begin(run.model.config, config.seed)
    everything = replace(config, batch_size=None)
    seen = windows_of(data, everything, 1, after)
    try:
        text = Data.from_text(data.text, context_length=data.context_length, vocab=data.vocab)
        plain = windows_of(text, everything, 1, after)
    except InputError:
        plain = None
    if not all(np.array_equal(getattr(seen, name), getattr(plain, name, 0)) for name in _WHAT_IS_SEEN):
        return {"fixed": "fixed.data", "counts": data.counts().tolist(), "arrows": _arrows(run, seen)}
    if config.batches != "random" and config.batch_size:
        return {"fixed": "fixed.batches"}
    if config.keep == "best":
        return {"fixed": "fixed.kept"}
    if config.decay != "constant" and done < config.steps:
        return {"fixed": "fixed.stopped"}
    if run.given is not None:
        return {"fixed": "fixed.start"}
    first = windows_of(data, config, 1, generator_of(data, config, after))
    drawn = Model.init(run.model.config, run.model.vocab, seed=config.seed)
    if done and abs(Engine().loss(drawn.config, first, drawn.weights) - run.losses[0]) > _SAME:
        return {"fixed": "fixed.start"}
    return {"fixed": None}


def _arrows(run: Run, seen: Windows) -> list[list[float]]:
    """Every arrow that data takes after L tokens, by its number state * V + token, and how much it counts."""
    V, L = run.model.config.vocab_size, run.model.config.context_length
    whole = slice(None) if seen.lengths is None else seen.lengths == L
    ends = seen.starts[whole] + L
    weights = np.ones(len(ends)) if seen.weights is None else seen.weights[whole].astype(float)
    if seen.mask is not None:
        weights *= seen.mask[ends]
    numbers = states.ids(seen.tokens[ends[:, None] + np.arange(-L, 1)], V)
    found, place = np.unique(numbers, return_inverse=True)
    return [found.tolist(), np.bincount(place, weights).tolist()]


def _inlined(value: object) -> str:
    """JSON that can stand in a script element."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")


def strings() -> dict[str, dict[str, str]]:
    """All words of the page, by language and key."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted((_HERE / "i18n").glob("*.json"))}


def _joined(modules: tuple[str, ...]) -> str:
    """ES modules as one plain script, each after those it imports, in a function of its own: names stay its own."""
    parts = ["const modules = {};\n"]
    for name in modules:
        text = (_HERE / f"{name}.js").read_text(encoding="utf-8")
        text = re.sub(r'^import (\{[^}]*\}) from "\./(\w+)\.js";', r"const \1 = modules.\2;", text, flags=re.M)
        exports = re.findall(r"^export (?:async )?(?:function|class|const) (\w+)", text, flags=re.M)
        text = re.sub(r"^export ", "", text, flags=re.M)
        parts.append(f"(() => {{\n{text}modules.{name} = {{ {', '.join(exports)} }};\n}})();\n")
    return "".join(parts)
