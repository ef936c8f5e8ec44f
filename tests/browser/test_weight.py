"""What the chat costs a slow line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from playwright.async_api import Page, Request, expect

from tests.browser.doing import ask, expect_quiet, register, reply
from tests.fakes.provider import ScriptedProvider

# By gzip, which any browser reads; those that read something newer get less.
FIRST_CHAT_GZIPPED_MAX = 60_000
EVERYTHING_GZIPPED_MAX = 130_000


class Wire:
    """The bodies of everything but the API's answers, as they came over the line."""

    def __init__(self, page: Page) -> None:
        self._sizes: dict[str, asyncio.Task[Any]] = {}
        page.on("requestfinished", self._note)

    def _note(self, request: Request) -> None:
        if "/api/" not in request.url:
            self._sizes[request.url] = asyncio.ensure_future(request.sizes())

    def saw(self, ending: str) -> bool:
        return any(url.endswith(ending) for url in self._sizes)

    async def weigh(self) -> int:
        return sum(size["responseBodySize"] for size in await asyncio.gather(*self._sizes.values()))

    async def weigh_gzipped(self, page: Page) -> int:
        asking = (page.request.get(url, headers={"Accept-Encoding": "gzip"}) for url in self._sizes)
        answers = await asyncio.gather(*asking)
        assert {answer.status for answer in answers} == {200}
        return sum(int(answer.headers["content-length"]) for answer in answers)


@pytest_asyncio.fixture
async def newcomer(page: Page) -> AsyncIterator[Page]:
    """Somebody signed in whose browser has nothing of ours yet."""
    await register(page)
    context = await page.context.browser.new_context(  # type: ignore[union-attr]
        base_url=page.url.removesuffix("/account"), storage_state=await page.context.storage_state()
    )
    yield await context.new_page()
    await context.close()


async def test_a_first_chat_is_light_and_so_is_all_that_a_page_can_want(
    newcomer: Page, provider: ScriptedProvider
) -> None:
    wire = Wire(newcomer)
    await newcomer.goto("/chat")
    await ask(newcomer, "Hi.")
    await expect_quiet(newcomer)
    await expect(reply(newcomer)).to_contain_text("Hello, you.")
    assert await wire.weigh() < await wire.weigh_gzipped(newcomer) <= FIRST_CHAT_GZIPPED_MAX

    # The prime is what the font of the formulas is for.
    provider.words = ["```python\nprint(1)\n```\n\n\\(f'(x)\\)\n"]
    await ask(newcomer, "Code and a formula.")
    await expect(reply(newcomer).get_by_role("math")).to_be_visible()
    await expect(reply(newcomer).locator(".hljs-number")).to_be_visible()
    await reply(newcomer).get_by_title("See the receipt").click()
    await expect(reply(newcomer).get_by_text("Balance after")).to_be_visible()

    assert wire.saw(".woff2")
    assert await wire.weigh() < await wire.weigh_gzipped(newcomer) <= EVERYTHING_GZIPPED_MAX


async def test_a_second_visit_asks_for_nothing_that_has_not_changed(newcomer: Page) -> None:
    await newcomer.goto("/chat")
    await expect(newcomer.get_by_label("Your message")).to_be_focused()
    wire = Wire(newcomer)

    await newcomer.reload()
    await expect(newcomer.get_by_label("Your message")).to_be_focused()

    # The page itself is kept nowhere, as it must not be seen after signing out.
    assert await wire.weigh() < 5_000
