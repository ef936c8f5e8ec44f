"""On every page: faults are said plainly, nothing overflows, everybody can use it, the console stays empty."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Literal

import pytest
from playwright.async_api import Page, Route, expect

from app.ledger import ledger
from app.services import Services
from tests.browser.doing import PASSWORD, new_email, open_settled, register, sign_in

SIGNED_OUT_PAGES = ["/", "/login", "/register", "/forgot", "/reset", "/reset#token=some-token", "/no-such-page"]
SIGNED_IN_PAGES = ["/", "/chat", "/billing", "/usage", "/account"]


async def test_a_fault_of_the_server_shows_the_reference_to_pass_on(page: Page) -> None:
    async def fail(route: Route) -> None:
        await route.fulfill(status=500, json={"error": "Something broke.", "code": "internal", "requestId": "req_42"})

    await page.route("**/api/auth/login", fail)
    await page.goto("/login")
    await sign_in(page, "ada@example.org", PASSWORD)
    await expect(page.get_by_role("alert")).to_contain_text("Something broke.")
    await expect(page.get_by_role("alert")).to_contain_text("Reference: req_42")


async def test_a_lost_network_is_said_plainly_and_the_form_can_be_sent_again(page: Page) -> None:
    attempts: list[str] = []

    async def lose(route: Route) -> None:
        attempts.append(route.request.url)
        await route.abort("connectionrefused")

    await page.route("**/api/auth/login", lose)
    await page.goto("/login")
    await sign_in(page, "ada@example.org", PASSWORD)
    await expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
    assert len(attempts) == 1
    async with page.expect_request("**/api/auth/login"):
        await sign_in(page, "ada@example.org", PASSWORD)


async def test_the_password_can_be_shown_and_is_hidden_again_when_sent(page: Page) -> None:
    await page.goto("/register")
    field = page.get_by_label("Password", exact=True)
    await field.fill("short")
    await page.get_by_role("button", name="Show password").click()
    await expect(field).to_have_attribute("type", "text")
    await page.get_by_role("button", name="Create account").click()
    await expect(field).to_have_attribute("type", "password")


async def test_the_chosen_theme_survives_a_reload(page: Page) -> None:
    await page.emulate_media(color_scheme="light")
    await page.goto("/")
    for name in ("system", "light"):
        await page.get_by_role("button", name=f"Theme: {name}").click()
    await page.reload()
    await expect(page.get_by_role("button", name="Theme: dark")).to_be_visible()
    assert await page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"


async def test_no_page_scrolls_sideways_on_a_small_phone(page: Page) -> None:
    await page.set_viewport_size({"width": 360, "height": 740})
    widths: dict[str, int] = {}

    async def measure(path: str) -> None:
        await open_settled(page, path)
        widths[path] = await page.evaluate("document.documentElement.scrollWidth")

    for path in SIGNED_OUT_PAGES:
        await measure(path)
    await register(page, email=new_email("a-very-long-address-without-any-place-to-break-the-line"))
    for path in SIGNED_IN_PAGES:
        await measure(path)
    assert {path: width for path, width in widths.items() if width > 360} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_is_accessible(page: Page, scheme: Literal["light", "dark"]) -> None:
    axe = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    await page.emulate_media(color_scheme=scheme)
    found: dict[str, list[str]] = {}

    async def examine(path: str) -> None:
        await open_settled(page, path)
        await page.evaluate(axe)
        result = await page.evaluate("axe.run({ resultTypes: ['violations'] })")
        assert result["passes"]
        found[path] = [f"{v['id']}: {node['html']}" for v in result["violations"] for node in v["nodes"]]

    for path in SIGNED_OUT_PAGES:
        await examine(path)
    await register(page)
    for path in SIGNED_IN_PAGES:
        await examine(path)
    assert {path: problems for path, problems in found.items() if problems} == {}


async def test_the_console_stays_empty_under_the_content_security_policy(page: Page, page_errors: list[str]) -> None:
    answer = await page.goto("/")
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "require-trusted-types-for 'script'" in policy
    # A missing page is itself an error to the console, so it is left out here.
    for path in SIGNED_OUT_PAGES[:-1]:
        await open_settled(page, path)
    await register(page)
    for path in SIGNED_IN_PAGES:
        await open_settled(page, path)
    await page.get_by_role("button", name="Sign out").click()
    await page.wait_for_url(re.compile("/$"), wait_until="networkidle")
    assert page_errors == []


@pytest.mark.parametrize("path", ["/billing", "/usage", "/account"])
async def test_the_balance_in_the_top_bar_is_kept_true_on_every_page(page: Page, services: Services, path: str) -> None:
    await register(page)
    await page.goto(path)
    await expect(page.locator(".top-balance")).to_have_text("1,000 tokens")

    async with services.db.begin() as session:
        user = await session.row("SELECT id FROM users")
        assert user is not None
        await ledger.credit(session, user["id"], 234, kind="adjustment", reference="a gift")

    await expect(page.locator(".top-balance")).to_have_text("1,234 tokens")
