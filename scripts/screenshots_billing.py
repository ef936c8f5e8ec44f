"""Pictures of buying: the page in its states, and the till's own pages."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

from playwright.async_api import Page, Route, expect

from tests.browser.buying.pressing import DEBIT, DECLINE, PAY, amount, choose, packages, payment, press
from tests.browser.doing import open_settled

Picture = Callable[[Page, str], Awaitable[None]]


async def billing(page: Page, name: str, picture: Picture, window: Picture) -> None:
    """From a page with nothing on it to one that has seen it all; `window` shows no more than a window does."""
    await open_settled(page, "/billing?from=/chat")
    await expect(packages(page)).to_have_count(4)
    await picture(page, f"billing-{name}")
    await choose(page)
    await picture(page, f"till-{name}")
    await page.get_by_role("button", name=DECLINE).click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await picture(page, f"till-declined-{name}")
    await _confirm(page, name, picture)
    await choose(page, "Regular")
    await press(page, DEBIT)
    await expect(payment(page)).to_contain_text("Your bank is working on it")
    await picture(page, f"billing-pending-{name}")
    await _subscribe(page, name, picture)
    await page.locator("#orders").get_by_role("button").first.click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    await window(page, f"billing-refund-{name}")
    await page.get_by_role("button", name=re.compile(r"^Refund \$")).click()
    await expect(page.get_by_role("status")).to_contain_text("went back")
    await picture(page, f"billing-orders-{name}")


async def _confirm(page: Page, name: str, picture: Picture) -> None:
    """The moment between the till's word and the bank's, held open."""
    go_on = asyncio.Event()

    async def hold(route: Route) -> None:
        await go_on.wait()
        await route.continue_()

    await page.route("**/complete", hold)
    await press(page, PAY)
    await expect(payment(page)).to_contain_text("Confirming your payment")
    await expect(amount(page)).to_contain_text("tokens")
    await picture(page, f"billing-confirming-{name}")
    go_on.set()
    await expect(payment(page)).to_contain_text("were added")
    await page.unroute("**/complete")
    await picture(page, f"billing-paid-{name}")


async def _subscribe(page: Page, name: str, picture: Picture) -> None:
    await choose(page, "Monthly")
    await press(page, PAY)
    await expect(page.locator("#plan")).to_contain_text("It renews on")
    await picture(page, f"billing-plan-{name}")
    await page.locator("#plan").get_by_role("button").click()
    await page.get_by_role("button", name="Cancel at the end").click()
    await expect(page.get_by_text("Until then nothing changes")).to_be_visible()
    await picture(page, f"portal-{name}")
    await page.get_by_role("link", name="Back to where").click()
    await expect(page.locator("#plan")).to_contain_text("It ends on")
