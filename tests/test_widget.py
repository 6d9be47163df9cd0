"""A run in a notebook: what a view takes and refuses, and what it says to the page in its frame and hears from it."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from finitegpt import Data, InputError, Run, TrainConfig, page, train
from finitegpt.page import page as page_of
from finitegpt.page.carrying import carried
from test_page import call

WIDGET = (Path(page.__file__).parent / "widget.js").read_text(encoding="utf-8")
HOST = """<!doctype html><body style="color: #eee; background: #111"><script type="module">
const { render } = (await import("data:text/javascript," + encodeURIComponent(WIDGET))).default;
const views = {};
const modelOf = (values) => {
  const heard = new Map();
  return {
    values, saved: [],
    get: (name) => values[name],
    on: (event, act) => heard.set(act, event),
    off: (event, act) => heard.delete(act),
    set(name, value) {
      values[name] = value;
      for (const [act, event] of heard) if (event === `change:${name}`) act();
    },
    save_changes() { this.saved.push(structuredClone({ ...values, _page: "" })); },
    get listeners() { return heard.size; },
  };
};
window.models = MODELS.map(modelOf);
window.shown = [];
window.show = (k) => {
  const el = document.body.appendChild(document.createElement("div"));
  shown.push({ el, end: render({ model: models[k], el }) });
};
models.forEach((_, k) => show(k));
</script>"""


@pytest.fixture
def widget() -> Any:
    """The module, where anywidget is installed."""
    pytest.importorskip("anywidget")
    from finitegpt import widget

    return widget


def values_of(run: Run, **values: Any) -> dict[str, Any]:
    """The values of a view as its model in the browser has them."""
    config = run.model.config
    return {
        "_page": page_of(run),
        "_shown": {
            "link": "",
            "vocab": list(run.model.vocab),
            "context": config.context_length,
            "steps": len(run.losses),
        },
        **dict.fromkeys(("step", "state", "pin", "top_k")),
        **{"temperature": 1, "top_p": 1, "greedy": False, "ghost": False, "red": [], "hide": []},
        **{"theme": "auto", "lang": "auto", "height": 700, **values},
    }


@pytest.fixture
def host(chromium: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Opens a page that shows views as a notebook does; afterwards nothing may have gone wrong, or been asked for."""
    troubles, requests, contexts = [], [], []

    def open_host(*models: dict[str, Any]) -> Any:
        text = HOST.replace("WIDGET", json.dumps(WIDGET)).replace("MODELS", json.dumps(models).replace("<", "\\u003c"))
        (tmp_path / "host.html").write_text(text, encoding="utf-8")
        context = chromium.new_context(viewport={"width": 1000, "height": 1000}, locale="en-GB")
        contexts.append(context)
        context.set_offline(True)
        view = context.new_page()
        view.on("pageerror", lambda error: troubles.append(str(error)))
        view.on("console", lambda said: troubles.append(said.text) if said.type in ("error", "warning") else None)
        view.on("request", lambda asked: requests.append(asked.url))
        view.goto((tmp_path / "host.html").as_uri())
        for k in range(len(models)):
            frame_of(view, k).locator(".stage svg").wait_for()
        return view

    yield open_host
    assert troubles == []
    assert all(url.startswith(("file:", "blob:", "data:")) for url in requests)
    for context in contexts:
        context.close()


def frame_of(view: Any, k: int = 0) -> Any:
    return view.frame_locator("iframe").nth(k)


def heard(view: Any, name: str, value: Any, k: int = 0) -> None:
    """Waits until a value has come from a frame."""
    view.wait_for_function(
        "([k, name, value]) => JSON.stringify(models[k].saved.at(-1)?.[name]) === JSON.stringify(value)",
        arg=[k, name, value],
    )


