"""The page: all of it as one HTML file, that works from a disk and makes no request."""

import base64
import gzip
import hashlib
import html
import json
import re
from collections.abc import Sequence
from pathlib import Path

from finitegpt.page.bundle import bundle
from finitegpt.page.carried import carried
from finitegpt.page.head import card_head, plain
from finitegpt.run import Run

_HERE = Path(__file__).parent
_WASM = _HERE.parent / "_engine" / "engine.wasm"
_START = """
const packed = Uint8Array.from(atob(document.getElementById("wasm").textContent), (sign) => sign.charCodeAt(0));
const unpacked = typeof DecompressionStream === "undefined" ? Promise.resolve(new ArrayBuffer(0))
  : new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
unpacked.then((wasm) => modules.main.start({
  wasm: new Uint8Array(wasm),
  worker: () => new Worker(URL.createObjectURL(new Blob([document.getElementById("worker").textContent]))),
  run: modules["files/carried"].carriedRun(document.getElementById("run").textContent),
  strings: JSON.parse(document.getElementById("strings").textContent),
  site: JSON.parse(document.getElementById("site").textContent),
}));
"""


def page(
    run: Run | None = None, *, address: str | None = None, picture: str | None = None, pages: Sequence[str] = ()
) -> str:
    """The whole page as HTML text: styles, strings, modules, the worker and the engine inside.

    It opens with `run`, and carries its data and its weights; without one, it opens with the notebook's experiment.
    `address` is where it will be on the web, `picture` that of the card that other pages show of it, and `pages` are
    the names of those that lie beside it. InputError where the run is larger than the page can show.
    """
    script = f'"use strict";(() => {{\n{bundle("main", "files/carried")}{_START}}})();'
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}' 'wasm-unsafe-eval'; style-src 'unsafe-inline'; "
        "worker-src blob:; img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    parts = {
        "policy": policy,
        "head": card_head("FiniteGPT", plain(strings()["en"]["intro"]), address=address, picture=picture),
        "site": _inlined({"address": address or "", "pages": [*pages]}),
        "style": styles(),
        "run": _inlined(carried(run)) if run else "",
        "strings": _inlined(strings()),
        "worker": bundle("engine/worker"),
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


def _inlined(value: object) -> str:
    """JSON that can stand in a script element."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")


def strings() -> dict[str, dict[str, str]]:
    """All words of the page, by language and key."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted((_HERE / "i18n").glob("*.json"))}


def styles() -> str:
    """All rules of how the page looks: style.css first, then what views bring of their own."""
    return "".join(
        path.read_text(encoding="utf-8") for path in [_HERE / "style.css", *sorted(_HERE.glob("views/**/*.css"))]
    )
