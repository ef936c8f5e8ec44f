"""Pictures of what was used, and of the way out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random

from playwright.async_api import Page, expect

from app.services import Services
from tests.browser.doing import PASSWORD, open_settled, register
from tests.browser.spending import grant, id_of, spend

Picture = Callable[[Page, str], Awaitable[None]]
MODELS = ["gpt-5-mini", "gpt-5-mini", "gemini-3-flash", "smollm2-135m"]
DAYS = 45


async def usage(page: Page, services: Services, name: str, picture: Picture, window: Picture) -> None:
    """Somebody of their own, with a past. `window` shows no more than a window does."""
    await page.context.clear_cookies()
    email = await register(page, "?next=/usage", f"grace.{name}@example.org")
    await open_settled(page, "/usage")
    await picture(page, f"usage-empty-{name}")
    await _live(services, await id_of(services, email))
    await open_settled(page, "/usage")
    await picture(page, f"usage-{name}")
    await page.get_by_role("button", name="Verify my statement").click()
    await expect(page.locator("#verdict")).to_contain_text("as written")
    await page.get_by_role("button", name="Receipt").first.click()
    await expect(page.get_by_role("link", name="Open the conversation")).to_be_visible()
    await page.get_by_role("slider").focus()
    for _ in range(9):
        await page.keyboard.press("ArrowLeft")
    await picture(page, f"usage-open-{name}")
    await open_settled(page, "/account")
    await picture(page, f"account-whole-{name}")
    await page.get_by_role("button", name="Delete my account").click()
    await expect(page.locator("#losses")).to_have_attribute("aria-busy", "false")
    await window(page, f"account-delete-{name}")
    await page.get_by_label("Your password", exact=True).fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Your account is deleted")).to_be_visible()
    await window(page, f"account-deleted-{name}")


async def _live(services: Services, user_id: str) -> None:
    chance = Random(4)
    await grant(services, user_id, 50_000, DAYS + 1)
    for days in range(DAYS, -1, -1):
        if days == DAYS // 3:
            await grant(services, user_id, 400_000, days, kind="subscription")
        for _ in range(chance.choice([0, 1, 2, 2, 3])):
            await spend(services, user_id, days, chance.randint(80, 1_900), chance.choice(MODELS))
