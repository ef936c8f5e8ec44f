"""Buying for everybody: in every state and light, on a desk and a small phone, and with nothing but a keyboard."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from app.services import Services
from app.stripe_sandbox.till import Till
from tests.billing.buying import spend
from tests.browser.buying.pressing import (
    AT_THE_TILL,
    BACK,
    DEBIT,
    PAY,
    amount,
    buy,
    choose,
    newcomer,
    payment,
    press,
    user_id,
)
from tests.browser.doing import held_back, open_settled
from tests.browser.looking import every_look, faults
from tests.fakes.clock import FakeClock

REFUND = re.compile("^Refund what is unused of")


class Looks:
    """What was found wrong, by state and look."""

    def __init__(self, page: Page) -> None:
        self._page, self.found = page, dict[str, list[str]]()

    async def at(self, state: str) -> None:
        async for look in every_look(self._page):
            self.found[f"{state}, {look}"] = await faults(self._page)

    def none_wrong(self) -> bool:
        return {at: wrong for at, wrong in self.found.items() if wrong} == {}


@pytest.mark.usefixtures("hooked")
async def test_every_state_of_a_purchase_is_for_everybody(page: Page, till: Till, services: Services) -> None:
    looks = Looks(page)
    await newcomer(page)
    await open_settled(page, "/billing?from=/chat/cnv_1")
    await looks.at("nothing bought")
    session_id = await choose(page)
    async with held_back(page, "**/complete"):
        await press(page, PAY)
        await looks.at("confirming")
    await expect(payment(page)).to_contain_text("were added")
    await looks.at("paid")
    await page.get_by_role("button", name=REFUND).click()
    await looks.at("asking for a refund")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await spend(services, await user_id(page), 51_000)
    till.refund(till.books.find("checkout.session", session_id)["payment_intent"])
    await expect(page.locator(".debt")).to_be_visible()
    await page.get_by_role("button", name="Your account").click()
    await looks.at("in debt, with the menu open")

    assert looks.none_wrong(), looks.found


@pytest.mark.usefixtures("hooked")
async def test_every_state_of_a_plan_is_for_everybody(page: Page, till: Till, clock: FakeClock) -> None:
    looks = Looks(page)
    await newcomer(page)
    session_id = await choose(page)
    await press(page, DEBIT)
    await expect(payment(page)).to_contain_text("Your bank is working on it")
    await looks.at("pending")
    till.finish_debit(session_id, succeeds=False)
    await expect(payment(page)).to_contain_text("The payment failed")
    await looks.at("failed")
    session_id = await buy(page, "Monthly")
    await expect(page.locator("#plan")).to_contain_text("Active")
    await looks.at("subscribed")
    clock.advance(seconds=1)
    till.renew(till.books.find("checkout.session", session_id)["subscription"], paid=False)
    await expect(page.locator("#plan")).to_contain_text("Payment failed")
    await page.route("**/api/billing/portal", lambda route: route.abort())
    await page.locator("#plan").get_by_role("button").click()
    await expect(page.get_by_role("alert").first).to_be_visible()
    await looks.at("past due, and a portal out of reach")

    assert looks.none_wrong(), looks.found


async def test_one_buys_and_gives_back_with_the_keyboard_alone(page: Page) -> None:
    await newcomer(page)
    await page.evaluate("document.activeElement.blur()")

    await _tab_to(page, "Buy: Starter")
    await page.keyboard.press("Enter")
    await page.wait_for_url(AT_THE_TILL)
    await _tab_to(page, "PayBy card")
    await page.keyboard.press("Enter")
    await page.wait_for_url(BACK)
    await expect(amount(page)).to_have_text("51,000 tokens")
    await _tab_to(page, "Refund what is unused of Starter")
    await page.keyboard.press("Enter")
    await _tab_to(page, "Refund $5.00")
    await page.keyboard.press("Enter")

    await expect(page.get_by_role("status")).to_contain_text("50,000 tokens went back")
    assert await page.evaluate("document.activeElement.closest('.order') !== null")


async def _tab_to(page: Page, name: str) -> None:
    """Presses Tab until the focus is on what is named so."""
    passed: list[str] = []
    script = "(document.activeElement.ariaLabel || document.activeElement.textContent).trim()"
    for _ in range(40):
        passed.append(await page.evaluate(script))
        if passed[-1].startswith(name):
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"Tab never came to {name!r}, only to {passed}")


async def test_a_finger_can_hit_every_control(page: Page) -> None:
    await page.set_viewport_size({"width": 360, "height": 740})
    await newcomer(page)
    await page.goto("/billing?from=/chat/cnv_1")
    await buy(page)

    small = await page.evaluate("""() => [...document.querySelectorAll("button, a")]
        .filter((node) => node.checkVisibility() && !node.matches(".skip-link"))
        .map((node) => [node.getBoundingClientRect(), node.outerHTML])
        .filter(([box]) => box.height < 44)
        .map(([box, html]) => `${box.width} x ${box.height}: ${html.slice(0, 80)}`)""")

    assert small == []
