"""The site: a folder that any static host serves, in a browser, below a sub-path; and what the page gives away."""

import json
import re
import shutil
import threading
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

import numpy as np
import pytest

from finitegpt import Chain, InputError, Run, TrainConfig, train
from finitegpt.cli import main
from finitegpt.page import page, site
from finitegpt.page.presets import START, link, presets, trained
from finitegpt.page.site import cards, gallery, glossary, plan
from finitegpt.page.site.sheet import WORDS, Sheet
from pages import settle
from test_page import call, node
from test_page_browser import saved

__all__ = ["node"]

PATH = "/some/where/"


class Page(HTMLParser):
    """Links of a page, its places, and where its pictures and styles are."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.parts: list[str] = []
        self.places: set[str] = set()
        self.card: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "a":
            self.links.append(found["href"])
        self.parts += [found[name] for name in ("src", "href") if tag in ("img", "link", "script") and name in found]
        self.places |= {found["id"]} if "id" in found else set()
        if found.get("property", "").startswith("og:"):
            self.card[found["property"]] = found["content"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, exported as a reader would."""
    path = tmp_path_factory.mktemp("site") / "out"
    assert main(["export", "--site", str(path), "--address", "https://example.org/gpt"]) == 0
    return path


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[str]:
    """The address of the folder, below a sub-path of a plain static server."""
    root = folder.parent / "root"
    shutil.copytree(folder, root / PATH.strip("/"))

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}{PATH}"
        server.shutdown()


def test_presets_are_those_of_the_page() -> None:
    [fields, start] = call(("presets.js", "presetOf", [START]), ("fields.js", "defaults", []))
    assert fields == "notebook"
    assert start == START
    source = (Path(site.__file__).parents[1] / "link" / "presets.js").read_text(encoding="utf-8")
    names = re.findall(r"^  (\w+): \{", source, re.M)
    assert names == list(presets())
    found = call(*(("presets.js", "presetOf", [START | changes]) for changes in presets().values()))
    assert found == list(presets())


def test_links_open_what_they_say() -> None:
    run = {"data": "0101", "context": 2, "steps": 7}
    for wanted in presets().values():
        for first in ({}, run):
            begins = START | first
            [values] = call(("fields.js", "fromHash", [link(wanted, first), begins]))
            assert values == {"values": START | wanted, "problems": []}


