"""A run in a notebook, with values both ways: `ChainView(run)` is the page, as a widget that code can read and set.

For Jupyter, and what shows its widgets through anywidget; needs the extra `notebook`. A run alone shows the same page
anywhere, without the values: `Run._repr_html_`.
"""

from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from finitegpt.analysis import match
from finitegpt.arguments import choice, flag, number, required, shown, whole
from finitegpt.errors import InputError
from finitegpt.naming import Names
from finitegpt.page import page, strings
from finitegpt.run import Run

try:
    _anywidget, _traitlets = (import_module(name) for name in ("anywidget", "traitlets"))
except ImportError:
    raise InputError(
        "expected anywidget for a widget, got none installed; try pip install 'finitegpt[notebook]'"
    ) from None

PARTS = tuple(key.removeprefix("part.") for key in strings()["en"] if key.startswith("part."))
"""The parts of the page that can be hidden."""

TEMPERATURE = (0.01, 10.0)
TOP_P = (0.01, 1.0)
MOST_K = 256
"""What the page's own controls go to, as page/link/fields.js has it."""

_HEIGHT = 720


class _Checked(_traitlets.TraitType):
    """A value that a function of the view and of what was given makes right, or refuses with an InputError."""

    def __init__(self, start: Any, check: Callable[["ChainView", Any], Any], words: str) -> None:
        super().__init__(start, help=words)
        self.check = check
        self.tag(sync=True)

    def validate(self, obj: Any, value: Any) -> Any:
        return self.check(obj, value)


def _state(view: "ChainView", value: Any) -> str | None:
    return None if value is None else view.names.label(view.names.id(value))


def _red(view: "ChainView", value: Any) -> tuple[str, ...]:
    given = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, Iterable) else None
    if given is None:
        raise InputError(f"expected red as patterns, got {shown(value)}; try ['*1']")
    for pattern in given:
        match(view.names, pattern)
    return given


def _hide(_: object, value: Any) -> tuple[str, ...]:
    given = (value,) if isinstance(value, str) else value
    if not isinstance(given, Iterable):
        raise InputError(f"expected hide as parts of the page, got {shown(value)}; try ['training']")
    return tuple(choice("part of the page to hide", part, PARTS, instead="training") for part in given)


def _step(name: str) -> Callable[["ChainView", Any], int | None]:
    return lambda view, value: None if value is None else whole(name, value, 0, view._shown["steps"])


def _between(name: str, low: float, high: float) -> Callable[[object, Any], float]:
    def check(_: object, value: Any) -> float:
        given = number(name, value, instead=1)
        if not low <= given <= high:
            raise InputError(f"expected {name} from {low:g} to {high:g}, got {shown(value)}; try 1")
        return given

    return check


class ChainView(_anywidget.AnyWidget):
    """The page with a run, in a notebook. What is set here is shown at once; what a reader does there can be read here.

    Every value below is a trait: `view.observe(function, "state")` calls back, `ipywidgets.link` ties it to another.
    InputError for a run that the page cannot show, and for a value that the view cannot have.
    """

    _esm = (Path(__file__).parent / "page" / "widget.js").read_text(encoding="utf-8")
    _page = _traitlets.Unicode().tag(sync=True)
    _shown = _traitlets.Dict().tag(sync=True)

    step = _Checked(None, _step("step"), "The training step whose chain is shown; None for the last.")
    pin = _Checked(None, _step("pin"), "The step that is pinned, to be compared with; None for none.")
    state = _Checked(None, _state, "The state that is open, as its label; an id can be given, too. None for none.")
    red = _Checked((), _red, "Patterns of the red states, such as `11?`.")
    temperature = _Checked(1.0, _between("temperature", *TEMPERATURE), "Below 1 sharper, above 1 flatter.")
    top_k = _Checked(None, lambda _, k: None if k is None else whole("top_k", k, 1, MOST_K), "None for all tokens.")
    top_p = _Checked(1.0, _between("top_p", *TOP_P), "1 for all tokens.")
    greedy = _Checked(False, lambda _, value: flag("greedy", value), "Whether only the most probable token is taken.")
    ghost = _Checked(False, lambda _, value: flag("ghost", value), "Whether the data's own chain is shown, too.")
    hide = _Checked((), _hide, "Parts of the page that are left out, of PARTS.")
    height = _Checked(_HEIGHT, lambda _, size: whole("height", size, 100, 10_000, instead=_HEIGHT), "In pixels.")
    theme = _Checked(
        "auto",
        lambda _, word: choice("theme", word, ("auto", "light", "dark"), instead="auto"),
        "auto: as dark as the notebook.",
    )
    lang = _Checked(
        "auto", lambda _, word: choice("lang", word, ("auto", "en", "zh"), instead="auto"), "auto: the browser's."
    )

    def __init__(self, run: Run, **values: Any) -> None:
        required("run", run, Run, instead="finitegpt.train()")
        for name in values:
            choice("value of a view", name, VALUES, instead="step")
        model = run.model.config
        experiment = {
            "link": "",
            "vocab": list(run.model.vocab),
            "context": model.context_length,
            "steps": len(run.losses),
        }
        super().__init__(_page=page(run), _shown=experiment, **values)

    @property
    def names(self) -> Names:
        """The states that are shown: those of the run, until a reader trains something else in the view."""
        return Names(tuple(self._shown["vocab"]), self._shown["context"])

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """What the browser says: first of which experiment it speaks."""
        super().set_state(dict(sorted(sync_data.items(), key=lambda item: item[0] != "_shown")))

    def __repr__(self) -> str:
        values = {name: getattr(self, name) for name in VALUES}
        told = [
            f"{name}={value!r}"
            for name, value in values.items()
            if value != type(self).class_traits()[name].default_value
        ]
        return f"ChainView({', '.join(['run', *told])})"


VALUES = tuple(name for name, trait in vars(ChainView).items() if isinstance(trait, _Checked))
