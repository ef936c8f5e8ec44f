"""Somebody in a hurry: clicks twice, goes back and forth, writes in two tabs, deletes what is still being written."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import pytest
from playwright.async_api import Page, expect

from app.clock import SystemClock
from app.conversations import conversations
from app.ids import new_id
from app.services import Services
from app.settings import Settings
from tests.browser.doing import ask, expect_quiet, held_back, register, reply
from tests.conftest import settings_for
from tests.fakes.provider import ScriptedProvider
from tests.figures import figure
from tests.waiting import WAIT_SECONDS_MAX, eventually

CHAT = "/chat"
REDRAWN = """() => {
    const started = performance.now();
    document.querySelector(".row-more").click();
    document.querySelector(".sidebar").getBoundingClientRect();
    return performance.now() - started;
}"""
STORY = ["Once ", "upon ", "a ", "time. "] * 20


@pytest.fixture
def settings(database_url: str) -> Settings:
    return settings_for(database_url, registrations_per_hour=1000, welcome_tokens=100_000)


async def test_whoever_sends_twice_in_one_breath_has_sent_once(
    page: Page, provider: ScriptedProvider, page_errors: list[str]
) -> None:
    await register(page, CHAT)
    await page.get_by_label("Your message").fill("Once.")

    await page.evaluate("""() => {
        const form = document.querySelector(".composer");
        for (let times = 0; times < 3; times += 1) form.requestSubmit();
    }""")

    await expect_quiet(page)
    await expect(reply(page)).to_contain_text("Hello, you.")
    assert len(provider.asked) == 1
    assert page_errors == []


async def test_a_double_click_on_send_sends_and_does_not_stop(page: Page, provider: ScriptedProvider) -> None:
    provider.pause_before = 1
    await register(page, CHAT)
    await expect(page.locator(".balance span")).not_to_be_empty()
    await page.get_by_label("Your message").fill("Tell me all.")

    await page.get_by_role("button", name="Send").dblclick()
    await expect(reply(page)).to_contain_text("Hello")
    provider.go_on.set()

    await expect(reply(page)).to_contain_text("Hello, you.")
    await expect_quiet(page)
    assert provider.hung_up == 0
    await expect(page.locator(".note")).to_have_count(0)


async def test_what_is_sent_while_the_conversation_opens_goes_out_once_it_has(
    page: Page, provider: ScriptedProvider, page_errors: list[str]
) -> None:
    await register(page, CHAT)
    await ask(page, "First.")
    await expect_quiet(page)

    async with held_back(page, "**/messages?*"):
        await page.reload()
        await ask(page, "Second.")
        await page.keyboard.press("Enter")
        await expect(page.get_by_label("Your message")).to_have_value("Second.")

    await expect(page.locator("article.assistant")).to_have_count(2)
    await expect_quiet(page)
    await expect(page.get_by_label("Your message")).to_have_value("")
    assert len(provider.asked) == 2
    assert page_errors == []


async def test_going_back_and_forth_while_an_answer_is_written_loses_none_of_it(
    page: Page, provider: ScriptedProvider, page_errors: list[str]
) -> None:
    provider.words, provider.pause_before = STORY, 30
    await register(page, CHAT)
    await ask(page, "A story.")
    await asyncio.wait_for(provider.paused.wait(), WAIT_SECONDS_MAX)
    await expect(page).to_have_url(re.compile("/chat/cnv_"))

    await page.get_by_role("link", name="New chat").click()
    for _ in range(3):
        await page.go_back()
        await page.go_forward()
    await page.go_back()
    provider.go_on.set()

    await expect(reply(page).locator(".markdown")).to_have_text("".join(STORY).strip())
    await expect(page.locator("article")).to_have_count(2)
    await expect_quiet(page)
    assert len(provider.asked) == 1
    assert page_errors == []


async def test_two_tabs_that_ask_at_once_lose_neither_message(
    page: Page, provider: ScriptedProvider, page_errors: list[str]
) -> None:
    await register(page, CHAT)
    await ask(page, "One.")
    await expect_quiet(page)
    await expect(page).to_have_url(re.compile("/chat/cnv_"))
    other = await page.context.new_page()
    await other.goto(page.url)
    await expect(other.locator("article")).to_have_count(2)
    provider.pause_before, provider.words = 1, ["Slowly", " but surely."]

    await asyncio.gather(ask(page, "From here."), ask(other, "From there."))
    await eventually(lambda: len(provider.asked) >= 2)
    await page.wait_for_timeout(700)
    provider.go_on.set()

    for tab in (page, other):
        await expect_quiet(tab)
        await expect(reply(tab)).to_contain_text("Slowly but surely.")
    said = {await tab.locator(".bubble").last.text_content() for tab in (page, other)}
    kept = [text for tab in (page, other) if (text := await tab.get_by_label("Your message").input_value())]
    assert len(said) == 1
    assert said | set(kept) == {"From here.", "From there."}
    assert len(provider.asked) == 2
    assert [error for error in page_errors if "409" not in error] == []


async def test_deleting_what_is_still_being_written_stops_it(
    page: Page, provider: ScriptedProvider, page_errors: list[str]
) -> None:
    # The browser's false clock begins to wait again with every timer that is set, and each word sets one: its longest
    # wait is 100 ms, so words that come closer than that could hold it up for ever.
    provider.words, provider.endless, provider.gap_seconds = ["More. "], True, 0.15
    await page.clock.install()
    await register(page, CHAT)
    await ask(page, "For ever.")
    await expect(reply(page)).to_contain_text("More.")
    row = page.get_by_role("listitem").filter(has=page.get_by_role("link", name="For ever."))
    await row.hover()
    await row.get_by_role("button", name="More about").click()

    await page.locator("#row-menu").get_by_text("Delete", exact=True).click()
    await expect(page.get_by_text("Your conversations will be here.")).to_be_visible()
    await expect(page.get_by_role("button", name="Send")).to_be_visible()

    await page.clock.fast_forward(7_000)
    await eventually(lambda: provider.hung_up == 1)
    await page.clock.fast_forward(7_000)
    await expect(page.locator(".toast")).to_have_count(0)
    await expect(page.locator(".row-running:visible")).to_have_count(0)
    assert page_errors == []


async def test_a_message_that_is_too_long_is_said_to_be_before_and_after_it_is_sent(page: Page) -> None:
    await register(page, CHAT)
    box, words = page.get_by_label("Your message"), "This is 8001 characters long; 8000 are the most."
    await box.fill("x" * 8001)
    await expect(page.locator("#quote")).to_have_text(words)

    await page.keyboard.press("Enter")

    await expect(page.locator(".notices")).to_contain_text(words)
    await expect(box).to_have_value("x" * 8001)
    await box.fill("short")
    await expect(page.locator("#quote")).to_contain_text("tokens")


async def test_three_hundred_conversations_are_as_quick_as_three(page: Page, services: Services) -> None:
    await register(page, CHAT)
    user_id = await page.evaluate("fetch('/api/auth/me').then((answer) => answer.json()).then(({ user }) => user.id)")
    now = SystemClock().now()
    async with services.db.begin() as session:
        for number in range(300):
            at = now - timedelta(hours=number)
            await conversations.create(session, new_id("cnv"), user_id, f"Talk {number}.", at)
    await page.reload()
    rows = page.locator(".row")
    await expect(rows).to_have_count(40)

    for shown in range(80, 301, 40):
        await rows.last.scroll_into_view_if_needed()
        await expect(rows).to_have_count(min(shown, 300))
    await rows.last.scroll_into_view_if_needed()

    await expect(rows).to_have_count(300)
    figure("a list of 300 conversations is drawn again in", await page.evaluate(REDRAWN), 200, "ms")