def test_the_folder_is_whole_or_not_there(folder: Path, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    refused = [
        (["--site", str(folder)], "exists"),
        (["--site", "new", "--address", "example.org"], "expected the address"),
        (["--site", "new", "--address", 'https://x/"><script>'], "expected the address"),
        (["--site", "new", "--address", "https://x/?a"], "expected the address"),
        (["run", "page.html", "--site", "new"], "got both"),
        ([], "got neither"),
        (["run"], "got neither"),
        (["nowhere", "--site", "new"], "expected"),
    ]
    for arguments, reason in refused:
        capsys.readouterr()
        assert main(["export", *arguments]) == 2
        said = capsys.readouterr().err
        assert reason in said
        assert said.count("\n") == 1
    assert list(here.iterdir()) == []
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_is_the_same_every_time_and_says_what_cards_need(
    folder: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "--site", "again", "--address", "https://example.org/gpt/"]) == 0
    again = {str(path.relative_to("again")): path.read_bytes() for path in Path("again").rglob("*") if path.is_file()}
    assert again == {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    capsys.readouterr()
    assert main(["export", "--site", "bare"]) == 0
    assert "try --address" in capsys.readouterr().out
    for path in Path("bare").rglob("*.html"):
        card = Page(path.read_text(encoding="utf-8")).card
        assert "og:title" in card
        assert "og:image" not in card
        assert "og:url" not in card
    assert not Path("bare/sitemap.xml").exists()


def test_every_link_and_every_place_is_there(folder: Path) -> None:
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    pages = {name: Page((folder / name).read_text(encoding="utf-8")) for name in names if name.endswith(".html")}
    for name, one in pages.items():
        for to in [*one.links, *one.parts]:
            if to.startswith(("https://", "data:")):
                continue
            whole = urljoin(f"http://host{PATH}{name}", to)
            file, place = urldefrag(whole)
            assert file.startswith(f"http://host{PATH}"), to
            file = file.removeprefix(f"http://host{PATH}") or "index.html"
            assert file in names, (name, to)
            if file == "index.html" and place:
                [read] = call(("fields.js", "fromHash", [place]))
                assert read["problems"] == [], to
            elif place:
                assert unquote(place) in pages[file].places, (name, to)
    for name, one in pages.items():
        if name != "404.html":
            assert one.card["og:image"] in ("https://example.org/gpt/og.png", "https://example.org/gpt/og.zh.png")
            assert one.card["og:image"].removeprefix("https://example.org/gpt/") in names
    assert all(path.read_bytes()[16:24] == bytes([0, 0, 4, 176, 0, 0, 2, 118]) for path in folder.glob("og*.png"))
    listed = re.findall(r"<loc>(.*?)</loc>", (folder / "sitemap.xml").read_text())
    assert {f"https://example.org/gpt/{name}" for name in pages if name != "404.html"} == set(listed)


def test_a_browser_reads_all_of_it_below_a_sub_path(chromium: Any, served: str, folder: Path) -> None:
    troubles: list[str] = []
    asked: list[str] = []
    context = chromium.new_context(locale="en-GB", viewport={"width": 360, "height": 740})
    view = context.new_page()
    view.on("pageerror", lambda error: troubles.append(str(error)))
    view.on("console", lambda said: troubles.append(said.text) if said.type in ("error", "warning") else None)
    view.on("request", lambda request: asked.append(request.url))
    view.on("response", lambda answer: troubles.append(answer.url) if answer.status >= 400 else None)
    for name in sorted(path.name for path in folder.glob("*.html")):
        view.goto(served + name)
        assert view.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        view.evaluate("for (const one of document.images) one.loading = 'eager'")
        view.wait_for_function("[...document.images].every((one) => one.complete && one.naturalWidth > 0)")
    view.goto(served + "gallery.zh.html")
    view.locator(".cards a").nth(7).click()
    view.wait_for_selector(".stage svg")
    settle(view)
    assert view.evaluate("document.documentElement.lang") == "zh"
    assert view.locator(".stage .state").count() == 9
    assert view.locator(".beside a").evaluate_all("links => links.map((one) => one.getAttribute('href'))")[:2] == [
        "gallery.zh.html",
        "glossary.zh.html",
    ]
    view.locator(".beside a").first.click()
    view.wait_for_selector(".cards")
    assert view.locator("h1").inner_text() == WORDS["zh"]["gallery"]
    view.get_by_role("link", name="English").click()
    view.wait_for_selector("h1:text-is('Gallery')")
    context.close()
    assert troubles == []
    assert all(url.startswith((served, "blob:", "data:")) for url in asked)


def test_a_site_with_a_run_opens_with_it(here: Path) -> None:
    train("0101010011", config=TrainConfig(steps=3)).save("run")
    assert main(["export", "run", "--site", "out"]) == 0
    assert '"0101010011"' in Path("out/index.html").read_text(encoding="utf-8")
    links = [to for to in Page(Path("out/gallery.html").read_text(encoding="utf-8")).links if "steps=1500" in to]
    assert len(links) == 1
    assert "data=111101111011110" in links[0]


def test_pictures_are_those_of_the_library() -> None:
    run = trained(presets()["golden"])
    assert run.model.config.n_layer == 2
    assert len(run.losses) == 300
    assert gallery.picture(run).count("<circle") == 16
    assert "nats" in gallery.picture(trained({"context": 8, "steps": 1}))
    vowels = trained({**presets()["vowels"], "steps": 0})
    assert vowels.model.vocab == ("c", "v")


def test_the_glossary_is_escaped_and_can_be_linked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = {
        "en": ["<b>chain", "See [[token|tokens]] & more"],
        "zh": ["链", "见[[词元]]"],
        "link": "https://a.org/x?a&b",
    }
    monkeypatch.setattr(glossary, "terms", lambda: {"Markov chain": entry, "a": {**entry, "en": ["a", "b"]}})
    text = glossary.glossary_page(Sheet(address=None, pages=["glossary"]), "en")
    assert '<dt id="markov-chain"><a href="#markov-chain">&lt;b&gt;chain</a></dt>' in text
    assert "See tokens &amp; more" in text
    assert '<a href="https://a.org/x?a&amp;b">a.org</a>' in text
    assert "见词元" in glossary.glossary_page(Sheet(address=None, pages=[]), "zh")


def test_the_lesson_plan_is_rendered_from_markdown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "_PLACES", (tmp_path,))
    assert plan.plans() == {}
    (tmp_path / "lesson-plan.md").write_text(
        "# An hour\n\n[中文](lesson-plan.zh.md) [to it](#two-words) [3](page.html#opening=3)\n\n"
        "## Two words!\n\n## Two words!\n\n"
        "| a | b |\n|--|--|\n| 1 | 2 |\n\n<script>x</script>\n",
        encoding="utf-8",
    )
    (tmp_path / "lesson-plan.zh.md").write_text("# 一节课\n", encoding="utf-8")
    text = plan.plan_page(Sheet(address=None, pages=["lesson-plan"]), "en")
    assert 'href="lesson-plan.zh.html"' in text
    assert '<h2 id="two-words">Two words!</h2>\n<h2 id="two-words-1">' in text
    assert 'href="index.html#opening=3&amp;lang=en"' in text
    assert "<td>1</td>" in text
    assert "<script>" not in text
    assert 'aria-current="page">Lesson plan</a>' in text


