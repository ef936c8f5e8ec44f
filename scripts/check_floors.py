"""Floors: a module may import its own room and the rooms of any floor below, never up and never sideways.

Run as `python -m scripts.check_floors`; it prints one line for each wrong import and fails if there is any.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

# Modules without a room of their own that answer requests; `app.health.routes` is a name inside one, not a room.
DOORS = ("health", "pages")
# From the ground up. Plumbing has three steps of its own: the engines, what stands on them, and what reports to that.
FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"settings", "errors", "ids", "clock", "currencies"}),
    frozenset({"engines"}),
    frozenset({"db", "migrations", "observability", "streams"}),
    frozenset({"mail", "schedule"}),
    frozenset({"edge"}),
    frozenset({"accounts", "ledger", "conversations", "providers", "limits", "files", "flags"}),
    frozenset({"metering"}),
    frozenset({"chat", "completions", "images", "billing", "stripe_sandbox", "events"}),
    # `leaving` reads and removes what belongs to one person, wherever it is.
    frozenset({"admin", "leaving"}),
    frozenset({"services"}),
    frozenset({"routes", *DOORS, "upkeep", "operator"}),
    frozenset({"draining"}),
    frozenset({"main", "doctor"}),
    frozenset({"shell"}),
    frozenset({"__main__"}),
)
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def faults(module: str, source: str) -> Iterator[tuple[int, str]]:
    """Line and sentence for every import in a module of the house that is not allowed."""
    here = room_of(module)
    if here not in FLOOR_OF:
        yield 1, f"the room `{here}` is on no floor; give it one in scripts/check_floors.py."
        return
    tree = ast.parse(source)
    for line in hidden_imports(tree):
        yield line, "imports belong at the top of the module."
    for line, imported in imports(tree):
        if imported.startswith("."):
            yield line, "relative imports are not used here; write the module's whole name."
        elif imported == "app":
            yield line, "import a module of the house, not the house."
        else:
            yield from ((line, fault) for fault in wrong_direction(module, imported))


def wrong_direction(importer: str, imported: str) -> Iterator[str]:
    here, there = room_of(importer), room_of(imported)
    if there not in FLOOR_OF:
        yield f"the room `{there}` is on no floor; give it one in scripts/check_floors.py."
    elif FLOOR_OF[there] > FLOOR_OF[here]:
        yield f"{here} must not import {there}, which is on a floor above."
    elif FLOOR_OF[there] == FLOOR_OF[here] and _door(importer) != _door(imported):
        yield f"{here} must not import {there}, its neighbour on the same floor."


def room_of(module: str) -> str:
    """`app.chat.turns` is in the room chat, but every `app.*.routes` is up on the floor of the routes."""
    parts = module.split(".")
    is_routes = len(parts) > 2 and parts[2] == "routes" and parts[1] not in DOORS
    return "routes" if is_routes else parts[1]


def _door(module: str) -> str:
    """Two routes modules are neighbours, although both are called routes."""
    return ".".join(module.split(".")[:3]) if room_of(module) == "routes" else room_of(module)


def imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every module of the house that is imported by its whole name; relative ones keep their dots."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names if _is_ours(alias.name))
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, name) for name in _imported_from(node))


def _imported_from(node: ast.ImportFrom) -> Iterator[str]:
    if node.level:
        yield "." * node.level + (node.module or "")
    elif node.module and _is_ours(node.module):
        # `from app.accounts import routes` names a module two floors above the package that it is in.
        inside = {f"{node.module}.{alias.name}" for alias in node.names}
        whole = inside if node.module == "app" else {name for name in inside if name.endswith(".routes")}
        yield from sorted(whole) if whole == inside else [node.module, *sorted(whole)]


def _is_ours(module: str) -> bool:
    return module == "app" or module.startswith("app.")


def hidden_imports(tree: ast.Module) -> list[int]:
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    inner = (node for function in functions for node in ast.walk(function))
    return sorted({node.lineno for node in inner if isinstance(node, ast.Import | ast.ImportFrom)})


def faults_in(house: Path) -> Iterator[str]:
    for path in sorted((house / "app").rglob("*.py")):
        relative = path.relative_to(house)
        parts = [part for part in relative.with_suffix("").parts if part != "__init__"]
        if parts != ["app"]:
            module, source = ".".join(parts), path.read_text(encoding="utf-8")
            yield from (f"{relative}:{line}: {fault}" for line, fault in faults(module, source))


def main() -> int:
    found = list(faults_in(Path(__file__).parents[1]))
    sys.stdout.writelines(f"{fault}\n" for fault in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
