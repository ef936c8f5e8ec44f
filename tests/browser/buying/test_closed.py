"""A house that has no till: the prices are there, and nothing pretends that one could buy."""

from __future__ import annotations

from socket import socket

import pytest
from playwright.async_api import Page, expect

from app.settings import Settings
from tests.browser.buying.pressing import amount, newcomer, packages
from tests.conftest import settings_for


@pytest.fixture
def settings(database_url: str, door: socket) -> Settings:
    return settings_for(
        database_url,
        registrations_per_hour=1000,
        frontend_url=f"http://127.0.0.1:{door.getsockname()[1]}",
        stripe_sandbox="off",
    )


async def test_without_a_till_the_page_says_so_and_offers_no_button(page: Page, page_errors: list[str]) -> None:
    await newcomer(page)

    await expect(page.get_by_text("Nothing can be bought here just now.")).to_be_visible()
    await expect(packages(page).first).to_contain_text("$5.00")
    await expect(packages(page).get_by_role("button")).to_have_count(0)
    await expect(page.get_by_text("no real money")).to_be_hidden()
    await expect(amount(page)).to_have_text("1,000 tokens")
    assert page_errors == []


async def test_the_front_page_says_the_prices_to_strangers_and_reads_well_without_scripts(
    page: Page, live_url: str
) -> None:
    await page.goto("/")
    await expect(packages(page)).to_have_count(4)
    await expect(page.locator("#rates")).to_contain_text("Each token counts once.")
    plain = await page.context.browser.new_context(java_script_enabled=False)  # type: ignore[union-attr]
    still = await plain.new_page()

    await still.goto(live_url)

    await expect(still.get_by_role("heading", name="Prices")).to_be_visible()
    await expect(still.get_by_text("One token pays for one token of text")).to_be_visible()
    await expect(still.get_by_role("link", name="Start").first).to_be_visible()
    await plain.close()
