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


@pytest.mark.parametrize("width", [360, 390])
async def test_the_documentation_fits_a_phone(page: Page, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 740})
    await page.goto("/docs")

    assert await page.evaluate("document.documentElement.scrollWidth") <= width
