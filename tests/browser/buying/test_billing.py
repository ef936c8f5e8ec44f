"""The billing page: what I have, what there is to buy, and what I bought."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.browser.buying.pressing import amount, buy, newcomer, orders, payment


async def test_a_purchase_shows_what_was_added_and_is_in_the_list(page: Page, page_errors: list[str]) -> None:
    await newcomer(page)
    await expect(amount(page)).to_have_text("1,000 tokens")

    await buy(page)

    await expect(payment(page)).to_contain_text("50,000 tokens were added")
    await expect(amount(page)).to_have_text("51,000 tokens")
    await expect(orders(page)).to_have_count(1)
    assert page_errors == []
