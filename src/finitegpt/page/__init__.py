"""The page: all of it as one HTML file, that works from a disk and makes no request."""

import base64
import hashlib
import html
import json
import re
from pathlib import Path

from finitegpt.data import vocabulary
from finitegpt.errors import InputError
from finitegpt.run import Run
from finitegpt.states import is_spaced

_HERE = Path(__file__).parent
_MOST_DATA = 100_000
_WASM = _HERE.parent / "_engine" / "engine.wasm"

_MODULES = (
    *("state", "random", "data", "chain", "layout", "strings", "numbers", "patterns", "transforms", "weights"),
    *("experiment", "training", "view", "safetensors", "imports", "recipe", "presets"),
    *("dom", "graph", "dots", "matrix", "neighbours", "stage", "timeline", "inspector", "concluder", "facts"),
    *("walk", "nudge", "controls", "lessons", "address", "away", "main"),
)
_WORKER = ("random", "weights", "engine", "analysis", "worker")
_START = """
modules.main.start({
  wasm: Uint8Array.from(atob(document.getElementById("wasm").textContent), (sign) => sign.charCodeAt(0)),
  worker: () => new Worker(URL.createObjectURL(new Blob([document.getElementById("worker").textContent]))),
  run: modules.main.carriedRun(document.getElementById("run").textContent),
  strings: JSON.parse(document.getElementById("strings").textContent),
});
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
        "wasm": base64.b64encode(_WASM.read_bytes()).decode(),
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
    if is_spaced(run.model.vocab):
        raise InputError("expected a run over characters, got one over words; try analyze --report")
    large = model.vocab_size > 64 or states > 4096 or max(model.n_layer, model.n_head) > 8 or model.n_embd > 128
    if large or len(run.data.text) > _MOST_DATA or config.steps > 5000 or (config.batch_size or 0) > 4096:
        raise InputError(
            "expected a run that the page can show, of at most 64 tokens, 4,096 states, 8 layers and heads, a width of "
            f"128, 5,000 steps, batches of 4,096 and {_MOST_DATA:,} characters, got a larger one; "
            "try a smaller run, or analyze --report"
        )
    own = run.model.vocab == vocabulary(run.data.text)
    values = {
        "data": run.data.text,
        "vocab": "" if own else "".join(run.model.vocab),
        "context": model.context_length,
        "layers": model.n_layer,
        "heads": model.n_head,
        "width": model.n_embd,
        "bias": model.bias,
        "loss": config.loss,
        "steps": len(run.losses),
        "lr": config.lr,
        "decay": config.weight_decay,
        "seed": config.seed,
        "batch": config.batch_size or 0,
    }
    weights = base64.b64encode(run.model.weights.astype("<f4").tobytes()).decode()
    return {"values": values, "weights": weights, "losses": run.losses.tolist()}


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
