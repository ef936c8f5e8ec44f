"""What the chat costs a slow line, and how it bears a long past."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, Request, expect

from app.clock import SystemClock
from app.conversations import messages
from app.conversations.tables import Message
from app.ids import new_id
from app.services import Services
from tests.browser.doing import ask, expect_quiet, register, reply
from tests.fakes.provider import ScriptedProvider

FIRST_CHAT_BYTES_MAX = 60_000
EVERYTHING_BYTES_MAX = 130_000


class Wire:
    """The bodies of everything but the API's answers, as they came over the line."""

    def __init__(self, page: Page) -> None:
        self._sizes: dict[str, asyncio.Task[Any]] = {}
        page.on("requestfinished", self._note)

    def _note(self, request: Request) -> None:
        if "/api/" not in request.url:
            self._sizes[request.url] = asyncio.ensure_future(request.sizes())

    async def weigh(self) -> int:
        return sum(size["responseBodySize"] for size in await asyncio.gather(*self._sizes.values()))


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
    assert await wire.weigh() <= FIRST_CHAT_BYTES_MAX

    provider.words = ["```python\nprint(1)\n```\n\n\\(x^2\\)\n"]
    await ask(newcomer, "Code and a formula.")
    await expect(reply(newcomer).get_by_role("math")).to_be_visible()
    await expect(reply(newcomer).locator(".hljs-number")).to_be_visible()

    assert await wire.weigh() <= EVERYTHING_BYTES_MAX


async def test_a_second_visit_asks_for_nothing_that_has_not_changed(newcomer: Page) -> None:
    await newcomer.goto("/chat")
    await expect(newcomer.get_by_label("Your message")).to_be_focused()
    wire = Wire(newcomer)

    await newcomer.reload()
    await expect(newcomer.get_by_label("Your message")).to_be_focused()

    # The page itself is kept nowhere, as it must not be seen after signing out.
    assert await wire.weigh() < 5_000


@pytest.fixture
def past_messages() -> int:
    return 2_000


async def test_a_conversation_of_two_thousand_messages_opens_soon_and_types_smoothly(
    page: Page, services: Services, provider: ScriptedProvider, past_messages: int
) -> None:
    await register(page, "?next=/chat")
    await ask(page, "The first.")
    await expect_quiet(page)
    await expect(page).to_have_url(re.compile("/chat/cnv_"))
    conversation_id = page.url.rpartition("/")[2]
    await _lengthen(services, conversation_id, past_messages)

    started = await page.evaluate("performance.now()")
    await page.get_by_role("link", name="New chat").click()
    await page.get_by_role("link", name="The first.").click()
    await expect(page.get_by_text(f"Message {past_messages}.")).to_be_visible()
    opened = await page.evaluate("performance.now()") - started

    # The list of messages can only be read from its beginning, a hundred at a time; most of this is those twenty asks.
    assert opened < 4_000
    await page.evaluate("""() => {
        window.longest = 0;
        new PerformanceObserver((list) => {
            for (const { duration } of list.getEntries()) window.longest = Math.max(window.longest, duration);
        }).observe({ type: "longtask" });
    }""")
    await page.get_by_label("Your message").press_sequentially("Typing never stutters.")
    assert await page.evaluate("window.longest") < 200
    top = page.locator(".transcript")
    for _ in range(3):
        await top.evaluate("t => t.scrollTo(0, 0)")
        await page.wait_for_timeout(50)
    assert await page.locator("article").count() > 60


async def _lengthen(services: Services, conversation_id: str, count: int) -> None:
    async with services.db.begin() as session:
        tip = await session.row("SELECT current_message_id FROM conversations WHERE id = $1", conversation_id)
        assert tip is not None
        parent_id = tip["current_message_id"]
        for number in range(3, count + 1):
            message = Message(
                id=new_id("msg"),
                conversation_id=conversation_id,
                parent_id=parent_id,
                number=number,
                role="user" if number % 2 else "assistant",
                status="complete",
                tokens=5,
                encoding="o200k_base",
                created_at=SystemClock().now(),
                content=f"Message {number}.\n\n- with a *list*\n- of two",
            )
            await messages.write(session, message)
            parent_id = message.id
        await session.run("UPDATE conversations SET current_message_id = $2 WHERE id = $1", conversation_id, parent_id)