def test_a_view_takes_what_it_can_have(widget: Any, notebook: Run) -> None:
    view = widget.ChainView(notebook, state=5, red="11?", temperature=2, top_p=0.5)
    assert (view.state, view.red, view.temperature, view.step) == ("101", ("11?",), 2.0, None)
    assert repr(view) == "ChainView(run, state='101', red=('11?',), temperature=2.0, top_p=0.5)"
    seen: list[Any] = []
    view.observe(lambda change: seen.append((change.old, change.new)), "step")
    view.step = 50
    view.state = None
    assert (seen, view.state) == ([(None, 50)], None)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("step", 51, "expected step to be at most 50, got 51"),
        ("pin", -1, "expected pin to be at least 0, got -1"),
        ("state", "10", "expected a state of 3 tokens, got '10'"),
        ("state", 8, "expected a state from 0 to 7, got 8"),
        ("red", ["?", "9"], "expected a pattern for states of 3 tokens"),
        ("red", 5, "expected red as patterns, got 5"),
        ("temperature", 0, "expected temperature from 0.01 to 10, got 0"),
        ("temperature", float("nan"), "expected temperature from 0.01 to 10, got nan"),
        ("top_k", 0, "expected top_k to be at least 1, got 0"),
        ("top_p", "1", "expected top_p to be a number, got '1'"),
        ("greedy", 1, "expected greedy to be true or false, got 1"),
        ("hide", ["walk", "graph"], "expected a part of the page to hide of data, "),
        ("theme", "black", "expected a theme of auto, light, dark, got 'black'"),
        ("height", 7, "expected height to be at least 100, got 7"),
    ],
)
def test_what_it_cannot_have_is_refused_and_changes_nothing(
    widget: Any, notebook: Run, name: str, value: Any, said: str
) -> None:
    view = widget.ChainView(notebook)
    before = repr(view)
    with pytest.raises(InputError) as refused:
        setattr(view, name, value)
    assert str(refused.value).startswith(said)
    assert "; try " in str(refused.value)
    assert repr(view) == before
    with pytest.raises(InputError):
        widget.ChainView(notebook, **{name: value})


def test_what_is_no_run_or_too_large_is_refused(widget: Any, notebook: Run) -> None:
    with pytest.raises(InputError, match="100,000 characters"):
        widget.ChainView(train("01" * 60_000, config=TrainConfig(steps=1)))
    with pytest.raises(InputError, match="expected run as Run"):
        widget.ChainView(notebook.chain)
    with pytest.raises(InputError, match="expected a value of a view of step, "):
        widget.ChainView(notebook, steps=3)


def test_the_browser_speaks_of_another_experiment(widget: Any, notebook: Run) -> None:
    view = widget.ChainView(notebook, step=50)
    other = {"link": "data=abab&context=2&steps=3", "vocab": ["a", "b"], "context": 2, "steps": 3}
    view.set_state({"state": "ab", "step": 3, "red": ["b?"], "_shown": other})
    assert (view.state, view.step, view.red, list(view.names)) == ("ab", 3, ("b?",), ["aa", "ab", "ba", "bb"])
    with pytest.raises(InputError, match="expected tokens of 'ab'"):
        view.state = "101"


def test_the_limits_are_those_of_the_page(widget: Any) -> None:
    found = call(*(("fields.js", "field", [key]) for key in ("temperature", "topp", "topk")))
    assert [(one["min"], one["max"]) for one in found[:2]] == [widget.TEMPERATURE, widget.TOP_P]
    assert found[2]["max"] == widget.MOST_K


def test_the_module_says_what_it_needs() -> None:
    code = "import sys; sys.modules['anywidget'] = None; import finitegpt.widget"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    last = done.stderr.strip().splitlines()[-1]
    assert last.endswith("expected anywidget for a widget, got none installed; try pip install 'finitegpt[notebook]'")
    plain = "import sys, finitegpt, finitegpt.page; print([m for m in ('anywidget', 'ipywidgets') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", plain], text=True) == "[]\n"


@pytest.fixture
def spaces() -> tuple[dict[str, Any], dict[str, Any]]:
    """The values and the experiment of a run whose tokens are what patterns and lists are made of."""
    run = train(Data.from_text(", ?*\\" * 5, context_length=1), config=TrainConfig(steps=1))
    values = call(("fields.js", "defaults", []))[0] | carried(run)["values"]
    return values, call(("experiment.js", "experimentOf", [values]))[0]["experiment"]


@pytest.mark.parametrize("red", [[","], ["\\,"], [" "], ["\\?", "\\*", "\\\\"], [], ["?", ",", "\\ "]])
def test_patterns_come_back_as_they_went(spaces: Any, red: list[str]) -> None:
    values, experiment = spaces
    [changes] = call(("shared.js", "taken", [{"red": red}, values, experiment, values]))
    after = values | (changes[0] if changes else {})
    told = call(("shared.js", "shared", [after, experiment, values]))[0]["red"]
    assert [one.removeprefix("\\") for one in told] == [one.removeprefix("\\") for one in red]
    assert call(("patterns.js", "redStates", [after["red"], experiment["vocab"], 1]))[0]["bad"] == []


