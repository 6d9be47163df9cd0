"""What the page can hold: the numbers of ground/limits.js, which has them for both."""

import re
from pathlib import Path

_TEXT = (Path(__file__).parent / "ground" / "limits.js").read_text(encoding="utf-8")

LIMITS: dict[str, int] = {name: int(value) for name, value in re.findall(r"^export const (\w+) = (\d+);", _TEXT, re.M)}
