"""A page held to everybody: what axe finds, and whether anything sticks out of a small window."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib.resources import files
from typing import Literal

from playwright.async_api import Page

AXE = files("axe_playwright_python").joinpath("axe.min.js")
SIZES = {"desktop": (1280, 860), "phone": (360, 740)}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


async def every_look(page: Page) -> AsyncIterator[str]:
    """In each size and scheme, one after the other; its name is answered."""
    for name, (width, height) in SIZES.items():
        for scheme in SCHEMES:
            await page.set_viewport_size({"width": width, "height": height})
            await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            yield f"{name} {scheme}"


async def faults(page: Page) -> list[str]:
    await page.evaluate(AXE.read_text(encoding="utf-8"))
    result = await page.evaluate("axe.run({ resultTypes: ['violations'] })")
    assert result["passes"]
    found = [f"{fault['id']}: {node['html']}" for fault in result["violations"] for node in fault["nodes"]]
    wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [*found, *([f"{wide} pixels stick out"] if wide > 0 else [])]
