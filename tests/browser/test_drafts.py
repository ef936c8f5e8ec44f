"""What was written and not yet sent: it stays with its conversation, whatever happens to the page meanwhile."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from app.settings import Settings
from tests.browser.doing import ask, begin, expect_quiet, held_back, register, reply
from tests.conftest import settings_for
from tests.fakes.provider import ScriptedProvider
from tests.waiting import WAIT_SECONDS_MAX, eventually

CHAT = "/chat"
REFUSED = {"error": "Not enough.", "code": "insufficient_tokens", "needed": 900, "available": 10, "balance": 10}


@pytest.fixture
def settings(database_url: str) -> Settings:
    return settings_for(database_url, registrations_per_hour=1000, welcome_tokens=100_000)


async def write(page: Page, words: str) -> None:
    """Writes, and lets the time go by in which nothing more is written."""
    await page.get_by_label("Your message").fill(words)
    await page.clock.fast_forward(2_000)


async def go_to(page: Page, title: str) -> None:
    await page.get_by_role("link", name=title).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(title)
    await page.clock.fast_forward(2_000)


async def test_each_conversation_keeps_its_own_draft_however_long_one_stays_in_another(
    page: Page, page_errors: list[str]
) -> None:
    box = page.get_by_label("Your message")
    await page.clock.install()
    await register(page, CHAT)
    for question in ("First.", "Second.", "Third."):
        await begin(page, question)

    await go_to(page, "First.")
    await write(page, "for the first")
    await go_to(page, "Second.")
    await expect(box).to_have_value("")
    await write(page, "for the second")
    await go_to(page, "Third.")
    await expect(box).to_have_value("")

    await go_to(page, "First.")
    await expect(box).to_have_value("for the first")
    await go_to(page, "Second.")
    await expect(box).to_have_value("for the second")
    await page.reload()
    await expect(box).to_have_value("for the second")
    await go_to(page, "First.")
    await expect(box).to_have_value("for the first")
    assert page_errors == []


async def test_what_was_taken_back_while_an_answer_was_written_is_no_draft(
    page: Page, provider: ScriptedProvider
) -> None:
    provider.pause_before = 1
    await page.clock.install()
    await register(page, CHAT)
    await begin_slowly(page, provider, "First.")
    await write(page, "on second thoughts")
    await write(page, "")

    provider.go_on.set()
    await expect_quiet(page)
    await page.reload()

    await expect(reply(page)).to_contain_text("Hello, you.")
    await expect(page.get_by_label("Your message")).to_have_value("")


async def begin_slowly(page: Page, provider: ScriptedProvider, question: str) -> None:
    await ask(page, question)
    await asyncio.wait_for(provider.paused.wait(), WAIT_SECONDS_MAX)
    await expect(page).to_have_url(re.compile("/chat/cnv_"))


async def test_the_quote_is_for_the_conversation_that_is_open(page: Page) -> None:
    quoted: list[Any] = []
    page.on("request", lambda asked: quoted.append(asked.post_data_json) if "quote" in asked.url else None)
    await page.clock.install()
    await register(page, CHAT)
    await begin(page, "First.")
    await write(page, "a draft")
    await expect(page.locator("#quote")).to_contain_text("earlier messages")
    await page.get_by_role("link", name="New chat").click()
    await page.clock.fast_forward(2_000)
    quoted.clear()

    await go_to(page, "First.")
    await eventually(lambda: len(quoted) > 0)
    await write(page, "another draft")
    await eventually(lambda: len(quoted) > 1)

    opened = page.url.rpartition("/")[2]
    assert {body.get("conversationId") for body in quoted} == {opened}


async def test_what_is_typed_during_an_answer_has_its_quote_when_that_ends(
    page: Page, provider: ScriptedProvider
) -> None:
    provider.pause_before = 1
    await register(page, CHAT)
    await begin_slowly(page, provider, "First.")
    await page.get_by_label("Your message").fill("And then?")
    await expect(page.locator("#quote")).to_be_empty()

    provider.go_on.set()

    await expect(page.locator("#quote")).to_contain_text("earlier messages")


async def test_a_message_on_its_way_is_no_draft_of_the_next_chat(page: Page, provider: ScriptedProvider) -> None:
    box = page.get_by_label("Your message")
    await page.clock.install()
    await register(page, CHAT)

    async with held_back(page, "**/api/chat") as asked:
        await ask(page, "Only once.")
        await asyncio.wait_for(asked.wait(), WAIT_SECONDS_MAX)
        await page.get_by_role("link", name="New chat").click()
        await expect(box).to_have_value("")
        await write(page, "something else")

    await expect(page.get_by_role("link", name="Only once.")).to_be_visible()
    await expect(box).to_have_value("something else")
    await page.reload()
    await expect(box).to_have_value("something else")
    assert len(provider.asked) == 1


async def test_a_message_that_is_refused_after_one_went_elsewhere_waits_where_it_was_written(page: Page) -> None:
    box = page.get_by_label("Your message")
    await register(page, CHAT)
    await begin(page, "First.")
    refuse = asyncio.Event()

    async def held(route: Route) -> None:
        await refuse.wait()
        await route.fulfill(status=402, json=REFUSED)

    await page.route("**/api/chat", held)
    await page.get_by_role("link", name="New chat").click()
    await ask(page, "Precious words.")
    await page.get_by_role("link", name="First.").click()
    await expect(reply(page)).to_contain_text("Hello, you.")
    await box.fill("meanwhile")

    refuse.set()
    await expect(page.locator(".toast")).to_contain_text("Not enough.")
    await expect(box).to_have_value("meanwhile")
    await page.get_by_role("link", name="New chat").click()

    await expect(box).to_have_value("Precious words.")


async def test_what_was_typed_since_stays_when_a_message_is_refused(page: Page) -> None:
    box = page.get_by_label("Your message")
    refuse = asyncio.Event()

    async def held(route: Route) -> None:
        await refuse.wait()
        await route.fulfill(status=402, json=REFUSED)

    await register(page, CHAT)
    await page.route("**/api/chat", held)
    await ask(page, "Precious words.")
    await box.fill("And more.")

    refuse.set()

    await expect(page.locator(".notices .trouble")).to_be_visible()
    await expect(box).to_have_value("Precious words.\n\nAnd more.")


async def edit_and_be_refused(page: Page, words: str) -> None:
    await page.route("**/api/chat", lambda route: route.fulfill(status=402, json=REFUSED))
    await page.locator("article.user").hover()
    await page.get_by_role("button", name="Edit").click()
    await page.get_by_label("Edit your message").fill(words)
    await page.keyboard.press("Enter")
    await expect(page.locator(".trouble")).to_contain_text("Your message is kept.")
    await page.unroute("**/api/chat")


async def test_an_edit_that_is_refused_stands_where_it_was_written(page: Page) -> None:
    await register(page, CHAT)
    await begin(page, "First.")

    await edit_and_be_refused(page, "First, but better.")

    field = page.get_by_label("Edit your message")
    await expect(field).to_have_value("First, but better.")
    await expect(field).to_be_in_viewport()
    await field.press("Enter")
    await expect(page.locator(".bubble")).to_have_text("First, but better.")
    await expect(page.locator("article.user .branches")).to_contain_text("2/2")


async def test_an_edit_that_was_refused_is_there_after_the_shop_and_not_after_it_was_given_up(page: Page) -> None:
    await register(page, CHAT)
    await begin(page, "First.")
    await edit_and_be_refused(page, "First, but better.")

    await page.get_by_role("link", name="Get tokens").click()
    await expect(page).to_have_url(re.compile("/billing"))
    await page.go_back()
    await expect(page.get_by_label("Edit your message")).to_have_value("First, but better.")
    await page.get_by_role("button", name="Cancel").click()
    await page.reload()

    await expect(reply(page)).to_contain_text("Hello, you.")
    await expect(page.locator(".bubble")).to_have_text("First.")
    await expect(page.get_by_label("Edit your message")).to_have_count(0)
