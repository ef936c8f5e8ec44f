"""Coming back from the till: what is said is what the server found out, and never more."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import Page, Route, expect

from app.stripe_sandbox.till import Till
from tests.browser.buying.pressing import (
    BACK,
    DEBIT,
    DECLINE,
    PAY,
    amount,
    buy,
    choose,
    newcomer,
    orders,
    payment,
    press,
)
from tests.browser.doing import PASSWORD, held_back, register, sign_in

COMPLETE = "**/complete"


async def test_the_return_page_alone_brings_the_tokens_when_every_webhook_is_lost(page: Page, live_url: str) -> None:
    await newcomer(page)

    await buy(page)

    await expect(payment(page)).to_contain_text("You have 51,000 tokens now.")
    await expect(page).to_have_url(f"{live_url}/billing")


@pytest.mark.usefixtures("hooked")
async def test_reloading_and_coming_back_once_more_change_nothing(page: Page) -> None:
    await newcomer(page)
    session_id = await buy(page)

    await page.reload()
    await expect(amount(page)).to_have_text("51,000 tokens")
    await expect(payment(page)).to_be_hidden()
    await page.goto(f"/billing?session_id={session_id}")

    await expect(payment(page)).to_contain_text("50,000 tokens were added")
    await expect(amount(page)).to_have_text("51,000 tokens")
    await expect(orders(page)).to_have_count(1)


async def test_the_redirect_alone_is_never_taken_for_a_payment(page: Page) -> None:
    await newcomer(page)
    await choose(page)
    async with held_back(page, COMPLETE):
        await press(page, PAY)
        await expect(payment(page)).to_contain_text("Confirming your payment…")
        await expect(amount(page)).to_have_text("1,000 tokens")
        assert "were added" not in await payment(page).inner_text()

    await expect(payment(page)).to_contain_text("50,000 tokens were added")
    await expect(amount(page)).to_have_text("51,000 tokens")


async def test_a_declined_card_is_said_and_the_next_try_pays(page: Page) -> None:
    await newcomer(page)
    await choose(page)

    await page.get_by_role("button", name=DECLINE).click()

    await expect(page.get_by_role("alert")).to_contain_text("Your card was declined. Nothing was charged.")
    await press(page, PAY)
    await expect(payment(page)).to_contain_text("50,000 tokens were added")


@pytest.mark.usefixtures("hooked")
@pytest.mark.parametrize(
    ("succeeds", "words", "tokens"),
    [(True, "50,000 tokens were added", "51,000 tokens"), (False, "nothing was charged", "1,000 tokens")],
)
async def test_a_bank_debit_is_pending_and_its_end_shows_by_itself(
    page: Page, till: Till, live_url: str, succeeds: bool, words: str, tokens: str
) -> None:
    await newcomer(page)
    session_id = await choose(page)
    await press(page, DEBIT)
    await expect(payment(page)).to_contain_text("Your bank is working on it")
    await expect(orders(page)).to_contain_text("Your bank is working on it")
    await expect(page).to_have_url(f"{live_url}/billing")

    till.finish_debit(session_id, succeeds=succeeds)

    await expect(payment(page)).to_contain_text(words)
    await expect(amount(page)).to_have_text(tokens)
    await expect(orders(page)).not_to_contain_text("working on it")


@pytest.mark.parametrize("way", ["link", "back"])
async def test_who_leaves_without_paying_hears_that_nothing_was_charged(page: Page, way: str) -> None:
    await newcomer(page)
    await choose(page)

    if way == "link":
        await page.get_by_role("link", name="Cancel and go back").click()
    else:
        await page.go_back()

    await expect(payment(page)).to_contain_text("Nothing was charged")
    await expect(orders(page)).to_contain_text("Not paid; nothing was charged")
    await page.reload()
    await expect(orders(page)).to_have_count(1)
    await expect(payment(page)).to_be_hidden()


async def test_a_session_whose_time_is_over_says_so_and_one_can_buy_again(page: Page, till: Till) -> None:
    await newcomer(page)
    session_id = await choose(page)
    till.expire(session_id)

    await page.goto(f"/billing?session_id={session_id}")

    await expect(payment(page)).to_contain_text("The time for this payment ran out.")
    await buy(page)


async def test_a_session_that_is_still_open_is_not_called_paid(page: Page) -> None:
    await newcomer(page)
    session_id = await choose(page)

    await page.goto(f"/billing?session_id={session_id}")

    await expect(payment(page)).to_contain_text("Not paid yet")


async def test_a_payment_of_somebody_else_is_as_unknown_as_one_that_never_was(page: Page, live_url: str) -> None:
    await newcomer(page)
    session_id = await choose(page)
    await page.context.clear_cookies()
    await register(page, "/billing")
    said = []

    for unknown in (session_id, "cs_never"):
        await page.goto(f"/billing?session_id={unknown}")
        await expect(payment(page)).to_contain_text("We do not know this payment")
        said.append(await payment(page).inner_text())
        await expect(page).to_have_url(f"{live_url}/billing")

    assert said[0] == said[1]


async def test_being_offline_while_it_is_confirmed_is_said_and_it_goes_on_afterwards(page: Page) -> None:
    go_on = asyncio.Event()

    async def lose(route: Route) -> None:
        await go_on.wait()
        await route.abort("internetdisconnected")

    await newcomer(page)
    await choose(page)
    await page.route(COMPLETE, lose)
    await press(page, PAY)
    await expect(payment(page)).to_contain_text("Confirming your payment…")
    await page.context.set_offline(True)
    go_on.set()
    await expect(payment(page)).to_contain_text("You are offline.")

    await page.unroute(COMPLETE)
    await page.context.set_offline(False)

    await expect(payment(page)).to_contain_text("50,000 tokens were added")


async def test_a_session_that_ended_meanwhile_leads_to_sign_in_and_back_to_the_payment(
    page: Page, live_url: str
) -> None:
    email = await register(page, "/billing")
    await choose(page)
    await page.context.clear_cookies()
    await page.get_by_role("button", name=PAY).click()
    await expect(page).to_have_url(re.compile(f"{live_url}/login"))

    await sign_in(page, email, PASSWORD)

    await page.wait_for_url(BACK)
    await expect(payment(page)).to_contain_text("50,000 tokens were added")
