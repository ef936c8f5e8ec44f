"""What the chat tells in its rarer moments: a session ends, tokens run low, a model steps in, the server dies."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from playwright.async_api import Browser, Page, expect

from app.ledger import ledger
from app.providers.provider import ProviderFailed
from app.services import Services
from tests.browser.doing import PASSWORD, ask, expect_quiet, register, reply, sign_in
from tests.command import Command
from tests.fakes.provider import ScriptedProvider
from tests.fakes.upstream import upstream

CHAT = "/chat"
VAR = str(Path(__file__).parents[2] / "var")


async def test_a_session_that_ends_costs_no_word_that_was_written(page: Page, provider: ScriptedProvider) -> None:
    email = await register(page, CHAT)
    await ask(page, "First.")
    await expect_quiet(page)
    await expect(page).to_have_url(re.compile("/chat/cnv_"))
    place = page.url
    await page.context.clear_cookies()

    await ask(page, "Precious words.")
    await page.wait_for_url(re.compile(r"/login\?next=/chat/cnv_"))
    await sign_in(page, email, PASSWORD)

    await page.wait_for_url(place)
    await expect(page.get_by_label("Your message")).to_have_value("Precious words.")
    assert len(provider.asked) == 1


async def test_another_model_that_stepped_in_is_named(
    page: Page, provider: ScriptedProvider, backup: ScriptedProvider
) -> None:
    provider.fail_before, provider.failure = 0, ProviderFailed("it broke")
    await register(page, CHAT)
    await page.get_by_label("Model").select_option("Failing over")

    await ask(page, "Hi.")

    await expect(reply(page)).to_contain_text("Backup speaking.")
    await expect(reply(page).locator(".note")).to_have_text("Another model stepped in: backup.")
    await expect(page.locator(".trouble")).to_have_count(0)
    assert len(backup.asked) == 1


async def test_a_message_and_a_block_of_code_are_copied_as_they_were_written(
    page: Page, provider: ScriptedProvider
) -> None:
    provider.words = ["**Look:**\n\n```python\nprint(1)\n```\n"]
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await register(page, CHAT)
    await ask(page, "Code.")
    await expect_quiet(page)

    await reply(page).get_by_role("button", name="Copy the code").click()
    code = await page.evaluate("navigator.clipboard.readText()")
    await reply(page).get_by_role("button", name="Copy", exact=True).click()
    await expect(page.get_by_text("Copied.").first).to_be_visible()
    whole = await page.evaluate("navigator.clipboard.readText()")

    assert code == "print(1)"
    assert whole == "".join(provider.words)


async def test_below_a_fifth_of_the_last_purchase_a_word_is_said(page: Page, services: Services) -> None:
    await register(page, CHAT)
    low = page.get_by_text("Your balance is getting low.")
    user_id = await page.evaluate("fetch('/api/auth/me').then((answer) => answer.json()).then(({ user }) => user.id)")
    await _grant(services, user_id, 9_000)
    await expect(page.locator(".balance")).to_have_text("10,000 tokens")
    await expect(low).to_be_hidden()

    await _take(services, user_id, 7_900)
    await expect(page.locator(".balance")).to_have_text("2,100 tokens")
    await expect(low).to_be_hidden()
    await _take(services, user_id, 200)

    await expect(low).to_be_visible()
    await expect(page.locator(".low").get_by_role("link", name="Get tokens")).to_have_attribute("href", "/billing")


async def test_an_answer_that_ended_with_the_balance_goes_on_after_a_purchase(
    page: Page, provider: ScriptedProvider, services: Services
) -> None:
    provider.words = [f"word{number} " for number in range(600)]
    await register(page, CHAT)
    user_id = await page.evaluate("fetch('/api/auth/me').then((answer) => answer.json()).then(({ user }) => user.id)")
    await _take(services, user_id, 850)
    await expect(page.locator(".balance")).to_have_text("150 tokens")

    await ask(page, "Everything.")
    await expect(reply(page).locator(".note")).to_contain_text("Your balance ended here, and the answer with it.")
    await expect(reply(page).get_by_role("link", name="Get tokens")).to_be_visible()
    before = await reply(page).locator(".markdown").inner_text()
    provider.words = ["and the rest."]
    await _grant(services, user_id, 5_000)
    await reply(page).get_by_role("button", name="Continue this answer").click()

    await expect(reply(page).locator(".markdown")).to_have_text(re.compile(r"and the rest\.\s*$"))
    assert (await reply(page).locator(".markdown").inner_text()).startswith(before[:100])
    await expect(page.locator("article")).to_have_count(2)


async def test_a_wide_table_scrolls_in_its_own_frame(page: Page, provider: ScriptedProvider) -> None:
    heads = "|".join(f"A long heading {number}" for number in range(12))
    provider.words = [f"|{heads}|\n|{'-|' * 12}\n|{'cell|' * 12}\n"]
    await page.set_viewport_size({"width": 360, "height": 740})
    await register(page, CHAT)

    await page.get_by_label("Your message").fill("A table.")
    await page.get_by_role("button", name="Send").click()

    table = reply(page).get_by_role("group", name="Table")
    await expect(table).to_be_visible()
    # With the end of the answer all of it is set once more.
    await expect_quiet(page)
    assert await table.evaluate("t => t.scrollWidth > t.clientWidth")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_the_box_stays_at_the_foot_of_a_phone_and_the_theme_is_one_tap_away(page: Page) -> None:
    await page.set_viewport_size({"width": 360, "height": 640})
    await page.emulate_media(color_scheme="light")
    await register(page, CHAT)
    await page.set_viewport_size({"width": 360, "height": 340})  # As when the keyboard opens.

    await expect(page.get_by_role("button", name="Send")).to_be_in_viewport(ratio=1)
    await expect(page.get_by_label("Your message")).to_be_in_viewport(ratio=1)
    await page.get_by_role("button", name="Your account").click()
    menu = page.locator("#account-menu")
    for _ in range(2):
        await menu.get_by_role("button", name="Theme").click()

    assert await page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"


async def test_an_answer_that_ends_out_of_sight_is_told(page: Page, provider: ScriptedProvider) -> None:
    provider.pause_before = 1
    await register(page, CHAT)
    await ask(page, "Slow one.")
    await expect(reply(page)).to_contain_text("Hello")
    await page.get_by_role("link", name="New chat").click()

    provider.go_on.set()

    await expect(page.locator(".toast")).to_contain_text("Finished: Slow one.")


async def test_a_server_that_dies_in_the_middle_takes_nothing_that_was_seen(
    browser: Browser, tmp_path: Path, database_url: str
) -> None:
    command = Command(tmp_path, {"ASSETS_DIR": VAR, "DATABASE_URL": database_url, "OPENAI_MODEL": "fake"})
    async with upstream(tokens=500, gap_seconds=0.02) as fake:
        with command.serving(OPENAI_BASE_URL=fake.url, TITLES="off") as server:
            page = await (await browser.new_context(base_url=server.url)).new_page()
            await register(page, CHAT)
            await ask(page, "Go.")
            await expect(reply(page).locator(".markdown")).to_have_text(re.compile(r"\S+ \S+ \S+"))
            await asyncio.sleep(1.2)  # What is not yet written down may be lost: at most a second.
            seen = (await reply(page).locator(".markdown").inner_text())[:20]
            server.process.kill()
            server.process.wait()
            await expect(reply(page)).to_contain_text("Connecting again…")
        with command.serving(OPENAI_BASE_URL=fake.url, TITLES="off", PORT=server.port):
            await expect(reply(page)).to_contain_text("The server stopped in the middle", timeout=30_000)
            await expect_quiet(page)
            await expect(reply(page).locator(".markdown")).to_contain_text(seen)
            await expect(page.get_by_role("button", name="Continue this answer")).to_be_visible()
            await page.context.close()


async def _grant(services: Services, user_id: str, tokens: int) -> None:
    async with services.db.begin() as session:
        await ledger.credit(session, user_id, tokens, kind="purchase", reference=f"grant-{tokens}")


async def _take(services: Services, user_id: str, tokens: int) -> None:
    async with services.db.begin() as session:
        await ledger.debit(session, user_id, tokens, kind="refund", reference=f"refund-{tokens}")