def test_what_is_the_same_changes_nothing() -> None:
    values = call(("fields.js", "defaults", []))[0]
    experiment = call(("experiment.js", "experimentOf", [values]))[0]["experiment"]
    told = call(("shared.js", "shared", [values, experiment, values]))[0]
    assert told["_shown"] == {"link": "", "vocab": ["0", "1"], "context": 3, "steps": 50}
    other = values | {"data": "abcabcabc", "context": 2, "off": "0.1", "state": 5, "pin": 60, "step": 7}
    shown = call(("experiment.js", "experimentOf", [other]))[0]["experiment"]
    sent = call(("shared.js", "shared", [other, shown, values]))[0]
    assert (sent["state"], sent["pin"], sent["step"]) == ("bc", None, 7)
    same, back = call(
        ("shared.js", "taken", [told, values, experiment, values]),
        ("shared.js", "taken", [sent, values, experiment, values]),
    )
    assert same == []
    assert back[0] == {"data": "abcabcabc", "context": 2, "off": "0.1"}
    assert (back[1]["state"], back[1]["step"], back[1]["pin"]) == (5, 7, -1)


def test_values_are_set_and_heard(host: Callable[..., Any], notebook: Run) -> None:
    view = host(values_of(notebook, step=0, state="111"))
    frame = frame_of(view)
    frame.locator(".step").filter(has_text="step 0 of 50").wait_for()
    frame.get_by_role("heading", name="State 111").wait_for()
    assert frame.locator("html").get_attribute("data-theme") == "dark"  # as the page around it
    view.wait_for_timeout(400)
    assert view.evaluate("models[0].saved") == []  # what both know is not said

    view.evaluate("models[0].set('step', null); models[0].set('temperature', 0.5); models[0].set('red', ['01?'])")
    frame.locator(".step").filter(has_text="step 50 of 50").wait_for()
    assert frame.locator(".state.red").count() == 2
    frame.locator(".state").nth(2).click()
    heard(view, "state", "010")
    frame.locator(".pin").click()
    heard(view, "pin", 50)
    frame.locator("#timeline").evaluate("e => { e.value = 19; e.dispatchEvent(new Event('input')); }")
    heard(view, "step", 19)
    frame.locator(".state").nth(2).press("ArrowRight")
    heard(view, "step", 20)


def test_a_frame_that_is_made_again_is_as_it_was(host: Callable[..., Any], notebook: Run) -> None:
    view = host(values_of(notebook))
    frame = frame_of(view)
    frame.get_by_role("combobox", name="Presets").select_option("abc")
    frame.locator(".state").nth(8).wait_for()
    frame.locator(".state").nth(4).click()
    heard(view, "state", "bb")
    view.evaluate("document.body.append(shown[0].el)")
    frame.locator(".state.chosen").wait_for()
    frame.get_by_role("heading", name="State bb").wait_for()
    assert frame.locator(".state").count() == 9
    assert len(view.workers) == 2


def test_several_views_keep_apart_and_end(host: Callable[..., Any], notebook: Run) -> None:
    run = train("abcabcaabbccabc", config=TrainConfig(steps=20), context_length=2)
    view = host(values_of(notebook), values_of(run, height=500, hide=["walk", "training"]))
    assert view.locator("iframe").nth(1).bounding_box()["height"] == 500
    assert not frame_of(view, 1).locator("[data-part=walk]").is_visible()
    frame_of(view, 1).locator(".state").nth(1).click()
    heard(view, "state", "ab", 1)
    assert view.evaluate("models[0].saved") == []
    view.evaluate("show(0)")  # the first a second time
    again = frame_of(view, 2)
    again.locator(".state").nth(6).click()
    frame_of(view, 0).get_by_role("heading", name="State 110").wait_for()
    assert len(view.workers) == 6
    assert view.evaluate("document.title + document.documentElement.lang + location.hash") == ""
    view.evaluate("shown.forEach(({ end }) => end())")
    view.wait_for_function("!document.querySelector('iframe')")
    view.wait_for_timeout(300)
    assert view.workers == []
    assert view.evaluate("models.map((model) => model.listeners)") == [0, 0]


def test_a_page_with_an_address_hears_nobody(chromium: Any, tmp_path: Path, notebook: Run) -> None:
    (tmp_path / "page.html").write_text(page_of(notebook), encoding="utf-8")
    (tmp_path / "host.html").write_text('<!doctype html><iframe src="page.html"></iframe>', encoding="utf-8")
    with chromium.new_context() as context:
        view = context.new_page()
        view.goto((tmp_path / "host.html").as_uri())
        frame = view.frame_locator("iframe")
        frame.locator(".stage svg").wait_for(state="attached")
        view.evaluate(
            """() => {
              const { port1, port2 } = new MessageChannel();
              window.heard = [];
              port1.onmessage = ({ data }) => heard.push(data);
              port1.postMessage({ step: 0 });
              frames[0].postMessage("finitegpt", "*", [port2]);
            }"""
        )
        view.wait_for_timeout(500)
        assert "step 50 of 50" in frame.locator(".step").text_content()
        assert view.evaluate("heard") == []
