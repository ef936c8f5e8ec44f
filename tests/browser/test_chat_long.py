"""A conversation with a long past: opened at its end, read back, searched, and never slow to write in."""

from __future__ import annotations

import asyncio
import re

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from app.clock import SystemClock
from app.conversations import messages
from app.conversations.tables import Message
from app.ids import new_id
from app.services import Services
from app.settings import Settings
from tests.browser.doing import ask, expect_quiet, held_back, register, reply, until
from tests.conftest import settings_for
from tests.figures import figure
from tests.waiting import WAIT_SECONDS_MAX

LENGTH = 1_000
LONGEST = """() => {
    window.longest = 0;
    new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) window.longest = Math.max(window.longest, duration);
    }).observe({ type: "longtask" });
}"""
# Those messages that stood there before and are touched all the same.
TOUCHED = """() => {
    const old = new Set(document.querySelectorAll("article"));
    window.touched = new Set();
    new MutationObserver((records) => {
        for (const { target } of records) {
            const article = (target.nodeType === Node.ELEMENT_NODE ? target : target.parentElement)?.closest("article");
            if (old.has(article)) window.touched.add(article);
        }
    }).observe(document.querySelector(".messages"), {
        subtree: true, childList: true, characterData: true, attributes: true,
    });
}"""
SCROLL_UP = """async (t) => {
    t.focus();
    const shown = () => document.querySelectorAll("article").length;
    for (let round = 0; round < 400 && shown() < COUNT; round += 1) {
        t.scrollTo(0, 0);
        await new Promise((resume) => setTimeout(resume, 20));
    }
    return shown();
}"""
# Where the first message that can be seen stands, and which one that is.
EYE = """() => {
    const top = document.querySelector(".transcript").getBoundingClientRect().top;
    const seen = [...document.querySelectorAll("article")].find((a) => a.getBoundingClientRect().bottom > top);
    return [seen.dataset.id, Math.round(seen.getBoundingClientRect().top)];
}"""


@pytest.fixture
def settings(database_url: str) -> Settings:
    """Whoever has said so much has bought a lot."""
    return settings_for(database_url, registrations_per_hour=1000, welcome_tokens=100_000)


@pytest_asyncio.fixture
async def long(page: Page, services: Services) -> Page:
    await register(page, "/chat")
    await ask(page, "The first.")
    await expect_quiet(page)
    await expect(page).to_have_url(re.compile("/chat/cnv_"))
    await _lengthen(services, page.url.rpartition("/")[2], LENGTH)
    return page


async def test_it_opens_within_a_second_and_reads_only_its_end(long: Page) -> None:
    asked: list[str] = []
    long.on("request", lambda request: asked.append(request.url) if "/messages" in request.url else None)
    started = await long.evaluate("performance.now()")

    await long.get_by_role("link", name="New chat").click()
    await long.get_by_role("link", name="The first.").click()
    await expect(long.get_by_text(f"Message {LENGTH}.")).to_be_visible()

    opened = await long.evaluate("performance.now()") - started
    figure(f"a conversation of {LENGTH} messages opens in", opened, 1_000, "ms")
    # Once more when it is told late that something has changed.
    assert len(set(asked)) == 1


async def test_reading_back_holds_the_place(long: Page) -> None:
    async with held_back(long, "**/messages?*cursor=*") as asked:
        await long.reload()
        await expect(long.get_by_text(f"Message {LENGTH}.")).to_be_visible()
        for _ in range(3):
            await long.locator(".transcript").evaluate("t => t.scrollTo(0, 400)")
            await long.wait_for_timeout(100)
        await asyncio.wait_for(asked.wait(), WAIT_SECONDS_MAX)
        shown, before = await long.locator("article").count(), await long.evaluate(EYE)

    await until(long, f"() => document.querySelectorAll('article').length > {shown}")

    assert await long.evaluate(EYE) == before


async def test_with_all_of_it_on_the_page_neither_typing_nor_an_answer_stutters(long: Page) -> None:
    await long.reload()
    await expect(long.get_by_text(f"Message {LENGTH}.")).to_be_visible()
    assert await long.locator(".transcript").evaluate(SCROLL_UP.replace("COUNT", str(LENGTH))) == LENGTH
    await expect(long.get_by_text("The first.").last).to_be_visible()
    await long.evaluate(LONGEST)
    await long.evaluate(TOUCHED)

    async def longest_while_typing() -> float:
        await long.get_by_label("Your message").fill("")
        await long.evaluate("window.longest = 0")
        await long.get_by_label("Your message").press_sequentially("Typing never stutters.")
        return float(await long.evaluate("window.longest"))

    # A busy machine stutters now and then; a page that does would do so each time.
    typing = min([await longest_while_typing() for _ in range(3)])
    await long.keyboard.press("Enter")
    await expect(reply(long)).to_contain_text("Hello, you.")
    await expect_quiet(long)

    assert await long.evaluate("[...window.touched].map((article) => article.dataset.id)") == []
    figure(f"beside {LENGTH} messages, typing holds the page for", typing, 100, "ms")
    figure("an answer there holds it for", await long.evaluate("window.longest"), 400, "ms")


async def test_what_a_search_found_is_shown_in_its_place_and_the_end_is_one_click_away(long: Page) -> None:
    await long.reload()
    await expect(long.get_by_text(f"Message {LENGTH}.")).to_be_visible()
    await long.keyboard.press("Control+k")
    await long.keyboard.type("message 777")

    await expect(long.locator(".row-snippet")).not_to_be_empty()
    await long.get_by_role("navigation", name="Conversations").get_by_role("link").click()

    await expect(long.get_by_text("Message 777.")).to_be_in_viewport()
    await expect(long.locator("article.found")).to_contain_text("Message 777.")
    await expect(long).to_have_url(re.compile(r"/chat/cnv_\w+$"))
    await long.get_by_role("button", name="To the end").click()
    await expect(long.get_by_text(f"Message {LENGTH}.")).to_be_in_viewport()
    await expect(long.get_by_role("button", name="To the end")).to_be_hidden()


async def test_what_was_found_on_another_branch_brings_that_branch(page: Page) -> None:
    await register(page, "/chat")
    await ask(page, "About herons.")
    await expect_quiet(page)
    await page.locator("article.user").hover()
    await page.get_by_role("button", name="Edit").click()
    await page.get_by_label("Edit your message").fill("About storks.")
    await page.keyboard.press("Enter")
    await expect_quiet(page)
    await expect(page.locator(".bubble")).to_have_text("About storks.")

    await page.get_by_label("Search conversations").fill("herons")
    await expect(page.locator(".row-snippet")).not_to_be_empty()
    await page.get_by_role("navigation", name="Conversations").get_by_role("link").click()

    await expect(page.locator(".bubble")).to_have_text("About herons.")
    await expect(page.locator("article.user .branches")).to_contain_text("1/2")


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
