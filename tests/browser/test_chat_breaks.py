"""What goes wrong between the browser and the model, and what the reader is told and charged then."""

from __future__ import annotations

import asyncio
import re

from playwright.async_api import Page, Request, Route, expect

from app.providers.provider import ProviderFailed
from app.settings import Settings
from tests.browser.doing import ask, expect_quiet, register, reply
from tests.fakes.provider import ScriptedProvider
from tests.waiting import WAIT_SECONDS_MAX

CHAT = "/chat"
STORY = ["Once ", "upon ", "a ", "time. "] * 20


async def test_a_reload_in_the_middle_loses_and_repeats_nothing(page: Page, provider: ScriptedProvider) -> None:
    provider.words, provider.pause_before = STORY, 30
    await register(page, CHAT)
    await ask(page, "A story.")
    await asyncio.wait_for(provider.paused.wait(), WAIT_SECONDS_MAX)
    await expect(page).to_have_url(re.compile("/chat/cnv_"))

    await page.reload()
    await expect(reply(page)).to_contain_text("Once upon")
    await expect(page.get_by_role("button", name="Stop")).to_be_visible()
    provider.go_on.set()

    await expect_quiet(page)
    await expect(reply(page).locator(".markdown")).to_have_text("".join(STORY).strip())
    assert len(provider.asked) == 1


async def test_a_second_tab_sees_the_same_answer_grow(page: Page, provider: ScriptedProvider) -> None:
    provider.words, provider.pause_before = STORY, 30
    await register(page, CHAT)
    await ask(page, "A story.")
    await expect(page).to_have_url(re.compile("/chat/cnv_"))
    other = await page.context.new_page()
    await other.goto(page.url)
    await expect(reply(other)).to_contain_text("Once upon")

    provider.go_on.set()

    for tab in (page, other):
        await expect_quiet(tab)
        await expect(reply(tab).locator(".markdown")).to_have_text("".join(STORY).strip())
    assert await page.locator(".balance").inner_text() == await other.locator(".balance").inner_text()
    assert len(provider.asked) == 1


async def test_an_open_tab_learns_of_what_another_asks(page: Page) -> None:
    await register(page, CHAT)
    await ask(page, "One.")
    await expect_quiet(page)
    other = await page.context.new_page()
    await other.goto(page.url)
    await expect(other.locator("article.assistant")).to_have_count(1)

    await ask(page, "Two.")

    await expect(other.locator("article.assistant")).to_have_count(2)
    await expect_quiet(other)
    await expect(reply(other)).to_contain_text("Hello, you.")


async def test_a_tab_that_takes_over_the_account_s_line_has_missed_nothing(page: Page, live_url: str) -> None:
    """One tab listens for all. When it goes, the next one listens from then on, and says that it comes late."""
    await register(page, CHAT)
    await ask(page, "One.")
    await expect_quiet(page)
    await expect(page).to_have_url(re.compile("/chat/cnv_"))
    conversation = f"/api/conversations/{page.url.rpartition('/')[2]}"
    other = await page.context.new_page()
    await other.goto(page.url)
    await expect(other.locator("article.assistant")).to_have_count(1)
    await other.evaluate("() => void (performance.now = () => 60_000)")

    async def renamed_in_between(route: Route) -> None:
        renaming = other.context.request.patch(conversation, data={"title": "Meanwhile"}, headers={"Origin": live_url})
        assert (await renaming).ok
        await route.continue_()

    await other.route("**/api/events*", renamed_in_between)
    await page.close()

    await expect(other.locator("#sidebar")).to_contain_text("Meanwhile")


