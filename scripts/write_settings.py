"""Writes `.env.example` and README's table of settings from the one place that knows them, app/settings.py."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from app.settings import DEVELOPMENT_SECRET, Settings

HOUSE = Path(__file__).parents[1]
TABLE = re.compile(r"(?<=<!-- settings -->\n).*?(?=<!-- /settings -->)", re.DOTALL)


def default_of(field: FieldInfo) -> str:
    default = field.default
    assert default is not PydanticUndefined, "Every setting has a default, or a newcomer could not start."
    if hasattr(default, "get_secret_value"):
        default = default.get_secret_value()
    return ",".join(default) if isinstance(default, tuple) else str(default)


def env_example() -> str:
    """Every line is commented out, so that a copy changes nothing until somebody means it to."""
    head = "# Copy this to `.env` and open the lines that you change. What stands here is what holds without them.\n"
    return head + "".join(f"\n# {words}\n#{name}={default}\n" for name, default, words in _rows())


def table() -> str:
    rows = (f"| `{name}` | {f'`{default}`' if default else ''} | {words} |" for name, default, words in _rows())
    return "\n".join(["| name | default | meaning |", "|---|---|---|", *rows]) + "\n"


def _rows() -> Iterator[tuple[str, str, str]]:
    for name, field in Settings.model_fields.items():
        default = default_of(field)
        yield name.upper(), "" if default == DEVELOPMENT_SECRET else default, field.description or ""


def main() -> int:
    (HOUSE / ".env.example").write_text(env_example(), encoding="utf-8")
    readme = HOUSE / "README.md"
    readme.write_text(TABLE.sub(lambda _: table(), readme.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
