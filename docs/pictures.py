"""Makes the pictures that README.md and the pages here show: python docs/pictures.py."""

import math
import re
import shutil
import tempfile
from pathlib import Path

import finitegpt
from finitegpt.page import page
from finitegpt.picture import loss_curve, state_graph

FOLDER = Path(__file__).parent


def main() -> None:
    """Writes notebook.svg, loss.svg and beliefs.svg, and where there is a browser pictures of the page."""
    run = finitegpt.train()
    graph = state_graph([("before training", run.initial_chain), ("after 50 steps", run.chain)])
    (FOLDER / "notebook.svg").write_text(graph, encoding="utf-8")
    marks = [("uniform guess", math.log(2)), ("best possible on this data", run.data.entropy)]
    (FOLDER / "loss.svg").write_text(loss_curve(run.losses.tolist(), marks), encoding="utf-8")
    (FOLDER / "beliefs.svg").write_text(of_page("inside.md", "picture"), encoding="utf-8")
    browser = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if browser:
        photograph(browser, {"page.png": "state=5", "page-zh.png": "state=7&pin=10&lang=zh&theme=dark"})


def of_page(name: str, picture: str) -> str:
    """What the code on a page has drawn under that name."""
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", (FOLDER / name).read_text(encoding="utf-8"), re.DOTALL):
        exec(block, names)
    return str(names[picture])


def photograph(browser: str, pictures: dict[str, str]) -> None:
    """The page as each of the links shows it."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder) / "page.html"
        file.write_text(page(), encoding="utf-8")
        with playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"]) as chromium:
            for name, link in pictures.items():
                view = chromium.new_page(viewport={"width": 1280, "height": 960})
                view.goto(f"{file.as_uri()}#{link}")
                view.wait_for_timeout(1500)
                view.screenshot(path=FOLDER / name)


if __name__ == "__main__":
    main()