async def test_a_line_that_breaks_is_taken_up_where_it_broke(page: Page, provider: ScriptedProvider) -> None:
    provider.words, provider.pause_before = STORY, 30
    await register(page, CHAT)
    await ask(page, "A story.")
    await asyncio.wait_for(provider.paused.wait(), WAIT_SECONDS_MAX)
    await expect(reply(page)).to_contain_text("Once upon")
    rejoined: list[str] = []
    page.on(
        "request",
        lambda request: (
            rejoined.append(request.headers.get("last-event-id", "")) if "/streams/str_" in request.url else None
        ),
    )

    await page.context.set_offline(True)
    await expect(page.get_by_text("You are offline.")).to_be_visible()
    await page.context.set_offline(False)
    provider.go_on.set()

    await expect_quiet(page)
    await expect(reply(page).locator(".markdown")).to_have_text("".join(STORY).strip())
    assert len(provider.asked) == 1


async def test_a_message_that_could_not_be_sent_is_kept_and_a_retry_costs_once(
    page: Page, provider: ScriptedProvider
) -> None:
    keys: list[str] = []

    async def lose_the_answer(route: Route, request: Request) -> None:
        keys.append(request.headers["idempotency-key"])
        if len(keys) < 3:
            # It arrives, but nobody hears of it.
            await route.fetch()
            await route.abort("connectionreset")
        else:
            await route.continue_()

    await register(page, CHAT)
    await page.route("**/api/chat", lose_the_answer)

    await ask(page, "Hi.")

    await expect(reply(page)).to_contain_text("Hello, you.")
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert len(provider.asked) == 1


async def test_a_message_that_never_arrived_comes_back_into_the_box_with_its_key(page: Page) -> None:
    keys: list[str] = []

    async def lose(route: Route, request: Request) -> None:
        keys.append(request.headers["idempotency-key"])
        await route.abort("connectionreset")

    await register(page, CHAT)
    await page.route("**/api/chat", lose)
    await ask(page, "Precious words.")
    await expect(page.locator(".notices")).to_contain_text("could not be sent", timeout=10_000)
    await expect(page.locator(".notices")).to_contain_text("Nothing was charged.")
    await expect(page.get_by_label("Your message")).to_have_value("Precious words.")
    await page.unroute("**/api/chat")
    await page.reload()
    await expect(page.get_by_label("Your message")).to_have_value("Precious words.")

    async with page.expect_request("**/api/chat") as sent:
        await page.get_by_role("button", name="Send").click()

    assert (await sent.value).headers["idempotency-key"] == keys[0]
    await expect(reply(page)).to_contain_text("Hello, you.")
    await expect(page.get_by_label("Your message")).to_have_value("")


async def test_a_reply_that_fails_says_what_arrived_what_it_cost_and_its_reference(
    page: Page, provider: ScriptedProvider
) -> None:
    provider.words, provider.fail_before, provider.failure = ["Half "] * 4, 2, ProviderFailed("it broke")
    await register(page, CHAT)

    await ask(page, "Hi.")

    trouble = reply(page).locator(".trouble")
    await expect(trouble).to_contain_text(re.compile(r"You were charged \d+ tokens for what had arrived\."))
    await expect(trouble.locator("code")).to_have_text(re.compile(r"^\S{8,}$"))
    await expect(reply(page).locator(".markdown")).to_have_text("Half Half")
    await expect(page.get_by_role("button", name="Continue this answer")).to_be_visible()


async def test_a_reply_that_fails_at_once_costs_nothing_and_says_so(page: Page, provider: ScriptedProvider) -> None:
    provider.fail_before, provider.failure = 0, ProviderFailed("it broke")
    await register(page, CHAT)

    await ask(page, "Hi.")

    await expect(page.locator(".trouble")).to_contain_text("Nothing was charged.")
    await expect(page.locator(".balance")).to_have_text("1,000 tokens")


async def test_too_small_a_balance_is_a_card_with_the_shortfall_and_the_draft_stays(
    page: Page, settings: Settings
) -> None:
    await register(page, CHAT)
    long = "many words " * 700

    await ask(page, long)

    card = page.locator(".notices .trouble")
    await expect(card).to_contain_text(re.compile(r"You are [\d,]+ tokens short\."))
    await expect(card.get_by_role("link", name="Get tokens")).to_have_attribute("href", "/billing?from=/chat")
    await expect(card).to_contain_text("Nothing was charged.")
    await expect(page.get_by_label("Your message")).to_have_value(long.strip())
