"""Pictures of the pages, for whoever changes them: `make screenshots` puts them into build/screenshots.

The pages are the real ones, in front of the real server; only the model is one that says what stands here.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright, expect

from app import migrations
from app.clock import SystemClock
from app.main import create_app
from app.services import Services
from scripts.screenshots_billing import billing
from scripts.screenshots_usage import usage
from tests.billing.ordering import stock
from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.browser.doing import expect_quiet, register, reply
from tests.conftest import settings_for
from tests.fakes.provider import ScriptedProvider
from tests.live import serve

OUT = Path("build/screenshots")
TIDES = """The moon's gravity pulls on the oceans, and **two bulges** of water form: one beneath the moon and one on the
far side of the Earth. As the Earth turns, a coast passes through both, so most coasts see two high tides a day.

| Tide | When | Range |
| --- | --- | ---: |
| Spring | new and full moon | large |
| Neap | half moon | small |

The pull falls with the square of the distance, \\(F = G\\frac{m_1 m_2}{r^2}\\):

```python
def pull(mass_1: float, mass_2: float, distance: float) -> float:
    \"\"\"In newtons.\"\"\"
    return 6.674e-11 * mass_1 * mass_2 / distance**2
```

1. The sun adds its share, a little less than half of the moon's.
2. Coasts and depths shape the rest.
"""
EARLIER = ["Three easy dinners", "A letter to the landlord", "Rye bread without yeast", "Names for a boat"]
PAGES = {"account": "/account", "home": "/", "register": "/register"}
SIZES = {"desktop": (1280, 860, 1), "phone": (390, 780, 2)}


@asynccontextmanager
async def service(provider: ScriptedProvider) -> AsyncIterator[tuple[str, Services]]:
    with tempfile.TemporaryDirectory() as place, socket.create_server(("127.0.0.1", 0)) as door:
        url, port = f"sqlite+aiosqlite:///{place}/prome.db", door.getsockname()[1]
        await migrations.upgrade(url)
        settings = settings_for(url, registrations_per_hour=1000, welcome_tokens=25_000, host="127.0.0.1", port=port)
        app = create_app(settings, clock=SystemClock(), providers={provider.name: provider})
        async with app.router.lifespan_context(app), serve(app, at=door) as address:
            await stock(app.state.services)
            yield address, app.state.services


async def say(page: Page, text: str) -> None:
    """By the button, as Enter on a phone makes a new line."""
    await page.get_by_label("Your message").fill(text)
    await page.get_by_role("button", name="Send").click()
    await expect(page.locator("article.assistant")).to_have_count(1)


async def picture(page: Page, name: str) -> None:
    await page.wait_for_timeout(400)  # Colours, formulas and the little movements come a moment later.
    await page.screenshot(path=OUT / f"{name}.png")


async def whole(page: Page, name: str) -> None:
    """What is below the window's edge as well."""
    await page.wait_for_timeout(400)
    await page.screenshot(path=OUT / f"{name}.png", full_page=True)


async def chat(page: Page, provider: ScriptedProvider, name: str) -> None:
    await register(page, "/chat", f"ada.{name}@example.org")
    await picture(page, f"chat-empty-{name}")
    provider.words = ["Here is a start."]
    for title in EARLIER:
        await say(page, title)
        await expect_quiet(page)
        await page.evaluate("document.querySelector('.new-chat').click()")
    provider.words = [TIDES[at : at + 12] for at in range(0, len(TIDES), 12)]
    await say(page, "How do tides work? A table and a bit of code would help.")
    await expect(reply(page).locator("[data-action=receipt]")).to_be_visible()
    await picture(page, f"chat-{name}")
    await page.locator(".transcript").evaluate("t => t.scrollTo(0, 0)")
    await page.get_by_label("Your message").fill("And why is there a second bulge on the far side?")
    await expect(page.locator("#quote")).not_to_be_empty()
    await picture(page, f"chat-quote-{name}")
    await reply(page).locator("[data-action=receipt]").click()
    await picture(page, f"chat-receipt-{name}")


async def pictures(browser: Browser, url: str, services: Services, provider: ScriptedProvider) -> None:
    for size, (width, height, scale) in SIZES.items():
        for scheme in ("light", "dark"):
            context = await browser.new_context(
                base_url=url,
                viewport={"width": width, "height": height},
                device_scale_factor=scale,
                color_scheme="dark" if scheme == "dark" else "light",
                has_touch=size == "phone",
            )
            page = await context.new_page()
            await chat(page, provider, f"{size}-{scheme}")
            if size == "phone":
                await page.get_by_role("button", name="Conversations").click()
                await picture(page, f"chat-list-{size}-{scheme}")
            for name, path in PAGES.items():
                await page.goto(path)
                await picture(page, f"{name}-{size}-{scheme}")
            await billing(page, f"{size}-{scheme}", whole, picture)
            await usage(page, services, f"{size}-{scheme}", whole, picture)
            await context.close()


async def main() -> None:
    provider = ScriptedProvider()
    async with service(provider) as (url, services), async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        await pictures(browser, url, services, provider)
        await browser.close()


if __name__ == "__main__":
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    asyncio.run(main())
    sys.stdout.write(f"{len(list(OUT.iterdir()))} pictures are in {OUT}\n")
