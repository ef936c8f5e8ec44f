"""The plan in plain words, as it comes, fails, is cancelled and ends."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, Page, expect

from app.stripe_sandbox.till import Till
from tests.browser.buying.pressing import DEBIT, amount, buy, choose, newcomer, packages, payment, press
from tests.fakes.clock import FakeClock

pytestmark = pytest.mark.usefixtures("hooked")


def plan(page: Page) -> Locator:
    return page.locator("#plan")


async def test_a_plan_is_told_as_it_is_and_changes_show_by_themselves(page: Page, till: Till, clock: FakeClock) -> None:
    await newcomer(page)
    await expect(plan(page)).to_be_hidden()
    session_id = await buy(page, "Monthly")
    subscription = till.books.find("checkout.session", session_id)["subscription"]
    await expect(amount(page)).to_have_text("401,000 tokens")
    await expect(plan(page)).to_contain_text("Active")
    await expect(plan(page)).to_contain_text("It renews on")

    clock.advance(seconds=1)
    till.renew(subscription, paid=False)
    await expect(plan(page)).to_contain_text("The last payment did not work.")
    await expect(plan(page).get_by_role("button")).to_have_text("Check your card")
    clock.advance(seconds=1)
    till.end_plan(subscription)

    await expect(plan(page)).to_contain_text("It ended on")
    await expect(plan(page).get_by_role("button")).to_be_hidden()
    await expect(packages(page).get_by_role("button", name="Subscribe")).to_be_visible()


async def test_who_has_a_plan_is_sent_to_look_after_it_in_every_tab(page: Page) -> None:
    await newcomer(page)
    other = await page.context.new_page()
    await other.goto("/billing")
    await expect(packages(other).get_by_role("button", name="Subscribe")).to_be_visible()

    await buy(page, "Monthly")

    for tab in (page, other):
        await expect(packages(tab).get_by_role("button", name="Subscribe")).to_be_hidden()
        await expect(packages(tab).get_by_role("button", name="Manage plan")).to_be_visible()
    await packages(other).get_by_role("button", name="Manage plan").click()
    await expect(other.get_by_role("heading", name="$25.00 each month")).to_be_visible()


async def test_a_plan_that_waits_for_the_bank_is_not_sold_a_second_time(page: Page) -> None:
    await newcomer(page)
    await choose(page, "Monthly")

    await press(page, DEBIT)

    await expect(payment(page)).to_contain_text("Your bank is working on it")
    await expect(packages(page).get_by_role("button", name="Manage plan")).to_be_visible()
    await expect(packages(page).get_by_role("button", name="Subscribe")).to_be_hidden()
    await expect(amount(page)).to_have_text("1,000 tokens")
