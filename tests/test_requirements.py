"""What the service imports is what it asks for: a test dependency may not stand in for one of its own."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Pinned to its very version by what it belongs to.
COMES_WITH = {"pydantic-core": "pydantic"}


def normal(name: str) -> str:
    plain = re.sub(r"[-_.]+", "-", name).lower()
    return COMES_WITH.get(plain, plain)


def imported() -> set[str]:
    found = set[str]()
    for path in (ROOT / "app").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {each.name.partition(".")[0] for each in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                found.add(node.module.partition(".")[0])
    return found - {*sys.stdlib_module_names, "app"}


def test_everything_that_is_imported_is_required() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["local"]]
    required = {normal(re.split(r"[\[<>=!~; ]", each)[0]) for each in asked}
    owners = packages_distributions()

    missing = {name for name in imported() if not {normal(each) for each in owners.get(name, [])} & required}

    assert missing == set()
