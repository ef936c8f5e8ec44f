"""A real Chromium in front of the real server."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from app.settings import Settings
from tests.conftest import settings_for
from tests.waiting import WAIT_SECONDS_MAX

# The shell is the same browser without a window to draw, and takes three fifths of the time.
NAMES = ("chromium-headless-shell", "chromium", "google-chrome", "chromium-browser")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
HERE = Path(__file__).parent
expect.set_options(timeout=WAIT_SECONDS_MAX * 1000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture
def settings(database_url: str) -> Settings:
    return settings_for(database_url, registrations_per_hour=1000)


@pytest.fixture
def _function_scoped_runner(_session_scoped_runner: asyncio.Runner) -> asyncio.Runner:
    """The browser outlives a test, and so does the loop on which it and all that it talks to are driven."""
    return _session_scoped_runner


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """Started once, because that takes longer than most of what is done with it."""
    if CHROMIUM is None and not os.environ.get("CI"):
        pytest.skip("There is no Chromium on this machine: apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture
async def browser(chromium: Browser) -> AsyncIterator[Browser]:
    """Nothing that one test opened is there in the next."""
    yield chromium
    for context in list(chromium.contexts):
        await context.close()


@pytest.fixture
def page_errors() -> list[str]:
    """What the console and the pages complained about; a test that provokes nothing expects it empty."""
    return []


@pytest_asyncio.fixture
async def page(browser: Browser, live_url: str, page_errors: list[str]) -> AsyncIterator[Page]:
    context = await browser.new_context(base_url=live_url)
    page = await context.new_page()
    page.on("pageerror", lambda error: page_errors.append(str(error)))
    page.on("console", lambda message: page_errors.append(message.text) if message.type == "error" else None)
    yield page
    await context.close()
