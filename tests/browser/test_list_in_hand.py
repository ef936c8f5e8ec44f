"""Somebody is in the middle of something in the list of conversations while it changes."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import pytest
from playwright.async_api import Page, expect

from app.settings import Settings
from tests.browser.doing import ask, expect_quiet, register, reply
from tests.conftest import settings_for
from tests.fakes.provider import ScriptedProvider
from tests.waiting import WAIT_SECONDS_MAX

CHAT = "/chat"
LISTED = "fetch('/api/conversations').then((answer) => answer.json()).then(({ conversations }) => conversations)"


@pytest.fixture
def settings(database_url: str) -> Settings:
    return settings_for(database_url, registrations_per_hour=1000, welcome_tokens=100_000)


async def begin(page: Page, *questions: str) -> None:
    for question in questions:
        await page.get_by_role("link", name="New chat").click()
        await ask(page, question)
        await expect_quiet(page)
        await expect(page.get_by_role("link", name=question)).to_be_visible()


async def name_elsewhere(page: Page, live_url: str, before: str, title: str) -> None:
    """Gives a conversation another title, as another device would, and waits until the list has it."""
    found = next(each["id"] for each in await page.evaluate(LISTED) if each["title"] == before)
    path = f"/api/conversations/{quote(found)}"
    answer = await page.request.patch(path, data={"title": title}, headers={"Origin": live_url})
    assert answer.ok
    await expect(page.locator(".row-title").get_by_text(title, exact=True)).to_have_count(1)


async def test_a_title_that_is_being_written_waits_for_its_writer(page: Page, live_url: str) -> None:
    await register(page, CHAT)
    await begin(page, "First.", "Second.")
    await page.get_by_role("link", name="First.").focus()
    await page.keyboard.press("F2")
    field = page.get_by_label("Title")
    await expect(field).to_be_focused()
    await page.keyboard.type("Half")

    await name_elsewhere(page, live_url, "Second.", "Elsewhere")
    await name_elsewhere(page, live_url, "First.", "Also elsewhere")
    await expect(field).to_be_focused()
    await page.keyboard.type(" and whole")
    await page.keyboard.press("Enter")

    await expect(page.get_by_role("link", name="Half and whole")).to_be_focused()
    titles = sorted(each["title"] for each in await page.evaluate(LISTED))
    assert titles == ["Elsewhere", "Half and whole"]


async def test_a_row_keeps_the_focus_whatever_moves_around_it(page: Page, live_url: str) -> None:
    await register(page, CHAT)
    await begin(page, "First.", "Second.", "Third.")
    await page.get_by_role("link", name="Second.").focus()

    for before, title in (("First.", "One"), ("Third.", "Three"), ("Second.", "Two")):
        await name_elsewhere(page, live_url, before, title)

    await expect(page.get_by_role("link", name="Two")).to_be_focused()


async def test_escape_in_the_search_empties_it_and_the_answer_goes_on(page: Page, provider: ScriptedProvider) -> None:
    provider.pause_before = 1
    await register(page, CHAT)
    await ask(page, "Tell me all.")
    await asyncio.wait_for(provider.paused.wait(), WAIT_SECONDS_MAX)
    search = page.get_by_label("Search conversations")
    await search.fill("nothing")

    await search.press("Escape")
    await expect(search).to_have_value("")
    await search.press("Escape")
    provider.go_on.set()

    await expect(reply(page)).to_contain_text("Hello, you.")
    await expect_quiet(page)
    assert provider.hung_up == 0


async def test_escape_in_the_drawer_closes_only_what_is_open_in_it(page: Page) -> None:
    await page.set_viewport_size({"width": 360, "height": 740})
    await register(page, CHAT)
    await ask(page, "First.")
    await expect_quiet(page)
    await page.get_by_role("button", name="Conversations", exact=True).click()
    drawer, search = page.locator(".sidebar.open"), page.get_by_label("Search conversations")
    await search.fill("First")

    await search.press("Escape")
    await expect(search).to_have_value("")
    await expect(drawer).to_be_visible()
    await page.locator(".row").hover()
    await page.get_by_role("button", name="More about First.").click()
    await expect(page.locator("#row-menu")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.locator("#row-menu")).to_be_hidden()
    await expect(drawer).to_be_visible()
    await page.keyboard.press("Escape")

    await expect(drawer).to_have_count(0)


async def delete_by_keyboard(page: Page, title: str) -> None:
    await page.get_by_role("button", name=f"More about {title}").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#row-menu").get_by_text("Rename")).to_be_focused()
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Undo")).to_be_focused()


async def test_whoever_deletes_by_keyboard_has_undo_in_hand_for_as_long_as_it_takes(page: Page) -> None:
    deleted: list[str] = []
    page.on("request", lambda request: deleted.append(request.url) if request.method == "DELETE" else None)
    await page.clock.install()
    await register(page, CHAT)
    await begin(page, "First.", "Second.")

    await delete_by_keyboard(page, "First.")
    for _ in range(3):
        await page.clock.fast_forward(20_000)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("link", name="First.")).to_be_focused()
    assert deleted == []

    await delete_by_keyboard(page, "First.")
    await page.keyboard.press("Shift+Tab")
    async with page.expect_request(lambda request: request.method == "DELETE"):
        for _ in range(2):
            await page.clock.fast_forward(7_000)
    await expect(page.locator(".toast")).to_have_count(0)
    await expect(page.get_by_role("link", name="First.")).to_have_count(0)
