"""What the browser tests do on the pages again and again."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from playwright.async_api import Locator, Page, Route, expect

from tests.waiting import LOOK_SECONDS, soon

PASSWORD = "four plain words here"


def new_email(prefix: str = "ada") -> str:
    return f"{prefix}.{uuid4().hex[:12]}@example.org"


async def register(page: Page, path: str = "/account", email: str | None = None) -> str:
    """Creates an account, as the page would do but without it, and opens a page that is for those who have one."""
    email = email or new_email()
    answer = await page.request.post("/api/auth/register", data={"email": email, "password": PASSWORD})
    assert answer.ok, await answer.text()
    await page.goto(path)
    await expect(page.locator("[aria-busy=true]")).to_have_count(0)
    return email


async def register_on_the_page(page: Page, query: str = "") -> str:
    """Fills in the form and waits until the browser has left for the next page."""
    email = new_email()
    await page.goto(f"/register{query}")
    await page.get_by_label("E-mail").fill(email)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Create account").click()
    await page.wait_for_url(re.compile(r"^(?!.*/register)"))
    return email


async def sign_in(page: Page, email: str, password: str) -> None:
    await page.get_by_label("E-mail").fill(email)
    await page.get_by_label("Password", exact=True).fill(password)
    await page.get_by_role("main").get_by_role("button", name="Sign in").click()


async def lose_session(page: Page) -> None:
    """Forgets the cookie with no page of ours open, as one that is would notice and go to the login by itself."""
    await page.goto("about:blank")
    await page.context.clear_cookies()


async def open_settled(page: Page, path: str) -> None:
    """Opens a page from scratch, as a new fragment alone would not load it again, and waits until it is filled in."""
    await page.goto("about:blank")
    await page.goto(path)
    await expect(page.locator("[aria-busy=true]")).to_have_count(0)


async def expect_wrong(field: Locator, message: str | re.Pattern[str]) -> None:
    """The field has the focus, is marked as wrong, and is described by the message."""
    await expect(field).to_be_focused()
    await expect(field).to_have_attribute("aria-invalid", "true")
    await expect(field).to_have_accessible_description(message)


async def begin(page: Page, question: str) -> None:
    """A conversation of its own, with its reply."""
    await page.get_by_role("link", name="New chat").click()
    await ask(page, question)
    await expect_quiet(page)
    await expect(page.get_by_role("link", name=question)).to_be_visible()


async def ask(page: Page, text: str) -> None:
    # Before the page has started, Enter is only a new line.
    await expect(page.locator(".balance span")).not_to_be_empty()
    await page.get_by_label("Your message").fill(text)
    await page.keyboard.press("Enter")


async def expect_quiet(page: Page) -> None:
    """No reply runs in the open conversation any more."""
    await expect(page.locator("#send")).to_have_attribute("aria-label", "Send")


def reply(page: Page, number: int = -1) -> Locator:
    """One of the answers, by default the last one."""
    return page.locator("article.assistant").nth(number)


@asynccontextmanager
async def held_back(page: Page, address: str) -> AsyncIterator[asyncio.Event]:
    """What the page asks for there is not answered before the end of the block; the event says that it was asked."""
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        asked.set()
        await go_on.wait()
        await route.continue_()

    await page.route(address, hold)
    try:
        yield asked
    finally:
        go_on.set()


async def until(page: Page, script: str) -> None:
    """Playwright's own way to wait for a script is `eval`, which the pages forbid."""
    async with soon():
        while not await page.evaluate(script):  # noqa: ASYNC110 - what is waited for happens in another process.
            await asyncio.sleep(LOOK_SECONDS)
