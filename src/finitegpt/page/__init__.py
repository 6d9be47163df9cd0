"""The page: all of it as one HTML file, that works from a disk and makes no request."""

import base64
import gzip
import hashlib
import html
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from finitegpt.page.bundling import bundle
from finitegpt.page.carrying import carried
from finitegpt.page.head import card_head, plain
from finitegpt.run import Run

_HERE = Path(__file__).parent
_WASM = _HERE.parent / "_engine" / "engine.wasm"
_START = """
const port = modules["link/host"].portOf();
const unpacked = (id) => {
  const packed = Uint8Array.from(atob(document.getElementById(id).textContent), (sign) => sign.charCodeAt(0));
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip")));
};
if (typeof DecompressionStream === "undefined") {
  document.getElementById("page").textContent = "FiniteGPT needs a newer browser. 请使用较新的浏览器。";
} else Promise.all([unpacked("wasm").arrayBuffer(), unpacked("worker").blob(), unpacked("words").json()])
  .then(([wasm, worker, [strings, glossary]]) => modules.main.start({
    wasm: new Uint8Array(wasm),
    worker: () => new Worker(URL.createObjectURL(worker)),
    port, strings, glossary,
    run: modules["files/carried"].carriedRun(document.getElementById("run").textContent),
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
        "words": _packed(json.dumps([strings(), glossary()], ensure_ascii=False).encode()),
        "worker": _packed(bundle("engine/worker").encode()),
        "wasm": _packed(_WASM.read_bytes()),
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


def _packed(content: bytes) -> str:
    """Bytes as text that the page unpacks: what nobody reads in its source makes it no larger than it must be."""
    return base64.b64encode(gzip.compress(content, mtime=0)).decode()


def _inlined(value: object) -> str:
    """JSON that can stand in a script element."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")


def strings() -> dict[str, dict[str, str]]:
    """All words of the page, by language and key; `[[term]]` and `[[term|words]]` mark what the glossary explains."""
    languages = sorted(path for path in (_HERE / "i18n").glob("*.json") if path.stem != "glossary")
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in languages}


def glossary() -> dict[str, dict[str, Any]]:
    """What the page explains, by term: its name and one line in each language, and perhaps a `link` to read more."""
    return json.loads((_HERE / "i18n" / "glossary.json").read_text(encoding="utf-8"))


def styles() -> str:
    """All rules of how the page looks: style.css first, then what views bring of their own."""
    return "".join(
        path.read_text(encoding="utf-8") for path in [_HERE / "style.css", *sorted(_HERE.glob("views/**/*.css"))]
    )
