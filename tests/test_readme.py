"""The code that README shows runs as it stands, in both languages, and says what it is said to say."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def blocks(name: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_code_runs(name: str, here: Path) -> None:
    first = blocks(name)[0]
    names: dict[str, object] = {}
    exec(first, names)
    chain = names["chain"]
    assert [str(p)[:6] for p in chain["101"].values()] == ["0.2071", "0.7928"]  # type: ignore[index]
    said = re.search(r"(0\.568\d+) ", first)
    assert said
    assert chain.entropy_rate.value == pytest.approx(float(said[1]), abs=2e-6)  # type: ignore[attr-defined]
    for state, bound in chain.stationary_distribution.top(3):  # type: ignore[attr-defined]
        found = re.search(rf"{state} (0\.\d+)", first)
        assert found
        assert bound.value == pytest.approx(float(found[1]), abs=2e-6)  # builds round differently
    assert (here / "my-run" / "run.json").is_file()


@pytest.mark.parametrize("number", range(1, 3))
def test_the_other_blocks_run(number: int, here: Path) -> None:
    """The researcher's four lines with a shorter context, which is all that takes time."""
    english = blocks("README.md")
    names: dict[str, object] = {}
    exec(english[0], names)
    exec(english[number].replace("context_length=20", "context_length=10").replace("(20)", "(10)"), names)
