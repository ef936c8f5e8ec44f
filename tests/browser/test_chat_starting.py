"""The chat before it can do anything: the script, the reader's name or the conversation has not come yet, or cannot."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Page, expect

from app.settings import Settings
from tests.browser.doing import ask, begin, expect_quiet, held_back, register, reply
from tests.conftest import settings_for
from tests.fakes.provider import ScriptedProvider
from tests.waiting import WAIT_SECONDS_MAX

CHAT = "/chat"


@pytest.fixture
def settings(database_url: str) -> Settings:
    return settings_for(database_url, registrations_per_hour=1000, welcome_tokens=100_000)


async def test_what_is_sent_before_the_page_has_started_goes_out_once_it_has(
    page: Page, provider: ScriptedProvider
) -> None:
    await register(page)
    box = page.get_by_label("Your message")

    async with held_back(page, "**/api/auth/me") as asked:
        await page.goto(CHAT)
        await asyncio.wait_for(asked.wait(), WAIT_SECONDS_MAX)
        await box.fill("In a hurry.")
        await page.get_by_role("button", name="Send").click()
        await expect(box).to_have_value("In a hurry.")

    await expect(reply(page)).to_contain_text("Hello, you.")
    await expect(page.locator(".bubble")).to_have_text("In a hurry.")
    await expect(box).to_have_value("")
    assert len(provider.asked) == 1


async def test_a_click_on_send_before_the_script_has_come_changes_nothing(page: Page) -> None:
    await register(page)
    box = page.get_by_label("Your message")

    async with held_back(page, "**/js/pages/chat.js") as asked:
        await page.goto(CHAT, wait_until="commit")
        await asyncio.wait_for(asked.wait(), WAIT_SECONDS_MAX)
        await box.fill("In a hurry.")
        await page.get_by_role("button", name="Send").click()
        assert page.url.endswith(CHAT)

    await expect(page.locator(".balance span")).not_to_be_empty()
    await expect(box).to_have_value("In a hurry.")
    assert page.url.endswith(CHAT)


async def test_what_is_typed_before_the_page_has_started_belongs_to_what_it_opens(page: Page) -> None:
    await register(page, CHAT)
    await begin(page, "First.")
    box = page.get_by_label("Your message")

    async with held_back(page, "**/api/auth/me") as asked:
        await page.reload()
        await asyncio.wait_for(asked.wait(), WAIT_SECONDS_MAX)
        await box.fill("In a hurry.")

    await expect(reply(page)).to_contain_text("Hello, you.")
    await expect(box).to_have_value("In a hurry.")
    await page.get_by_role("link", name="New chat").click()
    await expect(box).to_have_value("")
    await page.get_by_role("link", name="First.").click()
    await expect(box).to_have_value("In a hurry.")


async def test_a_page_that_could_not_start_says_so_keeps_the_text_and_tries_again(
    page: Page, provider: ScriptedProvider
) -> None:
    await register(page)
    box = page.get_by_label("Your message")
    broken = {"error": "Prome is starting.", "code": "not_ready", "requestId": "req_42"}
    await page.route("**/api/auth/me", lambda route: route.fulfill(status=503, json=broken))
    await page.goto(CHAT)
    await expect(page.locator(".notices")).to_contain_text("Prome is starting.")
    await expect(page.get_by_role("button", name="Try again")).to_be_in_viewport()
    await box.fill("Precious words.")
    await page.get_by_role("button", name="Send").click()
    await expect(page.locator(".notices")).to_contain_text("Prome is starting.")
    await expect(box).to_have_value("Precious words.")

    await page.unroute("**/api/auth/me")
    await page.get_by_role("button", name="Try again").click()

    await expect(reply(page)).to_contain_text("Hello, you.")
    await expect(page.locator(".notices")).to_be_empty()
    assert len(provider.asked) == 1


async def test_a_conversation_that_was_opened_without_a_network_comes_with_it(
    page: Page, provider: ScriptedProvider
) -> None:
    await register(page, CHAT)
    for question in ("First.", "Second."):
        await begin(page, question)

    await page.context.set_offline(True)
    await page.get_by_role("link", name="First.").click()
    await expect(page.locator(".notices")).to_contain_text("You are offline.")
    await expect(page.locator(".loading")).to_be_hidden()
    await ask(page, "Not into the dark.")
    await expect(page.get_by_label("Your message")).to_have_value("Not into the dark.")
    await page.context.set_offline(False)

    await expect(page.locator(".bubble")).to_have_text(["First.", "Not into the dark."])
    await expect_quiet(page)
    await expect(page.locator(".notices")).to_be_empty()
    assert [each.content for each in provider.asked[-1].messages if each.role == "user"] == [
        "First.",
        "Not into the dark.",
    ]


async def test_a_conversation_that_could_not_be_opened_can_be_tried_again(page: Page) -> None:
    await register(page, CHAT)
    await begin(page, "First.")
    broken = {"error": "Something broke.", "code": "internal", "requestId": "req_42"}
    await page.route("**/messages?*", lambda route: route.fulfill(status=500, json=broken))
    await page.reload()
    await expect(page.locator(".notices")).to_contain_text("Something broke.")

    await page.unroute("**/messages?*")
    await page.get_by_role("button", name="Try again").click()

    await expect(page.locator(".bubble")).to_have_text("First.")
    await expect(page.locator(".notices")).to_be_empty()
