"""The widget in a real JupyterLab: cells are run in the browser, and values go both ways."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from finitegpt import Run

NEEDED = ("jupyterlab", "anywidget", "ipykernel")
CELLS = [
    "import finitegpt\nfrom finitegpt.widget import ChainView\nview = ChainView(finitegpt.train(), height=900)\nview",
    "seen = []\nview.observe(lambda change: seen.append(change.new), 'state')\nview.step = 0",
    "view.step, view.state, seen",
    "view.step, view.state, view.temperature, view.red = None, 7, 0.5, ['01?']",
    "view.close()",
]
PATIENCE = 30  # seconds
LABEL = r"1 \(?79%"  # P(1 | 101) after training, at its arrow


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a JupyterLab with a notebook, on loopback, that knows nothing of this machine's settings."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        (pytest.fail if request.config.getoption("--require-browser") else pytest.skip)(f"without {', '.join(missing)}")
    folder = tmp_path_factory.mktemp("lab")
    cells = [
        {
            "cell_type": "code",
            "id": f"cell{k}",
            "metadata": {},
            "source": source,
            "outputs": [],
            "execution_count": None,
        }
        for k, source in enumerate(CELLS)
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "page.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    places = {f"JUPYTER_{kind}_DIR": str(folder / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    places |= {"IPYTHONDIR": str(folder / "ipython"), "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces")}
    options = [
        "--no-browser",
        "--allow-root",
        "--ServerApp.ip=127.0.0.1",
        "--ServerApp.port=0",
        "--IdentityProvider.token=word",
    ]
    alone = ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--LabApp.extension_manager=readonly"]
    command = [sys.executable, "-m", "jupyterlab", *options, *alone, f"--ServerApp.root_dir={folder}"]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, env=os.environ | places, stdout=log, stderr=log) as server,
    ):
        try:
            yield f"{address(folder / 'runtime', server)}lab/tree/page.ipynb?token=word&reset"
        finally:
            server.terminate()
            server.wait(PATIENCE)


def address(runtime: Path, server: subprocess.Popen) -> str:
    """Where a server says that it listens."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and server.poll() is None:
        for found in runtime.glob("jpserver-*.json"):
            try:
                return json.loads(found.read_text())["url"]
            except ValueError:
                break  # it is being written
        time.sleep(0.1)
    raise AssertionError((runtime.parent / "log").read_text())


class Cells:
    """The notebook's cells, run one at a time; what each prints."""

    def __init__(self, view: Any) -> None:
        self.view = view
        self.all = view.locator(".jp-NotebookPanel .jp-CodeCell")

    def run(self, k: int) -> None:
        self.all.nth(k).locator(".cm-content").click()
        self.view.keyboard.press("Shift+Enter")
        self.all.nth(k).locator(".jp-InputPrompt").filter(has_text=re.compile(r"\[\d+\]")).wait_for()

    def said(self, k: int) -> str:
        self.run(k)
        return self.all.nth(k).locator(".jp-OutputArea-output").inner_text()


def blobs(view: Any) -> list[Any]:
    """The workers of a page that come from no file: the engine's."""
    return [worker for worker in view.workers if worker.url.startswith("blob:")]


def test_values_go_both_ways(chromium: Any, lab: str, notebook: Run) -> None:
    asked, troubles = [], []
    with chromium.new_context(viewport={"width": 1280, "height": 1000}, locale="en-GB") as context:
        view = context.new_page()
        view.on("request", lambda request: asked.append(request.url))
        view.on("pageerror", lambda error: troubles.append(str(error)))
        view.goto(lab)
        cells = Cells(view)
        view.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
        cells.run(0)
        frame = view.frame_locator("iframe[title=FiniteGPT]")
        frame.locator(".step").filter(has_text="step 50 of 50, loss 0.4670 nats").wait_for()
        assert re.search(LABEL, frame.locator(".stage svg").text_content())
        assert notebook.chain.p("1", after="101") == pytest.approx(0.79, abs=0.005)

        cells.run(1)
        frame.locator(".step").filter(has_text="step 0 of 50").wait_for()
        assert not re.search(LABEL, frame.locator(".stage svg").text_content())
        frame.locator(".speed").select_option("4×")
        frame.locator(".play").click()  # no step comes back from Python and stops it
        frame.locator(".step").filter(has_text="step 50 of 50").wait_for()

        frame.locator(".state").nth(5).click()
        frame.locator(".state.chosen").wait_for()
        view.wait_for_timeout(500)
        assert cells.said(2) == "(None, '101', ['101'])"

        cells.run(3)
        frame.locator(".step").filter(has_text="step 50 of 50").wait_for()
        frame.get_by_role("heading", name="State 111").wait_for()
        assert frame.locator(".state.red").count() == 2
        assert frame.get_by_role("textbox", name="Temperature").input_value() == "0.5"

        assert blobs(view)
        cells.run(4)
        view.locator("iframe[title=FiniteGPT]").wait_for(state="detached")
        assert not blobs(view)
    assert troubles == []
    assert all(url.startswith((lab.split("lab/")[0], "data:", "blob:")) for url in asked)
