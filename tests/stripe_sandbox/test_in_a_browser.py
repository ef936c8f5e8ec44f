"""A real browser, which alone knows whether the page's own policy lets one buy, and whether everybody can use it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Literal

import pytest
import pytest_asyncio
import stripe
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, async_playwright, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from app.stripe_sandbox.till import Till
from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.live import serve
from tests.stripe_sandbox.sdk import pack, plan

pytestmark = pytest.mark.browser
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


@pytest_asyncio.fixture
async def page() -> AsyncIterator[Page]:
    """A small screen."""
    if CHROMIUM is None and not os.environ.get("CI"):
        pytest.skip("There is no Chromium on this machine: apt-get install chromium")
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        context = await chromium.new_context(viewport={"width": 320, "height": 640})
        yield await context.new_page()
        await chromium.close()


@pytest_asyncio.fixture
async def shop() -> AsyncIterator[str]:
    """On another port, and so another origin."""

    async def show(request: Request) -> PlainTextResponse:
        return PlainTextResponse(f"Back at the shop with {request.query_params.get('session_id', 'nothing')}")

    async with serve(Starlette(routes=[Route("/back", show), Route("/favicon.ico", show)])) as url:
        yield url


async def test_one_is_declined_and_then_pays_by_keyboard_and_is_led_to_another_origin(
    client: stripe.StripeClient, page: Page, shop: str
) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    session = await client.v1.checkout.sessions.create_async(
        pack(success_url=f"{shop}/back?session_id={{CHECKOUT_SESSION_ID}}", cancel_url=f"{shop}/back")
    )
    assert session.url is not None

    await page.goto(session.url)
    await page.get_by_role("button", name="Card declined").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("Your card was declined.")
    await page.get_by_role("button", name="Pay By card").focus()
    await page.keyboard.press("Enter")

    await expect(page.get_by_text(f"Back at the shop with {session.id}")).to_be_visible()
    assert complaints == []


async def test_everybody_can_use_every_page_of_the_till(
    client: stripe.StripeClient, till: Till, till_url: str, page: Page
) -> None:
    customer = await client.v1.customers.create_async({"email": "ann@example.com"})
    bought = await client.v1.checkout.sessions.create_async(plan(customer=customer.id))
    waiting = await client.v1.checkout.sessions.create_async(pack())
    till.pay(bought.id)
    portal = await client.v1.billing_portal.sessions.create_async({"customer": customer.id})
    found = {}

    for url in (waiting.url, f"{till_url}/c/pay/{bought.id}", portal.url, f"{till_url}/dev", f"{till_url}/nowhere"):
        await page.goto(str(url))
        for scheme in SCHEMES:
            await page.emulate_media(color_scheme=scheme)
            faults = (await Axe().run(page)).response["violations"]
            wider = await page.evaluate("document.documentElement.scrollWidth > innerWidth")
            found[url, scheme] = ([fault["id"] for fault in faults], wider)

    assert {at: what for at, what in found.items() if what != ([], False)} == {}
