"""The billing page: what I have, what there is to buy, what I bought, and what I can give back."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from app.billing import packages as offers
from app.billing.packages import Offer
from app.services import Services
from app.stripe_sandbox.till import Fault, Till
from tests.billing.buying import spend
from tests.billing.ordering import ordered
from tests.browser.buying.pressing import AT_THE_TILL, amount, buy, newcomer, orders, packages, payment, user_id
from tests.browser.doing import open_settled, register

REFUND = re.compile("^Refund what is unused of Starter")
BUY = "Buy: Starter"


async def test_packages_say_their_price_and_what_a_thousand_tokens_cost(page: Page) -> None:
    await newcomer(page)

    await expect(packages(page).nth(0)).to_contain_text(re.compile(r"50,000 tokens.*\$5\.00.*\$0\.10 per 1,000", re.S))
    plan = packages(page).nth(3)
    await expect(plan).to_contain_text(re.compile(r"Plan.*400,000.*\$25\.00 a month.*\$0\.0625 per 1,000", re.S))
    await expect(page.get_by_text("no real money")).to_be_visible()
    await expect(page.locator("#rates")).to_contain_text("What you send counts 2 times, the answer 3 times.")


async def test_a_currency_without_small_coins_is_written_without_them(page: Page, services: Services) -> None:
    yen = Offer(id="yen", name="Yen", tokens=50_000, price_cents=800, currency="jpy", kind="once")
    async with services.db.begin() as session:
        await offers.put(session, [yen], services.clock.now(), change=True)

    await page.goto("/")

    await expect(page.locator(".package", has_text="Yen")).to_contain_text(re.compile(r"¥800\s*¥16 per 1,000 tokens"))


async def test_a_double_click_is_one_order_and_one_session(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/checkout") else None)
    await newcomer(page)

    await page.get_by_role("button", name=BUY).dblclick()

    await page.wait_for_url(AT_THE_TILL)
    assert len(asked) == 1


async def test_asking_again_after_a_lost_answer_is_the_same_purchase(page: Page) -> None:
    keys: list[str] = []
    page.on(
        "request",
        lambda request: keys.append(request.headers["idempotency-key"]) if request.url.endswith("/checkout") else None,
    )
    await newcomer(page)
    await page.context.set_offline(True)
    await page.get_by_role("button", name=BUY).click()
    await expect(page.get_by_role("alert").first).to_contain_text("You are offline")
    await expect(page.get_by_role("button", name=BUY)).to_have_attribute("aria-disabled", "false")
    await page.context.set_offline(False)

    await page.get_by_role("button", name=BUY).click()

    await page.wait_for_url(AT_THE_TILL)
    assert len(keys) == 2
    assert len(set(keys)) == 1


async def test_what_a_lost_network_kept_back_comes_with_the_network(page: Page) -> None:
    await register(page)
    await page.route("**/api/billing/**", lambda route: route.abort("internetdisconnected"))
    await page.goto("/billing")
    await expect(page.get_by_role("alert").first).to_contain_text("cannot be reached")
    await page.unroute_all()

    await page.evaluate("dispatchEvent(new Event('online'))")

    await expect(amount(page)).to_have_text("1,000 tokens")
    await expect(page.get_by_role("button", name=BUY)).to_be_visible()
    await expect(page.get_by_role("alert")).to_have_count(0)


async def test_a_till_that_is_down_is_said_with_a_reference_and_nothing_is_bought(page: Page, till: Till) -> None:
    await newcomer(page)
    till.fail_calls(*[Fault.ERROR] * 6)

    await page.get_by_role("button", name=BUY).click()

    await expect(page.get_by_role("alert").first).to_contain_text("Reference:")
    await expect(page.get_by_role("button", name=BUY)).to_have_text("Buy")


async def test_a_refund_says_what_goes_and_what_comes_and_is_made_once(page: Page, services: Services) -> None:
    await newcomer(page)
    await buy(page)
    await spend(services, await user_id(page), 11_000)
    dialog = page.get_by_role("dialog")

    await page.get_by_role("button", name=REFUND).click()
    await expect(dialog).to_contain_text("40,000 tokens")
    await expect(dialog).to_contain_text("$4.00")
    await dialog.get_by_role("button", name="Keep the tokens").click()
    await expect(amount(page)).to_have_text("40,000 tokens")
    await expect(page.get_by_role("button", name=REFUND)).to_be_focused()
    await page.get_by_role("button", name=REFUND).click()
    await dialog.get_by_role("button", name="Refund $4.00").dblclick()

    await expect(page.get_by_role("status")).to_contain_text("40,000 tokens went back, and $4.00 are on their way")
    await expect(amount(page)).to_have_text("0 tokens")
    await expect(orders(page)).to_contain_text("40,000 went back, for $4.00")
    await expect(page.get_by_role("button", name=REFUND)).to_be_hidden()


@pytest.mark.usefixtures("hooked")
async def test_a_debt_is_shown_and_the_next_purchase_says_that_it_paid_it(
    page: Page, till: Till, services: Services
) -> None:
    await newcomer(page)
    session_id = await buy(page)
    await spend(services, await user_id(page), 41_000)

    till.refund(till.books.find("checkout.session", session_id)["payment_intent"])

    await expect(page.locator(".debt")).to_have_text("You owe 40,000 tokens. The next purchase pays them first.")
    await buy(page)
    words = "40,000 of them paid what you owed. You have 10,000 tokens now."
    await expect(payment(page)).to_contain_text(words)
    await expect(page.locator(".debt")).to_be_hidden()


async def test_older_orders_come_on_request(page: Page, services: Services) -> None:
    await newcomer(page)
    for _ in range(12):
        await ordered(services, await user_id(page))
    await open_settled(page, "/billing")
    await expect(orders(page)).to_have_count(10)

    await page.get_by_role("button", name="Show more").click()

    await expect(orders(page)).to_have_count(12)
    await expect(orders(page).nth(10)).to_be_focused()
    await expect(page.get_by_role("button", name="Show more")).to_be_hidden()
    await expect(orders(page).nth(11)).to_contain_text("Not paid in time; nothing was charged")


async def test_only_a_chat_of_ours_is_a_way_back(page: Page, live_url: str) -> None:
    await newcomer(page)

    for elsewhere in ("//elsewhere.example/chat", "/account", "javascript:alert(1)"):
        await open_settled(page, f"/billing?from={elsewhere}")

        await expect(page.get_by_role("link", name=re.compile("^Back to"))).to_be_hidden()
        await expect(page).to_have_url(f"{live_url}/billing")


async def test_a_balance_that_is_nearly_spent_is_said_in_the_chat_and_leads_here_and_back(
    page: Page, services: Services, live_url: str
) -> None:
    await register(page, "/chat")
    warning = page.get_by_text("Your balance is getting low.")
    await expect(page.locator(".balance")).to_have_text("1,000 tokens")
    await spend(services, await user_id(page), 790)
    await expect(page.locator(".balance")).to_have_text("210 tokens")
    await expect(warning).to_be_hidden()

    await spend(services, await user_id(page), 20)

    await expect(warning).to_be_visible()
    await page.get_by_role("link", name="Get tokens").click()
    await expect(packages(page)).to_have_count(4)
    await page.get_by_role("link", name="Back to the chat").click()
    await expect(page).to_have_url(f"{live_url}/chat")
