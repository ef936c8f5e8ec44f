"""Every statement that the house can send to its database, read out of its source."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

import app

HOUSE = Path(app.__file__).parent
STATEMENT = re.compile(r"\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH)\s[^{}]*$")
# Where tables and statements are made, what has a database of its own, and what runs when it is imported.
LEFT_OUT = ("migrations", "engines", "stripe_sandbox", "__main__.py")
# What a function puts into its text, by the name of the local variable, as it may look.
LOCALS = {"places": "$2, $3"}


def statements() -> dict[str, str]:
    """By their text, with the module that holds them."""
    found: dict[str, str] = {}
    for path in sorted(HOUSE.rglob("*.py")):
        place = path.relative_to(HOUSE)
        if place.parts[0] not in LEFT_OUT:
            name = ".".join(("app", *place.with_suffix("").parts)).removesuffix(".__init__")
            module = importlib.import_module(name)
            found |= dict.fromkeys(_in_module(module, path.read_text()), name)
    return found


def _in_module(module: ModuleType, source: str) -> Iterator[str]:
    for value in vars(module).values():
        texts = value.values() if isinstance(value, dict) else [value]
        yield from (text for text in texts if isinstance(text, str) and STATEMENT.match(text))
    tree = ast.parse(source)
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from filter(STATEMENT.match, _in_function(function, vars(module)))


def _in_function(function: ast.AST, names: Mapping[str, object]) -> Iterator[str]:
    within = {id(part) for text in ast.walk(function) if isinstance(text, ast.JoinedStr) for part in text.values}
    for node in ast.walk(function):
        if isinstance(node, ast.JoinedStr):
            yield "".join(_piece(part, names) for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in within:
            yield node.value


def _piece(part: ast.expr, names: Mapping[str, object]) -> str:
    """A name of the module has its value; what only the function knows looks as said above, or shows as `{…}`."""
    if isinstance(part, ast.Constant):
        return str(part.value)
    assert isinstance(part, ast.FormattedValue)
    name = ast.unparse(part.value)
    value = names.get(name, LOCALS.get(name))
    return value if isinstance(value, str) else f"{{{name}}}"
