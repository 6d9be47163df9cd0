"""Shared by all tests: which builds of the engine are tested, and small models to test them on."""

from pathlib import Path

import pytest
from hypothesis import settings

import finitegpt
from finitegpt import library
from finitegpt.engine import Engine
from finitegpt.library import builds
from pages import anywhere, browser, chromium, visit

__all__ = ["anywhere", "browser", "chromium", "visit"]  # fixtures of all tests of the page

# The same examples in every run; --hypothesis-profile search looks for new ones.
settings.register_profile("default", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, print_blob=True)
settings.load_profile("default")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--engine", help="test this shared library, such as one with sanitizers, and no other")
    parser.addoption("--require-browser", action="store_true", help="fail where a browser or Node.js is not installed")


def pytest_configure(config: pytest.Config) -> None:
    chosen = config.getoption("--engine")
    if chosen:  # for what takes the default build, too
        library.default.cache_clear()
        library.builds = lambda: (Path(chosen).resolve(),)  # type: ignore[assignment]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "engine" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--engine")
        names = [Path(chosen).resolve()] if chosen else builds()
        metafunc.parametrize("engine", [Engine(name) for name in names], ids=[str(name) for name in names])


@pytest.fixture(scope="session")
def notebook() -> finitegpt.Run:
    """The notebook's experiment, trained."""
    return finitegpt.train()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