def test_a_card_has_no_letters_that_no_font_has(monkeypatch: pytest.MonkeyPatch, notebook: Run) -> None:
    assert cards.can_draw("GPT", "zh")
    assert not cards.can_draw("A\U0010fffd\U0010fffe", "zh")
    monkeypatch.setattr(cards, "can_draw", lambda text, language: False)
    assert cards.card(notebook, "zh") == cards.card(notebook, "en")


def test_a_single_page_has_an_icon_and_a_card(notebook: Run) -> None:
    text = page(notebook, address="https://example.org/page.html")
    card = Page(text).card
    assert card["og:url"] == "https://example.org/page.html"
    assert "og:image" not in card
    assert '<link rel="icon" type="image/svg+xml" href="data:image/svg+xml;base64,' in text
    with pytest.raises(InputError):
        site.site(address="ftp://example.org")
    assert len(page().encode()) < 500_000


@pytest.mark.parametrize(
    ("whole", "hosted", "expected"),
    [
        ("https://a.org/#x", "", ("https://a.org/#x", "link.done", True)),
        ("https://a.org/#x", "https://b.org/", ("https://a.org/#x", "link.done", True)),
        ("file:///home/me/page.html#x=1", "", ("file:///home/me/page.html#x=1", "share.file", False)),
        ("file:///home/me/page.html#x=1", "https://b.org/", ("https://b.org/#x=1", "share.hosted", True)),
        ("http://127.0.0.1:8000/#x", "", ("http://127.0.0.1:8000/#x", "share.local", False)),
        ("http://localhost/#x", "", ("http://localhost/#x", "share.local", False)),
        ("http://127.0.0.1.org/#x", "", ("http://127.0.0.1.org/#x", "link.done", True)),
        ("#x", "", ("#x", "link.frame", False)),
        ("#x", "https://b.org/", ("https://b.org/#x", "share.hosted", True)),
    ],
)
def test_what_a_link_is_good_for(whole: str, hosted: str, expected: tuple[str, str, bool]) -> None:
    [found] = call(("sharing.js", "sharing", [whole, hosted]))
    assert (found["link"], found["key"], found["works"]) == expected


@pytest.mark.parametrize("length", [1, 14, 60, 106, 107, 300, 412, 413, 700, 1000, 1273])
def test_codes_are_read_by_another_decoder(length: int) -> None:
    zxing = pytest.importorskip("zxingcpp", reason="zxing-cpp is not installed")
    text = ("https://example.org/#data=01%200&例" * 40).encode()[:length].decode(errors="ignore")
    text += "=" * (length - len(text.encode()))
    masks = [None, 0, 1, 2, 3, 4, 5, 6, 7] if length == 107 else [None]
    for code in call(*(("qr.js", "qrCode", [text, mask]) for mask in masks)):
        dark = np.array(code["modules"], np.uint8).reshape(code["size"], code["size"])
        image = np.kron(np.pad(1 - dark, 4, constant_values=1), np.ones((4, 4), np.uint8)) * np.uint8(255)
        [read] = zxing.read_barcodes(image)
        assert read.text == text
        assert read.ec_level == code["level"]


