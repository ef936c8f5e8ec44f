"""Sizes: what does not fit on a few screens is split by verb, and a room's modules are named for what they do.

Run as `python -m scripts.check_sizes`; it prints one line for each fault and fails if there is any.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median

FILE_LINES_MAX = 300
FUNCTION_LINES_MAX = 50
FILE_LINES_MEDIAN_MAX = 90
FUNCTION_LINES_MEDIAN_MAX = 8
VAGUE_NAMES = {f"{name}.py" for name in ("service", "util", "utils", "helpers", "common", "base", "manager")}
LOOKED_AT = (("app", ".py"), ("tests", ".py"), ("scripts", ".py"), ("web", ".js"), ("web", ".css"))
INSTALLED = {"node_modules", "vendor"}


def faults(files: Mapping[str, str]) -> Iterator[str]:
    """From paths and texts to sentences; nothing here reads a disk, so a test can make up a tree."""
    for path, source in files.items():
        yield from too_long(path, source)
        yield from vague(path)
    yield from medians({path: source for path, source in files.items() if path.startswith("app/")})


def too_long(path: str, source: str) -> Iterator[str]:
    lines = len(source.splitlines())
    if lines > FILE_LINES_MAX:
        yield f"{path}:1: {lines} lines; a file has at most {FILE_LINES_MAX}."
    for name, line, length in functions(path, source):
        if length > FUNCTION_LINES_MAX:
            yield f"{path}:{line}: `{name}` has {length} lines; a function has at most {FUNCTION_LINES_MAX}."


def vague(path: str) -> Iterator[str]:
    top, _, name = path.rpartition("/")
    if top.startswith("app") and name in VAGUE_NAMES:
        yield f"{path}:1: `{name}` says nothing; name the module for a noun or a verb of its domain."


def medians(files: Mapping[str, str]) -> Iterator[str]:
    lengths = [len(source.splitlines()) for source in files.values()]
    if lengths and median(lengths) > FILE_LINES_MEDIAN_MAX:
        yield f"app: the median file has {median(lengths):g} lines; keep it to {FILE_LINES_MEDIAN_MAX}."
    inside = [length for path, source in files.items() for _, _, length in functions(path, source)]
    if inside and median(inside) > FUNCTION_LINES_MEDIAN_MAX:
        yield f"app: the median function has {median(inside):g} lines; keep it to {FUNCTION_LINES_MEDIAN_MAX}."


def functions(path: str, source: str) -> Iterator[tuple[str, int, int]]:
    """Name, first line and length of every Python function."""
    if not path.endswith(".py"):
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1


def read(house: Path) -> dict[str, str]:
    found = (path for top, ending in LOOKED_AT for path in sorted((house / top).rglob(f"*{ending}")))
    return {
        path.relative_to(house).as_posix(): path.read_text(encoding="utf-8")
        for path in found
        if not INSTALLED & set(path.parts)
    }


def main() -> int:
    found = list(faults(read(Path(__file__).parents[1])))
    sys.stdout.writelines(f"{fault}\n" for fault in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
