"""A10: what a model says neither runs nor calls anybody, whole or in pieces, while it streams and after a reload."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from app.settings import Settings
from tests.browser.doing import ask, expect_quiet, register, reply
from tests.browser.payloads import PAYLOADS
from tests.conftest import settings_for
from tests.fakes.provider import ScriptedProvider

BATCH = 40
HARMFUL = "/^(script|style|iframe|object|embed|img|image|svg|video|audio|form|input|base|link|meta|use)$/i"
LEFT_OVER = """() => ({
    ran: window.ran ?? null,
    elements: [...document.querySelectorAll(".markdown *")]
        .filter((node) => HARMFUL.test(node.localName)).map((node) => node.outerHTML),
    handlers: [...document.querySelectorAll(".markdown *")]
        .filter((node) => [...node.attributes].some(({ name }) => name.startsWith("on"))).map((node) => node.outerHTML),
    links: [...document.querySelectorAll(".markdown a")].map((a) => a.getAttribute("href"))
        .filter((href) => !/^(https?:|mailto:)/i.test(href ?? "")),
})""".replace("HARMFUL", HARMFUL)
NOTHING: dict[str, object] = {"ran": None, "elements": [], "handlers": [], "links": []}


@pytest.fixture
def settings(database_url: str) -> Settings:
    return settings_for(database_url, registrations_per_hour=1000, welcome_tokens=1_000_000)


@pytest.mark.parametrize("size", [10_000, 7, 1])
async def test_nothing_a_model_says_runs_or_calls_anybody(page: Page, provider: ScriptedProvider, size: int) -> None:
    strangers: list[str] = []
    page.on("request", lambda request: strangers.append(request.url) if "127.0.0.1" not in request.url else None)
    page.on("dialog", lambda dialog: strangers.append(dialog.message))
    await register(page, "/chat")
    chosen = PAYLOADS if size > 1 else PAYLOADS[::4]
    texts = [payload.replace("\x00", "\ufffd") for payload in chosen]
    assert size == 1 or len(texts) >= 150

    for start in range(0, len(texts), BATCH):
        text = "\n\n".join(["Before.", *texts[start : start + BATCH], "After."])
        provider.words = [text[at : at + size] for at in range(0, len(text), size)]
        await page.get_by_role("link", name="New chat").click()
        await ask(page, f"Payloads from {start}.")
        await expect(reply(page)).to_contain_text("Before.")
        await expect_quiet(page)
        assert await page.evaluate(LEFT_OVER) == NOTHING
    await page.reload()
    await expect(reply(page)).to_contain_text("Before.")

    assert await page.evaluate(LEFT_OVER) == NOTHING
    assert strangers == []


async def test_a_link_leads_away_only_by_a_click_and_tells_nothing(page: Page, provider: ScriptedProvider) -> None:
    provider.words = ["See [this](https://elsewhere.example/page) and ![that](https://elsewhere.example/a.png)."]
    await register(page, "/chat")

    await ask(page, "Where?")

    for name in ("this", "that"):
        link = reply(page).get_by_role("link", name=name)
        await expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
        await expect(link).to_have_attribute("target", "_blank")
