"""The page: all of it as one HTML file, that works from a disk and makes no request."""

import base64
import hashlib
import json
import re
from pathlib import Path
from urllib.parse import quote, urlencode

from finitegpt.data import vocabulary
from finitegpt.errors import InputError
from finitegpt.states import is_spaced
from finitegpt.train import Run

_HERE = Path(__file__).parent
_WASM = _HERE.parent / "_engine" / "engine.wasm"

_MODULES = (
    *("state", "data", "chain", "layout", "strings", "dom", "patterns", "presets"),
    *("graph", "matrix", "timeline", "inspector", "facts", "main"),
)
_WORKER = ("engine", "worker")
_START = """
start({
  wasm: Uint8Array.from(atob(document.getElementById("wasm").textContent), (sign) => sign.charCodeAt(0)),
  worker: () => new Worker(URL.createObjectURL(new Blob([document.getElementById("worker").textContent]))),
  first: document.getElementById("first").textContent,
  strings: JSON.parse(document.getElementById("strings").textContent),
});
"""


def page(first: str = "") -> str:
    """The whole page as HTML text: styles, strings, modules, the worker and the engine inside.

    `first` is the experiment that it opens with, as in a link behind the #.
    """
    script = f'"use strict";(() => {{\n{_joined(_MODULES)}{_START}}})();'
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}' 'wasm-unsafe-eval' blob:; style-src 'unsafe-inline'; "
        "worker-src blob:; img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    parts = {
        "policy": policy,
        "style": (_HERE / "style.css").read_text(encoding="utf-8"),
        "first": quote(first, safe="=&,.%-_~"),
        "strings": json.dumps(strings(), ensure_ascii=False).replace("<", "\\u003c"),
        "worker": _joined(_WORKER),
        "wasm": base64.b64encode(_WASM.read_bytes()).decode(),
        "script": script,
    }
    template = (_HERE / "index.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], template)


def experiment(run: Run) -> str:
    """The part of a link, behind the #, that trains a run again; InputError where the page could not."""
    model, config, text = run.model.config, run.train, run.data.text
    wide = (
        model.vocab_size > 64 or model.vocab_size**model.context_length > 4096 or model.n_layer > 8 or model.n_head > 8
    )
    if len(text) > 4000 or is_spaced(run.model.vocab) or wide or model.n_embd > 128 or config.steps > 5000:
        raise InputError(
            "expected a run that the page can train again, of at most 4,000 characters, 4,096 states, 8 layers and "
            "heads, a width of 128 and 5,000 steps, got a larger one; try a smaller run, or analyze --report"
        )
    if config.batch_size is not None or run.model.vocab != vocabulary(text):
        raise InputError(
            "expected a run on full batches over the characters of its data, got mini-batches or another vocabulary; "
            "try training without --batch-size and --vocab"
        )
    fields = {
        "data": text,
        "context": model.context_length,
        "layers": model.n_layer,
        "heads": model.n_head,
        "width": model.n_embd,
        "bias": int(model.bias),
        "loss": config.loss,
        "steps": config.steps,
        "lr": config.lr,
        "decay": config.weight_decay,
        "seed": config.seed,
    }
    return urlencode(fields, quote_via=quote, safe="")


def strings() -> dict[str, dict[str, str]]:
    """All words of the page, by language and key."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted((_HERE / "i18n").glob("*.json"))}


def _joined(modules: tuple[str, ...]) -> str:
    """Modules one after the other as one script: each comes after those it imports, and no two names are the same."""
    return "".join(
        re.sub(r"^import [^;]*;\n", "", (_HERE / f"{name}.js").read_text(encoding="utf-8"), flags=re.M | re.S).replace(
            "\nexport ", "\n"
        )
        for name in modules
    )
