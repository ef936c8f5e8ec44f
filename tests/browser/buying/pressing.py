"""What a buyer presses, here and at the till."""

from __future__ import annotations

import re

from playwright.async_api import Locator, Page, expect

from tests.browser.doing import register

AT_THE_TILL = re.compile("/c/pay/")
BACK = re.compile("/billing")
PAY = "Pay By card"
DECLINE = "Card declined"
DEBIT = "Bank debit that succeeds later"


async def newcomer(page: Page) -> None:
    """Somebody with an account and nothing else, at the billing page."""
    await register(page, "/billing")
    await expect(packages(page)).to_have_count(4)


async def user_id(page: Page) -> str:
    answer = await page.request.get("/api/auth/me")
    return str((await answer.json())["user"]["id"])


def packages(page: Page) -> Locator:
    return page.locator("#packages > .package")


def payment(page: Page) -> Locator:
    """The card that says how the payment stands."""
    return page.locator("#payment")


def amount(page: Page) -> Locator:
    return page.locator("#balance .amount")


def orders(page: Page) -> Locator:
    return page.locator("#orders > .order")


async def choose(page: Page, name: str = "Starter") -> str:
    """Goes to the till for this package; answers the session's id."""
    await page.get_by_role("button", name=re.compile(f"^(Buy|Subscribe): {name}")).click()
    await page.wait_for_url(AT_THE_TILL)
    return page.url.rpartition("/")[2]


async def press(page: Page, words: str) -> None:
    """One of the till's ways to pay, which leads back."""
    await page.get_by_role("button", name=words).click()
    await page.wait_for_url(BACK)


async def buy(page: Page, name: str = "Starter") -> str:
    session_id = await choose(page, name)
    await press(page, PAY)
    await expect(payment(page)).to_contain_text("were added")
    return session_id
