"""`a[b][0][c]=d`, as the SDK writes what it sends, into dictionaries and lists."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from app.stripe_sandbox.errors import Refusal

KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
FIELDS_MAX = 1000


def parse(encoded: str) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    try:
        pairs = parse_qsl(encoded, keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict")
    except ValueError as error:
        raise Refusal(f"Invalid request body: {error}") from None
    for key, value in pairs:
        _plant(tree, key, value)
    return {name: _listed(branch) for name, branch in tree.items()}


def _plant(tree: dict[str, Any], key: str, value: str) -> None:
    found = KEY.fullmatch(key)
    if not found:
        raise Refusal(f"Invalid parameter name: {key}", param=key)
    *path, last = [found[1], *re.findall(r"\[([^\[\]]*)\]", found[2])]
    for step in path:
        tree = tree.setdefault(step or str(len(tree)), {})
        if not isinstance(tree, dict):
            raise Refusal(f"Invalid parameter: {key} is both a value and a group of values", param=key)
    tree[last or str(len(tree))] = value


def _listed(branch: Any) -> Any:
    """Numbers as names make a list, in their order."""
    if not isinstance(branch, dict):
        return branch
    inner = {name: _listed(value) for name, value in branch.items()}
    if inner and all(name.isdecimal() and len(name) < 6 for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner
