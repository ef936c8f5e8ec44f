"""Catalogues as an operator would write them."""

from __future__ import annotations

from pathlib import Path

MODEL = """[[model]]
id = "{id}"
name = "A model"
provider = "scripted"
upstream_model = "{id}-up"
encoding = "o200k_base"
window_tokens = 8192
reply_tokens_max = 1000
input_rate = 1000
output_rate = 1500
input_usd_per_million = 0.25
output_usd_per_million = 2
"""
# Where in a table of the above each of its lines stands.
LINE = {line.partition(" = ")[0]: number for number, line in enumerate(MODEL.splitlines(), start=1)}


def model(model_id: str = "one", more: str = "", /, **changed: str | None) -> str:
    """One table, with values written otherwise, keys left out (None), or lines added."""
    lines = (MODEL + more).replace("{id}", model_id).splitlines()
    return "".join(f"{line}\n" for line in (_written(line, changed) for line in lines) if line is not None)


def _written(line: str, changed: dict[str, str | None]) -> str | None:
    key = line.partition(" = ")[0]
    if key not in changed:
        return line
    return None if changed[key] is None else f"{key} = {changed[key]}"


def catalogue(folder: Path, *tables: str) -> Path:
    path = folder / "models.toml"
    path.write_text("".join(tables), encoding="utf-8")
    return path