def test_the_smallest_code_is_that_of_the_standard() -> None:
    """Module by module, as the pages of the standard and three other encoders make it."""
    [code] = call(("qr.js", "qrCode", ["A", 0]))
    rows = "".join(map(str, code["modules"]))
    assert (code["version"], code["level"], code["size"]) == (1, "M", 21)
    assert rows[:21] == "111111101010001111111"[:8] + rows[8:13] + "01111111"
    assert code["modules"][13 * 21 + 8] == 1
    assert call(("qr.js", "qrCode", ["x" * 1274])) == [None]
    assert [call(("qr.js", "qrCode", ["x" * n]))[0]["version"] for n in (14, 15, 412, 413)] == [1, 2, 15, 13]


def test_cells_that_a_spreadsheet_would_run_are_text_and_read_back(tmp_path: Path) -> None:
    vocab = ["'", "+", "-", "=", "@", "a"]
    rows = np.random.default_rng(1).dirichlet(np.ones(6), 36)
    view = {"vocab": vocab, "V": 6, "L": 2, "n": 36, "whole": True}
    view |= {"p": {"type": "Float64Array", "values": rows.reshape(-1).tolist()}}
    [text] = call(("saved.js", "csvOf", [view]))
    assert not re.search(r'(^|,)"?[=+\-@]', text, re.M)
    (tmp_path / "chain.csv").write_text(text)
    chain = Chain.read_csv(tmp_path / "chain.csv")
    assert chain.vocab == tuple(vocab)
    np.testing.assert_allclose(chain.probs, rows, atol=1e-12)


def kind(content: bytes) -> str:
    [found] = call(
        ("imports.js", "openFiles", [[{"name": "x", "bytes": {"type": "Uint8Array", "values": list(content)}}]])
    )
    return found["problem"]["key"] if found["problem"] else "opened"


def test_files_are_told_by_what_they_are(notebook: Run, tmp_path: Path) -> None:
    notebook.chain.write_csv(tmp_path / "chain.csv")
    header = json.dumps({"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    found = {
        b'state,next,probability\n"000","0",0.5\n': "notice.file.table",
        (tmp_path / "chain.csv").read_bytes(): "notice.file.table",
        b"\xef\xbb\xbfstate,next,probability\r\n": "notice.file.table",
        b"state,next,please\n": "opened",
        b"\x89PNG\r\n\x1a\n" + bytes(20): "notice.file.picture",
        b"\xff\xd8\xff\xe0" + bytes(20): "notice.file.picture",
        b'<svg xmlns="http://www.w3.org/2000/svg"></svg>': "notice.file.picture",
        b'<?xml version="1.0"?>\n<svg/>': "notice.file.picture",
        gallery.picture(notebook).encode(): "notice.file.picture",
        b"<!doctype html>\n<html>": "notice.file.page",
        b"PK\x03\x04" + bytes(30): "notice.file.packed",
        len(header).to_bytes(8, "little") + header + bytes(4): "notice.file.weights",
        b'{"format": "finitegpt proof 1"}': "notice.file.proof",
        b'{"format": "other"}': "notice.file",
        b"\xff\xfe\x00": "notice.file",
        b"0101010": "opened",
    }
    assert {content[:30]: kind(content) for content in found} == {content[:30]: key for content, key in found.items()}


def test_what_the_page_saves_is_known_again(visit: Callable[..., Any], tmp_path: Path) -> None:
    view = visit("seed=3&lang=zh&theme=dark", locale="zh-CN")
    for button, name, part in (
        ("SVG", "a.svg", "是一张图片"),
        ("PNG", "a.png", "是一张图片"),
        ("CSV", "a.csv", "导出为 CSV"),
    ):
        shutil.copy(saved(view, button), tmp_path / name)
        view.locator("input[type=file]").set_input_files(tmp_path / name)
        view.wait_for_function("words => document.querySelector('.notice').textContent.includes(words)", arg=part)
    picture = ET.parse(tmp_path / "a.svg").getroot()
    said = ["".join(one.itertext()) for one in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert any("上下文长度 3" in text for text in said)
    assert said[-1] == "FiniteGPT #seed=3&lang=zh&theme=dark"
    assert picture.find("{http://www.w3.org/2000/svg}rect").get("fill") == "#fff"  # pyright: ignore
    assert view.evaluate("document.documentElement.dataset.theme") == "dark"
    view.get_by_text("浅色", exact=True).click()
    view.get_by_text("图中附标题和链接").click()
    dark = saved(view, "SVG").read_text(encoding="utf-8")
    assert 'fill="#14171d"' in dark
    assert "上下文长度" not in dark


def test_a_link_of_a_file_says_where_it_works(visit: Callable[..., Any]) -> None:
    view = visit("seed=3", permissions=["clipboard-read", "clipboard-write"])
    view.get_by_role("button", name="Copy the link").click()
    view.wait_for_function("() => document.querySelector('.notice').textContent.includes('works here only')")
    assert view.evaluate("navigator.clipboard.readText()").startswith("file://")
    view.get_by_role("button", name="QR code").click()
    view.wait_for_function("() => document.querySelector('.notice').textContent.includes('#seed=3')")
    assert view.locator("dialog.code").count() == 0


def test_a_code_is_shown_and_closed(chromium: Any, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(page(address="https://example.org/gpt/"), encoding="utf-8")
    context = chromium.new_context()
    view = context.new_page()
    view.goto((tmp_path / "page.html").as_uri() + "#seed=3")
    settle(view)
    view.get_by_role("button", name="QR code").click()
    code = view.get_by_role("dialog", name="QR code")
    assert code.get_by_role("img").get_attribute("aria-label") == "QR code of https://example.org/gpt/#seed=3"
    assert code.locator("svg").bounding_box()["width"] > 400
    step = view.text_content(".step")
    view.keyboard.press("ArrowLeft")
    view.keyboard.press("Escape")
    code.wait_for(state="detached")
    assert view.text_content(".step") == step
    assert view.evaluate("document.activeElement.textContent") == "QR code"
    view.goto((tmp_path / "page.html").as_uri() + "#data=" + "01" * 700)
    settle(view)
    view.get_by_role("button", name="QR code").click()
    view.wait_for_function("() => document.querySelector('.notice').textContent.includes('1,273')")
    context.close()


@pytest.mark.parametrize("size", [3, 6, 10])
def test_paper_is_light_and_one_page(chromium: Any, tmp_path: Path, size: int) -> None:
    (tmp_path / "page.html").write_text(page(), encoding="utf-8")
    context = chromium.new_context(color_scheme="dark")
    view = context.new_page()
    view.goto((tmp_path / "page.html").as_uri() + f"#context={size}&data={'0100101' * 5}&hide=away")
    settle(view)
    view.evaluate(
        """() => addEventListener("beforeprint", () => {
          window.paper = [document.documentElement.dataset.theme, document.querySelector(".printed").innerText];
        })"""
    )
    view.emulate_media(media="print")
    shown = view.locator("body *:visible").evaluate_all("all => all.map((one) => one.tagName)")
    assert not {"BUTTON", "INPUT", "SELECT", "TEXTAREA", "FOOTER", "ASIDE"} & set(shown)
    assert {"H1", "SVG", "CANVAS"} & {tag.upper() for tag in shown}
    view.emulate_media(media="null")
    paper = view.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", paper)) == 1
    assert re.search(rb"/MediaBox\s*\[0 0 59\d\.?\d* 84\d\.?\d*\]", paper)
    theme, words = view.evaluate("window.paper")
    assert theme == "light"
    assert f"context length {size}" in words
    assert "loss" in words
    assert f"#data={'0100101' * 5}" in words
    assert view.evaluate("document.documentElement.dataset.theme") == "auto"
    assert view.locator(".printed").count() == 0
    context.close()
