"""What a page notices of what its reader does on another device, and the doors of whoever is inside already."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import httpx2
import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.doing import (
    PASSWORD,
    held_back,
    new_email,
    open_settled,
    register,
    register_on_the_page,
    sign_in,
)
from tests.waiting import WAIT_SECONDS_MAX

NEW_PASSWORD = "five other plain words here"


@pytest_asyncio.fixture
async def elsewhere(live_url: str) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=live_url) as client:
        yield client


async def sign_in_elsewhere(client: httpx2.AsyncClient, email: str) -> None:
    answer = await client.post("/api/auth/login", json={"email": email, "password": PASSWORD})
    client.headers["Authorization"] = f"Bearer {answer.json()['token']}"


async def change_the_password(client: httpx2.AsyncClient, email: str) -> None:
    await sign_in_elsewhere(client, email)
    body = {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}
    assert (await client.post("/api/auth/password", json=body)).is_success


async def test_an_idle_chat_leaves_when_its_password_is_changed_elsewhere_and_keeps_the_draft(
    page: Page, elsewhere: httpx2.AsyncClient
) -> None:
    email = await register(page, "/chat")
    await expect(page.locator(".balance span")).not_to_be_empty()
    await page.get_by_label("Your message").fill("Precious words.")

    await change_the_password(elsewhere, email)

    await expect(page).to_have_url(re.compile(r"/login\?next=/chat$"))
    await sign_in(page, email, NEW_PASSWORD)
    await expect(page.get_by_label("Your message")).to_have_value("Precious words.")


@pytest.mark.parametrize("path", ["/account", "/usage", "/billing"])
async def test_every_page_leaves_when_its_account_is_deleted_elsewhere(
    page: Page, elsewhere: httpx2.AsyncClient, path: str
) -> None:
    email = await register(page)
    await open_settled(page, path)
    second = await page.context.new_page()
    await second.goto(path)

    await sign_in_elsewhere(elsewhere, email)
    answer = await elsewhere.request("DELETE", "/api/auth/me", json={"currentPassword": PASSWORD})
    assert answer.is_success

    for tab in (page, second):
        await expect(tab).to_have_url(re.compile(rf"/login\?next={path}$"))


async def test_whoever_is_signed_in_passes_the_sign_up_by_also_on_the_way_back(page: Page, live_url: str) -> None:
    await page.goto("/login")
    await register_on_the_page(page)
    await expect(page).to_have_url(f"{live_url}/chat")

    await page.goto("/register")
    await expect(page).to_have_url(f"{live_url}/chat")
    await page.go_back()

    await expect(page).to_have_url(re.compile("/chat$"))


@pytest.mark.parametrize("path", ["/login", "/register"])
async def test_enter_before_the_script_has_come_sends_no_password_anywhere(page: Page, path: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(f"{request.method} {request.url} {request.post_data}"))

    async with held_back(page, f"**/js/pages{path}.js") as held:
        await page.goto(path, wait_until="commit")
        await asyncio.wait_for(held.wait(), WAIT_SECONDS_MAX)
        await page.get_by_label("E-mail").fill(new_email())
        await page.get_by_label("Password", exact=True).fill(PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page.get_by_label("Password", exact=True)).to_have_value(PASSWORD)

    await expect(page.get_by_role("main").get_by_role("button").last).to_be_visible()
    assert page.url.endswith(path)
    assert [each for each in asked if each.startswith("POST") or PASSWORD.split()[0] in each] == []


async def test_signing_out_the_only_other_device_leaves_the_focus_in_the_list(
    page: Page, elsewhere: httpx2.AsyncClient
) -> None:
    await sign_in_elsewhere(elsewhere, await register(page))
    await open_settled(page, "/account")
    button = page.locator(".device").get_by_role("button", name="Sign out")

    await button.focus()
    await page.keyboard.press("Enter")

    await expect(page.locator(".device")).to_have_count(1)
    await expect(page.locator("#sessions")).to_be_focused()


async def test_a_name_that_is_saved_is_the_letter_in_the_corner_at_once(page: Page) -> None:
    await register(page)
    await page.get_by_label("Name").fill("Zoe")

    await page.get_by_role("button", name="Save the name").click()

    await expect(page.locator(".who")).to_have_text("Z")


@pytest.mark.parametrize("width", [360, 390])
async def test_the_documentation_fits_a_phone(page: Page, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 740})
    await page.goto("/docs")

    assert await page.evaluate("document.documentElement.scrollWidth") <= width
