"""From registration to a refund, with nothing but what is on the pages."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.browser.buying.pressing import AT_THE_TILL, BACK, DECLINE, PAY, amount, buy, orders, packages, payment, press
from tests.browser.doing import ask, expect_quiet, register_on_the_page, reply

LONG = "many words " * 700


@pytest.mark.usefixtures("hooked")
async def test_a_buyer_goes_all_the_way(page: Page, live_url: str, page_errors: list[str]) -> None:
    await _spend_until_it_is_not_enough(page)
    other = await page.context.new_page()
    await other.goto("/chat")
    await page.get_by_role("link", name="Get tokens").click()
    await _buy_after_being_declined(page)
    await expect(amount(page)).to_have_text(re.compile(r"^50,\d{3} tokens$"))
    await expect(other.locator(".balance")).to_have_text(re.compile(r"^50,\d{3} tokens$"))

    await page.get_by_role("link", name="Continue this answer").click()
    await expect(page).to_have_url(re.compile(f"{live_url}/chat/cnv_"))
    await expect(page.get_by_label("Your message")).to_have_value(LONG.strip())
    await page.get_by_role("button", name="Send").click()
    await expect(page.locator("article.assistant")).to_have_count(2)
    await expect_quiet(page)

    await page.locator(".balance").click()
    await _subscribe_and_cancel(page)
    await _give_the_rest_back(page)
    # A card that is too small a balance for is an error to the console.
    assert [error for error in page_errors if "402" not in error] == []


async def _spend_until_it_is_not_enough(page: Page) -> None:
    await register_on_the_page(page)
    await ask(page, "Hi.")
    await expect_quiet(page)
    await expect(reply(page)).to_contain_text("Hello, you.")
    await ask(page, LONG)
    await expect(page.get_by_text(re.compile(r"You are [\d,]+ tokens short"))).to_be_visible()


async def _buy_after_being_declined(page: Page) -> None:
    await page.get_by_role("button", name="Buy: Starter").click()
    await page.wait_for_url(AT_THE_TILL)
    await page.get_by_role("button", name=DECLINE).click()
    await expect(page.get_by_role("alert")).to_contain_text("Nothing was charged")
    await press(page, PAY)
    await expect(payment(page)).to_contain_text("50,000 tokens were added")


async def _subscribe_and_cancel(page: Page) -> None:
    plan = page.locator("#plan")
    await buy(page, "Monthly")
    await expect(plan).to_contain_text("It renews on")
    await plan.get_by_role("button", name="Manage or cancel").click()
    await page.get_by_role("button", name="Cancel at the end of the period").click()
    await page.get_by_role("link", name="Back to where you came from").click()
    await page.wait_for_url(BACK)
    await expect(plan).to_contain_text("It ends on")
    await expect(packages(page).get_by_role("button", name="Manage plan")).to_be_visible()


async def _give_the_rest_back(page: Page) -> None:
    await page.get_by_role("button", name=re.compile("^Refund what is unused of Starter")).click()
    words = await page.get_by_role("dialog").inner_text()
    found = re.search(r"You give back\s+([\d,]+) tokens\s+You get back\s+\$(\d\.\d\d)", words)
    assert found is not None
    tokens, money = found.groups()
    assert 47_000 < int(tokens.replace(",", "")) < 50_000
    await page.get_by_role("button", name=f"Refund ${money}").click()
    await expect(page.get_by_role("status")).to_contain_text(f"{tokens} tokens went back")
    await expect(amount(page)).to_have_text(re.compile(r"^400,\d{3} tokens$"))
    await expect(orders(page).last).to_contain_text(f"{tokens} went back, for ${money}")
