"""The chat in each of its states: for every reader, light and dark, on a desk and on a phone."""

from __future__ import annotations

from importlib.resources import files
from typing import Literal

import pytest
from playwright.async_api import Page, expect

from app.providers.provider import ProviderFailed
from tests.browser.doing import ask, expect_quiet, register, reply
from tests.fakes.provider import ScriptedProvider

RICH = """## A heading

Some `code`, **strong** words and a [link](https://elsewhere.example/).

- [x] done
- [ ] to do

3. third

| a | b |
|---|--:|
| 1 | 2 |

```python
def f(x: int) -> str:
    # A comment
    return "text" + str(x * 42)
```

\\(a^2\\)
"""
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
SIZES = {"desk": {"width": 1280, "height": 800}, "phone": {"width": 360, "height": 740}}


async def violations(page: Page) -> list[str]:
    result = await page.evaluate("axe.run({ resultTypes: ['violations'] })")
    return [f"{v['id']}: {node['html']}" for v in result["violations"] for node in v["nodes"]]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_state_of_the_chat_is_accessible(
    page: Page, provider: ScriptedProvider, page_errors: list[str], size: str, scheme: Literal["light", "dark"]
) -> None:
    found: dict[str, list[str]] = {}

    async def examine(state: str) -> None:
        found[state] = await violations(page)
        found[f"{state}: width"] = (
            [] if await page.evaluate("document.documentElement.scrollWidth <= innerWidth") else [size]
        )

    await page.set_viewport_size({"width": SIZES[size]["width"], "height": SIZES[size]["height"]})
    await page.emulate_media(color_scheme=scheme)
    provider.words, provider.pause_before = [RICH[:40], RICH[40:]], 1
    await register(page, "/chat")
    await page.evaluate(AXE)
    await ask(page, "Show me everything.")
    await expect(reply(page)).to_contain_text("A heading")
    await examine("replying")
    provider.go_on.set()
    await expect_quiet(page)
    await expect(reply(page).get_by_role("math")).to_be_visible()
    await expect(reply(page).locator(".hljs-keyword").first).to_be_visible()
    await expect(reply(page).locator("td").last).to_have_css("text-align", "end")
    await expect(reply(page).get_by_role("list").last).to_have_attribute("start", "3")
    await reply(page).locator("[data-action=receipt]").click()
    await expect(reply(page).locator(".receipt dl")).to_be_visible()
    await examine("receipt")
    await page.locator("article.user").first.hover()
    await page.get_by_role("button", name="Edit").click()
    await examine("editing")
    await page.get_by_role("button", name="Cancel").click()
    provider.pause_before, provider.fail_before, provider.failure = None, 1, ProviderFailed("it broke")
    await ask(page, "And fail.")
    await expect(reply(page).locator(".trouble")).to_be_visible()
    await examine("failed")
    await page.get_by_role("button", name="Your account").click()
    await examine("account")
    await page.get_by_role("button", name="Shortcuts").click()
    await examine("shortcuts")
    await page.keyboard.press("Escape")
    if size == "phone":
        await page.get_by_role("button", name="Conversations", exact=True).click()
    await expect(page.get_by_label("Search conversations")).to_be_visible()
    await page.locator(".row").first.hover()
    await page.get_by_role("button", name="More about").first.click()
    await examine("menu")
    assert {state: problems for state, problems in found.items() if problems} == {}
    assert [error for error in page_errors if "502" not in error] == []


async def test_a_finger_can_hit_every_control(page: Page) -> None:
    await page.set_viewport_size({"width": 360, "height": 740})
    await register(page, "/chat")
    await ask(page, "Hi.")
    await expect_quiet(page)

    small = await page.evaluate("""() => [...document.querySelectorAll("button, select, textarea, a.button, .row a")]
        .filter((node) => node.checkVisibility() && !node.closest(".sidebar:not(.open)"))
        .map((node) => [node.getBoundingClientRect(), node.outerHTML])
        .filter(([box]) => box.width < 44 || (box.height < 44))
        .map(([box, html]) => `${box.width} x ${box.height}: ${html.slice(0, 80)}`)""")

    assert small == []


async def test_the_list_on_a_phone_is_a_drawer_that_keeps_the_focus(page: Page) -> None:
    await page.set_viewport_size({"width": 360, "height": 740})
    await register(page, "/chat")
    opener = page.get_by_role("button", name="Conversations", exact=True)
    await opener.click()
    await expect(page.get_by_role("button", name="Close the list")).to_be_focused()
    await expect(page.locator("main")).to_have_attribute("inert", "")

    await page.keyboard.press("Escape")

    await expect(opener).to_be_focused()
    await expect(page.get_by_label("Search conversations")).not_to_be_in_viewport()


async def test_nothing_moves_for_those_who_asked_for_that(page: Page, provider: ScriptedProvider) -> None:
    provider.pause_before = 0
    await page.emulate_media(reduced_motion="reduce")
    await register(page, "/chat")

    await ask(page, "Hi.")

    await expect(page.locator(".waiting i").first).to_have_css("animation-name", "none")
