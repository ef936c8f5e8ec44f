"""README as its readers use it: the code of a section, and what it promises to print."""

from __future__ import annotations

import re
from pathlib import Path

HOUSE = Path(__file__).parents[2]
README = (HOUSE / "README.md").read_text(encoding="utf-8")


def section(title: str, level: int = 2) -> str:
    """Up to the next heading that is no deeper."""
    rest = README.partition(f"\n{'#' * level} {title}\n")[2]
    assert rest, f"README has no section {title!r}"
    return re.split(rf"^#{{2,{level}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def require_promised(script: str, output: str) -> None:
    """What stands behind `# → ` in the script is in its output, in this order."""
    position, promised = 0, re.findall(r"^# → (.*)$", script, re.MULTILINE)
    assert promised
    for words in promised:
        found = output.find(words, position)
        assert found >= 0, f"{words!r} is not in\n{output[position:]}"
        position = found + len(words)
