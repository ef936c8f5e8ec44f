"""The pages a visitor meets first, driven in a real browser against a running server."""

from __future__ import annotations

import json
import re

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.doing import PASSWORD, expect_wrong, lose_session, new_email, register, register_on_the_page, sign_in

FOREIGN_TARGETS = [
    "https://elsewhere.example/",
    "//elsewhere.example/",
    "/\\elsewhere.example/",
    "/\t/elsewhere.example/",
    "/.//elsewhere.example/",
    "javascript:alert(1)",
    "account",
    "/login",
    "",
]


async def test_registering_lands_in_the_chat(page: Page, live_url: str) -> None:
    await register_on_the_page(page)

    await expect(page).to_have_url(f"{live_url}/chat")
    await expect(page.get_by_label("Your message")).to_be_focused()


async def test_the_account_shows_email_and_balance(page: Page) -> None:
    email = await register(page)

    await expect(page.locator("#profile [data-text=email]")).to_have_text(email)
    await expect(page.locator("#profile [data-text=balance]")).to_have_text(re.compile(r"^[\d,]+ tokens?$"))
    await expect(page.locator("[data-text=since]")).to_have_text(re.compile(r"\d{4}$"))


async def test_an_address_that_is_taken_is_said_at_the_email_field(page: Page) -> None:
    email = await register(page)
    await lose_session(page)
    await page.goto("/register")
    await page.get_by_label("E-mail").fill(email)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect_wrong(page.get_by_label("E-mail"), re.compile(r"\w"))


async def test_a_wrong_password_shows_the_error_and_keeps_the_email(page: Page) -> None:
    email = await register(page)
    await lose_session(page)
    await page.goto("/login")
    await sign_in(page, email, "not the password")
    await expect_wrong(page.get_by_label("Password", exact=True), re.compile(r"\w"))
    await expect(page.get_by_label("E-mail")).to_have_value(email)
    await sign_in(page, email, PASSWORD)
    await expect(page).to_have_url(re.compile("/chat$"))


async def test_an_empty_form_says_what_is_missing_without_asking_the_server(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)
    await page.goto("/login")
    await page.get_by_role("main").get_by_role("button", name="Sign in").click()
    await expect_wrong(page.get_by_label("E-mail"), "Enter your e-mail address.")
    await expect(page.get_by_text("Enter your password.")).to_be_visible()
    assert asked == []


@pytest.mark.parametrize("door", ["register", "login"])
async def test_a_next_target_on_another_site_is_not_followed(page: Page, live_url: str, door: str) -> None:
    query = "?next=//elsewhere.example/account"
    email = await register_on_the_page(page, query)
    if door == "login":
        await page.goto("/account")
        await page.get_by_role("button", name="Sign out").click()
        await expect(page).to_have_url(f"{live_url}/")
        await page.goto(f"/login{query}")
        await sign_in(page, email, PASSWORD)
    await expect(page).to_have_url(f"{live_url}/chat")


async def test_only_pages_of_this_site_are_accepted_as_next(page: Page) -> None:
    await page.goto("/login")
    script = """(targets) => import("/assets/js/next.js").then(({ nextPage }) =>
        targets.map((target) => nextPage("?next=" + encodeURIComponent(target))))"""
    assert await page.evaluate(script, FOREIGN_TARGETS) == ["/chat"] * len(FOREIGN_TARGETS)
    own = ["/chat/cnv_1?q=a#end", "/billing"]
    assert await page.evaluate(script, own) == own


async def test_signing_out_in_one_tab_signs_out_the_other(page: Page, live_url: str) -> None:
    await register(page)
    other = await page.context.new_page()
    await other.goto("/account")
    await expect(other.locator("#profile [data-text=balance]")).to_have_text(re.compile("token"))
    await page.get_by_role("button", name="Sign out").click()
    await expect(page).to_have_url(f"{live_url}/")
    await expect(page.get_by_role("main").get_by_role("link", name="Sign in")).to_be_visible()
    await expect(other).to_have_url(f"{live_url}/login?next=/account")


async def test_a_session_that_ended_leads_to_sign_in_and_back(page: Page, live_url: str) -> None:
    # What the page follows live would notice by itself, were it not listening already.
    async with page.expect_response("**/api/events"):
        email = await register(page)
    await page.context.clear_cookies()
    await page.get_by_label("Current password", exact=True).fill(PASSWORD)
    await page.get_by_label("New password", exact=True).fill("another long password")
    await page.get_by_role("button", name="Change password").click()
    await expect(page).to_have_url(f"{live_url}/login?next=/account")
    await sign_in(page, email, PASSWORD)
    await expect(page).to_have_url(f"{live_url}/account")


async def test_changing_to_a_too_short_password_names_the_field(page: Page) -> None:
    await register(page)
    await page.get_by_label("Current password", exact=True).fill(PASSWORD)
    await page.get_by_label("New password", exact=True).fill("short")
    await page.get_by_role("button", name="Change password").click()
    await expect_wrong(page.get_by_label("New password", exact=True), re.compile("8 characters"))


async def test_a_wrong_current_password_names_the_field_and_the_right_one_changes_it(page: Page) -> None:
    email = await register(page)
    await page.get_by_label("Current password", exact=True).fill("not the password")
    await page.get_by_label("New password", exact=True).fill("another long password")
    await page.get_by_role("button", name="Change password").click()
    await expect_wrong(page.get_by_label("Current password", exact=True), re.compile(r"\w"))
    await page.get_by_label("Current password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Change password").click()
    await expect(page.get_by_role("status")).to_contain_text("password is changed")
    await page.get_by_role("button", name="Sign out").click()
    await page.get_by_role("main").get_by_role("link", name="Sign in").click()
    await sign_in(page, email, "another long password")
    await expect(page).to_have_url(re.compile("/chat$"))


async def test_the_token_of_the_answer_is_kept_nowhere_a_script_can_read(page: Page) -> None:
    tokens: list[str] = []

    async def listen(route: Route) -> None:
        answer = await route.fetch()
        tokens.append((await answer.json())["token"])
        await route.fulfill(response=answer)

    await page.route("**/api/auth/register", listen)
    await register_on_the_page(page)
    readable = await page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    assert tokens[0] not in readable
    assert json.loads(readable)[2] == ""


async def test_asking_for_a_reset_link_never_says_whether_the_account_exists(page: Page) -> None:
    email = new_email("nobody")
    await page.goto("/forgot")
    await page.get_by_label("E-mail").fill(email)
    await page.get_by_role("button", name="Send the link").click()
    await expect(page.get_by_text(f"If {email} has an account")).to_be_visible()


async def test_the_reset_token_leaves_the_address_bar_and_a_bad_one_offers_another(page: Page, live_url: str) -> None:
    await page.goto("/reset#token=not-a-real-token")
    await expect(page).to_have_url(f"{live_url}/reset")
    await page.get_by_label("New password", exact=True).fill("another long password")
    await page.get_by_role("button", name="Save the password").click()
    await expect(page.get_by_role("link", name="Ask for a new link")).to_be_visible()
